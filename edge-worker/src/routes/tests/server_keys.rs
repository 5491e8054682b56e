//! Requests of servers, signed with access keys of the configuration.

use super::*;
use crate::identity::server_key::tests::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, keys};

fn config(may: &[&str]) -> Config {
    let mut config = super::config();
    let other = App {
        app_id: "app-2".into(),
        ..config.apps[0].clone()
    };
    config.apps.push(other);
    config.server_keys = keys(may);
    config
}

/// A request that is signed with an access key, with or without a session token.
fn signed_by(
    key: (&str, &str),
    token: Option<&str>,
    method: &str,
    path: &str,
    body: &[u8],
) -> Head {
    let keys = sigv4::Credentials {
        access_key_id: key.0,
        secret_access_key: key.1,
        session_token: token,
    };
    signed_with(&keys, method, path, body, ARRIVAL)
}

const KEY: (&str, &str) = (ACCESS_KEY_ID, SECRET_ACCESS_KEY);

fn good_body() -> Vec<u8> {
    batch(json!({ "e1": event(json!({ "email": "a@example.com" })) }))
}

#[test]
fn a_server_sends_events_and_the_record_says_so() {
    let config = config(&["*"]);
    let body = good_body();
    let head = signed_by(KEY, None, "POST", EVENTS, &body);
    let (answer, line, calls) = serve(&head, &config, &body, all_stored);
    assert_eq!(items(&answer)["e1"]["StatusCode"], 202);
    let record: Value = serde_json::from_str(&sent_records(&calls[0])[0]).unwrap();
    assert_eq!(record["forebay"]["amr"], "server");
    assert_eq!(record["client"], json!({ "client_id": "client-1" }));
    for secret in [ACCESS_KEY_ID, SECRET_ACCESS_KEY] {
        assert!(!format!("{line}{record}").contains(secret), "{line}");
    }
}

#[test]
fn only_the_key_itself_is_taken() {
    let config = config(&["*"]);
    let issued = credentials(&config);
    let body = good_body();
    let token = issued.session_token.as_str();
    for (key, token, code) in [
        (
            (ACCESS_KEY_ID, "0123456789abcdefghijABCDEFGHIJ012345678"),
            None,
            "InvalidSignatureException",
        ),
        ((ACCESS_KEY_ID, ""), None, "InvalidSignatureException"),
        (
            ("FBSERVER000000000002", SECRET_ACCESS_KEY),
            None,
            "UnrecognizedClientException",
        ),
        (KEY, Some(token), "UnrecognizedClientException"),
        (KEY, Some(""), "UnrecognizedClientException"),
        // What the pool has issued is nothing without its session token.
        (
            (&issued.access_key_id, &issued.secret_access_key),
            None,
            "UnrecognizedClientException",
        ),
    ] {
        let head = signed_by(key, token, "POST", EVENTS, &body);
        let (answer, _, calls) = serve(&head, &config, &body, all_stored);
        let code = ("x-amzn-errortype", code.to_owned());
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert!(answer.headers.contains(&code), "{key:?} {token:?}");
        assert!(calls.is_empty());
    }
}

#[test]
fn a_key_is_for_its_apps_and_event_types() {
    let body = good_body();
    let head = signed_by(KEY, None, "POST", "/v1/apps/app-2/events", &body);
    let (answer, _, calls) = serve(&head, &config(&["*"]), &body, all_stored);
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("SERVER_KEYS"), "{}", answer.body);
    assert!(calls.is_empty());

    // Another type is refused by itself.
    let body = batch(json!({
        "e1": event(json!({ "email": "a@example.com" })),
        "e2": { "EventType": "order.paid", "Timestamp": "2026-11-21T01:02:03Z" },
    }));
    let head = signed_by(KEY, None, "POST", EVENTS, &body);
    let (answer, _, calls) = serve(&head, &config(&["SignUpEvent"]), &body, all_stored);
    let items = items(&answer);
    assert_eq!(items["e1"]["StatusCode"], 202);
    assert_eq!(items["e2"]["StatusCode"], 400);
    assert_eq!(
        items["e2"]["Message"],
        "EventType: expected an event type that this key may send, got another one"
    );
    assert_eq!(calls.len(), 2);
}

#[test]
fn a_key_updates_endpoints_where_it_may() {
    let path = "/v1/apps/app-1/endpoints/client-1";
    for (may, status) in [
        (&["*"][..], 202),
        (&["_endpoint.update"], 202),
        (&["SignUpEvent"], 403),
    ] {
        let head = signed_by(KEY, None, "PUT", path, b"{}");
        let (answer, _, _) = serve(&head, &config(may), b"{}", all_stored);
        assert_eq!(answer.status, status, "{may:?}: {}", answer.body);
    }
}
