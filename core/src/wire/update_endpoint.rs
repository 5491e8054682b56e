//! UpdateEndpoint: `PUT /v1/apps/{application-id}/endpoints/{endpoint-id}`, answered 202
//! `{"Message","RequestID"}`.

use alloc::string::String;

use super::{DecodeError, decode, endpoint};
use crate::event::Endpoint;
use crate::json::{Limits, Value, Writer};

/// The event type of the record that an update becomes.
pub const EVENT_TYPE: &str = "_endpoint.update";
/// Most bytes of a body.
pub const MAX_BODY_BYTES: usize = 15 * 1024;

const LIMITS: Limits = Limits {
    depth: 32,
    values: 8 * 1024,
};

/// Encodes an endpoint as a request body; absent members are left out.
pub fn encode(endpoint: &Endpoint<'_>) -> String {
    let mut writer = Writer::new();
    writer.begin_object();
    let effective_date = endpoint.effective_date.as_deref();
    endpoint::write_members(&mut writer, endpoint, effective_date);
    writer.end_object();
    writer.finish()
}

/// Decodes a request body.
///
/// # Errors
/// [`DecodeError`] naming the first member that is not of the form the wire asks for, or is beyond
/// Pinpoint's limits for endpoints.
pub fn decode(body: &[u8]) -> Result<Endpoint<'_>, DecodeError> {
    let (endpoint, mistakes) = endpoint::read_sent(&parse(body)?);
    match mistakes.into_iter().next() {
        None => Ok(endpoint),
        Some(mistake) => Err(mistake),
    }
}

/// The JSON of an endpoint, within the limits of one.
pub(super) fn parse(body: &[u8]) -> Result<Value<'_>, DecodeError> {
    if body.len() > MAX_BODY_BYTES {
        return Err(DecodeError {
            path: String::new(),
            reason: String::from("expected at most 15 KB, got more"),
        });
    }
    decode::parse(body, LIMITS)
}
