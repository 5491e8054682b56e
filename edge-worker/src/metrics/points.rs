//! What a request adds to the counters, as data points for Cloudflare's Analytics Engine: on Cloudflare an isolate
//! sees only a part of the traffic, and does not live long. Each point has one index and a few texts and numbers;
//! docs/operations.md says what each holds.

use crate::config::Config;
use crate::log::{ConsumeLine, Line};

use super::reason_name;

/// Most points with events of a request: Cloudflare takes 250 of an invocation, and there are those of the sinks.
const MAX_POINTS: usize = 60;

/// A data point.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What Cloudflare samples by: the application, where there is one.
    pub index: String,
    /// `blob1` and so on.
    pub blobs: Vec<String>,
    /// `double1` and so on.
    pub doubles: Vec<f64>,
}

/// The points of a request that was answered.
pub fn of_request(line: &Line<'_>, config: &Config) -> Vec<Point> {
    let app_id = line.app_id.unwrap_or_default();
    let status = line.status.to_string();
    let operation = line.operation.unwrap_or("none");
    let error = line.error.unwrap_or_default();
    let mut points = vec![point(
        app_id,
        &["request", operation, &status, error],
        &[
            1.0,
            float(line.duration_ms),
            float(line.body_bytes.unwrap_or_default()),
        ],
    )];
    let events = line.tally.iter().flat_map(|tally| &tally.events);
    let (mut named, mut others) = (Vec::new(), 0);
    for it in events {
        if named.len() == MAX_POINTS {
            others += it.count;
            continue;
        }
        let event_type = it.event_type.name(&config.schema);
        let reason = reason_name(it.reason, config);
        let blobs = ["event", event_type, it.outcome.name(), reason];
        named.push(point(app_id, &blobs, &[f64::from(it.count)]));
    }
    points.extend(named);
    if others > 0 {
        let blobs = ["event", "(other)", "(other)", ""];
        points.push(point(app_id, &blobs, &[f64::from(others)]));
    }
    points.extend(of_sinks(config));
    points
}

/// The points of a batch of messages that came out of the queue.
pub fn of_batch(line: &ConsumeLine<'_>, config: &Config) -> Vec<Point> {
    let messages = [
        ("acknowledged", line.acknowledged),
        ("retried", line.retried - line.unreadable),
        ("unreadable", line.unreadable),
    ];
    let messages = messages.into_iter().filter(|(_, count)| *count > 0);
    let mut points: Vec<Point> = messages
        .map(|(outcome, count)| point("", &["message", outcome], &[float(count)]))
        .collect();
    points.extend(of_sinks(config));
    points
}

/// What was sent to the sinks since the last time that this was asked for.
pub fn of_sinks(config: &Config) -> Vec<Point> {
    let mut points = Vec::new();
    for target in config.sinks.all() {
        let counters = target.take_unreported();
        for (outcome, records, bytes) in counters.outcomes() {
            if records > 0 {
                let blobs = ["sink", &target.name, outcome];
                points.push(point("", &blobs, &[float(records), float(bytes)]));
            }
        }
        if counters.requests > 0 {
            let doubles = [float(counters.requests), float(counters.retried)];
            points.push(point("", &["sink_requests", &target.name], &doubles));
        }
    }
    points
}

fn point(index: &str, blobs: &[&str], doubles: &[f64]) -> Point {
    Point {
        index: index.to_owned(),
        blobs: blobs.iter().map(ToString::to_string).collect(),
        doubles: doubles.to_vec(),
    }
}

/// Counts are far below what a double holds exactly.
#[allow(clippy::cast_precision_loss)]
fn float(count: impl TryInto<i64>) -> f64 {
    count.try_into().unwrap_or_default() as f64
}
