//! Amazon EventBridge: PutEvents (service model `eventbridge/2015-10-07`: JSON 1.1).

use forebay_core::json::Writer;

use crate::answer::CallError;
use crate::batch::{Batch, Limits, item_results};
use crate::request::{Call, Operation, Service};

/// Amazon EventBridge.
pub const EVENT_BRIDGE: Service = Service {
    host: "events",
    signing_name: "events",
    target_prefix: "AWSEvents",
    is_fips_in_us_gov: true,
};

/// The limits of one call of PutEvents, in bytes as [`Entry::byte_len`] counts them. 256 KB is what every
/// bus takes; AWS has begun to allow 1 MB.
pub const LIMITS: Limits = Limits {
    items: 10,
    bytes: 256 * 1024,
    item_bytes: 256 * 1024,
};

/// Puts events on a bus.
#[derive(Debug, Clone, Copy)]
pub struct PutEvents<'a> {
    /// The events, within [`LIMITS`].
    pub entries: &'a [Entry<'a>],
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The bus, by its name or ARN; the account's default bus where it is `None`.
    pub event_bus: Option<&'a str>,
    /// `source`, which rules match on; it must not begin with `aws.`.
    pub source: &'a str,
    /// `detail-type`, which rules match on: at most 128 characters.
    pub detail_type: &'a str,
    /// `detail`: one JSON object as text.
    pub detail: &'a str,
}

impl Entry<'_> {
    /// Its size as EventBridge counts it.
    pub fn byte_len(&self) -> usize {
        self.source.len() + self.detail_type.len() + self.detail.len()
    }
}

impl Operation for PutEvents<'_> {
    /// The outcome of each event, in their order.
    type Output = Vec<Result<(), CallError>>;

    fn call(&self) -> Call {
        let mut writer = Writer::new();
        writer.begin_object().name("Entries").begin_array();
        for entry in self.entries {
            writer.begin_object().name("Source").string(entry.source);
            writer.name("DetailType").string(entry.detail_type);
            writer.name("Detail").string(entry.detail);
            if let Some(event_bus) = entry.event_bus {
                writer.name("EventBusName").string(event_bus);
            }
            writer.end_object();
        }
        writer.end_array().end_object();
        Call::json(&EVENT_BRIDGE, "PutEvents", writer.finish())
    }

    fn output(&self, body: &[u8]) -> Result<Self::Output, CallError> {
        let form = Batch {
            items: "Entries",
            id: "EventId",
            // All but InternalFailure and ThrottlingException are the sender's own mistakes.
            item_status: 400,
        };
        item_results(body, &form, self.entries.len())
    }
}
