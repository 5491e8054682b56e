//! Who sent a request.

use std::borrow::Cow;

use forebay_core::sigv4::{self, Scope, VerifyError};
use forebay_core::time::Timestamp;

use crate::config::Config;
use crate::http::errors::RequestError;
use crate::http::message::Head;
use crate::identity::server_key::{self, ServerKey};
use crate::identity::session_token::{Session, TokenError};
use crate::platform::Crypto;

/// The signing name of Pinpoint.
const SERVICE: &str = "mobiletargeting";

/// Who sent a request, proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller<'a> {
    /// Who it is.
    pub sender: Sender<'a>,
    /// When the request was signed, by the sender's clock.
    pub signed: Timestamp,
    /// The access key id that it was signed with; empty where it was not. Of an identity, each device
    /// has its own.
    pub access_key_id: String,
}

/// Who sends events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender<'a> {
    /// An identity of the pool, by its short-lived credentials.
    Identity(Session),
    /// A server, by a key of the configuration.
    Server(&'a ServerKey),
}

impl Sender<'_> {
    /// The identity id; a server has none.
    pub fn cognito_id(&self) -> Option<&str> {
        match self {
            Sender::Identity(session) => Some(&session.identity_id),
            Sender::Server(_) => None,
        }
    }

    /// Whether the request comes from the device of the one whose events it has; a server's speaks for
    /// others.
    pub fn is_visitor(&self) -> bool {
        matches!(self, Sender::Identity(_))
    }

    /// `forebay.amr` of the records: how the sender proved itself.
    pub fn amr(&self) -> &'static str {
        match self {
            Sender::Identity(session) => session.amr.as_str(),
            Sender::Server(_) => "server",
        }
    }

    /// What tells this sender from all others. An identity id has no space in it.
    pub fn id(&self) -> Cow<'_, str> {
        match self {
            Sender::Identity(session) => session.identity_id.as_str().into(),
            Sender::Server(key) => format!("server key {}", key.name).into(),
        }
    }

    /// Whether the sender may send to an application. Identities may send to all.
    pub fn is_for(&self, app_id: &str) -> bool {
        match self {
            Sender::Identity(_) => true,
            Sender::Server(key) => key.is_for(app_id),
        }
    }

    /// Whether the sender may send events of a type.
    pub fn may_send(&self, event_type: &str) -> bool {
        match self {
            Sender::Identity(_) => true,
            Sender::Server(key) => key.may_send(event_type),
        }
    }
}

/// Whom a request says it is from, as far as its head proves it: the session token is genuine and has not
/// expired, or the access key is a server's; and the signature is for this service and of a date within the
/// limits. Only the signature over the body proves that the sender has the secret too: [`Claimant::prove`].
pub struct Claimant<'a> {
    head: &'a Head,
    config: &'a Config,
    claim: sigv4::Claim,
    sender: Sender<'a>,
    secret_access_key: Cow<'a, str>,
}

/// Reads and checks all that can be checked before the body is read, so that a request without
/// credentials costs no more than its head.
///
/// # Errors
/// Those of [`RequestError`] with status 403.
pub fn claimant<'a>(head: &'a Head, config: &'a Config) -> Result<Claimant<'a>, RequestError> {
    let headers = borrowed(&head.headers);
    let request = request(head, &headers);
    let scope = scope(config);
    let now = head.arrival;
    let claim = sigv4::read_claim(&request).map_err(|error| refusal(error, None, &scope, now))?;
    let (sender, secret_access_key) = find_sender(&claim, config, now)?;
    sigv4::check_claim(&claim, &scope, now)
        .map_err(|error| refusal(error, Some(&claim), &scope, now))?;
    Ok(Claimant {
        head,
        config,
        claim,
        sender,
        secret_access_key,
    })
}

impl<'a> Claimant<'a> {
    /// Who it says it is.
    pub fn sender(&self) -> &Sender<'a> {
        &self.sender
    }

    /// Verifies the signature, in headers or query, over `body` as it was sent.
    ///
    /// # Errors
    /// Those of [`RequestError`] with status 403.
    pub async fn prove(
        self,
        body: &[u8],
        platform: &impl Crypto,
    ) -> Result<Caller<'a>, RequestError> {
        let headers = borrowed(&self.head.headers);
        let request = request(self.head, &headers);
        let scope = scope(self.config);
        let now = self.head.arrival;
        let body_sha256 = platform.sha256(body).await;
        let verify = |request: &sigv4::Request<'_>| {
            let secret = &self.secret_access_key;
            sigv4::verify_hashed(request, &body_sha256, &self.claim, secret, &scope, now)
        };
        verify(&request)
            .or_else(|error| verify_proxied(error, &request, &self.config.base_path, verify))
            .map_err(|error| refusal(error, Some(&self.claim), &scope, now))?;
        Ok(Caller {
            sender: self.sender,
            signed: self.claim.date,
            access_key_id: self.claim.access_key_id,
        })
    }
}

/// Whose access key id a request names, and the secret that only they have. The pool issues none
/// without a session token, and long-lived keys have none.
fn find_sender<'a>(
    claim: &sigv4::Claim,
    config: &'a Config,
    now: Timestamp,
) -> Result<(Sender<'a>, Cow<'a, str>), RequestError> {
    let access_key_id = &claim.access_key_id;
    let Some(token) = claim.session_token.as_deref() else {
        let found = server_key::of_access_key(&config.server_keys, access_key_id);
        let (key, secret) = found.ok_or(RequestError::UnrecognizedClient)?;
        return Ok((Sender::Server(key), secret.into()));
    };
    let found = config.master_secrets.verify(token, access_key_id, now);
    let (session, secret) = found.map_err(|error| match error {
        TokenError::Invalid => RequestError::UnrecognizedClient,
        TokenError::Expired => RequestError::ExpiredToken,
    })?;
    if config.is_revoked(&session.identity_id) {
        return Err(RequestError::UnrecognizedClient);
    }
    Ok((Sender::Identity(session), secret.into()))
}

fn borrowed(headers: &[(String, String)]) -> Vec<(&str, &str)> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// The request as its signature covers it; the body is hashed by itself.
fn request<'a>(head: &'a Head, headers: &'a [(&'a str, &'a str)]) -> sigv4::Request<'a> {
    sigv4::Request {
        method: &head.method,
        path: &head.path,
        query: &head.query,
        headers,
        body: &[],
    }
}

fn scope(config: &Config) -> Scope<'_> {
    Scope {
        region: &config.region,
        service: SERVICE,
    }
}

/// Verifies what a client signed that speaks to a proxy: the proxy may have taken the base path off,
/// and may have put another host in the place of the one that it was asked for. `mismatch` is what
/// was found without that.
fn verify_proxied(
    mismatch: VerifyError,
    request: &sigv4::Request<'_>,
    base_path: &str,
    verify: impl Fn(&sigv4::Request<'_>) -> Result<(), VerifyError>,
) -> Result<(), VerifyError> {
    if mismatch != VerifyError::SignatureMismatch {
        return Err(mismatch);
    }
    let whole = (!base_path.is_empty()).then(|| format!("{base_path}{}", request.path));
    let forwarded = forwarded_host(request.headers);
    let paths = [Some(request.path), whole.as_deref()];
    let hosts = [Some(request.headers), forwarded.as_deref()];
    for path in paths.into_iter().flatten() {
        for headers in hosts.into_iter().flatten() {
            match verify(&sigv4::Request {
                path,
                headers,
                ..*request
            }) {
                Err(VerifyError::SignatureMismatch) => {}
                other => return other,
            }
        }
    }
    Err(mismatch)
}

/// The headers with the host that a proxy was asked for, where it says so.
fn forwarded_host<'a>(headers: &[(&'a str, &'a str)]) -> Option<Vec<(&'a str, &'a str)>> {
    let (_, hosts) = headers
        .iter()
        .find(|(name, _)| *name == "x-forwarded-host")?;
    // The first is the client's: every further proxy adds the one that it was asked for.
    let host = hosts.split(',').next().unwrap_or_default().trim();
    let others = headers.iter().filter(|(name, _)| *name != "host").copied();
    Some(others.chain([("host", host)]).collect())
}

fn refusal(
    error: VerifyError,
    claim: Option<&sigv4::Claim>,
    scope: &Scope<'_>,
    now: Timestamp,
) -> RequestError {
    let signed = claim.map_or(now, |claim| claim.date);
    let ends_by_itself = claim.is_some_and(|claim| claim.expires_seconds.is_some());
    match error {
        VerifyError::Missing => RequestError::MissingAuthentication,
        VerifyError::Malformed(what) => RequestError::IncompleteSignature(what),
        VerifyError::UnknownKey => RequestError::UnrecognizedClient,
        VerifyError::Expired if ends_by_itself => RequestError::PresignedExpired { now },
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
