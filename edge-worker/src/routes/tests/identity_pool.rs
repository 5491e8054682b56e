//! The identity pool: GetId, GetCredentialsForIdentity and GetOpenIdToken.

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

mod open_id_tokens {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::identity::issuer::Issuer;
    use crate::identity::openid::tests::{ISSUER, key, tokens};

    const POOL: &str = "eu-north-1:00000000-0000-4000-8000-00000000000a";

    fn config() -> Config {
        let mut config = super::config();
        config.openid = tokens(ISSUER, json!([key("new", 1), key("old", 2)])).ok();
        config.issuers = vec![login::issuer()];
        config
    }

    fn ask(config: &Config, operation: &str, body: &Value) -> (u16, Value) {
        let target = format!("AWSCognitoIdentityService.{operation}");
        let mut head = head("POST", "/", &[("x-amz-target", &target)]);
        head.arrival = login::NOW;
        let keys = |request: &HttpRequest| {
            assert_eq!(request.url, login::issuer().jwks_uri);
            Ok(jwks::set(&[("one", jwks::rsa("one"))]))
        };
        let (answer, _, _) = serve(&head, config, body.to_string().as_bytes(), keys);
        (answer.status, serde_json::from_str(&answer.body).unwrap())
    }

    fn parts(token: &Value) -> [Value; 2] {
        let token = token.as_str().unwrap();
        let mut parts = token.split('.');
        [parts.next(), parts.next()].map(|part| {
            let bytes = URL_SAFE_NO_PAD.decode(part.unwrap()).unwrap();
            serde_json::from_slice(&bytes).unwrap()
        })
    }

    #[test]
    fn a_guest_and_a_login_get_tokens_that_say_what_cognitos_do() {
        let config = config();
        let (status, answer) = ask(
            &config,
            "GetOpenIdToken",
            &json!({ "IdentityId": IDENTITY }),
        );
        assert_eq!((status, &answer["IdentityId"]), (200, &json!(IDENTITY)));
        let [header, claims] = parts(&answer["Token"]);
        assert_eq!(
            header,
            json!({ "alg": "ES256", "kid": "new", "typ": "JWT" })
        );
        let issued = login::NOW.0 / 1_000;
        let expected = json!({
            "sub": IDENTITY,
            "aud": POOL,
            "amr": ["unauthenticated"],
            "iss": ISSUER,
            "iat": issued,
            "exp": issued + 600,
        });
        assert_eq!(claims, expected);
        let token = login::token(&login::header(), &login::claims());
        let logins = json!({ "login.example/pool": token });
        let body = json!({ "IdentityId": IDENTITY, "Logins": logins });
        let (_, answer) = ask(&config, "GetOpenIdToken", &body);
        let [_, claims] = parts(&answer["Token"]);
        assert_ne!(answer["IdentityId"], IDENTITY);
        assert_eq!(claims["sub"], answer["IdentityId"]);
        assert_eq!(
            claims["amr"],
            json!(["authenticated", "login.example/pool"])
        );
        let forged = json!({ "login.example/pool": "a.b.c" });
        let body = json!({ "IdentityId": IDENTITY, "Logins": forged });
        let (status, answer) = ask(&config, "GetOpenIdToken", &body);
        assert_eq!(
            (status, &answer["__type"]),
            (400, &json!("NotAuthorizedException"))
        );
    }

    /// Another worker that trusts this one's pool.
    #[test]
    fn the_token_of_a_login_is_a_login_and_that_of_a_guest_is_none() {
        let config = config();
        let jwks = config.openid.as_ref().unwrap().jwks();
        let mut other = super::config();
        other.issuers = vec![Issuer {
            issuer: ISSUER.into(),
            audiences: vec![POOL.into()],
            jwks_uri: format!("{ISSUER}/.well-known/jwks.json"),
        }];
        let get_id = |token: &Value| {
            let logins = json!({ "events.example.com/ingest": token });
            let body = json!({ "IdentityPoolId": POOL, "Logins": logins });
            let head = head(
                "POST",
                "/",
                &[("x-amz-target", "AWSCognitoIdentityService.GetId")],
            );
            let keys = |_: &HttpRequest| Ok(HttpResponse::new(200, jwks.clone()));
            let (answer, _, _) = serve(&head, &other, body.to_string().as_bytes(), keys);
            answer
        };
        let token = login::token(&login::header(), &login::claims());
        let logins = json!({ "login.example/pool": token });
        let of_login = json!({ "IdentityId": IDENTITY, "Logins": logins });
        let (_, of_login) = ask(&config, "GetOpenIdToken", &of_login);
        let answer = get_id(&of_login["Token"]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let (_, of_guest) = ask(
            &config,
            "GetOpenIdToken",
            &json!({ "IdentityId": IDENTITY }),
        );
        let answer = get_id(&of_guest["Token"]);
        assert!(
            answer.status == 400 && answer.body.contains("guest"),
            "{}",
            answer.body
        );
    }

    #[test]
    fn without_keys_there_are_no_tokens_and_no_documents() {
        let documents = [
            "/.well-known/openid-configuration",
            "/.well-known/jwks.json",
        ];
        for (config, status) in [(config(), 200), (super::config(), 404)] {
            for path in documents {
                let (answer, _, _) = serve(&head("GET", path, &[]), &config, b"", all_stored);
                assert_eq!(answer.status, status, "{path}");
                assert!(!answer.body.contains(r#""d""#), "{}", answer.body);
            }
        }
        let body = json!({ "IdentityId": IDENTITY });
        let (status, answer) = ask(&super::config(), "GetOpenIdToken", &body);
        assert_eq!(
            (status, &answer["__type"]),
            (400, &json!("UnknownOperationException"))
        );
    }

    #[test]
    fn a_revoked_identity_gets_no_token() {
        let mut config = config();
        config.revoked_identities.insert(IDENTITY.into());
        let (status, answer) = ask(
            &config,
            "GetOpenIdToken",
            &json!({ "IdentityId": IDENTITY }),
        );
        assert_eq!(
            (status, &answer["__type"]),
            (400, &json!("NotAuthorizedException"))
        );
    }
}
