//! What goes over the network, in both directions.
//!
//! Sources: botocore's service models `pinpoint/2016-12-01` and `cognito-identity/2014-06-30`,
//! and AWS's documentation of Pinpoint event streams.

pub mod cognito_identity;
pub mod event_stream;
pub mod put_events;
pub mod update_endpoint;

use alloc::string::String;

/// Where a message does not have the form its wire asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Path of the offending member, e.g. `BatchItem.abc.Events.e1.Timestamp`; empty for the whole.
    pub path: String,
    /// What was expected there, fit to be sent to the caller: it never repeats the value.
    pub reason: String,
}
