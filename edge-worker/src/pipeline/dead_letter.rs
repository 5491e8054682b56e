//! What is kept of an event that was refused: why, and the event as it was sent, which is what it
//! takes to mend it and send it again. Nothing else that was known of its sender, and of personal
//! data no more than a record holds.

use forebay_core::json::{Value, Writer};
use forebay_core::schema::Violation;

use super::Context;
use super::redact::{is_name, write_event};
use crate::delivery::MAX_RECORD_BYTES;

/// An event that was refused.
pub struct DeadLetter<'a> {
    /// The event's id.
    pub event_id: &'a str,
    /// The endpoint id it came under.
    pub client_id: &'a str,
    /// Why.
    pub violations: &'a [Violation],
    /// The event as it was sent.
    pub sent: &'a Value<'a>,
}

impl DeadLetter<'_> {
    /// The letter: one JSON object, ending in a newline. An event too large for a record is left
    /// out, and `event_omitted` says so.
    pub fn encode(&self, context: &Context<'_>) -> String {
        let letter = self.encode_with(context, |writer| {
            write_event(writer.name("event"), self.sent, context.config);
        });
        if letter.len() + self.client_id.len() <= MAX_RECORD_BYTES {
            return letter;
        }
        self.encode_with(context, |writer| {
            writer.name("event_omitted").boolean(true);
        })
    }

    fn encode_with(&self, context: &Context<'_>, event: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Writer::new();
        writer.begin_object().name("event_id").string(self.event_id);
        let event_type = self.sent.get("EventType").and_then(Value::as_str);
        if let Some(event_type) = event_type.filter(|event_type| is_name(event_type)) {
            writer.name("event_type").string(event_type);
        }
        writer.name("app_id").string(&context.app.app_id);
        writer.name("client_id").string(self.client_id);
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
        event(&mut writer);
        writer.end_object();
        let mut letter = writer.finish();
        letter.push('\n');
        letter
    }
}
