//! Bodies that come from outside, read up to a limit.

use std::pin::pin;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::Date;
use worker::{ByteStream, Request};

use crate::platform::{Allowance, Body, BodyError};

/// A body that announces no more is taken in one piece; a larger one in chunks, so that one which
/// stalls is seen to.
const ONE_PIECE_BYTES: usize = 64 * 1024;

/// The body of the request that is answered. Where it is dropped before all of it was read, the
/// platform is told to throw the rest away: it does so without a byte of it coming in here.
pub struct IncomingBody {
    request: Request,
    is_read: bool,
}

impl IncomingBody {
    /// The body of a request.
    pub fn new(request: Request) -> IncomingBody {
        IncomingBody {
            request,
            is_read: false,
        }
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        if !self.is_read
            && let Some(body) = self.request.inner().body()
        {
            // Nothing depends on how that ends.
            let _ = body.cancel();
        }
    }
}

impl Body for IncomingBody {
    fn announced(&self) -> Option<usize> {
        let length = self.request.headers().get("content-length").ok().flatten();
        length.and_then(|length| length.parse().ok())
    }

    async fn read(mut self, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
        let announced = self.announced();
        if announced.is_some_and(|length| length > max_bytes) {
            return Err(BodyError::TooLarge);
        }
        self.is_read = true;
        if self.request.inner().body().is_none() {
            return Ok(Vec::new());
        }
        // HTTP lets no body be longer than announced.
        if announced.is_some_and(|length| length <= ONE_PIECE_BYTES) {
            let time_out = TimeoutFuture::new(Allowance::FIRST_MS);
            let body = match select(pin!(self.request.bytes()), time_out).await {
                Either::Left((body, _)) => body.map_err(|_| BodyError::BrokeOff)?,
                Either::Right(_) => return Err(BodyError::Stalled),
            };
            return match body.len() <= max_bytes {
                true => Ok(body),
                false => Err(BodyError::TooLarge),
            };
        }
        let stream = self.request.stream().map_err(|_| BodyError::BrokeOff)?;
        let mut body = Vec::with_capacity(announced.unwrap_or(0));
        read_stream(stream, max_bytes, &mut body).await?;
        Ok(body)
    }
}

/// Reads a stream to its end into `body`. What is left of it when reading ends early, the platform
/// throws away.
///
/// # Errors
/// [`BodyError`]
pub async fn read_stream(
    mut stream: ByteStream,
    max_bytes: usize,
    body: &mut Vec<u8>,
) -> Result<(), BodyError> {
    let started = Date::now();
    let mut time_out = TimeoutFuture::new(Allowance::FIRST_MS);
    loop {
        match select(stream.next(), &mut time_out).await {
            Either::Left((None, _)) => return Ok(()),
            Either::Left((Some(chunk), _)) => {
                let chunk = chunk.map_err(|_| BodyError::BrokeOff)?;
                if body.len().saturating_add(chunk.len()) > max_bytes {
                    return Err(BodyError::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            // What came meanwhile has earned it more time, or has not. One timer that is set
            // anew now and then costs less than one for each chunk.
            Either::Right(_) => {
                let spent = Date::now() - started;
                let left = f64::from(Allowance::millis(body.len())) - spent;
                if left <= 0.0 {
                    return Err(BodyError::Stalled);
                }
                // Above nothing, and no more than an allowance.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let left = left.ceil() as u32;
                time_out = TimeoutFuture::new(left);
            }
        }
    }
}
