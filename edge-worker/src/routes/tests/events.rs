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
    let id = |index: usize| format!("6fb4c4f2-0000-4000-8000-0000000000{index:02}");
    let events: serde_json::Map<String, Value> = (0..40)
        .map(|index| {
            let email = if index % 3 == 0 {
                "nobody"
            } else {
                "a@example.com"
            };
            (id(index), event(json!({ "email": email, "n": null })))
        })
        .collect();
    let mut count = 0;
    let failing = RefCell::new(Vec::new());
    let (items, _) = put_events(&batch(Value::Object(events)), |call| {
        let errors: Vec<_> = sent_records(call)
            .iter()
            .map(|record| {
                count += 1;
                let fails = record.contains(&id(7)) || record.contains(&id(9));
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
        assert_eq!(items[id(index)]["StatusCode"], expected, "e{index:02}");
    }
}

/// Text that stands in the place of an event, between two that are valid.
#[test]
fn an_event_that_cannot_be_read_is_refused_alone() {
    let config = config();
    let good = event(json!({ "email": "a@example.com" }));
    let time = Timestamp(ARRIVAL.0 - 1_000).to_iso8601();
    let signed_up = |attributes: &[u8]| {
        let head = format!(r#"{{"EventType":"SignUpEvent","Timestamp":"{time}","Attributes":"#);
        [head.as_bytes(), attributes, b"}"].concat()
    };
    for (bad, reason) in [
        (signed_up(br#"{"email":NaN}"#), "not readable"),
        (
            signed_up(br#"{"email":"a@example.com","email":"b@example.com"}"#),
            "each name once",
        ),
        (signed_up(b"{\"email\":\"\xff\xfe\"}"), "not UTF-8"),
        (signed_up(b"{\"em\xc3il\":1}"), "not UTF-8"),
        (signed_up(br#"{"email":[1}"#), "not readable"),
        (signed_up(br#"{"email":"a\q"}"#), "not readable"),
        (signed_up(b"{\"email\":\"a\nb\"}"), "control character"),
        (b"undefined".to_vec(), "not readable"),
        (br#""text""#.to_vec(), "an object"),
    ] {
        let body = [
            br#"{"BatchItem":{"client-1":{"Endpoint":{},"Events":{"good":"#.as_slice(),
            good.to_string().as_bytes(),
            br#","bad":"#,
            &bad,
            br#","also":"#,
            good.to_string().as_bytes(),
            b"}}}}",
        ]
        .concat();
        let head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
        let (answer, _, calls) = serve(&head, &config, &body, all_stored);
        let items = items(&answer);
        let shown = String::from_utf8_lossy(&bad);
        assert_eq!(items["good"]["StatusCode"], 202, "{shown}");
        assert_eq!(items["also"]["StatusCode"], 202, "{shown}");
        assert_eq!(items["bad"]["StatusCode"], 400, "{shown}");
        let message = items["bad"]["Message"].as_str().unwrap();
        assert!(message.contains(reason), "{shown}: {message}");
        let letter: Value = serde_json::from_str(&sent_records(&calls[1])[0]).unwrap();
        assert_eq!(letter["event_id"], "bad");
        // What many readers of JSON would not take is kept as text.
        let is_json = bad == br#""text""#;
        let format = if is_json { "put_events" } else { "text" };
        assert_eq!(letter["format"], format, "{letter}");
        assert!(letter["event"].is_string(), "{letter}");
    }
}

#[test]
fn events_that_share_an_id_are_refused_and_their_neighbour_is_not() {
    let good = event(json!({ "email": "a@example.com" }));
    let events = format!(r#"{{"twice":{good},"once":{good},"twice":{good}}}"#);
    let body = format!(r#"{{"BatchItem":{{"client-1":{{"Endpoint":{{}},"Events":{events}}}}}}}"#);
    let config = config();
    let head = signed(&config, "POST", EVENTS, body.as_bytes(), ARRIVAL);
    let (answer, line, calls) = serve(&head, &config, body.as_bytes(), all_stored);
    assert_eq!(answer.body.matches(r#""twice""#).count(), 1);
    let items = items(&answer);
    assert_eq!(items["twice"]["StatusCode"], 400);
    assert_eq!(items["once"]["StatusCode"], 202);
    assert_eq!(sent_records(&calls[1]).len(), 2, "dead letters");
    assert!(line.contains(r#""accepted":1,"duplicate":0,"invalid":2"#));
}

#[test]
fn an_endpoint_id_that_cannot_be_one_takes_no_other_with_it() {
    let good = event(json!({ "email": "a@example.com" }));
    let batch = json!({ "Endpoint": {}, "Events": { "e1": good } });
    let long = "i".repeat(300);
    let body = json!({ "BatchItem": { "": batch, long.clone(): batch, "client-1": batch } });
    let body = body.to_string().into_bytes();
    let config = config();
    let head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    let (answer, _, calls) = serve(&head, &config, &body, all_stored);
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    for (id, status) in [("", 400), (&long, 400), ("client-1", 202)] {
        let result = &answer["Results"][id];
        assert_eq!(result["EndpointItemResponse"]["StatusCode"], status, "{id}");
        assert_eq!(
            result["EventsItemResponse"]["e1"]["StatusCode"], status,
            "{id}"
        );
    }
    // Kinesis takes a key of 1 to 256 characters, and refuses a whole call for any other.
    for call in &calls {
        let body: Value = serde_json::from_str(&call.body).unwrap();
        for record in body["Records"].as_array().unwrap() {
            let key = record["PartitionKey"].as_str().unwrap();
            assert!((1..=256).contains(&key.chars().count()), "{key}");
        }
    }
}

/// Times that the lake would reject, and the nearest that it takes.
#[test]
fn a_time_that_no_table_takes_is_refused() {
    let with = |name: &str, time: &str| {
        let mut event = event(json!({ "email": "a@example.com" }));
        event["Session"] = json!({ "Id": "s", "StartTimestamp": "2026-11-21T01:02:03Z" });
        match name {
            "Timestamp" => event[name] = json!(time),
            _ => event["Session"][name] = json!(time),
        }
        event
    };
    for (name, time, status) in [
        ("Timestamp", "1999-12-31T23:59:59.999Z", 400),
        ("Timestamp", "1970-01-01T00:00:00Z", 400),
        ("Timestamp", "0000-01-01T00:00:00Z", 400),
        ("Timestamp", "-000001-01-01T00:00:00Z", 400),
        ("Timestamp", "2000-01-01T00:00:00Z", 202),
        // Later than it arrived: as if it had happened then.
        ("Timestamp", "9999-01-01T00:00:00Z", 202),
        ("StartTimestamp", "0000-12-31T23:59:59.999Z", 400),
        ("StartTimestamp", "0001-01-01T00:00:00Z", 202),
        ("StartTimestamp", "1970-01-01T00:00:00Z", 202),
        ("StopTimestamp", "0000-01-01T00:00:00Z", 400),
        ("StopTimestamp", "9999-01-01T00:00:00Z", 202),
    ] {
        let good = event(json!({ "email": "a@example.com" }));
        let body = batch(json!({ "e1": with(name, time), "good": good }));
        let (items, calls) = put_events(&body, all_stored);
        assert_eq!(items["e1"]["StatusCode"], status, "{name} {time}: {items}");
        assert_eq!(items["good"]["StatusCode"], 202);
        if status == 400 {
            let letter: Value = serde_json::from_str(&sent_records(&calls[1])[0]).unwrap();
            let reasons = &letter["reasons"];
            assert_eq!(reasons[0]["rule"], "time", "{letter}");
            assert!(reasons[0]["path"].as_str().unwrap().ends_with(name));
            assert_eq!(reasons.as_array().unwrap().len(), 1);
        }
    }
}
