//! Several sinks at once: who gets which record, and what the answer depends on.

use std::cell::RefCell;
use std::collections::BTreeMap;

use futures_executor::block_on;
use serde_json::json;

use super::routing::Sinks;
use super::sinks::Service;
use super::target::Target;
use super::*;
use crate::delivery::breaker::BreakerState;
use crate::delivery::pattern::Pattern;
use crate::delivery::sinks::kinesis::tests::{answer, sent_records, stream};
use crate::platform::simulated::Simulated;
use crate::platform::{Clock, HttpRequest, HttpResponse, Unreachable};

/// A required stream without a filter.
pub(crate) fn kinesis(name: &str) -> Target {
    target(name, None, true)
}

fn target(name: &str, filter: Option<&str>, is_required: bool) -> Target {
    let filter = filter.map(|filter| Pattern::parse(filter).unwrap());
    Target::new(
        name.into(),
        Service::Kinesis(stream(name)),
        filter,
        is_required,
    )
}

fn sinks(targets: impl IntoIterator<Item = Target>) -> Sinks {
    Sinks::new(targets.into_iter().collect(), kinesis("dead-letters"))
}

fn records(types: &[&str]) -> Vec<Record<'static>> {
    let data = |event_type: &&str| format!("{}\n", json!({ "event_type": event_type }));
    let record = |event_type| Record {
        data: data(event_type),
        partition_key: "client".into(),
    };
    types.iter().map(record).collect()
}

fn stream_of(call: &HttpRequest) -> String {
    let body: serde_json::Value = serde_json::from_str(&call.body).unwrap();
    body["StreamName"].as_str().unwrap().to_owned()
}

fn stored(call: &HttpRequest) -> Result<HttpResponse, Unreachable> {
    Ok(answer(sent_records(call).iter().map(|_| None)))
}

/// The event types that each stream got.
fn received(calls: &[HttpRequest]) -> BTreeMap<String, Vec<String>> {
    let mut received: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for call in calls {
        let types = sent_records(call).into_iter().map(|data| {
            let record: serde_json::Value = serde_json::from_str(&data).unwrap();
            record["event_type"].as_str().unwrap().to_owned()
        });
        received.entry(stream_of(call)).or_default().extend(types);
    }
    received
}

#[test]
fn each_sink_gets_what_its_filter_takes() {
    let sinks = sinks([
        target("a", Some(r#"{"event_type":[{"prefix":"_session"}]}"#), true),
        target(
            "b",
            Some(r#"{"event_type":[{"anything-but":["C"]}]}"#),
            true,
        ),
        target("later", Some(r#"{"event_type":["A"]}"#), false),
    ]);
    let platform = Simulated::new(stored);
    let events = records(&["A", "_session.start", "C", "B"]);
    let delivered = block_on(sinks.deliver(&events, &[], &platform));
    // No sink takes C: there is nothing to wait for, and it is counted.
    assert_eq!(delivered.filtered, [2]);
    assert_eq!(delivered.events.outcomes, [Outcome::Accepted; 4]);
    assert_eq!(delivered.events.requests, 2);
    let expected = |entries: &[(&str, &[&str])]| -> BTreeMap<String, Vec<String>> {
        let types = |types: &[&str]| types.iter().map(ToString::to_string).collect();
        entries
            .iter()
            .map(|(name, of)| (name.to_string(), types(of)))
            .collect()
    };
    let calls = platform.sent.take();
    assert_eq!(
        received(&calls),
        expected(&[
            ("a", &["_session.start"]),
            ("b", &["A", "_session.start", "B"])
        ])
    );
    assert!(sinks.has_later());
    let later = block_on(sinks.deliver_later(&platform));
    assert_eq!(later.len(), 1);
    assert_eq!(
        (later[0].sink, &later[0].delivery.outcomes[..]),
        ("later", &[Outcome::Accepted][..])
    );
    assert_eq!(
        received(&platform.sent.take()),
        expected(&[("later", &["A"])])
    );
    assert!(!sinks.has_later());
}

#[test]
fn the_answer_is_the_worst_of_the_required_sinks() {
    let sinks = sinks([kinesis("a"), kinesis("b"), target("later", None, false)]);
    let platform = Simulated::new(|call: &HttpRequest| {
        let fails =
            |data: &String| (stream_of(call) == "b" && data.contains("B")).then_some("Throttling");
        Ok(answer(sent_records(call).iter().map(fails)))
    });
    let delivered = block_on(sinks.deliver(&records(&["A", "B"]), &[], &platform));
    assert_eq!(
        delivered.events.outcomes,
        [Outcome::Accepted, Outcome::Throttled]
    );
    // B is sent again by whoever sent it; only then the others get it.
    platform.sent.take();
    block_on(sinks.deliver_later(&platform));
    assert_eq!(received(&platform.sent.take())["later"], ["A"]);
}

#[test]
fn a_sink_that_is_not_required_changes_and_delays_no_answer() {
    let sinks = sinks([kinesis("a"), target("later", None, false)]);
    let platform = Simulated::new(|call: &HttpRequest| match stream_of(call).as_str() {
        "later" => Err(Unreachable),
        _ => stored(call),
    });
    let started = platform.now();
    let delivered = block_on(sinks.deliver(&records(&["A"]), &[], &platform));
    assert_eq!(delivered.events.outcomes, [Outcome::Accepted]);
    assert!(platform.now().0 - started.0 < 100);
    let later = block_on(sinks.deliver_later(&platform));
    assert_eq!(later[0].delivery.outcomes, [Outcome::Failed]);
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let sinks = sinks([kinesis("a"), target("later", None, false)]);
    let platform = Simulated::new(stored);
    let large = |_| Record {
        data: format!(
            "{{\"event_type\":\"A\",\"a\":\"{}\"}}\n",
            "x".repeat(1_000_000)
        ),
        partition_key: "client".into(),
    };
    let events: Vec<Record<'_>> = (0..10).map(large).collect();
    block_on(sinks.deliver(&events, &[], &platform));
    let later = block_on(sinks.deliver_later(&platform));
    assert_eq!((later[0].delivery.outcomes.len(), later[0].dropped), (8, 2));
}

#[test]
fn a_dead_sink_is_left_alone_and_found_again() {
    let sinks = sinks([kinesis("a")]);
    let is_down = RefCell::new(true);
    let platform = Simulated::new(|call: &HttpRequest| match *is_down.borrow() {
        true => Ok(HttpResponse::new(500, "")),
        false => stored(call),
    });
    let deliver = || block_on(sinks.deliver(&records(&["A"]), &[], &platform)).events;
    // Four calls each, until there are twenty.
    for _ in 0..5 {
        assert_eq!(deliver().requests, 4);
    }
    assert_eq!(sinks.targets[0].breaker_state(), BreakerState::Open);
    assert!(block_on(sinks.statuses(&platform))[0].1.is_err());
    platform.sent.take();
    let started = platform.now();
    let delivery = deliver();
    assert_eq!(delivery.outcomes, [Outcome::Failed]);
    assert!(platform.sent.take().is_empty() && platform.now() == started);
    *is_down.borrow_mut() = false;
    block_on(platform.wait(Duration::from_secs(5)));
    assert_eq!(deliver().outcomes, [Outcome::Accepted]);
    assert_eq!(sinks.targets[0].breaker_state(), BreakerState::Closed);
}

#[test]
fn a_record_has_to_fit_into_every_required_sink() {
    assert_eq!(sinks([kinesis("a")]).max_record_bytes(), MAX_RECORD_BYTES);
    let bus = |is_required| {
        let bus = sinks::event_bridge::EventBus {
            access: sinks::kinesis::tests::access("https://events.eu-north-1.amazonaws.com"),
            name: None,
            source: "forebay".into(),
            detail_type: None,
            limits: forebay_aws_call::event_bridge::LIMITS,
        };
        Target::new("bus".into(), Service::EventBridge(bus), None, is_required)
    };
    assert_eq!(
        sinks([kinesis("a"), bus(false)]).max_record_bytes(),
        MAX_RECORD_BYTES
    );
    assert_eq!(
        sinks([kinesis("a"), bus(true)]).max_record_bytes(),
        256 * 1024 - 7 - 128
    );
}
