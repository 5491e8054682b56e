//! Events against rules: the one validator of browser, worker and lake. In the browser every byte of
//! it is downloaded: hence byte loops and few helpers, and words that are put together for those alone who
//! ask for them.

use alloc::string::String;
use core::mem::take;

use super::judge::{JavaScript, Judge, Verdict};
use super::rules::{
    EVENT, EXCLUSIVE, FIELD, FORMAT, Items, MAXIMUM, MINIMUM, MORE, OPEN, Rules, Traits, VALUE,
};
use super::validate::{decimal, shortened};
use super::{Violation, format};
use crate::wire::put_events::{MAX_KEY_CHARS, MAX_KEYS};

/// Most names or values that `expected` lists.
const MAX_LISTED: usize = 10;

/// The most there may be of any string, as rules have it:
/// [`MAX_VALUE_CHARS`](crate::wire::put_events::MAX_VALUE_CHARS).
const ANY_VALUE: Items<'_> = Items(b"<A200");

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

/// Validates one event, whose attributes and metrics are handed in one by one.
///
/// What the wire does not carry is a violation whatever the schema says: a string longer than
/// [`MAX_VALUE_CHARS`](crate::wire::put_events::MAX_VALUE_CHARS) (`maxLength`); among additional
/// properties a name longer than [`MAX_KEY_CHARS`]
/// (`propertyNames`); more than [`MAX_KEYS`] fields (`maxProperties`), of which no more than so many are
/// looked at. It is better known where it is recorded than where it is refused.
pub struct Checker<'r, J> {
    /// Those of the event type.
    fields: Items<'r>,
    /// Whether fields that are not among them are taken.
    is_open: bool,
    /// Bits of those that came, by their places. More than 64 do not fit an event.
    seen: u64,
    count: usize,
    pub(super) judge: J,
}

impl<'r, J: Judge> Checker<'r, J> {
    /// Begins with the event's type. One that is not in the schema is a violation.
    pub fn new(Rules(items): Rules<'r>, event_type: &str) -> Checker<'r, J> {
        let mut fields = items;
        while let Some(item) = fields.next() {
            if item.sigil == EVENT && item.text == event_type.as_bytes() {
                return Checker::of(fields, fields.0.first() == Some(&OPEN));
            }
        }
        let mut checker = Checker::<J>::of(fields, true);
        if !items.0.is_empty() {
            checker.judge.add(|| Violation {
                path: "EventType".into(),
                rule: "eventType",
                expected: list(items, EVENT).1,
                actual: "an event type that is not in the schema".into(),
            });
        } else if event_type.is_empty() {
            checker.judge.add(|| Violation {
                path: "EventType".into(),
                rule: "required",
                expected: "a name".into(),
                actual: "nothing".into(),
            });
        }
        checker
    }

    /// Begins with the fields of an event type.
    pub(super) fn of(fields: Items<'r>, is_open: bool) -> Checker<'r, J> {
        Checker {
            fields,
            is_open,
            seen: 0,
            count: 0,
            judge: J::default(),
        }
    }

    /// Takes a field. Gives whether it may leave the browser; `false` for one with `x-pii: drop`.
    pub fn field(&mut self, given: Given, name: &str, text: &str) -> bool {
        let is_metric = matches!(given, Given::Metric | Given::OtherMetric);
        let known = self.find(name);
        if self.count > MAX_KEYS {
            return true;
        }
        let place = Place { is_metric, name };
        let (traits, constraints) = match known {
            Some(known) => known,
            None if !self.is_open => {
                self.judge.add(|| Violation {
                    path: place.path(),
                    rule: "additionalProperties",
                    expected: "a field of the event type".into(),
                    actual: "a name that is not in the schema".into(),
                });
                return true;
            }
            None => {
                let length = length(name);
                if length > MAX_KEY_CHARS {
                    self.judge.add(|| Violation {
                        path: place.path(),
                        rule: "propertyNames",
                        expected: ["at most ", &characters(MAX_KEY_CHARS)].concat(),
                        actual: ["a name of ", &characters(length)].concat(),
                    });
                }
                if is_metric {
                    (Traits::NUMBER, Items(b""))
                } else {
                    (Traits::STRING, ANY_VALUE)
                }
            }
        };
        if !(traits.is_nullable() && text == "null") {
            self.check(traits, constraints, given, place, text);
        }
        !traits.is_dropped()
    }

    /// Ends the event. Gives the judge, who has heard of what is missing, too.
    pub fn finish(&mut self) -> J {
        if self.count > MAX_KEYS {
            let amount = |count| [&decimal(count), " attributes and metrics"].concat();
            self.judge.add(|| Violation {
                path: "Attributes".into(),
                rule: "maxProperties",
                expected: ["at most ", &amount(MAX_KEYS)].concat(),
                actual: amount(self.count),
            });
            return take(&mut self.judge);
        }
        let (mut fields, mut bit) = (self.fields, 1_u64);
        while let Some((traits, name)) = fields.next_field() {
            if traits.is_required() && self.seen & bit == 0 {
                let is_metric = traits.is_number();
                self.judge.add(|| Violation {
                    path: Place {
                        is_metric,
                        name: &String::from_utf8_lossy(name),
                    }
                    .path(),
                    rule: "required",
                    expected: wanted(traits).into(),
                    actual: "nothing".into(),
                });
            }
            bit = bit.rotate_left(1);
        }
        take(&mut self.judge)
    }

    /// Counts a field. What the rules say of it: its traits, and items that begin with its constraints.
    pub(super) fn find(&mut self, name: &str) -> Option<(Traits, Items<'r>)> {
        self.count += 1;
        let (mut fields, mut bit) = (self.fields, 1_u64);
        loop {
            let (traits, field) = fields.next_field()?;
            if field == name.as_bytes() {
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
        place: Place<'_>,
        text: &str,
    ) {
        let is_number = traits.is_number();
        let number = if is_number {
            J::number(text.as_bytes())
        } else {
            J::count(length(text))
        };
        if let Some(fault) = type_fault::<J>(traits, given, text, &number) {
            return self.judge.add(|| Violation {
                path: place.path(),
                rule: "type",
                expected: wanted(traits).into(),
                actual: fault.into(),
            });
        }
        // What of the text is left behind the part of a value that it begins with.
        let mut left = None::<&[u8]>;
        let mut items = constraints;
        let mut is_listed = items.0.first() != Some(&VALUE);
        while let Some(item) = items.next() {
            match item.sigil {
                VALUE => {
                    left = if !is_number {
                        text.as_bytes().strip_prefix(item.text)
                    } else if number == J::number(item.text) {
                        Some(&b""[..])
                    } else {
                        None
                    };
                }
                MORE => left = left.and_then(|left| left.strip_prefix(item.text)),
                FORMAT => {
                    let [letter, pattern @ ..] = item.text else {
                        continue;
                    };
                    if !J::is_of_format(*letter, pattern, text) {
                        self.judge.add(|| Violation {
                            path: place.path(),
                            rule: "format",
                            expected: format::wanted(*letter).into(),
                            actual: "a string of another form".into(),
                        });
                    }
                }
                MAXIMUM | MINIMUM => {
                    let [letter, bound @ ..] = item.text else {
                        continue;
                    };
                    let is_maximum = item.sigil == MAXIMUM;
                    let is_exclusive = *letter == EXCLUSIVE;
                    let limit = J::number(bound);
                    let (lower, upper) = if is_maximum {
                        (&number, &limit)
                    } else {
                        (&limit, &number)
                    };
                    if lower > upper || lower == upper && is_exclusive {
                        self.judge.add(|| {
                            let text = (!is_number).then_some(text);
                            out_of_bounds(is_maximum, is_exclusive, bound, place, text)
                        });
                    }
                }
                _ => break,
            }
            is_listed |= matches!(left, Some([])) && items.0.first() != Some(&MORE);
        }
        if !is_listed {
            self.judge.add(|| {
                let (count, expected) = list(constraints, VALUE);
                Violation {
                    path: place.path(),
                    rule: if count == 1 { "const" } else { "enum" },
                    expected,
                    actual: another(is_number),
                }
            });
        }
    }
}

impl<J: JavaScript> Checker<'_, Verdict<J>> {
    /// Ends the event. Gives whether it is valid.
    pub fn is_valid(&mut self) -> bool {
        !self.finish().is_refused
    }
}

/// The violation of a bound: of a text's length, or of a number where there is no text.
fn out_of_bounds(
    is_maximum: bool,
    is_exclusive: bool,
    bound: &[u8],
    place: Place<'_>,
    text: Option<&str>,
) -> Violation {
    let (relation, rule, rule_of_length) = match (is_maximum, is_exclusive) {
        (true, true) => ("less than ", "exclusiveMaximum", "maxLength"),
        (true, false) => ("at most ", "maximum", "maxLength"),
        (false, true) => ("more than ", "exclusiveMinimum", "minLength"),
        (false, false) => ("at least ", "minimum", "minLength"),
    };
    let (rule, bound, actual) = match text {
        None => (rule, String::from_utf8_lossy(bound), another(true)),
        Some(text) => (
            rule_of_length,
            characters(integer(bound)).into(),
            ["a string of ", &characters(length(text))].concat(),
        ),
    };
    Violation {
        path: place.path(),
        rule,
        expected: [relation, &bound].concat(),
        actual,
    }
}

/// Where on the wire a field is.
#[derive(Clone, Copy)]
struct Place<'n> {
    is_metric: bool,
    name: &'n str,
}

impl Place<'_> {
    fn path(self) -> String {
        let map = if self.is_metric {
            "Metrics."
        } else {
            "Attributes."
        };
        [map, &shortened(self.name)].concat()
    }
}

/// The texts of one sigil up to the next field, in words, cut where there are too many to read.
fn list(mut items: Items<'_>, sigil: u8) -> (usize, String) {
    let (mut list, mut count) = (String::new(), 0);
    while let Some(item) = items.next() {
        if item.sigil == sigil {
            count += 1;
            if 1 < count && count <= MAX_LISTED {
                list.push_str(", ");
            }
        }
        if sigil == VALUE && item.sigil == FIELD {
            break;
        }
        let is_listed = item.sigil == sigil || sigil == VALUE && item.sigil == MORE;
        if is_listed && count <= MAX_LISTED {
            list.push_str(&String::from_utf8_lossy(item.text));
        }
    }
    if count > MAX_LISTED {
        for part in [" and ", &decimal(count - MAX_LISTED), " more"] {
            list.push_str(part);
        }
    }
    if sigil == VALUE && count == 1 {
        return (count, list);
    }
    (count, ["one of ", &list].concat())
}

/// What came where a value is not of a field's type.
fn type_fault<'t, J: Judge>(
    traits: Traits,
    given: Given,
    text: &'t str,
    number: &J::Number<'_>,
) -> Option<&'t str> {
    let of_type = traits.of_type();
    let is_number = traits.is_number();
    match given {
        Given::Attribute if is_number => Some("a string in Attributes"),
        Given::Metric if !is_number => Some("a number in Metrics"),
        Given::OtherAttribute | Given::OtherMetric => Some(text),
        _ if is_number && !is_finite(text) => Some(text),
        _ if is_number => J::fault(number, of_type == Traits::INTEGER.0),
        _ if of_type == Traits::BOOLEAN.0 && !matches!(text, "true" | "false") => {
            Some("another string")
        }
        _ => None,
    }
}

/// What came where a value is not one of those allowed, or a number out of bounds.
fn another(is_number: bool) -> String {
    let kind = if is_number { "number" } else { "string" };
    ["another ", kind].concat()
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

/// A length in words.
fn characters(count: usize) -> String {
    let unit = if count == 1 {
        " character"
    } else {
        " characters"
    };
    [&decimal(count), unit].concat()
}

/// How many Unicode code points there are: all bytes but those that go on with one.
fn length(text: &str) -> usize {
    let mut count = 0;
    for byte in text.as_bytes() {
        count += usize::from(byte & 0xc0 != 0x80);
    }
    count
}

/// Whether the text of a number is of one that there is in JSON, and not `NaN` or `Infinity`.
fn is_finite(text: &str) -> bool {
    text.as_bytes().last().is_some_and(u8::is_ascii_digit)
}

/// The number of decimal digits.
fn integer(digits: &[u8]) -> usize {
    let mut number = 0_usize;
    for digit in digits {
        number = number
            .wrapping_mul(10)
            .wrapping_add(usize::from(digit & 15));
    }
    number
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;
    use crate::wire::put_events::MAX_VALUE_CHARS;

    #[test]
    fn the_limit_is_that_of_the_wire() {
        assert_eq!(ANY_VALUE.0, format!("<A{MAX_VALUE_CHARS}").as_bytes());
    }
}
