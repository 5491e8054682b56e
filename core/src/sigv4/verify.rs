//! The verifying half.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hmac::Mac;
use sha2::{Digest, Sha256};

use super::canonical::{
    ALGORITHM, CanonicalHeader, canonical_headers, canonical_query, canonical_request, from_hex,
    query_parameters, signature_mac, string_to_sign, to_hex,
};
use super::{MAX_EXPIRES_SECONDS, MAX_SKEW_MS, Request, Scope};
use crate::time::Timestamp;

/// What a request says about its own signature. Nothing in it is proven until [`verify`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Access key id: with `session_token`, what the secret is looked up by.
    pub access_key_id: String,
    /// Session token, from `x-amz-security-token` or the query, decoded.
    pub session_token: Option<String>,
    /// When it was signed.
    pub date: Timestamp,
    /// Region in the credential scope.
    pub region: String,
    /// Service in the credential scope.
    pub service: String,
    /// Lower-case names of the headers covered, in order; `host` is among them.
    pub signed_headers: Vec<String>,
    /// The signature.
    pub signature: [u8; 32],
    /// Whether it stands in the query.
    pub is_presigned: bool,
    /// How many seconds after `date` a presigned request expires, where it says so. One that does not say so
    /// expires like a request that is signed by headers, after [`MAX_SKEW_MS`].
    pub expires_seconds: Option<u32>,
}

/// Why a signature is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyError {
    /// No signature at all.
    Missing,
    /// Not a SigV4 signature; says what is wrong.
    Malformed(&'static str),
    /// No such key. For the caller, whose look-up it is: this module never returns it.
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

/// Reads the signature a request carries, from `authorization` or else from the query.
///
/// # Errors
/// [`VerifyError::Missing`] or [`VerifyError::Malformed`].
pub fn read_claim(request: &Request<'_>) -> Result<Claim, VerifyError> {
    match header(request, "authorization") {
        Some(authorization) => claim_from_header(request, authorization),
        None => claim_from_query(request),
    }
}

fn header<'a>(request: &Request<'a>, name: &str) -> Option<&'a str> {
    let mut found = request
        .headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim())
}

fn claim_from_header(request: &Request<'_>, authorization: &str) -> Result<Claim, VerifyError> {
    use VerifyError::Malformed;
    let parts = authorization.strip_prefix(ALGORITHM).ok_or(Malformed(
        "the Authorization header does not begin with AWS4-HMAC-SHA256",
    ))?;
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    for part in parts.split(',') {
        match part.trim().split_once('=') {
            Some(("Credential", value)) => credential = Some(value),
            Some(("SignedHeaders", value)) => signed_headers = Some(value),
            Some(("Signature", value)) => signature = Some(value),
            _ => {
                return Err(Malformed(
                    "the Authorization header has a part it should not have",
                ));
            }
        }
    }
    // AWS takes date and token from the query too.
    let parameters = query_parameters(request.query);
    let either = |header_name: &str, name: &str| {
        header(request, header_name).or_else(|| parameter(&parameters, name))
    };
    claim(ClaimText {
        credential: credential.ok_or(Malformed("Credential is missing"))?,
        signed_headers: signed_headers.ok_or(Malformed("SignedHeaders is missing"))?,
        signature: signature.ok_or(Malformed("Signature is missing"))?,
        date: signing_date(request, either("x-amz-date", "X-Amz-Date"))?,
        session_token: either("x-amz-security-token", "X-Amz-Security-Token"),
        is_presigned: false,
        expires: None,
    })
}

fn parameter<'p>(parameters: &'p [(Cow<'_, str>, Cow<'_, str>)], name: &str) -> Option<&'p str> {
    let mut found = parameters.iter().filter(|(found, _)| found == name);
    found.next().map(|(_, value)| value.as_ref())
}

/// When a request was signed: AWS looks for `x-amz-date` first, as a header or in the query, and then
/// for `Date` (General Reference, "Handling dates in Signature Version 4").
fn signing_date(request: &Request<'_>, amz_date: Option<&str>) -> Result<Timestamp, VerifyError> {
    use VerifyError::Malformed;
    if let Some(date) = amz_date {
        return Timestamp::parse_amz_date(date)
            .ok_or(Malformed("X-Amz-Date is not of the form 20261121T010203Z"));
    }
    let date = header(request, "date").ok_or(Malformed("X-Amz-Date and Date are missing"))?;
    Timestamp::parse_amz_date(date)
        .or_else(|| Timestamp::parse_http_date(date))
        .ok_or(Malformed(
            "Date is not of the form Sat, 21 Nov 2026 01:02:03 GMT or 20261121T010203Z",
        ))
}

fn claim_from_query(request: &Request<'_>) -> Result<Claim, VerifyError> {
    use VerifyError::{Malformed, Missing};
    let parameters = query_parameters(request.query);
    let get = |name: &str| parameter(&parameters, name);
    match get("X-Amz-Algorithm") {
        None => return Err(Missing),
        Some(ALGORITHM) => {}
        Some(_) => return Err(Malformed("X-Amz-Algorithm is not AWS4-HMAC-SHA256")),
    }
    claim(ClaimText {
        credential: get("X-Amz-Credential").ok_or(Malformed("X-Amz-Credential is missing"))?,
        signed_headers: get("X-Amz-SignedHeaders")
            .ok_or(Malformed("X-Amz-SignedHeaders is missing"))?,
        signature: get("X-Amz-Signature").ok_or(Malformed("X-Amz-Signature is missing"))?,
        date: signing_date(
            request,
            get("X-Amz-Date").or_else(|| header(request, "x-amz-date")),
        )?,
        session_token: get("X-Amz-Security-Token")
            .or_else(|| header(request, "x-amz-security-token")),
        is_presigned: true,
        expires: get("X-Amz-Expires"),
    })
}

struct ClaimText<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
    date: Timestamp,
    session_token: Option<&'a str>,
    is_presigned: bool,
    expires: Option<&'a str>,
}

fn claim(text: ClaimText<'_>) -> Result<Claim, VerifyError> {
    use VerifyError::Malformed;
    // An access key id may hold a slash; the four parts after it may not.
    let mut credential = text.credential.rsplitn(5, '/');
    let (Some("aws4_request"), Some(service), Some(region), Some(day), Some(access_key_id)) = (
        credential.next(),
        credential.next(),
        credential.next(),
        credential.next(),
        credential.next(),
    ) else {
        return Err(Malformed(
            "Credential is not <key id>/<day>/<region>/<service>/aws4_request",
        ));
    };
    if access_key_id.is_empty() {
        return Err(Malformed("Credential holds no access key id"));
    }
    if day.len() != 8 || !text.date.to_amz_date().starts_with(day) {
        return Err(Malformed(
            "the day in Credential is not the day that the request was signed on",
        ));
    }
    let signed_headers: Vec<String> = text.signed_headers.split(';').map(str::to_string).collect();
    if !signed_headers.iter().any(|name| name == "host") {
        return Err(Malformed("SignedHeaders does not cover host"));
    }
    if !signed_headers.is_sorted_by(|a, b| a < b) {
        return Err(Malformed("SignedHeaders is not sorted"));
    }
    let expires_seconds = match text.expires {
        None => None,
        Some(seconds) => match seconds.parse::<u32>() {
            Ok(seconds) if (1..=MAX_EXPIRES_SECONDS).contains(&seconds) => Some(seconds),
            _ => return Err(Malformed("X-Amz-Expires is not 1 to 604800")),
        },
    };
    Ok(Claim {
        access_key_id: access_key_id.to_string(),
        session_token: text.session_token.map(str::to_string),
        date: text.date,
        region: region.to_string(),
        service: service.to_string(),
        signed_headers,
        signature: from_hex(text.signature).ok_or(Malformed("Signature is not 64 hex digits"))?,
        is_presigned: text.is_presigned,
        expires_seconds,
    })
}

/// Checks what a claim says of its scope and date, for which neither the body nor the secret is
/// needed: a verifier that asks this first reads no body that it would refuse anyway.
///
/// # Errors
/// [`VerifyError::WrongScope`], [`VerifyError::Expired`] or [`VerifyError::NotYetValid`], none of
/// which says here that the signature is genuine.
pub fn check_claim(claim: &Claim, scope: &Scope<'_>, now: Timestamp) -> Result<(), VerifyError> {
    if claim.region != scope.region || claim.service != scope.service {
        return Err(VerifyError::WrongScope);
    }
    check_time(claim, now)
}

/// Verifies the signature in constant time: `claim` as read from the same `request`, `secret` as
/// looked up by its key, `scope` as the verifier's own, `now` by the verifier's clock.
///
/// # Errors
/// Every [`VerifyError`] but `Missing` and `UnknownKey`. The signature is checked before the time,
/// so that `Expired` and `NotYetValid` are only ever said of a genuine signature.
pub fn verify(
    request: &Request<'_>,
    claim: &Claim,
    secret_access_key: &str,
    scope: &Scope<'_>,
    now: Timestamp,
) -> Result<(), VerifyError> {
    let body_sha256 = Sha256::digest(request.body).into();
    verify_hashed(request, &body_sha256, claim, secret_access_key, scope, now)
}

/// [`verify`] for a body that was hashed elsewhere, e.g. by a platform that does it faster than
/// code in WebAssembly can. `request.body` is not looked at.
///
/// # Errors
/// As [`verify`].
pub fn verify_hashed(
    request: &Request<'_>,
    body_sha256: &[u8; 32],
    claim: &Claim,
    secret_access_key: &str,
    scope: &Scope<'_>,
    now: Timestamp,
) -> Result<(), VerifyError> {
    if claim.region != scope.region || claim.service != scope.service {
        return Err(VerifyError::WrongScope);
    }
    // Signers take the hash as they send it, whichever letters they write it with.
    let mut payload_hash = to_hex(body_sha256);
    match header(request, "x-amz-content-sha256") {
        Some(named) if !named.eq_ignore_ascii_case(&payload_hash) => {
            return Err(VerifyError::BodyMismatch);
        }
        Some(named) => payload_hash = named.into(),
        None => {}
    }
    let amz_date = claim.date.to_amz_date();
    let mac = signature_mac(secret_access_key, &amz_date, scope);
    let headers = signed_headers(request, claim)?;
    let query = canonical_query_of(request, claim);
    let is_genuine = |headers: &[CanonicalHeader]| {
        let canonical =
            canonical_request(request.method, request.path, &query, headers, &payload_hash);
        let mut mac = mac.clone();
        mac.update(string_to_sign(&amz_date, scope, &canonical).as_bytes());
        mac.verify_slice(&claim.signature).is_ok()
    };
    if is_genuine(&headers) || Joined::find(&headers).any(|headers| is_genuine(&headers)) {
        check_time(claim, now)
    } else {
        Err(VerifyError::SignatureMismatch)
    }
}

/// The headers that were signed, in canonical form.
fn signed_headers(
    request: &Request<'_>,
    claim: &Claim,
) -> Result<Vec<CanonicalHeader>, VerifyError> {
    // They are sorted: a sender may name thousands, and send thousands of others.
    let is_signed = |name: &str| {
        let name = name.to_ascii_lowercase();
        claim.signed_headers.binary_search(&name).is_ok()
    };
    let headers = request.headers.iter().copied();
    let headers = canonical_headers(headers.filter(|(name, _)| is_signed(name)));
    if headers.len() != claim.signed_headers.len() {
        // A header that was signed did not arrive.
        return Err(VerifyError::SignatureMismatch);
    }
    Ok(headers)
}

fn canonical_query_of(request: &Request<'_>, claim: &Claim) -> String {
    let signature = claim.is_presigned.then_some("X-Amz-Signature");
    canonical_query(request.query, signature)
}

/// The canonical form of headers that came more than once, where the platform has joined them. The Fetch
/// standard joins by `, `, which a single value may hold too; the signature joins by `,`. Nobody can tell which
/// `, ` was a joint, so each combination is tried: of the places with `, ` where they are few, otherwise of the
/// headers that hold one.
pub(super) struct Joined {
    headers: Vec<CanonicalHeader>,
    /// Header, and the place among those in it; none for all in it.
    places: Vec<(usize, Option<usize>)>,
    /// Which of the places are joined, as bits: the next way to try.
    way: u32,
}

impl Joined {
    /// 15 ways beside the one in which nothing was joined.
    const MAX_PLACES: usize = 4;

    pub(super) fn find(headers: &[CanonicalHeader]) -> Joined {
        let count = |(_, value): &CanonicalHeader| value.matches(", ").count();
        let with_commas = || {
            let counts = headers.iter().map(count).enumerate();
            counts.filter(|(_, count)| *count > 0)
        };
        let total: usize = with_commas().map(|(_, count)| count).sum();
        let mut places: Vec<_> = if total <= Self::MAX_PLACES {
            with_commas()
                .flat_map(|(header, count)| (0..count).map(move |place| (header, Some(place))))
                .collect()
        } else {
            with_commas().map(|(header, _)| (header, None)).collect()
        };
        places.truncate(Self::MAX_PLACES);
        Joined {
            headers: headers.to_vec(),
            places,
            way: 1,
        }
    }

    fn is_joined(&self, header: usize, place: usize) -> bool {
        let mut places = self.places.iter().enumerate();
        places.any(|(bit, (of, at))| {
            self.way >> bit & 1 == 1 && *of == header && at.is_none_or(|at| at == place)
        })
    }
}

impl Iterator for Joined {
    type Item = Vec<CanonicalHeader>;

    fn next(&mut self) -> Option<Vec<CanonicalHeader>> {
        if self.way >> self.places.len() != 0 {
            return None;
        }
        let joined = |(header, (name, value)): (usize, &CanonicalHeader)| {
            let mut parts = value.split(", ");
            let mut out = String::from(parts.next().unwrap_or_default());
            for (place, part) in parts.enumerate() {
                let is_joined = self.is_joined(header, place);
                out.push_str(if is_joined { "," } else { ", " });
                out.push_str(part);
            }
            (name.clone(), out)
        };
        let headers = self.headers.iter().enumerate().map(joined).collect();
        self.way += 1;
        Some(headers)
    }
}

fn check_time(claim: &Claim, now: Timestamp) -> Result<(), VerifyError> {
    let age = now.0 - claim.date.0;
    let lifetime = claim
        .expires_seconds
        .map_or(MAX_SKEW_MS, |seconds| i64::from(seconds) * 1000);
    if age < -MAX_SKEW_MS {
        Err(VerifyError::NotYetValid)
    } else if age > lifetime {
        Err(VerifyError::Expired)
    } else {
        Ok(())
    }
}
