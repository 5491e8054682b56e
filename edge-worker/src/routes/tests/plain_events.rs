//! `POST /v1/events`.

use std::io::Write as _;

use super::*;
use crate::identity::server_key::tests::{BEARER, keys};

fn config(may: &[&str]) -> Config {
    let mut config = super::config();
    config.server_keys = keys(may);
    config
}

fn post(query: &str, authorization: &str, content_type: &str) -> Head {
    let mut head = head(
        "POST",
        "/v1/events",
        &[
            ("host", "edge.example"),
            ("authorization", authorization),
            ("content-type", content_type),
        ],
    );
    head.query = query.to_owned();
    head
}

fn bearer() -> String {
    format!("Bearer {BEARER}")
}

/// The status, the results, and what went to each stream.
pub(super) struct Sent {
    status: u16,
    pub(super) results: Value,
    records: Vec<Value>,
    pub(super) letters: Vec<Value>,
    answer: Answer,
}

pub(super) fn send_with(isolate: &Isolate, config: &Config, body: &[u8]) -> Sent {
    let head = post("", &bearer(), "application/json");
    let (answer, line, calls) = serve_with(isolate, &head, config, body, all_stored);
    assert!(!line.contains(BEARER));
    let of = |stream: &str| {
        let calls = calls.iter().filter(|call| stream_of(call) == stream);
        let records = calls.flat_map(sent_records);
        records
            .map(|record| serde_json::from_str(&record).unwrap())
            .collect()
    };
    let parsed: Value = serde_json::from_str(&answer.body).unwrap();
    Sent {
        status: answer.status,
        results: parsed["results"].clone(),
        records: of("events"),
        letters: of("dead-letters"),
        answer,
    }
}

pub(super) fn send(body: &str) -> Sent {
    send_with(&new_isolate(), &config(&["*"]), body.as_bytes())
}

const GOOD: &str = r#"{"name":"SignUpEvent","attributes":{"email":"a@example.com"}}"#;

#[test]
fn one_event_becomes_one_record() {
    let sent = send(
        r#"{"id":"sign-up-17","name":"SignUpEvent","timestamp":"2026-11-18T11:00:00Z",
            "attributes":{"email":"a@example.com"},"endpoint_id":"c1","user":{"id":"u1"},
            "session":{"id":"s1"},"app":{"title":"Shop","version_name":"2.1"},
            "device":{"platform":"ios","locale":"sv_SE"},"sdk":{"name":"shop-ios","version":"3"}}"#,
    );
    assert_eq!(sent.status, 202);
    let event_id = sent.results[0]["event_id"].as_str().unwrap();
    assert_eq!(
        sent.results,
        json!([{ "id": "sign-up-17", "event_id": event_id, "status": 202, "message": "Accepted" }])
    );
    let record = &sent.records[0];
    assert_eq!(record["forebay"]["event_id"], event_id);
    assert_eq!(record["forebay"]["amr"], "server");
    assert_eq!(record["client"], json!({ "client_id": "c1" }));
    assert_eq!(record["endpoint"]["User"]["UserId"], "u1");
    assert_eq!(record["session"]["session_id"], "s1");
    assert_eq!(record["application"]["title"], "Shop");
    assert_eq!(record["application"]["version_name"], "2.1");
    assert_eq!(
        record["application"]["sdk"],
        json!({ "name": "shop-ios", "version": "3" })
    );
    assert_eq!(record["device"]["platform"]["name"], "ios");
    assert_eq!(record["event_timestamp"], 1_794_999_600_000_i64);
}

#[test]
fn answers_stand_in_the_order_of_the_events_and_one_bad_event_costs_only_itself() {
    let lines = [
        GOOD.to_owned(),
        r#"{"name":"SignUpEvent","#.to_owned(),
        r#"{"id":"e3","name":"SignUpEvent","attributes":{"email":"nobody"}}"#.to_owned(),
        GOOD.replace("{\"name\"", "{\"id\":\"e4\",\"name\""),
        r#"{"id":"e5","nmae":"SignUpEvent"}"#.to_owned(),
        "5".to_owned(),
        GOOD.to_owned(),
    ];
    let sent = send(&lines.join("\n"));
    assert_eq!(sent.status, 207);
    let results = sent.results.as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|result| &result["status"]).collect();
    assert_eq!(json!(statuses), json!([202, 400, 400, 202, 400, 400, 202]));
    let ids: Vec<_> = results.iter().map(|result| result.get("id")).collect();
    assert_eq!(
        json!(ids),
        json!([null, null, "e3", "e4", "e5", null, null])
    );
    for (index, expected) in [
        (1, "JSON"),
        (2, "Attributes.email: expected"),
        (4, "nmae: expected one of id, name"),
        (5, "expected an object"),
    ] {
        let message = results[index]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{index}: {message}");
    }
    assert_eq!((sent.records.len(), sent.letters.len()), (3, 4));
    for result in results {
        let all = sent
            .records
            .iter()
            .map(|record| &record["forebay"]["event_id"]);
        let all = all.chain(sent.letters.iter().map(|letter| &letter["event_id"]));
        assert_eq!(all.filter(|id| **id == result["event_id"]).count(), 1);
    }
}

#[test]
fn an_event_that_is_sent_again_is_written_once() {
    let mut config = config(&["*"]);
    config.deduplication_window = 10;
    for event in [
        r#""id":"order-17","name":"SignUpEvent""#,
        r#""id":"0b9f1f9e-0000-4000-8000-000000000001","name":"SignUpEvent""#,
        r#""timestamp":"2026-11-18T11:00:00Z","name":"SignUpEvent""#,
    ] {
        let isolate = Isolate::new(Some(&config), Some([7; 16]), ARRIVAL);
        let body = format!(r#"{{{event},"attributes":{{"email":"a@example.com"}}}}"#);
        let first = send_with(&isolate, &config, body.as_bytes());
        let again = send_with(&isolate, &config, body.as_bytes());
        assert_eq!((first.status, again.status), (202, 202));
        assert_eq!(first.results, again.results);
        assert_eq!(
            (first.records.len(), again.records.len()),
            (1, 0),
            "{event}"
        );
        // And within one body.
        let twice = send(&format!("[{body},{GOOD},{body}]"));
        assert_eq!(twice.results[0], twice.results[2]);
        assert_eq!(twice.records.len(), 2);
        // Another event is another one.
        let other = body.replace("a@example.com", "b@example.com");
        let other = send_with(&isolate, &config, other.as_bytes());
        let is_named = event.contains("\"id\"");
        assert_eq!(other.records.len(), usize::from(!is_named), "{event}");
    }
}

#[test]
fn an_event_without_an_endpoint_is_its_users_or_its_senders() {
    let client = |body: &str| send(body).records[0]["client"]["client_id"].clone();
    let with_user = |id: &str| {
        let user = format!("{{\"user\":{{\"id\":\"{id}\"}},");
        client(&GOOD.replacen('{', &user, 1))
    };
    assert_eq!(client(GOOD), client(GOOD));
    assert_eq!(with_user("u1"), with_user("u1"));
    let all = [client(GOOD), with_user("u1"), with_user("u2")];
    assert!(
        all[0] != all[1] && all[1] != all[2] && all[0] != all[2],
        "{all:?}"
    );
    assert!(all.iter().all(|id| id.as_str().unwrap().len() == 36));
}

#[test]
fn events_may_share_what_they_say() {
    let sent = send(&format!(
        r#"{{"events":[{GOOD},{GOOD}],"endpoint_id":"c1","session":{{"id":"s1"}}}}"#
    ));
    assert_eq!(sent.records.len(), 2);
    for record in sent.records {
        assert_eq!(record["client"]["client_id"], "c1");
        assert_eq!(record["session"]["session_id"], "s1");
    }
}

#[test]
fn a_user_attribute_that_is_too_long_is_left_out_and_said() {
    let user = format!(
        r#"{{"user":{{"attributes":{{"a":"{}"}}}},"#,
        "x".repeat(101)
    );
    let sent = send(&GOOD.replacen('{', &user, 1));
    assert_eq!(sent.results[0]["status"], 202);
    let left_out = sent.results[0]["left_out"].as_str().unwrap();
    assert!(left_out.contains("User.UserAttributes.a"), "{left_out}");
}

#[test]
fn only_a_key_or_a_signature_is_taken() {
    let config = config(&["*"]);
    for (authorization, status, code) in [
        ("Bearer wrong", 401, "UnauthorizedException"),
        ("Bearer ", 401, "UnauthorizedException"),
        ("bearer", 403, "IncompleteSignatureException"),
        ("Basic YTpi", 403, "IncompleteSignatureException"),
        (BEARER, 403, "IncompleteSignatureException"),
    ] {
        let head = post("", authorization, "application/json");
        let (answer, _, calls) = serve(&head, &config, GOOD.as_bytes(), all_stored);
        assert_eq!(answer.status, status, "{authorization}: {}", answer.body);
        let code = ("x-amzn-errortype", code.to_owned());
        assert!(answer.headers.contains(&code), "{authorization}");
        assert!(calls.is_empty());
    }
    let nothing = head("POST", "/v1/events", &[]);
    let (answer, _, _) = serve(&nothing, &config, GOOD.as_bytes(), all_stored);
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("SERVER_KEYS"), "{}", answer.body);
    let signed = signed(&config, "POST", "/v1/events", GOOD.as_bytes(), ARRIVAL);
    let (answer, _, calls) = serve(&signed, &config, GOOD.as_bytes(), all_stored);
    assert_eq!(answer.status, 202, "{}", answer.body);
    let record: Value = serde_json::from_str(&sent_records(&calls[0])[0]).unwrap();
    assert_eq!(record["forebay"]["amr"], "unauthenticated");
}

#[test]
fn a_key_sends_what_it_may_and_where_it_may() {
    let sent = send_with(&new_isolate(), &config(&["order.*"]), GOOD.as_bytes());
    assert_eq!(sent.status, 400);
    assert!(
        sent.answer.body.contains("this key may send"),
        "{}",
        sent.answer.body
    );
    let mut config = config(&["*"]);
    let other = App {
        app_id: "app-2".into(),
        ..config.apps[0].clone()
    };
    config.apps.push(other);
    for (query, status) in [
        ("", 202),
        ("app=app-1", 202),
        ("app=app-2", 403),
        ("app=app-3", 404),
    ] {
        let head = post(query, &bearer(), "application/json");
        let (answer, _, _) = serve(&head, &config, GOOD.as_bytes(), all_stored);
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
    }
    for key in &mut config.server_keys {
        key.apps.push("app-2".to_owned());
    }
    let head = post("", &bearer(), "application/json");
    let (answer, _, _) = serve(&head, &config, GOOD.as_bytes(), all_stored);
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("/v1/events?app="), "{}", answer.body);
}

#[test]
fn gzip_is_taken_and_limits_hold() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(GOOD.as_bytes()).unwrap();
    let sent = send_with(&new_isolate(), &config(&["*"]), &encoder.finish().unwrap());
    assert_eq!(sent.status, 202);
    let many = vec![GOOD; 501].join("\n");
    let sent = send(&many);
    assert_eq!((sent.status, sent.records.len()), (400, 0));
    assert!(
        sent.answer.body.contains("at most 500 events"),
        "{}",
        sent.answer.body
    );
    let sent = send(&many[..many.len() - GOOD.len() - 1]);
    assert_eq!((sent.status, sent.records.len()), (202, 500));
}

#[test]
fn what_the_stream_does_not_take_is_to_be_sent_again() {
    let head = post("", &bearer(), "application/json");
    let (answer, _, _) = serve(&head, &config(&["*"]), GOOD.as_bytes(), |_| {
        Err(Unreachable)
    });
    assert_eq!(answer.status, 500);
    assert!(answer.headers.contains(&("retry-after", "1".to_owned())));
    let body = format!("[{GOOD},5]");
    let (answer, _, _) = serve(
        &head,
        &config(&["*"]),
        body.as_bytes(),
        |call| match stream_of(call).as_str() {
            "events" => all_stored(call),
            _ => Ok(super::answer([Some(
                "ProvisionedThroughputExceededException",
            )])),
        },
    );
    assert_eq!(answer.status, 207);
    let parsed: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(parsed["results"][0]["status"], 202);
    assert_eq!(parsed["results"][1]["status"], 429);
}

#[test]
fn a_share_covers_the_copies_of_what_events_share() {
    let isolate = new_isolate();
    let config = config(&["*"]);
    let taken = std::cell::Cell::new(0);
    let events = vec![GOOD; 500].join(",");
    let user = "x".repeat(15_000);
    let body = format!(r#"{{"events":[{events}],"user":{{"id":"{user}"}}}}"#);
    let head = post("", &bearer(), "application/json");
    let (answer, _, calls) = serve_with(&isolate, &head, &config, body.as_bytes(), |call| {
        taken.set(isolate.budget.taken());
        all_stored(call)
    });
    assert_eq!(answer.status, 202, "{}", answer.body);
    let bytes: usize = calls.iter().map(|call| call.body.len()).sum();
    assert!(body.len() < 60 * 1024 && bytes > 7 * 1024 * 1024);
    assert!(taken.get() >= 2 * bytes, "{} for {bytes}", taken.get());
    assert_eq!(isolate.budget.taken(), 0);
}

/// Every way in which an event can be refused, in every form of a body, with a key or signed: the
/// reasons are those of its dead letter.
#[test]
fn what_is_refused_says_why_in_the_words_of_its_dead_letter() {
    let config = config(&["SignUpEvent"]);
    let events = [
        r#"{"name":"SignUpEvent","attributes":{"email":"nobody","colour":"teal"}}"#,
        r#"{"name":"SignUpEvent","timestamp":"1999-01-01T00:00:00Z","attributes":{"email":"a@example.com"}}"#,
        r#"{"name":"OrderEvent"}"#,
        r#"{"nmae":"SignUpEvent"}"#,
        "5",
    ];
    let expected_rules = [
        &["additionalProperties", "format"][..],
        &["time"],
        &["key"],
        &["wire"],
        &["wire"],
    ];
    let array = format!("[{}]", events.join(","));
    let ndjson = events.join("\n");
    let issued = credentials(&config);
    let signed = |body: &[u8]| signed_by(&issued, "POST", "/v1/events", body, ARRIVAL);
    let shown = |_: &[u8]| post("", &bearer(), "application/json");
    let mut requests = Vec::new();
    for body in [&array, &ndjson] {
        requests.push((shown(body.as_bytes()), body.as_bytes()));
        requests.push((signed(body.as_bytes()), body.as_bytes()));
    }
    for event in events {
        requests.push((shown(event.as_bytes()), event.as_bytes()));
    }
    for (index, (head, body)) in requests.iter().enumerate() {
        let (answer, _, calls) = serve(head, &config, body, all_stored);
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        let Some(results) = answer["results"].as_array() else {
            // By itself, this body is none.
            assert_eq!(*body, b"5", "{answer}");
            continue;
        };
        let letters: Vec<Value> = calls
            .iter()
            .filter(|call| stream_of(call) == "dead-letters")
            .flat_map(sent_records)
            .map(|letter| serde_json::from_str(&letter).unwrap())
            .collect();
        for result in results.iter().filter(|result| result["status"] == 400) {
            let letter = letters
                .iter()
                .find(|it| it["event_id"] == result["event_id"])
                .unwrap();
            assert_eq!(result["reasons"], letter["reasons"], "{result}");
            assert!(
                !result["reasons"].as_array().unwrap().is_empty(),
                "{result}"
            );
        }
        // An identity of the pool may send events of any type.
        let is_shown = index % 2 == 0;
        if index < 4 && is_shown {
            for (result, expected) in results.iter().zip(expected_rules) {
                let reasons = result["reasons"].as_array().unwrap().iter();
                let mut rules: Vec<_> = reasons.map(|it| it["rule"].as_str().unwrap()).collect();
                rules.sort_unstable();
                assert_eq!(rules, expected, "{result}");
            }
        }
    }
    let good = serve(
        &post("", &bearer(), ""),
        &config,
        GOOD.as_bytes(),
        all_stored,
    )
    .0;
    assert!(!good.body.contains("reasons"), "{}", good.body);
}
