//! When an event happened: what is corrected, what is left as it was sent, and what is said of a time
//! that is none.

use super::*;

fn stored(calls: &[HttpRequest]) -> Vec<Value> {
    let records = calls.iter().filter(|call| stream_of(call) == "events");
    let records = records.flat_map(sent_records);
    records
        .map(|record| serde_json::from_str(&record).unwrap())
        .collect()
}

fn at(time: i64) -> Value {
    let time = Timestamp(ARRIVAL.0 + time).to_iso8601();
    json!({
        "EventType": "SignUpEvent",
        "Timestamp": time,
        "Attributes": { "email": "a@example.com" },
        "Session": { "Id": "s", "StartTimestamp": time },
    })
}

/// Sends an event by a clock that is so far ahead, in a request that is so long on its way; gives its
/// time, less the arrival of the first request, and the time that was sent.
fn sent(isolate: &Isolate, config: &Config, happened: i64, ahead: i64, transit: i64) -> [i64; 3] {
    let body = batch(json!({ "key": at(happened + ahead) }));
    let clock = Timestamp(ARRIVAL.0 + happened + ahead);
    let mut head = signed(config, "POST", EVENTS, &body, clock);
    head.arrival = Timestamp(ARRIVAL.0 + happened + transit);
    let (answer, _, calls) = serve_with(isolate, &head, config, &body, all_stored);
    assert_eq!(items(&answer)["key"]["StatusCode"], 202, "{}", answer.body);
    let record = &stored(&calls)[0];
    let time = record["event_timestamp"].as_i64().unwrap();
    let original = &record["forebay"]["original_event_timestamp"];
    let session = record["session"]["start_timestamp"].as_i64().unwrap();
    [time, original.as_i64().unwrap_or(time), session].map(|time| time - ARRIVAL.0)
}

#[test]
fn the_way_of_a_request_moves_no_event_and_swaps_no_batches() {
    let (config, isolate) = (config(), new_isolate());
    // The first batch is 20 s on its way, and overtaken by the second.
    assert_eq!(sent(&isolate, &config, 0, 0, 20_000), [0; 3]);
    assert_eq!(sent(&isolate, &config, 5_000, 0, 100), [5_000; 3]);
    assert_eq!(sent(&isolate, &config, 6_000, 0, 299_000), [6_000; 3]);
    // A clock that is behind cannot be told from that.
    assert_eq!(sent(&isolate, &config, 7_000, -120_000, 0), [-113_000; 3]);
}

#[test]
fn a_clock_ahead_of_the_arrival_is_corrected_and_what_it_said_is_kept() {
    let config = config();
    assert_eq!(
        sent(&new_isolate(), &config, 0, 120_000, 0),
        [0, 120_000, 0]
    );
    let isolate = new_isolate();
    for (happened, transit) in [
        (0, 0),
        (1_000, 20_000),
        (2_000, 0),
        (3_000, 900),
        (4_000, 15_000),
    ] {
        let times = sent(&isolate, &config, happened, 30_000, transit);
        assert_eq!(times, [happened, happened + 30_000, happened], "{transit}");
    }
}

#[test]
fn no_time_is_corrected_where_that_is_switched_off() {
    let mut config = config();
    config.enrichment.clock = false;
    let times = sent(&new_isolate(), &config, 0, 120_000, 0);
    assert_eq!(times, [120_000; 3]);
}

/// Forebay's own client sends times by the worker's clock, and says what it has added to its own.
#[test]
fn the_offset_that_the_client_says_is_kept() {
    let config = config();
    let body = batch(json!({ "key": at(-1_000) }));
    let issued = credentials(&config);
    for (query, offset) in [
        ("offset=-3600500", json!(-3_600_500)),
        ("offset=0", Value::Null),
    ] {
        let request = sigv4::Request {
            method: "POST",
            path: EVENTS,
            query,
            headers: &[("host", "edge.example")],
            body: &body,
        };
        let query = sigv4::presign(&request, &keys(&issued), &SCOPE, ARRIVAL, 300);
        let mut head = head("POST", EVENTS, &[("host", "edge.example")]);
        head.query = query;
        let (answer, _, calls) = serve(&head, &config, &body, all_stored);
        assert_eq!(items(&answer)["key"]["StatusCode"], 202);
        let record = &stored(&calls)[0];
        assert_eq!(record["event_timestamp"], ARRIVAL.0 - 1_000);
        assert_eq!(record["forebay"]["clock_offset"], offset);
        assert_eq!(record["forebay"]["original_event_timestamp"], Value::Null);
    }
}

#[test]
fn a_time_without_a_zone_is_told_that_the_zone_is_missing() {
    let message = |time: &str, session: Option<&str>| {
        let mut event = at(0);
        event["Timestamp"] = json!(time);
        if let Some(time) = session {
            event["Session"]["StartTimestamp"] = json!(time);
        }
        let (items, _) = put_events(&batch(json!({ "key": event })), all_stored);
        assert_eq!(items["key"]["StatusCode"], 400, "{items}");
        items["key"]["Message"].as_str().unwrap().to_owned()
    };
    for time in [
        "2026-11-18T06:26:40",
        "2026-11-18T06:26:40.123",
        "2026-11-18T06:26:40.123456",
        "2026-11-18 06:26:40",
        "2026-11-18 06:26:40.123456",
        "2026-11-18T06:26",
        "2026-11-18 06:26",
    ] {
        let message = message(time, None);
        assert!(
            message.contains("Timestamp: expected a date and time with its zone"),
            "{message}"
        );
        assert!(message.ends_with("got one without a zone"), "{message}");
    }
    let session_start = message("2026-11-18T06:26:40Z", Some("2026-11-18T06:26:40"));
    assert!(
        session_start.contains("Session.StartTimestamp: "),
        "{session_start}"
    );
    assert!(session_start.ends_with("without a zone"), "{session_start}");
    for time in [
        "2026-11-18",
        "yesterday",
        "",
        "2026-11-31T06:26:40",
        "2026-11-18T06:26:40+",
    ] {
        let message = message(time, None);
        assert!(!message.contains("zone"), "{message}");
    }
}

/// A field that is a date and time has to say its zone, too.
#[test]
fn an_attribute_without_a_zone_is_told_what_it_has_to_have() {
    let schema = r#"{"$defs":{"Seen":{"type":"object","properties":{
        "at":{"type":"string","format":"date-time"}}}}}"#;
    let config = Config {
        schema: Schema::parse(schema.as_bytes()).unwrap(),
        ..config()
    };
    let mut event = at(-1_000);
    event["EventType"] = json!("Seen");
    event["Attributes"] = json!({ "at": "2026-11-18T06:26:40" });
    let body = batch(json!({ "key": event }));
    let head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    let (answer, _, _) = serve(&head, &config, &body, all_stored);
    let message = items(&answer)["key"]["Message"].to_string();
    assert!(
        message.contains("a date and time with its zone"),
        "{message}"
    );
}
