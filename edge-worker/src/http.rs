//! HTTP as the rest of the worker sees it: plain values, so that all of it runs natively in tests.

use forebay_core::time::Timestamp;

use crate::enrich::Cf;

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

/// What the clients in use send, for a preflight that does not say what it wants to send: Amplify
/// and the AWS SDKs for JavaScript.
const USUAL_HEADERS: &str = "amz-sdk-invocation-id, amz-sdk-request, authorization, cache-control, \
     content-type, x-amz-content-sha256, x-amz-date, x-amz-security-token, x-amz-target, \
     x-amz-user-agent, x-amzn-trace-id";
/// Longer lists of header names are not those of a browser.
const MAX_REQUESTED_HEADERS_BYTES: usize = 2048;

/// Answers a CORS preflight. Whatever header is asked for is allowed: requests are authenticated by
/// their signatures and never by cookies, so that a page gains nothing by sending one.
pub fn preflight(head: &Head) -> Answer {
    let allowed = head
        .header("access-control-request-headers")
        .filter(|names| is_header_list(names))
        .unwrap_or(USUAL_HEADERS);
    Answer {
        status: 204,
        headers: vec![
            (
                "access-control-allow-methods",
                "GET, HEAD, POST, PUT, OPTIONS".into(),
            ),
            ("access-control-allow-headers", allowed.into()),
            ("access-control-max-age", "86400".into()),
            ("vary", "access-control-request-headers".into()),
        ],
        body: String::new(),
    }
}

fn is_header_list(names: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~, ".contains(&byte);
    !names.is_empty() && names.len() <= MAX_REQUESTED_HEADERS_BYTES && names.bytes().all(is_allowed)
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

    fn allowed_headers(requested: &[(&str, &str)]) -> String {
        let answer = preflight(&head("OPTIONS", "/", requested));
        assert_eq!(answer.status, 204);
        let allowed = answer
            .headers
            .iter()
            .find(|(name, _)| *name == "access-control-allow-headers");
        allowed.unwrap().1.clone()
    }

    #[test]
    fn preflight_allows_the_headers_asked_for() {
        let requested = "authorization,x-amz-date,x-something-new";
        let headers = [("access-control-request-headers", requested)];
        assert_eq!(allowed_headers(&headers), requested);
    }

    #[test]
    fn preflight_never_repeats_what_is_not_a_list_of_headers() {
        let long = "x".repeat(MAX_REQUESTED_HEADERS_BYTES + 1);
        for requested in ["a\r\nset-cookie: x", "<script>", "å", "", long.as_str()] {
            let headers = [("access-control-request-headers", requested)];
            assert_eq!(allowed_headers(&headers), USUAL_HEADERS);
        }
    }
}
