//! What the outbox holds at most, and drops.

use super::*;

#[test]
fn over_its_count_the_oldest_waiting_event_is_dropped() {
    let mut page = Page::ready(Config {
        queue_events: 12,
        ..CONFIG
    });
    page.record(10);
    page.record(3);
    assert_eq!(
        page.take(Action::DroppedTooMany),
        [10],
        "events 0 to 9 are under way"
    );
    assert_eq!(page.queued(), 12);
}

#[test]
fn over_its_count_the_new_event_is_dropped_where_that_is_the_policy() {
    let mut page = Page::new(Config {
        queue_events: 3,
        drop_newest: true,
        ..CONFIG
    });
    page.record(5);
    assert_eq!(page.take(Action::DroppedTooMany), [3, 4]);
}

#[test]
fn where_all_is_under_way_the_new_event_is_dropped() {
    let mut page = Page::ready(Config {
        queue_events: 2,
        ..CONFIG
    });
    page.record(2);
    page.record(1);
    assert_eq!(page.take(Action::DroppedTooMany), [2]);
}

#[test]
fn over_its_bytes_the_oldest_is_dropped_but_a_giant_only_drops_itself() {
    let mut page = Page::new(Config {
        queue_bytes: 500,
        ..CONFIG
    });
    page.record(6);
    assert_eq!(page.take(Action::DroppedTooLarge), [0]);
    let giant = NewEvent {
        bytes: 501,
        ..event(100)
    };
    page.outbox.record(giant, false, page.now);
    page.turn();
    assert_eq!(page.take(Action::DroppedTooLarge), [100]);
    assert_eq!(page.queued(), 5);
}

#[test]
fn loading_keeps_to_the_caps() {
    let mut page = Page::new(Config {
        queue_events: 5,
        ..CONFIG
    });
    page.load((0..8).map(event));
    assert_eq!(page.take(Action::DroppedTooMany), [0, 1, 2]);
}

#[test]
fn room_is_there_again_when_events_ended() {
    let mut page = Page::ready(Config {
        queue_events: 10,
        queue_bytes: 1_000,
        ..CONFIG
    });
    for _ in 0..300 {
        page.record(10);
        page.flush();
        let (request, _) = page.batch();
        page.accept(request);
        page.actions.clear();
    }
    assert_eq!(page.ended(Action::Delivered), 3_000);
}

fn old(number: u32, days: u32) -> NewEvent {
    NewEvent {
        at: WALL - f64::from(days) * DAY_MS,
        ..event(number)
    }
}

#[test]
fn old_events_are_dropped_once_the_clock_is_known_to_be_right() {
    let mut page = Page::ready(Config {
        batch_events: 1,
        ..CONFIG
    });
    page.leader(false);
    page.load([old(100, 40), old(101, 31), old(102, 29)]);
    // Recorded on this page, by a clock that was a year behind then.
    page.outbox.record(old(103, 365), false, page.now);
    page.leader(true);
    let batches = page.batches();
    assert_eq!(batches.len(), 4, "they are not held up");

    let mut page = Page::ready(Config {
        batch_events: 1,
        ..CONFIG
    });
    page.record(4);
    let busy = page.batches();
    page.load([old(101, 31), old(102, 29)]);
    page.accept(busy[0].0);
    page.batches();
    assert_eq!(page.take(Action::DroppedTooOld), [0; 0], "no date, no age");
    page.load([old(103, 31), old(104, 29)]);
    page.answer_with(
        busy[1].0,
        Answer {
            status: 202,
            date: WALL,
            events: &statuses([202]),
            ..Answer::NONE
        },
    );
    assert_eq!(page.take(Action::DroppedTooOld), [103]);
}
