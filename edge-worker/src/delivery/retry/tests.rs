//! Delivery to a Kinesis that answers as it likes.

use std::cell::RefCell;
use std::collections::BTreeSet;

use forebay_aws_call::kinesis::LIMITS;
use futures_executor::block_on;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::delivery::sinks::kinesis::tests::{answer, put, records, sent_records, stream};
use crate::platform::simulated::Simulated;
use crate::platform::{Clock, HttpRequest, HttpResponse, Unreachable};

#[test]
fn only_what_failed_is_sent_again() {
    let answers = RefCell::new(vec![
        answer([None, None]),
        answer([
            Some("InternalFailure"),
            None,
            Some("ProvisionedThroughputExceededException"),
        ]),
        answer([
            None,
            Some("InternalFailure"),
            None,
            Some("InternalFailure"),
            Some("InternalFailure"),
        ]),
    ]);
    let (delivery, calls) = put(&records(5, 1), |call| {
        let reply = answers.borrow_mut().pop();
        Ok(reply.unwrap_or_else(|| answer(sent_records(call).iter().map(|_| None))))
    });
    assert_eq!(delivery.outcomes, [Outcome::Accepted; 5]);
    let sent: Vec<_> = calls.iter().map(sent_records).collect();
    assert_eq!(
        sent,
        [
            vec!["0", "1", "2", "3", "4"],
            vec!["1", "3", "4"],
            vec!["1", "4"]
        ]
    );
    assert_eq!(delivery.requests, 3);
}

#[test]
fn what_keeps_failing_is_told_apart() {
    let (delivery, calls) = put(&records(3, 1), |call| {
        let error = |data: &String| match data.as_str() {
            "0" => None,
            "1" => Some("ProvisionedThroughputExceededException"),
            _ => Some("InternalFailure"),
        };
        Ok(answer(sent_records(call).iter().map(error)))
    });
    assert_eq!(
        delivery.outcomes,
        [Outcome::Accepted, Outcome::Throttled, Outcome::Failed]
    );
    assert_eq!(calls.len(), MAX_TRIES as usize);
}

#[test]
fn what_sending_again_does_not_mend_is_not_sent_again() {
    for (status, code, requests) in [
        (400, "ResourceNotFoundException", 1),
        (400, "UnrecognizedClientException", 1),
        (400, "ProvisionedThroughputExceededException", MAX_TRIES),
        (500, "InternalFailure", MAX_TRIES),
        (503, "ServiceUnavailable", MAX_TRIES),
    ] {
        let body = json!({ "__type": format!("com.amazonaws.kinesis#{code}") }).to_string();
        let reply = HttpResponse::new(status, body);
        let (delivery, _) = put(&records(2, 1), |_| Ok(reply.clone()));
        assert_eq!(delivery.requests, requests, "{code}");
        assert!(!delivery.outcomes.contains(&Outcome::Accepted), "{code}");
        assert_eq!(delivery.error.unwrap().to_string(), code);
    }
}

/// A delivery of so many records of so many bytes; how many milliseconds it took.
fn timed(
    count: usize,
    bytes: usize,
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Delivery, i64) {
    let platform = Simulated::new(answering);
    let started = platform.now();
    let deadline = Deadline::after(DELIVERY_TIME, started);
    let records = records(count, bytes);
    let records: Vec<&Record<'_>> = records.iter().collect();
    let delivery = block_on(deliver(&stream("events"), &records, deadline, &platform));
    (delivery, platform.now().0 - started.0)
}

#[test]
fn a_sink_that_does_not_answer_is_given_up_in_time_however_many_calls_there_are() {
    let longest = i64::try_from(DELIVERY_TIME.as_millis()).unwrap();
    // One call, two, and seven: 500 records or 5 MiB are a call.
    for (count, bytes) in [(1, 1), (600, 1), (600, 60_000)] {
        let (delivery, took) = timed(count, bytes, |_| Err(Unreachable));
        assert!(took <= longest, "{count} records: {took} ms");
        assert_eq!(delivery.outcomes, vec![Outcome::Failed; count]);
        assert_eq!(delivery.error, Some(SinkError::Unreachable(String::new())));
    }
}

#[test]
fn the_last_call_takes_what_is_left() {
    let time_outs = RefCell::new(Vec::new());
    let (_, took) = timed(1_000, 1, |call| {
        time_outs.borrow_mut().push(call.time_out.as_millis());
        Err(Unreachable)
    });
    assert_eq!(time_outs.into_inner(), [4_000, 4_000]);
    assert_eq!(took, 8_000);
    let time_outs = RefCell::new(Vec::new());
    timed(1, 1, |call| {
        time_outs.borrow_mut().push(call.time_out.as_millis());
        Err(Unreachable)
    });
    let time_outs = time_outs.into_inner();
    assert_eq!(time_outs.len(), 2);
    assert!((3_800..4_000).contains(&time_outs[1]), "{time_outs:?}");
}

#[test]
fn what_the_sink_has_is_told_although_the_rest_hangs() {
    let mut calls = 0;
    let (delivery, _) = timed(1_500, 1, |call| {
        calls += 1;
        if calls == 2 {
            return Err(Unreachable);
        }
        Ok(answer(sent_records(call).iter().map(|_| None)))
    });
    // The second call hangs for half of the time; what was in it is sent again.
    assert_eq!(delivery.outcomes, [Outcome::Accepted; 1_500]);
    assert_eq!(delivery.requests, 4);
}

#[test]
fn a_sink_that_says_when_to_come_back_is_taken_at_its_word() {
    for (retry_after, requests, longest) in [
        // Waited for, and then all is well.
        ("3", 2, 3_100),
        // Beyond the deadline: whoever sent the event is told to come back.
        ("60", 1, 100),
    ] {
        let mut calls = 0;
        let (delivery, took) = timed(1, 1, |call| {
            calls += 1;
            Ok(match calls {
                1 => HttpResponse {
                    retry_after: Some(retry_after.to_owned()),
                    ..HttpResponse::new(429, "")
                },
                _ => answer(sent_records(call).iter().map(|_| None)),
            })
        });
        assert_eq!(delivery.requests, requests, "{retry_after}");
        let outcome = delivery.outcomes[0];
        let expected = if requests == 2 {
            Outcome::Accepted
        } else {
            Outcome::Throttled
        };
        assert_eq!(outcome, expected);
        assert!(took <= longest, "{took} ms");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A Kinesis that stores, refuses and loses its answers as it likes.
    #[test]
    fn stored_is_said_of_what_the_stream_has_and_it_is_not_sent_again(
        count in 1usize..1100,
        moods in proptest::collection::vec(0u8..8, 1..40),
    ) {
        let stream = RefCell::new(BTreeSet::new());
        let mut told = BTreeSet::new();
        let mut mood = moods.iter().cycle();
        let (delivery, calls) = put(&records(count, 1), |call| {
            let data = sent_records(call);
            assert!(data.iter().all(|data| !told.contains(data)), "stored, and sent again");
            match mood.next() {
                Some(0) => return Err(Unreachable),
                Some(1) => {
                    stream.borrow_mut().extend(data);
                    return Err(Unreachable);
                }
                Some(2) => return Ok(HttpResponse::new(500, "oops")),
                _ => {}
            }
            let mut errors = Vec::new();
            for data in data {
                let fails = mood.next().is_some_and(|mood| *mood > 5);
                if !fails {
                    stream.borrow_mut().insert(data.clone());
                    told.insert(data);
                }
                errors.push(fails.then_some("InternalFailure"));
            }
            Ok(answer(errors))
        });
        let stored: BTreeSet<String> = (0..count)
            .filter(|index| delivery.outcomes[*index] == Outcome::Accepted)
            .map(|index| index.to_string())
            .collect();
        prop_assert!(stored.is_subset(&stream.into_inner()));
        prop_assert_eq!(stored, told);
        let chunks = count.div_ceil(LIMITS.items);
        prop_assert!(calls.len() <= chunks * MAX_TRIES as usize);
    }
}
