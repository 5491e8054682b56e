//! What is kept of events that are refused.

use super::plain_events::send;
use super::*;

type Member = (&'static str, fn(&Value) -> bool);

/// The members that every dead letter has, in their order, and what each may be.
const MEMBERS: [Member; 14] = [
    ("dead_letter_version", |it| *it == json!(1)),
    ("dead_letter_id", Value::is_string),
    ("arrival_timestamp", |it| *it == json!(ARRIVAL.0)),
    ("app_id", Value::is_string),
    ("client_id", Value::is_string),
    ("kind", |it| *it == "event" || *it == "endpoint"),
    ("event_id", |it| it.is_string() || it.is_null()),
    ("event_type", |it| it.is_string() || it.is_null()),
    ("schema_version", Value::is_i64),
    ("reasons", |it| {
        it.as_array().is_some_and(|reasons| !reasons.is_empty())
    }),
    ("format", |it| {
        let formats = ["put_events", "plain", "text", "none", "omitted"];
        it.as_str().is_some_and(|format| formats.contains(&format))
    }),
    ("event", |_| true),
    ("endpoint", |_| true),
    ("redacted", Value::is_array),
];

fn assert_form(letter: &Value) {
    let members = letter.as_object().unwrap();
    let mut names: Vec<_> = members.keys().map(String::as_str).collect();
    let mut expected = MEMBERS.map(|(name, _)| name);
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected, "{letter}");
    for (name, is_of_type) in MEMBERS {
        assert!(is_of_type(&members[name]), "{name}: {letter}");
    }
    let is_endpoint = letter["kind"] == "endpoint";
    assert_eq!(letter["event_id"].is_null(), is_endpoint, "{letter}");
    let other = if is_endpoint { "event" } else { "endpoint" };
    assert!(letter[other].is_null(), "{letter}");
}

fn letters(calls: &[HttpRequest]) -> Vec<Value> {
    let of_letters = calls
        .iter()
        .filter(|call| stream_of(call) == "dead-letters");
    let letters = of_letters.flat_map(sent_records);
    letters
        .map(|letter| serde_json::from_str(&letter).unwrap())
        .collect()
}

#[test]
fn all_dead_letters_have_one_form() {
    let good = event(json!({ "email": "a@example.com" })).to_string();
    let bad = event(json!({ "email": 5 })).to_string();
    let body = format!(
        r#"{{"BatchItem":{{
            "a":{{"Endpoint":{{"OptOut":"none"}},"Events":{{"e1":{good},"e2":{bad},"e3":[],"e4":{{"EventType":"X","Session":[{{"Id":1,"Id":2}}]}}}}}},
            "b":{{"Endpoint":{{"Address":1,"Address":2}},"Events":{{"e5":{{"EventType":"Not a name","Timestamp":"x"}}}}}},
            "c":{{"Events":{{"e6":{{"EventType":7}}}}}},
            "d":{{"Endpoint":null,"Events":{{}}}}}}}}"#
    );
    let config = config();
    let head = signed(&config, "POST", EVENTS, body.as_bytes(), ARRIVAL);
    let (answer, _, calls) = serve(&head, &config, body.as_bytes(), all_stored);
    assert_eq!(answer.status, 202, "{}", answer.body);
    let letters = letters(&calls);
    let seen: Vec<_> = letters
        .iter()
        .map(|letter| {
            assert_form(letter);
            let text = |name: &str| letter[name].as_str().unwrap_or("-");
            ["client_id", "event_id", "event_type", "format"].map(text)
        })
        .collect();
    assert_eq!(
        seen,
        [
            ["a", "-", "-", "put_events"],
            ["a", "e2", "SignUpEvent", "put_events"],
            ["a", "e3", "-", "put_events"],
            ["a", "e4", "X", "text"],
            ["b", "-", "-", "text"],
            ["b", "e5", "-", "put_events"],
            ["c", "-", "-", "none"],
            ["c", "e6", "-", "put_events"],
            ["d", "-", "-", "none"],
        ]
    );
    let ids: BTreeSet<_> = letters
        .iter()
        .map(|letter| letter["dead_letter_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), letters.len());
    let request_id = &head.request_id;
    assert!(ids.iter().all(|id| id.starts_with(request_id)), "{ids:?}");
}

#[test]
fn the_dead_letters_of_plain_events_have_it_too() {
    let id = "0193b2c8-7a10-7cc3-98c4-dc0c0c07398f";
    let lines = [
        json!({ "name": "SignUpEvent", "id": id, "attributes": { "email": 5 } }).to_string(),
        json!({ "name": "SignUpEvent", "id": "order-7", "emial": "a@example.com" }).to_string(),
        r#"{"name": "SignUpEvent", "id": "cut"#.to_owned(),
        "5".to_owned(),
    ];
    let sent = send(&lines.join("\n"));
    let letters = sent.letters;
    let mut seen: Vec<_> = letters
        .iter()
        .map(|letter| {
            assert_form(letter);
            let text = |name: &str| letter[name].as_str().unwrap_or("-");
            [text("event_type"), text("format")]
        })
        .collect();
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            ["-", "plain"],
            ["-", "text"],
            ["SignUpEvent", "plain"],
            ["SignUpEvent", "put_events"],
        ]
    );
    let of_format = |format: &str| {
        let mut letters = letters.iter();
        letters.find(|letter| letter["format"] == format).unwrap()
    };
    assert_eq!(of_format("put_events")["event_id"], id);
    let plain = of_format("plain");
    assert_eq!(plain["event"]["emial"], "a@example.com");
    // The id that its event has wherever it arrives, once it is mended.
    assert_eq!(plain["event_id"], sent.results[1]["event_id"]);
    assert_eq!(of_format("text")["event"], lines[2]);
}

#[test]
fn a_dead_letter_holds_the_reasons_and_the_event_as_it_was_sent() {
    let mut sent = event(json!({ "email": "nobody" }));
    sent["Unheard"] = json!({ "of": [1.50, null] });
    let (_, calls) = put_events(&batch(json!({ "e1": sent })), all_stored);
    let [letter] = sent_records(&calls[0]).try_into().unwrap();
    assert!(letter.ends_with("}\n"));
    let letter: Value = serde_json::from_str(&letter).unwrap();
    assert_eq!(letter["event"], sent);
    for (name, value) in [
        ("event_id", json!("e1")),
        ("event_type", json!("SignUpEvent")),
        ("app_id", json!("app-1")),
        ("client_id", json!("client-1")),
        ("arrival_timestamp", json!(ARRIVAL.0)),
        ("schema_version", json!(7)),
    ] {
        assert_eq!(letter[name], value, "{name}");
    }
    let reasons = letter["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 1);
    assert_eq!(
        (&reasons[0]["path"], &reasons[0]["rule"]),
        (&json!("Attributes.email"), &json!("format"))
    );
}

#[test]
fn a_value_of_another_type_is_told_as_the_browser_tells_it() {
    let mut sent = event(json!({ "email": 5, "a": true, "b": null, "c": {}, "d": "text" }));
    sent["Metrics"] = json!({ "e": "5", "f": 5, "g": [5] });
    let mut none = event(json!("text"));
    none["Metrics"] = json!([5]);
    let (_, calls) = put_events(&batch(json!({ "e1": sent, "e2": none })), all_stored);
    let reasons = sent_records(&calls[0]).into_iter().map(|letter| {
        let letter: Value = serde_json::from_str(&letter).unwrap();
        let reasons = letter["reasons"].as_array().unwrap().clone();
        let parts = |reason: &Value| {
            let part = |name: &str| reason[name].as_str().unwrap().to_owned();
            format!("{}: {}, {}", part("path"), part("expected"), part("actual"))
        };
        reasons.iter().map(parts).collect::<Vec<_>>()
    });
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [
            vec![
                "Attributes.a: a field of the event type, a name that is not in the schema",
                "Attributes.c: a field of the event type, a name that is not in the schema",
                "Attributes.d: a field of the event type, a name that is not in the schema",
                "Attributes.email: a string in Attributes, number",
                "Metrics.e: a field of the event type, a name that is not in the schema",
                "Metrics.f: a field of the event type, a name that is not in the schema",
                "Metrics.g: a field of the event type, a name that is not in the schema",
            ],
            vec![
                "Attributes: an object, string",
                "Metrics: an object, object",
                "Attributes.email: a string in Attributes, nothing",
            ],
        ]
    );
}

#[test]
fn an_event_too_large_to_be_kept_is_refused_with_a_letter_that_says_so() {
    let mut large = event(json!({ "email": "a@example.com" }));
    large["AppTitle"] = json!("x".repeat(1_100_000));
    let (items, calls) = put_events(&batch(json!({ "e1": large })), all_stored);
    assert_eq!(items["e1"]["StatusCode"], 400);
    let [letter] = sent_records(&calls[0]).try_into().unwrap();
    let letter: Value = serde_json::from_str(&letter).unwrap();
    assert_eq!(letter["format"], "omitted");
    assert_eq!(letter["event"], json!(null));
    assert_form(&letter);
}

#[test]
fn an_event_of_very_many_names_is_refused_with_reasons_that_fit() {
    let attributes: serde_json::Map<String, Value> = (0..9_000)
        .map(|index| (format!("{index}{}", "n".repeat(100)), json!("")))
        .collect();
    let body = batch(json!({ "e1": event(Value::Object(attributes)) }));
    let (items, calls) = put_events(&body, all_stored);
    assert_eq!(items["e1"]["StatusCode"], 400);
    let [letter] = sent_records(&calls[0]).try_into().unwrap();
    let letter: Value = serde_json::from_str(&letter).unwrap();
    // One for the email that is missing, and the first forty names.
    assert_eq!(letter["reasons"].as_array().unwrap().len(), 41);
    assert!(letter["reasons"].to_string().len() < 10_000);
}
