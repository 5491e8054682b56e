//! Whose credentials requests are signed with, and descriptions of endpoints.

use super::*;

const USER: u32 = 1;
/// How often in a row credentials are renewed without delay.
const FREE_RENEWALS: usize = 2;

fn expired(page: &mut Page, request: u32) {
    page.answer(request, 403);
}

/// Gives the credentials that the page asks for at present, and answers its requests by `answer`. Gives how often it did
/// each.
fn serve(page: &mut Page, answer: impl Fn(&mut Page, u32)) -> (usize, usize) {
    let (mut renewals, mut answers) = (0, 0);
    for (action, number) in core::mem::take(&mut page.actions) {
        if action == Action::GetCredentials {
            renewals += 1;
            page.outbox.got_credentials(number, HOUR_MS, page.now);
            page.turn();
        } else {
            answers += 1;
            answer(page, number);
        }
    }
    (renewals, answers)
}

#[test]
fn credentials_are_asked_for_when_there_is_something_to_send() {
    let mut page = Page::new(CONFIG);
    page.pass(60_000);
    page.flush();
    page.outbox.hidden(100, page.now);
    page.turn();
    assert_eq!(page.actions, []);
    page.record(1);
    page.record(1);
    assert_eq!(page.actions, [(Action::GetCredentials, GUEST)], "once");
    page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
    page.turn();
    assert_eq!(page.batch().1, [0, 1]);
}

#[test]
fn pool_that_gives_no_credentials_is_asked_ever_more_slowly() {
    let mut page = Page::new(CONFIG);
    page.record(1);
    let mut asked = 0;
    while page.now.monotonic < 600_000.0 {
        page.wait_for_action();
        asked += page.take(Action::GetCredentials).len();
        page.outbox.no_credentials(GUEST, f64::NAN, page.now);
        page.turn();
    }
    assert!((20..100).contains(&asked), "{asked} times in ten minutes");
}

#[test]
fn pool_that_asks_for_silence_gets_it() {
    let mut page = Page::new(CONFIG);
    page.record(1);
    page.actions.clear();
    page.outbox.no_credentials(GUEST, 50_000.0, page.now);
    page.online(true);
    assert_eq!(page.wait(), Some(50_000.0));
}

#[test]
fn credentials_are_renewed_before_they_expire_while_events_go_on() {
    let mut page = Page::ready(CONFIG);
    page.pass(54 * 60_000);
    page.record(1);
    let (request, _) = page.batch();
    assert_eq!(page.actions, []);
    page.accept(request);
    page.pass(2 * 60_000);
    page.actions.clear();
    page.record(1);
    assert_eq!(page.take(Action::GetCredentials), [GUEST]);
    assert_eq!(page.batch().1, [1]);
}

#[test]
fn expired_credentials_are_not_used() {
    let mut page = Page::ready(CONFIG);
    page.pass(HOUR_MS);
    page.record(1);
    assert_eq!(page.actions, [(Action::GetCredentials, GUEST)]);
}

#[test]
fn credentials_that_seem_expired_on_arrival_are_used_for_a_while() {
    let mut page = Page::new(CONFIG);
    page.outbox.got_credentials(GUEST, 0.0, page.now);
    page.record(1);
    assert_eq!(page.batch().1, [0]);
}

#[test]
fn refused_credentials_are_replaced_once_for_all_requests_under_way() {
    let mut page = Page::ready(CONFIG);
    page.record(40);
    let batches = page.batches();
    expired(&mut page, batches[0].0);
    assert_eq!(page.take(Action::GetCredentials), [GUEST]);
    for (request, _) in &batches[1..3] {
        expired(&mut page, *request);
    }
    page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
    page.turn();
    assert_eq!(page.batches().len(), 3);
    expired(&mut page, batches[3].0);
    assert_eq!(page.batches().len(), 1);
    assert_eq!(page.actions, [], "one renewal is enough, without delay");
}

#[test]
fn credentials_are_asked_for_once_whatever_is_answered_meanwhile() {
    let mut page = Page::ready(CONFIG);
    page.record(40);
    // So often that from then on there is a back-off.
    for _ in 0..FREE_RENEWALS {
        for (request, _) in page.batches() {
            expired(&mut page, request);
        }
        page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
        page.turn();
    }
    let batches = page.batches();
    page.actions.clear();
    expired(&mut page, batches[0].0);
    page.wait_for_action();
    assert_eq!(page.take(Action::GetCredentials), [GUEST]);
    expired(&mut page, batches[1].0);
    page.pass(30_000);
    assert_eq!(page.actions, [], "the first was not answered yet");
}

/// A page whose only request was answered so.
fn answered_400(error_type: &str) -> Page {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (request, _) = page.batch();
    page.answer_with(
        request,
        Answer {
            status: 400,
            error_type: error_type.as_bytes(),
            ..Answer::NONE
        },
    );
    page
}

#[test]
fn aws_json_services_say_it_with_400() {
    for error_type in [
        "ExpiredTokenException:http://internal",
        "ExpiredToken",
        "InvalidSignatureException",
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "MissingAuthenticationTokenException",
        "IncompleteSignatureException",
        "RequestExpired",
    ] {
        let page = answered_400(error_type);
        assert_eq!(page.actions, [(Action::GetCredentials, GUEST)]);
        assert_eq!(page.queued(), 1, "{error_type}");
    }
    for error_type in [
        "BadRequestException",
        "ValidationException",
        "InvalidParameterValueException",
        "MissingParameter",
        "RequestEntityTooLargeException",
    ] {
        let mut page = answered_400(error_type);
        assert_eq!(page.actions.len(), 1, "{error_type}");
        let (again, events) = page.batch();
        assert_eq!(events, [0]);
        page.answer(again, 400);
        assert_eq!(page.take(Action::Rejected), [0], "{error_type}");
    }
}

/// Answers for a pool that gives credentials at once, and an endpoint that `answer`s, for ten minutes.
/// Gives how many requests there were.
fn ten_minutes(page: &mut Page, answer: impl Fn(Action, u32) -> u16) -> usize {
    let mut requests = 0;
    let end = page.now.monotonic + 600_000.0;
    while page.now.monotonic < end {
        for (action, number) in core::mem::take(&mut page.actions) {
            requests += 1;
            match action {
                Action::GetCredentials => {
                    page.outbox.got_credentials(number, HOUR_MS, page.now);
                    page.turn();
                }
                Action::SendBatch | Action::SendLastBatch | Action::SendEndpoint => {
                    let status = answer(action, page.outbox.who(number));
                    page.answer_with(
                        number,
                        Answer {
                            status,
                            has_message_body: true,
                            events: &statuses([202; 10]),
                            ..Answer::NONE
                        },
                    );
                }
                _ => requests -= 1,
            }
        }
        if page.actions.is_empty() {
            let wait = page.wait().unwrap_or(600_000.0);
            page.pass(wait);
        }
    }
    requests
}

#[test]
fn endpoint_that_forbids_everything_is_asked_ever_more_slowly() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let requests = ten_minutes(&mut page, |_, _| 403);
    assert!((40..200).contains(&requests), "{requests} requests");
    assert_eq!(page.queued(), 1);
}

#[test]
fn identity_that_may_send_nothing_does_not_hold_up_another() {
    for (forbidden, allowed) in [(GUEST, USER), (USER, GUEST)] {
        let mut page = Page::new(CONFIG);
        page.record_as(forbidden, false);
        let answer = |_, who| if who == forbidden { 403 } else { 202 };
        page.turn();
        ten_minutes(&mut page, answer);
        for _ in 0..30 {
            page.record_as(allowed, false);
        }
        page.turn();
        ten_minutes(&mut page, answer);
        assert_eq!(page.ended(Action::Delivered), 30);
        assert_eq!(page.queued(), 1);
    }
}

#[test]
fn batch_holds_events_of_one_identity_and_is_signed_as_that_one() {
    let mut page = Page::ready(CONFIG);
    page.outbox.got_credentials(USER, HOUR_MS, page.now);
    for who in [GUEST, USER, GUEST, USER] {
        page.record_as(who, false);
    }
    page.turn();
    let guest = page.batch();
    assert_eq!(guest.1, [0, 2]);
    assert_eq!(page.outbox.who(guest.0), GUEST);
    page.accept(guest.0);
    page.pass(5_000);
    let user = page.batch();
    assert_eq!(user.1, [1, 3]);
    assert_eq!(page.outbox.who(user.0), USER);
}

#[test]
fn identity_without_credentials_does_not_hold_up_another() {
    let mut page = Page::ready(CONFIG);
    page.outbox.no_credentials(USER, HOUR_MS, page.now);
    page.record_as(USER, true);
    page.record_as(GUEST, true);
    page.turn();
    assert_eq!(page.batch().1, [1]);
}

#[test]
fn endpoint_update_goes_ahead_of_events() {
    let mut page = Page::new(CONFIG);
    page.outbox.update_endpoint();
    page.turn();
    assert_eq!(page.actions, [(Action::GetCredentials, GUEST)]);
    page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
    page.record(1);
    let [update] = page.take(Action::SendEndpoint)[..] else {
        panic!("no update");
    };
    assert_eq!(page.batches(), [], "the update is not answered yet");
    page.answer(update, 202);
    assert_eq!(page.batch().1, [0]);
}

#[test]
fn endpoint_update_in_trouble_does_not_hold_up_events_and_is_tried_again() {
    let mut page = Page::ready(CONFIG);
    page.outbox.update_endpoint();
    page.record(1);
    let [update] = page.take(Action::SendEndpoint)[..] else {
        panic!("no update");
    };
    page.answer_after(update, 503, 20_000.0);
    let (request, _) = page.batch();
    page.accept(request);
    page.pass(19_999);
    assert_eq!(page.take(Action::SendEndpoint), [0; 0]);
    page.pass(1);
    assert_eq!(page.take(Action::SendEndpoint).len(), 1);
    page.record_now();
    assert_eq!(page.batch().1, [1], "nor when it is tried again");
}

#[test]
fn endpoint_that_takes_events_but_no_updates_gets_the_events() {
    let mut page = Page::ready(CONFIG);
    page.outbox.update_endpoint();
    page.record(15);
    let requests = ten_minutes(&mut page, |action, _| {
        if action == Action::SendEndpoint {
            403
        } else {
            202
        }
    });
    assert_eq!(page.ended(Action::Delivered), 15);
    assert!(requests < 250, "{requests} requests");
}

#[test]
fn refused_endpoint_update_is_not_tried_again() {
    let mut page = Page::ready(CONFIG);
    page.outbox.update_endpoint();
    page.record(1);
    let [update] = page.take(Action::SendEndpoint)[..] else {
        panic!("no update");
    };
    page.answer(update, 400);
    let (request, _) = page.batch();
    page.accept(request);
    page.pass(600_000);
    assert_eq!(page.take(Action::SendEndpoint), [0; 0]);
}

#[test]
fn later_endpoint_update_waits_for_the_answer_to_an_earlier_one() {
    let mut page = Page::ready(CONFIG);
    page.outbox.update_endpoint();
    page.turn();
    let [first] = page.take(Action::SendEndpoint)[..] else {
        panic!("no update");
    };
    page.outbox.update_endpoint();
    page.turn();
    assert_eq!(page.actions, [], "one at a time");
    page.answer(first, 202);
    assert_eq!(page.take(Action::SendEndpoint).len(), 1);
}

#[test]
fn endpoint_is_described_by_who_is_there_now() {
    let mut page = Page::ready(CONFIG);
    page.outbox.set_current(USER);
    page.outbox.update_endpoint();
    page.turn();
    assert_eq!(page.actions, [(Action::GetCredentials, USER)]);
    page.outbox.got_credentials(USER, HOUR_MS, page.now);
    page.turn();
    let [update] = page.take(Action::SendEndpoint)[..] else {
        panic!("no update");
    };
    assert_eq!(page.outbox.who(update), USER);
}

#[test]
fn events_of_an_identity_without_room_are_left_to_the_shell() {
    const STRANGER: u32 = MAX_IDENTITIES as u32;
    let mut page = Page::ready(CONFIG);
    for who in [STRANGER, STRANGER + GUEST, u32::MAX] {
        let new = NewEvent { who, ..event(100) };
        assert!(!page.outbox.record(new, true, page.now), "{who}");
        assert!(!page.outbox.load(new), "{who}");
        page.outbox.no_credentials(who, f64::NAN, page.now);
        page.outbox.got_credentials(who, HOUR_MS, page.now);
        page.outbox.set_current(who);
        page.outbox.update_endpoint();
    }
    page.load([]);
    page.record(1);
    let (request, events) = page.batch();
    assert_eq!(page.actions, [], "nobody describes the endpoint");
    assert_eq!((page.outbox.who(request), events), (GUEST, Vec::from([0])));
    assert_eq!(page.outbox.books().recorded, 1);
    let last = NewEvent {
        who: STRANGER - 1,
        ..event(101)
    };
    assert!(page.outbox.record(last, true, page.now));
}

#[test]
fn credentials_are_renewed_twice_and_then_after_a_back_off() {
    // However many requests are under way.
    for events in [1, 40] {
        let mut page = Page::ready(CONFIG);
        page.record(events);
        let mut renewed = 0;
        while page.wait().is_none_or(|wait| wait >= 10_000.0) || !page.actions.is_empty() {
            renewed += serve(&mut page, expired).0;
        }
        assert_eq!(renewed, FREE_RENEWALS, "of {events} events");
    }
}

#[test]
fn renewals_of_one_identity_are_no_reason_to_try_again_for_another() {
    let mut page = Page::ready(CONFIG);
    let users = 1..21;
    for who in users.clone() {
        page.record_as(who, true);
    }
    page.turn();
    let mut requests = 0;
    while !page.actions.is_empty() {
        requests += serve(&mut page, expired).1;
    }
    assert_eq!(requests, users.len() * (1 + FREE_RENEWALS), "at once");
}

#[test]
fn accepted_request_makes_renewals_free_again() {
    let mut page = Page::ready(CONFIG);
    for _ in 0..10 {
        page.record_now();
        let (request, _) = page.batch();
        expired(&mut page, request);
        assert_eq!(page.take(Action::GetCredentials), [GUEST]);
        page.outbox.got_credentials(GUEST, HOUR_MS, page.now);
        page.turn();
        let (request, _) = page.batch();
        page.accept(request);
        page.take(Action::Delivered);
    }
}

#[test]
fn firewall_that_forbids_everything_costs_no_more_than_two_renewals() {
    for status in [401, 403] {
        let mut page = Page::ready(CONFIG);
        page.record(1);
        let (mut renewed, mut requests) = (0, 0);
        while page.now.monotonic < 600_000.0 {
            let (renewals, answers) = serve(&mut page, |page, number| {
                page.answer_for(number, status);
            });
            renewed += renewals;
            requests += renewals + answers;
            if page.actions.is_empty() {
                page.wait_for_action();
            }
        }
        assert_eq!(renewed, FREE_RENEWALS);
        assert!((20..100).contains(&requests), "{requests} requests");
    }
}

/// Ten minutes of an endpoint whose clock seems to be another one with each answer.
#[test]
fn clocks_that_contradict_each_other_make_no_busy_loop() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let mut requests = 0;
    while page.now.monotonic < 600_000.0 {
        for (action, number) in core::mem::take(&mut page.actions) {
            requests += 1;
            if action == Action::GetCredentials {
                page.outbox.got_credentials(number, HOUR_MS, page.now);
                page.turn();
                continue;
            }
            page.answer_with(
                number,
                Answer {
                    status: 403,
                    has_message_body: true,
                    date: page.now.wall + f64::from(requests % 2) * HOUR_MS,
                    ..Answer::NONE
                },
            );
        }
        if page.actions.is_empty() {
            page.wait_for_action();
        }
    }
    assert!(requests < 200, "{requests} requests");
}

#[test]
fn endpoint_update_that_something_else_answered_is_sent_again() {
    for status in [200, 302, 400, 404, 413] {
        let mut page = Page::ready(CONFIG);
        page.outbox.update_endpoint();
        page.turn();
        let [update] = page.take(Action::SendEndpoint)[..] else {
            panic!("no update");
        };
        page.answer_for(update, status);
        page.wait_for_action();
        assert_eq!(page.take(Action::SendEndpoint).len(), 1, "{status}");
    }
}

#[test]
fn portal_that_says_yes_to_everything_makes_no_renewals_free() {
    let mut page = Page::ready(CONFIG);
    page.record(1);
    let (mut renewed, mut requests) = (0, 0_u32);
    while page.now.monotonic < 600_000.0 {
        for (action, number) in core::mem::take(&mut page.actions) {
            requests += 1;
            if action == Action::GetCredentials {
                renewed += 1;
                page.outbox.got_credentials(number, HOUR_MS, page.now);
                page.turn();
            } else {
                page.answer_for(number, if requests.is_multiple_of(2) { 200 } else { 403 });
            }
        }
        if page.actions.is_empty() {
            page.wait_for_action();
        }
    }
    assert_eq!(renewed, FREE_RENEWALS);
    assert!(requests < 200, "{requests} requests");
}
