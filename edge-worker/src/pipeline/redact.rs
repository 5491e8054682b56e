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

/// What the members of an event are called where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    event_type: &'static str,
    timestamp: &'static str,
    attributes: &'static str,
    metrics: &'static str,
}

impl Names {
    /// Those of PutEvents.
    pub const PUT_EVENTS: Names = Names {
        event_type: "EventType",
        timestamp: "Timestamp",
        attributes: "Attributes",
        metrics: "Metrics",
    };
    /// Those of `POST /v1/events`.
    pub const PLAIN: Names = Names {
        event_type: "name",
        timestamp: "timestamp",
        attributes: "attributes",
        metrics: "metrics",
    };

    /// The event type that an event says it is of, where that could be one.
    pub fn event_type<'v>(&self, sent: &'v Value<'_>) -> Option<&'v str> {
        let event_type = sent.get(self.event_type).and_then(Value::as_str);
        event_type.filter(|event_type| is_name(event_type))
    }
}

/// Which members are not written as they were sent.
#[derive(Default)]
pub struct Redacted {
    paths: Vec<String>,
    is_all: bool,
}

impl Redacted {
    /// So many are named; of an event of which more are not as they were, it is said of the whole.
    const MAX_NAMED: usize = 100;

    fn note(&mut self, parent: &str, name: &str) {
        let path = match parent {
            "" => name.to_owned(),
            parent => format!("{parent}.{name}"),
        };
        if !self.is_all && !self.paths.contains(&path) {
            self.is_all = self.paths.len() == Self::MAX_NAMED;
            self.paths.push(path);
        }
    }

    fn note_each(&mut self, parent: &str, names: &[String]) {
        for name in names {
            self.note(parent, name);
        }
    }

    fn all() -> Redacted {
        Redacted {
            paths: Vec::new(),
            is_all: true,
        }
    }

    /// Writes their paths; `*` alone stands for the whole.
    pub fn write(&self, writer: &mut Writer) {
        writer.begin_array();
        if self.is_all {
            writer.string("*");
        } else {
            for path in &self.paths {
                writer.string(path);
            }
        }
        writer.end_array();
    }
}

/// Writes an event as it was sent, as far as that may be repeated.
pub fn write_event(
    writer: &mut Writer,
    sent: &Value<'_>,
    names: Names,
    config: &Config,
) -> Redacted {
    let mut redacted = Redacted::default();
    if !marks_personal_data(config) {
        writer.value(sent);
        return redacted;
    }
    let Value::Object(members) = sent else {
        describe(writer, sent);
        return Redacted::all();
    };
    let event_type = sent.get(names.event_type).and_then(Value::as_str);
    let fields = event_type
        .and_then(|event_type| config.schema.event(event_type))
        .map_or(&[][..], |schema| &schema.fields);
    let salt = config.pii_salt.as_ref();
    let left_out = write_members(writer, members, |writer, name, value| match value {
        Value::String(text) if name == names.event_type && is_name(text) => {
            writer.string(text);
        }
        Value::String(text)
            if name == names.timestamp && Timestamp::parse_iso8601(text).is_some() =>
        {
            writer.string(text);
        }
        // As those of all events, which are the sender's to choose.
        Value::String(text) if names == Names::PLAIN && name == "id" => {
            writer.string(&shortened(text));
        }
        Value::Object(members) if [names.attributes, names.metrics].contains(&name) => {
            write_fields(writer, name, members, (fields, salt), &mut redacted);
        }
        _ => describe_member(writer, "", name, value, &mut redacted),
    });
    redacted.note_each("", &left_out);
    redacted
}

/// Writes an endpoint as it was sent, as far as that may be repeated: the schema says nothing of it.
pub fn write_endpoint(writer: &mut Writer, sent: &Value<'_>, config: &Config) -> Redacted {
    let mut redacted = Redacted::default();
    match sent {
        Value::Object(members) if marks_personal_data(config) => {
            let left_out = write_members(writer, members, |writer, name, value| {
                describe_member(writer, "", name, value, &mut redacted);
            });
            redacted.note_each("", &left_out);
        }
        _ if marks_personal_data(config) => {
            describe(writer, sent);
            redacted = Redacted::all();
        }
        _ => {
            writer.value(sent);
        }
    }
    redacted
}

/// Writes what cannot be read as JSON, as far as that may be repeated; U+FFFD stands for what is not UTF-8.
pub fn write_text(writer: &mut Writer, sent: &[u8], config: &Config) -> Redacted {
    if marks_personal_data(config) {
        writer.string(&format!("a text of {} bytes", sent.len()));
        return Redacted::all();
    }
    writer.string(&String::from_utf8_lossy(sent));
    Redacted::default()
}

/// Whether the schema marks anything, of whichever event type.
pub fn marks_personal_data(config: &Config) -> bool {
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
    parent: &str,
    members: &[Member<'_>],
    (fields, salt): (&[Field], Option<&Salt>),
    redacted: &mut Redacted,
) {
    let field_of = |name: &str| fields.iter().find(|field| field.name == name);
    let is_kept = |name: &str| field_of(name).is_none_or(|field| field.pii != Some(Pii::Drop));
    for (name, _) in members.iter().filter(|(name, _)| !is_kept(name)) {
        redacted.note(parent, name);
    }
    let kept = members.iter().filter(|(name, _)| is_kept(name));
    let left_out = write_members(writer, kept, |writer, name, value| {
        let Some(field) = field_of(name) else {
            return describe_member(writer, parent, name, value, redacted);
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
                redacted.note(parent, name);
            }
            (Some(Pii::Mask), Value::String(text), _) => {
                writer.string(&mask(field, text));
                redacted.note(parent, name);
            }
            _ => describe_member(writer, parent, name, value, redacted),
        }
    });
    redacted.note_each(parent, &left_out);
}

/// Writes a description in place of a member's value. Null is what it is.
fn describe_member(
    writer: &mut Writer,
    parent: &str,
    name: &str,
    value: &Value<'_>,
    redacted: &mut Redacted,
) {
    describe(writer, value);
    if !matches!(value, Value::Null) {
        redacted.note(parent, &shortened(name));
    }
}

/// A member of a JSON object.
type Member<'a> = (Cow<'a, str>, Value<'a>);

/// Writes an object, each value with `write`. Names are the sender's: long ones are cut, and only the
/// first of those that are then the same is written; gives the names of the others.
fn write_members<'m, 'a: 'm>(
    writer: &mut Writer,
    members: impl IntoIterator<Item = &'m Member<'a>>,
    mut write: impl FnMut(&mut Writer, &str, &Value<'a>),
) -> Vec<String> {
    let mut left_out = Vec::new();
    let mut written = HashSet::new();
    writer.begin_object();
    for (name, value) in members {
        let short = shortened(name);
        if written.insert(short.clone()) {
            writer.name(&short);
            write(writer, name, value);
        } else {
            left_out.push(short.into_owned());
        }
    }
    writer.end_object();
    left_out
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
