//! The services that take records.

pub mod aws;
pub mod event_bridge;
pub mod firehose;
pub mod kinesis;
pub mod pinpoint;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use forebay_aws_call::Limits;
use forebay_core::json::Value;
use futures_util::FutureExt;

use super::queue::QueueSink;
use super::{ItemResults, RECORD_LIMITS, Record, Sink, SinkError};
use crate::platform::Platform;
use event_bridge::EventBus;
use firehose::FirehoseStream;
use kinesis::KinesisStream;
use pinpoint::PinpointApp;

/// Any of them.
pub enum Service {
    /// Kinesis Data Streams.
    Kinesis(KinesisStream),
    /// Amazon Data Firehose.
    Firehose(FirehoseStream),
    /// Amazon EventBridge.
    EventBridge(EventBus),
    /// PutEvents at another endpoint.
    Pinpoint(PinpointApp),
    /// A queue in front of others.
    Queue(QueueSink),
}

impl Service {
    /// Whether it is the very stream that another is. Buses are told apart by what their events say.
    pub fn is_same(&self, other: &Service) -> bool {
        let stream = |service| match service {
            &Service::Kinesis(KinesisStream {
                ref access,
                ref name,
            })
            | &Service::Firehose(FirehoseStream {
                ref access,
                ref name,
            }) => Some((access.endpoint.as_str().to_owned(), name.clone())),
            Service::EventBridge(_) | Service::Pinpoint(_) | Service::Queue(_) => None,
        };
        stream(self).is_some_and(|stream_of_self| Some(stream_of_self) == stream(other))
    }
}

impl Sink for Service {
    fn limits(&self) -> Limits {
        match self {
            Service::Kinesis(sink) => sink.limits(),
            Service::Firehose(sink) => sink.limits(),
            Service::EventBridge(sink) => sink.limits(),
            Service::Pinpoint(sink) => sink.limits(),
            Service::Queue(sink) => sink.limits(),
        }
    }

    fn byte_len(&self, record: &Record<'_>) -> usize {
        match self {
            Service::Kinesis(sink) => sink.byte_len(record),
            Service::Firehose(sink) => sink.byte_len(record),
            Service::EventBridge(sink) => sink.byte_len(record),
            Service::Pinpoint(sink) => sink.byte_len(record),
            Service::Queue(sink) => sink.byte_len(record),
        }
    }

    async fn put(
        &self,
        records: &[&Record<'_>],
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<ItemResults, SinkError> {
        // Boxed, so that an isolate compiles those alone that it has.
        let put = match self {
            Service::Kinesis(sink) => sink.put(records, time_out, platform).boxed_local(),
            Service::Firehose(sink) => sink.put(records, time_out, platform).boxed_local(),
            Service::EventBridge(sink) => sink.put(records, time_out, platform).boxed_local(),
            Service::Pinpoint(sink) => sink.put(records, time_out, platform).boxed_local(),
            Service::Queue(sink) => sink.put(records, time_out, platform).boxed_local(),
        };
        put.await
    }
}

/// The event type of a record; empty where it cannot be read.
fn event_type(record: &Record<'_>) -> String {
    let value = Value::parse(record.data.as_bytes(), RECORD_LIMITS);
    let value = value.unwrap_or(Value::Null);
    let event_type = value.get("event_type").and_then(Value::as_str);
    event_type.unwrap_or_default().to_owned()
}
