//! What a record says, and texts that a record cannot hold as they were sent.

use super::*;

#[test]
fn a_record_says_who_where_on_what_and_when() {
    let config = config();
    let mut sent = event(json!({ "email": "a@example.com" }));
    sent["Session"] =
        json!({ "Id": "s1", "StartTimestamp": Timestamp(ARRIVAL.0 - 90_000).to_iso8601() });
    let id = "6fb4c4f2-0000-4000-8000-00000000000e";
    let body = batch(json!({ id: sent }));
    // A request that was a minute on its way.
    let mut head = signed(
        &config,
        "POST",
        EVENTS,
        &body,
        Timestamp(ARRIVAL.0 - 60_000),
    );
    head.headers
        .push(("accept-language".into(), "sv-SE,sv;q=0.9".into()));
    head.cf = serde_json::from_str(r#"{"country":"SE","timezone":"Europe/Stockholm"}"#).unwrap();
    let (answered, line, calls) = serve(&head, &config, &body, all_stored);
    assert_eq!(items(&answered)[id]["StatusCode"], 202);
    assert!(line.contains(r#""accepted":1"#), "{line}");
    let [data] = sent_records(&calls[0]).try_into().unwrap();
    let record = event_stream::Record::decode(data.as_bytes()).unwrap();
    let forebay = record.forebay.unwrap();
    assert_eq!(record.client.cognito_id.as_deref(), Some(IDENTITY));
    assert_eq!(record.aws_account_id.as_deref(), Some("123456789012"));
    assert_eq!((forebay.event_id.as_ref(), forebay.schema_version), (id, 7));
    assert_eq!(forebay.amr, "unauthenticated");
    assert_eq!(forebay.geo.country.as_deref(), Some("SE"));
    assert_eq!(record.device.locale.as_deref(), Some("sv_SE"));
    assert_eq!(record.arrival_timestamp, ARRIVAL);
    assert_eq!(record.event_timestamp, Timestamp(ARRIVAL.0 - 1_000));
    assert_eq!(forebay.original_event_timestamp, None);
    assert_eq!(
        record.session.unwrap().start_timestamp,
        Some(Timestamp(ARRIVAL.0 - 90_000))
    );
}

/// The cases of a file of vectors.
fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    serde_json::from_value(vectors["cases"].take()).unwrap()
}

#[test]
fn half_a_surrogate_pair_is_a_character_of_its_event() {
    let schema = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {
            "Note": { "type": "object", "properties": { "text": { "type": "string" } } }
        }
    }"#;
    let config = Config {
        schema: Schema::parse(schema.as_bytes()).unwrap(),
        ..config()
    };
    let cases = vectors("surrogates.json");
    let note = |attributes: String| {
        let time = Timestamp(ARRIVAL.0 - 1_000).to_iso8601();
        format!(r#"{{"EventType":"Note","Timestamp":"{time}","Attributes":{attributes}}}"#)
    };
    let mut events: Vec<String> = (cases.iter().enumerate())
        .map(|(at, case)| {
            let json = case["json"].as_str().unwrap();
            let event = note(format!(r#"{{"text":{json}}}"#));
            format!(r#""e{at}":{event}"#)
        })
        .collect();
    for (id, event) in [
        ("name", note(r#"{"\ud83c":"x"}"#.into())),
        ("names", note(r#"{"\ud83c":"x","\ud83d":"y"}"#.into())),
        ("twice", note(r#"{"text":"x","text":"y"}"#.into())),
        ("type", note("{}".into()).replace("Note", r"Note\ud83c")),
    ] {
        events.push(format!(r#""{id}":{event}"#));
    }
    let body = format!(
        r#"{{"BatchItem":{{"client-1":{{"Endpoint":{{}},"Events":{{{}}}}}}}}}"#,
        events.join(",")
    );
    let head = signed(&config, "POST", EVENTS, body.as_bytes(), ARRIVAL);
    let (answer, _, calls) = serve(&head, &config, body.as_bytes(), all_stored);
    let items = items(&answer);
    for at in 0..cases.len() {
        assert_eq!(items[format!("e{at}")]["StatusCode"], 202, "{items}");
    }
    let message = |id: &str| {
        assert_eq!(items[id]["StatusCode"], 400, "{id}: {items}");
        items[id]["Message"].as_str().unwrap().to_owned()
    };
    assert!(message("name").contains('\u{fffd}'), "{}", message("name"));
    assert!(message("type").contains("EventType"), "{}", message("type"));
    assert!(message("names").contains('\u{fffd}'), "{items}");
    assert!(message("twice").contains("each name once"), "{items}");
    let stored: Vec<String> = sent_records(&calls[0])
        .iter()
        .map(|record| {
            let record = event_stream::Record::decode(record.as_bytes()).unwrap();
            record.attributes[0].1.to_string()
        })
        .collect();
    let expected: Vec<&str> = cases
        .iter()
        .map(|case| case["text"].as_str().unwrap())
        .collect();
    assert_eq!(stored, expected);
    assert_eq!(sent_records(&calls[1]).len(), 4, "dead letters");
}
