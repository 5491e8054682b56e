//! Events as NDJSON, line by line.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use forebay_core::schema::Schema;
use forebay_schema_tools::ndjson::{Verdict, check_line};
use serde_json::{Value, json};

fn schema() -> Schema {
    let text = json!({
        "$defs": {
            "SignUpEvent": {
                "type": "object",
                "properties": {
                    "email": { "type": "string", "format": "email", "x-pii": "hash" },
                    "plan": { "enum": ["free", "pro"] },
                    "seats": { "type": ["integer", "null"], "minimum": 1 },
                    "trial": { "type": "boolean" }
                },
                "required": ["email", "trial"]
            }
        }
    });
    Schema::parse(text.to_string().as_bytes()).unwrap()
}

/// A verdict as JavaScript gets it.
fn verdict(line: &str) -> Value {
    serde_json::to_value(check_line(&schema(), line)).unwrap()
}

/// Paths and rules of the violations.
fn violations(line: &Value) -> Vec<String> {
    match check_line(&schema(), &line.to_string()) {
        Verdict::Violations(violations) => violations
            .iter()
            .map(|violation| format!("{} {}", violation.path, violation.rule))
            .collect(),
        other => vec![format!("{other:?}")],
    }
}

fn record(email: &str) -> Value {
    json!({
        "event_type": "SignUpEvent",
        "event_timestamp": 1_795_257_000_000_u64,
        "arrival_timestamp": 1_795_257_000_100_u64,
        "event_version": "3.1",
        "application": { "app_id": "app", "sdk": {} },
        "client": { "client_id": "client" },
        "device": {},
        "session": { "session_id": "s", "start_timestamp": 1_795_257_000_000_u64 },
        "attributes": { "email": email, "trial": "true" },
        "metrics": { "seats": 3.0 }
    })
}

#[test]
fn each_of_the_three_forms_fits() {
    let attributes = json!({ "email": "ada@example.com", "trial": "false" });
    let recorded = json!({ "name": "SignUpEvent", "attributes": attributes });
    let sent = json!({
        "EventType": "SignUpEvent",
        "Timestamp": "2026-11-21T10:30:00Z",
        "Attributes": attributes,
        "Metrics": { "seats": 2 }
    });
    let hash = "0123456789abcdef".repeat(4);
    for line in [recorded, sent, record(&hash)] {
        assert_eq!(verdict(&line.to_string()), json!({ "ok": true }), "{line}");
    }
    assert_eq!(
        verdict(
            "  {\"name\":\"SignUpEvent\",\"attributes\":{\"email\":\"a@b.c\",\"trial\":\"true\"}}\r"
        ),
        json!({ "ok": true })
    );
}

#[test]
fn every_violation_is_told_with_its_place() {
    let recorded = json!({
        "name": "SignUpEvent",
        "attributes": { "email": "ada", "plan": "gold", "trial": true, "utm": "x", "seats": null },
        "metrics": { "seats": 0 }
    });
    assert_eq!(
        violations(&recorded),
        [
            "Attributes.trial type",
            "Attributes.email format",
            "Attributes.plan enum",
            "Attributes.utm additionalProperties",
            "Metrics.seats minimum",
        ]
    );
    let sent = json!({
        "EventType": "SignUpEvent",
        "Timestamp": "2026-11-21T10:30:00Z",
        "Metrics": { "email": 1, "seats": 1.5 }
    });
    assert_eq!(
        violations(&sent),
        [
            "Metrics.email type",
            "Metrics.seats type",
            "Attributes.trial required"
        ]
    );
    assert_eq!(
        violations(&json!({ "name": "Unknown" })),
        ["EventType eventType"]
    );
}

/// Behind the edge nothing may stand as it was recorded where the schema asks for its hash.
#[test]
fn a_record_of_the_stream_is_judged_as_delivered() {
    assert_eq!(
        violations(&record("ada@example.com")),
        ["Attributes.email x-pii"]
    );
}

#[test]
fn null_is_taken_where_the_schema_has_it_and_told_elsewhere() {
    let line = json!({
        "name": "SignUpEvent",
        "attributes": { "email": "a@b.c", "trial": "true", "plan": null, "seats": null },
        "metrics": null
    });
    assert_eq!(violations(&line), ["Attributes.plan type"]);
}

#[test]
fn records_of_built_in_event_types_fit() {
    let sent = |event_type: &str| {
        json!({
            "event_type": event_type,
            "event_timestamp": 1,
            "arrival_timestamp": 2,
            "application": { "app_id": "app", "sdk": {} },
            "client": { "client_id": "client" },
            "session": {},
            "attributes": { "feedback": "a".repeat(300) },
        })
    };
    for event_type in [
        "_email.click",
        "_SMS.BUFFERED",
        "_session.start",
        "_endpoint.update",
    ] {
        assert_eq!(
            verdict(&sent(event_type).to_string()),
            json!({ "ok": true })
        );
    }
    assert_eq!(violations(&sent("_email.sent"))[0], "EventType eventType");
    // A sender cannot record them unless the schema has them.
    assert_eq!(
        violations(&json!({ "name": "_email.click" })),
        ["EventType eventType"]
    );
}

#[test]
fn what_is_no_event_gets_a_reason() {
    for (line, reason) in [
        ("", "not JSON"),
        ("{\"name\":", "not JSON"),
        ("{\"name\":\"a\",\"name\":\"b\"}", "repeated"),
        ("[1]", "not an event"),
        ("{}", "not an event"),
        ("{\"name\":\"a\",\"EventType\":\"a\"}", "not an event"),
        ("{\"name\":7}", "name: expected a string"),
        ("{\"name\":\"\"}", "name: expected a string"),
        (
            "{\"EventType\":\"SignUpEvent\"}",
            "Timestamp: expected a date",
        ),
        (
            "{\"EventType\":\"SignUpEvent\",\"Timestamp\":\"2026-11-21T10:30:00Z\",\"Attributes\":{\"a\":1}}",
            "Attributes.a: expected a string",
        ),
        (
            "{\"event_type\":\"SignUpEvent\"}",
            "event_timestamp: expected",
        ),
        ("{\"EventType\":\"a\"}},\"x\":{\"y\":{}", "not JSON"),
        (&"[".repeat(100_000), "nested deeper"),
    ] {
        let verdict = verdict(line);
        let told = verdict["malformed"].as_str().unwrap_or_default();
        assert!(told.contains(reason), "{line}: {verdict}");
    }
    let large = format!("{{\"name\":\"{}\"}}", "a".repeat(4 << 20));
    assert!(verdict(&large)["malformed"].is_string());
}

#[test]
fn no_value_is_repeated() {
    let secret = "ada.lovelace";
    for line in [
        json!({ "name": "SignUpEvent", "attributes": { "email": secret, "plan": secret, "trial": secret, "more": secret } }),
        json!({ "name": secret }),
        json!({ "EventType": secret, "Timestamp": secret }),
        json!({ "event_type": "SignUpEvent", "event_timestamp": secret }),
        record(secret),
    ] {
        let verdict = verdict(&line.to_string()).to_string();
        assert!(!verdict.contains(secret), "{verdict}");
    }
}
