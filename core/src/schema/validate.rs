//! An event against its schema, in the form the wire has it.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::{EventSchema, Field, Kind, Pii, Range, Schema, Violation, pii};
use crate::event::{Event, Map};
use crate::json::{Number, push_digits};
use crate::wire::put_events::{MAX_KEY_CHARS, MAX_KEYS, MAX_VALUE_CHARS};

/// Most names or values that `expected` lists.
const MAX_LISTED: usize = 10;

/// Where on its way an event is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// As it was recorded: in the browser, and when it arrives at the edge.
    Recorded,
    /// As the edge passes it on: fields with `x-pii: hash` hold hashes (the rule `x-pii`), those
    /// with `x-pii: mask` may hold masks.
    Delivered,
}

impl Schema {
    /// Validates an event in its wire form.
    ///
    /// What the wire does not carry is a violation whatever the schema says: a string longer than
    /// [`MAX_VALUE_CHARS`] (`maxLength`); among additional properties a name longer than
    /// [`MAX_KEY_CHARS`] (`propertyNames`), or more than [`MAX_KEYS`] of them together with the
    /// fields (`maxProperties`). It is better known where it is recorded than where it is refused.
    /// Numbers are compared as doubles.
    ///
    /// # Errors
    /// Every violation, in the order of the schema's fields, then unknown members in the event's, of
    /// which no more are looked at than an event may have.
    pub fn validate(
        &self,
        event: &Event<'_>,
        stage: Stage,
    ) -> Result<&EventSchema, Vec<Violation>> {
        let Some(schema) = self.event(&event.event_type) else {
            return Err(vec![self.unknown_event_type()]);
        };
        let mut violations = Vec::new();
        for field in &schema.fields {
            check_field(field, event, stage, &mut violations);
        }
        check_others(schema, event, &mut violations);
        if violations.is_empty() {
            Ok(schema)
        } else {
            Err(violations)
        }
    }

    fn unknown_event_type(&self) -> Violation {
        let mut known = self.events.iter().map(|event| event.event_type.as_str());
        Violation {
            path: "EventType".into(),
            rule: "eventType",
            expected: one_of(&mut known, self.events.len()),
            actual: "an event type that is not in the schema".into(),
        }
    }
}

impl Field {
    /// The field's text in `Attributes`. `None` where it is not there or null.
    pub fn attribute<'e>(&self, event: &'e Event<'_>) -> Option<&'e str> {
        find(&event.attributes, &self.name)
            .map(AsRef::as_ref)
            .filter(|text| !(self.nullable && *text == "null"))
    }

    /// The field's number in `Metrics`. `None` where it is not there.
    pub fn metric<'e>(&self, event: &'e Event<'_>) -> Option<&'e Number<'e>> {
        find(&event.metrics, &self.name)
    }
}

fn find<'m, V>(map: &'m Map<'_, V>, name: &str) -> Option<&'m V> {
    map.iter()
        .find(|(member, _)| member == name)
        .map(|(_, value)| value)
}

/// Takes the violations of one attribute or metric.
pub(super) struct Report<'r> {
    /// `Attributes.` or `Metrics.`
    pub map: &'static str,
    /// The name of the attribute or metric.
    pub name: &'r str,
    /// Where they go.
    pub violations: &'r mut Vec<Violation>,
}

impl Report<'_> {
    fn add(&mut self, rule: &'static str, expected: &str, actual: &str) {
        self.violations.push(Violation {
            path: [self.map, &shortened(self.name)].concat(),
            rule,
            expected: expected.into(),
            actual: actual.into(),
        });
    }
}

/// The name of an attribute or metric, cut where it is longer than one may be: it is the sender's, and
/// ends up in messages.
pub fn shortened(name: &str) -> Cow<'_, str> {
    let cut = name
        .char_indices()
        .nth(MAX_KEY_CHARS)
        .and_then(|(end, _)| name.get(..end));
    match cut {
        None => Cow::Borrowed(name),
        Some(cut) => Cow::Owned([cut, "…"].concat()),
    }
}

const ATTRIBUTES: &str = "Attributes.";
const METRICS: &str = "Metrics.";

fn check_field(field: &Field, event: &Event<'_>, stage: Stage, violations: &mut Vec<Violation>) {
    let attribute = field.attribute(event);
    let metric = field.metric(event);
    let is_number = matches!(field.kind, Kind::Integer(_) | Kind::Number(_));
    let (home, away, misplaced, found) = if is_number {
        (
            METRICS,
            ATTRIBUTES,
            attribute.is_some(),
            "a string in Attributes",
        )
    } else {
        (ATTRIBUTES, METRICS, metric.is_some(), "a number in Metrics")
    };
    let mut report = Report {
        map: home,
        name: &field.name,
        violations,
    };
    match (attribute, metric) {
        (Some(text), _) if !is_number => match stage {
            Stage::Recorded => check_text(&field.kind, text, &mut report),
            Stage::Delivered => check_delivered(field, text, &mut report),
        },
        (_, Some(number)) if is_number => check_number(&field.kind, number, &mut report),
        // Null is left out on the wire, so a field that may be null may be missing.
        _ if field.required && !field.nullable && !misplaced => {
            report.add("required", wanted(&field.kind), "nothing");
        }
        _ => {}
    }
    if misplaced {
        report.map = away;
        report.add("type", wanted(&field.kind), found);
    }
}

/// A hash or mask stands for a value that was valid.
fn check_delivered(field: &Field, text: &str, report: &mut Report<'_>) {
    let stands_for_value = match field.pii {
        Some(Pii::Hash) => pii::is_hash(text),
        Some(Pii::Mask) => pii::mask(field, text) == text,
        Some(Pii::Drop) | None => false,
    };
    if stands_for_value {
        return;
    }
    let before = report.violations.len();
    check_text(&field.kind, text, report);
    if field.pii == Some(Pii::Hash) && report.violations.len() == before {
        let expected = "the hash of the value, 64 hexadecimal digits";
        report.add("x-pii", expected, "a string that is no hash");
    }
}

/// Members of the event that the schema does not name.
fn check_others(schema: &EventSchema, event: &Event<'_>, violations: &mut Vec<Violation>) {
    let is_other = |name: &str| schema.fields.iter().all(|field| field.name != name);
    if schema.additional_properties {
        return check_limits(event, &is_other, violations);
    }
    let expected = ["a field of ", &schema.event_type].concat();
    for Member { map, name, .. } in members(event, &is_other) {
        let mut report = Report {
            map,
            name,
            violations,
        };
        report.add(
            "additionalProperties",
            &expected,
            "a name that is not in the schema",
        );
    }
}

/// Holds those members of an event that no schema describes against the limits of the wire.
pub(crate) fn check_limits(
    event: &Event<'_>,
    applies: &dyn Fn(&str) -> bool,
    violations: &mut Vec<Violation>,
) {
    for Member { map, name, text } in members(event, applies) {
        let mut report = Report {
            map,
            name,
            violations,
        };
        let length = name.chars().count();
        if length > MAX_KEY_CHARS {
            report.add(
                "propertyNames",
                &["a name of at most ", &characters(MAX_KEY_CHARS)].concat(),
                &["a name of ", &characters(length)].concat(),
            );
        }
        check_length(text.unwrap_or_default(), None, None, &mut report);
    }
    let count = event.attributes.len() + event.metrics.len();
    if count > MAX_KEYS {
        violations.push(Violation {
            path: "Attributes".into(),
            rule: "maxProperties",
            expected: ["at most ", &decimal(MAX_KEYS), " attributes and metrics"].concat(),
            actual: [&decimal(count), " of them"].concat(),
        });
    }
}

/// An attribute or metric.
struct Member<'e> {
    map: &'static str,
    name: &'e str,
    /// Of an attribute.
    text: Option<&'e str>,
}

/// The attributes and metrics whose names fit, of which no more than an event may have.
fn members<'e>(event: &'e Event<'_>, fits: &dyn Fn(&str) -> bool) -> Vec<Member<'e>> {
    let mut members = Vec::new();
    let mut add = |map, name: &'e str, text| {
        if members.len() < MAX_KEYS && fits(name) {
            members.push(Member { map, name, text });
        }
    };
    for (name, text) in &event.attributes {
        add(ATTRIBUTES, name, Some(text.as_ref()));
    }
    for (name, _) in &event.metrics {
        add(METRICS, name, None);
    }
    members
}

/// Checks the text of an attribute against a string's or boolean's constraints.
pub(super) fn check_text(kind: &Kind, text: &str, report: &mut Report<'_>) {
    match kind {
        Kind::String {
            min_length,
            max_length,
            format,
            one_of: values,
        } => {
            if let Some(values) = values
                && !values.iter().any(|value| value == text)
            {
                let mut texts = values.iter().map(String::as_str);
                report.add(
                    choice_rule(values.len()),
                    &one_of(&mut texts, values.len()),
                    "another string",
                );
            }
            if let Some(format) = format
                && !format.matches(text)
            {
                report.add("format", format.description(), "a string of another form");
            }
            check_length(text, *min_length, *max_length, report);
        }
        Kind::Boolean { constant } => match (text, constant) {
            ("true", Some(false)) => report.add("const", "false", "another boolean"),
            ("false", Some(true)) => report.add("const", "true", "another boolean"),
            ("true" | "false", _) => {}
            _ => report.add("type", wanted(kind), "another string"),
        },
        Kind::Integer(_) | Kind::Number(_) => {}
    }
}

fn check_length(text: &str, min: Option<u32>, max: Option<u32>, report: &mut Report<'_>) {
    let min = min.unwrap_or(0) as usize;
    let max = max.map_or(MAX_VALUE_CHARS, |max| max as usize);
    // Every character has at least one byte, so most texts need no counting.
    if min == 0 && text.len() <= max {
        return;
    }
    let length = text.chars().count();
    if length < min {
        report.add(
            "minLength",
            &["at least ", &characters(min)].concat(),
            &["a string of ", &characters(length)].concat(),
        );
    }
    if length > max {
        report.add(
            "maxLength",
            &["at most ", &characters(max)].concat(),
            &["a string of ", &characters(length)].concat(),
        );
    }
}

/// Checks a metric against a number's constraints.
pub(super) fn check_number(kind: &Kind, number: &Number<'_>, report: &mut Report<'_>) {
    let (range, whole) = match kind {
        Kind::Integer(range) => (range, true),
        Kind::Number(range) => (range, false),
        Kind::String { .. } | Kind::Boolean { .. } => return,
    };
    if whole && number.to_i64().is_none() {
        let actual = "a number with a fraction, or beyond 64 bits";
        return report.add("type", wanted(kind), actual);
    }
    if !number.is_in_double_range() {
        let actual = "a number beyond the range of a double";
        return report.add("type", wanted(kind), actual);
    }
    check_range(range, number, report);
}

fn check_range(range: &Range, number: &Number<'_>, report: &mut Report<'_>) {
    if let Some(values) = &range.one_of
        && !values.iter().any(|value| value.compare(number).is_eq())
    {
        let mut texts = values.iter().map(Number::as_text);
        report.add(
            choice_rule(values.len()),
            &one_of(&mut texts, values.len()),
            "another number",
        );
    }
    for bound in range.bounds() {
        if let Some(limit) = bound.broken_by(number) {
            let expected = [bound.relation, limit.as_text()].concat();
            report.add(bound.rule, &expected, bound.actual);
        }
    }
}

/// One end of a range.
struct Bound<'s> {
    limit: &'s Option<Number<'static>>,
    rule: &'static str,
    relation: &'static str,
    is_kept: fn(Ordering) -> bool,
    actual: &'static str,
}

impl<'s> Bound<'s> {
    /// The limit, where `number` is on its wrong side.
    fn broken_by(&self, number: &Number<'_>) -> Option<&'s Number<'static>> {
        let limit = self.limit.as_ref()?;
        (!(self.is_kept)(number.compare(limit))).then_some(limit)
    }
}

impl Range {
    /// Whether a number is within all bounds.
    pub(super) fn contains(&self, number: &Number<'_>) -> bool {
        self.bounds()
            .iter()
            .all(|bound| bound.broken_by(number).is_none())
    }

    fn bounds(&self) -> [Bound<'_>; 4] {
        [
            Bound {
                limit: &self.minimum,
                rule: "minimum",
                relation: "at least ",
                is_kept: Ordering::is_ge,
                actual: "a smaller number",
            },
            Bound {
                limit: &self.exclusive_minimum,
                rule: "exclusiveMinimum",
                relation: "more than ",
                is_kept: Ordering::is_gt,
                actual: "a number that is not above it",
            },
            Bound {
                limit: &self.maximum,
                rule: "maximum",
                relation: "at most ",
                is_kept: Ordering::is_le,
                actual: "a larger number",
            },
            Bound {
                limit: &self.exclusive_maximum,
                rule: "exclusiveMaximum",
                relation: "less than ",
                is_kept: Ordering::is_lt,
                actual: "a number that is not below it",
            },
        ]
    }
}

/// What kind of value a field takes, and where on the wire.
fn wanted(kind: &Kind) -> &'static str {
    match kind {
        Kind::String { .. } => "a string in Attributes",
        Kind::Boolean { .. } => "true or false in Attributes",
        Kind::Integer(_) => "a whole number in Metrics",
        Kind::Number(_) => "a number in Metrics",
    }
}

/// The keyword for a set of allowed values: an `enum` of one and a `const` are the same.
fn choice_rule(values: usize) -> &'static str {
    if values == 1 { "const" } else { "enum" }
}

/// `one of a, b, c`, cut where a list is too long to read.
fn one_of(values: &mut dyn Iterator<Item = &str>, count: usize) -> String {
    let mut list = String::from(if count == 1 { "" } else { "one of " });
    for (at, value) in values.take(MAX_LISTED).enumerate() {
        if at > 0 {
            list.push_str(", ");
        }
        list.push_str(value);
    }
    if count > MAX_LISTED {
        list.push_str(" and ");
        list.push_str(&decimal(count - MAX_LISTED));
        list.push_str(" more");
    }
    list
}

fn characters(count: usize) -> String {
    let unit = if count == 1 {
        " character"
    } else {
        " characters"
    };
    [&decimal(count), unit].concat()
}

/// `core::fmt` would cost the browser several kilobytes for these few digits.
pub(super) fn decimal(number: usize) -> String {
    let mut text = String::new();
    push_digits(&mut text, number as u64, 1);
    text
}
