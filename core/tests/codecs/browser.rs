//! Requests as browsers write them.

use forebay_core::event::{Event, Session};
use forebay_core::json::Writer;

/// An event without its `Timestamp`, which goes before the other members when it is sent.
pub fn event_text(event: &Event<'_>) -> String {
    let mut writer = Writer::new();
    writer.begin_object();
    writer.name("EventType").string(&event.event_type);
    for (name, text) in [
        ("AppPackageName", &event.app_package_name),
        ("AppTitle", &event.app_title),
        ("AppVersionCode", &event.app_version_code),
        ("ClientSdkVersion", &event.client_sdk_version),
        ("SdkName", &event.sdk_name),
    ] {
        if let Some(text) = text {
            writer.name(name).string(text);
        }
    }
    if !event.attributes.is_empty() {
        writer.name("Attributes").begin_object();
        for (name, value) in &event.attributes {
            writer.name(name).string(value);
        }
        writer.end_object();
    }
    if !event.metrics.is_empty() {
        writer.name("Metrics").begin_object();
        for (name, value) in &event.metrics {
            writer.name(name).number(value);
        }
        writer.end_object();
    }
    if let Some(session) = &event.session {
        write_session(writer.name("Session"), session);
    }
    writer.end_object();
    writer.finish()
}

fn write_session(writer: &mut Writer, session: &Session<'_>) {
    writer.begin_object().name("Id").string(&session.id);
    let start = session.start_timestamp.to_iso8601();
    writer.name("StartTimestamp").string(&start);
    if let Some(stop) = session.stop_timestamp {
        writer.name("StopTimestamp").string(&stop.to_iso8601());
    }
    if let Some(duration) = session.duration {
        writer.name("Duration").integer(duration);
    }
    writer.end_object();
}

/// A request of one batch. `endpoint` is JSON; an event is its id, its time in ISO 8601 and its text.
pub fn request_text(
    endpoint_id: &str,
    endpoint: &str,
    events: &[(&str, String, String)],
) -> String {
    let mut writer = Writer::new();
    writer.begin_object().name("BatchItem").begin_object();
    writer.name(endpoint_id).begin_object();
    writer.name("Endpoint").raw(endpoint);
    writer.name("Events").begin_object();
    for (id, time, text) in events {
        let members = text.strip_prefix('{').unwrap();
        let event = format!("{{\"Timestamp\":\"{time}\",{members}");
        writer.name(id).raw(&event);
    }
    for _ in 0..4 {
        writer.end_object();
    }
    writer.finish()
}
