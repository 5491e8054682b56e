//! The endpoint's clock.

use super::*;

const TEN_MINUTES_MS: f64 = 600_000.0;

/// What is to be added to the times of the events of a batch.
fn offsets(page: &Page, request: u32) -> Vec<f64> {
    let batch = page.outbox.batch(request);
    batch.map(|(_, offset)| offset).collect()
}

fn dated(status: u16, date: f64) -> Answer<'static> {
    Answer {
        status,
        date,
        events: &[[202, 0]; 10],
        ..Answer::NONE
    }
}

#[test]
fn wrong_clock_is_learnt_from_an_answer_and_corrects_the_next_try_at_once() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, _) = page.batch();
    assert_eq!(offsets(&page, request), [0.0]);
    page.answer_with(request, dated(403, WALL + TEN_MINUTES_MS));
    let (again, _) = page.batch();
    assert_eq!(
        page.take(Action::GetCredentials),
        [0; 0],
        "they were not why"
    );
    // A date has whole seconds: half of one is added.
    assert_eq!(offsets(&page, again), [TEN_MINUTES_MS + 500.0]);
    assert_eq!(page.outbox.clock_offset(), TEN_MINUTES_MS + 500.0);
}

#[test]
fn answer_of_the_same_minute_does_not_move_the_clock() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, _) = page.batch();
    page.answer_with(request, dated(503, WALL - 59_000.0));
    assert_eq!(page.outbox.clock_offset(), 0.0);
}

#[test]
fn offset_of_an_earlier_visit_holds_until_an_answer_says_otherwise() {
    let mut page = Page::ready(Config {
        clock_offset: TEN_MINUTES_MS,
        ..CONFIG
    });
    page.record(1);
    let (request, _) = page.batch();
    assert_eq!(offsets(&page, request), [TEN_MINUTES_MS]);
    page.answer_with(request, dated(503, WALL));
    let (request, _) = page.wait_for_batch();
    assert_eq!(offsets(&page, request), [500.0]);
}

/// The clock is put right by an hour while two events wait: one recorded before, one after.
fn jump(page: &mut Page) {
    page.leader(false);
    page.record(1);
    page.now.wall += 3_600_000.0;
}

#[test]
fn jump_of_the_clock_leaves_the_times_of_earlier_events_as_they_were() {
    for noticed_by_an_answer in [false, true] {
        let mut page = Page::ready(CONFIG);
        page.record(1);
        let (request, _) = page.batch();
        page.answer_with(request, dated(202, WALL + TEN_MINUTES_MS));
        page.leader(false);
        page.record_now();
        page.leader(true);
        let (busy, _) = page.batch();
        jump(&mut page);
        if !noticed_by_an_answer {
            page.record(1);
        }
        page.answer_with(busy, dated(202, WALL + TEN_MINUTES_MS));
        page.record(1);
        page.leader(true);
        let (request, events) = page.wait_for_batch();
        let before = TEN_MINUTES_MS + 500.0;
        let after = before - 3_600_000.0;
        assert_eq!(events[0], 2);
        let offsets = offsets(&page, request);
        assert_eq!(offsets[0], before);
        assert!(offsets[1..].iter().all(|offset| *offset == after));
        assert!(offsets.len() > 1);
    }
}

#[test]
fn events_between_two_jumps_without_an_answer_keep_what_was_known_last() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, _) = page.batch();
    page.answer_with(request, dated(202, WALL));
    page.leader(false);
    // As where a machine sleeps, twice.
    page.now.wall += 5_000.0;
    page.record(1);
    page.now.wall += 3_600_000.0;
    page.record(1);
    page.leader(true);
    let (request, _) = page.wait_for_batch();
    page.answer_with(request, dated(503, WALL));
    let (request, events) = page.wait_for_batch();
    assert_eq!(events, [1, 2]);
    let offsets = offsets(&page, request);
    assert_eq!(offsets[0], 0.0);
    assert!(offsets[1] < -3_600_000.0);
}

#[test]
fn what_was_recorded_by_a_right_clock_is_neither_too_old_nor_moved_by_a_wrong_one() {
    let mut page = Page::ready(CONFIG);
    page.now.wall += 365.0 * DAY_MS;
    let long_ago = NewEvent {
        at: WALL - 31.0 * DAY_MS,
        ..event(4)
    };
    page.load([event(3), long_ago]);
    let (request, _) = page.batch();
    page.answer_with(request, dated(403, WALL));
    let (request, events) = page.batch();
    assert_eq!(events, [3]);
    assert_eq!(offsets(&page, request), [0.0]);
    assert_eq!(page.take(Action::DroppedTooOld), [4]);
}

#[test]
fn jumps_of_the_wall_clock_do_not_move_waits() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, _) = page.batch();
    page.answer_after(request, 503, 20_000.0);
    page.now.wall -= 400.0 * DAY_MS;
    page.pass(19_999);
    assert_eq!(page.batches(), []);
    page.now.wall += 800.0 * DAY_MS;
    page.pass(1);
    assert_eq!(page.batch().1, [0]);
}
