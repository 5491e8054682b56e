//! Bodies that come from outside, read up to a limit.

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Reflect, Uint8Array};
use web_sys::Request;
use worker::ByteStream;
use worker::wasm_bindgen::JsCast;
use worker::wasm_bindgen_futures::JsFuture;

use super::host;
use super::platform::now;
use crate::budget::Share;
use crate::platform::{Allowance, Body, BodyError};

/// A body that announces no more is taken in one piece; a larger one in chunks, so that one which
/// stalls is seen to.
const ONE_PIECE_BYTES: usize = 64 * 1024;

/// The body of the request that is answered. Where it is dropped before all of it was read, the
/// platform is told to throw the rest away: it does so without a byte of it coming in here.
pub struct IncomingBody {
    request: Request,
    announced: Option<usize>,
    is_read: bool,
}

impl IncomingBody {
    /// The body of a request, and what its `Content-Length` says of it.
    pub fn new(request: Request, content_length: Option<&str>) -> IncomingBody {
        IncomingBody {
            request,
            announced: content_length.and_then(|length| length.parse().ok()),
            is_read: false,
        }
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        if !self.is_read
            && let Some(body) = self.request.body()
        {
            // Nothing depends on how that ends.
            let _ = body.cancel();
        }
    }
}

impl Body for IncomingBody {
    fn announced(&self) -> Option<usize> {
        self.announced
    }

    /// worker.js looks for this mark.
    fn leave(mut self) {
        self.is_read = true;
        // Where it cannot be set, the connection is cut.
        let _ = Reflect::set(&self.request, &"isLeft".into(), &true.into());
    }

    async fn read(mut self, max_bytes: usize, share: &Share<'_>) -> Result<Vec<u8>, BodyError> {
        if self.announced.is_some_and(|length| length > max_bytes) {
            return Err(BodyError::TooLarge);
        }
        // HTTP lets no body be longer than announced.
        if let Some(length) = self.announced.filter(|length| *length <= ONE_PIECE_BYTES) {
            share.hold(length)?;
            self.is_read = true;
            let body = JsFuture::from(host::body_of(&self.request, Allowance::MOST_MS)).await;
            let body = body.map_err(|_| BodyError::BrokeOff)?;
            if body.is_null() {
                return Err(BodyError::Stalled);
            }
            let body: Uint8Array = body.unchecked_into();
            return match body.byte_length() as usize <= max_bytes {
                true => Ok(body.to_vec()),
                false => Err(BodyError::TooLarge),
            };
        }
        let Some(stream) = self.request.body() else {
            return Ok(Vec::new());
        };
        self.is_read = true;
        let mut body = Vec::new();
        let most = self.announced.unwrap_or(max_bytes);
        read_stream(stream.into(), max_bytes, most, &mut body, share).await?;
        Ok(body)
    }
}

/// Reads a stream of probably no more than `likely_bytes` to its end into `body`. `share` grows before memory is
/// taken. What is left of the stream when reading ends early, the platform throws away.
///
/// # Errors
/// [`BodyError`]
async fn read_stream(
    mut stream: ByteStream,
    max_bytes: usize,
    likely_bytes: usize,
    body: &mut Vec<u8>,
    share: &Share<'_>,
) -> Result<(), BodyError> {
    let mut allowance = Allowance::new(now());
    let mut time_out = TimeoutFuture::new(Allowance::MOST_MS);
    // Bytes for which there was no room, and which were thrown away.
    let mut passed_over: usize = 0;
    loop {
        match select(stream.next(), &mut time_out).await {
            Either::Left((None, _)) if passed_over > 0 => return Err(BodyError::NoRoom),
            Either::Left((None, _)) => return Ok(()),
            Either::Left((Some(chunk), _)) => {
                let chunk = chunk.map_err(|_| BodyError::BrokeOff)?;
                let length = body.len().saturating_add(chunk.len());
                if length > max_bytes {
                    return Err(BodyError::TooLarge);
                }
                allowance.earn(chunk.len(), now());
                if passed_over > 0 {
                    passed_over += chunk.len();
                    if passed_over > max_bytes {
                        return Err(BodyError::NoRoom);
                    }
                    continue;
                }
                if length > body.capacity() {
                    // Twice as much each time, and exactly what was announced in the end.
                    let twice = (2 * body.capacity()).max(ONE_PIECE_BYTES).min(likely_bytes);
                    let capacity = length.max(twice);
                    if share.hold(capacity).is_err() {
                        // Its sender, who is known by now, hears no answer before all is sent.
                        *body = Vec::new();
                        passed_over = chunk.len();
                        continue;
                    }
                    body.reserve_exact(capacity - body.len());
                }
                body.extend_from_slice(&chunk);
            }
            // What came meanwhile has earned it more time, or has not. One timer that is set
            // anew now and then costs less than one for each chunk.
            Either::Right(_) => match allowance.left_ms(now()) {
                0 => return Err(BodyError::Stalled),
                left => time_out = TimeoutFuture::new(left),
            },
        }
    }
}
