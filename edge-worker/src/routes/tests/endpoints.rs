//! UpdateEndpoint, and the endpoints that come with events.

use super::*;

#[test]
fn update_endpoint_is_validated_and_acknowledged() {
    let config = config();
    let path = "/v1/apps/app-1/endpoints/client-1";
    for (method, body, status) in [
        ("PUT", r#"{"User":{"UserId":"u1"}}"#, 202),
        ("POST", r#"{"User":{"UserId":"u1"}}"#, 202),
        ("PUT", r#"{"ChannelType":"PIGEON"}"#, 400),
        ("PUT", "[]", 400),
    ] {
        let head = signed(&config, method, path, body.as_bytes(), ARRIVAL);
        let (answer, _, calls) = serve(&head, &config, body.as_bytes(), all_stored);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(calls.is_empty());
    }
    let large = vec![b' '; 15 * 1024 + 1];
    let head = signed(&config, "PUT", path, &large, ARRIVAL);
    assert_eq!(serve(&head, &config, &large, all_stored).0.status, 413);
}

/// A request of two endpoints with an event each: the first is described by `endpoint`, as JSON.
fn two_endpoints(endpoint: &str) -> String {
    let event = event(json!({ "email": "a@example.com" }));
    format!(
        r#"{{"BatchItem":{{"first":{{{endpoint}"Events":{{"e1":{event}}}}},
            "second":{{"Endpoint":{{"OptOut":"ALL"}},"Events":{{"e2":{event}}}}}}}}}"#
    )
}

#[test]
fn an_endpoint_is_refused_by_itself_and_its_events_go_on() {
    let config = config();
    let long = "v".repeat(101);
    let many = vec!["v"; 51];
    for (endpoint, path, kept) in [
        (
            json!({ "User": { "UserAttributes": { "plan": [long], "team": ["a"] } } }),
            "User.UserAttributes.plan",
            json!({ "User": { "UserAttributes": { "team": ["a"] } } }),
        ),
        (
            json!({ "OptOut": "none", "Address": "a" }),
            "OptOut",
            json!({ "Address": "a" }),
        ),
        (json!({ "ChannelType": "WEB" }), "ChannelType", json!({})),
        (
            json!({ "Attributes": { "tags": many, "plan": ["pro"] } }),
            "Attributes.tags",
            json!({ "Attributes": { "plan": ["pro"] } }),
        ),
        (
            json!({ "User": { "UserId": 7, "UserAttributes": { "a": ["b"] } } }),
            "User.UserId",
            json!({ "User": { "UserAttributes": { "a": ["b"] } } }),
        ),
        (
            json!({ "Location": { "Latitude": "55.7", "City": "Lund" } }),
            "Location.Latitude",
            json!({ "Location": { "City": "Lund" } }),
        ),
        (json!("text"), "", json!({})),
        (json!(null), "", json!({})),
    ] {
        let body = two_endpoints(&format!(r#""Endpoint":{endpoint},"#));
        let head = signed(&config, "POST", EVENTS, body.as_bytes(), ARRIVAL);
        let (answer, line, calls) = serve(&head, &config, body.as_bytes(), all_stored);
        assert_eq!(answer.status, 202, "{}", answer.body);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        let [first, second] = ["first", "second"].map(|id| &answer["Results"][id]);
        assert_eq!(first["EndpointItemResponse"]["StatusCode"], 400, "{answer}");
        let message = first["EndpointItemResponse"]["Message"].as_str().unwrap();
        assert!(
            message.starts_with(path) && message.contains("expected"),
            "{message}"
        );
        assert_eq!(first["EventsItemResponse"]["e1"]["StatusCode"], 202);
        assert_eq!(second["EndpointItemResponse"]["StatusCode"], 202);
        assert_eq!(second["EventsItemResponse"]["e2"]["StatusCode"], 202);
        assert!(line.contains(r#""invalid_endpoints":1"#), "{line}");

        let [records, letters] = calls.as_slice() else {
            panic!("{} calls", calls.len())
        };
        let record: Value = serde_json::from_str(&sent_records(records)[0]).unwrap();
        for (name, value) in kept.as_object().unwrap() {
            assert_eq!(&record["endpoint"][name], value, "{record}");
        }
        assert_eq!(record["endpoint"].get("OptOut"), None);
        assert_eq!(record["endpoint"].get("ChannelType"), None);
        let letter: Value = serde_json::from_str(&sent_records(letters)[0]).unwrap();
        assert_eq!(letter["client_id"], "first");
        assert_eq!(letter["reasons"][0]["path"], path);
        assert_eq!(letter["reasons"][0]["rule"], "wire");
        assert_eq!(letter["endpoint"], endpoint, "{letter}");
    }
}

#[test]
fn a_batch_without_an_endpoint_is_told_so() {
    let (items, calls) = {
        let config = config();
        let body = two_endpoints("");
        let head = signed(&config, "POST", EVENTS, body.as_bytes(), ARRIVAL);
        let (answer, _, calls) = serve(&head, &config, body.as_bytes(), all_stored);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        (answer["Results"]["first"].clone(), calls)
    };
    assert_eq!(items["EndpointItemResponse"]["StatusCode"], 400);
    assert_eq!(items["EventsItemResponse"]["e1"]["StatusCode"], 202);
    assert_eq!(calls.len(), 2);
}

#[test]
fn an_endpoint_is_refused_only_once_its_dead_letter_is_kept() {
    let config = config();
    let body = two_endpoints(r#""Endpoint":{"OptOut":"none"},"#);
    let head = signed(&config, "POST", EVENTS, body.as_bytes(), ARRIVAL);
    let (answer, _, _) = serve(&head, &config, body.as_bytes(), |call| {
        match stream_of(call).as_str() {
            "events" => all_stored(call),
            _ => Err(Unreachable),
        }
    });
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    let first = &answer["Results"]["first"];
    assert_eq!(first["EndpointItemResponse"]["StatusCode"], 500);
    assert_eq!(first["EventsItemResponse"]["e1"]["StatusCode"], 202);
}
