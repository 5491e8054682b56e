//! A queue of the platform's in front of the sinks that answers wait for: an answer waits for the queue
//! alone, and [`consume`] delivers what it holds. [`message`] describes how records and dead letters travel
//! through the queue.

pub mod consume;
pub mod message;

#[cfg(test)]
mod tests;

use std::time::Duration;

use forebay_aws_call::{Limits, ServiceError};

use super::target::Target;
use super::{ItemResults, Record, Sink, SinkError};
use crate::platform::{Platform, QueueError};
pub use message::Kind;
use message::{ENTRY_BYTES, MAX_MESSAGE_BYTES, MAX_SEND_BYTES, packed};

/// A queue, as it takes records of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSink {
    /// The name of its binding.
    pub binding: String,
    /// What is put into it.
    pub kind: Kind,
}

/// The queue in front of the sinks, each kind with a breaker of its own.
pub struct Queue {
    /// Takes records of events.
    pub events: Target,
    /// Takes dead letters.
    pub dead_letters: Target,
}

impl Queue {
    /// What log and metrics call it.
    pub const NAME: &'static str = "queue";
    /// What they call it where it takes dead letters.
    pub const NAME_OF_LETTERS: &'static str = "queue (dead letters)";

    /// The queue of this binding.
    pub fn new(binding: &str) -> Queue {
        let target = |name: &str, kind| {
            let binding = binding.to_owned();
            let service = super::sinks::Service::Queue(QueueSink { binding, kind });
            Target::new(name.to_owned(), service, None, true)
        };
        Queue {
            events: target(Queue::NAME, Kind::Events),
            dead_letters: target(Queue::NAME_OF_LETTERS, Kind::DeadLetters),
        }
    }
}

impl Sink for QueueSink {
    /// The limits of one sendBatch: as many records as its messages hold.
    fn limits(&self) -> Limits {
        Limits {
            items: usize::MAX,
            bytes: MAX_SEND_BYTES,
            item_bytes: MAX_MESSAGE_BYTES,
        }
    }

    fn byte_len(&self, record: &Record<'_>) -> usize {
        record.byte_len() + ENTRY_BYTES
    }

    async fn put(
        &self,
        records: &[&Record<'_>],
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<ItemResults, SinkError> {
        let messages = packed(records, self.kind);
        let sent = platform.enqueue(&self.binding, messages, time_out).await;
        sent.map_err(|error| match error {
            QueueError::Busy => SinkError::Refused(ServiceError {
                status: 429,
                code: "TooManyRequests".to_owned(),
                message: String::new(),
                retry_after: None,
            }),
            QueueError::Failed => SinkError::Unreachable(String::new()),
        })?;
        Ok(vec![Ok(()); records.len()])
    }
}
