//! Files and events to try the schema with.

use std::borrow::Cow;

use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::{Schema, Stage};
use forebay_core::time::Timestamp;

pub const DEMO: &str = include_str!("../../../demo-react/forebay.schema.json");

pub fn event<'a>(
    event_type: &'a str,
    attributes: &[(&'a str, &'a str)],
    metrics: &[(&'a str, &'a str)],
) -> Event<'a> {
    let number = |text: &'a str| Number::from_text(Cow::Borrowed(text)).unwrap();
    Event {
        attributes: attributes
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        metrics: metrics
            .iter()
            .map(|(name, value)| ((*name).into(), number(value)))
            .collect(),
        ..Event::new(event_type, Timestamp(0))
    }
}

/// A file with one event type `E`, whose members after `type` are given.
pub fn file_of(event_members: &str) -> String {
    format!(r#"{{"$defs": {{"E": {{"type": "object"{event_members}}}}}}}"#)
}

pub fn schema_of(properties: &str) -> Schema {
    Schema::parse(file_of(&format!(r#", "properties": {{{properties}}}"#)).as_bytes()).unwrap()
}

pub fn violations(schema: &Schema, event: &Event<'_>) -> Vec<(String, &'static str)> {
    match schema.validate(event, Stage::Recorded) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.into_iter().map(|v| (v.path, v.rule)).collect(),
    }
}

/// The rules that one attribute or metric `f` breaks, for a schema with one field `f`.
pub fn broken(field: &str, attributes: &[&str], metrics: &[&str]) -> Vec<&'static str> {
    let schema = schema_of(&format!(r#""f": {field}"#));
    let named = |values: &[&'static str]| values.iter().map(|v| ("f", *v)).collect::<Vec<_>>();
    let leak = |values: &[&str]| -> Vec<&'static str> {
        values.iter().map(|v| &*v.to_string().leak()).collect()
    };
    let event = event("E", &named(&leak(attributes)), &named(&leak(metrics)));
    violations(&schema, &event)
        .into_iter()
        .map(|(_, rule)| rule)
        .collect()
}

pub fn text(field: &str, value: &str) -> Vec<&'static str> {
    broken(field, &[value], &[])
}

pub fn number(field: &str, value: &str) -> Vec<&'static str> {
    broken(field, &[], &[value])
}

pub const NONE: [&str; 0] = [];
