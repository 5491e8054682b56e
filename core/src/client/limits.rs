//! What any event has to keep to, schema or not.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::Event;
use crate::schema::{Checker, Given, Rules, Violation};
use crate::wire::put_events::MAX_EVENT_BYTES;

/// Checks an event, and takes the fields out of it that are to be dropped.
pub(super) fn check(rules: Rules<'_>, event: &mut Event<'_>) -> Vec<Violation> {
    let mut checker = Checker::new(rules, &event.event_type);
    event
        .attributes
        .retain(|(name, text)| checker.field(Given::Attribute, name, text));
    event
        .metrics
        .retain(|(name, number)| checker.field(Given::Metric, name, number.as_text()));
    checker.finish()
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
