//! What is kept of events that are refused.

use super::*;

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
    assert_eq!(letter["event_omitted"], json!(true));
    assert_eq!(letter.get("event"), None);
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
