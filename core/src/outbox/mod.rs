//! The outbox: the machine that gets every recorded event delivered, or dropped with a reason.
//!
//! It speaks of batches and answers, and knows nothing of HTTP, identities or signatures. After
//! every call that changes it, drain [`Outbox::poll`].
//!
//! - **Pace**: the first batch leaves at once, and later ones [`Limits::interval_ms`] apart; a full
//!   batch, an immediate event and events from an earlier visit do not wait. At most two batches
//!   are under way, one while there is trouble.
//! - **Retries**: a batch that fails as a whole goes back to the front of the queue, and the queue
//!   waits by exponential back-off with full jitter. An event that fails by itself goes to the back,
//!   so that it never holds up the others. Its id stays the same.
//! - **Refusals of a whole batch** (the endpoint calls the request itself bad or too large): nobody
//!   says which event is at fault, so the batch size is halved until it is found. An event refused
//!   while alone is rejected, and the queue backs off: an endpoint that refuses everything must not
//!   eat the queue in a moment. Accepted batches double the size again.
//! - **Caps**: over its count or its bytes, the outbox drops from the front of the queue, where the
//!   oldest are; events under way are never dropped. Events from an earlier visit are dropped when
//!   they are older than [`Limits::max_age_ms`].

mod backoff;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub(crate) use backoff::{Backoff, Random};

use crate::schema::Violation;
use crate::time::Timestamp;

/// Most batches under way at a time.
const MAX_IN_FLIGHT: usize = 2;

/// An event in the outbox, in the form storage keeps.
#[derive(Clone, PartialEq, Eq)]
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

impl fmt::Debug for StoredEvent {
    /// Without the body, which may hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredEvent")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .finish_non_exhaustive()
    }
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

/// How far an event has come. Storage and network are independent: `Stored` may come after `Sent`
/// and even after `Delivered`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Valid, and in the outbox.
    Recorded,
    /// On disk.
    Stored,
    /// In a request that is under way. Comes once for every attempt.
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

/// How much the outbox holds and sends.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most events in a batch.
    pub batch_events: usize,
    /// Most bytes in a batch, each event counted with `event_overhead`.
    pub batch_bytes: usize,
    /// Bytes an event takes in a request beyond its id and body.
    pub event_overhead: usize,
    /// Most events in the outbox.
    pub queue_events: usize,
    /// Most bytes in the outbox, counted as for `batch_bytes`.
    pub queue_bytes: usize,
    /// How old an event from an earlier visit may be, in milliseconds. Looked at when the first
    /// batch is accepted, by the time that batch was taken at: where the clock is wrong, it is known
    /// by then.
    pub max_age_ms: i64,
    /// Milliseconds between batches that are neither full nor urgent.
    pub interval_ms: u64,
}

/// What the outbox asks of its shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Write these to storage.
    Store(Vec<StoredEvent>),
    /// Remove these event ids from storage. Some may never have reached it.
    Delete(Vec<String>),
    /// Ask to be the one that sends.
    RequestLeadership,
    /// What became of an event.
    Receipt {
        /// Event id.
        id: String,
        /// Its new state.
        state: State,
    },
}

/// What became of one event of an answered batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The stream has it.
    Accepted,
    /// Refused for good, with the endpoint's message.
    Refused(String),
    /// Neither: to be sent again.
    Again,
}

/// What became of a batch.
pub enum Answer<'a> {
    /// The endpoint answered for each event; the function is asked once for every event id.
    PerEvent(&'a dyn Fn(&str) -> Verdict),
    /// The endpoint calls the request itself bad or too large, with its message.
    Refused(String),
    /// It failed, and may be tried again after this many milliseconds, where the endpoint said so.
    Failed {
        /// Milliseconds from now.
        retry_after: Option<u64>,
    },
    /// It never counted, through no fault of the endpoint's: to be sent again without delay. The
    /// caller sees to it that this does not go on for ever.
    Unsent,
}

/// A queued event. `sequence` orders events by when they came to the queue; those from an earlier
/// visit have 0.
struct Entry {
    sequence: u64,
    event: StoredEvent,
}

/// Events under way.
pub struct Batch {
    /// Names the batch in its answer.
    pub id: u32,
    taken_at: Timestamp,
    newest_first: bool,
    entries: Vec<Entry>,
}

impl Batch {
    /// The events, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &StoredEvent> {
        self.entries.iter().map(|entry| &entry.event)
    }
}

/// The outbox machine. Times called `now` are monotonic milliseconds.
pub struct Outbox {
    limits: Limits,
    waiting: VecDeque<Entry>,
    in_flight: Vec<Batch>,
    next_batch: u32,
    /// Next value of [`Entry::sequence`].
    next_sequence: u64,
    /// Entries before this one do not wait for the pace.
    urgent_before: u64,
    /// When the pace lets the next batch go.
    paced_until: u64,
    /// Events a batch may have now: below the limit while a refusal is being isolated.
    batch_events: usize,
    backoff: Backoff,
    random: Random,
    online: bool,
    leader: bool,
    leadership_requested: bool,
    /// Bytes of everything queued.
    bytes: usize,
    /// Ids settled before storage was loaded, which storage may still hold; `None` once loaded.
    settled_before_load: Option<Vec<String>>,
    /// Whether loaded events wait for their age to be looked at.
    ages_unchecked: bool,
    books: Stats,
    outputs: VecDeque<Output>,
}

impl Outbox {
    /// An empty outbox: online, not leading, storage not yet loaded. `entropy` seeds the jitter.
    pub fn new(limits: Limits, entropy: u64) -> Outbox {
        Outbox {
            limits,
            waiting: VecDeque::new(),
            in_flight: Vec::new(),
            next_batch: 0,
            next_sequence: 1,
            urgent_before: 1,
            paced_until: 0,
            batch_events: limits.batch_events,
            backoff: Backoff::default(),
            random: Random(entropy),
            online: true,
            leader: false,
            leadership_requested: false,
            bytes: 0,
            settled_before_load: Some(Vec::new()),
            ages_unchecked: false,
            books: Stats::default(),
            outputs: VecDeque::new(),
        }
    }

    /// Takes a valid event, dropping the oldest where it would not fit. `immediate`: it and all
    /// before it leave without waiting for the pace.
    pub fn record(&mut self, event: StoredEvent, immediate: bool) {
        self.books.recorded += 1;
        let size = self.size_of(&event);
        let reason = self.make_room(1, size);
        if let Some(reason) = reason {
            self.books.dropped += 1;
            self.receipt(event.id, State::Dropped(reason));
            return;
        }
        self.bytes += size;
        self.receipt(event.id.clone(), State::Recorded);
        self.outputs
            .push_back(Output::Store(Vec::from([event.clone()])));
        self.waiting.push_back(Entry {
            sequence: self.next_sequence,
            event,
        });
        self.next_sequence += 1;
        if immediate {
            self.flush();
        }
        self.request_leadership();
    }

    /// Counts an event that is not valid and never gets in.
    pub fn refuse(&mut self, id: String, violations: Vec<Violation>) {
        self.books.invalid += 1;
        self.receipt(id, State::Invalid(violations));
    }

    /// Takes what storage held, oldest first. What is here already is passed over, so that loading
    /// again does no harm. Loaded events go ahead of the others, and at once.
    pub fn load(&mut self, events: Vec<StoredEvent>) {
        let settled = self.settled_before_load.take().unwrap_or_default();
        let mut known: BTreeSet<&str> = settled.iter().map(String::as_str).collect();
        known.extend(self.waiting.iter().map(|entry| entry.event.id.as_str()));
        for batch in &self.in_flight {
            known.extend(batch.events().map(|event| event.id.as_str()));
        }
        let new: Vec<bool> = events.iter().map(|event| known.insert(&event.id)).collect();
        for (event, new) in events.into_iter().zip(new).rev() {
            if new {
                self.books.recorded += 1;
                self.bytes += self.size_of(&event);
                self.waiting.push_front(Entry { sequence: 0, event });
                self.ages_unchecked = true;
            }
        }
        self.make_room(0, 0);
        self.request_leadership();
    }

    /// Storage has these events.
    pub fn stored(&mut self, ids: Vec<String>) {
        for id in ids {
            self.receipt(id, State::Stored);
        }
    }

    /// Everything that waits leaves without waiting for the pace; a back-off still holds.
    pub fn flush(&mut self) {
        self.urgent_before = self.next_sequence;
    }

    /// Whether this outbox is the one that sends. What is under way goes on either way.
    pub fn set_leader(&mut self, leader: bool) {
        if self.leader && !leader {
            self.leadership_requested = false;
        }
        self.leader = leader;
        self.request_leadership();
    }

    /// Whether there is a network. Coming back ends a back-off that the endpoint did not ask for.
    pub fn set_online(&mut self, online: bool) {
        self.online = online;
        if online {
            self.backoff.forgive();
            self.flush();
        }
    }

    /// When the next batch may leave, which may be in the past; `None` where time alone does not
    /// bring it about.
    pub fn due_at(&self) -> Option<u64> {
        let first = self.waiting.front()?;
        let trouble = self.backoff.is_failing() || self.batch_events < self.limits.batch_events;
        let may_fly = if trouble { 1 } else { MAX_IN_FLIGHT };
        if !self.leader || !self.online || self.in_flight.len() >= may_fly {
            return None;
        }
        let unpaced = first.sequence < self.urgent_before
            || self.waiting.len() >= self.batch_events
            || self.bytes - self.bytes_in_flight() >= self.limits.batch_bytes;
        let paced_until = if unpaced { 0 } else { self.paced_until };
        Some(paced_until.max(self.backoff.until()))
    }

    /// Whether there is a network, as far as known.
    pub fn is_online(&self) -> bool {
        self.online
    }

    /// Whether the last batch failed.
    pub fn is_failing(&self) -> bool {
        self.backoff.is_failing()
    }

    /// The next batch, oldest events first, if one is due. `wall` is the time by the clock that
    /// events are recorded by, or by a better one, whichever is earlier: see
    /// [`Limits::max_age_ms`].
    pub fn take(&mut self, now: u64, wall: Timestamp) -> Option<&Batch> {
        if self.due_at()? > now {
            return None;
        }
        let mut entries = Vec::new();
        let mut bytes = 0;
        while let Some(entry) = self.waiting.pop_front() {
            bytes += self.size_of(&entry.event);
            if !entries.is_empty()
                && (bytes > self.limits.batch_bytes || entries.len() >= self.batch_events)
            {
                self.waiting.push_front(entry);
                break;
            }
            entries.push(entry);
        }
        self.paced_until = now.saturating_add(self.limits.interval_ms);
        self.send(entries, wall, false)
    }

    /// A batch of the newest events that fit into `max_bytes`, for a page that is going away. Pace
    /// and back-off do not hold it up.
    pub fn take_newest(&mut self, max_bytes: usize, wall: Timestamp) -> Option<&Batch> {
        if !self.leader || !self.online {
            return None;
        }
        let mut entries = Vec::new();
        let mut passed_over = Vec::new();
        let mut bytes = 0;
        while entries.len() < self.batch_events && passed_over.len() < self.limits.batch_events {
            let Some(entry) = self.waiting.pop_back() else {
                break;
            };
            let size = self.size_of(&entry.event);
            if bytes + size > max_bytes {
                passed_over.push(entry);
            } else {
                bytes += size;
                entries.push(entry);
            }
        }
        self.waiting.extend(passed_over.into_iter().rev());
        if entries.is_empty() {
            return None;
        }
        entries.reverse();
        self.send(entries, wall, true)
    }

    /// Takes the answer to a batch. An answer to a batch that is not under way is passed over.
    pub fn answer(&mut self, batch: u32, answer: Answer<'_>, now: u64) {
        let Some(index) = self.in_flight.iter().position(|taken| taken.id == batch) else {
            return;
        };
        let batch = self.in_flight.swap_remove(index);
        match answer {
            Answer::PerEvent(verdict) => self.settle(batch, verdict, now),
            Answer::Refused(message) => self.isolate(batch, message, now),
            Answer::Failed { retry_after } => {
                self.backoff.failed(now, retry_after, &mut self.random);
                self.put_back(batch);
            }
            Answer::Unsent => self.put_back(batch),
        }
    }

    /// The next thing to do.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The books.
    pub fn stats(&self) -> Stats {
        let in_flight: usize = self.in_flight.iter().map(|batch| batch.entries.len()).sum();
        Stats {
            queued: (self.waiting.len() + in_flight) as u64,
            ..self.books
        }
    }

    fn send(
        &mut self,
        entries: Vec<Entry>,
        taken_at: Timestamp,
        newest_first: bool,
    ) -> Option<&Batch> {
        for entry in &entries {
            self.outputs.push_back(Output::Receipt {
                id: entry.event.id.clone(),
                state: State::Sent,
            });
        }
        self.next_batch = self.next_batch.wrapping_add(1);
        self.in_flight.push(Batch {
            id: self.next_batch,
            taken_at,
            newest_first,
            entries,
        });
        self.in_flight.last()
    }

    /// To where it was taken from, so that the queue keeps its order. The pace let it go once, and
    /// does not hold it again.
    fn put_back(&mut self, batch: Batch) {
        let newest = batch.entries.iter().map(|entry| entry.sequence).max();
        self.urgent_before = self.urgent_before.max(newest.unwrap_or(0) + 1);
        if batch.newest_first {
            self.waiting.extend(batch.entries);
        } else {
            for entry in batch.entries.into_iter().rev() {
                self.waiting.push_front(entry);
            }
        }
    }

    fn settle(&mut self, batch: Batch, verdict: &dyn Fn(&str) -> Verdict, now: u64) {
        let mut settled = Vec::new();
        let mut again = false;
        for mut entry in batch.entries {
            match verdict(&entry.event.id) {
                Verdict::Accepted => {
                    self.books.delivered += 1;
                    settled.push(self.close(entry, State::Delivered));
                }
                Verdict::Refused(message) => {
                    self.books.rejected += 1;
                    settled.push(self.close(entry, State::Rejected(message)));
                }
                Verdict::Again => {
                    again = true;
                    entry.sequence = self.next_sequence;
                    self.next_sequence += 1;
                    self.waiting.push_back(entry);
                }
            }
        }
        if settled.is_empty() {
            self.backoff.failed(now, None, &mut self.random);
            return;
        }
        self.delete(settled);
        self.backoff.succeeded();
        if again {
            self.backoff.pause(now, &mut self.random);
        }
        self.batch_events = (self.batch_events * 2).min(self.limits.batch_events);
        self.drop_too_old(batch.taken_at);
    }

    fn isolate(&mut self, mut batch: Batch, message: String, now: u64) {
        if batch.entries.len() > 1 {
            self.batch_events = self.batch_events.min(batch.entries.len() / 2);
            self.backoff.pause(now, &mut self.random);
            self.put_back(batch);
            return;
        }
        self.backoff.failed(now, None, &mut self.random);
        if let Some(entry) = batch.entries.pop() {
            self.books.rejected += 1;
            let id = self.close(entry, State::Rejected(message));
            self.delete(Vec::from([id]));
        }
    }

    /// Drops from the front until this many events and bytes more fit. Returns why they still do
    /// not fit, if so.
    fn make_room(&mut self, events: usize, bytes: usize) -> Option<DropReason> {
        let mut deleted = Vec::new();
        let lacking = loop {
            let queued = self.stats().queued as usize;
            let reason = if bytes > self.limits.queue_bytes {
                break Some(DropReason::TooLarge);
            } else if queued + events > self.limits.queue_events {
                DropReason::TooMany
            } else if self.bytes + bytes > self.limits.queue_bytes {
                DropReason::TooLarge
            } else {
                break None;
            };
            let Some(oldest) = self.waiting.pop_front() else {
                break Some(reason);
            };
            self.books.dropped += 1;
            deleted.push(self.close(oldest, State::Dropped(reason)));
        };
        self.delete(deleted);
        lacking
    }

    fn drop_too_old(&mut self, wall: Timestamp) {
        if !core::mem::take(&mut self.ages_unchecked) {
            return;
        }
        let oldest = wall.0.saturating_sub(self.limits.max_age_ms);
        let mut deleted = Vec::new();
        for entry in core::mem::take(&mut self.waiting) {
            if entry.sequence == 0 && entry.event.recorded_at.0 < oldest {
                self.books.dropped += 1;
                deleted.push(self.close(entry, State::Dropped(DropReason::TooOld)));
            } else {
                self.waiting.push_back(entry);
            }
        }
        self.delete(deleted);
    }

    /// Ends an event's way; gives the id for [`Outbox::delete`].
    fn close(&mut self, entry: Entry, state: State) -> String {
        self.bytes -= self.size_of(&entry.event);
        if let Some(settled) = &mut self.settled_before_load {
            settled.push(entry.event.id.clone());
        }
        self.receipt(entry.event.id.clone(), state);
        entry.event.id
    }

    fn delete(&mut self, ids: Vec<String>) {
        if !ids.is_empty() {
            self.outputs.push_back(Output::Delete(ids));
        }
    }

    fn receipt(&mut self, id: String, state: State) {
        self.outputs.push_back(Output::Receipt { id, state });
    }

    fn request_leadership(&mut self) {
        if !self.leader && !self.leadership_requested && self.stats().queued > 0 {
            self.leadership_requested = true;
            self.outputs.push_back(Output::RequestLeadership);
        }
    }

    fn bytes_in_flight(&self) -> usize {
        let events = self.in_flight.iter().flat_map(Batch::events);
        events.map(|event| self.size_of(event)).sum()
    }

    fn size_of(&self, event: &StoredEvent) -> usize {
        event.id.len() + event.body.len() + self.limits.event_overhead
    }
}
