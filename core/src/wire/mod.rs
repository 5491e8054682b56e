//! What goes over the network, in both directions.
//!
//! Sources: botocore's service models `pinpoint/2016-12-01` and `cognito-identity/2014-06-30`,
//! and AWS's documentation of Pinpoint event streams.
//!
//! Throughout, a member that is `null` is read as one that is absent, as AWS's own services do, and
//! members that are not known are passed over.

pub mod cognito_identity;
mod decode;
mod encode;
mod endpoint;
pub mod event_stream;
pub mod plain;
pub mod put_events;
pub mod update_endpoint;

use alloc::string::String;

/// Where a message does not have the form its wire asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Path of the offending member, e.g. `BatchItem.abc.Endpoint.ChannelType`; empty for the whole.
    pub path: String,
    /// What was expected there, fit to be sent to the caller: it never repeats the value.
    pub reason: String,
}

impl core::fmt::Display for DecodeError {
    /// `path: reason`
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if !self.path.is_empty() {
            f.write_str(&self.path)?;
            f.write_str(": ")?;
        }
        f.write_str(&self.reason)
    }
}

impl core::error::Error for DecodeError {}
