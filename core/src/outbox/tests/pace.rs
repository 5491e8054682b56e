//! When events leave.

use super::*;

#[test]
fn first_events_leave_at_once_and_later_ones_are_paced() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, events) = page.batch();
    assert_eq!(events, [0]);
    page.pass(50);
    page.accept(request);
    assert_eq!(page.take(Action::Delivered), [0]);
    page.record(3);
    assert_eq!(page.wait(), Some(4_950.0));
    page.pass(4_949);
    assert_eq!(page.batches(), []);
    page.pass(1);
    assert_eq!(page.batch().1, numbers(1..4));
}

#[test]
fn what_is_recorded_in_one_task_leaves_in_one_batch() {
    let mut page = Page::ready(CONFIG);
    page.record(9);
    assert_eq!(page.batch().1, numbers(0..9));
}

#[test]
fn timer_that_goes_off_early_is_set_again() {
    let mut page = Page::paced(CONFIG);
    page.record(1);
    page.pass(4_999);
    assert_eq!(page.batches(), []);
    assert_eq!(page.wait(), Some(1.0));
}

#[test]
fn full_batches_go_back_to_back_with_four_under_way() {
    let mut page = Page::ready(CONFIG);
    page.record(56);
    let batches = page.batches();
    let events: Vec<_> = batches.iter().map(|(_, events)| events.clone()).collect();
    assert_eq!(events, [0, 10, 20, 30].map(|at| numbers(at..at + 10)));
    page.accept(batches[2].0);
    assert_eq!(page.batch().1, numbers(40..50));
    page.accept(batches[0].0);
    assert_eq!(page.batches(), [], "what is left is no full batch");
    page.pass(5_000);
    assert_eq!(page.batch().1, numbers(50..56));
}

#[test]
fn batch_full_by_bytes_does_not_wait_for_the_pace() {
    let mut page = Page::paced(Config {
        batch_bytes: 250,
        ..CONFIG
    });
    page.record(2);
    assert_eq!(page.batches(), []);
    page.record(1);
    assert_eq!(page.batch().1, numbers(1..3));
}

#[test]
fn event_larger_than_a_batch_goes_alone() {
    let mut page = Page::ready(Config {
        batch_bytes: 50,
        ..CONFIG
    });
    page.record(2);
    let events: Vec<_> = page.batches().into_iter().map(|(_, ids)| ids).collect();
    assert_eq!(events, [[0], [1]]);
}

#[test]
fn immediate_event_takes_what_is_before_it_along() {
    let mut page = Page::paced(CONFIG);
    page.record(2);
    page.record_now();
    assert_eq!(page.batch().1, numbers(1..4));
}

#[test]
fn flush_ends_the_pace_for_what_waits_and_for_nothing_else() {
    let mut page = Page::paced(CONFIG);
    page.flush();
    page.record(1);
    assert_eq!(page.batches(), [], "it did not wait then");
    page.flush();
    assert_eq!(page.batch().1, [1]);
}

#[test]
fn flush_does_not_end_a_back_off() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, _) = page.batch();
    page.answer_after(request, 503, 10_000.0);
    page.flush();
    page.pass(9_999);
    assert_eq!(page.batches(), []);
    page.pass(1);
    assert_eq!(page.batch().1, [0]);
}

#[test]
fn nothing_leaves_before_leadership_and_what_is_under_way_counts_after_it() {
    let mut page = Page::ready(CONFIG);
    page.leader(false);
    page.record(3);
    page.pass(100_000);
    assert_eq!(page.actions, []);
    assert_eq!(page.wait(), None);
    page.leader(true);
    let (request, _) = page.batch();
    page.leader(false);
    page.record(1);
    page.pass(50_000);
    assert_eq!(page.batches(), []);
    page.accept(request);
    assert_eq!(page.ended(Action::Delivered), 3);
}

#[test]
fn tab_that_hands_over_may_take_over_again() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    page.batch();
    page.leader(false);
    page.record(1);
    page.pass(600_000);
    assert_eq!(page.batches(), [], "given up, and not sent again");
    page.leader(true);
    assert_eq!(page.wait_for_batch().1, [0, 1]);
}

#[test]
fn loaded_events_go_first_and_do_not_wait_for_the_pace() {
    let mut page = Page::paced(CONFIG);
    page.record(2);
    page.load([event(101), event(102)]);
    assert_eq!(page.batch().1, [101, 102, 1, 2]);
    assert_eq!(page.outbox.books().recorded, 5);
}

#[test]
fn what_ended_in_another_tab_is_not_sent() {
    let mut page = Page::ready(CONFIG);
    page.leader(false);
    page.record(3);
    page.outbox.ended_elsewhere(1, Action::Delivered);
    page.outbox.ended_elsewhere(2, Action::Rejected);
    page.outbox.ended_elsewhere(7, Action::Rejected);
    page.turn();
    assert_eq!(page.take(Action::Delivered), [1]);
    assert_eq!(page.take(Action::Rejected), [2]);
    page.leader(true);
    assert_eq!(page.batch().1, [0]);
}

#[test]
fn what_ended_in_another_tab_while_under_way_ends_once() {
    let mut page = Page::ready(CONFIG);
    page.record(2);
    let (request, _) = page.batch();
    page.outbox.ended_elsewhere(0, Action::Delivered);
    page.accept(request);
    assert_eq!(page.take(Action::Delivered), [0, 1]);
    assert_eq!(page.ended(Action::Delivered), 2);
}

#[test]
fn answer_goes_by_the_order_of_its_batch_whatever_happened_meanwhile() {
    let mut page = Page::ready(CONFIG);
    page.record(3);
    let (request, _) = page.batch();
    page.outbox.ended_elsewhere(0, Action::Delivered);
    page.leader(false);
    page.load([event(1_000)]);
    // So many that those which are left move up.
    page.record(600);
    for event in 3..603 {
        page.outbox.ended_elsewhere(event, Action::Delivered);
    }
    page.turn();
    page.actions.clear();
    page.answer_with(
        request,
        Answer {
            status: 202,
            events: &statuses([202, 400, 202]),
            ..Answer::NONE
        },
    );
    assert_eq!(page.take(Action::Delivered), [2]);
    assert_eq!(page.take(Action::Rejected), [1]);
}

#[test]
fn offline_holds_and_online_goes_at_once() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, _) = page.batch();
    page.answer(request, 0);
    page.actions.clear();
    page.online(false);
    page.outbox.update_endpoint();
    page.record(1);
    page.pass(100_000);
    page.outbox.hidden(100, page.now);
    page.turn();
    assert_eq!(page.actions, []);
    assert_eq!(page.wait(), None);
    page.online(true);
    let [update] = page.take(Action::SendEndpoint)[..] else {
        panic!("no update");
    };
    page.answer(update, 202);
    assert_eq!(page.batch().1, [0, 1]);
}

#[test]
fn online_does_not_end_a_silence_that_the_endpoint_asked_for() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, _) = page.batch();
    page.answer_after(request, 429, 7_000.0);
    page.online(true);
    assert_eq!(page.wait(), Some(7_000.0));
}
