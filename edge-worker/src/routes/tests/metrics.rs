//! The counters balance, and nobody outside can make up a label.

use std::collections::BTreeMap;

use super::*;
use crate::delivery::queue::Queue;
use crate::metrics::points;

const KEY: &str = "a key of sixteen characters";

fn config() -> Config {
    Config {
        metrics_key: Some(KEY.into()),
        deduplication_window: 1_000,
        ..super::config()
    }
}

/// A worker that goes on.
struct Worker {
    config: Config,
    isolate: Isolate,
}

impl Worker {
    fn new(config: Config) -> Worker {
        let isolate = Isolate::new(Some(&config), Some([0; 16]), ARRIVAL);
        Worker { config, isolate }
    }

    fn put(
        &self,
        body: &[u8],
        answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
    ) -> (Answer, String) {
        let head = signed(&self.config, "POST", EVENTS, body, ARRIVAL);
        let (answer, line, _) = serve_with(&self.isolate, &head, &self.config, body, answering);
        (answer, line)
    }

    fn text(&self) -> String {
        let key = format!("Bearer {KEY}");
        let head = head("GET", "/metrics", &[("authorization", &key)]);
        let (answer, _, _) = serve_with(&self.isolate, &head, &self.config, b"", all_stored);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    /// The samples, by name and labels as they stand there.
    fn samples(&self) -> BTreeMap<String, u64> {
        let text = self.text();
        assert!(text.ends_with("# EOF\n"));
        let mut samples = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let earlier = samples.insert(name.to_owned(), value.parse().unwrap());
            assert_eq!(earlier, None, "{name} is there twice");
        }
        samples
    }
}

fn sum(samples: &BTreeMap<String, u64>, name: &str, having: &str) -> u64 {
    let of_family = |sample: &&String| sample.split('{').next() == Some(name);
    let matching = samples.keys().filter(of_family);
    let matching = matching.filter(|sample| sample.contains(having));
    matching.map(|sample| samples[sample]).sum()
}

fn assert_balanced(samples: &BTreeMap<String, u64>) {
    assert_eq!(
        sum(samples, "forebay_events_received_total", ""),
        sum(samples, "forebay_events_total", ""),
        "{samples:#?}"
    );
}

#[test]
fn what_is_received_is_what_became_of_it() {
    let worker = Worker::new(config());
    let good = event(json!({ "email": "a@example.com" }));
    let known = "0193b2c8-7a10-7cc3-98c4-dc0c0c07398f";
    let body = batch(json!({
        known: good,
        "e2": event(json!({ "email": 5 })),
        "e3": event(json!({ "email": "nobody" })),
        "e4": event(json!({ "emial": "a@example.com" })),
        "e5": { "EventType": "Made up by a stranger", "Timestamp": "2026-11-18T00:00:00Z" },
        "e6": { "EventType": "SignUpEvent" },
        "e7": 5,
    }));
    let (answer, _) = worker.put(&body, all_stored);
    let timing = answer
        .headers
        .iter()
        .find(|(name, _)| *name == "server-timing");
    assert_eq!(timing.unwrap().1, "body;dur=0, sinks;dur=5, total;dur=5");
    // Once more: what was accepted is known, and what was refused is refused again.
    worker.put(&body, all_stored);
    // And under a stream that fails.
    let (_, line) = worker.put(
        &batch(json!({ "f1": good, "f2": good })),
        |call| match stream_of(call).as_str() {
            "events" => Err(Unreachable),
            _ => all_stored(call),
        },
    );
    assert!(
        line.contains(r#""sink_error":"unreachable","sink":"events""#),
        "{line}"
    );
    let samples = worker.samples();
    assert_balanced(&samples);
    let app = r#"app_id="app-1""#;
    for (event_type, outcome, reason, count) in [
        ("SignUpEvent", "accepted", "", 1),
        ("(unread)", "duplicate", "", 1),
        ("SignUpEvent", "invalid", "type", 2),
        ("SignUpEvent", "invalid", "format", 2),
        ("SignUpEvent", "invalid", "additionalProperties", 2),
        ("SignUpEvent", "invalid", "wire", 2),
        ("(other)", "invalid", "wire", 2),
        ("(other)", "invalid", "eventType", 2),
        ("SignUpEvent", "failed", "events", 2),
    ] {
        let sample = format!(
            "forebay_events_total{{{app},event_type=\"{event_type}\",outcome=\"{outcome}\",reason=\"{reason}\"}}"
        );
        assert_eq!(samples.get(&sample), Some(&count), "{sample} {samples:#?}");
    }
    assert_eq!(sum(&samples, "forebay_events_total", ""), 16);
    assert_eq!(sum(&samples, "forebay_endpoints_total", "accepted"), 3);
    // By sink: one record accepted, two that failed after being sent four times.
    let of_events = r#"sink="events""#;
    let records = |outcome: &str| {
        let labels = format!(r#"{of_events},outcome="{outcome}""#);
        sum(&samples, "forebay_sink_records_total", &labels)
    };
    assert_eq!((records("accepted"), records("failed")), (1, 2));
    assert!(
        sum(
            &samples,
            "forebay_sink_bytes_total",
            r#"sink="events",outcome="accepted""#
        ) > 300
    );
    let letters = r#"sink="dead-letters",outcome="accepted""#;
    assert_eq!(sum(&samples, "forebay_sink_records_total", letters), 12);
    assert!(sum(&samples, "forebay_sink_retries_total", of_events) >= 2);
    assert_eq!(sum(&samples, "forebay_sink_breaker_state", of_events), 0);
    assert_eq!(samples["forebay_traps_total"], 0);
}

#[test]
fn an_outsider_cannot_make_labels_or_memory() {
    let worker = Worker::new(config());
    let size = |round: usize| {
        for index in 0..20 {
            let name = format!("Type{round}x{index}");
            let event = json!({ "EventType": name, "Timestamp": "2026-11-18T00:00:00Z",
                "Attributes": { format!("a{round}{index}"): "x" } });
            worker.put(
                &batch(json!({ format!("e{round}{index}"): event })),
                all_stored,
            );
            let path = format!("/v1/apps/app{round}{index}/events");
            let head = signed(&worker.config, "POST", &path, b"{}", ARRIVAL);
            serve_with(&worker.isolate, &head, &worker.config, b"{}", all_stored);
            let head = head_of(&format!("X{index}"), &format!("/{round}/{index}"));
            serve_with(&worker.isolate, &head, &worker.config, b"{}", all_stored);
        }
        worker.samples().len()
    };
    let first = size(0);
    // `/metrics` itself is an operation from the second time on.
    assert_eq!(size(1), first + 3);
    assert_eq!(size(2), first + 3);
    assert_balanced(&worker.samples());
    assert!(!worker.text().contains("Type1"));
}

fn head_of(method: &str, path: &str) -> Head {
    head(method, path, &[("host", "edge.example")])
}

#[test]
fn data_points_say_what_the_counters_say() {
    let mut config = config();
    config.sinks = config.sinks.behind(Some(Queue::new("QUEUE")));
    let good = event(json!({ "email": "a@example.com" }));
    let body = batch(json!({ "e1": good, "e2": event(json!({})) }));
    let head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    let platform = Simulated::new(|_| Err(Unreachable));
    let isolate = Isolate::new(Some(&config), Some([0; 16]), ARRIVAL);
    let service = Service {
        head: &head,
        config: Ok(&config),
        isolate: &isolate,
        platform: &platform,
    };
    let (_, line) = block_on(service.answer(body.as_slice()));
    let points = points::of_request(&line, &config);
    let seen: Vec<_> = points
        .iter()
        .map(|point| {
            (
                point.index.as_str(),
                point.blobs.join(" "),
                point.doubles[0],
            )
        })
        .collect();
    let bytes = |at: usize| points[at].doubles[1];
    assert_eq!(
        seen,
        [
            ("app-1", "request PutEvents 202 ".to_owned(), 1.0),
            ("app-1", "event SignUpEvent accepted ".to_owned(), 1.0),
            (
                "app-1",
                "event SignUpEvent invalid required".to_owned(),
                1.0
            ),
            ("", "sink queue accepted".to_owned(), 1.0),
            ("", "sink_requests queue".to_owned(), 1.0),
            ("", "sink queue (dead letters) accepted".to_owned(), 1.0),
            ("", "sink_requests queue (dead letters)".to_owned(), 1.0),
        ]
    );
    assert!(bytes(3) > 300.0 && bytes(5) > 300.0);
    // Each is told once.
    assert_eq!(points::of_sinks(&config), []);
}
