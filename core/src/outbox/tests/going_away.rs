//! The page is hidden or closed.

use super::*;

/// Bytes of a batch without events, here.
const ENVELOPE: usize = 200;

fn hide(page: &mut Page) {
    page.outbox.hidden(ENVELOPE, page.now);
    page.turn();
}

/// A page whose pace holds, with nothing under way and large batches.
fn roomy() -> Page {
    Page::paced(Config {
        batch_events: 1_000,
        batch_bytes: 1_000_000,
        ..CONFIG
    })
}

#[test]
fn hidden_page_sends_what_waits_for_the_pace() {
    let mut page = Page::paced(CONFIG);
    page.record(3);
    hide(&mut page);
    assert_eq!(page.take(Action::SendLastBatch).len(), 1);
    hide(&mut page);
    assert_eq!(page.actions, []);
}

#[test]
fn newest_events_that_fit_leave_in_order_and_the_rest_stays() {
    let mut page = roomy();
    page.record(700);
    let large = NewEvent {
        bytes: 60_000,
        ..event(10_000)
    };
    page.outbox.record(large, false, page.now);
    page.record(100);
    hide(&mut page);
    let (_, events) = page.batch();
    // 64 KiB less the envelope, by the hundred; the large one is passed over.
    assert_eq!(events.len(), (64 * 1024 - ENVELOPE) / 100);
    assert!(events.is_sorted());
    assert!(!events.contains(&10_000));
    assert_eq!(events.last(), Some(&800));
    assert_eq!(page.queued(), 801);
    hide(&mut page);
    assert_eq!(page.actions, [], "browsers allow 64 KiB altogether");
}

#[test]
fn envelopes_of_many_small_batches_count_too() {
    let mut page = Page::paced(Config {
        queue_events: 2_000,
        interval_ms: 1_000_000.0,
        ..CONFIG
    });
    page.leader(false);
    page.record(700);
    page.outbox.set_leader(true);
    page.outbox.hidden(ENVELOPE, page.now);
    while let Some(action) = page.outbox.poll() {
        page.actions.push(action);
    }
    let batches = page.batches();
    let bytes = |(_, events): &Sent| ENVELOPE + events.len() * EVENT_BYTES;
    let together: usize = batches.iter().map(bytes).sum();
    assert!(batches.len() > MAX_IN_FLIGHT);
    assert!((64_000..=64 * 1024).contains(&together), "{together}");
}

#[test]
fn last_batch_goes_in_spite_of_a_back_off_but_not_without_leadership() {
    let mut page = Page::ready(CONFIG);
    page.record(2);
    let (request, _) = page.batch();
    page.answer_after(request, 503, 60_000.0);
    page.leader(false);
    hide(&mut page);
    assert_eq!(page.actions, []);
    page.leader(true);
    hide(&mut page);
    assert_eq!(page.batch().1, [0, 1]);
}

#[test]
fn last_batch_that_fails_comes_back_to_its_place() {
    let mut page = roomy();
    page.record(700);
    hide(&mut page);
    let (request, _) = page.batch();
    page.answer(request, 0);
    assert_eq!(page.wait_for_batch().1, numbers(1..701));
}

#[test]
fn without_credentials_nothing_leaves() {
    let mut page = Page::new(CONFIG);
    page.record(2);
    page.actions.clear();
    hide(&mut page);
    assert_eq!(page.actions, []);
}

#[test]
fn description_of_the_endpoint_leaves_too() {
    let mut page = Page::ready(CONFIG);
    page.outbox.update_endpoint();
    page.record_as(GUEST, false);
    page.outbox.hidden(ENVELOPE, page.now);
    page.turn();
    assert_eq!(page.take(Action::SendEndpoint).len(), 1);
    assert_eq!(page.batch().1, [0]);
}

#[test]
fn who_signed_in_last_goes_first() {
    let mut page = Page::paced(CONFIG);
    page.outbox.got_credentials(1, HOUR_MS, page.now);
    page.record_as(0, false);
    page.record_as(1, false);
    page.record_as(2, false);
    page.outbox.hidden(ENVELOPE, page.now);
    page.turn();
    let events: Vec<_> = page.batches().into_iter().map(|(_, ids)| ids).collect();
    assert_eq!(events, [[2], [1]], "the third has no credentials");
}

#[test]
fn ordinary_requests_outlive_the_page_unless_there_is_trouble_or_no_room() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let [request] = page.take(Action::SendLastBatch)[..] else {
        panic!("no request that outlives the page");
    };
    page.answer(request, 0);
    page.wait_for_action();
    assert_eq!(page.take(Action::SendBatch).len(), 1);

    let mut page = Page::ready(Config {
        batch_events: 200,
        batch_bytes: 1_000_000,
        ..CONFIG
    });
    page.record(600);
    assert_eq!(page.take(Action::SendLastBatch).len(), 1);
    assert_eq!(page.take(Action::SendBatch).len(), 2);
}
