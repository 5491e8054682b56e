//! Reading answers: what they say about the request as a whole.

use alloc::string::String;
use alloc::vec::Vec;

use crate::json::{Limits, Value};
use crate::time::Timestamp;

/// An HTTP answer.
pub(super) struct HttpAnswer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// Why a request did not succeed, sorted by what is to be done about it.
pub(super) enum Fault {
    /// The credentials or the clock are not right: renew and try again.
    NotAuthorized,
    /// The request itself is at fault, says the endpoint with this message.
    Refused(String),
    /// Anything else: try again, not before so many milliseconds where the endpoint said so.
    Failed {
        /// Milliseconds.
        retry_after: Option<u64>,
    },
}

/// Codes of errors about credentials and clocks. Pinpoint answers them with 403, which says enough;
/// AWS's JSON services with 400, which needs the code.
const NOT_AUTHORIZED: [&str; 7] = [
    "ExpiredToken",
    "InvalidSignature",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "IncompleteSignature",
    "RequestExpired",
];

impl HttpAnswer {
    /// The value of a header, by its lower-case name.
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.trim())
    }

    /// When it was sent, by the endpoint's clock.
    pub(super) fn date(&self) -> Option<Timestamp> {
        self.header("date").and_then(Timestamp::parse_http_date)
    }

    /// What is wrong, or `None` for success. `now` is by the endpoint's clock, as well as known.
    pub(super) fn fault(&self, now: Timestamp) -> Option<Fault> {
        let code = self.header("x-amzn-errortype").unwrap_or_default();
        let is_about_authority = NOT_AUTHORIZED.iter().any(|known| code.starts_with(known));
        match self.status {
            200..=299 => None,
            401 | 403 => Some(Fault::NotAuthorized),
            400 if is_about_authority => Some(Fault::NotAuthorized),
            400 | 413 => Some(Fault::Refused(self.message())),
            _ => Some(Fault::Failed {
                retry_after: self.retry_after(now),
            }),
        }
    }

    /// `Retry-After`, which holds seconds or a date, in milliseconds from now.
    fn retry_after(&self, now: Timestamp) -> Option<u64> {
        let text = self.header("retry-after")?;
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(seconds.saturating_mul(1_000));
        }
        let until = Timestamp::parse_http_date(text)?;
        let from = self.date().unwrap_or(now);
        u64::try_from(until.0.saturating_sub(from.0)).ok()
    }

    /// `Message` of the error, or a sentence in its place.
    fn message(&self) -> String {
        const LIMITS: Limits = Limits {
            depth: 8,
            values: 64,
        };
        let error = Value::parse(&self.body, LIMITS).unwrap_or(Value::Null);
        let message = error.get("Message").or_else(|| error.get("message"));
        let message = message.and_then(Value::as_str);
        message
            .unwrap_or(if self.status == 413 {
                "the endpoint calls the request too large"
            } else {
                "the endpoint calls the request bad"
            })
            .into()
    }
}
