//! Where records come from.

pub mod kinesis;
mod position;

pub use position::{Position, SequenceNumber, StreamRecord};
