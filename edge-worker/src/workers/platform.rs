//! Clock, randomness, hashes and network of Cloudflare Workers and workerd.

use std::time::Duration;

use forebay_core::time::Timestamp;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Date, Function, Object, Promise, Reflect};
use sha2::{Digest, Sha256};
use worker::Env;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;

use super::crypto;
use super::host::{self, Received};
use crate::platform::{
    Algorithm, Clock, Crypto, Http, HttpRequest, HttpResponse, NoRandomness, PrivateKey, PublicKey,
    QueueError, Queues, Random, RateLimits, Unreachable,
};

/// Most bytes that are hashed here.
const SHORT_BYTES: usize = 4 * 1024;

/// The platform, and the bindings that it gives to requests.
pub struct Workers {
    /// The bindings.
    pub env: Env,
}

/// The time now.
pub fn now() -> Timestamp {
    // Whole milliseconds since the epoch: a safe integer for some 200,000 years.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp(Date::now() as i64)
}

/// Fills `bytes` with randomness fit for keys.
///
/// # Errors
/// [`NoRandomness`] where the platform has none to give, as before the first request.
pub fn randomize(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    getrandom::fill(bytes).map_err(|_| NoRandomness)
}

impl Clock for Workers {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn wait(&self, duration: Duration) {
        TimeoutFuture::new(millis(duration)).await;
    }
}

impl Random for Workers {
    fn randomize(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        randomize(bytes)
    }
}

impl RateLimits for Workers {
    async fn is_within(&self, binding: &str, key: &str) -> Option<bool> {
        let limiter = Reflect::get(&self.env, &binding.into()).ok()?;
        let limit: Function = Reflect::get(&limiter, &"limit".into())
            .ok()?
            .dyn_into()
            .ok()?;
        let options = Object::new();
        Reflect::set(&options, &"key".into(), &key.into()).ok()?;
        let outcome: Promise = limit.call1(&limiter, &options).ok()?.dyn_into().ok()?;
        let outcome = JsFuture::from(outcome).await.ok()?;
        Reflect::get(&outcome, &"success".into()).ok()?.as_bool()
    }
}

impl Queues for Workers {
    async fn enqueue(
        &self,
        binding: &str,
        messages: Vec<String>,
        time_out: Duration,
    ) -> Result<(), QueueError> {
        let sent = send_batch(&self.env, binding, messages).ok_or(QueueError::Failed)?;
        let time_out = TimeoutFuture::new(millis(time_out));
        match select(JsFuture::from(sent), time_out).await {
            Either::Left((Ok(_), _)) => Ok(()),
            Either::Left((Err(error), _)) => Err(queue_error(&error)),
            Either::Right(_) => Err(QueueError::Failed),
        }
    }
}

fn send_batch(env: &Env, binding: &str, messages: Vec<String>) -> Option<Promise> {
    let queue = Reflect::get(env, &binding.into()).ok()?;
    let method = Reflect::get(&queue, &"sendBatch".into()).ok()?;
    let send_batch: Function = method.dyn_into().ok()?;
    let all = Array::new();
    for message in messages {
        let item = Object::new();
        Reflect::set(&item, &"body".into(), &message.into()).ok()?;
        Reflect::set(&item, &"contentType".into(), &"text".into()).ok()?;
        all.push(&item);
    }
    send_batch.call1(&queue, &all).ok()?.dyn_into().ok()
}

/// Cloudflare throws an `Error` whose message says why.
fn queue_error(error: &JsValue) -> QueueError {
    let message = error.dyn_ref::<js_sys::Error>().map(js_sys::Error::message);
    let message = message.map(String::from).unwrap_or_default();
    if message.contains("Too Many Requests") || message.contains("429") {
        QueueError::Busy
    } else {
        QueueError::Failed
    }
}

impl Crypto for Workers {
    async fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
        // What is short is hashed before the platform has promised to.
        if bytes.len() <= SHORT_BYTES {
            return Sha256::digest(bytes).into();
        }
        match crypto::native_sha256(bytes).await {
            Some(hash) => hash,
            None => Sha256::digest(bytes).into(),
        }
    }

    async fn verifies(
        &self,
        key: &PublicKey,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let verified = crypto::verified(key, algorithm, message, signature).await;
        verified.unwrap_or(false)
    }

    async fn signs(&self, key: &PrivateKey<'_>, message: &[u8]) -> Option<Vec<u8>> {
        crypto::signed(key, message).await
    }
}

impl Http for Workers {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
        let headers = request.headers.iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
        let received = host::send(
            request.method,
            &request.url,
            &host::lines(headers),
            request.body.as_bytes(),
            millis(request.time_out),
            u32::try_from(request.max_response_bytes).unwrap_or(u32::MAX),
        );
        // The platform has a copy of the body: while the answer is waited for, one is enough.
        drop(request);
        let received = JsFuture::from(received).await.map_err(|_| Unreachable)?;
        if received.is_undefined() {
            return Err(Unreachable);
        }
        let received: Received = received.unchecked_into();
        Ok(HttpResponse {
            error_type: received.error_type(),
            retry_after: received.retry_after(),
            ..HttpResponse::new(received.status(), received.body().to_vec())
        })
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
