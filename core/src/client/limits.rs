//! What any event has to keep to, schema or not.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::Event;
use crate::schema::{Violation, check_limits};
use crate::wire::put_events::MAX_EVENT_BYTES;

/// Checks an event without a schema against the limits of the wire.
pub(super) fn check(event: &Event<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    if event.event_type.is_empty() {
        violations.push(violation("EventType", "required", "a name", "nothing"));
    }
    check_limits(event, &|_| true, &mut violations);
    violations
}

/// Checks the size of an encoded event.
pub(super) fn check_size(body: &str) -> Option<Violation> {
    (body.len() > MAX_EVENT_BYTES).then(|| {
        violation(
            "Attributes",
            "maxBytes",
            "an event of at most 1,000 KB",
            "a larger event",
        )
    })
}

fn violation(path: &str, rule: &'static str, expected: &str, actual: &str) -> Violation {
    Violation {
        path: String::from(path),
        rule,
        expected: String::from(expected),
        actual: String::from(actual),
    }
}
