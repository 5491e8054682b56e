//! The machine of the outbox: what it holds, what comes in and what it asks for.

mod answers;
mod sending;

use alloc::vec::Vec;

use super::backoff::{Backoff, Random};
use super::clock::Clock;
use super::identity::{Identity, MAX_IDENTITIES, NEVER};
use super::queue::{Entry, NONE, Queue};
use super::{Action, Answer, Books, Config, NewEvent, Now};

/// Most batches under way at a time.
pub const MAX_IN_FLIGHT: usize = 4;

/// A request that waits for its answer.
struct Request {
    id: u32,
    who: u32,
    /// How many events it has; none where it is an UpdateEndpoint.
    events: usize,
    /// Monotonic milliseconds.
    deadline: f64,
    keepalive_bytes: usize,
    /// [`Outbox::signing_era`] when it was signed.
    signing_era: u32,
}

/// The outbox.
pub struct Outbox {
    config: Config,
    queue: Queue,
    /// Whether events from an earlier visit wait for their age to be looked at.
    ages_unchecked: bool,
    identities: [Identity; MAX_IDENTITIES],
    /// Who describes the endpoint.
    current: u32,
    /// In the order in which they were sent.
    requests: Vec<Request>,
    last_request: u32,
    /// When the pace lets the next batch go.
    paced_until: f64,
    /// Events a batch may have now: below the limit while a refusal is being isolated.
    batch_events: usize,
    backoff: Backoff,
    endpoint_backoff: Backoff,
    /// Whether a description of the endpoint waits to be sent.
    endpoint_waits: bool,
    /// Whether one is under way.
    endpoint_sent: bool,
    random: Random,
    clock: Clock,
    /// Goes up when the clock is corrected or credentials are replaced.
    signing_era: u32,
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
    /// An outbox that takes nothing until it is started.
    pub const EMPTY: Outbox = Outbox {
        config: Config {
            batch_events: 0,
            batch_bytes: 0,
            queue_events: 0,
            queue_bytes: 0,
            max_age_ms: 0.0,
            interval_ms: 0.0,
            drop_newest: false,
            clock_offset: 0.0,
        },
        queue: Queue::EMPTY,
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
        random: Random(0),
        clock: Clock::new(0.0),
        signing_era: 0,
        online: false,
        leader: false,
        books: Books::NEW,
        actions: Vec::new(),
        polled: 0,
        wake_at: NEVER,
    };

    /// Begins anew, with nothing in it: online, and not the one that sends. `entropy` seeds the jitter
    /// of retries.
    pub fn start(&mut self, config: Config, entropy: u32) {
        self.config = config;
        self.queue.clear();
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
        self.random = Random(entropy);
        self.clock = Clock::new(config.clock_offset);
        self.online = true;
        self.leader = false;
        self.books = Books::NEW;
        self.actions.clear();
        self.polled = 0;
    }

    // What comes in.

    /// Takes a valid event. `immediate`: it and what waits leave without waiting for the pace.
    pub fn record(&mut self, new: NewEvent, immediate: bool, now: Now) {
        self.look(now);
        self.queue.compact(self.books.queued as usize);
        // One that can never fit must not drive out the others.
        let drops_itself = self.config.drop_newest || new.bytes > self.config.queue_bytes;
        let entry = self.enter(new, immediate);
        self.queue.entries.push(entry);
        self.make_room(if drops_itself {
            self.queue.entries.len() - 1
        } else {
            self.queue.head
        });
    }

    /// Takes an event from storage or from another tab. [`Outbox::loaded`] puts those that came, the
    /// oldest first, before all others.
    pub fn load(&mut self, new: NewEvent) {
        let entry = self.enter(new, true);
        self.queue.earlier.push(entry);
        self.ages_unchecked = true;
    }

    /// All of what was to be loaded has come.
    pub fn loaded(&mut self) {
        self.queue.merge();
        self.make_room(0);
    }

    fn enter(&mut self, new: NewEvent, urgent: bool) -> Entry {
        self.books.recorded += 1;
        self.books.queued += 1;
        self.queue.bytes += new.bytes;
        self.identity(new.who).waits(new.bytes, urgent);
        Entry {
            event: new.event,
            bytes: new.bytes,
            who: known(new.who),
            request: NONE,
            is_over: false,
            at: new.at,
            offset: f64::NAN,
        }
    }

    /// Another tab knows how an event ended: `end` is one of [`Action::ENDS`].
    pub fn ended_elsewhere(&mut self, event: u32, end: Action) {
        if let Some(at) = self.queue.find(event) {
            self.end(at, end);
        }
        self.queue.compact(self.books.queued as usize);
    }

    /// Everything that waits leaves without waiting for the pace; a back-off still holds.
    pub fn flush(&mut self) {
        for identity in &mut self.identities {
            identity.urgent = true;
        }
    }

    /// A description of the endpoint waits to be sent, instead of one that waited before.
    pub fn update_endpoint(&mut self) {
        self.endpoint_waits = true;
    }

    /// Whose endpoint this is from now on.
    pub fn set_current(&mut self, who: u32) {
        self.current = known(who);
    }

    /// Whether this outbox is the one that sends. What is under way goes on either way.
    pub fn set_leader(&mut self, leader: bool) {
        self.leader = leader;
    }

    /// Whether there is a network. Coming back ends delays that the endpoint did not ask for.
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
        self.signing_era += 1;
        self.identity(who).renewed(lifetime_ms, now.monotonic);
    }

    /// There are no credentials of an identity, and none are to be asked for before so many
    /// milliseconds where the pool said so; else NaN.
    pub fn no_credentials(&mut self, who: u32, retry_after: f64, now: Now) {
        let identity = &mut self.identities[known(who) as usize];
        identity.failed(retry_after, now.monotonic, &mut self.random);
    }

    /// Time has passed, or something has come in: gives up on late requests, and sends what is due.
    /// Gives when this is to be called next, in monotonic milliseconds; infinity where time alone
    /// brings nothing about.
    pub fn tick(&mut self, now: Now) -> f64 {
        self.look(now);
        self.wake_at = NEVER;
        while let Some(late) = self.requests.first()
            && late.deadline <= now.monotonic
        {
            self.answered(late.id, Answer::NONE, now);
        }
        if self.online {
            for who in 0..MAX_IDENTITIES as u32 {
                self.send_due(who, now.monotonic);
            }
        }
        if let Some(next) = self.requests.first() {
            self.is_due(next.deadline, now.monotonic);
        }
        self.wake_at
    }

    // What goes out.

    /// The next thing to do; `None` when there is nothing more until the next call.
    pub fn poll(&mut self) -> Option<(Action, u32)> {
        let next = self.actions.get(self.polled).copied();
        self.polled += 1;
        if next.is_none() {
            self.polled = 0;
            self.actions.clear();
        }
        next
    }

    /// The events of a batch under way, oldest first, each with what to add to its time to get the
    /// endpoint's.
    pub fn batch(&self, request: u32) -> impl Iterator<Item = (u32, f64)> {
        let entries = self.queue.entries.get(self.queue.head..);
        let entries = entries.unwrap_or_default().iter();
        entries
            .filter(move |entry| entry.request == request)
            .map(|entry| (entry.event, entry.offset(self.clock.offset)))
    }

    /// The identity that a request under way is to be signed as.
    pub fn who(&self, request: u32) -> u32 {
        let request = self.requests.iter().find(|sent| sent.id == request);
        request.map_or(self.current, |request| request.who)
    }

    /// What the endpoint's clock is ahead by, as well as known, in milliseconds.
    pub fn clock_offset(&self) -> f64 {
        self.clock.offset
    }

    /// The books.
    pub fn books(&self) -> &Books {
        &self.books
    }

    // The queue.

    fn identity(&mut self, who: u32) -> &mut Identity {
        &mut self.identities[known(who) as usize]
    }

    /// Drops waiting events, from a place on, until the others are within the caps.
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

    fn drop_too_old(&mut self, now: Now) {
        if !core::mem::take(&mut self.ages_unchecked) {
            return;
        }
        let offset = self.clock.offset;
        let oldest = now.wall + offset - self.config.max_age_ms;
        for at in self.queue.head..self.queue.entries.len() {
            let entry = &self.queue.entries[at];
            if entry.is_waiting() && entry.at + entry.offset(offset) < oldest {
                self.end(at, Action::DroppedTooOld);
            }
        }
    }

    fn end(&mut self, at: usize, end: Action) {
        let Some(entry) = self.queue.entries.get_mut(at) else {
            return;
        };
        let was = *entry;
        entry.is_over = true;
        self.books.queued -= 1;
        self.queue.bytes -= was.bytes;
        if was.is_waiting() {
            self.identity(was.who).waits_less(1, was.bytes);
        }
        self.ended(was.event, end);
    }

    /// Lets an event wait behind all others.
    fn move_back(&mut self, at: usize) {
        if let Some(entry) = self.queue.entries.get_mut(at) {
            let moved = *entry;
            entry.is_over = true;
            self.queue.entries.push(moved);
        }
    }

    fn ended(&mut self, event: u32, end: Action) {
        let at = (end as usize).wrapping_sub(Action::Delivered as usize);
        if let Some(count) = self.books.ended.get_mut(at) {
            *count += 1;
            self.actions.push((end, event));
        }
    }

    /// Looks at the clocks. Where the wall clock jumped, what was recorded before keeps the correction
    /// that held then.
    fn look(&mut self, now: Now) {
        if self.clock.look(now) {
            for entry in &mut self.queue.entries {
                entry.offset = entry.offset(self.clock.offset);
            }
        }
    }
}

/// The number of an identity that there is room for.
fn known(who: u32) -> u32 {
    who % MAX_IDENTITIES as u32
}
