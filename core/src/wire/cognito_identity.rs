//! Cognito Identity, JSON 1.1: `POST /` with `X-Amz-Target: AWSCognitoIdentityService.<Operation>`.

use alloc::string::String;
use alloc::vec::Vec;

use super::DecodeError;
use super::decode::message;
use super::encode::text_map;
use crate::event::{Map, Text};
use crate::json::{Limits, Writer};
use crate::time::Timestamp;

/// Prefix of `X-Amz-Target`.
pub const TARGET_PREFIX: &str = "AWSCognitoIdentityService.";
/// The `Content-Type` of requests and responses.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// `GetIdInput`. `AccountId` is read over: no pool of Forebay's has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetIdRequest<'a> {
    /// `IdentityPoolId`
    pub identity_pool_id: Text<'a>,
    /// `Logins`: provider name -> token. Empty for a guest.
    pub logins: Map<'a, Text<'a>>,
}

/// `GetCredentialsForIdentityInput`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetCredentialsForIdentityRequest<'a> {
    /// `IdentityId`
    pub identity_id: Text<'a>,
    /// `Logins`: provider name -> token. Empty for a guest.
    pub logins: Map<'a, Text<'a>>,
}

/// Short-lived credentials: `Credentials` of GetCredentialsForIdentity.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// `AccessKeyId`
    pub access_key_id: Text<'a>,
    /// `SecretKey`
    pub secret_key: Text<'a>,
    /// `SessionToken`
    pub session_token: Text<'a>,
    /// `Expiration`: whole epoch seconds on the wire; fractions and exponents are read.
    pub expiration: Timestamp,
}

impl core::fmt::Debug for Credentials<'_> {
    /// The access key id and the expiration; never the secret or the token.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expiration", &self.expiration)
            .finish_non_exhaustive()
    }
}

/// `GetIdResponse`. Forebay's own pool answers GetId as GetCredentialsForIdentity, with credentials
/// beside the identity: [`GetCredentialsForIdentityResponse`] reads those, this type reads over them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetIdResponse<'a> {
    /// `IdentityId`, e.g. `us-east-1:6fb4c4f2-...`.
    pub identity_id: Text<'a>,
}

/// `GetCredentialsForIdentityResponse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GetCredentialsForIdentityResponse<'a> {
    /// `IdentityId`: may differ from the one that was sent.
    pub identity_id: Text<'a>,
    /// `Credentials`
    pub credentials: Credentials<'a>,
}

/// `GetOpenIdTokenResponse`. Its request is [`GetCredentialsForIdentityRequest`]'s form.
#[derive(Clone, PartialEq, Eq)]
pub struct GetOpenIdTokenResponse<'a> {
    /// `IdentityId`: may differ from the one that was sent.
    pub identity_id: Text<'a>,
    /// `Token`: a JSON Web Token.
    pub token: Text<'a>,
}

impl GetOpenIdTokenResponse<'_> {
    /// Encodes the body.
    pub fn encode(&self) -> String {
        let mut writer = Writer::new();
        writer.begin_object();
        writer.name("IdentityId").string(&self.identity_id);
        writer.name("Token").string(&self.token).end_object();
        writer.finish()
    }
}

/// `{"__type", "message"}`: 400 where the client is at fault, 500 where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse<'a> {
    /// `__type`, e.g. `NotAuthorizedException`; a namespace before `#` is cut off when read.
    pub error_type: Text<'a>,
    /// `message`
    pub message: Text<'a>,
}

/// Session tokens are long, but there is one of them; logins are few.
const LIMITS: Limits = Limits {
    depth: 16,
    values: 256,
};

impl<'a> GetIdRequest<'a> {
    /// Encodes the body.
    pub fn encode(&self) -> String {
        encode_with_logins("IdentityPoolId", &self.identity_pool_id, &self.logins)
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// [`DecodeError`] naming the first member that is missing or not of its type.
    pub fn decode(body: &'a [u8]) -> Result<GetIdRequest<'a>, DecodeError> {
        message(body, LIMITS, |root| GetIdRequest {
            identity_pool_id: root.member("IdentityPoolId").text(),
            logins: root.member("Logins").map(|node| node.text()),
        })
    }
}

impl<'a> GetIdResponse<'a> {
    /// Encodes the body.
    pub fn encode(&self) -> String {
        encode_with_logins("IdentityId", &self.identity_id, &Vec::new())
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// [`DecodeError`] naming the first member that is missing or not of its type.
    pub fn decode(body: &'a [u8]) -> Result<GetIdResponse<'a>, DecodeError> {
        message(body, LIMITS, |root| GetIdResponse {
            identity_id: root.member("IdentityId").text(),
        })
    }
}

impl<'a> GetCredentialsForIdentityRequest<'a> {
    /// Encodes the body.
    pub fn encode(&self) -> String {
        encode_with_logins("IdentityId", &self.identity_id, &self.logins)
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// [`DecodeError`] naming the first member that is missing or not of its type.
    pub fn decode(body: &'a [u8]) -> Result<GetCredentialsForIdentityRequest<'a>, DecodeError> {
        message(body, LIMITS, |root| GetCredentialsForIdentityRequest {
            identity_id: root.member("IdentityId").text(),
            logins: root.member("Logins").map(|node| node.text()),
        })
    }
}

impl<'a> GetCredentialsForIdentityResponse<'a> {
    /// Encodes the body.
    pub fn encode(&self) -> String {
        let credentials = &self.credentials;
        let mut writer = Writer::new();
        writer.begin_object();
        writer.name("IdentityId").string(&self.identity_id);
        writer.name("Credentials").begin_object();
        writer
            .name("AccessKeyId")
            .string(&credentials.access_key_id);
        writer.name("SecretKey").string(&credentials.secret_key);
        writer
            .name("SessionToken")
            .string(&credentials.session_token);
        let expiration = credentials.expiration.0.div_euclid(1_000);
        writer.name("Expiration").integer(expiration);
        writer.end_object().end_object();
        writer.finish()
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// [`DecodeError`] naming the first member that is missing or not of its type.
    pub fn decode(body: &'a [u8]) -> Result<GetCredentialsForIdentityResponse<'a>, DecodeError> {
        message(body, LIMITS, |root| {
            let credentials = root.member("Credentials");
            GetCredentialsForIdentityResponse {
                identity_id: root.member("IdentityId").text(),
                credentials: Credentials {
                    access_key_id: credentials.member("AccessKeyId").text(),
                    secret_key: credentials.member("SecretKey").text(),
                    session_token: credentials.member("SessionToken").text(),
                    expiration: credentials.member("Expiration").epoch_seconds(),
                },
            }
        })
    }
}

impl<'a> ErrorResponse<'a> {
    /// Encodes the body.
    pub fn encode(&self) -> String {
        let mut writer = Writer::new();
        writer.begin_object();
        writer.name("__type").string(&self.error_type);
        writer.name("message").string(&self.message);
        writer.end_object();
        writer.finish()
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// [`DecodeError`] where there is no `__type`.
    pub fn decode(body: &'a [u8]) -> Result<ErrorResponse<'a>, DecodeError> {
        message(body, LIMITS, |root| ErrorResponse {
            error_type: without_namespace(root.member("__type").text()),
            message: root.member("message").optional_text().unwrap_or_default(),
        })
    }
}

/// `{<name>: <id>, "Logins": {..}}`; without logins, a guest, there is no `Logins`.
fn encode_with_logins(name: &str, id: &str, logins: &Map<'_, Text<'_>>) -> String {
    let mut writer = Writer::new();
    writer.begin_object().name(name).string(id);
    if !logins.is_empty() {
        text_map(&mut writer, "Logins", logins);
    }
    writer.end_object();
    writer.finish()
}

/// Cuts off what stands before `#`.
fn without_namespace(error_type: Text<'_>) -> Text<'_> {
    match error_type.rsplit_once('#') {
        Some((_, name)) => Text::Owned(name.into()),
        None => error_type,
    }
}
