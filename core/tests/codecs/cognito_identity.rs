use forebay_core::time::Timestamp;
use forebay_core::wire::cognito_identity::{
    Credentials, ErrorResponse, GetCredentialsForIdentityRequest,
    GetCredentialsForIdentityResponse, GetIdRequest, GetIdResponse,
};
use proptest::prelude::*;

use crate::arbitrary::{map, text};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn requests_survive_their_text(id in text(55), logins in map(3, text(40))) {
        let request = GetIdRequest { identity_pool_id: id.clone(), logins: logins.clone() };
        let body = request.encode();
        prop_assert_eq!(GetIdRequest::decode(body.as_bytes()), Ok(request));
        let request = GetCredentialsForIdentityRequest { identity_id: id, logins };
        let body = request.encode();
        prop_assert_eq!(GetCredentialsForIdentityRequest::decode(body.as_bytes()), Ok(request));
    }

    #[test]
    fn responses_survive_their_text(
        identity_id in text(55),
        (access_key_id, secret_key, session_token) in (text(20), text(40), text(200)),
        seconds in -9_000_000_000_000_000..9_000_000_000_000_000i64,
    ) {
        let response = GetIdResponse { identity_id: identity_id.clone() };
        let body = response.encode();
        prop_assert_eq!(GetIdResponse::decode(body.as_bytes()), Ok(response));
        let response = GetCredentialsForIdentityResponse {
            identity_id,
            credentials: Credentials {
                access_key_id,
                secret_key,
                session_token,
                expiration: Timestamp(seconds * 1_000),
            },
        };
        let body = response.encode();
        prop_assert_eq!(GetCredentialsForIdentityResponse::decode(body.as_bytes()), Ok(response));
    }

    #[test]
    fn errors_survive_their_text(error_type in "[A-Za-z]{0,30}", message in text(40)) {
        let response = ErrorResponse { error_type: error_type.into(), message };
        let body = response.encode();
        prop_assert_eq!(ErrorResponse::decode(body.as_bytes()), Ok(response));
    }
}

#[test]
fn credentials_are_not_printed() {
    let credentials = Credentials {
        access_key_id: "ASIAEXAMPLE".into(),
        secret_key: "the secret".into(),
        session_token: "the token".into(),
        expiration: Timestamp(0),
    };
    let printed = format!("{credentials:?}");
    assert!(printed.contains("ASIAEXAMPLE"));
    assert!(!printed.contains("the secret") && !printed.contains("the token"));
}
