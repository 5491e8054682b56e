//! Amazon EventBridge. Each record is an event on a bus: its `detail` is the record, its
//! `detail-type` the event type, so that the rule
//! `{"source": ["forebay"], "detail-type": ["SignUpEvent"]}` fires.

use std::time::Duration;

use forebay_aws_call::Limits;
use forebay_aws_call::event_bridge::{Entry, PutEvents};

use super::aws::Access;
use super::event_type;
use crate::delivery::{ItemResults, Record, Sink, SinkError};
use crate::platform::Platform;

/// The longest `detail-type` that EventBridge takes, in characters.
const MAX_DETAIL_TYPE_CHARS: usize = 128;

/// A bus.
pub struct EventBus {
    /// Where it is.
    pub access: Access,
    /// Its name or ARN; `None` for the account's default bus.
    pub name: Option<String>,
    /// The `source` of its events, which rules match on.
    pub source: String,
    /// The `detail-type` of all its events; each one's own event type where there is none.
    pub detail_type: Option<&'static str>,
    /// How much it takes.
    pub limits: Limits,
}

impl Sink for EventBus {
    fn limits(&self) -> Limits {
        self.limits
    }

    /// The event type is in the record already, and counts once more.
    fn byte_len(&self, record: &Record<'_>) -> usize {
        record.data.len() + self.source.len() + MAX_DETAIL_TYPE_CHARS
    }

    async fn put(
        &self,
        records: &[&Record<'_>],
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<ItemResults, SinkError> {
        let types: Vec<String> = records
            .iter()
            .map(|record| {
                if let Some(detail_type) = self.detail_type {
                    return detail_type.to_owned();
                }
                let event_type = event_type(record);
                event_type.chars().take(MAX_DETAIL_TYPE_CHARS).collect()
            })
            .collect();
        let entries: Vec<Entry<'_>> = records
            .iter()
            .zip(&types)
            .map(|(record, event_type)| Entry {
                event_bus: self.name.as_deref(),
                source: &self.source,
                detail_type: event_type,
                detail: record.data.trim_end(),
            })
            .collect();
        let operation = PutEvents { entries: &entries };
        self.access.call(&operation, time_out, platform).await
    }
}
