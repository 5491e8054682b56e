//! The embedded identity pool: GetId, GetCredentialsForIdentity and GetOpenIdToken, answered as Amazon Cognito does.
//! Nothing is stored. A guest's identity is whoever holds its id, as it is there too; that of a login
//! is whoever logs in.

use forebay_core::event::{Map, Text};
use forebay_core::time::Timestamp;
use forebay_core::wire::DecodeError;
use forebay_core::wire::cognito_identity::{
    CONTENT_TYPE, Credentials, ErrorResponse, GetCredentialsForIdentityRequest,
    GetCredentialsForIdentityResponse, GetIdRequest, GetOpenIdTokenResponse, TARGET_PREFIX,
};

use crate::config::Config;
use crate::http::errors::RequestError;
use crate::http::message::{Answer, Head};
use crate::identity::ids::{self, is_cognito_id, is_identity_id};
use crate::identity::issuer::provider;
use crate::identity::login::{self, LoginError};
use crate::identity::session_token::{Amr, Session};
use crate::platform::Platform;

/// Most bytes of a body: an identity id and some logins, whose tokens are long.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Cognito's credentials are good for an hour.
const LIFETIME_MS: i64 = 3_600_000;

/// Why the identity pool refuses: the names are Cognito's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No `X-Amz-Target`, or an operation that is not offered.
    #[error(
        "This identity pool offers GetId and GetCredentialsForIdentity, and GetOpenIdToken where it \
         has a key to sign with."
    )]
    UnknownOperation,
    /// A body that is not of the operation's form.
    #[error("{0}")]
    Serialization(String),
    /// An id that no pool or identity could have.
    #[error(
        "1 validation error detected: Value at '{0}' failed to satisfy constraint: Member must \
         satisfy regular expression pattern: [\\w-]+:[0-9a-f-]+"
    )]
    Validation(&'static str),
    /// A pool that is not configured.
    #[error("IdentityPool '{0}' not found.")]
    PoolNotFound(String),
    /// An identity that no configured pool can have issued.
    #[error("Identity '{0}' not found.")]
    IdentityNotFound(String),
    /// An identity of a login, asked for without one.
    #[error("Access to Identity '{0}' is forbidden without a login.")]
    Forbidden(String),
    /// An identity that the configuration has revoked.
    #[error("Access to Identity '{0}' is forbidden.")]
    Revoked(String),
    /// An identity of another login.
    #[error("Logins don't match: the identity is of another login.")]
    LoginsDoNotMatch,
    /// A login that is not taken.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// What can be wrong with any request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl IdentityError {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            IdentityError::Request(error) => error.status(),
            IdentityError::Login(LoginError::ProviderUnreachable) => 500,
            IdentityError::Login(LoginError::Busy) => 429,
            _ => 400,
        }
    }

    /// `__type`.
    pub fn code(&self) -> &'static str {
        match self {
            IdentityError::UnknownOperation => "UnknownOperationException",
            IdentityError::Serialization(_) => "SerializationException",
            IdentityError::Validation(_) => "ValidationException",
            IdentityError::PoolNotFound(_) | IdentityError::IdentityNotFound(_) => {
                "ResourceNotFoundException"
            }
            IdentityError::Login(LoginError::Several) => "InvalidParameterException",
            IdentityError::Login(LoginError::Busy) => "TooManyRequestsException",
            IdentityError::Login(LoginError::ProviderUnreachable)
            | IdentityError::Request(RequestError::Misconfigured | RequestError::Internal) => {
                "InternalErrorException"
            }
            IdentityError::Forbidden(_)
            | IdentityError::Revoked(_)
            | IdentityError::LoginsDoNotMatch
            | IdentityError::Login(_) => "NotAuthorizedException",
            IdentityError::Request(error) => error.code(),
        }
    }

    /// The answer: `{"__type","message"}`.
    pub fn answer(&self) -> Answer {
        let message = self.to_string();
        let body = ErrorResponse {
            error_type: self.code().into(),
            message: message.as_str().into(),
        };
        let answer = identity_answer(self.status(), body.encode())
            .with_header("x-amzn-errortype", self.code());
        match self {
            IdentityError::Login(LoginError::Busy | LoginError::ProviderUnreachable) => {
                answer.with_retry_after(1)
            }
            IdentityError::Request(error) => error.with_retry_after(answer),
            _ => answer,
        }
    }
}

impl From<DecodeError> for IdentityError {
    fn from(error: DecodeError) -> IdentityError {
        IdentityError::Serialization(RequestError::from(error).to_string())
    }
}

fn identity_answer(status: u16, body: String) -> Answer {
    Answer {
        status,
        headers: vec![("content-type", CONTENT_TYPE.into())],
        body,
    }
}

/// A request to the identity pool.
#[allow(
    clippy::enum_variant_names,
    reason = "the operations have the names that Cognito gives them"
)]
pub enum Request<'a> {
    /// Of [`Operation::GetId`].
    GetId(GetIdRequest<'a>),
    /// Of [`Operation::GetCredentialsForIdentity`].
    GetCredentialsForIdentity(GetCredentialsForIdentityRequest<'a>),
    /// Of [`Operation::GetOpenIdToken`], which asks in the same form.
    GetOpenIdToken(GetCredentialsForIdentityRequest<'a>),
}

impl<'a> Request<'a> {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// [`IdentityError::Serialization`]
    pub fn decode(operation: Operation, body: &'a [u8]) -> Result<Request<'a>, IdentityError> {
        Ok(match operation {
            Operation::GetId => Request::GetId(GetIdRequest::decode(body)?),
            Operation::GetCredentialsForIdentity => {
                Request::GetCredentialsForIdentity(GetCredentialsForIdentityRequest::decode(body)?)
            }
            Operation::GetOpenIdToken => {
                Request::GetOpenIdToken(GetCredentialsForIdentityRequest::decode(body)?)
            }
        })
    }

    /// The identity that is asked for, where there is one already.
    pub fn identity_id(&self) -> Option<&str> {
        match self {
            Request::GetId(_) => None,
            Request::GetCredentialsForIdentity(request) | Request::GetOpenIdToken(request) => {
                Some(&request.identity_id)
            }
        }
    }
}

/// Answers a request to the identity pool.
///
/// # Errors
/// [`IdentityError`]
pub async fn answer(
    request: &Request<'_>,
    head: &Head,
    config: &Config,
    platform: &impl Platform,
) -> Result<Answer, IdentityError> {
    let pool = Pool {
        config,
        platform,
        now: head.arrival,
    };
    let session = match request {
        Request::GetId(request) => pool.get_id(request).await?,
        Request::GetCredentialsForIdentity(request) | Request::GetOpenIdToken(request) => {
            pool.get_credentials(request).await?
        }
    };
    if config.is_revoked(&session.identity_id) {
        return Err(IdentityError::Revoked(session.identity_id));
    }
    if let Request::GetOpenIdToken(request) = request {
        let body = pool.open_id_token(session, &request.logins).await?;
        return Ok(identity_answer(200, body));
    }
    // GetId's answer has credentials too, so that a first visit asks once. Whoever knows Cognito's
    // alone reads over them.
    Ok(identity_answer(200, credentials_of(session, config)))
}

/// What the pool is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    clippy::enum_variant_names,
    reason = "the operations have the names that Cognito gives them"
)]
pub enum Operation {
    /// A new identity, or that of a login.
    GetId,
    /// Credentials of an identity.
    GetCredentialsForIdentity,
    /// A token that says who an identity is.
    GetOpenIdToken,
}

/// The operation asked for, by the head alone. Where there is no header for it, the query may name
/// it: a page on another origin cannot send the header without a CORS preflight.
///
/// # Errors
/// [`IdentityError::UnknownOperation`]
pub fn operation(head: &Head, config: &Config) -> Result<Operation, IdentityError> {
    let in_query = || {
        let mut parameters = head.query.split('&');
        parameters.find_map(|parameter| parameter.strip_prefix("X-Amz-Target="))
    };
    let target = head.header("x-amz-target").or_else(in_query);
    match target.and_then(|target| target.strip_prefix(TARGET_PREFIX)) {
        Some("GetId") => Ok(Operation::GetId),
        Some("GetCredentialsForIdentity") => Ok(Operation::GetCredentialsForIdentity),
        Some("GetOpenIdToken") if config.openid.is_some() => Ok(Operation::GetOpenIdToken),
        _ => Err(IdentityError::UnknownOperation),
    }
}

/// What the operations are answered by.
struct Pool<'a, P> {
    config: &'a Config,
    platform: &'a P,
    now: Timestamp,
}

impl<P: Platform> Pool<'_, P> {
    /// A new guest, or whoever logs in.
    async fn get_id(&self, request: &GetIdRequest<'_>) -> Result<Session, IdentityError> {
        let pool_id = &request.identity_pool_id;
        if !is_cognito_id(pool_id) {
            return Err(IdentityError::Validation("identityPoolId"));
        }
        if !self.config.has_identity_pool(pool_id) {
            return Err(IdentityError::PoolNotFound(pool_id.to_string()));
        }
        if let Some(session) = self.logged_in(&request.logins, pool_id).await? {
            return Ok(session);
        }
        let mut random = [0; 16];
        self.platform
            .randomize(&mut random)
            .map_err(|_| RequestError::Internal)?;
        let identity_id = ids::of_guest(region(pool_id), random);
        Ok(self.session(identity_id, Amr::Unauthenticated))
    }

    /// The identity that is asked for. With a login that of the login, whichever guest it was.
    async fn get_credentials(
        &self,
        request: &GetCredentialsForIdentityRequest<'_>,
    ) -> Result<Session, IdentityError> {
        let asked = &request.identity_id;
        if !is_cognito_id(asked) {
            return Err(IdentityError::Validation("identityId"));
        }
        // Amazon Cognito takes other digits for an id too. It has issued none, and neither has this
        // pool: whoever could choose them could write what they like into the records.
        if !is_identity_id(asked) || !self.config.may_know_identity(asked) {
            return Err(IdentityError::IdentityNotFound(asked.to_string()));
        }
        let is_of_login = ids::is_of_login(asked);
        match self.logged_in(&request.logins, asked).await? {
            Some(session) if is_of_login && session.identity_id != **asked => {
                Err(IdentityError::LoginsDoNotMatch)
            }
            Some(session) => Ok(session),
            None if is_of_login => Err(IdentityError::Forbidden(asked.to_string())),
            None => Ok(self.session(asked.to_string(), Amr::Unauthenticated)),
        }
    }

    /// An identity and its token: the body of the answer.
    async fn open_id_token(
        &self,
        session: Session,
        logins: &Map<'_, Text<'_>>,
    ) -> Result<String, IdentityError> {
        let openid = self.config.openid.as_ref();
        let openid = openid.ok_or(IdentityError::UnknownOperation)?;
        let pool = self.config.pool_of(&session.identity_id);
        let pool = pool.ok_or(RequestError::Internal)?;
        let provider = logins.first().map(|(name, _)| provider(name));
        let token = openid.issue(&session, pool, provider, self.now, self.platform);
        let token = token.await.ok_or(RequestError::Misconfigured)?;
        let response = GetOpenIdTokenResponse {
            identity_id: session.identity_id.into(),
            token: token.into(),
        };
        Ok(response.encode())
    }

    /// Whoever logs in, in the region of `id`; `None` for a guest.
    async fn logged_in(
        &self,
        logins: &Map<'_, Text<'_>>,
        id: &str,
    ) -> Result<Option<Session>, LoginError> {
        let issuers = &self.config.issuers;
        let login = login::verify(logins, issuers, self.platform, self.now).await?;
        Ok(login.map(|login| {
            let identity_id = ids::of_login(region(id), login.issuer, &login.subject);
            self.session(identity_id, Amr::Authenticated)
        }))
    }

    fn session(&self, identity_id: String, amr: Amr) -> Session {
        Session {
            identity_id,
            amr,
            expiration: Timestamp((self.now.0 + LIFETIME_MS).div_euclid(1000) * 1000),
        }
    }
}

fn region(id: &str) -> &str {
    id.split_once(':').map_or("", |(region, _)| region)
}

/// The identity and new credentials of its own: the body of both answers.
fn credentials_of(session: Session, config: &Config) -> String {
    let issued = config.master_secrets.issue(&session);
    let response = GetCredentialsForIdentityResponse {
        identity_id: session.identity_id.into(),
        credentials: Credentials {
            access_key_id: issued.access_key_id.into(),
            secret_key: issued.secret_access_key.into(),
            session_token: issued.session_token.into(),
            expiration: session.expiration,
        },
    };
    response.encode()
}
