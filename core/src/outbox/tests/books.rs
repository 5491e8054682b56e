//! The books after every short run of calls, each with each: the sum holds, an event ends once, and what the books say of
//! an end is how often the shell was told of it.

use std::collections::BTreeSet;

use super::*;

const STEPS: u8 = 11;
const LONGEST: usize = 5;

const SMALL: Config = Config {
    batch_events: 2,
    queue_events: 3,
    resident_events: 1,
    interval_ms: 0.0,
    ..CONFIG
};

/// One call of a shell, or the answer to the oldest request.
fn step(page: &mut Page, sent: &mut Vec<Sent>, step: u8) {
    let newest = page.next.saturating_sub(1);
    match step {
        0 => page.record(1),
        1 => page.record(3),
        2 => {
            page.outbox.evict(newest);
            page.turn();
        }
        3 => {
            page.next += 1;
            let event = event(page.next - 1);
            page.load([event]);
        }
        4 => {
            page.outbox.loaded();
            page.turn();
        }
        5 => {
            page.outbox.ended_elsewhere(newest, Action::Rejected);
            page.turn();
        }
        6 => page.outbox.hidden(100, page.now),
        7 => page.pass(70_000.0),
        _ if sent.is_empty() => {}
        _ => {
            let (request, _) = sent.remove(0);
            match step {
                8 => page.answer_each(request, |event| if event % 2 == 0 { 202 } else { 400 }),
                9 => page.answer(request, 400),
                _ => page.answer(request, 503),
            }
        }
    }
    sent.extend(page.batches());
}

#[test]
fn the_books_hold_after_any_calls() {
    let steps = bolero::produce::<Vec<u8>>()
        .with()
        .len(0..=LONGEST)
        .values(0..STEPS);
    bolero::check!()
        .exhaustive()
        .with_generator(steps)
        .for_each(|steps| {
            let mut page = Page::ready(SMALL);
            let mut sent = Vec::new();
            for one in steps {
                step(&mut page, &mut sent, *one);
            }
            let mut ended = BTreeSet::new();
            for end in Action::ENDS {
                let told = page.take(end);
                if end != Action::DroppedLost {
                    assert_eq!(told.len() as u32, page.ended(end), "{end:?}");
                    assert!(
                        told.into_iter().all(|event| ended.insert(event)),
                        "{end:?} again"
                    );
                }
            }
        });
}
