//! PutEvents: `POST /v1/apps/{application-id}/events`, answered 202 with a status per event.

mod part;
mod request;
mod response;
#[cfg(test)]
mod steps;

pub use request::{Batch, MAX_MISTAKES, ReadEvent, Request, SentEndpoint, SentEvent, read_event};
pub use response::{BatchResponse, ItemResponse, Response};

/// Most events one request may carry.
pub const MAX_EVENTS: usize = 100;
/// Most endpoints one request may carry.
pub const MAX_ENDPOINTS: usize = 100;
/// Most bytes one request body may have.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes one event may have.
pub const MAX_EVENT_BYTES: usize = 1000 * 1024;
/// Most attributes and metrics together in one event.
pub const MAX_KEYS: usize = 40;
/// Most characters in the name of an attribute or metric.
pub const MAX_KEY_CHARS: usize = 50;
/// Most characters in the value of an attribute.
pub const MAX_VALUE_CHARS: usize = 200;
/// Most characters in an endpoint id or an event id; at least one. Pinpoint documents no limit:
/// this is Kinesis's for a partition key, which the endpoint id becomes.
pub const MAX_ID_CHARS: usize = 256;
