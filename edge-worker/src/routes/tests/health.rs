//! Alive and ready.

use super::*;
use crate::config::ConfigError;
use crate::delivery::queue::Queue;

fn ask(
    path: &str,
    config: Result<&Config, &[ConfigError]>,
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (u16, Value) {
    let platform = Simulated::new(answering);
    let service = Service {
        head: &head("GET", path, &[]),
        config,
        isolate: &new_isolate(),
        platform: &platform,
    };
    let (answer, _) = block_on(service.answer(&b""[..]));
    let body = serde_json::from_str(&answer.body).unwrap();
    (answer.status, body)
}

fn status_of(call: &HttpRequest) -> Result<HttpResponse, Unreachable> {
    let summary = json!({ "StreamDescriptionSummary": {
        "StreamName": stream_of(call), "StreamStatus": "ACTIVE",
        "StreamCreationTimestamp": 1_790_000_000.0,
    } });
    Ok(HttpResponse::new(200, summary.to_string()))
}

#[test]
fn alive_is_alive_whatever_the_configuration_is() {
    let mistakes = [ConfigError {
        binding: "MASTER_SECRETS",
        problem: "is missing".into(),
    }];
    let (status, body) = ask("/healthz", Err(&mistakes), |_| Err(Unreachable));
    assert_eq!(status, 200);
    // It still says what is missing.
    assert_eq!(body["configuration"], json!(["MASTER_SECRETS: is missing"]));
    assert_eq!(body["status"], "ok");
    let (status, body) = ask("/readyz", Err(&mistakes), |_| Err(Unreachable));
    assert_eq!((status, &body["status"]), (503, &json!("error")));
}

#[test]
fn ready_is_what_all_that_answers_wait_for_takes_records() {
    let (status, body) = ask("/readyz", Ok(&config()), status_of);
    assert_eq!(status, 200, "{body}");
    assert_eq!(
        body["sinks"],
        json!({ "events": "ACTIVE", "dead-letters": "ACTIVE" })
    );
}

#[test]
fn one_required_sink_that_is_not_there_is_enough_to_be_unready() {
    let mut config = config();
    config.sinks = Sinks::new(
        vec![kinesis("events"), kinesis("second")],
        kinesis("dead-letters"),
    );
    let (status, body) = ask("/readyz", Ok(&config), |call| {
        match stream_of(call).as_str() {
            "second" => Err(Unreachable),
            _ => status_of(call),
        }
    });
    assert_eq!(
        (status, &body["sinks"]["second"]),
        (503, &json!("unreachable"))
    );
    assert_eq!(body["sinks"]["events"], "ACTIVE");
}

#[test]
fn behind_a_queue_no_sink_decides() {
    let mut config = config();
    config.sinks = config.sinks.behind(Some(Queue::new("QUEUE")));
    let (status, body) = ask("/readyz", Ok(&config), |_| Err(Unreachable));
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["sinks"], json!({ "queue": "not asked" }));
}
