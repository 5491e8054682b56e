//! What becomes of an event: [`plan`] decides, the others make what it needs.

pub mod dead_letter;
pub mod deduplication;
pub mod enrich;
pub mod event_id;
pub mod malformed;
pub mod partition;
pub mod plain;
pub mod plan;
pub mod record;
pub mod redact;

use crate::config::{App, Config};
use crate::http::message::Head;
use crate::identity::authenticate::Caller;
use enrich::clock::ClockCorrection;

/// What is the same for all events of a request.
pub struct Context<'a> {
    /// The request.
    pub head: &'a Head,
    /// The configuration.
    pub config: &'a Config,
    /// The app the events are of.
    pub app: &'a App,
    /// Who sends them.
    pub caller: &'a Caller<'a>,
    /// What corrects the sender's times.
    pub clock: ClockCorrection,
}
