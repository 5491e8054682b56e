//! What becomes of each event, and what its answer says.

use super::*;

#[test]
fn each_event_goes_where_it_belongs_and_gets_an_answer_of_its_own() {
    let body = batch(json!({
        "good": event(json!({ "email": "a@example.com" })),
        "bad": event(json!({ "email": "nobody", "colour": "red" })),
        "unknown": { "EventType": "Nothing", "Timestamp": "2026-11-18T00:00:00Z" },
        "malformed": { "EventType": "SignUpEvent", "Timestamp": "yesterday" },
    }));
    let (items, calls) = put_events(&body, all_stored);
    assert_eq!(
        items["good"],
        json!({ "Message": "Accepted", "StatusCode": 202 })
    );
    for (id, named) in [
        ("bad", ["Attributes.email", "Attributes.colour"]),
        ("unknown", ["EventType", "SignUpEvent"]),
        ("malformed", ["Timestamp", "expected"]),
    ] {
        assert_eq!(items[id]["StatusCode"], 400, "{id}");
        let message = items[id]["Message"].as_str().unwrap();
        assert!(
            named.iter().all(|part| message.contains(part)),
            "{id}: {message}"
        );
    }
    let streams: Vec<_> = calls
        .iter()
        .map(|call| (stream_of(call), sent_records(call).len()))
        .collect();
    assert_eq!(
        streams,
        [("events".to_owned(), 1), ("dead-letters".to_owned(), 3)]
    );
}

#[test]
fn what_the_streams_do_not_have_is_to_be_sent_again() {
    let body = batch(json!({
        "good": event(json!({ "email": "a@example.com" })),
        "bad": event(json!({})),
    }));
    let (items, _) = put_events(&body, |_| Err(Unreachable));
    assert_eq!(
        (&items["good"]["StatusCode"], &items["bad"]["StatusCode"]),
        (&json!(500), &json!(500))
    );
    // Only the dead letters fail: the invalid event alone has to come again.
    let (items, _) = put_events(&body, |call| match stream_of(call).as_str() {
        "events" => all_stored(call),
        _ => Ok(answer([Some("ProvisionedThroughputExceededException")])),
    });
    assert_eq!(
        (&items["good"]["StatusCode"], &items["bad"]["StatusCode"]),
        (&json!(202), &json!(429))
    );
}

#[test]
fn an_event_never_shares_the_fate_of_its_neighbour() {
    let events: serde_json::Map<String, Value> = (0..40)
        .map(|index| {
            let email = if index % 3 == 0 {
                "nobody"
            } else {
                "a@example.com"
            };
            (
                format!("e{index:02}"),
                event(json!({ "email": email, "n": null })),
            )
        })
        .collect();
    let mut count = 0;
    let failing = RefCell::new(Vec::new());
    let (items, _) = put_events(&batch(Value::Object(events)), |call| {
        let errors: Vec<_> = sent_records(call)
            .iter()
            .map(|record| {
                count += 1;
                let fails = record.contains("e07") || record.contains("e09");
                if fails {
                    failing.borrow_mut().push(count);
                }
                fails.then_some("InternalFailure")
            })
            .collect();
        Ok(answer(errors))
    });
    assert!(!failing.borrow().is_empty());
    for index in 0..40 {
        let expected = match index {
            7 | 9 => 500,
            _ if index % 3 == 0 => 400,
            _ => 202,
        };
        assert_eq!(
            items[format!("e{index:02}")]["StatusCode"],
            expected,
            "e{index:02}"
        );
    }
}
