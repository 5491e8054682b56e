//! Any bytes: each message that can be read from them says the same when it is written again.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::time::Timestamp;
use forebay_core::wire::cognito_identity::{
    ErrorResponse, GetCredentialsForIdentityRequest, GetCredentialsForIdentityResponse,
    GetIdRequest, GetIdResponse,
};

macro_rules! survives {
    ($message:ident, $body:ident) => {
        if let Ok(message) = $message::decode($body) {
            let body = message.encode();
            assert!($message::decode(body.as_bytes()).as_ref() == Ok(&message));
        }
    };
}

forebay_core_fuzz::target!(|body: &[u8]| {
    survives!(GetIdRequest, body);
    survives!(GetIdResponse, body);
    survives!(GetCredentialsForIdentityRequest, body);
    survives!(ErrorResponse, body);
    if let Ok(mut message) = GetCredentialsForIdentityResponse::decode(body) {
        let body = message.encode();
        // Whole seconds are what is written.
        let millis = &mut message.credentials.expiration.0;
        let seconds = millis.div_euclid(1_000);
        if let Some(whole) = seconds.checked_mul(1_000) {
            message.credentials.expiration = Timestamp(whole);
            let again = GetCredentialsForIdentityResponse::decode(body.as_bytes());
            assert!(again.as_ref() == Ok(&message));
        }
    }
});
