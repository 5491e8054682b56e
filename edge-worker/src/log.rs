//! One line of JSON a request: what was asked, what became of it, how long it took. No identity, no
//! address and nothing of an event stands in it.

use serde::Serialize;

use crate::delivery::later::LaterDelivery;
use crate::delivery::queue::consume::{Consumed, Verdict};
use crate::delivery::routing::Sinks;
use crate::delivery::{Delivery, Outcome};
use crate::metrics::tally::{EventOutcome, Tally};

/// What became of the events of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Answered 202: the sinks have them.
    pub accepted: usize,
    /// Answered 202 without being written: the sinks have them from an earlier request.
    pub duplicate: usize,
    /// Answered 202 without being written: no sink's filter takes them.
    #[serde(skip_serializing_if = "is_zero")]
    pub filtered: usize,
    /// Answered 400: the dead letters have them.
    pub invalid: usize,
    /// Answered 429: to be sent again.
    pub throttled: usize,
    /// Answered 500: to be sent again.
    pub failed: usize,
    /// Endpoints that were answered 400. Their events went on without the wrong parts.
    #[serde(skip_serializing_if = "is_zero")]
    pub invalid_endpoints: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl From<&Tally> for Counts {
    fn from(tally: &Tally) -> Counts {
        let count = |outcome| tally.events_with(outcome);
        Counts {
            accepted: count(EventOutcome::Accepted),
            duplicate: count(EventOutcome::Duplicate),
            filtered: count(EventOutcome::Filtered),
            invalid: count(EventOutcome::Invalid),
            throttled: count(EventOutcome::Throttled),
            failed: count(EventOutcome::Failed),
            invalid_endpoints: tally.endpoints_with(EventOutcome::Invalid),
        }
    }
}

/// The line of a request; what does not apply is left out.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    /// The operation; none where the path has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    /// As answered in `x-amzn-requestid`.
    pub request_id: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// AWS's name of the error, where the whole request was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// The app, once the request was authenticated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_id: Option<&'a str>,
    /// Bytes of the body as it was sent, where it was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<usize>,
    /// Of PutEvents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Counts>,
    /// The same by event type and reason, for the metrics.
    #[serde(skip)]
    pub tally: Option<Tally>,
    /// Requests to sinks, those sent again included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink_requests: Option<u32>,
    /// The last error of a sink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink_error: Option<String>,
    /// The sink that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sink: Option<&'a str>,
    /// Waited for the body.
    #[serde(skip)]
    pub body_ms: Option<i64>,
    /// Waited for the sinks.
    #[serde(skip)]
    pub sinks_ms: Option<i64>,
    /// From the arrival to the answer. The platform's clock stands still while the worker computes,
    /// so that this is time spent waiting.
    pub duration_ms: i64,
}

impl<'a> Line<'a> {
    /// The line of a request about which nothing more is known yet.
    pub fn new(request_id: &'a str) -> Line<'a> {
        Line {
            operation: None,
            request_id,
            status: 0,
            error: None,
            app_id: None,
            body_bytes: None,
            events: None,
            tally: None,
            sink_requests: None,
            sink_error: None,
            sink: None,
            body_ms: None,
            sinks_ms: None,
            duration_ms: 0,
        }
    }

    /// What the request waited for, in the form of the header `Server-Timing`.
    pub fn server_timing(&self) -> String {
        let parts = [("body", self.body_ms), ("sinks", self.sinks_ms)];
        let mut timing = String::new();
        for (name, duration) in parts {
            if let Some(duration) = duration {
                timing.push_str(&format!("{name};dur={duration}, "));
            }
        }
        timing.push_str(&format!("total;dur={}", self.duration_ms));
        timing
    }

    /// The line as JSON.
    pub fn encode(&self) -> String {
        // Texts and numbers alone: nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The line of a batch that came out of the queue.
#[derive(Debug, Serialize)]
pub struct ConsumeLine<'a> {
    operation: &'static str,
    /// How many messages there were.
    pub messages: usize,
    /// Of these, how many are delivered.
    pub acknowledged: usize,
    /// Of these, how many come again.
    pub retried: usize,
    /// How many of those that come again the worker did not write.
    pub unreadable: usize,
    /// Of all messages.
    pub bytes: usize,
    accepted: usize,
    throttled: usize,
    failed: usize,
    sink_requests: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    sink_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sink: Option<&'a str>,
    duration_ms: i64,
}

impl<'a> ConsumeLine<'a> {
    /// What became of a batch of so many bytes.
    pub fn of(
        consumed: &Consumed,
        bytes: usize,
        duration_ms: i64,
        sinks: &'a Sinks,
    ) -> ConsumeLine<'a> {
        let Consumed {
            verdicts,
            unreadable,
            events,
            dead_letters,
        } = consumed;
        let is_done = |verdict: &&Verdict| **verdict == Verdict::Acknowledge;
        let acknowledged = verdicts.iter().filter(is_done).count();
        let count = |wanted| count(events, wanted) + count(dead_letters, wanted);
        let error = events.error.as_ref().or(dead_letters.error.as_ref());
        ConsumeLine {
            operation: "consume",
            messages: verdicts.len(),
            acknowledged,
            retried: verdicts.len() - acknowledged,
            unreadable: *unreadable,
            bytes,
            accepted: count(Outcome::Accepted),
            throttled: count(Outcome::Throttled),
            failed: count(Outcome::Failed),
            sink_requests: events.requests + dead_letters.requests,
            sink_error: error.map(ToString::to_string),
            sink: events
                .sink
                .or(dead_letters.sink)
                .map(|sink| sinks.name(sink)),
            duration_ms,
        }
    }

    /// The line as JSON.
    pub fn encode(&self) -> String {
        // Texts and numbers alone: nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn count(delivery: &Delivery, wanted: Outcome) -> usize {
    let outcomes = delivery.outcomes.iter();
    outcomes.filter(|outcome| **outcome == wanted).count()
}

/// The line of a sink that is not required, for what it got after an answer.
#[derive(Debug, Serialize)]
pub struct SinkLine<'a> {
    operation: &'static str,
    sink: &'a str,
    accepted: usize,
    throttled: usize,
    failed: usize,
    /// Not tried: more records waited than there is room for.
    dropped: usize,
    sink_requests: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    sink_error: Option<String>,
}

impl<'a> SinkLine<'a> {
    /// What became of a sink's records.
    pub fn of(later: &LaterDelivery<'a>) -> SinkLine<'a> {
        let count = |wanted| count(&later.delivery, wanted);
        SinkLine {
            operation: "deliver_later",
            sink: later.sink,
            accepted: count(Outcome::Accepted),
            throttled: count(Outcome::Throttled),
            failed: count(Outcome::Failed),
            dropped: later.dropped,
            sink_requests: later.delivery.requests,
            sink_error: later.delivery.error.as_ref().map(ToString::to_string),
        }
    }

    /// The line as JSON.
    pub fn encode(&self) -> String {
        // Texts and numbers alone: nothing that could not be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}
