//! What is wrong with what does not have the form of an event or an endpoint.

use forebay_core::json::Value;
use forebay_core::schema::{Checker, Given, Schema, Violation};
use forebay_core::wire::DecodeError;

/// Why what was sent does not have the form of an event, unless that is about an attribute or metric: of these
/// the validator says all that it would in the browser.
pub fn violations(
    error: &DecodeError,
    sent: Option<&Value<'_>>,
    schema: &Schema,
) -> Vec<Violation> {
    let Some(sent) = sent else {
        return vec![wire(error)];
    };
    let mut violations = Vec::new();
    let event_type = sent.get("EventType").and_then(Value::as_str);
    let mut rules = String::new();
    let mut checker = schema.checker(event_type.unwrap_or(""), &mut rules);
    for (map, is_metric) in [("Attributes", false), ("Metrics", true)] {
        match sent.get(map) {
            Some(Value::Object(members)) => {
                for (name, value) in members {
                    check(&mut checker, is_metric, name, value);
                }
            }
            None | Some(Value::Null) => {}
            Some(value) => violations.push(Violation {
                path: map.to_owned(),
                rule: "type",
                expected: "an object".to_owned(),
                actual: type_name(value).to_owned(),
            }),
        }
    }
    if event_type.is_some() {
        violations.extend(checker.finish());
    }
    let is_of_map = ["Attributes", "Metrics"]
        .iter()
        .any(|map| error.path.starts_with(map));
    if !is_of_map || violations.is_empty() {
        violations.insert(0, wire(error));
    }
    violations
}

/// What does not have the form that the wire asks for.
pub fn wire(error: &DecodeError) -> Violation {
    let reason = error.reason.strip_prefix("expected ");
    let (expected, actual) = match reason.and_then(|reason| reason.split_once(", got ")) {
        Some((expected, actual)) => (expected, actual.to_owned()),
        None => ("JSON", format!("text that is {}", error.reason)),
    };
    Violation {
        path: error.path.clone(),
        rule: "wire",
        expected: expected.to_owned(),
        actual,
    }
}

/// A member that is null is one that is not there.
fn check(
    checker: &mut Checker<'_, Vec<Violation>>,
    is_metric: bool,
    name: &str,
    value: &Value<'_>,
) {
    match (value, is_metric) {
        (Value::Null, _) => true,
        (Value::String(text), false) => checker.field(Given::Attribute, name, text),
        (Value::Number(number), true) => checker.field(Given::Metric, name, number.as_text()),
        (_, false) => checker.field(Given::OtherAttribute, name, type_name(value)),
        (_, true) => checker.field(Given::OtherMetric, name, type_name(value)),
    };
}

/// The type of a value, as `typeof` names it.
fn type_name(value: &Value<'_>) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) | Value::Object(_) => "object",
    }
}
