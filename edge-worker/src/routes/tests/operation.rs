//! The configuration that is missing, the health check and the log.

use super::*;
use crate::config::Bindings;

#[test]
fn without_a_configuration_nothing_is_claimed() {
    let errors = Config::read(Bindings::default()).err().unwrap();
    let platform = Simulated::new(all_stored);
    let answer = |head: &Head| {
        let service = Service {
            head,
            config: Err(&errors),
            isolate: &new_isolate(),
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
    assert_eq!(answer(&head("GET", "/healthz", &[])).status, 200);
    let health = answer(&head("GET", "/readyz", &[]));
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
        let body = json!({ "StreamDescriptionSummary": {
            "StreamStatus": "ACTIVE",
            "StreamCreationTimestamp": 1_790_000_000.0,
        } });
        Ok(HttpResponse::new(200, body.to_string()))
    });
    let ask = |query: &str| {
        let mut head = head("GET", "/healthz", &[]);
        head.query = query.into();
        let service = Service {
            head: &head,
            config: Ok(&config),
            isolate: &new_isolate(),
            platform: &platform,
        };
        block_on(service.answer(&b"{}"[..])).0
    };
    assert_eq!(ask("").status, 200);
    let deep = ask("deep=1");
    assert_eq!(deep.status, 503);
    assert!(
        deep.body
            .contains(r#""sinks":{"events":"ACTIVE","dead-letters":"unreachable"}"#),
        "{}",
        deep.body
    );
    // Whoever asks often costs Kinesis nothing.
    let asked = platform.sent.borrow().len();
    assert_eq!(ask("deep=1").body, deep.body);
    assert_eq!(platform.sent.borrow().len(), asked);
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

#[test]
fn metrics_are_the_sum_of_the_log_for_who_has_the_key() {
    const KEY: &str = "a key of 16 characters and more";
    let mut config = config();
    let isolate = new_isolate();
    let body = batch(json!({
        "e1": event(json!({ "email": "a@example.com" })),
        "e2": event(json!({ "email": "b@example.com" })),
        "e3": event(json!({})),
    }));
    let head_of_events = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    serve_with(&isolate, &head_of_events, &config, &body, all_stored);
    let ask = |config: &Config, authorization: &str| {
        let head = head("GET", "/metrics", &[("authorization", authorization)]);
        serve_with(&isolate, &head, config, b"", all_stored).0
    };
    let bearer = format!("Bearer {KEY}");
    assert_eq!(ask(&config, &bearer).status, 404, "no key is configured");
    config.metrics_key = Some(KEY.into());
    for wrong in ["", "Bearer ", "Bearer a key of 16 characters", KEY] {
        assert_eq!(ask(&config, wrong).status, 404, "{wrong}");
    }
    let answer = ask(&config, &bearer);
    assert_eq!(answer.status, 200);
    for sample in [
        r#"forebay_events_received_total{app_id="app-1"} 3"#,
        r#"forebay_events_total{app_id="app-1",event_type="SignUpEvent",outcome="accepted",reason=""} 2"#,
        r#"forebay_events_total{app_id="app-1",event_type="SignUpEvent",outcome="invalid",reason="required"} 1"#,
        r#"forebay_requests_total{operation="PutEvents",status="202",error=""} 1"#,
        r#"forebay_requests_total{operation="Metrics",status="404",error="NotFoundException"} 5"#,
    ] {
        let text = &answer.body;
        assert!(text.lines().any(|line| line == sample), "{sample}\n{text}");
    }
}
