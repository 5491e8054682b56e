//! Events that are sent again, within the deduplication window.

use super::*;

const ID: &str = "6fb4c4f2-0000-4000-8000-00000000000e";

/// An isolate that remembers a hundred events.
fn remembering() -> Isolate {
    let mut config = config();
    config.deduplication_window = 100;
    Isolate::new(Some(&config), Some([7; 16]), ARRIVAL)
}

fn valid() -> Value {
    event(json!({ "email": "a@example.com" }))
}

/// Each event's status, the counts of the log's line, and the ids that came to the stream.
fn send(
    isolate: &Isolate,
    events: Value,
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Value, Value, Vec<String>) {
    let config = config();
    let body = batch(events);
    let head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    let (answer, line, calls) = serve_with(isolate, &head, &config, &body, answering);
    let statuses = items(&answer)
        .as_object()
        .unwrap()
        .iter()
        .map(|(id, item)| (id.clone(), item["StatusCode"].clone()))
        .collect();
    let line: Value = serde_json::from_str(&line).unwrap();
    let written = calls.iter().filter(|call| stream_of(call) == "events");
    let ids = written.flat_map(sent_records).map(|record| {
        let record = event_stream::Record::decode(record.as_bytes()).unwrap();
        record.forebay.unwrap().event_id.into_owned()
    });
    (statuses, line["events"].clone(), ids.collect())
}

#[test]
fn what_the_stream_has_is_answered_and_not_written_again() {
    let isolate = remembering();
    let (_, _, written) = send(&isolate, json!({ ID: valid() }), all_stored);
    assert_eq!(written, [ID]);
    let other = "6fb4c4f2-0000-4000-8000-00000000000f";
    let events = json!({ ID: valid(), other: valid(), "bad": event(json!({})) });
    let (statuses, counts, written) = send(&isolate, events, all_stored);
    assert_eq!(statuses, json!({ ID: 202, other: 202, "bad": 400 }));
    assert_eq!(
        counts,
        json!({ "accepted": 1, "duplicate": 1, "invalid": 1, "throttled": 0, "failed": 0 })
    );
    assert_eq!(written, [other]);
}

#[test]
fn what_the_stream_has_not_acknowledged_is_written_again() {
    type Answering = fn(&HttpRequest) -> Result<HttpResponse, Unreachable>;
    let failing: [(Answering, u16); 3] = [
        (|_| Err(Unreachable), 500),
        (|_| Ok(answer([Some("InternalFailure")])), 500),
        (
            |_| Ok(answer([Some("ProvisionedThroughputExceededException")])),
            429,
        ),
    ];
    for (answering, status) in failing {
        let isolate = remembering();
        let (statuses, _, _) = send(&isolate, json!({ ID: valid() }), answering);
        assert_eq!(statuses[ID], status);
        let (statuses, counts, written) = send(&isolate, json!({ ID: valid() }), all_stored);
        assert_eq!(
            (&statuses[ID], &counts["accepted"]),
            (&json!(202), &json!(1))
        );
        assert_eq!(written, [ID]);
    }
}

#[test]
fn an_invalid_event_is_refused_each_time_and_may_come_again_mended() {
    let isolate = remembering();
    for _ in 0..2 {
        let (statuses, _, _) = send(&isolate, json!({ ID: event(json!({})) }), all_stored);
        assert_eq!(statuses[ID], 400);
    }
    let (statuses, _, written) = send(&isolate, json!({ ID: valid() }), all_stored);
    assert_eq!(statuses[ID], 202);
    assert_eq!(written, [ID]);
}

/// Servers write the same key for each event.
#[test]
fn a_key_that_is_no_uuid_names_an_event_together_with_what_it_says() {
    const KEY: &str = "registration_success";
    let isolate = remembering();
    let event = |number: i64| {
        let mut event = valid();
        event["Timestamp"] = json!(Timestamp(ARRIVAL.0 - number).to_iso8601());
        event
    };
    let mut ids = Vec::new();
    for number in 0..5 {
        let (statuses, counts, written) = send(&isolate, json!({ KEY: event(number) }), all_stored);
        assert_eq!(
            (&statuses[KEY], &counts["accepted"]),
            (&json!(202), &json!(1))
        );
        ids.extend(written);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "different events are different");
    let (statuses, counts, written) = send(&isolate, json!({ KEY: event(3) }), all_stored);
    assert_eq!(
        (&statuses[KEY], &counts["duplicate"]),
        (&json!(202), &json!(1))
    );
    assert!(written.is_empty(), "the same one is the same");
}

#[test]
fn the_same_event_has_the_same_id_wherever_it_arrives() {
    let id = || send(&remembering(), json!({ "key1": valid() }), all_stored).2;
    assert_eq!(id(), id());
}
