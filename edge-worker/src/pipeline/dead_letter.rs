//! What the worker keeps of an event or an endpoint that it refuses: the reasons, and what was sent, so that
//! it can be corrected and sent again. A dead letter holds nothing else about its sender, and no more
//! personal data than a record does.
//!
//! A dead letter is one JSON object that always has the same members, each always of the same type or null,
//! so that an engine can read dead letters as a table; docs/edge-worker.md describes each member.
//! `npx forebay-worker replay` sends their events again.

use forebay_core::json::{Value, Writer};
use forebay_core::schema::Violation;
use forebay_core::wire::put_events::MAX_ID_CHARS;

use super::Context;
use super::redact::{
    Names, Redacted, marks_personal_data, write_endpoint, write_event, write_text,
};
use crate::config::Config;

/// The version of the form, in each letter.
const VERSION: i64 = 1;
/// Usual bytes of a letter.
const USUAL_BYTES: usize = 1024;
/// The `format` of what is kept as a string.
const TEXT: &str = "text";
/// The `format` of what is too large to be kept.
const OMITTED: &str = "omitted";

/// What was refused, and why.
pub struct DeadLetter<'a> {
    /// Which of the request's letters it is, counted from 0.
    pub number: usize,
    /// The endpoint id it came under.
    pub client_id: &'a str,
    /// Why.
    pub violations: &'a [Violation],
    /// What.
    pub refused: Refused<'a>,
}

/// What was refused.
pub enum Refused<'a> {
    /// An event.
    Event {
        /// Its id.
        id: &'a str,
        /// As it was sent.
        sent: Sent<'a>,
    },
    /// An endpoint, as it was sent.
    Endpoint(Sent<'a>),
}

/// What was sent.
#[derive(Clone, Copy)]
pub enum Sent<'a> {
    /// JSON, as PutEvents has it.
    Json(&'a Value<'a>),
    /// JSON, as `POST /v1/events` has it.
    Plain(&'a Value<'a>),
    /// Something else; nothing at all where it is empty.
    Text(&'a [u8]),
}

impl<'a> Sent<'a> {
    /// What was sent as `text`; `value` is that as JSON, where it is.
    pub fn of(value: Option<&'a Value<'a>>, text: &'a [u8]) -> Sent<'a> {
        value.map_or(Sent::Text(text), Sent::Json)
    }

    /// The event type that an event says it is of, where that could be one.
    pub fn event_type(&self) -> Option<&'a str> {
        match self {
            Sent::Json(event) => Names::PUT_EVENTS.event_type(event),
            Sent::Plain(event) => Names::PLAIN.event_type(event),
            Sent::Text(_) => None,
        }
    }

    /// The id that a plain event says it has.
    pub fn id(&self) -> Option<&'a str> {
        match self {
            Sent::Plain(event) => event.get("id")?.as_str(),
            Sent::Json(_) | Sent::Text(_) => None,
        }
    }

    /// How the letter has it.
    fn format(&self, config: &Config) -> &'static str {
        match self {
            Sent::Json(sent) | Sent::Plain(sent) if is_text(sent, config) => TEXT,
            Sent::Json(_) => "put_events",
            Sent::Plain(_) => "plain",
            Sent::Text(b"") => "none",
            Sent::Text(_) => TEXT,
        }
    }
}

/// The id, without what is beyond the longest that is allowed.
pub fn shortened(id: &str) -> &str {
    match id.char_indices().nth(MAX_ID_CHARS) {
        Some((end, _)) => &id[..end],
        None => id,
    }
}

impl DeadLetter<'_> {
    /// The letter: one JSON object, ending in a newline. What is too large for the sink of dead letters
    /// is left out, and `format` says so.
    pub fn encode(&self, context: &Context<'_>) -> String {
        let letter = self.encode_with(context, self.sent().format(context.config));
        let room = context.config.sinks.dead_letters.max_record_bytes();
        if letter.len() + self.client_id.len() <= room {
            return letter;
        }
        self.encode_with(context, OMITTED)
    }

    fn sent(&self) -> &Sent<'_> {
        match &self.refused {
            Refused::Event { sent, .. } | Refused::Endpoint(sent) => sent,
        }
    }

    fn encode_with(&self, context: &Context<'_>, format: &str) -> String {
        let config = context.config;
        let (kind, event_id, event_type) = match &self.refused {
            Refused::Event { id, sent } => ("event", Some(shortened(id)), sent.event_type()),
            Refused::Endpoint(_) => ("endpoint", None, None),
        };
        let mut writer = Writer::with_capacity(USUAL_BYTES);
        writer.begin_object();
        writer.name("dead_letter_version").integer(VERSION);
        let id = format!("{}-{}", context.head.request_id, self.number);
        writer.name("dead_letter_id").string(&id);
        let arrival = context.head.arrival.0;
        writer.name("arrival_timestamp").integer(arrival);
        writer.name("app_id").string(&context.app.app_id);
        writer.name("client_id").string(shortened(self.client_id));
        writer.name("kind").string(kind);
        write_or_null(writer.name("event_id"), event_id);
        write_or_null(writer.name("event_type"), event_type);
        let schema_version = i64::from(config.schema.version);
        writer.name("schema_version").integer(schema_version);
        self.write_reasons(writer.name("reasons"));
        writer.name("format").string(format);
        let redacted = match &self.refused {
            _ if format == OMITTED => {
                writer.name("event").null().name("endpoint").null();
                Redacted::default()
            }
            Refused::Event { sent, .. } => {
                let redacted = write_sent(writer.name("event"), sent, false, format, config);
                writer.name("endpoint").null();
                redacted
            }
            Refused::Endpoint(sent) => {
                writer.name("event").null();
                write_sent(writer.name("endpoint"), sent, true, format, config)
            }
        };
        redacted.write(writer.name("redacted"));
        writer.end_object();
        let mut letter = writer.finish();
        letter.push('\n');
        letter
    }

    fn write_reasons(&self, writer: &mut Writer) {
        writer.begin_array();
        for violation in self.violations {
            writer.begin_object();
            writer.name("path").string(&violation.path);
            writer.name("rule").string(violation.rule);
            writer.name("expected").string(&violation.expected);
            writer.name("actual").string(&violation.actual);
            writer.end_object();
        }
        writer.end_array();
    }
}

/// Whether JSON is kept as its text. Many readers of JSON take no object that gives a name twice; and
/// where personal data is marked, such an object is written without the second one anyway.
fn is_text(sent: &Value<'_>, config: &Config) -> bool {
    !marks_personal_data(config) && repeats_a_name(sent)
}

fn repeats_a_name(sent: &Value<'_>) -> bool {
    let within = match sent {
        Value::Object(members) => members.iter().any(|(_, value)| repeats_a_name(value)),
        Value::Array(values) => values.iter().any(repeats_a_name),
        _ => false,
    };
    within || sent.repeats_a_name()
}

fn write_or_null(writer: &mut Writer, text: Option<&str>) {
    match text {
        Some(text) => writer.string(text),
        None => writer.null(),
    };
}

fn write_sent(
    writer: &mut Writer,
    sent: &Sent<'_>,
    is_endpoint: bool,
    format: &str,
    config: &Config,
) -> Redacted {
    match sent {
        Sent::Json(sent) | Sent::Plain(sent) if format == TEXT => {
            let mut text = Writer::new();
            text.value(sent);
            write_text(writer, text.finish().as_bytes(), config)
        }
        Sent::Json(endpoint) if is_endpoint => write_endpoint(writer, endpoint, config),
        Sent::Json(event) => write_event(writer, event, Names::PUT_EVENTS, config),
        Sent::Plain(event) => write_event(writer, event, Names::PLAIN, config),
        Sent::Text(b"") => {
            writer.null();
            Redacted::default()
        }
        Sent::Text(text) => write_text(writer, text, config),
    }
}
