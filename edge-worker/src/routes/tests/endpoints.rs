//! UpdateEndpoint, and the endpoints that come with events.

use super::*;

const PATH: &str = "/v1/apps/app-1/endpoints/client-1";

/// The answer to an update, the log's line, and what was written: by stream, as JSON.
fn update(
    method: &str,
    path: &str,
    body: &[u8],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Answer, String, Vec<(String, Value)>) {
    let config = config();
    let head = signed(&config, method, path, body, ARRIVAL);
    let (answer, line, calls) = serve(&head, &config, body, answering);
    let written = calls.iter().flat_map(|call| {
        let records = sent_records(call).into_iter();
        records.map(|record| (stream_of(call), serde_json::from_str(&record).unwrap()))
    });
    (answer, line, written.collect())
}

#[test]
fn update_endpoint_becomes_a_record_of_the_stream() {
    let body = json!({
        "Address": "ada@example.com",
        "ChannelType": "EMAIL",
        "EffectiveDate": "2026-11-17T01:02:03Z",
        "OptOut": "NONE",
        "Attributes": { "tags": ["a"] },
        "Demographic": { "Make": "Apple", "Platform": "ios" },
        "User": { "UserId": "u1", "UserAttributes": { "plan": ["pro"] } },
    });
    for method in ["PUT", "POST"] {
        let (answer, line, written) = update(method, PATH, body.to_string().as_bytes(), all_stored);
        assert_eq!(answer.status, 202, "{}", answer.body);
        let said: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(said["Message"], "Accepted");
        let [(stream, record)] = written.try_into().unwrap();
        assert_eq!(stream, "events");
        assert_eq!(record["event_type"], "_endpoint.update");
        assert_eq!(record["event_timestamp"], ARRIVAL.0);
        assert_eq!(record["arrival_timestamp"], ARRIVAL.0);
        assert_eq!(record["forebay"]["event_id"], said["RequestID"]);
        assert_eq!(record["client"]["client_id"], "client-1");
        assert_eq!(record["client"]["cognito_id"], IDENTITY);
        assert_eq!(record["device"]["platform"]["name"], "ios");
        for (name, value) in body.as_object().unwrap() {
            let written = &record["endpoint"][name];
            match name.as_str() {
                "EffectiveDate" => assert_eq!(written, "2026-11-17T01:02:03.000Z"),
                _ => assert_eq!(written, value, "{name}"),
            }
        }
        assert!(
            !line.contains("ada@") && line.contains(r#""accepted":1"#),
            "{line}"
        );
        // The lake reads what stands in the stream.
        let text = record.to_string();
        let decoded = event_stream::Record::decode(text.as_bytes()).unwrap();
        assert_eq!(decoded.endpoint.address.as_deref(), Some("ada@example.com"));
    }
}

#[test]
fn an_update_is_acknowledged_only_when_the_stream_has_it() {
    let throttled = |call: &HttpRequest| {
        let all = sent_records(call);
        let all = all
            .iter()
            .map(|_| Some("ProvisionedThroughputExceededException"));
        Ok(super::answer(all))
    };
    let (answer, line, _) = update("PUT", PATH, b"{}", throttled);
    assert_eq!(answer.status, 429);
    assert!(
        answer
            .headers
            .iter()
            .any(|(name, _)| *name == "retry-after")
    );
    assert!(line.contains(r#""throttled":1"#), "{line}");
    let (answer, line, _) = update("PUT", PATH, b"{}", |_| Err(Unreachable));
    assert_eq!(answer.status, 500);
    assert!(line.contains(r#""failed":1"#), "{line}");
}

#[test]
fn the_id_of_an_endpoint_is_what_its_path_stands_for() {
    let long = "x".repeat(256);
    for (segment, id) in [
        ("an%20endpoint%2Fwith%20%C3%A5", Some("an endpoint/with å")),
        (&long, Some(&*long)),
        ("%C3", None),
        ("%zz", None),
        (&format!("{long}x"), None),
    ] {
        let path = format!("/v1/apps/app-1/endpoints/{segment}");
        let (answer, _, written) = update("PUT", &path, b"{}", all_stored);
        assert_eq!(
            answer.status,
            if id.is_some() { 202 } else { 400 },
            "{segment}"
        );
        let written = written
            .first()
            .map(|(_, record)| &record["client"]["client_id"]);
        assert_eq!(written.and_then(Value::as_str), id);
    }
}

#[test]
fn an_update_that_is_none_is_refused_and_not_written() {
    for (body, status) in [
        (r#"{"ChannelType":"PIGEON"}"#.to_owned(), 400),
        ("[]".to_owned(), 400),
        (" ".repeat(15 * 1024 + 1), 413),
    ] {
        let (answer, _, written) = update("PUT", PATH, body.as_bytes(), all_stored);
        assert_eq!(
            (answer.status, written.len()),
            (status, 0),
            "{}",
            answer.body
        );
    }
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
