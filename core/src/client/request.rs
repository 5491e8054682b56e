//! Making requests: addresses, headers and signatures.

use alloc::string::String;
use alloc::vec::Vec;

use crate::sigv4;
use crate::time::Timestamp;
use crate::wire::cognito_identity::{self, Credentials};

/// Signing name of Pinpoint, whose wire this is.
const SERVICE: &str = "mobiletargeting";

/// A request that has no number yet.
pub(super) struct Unnumbered {
    pub method: &'static str,
    pub url: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// An address that requests go to, as browsers take it apart.
pub(super) struct Origin {
    /// As configured.
    url: String,
    /// What a browser sends as `Host`: lower case, without the scheme's own port.
    host: String,
    /// What stands before every path, usually nothing.
    base_path: String,
}

impl Origin {
    pub(super) fn new(url: &str) -> Origin {
        let url = url.trim_end_matches('/');
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, ["/", path].concat()),
            None => (rest, String::new()),
        };
        let own_port = if scheme.eq_ignore_ascii_case("http") {
            ":80"
        } else {
            ":443"
        };
        let host = authority.strip_suffix(own_port).unwrap_or(authority);
        Origin {
            url: url.into(),
            host: host.to_ascii_lowercase(),
            base_path: path,
        }
    }

    /// A request signed by headers. `path` is percent-encoded; `at` is the time by the endpoint's
    /// clock.
    pub(super) fn signed(
        &self,
        method: &'static str,
        path: &str,
        body: String,
        credentials: &Credentials<'_>,
        region: &str,
        at: Timestamp,
    ) -> Unnumbered {
        const CONTENT_TYPE: &str = "application/json";
        let request = sigv4::Request {
            method,
            path: &[&self.base_path, path].concat(),
            query: "",
            headers: &[("content-type", CONTENT_TYPE), ("host", &self.host)],
            body: body.as_bytes(),
        };
        let credentials = sigv4::Credentials {
            access_key_id: &credentials.access_key_id,
            secret_access_key: &credentials.secret_key,
            session_token: Some(&credentials.session_token),
        };
        let scope = sigv4::Scope {
            region,
            service: SERVICE,
        };
        let mut headers = sigv4::sign(&request, &credentials, &scope, at);
        headers.push(("content-type", CONTENT_TYPE.into()));
        Unnumbered {
            method,
            url: [&self.url, path].concat(),
            headers,
            body,
        }
    }

    /// A request to Cognito Identity, which takes them unsigned.
    pub(super) fn identity(&self, operation: &str, body: String) -> Unnumbered {
        Unnumbered {
            method: "POST",
            url: [&self.url, "/"].concat(),
            headers: Vec::from([
                ("content-type", cognito_identity::CONTENT_TYPE.into()),
                (
                    "x-amz-target",
                    [cognito_identity::TARGET_PREFIX, operation].concat(),
                ),
            ]),
            body,
        }
    }
}
