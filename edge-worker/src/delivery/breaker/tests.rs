//! A breaker on a clock of its own.

use forebay_aws_call::{Answer, ServiceError};
use proptest::prelude::*;

use super::*;

const POLICY: BreakerPolicy = BreakerPolicy {
    window_ms: 1_000,
    least_calls: 4,
    failing_percent: 50,
    cool_down_ms: 500,
    probe_ms: 200,
};

/// Makes a call that goes so; whether it was let through.
fn call(breaker: &mut Breaker, result: CallResult, at: i64) -> bool {
    let permit = breaker.admit(Timestamp(at));
    let was_let = permit.is_some();
    if let Some(permit) = permit {
        breaker.note(permit, result, Timestamp(at));
    }
    was_let
}

/// One that was opened at this time.
fn opened(at: i64) -> Breaker {
    let mut breaker = Breaker::new(POLICY);
    for _ in 0..POLICY.least_calls {
        assert!(call(&mut breaker, CallResult::Failed, at));
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

#[test]
fn few_calls_open_nothing_and_enough_do() {
    let mut breaker = Breaker::new(POLICY);
    for at in 0..3 {
        assert!(call(&mut breaker, CallResult::Failed, at));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(call(&mut breaker, CallResult::Answered, 3));
    // Three of four had failed; the result that is counted last may be a good one.
    assert_eq!(breaker.state(), BreakerState::Open);
    assert!(!call(&mut breaker, CallResult::Answered, 4));
}

#[test]
fn a_call_that_is_older_than_the_window_does_not_count() {
    let mut breaker = Breaker::new(POLICY);
    for at in [0, 400, 800, 1_200, 1_600, 2_000, 2_400] {
        // At most three of them are within a second.
        assert!(call(&mut breaker, CallResult::Failed, at), "{at}");
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn one_probe_decides() {
    for (result, state) in [
        (CallResult::Answered, BreakerState::Closed),
        (CallResult::Failed, BreakerState::Open),
    ] {
        let mut breaker = opened(0);
        assert!(breaker.admit(Timestamp(499)).is_none());
        let probe = breaker.admit(Timestamp(500)).unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.admit(Timestamp(501)).is_none(), "a second probe");
        breaker.note(probe, result, Timestamp(600));
        assert_eq!(breaker.state(), state);
        // The cool-down begins anew, and old failures are forgotten.
        assert_eq!(
            call(&mut breaker, CallResult::Failed, 1_099),
            state == BreakerState::Closed
        );
        assert!(call(&mut breaker, CallResult::Failed, 1_100));
    }
}

#[test]
fn a_probe_that_is_lost_is_replaced_and_says_nothing_later() {
    let mut breaker = opened(0);
    let lost = breaker.admit(Timestamp(500)).unwrap();
    assert!(breaker.admit(Timestamp(699)).is_none());
    let second = breaker.admit(Timestamp(700)).unwrap();
    breaker.note(lost, CallResult::Answered, Timestamp(701));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    breaker.note(second, CallResult::Failed, Timestamp(702));
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn results_of_calls_from_before_it_opened_say_nothing() {
    let mut breaker = Breaker::new(POLICY);
    let early = breaker.admit(Timestamp(0)).unwrap();
    let late = breaker.admit(Timestamp(0)).unwrap();
    for _ in 0..4 {
        assert!(call(&mut breaker, CallResult::Failed, 0));
    }
    breaker.note(early, CallResult::Answered, Timestamp(1));
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker.note(late, CallResult::Failed, Timestamp(400));
    assert!(
        breaker.admit(Timestamp(500)).is_some(),
        "the cool-down was made longer"
    );
}

#[test]
fn a_clock_that_jumps_keeps_no_sink_shut() {
    let mut breaker = opened(1_000_000_000);
    assert!(breaker.admit(Timestamp(0)).is_none());
    assert!(breaker.admit(Timestamp(500)).is_some());
    // Forwards, and back: what counted is forgotten.
    let mut breaker = Breaker::new(POLICY);
    for at in [0, 0, 0, i64::MAX, i64::MIN, 1_000_000_000, 0] {
        assert!(call(&mut breaker, CallResult::Failed, at));
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn only_a_sink_that_is_down_counts_as_failed() {
    let of = |status| {
        let answer = Answer {
            status,
            error_type: None,
            retry_after: None,
            body: b"",
            arrived: Timestamp(0),
        };
        CallResult::from(&Err::<(), _>(SinkError::Refused(ServiceError::decode(
            &answer,
        ))))
    };
    for (status, result) in [
        (400, CallResult::Answered),
        (403, CallResult::Answered),
        (429, CallResult::Answered),
        (500, CallResult::Failed),
        (503, CallResult::Failed),
    ] {
        assert_eq!(of(status), result, "{status}");
    }
    let unreachable = Err::<(), _>(SinkError::Unreachable(String::new()));
    assert_eq!(CallResult::from(&unreachable), CallResult::Failed);
    assert_eq!(CallResult::from(&Ok(())), CallResult::Answered);
}

/// A sink that is down for a minute under a hundred requests a second.
#[test]
fn a_dead_sink_is_asked_seldom_and_found_again_soon() {
    let policy = BreakerPolicy::DEFAULT;
    let mut breaker = Breaker::new(policy);
    let (down, up) = (100_000, 160_000);
    let (mut failed, mut answered_again) = (0, None);
    for at in (0..200_000).step_by(10) {
        let is_down = (down..up).contains(&at);
        let result = if is_down {
            CallResult::Failed
        } else {
            CallResult::Answered
        };
        let was_let = call(&mut breaker, result, at);
        assert!(
            was_let || at >= down,
            "a sink that works is left alone at {at}"
        );
        failed += i32::from(was_let && is_down);
        if was_let && at >= up {
            answered_again.get_or_insert(at);
        }
    }
    // Half of a window of calls (27 to 30 s of a hundred a second), and a probe each five seconds.
    assert!((1_300..=1_550).contains(&failed), "{failed}");
    assert!(
        answered_again.unwrap() <= up + policy.cool_down_ms,
        "{answered_again:?}"
    );
    assert_eq!(breaker.state(), BreakerState::Closed);
}

proptest! {
    /// Against a list of all results, in slots of a tenth of the window.
    #[test]
    fn it_opens_when_a_list_of_all_results_says_so(
        steps in proptest::collection::vec((0i64..400, any::<bool>(), 0u8..4), 1..300),
        least_calls in 1u32..12,
        failing_percent in 1u32..=100,
        begin in -5_000i64..5_000,
    ) {
        let policy = BreakerPolicy { least_calls, failing_percent, ..POLICY };
        let mut breaker = Breaker::new(policy);
        let (mut now, mut results, mut opened): (i64, Vec<(i64, bool)>, Option<i64>) = (begin, Vec::new(), None);
        let mut probe: Option<(Permit, i64)> = None;
        for (pause, fails, delay) in steps {
            now += pause;
            let result = if fails { CallResult::Failed } else { CallResult::Answered };
            let permit = breaker.admit(Timestamp(now));
            match opened {
                None => {
                    breaker.note(permit.unwrap(), result, Timestamp(now));
                    results.push((now, fails));
                    let slot = |at: i64| at.div_euclid(100);
                    results.retain(|(at, _)| slot(*at) > slot(now) - 10);
                    let failed = results.iter().filter(|(_, fails)| *fails).count();
                    let is_failing = results.len() >= least_calls as usize
                        && failed > 0
                        && failed * 100 >= results.len() * failing_percent as usize;
                    opened = is_failing.then_some(now);
                }
                Some(since) => {
                    let is_out = probe.as_ref().is_some_and(|(_, at)| now - at < policy.probe_ms);
                    let is_due = !is_out && (probe.is_some() || now - since >= policy.cool_down_ms);
                    prop_assert_eq!(permit.is_some(), is_due, "at {}", now);
                    if let Some(permit) = permit {
                        probe = Some((permit, now));
                    }
                    // The result of some probes is late, or does not come.
                    if delay == 0 && let Some((permit, _)) = probe.take() {
                        breaker.note(permit, result, Timestamp(now));
                        opened = fails.then_some(now);
                        results.clear();
                    }
                }
            }
            let state = match (opened, &probe) {
                (None, _) => BreakerState::Closed,
                (Some(_), None) => BreakerState::Open,
                (Some(_), Some(_)) => BreakerState::HalfOpen,
            };
            prop_assert_eq!(breaker.state(), state);
        }
    }
}
