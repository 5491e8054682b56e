//! What the wire carries, whatever a schema says; and the validator of pages that have no schema, which
//! looks at nothing else: the one that knows rules is 2 KB more to download.

use super::Given;
use crate::wire::put_events::{MAX_KEY_CHARS, MAX_KEYS, MAX_VALUE_CHARS};

/// Holds one event against the limits of the wire, its attributes and metrics handed in one by one. It says
/// what a [`Checker`](super::Checker) says that has [`Rules::ANY`](super::Rules::ANY), but for a number
/// that is no double: it comes from JavaScript, which has no others.
#[derive(Debug)]
pub struct Limits {
    count: usize,
    is_valid: bool,
}

impl Limits {
    /// Begins with the event's type, which may not be empty.
    pub fn new(event_type: &str) -> Limits {
        Limits {
            count: 0,
            is_valid: !event_type.is_empty(),
        }
    }

    /// Takes a field. Gives whether it may leave the browser, which every one may that no schema forbids.
    pub fn field(&mut self, given: Given, name: &str, text: &str) -> bool {
        self.count += 1;
        let is_carried = match given {
            Given::Attribute => length(text) <= MAX_VALUE_CHARS,
            Given::Metric => is_finite(text),
            Given::OtherAttribute | Given::OtherMetric => false,
        };
        self.is_valid &= is_carried && length(name) <= MAX_KEY_CHARS;
        true
    }

    /// Ends the event. Gives whether there is anything that the wire does not carry.
    pub fn finish(&mut self) -> bool {
        !self.is_valid || self.count > MAX_KEYS
    }
}

/// How many Unicode code points there are: all bytes but those that go on with one.
pub(super) fn length(text: &str) -> usize {
    let mut count = 0;
    for byte in text.as_bytes() {
        count += usize::from(byte & 0xc0 != 0x80);
    }
    count
}

/// Whether the text of a number is of one that there is in JSON, and not `NaN` or `Infinity`.
pub(super) fn is_finite(text: &str) -> bool {
    text.as_bytes().last().is_some_and(u8::is_ascii_digit)
}
