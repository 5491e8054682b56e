//! The compact form of a schema: what it takes to validate an event, without anything for readers.
//! It is made ahead of time, so that the browser has no reader for JSON Schema.
//!
//! It is JSON: `[1, x-version, event type, ...]`, where the first number is that of this form.
//!
//! - An event type: `[its name on the wire, 1 if it allows additional properties else 0, field, ...]`
//! - A field: `[name, flags, constraint, ...]`; trailing nulls are left out. The flags are, from the
//!   lowest bit: two for the type (string, boolean, integer, number), required, nullable, two for
//!   `x-pii` (none, hash, drop, mask).
//! - The constraints of a string: `minLength`, `maxLength`, `format` as a number from 1, then the
//!   values of `enum`; of a boolean: `const`; of a number: `minimum`, `maximum`, `exclusiveMinimum`,
//!   `exclusiveMaximum`, then the values of `enum`.

use alloc::string::String;
use alloc::vec::Vec;

use super::format::FORMATS;
use super::{Docs, EventSchema, Field, Kind, Pii, Range, Schema};
use crate::json::{Limits, Number, Value, Writer};

/// The number of this form.
const FORM: i64 = 1;
const REQUIRED: i64 = 1 << 2;
const NULLABLE: i64 = 1 << 3;
const PII_SHIFT: u32 = 4;

const PII: [Pii; 3] = [Pii::Hash, Pii::Drop, Pii::Mask];

/// A schema of the largest size has 60,000 fields with up to 1,000 values each; one that is larger
/// than this does not belong into a browser.
const LIMITS: Limits = Limits {
    depth: 4,
    values: 500_000,
};

/// A text that is not the compact form of a schema, or one of another version of Forebay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RulesError;

impl Schema {
    /// The compact form. Equal schemas have equal texts.
    pub fn to_rules(&self) -> String {
        let mut writer = Writer::new();
        writer.begin_array().integer(FORM);
        writer.integer(i64::from(self.version));
        for event in &self.events {
            writer.begin_array().string(&event.event_type);
            writer.integer(i64::from(event.additional_properties));
            for field in &event.fields {
                write_field(&mut writer, field);
            }
            writer.end_array();
        }
        writer.end_array();
        writer.finish()
    }

    /// Reads the compact form. The names in `$defs` are not in it, nor is what is for readers:
    /// `name` is the name on the wire.
    ///
    /// # Errors
    /// [`RulesError`]
    pub fn from_rules(text: &str) -> Result<Schema, RulesError> {
        let file = Value::parse(text.as_bytes(), LIMITS).map_err(|_| RulesError)?;
        read_schema(&file).ok_or(RulesError)
    }
}

fn write_field(writer: &mut Writer, field: &Field) {
    let mut constraints = match &field.kind {
        Kind::String {
            min_length,
            max_length,
            format,
            one_of,
        } => {
            let format = format.and_then(|format| position(&FORMATS, format));
            let numbers = [
                min_length.map(i64::from),
                max_length.map(i64::from),
                format.map(|at| at + 1),
            ];
            let numbers = numbers.map(|number| number.map(|number| Value::Number(number.into())));
            let texts = one_of.iter().flatten();
            let texts = texts.map(|text| Some(Value::String(text.as_str().into())));
            numbers.into_iter().chain(texts).collect()
        }
        Kind::Boolean { constant } => Vec::from([constant.map(Value::Bool)]),
        Kind::Integer(range) | Kind::Number(range) => {
            let bounds = [
                &range.minimum,
                &range.maximum,
                &range.exclusive_minimum,
                &range.exclusive_maximum,
            ];
            let values = range.one_of.iter().flatten();
            let numbers = bounds
                .into_iter()
                .map(Option::as_ref)
                .chain(values.map(Some));
            numbers
                .map(|number| number.cloned().map(Value::Number))
                .collect()
        }
    };
    while constraints.pop_if(|last| last.is_none()).is_some() {}
    writer
        .begin_array()
        .string(&field.name)
        .integer(flags(field));
    for constraint in &constraints {
        writer.value(constraint.as_ref().unwrap_or(&Value::Null));
    }
    writer.end_array();
}

fn flags(field: &Field) -> i64 {
    let kind = match field.kind {
        Kind::String { .. } => 0,
        Kind::Boolean { .. } => 1,
        Kind::Integer(_) => 2,
        Kind::Number(_) => 3,
    };
    let required = if field.required { REQUIRED } else { 0 };
    let nullable = if field.nullable { NULLABLE } else { 0 };
    let pii = field.pii.and_then(|pii| position(&PII, pii));
    kind | required | nullable | pii.map_or(0, |at| (at + 1) << PII_SHIFT)
}

fn position<T: PartialEq>(all: &[T], one: T) -> Option<i64> {
    let at = all.iter().position(|other| *other == one)?;
    i64::try_from(at).ok()
}

fn read_schema(file: &Value<'_>) -> Option<Schema> {
    let Value::Array(members) = file else {
        return None;
    };
    let [form, version, events @ ..] = members.as_slice() else {
        return None;
    };
    if integer(form)? != FORM {
        return None;
    }
    Some(Schema {
        version: u32::try_from(integer(version)?).ok()?,
        events: read_all(events, read_event)?,
    })
}

/// All or nothing. Collecting into an `Option` would be several times the code.
fn read_all<T>(values: &[Value<'_>], read: impl Fn(&Value<'_>) -> Option<T>) -> Option<Vec<T>> {
    let mut all = Vec::with_capacity(values.len());
    for value in values {
        all.push(read(value)?);
    }
    Some(all)
}

fn read_event(event: &Value<'_>) -> Option<EventSchema> {
    let Value::Array(members) = event else {
        return None;
    };
    let [name, additional_properties, fields @ ..] = members.as_slice() else {
        return None;
    };
    let name = String::from(name.as_str()?);
    Some(EventSchema {
        event_type: name.clone(),
        name,
        docs: Docs::default(),
        fields: read_all(fields, read_field)?,
        additional_properties: integer(additional_properties)? == 1,
    })
}

fn read_field(field: &Value<'_>) -> Option<Field> {
    let Value::Array(members) = field else {
        return None;
    };
    let [name, flags, constraints @ ..] = members.as_slice() else {
        return None;
    };
    let flags = integer(flags)?;
    let kind = match flags & 3 {
        0 => read_string(constraints)?,
        1 => Kind::Boolean {
            constant: match constraints.first() {
                Some(Value::Bool(constant)) => Some(*constant),
                _ => None,
            },
        },
        2 => Kind::Integer(read_range(constraints)?),
        _ => Kind::Number(read_range(constraints)?),
    };
    let pii = usize::try_from(flags >> PII_SHIFT).ok()?;
    Some(Field {
        name: name.as_str()?.into(),
        docs: Docs::default(),
        kind,
        required: flags & REQUIRED != 0,
        nullable: flags & NULLABLE != 0,
        pii: pii.checked_sub(1).and_then(|at| PII.get(at)).copied(),
    })
}

fn read_string(constraints: &[Value<'_>]) -> Option<Kind> {
    let number = |at: usize| u32::try_from(integer(constraints.get(at)?)?).ok();
    let format = number(2).and_then(|from_one| FORMATS.get((from_one as usize).checked_sub(1)?));
    let texts = constraints.get(3..).unwrap_or_default();
    let one_of = read_all(texts, |text| text.as_str().map(String::from))?;
    Some(Kind::String {
        min_length: number(0),
        max_length: number(1),
        format: format.copied(),
        one_of: (!one_of.is_empty()).then_some(one_of),
    })
}

fn read_range(constraints: &[Value<'_>]) -> Option<Range> {
    let number = |value: &Value<'_>| match value {
        Value::Number(number) => Some(number.clone().into_owned()),
        _ => None,
    };
    let bound = |at: usize| -> Option<Number<'static>> { number(constraints.get(at)?) };
    let one_of = read_all(constraints.get(4..).unwrap_or_default(), number)?;
    Some(Range {
        minimum: bound(0),
        maximum: bound(1),
        exclusive_minimum: bound(2),
        exclusive_maximum: bound(3),
        one_of: (!one_of.is_empty()).then_some(one_of),
    })
}

fn integer(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Number(number) => number.to_i64(),
        _ => None,
    }
}
