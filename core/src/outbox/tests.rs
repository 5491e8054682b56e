//! The outbox rule by rule. How the rules work together is in `tests/simulation`.

use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::*;

const WALL: Timestamp = Timestamp(1_795_000_000_000);
const DAY_MS: i64 = 86_400_000;

const LIMITS: Limits = Limits {
    batch_events: 10,
    batch_bytes: 10_000,
    event_overhead: 10,
    queue_events: 1_000,
    queue_bytes: 1_000_000,
    max_age_ms: 30 * DAY_MS,
    interval_ms: 5_000,
};

fn event(id: &str) -> StoredEvent {
    StoredEvent {
        id: id.into(),
        event_type: "SignUpEvent".into(),
        recorded_at: WALL,
        body: "x".repeat(88),
    }
}

/// An outbox that leads and has loaded nothing.
fn outbox(limits: Limits) -> Outbox {
    let mut outbox = Outbox::new(limits, 1);
    outbox.load(Vec::new());
    outbox.set_leader(true);
    outbox
}

fn record(outbox: &mut Outbox, ids: impl IntoIterator<Item = usize>) {
    for id in ids {
        outbox.record(event(&id.to_string()), false);
    }
}

/// The next batch: its number and the ids in it.
fn take(outbox: &mut Outbox, now: u64) -> Option<(u32, Vec<String>)> {
    let batch = outbox.take(now, WALL)?;
    Some((batch.id, ids(batch)))
}

fn ids(batch: &Batch) -> Vec<String> {
    batch.events().map(|event| event.id.clone()).collect()
}

fn names(range: core::ops::Range<usize>) -> Vec<String> {
    range.map(|id| id.to_string()).collect()
}

fn accept(outbox: &mut Outbox, batch: u32, now: u64) {
    outbox.answer(batch, Answer::PerEvent(&|_| Verdict::Accepted), now);
}

fn fail(outbox: &mut Outbox, batch: u32, now: u64) {
    outbox.answer(batch, Answer::Failed { retry_after: None }, now);
}

fn refuse(outbox: &mut Outbox, batch: u32, now: u64) {
    outbox.answer(batch, Answer::Refused("bad".into()), now);
}

fn drain(outbox: &mut Outbox) -> Vec<Output> {
    core::iter::from_fn(|| outbox.poll()).collect()
}

fn receipts(outputs: &[Output]) -> Vec<(&str, &State)> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Receipt { id, state } => Some((id.as_str(), state)),
            _ => None,
        })
        .collect()
}

fn deleted(outputs: &[Output]) -> Vec<&str> {
    outputs
        .iter()
        .filter_map(|output| match output {
            Output::Delete(ids) => Some(ids.iter().map(String::as_str)),
            _ => None,
        })
        .flatten()
        .collect()
}

fn assert_balanced(outbox: &Outbox) {
    let books = outbox.stats();
    assert_eq!(
        books.recorded,
        books.delivered + books.rejected + books.dropped + books.queued
    );
}

#[test]
fn recorded_event_is_stored_before_anything_else() {
    let mut outbox = Outbox::new(LIMITS, 1);
    outbox.record(event("a"), false);
    assert_eq!(
        drain(&mut outbox),
        [
            Output::Receipt {
                id: "a".into(),
                state: State::Recorded
            },
            Output::Store(vec![event("a")]),
            Output::RequestLeadership,
        ]
    );
}

#[test]
fn first_batch_is_prompt_and_later_ones_are_paced() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..1);
    let (batch, _) = take(&mut outbox, 100).unwrap();
    accept(&mut outbox, batch, 150);
    record(&mut outbox, 1..4);
    assert_eq!(outbox.due_at(), Some(5_100));
    assert_eq!(take(&mut outbox, 5_099), None);
    assert_eq!(take(&mut outbox, 5_100).unwrap().1, names(1..4));
}

#[test]
fn full_batches_go_back_to_back_with_two_under_way() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..34);
    let (first, ids) = take(&mut outbox, 0).unwrap();
    assert_eq!(ids, names(0..10));
    assert_eq!(take(&mut outbox, 0).unwrap().1, names(10..20));
    assert_eq!(take(&mut outbox, 0), None, "a third batch under way");
    accept(&mut outbox, first, 20);
    assert_eq!(take(&mut outbox, 20).unwrap().1, names(20..30));
    accept(&mut outbox, 2, 30);
    assert_eq!(take(&mut outbox, 30), None, "what is left is no full batch");
    assert_eq!(take(&mut outbox, 5_020).unwrap().1, names(30..34));
}

#[test]
fn batch_full_by_bytes_does_not_wait_for_the_pace() {
    let mut outbox = outbox(Limits {
        batch_bytes: 250,
        ..LIMITS
    });
    record(&mut outbox, 0..1);
    take(&mut outbox, 0).unwrap();
    // Each event counts for 99 bytes.
    record(&mut outbox, 1..3);
    assert_eq!(take(&mut outbox, 1), None);
    record(&mut outbox, 3..4);
    assert_eq!(take(&mut outbox, 1).unwrap().1, names(1..3));
}

#[test]
fn event_larger_than_a_batch_goes_alone() {
    let mut outbox = outbox(Limits {
        batch_bytes: 50,
        ..LIMITS
    });
    record(&mut outbox, 0..2);
    assert_eq!(take(&mut outbox, 0).unwrap().1, names(0..1));
}

#[test]
fn immediate_event_takes_what_is_before_it_along() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..1);
    take(&mut outbox, 0).unwrap();
    record(&mut outbox, 1..3);
    outbox.record(event("now"), true);
    assert_eq!(take(&mut outbox, 1).unwrap().1, ["1", "2", "now"]);
}

#[test]
fn flush_ends_the_pace_but_not_a_back_off() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..1);
    let (batch, _) = take(&mut outbox, 0).unwrap();
    let retry_after = Some(10_000);
    outbox.answer(batch, Answer::Failed { retry_after }, 0);
    outbox.flush();
    assert_eq!(take(&mut outbox, 9_999), None);
    let (batch, _) = take(&mut outbox, 10_000).unwrap();
    accept(&mut outbox, batch, 10_000);
    record(&mut outbox, 1..2);
    assert_eq!(take(&mut outbox, 10_001), None);
    outbox.flush();
    assert_eq!(take(&mut outbox, 10_001).unwrap().1, names(1..2));
}

#[test]
fn nothing_leaves_before_leadership_and_it_is_asked_for_once() {
    let mut outbox = Outbox::new(LIMITS, 1);
    let asked = |outbox: &mut Outbox| {
        let outputs = drain(outbox);
        outputs
            .iter()
            .filter(|output| **output == Output::RequestLeadership)
            .count()
    };
    record(&mut outbox, 0..3);
    assert_eq!(asked(&mut outbox), 1);
    assert_eq!(take(&mut outbox, 100_000), None);
    outbox.set_leader(true);
    let (batch, _) = take(&mut outbox, 100_000).unwrap();

    outbox.set_leader(false);
    assert_eq!(asked(&mut outbox), 1, "there is more to send");
    record(&mut outbox, 3..4);
    assert_eq!(take(&mut outbox, 200_000), None);
    accept(&mut outbox, batch, 200_000);
    assert_eq!(outbox.stats().delivered, 3, "what was under way counts");
    assert_eq!(asked(&mut outbox), 0);
}

#[test]
fn offline_holds_and_online_goes_at_once() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..1);
    let (batch, _) = take(&mut outbox, 0).unwrap();
    fail(&mut outbox, batch, 10);
    outbox.set_online(false);
    assert_eq!(take(&mut outbox, 100_000), None);
    assert_eq!(outbox.due_at(), None);
    outbox.set_online(true);
    assert_eq!(take(&mut outbox, 20).unwrap().1, names(0..1));
}

#[test]
fn online_does_not_end_a_silence_that_the_endpoint_asked_for() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..1);
    let (batch, _) = take(&mut outbox, 0).unwrap();
    let retry_after = Some(7_000);
    outbox.answer(batch, Answer::Failed { retry_after }, 0);
    outbox.set_online(true);
    assert_eq!(outbox.due_at(), Some(7_000));
}

#[test]
fn each_event_gets_its_own_answer() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..4);
    let (batch, _) = take(&mut outbox, 0).unwrap();
    drain(&mut outbox);
    let verdict = |id: &str| match id {
        "1" => Verdict::Refused("Attributes.plan: unknown".into()),
        "2" => Verdict::Again,
        _ => Verdict::Accepted,
    };
    outbox.answer(batch, Answer::PerEvent(&verdict), 10);
    let outputs = drain(&mut outbox);
    assert_eq!(
        receipts(&outputs),
        [
            ("0", &State::Delivered),
            ("1", &State::Rejected("Attributes.plan: unknown".into())),
            ("3", &State::Delivered),
        ]
    );
    assert_eq!(deleted(&outputs), ["0", "1", "3"]);
    assert_eq!(
        outbox.stats(),
        Stats {
            recorded: 4,
            delivered: 2,
            rejected: 1,
            queued: 1,
            ..Stats::default()
        }
    );
    assert_eq!(take(&mut outbox, 5_000).unwrap().1, ["2"]);
}

#[test]
fn event_that_fails_by_itself_does_not_hold_up_the_others() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..30);
    let mut now = 0;
    let verdict = |id: &str| match id.parse::<u32>() {
        Ok(id) if id < 10 => Verdict::Again,
        _ => Verdict::Accepted,
    };
    for _ in 0..3 {
        let (batch, _) = loop {
            if let Some(batch) = take(&mut outbox, now) {
                break batch;
            }
            now = outbox.due_at().unwrap();
        };
        outbox.answer(batch, Answer::PerEvent(&verdict), now);
    }
    assert_eq!(outbox.stats().delivered, 20);
    assert_eq!(outbox.stats().queued, 10);
}

#[test]
fn batch_that_fails_comes_back_whole_and_in_order() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..15);
    let (batch, ids) = take(&mut outbox, 0).unwrap();
    fail(&mut outbox, batch, 10);
    assert_eq!(take(&mut outbox, 1_010).unwrap().1, ids);
    assert_eq!(take(&mut outbox, 1_010), None, "one at a time in trouble");
    assert_balanced(&outbox);
}

#[test]
fn back_off_grows_with_full_jitter_up_to_half_a_minute() {
    let mut longest = [0; 8];
    for seed in 0..300 {
        let mut outbox = Outbox::new(LIMITS, seed);
        outbox.set_leader(true);
        record(&mut outbox, 0..1);
        let mut now = 0;
        for longest in &mut longest {
            let (batch, _) = take(&mut outbox, now).unwrap();
            fail(&mut outbox, batch, now);
            let due = outbox.due_at().unwrap().max(now);
            *longest = (due - now).max(*longest);
            now = due;
        }
    }
    for (longest, bound) in longest.iter().zip([1, 2, 4, 8, 16, 30, 30, 30]) {
        let bound = bound * 1_000;
        assert!(
            (bound * 9 / 10..=bound).contains(longest),
            "{longest} of {bound}"
        );
    }
}

#[test]
fn success_ends_the_trouble() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..40);
    let mut now = 0;
    for _ in 0..5 {
        let (batch, _) = take(&mut outbox, now).unwrap();
        fail(&mut outbox, batch, now);
        now += 30_000;
    }
    let (batch, _) = take(&mut outbox, now).unwrap();
    accept(&mut outbox, batch, now);
    assert!(take(&mut outbox, now).is_some() && take(&mut outbox, now).is_some());
}

#[test]
fn retry_after_is_kept_up_to_an_hour() {
    for (asked, kept) in [(45_000, 45_000), (u64::MAX, 3_600_000)] {
        let mut outbox = outbox(LIMITS);
        record(&mut outbox, 0..1);
        let (batch, _) = take(&mut outbox, 0).unwrap();
        let retry_after = Some(asked);
        outbox.answer(batch, Answer::Failed { retry_after }, 0);
        assert_eq!(outbox.due_at(), Some(kept));
    }
}

#[test]
fn answer_that_accepts_nothing_counts_as_a_failure() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..20);
    let (batch, _) = take(&mut outbox, 0).unwrap();
    outbox.answer(batch, Answer::PerEvent(&|_| Verdict::Again), 0);
    assert!(outbox.is_failing());
    assert_eq!(outbox.stats().queued, 20);
}

#[test]
fn refused_batch_is_halved_until_the_event_at_fault_is_alone() {
    let mut outbox = outbox(Limits {
        batch_events: 100,
        ..LIMITS
    });
    record(&mut outbox, 0..100);
    let mut now = 0;
    let mut batches = 0;
    let mut sizes = Vec::new();
    while outbox.stats().queued > 0 {
        now = now.max(outbox.due_at().unwrap());
        let (batch, ids) = take(&mut outbox, now).unwrap();
        sizes.push(ids.len());
        if ids.iter().any(|id| id == "37") {
            refuse(&mut outbox, batch, now);
        } else {
            accept(&mut outbox, batch, now);
        }
        assert_balanced(&outbox);
        batches += 1;
        assert!(batches < 40, "{sizes:?}");
    }
    assert_eq!(outbox.stats().delivered, 99);
    assert_eq!(outbox.stats().rejected, 1);
    assert!(drain(&mut outbox).contains(&Output::Receipt {
        id: "37".into(),
        state: State::Rejected("bad".into()),
    }));
}

#[test]
fn endpoint_that_refuses_everything_does_not_eat_the_queue() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..1_000);
    let mut now = 0;
    while now < 600_000 {
        let (batch, _) = take(&mut outbox, now).unwrap();
        refuse(&mut outbox, batch, now);
        now = now.max(outbox.due_at().unwrap());
    }
    // Ten minutes, at half a cap of thirty seconds each.
    assert!(outbox.stats().rejected < 100, "{:?}", outbox.stats());
}

#[test]
fn over_its_count_the_oldest_waiting_event_is_dropped() {
    let mut outbox = outbox(Limits {
        queue_events: 12,
        ..LIMITS
    });
    record(&mut outbox, 0..12);
    take(&mut outbox, 0).unwrap();
    drain(&mut outbox);
    record(&mut outbox, 12..13);
    let outputs = drain(&mut outbox);
    let dropped = State::Dropped(DropReason::TooMany);
    assert_eq!(
        receipts(&outputs),
        [("10", &dropped), ("12", &State::Recorded)],
        "events 0 to 9 are under way"
    );
    assert_eq!(deleted(&outputs), ["10"]);
    assert_eq!(outbox.stats().queued, 12);
    assert_balanced(&outbox);
}

#[test]
fn where_all_is_under_way_the_new_event_is_dropped() {
    let mut outbox = outbox(Limits {
        queue_events: 2,
        ..LIMITS
    });
    record(&mut outbox, 0..2);
    take(&mut outbox, 0).unwrap();
    drain(&mut outbox);
    record(&mut outbox, 2..3);
    let outputs = drain(&mut outbox);
    assert_eq!(
        receipts(&outputs),
        [("2", &State::Dropped(DropReason::TooMany))]
    );
    assert!(
        !outputs
            .iter()
            .any(|output| matches!(output, Output::Store(_)))
    );
    assert_balanced(&outbox);
}

#[test]
fn over_its_bytes_the_oldest_is_dropped_but_a_giant_only_drops_itself() {
    let mut outbox = outbox(Limits {
        queue_bytes: 500,
        ..LIMITS
    });
    // Each event counts for 99 bytes.
    record(&mut outbox, 0..6);
    assert_eq!(outbox.stats().dropped, 1);
    drain(&mut outbox);
    outbox.record(
        StoredEvent {
            body: "x".repeat(500),
            ..event("giant")
        },
        false,
    );
    assert_eq!(
        receipts(&drain(&mut outbox)),
        [("giant", &State::Dropped(DropReason::TooLarge))]
    );
    assert_eq!(outbox.stats().queued, 5);
    assert_balanced(&outbox);
}

#[test]
fn loaded_events_go_first_and_at_once_and_only_once() {
    let mut outbox = Outbox::new(LIMITS, 1);
    outbox.set_leader(true);
    record(&mut outbox, 0..3);
    let (batch, _) = take(&mut outbox, 0).unwrap();
    record(&mut outbox, 3..5);
    accept(&mut outbox, batch, 10);
    // What storage held when it was read: a settled event, waiting ones, one of them twice.
    let mut stored: Vec<StoredEvent> = [0, 1, 2, 3, 4].map(|id| event(&id.to_string())).into();
    stored.insert(0, event("old 1"));
    stored.insert(1, event("old 2"));
    stored.push(event("old 1"));
    outbox.load(stored.clone());
    assert_eq!(outbox.stats().recorded, 7);
    assert_eq!(
        take(&mut outbox, 20).unwrap().1,
        ["old 1", "old 2", "3", "4"]
    );
    outbox.load(vec![event("old 1"), event("4")]);
    assert_eq!(outbox.stats().recorded, 7, "known while under way");
    assert_balanced(&outbox);
}

#[test]
fn loading_keeps_to_the_caps() {
    let mut outbox = Outbox::new(
        Limits {
            queue_events: 5,
            ..LIMITS
        },
        1,
    );
    outbox.load((0..8).map(|id| event(&id.to_string())).collect());
    let outputs = drain(&mut outbox);
    assert_eq!(deleted(&outputs), ["0", "1", "2"]);
    assert_eq!(outbox.stats().dropped, 3);
    assert_balanced(&outbox);
}

#[test]
fn old_events_are_dropped_once_the_clock_is_known_to_be_right() {
    let old = |id: &str, days: i64| StoredEvent {
        recorded_at: Timestamp(WALL.0 - days * DAY_MS),
        ..event(id)
    };
    let mut outbox = Outbox::new(
        Limits {
            batch_events: 1,
            ..LIMITS
        },
        1,
    );
    outbox.load(vec![old("first", 40), old("old", 31), old("young", 29)]);
    outbox.set_leader(true);
    // Recorded on this page by a clock that was a year behind then: it has just been recorded.
    outbox.record(old("new", 365), false);
    let (batch, _) = take(&mut outbox, 0).unwrap();
    assert_eq!(outbox.stats().dropped, 0);
    accept(&mut outbox, batch, 10);
    let outputs = drain(&mut outbox);
    assert!(receipts(&outputs).contains(&("old", &State::Dropped(DropReason::TooOld))));
    assert_eq!(deleted(&outputs), ["first", "old"]);
    assert_eq!(outbox.stats().dropped, 1);
    assert_eq!(outbox.stats().queued, 2);
    assert_balanced(&outbox);
}

#[test]
fn last_batch_takes_the_newest_that_fit_and_leaves_the_rest_in_order() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..3);
    outbox.record(
        StoredEvent {
            body: "x".repeat(400),
            ..event("large")
        },
        false,
    );
    record(&mut outbox, 4..6);
    // Room for three events of 99 bytes, and not for the large one.
    let batch = outbox.take_newest(300, WALL).unwrap();
    let number = batch.id;
    assert_eq!(ids(batch), ["2", "4", "5"]);
    fail(&mut outbox, number, 0);
    assert_eq!(
        take(&mut outbox, 30_000).unwrap().1,
        ["0", "1", "large", "2", "4", "5"]
    );
}

#[test]
fn last_batch_ignores_pace_and_back_off_but_not_leadership() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..2);
    let (batch, _) = take(&mut outbox, 0).unwrap();
    fail(&mut outbox, batch, 0);
    outbox.set_leader(false);
    assert!(outbox.take_newest(10_000, WALL).is_none());
    outbox.set_leader(true);
    assert_eq!(ids(outbox.take_newest(10_000, WALL).unwrap()), ["0", "1"]);
    assert!(outbox.take_newest(10_000, WALL).is_none());
}

#[test]
fn answers_to_unknown_batches_are_passed_over() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..1);
    let (batch, _) = take(&mut outbox, 0).unwrap();
    accept(&mut outbox, batch + 1, 0);
    assert_eq!(outbox.stats().queued, 1);
    accept(&mut outbox, batch, 0);
    accept(&mut outbox, batch, 0);
    assert_eq!(outbox.stats().delivered, 1);
}

#[test]
fn unsent_batch_may_leave_at_once() {
    let mut outbox = outbox(LIMITS);
    record(&mut outbox, 0..2);
    let (batch, ids) = take(&mut outbox, 0).unwrap();
    outbox.answer(batch, Answer::Unsent, 10);
    assert!(!outbox.is_failing());
    assert_eq!(take(&mut outbox, 10).unwrap().1, ids);
}

/// Work that grows with the square of the queue would take hours here.
#[test]
fn hundred_thousand_events_pass_through() {
    const EVENTS: usize = 100_000;
    let mut outbox = Outbox::new(
        Limits {
            batch_events: 100,
            queue_events: 2 * EVENTS,
            queue_bytes: usize::MAX,
            ..LIMITS
        },
        1,
    );
    record(&mut outbox, 0..EVENTS);
    outbox.load((0..2 * EVENTS).map(|id| event(&format!("{id}"))).collect());
    outbox.stored((0..EVENTS).map(|id| format!("{id}")).collect());
    outbox.set_leader(true);
    let mut now = 0;
    while outbox.stats().queued > 0 {
        now = now.max(outbox.due_at().unwrap());
        let (batch, _) = take(&mut outbox, now).unwrap();
        accept(&mut outbox, batch, now);
        drain(&mut outbox);
    }
    assert_eq!(outbox.stats().delivered, 2 * EVENTS as u64);
}
