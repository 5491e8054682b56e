//! What an isolate has counted since it started, as OpenMetrics 1.0 text. It is the sum of the lines of the log,
//! with their words. Applications are those of the configuration: nothing that a client chose stands in it.

use std::collections::BTreeMap;
use std::fmt::Write;

use forebay_core::time::Timestamp;

use crate::log::{Counts, Line, SinkLine};

/// Counters of one operation.
#[derive(Debug, Default)]
struct Operation {
    waited_ms: u64,
    sink_requests: u64,
    /// By status and AWS's name of the error.
    requests: BTreeMap<(u16, &'static str), u64>,
}

/// How many events, by a name and an outcome.
type Outcomes = BTreeMap<(String, &'static str), u64>;

/// A family of counters that each operation has: its name, what it counts, and its value.
type OperationFamily = (&'static str, &'static str, fn(&Operation) -> u64);

/// All counters of an isolate.
#[derive(Debug)]
pub struct Metrics {
    started: Timestamp,
    operations: BTreeMap<&'static str, Operation>,
    /// By application and outcome.
    events: Outcomes,
    /// Of sinks that get events after the answer, by sink and outcome.
    later: Outcomes,
}

impl Metrics {
    /// Counters that are all zero. `started` is when the isolate began to count.
    pub fn new(started: Timestamp) -> Metrics {
        Metrics {
            started,
            operations: BTreeMap::new(),
            events: BTreeMap::new(),
            later: BTreeMap::new(),
        }
    }

    /// Counts a request that was answered.
    pub fn count(&mut self, line: &Line<'_>) {
        let operation = self.operations.entry(line.operation.unwrap_or("none"));
        let operation = operation.or_default();
        operation.waited_ms += u64::try_from(line.duration_ms).unwrap_or_default();
        operation.sink_requests += u64::from(line.sink_requests.unwrap_or_default());
        let key = (line.status, line.error.unwrap_or_default());
        *operation.requests.entry(key).or_default() += 1;
        if let (Some(app_id), Some(counts)) = (line.app_id, &line.events) {
            add(&mut self.events, app_id, of_events(counts));
        }
    }

    /// Counts what a sink got after an answer.
    pub fn count_later(&mut self, line: &SinkLine<'_>) {
        add(&mut self.later, line.sink(), line.counts());
    }

    /// The counters as OpenMetrics 1.0.
    pub fn encode(&self) -> String {
        let mut text = Text::default();
        text.family(
            "forebay_requests",
            "counter",
            "Requests answered, by operation, status and error.",
        );
        for (operation, counters) in &self.operations {
            for ((status, error), count) in &counters.requests {
                let status = status.to_string();
                let labels = [
                    ("operation", *operation),
                    ("status", status.as_str()),
                    ("error", *error),
                ];
                text.sample("forebay_requests_total", &labels, *count);
            }
        }
        let families: [OperationFamily; 2] = [
            (
                "forebay_request_wait_milliseconds",
                "Time from arrival to answer, by operation. It passes only while a request waits.",
                |operation| operation.waited_ms,
            ),
            (
                "forebay_sink_requests",
                "Requests to sinks that answers waited for, those sent again included.",
                |operation| operation.sink_requests,
            ),
        ];
        for (family, help, value) in families {
            text.family(family, "counter", help);
            for (operation, counters) in &self.operations {
                let labels = [("operation", *operation)];
                text.sample(&format!("{family}_total"), &labels, value(counters));
            }
        }
        let families = [
            (
                "forebay_events",
                "Events received, by application and what became of them.",
                "app_id",
                &self.events,
            ),
            (
                "forebay_later_events",
                "Events for sinks that no answer waits for, by sink and what became of them.",
                "sink",
                &self.later,
            ),
        ];
        for (family, help, label, counters) in families {
            text.family(family, "counter", help);
            for ((name, outcome), count) in counters {
                let labels = [(label, name.as_str()), ("outcome", *outcome)];
                text.sample(&format!("{family}_total"), &labels, *count);
            }
        }
        let started = "forebay_isolate_start_timestamp_seconds";
        text.family(
            started,
            "gauge",
            "When this isolate began to count. Another isolate has counters of its own.",
        );
        let seconds = u64::try_from(self.started.0 / 1000).unwrap_or_default();
        text.sample(started, &[], seconds);
        text.0.push_str("# EOF\n");
        text.0
    }
}

fn add<const N: usize>(counters: &mut Outcomes, name: &str, counts: [(&'static str, usize); N]) {
    for (outcome, count) in counts {
        if count > 0 {
            *counters.entry((name.to_owned(), outcome)).or_default() += count as u64;
        }
    }
}

/// Their sum is the number of events received.
fn of_events(counts: &Counts) -> [(&'static str, usize); 6] {
    [
        ("accepted", counts.accepted),
        ("duplicate", counts.duplicate),
        ("filtered", counts.filtered),
        ("invalid", counts.invalid),
        ("throttled", counts.throttled),
        ("failed", counts.failed),
    ]
}

/// Text in the format of OpenMetrics 1.0.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = write!(self.0, "# TYPE {name} {kind}\n# HELP {name} {help}\n");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.0.push_str(name);
        for (at, (label, value)) in labels.iter().enumerate() {
            self.0.push(if at == 0 { '{' } else { ',' });
            let _ = write!(self.0, "{label}=\"");
            for character in value.chars() {
                match character {
                    '\n' => self.0.push_str("\\n"),
                    '"' | '\\' => self.0.extend(['\\', character]),
                    other => self.0.push(other),
                }
            }
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_written_as_openmetrics() {
        let mut metrics = Metrics::new(Timestamp(1_795_000_000_999));
        let mut line = Line::new("id");
        line.operation = Some("PutEvents");
        line.status = 202;
        line.duration_ms = 7;
        line.app_id = Some("an \"app\"");
        line.sink_requests = Some(2);
        line.events = Some(Counts {
            accepted: 3,
            invalid: 1,
            ..Counts::default()
        });
        metrics.count(&line);
        metrics.count(&line);
        let mut refused = Line::new("id");
        refused.status = 404;
        refused.error = Some("NotFoundException");
        metrics.count(&refused);
        let text = metrics.encode();
        for sample in [
            r#"forebay_requests_total{operation="PutEvents",status="202",error=""} 2"#,
            r#"forebay_requests_total{operation="none",status="404",error="NotFoundException"} 1"#,
            r#"forebay_request_wait_milliseconds_total{operation="PutEvents"} 14"#,
            r#"forebay_sink_requests_total{operation="PutEvents"} 4"#,
            r#"forebay_events_total{app_id="an \"app\"",outcome="accepted"} 6"#,
            r#"forebay_events_total{app_id="an \"app\"",outcome="invalid"} 2"#,
            "forebay_isolate_start_timestamp_seconds 1795000000",
        ] {
            assert!(text.lines().any(|line| line == sample), "{sample}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
