use std::fmt::Write as _;

use forebay_core::event::Event;
use forebay_core::wire::put_events::{
    BatchResponse, ItemResponse, MAX_BODY_BYTES, MAX_EVENT_BYTES, Request, Response,
};
use forebay_core::wire::{DecodeError, update_endpoint};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::arbitrary;
use crate::browser::{event_text, request_text};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_request_survives_its_text(
        endpoint_id in arbitrary::text_of(1..=256),
        endpoint in arbitrary::endpoint(),
        events in vec((arbitrary::text_of(1..=40), arbitrary::event()), 0..4),
    ) {
        let mut expected: Vec<(&str, &Event<'_>)> = Vec::new();
        for (id, event) in &events {
            if expected.iter().all(|(other, _)| other != id) {
                expected.push((id, event));
            }
        }
        let texts: Vec<_> = expected
            .iter()
            .map(|(id, event)| (*id, event.timestamp.to_iso8601(), event_text(event)))
            .collect();
        let body = request_text(&endpoint_id, &update_endpoint::encode(&endpoint), &texts);

        let request = Request::decode(body.as_bytes()).unwrap();
        prop_assert_eq!(request.batches.len(), 1);
        let batch = &request.batches[0];
        prop_assert_eq!(&batch.endpoint_id, &endpoint_id);
        prop_assert_eq!(&batch.endpoint.mistakes, &[]);
        prop_assert_eq!(&batch.endpoint.endpoint, &endpoint);
        let decoded: Vec<(&str, Event<'_>)> =
            batch.events.iter().map(|event| (event.id.as_ref(), event.read().event.unwrap())).collect();
        let decoded: Vec<_> = decoded.iter().map(|(id, event)| (*id, event)).collect();
        prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn a_response_survives_its_text(
        results in arbitrary::map(3, (item(), arbitrary::map(4, item())))
    ) {
        let response = Response {
            results: results
                .into_iter()
                .map(|(id, (endpoint, events))| (id, BatchResponse { endpoint, events }))
                .collect(),
        };
        let body = response.encode();
        prop_assert_eq!(Response::decode(body.as_bytes()), Ok(response));
    }
}

fn item() -> impl Strategy<Value = ItemResponse<'static>> {
    (any::<u16>(), arbitrary::text(20)).prop_map(|(status_code, message)| ItemResponse {
        status_code,
        message,
    })
}

const EVENT: &str = r#"{"EventType":"A","Timestamp":"2026-11-21T01:02:03.004Z"}"#;

/// A request of batches, each of some number of events.
fn batches_of(counts: &[usize]) -> String {
    let mut body = String::from("{\"BatchItem\":{");
    for (batch, &count) in counts.iter().enumerate() {
        let comma = if batch > 0 { "," } else { "" };
        write!(
            body,
            "{comma}\"b{batch}\":{{\"Endpoint\":{{}},\"Events\":{{"
        )
        .unwrap();
        for event in 0..count {
            let comma = if event > 0 { "," } else { "" };
            write!(body, "{comma}\"e{event}\":{EVENT}").unwrap();
        }
        body.push_str("}}");
    }
    body.push_str("}}");
    body
}

fn error_of(body: &str) -> (String, String) {
    let DecodeError { path, reason } = Request::decode(body.as_bytes()).unwrap_err();
    (path, reason)
}

#[test]
fn a_request_has_at_most_a_hundred_events_over_all_batches() {
    assert!(Request::decode(batches_of(&[100]).as_bytes()).is_ok());
    assert!(Request::decode(batches_of(&[60, 40]).as_bytes()).is_ok());
    let (path, reason) = error_of(&batches_of(&[101]));
    assert_eq!(path, "BatchItem.b0.Events");
    assert_eq!(reason, "expected at most 100 events");
    let (path, reason) = error_of(&batches_of(&[60, 41]));
    assert_eq!(path, "BatchItem");
    assert_eq!(
        reason,
        "expected at most 100 events in all batches together"
    );
}

/// A request of one event, `e`, from its JSON.
fn request_of(event: &str) -> String {
    format!("{{\"BatchItem\":{{\"b\":{{\"Endpoint\":{{}},\"Events\":{{\"e\":{event}}}}}}}}}")
}

/// The error of the one event of a request whose rest is well.
fn event_error_of(event: &str) -> (String, String) {
    let body = request_of(event);
    let request = Request::decode(body.as_bytes()).unwrap();
    let DecodeError { path, reason } = request.batches[0].events[0].read().event.unwrap_err();
    (path, reason)
}

#[test]
fn a_body_and_an_event_have_most_bytes() {
    let padded = |bytes: usize| {
        let body = request_of(EVENT);
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    assert!(Request::decode(padded(MAX_BODY_BYTES).as_bytes()).is_ok());
    assert_eq!(
        error_of(&padded(MAX_BODY_BYTES + 1)).1,
        "expected at most 4 MB"
    );

    let event_of = |bytes: usize| {
        let head = r#"{"EventType":"A","Timestamp":"2026-11-21T01:02:03.004Z","AppTitle":""#;
        format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2))
    };
    let largest = request_of(&event_of(MAX_EVENT_BYTES));
    let request = Request::decode(largest.as_bytes()).unwrap();
    assert!(request.batches[0].events[0].read().event.is_ok());
    let (path, reason) = event_error_of(&event_of(MAX_EVENT_BYTES + 1));
    assert_eq!(
        (path.as_str(), reason.as_str()),
        (
            "",
            "expected an event of at most 1,000 KB, got a larger one"
        )
    );
}

/// A path repeats no more of a name than its first 64 bytes.
#[test]
fn a_path_has_room_for_a_name() {
    let name = "\u{e9}".repeat(51);
    let event = format!(
        r#"{{"EventType":"A","Timestamp":"2026-11-21T01:02:03.004Z","Attributes":{{"{name}":1}}}}"#
    );
    let expected = format!("Attributes.{}", "\u{e9}".repeat(32));
    assert_eq!(
        event_error_of(&event),
        (expected, "expected a string, got a number".to_owned())
    );
}

/// What is sent comes back with the reason, whole, for the dead letters.
#[test]
fn a_malformed_event_is_kept_as_it_was_sent() {
    let sent = r#"{"EventType":"A","Timestamp":12,"Extra":[1.50,null]}"#;
    let body = request_of(sent);
    let request = Request::decode(body.as_bytes()).unwrap();
    let read = request.batches[0].events[0].read();
    assert!(read.event.is_err());
    let mut writer = forebay_core::json::Writer::new();
    writer.value(&read.sent.unwrap());
    assert_eq!(writer.finish(), sent);
}

/// Nesting and numbers of values that no event has end the reading of this one, at little cost.
#[test]
fn hostile_events_are_refused_alone() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(
        event_error_of(&deep)
            .1
            .ends_with("nested deeper than allowed")
    );
    let many = format!("[{}1]", "1,".repeat(1_000_000));
    assert!(
        event_error_of(&many)
            .1
            .ends_with("more values than allowed")
    );
    // Brackets that are never closed leave no event to refuse.
    let open = request_of(&"[{".repeat(100_000));
    assert!(error_of(&open).1.starts_with("not readable as JSON"));
}

#[test]
fn a_request_has_at_most_a_hundred_endpoints() {
    assert!(Request::decode(batches_of(&[0; 100]).as_bytes()).is_ok());
    let (path, reason) = error_of(&batches_of(&[0; 101]));
    assert_eq!(path, "BatchItem");
    assert_eq!(reason, "expected at most 100 endpoints");
}
