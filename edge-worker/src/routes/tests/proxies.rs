//! Requests that come through a proxy, or were signed in their query.

use super::*;

/// What a proxy of `/ingest` makes of a request: the path and the host that the worker sees.
fn proxied(mut head: Head, path: &str, host: &str, forwarded: Option<&str>) -> Head {
    head.path = path.into();
    head.headers.retain(|(name, _)| name != "host");
    head.headers.push(("host".into(), host.into()));
    if let Some(forwarded) = forwarded {
        head.headers
            .push(("x-forwarded-host".into(), forwarded.into()));
    }
    head
}

#[test]
fn what_is_signed_for_a_proxy_is_taken_however_it_hands_it_on() {
    let mut config = config();
    config.base_path = "/ingest".into();
    let body = batch(json!({ "e1": event(json!({ "email": "a@example.com" })) }));
    let whole = format!("/ingest{EVENTS}");
    let chain = "edge.example, inner.example";
    for (signed_path, path, host, forwarded, status) in [
        (EVENTS, EVENTS, "edge.example", None, 202),
        (&whole, &whole, "edge.example", None, 202),
        (&whole, EVENTS, "edge.example", None, 202),
        (&whole, &whole, "inner.example", Some("edge.example"), 202),
        (&whole, EVENTS, "inner.example", Some(chain), 202),
        (EVENTS, EVENTS, "inner.example", Some("edge.example"), 202),
        // What the client did not ask for.
        (&whole, &whole, "inner.example", None, 403),
        (&whole, EVENTS, "inner.example", Some("other.example"), 403),
        (EVENTS, &whole, "edge.example", None, 403),
        (
            "/other/v1/apps/app-1/events",
            EVENTS,
            "edge.example",
            None,
            403,
        ),
        (
            &whole,
            "/other/v1/apps/app-1/events",
            "edge.example",
            None,
            404,
        ),
    ] {
        let head = signed(&config, "POST", signed_path, &body, ARRIVAL);
        let head = proxied(head, path, host, forwarded);
        let (answer, _, _) = serve(&head, &config, &body, all_stored);
        assert_eq!(
            answer.status, status,
            "{signed_path} as {path} at {host}, {forwarded:?}"
        );
    }
}

#[test]
fn the_identity_pool_answers_below_the_base_path() {
    let mut config = config();
    config.base_path = "/ingest".into();
    for path in ["/", "/ingest/", "/ingest"] {
        let target = [("x-amz-target", "AWSCognitoIdentityService.Nothing")];
        let (answer, line, _) = serve(&head("POST", path, &target), &config, b"{}", all_stored);
        assert_eq!(answer.status, 400, "{path}");
        assert!(line.contains("CognitoIdentity"), "{line}");
    }
}

#[test]
fn a_presigned_request_is_taken_like_any_other() {
    let config = config();
    let body = batch(json!({ "e1": event(json!({ "email": "a@example.com" })) }));
    let issued = credentials(&config);
    let host = [("host", "edge.example")];
    let request = sigv4::Request {
        method: "POST",
        path: EVENTS,
        query: "",
        headers: &host,
        body: &body,
    };
    let query = sigv4::presign(&request, &keys(&issued), &SCOPE, ARRIVAL, 60);
    let mut presigned = head("POST", EVENTS, &host);
    presigned.query = query;
    let (answer, _, _) = serve(&presigned, &config, &body, all_stored);
    assert_eq!(items(&answer)["e1"]["StatusCode"], 202);
    presigned.arrival = Timestamp(ARRIVAL.0 + 61_000);
    let (late, line, _) = serve(&presigned, &config, &body, all_stored);
    assert_eq!(late.status, 403);
    assert!(line.contains("InvalidSignatureException"), "{line}");
}
