//! What becomes of events that are not accepted at first.

use super::*;

#[test]
fn each_event_gets_its_own_answer() {
    let mut page = Page::ready(CONFIG);
    page.record(4);
    let (request, _) = page.batch();
    page.answer_each(request, |event| [202, 400, 503, 202][event as usize]);
    assert_eq!(page.take(Action::Delivered), [0, 3]);
    assert_eq!(page.take(Action::Rejected), [1]);
    assert_eq!(page.queued(), 1);
    assert_eq!(page.wait_for_batch().1, [2]);
}

#[test]
fn events_that_an_answer_says_nothing_about_are_sent_again() {
    let mut page = Page::ready(CONFIG);
    page.record(3);
    let (request, _) = page.batch();
    page.answer_with(
        request,
        Answer {
            status: 202,
            events: &statuses([202, 0]),
            ..Answer::NONE
        },
    );
    assert_eq!(page.wait_for_batch().1, [1, 2]);
}

#[test]
fn event_that_fails_by_itself_does_not_hold_up_the_others() {
    let mut page = Page::ready(CONFIG);
    page.record(10);
    let (request, _) = page.batch();
    page.record(15);
    page.answer_each(request, |event| if event < 4 { 503 } else { 202 });
    assert_eq!(page.batch().1, numbers(10..20));
    assert_eq!(page.wait_for_batch().1, [20, 21, 22, 23, 24, 0, 1, 2, 3]);
}

#[test]
fn batch_that_fails_comes_back_whole_and_in_order() {
    let mut page = Page::ready(CONFIG);
    page.record(15);
    let (request, _) = page.batch();
    page.answer(request, 503);
    assert_eq!(page.wait_for_batch().1, numbers(0..10));
    assert_eq!(page.batches(), [], "one at a time in trouble");
}

#[test]
fn failures_are_tried_again() {
    for status in [0, 404, 405, 408, 429, 500, 502, 503, 504, 700] {
        let mut page = Page::ready(CONFIG);
        page.record(2);
        let (request, _) = page.batch();
        page.answer(request, status);
        assert_eq!(page.wait_for_batch().1, [0, 1], "{status}");
    }
}

#[test]
fn back_off_grows_with_full_jitter_up_to_half_a_minute() {
    let mut longest = [0.0_f64; 8];
    for seed in 0..300 {
        let mut page = Page::seeded(CONFIG, seed);
        page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
        page.record(1);
        for longest in &mut longest {
            let (request, _) = page.batch();
            let failed_at = page.now.monotonic;
            page.answer(request, 503);
            page.wait_for_action();
            *longest = longest.max(page.now.monotonic - failed_at);
        }
    }
    for (longest, bound) in longest
        .iter()
        .zip([1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0])
    {
        let bound = bound * 1_000.0;
        assert!(
            (bound * 0.9..=bound).contains(longest),
            "{longest} of {bound}"
        );
    }
}

#[test]
fn four_requests_that_fail_together_are_one_failure() {
    for seed in 0..100 {
        let mut page = Page::seeded(CONFIG, seed);
        page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
        page.record(40);
        for (request, _) in page.batches() {
            page.outbox.answered(request, Answer::NONE, page.now);
        }
        page.turn();
        if page.actions.is_empty() {
            page.wait_for_action();
        }
        let (request, _) = page.batch();
        page.answer(request, 0);
        assert!(page.wait().is_none_or(|wait| wait <= 2_000.0));
    }
}

#[test]
fn success_ends_the_trouble() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    for _ in 0..5 {
        let (request, _) = page.batch();
        page.answer(request, 503);
        page.wait_for_action();
    }
    page.record(40);
    let (request, _) = page.batch();
    page.accept(request);
    assert_eq!(page.batches().len(), 4);
}

#[test]
fn retry_after_is_kept_up_to_an_hour() {
    for (asked, kept) in [(45_000.0, 45_000.0), (f64::INFINITY, 3_600_000.0)] {
        let mut page = Page::ready(CONFIG);
        page.record(1);
        let (request, _) = page.batch();
        page.answer_after(request, 429, asked);
        page.pass(kept - 1.0);
        assert_eq!(page.actions, []);
        page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
        page.pass(1);
        assert_eq!(page.batch().1, [0]);
    }
}

#[test]
fn answer_that_accepts_nothing_counts_as_a_failure() {
    let mut page = Page::ready(CONFIG);
    page.record(20);
    for (request, _) in page.batches() {
        page.answer_each(request, |_| 503);
    }
    page.wait_for_action();
    assert_eq!(page.batches().len(), 1, "one at a time");
    assert_eq!(page.queued(), 20);
}

#[test]
fn request_without_an_answer_is_given_up_and_a_late_answer_passed_over() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, _) = page.batch();
    assert_eq!(page.wait(), Some(60_000.0));
    page.pass(59_999);
    assert_eq!(page.batches(), []);
    let (again, events) = page.wait_for_batch();
    assert_eq!(events, [0]);
    page.accept(request);
    assert_eq!(page.queued(), 1);
    page.accept(again);
    page.accept(again);
    assert_eq!(page.ended(Action::Delivered), 1);
}
