//! The services that take records.

pub mod kinesis;
