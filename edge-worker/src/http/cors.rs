//! CORS preflights.

use super::message::{Answer, Head};

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
mod tests {
    use super::*;
    use crate::http::message::tests::head;

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
