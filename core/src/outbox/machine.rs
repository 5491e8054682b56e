//! The machine of the outbox: what it holds, what comes in and what it asks for.

mod answers;
mod sending;

pub use sending::REQUEST_TIMEOUT_MS;

use alloc::vec::Vec;

use super::backoff::{Backoff, Random};
use super::clock::Clock;
use super::identity::{Identity, MAX_IDENTITIES, NEVER};
use super::queue::{Entry, NONE, Queue};
use super::{Action, Answer, Books, Config, NewEvent, Now};

/// Most batches in flight at a time.
pub const MAX_IN_FLIGHT: usize = 4;

/// No identity.
const NOBODY: u32 = u32::MAX;
/// The number of the first of [`Action::ENDS`].
const FIRST_END: usize = Action::Delivered as usize;
/// The place of [`Action::DroppedLost`] in [`Books::ended`].
const LOST: usize = Action::DroppedLost as usize - FIRST_END;

/// A request that waits for its answer.
struct Request {
    id: u32,
    who: u32,
    /// How many events it has; none if it is an UpdateEndpoint.
    events: usize,
    /// When it is given up, in monotonic milliseconds.
    deadline: f64,
    keepalive_bytes: usize,
    /// [`Outbox::signing_era`] of its identity when it was signed.
    signing_era: u32,
    /// Whether it carries the description of the endpoint.
    describes: bool,
}

/// The outbox.
pub struct Outbox {
    config: Config,
    queue: Queue,
    /// Whether the disk has been read once. Before that no event is evicted: each event that is read is taken for a
    /// new one, and counted.
    is_loaded: bool,
    /// The identity that the disk is being read for; [`NOBODY`] if it is not being read.
    reading: u32,
    /// How many events of that identity waited on disk alone when the reading began; 0 once one of them came.
    expected: u32,
    /// Whether events from an earlier visit wait for a check of their age.
    ages_unchecked: bool,
    identities: [Identity; MAX_IDENTITIES],
    /// The identity that the description of the endpoint is sent as.
    current: u32,
    /// Requests in flight, in the order in which they were sent.
    requests: Vec<Request>,
    last_request: u32,
    /// When the pace lets the next batch go.
    paced_until: f64,
    /// Most events of a batch at present: below the limit while the event at fault is searched for.
    batch_events: usize,
    backoff: Backoff,
    endpoint_backoff: Backoff,
    /// Whether a description of the endpoint waits to be sent.
    endpoint_waits: bool,
    /// Whether one is in flight.
    endpoint_sent: bool,
    /// Whether batches carry the description.
    describes: bool,
    random: Random,
    clock: Clock,
    /// Goes up when the clock is corrected.
    clock_era: u32,
    online: bool,
    leader: bool,
    books: Books,
    actions: Vec<(Action, u32)>,
    /// How many of the actions are polled.
    polled: usize,
    /// When [`Outbox::tick`] is to be called, in monotonic milliseconds.
    wake_at: f64,
}

impl Outbox {
    /// An outbox that takes no events until it is started.
    pub const EMPTY: Outbox = Outbox {
        config: Config {
            batch_events: 0,
            batch_bytes: 0,
            queue_events: 0,
            queue_bytes: 0,
            resident_events: 0,
            max_age_ms: 0.0,
            interval_ms: 0.0,
            drop_newest: false,
            clock_offset: 0.0,
        },
        queue: Queue::EMPTY,
        is_loaded: false,
        reading: 0,
        expected: 0,
        ages_unchecked: false,
        identities: Identity::ALL_NEW,
        current: 0,
        requests: Vec::new(),
        last_request: 0,
        paced_until: 0.0,
        batch_events: 0,
        backoff: Backoff::NONE,
        endpoint_backoff: Backoff::NONE,
        endpoint_waits: false,
        endpoint_sent: false,
        describes: true,
        random: Random(0),
        clock: Clock::new(0.0),
        clock_era: 0,
        online: false,
        leader: false,
        books: Books::NEW,
        actions: Vec::new(),
        polled: 0,
        wake_at: NEVER,
    };

    /// Begins anew, with no events in memory or on disk: online, and not the leader. `entropy` seeds the jitter of
    /// retries.
    pub fn start(&mut self, config: Config, entropy: u32) {
        self.config = config;
        self.queue.clear();
        self.expected = 0;
        self.ages_unchecked = false;
        self.identities = Identity::ALL_NEW;
        self.current = 0;
        self.requests.clear();
        self.paced_until = 0.0;
        self.batch_events = config.batch_events;
        self.backoff = Backoff::NONE;
        self.endpoint_backoff = Backoff::NONE;
        self.endpoint_waits = false;
        self.endpoint_sent = false;
        self.describes = true;
        self.random = Random(entropy);
        self.clock = Clock::new(config.clock_offset);
        self.online = true;
        self.leader = false;
        self.books = Books::NEW;
        self.actions.clear();
        self.polled = 0;
    }

    // Inputs.

    /// Takes a valid event. `immediate`: it and all that wait leave without waiting for the pace. Gives whether it is
    /// taken. An event of an identity whose number is [`MAX_IDENTITIES`] or more is not taken and not counted: it
    /// stays on disk until an outbox is started that has a number for its identity.
    pub fn record(&mut self, new: NewEvent, immediate: bool, now: Now) -> bool {
        if !is_known(new.who) {
            return false;
        }
        self.look(now);
        self.queue.compact();
        // An event that can never fit must not cause others to be dropped.
        let drops_itself = self.config.drop_newest || new.bytes > self.config.queue_bytes;
        self.count(new);
        self.enter(new, immediate, false);
        self.make_room(if drops_itself {
            self.queue.entries.len() - 1
        } else {
            0
        });
        true
    }

    /// Takes an event from disk, the oldest first; its number is new to this outbox. Events that come before the first
    /// [`Outbox::loaded`] go before all others. Gives whether it is taken into memory. If not, it waits on disk alone,
    /// and its number means nothing any more. There are two reasons: enough events of its identity wait in memory (it
    /// is counted), or there is no room for its identity, as with [`Outbox::record`] (it is not counted).
    pub fn load(&mut self, new: NewEvent) -> bool {
        if !is_known(new.who) {
            return false;
        }
        let is_resident = self.identity(new.who).waiting < self.config.resident_events;
        // It need not be an evicted one: it may be another tab's, which that tab has not handed over yet.
        let is_known = self.is_loaded && self.identity(new.who).evicted > 0;
        if is_known {
            self.identity(new.who).evicted -= 1;
        } else {
            self.count(new);
        }
        if new.who == self.reading {
            self.expected = 0;
        }
        if is_resident {
            self.enter(new, true, !self.is_loaded);
            self.ages_unchecked = true;
        } else {
            self.identity(new.who).evicted += 1;
        }
        is_resident
    }

    /// The disk has been read. If events waited on disk alone and none of them came, they are lost.
    pub fn loaded(&mut self) {
        let lost = core::mem::take(&mut self.expected);
        self.identity(self.reading).evicted -= lost;
        self.books.queued -= lost;
        self.books.ended[LOST] += lost;
        self.reading = NOBODY;
        self.is_loaded = true;
        self.queue.merge();
        self.make_room(0);
    }

    /// An event is on disk. Gives whether it is evicted: it waits on disk alone from now on, and its number means
    /// nothing any more. It is if other events of its identity were evicted, or if too many of them wait in memory.
    /// The oldest stay: they are sent next.
    pub fn evict(&mut self, event: u32) -> bool {
        let Some(at) = self.queue.find(event) else {
            return false;
        };
        let entry = self.queue.entries[at];
        let most = self.config.resident_events;
        let identity = &mut self.identities[place(entry.who)];
        let is_far = identity.evicted > 0 || at >= most && self.queue.ahead(at) >= most;
        let is_evicted = self.is_loaded && is_far && entry.is_waiting();
        if is_evicted {
            identity.evicted += 1;
            self.leave(at);
        }
        is_evicted
    }

    #[inline(never)]
    fn count(&mut self, new: NewEvent) {
        self.books.recorded += 1;
        self.books.queued += 1;
        self.queue.bytes += new.bytes;
    }

    fn enter(&mut self, new: NewEvent, urgent: bool, is_earlier: bool) {
        self.queue.resident += 1;
        self.identity(new.who).waits(new.bytes, urgent);
        let entries = if is_earlier {
            &mut self.queue.earlier
        } else {
            &mut self.queue.entries
        };
        entries.push(Entry {
            event: new.event,
            bytes: new.bytes,
            who: new.who,
            request: NONE,
            is_over: false,
            at: new.at,
            offset: f64::NAN,
        });
    }

    /// Another tab knows how an event ended: `end` is one of [`Action::ENDS`].
    pub fn ended_elsewhere(&mut self, event: u32, end: Action) {
        if let Some(at) = self.queue.find(event) {
            self.end(at, end);
        }
        self.queue.compact();
    }

    /// Sends all events that wait without waiting for the pace; a back-off still holds.
    pub fn flush(&mut self) {
        for identity in &mut self.identities {
            identity.urgent = true;
        }
    }

    /// A new description of the endpoint waits to be sent; it replaces one that waited before.
    pub fn update_endpoint(&mut self) {
        self.endpoint_waits = true;
        self.describes = true;
    }

    /// Sets the identity that the endpoint belongs to from now on. A description of the endpoint waits as long as there
    /// is no room for that identity.
    pub fn set_current(&mut self, who: u32) {
        self.current = who;
    }

    /// Sets whether this outbox is the leader's, which sends. Requests in flight go on either way.
    pub fn set_leader(&mut self, leader: bool) {
        self.leader = leader;
    }

    /// Sets whether there is a network. When it comes back, delays end, except those that the endpoint asked for.
    pub fn set_online(&mut self, online: bool) {
        self.online = online;
        if online {
            self.backoff.forgive();
            self.endpoint_backoff.forgive();
            for identity in &mut self.identities {
                identity.urgent = true;
                identity.backoff.forgive();
            }
        }
    }

    /// There are credentials of an identity, good for so many milliseconds.
    pub fn got_credentials(&mut self, who: u32, lifetime_ms: f64, now: Now) {
        if !is_known(who) {
            return;
        }
        self.identity(who).renewed(lifetime_ms, now.monotonic);
    }

    /// There are no credentials of an identity. If the pool said when to ask again, that is in so many milliseconds;
    /// else NaN.
    pub fn no_credentials(&mut self, who: u32, retry_after: f64, now: Now) {
        if !is_known(who) {
            return;
        }
        let identity = &mut self.identities[place(who)];
        identity.failed(retry_after, now.monotonic, &mut self.random);
    }

    /// Time has passed, or there was an input: gives up late requests, and sends what is due. Gives when to call this
    /// next, in monotonic milliseconds; infinity if nothing is due without another input.
    pub fn tick(&mut self, now: Now) -> f64 {
        self.look(now);
        if self.clock.is_known {
            self.look_at_ages(now);
        }
        self.wake_at = NEVER;
        while let Some(late) = self.requests.first()
            && late.deadline <= now.monotonic
        {
            self.answered(late.id, Answer::NONE, now);
        }
        for who in 0..MAX_IDENTITIES as u32 {
            self.read_due(who);
            if self.online {
                self.send_due(who, now.monotonic);
            }
        }
        if let Some(next) = self.requests.first() {
            self.is_due(next.deadline, now.monotonic);
        }
        self.wake_at
    }

    // Outputs.

    /// The next action for the shell; `None` if there is none until the next call.
    pub fn poll(&mut self) -> Option<(Action, u32)> {
        let next = self.actions.get(self.polled).copied();
        self.polled += 1;
        if next.is_none() {
            self.polled = 0;
            self.actions.clear();
        }
        next
    }

    /// The events of a batch in flight, the oldest first, each with what to add to its time to get the endpoint's.
    pub fn batch(&self, request: u32) -> impl Iterator<Item = (u32, f64)> {
        let entries = self.queue.entries.iter();
        entries
            .filter(move |entry| entry.request == request)
            .map(|entry| (entry.event, entry.offset(self.clock.offset)))
    }

    /// The identity whose credentials sign a request in flight.
    pub fn who(&self, request: u32) -> u32 {
        let request = self.request(request);
        request.map_or(self.current, |request| request.who)
    }

    /// Whether the batch of a request in flight carries the description of the endpoint, or an empty one. No event ends
    /// because of a description: after the endpoint has refused it, or a batch that carried it, batches go without it.
    /// They carry it again when there is another description, or when it turns out that the endpoint refused something
    /// else.
    pub fn describes(&self, request: u32) -> bool {
        self.request(request).is_some_and(|sent| sent.describes)
    }

    /// The clock offset as it is known, in milliseconds.
    pub fn clock_offset(&self) -> f64 {
        self.clock.offset
    }

    fn request(&self, id: u32) -> Option<&Request> {
        self.requests.iter().find(|sent| sent.id == id)
    }

    /// The counts of events.
    pub fn books(&self) -> &Books {
        &self.books
    }

    // The queue.

    /// Asks for events that wait on disk alone when half of those in memory have gone.
    fn read_due(&mut self, who: u32) {
        let identity = &self.identities[place(who)];
        let is_low = identity.waiting <= self.config.resident_events / 2;
        if is_low && identity.evicted > 0 && self.reading == NOBODY {
            self.reading = who;
            self.expected = identity.evicted;
            self.actions.push((Action::Load, who));
        }
    }

    /// Goes up when the clock is corrected, or credentials of this identity are discarded: requests that were signed
    /// before are likely refused.
    fn signing_era(&self, who: u32) -> u32 {
        self.clock_era + self.identities[place(who)].era
    }

    fn identity(&mut self, who: u32) -> &mut Identity {
        &mut self.identities[place(who)]
    }

    /// Drops waiting events, from a place on, until the rest is within the caps.
    fn make_room(&mut self, from: usize) {
        for at in from..self.queue.entries.len() {
            let reason = if self.books.queued as usize > self.config.queue_events {
                Action::DroppedTooMany
            } else if self.queue.bytes > self.config.queue_bytes {
                Action::DroppedTooLarge
            } else {
                return;
            };
            if self.queue.entries[at].is_waiting() {
                self.end(at, reason);
            }
        }
    }

    /// Drops events that are too old by the endpoint's clock. If an event from disk is too old only with the present
    /// clock offset, it stays: it was recorded before the browser's clock was set wrong.
    fn look_at_ages(&mut self, now: Now) {
        if !core::mem::take(&mut self.ages_unchecked) {
            return;
        }
        let offset = self.clock.offset;
        let oldest = now.wall + offset - self.config.max_age_ms;
        for at in 0..self.queue.entries.len() {
            let entry = &mut self.queue.entries[at];
            if !entry.is_waiting() || entry.at + entry.offset(offset) >= oldest {
                continue;
            }
            if entry.at < oldest {
                self.end(at, Action::DroppedTooOld);
            } else {
                entry.offset = 0.0;
            }
        }
    }

    /// Ends an event that waits or is in flight, as one of [`Action::ENDS`].
    fn end(&mut self, at: usize, end: Action) {
        let Entry { event, bytes, .. } = *self.leave(at);
        self.books.queued -= 1;
        // An event that waited on disk alone may have come back with another size.
        self.queue.bytes = self.queue.bytes.saturating_sub(bytes);
        if let Some(count) = self
            .books
            .ended
            .get_mut((end as usize).wrapping_sub(FIRST_END))
        {
            *count += 1;
        }
        self.actions.push((end, event));
    }

    /// Takes an event that waits or is in flight out of memory, and gives it.
    fn leave(&mut self, at: usize) -> &Entry {
        self.queue.resident -= 1;
        let entry = &mut self.queue.entries[at];
        if entry.is_waiting() {
            self.identities[place(entry.who)].waits_less(1, entry.bytes);
        }
        entry.is_over = true;
        entry
    }

    /// Moves an event behind all others.
    fn move_back(&mut self, at: usize) {
        if let Some(entry) = self.queue.entries.get_mut(at) {
            let moved = *entry;
            entry.is_over = true;
            self.queue.entries.push(moved);
        }
    }

    /// Looks at the clocks. If the wall clock has jumped, events that were recorded before keep the offset of that
    /// time.
    fn look(&mut self, now: Now) {
        if self.clock.look(now) {
            for entry in &mut self.queue.entries {
                entry.offset = entry.offset(self.clock.offset);
            }
        }
    }
}

/// Whether there is room for an identity.
fn is_known(who: u32) -> bool {
    who < MAX_IDENTITIES as u32
}

/// The index of an identity. Entries and requests have only known ones; the remainder shows that to the compiler.
fn place(who: u32) -> usize {
    who as usize % MAX_IDENTITIES
}
