//! Where records come from.

mod anchor;
pub mod archive;
pub mod credentials;
pub mod kinesis;
mod position;

pub use anchor::{Anchor, Anchored};
pub use position::{Position, SequenceNumber, StreamRecord};
