//! AWS Signature Version 4: sign by headers, presign by query, verify.
//!
//! Paths are normalised and encoded again, as every service but S3 does.

use alloc::string::String;
use alloc::vec::Vec;

use crate::time::Timestamp;

/// How far a signature's date may be from the verifier's clock: five minutes, as Pinpoint has it.
pub const MAX_SKEW_MS: i64 = 5 * 60 * 1000;

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

/// The secret half of a signature.
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
    _request: &Request<'_>,
    _credentials: &Credentials<'_>,
    _scope: &Scope<'_>,
    _now: Timestamp,
) -> Vec<(&'static str, String)> {
    todo!()
}

/// Signs by query, with the body's hash covered (`X-Amz-Content-Sha256` is not sent).
///
/// Returns the whole query to send, without `?`. `expires_seconds` is 1 to 604,800.
pub fn presign(
    _request: &Request<'_>,
    _credentials: &Credentials<'_>,
    _scope: &Scope<'_>,
    _now: Timestamp,
    _expires_seconds: u32,
) -> String {
    todo!()
}

/// What a request says about its own signature. Nothing in it is proven until [`verify`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<'a> {
    /// Access key id: with `session_token`, what the secret is looked up by.
    pub access_key_id: &'a str,
    /// Session token, from `x-amz-security-token` or the query, decoded.
    pub session_token: Option<String>,
    /// When it was signed.
    pub date: Timestamp,
    /// Region in the credential scope.
    pub region: &'a str,
    /// Service in the credential scope.
    pub service: &'a str,
    /// Lower-case names of the headers covered, in order.
    pub signed_headers: Vec<&'a str>,
    /// The signature, 64 hex digits.
    pub signature: &'a str,
    /// For a presigned request: how many seconds after `date` it ends.
    pub expires_seconds: Option<u32>,
}

/// Why a signature is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VerifyError {
    /// No signature at all.
    Missing,
    /// Not a SigV4 signature; says what is wrong.
    Malformed(&'static str),
    /// The caller's look-up knows no such key. Never returned by this module itself.
    UnknownKey,
    /// Signed too long ago, or the presigned time has run out.
    Expired,
    /// Signed in the future.
    NotYetValid,
    /// For another region or service.
    WrongScope,
    /// The body is not the one that `x-amz-content-sha256` names.
    BodyMismatch,
    /// Anything else that differs from what was signed, or another secret.
    SignatureMismatch,
}

/// Reads the signature a request carries, from `authorization` or from the query.
///
/// # Errors
/// [`VerifyError::Missing`] or [`VerifyError::Malformed`].
pub fn read_claim<'a>(_request: &Request<'a>) -> Result<Claim<'a>, VerifyError> {
    todo!()
}

/// Verifies the signature in constant time: `claim` as read from the same `request`, `secret` as
/// looked up by its key, `scope` as the verifier's own, `now` by the verifier's clock.
///
/// # Errors
/// Every [`VerifyError`] but `Missing` and `UnknownKey`.
pub fn verify(
    _request: &Request<'_>,
    _claim: &Claim<'_>,
    _secret_access_key: &str,
    _scope: &Scope<'_>,
    _now: Timestamp,
) -> Result<(), VerifyError> {
    todo!()
}
