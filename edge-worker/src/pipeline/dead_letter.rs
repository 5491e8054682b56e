//! What is kept of an event or an endpoint that was refused: why, and what was sent, which is what it
//! takes to mend it and send it again. Nothing else that was known of its sender, and of personal
//! data no more than a record holds.

use forebay_core::json::{Value, Writer};
use forebay_core::schema::Violation;
use forebay_core::wire::put_events::MAX_ID_CHARS;

use super::Context;
use super::redact::{is_name, write_endpoint, write_event, write_text};
use crate::delivery::MAX_RECORD_BYTES;

/// What was refused, and why.
pub struct DeadLetter<'a> {
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
pub enum Sent<'a> {
    /// JSON.
    Json(&'a Value<'a>),
    /// Something else.
    Text(&'a [u8]),
}

impl<'a> Sent<'a> {
    /// What was sent as `text`; `value` is that as JSON, where it is.
    pub fn of(value: Option<&'a Value<'a>>, text: &'a [u8]) -> Sent<'a> {
        value.map_or(Sent::Text(text), Sent::Json)
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
    /// The letter: one JSON object, ending in a newline. What is too large for a record is left out,
    /// and `event_omitted` says so.
    pub fn encode(&self, context: &Context<'_>) -> String {
        let letter = self.encode_with(context, |writer| self.write_sent(writer, context));
        if letter.len() + self.client_id.len() <= MAX_RECORD_BYTES {
            return letter;
        }
        self.encode_with(context, |writer| {
            writer.name("event_omitted").boolean(true);
        })
    }

    fn write_sent(&self, writer: &mut Writer, context: &Context<'_>) {
        let config = context.config;
        match &self.refused {
            Refused::Event { sent, .. } => match sent {
                Sent::Json(event) => write_event(writer.name("event"), event, config),
                Sent::Text(text) => write_text(writer.name("event"), text, config),
            },
            Refused::Endpoint(Sent::Json(endpoint)) => {
                write_endpoint(writer.name("endpoint"), endpoint, config);
            }
            Refused::Endpoint(Sent::Text(b"")) => {
                writer.name("endpoint").null();
            }
            Refused::Endpoint(Sent::Text(text)) => {
                write_text(writer.name("endpoint"), text, config);
            }
        }
    }

    fn encode_with(&self, context: &Context<'_>, sent: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::new();
        writer.begin_object();
        if let Refused::Event { id, sent } = &self.refused {
            writer.name("event_id").string(shortened(id));
            let event_type = match sent {
                Sent::Json(event) => event.get("EventType").and_then(Value::as_str),
                Sent::Text(_) => None,
            };
            if let Some(event_type) = event_type.filter(|event_type| is_name(event_type)) {
                writer.name("event_type").string(event_type);
            }
        }
        writer.name("app_id").string(&context.app.app_id);
        writer.name("client_id").string(shortened(self.client_id));
        writer
            .name("arrival_timestamp")
            .integer(context.head.arrival.0);
        let schema_version = i64::from(context.config.schema.version);
        writer.name("schema_version").integer(schema_version);
        writer.name("reasons").begin_array();
        for violation in self.violations {
            writer.begin_object();
            writer.name("path").string(&violation.path);
            writer.name("rule").string(violation.rule);
            writer.name("expected").string(&violation.expected);
            writer.name("actual").string(&violation.actual);
            writer.end_object();
        }
        writer.end_array();
        sent(&mut writer);
        writer.end_object();
        let mut letter = writer.finish();
        letter.push('\n');
        letter
    }
}
