//! What a dead letter repeats of an event, where the schema marks personal data: the values of
//! fields that the schema knows and does not mark, hashes and masks of those that it marks, and of
//! everything else a description. Who sends an event that breaks the schema may have put anything
//! anywhere.

use std::borrow::Cow;
use std::collections::HashSet;

use forebay_core::json::{Value, Writer};
use forebay_core::schema::pii::{Salt, mask};
use forebay_core::schema::{EventSchema, Field, Pii, shortened};
use forebay_core::time::Timestamp;
use forebay_core::wire::put_events::MAX_KEY_CHARS;

use crate::config::Config;

/// Writes an event as it was sent, as far as that may be repeated.
pub fn write_event(writer: &mut Writer, sent: &Value<'_>, config: &Config) {
    if !marks_personal_data(config) {
        writer.value(sent);
        return;
    }
    let Value::Object(members) = sent else {
        return describe(writer, sent);
    };
    let event_type = sent.get("EventType").and_then(Value::as_str);
    let fields = event_type
        .and_then(|event_type| config.schema.event(event_type))
        .map_or(&[][..], |schema| &schema.fields);
    let salt = config.pii_salt.as_ref();
    write_members(writer, members, |writer, name, value| match (name, value) {
        ("EventType", Value::String(text)) if is_name(text) => {
            writer.string(text);
        }
        ("Timestamp", Value::String(text)) if Timestamp::parse_iso8601(text).is_some() => {
            writer.string(text);
        }
        ("Attributes" | "Metrics", Value::Object(members)) => {
            write_fields(writer, members, fields, salt);
        }
        _ => describe(writer, value),
    });
}

/// Writes an endpoint as it was sent, as far as that may be repeated: the schema says nothing of it.
pub fn write_endpoint(writer: &mut Writer, sent: &Value<'_>, config: &Config) {
    match sent {
        Value::Object(members) if marks_personal_data(config) => {
            write_members(writer, members, |writer, _, value| describe(writer, value));
        }
        _ if marks_personal_data(config) => describe(writer, sent),
        _ => {
            writer.value(sent);
        }
    }
}

/// Writes what cannot be read as JSON, as far as that may be repeated; U+FFFD stands for what is not UTF-8.
pub fn write_text(writer: &mut Writer, sent: &[u8], config: &Config) {
    if marks_personal_data(config) {
        writer.string(&format!("a text of {} bytes", sent.len()));
    } else {
        writer.string(&String::from_utf8_lossy(sent));
    }
}

fn marks_personal_data(config: &Config) -> bool {
    let mut events = config.schema.events.iter();
    events.any(EventSchema::marks_personal_data)
}

/// Whether a text has the form of an event type's name.
pub fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    text.len() <= MAX_KEY_CHARS
        && text.starts_with(|first: char| first == '_' || first.is_ascii_alphabetic())
        && text.bytes().all(is_part)
}

fn write_fields(
    writer: &mut Writer,
    members: &[Member<'_>],
    fields: &[Field],
    salt: Option<&Salt>,
) {
    let field_of = |name: &str| fields.iter().find(|field| field.name == name);
    let is_kept = |name: &str| field_of(name).is_none_or(|field| field.pii != Some(Pii::Drop));
    let kept = members.iter().filter(|(name, _)| is_kept(name));
    write_members(writer, kept, |writer, name, value| {
        let Some(field) = field_of(name) else {
            return describe(writer, value);
        };
        match (field.pii, value, salt) {
            (None, Value::String(_) | Value::Number(_) | Value::Bool(_), _) => {
                writer.value(value);
            }
            (Some(_), Value::String(text), _) if field.nullable && text == "null" => {
                writer.string(text);
            }
            (Some(Pii::Hash), Value::String(text), Some(salt)) => {
                writer.string(&salt.hash(text));
            }
            (Some(Pii::Mask), Value::String(text), _) => {
                writer.string(&mask(field, text));
            }
            _ => describe(writer, value),
        }
    });
}

/// A member of a JSON object.
type Member<'a> = (Cow<'a, str>, Value<'a>);

/// Writes an object, each value with `write`. Names are the sender's: long ones are cut, and only the
/// first of those that are then the same is written.
fn write_members<'m, 'a: 'm>(
    writer: &mut Writer,
    members: impl IntoIterator<Item = &'m Member<'a>>,
    mut write: impl FnMut(&mut Writer, &str, &Value<'a>),
) {
    let mut written = HashSet::new();
    writer.begin_object();
    for (name, value) in members {
        let short = shortened(name);
        if written.insert(short.clone()) {
            writer.name(&short);
            write(writer, name, value);
        }
    }
    writer.end_object();
}

/// Says what kind of value there is, and how much of it.
fn describe(writer: &mut Writer, value: &Value<'_>) {
    let counted = |kind: &str, count: usize, one: &str| {
        let plural = if count == 1 { "" } else { "s" };
        format!("{kind} of {count} {one}{plural}")
    };
    let description = match value {
        Value::Null => {
            writer.null();
            return;
        }
        Value::Bool(_) => "a boolean".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::String(text) => counted("a string", text.chars().count(), "character"),
        Value::Array(elements) => counted("an array", elements.len(), "element"),
        Value::Object(members) => counted("an object", members.len(), "member"),
    };
    writer.string(&description);
}
