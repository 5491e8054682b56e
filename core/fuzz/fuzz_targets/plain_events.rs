//! Any body of `POST /v1/events`: the events that are read keep to the limits, and PutEvents takes each.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::json::Value;
use forebay_core::time::Timestamp;
use forebay_core::wire::plain::{Body, MAX_EVENTS, PlainEvent};
use forebay_core::wire::put_events::Request;

forebay_core_fuzz::target!(|input: (bool, i64, &[u8])| {
    let (is_ndjson, arrival, body) = input;
    let Ok(body) = Body::read(body, is_ndjson) else {
        return;
    };
    assert!((1..=MAX_EVENTS).contains(&body.events.len()));
    assert!(matches!(body.shared, Value::Null | Value::Object(_)));
    for event in body.events.iter().flatten() {
        let Ok(event) = PlainEvent::read(event, &body.shared, Timestamp(arrival)) else {
            continue;
        };
        let request = event.to_put_events("endpoint", "event");
        let request = Request::decode(request.as_bytes()).expect("a request");
        assert_eq!(request.batches[0].events.len(), 1);
        let _ = request.batches[0].events[0].read();
    }
});
