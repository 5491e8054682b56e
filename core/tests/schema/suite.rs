//! The validator against the cases that the official JSON Schema test suite has for the keywords of
//! the subset.
//!
//! A case is about a field `f` that must be there, or about the event as a whole where its schema
//! has `properties`. What Forebay cannot say at all (arrays, objects, several types) is passed over,
//! and so is a boolean for a string and the other way round: both are text on the wire.

use std::borrow::Cow;

use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::{EventSchema, Kind, Schema, Stage};
use forebay_core::time::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

const SUITE: &str = include_str!("../../../tests/vectors/json_schema_test_suite.json");

/// Cases in which Forebay differs on purpose; docs/schema.md says so.
const DIFFERENT: [&str; 7] = [
    "email: a quoted string with a space in the local part is valid",
    "email: a quoted string with a double dot in the local part is valid",
    "email: a quoted string with a @ in the local part is valid",
    "email: an IPv4-address-literal after the @ is valid",
    "email: an IPv6-address-literal after the @ is valid",
    "date-time: a valid date-time with a leap second, UTC",
    "date-time: a valid date-time with a leap second, with minus offset",
];

#[derive(Deserialize)]
struct Suite {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    /// The keyword or format that it is about.
    file: String,
    schema: Value,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    description: String,
    data: Value,
    valid: bool,
}

impl Group {
    /// The event type that says the same in the subset; `None` where nothing does.
    fn event_schema(&self) -> Option<EventSchema> {
        let event = if self.schema.get("properties").is_some() {
            let mut event = self.schema.clone();
            event["type"] = json!("object");
            let members = event.as_object_mut()?;
            members.entry("additionalProperties").or_insert(json!(true));
            event
        } else {
            let mut field = self.schema.clone();
            let members = field.as_object_mut()?;
            if let Some(name) = self.implied_type() {
                members.entry("type").or_insert(json!(name));
            }
            json!({"type": "object", "properties": {"f": field}, "required": ["f"]})
        };
        let file = json!({"$defs": {"E": event}}).to_string();
        let mut schema = Schema::parse(file.as_bytes()).ok()?;
        schema.events.pop()
    }

    /// What a keyword alone leaves open, and Forebay wants to be said.
    fn implied_type(&self) -> Option<&'static str> {
        match self.file.as_str() {
            "minLength" | "maxLength" => Some("string"),
            "email" | "date-time" | "date" | "uuid" | "uri" => Some("string"),
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" => Some("number"),
            _ => None,
        }
    }
}

/// The event that carries a case's data; `None` where the wire has no place for it.
fn wire(group: &Group, schema: &EventSchema, data: &Value) -> Option<Event<'static>> {
    let whole = group.schema.get("properties").is_some();
    let is_of_implied_type = match group.implied_type() {
        Some("string") => data.is_string(),
        Some(_) => data.is_number(),
        None => true,
    };
    if !is_of_implied_type {
        return None;
    }
    let mut event = Event::new("E", Timestamp(0));
    let members = match data {
        Value::Object(members) if whole => members.clone(),
        _ if whole => return None,
        _ => [("f".to_owned(), data.clone())].into_iter().collect(),
    };
    for (name, value) in members {
        let field = schema.fields.iter().find(|field| field.name == name);
        let takes_text = field.is_some_and(|field| matches!(field.kind, Kind::String { .. }));
        let takes_boolean = field.is_some_and(|field| matches!(field.kind, Kind::Boolean { .. }));
        let name = Cow::Owned(name);
        match value {
            Value::Null => {}
            Value::Bool(_) if takes_text => return None,
            Value::Bool(value) => event.attributes.push((name, value.to_string().into())),
            Value::String(_) if takes_boolean => return None,
            Value::String(text) => event.attributes.push((name, text.into())),
            Value::Number(number) => {
                let number = Number::from_text(number.to_string().into()).unwrap();
                event.metrics.push((name, number));
            }
            Value::Array(_) | Value::Object(_) => return None,
        }
    }
    Some(event)
}

#[test]
fn verdicts_are_those_of_the_suite() {
    let suite: Suite = serde_json::from_str(SUITE).unwrap();
    let (mut held, mut passed_over, mut different) = (0, 0, Vec::new());
    for group in &suite.groups {
        let Some(event_schema) = group.event_schema() else {
            passed_over += group.tests.len();
            continue;
        };
        for case in &group.tests {
            let Some(event) = wire(group, &event_schema, &case.data) else {
                passed_over += 1;
                continue;
            };
            let schema = Schema::new(1, vec![event_schema.clone()]);
            if schema.validate(&event, Stage::Recorded).is_ok() == case.valid {
                held += 1;
            } else {
                different.push(format!("{}: {}", group.file, case.description));
            }
        }
    }
    assert_eq!(different, DIFFERENT);
    // So that a keyword that is refused one day does not take its cases along in silence.
    assert_eq!((held, passed_over), (220, 195));
}
