//! What an isolate has counted since it started, and the same as OpenMetrics 1.0 text. The outcomes are those of
//! the log. No identity, no address and nothing that a client chose stands in it: applications are those of the
//! configuration, event types those of the schema.

use std::collections::BTreeMap;
use std::fmt::Write;

use forebay_core::time::Timestamp;

use crate::delivery::{Delivery, Outcome, Record};
use crate::log::Line;

/// What became of some events of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventLabels<'a> {
    /// One of the schema's, or nothing.
    pub event_type: &'a str,
    /// `accepted`, `duplicate`, `invalid`, `throttled` or `failed`.
    pub outcome: &'static str,
    /// The rule that an invalid event breaks first; nothing of others.
    pub reason: &'static str,
}

/// How often each kind of event was in a request: there are few kinds, so that they are looked for one by one.
#[derive(Debug, Default)]
pub struct EventCounts<'a>(Vec<(EventLabels<'a>, u64)>);

impl<'a> EventCounts<'a> {
    /// Counts an event.
    pub fn add(&mut self, labels: EventLabels<'a>) {
        match self.0.iter_mut().find(|(found, _)| *found == labels) {
            Some((_, count)) => *count += 1,
            None => self.0.push((labels, 1)),
        }
    }
}

/// What was written to a sink, or was to be.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Written {
    records: u64,
    bytes: u64,
}

/// Counters of one sink.
#[derive(Debug, Default)]
struct SinkCounters {
    requests: u64,
    /// By outcome.
    written: BTreeMap<&'static str, Written>,
}

/// Counters of one operation.
#[derive(Debug, Default)]
struct OperationCounters {
    waited_ms: u64,
    /// By status and AWS's name of the error.
    requests: BTreeMap<(u16, &'static str), u64>,
}

/// All counters of an isolate.
#[derive(Debug)]
pub struct Metrics {
    started: Timestamp,
    operations: BTreeMap<&'static str, OperationCounters>,
    /// By application, event type, outcome and reason.
    events: BTreeMap<(String, String, &'static str, &'static str), u64>,
    /// By name.
    sinks: BTreeMap<&'static str, SinkCounters>,
}

impl Metrics {
    /// Counters that are all zero. `started` is when the isolate began to count.
    pub fn new(started: Timestamp) -> Metrics {
        Metrics {
            started,
            operations: BTreeMap::new(),
            events: BTreeMap::new(),
            sinks: BTreeMap::new(),
        }
    }

    /// Counts a request that was answered, as its line in the log has it.
    pub fn count_request(&mut self, line: &Line<'_>) {
        let operation = self.operations.entry(line.operation.unwrap_or("none"));
        let counters = operation.or_default();
        counters.waited_ms += u64::try_from(line.duration_ms).unwrap_or_default();
        let key = (line.status, line.error.unwrap_or_default());
        *counters.requests.entry(key).or_default() += 1;
    }

    /// Counts the events of a request for an application.
    pub fn count_events(&mut self, app_id: &str, counts: &EventCounts<'_>) {
        for (labels, count) in &counts.0 {
            let EventLabels {
                event_type,
                outcome,
                reason,
            } = *labels;
            let key = (app_id.to_owned(), event_type.to_owned(), outcome, reason);
            *self.events.entry(key).or_default() += count;
        }
    }

    /// Counts what was delivered to the sink of this name.
    pub fn count_delivery(
        &mut self,
        sink: &'static str,
        records: &[Record<'_>],
        delivery: &Delivery,
    ) {
        let counters = self.sinks.entry(sink).or_default();
        counters.requests += u64::from(delivery.requests);
        for (record, outcome) in records.iter().zip(&delivery.outcomes) {
            let name = match outcome {
                Outcome::Accepted => "accepted",
                Outcome::Throttled => "throttled",
                Outcome::Failed => "failed",
            };
            let written = counters.written.entry(name).or_default();
            written.records += 1;
            written.bytes += record.byte_len() as u64;
        }
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
        text.family(
            "forebay_request_wait_milliseconds",
            "counter",
            "Time from arrival to answer, by operation. It passes only while a request waits for others.",
        );
        for (operation, counters) in &self.operations {
            let labels = [("operation", *operation)];
            let name = "forebay_request_wait_milliseconds_total";
            text.sample(name, &labels, counters.waited_ms);
        }
        text.family(
            "forebay_events",
            "counter",
            "Events received, by application, event type, what became of them, and the rule an invalid one breaks.",
        );
        for ((app_id, event_type, outcome, reason), count) in &self.events {
            let labels = [
                ("app_id", app_id.as_str()),
                ("event_type", event_type.as_str()),
                ("outcome", *outcome),
                ("reason", *reason),
            ];
            text.sample("forebay_events_total", &labels, *count);
        }
        self.encode_sinks(&mut text);
        text.family(
            "forebay_isolate_start_timestamp_seconds",
            "gauge",
            "When this isolate began to count. Another isolate has counters of its own.",
        );
        let started = u64::try_from(self.started.0 / 1000).unwrap_or_default();
        text.sample("forebay_isolate_start_timestamp_seconds", &[], started);
        text.0.push_str("# EOF\n");
        text.0
    }

    fn encode_sinks(&self, text: &mut Text) {
        text.family(
            "forebay_sink_requests",
            "counter",
            "Requests to a sink, those sent again included.",
        );
        for (sink, counters) in &self.sinks {
            let labels = [("sink", *sink)];
            text.sample("forebay_sink_requests_total", &labels, counters.requests);
        }
        let families: [(&str, &str, fn(&Written) -> u64); 2] = [
            (
                "forebay_sink_records",
                "Records by sink and what became of them.",
                |written| written.records,
            ),
            (
                "forebay_sink_bytes",
                "Bytes of data and partition keys of these records.",
                |written| written.bytes,
            ),
        ];
        for (family, help, value) in families {
            text.family(family, "counter", help);
            for (sink, counters) in &self.sinks {
                for (outcome, written) in &counters.written {
                    let labels = [("sink", *sink), ("outcome", *outcome)];
                    text.sample(&format!("{family}_total"), &labels, value(written));
                }
            }
        }
    }
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
        metrics.count_request(&line);
        metrics.count_request(&line);
        let mut counts = EventCounts::default();
        let accepted = EventLabels {
            event_type: "A",
            outcome: "accepted",
            reason: "",
        };
        counts.add(accepted);
        counts.add(accepted);
        counts.add(EventLabels {
            event_type: "",
            outcome: "invalid",
            reason: "wire",
        });
        metrics.count_events("an \"app\"", &counts);
        let record = Record {
            data: "12345".into(),
            partition_key: "key",
        };
        let delivery = Delivery {
            outcomes: vec![Outcome::Accepted, Outcome::Failed],
            requests: 3,
            error: None,
        };
        metrics.count_delivery("events", &[record.clone(), record], &delivery);
        let text = metrics.encode();
        for sample in [
            "forebay_requests_total{operation=\"PutEvents\",status=\"202\",error=\"\"} 2",
            "forebay_request_wait_milliseconds_total{operation=\"PutEvents\"} 14",
            "forebay_events_total{app_id=\"an \\\"app\\\"\",event_type=\"A\",outcome=\"accepted\",reason=\"\"} 2",
            "forebay_events_total{app_id=\"an \\\"app\\\"\",event_type=\"\",outcome=\"invalid\",reason=\"wire\"} 1",
            "forebay_sink_requests_total{sink=\"events\"} 3",
            "forebay_sink_records_total{sink=\"events\",outcome=\"accepted\"} 1",
            "forebay_sink_bytes_total{sink=\"events\",outcome=\"failed\"} 8",
            "forebay_isolate_start_timestamp_seconds 1795000000",
        ] {
            assert!(text.lines().any(|line| line == sample), "{sample}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
