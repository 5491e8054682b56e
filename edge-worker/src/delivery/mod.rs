//! Where records go.

pub mod sinks;
