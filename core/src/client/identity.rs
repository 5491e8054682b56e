//! The guest identity: an id for good, and credentials for a while.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::outbox::{Backoff, Random};
use crate::time::Timestamp;
use crate::wire::cognito_identity::{
    Credentials, ErrorResponse, GetCredentialsForIdentityRequest,
    GetCredentialsForIdentityResponse, GetIdRequest, GetIdResponse,
};

/// How long before they expire credentials are renewed.
const REFRESH_MARGIN_MS: u64 = 5 * 60 * 1_000;
/// Credentials are taken to last at least this long, whatever a clock says: were they taken for
/// expired on arrival, they would be asked for without end.
const SHORTEST_LIFETIME_MS: u64 = 30_000;

/// What to ask the identity pool for.
pub(super) enum Step {
    GetId,
    GetCredentials,
}

struct Held {
    credentials: Credentials<'static>,
    /// Monotonic milliseconds.
    refresh_at: u64,
    /// Monotonic milliseconds.
    expires_at: u64,
}

pub(super) struct Identity {
    pool_id: String,
    id: Option<String>,
    held: Option<Held>,
    /// Runs on over GetId, so that a pool that gives ids but no credentials is not asked for ids
    /// without end.
    backoff: Backoff,
}

impl Identity {
    pub(super) fn new(pool_id: String, id: Option<String>) -> Identity {
        Identity {
            pool_id,
            id,
            held: None,
            backoff: Backoff::default(),
        }
    }

    /// The request that is to be made before, or besides, signing anything: operation and body.
    pub(super) fn next_request(&self, now: u64) -> Option<(Step, &'static str, String)> {
        let is_fresh = self.held.as_ref().is_some_and(|held| now < held.refresh_at);
        if is_fresh || self.backoff.until() > now {
            return None;
        }
        Some(match &self.id {
            None => {
                let request = GetIdRequest {
                    identity_pool_id: Cow::Borrowed(&self.pool_id),
                    logins: Vec::new(),
                };
                (Step::GetId, "GetId", request.encode())
            }
            Some(id) => {
                let request = GetCredentialsForIdentityRequest {
                    identity_id: Cow::Borrowed(id),
                    logins: Vec::new(),
                };
                let operation = "GetCredentialsForIdentity";
                (Step::GetCredentials, operation, request.encode())
            }
        })
    }

    /// When [`Identity::next_request`] may have one again after a failure.
    pub(super) fn retry_at(&self) -> u64 {
        self.backoff.until()
    }

    /// Credentials to sign with.
    pub(super) fn credentials(&self, now: u64) -> Option<&Credentials<'static>> {
        let held = self.held.as_ref().filter(|held| now < held.expires_at)?;
        Some(&held.credentials)
    }

    /// The endpoint does not take the credentials.
    pub(super) fn discard_credentials(&mut self) {
        self.held = None;
    }

    /// There is a network again.
    pub(super) fn forgive(&mut self) {
        self.backoff.forgive();
    }

    /// Takes GetId's answer. Gives the id to keep; `None` where the body is not an answer.
    pub(super) fn got_id(&mut self, body: &[u8]) -> Option<String> {
        let id = GetIdResponse::decode(body).ok()?.identity_id.into_owned();
        self.id = Some(id.clone());
        Some(id)
    }

    /// Takes the answer of GetCredentialsForIdentity; `pool_time` is by the pool's clock. Gives the
    /// id to keep where it changed; `None` where the body is not an answer.
    pub(super) fn got_credentials(
        &mut self,
        body: &[u8],
        now: u64,
        pool_time: Timestamp,
    ) -> Option<Option<String>> {
        let answer = GetCredentialsForIdentityResponse::decode(body).ok()?;
        let credentials = answer.credentials;
        let lifetime = credentials.expiration.0.saturating_sub(pool_time.0);
        let lifetime = u64::try_from(lifetime).unwrap_or(0);
        let expires_at = now.saturating_add(lifetime.max(SHORTEST_LIFETIME_MS));
        self.held = Some(Held {
            refresh_at: expires_at - REFRESH_MARGIN_MS.min((expires_at - now) / 4),
            expires_at,
            credentials: Credentials {
                access_key_id: Cow::Owned(credentials.access_key_id.into_owned()),
                secret_key: Cow::Owned(credentials.secret_key.into_owned()),
                session_token: Cow::Owned(credentials.session_token.into_owned()),
                expiration: credentials.expiration,
            },
        });
        self.backoff.succeeded();
        let id = Some(answer.identity_id.into_owned());
        let changed = self.id != id;
        self.id = id;
        Some(self.id.clone().filter(|_| changed))
    }

    /// A step failed. A pool that no longer knows the id is asked for another.
    pub(super) fn failed(
        &mut self,
        body: &[u8],
        retry_after: Option<u64>,
        now: u64,
        random: &mut Random,
    ) {
        self.backoff.failed(now, retry_after, random);
        let code = ErrorResponse::decode(body).map(|error| error.error_type);
        if matches!(
            code.as_deref(),
            Ok("ResourceNotFoundException"
                | "NotAuthorizedException"
                | "InvalidParameterException")
        ) {
            self.id = None;
        }
    }
}
