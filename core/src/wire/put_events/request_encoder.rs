//! Encoding a request, event by event.

use alloc::string::String;

use super::MAX_EVENTS;
use crate::event::{Event, Session};
use crate::json::Writer;
use crate::time::Timestamp;
use crate::wire::encode::{number_map, optional_text, text_map};

/// Encodes an event without its `Timestamp`: the form an outbox stores, so that the time sent can be
/// corrected for the clock's offset when the offset is known, without reading the event again.
/// Absent members and empty maps are left out.
pub fn encode_event(event: &Event<'_>) -> String {
    let mut writer = Writer::new();
    writer.begin_object();
    writer.name("EventType").string(&event.event_type);
    let texts = [
        ("AppPackageName", &event.app_package_name),
        ("AppTitle", &event.app_title),
        ("AppVersionCode", &event.app_version_code),
        ("ClientSdkVersion", &event.client_sdk_version),
        ("SdkName", &event.sdk_name),
    ];
    for (name, text) in texts {
        optional_text(&mut writer, name, text.as_deref());
    }
    if !event.attributes.is_empty() {
        text_map(&mut writer, "Attributes", &event.attributes);
    }
    if !event.metrics.is_empty() {
        number_map(&mut writer, "Metrics", &event.metrics);
    }
    if let Some(session) = &event.session {
        write_session(writer.name("Session"), session);
    }
    writer.end_object();
    writer.finish()
}

fn write_session(writer: &mut Writer, session: &Session<'_>) {
    writer.begin_object();
    writer.name("Id").string(&session.id);
    writer
        .name("StartTimestamp")
        .string(&session.start_timestamp.to_iso8601());
    if let Some(stop) = session.stop_timestamp {
        writer.name("StopTimestamp").string(&stop.to_iso8601());
    }
    if let Some(duration) = session.duration {
        writer.name("Duration").integer(duration);
    }
    writer.end_object();
}

/// Encodes a request of one batch, event by event, up to [`MAX_EVENTS`] and a number of bytes.
///
/// ```
/// # use forebay_core::{time::Timestamp, wire::put_events::RequestEncoder};
/// let mut request = RequestEncoder::new("endpoint-1", "{}", 64 * 1024);
/// assert!(request.push("event-1", Timestamp(0), r#"{"EventType":"SignUpEvent"}"#));
/// assert_eq!(
///     request.finish(),
///     concat!(
///         r#"{"BatchItem":{"endpoint-1":{"Endpoint":{},"Events":{"event-1":"#,
///         r#"{"Timestamp":"1970-01-01T00:00:00.000Z","EventType":"SignUpEvent"}}}}}"#,
///     )
/// );
/// ```
pub struct RequestEncoder {
    writer: Writer,
    event_count: usize,
    max_bytes: usize,
}

/// What closes `Events`, the batch, `BatchItem` and the request.
const CLOSING: &str = "}}}}";

impl RequestEncoder {
    /// A request that has no events yet. `endpoint` is JSON, as
    /// [`update_endpoint::encode`](crate::wire::update_endpoint::encode) gives it. `max_bytes` is the
    /// most that the request's body may have; what an endpoint takes of it is the caller's to keep
    /// small.
    pub fn new(endpoint_id: &str, endpoint: &str, max_bytes: usize) -> RequestEncoder {
        let mut writer = Writer::new();
        writer.begin_object().name("BatchItem").begin_object();
        writer.name(endpoint_id).begin_object();
        writer.name("Endpoint").begin_object();
        writer.members_of(endpoint).end_object();
        writer.name("Events").begin_object();
        RequestEncoder {
            writer,
            event_count: 0,
            max_bytes,
        }
    }

    /// Adds an event from what [`encode_event`] gave for it, if the request stays within its limits;
    /// `false` means that it was not added. An event that an empty request has no room for fits in
    /// no request of this size.
    pub fn push(&mut self, event_id: &str, timestamp: Timestamp, body: &str) -> bool {
        if self.event_count >= MAX_EVENTS {
            return false;
        }
        let mark = self.writer.mark();
        self.writer.name(event_id).begin_object();
        self.writer
            .name("Timestamp")
            .string(&timestamp.to_iso8601());
        self.writer.members_of(body);
        self.writer.end_object();
        let fits = self.byte_len() <= self.max_bytes;
        if fits {
            self.event_count += 1;
        } else {
            self.writer.reset(mark);
        }
        fits
    }

    /// How many events it has.
    pub fn event_count(&self) -> usize {
        self.event_count
    }

    /// Bytes of the body that [`RequestEncoder::finish`] would give now.
    pub fn byte_len(&self) -> usize {
        self.writer.byte_len() + CLOSING.len()
    }

    /// The request body.
    pub fn finish(self) -> String {
        let mut body = self.writer.finish();
        body.push_str(CLOSING);
        body
    }
}
