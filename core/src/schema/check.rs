//! Events against rules: the one validator of browser, worker and lake. In the browser every byte of
//! it is downloaded: hence byte loops and few helpers, and lengths that are compared as the texts of
//! numbers, as metrics are.

use alloc::string::String;

use super::format;
use super::rules::{
    self, EVENT, FIELD, FORMAT, Item, Items, MAXIMUM, MINIMUM, MORE, OPEN, Rules, Traits, VALUE,
};
use super::validate::decimal;
use crate::json::{Decimal, LARGEST_DOUBLE, LEAST_DOUBLE};
use crate::wire::put_events::MAX_KEYS;

/// Most names or values that `expected` lists.
const MAX_LISTED: usize = 10;

/// The most there may be of each in any event, as bounds in rules:
/// [`MAX_VALUE_CHARS`](crate::wire::put_events::MAX_VALUE_CHARS),
/// [`MAX_KEY_CHARS`](crate::wire::put_events::MAX_KEY_CHARS) and [`MAX_KEYS`].
const ANY_VALUE: Items<'_> = Items("<A200");
const ANY_NAME: &str = "A50";
const ANY_COUNT: &str = "A40";

/// Takes violations, each in four parts: path, rule, and then those of [`Part`] in their order.
pub trait Report: Default {
    /// Begins a violation of a rule. The path is in two parts.
    fn open(&mut self, path: &[&str; 2], rule: &'static str);
    /// Adds to a part.
    fn add(&mut self, part: Part, text: &str);
    /// Ends a part.
    fn end(&mut self, part: Part);
}

/// A part of a violation that is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of `Violation`")]
pub enum Part {
    Expected,
    Actual,
}

/// Behind each part in a text.
const END: &str = "\x1f";

/// For the browser: path, rule, what is expected and what came, each followed by U+001F.
impl Report for String {
    fn open(&mut self, path: &[&str; 2], rule: &'static str) {
        self.push_str(path[0]);
        self.push_str(path[1]);
        self.push_str(END);
        self.push_str(rule);
        self.push_str(END);
    }

    fn add(&mut self, _part: Part, text: &str) {
        self.push_str(text);
    }

    fn end(&mut self, _part: Part) {
        self.push_str(END);
    }
}

/// What an event gives under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// A string in `Attributes`.
    Attribute,
    /// A number in `Metrics`: its text, as JSON or JavaScript's `String(number)` has it.
    Metric,
    /// Something in `Attributes` that is no string: what it is, by JavaScript's `typeof`, or `null`.
    OtherAttribute,
    /// Something in `Metrics` that is no number: what it is, as above.
    OtherMetric,
}

/// What is held against bounds.
#[derive(Clone, Copy, PartialEq)]
enum Measure {
    Number,
    Length,
    NameLength,
    Count,
}

/// Validates one event, whose attributes and metrics are handed in one by one.
///
/// What the wire does not carry is a violation whatever the schema says: a string longer than
/// [`MAX_VALUE_CHARS`](crate::wire::put_events::MAX_VALUE_CHARS) (`maxLength`); among additional
/// properties a name longer than [`MAX_KEY_CHARS`](crate::wire::put_events::MAX_KEY_CHARS)
/// (`propertyNames`); more than [`MAX_KEYS`] fields (`maxProperties`), of which no more than so many are
/// looked at. It is better known where it is recorded than where it is refused. Numbers are compared by
/// their digits, exactly.
pub struct Checker<'r, R> {
    /// Those of the event type.
    fields: Items<'r>,
    /// Whether fields that are not among them are taken.
    is_open: bool,
    /// Bits of those that came, by their places. More than 64 do not fit an event.
    seen: u64,
    count: usize,
    pub(super) report: R,
}

impl<'r, R: Report> Checker<'r, R> {
    /// Begins with the event's type. One that is not in the schema is a violation.
    pub fn new(Rules(items): Rules<'r>, event_type: &str) -> Checker<'r, R> {
        let mut fields = items;
        while let Some(item) = fields.next() {
            if item.sigil == EVENT && item.text == event_type {
                return Checker::of(fields, fields.0.as_bytes().first() == Some(&OPEN));
            }
        }
        let mut checker = Checker::of(fields, true);
        if items.0.is_empty() {
            if event_type.is_empty() {
                checker.add(&["EventType", ""], "required", "a name", "nothing");
            }
            return checker;
        }
        checker.report.open(&["EventType", ""], "eventType");
        checker.report.add(Part::Expected, "one of ");
        checker.list(items, EVENT);
        let actual = "an event type that is not in the schema";
        checker.close(actual);
        checker
    }

    /// Begins with the fields of an event type.
    pub(super) fn of(fields: Items<'r>, is_open: bool) -> Checker<'r, R> {
        Checker {
            fields,
            is_open,
            seen: 0,
            count: 0,
            report: R::default(),
        }
    }

    /// Takes a field. Gives whether it may leave the browser; `false` for one with `x-pii: drop`.
    pub fn field(&mut self, given: Given, name: &str, text: &str) -> bool {
        let is_metric = matches!(given, Given::Metric | Given::OtherMetric);
        let path = &[if is_metric { METRICS } else { ATTRIBUTES }, name];
        let known = self.find(name);
        if self.count > MAX_KEYS {
            return true;
        }
        let (traits, constraints) = match known {
            Some(known) => known,
            None if !self.is_open => {
                let actual = "a name that is not in the schema";
                let expected = "a field of the event type";
                self.add(path, "additionalProperties", expected, actual);
                return true;
            }
            None => {
                self.check_bound(Measure::NameLength, &length(name), true, ANY_NAME, path);
                if is_metric {
                    (Traits::NUMBER, Items(""))
                } else {
                    (Traits::STRING, ANY_VALUE)
                }
            }
        };
        if !(traits.is_nullable() && text == "null") {
            self.check(traits, constraints, given, path, text);
        }
        !traits.is_dropped()
    }

    /// The violations, once what is missing is among them.
    pub fn finish(mut self) -> R {
        let (mut fields, mut bit) = (self.fields, 1_u64);
        while let Some((traits, name)) = fields.next_field() {
            if traits.is_required() && self.seen & bit == 0 && self.count <= MAX_KEYS {
                let path = &[map_of(traits), name];
                self.add(path, "required", wanted(traits), "nothing");
            }
            bit = bit.rotate_left(1);
        }
        let count = decimal(self.count);
        self.check_bound(Measure::Count, &count, true, ANY_COUNT, &["Attributes", ""]);
        self.report
    }

    /// Counts a field. What the rules say of it: its traits, and items that begin with its constraints.
    pub(super) fn find(&mut self, name: &str) -> Option<(Traits, Items<'r>)> {
        self.count += 1;
        let (mut fields, mut bit) = (self.fields, 1_u64);
        loop {
            let (traits, field) = fields.next_field()?;
            if field == name {
                self.seen |= bit;
                return Some((traits, fields));
            }
            bit = bit.rotate_left(1);
        }
    }

    fn check(
        &mut self,
        traits: Traits,
        constraints: Items<'r>,
        given: Given,
        path: &[&str; 2],
        text: &str,
    ) {
        let of_type = traits.of_type();
        let is_number = traits.is_number();
        let fault = match given {
            Given::Attribute if is_number => Some("a string in Attributes"),
            Given::Metric if !is_number => Some("a number in Metrics"),
            Given::OtherAttribute | Given::OtherMetric => Some(text),
            _ if is_number => number_fault(of_type, text),
            _ if of_type == Traits::BOOLEAN.0 && !matches!(text, "true" | "false") => {
                Some("another string")
            }
            _ => None,
        };
        if let Some(fault) = fault {
            return self.add(path, "type", wanted(traits), fault);
        }
        let length = length(text);
        let (measure, size) = if is_number {
            (Measure::Number, text)
        } else {
            (Measure::Length, length.as_str())
        };
        // What of the text is left behind the part of a value that it begins with.
        let (mut left, mut values, mut is_listed) = (None, 0, false);
        let mut items = constraints;
        loop {
            let item = items.next().unwrap_or(Item {
                sigil: EVENT,
                text: "",
            });
            if item.sigil != MORE {
                is_listed |= left == Some("");
                left = None;
            }
            match item.sigil {
                VALUE => {
                    values += 1;
                    left = if !is_number {
                        text.strip_prefix(item.text)
                    } else if Decimal::of(text).compare(&Decimal::of(item.text)).is_eq() {
                        Some("")
                    } else {
                        None
                    };
                }
                MORE => left = left.and_then(|left| left.strip_prefix(item.text)),
                FORMAT => {
                    if let Some(expected) = format::fault(item.text, text) {
                        self.add(path, "format", expected, "a string of another form");
                    }
                }
                MAXIMUM | MINIMUM => {
                    self.check_bound(measure, size, item.sigil == MAXIMUM, item.text, path);
                }
                _ => break,
            }
        }
        if values > 0 && !is_listed {
            self.report
                .open(path, if values == 1 { "const" } else { "enum" });
            if values > 1 {
                self.report.add(Part::Expected, "one of ");
            }
            self.list(constraints, VALUE);
            let actual = if is_number {
                "another number"
            } else {
                "another string"
            };
            self.close(actual);
        }
    }

    /// Lists the texts of one sigil up to the next field, cut where there are too many to read.
    fn list(&mut self, mut items: Items<'_>, sigil: u8) {
        let mut count = 0;
        while let Some(item) = items.next() {
            if item.sigil == sigil {
                count += 1;
                if 1 < count && count <= MAX_LISTED {
                    self.report.add(Part::Expected, ", ");
                }
            }
            if sigil == VALUE && item.sigil == FIELD {
                break;
            }
            let is_listed = item.sigil == sigil || sigil == VALUE && item.sigil == MORE;
            if is_listed && count <= MAX_LISTED {
                self.report.add(Part::Expected, item.text);
            }
        }
        if count > MAX_LISTED {
            for part in [" and ", &decimal(count - MAX_LISTED), " more"] {
                self.report.add(Part::Expected, part);
            }
        }
    }

    fn check_bound(
        &mut self,
        measure: Measure,
        size: &str,
        is_maximum: bool,
        bound: &str,
        path: &[&str; 2],
    ) {
        let (is_exclusive, bound) = rules::bound(bound);
        let mut order = Decimal::of(size).compare(&Decimal::of(bound));
        if is_maximum {
            order = order.reverse();
        }
        if order.is_gt() || order.is_eq() && !is_exclusive {
            return;
        }
        let (relation, rule) = match (is_maximum, is_exclusive) {
            (true, true) => ("less than ", "exclusiveMaximum"),
            (true, false) => ("at most ", "maximum"),
            (false, true) => ("more than ", "exclusiveMinimum"),
            (false, false) => ("at least ", "minimum"),
        };
        let (rule, subject) = match measure {
            Measure::Number => (rule, "another number"),
            Measure::Count => ("maxProperties", ""),
            Measure::NameLength => ("propertyNames", "a name of "),
            Measure::Length if is_maximum => ("maxLength", "a string of "),
            Measure::Length => ("minLength", "a string of "),
        };
        self.report.open(path, rule);
        self.report.add(Part::Expected, relation);
        self.add_amount(Part::Expected, measure, bound);
        self.report.end(Part::Expected);
        self.report.add(Part::Actual, subject);
        if measure != Measure::Number {
            self.add_amount(Part::Actual, measure, size);
        }
        self.report.end(Part::Actual);
    }

    /// Adds a number with its unit.
    fn add_amount(&mut self, part: Part, measure: Measure, number: &str) {
        let unit = match measure {
            Measure::Number => "",
            Measure::Count => " attributes and metrics",
            _ if number == "1" => " character",
            _ => " characters",
        };
        self.report.add(part, number);
        self.report.add(part, unit);
    }

    pub(super) fn add(
        &mut self,
        path: &[&str; 2],
        rule: &'static str,
        expected: &str,
        actual: &str,
    ) {
        self.report.open(path, rule);
        self.report.add(Part::Expected, expected);
        self.close(actual);
    }

    /// Ends a violation with what came.
    fn close(&mut self, actual: &str) {
        self.report.end(Part::Expected);
        self.report.add(Part::Actual, actual);
        self.report.end(Part::Actual);
    }
}

/// What a text is that cannot be the number of a metric.
fn number_fault(of_type: u8, text: &str) -> Option<&str> {
    let (least, most) = if of_type == Traits::INTEGER.0 {
        ("-9223372036854775808", "9223372036854775807")
    } else {
        (LEAST_DOUBLE, LARGEST_DOUBLE)
    };
    let number = Decimal::of(text);
    if !text.as_bytes().last().is_some_and(u8::is_ascii_digit) {
        // `NaN` or `Infinity`
        Some(text)
    } else if of_type == Traits::INTEGER.0 && !number.is_whole() {
        Some("a number with a fraction")
    } else if number.compare(&Decimal::of(least)).is_lt()
        || number.compare(&Decimal::of(most)).is_gt()
    {
        Some("a number out of range")
    } else {
        None
    }
}

fn map_of(traits: Traits) -> &'static str {
    if traits.is_number() {
        METRICS
    } else {
        ATTRIBUTES
    }
}

const ATTRIBUTES: &str = "Attributes.";
const METRICS: &str = "Metrics.";

/// What kind of value a field takes, and where on the wire.
fn wanted(traits: Traits) -> &'static str {
    match traits.of_type() {
        0 => "a string in Attributes",
        1 => "true or false in Attributes",
        2 => "a whole number in Metrics",
        _ => "a number in Metrics",
    }
}

/// How many Unicode code points there are: all bytes but those that go on with one.
fn length(text: &str) -> String {
    let mut count = 0;
    for byte in text.as_bytes() {
        count += usize::from(byte & 0xc0 != 0x80);
    }
    decimal(count)
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::wire::put_events::{MAX_KEY_CHARS, MAX_VALUE_CHARS};

    #[test]
    fn the_limits_are_those_of_the_wire() {
        assert_eq!(ANY_VALUE.0, format!("<A{MAX_VALUE_CHARS}"));
        assert_eq!(ANY_NAME, format!("A{MAX_KEY_CHARS}"));
        assert_eq!(ANY_COUNT, format!("A{MAX_KEYS}"));
    }
}
