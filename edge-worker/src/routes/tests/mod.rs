//! Whole requests, through all modules, on a simulated platform.

mod duplicates;
mod personal_data;

use std::cell::RefCell;

use forebay_core::schema::Schema;
use forebay_core::sigv4::{self, Scope};
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream;
use futures_executor::block_on;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::{App, Bindings};
use crate::delivery::Sinks;
use crate::delivery::sinks::kinesis::tests::{answer, sent_records, stream};
use crate::http::message::tests::head;
use crate::identity::jwks::tests as jwks;
use crate::identity::login::tests as login;
use crate::identity::session_token::tests::secrets;
use crate::identity::session_token::{Amr, IssuedCredentials, Session, TokenError};
use crate::platform::simulated::Simulated;
use crate::platform::{HttpRequest, HttpResponse, Unreachable};

const ARRIVAL: Timestamp = Timestamp(1_795_000_000_000);
const EVENTS: &str = "/v1/apps/app-1/events";
const IDENTITY: &str = "eu-north-1:6fb4c4f2-0000-4000-8000-000000000001";

fn config() -> Config {
    let schema = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "x-version": 7,
        "$defs": {
            "SignUpEvent": {
                "type": "object",
                "properties": { "email": { "type": "string", "format": "email" } },
                "required": ["email"],
                "additionalProperties": false
            }
        }
    }"#;
    Config {
        region: "eu-north-1".into(),
        apps: vec![App {
            app_id: "app-1".into(),
            identity_pool_id: "eu-north-1:00000000-0000-4000-8000-00000000000a".into(),
        }],
        issuers: Vec::new(),
        sinks: Sinks {
            events: stream("events"),
            dead_letters: stream("dead-letters"),
        },
        base_path: String::new(),
        deduplication_window: 0,
        aws_account_id: Some("123456789012".into()),
        master_secrets: secrets(&["1"]),
        schema: Schema::parse(schema.as_bytes()).unwrap(),
        pii_salt: None,
    }
}

fn credentials(config: &Config) -> IssuedCredentials {
    config.master_secrets.issue(&Session {
        identity_id: IDENTITY.into(),
        amr: Amr::Unauthenticated,
        expiration: Timestamp(ARRIVAL.0 + 3_600_000),
    })
}

/// A signed request; `signed` is the sender's clock.
fn signed(config: &Config, method: &str, path: &str, body: &[u8], signed: Timestamp) -> Head {
    let issued = credentials(config);
    let host = [("host", "edge.example")];
    let request = sigv4::Request {
        method,
        path,
        query: "",
        headers: &host,
        body,
    };
    let added = sigv4::sign(
        &request,
        &sigv4::Credentials {
            access_key_id: &issued.access_key_id,
            secret_access_key: &issued.secret_access_key,
            session_token: Some(&issued.session_token),
        },
        &Scope {
            region: "eu-north-1",
            service: "mobiletargeting",
        },
        signed,
    );
    let added = added.iter().map(|(name, value)| (*name, value.as_str()));
    let headers: Vec<(&str, &str)> = host.into_iter().chain(added).collect();
    head(method, path, &headers)
}

/// A window that remembers nothing.
fn no_window() -> RefCell<DeduplicationWindow> {
    RefCell::new(DeduplicationWindow::new(0, [0; 32]))
}

/// The answer, the log's line, and what was sent to Kinesis.
fn serve(
    head: &Head,
    config: &Config,
    body: &[u8],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Answer, String, Vec<HttpRequest>) {
    serve_with(&no_window(), head, config, body, answering)
}

/// The same by a worker that has accepted what is in the window.
fn serve_with(
    window: &RefCell<DeduplicationWindow>,
    head: &Head,
    config: &Config,
    body: &[u8],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Answer, String, Vec<HttpRequest>) {
    let platform = Simulated::new(answering);
    let service = Service {
        head,
        config: Ok(config),
        window,
        platform: &platform,
    };
    let (answer, line) = block_on(service.answer(body));
    let calls = platform.sent.take();
    (answer, line.encode(), calls)
}

fn all_stored(call: &HttpRequest) -> Result<HttpResponse, Unreachable> {
    Ok(answer(sent_records(call).iter().map(|_| None)))
}

fn event(attributes: Value) -> Value {
    json!({
        "EventType": "SignUpEvent",
        "Timestamp": Timestamp(ARRIVAL.0 - 1_000).to_iso8601(),
        "Attributes": attributes,
    })
}

fn batch(events: Value) -> Vec<u8> {
    json!({ "BatchItem": { "client-1": { "Endpoint": {}, "Events": events } } })
        .to_string()
        .into_bytes()
}

fn items(answer: &Answer) -> Value {
    assert_eq!(answer.status, 202, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["Results"]["client-1"]["EventsItemResponse"].clone()
}

fn put_events(
    body: &[u8],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Value, Vec<HttpRequest>) {
    let config = config();
    let head = signed(&config, "POST", EVENTS, body, ARRIVAL);
    let (answer, _, calls) = serve(&head, &config, body, answering);
    (items(&answer), calls)
}

fn stream_of(call: &HttpRequest) -> String {
    let body: Value = serde_json::from_str(&call.body).unwrap();
    body["StreamName"].as_str().unwrap().to_owned()
}

#[test]
fn each_event_goes_where_it_belongs_and_gets_an_answer_of_its_own() {
    let body = batch(json!({
        "good": event(json!({ "email": "a@example.com" })),
        "bad": event(json!({ "email": "nobody", "colour": "red" })),
        "unknown": { "EventType": "Nothing", "Timestamp": "2026-11-18T00:00:00Z" },
        "malformed": { "EventType": "SignUpEvent", "Timestamp": "yesterday" },
    }));
    let (items, calls) = put_events(&body, all_stored);
    assert_eq!(
        items["good"],
        json!({ "Message": "Accepted", "StatusCode": 202 })
    );
    for (id, named) in [
        ("bad", ["Attributes.email", "Attributes.colour"]),
        ("unknown", ["EventType", "SignUpEvent"]),
        ("malformed", ["Timestamp", "expected"]),
    ] {
        assert_eq!(items[id]["StatusCode"], 400, "{id}");
        let message = items[id]["Message"].as_str().unwrap();
        assert!(
            named.iter().all(|part| message.contains(part)),
            "{id}: {message}"
        );
    }
    let streams: Vec<_> = calls
        .iter()
        .map(|call| (stream_of(call), sent_records(call).len()))
        .collect();
    assert_eq!(
        streams,
        [("events".to_owned(), 1), ("dead-letters".to_owned(), 3)]
    );
}

#[test]
fn a_dead_letter_holds_the_reasons_and_the_event_as_it_was_sent() {
    let mut sent = event(json!({ "email": "nobody" }));
    sent["Unheard"] = json!({ "of": [1.50, null] });
    let (_, calls) = put_events(&batch(json!({ "e1": sent })), all_stored);
    let [letter] = sent_records(&calls[0]).try_into().unwrap();
    assert!(letter.ends_with("}\n"));
    let letter: Value = serde_json::from_str(&letter).unwrap();
    assert_eq!(letter["event"], sent);
    for (name, value) in [
        ("event_id", json!("e1")),
        ("event_type", json!("SignUpEvent")),
        ("app_id", json!("app-1")),
        ("client_id", json!("client-1")),
        ("arrival_timestamp", json!(ARRIVAL.0)),
        ("schema_version", json!(7)),
    ] {
        assert_eq!(letter[name], value, "{name}");
    }
    let reasons = letter["reasons"].as_array().unwrap();
    assert_eq!(reasons.len(), 1);
    assert_eq!(
        (&reasons[0]["path"], &reasons[0]["rule"]),
        (&json!("Attributes.email"), &json!("format"))
    );
}

#[test]
fn a_value_of_another_type_is_told_as_the_browser_tells_it() {
    let mut sent = event(json!({ "email": 5, "a": true, "b": null, "c": {}, "d": "text" }));
    sent["Metrics"] = json!({ "e": "5", "f": 5, "g": [5] });
    let mut none = event(json!("text"));
    none["Metrics"] = json!([5]);
    let (_, calls) = put_events(&batch(json!({ "e1": sent, "e2": none })), all_stored);
    let reasons = sent_records(&calls[0]).into_iter().map(|letter| {
        let letter: Value = serde_json::from_str(&letter).unwrap();
        let reasons = letter["reasons"].as_array().unwrap().clone();
        let parts = |reason: &Value| {
            let part = |name: &str| reason[name].as_str().unwrap().to_owned();
            format!("{}: {}, {}", part("path"), part("expected"), part("actual"))
        };
        reasons.iter().map(parts).collect::<Vec<_>>()
    });
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [
            vec![
                "Attributes.a: a field of the event type, a name that is not in the schema",
                "Attributes.c: a field of the event type, a name that is not in the schema",
                "Attributes.d: a field of the event type, a name that is not in the schema",
                "Attributes.email: a string in Attributes, number",
                "Metrics.e: a field of the event type, a name that is not in the schema",
                "Metrics.f: a field of the event type, a name that is not in the schema",
                "Metrics.g: a field of the event type, a name that is not in the schema",
            ],
            vec![
                "Attributes: an object, string",
                "Metrics: an object, object",
                "Attributes.email: a string in Attributes, nothing",
            ],
        ]
    );
}

#[test]
fn an_event_too_large_to_be_kept_is_refused_with_a_letter_that_says_so() {
    let mut large = event(json!({ "email": "a@example.com" }));
    large["AppTitle"] = json!("x".repeat(1_100_000));
    let (items, calls) = put_events(&batch(json!({ "e1": large })), all_stored);
    assert_eq!(items["e1"]["StatusCode"], 400);
    let [letter] = sent_records(&calls[0]).try_into().unwrap();
    let letter: Value = serde_json::from_str(&letter).unwrap();
    assert_eq!(letter["event_omitted"], json!(true));
    assert_eq!(letter.get("event"), None);
}

#[test]
fn an_event_of_very_many_names_is_refused_with_reasons_that_fit() {
    let attributes: serde_json::Map<String, Value> = (0..9_000)
        .map(|index| (format!("{index}{}", "n".repeat(100)), json!("")))
        .collect();
    let body = batch(json!({ "e1": event(Value::Object(attributes)) }));
    let (items, calls) = put_events(&body, all_stored);
    assert_eq!(items["e1"]["StatusCode"], 400);
    let [letter] = sent_records(&calls[0]).try_into().unwrap();
    let letter: Value = serde_json::from_str(&letter).unwrap();
    // One for the email that is missing, and the first forty names.
    assert_eq!(letter["reasons"].as_array().unwrap().len(), 41);
    assert!(letter["reasons"].to_string().len() < 10_000);
}

#[test]
fn what_the_streams_do_not_have_is_to_be_sent_again() {
    let body = batch(json!({
        "good": event(json!({ "email": "a@example.com" })),
        "bad": event(json!({})),
    }));
    let (items, _) = put_events(&body, |_| Err(Unreachable));
    assert_eq!(
        (&items["good"]["StatusCode"], &items["bad"]["StatusCode"]),
        (&json!(500), &json!(500))
    );
    // Only the dead letters fail: the invalid event alone has to come again.
    let (items, _) = put_events(&body, |call| match stream_of(call).as_str() {
        "events" => all_stored(call),
        _ => Ok(answer([Some("ProvisionedThroughputExceededException")])),
    });
    assert_eq!(
        (&items["good"]["StatusCode"], &items["bad"]["StatusCode"]),
        (&json!(202), &json!(429))
    );
}

#[test]
fn an_event_never_shares_the_fate_of_its_neighbour() {
    let events: serde_json::Map<String, Value> = (0..40)
        .map(|index| {
            let email = if index % 3 == 0 {
                "nobody"
            } else {
                "a@example.com"
            };
            (
                format!("e{index:02}"),
                event(json!({ "email": email, "n": null })),
            )
        })
        .collect();
    let mut count = 0;
    let failing = RefCell::new(Vec::new());
    let (items, _) = put_events(&batch(Value::Object(events)), |call| {
        let errors: Vec<_> = sent_records(call)
            .iter()
            .map(|record| {
                count += 1;
                let fails = record.contains("e07") || record.contains("e09");
                if fails {
                    failing.borrow_mut().push(count);
                }
                fails.then_some("InternalFailure")
            })
            .collect();
        Ok(answer(errors))
    });
    assert!(!failing.borrow().is_empty());
    for index in 0..40 {
        let expected = match index {
            7 | 9 => 500,
            _ if index % 3 == 0 => 400,
            _ => 202,
        };
        assert_eq!(
            items[format!("e{index:02}")]["StatusCode"],
            expected,
            "e{index:02}"
        );
    }
}

#[test]
fn a_record_says_who_where_on_what_and_when() {
    let config = config();
    let mut sent = event(json!({ "email": "a@example.com" }));
    sent["Session"] =
        json!({ "Id": "s1", "StartTimestamp": Timestamp(ARRIVAL.0 - 90_000).to_iso8601() });
    let body = batch(json!({ "e1": sent }));
    // A clock that is a minute behind.
    let mut head = signed(
        &config,
        "POST",
        EVENTS,
        &body,
        Timestamp(ARRIVAL.0 - 60_000),
    );
    head.headers
        .push(("accept-language".into(), "sv-SE,sv;q=0.9".into()));
    head.cf = serde_json::from_str(r#"{"country":"SE","timezone":"Europe/Stockholm"}"#).unwrap();
    let (answered, line, calls) = serve(&head, &config, &body, all_stored);
    assert_eq!(items(&answered)["e1"]["StatusCode"], 202);
    assert!(line.contains(r#""accepted":1"#), "{line}");
    let [data] = sent_records(&calls[0]).try_into().unwrap();
    let record = event_stream::Record::decode(data.as_bytes()).unwrap();
    let forebay = record.forebay.unwrap();
    assert_eq!(record.client.cognito_id.as_deref(), Some(IDENTITY));
    assert_eq!(record.aws_account_id.as_deref(), Some("123456789012"));
    assert_eq!(
        (forebay.event_id.as_ref(), forebay.schema_version),
        ("e1", 7)
    );
    assert_eq!(forebay.amr, "unauthenticated");
    assert_eq!(forebay.geo.country.as_deref(), Some("SE"));
    assert_eq!(record.device.locale.as_deref(), Some("sv_SE"));
    assert_eq!(record.arrival_timestamp, ARRIVAL);
    // Corrected by the minute, and not beyond the arrival.
    assert_eq!(record.event_timestamp, ARRIVAL);
    assert_eq!(
        forebay.original_event_timestamp,
        Some(Timestamp(ARRIVAL.0 - 1_000))
    );
    assert_eq!(
        record.session.unwrap().start_timestamp,
        Timestamp(ARRIVAL.0 - 30_000)
    );
}

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
    let query = sigv4::presign(
        &request,
        &sigv4::Credentials {
            access_key_id: &issued.access_key_id,
            secret_access_key: &issued.secret_access_key,
            session_token: Some(&issued.session_token),
        },
        &Scope {
            region: "eu-north-1",
            service: "mobiletargeting",
        },
        ARRIVAL,
        60,
    );
    let mut presigned = head("POST", EVENTS, &host);
    presigned.query = query;
    let (answer, _, _) = serve(&presigned, &config, &body, all_stored);
    assert_eq!(items(&answer)["e1"]["StatusCode"], 202);
    presigned.arrival = Timestamp(ARRIVAL.0 + 61_000);
    let (late, line, _) = serve(&presigned, &config, &body, all_stored);
    assert_eq!(late.status, 403);
    assert!(line.contains("InvalidSignatureException"), "{line}");
}

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

#[test]
fn without_a_configuration_nothing_is_claimed() {
    let errors = Config::read(Bindings::default()).err().unwrap();
    let platform = Simulated::new(all_stored);
    let answer = |head: &Head| {
        let service = Service {
            head,
            config: Err(&errors),
            window: &no_window(),
            platform: &platform,
        };
        block_on(service.answer(&b"{}"[..])).0
    };
    assert_eq!(answer(&head("POST", EVENTS, &[])).status, 500);
    let identity = answer(&head("POST", "/", &[]));
    assert_eq!(identity.status, 500);
    assert!(
        identity
            .body
            .contains(r#""__type":"InternalErrorException""#),
        "{}",
        identity.body
    );
    let health = answer(&head("GET", "/healthz", &[]));
    assert_eq!(health.status, 503);
    for binding in [
        "FOREBAY",
        "SCHEMA",
        "MASTER_SECRETS",
        "KINESIS_ACCESS_KEY_ID",
    ] {
        assert!(health.body.contains(binding), "{}", health.body);
    }
}

#[test]
fn deep_health_asks_both_streams_and_tells_the_truth() {
    let config = config();
    let platform = Simulated::new(|call| {
        if stream_of(call) == "dead-letters" {
            return Err(Unreachable);
        }
        let body = json!({ "StreamDescriptionSummary": { "StreamStatus": "ACTIVE" } });
        Ok(HttpResponse {
            status: 200,
            body: body.to_string().into_bytes(),
        })
    });
    let ask = |query: &str| {
        let mut head = head("GET", "/healthz", &[]);
        head.query = query.into();
        let service = Service {
            head: &head,
            config: Ok(&config),
            window: &no_window(),
            platform: &platform,
        };
        block_on(service.answer(&b"{}"[..])).0
    };
    assert_eq!(ask("").status, 200);
    let deep = ask("deep=1");
    assert_eq!(deep.status, 503);
    assert!(
        deep.body
            .contains(r#""streams":{"events":"ACTIVE","dead_letters":"unreachable"}"#),
        "{}",
        deep.body
    );
    // Whoever asks often costs Kinesis nothing.
    let asked = platform.sent.borrow().len();
    assert_eq!(ask("deep=1"), deep);
    assert_eq!(platform.sent.borrow().len(), asked);
}

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

#[test]
fn the_log_line_names_no_person() {
    let config = config();
    let body =
        batch(json!({ "e1": event(json!({ "email": "secret.person@example.com", "x": "y" })) }));
    let head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    let (_, line, _) = serve(&head, &config, &body, all_stored);
    for personal in ["secret.person", IDENTITY, "client-1", "ASIA"] {
        assert!(!line.contains(personal), "{line}");
    }
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["operation"], "PutEvents");
    assert_eq!(
        line["events"],
        json!({ "accepted": 0, "duplicate": 0, "invalid": 1, "throttled": 0, "failed": 0 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Signed, so that it comes to be read: a body that was right until some of its bytes changed.
    #[test]
    fn a_body_of_any_kind_gets_an_answer(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
        is_endpoint in any::<bool>(),
    ) {
        let endpoint = json!({
            "ChannelType": "EMAIL",
            "EffectiveDate": "2026-11-21T01:02:03.004Z",
            "Attributes": { "a": ["b", "c"] },
            "Demographic": { "Locale": "sv_SE", "Platform": "web" },
            "Location": { "Latitude": 59.3, "Longitude": -1e2 },
            "User": { "UserId": "u1" },
        });
        let mut good = event(json!({ "email": "a\u{e5}\u{1f3b9}@example.com" }));
        good["Session"] = json!({ "Id": "s", "StartTimestamp": "2026-11-21T01:02:03+02:00", "Duration": 5 });
        good["Metrics"] = json!({ "m": -1.5e-7 });
        let mut body = match is_endpoint {
            true => endpoint.to_string(),
            false => json!({ "BatchItem": { "c": {
                "Endpoint": endpoint,
                "Events": { "a": good, "b": { "EventType": null } },
            } } }).to_string(),
        }.into_bytes();
        for (index, byte) in changes {
            let index = index.index(body.len());
            body[index] = byte;
        }
        if is_cut {
            body.truncate(cut.index(body.len()));
        }
        let config = config();
        let (method, path) = match is_endpoint {
            true => ("PUT", "/v1/apps/app-1/endpoints/e"),
            false => ("POST", EVENTS),
        };
        let head = signed(&config, method, path, &body, ARRIVAL);
        let (answer, _, _) = serve(&head, &config, &body, all_stored);
        prop_assert!(matches!(answer.status, 202 | 400), "{}", answer.body);
        prop_assert!(serde_json::from_str::<Value>(&answer.body).is_ok());
    }

    #[test]
    fn a_head_of_any_kind_gets_an_answer(
        method in "[A-Z]{1,8}|GET|POST|PUT|OPTIONS",
        path in "(/(v1|apps|events|endpoints|healthz|\\PC{0,8})){0,6}",
        query in "(X-Amz-[A-Za-z]{1,12}=\\PC{0,20}&?){0,8}|\\PC{0,40}",
        headers in proptest::collection::vec(
            (
                "authorization|x-amz-date|x-amz-security-token|x-amz-target|user-agent|sec-ch-ua|\
                 sec-ch-ua-platform|accept-language|access-control-request-headers|host",
                "(AWS4-HMAC-SHA256 Credential=A/\\PC{0,9}/us/s/aws4_request, SignedHeaders=host, \
                 Signature=[0-9a-f]{64})|\\PC{0,80}",
            ),
            0..10,
        ),
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let config = config();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut head = head(&method, &path, &headers);
        head.query = query;
        let (answer, _, calls) = serve(&head, &config, &body, all_stored);
        prop_assert!((200..=405).contains(&answer.status), "{} {}", answer.status, answer.body);
prop_assert!(calls.is_empty());
        for (name, value) in answer.headers_for(&head.request_id, String::new()) {
            prop_assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{name}: {value}");
        }
    }
}

/// The cases of a file of vectors.
fn vectors(file: &str) -> Vec<Value> {
    let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    serde_json::from_value(vectors["cases"].take()).unwrap()
}

#[test]
fn half_a_surrogate_pair_is_a_character_of_its_event() {
    let schema = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {
            "Note": { "type": "object", "properties": { "text": { "type": "string" } } }
        }
    }"#;
    let config = Config {
        schema: Schema::parse(schema.as_bytes()).unwrap(),
        ..config()
    };
    let cases = vectors("surrogates.json");
    let note = |attributes: String| {
        let time = Timestamp(ARRIVAL.0 - 1_000).to_iso8601();
        format!(r#"{{"EventType":"Note","Timestamp":"{time}","Attributes":{attributes}}}"#)
    };
    let mut events: Vec<String> = (cases.iter().enumerate())
        .map(|(at, case)| {
            let json = case["json"].as_str().unwrap();
            let event = note(format!(r#"{{"text":{json}}}"#));
            format!(r#""e{at}":{event}"#)
        })
        .collect();
    for (id, event) in [
        ("name", note(r#"{"\ud83c":"x"}"#.into())),
        ("names", note(r#"{"\ud83c":"x","\ud83d":"y"}"#.into())),
        ("twice", note(r#"{"text":"x","text":"y"}"#.into())),
        ("type", note("{}".into()).replace("Note", r"Note\ud83c")),
    ] {
        events.push(format!(r#""{id}":{event}"#));
    }
    let body = format!(
        r#"{{"BatchItem":{{"client-1":{{"Endpoint":{{}},"Events":{{{}}}}}}}}}"#,
        events.join(",")
    );
    let head = signed(&config, "POST", EVENTS, body.as_bytes(), ARRIVAL);
    let (answer, _, calls) = serve(&head, &config, body.as_bytes(), all_stored);
    let items = items(&answer);
    for at in 0..cases.len() {
        assert_eq!(items[format!("e{at}")]["StatusCode"], 202, "{items}");
    }
    let message = |id: &str| {
        assert_eq!(items[id]["StatusCode"], 400, "{id}: {items}");
        items[id]["Message"].as_str().unwrap().to_owned()
    };
    assert!(message("name").contains('\u{fffd}'), "{}", message("name"));
    assert!(message("type").contains("EventType"), "{}", message("type"));
    assert!(message("names").contains('\u{fffd}'), "{items}");
    assert!(message("twice").contains("each name once"), "{items}");
    let stored: Vec<String> = sent_records(&calls[0])
        .iter()
        .map(|record| {
            let record = event_stream::Record::decode(record.as_bytes()).unwrap();
            record.attributes[0].1.to_string()
        })
        .collect();
    let expected: Vec<&str> = cases
        .iter()
        .map(|case| case["text"].as_str().unwrap())
        .collect();
    assert_eq!(stored, expected);
    assert_eq!(sent_records(&calls[1]).len(), 4, "dead letters");
}
