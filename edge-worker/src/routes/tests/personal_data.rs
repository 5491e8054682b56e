//! Personal data: wherever it stands in a request, it goes no further than the worker.

use forebay_core::schema::pii::Salt;
use proptest::prelude::*;

use super::plain_events::send_with;
use super::*;

/// Stands in every text that may not be repeated.
const SECRET: &str = "Zaphod";
const SECRET_NUMBER: &str = "4242424242";

fn config() -> Config {
    let schema = r#"{
        "$defs": {
            "SignUpEvent": {
                "type": "object",
                "properties": {
                    "email": { "type": "string", "format": "email", "x-pii": "hash" },
                    "contact": { "type": ["string", "null"], "format": "email", "x-pii": "mask" },
                    "name": { "type": "string", "x-pii": "mask" },
                    "birthday": { "type": "string", "x-pii": "drop" },
                    "income": { "type": "number", "x-pii": "drop" },
                    "plan": { "enum": ["free", "pro"] },
                    "seats": { "type": "integer" }
                },
                "required": ["email"]
            },
            "Unmarked": { "type": "object", "properties": {} }
        }
    }"#;
    Config {
        schema: Schema::parse(schema.as_bytes()).unwrap(),
        pii_salt: Salt::new(vec![7; 32]),
        ..super::config()
    }
}

/// The events' answers, and the records and letters that were written: by stream, as they are.
fn serve_events(events: Value) -> (Value, Vec<(String, String)>, String) {
    let config = config();
    let body = batch(events);
    let head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    let (answer, line, calls) = serve(&head, &config, &body, all_stored);
    let written = calls.iter().flat_map(|call| {
        let records = sent_records(call).into_iter();
        records.map(|record| (stream_of(call), record))
    });
    let all = format!("{}{line}", answer.body);
    (items(&answer), written.collect(), all)
}

fn letter(event: Value) -> Value {
    let (items, written, _) = serve_events(json!({ "e1": event }));
    assert_eq!(items["e1"]["StatusCode"], 400);
    assert_eq!((written.len(), written[0].0.as_str()), (1, "dead-letters"));
    serde_json::from_str(&written[0].1).unwrap()
}

fn hash(text: &str) -> String {
    config().pii_salt.unwrap().hash(text)
}

#[test]
fn a_record_has_hashes_and_masks_and_nothing_that_is_to_be_dropped() {
    let mut sent = event(json!({
        "email": "ada@example.com", "contact": "ada@example.com", "name": "Ada",
        "birthday": "1815-12-10", "plan": "pro",
    }));
    sent["Metrics"] = json!({ "income": 5, "seats": 2 });
    let (items, written, _) = serve_events(json!({ "e1": sent }));
    assert_eq!(items["e1"]["StatusCode"], 202, "{items}");
    let record: Value = serde_json::from_str(&written[0].1).unwrap();
    assert_eq!(
        record["attributes"],
        json!({
            "email": hash("ada@example.com"), "contact": "***@example.com", "name": "A***",
            "plan": "pro",
        })
    );
    assert_eq!(record["metrics"], json!({ "seats": 2 }));
}

#[test]
fn a_letter_repeats_what_the_schema_knows_and_describes_the_rest() {
    let mut sent = event(json!({
        "email": "nobody", "contact": "null", "name": "Ada", "birthday": "1815-12-10",
        "plan": "gold", "mail": "ada@example.com", "x".repeat(60): "long",
        format!("{}other", "x".repeat(60)): "longer",
    }));
    sent["Metrics"] = json!({ "email": 5, "income": 5, "seats": 2.5, "age": 36 });
    sent["Session"] = json!({ "Id": "ada", "StartTimestamp": "2026-11-21T01:02:03Z" });
    sent["Note"] = json!(["ada", true]);
    sent["IsAda"] = json!(true);
    sent["Nothing"] = json!(null);
    let letter = letter(sent.clone());
    assert_eq!(letter["event_type"], "SignUpEvent");
    assert_eq!(
        letter["event"],
        json!({
            "EventType": "SignUpEvent",
            "Timestamp": sent["Timestamp"],
            "Attributes": {
                "email": hash("nobody"), "contact": "null", "name": "A***", "plan": "gold",
                "mail": "a string of 15 characters",
                format!("{}…", "x".repeat(50)): "a string of 4 characters",
            },
            "Metrics": { "email": "a number", "seats": 2.5, "age": "a number" },
            "Session": "an object of 2 members",
            "Note": "an array of 2 elements",
            "IsAda": "a boolean",
            "Nothing": null,
        })
    );
    // All that is not as it was sent, and nothing else.
    let mut redacted: Vec<_> = letter["redacted"].as_array().unwrap().clone();
    redacted.sort_by_key(|path| path.as_str().unwrap().to_owned());
    let long = format!("Attributes.{}…", "x".repeat(50));
    assert_eq!(
        json!(redacted),
        json!([
            "Attributes.birthday",
            "Attributes.email",
            "Attributes.mail",
            "Attributes.name",
            long,
            "IsAda",
            "Metrics.age",
            "Metrics.email",
            "Metrics.income",
            "Note",
            "Session",
        ])
    );
}

#[test]
fn a_letter_of_very_many_names_says_of_the_whole_that_it_is_not_as_it_was_sent() {
    let attributes: serde_json::Map<String, Value> = (0..101)
        .map(|index| (format!("a{index}"), json!("")))
        .collect();
    let letter = letter(event(Value::Object(attributes)));
    assert_eq!(letter["redacted"], json!(["*"]));
}

#[test]
fn the_letter_of_a_plain_event_repeats_as_much_as_that_of_another() {
    let mut config = config();
    config.server_keys = crate::identity::server_key::tests::keys(&["*"]);
    let sent = json!({
        "id": "order-7", "name": "SignUpEvent", "timestamp": "2026-11-18T00:00:00Z",
        "attributes": { "email": "ada@example.com", "plan": "pro", "birthday": "1815-12-10" },
        "metrics": { "seats": 2 }, "user": { "id": "ada" }, "Unheard": "Zaphod",
    });
    let text = format!("{sent}\n{{\"name\": Zaphod");
    let letters = send_with(&new_isolate(), &config, text.as_bytes()).letters;
    let plain = letters.iter().find(|it| it["format"] == "plain").unwrap();
    assert_eq!(
        plain["event"],
        json!({
            "id": "order-7", "name": "SignUpEvent", "timestamp": "2026-11-18T00:00:00Z",
            "attributes": { "email": hash("ada@example.com"), "plan": "pro" },
            "metrics": { "seats": 2 }, "user": "an object of 1 member",
            "Unheard": "a string of 6 characters",
        })
    );
    let mut redacted: Vec<_> = plain["redacted"].as_array().unwrap().clone();
    redacted.sort_by_key(|path| path.as_str().unwrap().to_owned());
    assert_eq!(
        json!(redacted),
        json!(["Unheard", "attributes.birthday", "attributes.email", "user"])
    );
    let other = letters.iter().find(|it| it["format"] == "text").unwrap();
    assert_eq!(other["redacted"], json!(["*"]));
    assert!(!other.to_string().contains(SECRET), "{other}");
}

#[test]
fn of_an_event_type_that_is_not_known_no_value_is_repeated() {
    let sent = json!({
        "EventType": "SignUp", "Timestamp": "2026-11-21T01:02:03Z",
        "Attributes": { "plan": "pro" },
    });
    let known = letter(sent.clone());
    assert_eq!(known["event_type"], "SignUp");
    assert_eq!(
        known["event"]["Attributes"],
        json!({ "plan": "a string of 3 characters" })
    );
    // What cannot be the name of an event type is no name.
    let mut sent = sent;
    for event_type in [
        "ada@example.com",
        "Ada Lovelace",
        "",
        "0461234567",
        &"A".repeat(51),
    ] {
        sent["EventType"] = json!(event_type);
        let letter = letter(sent.clone());
        assert_eq!(letter["event_type"], json!(null));
        let described = letter["event"]["EventType"].as_str().unwrap();
        assert!(described.starts_with("a string of "), "{described}");
    }
}

#[test]
fn an_endpoint_that_is_refused_is_described() {
    let config = config();
    let endpoint = r#"{"Address":7,"User":{"UserId":"Zaphod"},"Attributes":["Zaphod"]}"#;
    for endpoint in [endpoint, r#"["Zaphod"]"#, r#"{"Address":Zaphod}"#] {
        let body = format!(r#"{{"BatchItem":{{"c":{{"Endpoint":{endpoint},"Events":{{}}}}}}}}"#);
        let head = signed(&config, "POST", EVENTS, body.as_bytes(), ARRIVAL);
        let (answer, line, calls) = serve(&head, &config, body.as_bytes(), all_stored);
        let letters: Vec<_> = calls.iter().flat_map(sent_records).collect();
        assert_eq!(letters.len(), 1, "{}", answer.body);
        assert!(letters[0].contains(r#""endpoint":"#), "{letters:?}");
        let said = format!("{}{line}{letters:?}", answer.body);
        assert!(!said.contains(SECRET), "{said}");
    }
}

#[test]
fn a_body_that_cannot_be_read_is_not_quoted() {
    let config = config();
    let event = r#"{"EventType":"SignUpEvent","Timestamp":"2026-11-21T01:02:03Z","Attributes":"#;
    for (attributes, status) in [
        // Of the event alone.
        (r#"{"email":"Zaphod","email":"Zaphod"}}"#, 202),
        (r#"{"email":"Zaphod"#, 400),
        (r#"{"email":Zaphod}}"#, 202),
        (r#"{"email":"Zaphod\q"}}"#, 202),
    ] {
        let body = format!(
            r#"{{"BatchItem":{{"c":{{"Endpoint":{{}},"Events":{{"e":{event}{attributes}}}}}}}}}"#
        );
        let head = signed(&config, "POST", EVENTS, body.as_bytes(), ARRIVAL);
        let (answer, line, calls) = serve(&head, &config, body.as_bytes(), all_stored);
        assert_eq!(answer.status, status, "{attributes}");
        assert!(status == 400 || answer.body.contains(r#""StatusCode":400"#));
        let sent: Vec<_> = calls.iter().flat_map(sent_records).collect();
        assert_eq!(sent.len(), usize::from(status == 202), "dead letters");
        let said = format!("{}{line}{sent:?}", answer.body);
        assert!(!said.contains(SECRET), "{said}");
    }
}

/// Texts that are valid somewhere, and texts that look like it: the secret never stands where a mask
/// keeps something.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(format!("{SECRET}@example.com")),
        Just(format!("x@y, {SECRET}")),
        Just(format!("a.b@c {SECRET} d@e")),
        Just(format!("+{SECRET}\u{e9}\"\\\n")),
        Just(format!("https://{SECRET}.example.com/")),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let number: Value = serde_json::from_str(SECRET_NUMBER).unwrap();
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => Just(number),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            fields(inner),
        ]
    })
}

fn fields(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    // All names but those of the fields that are not marked.
    let name = "email|contact|name|birthday|income|Email|e_mail|other";
    proptest::collection::hash_map(name, value, 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn sent_event() -> impl Strategy<Value = Value> {
    let event_type = prop_oneof![
        4 => Just(json!("SignUpEvent")),
        1 => Just(json!("Unmarked")),
        1 => Just(json!("SignOutEvent")),
        1 => value(),
    ];
    let timestamp = prop_oneof![3 => Just(json!("2026-11-18T00:00:00Z")), 1 => value()];
    let texts = || fields(text().prop_map(Value::from));
    let attributes = prop_oneof![3 => texts(), 2 => fields(value()), 1 => value()];
    let metrics = prop_oneof![2 => Just(json!({})), 2 => fields(value()), 1 => value()];
    let others = proptest::collection::hash_map(
        "Session|AppTitle|SdkName|ClientSdkVersion|Unheard",
        value(),
        0..2,
    );
    (event_type, timestamp, attributes, metrics, others).prop_map(
        |(event_type, timestamp, attributes, metrics, others)| {
            let mut event: serde_json::Map<_, _> = others.into_iter().collect();
            event.insert("EventType".into(), event_type);
            event.insert("Timestamp".into(), timestamp);
            event.insert("Attributes".into(), attributes);
            event.insert("Metrics".into(), metrics);
            Value::Object(event)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn whatever_is_sent_no_letter_answer_or_log_line_repeats_it(sent in sent_event()) {
        let (items, written, said) = serve_events(json!({ "e1": sent }));
        prop_assert!(matches!(items["e1"]["StatusCode"].as_u64(), Some(202 | 400)), "{items}");
        prop_assert!(!said.contains(SECRET) && !said.contains(SECRET_NUMBER), "{said}");
        for (stream, record) in written {
            // What a record has beside attributes and metrics is not described by the schema.
            let repeated = match stream.as_str() {
                "dead-letters" => record,
                _ => {
                    let record: Value = serde_json::from_str(&record).unwrap();
                    format!("{}{}", record["attributes"], record["metrics"])
                }
            };
            prop_assert!(!repeated.contains(SECRET), "{repeated}");
            prop_assert!(!repeated.contains(SECRET_NUMBER), "{repeated}");
        }
    }
}
