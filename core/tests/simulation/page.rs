//! One life of the page, and what must hold of its client at every step.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::client::{Client, Config, HttpRequest, State, Stats};
use forebay_core::outbox::DropReason;

use crate::events::{Fate, Known};
use crate::server::{APP, ENDPOINT, IDENTITY_ENDPOINT, POOL, Reply, Server, header};

/// The client gives a request up after this long.
const REQUEST_TIMEOUT_MS: u64 = 60_000;
/// What browsers grant to requests that outlive the page.
const KEEPALIVE_BYTES: usize = 64 * 1024;

/// How the client is configured in all lives of one world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub flush_interval_ms: u32,
    pub flush_size: usize,
    pub buffer_size: usize,
}

/// A request that waits for its answer.
struct Open {
    is_events: bool,
    keepalive_bytes: usize,
    sent_at: u64,
}

/// One life of the page.
pub(crate) struct Page {
    pub client: Client,
    pub leads: bool,
    pub wants_lock: bool,
    pub told_offline: bool,
    pub wake_at: Option<u64>,
    /// When storage will have carried out what it was asked so far: it keeps the order.
    pub storage_busy_until: u64,
    /// Valid events recorded or loaded here.
    pub known: BTreeSet<String>,
    /// Those that ended here.
    pub ended: BTreeSet<String>,
    pub endpoint_update: Option<String>,
    counts: Stats,
    open: BTreeMap<u32, Open>,
    /// Until when the endpoint asked for silence about events.
    silent_until: u64,
    /// Requests and ticks by the minute.
    requests: BTreeMap<u64, u64>,
    ticks: BTreeMap<u64, u64>,
}

impl Page {
    pub(crate) fn new(
        settings: Settings,
        identity_id: Option<String>,
        entropy: u64,
        now: u64,
    ) -> Page {
        let config = Config {
            app_id: APP.into(),
            region: "us-east-1".into(),
            identity_pool_id: POOL.into(),
            endpoint: ENDPOINT.into(),
            identity_endpoint: IDENTITY_ENDPOINT.into(),
            endpoint_id: "endpoint".into(),
            identity_id,
            schema: None,
            flush_interval_ms: settings.flush_interval_ms,
            flush_size: settings.flush_size,
            buffer_size: settings.buffer_size,
        };
        Page {
            client: Client::new(config, entropy),
            leads: false,
            wants_lock: false,
            told_offline: false,
            wake_at: None,
            storage_busy_until: now,
            known: BTreeSet::new(),
            ended: BTreeSet::new(),
            endpoint_update: None,
            counts: Stats::default(),
            open: BTreeMap::new(),
            silent_until: 0,
            requests: BTreeMap::new(),
            ticks: BTreeMap::new(),
        }
    }

    /// Whether the endpoint was last described as the page did.
    pub(crate) fn is_endpoint_at(&self, server: &Server) -> bool {
        let update = self.endpoint_update.as_ref();
        update.is_none_or(|update| *update == server.endpoint)
    }

    pub(crate) fn most_requests_a_minute(&self) -> u64 {
        self.requests.values().max().copied().unwrap_or(0)
    }

    pub(crate) fn ticked(&mut self, now: u64) {
        self.wake_at = None;
        let ticks = self.ticks.entry(now / 60_000).or_default();
        *ticks += 1;
        assert!(
            *ticks <= 200 + 2 * self.known.len() as u64,
            "a busy loop of ticks"
        );
    }

    /// `is_last`: the page has just been hidden.
    pub(crate) fn requested(&mut self, request: &HttpRequest, is_last: bool, now: u64) {
        assert!(!self.told_offline, "a request while offline");
        let is_events = request.method == "POST" && header(request, "x-amz-target").is_none();
        if is_events {
            assert!(self.leads, "events sent by a tab that does not lead");
            assert!(
                is_last || now >= self.silent_until,
                "Retry-After is not kept"
            );
        }
        self.open
            .retain(|_, open| now < open.sent_at + REQUEST_TIMEOUT_MS);
        let keepalive_bytes = if request.keepalive {
            request.body.len()
        } else {
            0
        };
        self.open.insert(
            request.id,
            Open {
                is_events,
                keepalive_bytes,
                sent_at: now,
            },
        );
        let together: usize = self.open.values().map(|open| open.keepalive_bytes).sum();
        assert!(
            together <= KEEPALIVE_BYTES,
            "{together} bytes outlive the page"
        );
        let requests = self.requests.entry(now / 60_000).or_default();
        *requests += 1;
        assert!(
            *requests <= 60 + 2 * self.known.len() as u64,
            "a busy loop of requests"
        );
    }

    /// An answer is about to be given to the client.
    pub(crate) fn answered(&mut self, request: u32, reply: Option<&Reply>, now: u64) {
        let Some(open) = self.open.remove(&request) else {
            return;
        };
        if open.is_events && now < open.sent_at + REQUEST_TIMEOUT_MS {
            let silence = reply.and_then(|reply| reply.silence).unwrap_or(0);
            self.silent_until = self.silent_until.max(now + silence);
        }
    }

    pub(crate) fn receipt(&mut self, id: &str, state: &State, event: &mut Known, server: &Server) {
        match state {
            State::Recorded | State::Stored => return,
            State::Sent => {
                assert!(!self.ended.contains(id), "sent after its end");
                return;
            }
            State::Invalid(_) => {
                assert_eq!(event.fate, Fate::Invalid);
                self.counts.invalid += 1;
                return;
            }
            State::Delivered => {
                assert!(server.ledger.contains_key(id), "never arrived");
                self.counts.delivered += 1;
            }
            State::Rejected(_) => {
                assert!(matches!(event.fate, Fate::Refused | Fate::Poison));
                self.counts.rejected += 1;
                event.rejected = true;
            }
            State::Dropped(reason) => {
                self.counts.dropped += 1;
                event.dropped = Some(*reason);
                assert!(matches!(reason, DropReason::TooMany | DropReason::TooOld));
            }
        }
        assert!(self.ended.insert(id.into()), "an event ended twice");
        assert!(self.known.contains(id));
    }

    pub(crate) fn check_books(&self) {
        let books = self.client.stats();
        assert_eq!(
            books.recorded,
            books.delivered + books.rejected + books.dropped + books.queued,
            "the books do not balance"
        );
        let counts = Stats {
            recorded: self.known.len() as u64,
            queued: (self.known.len() - self.ended.len()) as u64,
            ..self.counts
        };
        assert_eq!(books, counts, "the books are not what the receipts say");
    }
}
