//! Records on their way through the queue.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use futures_executor::block_on;
use proptest::prelude::*;

use super::consume::{Received, Verdict};
use super::message::{MAX_MESSAGE_BYTES, packed, unpacked};
use super::*;
use crate::delivery::Outcome;
use crate::delivery::routing::Sinks;
use crate::delivery::sinks::kinesis::tests::{answer, sent_records};
use crate::delivery::tests::kinesis;
use crate::platform::simulated::Simulated;
use crate::platform::{HttpRequest, HttpResponse, Unreachable};

fn record(key: &str, bytes: usize) -> Record<'static> {
    Record {
        data: format!("{}\n", "x".repeat(bytes)),
        partition_key: key.to_owned().into(),
    }
}

fn sinks() -> Sinks {
    let sinks = Sinks::new(vec![kinesis("events")], kinesis("dead-letters"));
    sinks.behind(Some(Queue::new("QUEUE")))
}

fn stored(call: &HttpRequest) -> Result<HttpResponse, Unreachable> {
    Ok(answer(sent_records(call).iter().map(|_| None)))
}

fn queued(platform: &Simulated<'_>) -> Vec<String> {
    let messages = platform.queued.take().into_iter();
    messages.map(|(_, message)| message).collect()
}

fn received(messages: &[String]) -> Vec<Received<'_>> {
    let received = |body| Received { body, attempts: 1 };
    messages
        .iter()
        .map(|body| received(body.as_str()))
        .collect()
}

proptest! {
    #[test]
    fn what_is_packed_comes_out_again_and_keeps_the_limits(
        sizes in proptest::collection::vec((0_usize..60_000, "[^\\x00]{0,40}"), 0..30),
    ) {
        let records: Vec<_> = sizes.iter().map(|(bytes, key)| record(key, *bytes)).collect();
        let sink = QueueSink { binding: "QUEUE".into(), kind: Kind::Events };
        let indices: Vec<usize> = (0..records.len()).collect();
        let byte_len = |index: &usize| sink.byte_len(&records[*index]);
        let mut out = Vec::new();
        for call in sink.limits().cut(&indices, byte_len) {
            let call: Vec<_> = call.iter().map(|index| &records[*index]).collect();
            let messages = packed(&call, Kind::Events);
            prop_assert!(messages.len() <= 5);
            prop_assert!(messages.iter().map(|it| it.len() + 256).sum::<usize>() <= 256_000);
            for (at, message) in messages.iter().enumerate() {
                prop_assert!(message.len() <= MAX_MESSAGE_BYTES);
                let (kind, records) = unpacked(message).unwrap();
                prop_assert_eq!(kind, Kind::Events);
                // As many as fit: the first of the next message had no room in this one.
                if let Some(next) = messages.get(at + 1) {
                    let (_, next) = unpacked(next).unwrap();
                    prop_assert!(message.len() + next[0].byte_len() + 32 > MAX_MESSAGE_BYTES);
                }
                let owned = records.into_iter().map(|record| Record {
                    partition_key: record.partition_key.into_owned().into(),
                    data: record.data,
                });
                out.extend(owned);
            }
        }
        prop_assert_eq!(out, records);
    }

    #[test]
    fn any_text_is_a_message_or_none(text in ".*", cut in 0_usize..1_000) {
        let _ = unpacked(&text);
        let whole = packed(&[&record("key", 20), &record("\u{e9}", 3)], Kind::DeadLetters);
        let cut = whole[0].get(..cut % whole[0].len()).unwrap_or_default();
        prop_assert!(unpacked(cut).is_none_or(|(_, records)| records.len() < 2));
        let _ = unpacked(&format!("forebay-queue/1 events\n{text}"));
    }
}

#[test]
fn an_event_is_accepted_once_the_queue_has_it_and_no_sink_is_asked() {
    let (sinks, platform) = (sinks(), Simulated::new(|_| Err(Unreachable)));
    let events: Vec<_> = (0..100)
        .map(|at| record(&format!("c{at}"), 1_000))
        .collect();
    let letters = [record("c", 500)];
    let delivered = block_on(sinks.deliver(&events, &letters, &platform));
    assert_eq!(delivered.events.outcomes, vec![Outcome::Accepted; 100]);
    assert_eq!(delivered.dead_letters.outcomes, [Outcome::Accepted]);
    assert_eq!(platform.sent.take().len(), 0);
    let messages = queued(&platform);
    // A hundred events of one request are one message.
    assert_eq!(messages.len(), 2);
}

#[test]
fn what_the_queue_does_not_take_is_answered_so_that_it_is_sent_again() {
    for (error, outcome) in [
        (QueueError::Busy, Outcome::Throttled),
        (QueueError::Failed, Outcome::Failed),
    ] {
        let (sinks, platform) = (sinks(), Simulated::new(stored));
        platform.queue_errors.borrow_mut().extend([error; 4]);
        let delivered = block_on(sinks.deliver(&[record("c", 10)], &[], &platform));
        assert_eq!(delivered.events.outcomes, [outcome]);
        assert_eq!(queued(&platform).len(), 0);
        // It is tried again before that.
        platform.queue_errors.borrow_mut().extend([error; 3]);
        let delivered = block_on(sinks.deliver(&[record("c", 10)], &[], &platform));
        assert_eq!(delivered.events.outcomes, [Outcome::Accepted]);
        assert_eq!(queued(&platform).len(), 1);
    }
}

#[test]
fn a_record_too_large_for_a_message_goes_to_the_sinks_themselves() {
    let (sinks, platform) = (sinks(), Simulated::new(stored));
    let events = [record("a", 10), record("b", 200_000), record("c", 10)];
    let delivered = block_on(sinks.deliver(&events, &[record("d", 300_000)], &platform));
    assert_eq!(delivered.events.outcomes, [Outcome::Accepted; 3]);
    assert_eq!(delivered.dead_letters.outcomes, [Outcome::Accepted]);
    let messages = queued(&platform);
    let (_, records) = unpacked(&messages[0]).unwrap();
    assert_eq!((messages.len(), records.len()), (1, 2));
    let sizes: BTreeSet<_> = platform
        .sent
        .take()
        .iter()
        .flat_map(sent_records)
        .map(|record| record.len())
        .collect();
    assert_eq!(sizes, BTreeSet::from([200_001, 300_001]));
    // A sink that fails there is told of that record alone.
    let platform = Simulated::new(|_| Err(Unreachable));
    let delivered = block_on(sinks.deliver(&events, &[], &platform));
    use Outcome::{Accepted, Failed};
    assert_eq!(delivered.events.outcomes, [Accepted, Failed, Accepted]);
}

#[test]
fn a_batch_of_many_visitors_becomes_full_calls() {
    let (sinks, platform) = (sinks(), Simulated::new(stored));
    for visitor in 0..200 {
        let events: Vec<_> = (0..5)
            .map(|at| record(&format!("{visitor}-{at}"), 100))
            .collect();
        let delivered = block_on(sinks.deliver(&events, &[], &platform));
        assert_eq!(delivered.events.outcomes, [Outcome::Accepted; 5]);
    }
    let messages = queued(&platform);
    assert_eq!(messages.len(), 200);
    let consumed = block_on(sinks.consume(&received(&messages), &platform));
    assert_eq!(consumed.verdicts, vec![Verdict::Acknowledge; 200]);
    let calls = platform.sent.take();
    // A thousand records in calls of five hundred.
    assert_eq!(calls.len(), 2);
    assert_eq!(sent_records(&calls[0]).len(), 500);
}

#[test]
fn a_message_is_acknowledged_by_itself_and_comes_again_ever_later() {
    let sinks = sinks();
    let refused = RefCell::new("bad".to_owned());
    let platform = Simulated::new(|call: &HttpRequest| {
        let refused = refused.borrow();
        let records = sent_records(call);
        let results = records.iter().map(|record| {
            let is_refused = record.contains(refused.as_str());
            is_refused.then_some("InternalFailure")
        });
        Ok(answer(results.collect::<Vec<_>>()))
    });
    let text = |text: &str| Record {
        data: format!("{text}\n"),
        partition_key: "k".into(),
    };
    let message = |texts: &[&str], kind| {
        let records: Vec<_> = texts.iter().map(|it| text(it)).collect();
        let records: Vec<_> = records.iter().collect();
        packed(&records, kind).remove(0)
    };
    let messages = [
        message(&["a", "b"], Kind::Events),
        message(&["c", "bad"], Kind::Events),
        "nothing of ours".to_owned(),
        message(&["letter"], Kind::DeadLetters),
        message(&["bad letter"], Kind::DeadLetters),
    ];
    let consumed = block_on(sinks.consume(&received(&messages), &platform));
    let is_done: Vec<_> = consumed
        .verdicts
        .iter()
        .map(|it| *it == Verdict::Acknowledge)
        .collect();
    assert_eq!(is_done, [true, false, false, true, false]);
    assert_eq!(consumed.unreadable, 1);
    let mut last = Duration::ZERO;
    for attempts in [1, 2, 3, 5, 8, 100] {
        let received = Received {
            body: &messages[1],
            attempts,
        };
        let consumed = block_on(sinks.consume(&[received], &platform));
        let [Verdict::Retry(delay)] = consumed.verdicts[..] else {
            panic!("it is not delivered")
        };
        assert!(
            delay >= last / 2 && delay >= Duration::from_secs(2),
            "{delay:?}"
        );
        assert!(delay <= Duration::from_secs(600), "{delay:?}");
        last = delay;
    }
    refused.replace("nothing".to_owned());
    let consumed = block_on(sinks.consume(&received(&messages[..2]), &platform));
    assert_eq!(consumed.verdicts, [Verdict::Acknowledge; 2]);
}
