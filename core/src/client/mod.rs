//! The browser client: the outbox, the identity and its credentials, and the signed requests they
//! make, as one machine.
//!
//! One rule: after every [`Client::handle`], call [`Client::poll`] until it gives `None`, and carry
//! out what it gave, in order.

mod answer;
mod identity;
mod limits;
mod machine;
mod request;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub use machine::Client;

use crate::event::Event;
use crate::outbox::{self, StoredEvent};
pub use crate::outbox::{State, Stats};
use crate::schema::{Rules, Violation};
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
    pub schema: Option<Rules<'static>>,
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
#[derive(Clone)]
#[allow(
    clippy::large_enum_variant,
    reason = "there is one input at a time, so its size costs nothing"
)]
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
    /// The page recorded what the shell could not read as an event.
    Invalid {
        /// Event id.
        id: String,
        /// What is wrong with it.
        violations: Vec<Violation>,
    },
    /// What storage held from earlier visits, oldest first; at the start. May be empty. Coming
    /// again does no harm: what is known already is passed over.
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
    /// Describe the endpoint (identifyUser): the body of an UpdateEndpoint request, a JSON object.
    /// Replaces one that has not been sent yet. Once accepted, it goes with every batch too.
    UpdateEndpoint(String),
    /// Send what is waiting now.
    Flush,
}

impl fmt::Debug for Input {
    /// The name alone: inputs carry personal data, and answers of the identity pool secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Input::Record { .. } => "Record",
            Input::Invalid { .. } => "Invalid",
            Input::Loaded(_) => "Loaded",
            Input::Stored(_) => "Stored",
            Input::StoreFailed(_) => "StoreFailed",
            Input::Leader(_) => "Leader",
            Input::Tick => "Tick",
            Input::Response { .. } => "Response",
            Input::NetworkError { .. } => "NetworkError",
            Input::Online => "Online",
            Input::Offline => "Offline",
            Input::PageHidden => "PageHidden",
            Input::UpdateEndpoint(_) => "UpdateEndpoint",
            Input::Flush => "Flush",
        })
    }
}

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write these to storage, then answer `Stored` or `StoreFailed`.
    Store(Vec<StoredEvent>),
    /// Remove these event ids from storage. Some may never have reached it.
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

impl From<outbox::Output> for Output {
    fn from(output: outbox::Output) -> Output {
        match output {
            outbox::Output::Store(events) => Output::Store(events),
            outbox::Output::Delete(ids) => Output::Delete(ids),
            outbox::Output::RequestLeadership => Output::RequestLeadership,
            outbox::Output::Receipt { id, state } => Output::Receipt { id, state },
        }
    }
}

/// An HTTP request for the shell to send as it is.
#[derive(Clone, PartialEq, Eq)]
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

impl fmt::Debug for HttpRequest {
    /// Without the headers, which authorise, and the body, which may hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("id", &self.id)
            .field("method", &self.method)
            .field("url", &self.url)
            .field("keepalive", &self.keepalive)
            .finish_non_exhaustive()
    }
}
