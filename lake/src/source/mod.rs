//! Where records come from.

mod anchor;
pub mod archive;
pub mod credentials;
pub mod kinesis;
pub mod lambda_event;
mod position;

pub use anchor::{Anchor, Anchored};
pub use position::{Position, SequenceNumber, StreamRecord};
