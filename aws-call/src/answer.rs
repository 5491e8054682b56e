//! An answer, and what its error says: what it is called, whose fault it is, and whether a later
//! try can help.

use std::fmt;
use std::time::Duration;

use forebay_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// Longest name of an error that is taken as one; AWS's longest has 60 bytes or so.
const MAX_CODE_BYTES: usize = 128;
/// Longest message that is kept.
const MAX_MESSAGE_BYTES: usize = 1_024;

/// An HTTP answer, as the transport has it.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// HTTP status.
    pub status: u16,
    /// The header `x-amzn-errortype`.
    pub error_type: Option<&'a str>,
    /// The header `retry-after`.
    pub retry_after: Option<&'a str>,
    /// The whole body.
    pub body: &'a [u8],
    /// When it came, by which a `retry-after` that is a date is read.
    pub arrived: Timestamp,
}

/// Why a call, or one item of a call, failed. As text it is short and has no word of the service's
/// message, which may name accounts and resources: fit for a log that others read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// No answer came; the transport may say why.
    #[error("unreachable")]
    Unreachable(String),
    /// The service answered with an error.
    #[error("{}", .0.code)]
    Refused(ServiceError),
    /// The answer is not of the operation's form; the text says where, and may quote it.
    #[error("the answer is not of the service's form")]
    Unintelligible(String),
    /// The call could not be signed; the text says why.
    #[error("the call could not be signed: check the endpoint and the keys")]
    NotSigned(String),
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// More was asked for than the service gives at present: later.
    Throttling,
    /// The service's own, or that of the network before it: it may pass.
    Service,
    /// The caller's keys are wrong, expired or not allowed to do this.
    Credentials,
    /// The request is wrong, or what it names is not there.
    Request,
}

impl Fault {
    /// Whether the same call may do better at a later time.
    pub fn may_pass(self) -> bool {
        matches!(self, Fault::Throttling | Fault::Service)
    }
}

/// An error that a service answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceError {
    /// HTTP status of the call; where only an item was refused, the status that counts as.
    pub status: u16,
    /// Its name without a namespace, e.g. `ResourceNotFoundException`, or `HTTP 502` where the
    /// answer gives it none. At most 128 bytes: letters, digits, `.`, `_` and `-`.
    pub code: String,
    /// The service's own words, at most 1,024 bytes of them; empty where it has none.
    pub message: String,
    /// How long the service asks to wait.
    pub retry_after: Option<Duration>,
}

impl CallError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            CallError::Unreachable(_) | CallError::Unintelligible(_) => Fault::Service,
            CallError::Refused(error) => error.fault(),
            CallError::NotSigned(_) => Fault::Credentials,
        }
    }

    /// Whether the same call may do better at a later time. Keys or a stream that are wrong stay
    /// so.
    pub fn may_pass(&self) -> bool {
        self.fault().may_pass()
    }

    /// Whether more was asked for than the service gives at present.
    pub fn is_throttling(&self) -> bool {
        self.fault() == Fault::Throttling
    }

    /// How long the service asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            CallError::Refused(error) => error.retry_after,
            _ => None,
        }
    }

    /// Whether the service answered with the error of this name.
    pub fn is(&self, code: &str) -> bool {
        matches!(self, CallError::Refused(error) if error.code == code)
    }
}

impl ServiceError {
    /// Reads an answer whose status is none of success. Whatever the body is, there is an error to
    /// read: proxies and firewalls answer, too.
    pub fn decode(answer: &Answer<'_>) -> ServiceError {
        let body: Value = serde_json::from_slice(answer.body).unwrap_or_default();
        let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
        // REST-JSON names the error in the header, JSON 1.1 in `__type`; some services of the
        // former in `code` (smithy: restJson1, "Operation error serialization").
        let code = answer
            .error_type
            .and_then(bare_code)
            .or_else(|| text(&["__type", "code"]).and_then(bare_code));
        let message = text(&["message", "Message", "errorMessage"]).unwrap_or_default();
        ServiceError {
            status: answer.status,
            code: code.map_or_else(|| format!("HTTP {}", answer.status), str::to_owned),
            message: cut_to(message, MAX_MESSAGE_BYTES).to_owned(),
            retry_after: answer
                .retry_after
                .and_then(|text| read_retry_after(text, answer.arrived)),
        }
    }

    /// The error of one item; `status` is what it counts as where its name says nothing.
    pub(crate) fn of_item(status: u16, code: &str, message: &str) -> ServiceError {
        ServiceError {
            status,
            code: bare_code(code).unwrap_or("unnamed").to_owned(),
            message: cut_to(message, MAX_MESSAGE_BYTES).to_owned(),
            retry_after: None,
        }
    }

    /// The error of one item that has a status and no name.
    pub(crate) fn unnamed(status: u16, message: &str) -> ServiceError {
        ServiceError {
            status,
            code: format!("HTTP {status}"),
            message: cut_to(message, MAX_MESSAGE_BYTES).to_owned(),
            retry_after: None,
        }
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        // Some services name one error with and without this ending.
        let code = self.code.strip_suffix("Exception").unwrap_or(&self.code);
        if self.status == 429 || is_throttling(code) {
            Fault::Throttling
        } else if is_transient(code) {
            Fault::Service
        } else if is_of_credentials(code) {
            Fault::Credentials
        } else {
            match self.status {
                401 | 403 => Fault::Credentials,
                408 => Fault::Service,
                400..500 => Fault::Request,
                _ => Fault::Service,
            }
        }
    }
}

impl fmt::Display for ServiceError {
    /// With the service's own words.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = if self.message.is_empty() {
            "no reason given"
        } else {
            &self.message
        };
        write!(formatter, "{}: {said}", self.code)
    }
}

/// Names of AWS's SDKs' standard retry mode.
fn is_throttling(code: &str) -> bool {
    code.contains("Throttling")
        || code.contains("ThroughputExceeded")
        || matches!(
            code,
            "Throttled"
                | "RequestThrottled"
                | "TooManyRequests"
                | "RequestLimitExceeded"
                | "BandwidthLimitExceeded"
                | "LimitExceeded"
                | "SlowDown"
                | "PriorRequestNotComplete"
        )
}

fn is_transient(code: &str) -> bool {
    matches!(
        code,
        "InternalFailure"
            | "InternalError"
            | "InternalServerError"
            | "Internal"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "TransactionInProgress"
    )
}

fn is_of_credentials(code: &str) -> bool {
    code.contains("AccessDenied")
        || code.starts_with("NotAuthorized")
        || matches!(
            code,
            "ExpiredToken"
                | "IncompleteSignature"
                | "InvalidClientTokenId"
                | "InvalidSignature"
                | "MissingAuthenticationToken"
                | "OptInRequired"
                | "RequestExpired"
                | "SignatureDoesNotMatch"
                | "UnauthorizedOperation"
                | "UnrecognizedClient"
        )
}

/// The name of an error without what may stand around it:
/// `aws.protocoltests.restjson#FooError:http://internal.amazon.com/`. `None` where it is no name.
fn bare_code(text: &str) -> Option<&str> {
    let text = text.split_once(':').map_or(text, |(name, _)| name);
    let code = text.rsplit_once('#').map_or(text, |(_, name)| name).trim();
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = !code.is_empty() && code.len() <= MAX_CODE_BYTES && code.bytes().all(is_allowed);
    is_name.then_some(code)
}

/// The first bytes of a text, as far as whole characters go.
fn cut_to(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default()
}

/// Seconds, or a date of HTTP (RFC 9110, 10.2.3).
fn read_retry_after(text: &str, arrived: Timestamp) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let date = Timestamp::parse_http_date(text)?;
    let millis = date.0.saturating_sub(arrived.0).max(0);
    Some(Duration::from_millis(millis.unsigned_abs()))
}

/// Reads a body by serde.
pub(crate) fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|error| CallError::Unintelligible(error.to_string()))
}
