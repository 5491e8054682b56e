//! `GET /metrics`: the counters of this isolate, for a request with the key.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::budget::Budget;
use crate::config::Config;
use crate::http::errors::RequestError;
use crate::http::message::{Answer, Head};
use crate::metrics::Metrics;

/// Answers a request.
///
/// # Errors
/// [`RequestError::NotFound`] where no key is configured, [`RequestError::NoMetrics`] where the request does
/// not show it.
pub fn answer(
    head: &Head,
    config: &Config,
    metrics: &Metrics,
    budget: &Budget,
) -> Result<Answer, RequestError> {
    let key = config
        .metrics_key
        .as_deref()
        .ok_or(RequestError::NotFound)?;
    let shown = head.header("authorization").unwrap_or_default();
    let shown = shown.strip_prefix("Bearer ").unwrap_or_default().trim();
    if !is_same(key, shown) {
        return Err(RequestError::NoMetrics);
    }
    let text = Answer::json(200, metrics.encode(config, budget));
    let form = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(text.with_header("content-type", form))
}

/// Compares two secrets by their MACs, in a time that does not depend on where they differ.
fn is_same(key: &str, shown: &str) -> bool {
    let mac = |text: &str| {
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
        Some(mac.chain_update(text))
    };
    let (Some(expected), Some(given)) = (mac(key), mac(shown)) else {
        return false;
    };
    expected.verify(&given.finalize().into_bytes()).is_ok()
}
