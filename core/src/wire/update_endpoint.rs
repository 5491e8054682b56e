//! UpdateEndpoint: `PUT /v1/apps/{application-id}/endpoints/{endpoint-id}`, answered 202
//! `{"Message","RequestID"}`.

use alloc::string::String;

use super::DecodeError;
use crate::event::Endpoint;

/// Most bytes of a body.
pub const MAX_BODY_BYTES: usize = 15 * 1024;

/// Encodes an endpoint as a request body; absent members are left out.
pub fn encode(_endpoint: &Endpoint<'_>) -> String {
    todo!()
}

/// Decodes a request body.
///
/// # Errors
/// [`DecodeError`] naming the first member that is not of the form the wire asks for.
pub fn decode(_body: &[u8]) -> Result<Endpoint<'_>, DecodeError> {
    todo!()
}
