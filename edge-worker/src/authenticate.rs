//! Who sent a request.

use forebay_core::sigv4::{self, Scope, VerifyError};
use forebay_core::time::Timestamp;

use crate::config::Config;
use crate::error::RequestError;
use crate::http::Head;
use crate::platform::Platform;
use crate::session_token::{Session, TokenError};

/// The signing name of Pinpoint.
const SERVICE: &str = "mobiletargeting";

/// The sender of a request, proven by its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The identity behind the credentials.
    pub session: Session,
    /// When the request was signed, by the sender's clock.
    pub signed: Timestamp,
}

/// Verifies a request's signature, in its headers or its query, made with credentials of the
/// embedded identity pool.
///
/// # Errors
/// Those of [`RequestError`] with status 403.
pub async fn authenticate(
    head: &Head,
    body: &[u8],
    config: &Config,
    platform: &impl Platform,
) -> Result<Caller, RequestError> {
    let headers: Vec<(&str, &str)> = head
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let request = sigv4::Request {
        method: &head.method,
        path: &head.path,
        query: &head.query,
        headers: &headers,
        body,
    };
    let scope = Scope {
        region: &config.region,
        service: SERVICE,
    };
    let now = head.arrival;
    let claim = sigv4::read_claim(&request).map_err(|error| refusal(error, None, &scope, now))?;
    // Long-lived keys have no session token: the pool issues none.
    let token = claim.session_token.as_deref().unwrap_or_default();
    let (session, secret_access_key) = config
        .master_secrets
        .verify(token, &claim.access_key_id, now)
        .map_err(|error| match error {
            TokenError::Invalid => RequestError::UnrecognizedClient,
            TokenError::Expired => RequestError::ExpiredToken,
        })?;
    let body_sha256 = platform.sha256(body).await;
    sigv4::verify_hashed(
        &request,
        &body_sha256,
        &claim,
        &secret_access_key,
        &scope,
        now,
    )
    .map_err(|error| refusal(error, Some(&claim), &scope, now))?;
    Ok(Caller {
        session,
        signed: claim.date,
    })
}

fn refusal(
    error: VerifyError,
    claim: Option<&sigv4::Claim>,
    scope: &Scope<'_>,
    now: Timestamp,
) -> RequestError {
    let signed = claim.map_or(now, |claim| claim.date);
    let presigned = claim.is_some_and(|claim| claim.expires_seconds.is_some());
    match error {
        VerifyError::Missing => RequestError::MissingAuthentication,
        VerifyError::Malformed(what) => RequestError::IncompleteSignature(what),
        VerifyError::UnknownKey => RequestError::UnrecognizedClient,
        VerifyError::Expired if presigned => RequestError::PresignedExpired { now },
        VerifyError::Expired => RequestError::SignatureExpired { signed, now },
        VerifyError::NotYetValid => RequestError::SignatureNotYetCurrent { signed, now },
        VerifyError::WrongScope => RequestError::WrongScope {
            region: scope.region.to_owned(),
            service: SERVICE,
        },
        VerifyError::BodyMismatch | VerifyError::SignatureMismatch => {
            RequestError::SignatureMismatch
        }
    }
}
