//! Cognito Identity, JSON 1.1: `POST /` with `X-Amz-Target: AWSCognitoIdentityService.<Operation>`.

use alloc::string::String;

use super::DecodeError;
use crate::event::{Map, Text};
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

macro_rules! codec_contract {
    ($($item:ident),*) => {$(
        impl<'a> $item<'a> {
            /// Encodes the body.
            pub fn encode(&self) -> String {
                todo!()
            }

            /// Decodes the body.
            ///
            /// # Errors
            /// [`DecodeError`] naming the first member that is missing or not of its type.
            pub fn decode(_body: &'a [u8]) -> Result<Self, DecodeError> {
                todo!()
            }
        }
    )*};
}
codec_contract!(
    GetIdRequest,
    GetIdResponse,
    GetCredentialsForIdentityRequest,
    GetCredentialsForIdentityResponse,
    ErrorResponse
);

/// `GetIdResponse`.
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

/// `{"__type", "message"}`: 400 where the client is at fault, 500 where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorResponse<'a> {
    /// `__type`, e.g. `NotAuthorizedException`; a namespace before `#` is cut off when read.
    pub error_type: Text<'a>,
    /// `message`
    pub message: Text<'a>,
}
