//! What any event has to keep to, schema or not.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::Event;
use crate::schema::Violation;
use crate::wire::put_events::{MAX_EVENT_BYTES, MAX_KEY_CHARS, MAX_KEYS, MAX_VALUE_CHARS};

/// Checks an event without a schema against the limits of the wire.
pub(super) fn check(event: &Event<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    if event.event_type.is_empty() {
        violations.push(violation("EventType", "", "required", "a name", "nothing"));
    }
    if event.attributes.len() + event.metrics.len() > MAX_KEYS {
        violations.push(violation(
            "Attributes",
            "",
            "maxProperties",
            "at most 40 attributes and metrics together",
            "more",
        ));
    }
    for (name, value) in &event.attributes {
        check_key("Attributes.", name, &mut violations);
        if is_longer(value, MAX_VALUE_CHARS) {
            violations.push(violation(
                "Attributes.",
                name,
                "maxLength",
                "at most 200 characters",
                "a longer string",
            ));
        }
    }
    for (name, _) in &event.metrics {
        check_key("Metrics.", name, &mut violations);
    }
    violations
}

/// Checks the size of an encoded event.
pub(super) fn check_size(body: &str) -> Option<Violation> {
    (body.len() > MAX_EVENT_BYTES).then(|| {
        violation(
            "Attributes",
            "",
            "maxBytes",
            "an event of at most 1,000 KB",
            "a larger event",
        )
    })
}

fn check_key(map: &str, name: &str, violations: &mut Vec<Violation>) {
    if is_longer(name, MAX_KEY_CHARS) {
        violations.push(violation(
            map,
            name,
            "propertyNames",
            "a name of at most 50 characters",
            "a longer name",
        ));
    }
}

fn is_longer(text: &str, max_chars: usize) -> bool {
    // Every character has at least one byte, so most texts need no counting.
    text.len() > max_chars && text.chars().count() > max_chars
}

fn violation(map: &str, name: &str, rule: &'static str, expected: &str, actual: &str) -> Violation {
    Violation {
        path: [map, name].concat(),
        rule,
        expected: String::from(expected),
        actual: String::from(actual),
    }
}
