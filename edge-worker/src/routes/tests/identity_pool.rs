//! The identity pool: GetId and GetCredentialsForIdentity.

use super::*;
use crate::identity::jwks::tests as jwks;
use crate::identity::login::tests as login;
use crate::identity::session_token::TokenError;

#[test]
fn the_identity_pool_answers_in_the_words_of_cognito() {
    let config = config();
    let pool = "eu-north-1:00000000-0000-4000-8000-00000000000a";
    let stranger = "eu-north-1:00000000-0000-4000-8000-00000000000b";
    let login = json!({ "graph.facebook.com": "t" });
    for (operation, body, status, expected) in [
        (
            "GetId",
            json!({ "IdentityPoolId": pool }),
            200,
            r#""IdentityId":"eu-north-1:"#,
        ),
        (
            "GetId",
            json!({ "IdentityPoolId": stranger }),
            400,
            "ResourceNotFoundException",
        ),
        (
            "GetId",
            json!({ "IdentityPoolId": "nonsense" }),
            400,
            "ValidationException",
        ),
        (
            "GetId",
            json!({ "IdentityPoolId": 5 }),
            400,
            "SerializationException",
        ),
        (
            "GetId",
            json!({ "IdentityPoolId": pool, "Logins": login }),
            400,
            "NotAuthorizedException",
        ),
        (
            "GetCredentialsForIdentity",
            json!({ "IdentityId": IDENTITY }),
            200,
            r#""SecretKey":"#,
        ),
        (
            "GetCredentialsForIdentity",
            json!({ "IdentityId": "us-west-2:0-0" }),
            400,
            "ResourceNotFoundException",
        ),
        (
            "GetCredentialsForIdentity",
            json!({ "IdentityId": "x" }),
            400,
            "ValidationException",
        ),
        (
            "GetCredentialsForIdentity",
            json!({ "IdentityId": IDENTITY, "Logins": login }),
            400,
            "NotAuthorizedException",
        ),
        (
            "DeleteIdentities",
            json!({}),
            400,
            "UnknownOperationException",
        ),
    ] {
        let target = format!("AWSCognitoIdentityService.{operation}");
        let head = head("POST", "/", &[("x-amz-target", &target)]);
        let (answer, _, _) = serve(&head, &config, body.to_string().as_bytes(), all_stored);
        assert_eq!(answer.status, status, "{operation} {body}: {}", answer.body);
        assert!(
            answer.body.contains(expected),
            "{operation} {body}: {}",
            answer.body
        );
    }
}

#[test]
fn the_header_says_which_operation_or_else_the_query_does() {
    let config = config();
    let ask = |headers: &[(&str, &str)], query: &str| {
        let mut head = head("POST", "/", headers);
        head.query = query.into();
        let body = json!({ "IdentityId": IDENTITY }).to_string();
        serve(&head, &config, body.as_bytes(), all_stored).0
    };
    let target = "AWSCognitoIdentityService.GetCredentialsForIdentity";
    let plain = [("content-type", "text/plain")];
    for query in [
        format!("X-Amz-Target={target}"),
        format!("x=y&X-Amz-Target={target}"),
    ] {
        assert_eq!(ask(&plain, &query).status, 200, "{query}");
    }
    for query in [
        "",
        "X-Amz-Target",
        "X-Amz-Target=",
        "X-Amz-Target=GetId",
        "NotX-Amz-Target=AWSCognitoIdentityService.GetId",
    ] {
        let answer = ask(&plain, query);
        assert_eq!(answer.status, 400, "{query}");
        assert!(
            answer.body.contains("UnknownOperationException"),
            "{query}: {}",
            answer.body
        );
    }
    let query = "X-Amz-Target=AWSCognitoIdentityService.Nothing";
    assert_eq!(ask(&[("x-amz-target", target)], query).status, 200);
}

#[test]
fn what_get_id_gives_with_the_identity_are_credentials_of_it_alone_for_an_hour() {
    let config = config();
    let pool = json!({ "IdentityPoolId": "eu-north-1:00000000-0000-4000-8000-00000000000a" });
    let target = [("x-amz-target", "AWSCognitoIdentityService.GetId")];
    let (answer, line, _) = serve(
        &head("POST", "/", &target),
        &config,
        pool.to_string().as_bytes(),
        all_stored,
    );
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    let given = &answer["Credentials"];
    let text = |name: &str| given[name].as_str().unwrap();
    assert_eq!(given["Expiration"], json!((ARRIVAL.0 + 3_600_000) / 1_000));
    let known = |at: i64| {
        let (token, key) = (text("SessionToken"), text("AccessKeyId"));
        config.master_secrets.verify(token, key, Timestamp(at))
    };
    let (session, secret) = known(ARRIVAL.0 + 3_599_999).unwrap();
    assert_eq!(answer["IdentityId"], session.identity_id.as_str());
    assert_eq!(session.amr, Amr::Unauthenticated);
    assert_eq!(text("SecretKey"), secret);
    assert_eq!(known(ARRIVAL.0 + 3_600_000), Err(TokenError::Expired));
    for secret in ["SecretKey", "SessionToken", "AccessKeyId"] {
        assert!(!line.contains(text(secret)), "{line}");
    }
}

#[test]
fn whoever_logs_in_has_an_identity_of_their_own_and_nobody_else_gets_it() {
    let mut config = config();
    config.issuers = vec![login::issuer()];
    let ask = |operation: &str, body: &Value| {
        let target = format!("AWSCognitoIdentityService.{operation}");
        let head = head("POST", "/", &[("x-amz-target", &target)]);
        let (answer, line, _) = serve(&head, &config, body.to_string().as_bytes(), |_| {
            Ok(jwks::set(&[("one", jwks::rsa("one"))]))
        });
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        (answer.status, body, line)
    };
    let session = |body: &Value| {
        let text = |name: &str| body["Credentials"][name].as_str().unwrap();
        let (token, key) = (text("SessionToken"), text("AccessKeyId"));
        let (session, _) = config.master_secrets.verify(token, key, ARRIVAL).unwrap();
        assert_eq!(body["IdentityId"], session.identity_id.as_str());
        session
    };
    let logins = |subject: &str| {
        let mut claims = login::claims();
        claims["sub"] = json!(subject);
        json!({ "login.example/pool": login::token(&login::header(), &claims) })
    };
    let pool = "eu-north-1:00000000-0000-4000-8000-00000000000a";
    let get_id = |logins: Value| {
        ask(
            "GetId",
            &json!({ "IdentityPoolId": pool, "Logins": logins }),
        )
    };
    let get_credentials = |id: &str, logins: Value| {
        let body = json!({ "IdentityId": id, "Logins": logins });
        ask("GetCredentialsForIdentity", &body)
    };

    let (status, body, line) = get_id(logins("ada"));
    assert_eq!(status, 200, "{body}");
    let ada = session(&body);
    assert_eq!(ada.amr, Amr::Authenticated);
    assert!(
        !line.contains(&ada.identity_id) && !line.contains("ada"),
        "{line}"
    );
    // On every visit, and whichever guest it was before.
    assert_eq!(session(&get_id(logins("ada")).1), ada);
    assert_eq!(
        session(&get_credentials(&ada.identity_id, logins("ada")).1),
        ada
    );
    assert_eq!(session(&get_credentials(IDENTITY, logins("ada")).1), ada);
    let bob = session(&get_id(logins("bob")).1);
    let guest = session(&get_id(json!({})).1);
    assert_ne!(ada.identity_id, bob.identity_id);
    assert_eq!(guest.amr, Amr::Unauthenticated);
    assert_ne!(ada.identity_id, guest.identity_id);

    for (id, logins) in [(&ada, json!({})), (&ada, logins("bob"))] {
        let (status, body, _) = get_credentials(&id.identity_id, logins);
        assert_eq!(
            (status, &body["__type"]),
            (400, &json!("NotAuthorizedException"))
        );
        assert_eq!(body.get("Credentials"), None);
    }
    let two = json!({ "login.example/pool": "a", "accounts.google.com": "b" });
    let (_, body, _) = get_id(two);
    assert_eq!(body["__type"], "InvalidParameterException");
}

#[test]
fn a_login_that_cannot_be_verified_now_is_to_be_sent_again() {
    let mut config = config();
    config.issuers = vec![login::issuer()];
    let token = login::token(&login::header(), &login::claims());
    let body = json!({ "IdentityId": IDENTITY, "Logins": { "login.example/pool": token } });
    let target = "AWSCognitoIdentityService.GetCredentialsForIdentity";
    let head = head("POST", "/", &[("x-amz-target", target)]);
    let body = body.to_string();
    let (answer, line, _) = serve(&head, &config, body.as_bytes(), |_| Err(Unreachable));
    assert_eq!(answer.status, 500);
    assert!(
        answer.body.contains("InternalErrorException"),
        "{}",
        answer.body
    );
    assert!(line.contains("InternalErrorException"), "{line}");
}
