//! The outbox: the state machine that gets every recorded event delivered, or dropped with a reason.
//!
//! It knows only numbers. The texts of events, bodies of requests and secrets of credentials stay with the shell, which
//! writes events to disk, composes and signs requests, and tells the outbox their answers. The shell gives events their
//! numbers; identities have numbers from 0.
//!
//! One rule: after all other calls of a task, call [`Outbox::tick`], drain [`Outbox::poll`] and carry out what it
//! gives; then do so again at the time that [`Outbox::tick`] gave. Times are milliseconds.
//!
//! - **Pace**: the first events are sent at once, and later ones [`Config::interval_ms`] apart; a full batch, an
//!   immediate event and events from an earlier visit do not wait. At most [`MAX_IN_FLIGHT`] batches are in flight, and
//!   one while requests fail.
//! - **Retries**: a batch that fails as a whole goes back to its place, and the queue waits by exponential back-off
//!   with full jitter. An event that fails by itself goes to the back, so that it never holds up the others. Its id
//!   stays the same.
//! - **Refusals of a whole batch** (the endpoint calls the request itself bad or too large): the answer does not say
//!   which part is at fault. First the batch is sent again without the description of the endpoint
//!   ([`Outbox::describes`]). If that is refused as well, the batch size is halved until the event is found. An event
//!   that is refused while alone is rejected, and the queue backs off: otherwise an endpoint that refuses everything
//!   would empty the queue in a moment. Accepted batches double the size again.
//! - **Answers that are not the endpoint's** ([`Answer::is_own`]) end no event. If a request is too large for something
//!   on the way, batches get smaller, and an event that is alone waits behind the others.
//! - **Identities**: a batch holds events of one identity, whose credentials sign it. If the endpoint does not
//!   authorise it, the clock may be wrong or the credentials may have expired: the outbox renews them and sends the
//!   batch again, at once the first times and then with a back-off that holds up no other identity. There are
//!   [`MAX_IDENTITIES`]; events of further ones stay with the shell.
//! - **Memory**: once more than [`Config::resident_events`] events of an identity wait in memory, further events that
//!   are on disk are evicted ([`Outbox::evict`]): they wait there alone, and the outbox only counts them. As memory
//!   empties, it asks for them again, a page at a time.
//! - **Caps**: beyond its count or its bytes, the outbox drops the oldest events that wait, or the new one
//!   ([`Config::drop_newest`]); events in flight are never dropped. Events from an earlier visit are dropped when they
//!   are older than [`Config::max_age_ms`] by the endpoint's clock.
//! - **Going away**: [`Outbox::hidden`] sends the newest events that fit in keepalive requests.

mod answer;
mod backoff;
mod clock;
mod identity;
mod machine;
mod queue;

#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use clock::Now;
pub use identity::MAX_IDENTITIES;
pub use machine::{MAX_IN_FLIGHT, Outbox, REQUEST_TIMEOUT_MS};

/// How much the outbox holds and sends.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Most events in a batch.
    pub batch_events: usize,
    /// Most bytes in a batch.
    pub batch_bytes: usize,
    /// Most events in the outbox.
    pub queue_events: usize,
    /// Most bytes in the outbox.
    pub queue_bytes: usize,
    /// Most events of an identity in memory, if the others are on disk; 1 or more.
    pub resident_events: usize,
    /// How old an event from an earlier visit may be, in milliseconds.
    pub max_age_ms: f64,
    /// Milliseconds between batches that are neither full nor urgent.
    pub interval_ms: f64,
    /// Whether a new event that does not fit is dropped, instead of the oldest ones.
    pub drop_newest: bool,
    /// The clock offset of an earlier visit, in milliseconds.
    pub clock_offset: f64,
}

/// An event for the outbox.
#[derive(Debug, Clone, Copy)]
pub struct NewEvent {
    /// The shell's number for it, which no other event in the outbox has.
    pub event: u32,
    /// Bytes that it takes in a request, with its envelope.
    pub bytes: usize,
    /// The identity that it was recorded under, less than [`MAX_IDENTITIES`].
    pub who: u32,
    /// When it was recorded, by the browser's clock, uncorrected: milliseconds since the epoch.
    pub at: f64,
}

/// What the outbox asks its shell to do, or tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// Send the events of the request with this number, signed for its identity, and call
    /// [`Outbox::answered`].
    SendBatch = 1,
    /// The same by a keepalive request, which outlives the page.
    SendLastBatch = 2,
    /// Send the last description of the endpoint by UpdateEndpoint as the request with this number,
    /// and call [`Outbox::answered`].
    SendEndpoint = 3,
    /// Get new credentials for the identity with this number, and call [`Outbox::got_credentials`] or
    /// [`Outbox::no_credentials`].
    GetCredentials = 4,
    /// Read from disk again, the oldest first, call [`Outbox::load`] until it does not take an event of the
    /// identity with this number, and then [`Outbox::loaded`].
    Load = 5,
    /// The event with this number was accepted: the stream has it. After this and all actions below, forget the event,
    /// on disk too.
    Delivered = 6,
    /// The endpoint refused the event for good.
    Rejected = 7,
    /// The event was dropped, because the outbox held as many as it may.
    DroppedTooMany = 8,
    /// The event was dropped, because the outbox held as many bytes as it may.
    DroppedTooLarge = 9,
    /// The event was dropped, because it was older than [`Config::max_age_ms`].
    DroppedTooOld = 10,
    /// The event was dropped, because it waited on disk alone, and is no longer there. It is only counted: nobody knows
    /// which event it was.
    DroppedLost = 11,
}

impl Action {
    /// How events end, the first at [`Action::Delivered`].
    pub const ENDS: [Action; 6] = [
        Action::Delivered,
        Action::Rejected,
        Action::DroppedTooMany,
        Action::DroppedTooLarge,
        Action::DroppedTooOld,
        Action::DroppedLost,
    ];

    /// The names of these ends, in the same order, for people and other tabs. From the third on they are reasons to
    /// drop an event.
    pub const END_NAMES: [&str; Action::ENDS.len()] = [
        "delivered",
        "rejected",
        "too many events are waiting",
        "too many bytes are waiting",
        "too old",
        "not on disk any more",
    ];
}

/// The counts of events: `recorded` is the sum of `ended` and `queued` at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Books {
    /// Events recorded, loaded or handed over.
    pub recorded: u32,
    /// Events that ended, in the order of [`Action::ENDS`].
    pub ended: [u32; Action::ENDS.len()],
    /// Events that wait, also on disk alone, or are in flight.
    pub queued: u32,
}

impl Books {
    /// The counts of an empty outbox.
    pub const NEW: Books = Books {
        recorded: 0,
        ended: [0; Action::ENDS.len()],
        queued: 0,
    };
}
