//! Requests and answers, as plain values, so that all of the worker runs natively in tests.

use forebay_core::time::Timestamp;

use super::cf::Cf;

/// A request without its body.
#[derive(Debug, Clone)]
pub struct Head {
    /// Upper case, e.g. `POST`.
    pub method: String,
    /// Percent-encoded, as it came.
    pub path: String,
    /// As it came, without `?`.
    pub query: String,
    /// Names in lower case, in the order of the platform.
    pub headers: Vec<(String, String)>,
    /// When the request arrived, by the worker's clock: before its body was read.
    pub arrival: Timestamp,
    /// A fresh UUID; answered as `x-amzn-requestid` and logged.
    pub request_id: String,
    /// What the platform knows about where the request came from.
    pub cf: Cf,
}

impl Head {
    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the request shows a long-lived key, or is signed with one. A visitor's credentials come with a
    /// session token.
    pub fn shows_key(&self) -> bool {
        let has_key =
            self.header("authorization").is_some() || self.query.contains("X-Amz-Signature=");
        let has_token = self.header("x-amz-security-token").is_some()
            || self.query.contains("X-Amz-Security-Token=");
        has_key && !has_token
    }
}

/// The answer to a request. What every answer carries (CORS, `Date`, the request id) is added by
/// [`Answer::headers_for`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Headers of this answer alone.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// Response headers that a page may read besides those that CORS always lets it.
const EXPOSED: &str = "Date, Retry-After, x-amzn-RequestId, x-amzn-ErrorType, x-amzn-ErrorMessage";

impl Answer {
    /// An answer with a JSON body.
    pub fn json(status: u16, body: String) -> Answer {
        Answer {
            status,
            headers: vec![("content-type", "application/json".into())],
            body,
        }
    }

    /// Adds or replaces a header.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.retain(|(found, _)| *found != name);
        self.headers.push((name, value.into()));
        self
    }

    /// Says after how many seconds the request may be sent again.
    pub fn with_retry_after(self, seconds: u32) -> Answer {
        self.with_header("retry-after", seconds.to_string())
    }

    /// All headers to send: this answer's, and those of every answer. `date` is an HTTP date: the
    /// client corrects its clock by it, and not every platform sends one.
    pub fn headers_for(&self, request_id: &str, date: String) -> Vec<(&'static str, String)> {
        let mut headers = self.headers.clone();
        headers.extend([
            ("date", date),
            ("x-amzn-requestid", request_id.to_owned()),
            ("access-control-allow-origin", "*".to_owned()),
            ("access-control-expose-headers", EXPOSED.to_owned()),
            ("cache-control", "no-store".to_owned()),
        ]);
        headers
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> Head {
        Head {
            method: method.into(),
            path: path.into(),
            query: String::new(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
            arrival: Timestamp(1_795_000_000_000),
            request_id: "6f1de6ce-9a2b-4c55-8f6e-000000000001".into(),
            cf: Cf::default(),
        }
    }
}
