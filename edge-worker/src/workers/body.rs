//! Bodies that come from outside, read up to a limit.

use futures_util::StreamExt;
use worker::{ByteStream, Request};

use crate::platform::{Body, BodyError};

/// So much of a request's body that is too large is still read and thrown away: a client that is cut
/// off while it sends sees a broken connection where it should see the answer.
const MAX_DRAINED_BYTES: usize = 16 * 1024 * 1024;

/// The body of the request that is answered.
pub struct IncomingBody(pub Request);

impl Body for IncomingBody {
    async fn read(self, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
        let IncomingBody(mut request) = self;
        if request.inner().body().is_none() {
            return Ok(Vec::new());
        }
        let announced = request.headers().get("content-length").ok().flatten();
        let announced = announced.and_then(|length| length.parse::<usize>().ok());
        // HTTP lets no body be longer than announced, so that it can be taken in one piece.
        if announced.is_some_and(|length| length <= max_bytes) {
            let body = request.bytes().await.map_err(|_| BodyError::BrokeOff)?;
            return if body.len() <= max_bytes {
                Ok(body)
            } else {
                Err(BodyError::TooLarge)
            };
        }
        let stream = request.stream().map_err(|_| BodyError::BrokeOff)?;
        read_stream(stream, max_bytes, MAX_DRAINED_BYTES).await
    }
}

/// Reads a body whose length is unknown, or known to be too large. Of one that is too large, up to
/// `max_drained_bytes` more are read and thrown away.
pub async fn read_stream(
    mut stream: ByteStream,
    max_bytes: usize,
    max_drained_bytes: usize,
) -> Result<Vec<u8>, BodyError> {
    let mut body = Vec::new();
    let mut length: usize = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| BodyError::BrokeOff)?;
        length = length.saturating_add(chunk.len());
        if length <= max_bytes {
            body.extend_from_slice(&chunk);
        } else {
            body = Vec::new();
        }
        if length > max_bytes.saturating_add(max_drained_bytes) {
            break;
        }
    }
    if length <= max_bytes {
        Ok(body)
    } else {
        Err(BodyError::TooLarge)
    }
}
