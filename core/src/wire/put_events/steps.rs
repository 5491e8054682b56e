//! What an outsider can make long costs no more than its length: counted at 1, 2 and 4 times a size.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Request;
use crate::steps;
use crate::wire::{cognito_identity, update_endpoint};

/// Reads a request with all its events and endpoints.
fn read(body: &str) {
    if let Ok(request) = Request::decode(body.as_bytes()) {
        for batch in &request.batches {
            let _ = batch.endpoint.value();
            for event in &batch.events {
                let _ = event.read();
            }
        }
    }
}

fn joined(count: usize, item: impl Fn(usize) -> String) -> String {
    (0..count).map(item).collect::<Vec<_>>().join(",")
}

fn batch(endpoint: &str, events: &str) -> String {
    format!(r#"{{"BatchItem":{{"c":{{"Endpoint":{endpoint},"Events":{events}}}}}}}"#)
}

/// Four times as much may take five times as many steps: what is sorted takes n log n.
fn is_linear(what: &str, count: usize, work: impl Fn(usize)) {
    let steps = [1, 2, 4].map(|times| steps::of(|| work(times * count)).max(1));
    let [one, two, four] = steps;
    assert!(two <= one * 5 / 2 && four <= one * 5, "{what}: {steps:?}");
}

#[test]
fn no_shape_of_a_request_costs_more_than_its_length() {
    let long_name = "n".repeat(60);
    let long_value = "v".repeat(101);
    let event = |members: &str| format!(r#"{{"e":{{{members}}}}}"#);
    let shapes: [(&str, &dyn Fn(usize) -> String); 14] = [
        ("members of an endpoint", &|n| {
            batch(
                &format!("{{{}}}", joined(n, |at| format!(r#""m{at}":1"#))),
                "{}",
            )
        }),
        ("attributes of an endpoint", &|n| {
            let attributes = joined(n, |at| format!(r#""a{at}":["{long_value}"]"#));
            batch(&format!(r#"{{"Attributes":{{{attributes}}}}}"#), "{}")
        }),
        ("long names of an endpoint", &|n| {
            let metrics = joined(n, |at| format!(r#""{long_name}{at}":1"#));
            batch(&format!(r#"{{"Metrics":{{{metrics}}}}}"#), "{}")
        }),
        ("one name many times", &|n| {
            let metrics = joined(n, |_| String::from(r#""m":1"#));
            batch(&format!(r#"{{"Metrics":{{{metrics}}}}}"#), "{}")
        }),
        ("members of an event", &|n| {
            batch("{}", &event(&joined(n, |at| format!(r#""m{at}":1"#))))
        }),
        ("attributes of an event", &|n| {
            let attributes = joined(n, |at| format!(r#""a{at}":5"#));
            batch("{}", &event(&format!(r#""Attributes":{{{attributes}}}"#)))
        }),
        ("events", &|n| {
            batch(
                "{}",
                &format!("{{{}}}", joined(n, |at| format!(r#""e{at}":{{}}"#))),
            )
        }),
        ("events of one id", &|n| {
            batch(
                "{}",
                &format!("{{{}}}", joined(n, |_| String::from(r#""e":{}"#))),
            )
        }),
        ("endpoints", &|n| {
            let batches = joined(n, |at| {
                format!(r#""c{at}":{{"Endpoint":{{}},"Events":{{}}}}"#)
            });
            format!(r#"{{"BatchItem":{{{batches}}}}}"#)
        }),
        ("endpoints that are null", &|n| {
            let batches = joined(n, |at| format!(r#""c{at}":null"#));
            format!(r#"{{"BatchItem":{{{batches}}}}}"#)
        }),
        ("brackets that do not close", &|n| {
            batch("{}", &event(&format!(r#""a":{}"#, "[".repeat(n))))
        }),
        ("brackets that close others", &|n| {
            batch(
                "{}",
                &event(&format!(r#""a":{}{}"#, "[{".repeat(n), "]}".repeat(n))),
            )
        }),
        ("quotes", &|n| batch("{}", &"\"".repeat(n))),
        ("escapes", &|n| {
            batch(
                "{}",
                &event(&format!(r#""EventType":"{}""#, "\\u0041".repeat(n))),
            )
        }),
    ];
    for (what, shape) in shapes {
        for count in [50, 2_000] {
            is_linear(what, count, |count| read(&shape(count)));
        }
    }
}

#[test]
fn nor_does_one_of_an_endpoint_or_of_the_identity_pool() {
    for count in [20, 100] {
        is_linear("UpdateEndpoint", count, |count| {
            let members = joined(count, |at| format!(r#""{at}":["v"]"#));
            let body = format!(
                r#"{{"Attributes":{{{members}}},"User":{{"UserAttributes":{{{members}}}}}}}"#
            );
            let _ = update_endpoint::decode(body.as_bytes());
        });
        is_linear("GetId", count, |count| {
            let logins = joined(count, |at| format!(r#""{at}":"t""#));
            let body = format!(r#"{{"IdentityPoolId":"a:0","Logins":{{{logins}}}}}"#);
            let _ = cognito_identity::GetIdRequest::decode(body.as_bytes());
        });
    }
}
