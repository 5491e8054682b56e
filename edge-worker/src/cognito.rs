//! The embedded identity pool: GetId and GetCredentialsForIdentity for guests, answered as Amazon
//! Cognito does. Nothing is stored; an identity is whoever holds its id, as guests are there too.

use forebay_core::time::Timestamp;
use forebay_core::wire::DecodeError;
use forebay_core::wire::cognito_identity::{
    CONTENT_TYPE, Credentials, ErrorResponse, GetCredentialsForIdentityRequest,
    GetCredentialsForIdentityResponse, GetIdRequest, TARGET_PREFIX,
};

use crate::config::{Config, is_cognito_id};
use crate::error::RequestError;
use crate::http::{Answer, Head};
use crate::platform::Platform;
use crate::session_token::{Amr, Session};
use crate::text::uuid;

/// Most bytes of a body: an identity id and some logins, whose tokens are long.
pub const MAX_BODY_BYTES: usize = 64 * 1024;
/// Cognito's credentials are good for an hour.
const LIFETIME_MS: i64 = 3_600_000;

/// Why the identity pool refuses: the names are Cognito's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No `X-Amz-Target`, or an operation that is not offered.
    #[error("This identity pool offers GetId and GetCredentialsForIdentity.")]
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
    /// Logins, where only guests are configured.
    #[error("Token is not from a supported provider of this identity pool.")]
    NotAuthorized,
    /// What can be wrong with any request.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl IdentityError {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            IdentityError::Request(error) => error.status(),
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
            IdentityError::NotAuthorized => "NotAuthorizedException",
            IdentityError::Request(RequestError::Misconfigured | RequestError::Internal) => {
                "InternalErrorException"
            }
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
        identity_answer(self.status(), body.encode()).with_header("x-amzn-errortype", self.code())
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

/// Answers a request to the identity pool.
///
/// # Errors
/// [`IdentityError`]
pub fn answer(
    head: &Head,
    body: &[u8],
    config: &Config,
    platform: &impl Platform,
) -> Result<Answer, IdentityError> {
    let body = match operation(head) {
        Some("GetId") => get_id(body, config, platform, head.arrival)?,
        Some("GetCredentialsForIdentity") => get_credentials(body, config, head.arrival)?,
        _ => return Err(IdentityError::UnknownOperation),
    };
    Ok(identity_answer(200, body))
}

/// The operation asked for. Where there is no header for it, the query may name it: a page on
/// another origin cannot send the header without a CORS preflight.
fn operation(head: &Head) -> Option<&str> {
    let in_query = || {
        let mut parameters = head.query.split('&');
        parameters.find_map(|parameter| parameter.strip_prefix("X-Amz-Target="))
    };
    let target = head.header("x-amz-target").or_else(in_query)?;
    target.strip_prefix(TARGET_PREFIX)
}

/// Answers GetId with credentials beside the identity, so that a first visit asks once. Whoever
/// knows Cognito's answer alone reads over them.
fn get_id(
    body: &[u8],
    config: &Config,
    platform: &impl Platform,
    now: Timestamp,
) -> Result<String, IdentityError> {
    let request = GetIdRequest::decode(body)?;
    let pool_id = &request.identity_pool_id;
    if !is_cognito_id(pool_id) {
        return Err(IdentityError::Validation("identityPoolId"));
    }
    if !config.has_identity_pool(pool_id) {
        return Err(IdentityError::PoolNotFound(pool_id.to_string()));
    }
    if !request.logins.is_empty() {
        return Err(IdentityError::NotAuthorized);
    }
    let region = pool_id.split_once(':').map_or("", |(region, _)| region);
    let mut random = [0; 16];
    platform
        .randomize(&mut random)
        .map_err(|_| RequestError::Internal)?;
    let identity_id = format!("{region}:{}", uuid(random));
    Ok(credentials_of(identity_id, config, now))
}

fn get_credentials(body: &[u8], config: &Config, now: Timestamp) -> Result<String, IdentityError> {
    let request = GetCredentialsForIdentityRequest::decode(body)?;
    let identity_id = &request.identity_id;
    if !is_cognito_id(identity_id) {
        return Err(IdentityError::Validation("identityId"));
    }
    if !config.may_know_identity(identity_id) {
        return Err(IdentityError::IdentityNotFound(identity_id.to_string()));
    }
    if !request.logins.is_empty() {
        return Err(IdentityError::NotAuthorized);
    }
    Ok(credentials_of(identity_id.to_string(), config, now))
}

/// The identity and new credentials of its own: the body of both answers.
fn credentials_of(identity_id: String, config: &Config, now: Timestamp) -> String {
    let session = Session {
        identity_id,
        amr: Amr::Unauthenticated,
        expiration: Timestamp((now.0 + LIFETIME_MS).div_euclid(1000) * 1000),
    };
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
