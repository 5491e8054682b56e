//! One tab: an outbox, what its shell keeps, and what must hold of both at every step.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::outbox::{Action, Books, Config, MAX_IDENTITIES, NewEvent, Now, Outbox};

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
    /// How events ended that are held here, where another tab told so, or the disk.
    pub ends: BTreeMap<u64, Action>,
    /// Identities by the numbers that this tab gave them.
    pub identities: Vec<u32>,
    /// Goes up when the module is thrown away: what its requests bring is no more for the outbox.
    pub generation: u32,
    /// After how many actions that happens next.
    pub trap_after: Option<u64>,
    /// The events of batches under way, by generation and request.
    pub batches: BTreeMap<(u32, u32), Vec<u64>>,
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
        let mut tab = Tab {
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
            ends: BTreeMap::new(),
            identities: Vec::new(),
            generation: 0,
            trap_after: None,
            batches: BTreeMap::new(),
            evicted: BTreeMap::new(),
            reading: None,
            keys: BTreeMap::new(),
            current,
            described: None,
            disk_busy_until: now,
            channel_busy_until: now,
            counts: Books::NEW,
            open: BTreeMap::new(),
            silent_until: 0,
            requests: BTreeMap::new(),
            ticks: BTreeMap::new(),
        };
        let who = tab.number_of(current);
        tab.outbox.set_current(who);
        tab
    }

    /// The number of an identity here.
    pub(crate) fn number_of(&mut self, identity: u32) -> u32 {
        let at = self.identities.iter().position(|known| *known == identity);
        let at = at.unwrap_or_else(|| {
            self.identities.push(identity);
            self.identities.len() - 1
        });
        at as u32
    }

    /// Whether the outbox has room for whoever is there.
    pub(crate) fn knows_current(&self) -> bool {
        let mut known = self.identities.iter().take(MAX_IDENTITIES);
        known.any(|known| *known == self.current)
    }

    /// Gives an event a number of this tab, and the outbox the event. Gives whether that takes it.
    pub(crate) fn record(&mut self, event: u64, new: NewEvent, immediate: bool, now: Now) -> bool {
        let who = self.number_of(new.who);
        self.next += 1;
        let event_number = self.next;
        let new = NewEvent {
            event: event_number,
            who,
            ..new
        };
        let is_taken = self.outbox.record(new, immediate, now);
        assert_eq!(is_taken, (who as usize) < MAX_IDENTITIES);
        if is_taken {
            self.number(event);
            self.counts.recorded += 1;
            self.counts.queued += 1;
        }
        is_taken
    }

    /// The module is thrown away. Another takes all that the shell holds.
    pub(crate) fn restart(
        &mut self,
        config: Config,
        entropy: u32,
        event: impl Fn(u64) -> (NewEvent, bool),
        now: Now,
    ) {
        self.generation += 1;
        self.outbox.start(config, entropy);
        self.outbox.set_leader(self.leads);
        self.outbox.set_online(!self.offline);
        let who = self.number_of(self.current);
        self.outbox.set_current(who);
        if self.described.is_some() {
            self.outbox.update_endpoint();
        }
        self.counts = Books::NEW;
        self.evicted.clear();
        self.reading = None;
        self.open.clear();
        self.silent_until = 0;
        // What is too many is by the events that this one has.
        self.requests.clear();
        self.ticks.clear();
        for (number, held) in self.events.clone() {
            let (new, immediate) = event(held);
            let who = self.number_of(new.who);
            let new = NewEvent {
                event: number,
                who,
                ..new
            };
            assert!(self.outbox.record(new, immediate, now), "held before");
            self.counts.recorded += 1;
            self.counts.queued += 1;
            // The one before may have been told, and not have said so any more.
            if let Some(end) = self.ends.get(&held) {
                self.outbox.ended_elsewhere(number, *end);
            }
        }
    }

    /// An event has ended, though not by what this tab sent.
    pub(crate) fn ended_elsewhere(&mut self, event: u64, end: Action) {
        if self.ended.insert(event)
            && let Some(number) = self.numbers.get(&event)
        {
            self.ends.insert(event, end);
            self.outbox.ended_elsewhere(*number, end);
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
    pub(crate) fn evict(&mut self, event: u64, identity: u32) {
        let who = self.number_of(identity);
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

    /// Hands over an event from disk. Gives whether it is taken into memory, or else whether there is room for its
    /// identity.
    pub(crate) fn load(&mut self, event: u64, new: NewEvent) -> Result<(), bool> {
        let recorded = self.outbox.books().recorded;
        self.next += 1;
        let new = NewEvent {
            event: self.next,
            who: self.number_of(new.who),
            ..new
        };
        let is_resident = self.outbox.load(new);
        if new.who as usize >= MAX_IDENTITIES {
            assert!(!is_resident);
            return Err(false);
        }
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
            return Ok(());
        }
        *evicted += 1;
        Err(true)
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
        let most = self.most_in_a_minute(200);
        let ticks = self.ticks.entry(now / 60_000).or_default();
        *ticks += 1;
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
        let most = self.most_in_a_minute(120);
        let requests = self.requests.entry(now / 60_000).or_default();
        *requests += 1;
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

    /// The most ticks or requests that a tab may have in a minute, if it may have `base` without events. Each identity
    /// backs off by itself: it tries some eight times until its delays are long, and gets credentials for each try.
    fn most_in_a_minute(&self, base: u64) -> u64 {
        base + 2 * u64::from(self.counts.recorded) + 16 * self.identities.len() as u64
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
