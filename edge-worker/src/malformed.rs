//! What is wrong with what is no event.

use forebay_core::json::Value;
use forebay_core::schema::{Violation, shortened};
use forebay_core::wire::put_events::{MAX_KEYS, Malformed};

/// Every value of a type that its map does not hold, in the words that the browser has for it; where
/// there is none, the one violation that the event does not have the form of one.
pub fn violations(malformed: &Malformed<'_>) -> Vec<Violation> {
    let sent = &malformed.sent;
    let is_string = |value: &Value<'_>| matches!(value, Value::String(_));
    let is_number = |value: &Value<'_>| matches!(value, Value::Number(_));
    let mut violations = mistyped("Attributes", sent, "a string", is_string);
    violations.extend(mistyped("Metrics", sent, "a finite number", is_number));
    if violations.is_empty() {
        let reason = &malformed.error.reason;
        violations.push(Violation {
            path: malformed.error.path.clone(),
            rule: "wire",
            expected: reason
                .strip_prefix("expected ")
                .unwrap_or(reason)
                .to_owned(),
            actual: "something else".to_owned(),
        });
    }
    violations
}

fn mistyped(
    map: &str,
    sent: &Value<'_>,
    expected: &str,
    is_expected: impl Fn(&Value<'_>) -> bool,
) -> Vec<Violation> {
    let violation = |path: String, expected: &str, value: &Value<'_>| Violation {
        path,
        rule: "type",
        expected: expected.to_owned(),
        actual: type_name(value).to_owned(),
    };
    match sent.get(map) {
        Some(Value::Object(members)) => members
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Null) && !is_expected(value))
            .take(MAX_KEYS)
            .map(|(name, value)| violation(format!("{map}.{}", shortened(name)), expected, value))
            .collect(),
        None | Some(Value::Null) => Vec::new(),
        Some(value) => vec![violation(map.to_owned(), "an object", value)],
    }
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
