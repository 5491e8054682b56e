//! The functions of AWS Lambda: what becomes of one invocation. Nothing is kept from one to the next.

mod enrichment;
mod row_json;
mod rows;
mod stream;
mod transform;

pub use enrichment::{REJECTED, enrichment};
pub use stream::{STREAM_LIMITS, Streamed, stream};
pub use transform::{Destination, Failure, Transformed, transform};

use serde::Serialize;

/// What became of the events of an invocation: one line of the log, on which the alarms look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Records, and events in records that hold several.
    pub records: u64,
    /// Those that are rows now.
    pub rows: u64,
    /// Those that could not become rows.
    pub rejected: u64,
    /// Events that the same invocation had before.
    pub duplicates: u64,
}
