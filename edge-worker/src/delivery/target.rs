//! A sink with what surrounds it: its name, its filter, its breaker.

use std::borrow::Cow;
use std::cell::RefCell;
use std::time::Duration;

use forebay_aws_call::Limits;
use forebay_core::json::Value;

use super::breaker::{Breaker, BreakerPolicy, BreakerState, CallResult};
use super::pattern::Pattern;
use super::sinks::Service;
use super::{ItemResults, Record, Sink, SinkError};
use crate::platform::Platform;

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

    /// Its status: `ACTIVE` or `UPDATING` where it takes records. Kinesis is asked; of other services
    /// their calls tell.
    ///
    /// # Errors
    /// [`SinkError`]
    pub async fn status(&self, platform: &impl Platform) -> Result<String, SinkError> {
        match &self.service {
            _ if self.is_left_alone() => Err(left_alone()),
            Service::Kinesis(stream) => stream.status(platform).await,
            _ => Ok("ACTIVE".to_owned()),
        }
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

/// Why no call is made to a sink whose breaker is not closed.
pub fn left_alone() -> SinkError {
    SinkError::Unreachable("it has failed often lately, and is left alone".to_owned())
}
