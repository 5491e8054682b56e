//! Where records go, and what became of each. Only this room, and the configuration that names the
//! streams, knows which services take records.

pub mod breaker;
pub mod deadline;
pub mod later;
pub mod pattern;
pub mod queue;
pub mod record;
pub mod retry;
pub mod routing;
pub mod sinks;
pub mod target;

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

/// Why a call, or a record within one, failed.
pub use forebay_aws_call::CallError as SinkError;
use forebay_aws_call::Limits;
use forebay_core::json;

use crate::platform::Platform;
pub use record::Record;

/// Most bytes of data and partition key in one record: Kinesis's limit, unless the stream was made
/// to take more.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// Within which a record is read again, for filters.
const RECORD_LIMITS: json::Limits = json::Limits {
    depth: 64,
    values: 64 * 1024,
};

/// What became of a record; the worst is the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The sink has acknowledged it.
    Accepted,
    /// The sink has more to do than it can: later.
    Throttled,
    /// The sink is not known to have it.
    Failed,
}

/// What became of all records.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// One for each record, in their order.
    pub outcomes: Vec<Outcome>,
    /// How many requests were sent.
    pub requests: u32,
    /// How many records were sent again.
    pub retried: u32,
    /// The last error there was.
    pub error: Option<SinkError>,
    /// Whose error it was.
    pub sink: Option<SinkId>,
}

/// A sink of the configuration, by its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SinkId(usize);

impl Delivery {
    /// Takes in what became of the records of one sink, which are at `route` of all.
    fn add(&mut self, route: &[usize], delivery: Delivery) {
        for (index, outcome) in route.iter().zip(delivery.outcomes) {
            if let Some(slot) = self.outcomes.get_mut(*index) {
                *slot = (*slot).max(outcome);
            }
        }
        self.requests += delivery.requests;
        self.retried += delivery.retried;
        if self.error.is_none() {
            self.error = delivery.error;
            self.sink = delivery.sink;
        }
    }
}

impl From<&SinkError> for Outcome {
    fn from(error: &SinkError) -> Outcome {
        if error.is_throttling() {
            Outcome::Throttled
        } else {
            Outcome::Failed
        }
    }
}

/// Whether a sink has acknowledged each record of a call, in their order.
pub type ItemResults = Vec<Result<(), SinkError>>;

/// A service that takes records.
pub trait Sink {
    /// How long one call may take.
    const CALL_TIME_OUT: Duration = Duration::from_secs(4);

    /// How much it takes in one call, and of one record.
    fn limits(&self) -> Limits;

    /// A record's size as the service counts it, or a little more.
    fn byte_len(&self, record: &Record<'_>) -> usize {
        record.byte_len()
    }

    /// Whether it has failed so often that calls are not made.
    fn is_left_alone(&self) -> bool {
        false
    }

    /// Makes one call with records within [`Sink::limits`], which takes no longer than `time_out`.
    ///
    /// # Errors
    /// [`SinkError`] where the call as a whole failed, or its answer does not say what became of each.
    async fn put(
        &self,
        records: &[&Record<'_>],
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<ItemResults, SinkError>;
}
