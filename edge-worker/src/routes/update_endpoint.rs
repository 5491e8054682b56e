//! UpdateEndpoint: validated and acknowledged. There is no store of endpoints: what a record says
//! of its endpoint is what came with the event, so that a client which wants a property on its
//! events sends it in the `Endpoint` of PutEvents, as Forebay's own does.

use forebay_core::wire::update_endpoint;

use crate::http::errors::{RequestError, message_body};
use crate::http::message::Answer;

/// Answers a request.
///
/// # Errors
/// [`RequestError::BadRequest`] where the body is not of the operation's form.
pub fn answer(body: &[u8], request_id: &str) -> Result<Answer, RequestError> {
    update_endpoint::decode(body)?;
    Ok(Answer::json(202, message_body("Accepted", request_id)))
}
