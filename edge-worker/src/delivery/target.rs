//! A sink with what surrounds it: its name, its filter, its breaker.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::time::Duration;

use forebay_aws_call::Limits;
use forebay_core::json::Value;

use super::breaker::{Breaker, BreakerPolicy, BreakerState, CallResult};
use super::deadline::Deadline;
use super::pattern::Pattern;
use super::retry;
use super::sinks::Service;
use super::{Delivery, ItemResults, Outcome, Record, Sink, SinkError};
use crate::platform::Platform;

/// The status of a sink whose calls have not failed often lately. Kinesis is asked for its own.
pub const NOT_ASKED: &str = "not asked";

/// A sink of the configuration.
pub struct Target {
    /// What the configuration calls it.
    pub name: String,
    /// Where records go.
    pub service: Service,
    /// Which records it takes; all without one.
    pub filter: Option<Pattern>,
    /// Whether an event's answer waits for it and depends on it.
    pub is_required: bool,
    breaker: RefCell<Breaker>,
    counters: Cell<Counters>,
    reported: Cell<Counters>,
}

/// What a sink was sent, and what became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// By [`Outcome`].
    records: [u64; 3],
    bytes: [u64; 3],
    dropped: u64,
    /// Requests.
    pub requests: u64,
    /// Records that were sent again.
    pub retried: u64,
}

impl Counters {
    /// Each outcome with its records and their bytes.
    pub fn outcomes(&self) -> [(&'static str, u64, u64); 4] {
        let [accepted, throttled, failed] = self.records;
        let [of_accepted, of_throttled, of_failed] = self.bytes;
        [
            ("accepted", accepted, of_accepted),
            ("throttled", throttled, of_throttled),
            ("failed", failed, of_failed),
            ("dropped", self.dropped, 0),
        ]
    }

    fn note(&mut self, records: &[&Record<'_>], delivery: &Delivery) {
        for (record, outcome) in records.iter().zip(&delivery.outcomes) {
            let at = match outcome {
                Outcome::Accepted => 0,
                Outcome::Throttled => 1,
                Outcome::Failed => 2,
            };
            if let (Some(count), Some(bytes)) = (self.records.get_mut(at), self.bytes.get_mut(at)) {
                *count += 1;
                *bytes += record.byte_len() as u64;
            }
        }
        self.requests += u64::from(delivery.requests);
        self.retried += u64::from(delivery.retried);
    }

    fn since(self, earlier: Counters) -> Counters {
        let difference = |now: [u64; 3], then: [u64; 3]| {
            let pairs = now.iter().zip(then);
            let mut all = [0; 3];
            for (slot, (now, then)) in all.iter_mut().zip(pairs) {
                *slot = now.saturating_sub(then);
            }
            all
        };
        Counters {
            records: difference(self.records, earlier.records),
            bytes: difference(self.bytes, earlier.bytes),
            dropped: self.dropped.saturating_sub(earlier.dropped),
            requests: self.requests.saturating_sub(earlier.requests),
            retried: self.retried.saturating_sub(earlier.retried),
        }
    }
}

impl Target {
    /// A sink that has not failed yet.
    pub fn new(
        name: String,
        service: Service,
        filter: Option<Pattern>,
        is_required: bool,
    ) -> Target {
        Target {
            name,
            service,
            filter,
            is_required,
            breaker: RefCell::new(Breaker::new(BreakerPolicy::DEFAULT)),
            counters: Cell::default(),
            reported: Cell::default(),
        }
    }

    /// Whether it takes a record, which was read from JSON.
    pub fn takes(&self, record: &Value<'_>) -> bool {
        let filter = self.filter.as_ref();
        filter.is_none_or(|filter| filter.matches(record))
    }

    /// Most bytes of a record that it takes.
    pub fn max_record_bytes(&self) -> usize {
        let empty = Record {
            data: String::new(),
            partition_key: Cow::Borrowed(""),
        };
        let limit = self.limits().item_bytes;
        limit.saturating_sub(self.byte_len(&empty))
    }

    /// Its status: `ACTIVE`, `UPDATING` or [`NOT_ASKED`] where it takes records.
    ///
    /// # Errors
    /// [`SinkError`]
    pub async fn status(&self, platform: &impl Platform) -> Result<String, SinkError> {
        match &self.service {
            _ if self.is_left_alone() => Err(left_alone()),
            Service::Kinesis(stream) => stream.status(platform).await,
            _ => Ok(NOT_ASKED.to_owned()),
        }
    }

    /// Delivers records until the deadline, as [`retry::deliver`] does, and counts them.
    pub async fn deliver(
        &self,
        records: &[&Record<'_>],
        deadline: Deadline,
        platform: &impl Platform,
    ) -> Delivery {
        if records.is_empty() {
            return Delivery::default();
        }
        let delivery = retry::deliver(self, records, deadline, platform).await;
        let mut counters = self.counters.get();
        counters.note(records, &delivery);
        self.counters.set(counters);
        delivery
    }

    /// Counts records that there was no room for.
    pub fn note_dropped(&self, records: usize) {
        let mut counters = self.counters.get();
        counters.dropped += records as u64;
        self.counters.set(counters);
    }

    /// What was counted since the isolate started.
    pub fn counters(&self) -> Counters {
        self.counters.get()
    }

    /// What was counted since this was last asked for.
    pub fn take_unreported(&self) -> Counters {
        let now = self.counters.get();
        now.since(self.reported.replace(now))
    }

    /// What the breaker lets through.
    pub fn breaker_state(&self) -> BreakerState {
        self.breaker.borrow().state()
    }
}

impl Sink for Target {
    fn limits(&self) -> Limits {
        self.service.limits()
    }

    fn byte_len(&self, record: &Record<'_>) -> usize {
        self.service.byte_len(record)
    }

    fn is_left_alone(&self) -> bool {
        self.breaker_state() != BreakerState::Closed
    }

    async fn put(
        &self,
        records: &[&Record<'_>],
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<ItemResults, SinkError> {
        let permit = self.breaker.borrow_mut().admit(platform.now());
        let Some(permit) = permit else {
            return Err(left_alone());
        };
        let results = self.service.put(records, time_out, platform).await;
        let result = CallResult::from(&results);
        let mut breaker = self.breaker.borrow_mut();
        breaker.note(permit, result, platform.now());
        results
    }
}

/// The error of a call that is not made, because the sink's breaker is not closed.
pub fn left_alone() -> SinkError {
    SinkError::Unreachable("it has failed often lately, and is left alone".to_owned())
}
