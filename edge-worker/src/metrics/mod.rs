//! The counters of an isolate since it started, as OpenMetrics 1.0 text, in the words of the log. Labels come from
//! the configuration, the schema and this program: none holds anything that a client chose.

pub mod open_metrics;
pub mod points;
pub mod tally;

use std::collections::BTreeMap;

use forebay_core::time::Timestamp;

use crate::budget::Budget;
use crate::config::Config;
use crate::delivery::breaker::BreakerState;
use crate::delivery::target::Target;
use crate::log::{ConsumeLine, Line};
use open_metrics::Text;
use tally::{EventOutcome, Reason, Tally, TypeId};

/// A family that each operation has a sample of: its name, what it counts, and its value.
type OfOperations = (&'static str, &'static str, fn(&Operation) -> u64);
/// The same of sinks, with the kind of the family.
type OfSinks = (&'static str, &'static str, &'static str, fn(&Target) -> u64);

/// Counters of one operation.
#[derive(Debug, Default)]
struct Operation {
    waited_ms: u64,
    body_bytes: u64,
    /// By status and AWS's name of the error.
    requests: BTreeMap<(u16, &'static str), u64>,
}

/// Counters of one application.
#[derive(Debug, Default)]
struct OfApp {
    received: u64,
    events: BTreeMap<(TypeId, EventOutcome, Reason), u64>,
    endpoints: BTreeMap<EventOutcome, u64>,
}

/// All counters of an isolate but those of the sinks, which these have themselves.
#[derive(Debug)]
pub struct Metrics {
    started: Timestamp,
    operations: BTreeMap<&'static str, Operation>,
    /// By application id.
    apps: BTreeMap<String, OfApp>,
    messages: Messages,
    /// How often the module has trapped. Only worker.js knows that: a trap begins a new instance of the module,
    /// whose counters are 0.
    pub traps: u32,
}

/// Messages that came out of the queue.
#[derive(Debug, Default)]
struct Messages {
    acknowledged: u64,
    retried: u64,
    unreadable: u64,
}

impl Metrics {
    /// Counters that are all zero. `started` is when the isolate began to count.
    pub fn new(started: Timestamp) -> Metrics {
        Metrics {
            started,
            operations: BTreeMap::new(),
            apps: BTreeMap::new(),
            messages: Messages::default(),
            traps: 0,
        }
    }

    /// Counts a request that was answered.
    pub fn count(&mut self, line: &Line<'_>) {
        let operation = self.operations.entry(line.operation.unwrap_or("none"));
        let operation = operation.or_default();
        operation.waited_ms += u64::try_from(line.duration_ms).unwrap_or_default();
        operation.body_bytes += line.body_bytes.unwrap_or_default() as u64;
        let key = (line.status, line.error.unwrap_or_default());
        *operation.requests.entry(key).or_default() += 1;
        let (Some(app_id), Some(tally)) = (line.app_id, &line.tally) else {
            return;
        };
        if !self.apps.contains_key(app_id) {
            self.apps.insert(app_id.to_owned(), OfApp::default());
        }
        if let Some(app) = self.apps.get_mut(app_id) {
            app.count(tally);
        }
    }

    /// Counts a batch of messages.
    pub fn count_consumed(&mut self, line: &ConsumeLine<'_>) {
        self.messages.acknowledged += line.acknowledged as u64;
        self.messages.retried += (line.retried - line.unreadable) as u64;
        self.messages.unreadable += line.unreadable as u64;
    }

    /// The counters as OpenMetrics 1.0.
    pub fn encode(&self, config: &Config, budget: &Budget) -> String {
        let mut text = Text::default();
        self.write_requests(&mut text);
        self.write_events(&mut text, config);
        write_sinks(&mut text, config);
        text.family(
            "forebay_queue_messages",
            "counter",
            "Messages that came out of the queue, by outcome.",
        );
        let Messages {
            acknowledged,
            retried,
            unreadable,
        } = self.messages;
        for (outcome, count) in [
            ("acknowledged", acknowledged),
            ("retried", retried),
            ("unreadable", unreadable),
        ] {
            text.sample(
                "forebay_queue_messages_total",
                &[("outcome", outcome)],
                count,
            );
        }
        let traps = u64::from(self.traps);
        text.single(
            "forebay_traps",
            "counter",
            "Panics and other traps. Each ended a request and set the other counters back to 0.",
            traps,
        );
        text.single(
            "forebay_memory_taken_bytes",
            "gauge",
            "Memory that requests in flight have taken of their budget.",
            budget.taken() as u64,
        );
        text.single(
            "forebay_memory_budget_bytes",
            "gauge",
            "Memory that requests in flight may take together.",
            config.memory_budget as u64,
        );
        text.single(
            "forebay_isolate_start_timestamp_seconds",
            "gauge",
            "When this isolate began to count. Another isolate has counters of its own.",
            u64::try_from(self.started.0 / 1000).unwrap_or_default(),
        );
        text.finish()
    }

    fn write_requests(&self, text: &mut Text) {
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
        let families: [OfOperations; 2] = [
            (
                "forebay_request_wait_milliseconds",
                "Time from arrival to answer, by operation. It passes only while a request waits.",
                |operation| operation.waited_ms,
            ),
            (
                "forebay_request_body_bytes",
                "Bytes of bodies as they were sent, by operation.",
                |operation| operation.body_bytes,
            ),
        ];
        for (family, help, value) in families {
            text.family(family, "counter", help);
            for (operation, counters) in &self.operations {
                let labels = [("operation", *operation)];
                text.sample(&format!("{family}_total"), &labels, value(counters));
            }
        }
    }

    fn write_events(&self, text: &mut Text, config: &Config) {
        text.family(
            "forebay_events_received",
            "counter",
            "Events received, by application.",
        );
        for (app_id, app) in &self.apps {
            let labels = [("app_id", app_id.as_str())];
            text.sample("forebay_events_received_total", &labels, app.received);
        }
        text.family(
            "forebay_events",
            "counter",
            "Events by application, event type, outcome and reason.",
        );
        for (app_id, app) in &self.apps {
            for ((event_type, outcome, reason), count) in &app.events {
                let labels = [
                    ("app_id", app_id.as_str()),
                    ("event_type", event_type.name(&config.schema)),
                    ("outcome", outcome.name()),
                    ("reason", reason_name(*reason, config)),
                ];
                text.sample("forebay_events_total", &labels, *count);
            }
        }
        text.family(
            "forebay_endpoints",
            "counter",
            "Endpoints that events came with, by application and outcome.",
        );
        for (app_id, app) in &self.apps {
            for (outcome, count) in &app.endpoints {
                let labels = [("app_id", app_id.as_str()), ("outcome", outcome.name())];
                text.sample("forebay_endpoints_total", &labels, *count);
            }
        }
    }
}

impl OfApp {
    fn count(&mut self, tally: &Tally) {
        self.received += tally.received as u64;
        for it in &tally.events {
            let key = (it.event_type, it.outcome, it.reason);
            *self.events.entry(key).or_default() += u64::from(it.count);
        }
        for (outcome, count) in &tally.endpoints {
            *self.endpoints.entry(*outcome).or_default() += u64::from(*count);
        }
    }
}

/// What log, metrics and data points call a reason; empty where there is none.
pub fn reason_name(reason: Reason, config: &Config) -> &str {
    match reason {
        Reason::None => "",
        Reason::Rule(rule) => rule,
        Reason::Sink(id) => config.sinks.name(id),
    }
}

fn write_sinks(text: &mut Text, config: &Config) {
    let outcomes: [(&str, &str, bool); 2] = [
        (
            "forebay_sink_records",
            "Records for a sink, by outcome; dropped: more waited than there is room for.",
            false,
        ),
        (
            "forebay_sink_bytes",
            "Their bytes, data and partition key, by outcome.",
            true,
        ),
    ];
    for (family, help, is_bytes) in outcomes {
        text.family(family, "counter", help);
        for target in config.sinks.all() {
            for (outcome, records, bytes) in target.counters().outcomes() {
                let labels = [("sink", target.name.as_str()), ("outcome", outcome)];
                let value = if is_bytes { bytes } else { records };
                text.sample(&format!("{family}_total"), &labels, value);
            }
        }
    }
    let families: [OfSinks; 3] = [
        (
            "forebay_sink_requests",
            "counter",
            "Requests to a sink, retries included.",
            |target| target.counters().requests,
        ),
        (
            "forebay_sink_retries",
            "counter",
            "Records that were sent to a sink again.",
            |target| target.counters().retried,
        ),
        (
            "forebay_sink_breaker_state",
            "gauge",
            "0 closed: calls are made. 1 half-open: one call, to see whether the sink is back. 2 open: no calls.",
            |target| match target.breaker_state() {
                BreakerState::Closed => 0,
                BreakerState::HalfOpen => 1,
                BreakerState::Open => 2,
            },
        ),
    ];
    for (family, kind, help, value) in families {
        text.family(family, kind, help);
        let suffix = if kind == "counter" { "_total" } else { "" };
        for target in config.sinks.all() {
            let labels = [("sink", target.name.as_str())];
            text.sample(&format!("{family}{suffix}"), &labels, value(target));
        }
    }
}
