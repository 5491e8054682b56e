//! The machine of the outbox.

use alloc::vec::Vec;

use super::answer::Fault;
use super::backoff::{Backoff, Random, later};
use super::clock::Clock;
use super::identity::{Identity, MAX_IDENTITIES, NEVER};
use super::queue::{Entry, NONE, Queue};
use super::{Action, Answer, Books, Config, NewEvent, Now};

/// Most batches under way at a time.
pub const MAX_IN_FLIGHT: usize = 4;
/// Most bytes that requests that outlive the page may have together, by the Fetch standard.
const KEEPALIVE_BYTES: usize = 64 * 1024;
/// Ordinary requests outlive the page as long as they leave half of it to the last ones.
const ORDINARY_KEEPALIVE_BYTES: usize = KEEPALIVE_BYTES / 2;
/// A request that has no answer by then is taken for failed.
const REQUEST_TIMEOUT_MS: f64 = 60_000.0;
/// How many answers in a row that call requests of an identity unauthorised are followed by another
/// try without delay: enough to correct the clock and renew the credentials for all under way.
const FREE_RENEWALS: u32 = 2 * MAX_IN_FLIGHT as u32;

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
        self.queue.compact();
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
        self.queue.len += 1;
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
        self.queue.compact();
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

    /// Takes the answer to a request. An answer to one that is not waited for is passed over: it was
    /// sent again, under the same event ids.
    pub fn answered(&mut self, request: u32, answer: Answer<'_>, now: Now) {
        self.look(now);
        let at = self.requests.iter().position(|sent| sent.id == request);
        let Some(at) = at else {
            return;
        };
        let request = self.requests.remove(at);
        if self.clock.learn(answer.date, now) {
            self.signing_era += 1;
        }
        let now_ms = now.monotonic;
        let fault = answer.fault();
        let mut is_free = false;
        if fault == Fault::None {
            self.identity(request.who).accepted();
        } else if fault == Fault::NotAuthorized {
            is_free = self.renew(&request, answer.retry_after, now_ms);
        }
        if request.events == 0 {
            self.endpoint_answered(fault, is_free, answer.retry_after, now_ms);
        } else {
            self.batch_answered(&request, fault, answer, now);
        }
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

    /// The page is going away or hidden: sends the newest events that fit. `envelope` is the bytes of
    /// a batch without events.
    pub fn hidden(&mut self, envelope: usize, now: Now) {
        self.look(now);
        if !self.online {
            return;
        }
        // Who signed in last recorded last.
        for who in (0..MAX_IDENTITIES as u32).rev() {
            if !self.identity(who).has_credentials(now.monotonic) {
                continue;
            }
            loop {
                let room = self.keepalive_left(KEEPALIVE_BYTES, envelope);
                let room = room.saturating_sub(envelope);
                let sent = room > 0
                    && (who == self.current && self.send_endpoint(now.monotonic)
                        || self.leader && self.send_batch(who, room, true, now.monotonic));
                if !sent {
                    break;
                }
            }
        }
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
    pub fn books(&self) -> Books {
        Books {
            queued: self.queue.len as u32,
            ..self.books
        }
    }

    // Sending.

    /// Whether a time has come. Where it has not, it is one to wake up at. Inlined, each of its calls
    /// would be many times as long.
    #[inline(never)]
    fn is_due(&mut self, at: f64, now: f64) -> bool {
        if at > now && at < self.wake_at {
            self.wake_at = at;
        }
        at <= now
    }

    fn send_due(&mut self, who: u32, now: f64) {
        let endpoint_at = self.endpoint_due_at(who);
        let batch_at = self.batch_due_at(who);
        if endpoint_at == NEVER && batch_at == NEVER {
            return;
        }
        let endpoint_is_due = self.is_due(endpoint_at, now);
        let batch_is_due = self.is_due(batch_at, now);
        let ask_at = self.identity(who).ask_at();
        let may_ask = self.is_due(ask_at, now);
        if !endpoint_is_due && !batch_is_due {
            return;
        }
        if may_ask {
            self.identity(who).asked();
            self.actions.push((Action::GetCredentials, who));
        }
        if !self.identity(who).has_credentials(now) {
            return;
        }
        if endpoint_is_due {
            self.send_endpoint(now);
        }
        // What is recorded after identifyUser belongs to that user, so an update goes ahead of the
        // events, unless it is in trouble.
        if who == self.current && self.endpoint_sent && !self.endpoint_backoff.is_failing() {
            return;
        }
        while self.is_due(self.batch_due_at(who), now)
            && self.send_batch(who, self.config.batch_bytes, false, now)
        {}
    }

    /// When the next batch of an identity may leave, which may be in the past; [`NEVER`] where time
    /// alone does not bring it about.
    fn batch_due_at(&self, who: u32) -> f64 {
        let identity = &self.identities[known(who) as usize];
        let trouble = self.backoff.is_failing() || self.batch_events < self.config.batch_events;
        let most = if trouble { 1 } else { MAX_IN_FLIGHT };
        let in_flight = self.requests.len() - usize::from(self.endpoint_sent);
        if !self.leader || identity.waiting == 0 || in_flight >= most {
            return NEVER;
        }
        let is_paced = !identity.urgent
            && identity.waiting < self.batch_events
            && identity.bytes < self.config.batch_bytes;
        let paced_until = if is_paced { self.paced_until } else { 0.0 };
        later(paced_until, self.backoff.until)
    }

    /// When a description of the endpoint may leave. One at a time, so that a later one does not
    /// arrive before an earlier one.
    fn endpoint_due_at(&self, who: u32) -> f64 {
        if self.endpoint_waits && who == self.current && !self.endpoint_sent {
            self.endpoint_backoff.until
        } else {
            NEVER
        }
    }

    fn send_batch(&mut self, who: u32, max_bytes: usize, last: bool, now: f64) -> bool {
        let id = self.last_request + 1;
        let (events, bytes) = self.queue.take(who, id, self.batch_events, max_bytes, last);
        if events == 0 {
            return false;
        }
        self.identity(who).waits_less(events, bytes);
        let fits = bytes <= self.keepalive_left(ORDINARY_KEEPALIVE_BYTES, 0);
        let keepalive = last || fits && !self.backoff.is_failing();
        self.paced_until = now + self.config.interval_ms;
        let (action, keepalive_bytes) = if keepalive {
            (Action::SendLastBatch, bytes)
        } else {
            (Action::SendBatch, 0)
        };
        self.sent(action, who, events, keepalive_bytes, now);
        true
    }

    fn send_endpoint(&mut self, now: f64) -> bool {
        if !self.endpoint_waits || self.endpoint_sent {
            return false;
        }
        self.endpoint_waits = false;
        self.endpoint_sent = true;
        self.sent(Action::SendEndpoint, self.current, 0, 0, now);
        true
    }

    fn sent(&mut self, action: Action, who: u32, events: usize, keepalive_bytes: usize, now: f64) {
        self.last_request += 1;
        self.requests.push(Request {
            id: self.last_request,
            who,
            events,
            deadline: now + REQUEST_TIMEOUT_MS,
            keepalive_bytes,
            signing_era: self.signing_era,
        });
        self.actions.push((action, self.last_request));
    }

    /// How many of so many bytes requests that outlive the page may still have, where each has
    /// `envelope` besides its events.
    fn keepalive_left(&self, of: usize, envelope: usize) -> usize {
        let mut left = of;
        for request in &self.requests {
            if request.keepalive_bytes > 0 || request.events == 0 {
                left = left.saturating_sub(request.keepalive_bytes + envelope);
            }
        }
        left
    }

    // Answers.

    fn batch_answered(&mut self, request: &Request, fault: Fault, answer: Answer<'_>, now: Now) {
        let mut ended = 0;
        let mut left = request.events;
        let mut verdicts = answer.events.iter();
        for at in self.queue.head..self.queue.entries.len() {
            let Some(entry) = self.queue.entries.get_mut(at) else {
                break;
            };
            if left == 0 {
                break;
            }
            if entry.request != request.id {
                continue;
            }
            entry.request = NONE;
            left -= 1;
            let end = match fault {
                Fault::None => match verdicts.next() {
                    Some(202) => Some(Action::Delivered),
                    Some(400) => Some(Action::Rejected),
                    _ => None,
                },
                Fault::Refused if request.events == 1 => Some(Action::Rejected),
                _ => None,
            };
            ended += usize::from(end.is_some());
            // Another tab may have told how it ended.
            if entry.is_over {
                continue;
            }
            let entry = *entry;
            // The pace let it go once, and does not hold it again.
            self.identity(entry.who).waits(entry.bytes, end.is_none());
            if let Some(end) = end {
                self.end(at, end);
            } else if fault == Fault::None {
                self.move_back(at);
            }
        }
        self.queue.compact();
        match fault {
            Fault::None if ended > 0 => {
                self.backoff.succeeded();
                if ended < request.events {
                    self.backoff.pause(now.monotonic, &mut self.random);
                }
                self.batch_events = (self.batch_events * 2).min(self.config.batch_events);
                if self.clock.is_known {
                    self.drop_too_old(now);
                }
            }
            Fault::Refused if request.events > 1 => self.batch_events = request.events / 2,
            // Whether a request is authorised is between the endpoint and one identity, and holds
            // up no others.
            Fault::NotAuthorized => {}
            _ => {
                let Outbox {
                    backoff, random, ..
                } = self;
                backoff.failed(now.monotonic, answer.retry_after, random);
            }
        }
    }

    fn endpoint_answered(&mut self, fault: Fault, is_free: bool, retry_after: f64, now: f64) {
        self.endpoint_sent = false;
        match fault {
            Fault::None => self.endpoint_backoff.succeeded(),
            // It would be refused again.
            Fault::Refused => {}
            _ => {
                self.endpoint_waits = true;
                if !is_free || self.endpoint_backoff.is_failing() {
                    self.endpoint_backoff
                        .failed(now, retry_after, &mut self.random);
                }
            }
        }
    }

    /// An answer called a request unauthorised. Where the clock was corrected or credentials were
    /// replaced since it was signed, that was why; else its credentials are, as they are when this
    /// happens again and again. Gives whether to try again without delay.
    fn renew(&mut self, request: &Request, retry_after: f64, now: f64) -> bool {
        let identity = &mut self.identities[known(request.who) as usize];
        identity.refusals += 1;
        let is_free = identity.refusals <= FREE_RENEWALS;
        if !is_free {
            identity.backoff.failed(now, retry_after, &mut self.random);
        }
        if !is_free || request.signing_era == self.signing_era {
            identity.discard();
            self.signing_era += 1;
        }
        is_free
    }

    // The queue.

    fn identity(&mut self, who: u32) -> &mut Identity {
        &mut self.identities[known(who) as usize]
    }

    /// Drops waiting events, from a place on, until the others are within the caps.
    fn make_room(&mut self, from: usize) {
        for at in from..self.queue.entries.len() {
            let reason = if self.queue.len > self.config.queue_events {
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
        self.queue.len -= 1;
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
