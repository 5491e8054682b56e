//! The codecs that both ends share: JSON, times, and the wire, against libraries as oracles, by
//! properties, and by the golden vectors in `tests/vectors`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail by them")]

mod arbitrary;
mod browser;
mod cognito_identity;
mod event_stream;
mod json;
mod parting;
mod plain;
mod put_events;
mod time;
mod update_endpoint;
mod vectors;
