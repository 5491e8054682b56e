//! The outbox: the machine that gets every recorded event delivered, or dropped with a reason.

use alloc::string::String;

use crate::time::Timestamp;

/// An event in the outbox, in the form storage keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Event id: a UUID, the same for every attempt.
    pub id: String,
    /// `EventType`, for receipts and counts.
    pub event_type: String,
    /// When it was recorded, by the browser's clock, uncorrected.
    pub recorded_at: Timestamp,
    /// The event's JSON without its `Timestamp`, from [`crate::wire::put_events::encode_event`].
    pub body: String,
}

/// Why an event was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// The outbox held as many events as it may.
    TooMany,
    /// The outbox held as many bytes as it may.
    TooLarge,
    /// It was older than events may get.
    TooOld,
    /// `disable()` was called, or the page opted out.
    Disabled,
}
