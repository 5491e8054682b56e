//! The browser client: the outbox, the identity and its credentials, and the signed requests they
//! make, as one machine.
//!
//! One rule: after every [`Client::handle`], call [`Client::poll`] until it gives `None`, and carry
//! out what it gave, in order.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::{Endpoint, Event};
use crate::outbox::{DropReason, StoredEvent};
use crate::schema::{Schema, Violation};
use crate::time::Timestamp;

/// Where to send, as whom, and how eagerly.
#[derive(Debug, Clone)]
pub struct Config {
    /// Pinpoint application id.
    pub app_id: String,
    /// AWS region that requests are signed for.
    pub region: String,
    /// Identity pool to get guest credentials from.
    pub identity_pool_id: String,
    /// Where PutEvents and UpdateEndpoint go: scheme, host and port, no closing slash.
    pub endpoint: String,
    /// Where Cognito Identity answers; the same as `endpoint` for the embedded pool.
    pub identity_endpoint: String,
    /// This browser's endpoint id.
    pub endpoint_id: String,
    /// Identity id kept from an earlier visit.
    pub identity_id: Option<String>,
    /// What events are validated against; `None` takes any event Pinpoint would take.
    pub schema: Option<Schema>,
    /// Milliseconds between paced requests (Amplify's `flushInterval`, 5000).
    pub flush_interval_ms: u32,
    /// Most events a request (Amplify's `flushSize`, 100; never over 100).
    pub flush_size: usize,
    /// Most events waiting (Amplify's `bufferSize` is 1000, Forebay's default 10,000).
    pub buffer_size: usize,
}

/// The time, as the shell reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: what timestamps and signatures are made of. May jump.
    pub wall: Timestamp,
    /// A clock that never goes back, in milliseconds from any origin: what waiting is measured by.
    pub monotonic: u64,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// The page recorded an event. `id` is a new UUID.
    Record {
        /// Event id.
        id: String,
        /// The event, its `timestamp` by the browser's clock.
        event: Event<'static>,
        /// Leave now instead of at the next interval.
        immediate: bool,
    },
    /// What storage held from earlier visits; once, at the start. May be empty.
    Loaded(Vec<StoredEvent>),
    /// Storage has these event ids.
    Stored(Vec<String>),
    /// Storage could not take these event ids; they stay in memory.
    StoreFailed(Vec<String>),
    /// Whether this tab is the one that sends.
    Leader(bool),
    /// The time asked for by [`Output::WakeAt`] has come. Harmless at any other time.
    Tick,
    /// The answer to a request.
    Response {
        /// [`HttpRequest::id`].
        request: u32,
        /// HTTP status.
        status: u16,
        /// `date`, `retry-after` and `x-amzn-errortype` where readable; lower-case names.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// No answer came to this request.
    NetworkError {
        /// [`HttpRequest::id`].
        request: u32,
    },
    /// The browser says it has a network again.
    Online,
    /// The browser says it has none.
    Offline,
    /// The page is going away or hidden.
    PageHidden,
    /// Describe the endpoint (identifyUser): becomes an UpdateEndpoint request.
    UpdateEndpoint(Endpoint<'static>),
    /// Send what is waiting now.
    Flush,
}

/// What the shell is to do.
#[derive(Debug, Clone)]
pub enum Output {
    /// Write these to storage, then answer `Stored` or `StoreFailed`.
    Store(Vec<StoredEvent>),
    /// Remove these event ids from storage.
    Delete(Vec<String>),
    /// Keep the identity id for the next visit.
    SaveIdentityId(String),
    /// Ask to be the tab that sends; answer `Leader` when it is, and when it no longer is.
    RequestLeadership,
    /// Send this, then answer `Response` or `NetworkError`.
    Fetch(HttpRequest),
    /// Give `Tick` when `monotonic` reaches this. Replaces the time asked for before.
    WakeAt(u64),
    /// What became of an event.
    Receipt {
        /// Event id.
        id: String,
        /// Its new state.
        state: State,
    },
}

/// An HTTP request for the shell to send as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Names the request in its answer.
    pub id: u32,
    /// E.g. `POST`.
    pub method: &'static str,
    /// Absolute URL.
    pub url: String,
    /// Headers to set. `host` is left to the browser.
    pub headers: Vec<(&'static str, String)>,
    /// Body, JSON.
    pub body: String,
    /// Whether the request must outlive the page.
    pub keepalive: bool,
}

/// How far an event has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Valid, and in the outbox.
    Recorded,
    /// On disk.
    Stored,
    /// In a request that is under way.
    Sent,
    /// Accepted: the stream has it.
    Delivered,
    /// Not valid, by the schema here; it never leaves.
    Invalid(Vec<Violation>),
    /// Refused for good by the endpoint, with its message.
    Rejected(String),
    /// Given up, and counted.
    Dropped(DropReason),
}

/// The books: `recorded = delivered + rejected + dropped + queued` at any time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Valid events recorded or loaded from storage.
    pub recorded: u64,
    /// Events refused by the schema here; not in `recorded`.
    pub invalid: u64,
    /// Events accepted by the endpoint.
    pub delivered: u64,
    /// Events refused for good by the endpoint.
    pub rejected: u64,
    /// Events dropped, whatever the reason.
    pub dropped: u64,
    /// Events waiting or under way.
    pub queued: u64,
}

/// The client machine.
pub struct Client {
    _config: Config,
}

impl Client {
    /// A client that has not yet loaded what storage holds. `entropy` seeds the jitter of retries.
    pub fn new(config: Config, _entropy: u64) -> Client {
        Client { _config: config }
    }

    /// Takes one input.
    pub fn handle(&mut self, _input: Input, _now: Now) {
        todo!()
    }

    /// Gives the next thing to do; `None` when there is nothing more until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        todo!()
    }

    /// The books.
    pub fn stats(&self) -> Stats {
        todo!()
    }
}
