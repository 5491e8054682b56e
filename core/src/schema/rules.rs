//! The compact form of a schema: what it takes to validate an event, without anything for readers.
//! It is made ahead of time, so that the browser has no reader for JSON Schema, and it is validated by
//! as it stands: nothing is made of it when it is read.
//!
//! It is `3`, the number of this form, followed by items. An item is a sigil, one of the characters
//! from `:` to `@`, and the text up to the next sigil.
//!
//! | sigil | text |
//! |---|---|
//! | `:` | an event type: its name. A `@` behind it allows additional properties. Then come its fields |
//! | `;` | a field: a letter, which is [`Traits`], and the name. What follows, up to the next field, is about it, in this order: |
//! | `=` | a value of `enum` |
//! | `?` | goes on with the value: the character behind it is no sigil but of the text |
//! | `@` | `format`: a letter, which is its place in the list of them, or `!` in a second one; and what it is for JavaScript's engine, a regular expression that a text has to match, or must not |
//! | `>` | `A` and `minimum` or `minLength`, `B` and `exclusiveMinimum` |
//! | `<` | `A` and `maximum` or `maxLength`, `B` and `exclusiveMaximum` |

use alloc::string::String;

use super::validate::decimal;
use super::{EventSchema, Field, Kind, Pii, Range};
use crate::wire::put_events::MAX_VALUE_CHARS;

/// The number of this form.
pub(super) const FORM: &str = "3";

pub(super) const EVENT: u8 = b':';
pub(super) const FIELD: u8 = b';';
pub(super) const MAXIMUM: u8 = b'<';
pub(super) const VALUE: u8 = b'=';
pub(super) const MINIMUM: u8 = b'>';
pub(super) const MORE: u8 = b'?';
pub(super) const FORMAT: u8 = b'@';
/// Of an event type.
pub(super) const OPEN: u8 = FORMAT;

const INCLUSIVE: u8 = b'A';
pub(super) const EXCLUSIVE: u8 = b'B';
/// In place of a format's letter.
pub(super) const NOT: u8 = b'!';

/// A text that is not the compact form of a schema, or one of another version of Forebay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulesError;

/// What events are validated against: a schema in its compact form. The default has no schema: it takes
/// whatever the wire carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules<'r>(pub(super) Items<'r>);

impl<'r> Rules<'r> {
    /// Those without a schema.
    pub const ANY: Rules<'static> = Rules(Items(b""));

    /// Takes what [`Schema::to_rules`](super::Schema::to_rules) made. Only its start is looked at; whatever
    /// else a text may hold, validating by it comes to an end.
    ///
    /// # Errors
    /// [`RulesError`]
    pub fn read(text: &'r str) -> Result<Rules<'r>, RulesError> {
        match text.strip_prefix(FORM).map(str::as_bytes) {
            Some(items @ [EVENT, ..]) => Ok(Rules(Items(items))),
            _ => Err(RulesError),
        }
    }
}

/// Items, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Items<'r>(pub &'r [u8]);

/// One item.
pub(super) struct Item<'r> {
    pub sigil: u8,
    pub text: &'r [u8],
}

impl<'r> Items<'r> {
    pub fn next(&mut self) -> Option<Item<'r>> {
        let (sigil, rest) = self.0.split_first()?;
        let mut end = usize::from(*sigil == MORE);
        while rest.get(end).is_some_and(|byte| !is_sigil(*byte)) {
            end += 1;
        }
        let (text, rest) = rest.split_at_checked(end)?;
        self.0 = rest;
        Some(Item {
            sigil: *sigil,
            text,
        })
    }

    /// The traits and the name of the next field of the same event type; what is about it comes next.
    pub fn next_field(&mut self) -> Option<(Traits, &'r [u8])> {
        loop {
            let Item { sigil, text } = self.next()?;
            match sigil {
                EVENT => return None,
                FIELD => {
                    let (letter, name) = text.split_first()?;
                    return Some((Traits(letter.wrapping_sub(b'A')), name));
                }
                _ => {}
            }
        }
    }
}

/// What of a field comes before its constraints, in bits. As a letter, `A` is 0.
#[derive(Clone, Copy)]
pub(super) struct Traits(pub u8);

impl Traits {
    pub const STRING: Traits = Traits(0);
    pub const BOOLEAN: Traits = Traits(1);
    pub const INTEGER: Traits = Traits(2);
    pub const NUMBER: Traits = Traits(3);
    const DROPPED: u8 = 4;
    /// And may not be null: null is left out on the wire.
    const REQUIRED: u8 = 8;
    const NULLABLE: u8 = 16;

    /// Those of the type alone.
    fn of(kind: &Kind) -> Traits {
        match kind {
            Kind::String { .. } => Traits::STRING,
            Kind::Boolean { .. } => Traits::BOOLEAN,
            Kind::Integer(_) => Traits::INTEGER,
            Kind::Number(_) => Traits::NUMBER,
        }
    }

    fn of_field(field: &Field) -> Traits {
        let Traits(mut bits) = Traits::of(&field.kind);
        if field.pii == Some(Pii::Drop) {
            bits |= Traits::DROPPED;
        }
        if field.nullable {
            bits |= Traits::NULLABLE;
        } else if field.required {
            bits |= Traits::REQUIRED;
        }
        Traits(bits)
    }

    /// The bits of the type.
    pub fn of_type(self) -> u8 {
        self.0 & 3
    }

    pub fn is_number(self) -> bool {
        self.of_type() >= Traits::INTEGER.0
    }

    pub fn is_dropped(self) -> bool {
        self.0 & Traits::DROPPED != 0
    }

    pub fn is_required(self) -> bool {
        self.0 & Traits::REQUIRED != 0
    }

    pub fn is_nullable(self) -> bool {
        self.0 & Traits::NULLABLE != 0
    }
}

fn is_sigil(byte: u8) -> bool {
    matches!(byte, b':'..=b'@')
}

/// Whether formats have their regular expressions, which JavaScript's engine alone reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patterns {
    Written,
    LeftOut,
}

/// One event type with its fields. Equal event types have equal rules.
pub(super) fn of_event(event: &EventSchema, patterns: Patterns) -> String {
    let mut rules = String::new();
    write(&mut rules, EVENT, None, &event.event_type);
    if event.additional_properties {
        write(&mut rules, OPEN, None, "");
    }
    for field in &event.fields {
        write(
            &mut rules,
            FIELD,
            Some(b'A' + Traits::of_field(field).0),
            &field.name,
        );
        write_constraints(&mut rules, &field.kind, patterns);
    }
    rules
}

/// A field without a name and traits other than its type.
pub(super) fn of_kind(kind: &Kind) -> String {
    let mut rules = String::new();
    write(&mut rules, FIELD, Some(b'A' + Traits::of(kind).0), "");
    write_constraints(&mut rules, kind, Patterns::LeftOut);
    rules
}

/// In the order in which they are checked, which is that of the violations.
fn write_constraints(rules: &mut String, kind: &Kind, patterns: Patterns) {
    match kind {
        Kind::String {
            min_length,
            max_length,
            format,
            one_of,
        } => {
            for value in one_of.iter().flatten() {
                write_value(rules, value);
            }
            if let Some(format) = format {
                let [pattern, not] = match patterns {
                    Patterns::Written => format.patterns(),
                    Patterns::LeftOut => <[String; 2]>::default(),
                };
                write(rules, FORMAT, Some(format.letter()), &pattern);
                if !not.is_empty() {
                    write(rules, FORMAT, Some(NOT), &not);
                }
            }
            if let Some(length) = min_length {
                write(rules, MINIMUM, Some(INCLUSIVE), &decimal(*length as usize));
            }
            let longest = max_length.map_or(MAX_VALUE_CHARS, |length| length as usize);
            write(rules, MAXIMUM, Some(INCLUSIVE), &decimal(longest));
        }
        Kind::Boolean {
            constant: Some(true),
        } => write_value(rules, "true"),
        Kind::Boolean {
            constant: Some(false),
        } => write_value(rules, "false"),
        Kind::Boolean { constant: None } => {}
        Kind::Integer(range) | Kind::Number(range) => write_range(rules, range),
    }
}

fn write_range(rules: &mut String, range: &Range) {
    for value in range.one_of.iter().flatten() {
        write_value(rules, value.as_text());
    }
    for (sigil, letter, bound) in [
        (MINIMUM, INCLUSIVE, &range.minimum),
        (MINIMUM, EXCLUSIVE, &range.exclusive_minimum),
        (MAXIMUM, INCLUSIVE, &range.maximum),
        (MAXIMUM, EXCLUSIVE, &range.exclusive_maximum),
    ] {
        if let Some(bound) = bound {
            write(rules, sigil, Some(letter), bound.as_text());
        }
    }
}

fn write_value(rules: &mut String, value: &str) {
    rules.push(char::from(VALUE));
    for character in value.chars() {
        if u8::try_from(character).is_ok_and(is_sigil) {
            rules.push(char::from(MORE));
        }
        rules.push(character);
    }
}

/// Writes an item whose text holds no sigils.
fn write(rules: &mut String, sigil: u8, letter: Option<u8>, text: &str) {
    rules.push(char::from(sigil));
    rules.extend(letter.map(char::from));
    rules.push_str(text);
}
