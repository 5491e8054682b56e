//! Events against rules: the one validator of browser, worker and lake. In the browser every byte of
//! it is downloaded: hence byte loops and few helpers, and lengths that are compared as the texts of
//! numbers, as metrics are.

use alloc::string::String;

use super::format;
use super::rules::{
    EVENT, FIELD, FORMAT, Items, MAXIMUM, MINIMUM, MORE, OPEN, Rules, Traits, VALUE, bound,
};
use super::validate::decimal;
use crate::json::{Decimal, LARGEST_DOUBLE, LEAST_DOUBLE};
use crate::wire::put_events::MAX_KEYS;

/// Most names or values that `expected` lists.
const MAX_LISTED: usize = 10;

/// What any event has to keep to, as rules: [`MAX_VALUE_CHARS`](crate::wire::put_events::MAX_VALUE_CHARS),
/// [`MAX_KEY_CHARS`](crate::wire::put_events::MAX_KEY_CHARS) and [`MAX_KEYS`].
const ANY_VALUE: Items<'_> = Items("<A200");
const ANY_NAME: Items<'_> = Items("<A50");
const ANY_COUNT: Items<'_> = Items("<A40");

/// Takes violations, each from its start to its end.
pub trait Report: Default {
    /// Begins a violation of a rule. The path is made of two parts.
    fn open(&mut self, path: [&str; 2], rule: &'static str);
    /// Adds to what the schema asks for.
    fn expect(&mut self, text: &str);
    /// Ends the violation with what came, in parts.
    fn close(&mut self, actual: [&str; 3]);
}

/// For the browser: path, rule, what is expected and what came, each followed by U+001F.
impl Report for String {
    fn open(&mut self, path: [&str; 2], rule: &'static str) {
        push(self, [path[0], path[1], "\x1f", rule, "\x1f"]);
    }

    fn expect(&mut self, text: &str) {
        self.push_str(text);
    }

    fn close(&mut self, actual: [&str; 3]) {
        push(self, ["\x1f", actual[0], actual[1], actual[2], "\x1f"]);
    }
}

fn push(report: &mut String, parts: [&str; 5]) {
    for part in parts {
        report.push_str(part);
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

/// Validates one event, whose fields are handed in one by one.
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
        if items.0.is_empty() && !event_type.is_empty() {
            return checker;
        }
        checker.report.open(["EventType", ""], "eventType");
        checker.list(items, EVENT);
        let actual = "an event type that is not in the schema";
        checker.report.close([actual, "", ""]);
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
        let map = match given {
            Given::Attribute | Given::OtherAttribute => "Attributes.",
            Given::Metric | Given::OtherMetric => "Metrics.",
        };
        let path = [map, name];
        let Some((traits, constraints)) = self.find(name) else {
            if self.count <= MAX_KEYS {
                self.check_other(given, path, text);
            }
            return true;
        };
        let is_null = traits.is_nullable() && text == "null";
        if self.count <= MAX_KEYS && !is_null {
            self.check(traits, constraints, given, path, text);
        }
        !traits.is_dropped()
    }

    /// The violations, once what is missing is among them.
    pub fn finish(mut self) -> R {
        let (mut fields, mut bit) = (self.fields, 1_u64);
        while let Some((traits, name)) = fields.next_field() {
            if traits.is_required() && self.seen & bit == 0 && self.count <= MAX_KEYS {
                let path = [map_of(traits), name];
                self.add(path, "required", wanted(traits), "nothing");
            }
            bit = bit.rotate_left(1);
        }
        let count = decimal(self.count);
        self.check_bounds(Measure::Count, &count, ANY_COUNT, ["Attributes", ""]);
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

    fn check_other(&mut self, given: Given, path: [&str; 2], text: &str) {
        if !self.is_open {
            let actual = "a name that is not in the schema";
            return self.add(
                path,
                "additionalProperties",
                "a field of the event type",
                actual,
            );
        }
        let length = decimal(count_characters(path[1]));
        self.check_bounds(Measure::NameLength, &length, ANY_NAME, path);
        match given {
            Given::Attribute | Given::OtherAttribute => {
                self.check(Traits::STRING, ANY_VALUE, given, path, text);
            }
            _ => self.check(Traits::NUMBER, Items(""), given, path, text),
        }
    }

    fn check(
        &mut self,
        traits: Traits,
        constraints: Items<'r>,
        given: Given,
        path: [&str; 2],
        text: &str,
    ) {
        let of_type = traits.of_type();
        let is_number = of_type >= Traits::INTEGER.0;
        let fault = match given {
            Given::Attribute if is_number => "a string in Attributes",
            Given::Metric if !is_number => "a number in Metrics",
            Given::OtherAttribute | Given::OtherMetric => text,
            _ if is_number => number_fault(of_type, text),
            _ if of_type == Traits::BOOLEAN.0 && !matches!(text, "true" | "false") => {
                "another string"
            }
            _ => "",
        };
        if !fault.is_empty() {
            return self.add(path, "type", wanted(traits), fault);
        }
        self.check_values(is_number, constraints, path, text);
        if is_number {
            self.check_bounds(Measure::Number, text, constraints, path);
        } else {
            self.check_format(constraints, path, text);
            let length = decimal(count_characters(text));
            self.check_bounds(Measure::Length, &length, constraints, path);
        }
    }

    /// Checks whether a value is one of those allowed, if any are listed. An `enum` of one and a `const`
    /// are the same.
    fn check_values(&mut self, is_number: bool, values: Items<'r>, path: [&str; 2], text: &str) {
        // What of the text is left behind the part of a value that it begins with.
        let (mut left, mut count, mut items) = (None, 0, values);
        while let Some(item) = items.next() {
            match item.sigil {
                VALUE if left == Some("") => return,
                VALUE if is_number => {
                    let is_same = Decimal::of(text).compare(&Decimal::of(item.text)).is_eq();
                    left = is_same.then_some("");
                }
                VALUE => left = text.strip_prefix(item.text),
                MORE => left = left.and_then(|left| left.strip_prefix(item.text)),
                _ => break,
            }
            count += usize::from(item.sigil == VALUE);
        }
        if left == Some("") || count == 0 {
            return;
        }
        self.report
            .open(path, if count == 1 { "const" } else { "enum" });
        self.list(values, VALUE);
        let actual = if is_number {
            "another number"
        } else {
            "another string"
        };
        self.report.close([actual, "", ""]);
    }

    /// Lists the texts of one sigil up to the next field, cut where there are too many to read.
    fn list(&mut self, mut items: Items<'_>, sigil: u8) {
        let mut count = 0;
        while let Some(item) = items.next() {
            if item.sigil == sigil {
                count += 1;
                if count <= MAX_LISTED {
                    self.report
                        .expect(if count == 1 { "one of " } else { ", " });
                }
            }
            if sigil == VALUE && item.sigil == FIELD {
                break;
            }
            if count <= MAX_LISTED && (item.sigil == sigil || item.sigil == MORE) {
                self.report.expect(item.text);
            }
        }
        if count > MAX_LISTED {
            for part in [" and ", &decimal(count - MAX_LISTED), " more"] {
                self.report.expect(part);
            }
        }
    }

    fn check_format(&mut self, mut constraints: Items<'_>, path: [&str; 2], text: &str) {
        while let Some(item) = constraints.next() {
            match item.sigil {
                FIELD | EVENT => break,
                FORMAT => {
                    if let Some(expected) = format::fault(item.text, text) {
                        self.add(path, "format", expected, "a string of another form");
                    }
                }
                _ => {}
            }
        }
    }

    fn check_bounds(
        &mut self,
        measure: Measure,
        size: &str,
        mut bounds: Items<'_>,
        path: [&str; 2],
    ) {
        while let Some(item) = bounds.next() {
            let is_maximum = match item.sigil {
                FIELD | EVENT => break,
                MAXIMUM => true,
                MINIMUM => false,
                _ => continue,
            };
            let (is_exclusive, bound) = bound(item.text);
            let mut order = Decimal::of(size).compare(&Decimal::of(bound));
            if is_maximum {
                order = order.reverse();
            }
            if order.is_gt() || order.is_eq() && !is_exclusive {
                continue;
            }
            let (relation, rule) = match (is_maximum, is_exclusive) {
                (true, true) => ("less than ", "exclusiveMaximum"),
                (true, false) => ("at most ", "maximum"),
                (false, true) => ("more than ", "exclusiveMinimum"),
                (false, false) => ("at least ", "minimum"),
            };
            let characters = |count| {
                if count == "1" {
                    " character"
                } else {
                    " characters"
                }
            };
            let (rule, unit, actual) = match measure {
                Measure::Number => (rule, "", ["another number", "", ""]),
                Measure::Count => (
                    "maxProperties",
                    " attributes and metrics",
                    [size, " of them", ""],
                ),
                Measure::NameLength => (
                    "propertyNames",
                    characters(bound),
                    ["a name of ", size, characters(size)],
                ),
                Measure::Length => (
                    if is_maximum { "maxLength" } else { "minLength" },
                    characters(bound),
                    ["a string of ", size, characters(size)],
                ),
            };
            self.report.open(path, rule);
            for part in [relation, bound, unit] {
                self.report.expect(part);
            }
            self.report.close(actual);
        }
    }

    fn add(&mut self, path: [&str; 2], rule: &'static str, expected: &str, actual: &str) {
        self.report.open(path, rule);
        self.report.expect(expected);
        self.report.close([actual, "", ""]);
    }
}

/// Why a text cannot be the number of a metric; empty where it can.
fn number_fault(of_type: u8, text: &str) -> &str {
    let (least, most) = if of_type == Traits::INTEGER.0 {
        ("-9223372036854775808", "9223372036854775807")
    } else {
        (LEAST_DOUBLE, LARGEST_DOUBLE)
    };
    let number = Decimal::of(text);
    if !text.ends_with(|last: char| last.is_ascii_digit()) {
        // `NaN` or `Infinity`
        text
    } else if of_type == Traits::INTEGER.0 && !number.is_whole() {
        "a number with a fraction"
    } else if number.compare(&Decimal::of(least)).is_lt()
        || number.compare(&Decimal::of(most)).is_gt()
    {
        "a number out of range"
    } else {
        ""
    }
}

fn map_of(traits: Traits) -> &'static str {
    if traits.of_type() >= Traits::INTEGER.0 {
        "Metrics."
    } else {
        "Attributes."
    }
}

/// What kind of value a field takes, and where on the wire.
fn wanted(traits: Traits) -> &'static str {
    match traits.of_type() {
        0 => "a string in Attributes",
        1 => "true or false in Attributes",
        2 => "a whole number in Metrics",
        _ => "a number in Metrics",
    }
}

/// Unicode code points: all bytes but those that go on with one.
fn count_characters(text: &str) -> usize {
    let mut count = 0;
    for byte in text.as_bytes() {
        count += usize::from(byte & 0xc0 != 0x80);
    }
    count
}
