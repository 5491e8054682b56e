//! Requests that the endpoint refuses, or that a proxy on the way to it refuses.

use super::*;

/// The page's batches are answered until none is left, those with `bad` by a refusal. Gives their sizes.
fn isolate(page: &mut Page, bad: u32, status: u16) -> Vec<usize> {
    let (mut sizes, mut rejected) = (Vec::new(), Vec::new());
    while page.queued() > 0 {
        rejected.extend(page.take(Action::Rejected));
        if page.actions.is_empty() {
            page.wait_for_action();
        }
        let (request, events) = page.batch();
        sizes.push(events.len());
        assert!(sizes.len() < 40, "{sizes:?}");
        if events.contains(&bad) {
            page.answer(request, status);
        } else {
            page.accept(request);
        }
        page.take(Action::Delivered);
    }
    rejected.extend(page.take(Action::Rejected));
    assert_eq!(rejected, [bad]);
    sizes
}

#[test]
fn refused_batch_is_halved_until_the_event_at_fault_is_alone() {
    for status in [400, 413] {
        let mut page = Page::ready(Config {
            batch_events: 100,
            ..CONFIG
        });
        page.record(100);
        // First the same again without the description of the endpoint.
        assert_eq!(isolate(&mut page, 37, status)[..4], [100, 100, 50, 25]);
        assert_eq!(page.ended(Action::Delivered), 99);
    }
}

#[test]
fn endpoint_that_refuses_everything_does_not_eat_the_queue() {
    let mut page = Page::ready(CONFIG);
    page.record(1_000);
    let end = page.now.monotonic + 600_000.0;
    while page.now.monotonic < end {
        for (request, _) in page.batches() {
            page.answer(request, 400);
        }
        page.take(Action::Rejected);
        if page.actions.is_empty() {
            page.wait_for_action();
        }
    }
    // Ten minutes, at half a cap of thirty seconds each.
    let rejected = page.ended(Action::Rejected);
    assert!((20..100).contains(&rejected), "{rejected}");
}

#[test]
fn refusal_in_the_form_of_the_endpoint_ends_an_event_that_is_alone() {
    for (error_type, has_message_body) in [("BadRequestException", false), ("", true)] {
        let mut page = Page::ready(CONFIG);
        page.record(1);
        for _ in 0..2 {
            let (request, _) = page.batch();
            page.answer_with(
                request,
                Answer {
                    status: 400,
                    error_type: error_type.as_bytes(),
                    has_message_body,
                    ..Answer::NONE
                },
            );
        }
        assert_eq!(page.take(Action::Rejected), [0]);
    }
}

#[test]
fn refusal_of_something_on_the_way_ends_no_event() {
    for status in [0, 302, 400, 404, 405, 413, 451, 500] {
        let mut page = Page::ready(CONFIG);
        page.record(1);
        let mut tries = 0;
        while page.now.monotonic < 600_000.0 {
            for (request, _) in page.batches() {
                page.answer_for(request, status);
                tries += 1;
            }
            page.wait_for_action();
        }
        assert!((20..100).contains(&tries), "{tries} tries after {status}");
        assert_eq!(page.queued(), 1);
        let (request, _) = page.batch();
        page.accept(request);
        assert_eq!(page.ended(Action::Delivered), 1);
    }
}

/// A proxy lets no more than this pass.
const PROXY_EVENTS: usize = 3;

#[test]
fn batches_get_smaller_where_a_proxy_finds_them_too_large() {
    let mut page = Page::ready(CONFIG);
    page.record(40);
    let began = page.now.monotonic;
    while page.queued() > 0 {
        for (request, events) in page.batches() {
            if events.len() > PROXY_EVENTS {
                page.answer_for(request, 413);
            } else {
                page.accept(request);
            }
        }
        page.take(Action::Delivered);
        if page.actions.is_empty() && page.queued() > 0 {
            page.wait_for_action();
        }
    }
    assert_eq!(page.ended(Action::Delivered), 40);
    assert!(page.now.monotonic - began < 60_000.0);
}

#[test]
fn event_that_a_proxy_finds_too_large_lets_the_others_pass() {
    const LARGE: u32 = 0;
    let mut page = Page::ready(CONFIG);
    page.record(30);
    let end = page.now.monotonic + 600_000.0;
    while page.now.monotonic < end {
        for (request, events) in page.batches() {
            if events.contains(&LARGE) {
                page.answer_for(request, 413);
            } else {
                page.accept(request);
            }
        }
        page.take(Action::Delivered);
        if page.actions.is_empty() {
            page.wait_for_action();
        }
    }
    assert_eq!(page.ended(Action::Delivered), 29);
    assert_eq!(page.queued(), 1, "it waits");
}

/// Answers all of a page's batches as an endpoint that does not like `bad`, nor the description.
fn settle(page: &mut Page, bad: Option<u32>, is_bad_description: bool) -> usize {
    let mut refused = 0;
    while page.queued() > 0 {
        for (request, events) in page.batches() {
            let is_bad = bad.is_some_and(|bad| events.contains(&bad));
            if is_bad || is_bad_description && page.outbox.describes(request) {
                page.answer(request, 400);
                refused += 1;
            } else {
                page.accept(request);
            }
        }
        for end in [Action::Delivered, Action::Rejected] {
            page.take(end);
        }
        if page.actions.is_empty() && page.queued() > 0 {
            page.wait_for_action();
        }
    }
    refused
}

#[test]
fn description_that_is_refused_ends_no_event() {
    for events in [1, 40] {
        let mut page = Page::ready(CONFIG);
        page.record(events);
        let refused = settle(&mut page, None, true);
        assert_eq!(page.ended(Action::Delivered), events);
        assert!(refused <= 4, "{refused}: no more than were under way");
        page.record(20);
        assert_eq!(settle(&mut page, None, true), 0, "it is left out");
    }
}

#[test]
fn event_and_description_that_are_both_refused_are_told_apart() {
    let mut page = Page::ready(CONFIG);
    page.record(40);
    settle(&mut page, Some(17), true);
    assert_eq!(page.ended(Action::Rejected), 1);
    assert_eq!(page.ended(Action::Delivered), 39);
}

#[test]
fn description_comes_back_once_an_event_is_what_was_refused() {
    let mut page = Page::ready(CONFIG);
    page.record(40);
    settle(&mut page, Some(17), false);
    assert_eq!(page.ended(Action::Rejected), 1);
    page.record(1);
    if page.actions.is_empty() {
        page.wait_for_action();
    }
    let (request, _) = page.batch();
    assert!(page.outbox.describes(request));
}

#[test]
fn another_description_is_tried() {
    let mut page = Page::ready(CONFIG);
    page.outbox.update_endpoint();
    page.turn();
    let [update] = page.take(Action::SendEndpoint)[..] else {
        panic!("no update");
    };
    page.answer(update, 400);
    page.record_now();
    let (request, _) = page.batch();
    assert!(!page.outbox.describes(request), "it was refused by itself");
    page.accept(request);
    page.outbox.update_endpoint();
    page.turn();
    let [update] = page.take(Action::SendEndpoint)[..] else {
        panic!("no update");
    };
    page.answer(update, 202);
    page.record_now();
    let (request, _) = page.batch();
    assert!(page.outbox.describes(request));
}
