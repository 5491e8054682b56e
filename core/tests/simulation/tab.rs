//! One tab: an outbox, what its shell keeps, and what must hold of both at every step.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::outbox::{Action, Books, Config, NewEvent, Outbox};

use crate::server::{Key, Reply};

/// The outbox gives a request up after this long, and browsers too.
const REQUEST_TIMEOUT_MS: u64 = 60_000;
/// What browsers grant to requests that outlive the page.
const KEEPALIVE_BYTES: usize = 64 * 1024;
/// A batch without events.
pub(crate) const ENVELOPE_BYTES: usize = 300;

/// A request that waits for its answer.
struct Open {
    is_batch: bool,
    keepalive_bytes: usize,
    sent_at: u64,
}

/// Where events and requests are in one tab. Times are monotonic.
pub(crate) struct Tab {
    pub outbox: Outbox,
    pub leads: bool,
    pub offline: bool,
    pub wake_at: Option<u64>,
    /// When this tab's monotonic clock was nought.
    pub origin: u64,
    /// The shell's numbers of events, both ways.
    pub events: BTreeMap<u32, u64>,
    pub numbers: BTreeMap<u64, u32>,
    next: u32,
    /// Events that are known to be on disk.
    pub stored: BTreeSet<u64>,
    /// Events that the disk did not take.
    pub unstored: BTreeSet<u64>,
    /// Events that are known to have ended.
    pub ended: BTreeSet<u64>,
    /// How many events wait on disk alone, by identity.
    evicted: BTreeMap<u32, u32>,
    /// The identity that the disk is read for.
    reading: Option<u32>,
    /// Credentials by identity.
    pub keys: BTreeMap<u32, Key>,
    pub current: u32,
    /// The last description of the endpoint.
    pub described: Option<u32>,
    /// When disk and channel will have done what they were asked so far: both keep the order.
    pub disk_busy_until: u64,
    pub channel_busy_until: u64,
    counts: Books,
    open: BTreeMap<u32, Open>,
    /// Until when the endpoint asked for silence about events.
    silent_until: u64,
    /// Requests and ticks by the minute.
    requests: BTreeMap<u64, u64>,
    ticks: BTreeMap<u64, u64>,
}

impl Tab {
    pub(crate) fn new(config: Config, entropy: u32, now: u64, current: u32) -> Tab {
        let mut outbox = Outbox::EMPTY;
        outbox.start(config, entropy);
        outbox.set_current(current);
        Tab {
            outbox,
            leads: false,
            offline: false,
            wake_at: None,
            origin: now,
            events: BTreeMap::new(),
            numbers: BTreeMap::new(),
            next: 0,
            stored: BTreeSet::new(),
            unstored: BTreeSet::new(),
            ended: BTreeSet::new(),
            evicted: BTreeMap::new(),
            reading: None,
            keys: BTreeMap::new(),
            current,
            described: None,
            disk_busy_until: now,
            channel_busy_until: now,
            counts: Books {
                recorded: 0,
                ended: [0; 6],
                queued: 0,
            },
            open: BTreeMap::new(),
            silent_until: 0,
            requests: BTreeMap::new(),
            ticks: BTreeMap::new(),
        }
    }

    /// Gives an event a number of this tab.
    pub(crate) fn hold(&mut self, event: u64, new: NewEvent) -> NewEvent {
        self.next += 1;
        self.number(event);
        self.counts.recorded += 1;
        self.counts.queued += 1;
        NewEvent {
            event: self.next,
            ..new
        }
    }

    /// The last number is that of an event.
    fn number(&mut self, event: u64) {
        self.events.insert(self.next, event);
        let before = self.numbers.insert(event, self.next);
        assert!(before.is_none(), "held twice");
    }

    /// An event ended. Gives it, and whether this tab is the first to know.
    pub(crate) fn end(&mut self, number: u32, end: Action) -> (u64, bool) {
        let event = self.events.remove(&number).expect("ends once");
        self.numbers.remove(&event);
        self.counts.queued -= 1;
        self.counts.ended[place(end)] += 1;
        (event, self.ended.insert(event))
    }

    /// An event that was recorded here is on disk: it may wait there alone.
    pub(crate) fn evict(&mut self, event: u64, who: u32) {
        if let Some(number) = self.numbers.get(&event).copied()
            && self.outbox.evict(number)
        {
            self.numbers.remove(&event);
            self.events.remove(&number);
            *self.evicted.entry(who).or_default() += 1;
        }
    }

    /// The disk is to be read for an identity.
    pub(crate) fn reads(&mut self, who: u32, now: u64) {
        assert!(self.reading.is_none(), "read twice at a time");
        self.reading = Some(who);
        self.asked(now);
    }

    /// Hands over an event from disk. Gives whether it is taken.
    pub(crate) fn load(&mut self, event: u64, new: NewEvent) -> bool {
        let recorded = self.outbox.books().recorded;
        self.next += 1;
        let is_resident = self.outbox.load(NewEvent {
            event: self.next,
            ..new
        });
        let evicted = self.evicted.entry(new.who).or_default();
        if self.outbox.books().recorded > recorded {
            self.counts.recorded += 1;
            self.counts.queued += 1;
        } else {
            assert!(*evicted > 0, "counted before, but it was not");
            *evicted -= 1;
        }
        if is_resident {
            self.number(event);
        } else {
            *evicted += 1;
        }
        is_resident
    }

    /// All there is has been handed over.
    pub(crate) fn loaded(&mut self) {
        let at = place(Action::DroppedLost);
        let before = self.outbox.books().ended[at];
        self.outbox.loaded();
        let lost = self.outbox.books().ended[at] - before;
        if let Some(who) = self.reading.take()
            && lost > 0
        {
            let evicted = self.evicted.entry(who).or_default();
            *evicted = evicted
                .checked_sub(lost)
                .expect("lost, but it was not there");
            self.counts.queued -= lost;
            self.counts.ended[at] += lost;
        }
    }

    /// Whether events wait here.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.queued == 0
    }

    pub(crate) fn ticked(&mut self, now: u64) {
        self.wake_at = None;
        let ticks = self.ticks.entry(now / 60_000).or_default();
        *ticks += 1;
        let most = 200 + 2 * u64::from(self.counts.recorded);
        assert!(*ticks <= most, "a busy loop of ticks");
    }

    /// `is_last`: the page is being hidden.
    pub(crate) fn requested(
        &mut self,
        action: Action,
        request: u32,
        bytes: usize,
        is_last: bool,
        now: u64,
    ) {
        assert!(!self.offline, "a request while offline");
        let is_batch = action != Action::SendEndpoint;
        if is_batch {
            assert!(self.leads, "events sent by a tab that does not lead");
            let may = is_last || now >= self.silent_until;
            assert!(may, "Retry-After is not kept");
        }
        let keepalive_bytes = if action == Action::SendLastBatch || is_last {
            ENVELOPE_BYTES + bytes
        } else {
            0
        };
        self.open
            .retain(|_, open| now < open.sent_at + REQUEST_TIMEOUT_MS);
        self.open.insert(
            request,
            Open {
                is_batch,
                keepalive_bytes,
                sent_at: now,
            },
        );
        let together: usize = self.open.values().map(|open| open.keepalive_bytes).sum();
        assert!(
            together <= KEEPALIVE_BYTES,
            "{together} bytes outlive the page"
        );
        self.asked(now);
    }

    /// A request left, to the endpoint or to the pool.
    pub(crate) fn asked(&mut self, now: u64) {
        let requests = self.requests.entry(now / 60_000).or_default();
        *requests += 1;
        let most = 120 + 2 * u64::from(self.counts.recorded);
        assert!(*requests <= most, "a busy loop of requests");
    }

    /// An answer is about to be given to the outbox.
    pub(crate) fn answered(&mut self, request: u32, reply: &Reply, now: u64) {
        if let Some(open) = self.open.remove(&request)
            && open.is_batch
            && now < open.sent_at + REQUEST_TIMEOUT_MS
        {
            let silence = reply.retry_after.unwrap_or(0);
            self.silent_until = self.silent_until.max(now + silence);
        }
    }

    pub(crate) fn check(&self) {
        let books = self.outbox.books();
        let ended: u32 = books.ended.iter().sum();
        assert_eq!(books.recorded, ended + books.queued, "out of balance");
        assert_eq!(*books, self.counts, "the books are not what was told");
        let evicted: u32 = self.evicted.values().sum();
        let held = self.events.len() as u32;
        assert_eq!(books.queued, held + evicted, "events have vanished");
    }
}

/// The place of an end in the books.
fn place(end: Action) -> usize {
    end as usize - Action::Delivered as usize
}
