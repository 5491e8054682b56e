//! AWS Signature Version 4: sign by headers, presign by query, verify.
//!
//! Paths are normalised and encoded again, as every service but S3 does. Source: AWS's
//! documentation of the algorithm and its test suite, `tests/vectors/sigv4.json`.

mod canonical;
#[cfg(test)]
mod tests;
mod verify;

use alloc::string::String;
use alloc::vec::Vec;

use hmac::Mac;

use self::canonical::{
    ALGORITHM, canonical_headers, canonical_query, canonical_request, credential_scope, sha256_hex,
    signature_mac, signed_header_names, string_to_sign, to_hex,
};
pub(crate) use self::canonical::{encoded, hmac_sha256_hex};
pub use self::verify::{Claim, VerifyError, check_claim, read_claim, verify, verify_hashed};
use crate::time::Timestamp;

/// How far a signature's date may be from the verifier's clock: five minutes, as Pinpoint has it.
pub const MAX_SKEW_MS: i64 = 5 * 60 * 1000;
/// The longest a presigned request may be good for: seven days.
pub const MAX_EXPIRES_SECONDS: u32 = 604_800;

/// An HTTP request, as far as a signature covers it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Upper case, e.g. `POST`.
    pub method: &'a str,
    /// The path as it goes over the wire, percent-encoded, e.g. `/v1/apps/a/events`.
    pub path: &'a str,
    /// The query as it goes over the wire, without `?`.
    pub query: &'a str,
    /// Name and value; `host` among them. Names in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// The key a request is signed with.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// Access key id.
    pub access_key_id: &'a str,
    /// Secret access key.
    pub secret_access_key: &'a str,
    /// Session token of short-lived credentials.
    pub session_token: Option<&'a str>,
}

/// What a signature is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// E.g. `us-east-1`.
    pub region: &'a str,
    /// The signing name, e.g. `mobiletargeting` for Pinpoint.
    pub service: &'a str,
}

/// Signs by headers. Covers every header of `request`, `x-amz-date` and, where there is one,
/// `x-amz-security-token`.
///
/// Returns the headers to add: `x-amz-date`, `x-amz-security-token`, `authorization`.
pub fn sign(
    request: &Request<'_>,
    credentials: &Credentials<'_>,
    scope: &Scope<'_>,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let amz_date = now.to_amz_date();
    let mut added = Vec::with_capacity(3);
    added.push(("x-amz-date", amz_date.clone()));
    if let Some(token) = credentials.session_token {
        added.push(("x-amz-security-token", token.into()));
    }
    let headers = canonical_headers(
        request
            .headers
            .iter()
            .copied()
            .chain(added.iter().map(|(name, value)| (*name, value.as_str()))),
    );
    let canonical = canonical_request(
        request.method,
        request.path,
        &canonical_query(request.query, None),
        &headers,
        &sha256_hex(request.body),
    );
    let mut authorization = String::from(ALGORITHM);
    for part in [
        " Credential=",
        credentials.access_key_id,
        "/",
        &credential_scope(&amz_date, scope),
        ", SignedHeaders=",
        &signed_header_names(&headers),
        ", Signature=",
        &signature(credentials, &amz_date, scope, &canonical),
    ] {
        authorization.push_str(part);
    }
    added.push(("authorization", authorization));
    added
}

/// Signs by query. Covers every header of `request` and the body's hash.
///
/// Returns the whole query to send, without `?`. `expires_seconds` is cut to
/// 1..=[`MAX_EXPIRES_SECONDS`].
pub fn presign(
    request: &Request<'_>,
    credentials: &Credentials<'_>,
    scope: &Scope<'_>,
    now: Timestamp,
    expires_seconds: u32,
) -> String {
    let amz_date = now.to_amz_date();
    let headers = canonical_headers(request.headers.iter().copied());
    let mut credential = String::from(credentials.access_key_id);
    credential.push('/');
    credential.push_str(&credential_scope(&amz_date, scope));
    let mut query = String::from(request.query);
    push_parameter(&mut query, "X-Amz-Algorithm", ALGORITHM);
    push_parameter(&mut query, "X-Amz-Credential", &credential);
    push_parameter(&mut query, "X-Amz-Date", &amz_date);
    push_parameter(&mut query, "X-Amz-Expires", &decimal(expires_seconds));
    push_parameter(
        &mut query,
        "X-Amz-SignedHeaders",
        &signed_header_names(&headers),
    );
    if let Some(token) = credentials.session_token {
        push_parameter(&mut query, "X-Amz-Security-Token", token);
    }
    let canonical = canonical_request(
        request.method,
        request.path,
        &canonical_query(&query, None),
        &headers,
        &sha256_hex(request.body),
    );
    push_parameter(
        &mut query,
        "X-Amz-Signature",
        &signature(credentials, &amz_date, scope, &canonical),
    );
    query
}

fn signature(
    credentials: &Credentials<'_>,
    amz_date: &str,
    scope: &Scope<'_>,
    canonical_request: &str,
) -> String {
    let to_sign = string_to_sign(amz_date, scope, canonical_request);
    let mut mac = signature_mac(credentials.secret_access_key, amz_date, scope);
    mac.update(to_sign.as_bytes());
    to_hex(&mac.finalize().into_bytes())
}

fn push_parameter(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    query.push_str(&encoded(value));
}

fn decimal(seconds: u32) -> String {
    use alloc::string::ToString;
    seconds.clamp(1, MAX_EXPIRES_SECONDS).to_string()
}
