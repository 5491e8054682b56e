//! Any endpoint that speaks Pinpoint's PutEvents: the events are written as a sender would, signed
//! with a key of that endpoint's, and its answer about each is taken as it is.

use std::time::Duration;

use forebay_aws_call::Limits;
use forebay_aws_call::pinpoint::PutEvents;
use forebay_core::json::Writer;
use forebay_core::wire::event_stream;
use forebay_core::wire::put_events::{MAX_BODY_BYTES, MAX_EVENT_BYTES, MAX_EVENTS};
use forebay_core::wire::update_endpoint;

use super::aws::Access;
use crate::delivery::{ItemResults, Record, Sink, SinkError};
use crate::platform::Platform;

/// An application at an endpoint.
pub struct PinpointApp {
    /// Where it is.
    pub access: Access,
    /// The application's id there.
    pub app_id: String,
}

impl Sink for PinpointApp {
    /// A record holds more than its event does.
    fn limits(&self) -> Limits {
        Limits {
            items: MAX_EVENTS,
            bytes: MAX_BODY_BYTES,
            item_bytes: MAX_EVENT_BYTES,
        }
    }

    async fn put(
        &self,
        records: &[&Record<'_>],
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<ItemResults, SinkError> {
        let records: Vec<event_stream::Record<'_>> = records
            .iter()
            .map(|record| event_stream::Record::decode(record.data.as_bytes()))
            .collect::<Result<_, _>>()
            .map_err(|error| SinkError::Unintelligible(format!("a record of ours: {error}")))?;
        let ids: Vec<(&str, &str)> = records.iter().map(ids).collect();
        let operation = PutEvents {
            app_id: &self.app_id,
            body: &body(&records),
            events: &ids,
        };
        self.access.call(&operation, time_out, platform).await
    }
}

/// Endpoint id and event id.
fn ids<'r>(record: &'r event_stream::Record<'_>) -> (&'r str, &'r str) {
    let event_id = record
        .forebay
        .as_ref()
        .map_or("", |forebay| &forebay.event_id);
    (&record.client.client_id, event_id)
}

/// A body of PutEvents with these events, each client's under its endpoint as it was with the
/// first of them. What has the ids of another is left out: it is the same event.
fn body(records: &[event_stream::Record<'_>]) -> String {
    let mut batches: Vec<(&str, Vec<&event_stream::Record<'_>>)> = Vec::new();
    for record in records {
        let (client, event) = ids(record);
        match batches.iter_mut().find(|(other, _)| *other == client) {
            None => batches.push((client, vec![record])),
            Some((_, events)) if events.iter().all(|other| ids(other).1 != event) => {
                events.push(record);
            }
            Some(_) => {}
        }
    }
    let mut writer = Writer::new();
    writer.begin_object().name("BatchItem").begin_object();
    for (client, events) in batches {
        writer.name(client).begin_object();
        if let Some(first) = events.first() {
            let endpoint = update_endpoint::encode(&first.endpoint);
            writer.name("Endpoint").raw(&endpoint);
        }
        writer.name("Events").begin_object();
        for record in events {
            write_event(writer.name(ids(record).1), record);
        }
        writer.end_object().end_object();
    }
    writer.end_object().end_object();
    writer.finish()
}

fn write_event(writer: &mut Writer, record: &event_stream::Record<'_>) {
    let application = &record.application;
    writer.begin_object();
    writer.name("EventType").string(&record.event_type);
    let at = record.event_timestamp.to_iso8601();
    writer.name("Timestamp").string(&at);
    for (name, value) in [
        ("AppPackageName", &application.package_name),
        ("AppTitle", &application.title),
        ("AppVersionCode", &application.version_code),
        ("ClientSdkVersion", &application.sdk_version),
        ("SdkName", &application.sdk_name),
    ] {
        if let Some(value) = value {
            writer.name(name).string(value);
        }
    }
    writer.name("Attributes").begin_object();
    for (name, value) in &record.attributes {
        writer.name(name).string(value);
    }
    writer.end_object().name("Metrics").begin_object();
    for (name, value) in &record.metrics {
        writer.name(name).number(value);
    }
    writer.end_object();
    if let Some(session) = &record.session {
        writer.name("Session").begin_object();
        writer.name("Id").string(&session.session_id);
        let start = session.start_timestamp;
        if let Some(start) = start {
            writer.name("StartTimestamp").string(&start.to_iso8601());
        }
        if let Some(stop) = session.stop_timestamp {
            writer.name("StopTimestamp").string(&stop.to_iso8601());
            if let Some(start) = start {
                let duration = stop.0.saturating_sub(start.0);
                writer.name("Duration").integer(duration);
            }
        }
        writer.end_object();
    }
    writer.end_object();
}
