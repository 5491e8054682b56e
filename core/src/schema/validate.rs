//! Events in the form the wire has them, as worker and lake hold them against their schema.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::check::{Checker, Given};
use super::judge::Judge;
use super::rules::Items;
use super::{EventSchema, Field, Pii, Rules, Schema, Violation, pii};
use crate::event::{Event, Map};
use crate::json::{Number, Value, push_digits};
use crate::wire::put_events::MAX_KEY_CHARS;

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
    /// Validates an event in its wire form, by a [`Checker`].
    ///
    /// # Errors
    /// Every violation: in the order of the event's attributes and metrics, then what is missing.
    pub fn validate(
        &self,
        event: &Event<'_>,
        stage: Stage,
    ) -> Result<&EventSchema, Vec<Violation>> {
        let mut all = String::new();
        let mut checker = self.checker(&event.event_type, &mut all);
        let schema = self.event(&event.event_type);
        let fields = schema.map_or(&[][..], |schema| &schema.fields);
        for (name, text) in &event.attributes {
            let field = fields.iter().find(|field| field.name == *name);
            match field.filter(|_| stage == Stage::Delivered) {
                Some(field) => check_delivered(field, text, &mut checker),
                None => {
                    checker.field(Given::Attribute, name, text);
                }
            }
        }
        for (name, number) in &event.metrics {
            checker.field(Given::Metric, name, number.as_text());
        }
        let violations: Vec<Violation> = checker.finish();
        match schema {
            Some(schema) if violations.is_empty() => Ok(schema),
            _ => Err(violations),
        }
    }

    /// What validates an event of this type, field by field. `all` is a place for all rules, which are
    /// needed for a type that the schema does not have: that is a violation, and those of the wire's
    /// limits are told with it.
    pub fn checker<'r>(
        &'r self,
        event_type: &str,
        all: &'r mut String,
    ) -> Checker<'r, Vec<Violation>> {
        let mut known = self.events.iter().zip(&self.rules);
        match known.find(|(known, _)| known.event_type == event_type) {
            Some((schema, rules)) => {
                let mut fields = Items(rules.as_bytes());
                fields.next();
                Checker::of(fields, schema.additional_properties)
            }
            None => {
                *all = self.to_rules();
                Checker::new(Rules::read(all).unwrap_or_default(), event_type)
            }
        }
    }
}

/// A hash or mask stands for a value that was valid.
fn check_delivered(field: &Field, text: &str, checker: &mut Checker<'_, Vec<Violation>>) {
    let stands_for_value = match field.pii {
        Some(Pii::Hash) => pii::is_hash(text),
        Some(Pii::Mask) => pii::mask(field, text) == text,
        Some(Pii::Drop) | None => false,
    };
    if stands_for_value {
        checker.find(&field.name);
        return;
    }
    let before = checker.judge.len();
    checker.field(Given::Attribute, &field.name, text);
    let is_null = field.nullable && text == "null";
    if field.pii == Some(Pii::Hash) && !is_null && checker.judge.len() == before {
        checker.judge.add(|| Violation {
            path: ["Attributes.", &field.name].concat(),
            rule: "x-pii",
            expected: "the hash of the value, 64 hexadecimal digits".into(),
            actual: "a string that is no hash".into(),
        });
    }
}

/// The violations of a value of `enum` or `examples`. `field` is one without a name, in the form of
/// rules.
pub(super) fn check_value(field: &str, value: &Value<'_>) -> Vec<Violation> {
    let (given, text) = match value {
        Value::String(text) => (Given::Attribute, text.as_ref()),
        Value::Bool(true) => (Given::Attribute, "true"),
        Value::Bool(false) => (Given::Attribute, "false"),
        Value::Number(number) => (Given::Metric, number.as_text()),
        _ => return Vec::new(),
    };
    let mut checker = Checker::of(Items(field.as_bytes()), false);
    checker.field(given, "", text);
    checker.finish()
}

impl Field {
    /// The field's text in `Attributes`. `None` where it is not there or null.
    pub fn attribute<'e>(&self, event: &'e Event<'_>) -> Option<&'e str> {
        attribute(event, &self.name, self.nullable)
    }

    /// The field's number in `Metrics`. `None` where it is not there.
    pub fn metric<'e>(&self, event: &'e Event<'_>) -> Option<&'e Number<'e>> {
        find(&event.metrics, &self.name)
    }
}

fn attribute<'e>(event: &'e Event<'_>, name: &str, nullable: bool) -> Option<&'e str> {
    let text = find(&event.attributes, name)?.as_ref();
    (!(nullable && text == "null")).then_some(text)
}

fn find<'m, V>(map: &'m Map<'_, V>, name: &str) -> Option<&'m V> {
    map.iter()
        .find(|(member, _)| member == name)
        .map(|(_, value)| value)
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

/// `core::fmt` would cost the browser several kilobytes for these few digits.
pub(super) fn decimal(number: usize) -> String {
    let mut text = String::new();
    push_digits(&mut text, number as u64, 1);
    text
}
