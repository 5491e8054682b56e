//! Where records go, and what became of each. Only this room, and the configuration that names the
//! streams, knows which services take records.

#[allow(dead_code)] // Until there is a sink that others do not wait for.
pub mod breaker;
pub mod deadline;
#[allow(dead_code, unused_imports)] // Until a sink has a filter in the configuration.
pub mod pattern;
pub mod retry;
pub mod sinks;

use std::time::Duration;

/// Why a call, or a record within one, failed.
pub use forebay_aws_call::CallError as SinkError;
use futures_util::future::join;

use crate::platform::Platform;
use deadline::Deadline;
use sinks::kinesis::KinesisStream;

/// Most bytes of data and partition key in one record: Kinesis's limit, unless the stream was made
/// to take more.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// The data.
    pub data: String,
    /// 1 to 256 characters: records with the same key keep their order.
    pub partition_key: &'a str,
}

impl Record<'_> {
    /// Its size as sinks count it.
    pub fn byte_len(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The last error there was.
    pub error: Option<SinkError>,
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

/// How much a sink takes in one call.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// Most records.
    pub records: usize,
    /// Most bytes of data and partition keys.
    pub bytes: usize,
}

/// A service that takes records.
pub trait Sink {
    /// How much it takes in one call.
    const LIMITS: CallLimits;
    /// How long one call may take.
    const CALL_TIME_OUT: Duration = Duration::from_secs(4);

    /// Makes one call with records within [`Sink::LIMITS`], which takes no longer than `time_out`.
    /// Gives for each record, in their order, whether the sink has acknowledged it.
    ///
    /// # Errors
    /// [`SinkError`] where the call as a whole failed, or its answer does not say what became of each.
    async fn put(
        &self,
        records: &[&Record<'_>],
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<Vec<Result<(), SinkError>>, SinkError>;
}

/// Where the worker writes.
pub struct Sinks {
    /// Takes the records of valid events.
    pub events: KinesisStream,
    /// Takes what was refused.
    pub dead_letters: KinesisStream,
}

/// What became of records and dead letters.
pub struct Deliveries {
    /// Of the records.
    pub events: Delivery,
    /// Of the dead letters.
    pub dead_letters: Delivery,
}

impl Sinks {
    /// Delivers records and dead letters, side by side, within [`retry::DELIVERY_TIME`].
    pub async fn deliver(
        &self,
        events: &[Record<'_>],
        dead_letters: &[Record<'_>],
        platform: &impl Platform,
    ) -> Deliveries {
        let deadline = Deadline::after(retry::DELIVERY_TIME, platform.now());
        let (events, dead_letters) = join(
            retry::deliver(&self.events, events, deadline, platform),
            retry::deliver(&self.dead_letters, dead_letters, deadline, platform),
        )
        .await;
        Deliveries {
            events,
            dead_letters,
        }
    }

    /// The status of the sink of events, and of that of dead letters: `ACTIVE` or `UPDATING` where
    /// it takes records.
    pub async fn statuses(&self, platform: &impl Platform) -> [Result<String, SinkError>; 2] {
        [
            self.events.status(platform).await,
            self.dead_letters.status(platform).await,
        ]
    }
}
