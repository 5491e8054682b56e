//! Batches of records, where they are cut, and what is written for each. No IO.

mod batch;
mod flush;
mod shard;

pub use batch::{Batch, Content, Draft, day};
pub use flush::{ClosedBatch, EncodeError, EncodedBatch, File, Flush};
pub use shard::{Limits, Shard};
