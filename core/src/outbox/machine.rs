//! The machine of the outbox.

use alloc::vec::Vec;

use super::answer::Fault;
use super::backoff::{Backoff, Random};
use super::clock::Clock;
use super::identity::Identity;
use super::queue::{Entry, Queue, WAITING};
use super::{Action, Answer, Books, Config, NewEvent, Now};

/// Most batches under way at a time.
pub const MAX_IN_FLIGHT: usize = 4;
/// Most bytes that requests that outlive the page may have together, by the Fetch standard.
const KEEPALIVE_BYTES: usize = 64 * 1024;
/// Ordinary requests outlive the page as long as they leave half of it to the last ones.
const ORDINARY_KEEPALIVE_BYTES: usize = KEEPALIVE_BYTES / 2;
/// A request that has no answer by then is taken for failed.
const REQUEST_TIMEOUT_MS: u64 = 60_000;
/// How many answers in a row that call requests of an identity unauthorised are followed by another
/// try without delay: enough to correct the clock and renew the credentials for all under way.
const FREE_RENEWALS: u32 = 2 * MAX_IN_FLIGHT as u32;
/// Requests are numbered from 1 to this, and then again.
const LAST_REQUEST: u32 = i32::MAX as u32;
/// Most identities: a guest, and some who sign in one after the other. Later ones share the last.
const MAX_IDENTITIES: u32 = 64;

/// A request that waits for its answer.
struct Request {
    id: u32,
    who: u32,
    /// Its events, and what the endpoint's clock is ahead of each of them; `None` for UpdateEndpoint.
    events: Option<Vec<(u32, i64)>>,
    /// Monotonic milliseconds.
    deadline: u64,
    keepalive_bytes: usize,
    /// [`Outbox::signing_era`] when it was signed.
    signing_era: u32,
}

/// The outbox.
pub struct Outbox {
    config: Config,
    queue: Queue,
    /// Events from storage that [`Outbox::loaded`] has not put into the queue yet.
    loading: Vec<Entry>,
    /// Whether events from an earlier visit wait for their age to be looked at.
    ages_unchecked: bool,
    identities: Vec<Identity>,
    /// Who describes the endpoint.
    current: u32,
    requests: Vec<Request>,
    last_request: u32,
    /// When the pace lets the next batch go.
    paced_until: u64,
    /// Events a batch may have now: below the limit while a refusal is being isolated.
    batch_events: usize,
    backoff: Backoff,
    endpoint_backoff: Backoff,
    /// Whether a description of the endpoint waits to be sent.
    endpoint_waits: bool,
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
}

impl Outbox {
    /// An empty outbox: online, and not the one that sends. `entropy` seeds the jitter of retries.
    pub const fn new(config: Config, entropy: u64) -> Outbox {
        Outbox {
            config,
            queue: Queue::EMPTY,
            loading: Vec::new(),
            ages_unchecked: false,
            identities: Vec::new(),
            current: 0,
            requests: Vec::new(),
            last_request: 0,
            paced_until: 0,
            batch_events: config.batch_events,
            backoff: Backoff::NONE,
            endpoint_backoff: Backoff::NONE,
            endpoint_waits: false,
            random: Random(entropy),
            clock: Clock::new(config.clock_offset),
            signing_era: 0,
            online: true,
            leader: false,
            books: Books {
                recorded: 0,
                ended: [0; 5],
                queued: 0,
            },
            actions: Vec::new(),
            polled: 0,
        }
    }

    // What comes in.

    /// Takes a valid event. `immediate`: it and what waits leave without waiting for the pace.
    pub fn record(&mut self, new: NewEvent, immediate: bool, now: Now) {
        self.look(now);
        self.books.recorded += 1;
        let bytes = new.bytes as usize;
        if let Some(reason) = self.make_room(1, bytes) {
            self.ended(new.event, reason);
            return;
        }
        let entry = entry(new);
        self.queue.push(entry);
        self.waits(&entry, immediate);
    }

    /// Takes an event from storage or from another tab. [`Outbox::loaded`] puts those that came, the
    /// oldest first, before all others.
    pub fn load(&mut self, new: NewEvent) {
        self.loading.push(entry(new));
    }

    /// All of what was to be loaded has come.
    pub fn loaded(&mut self) {
        let loading = core::mem::take(&mut self.loading);
        self.books.recorded += loading.len() as u32;
        self.ages_unchecked |= !loading.is_empty();
        for entry in &loading {
            self.waits(entry, true);
        }
        self.queue.prepend(loading);
        self.make_room(0, 0);
    }

    /// Another tab knows how an event ended: `end` is one of [`Action::ENDS`].
    pub fn ended_elsewhere(&mut self, event: u32, end: Action) {
        self.end(event, end);
    }

    /// Everything that waits leaves without waiting for the pace; a back-off still holds.
    pub fn flush(&mut self) {
        for identity in &mut self.identities {
            identity.urgent |= identity.waiting > 0;
        }
    }

    /// A description of the endpoint waits to be sent, instead of one that waited before.
    pub fn update_endpoint(&mut self) {
        self.endpoint_waits = true;
        self.identity(self.current);
    }

    /// Whose endpoint this is from now on.
    pub fn set_current(&mut self, who: u32) {
        self.current = who.min(MAX_IDENTITIES - 1);
        self.identity(self.current);
    }

    /// Whether this outbox is the one that sends. What is under way goes on either way.
    pub fn set_leader(&mut self, leader: bool) {
        self.leader = leader;
    }

    /// Whether there is a network. Coming back ends delays that the endpoint did not ask for.
    pub fn set_online(&mut self, online: bool) {
        self.online = online;
        if online {
            self.flush();
            self.backoff.forgive();
            self.endpoint_backoff.forgive();
            for identity in &mut self.identities {
                identity.backoff.forgive();
            }
        }
    }

    /// There are credentials of an identity, good for so many milliseconds.
    pub fn got_credentials(&mut self, who: u32, lifetime_ms: u64, now: Now) {
        self.signing_era = self.signing_era.wrapping_add(1);
        self.identity(who).renewed(lifetime_ms, now.monotonic);
    }

    /// There are no credentials of an identity, and none are to be asked for before so many
    /// milliseconds where the pool said so.
    pub fn no_credentials(&mut self, who: u32, retry_after: Option<u64>, now: Now) {
        let identity = identity(&mut self.identities, who);
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
        let request = self.requests.swap_remove(at);
        if let Some(date) = answer.date
            && self.clock.learn(date, now)
        {
            self.signing_era = self.signing_era.wrapping_add(1);
        }
        let now_ms = now.monotonic;
        let fault = answer.fault();
        let mut is_free = false;
        match fault {
            Fault::None => self.identity(request.who).accepted(),
            Fault::NotAuthorized => {
                is_free = self.renew(&request, answer.retry_after, now_ms);
            }
            _ => {}
        }
        let Some(events) = request.events else {
            self.endpoint_answered(fault, is_free, answer.retry_after, now_ms);
            return;
        };
        match fault {
            Fault::None => self.settle(&events, answer, now),
            Fault::Refused => self.isolate(request.id, &events, now_ms),
            _ => {
                // Whether a request is authorised is between the endpoint and one identity, and
                // holds up no others.
                if fault == Fault::Failed {
                    self.failed(answer.retry_after, now_ms);
                }
                self.put_back(request.id);
            }
        }
    }

    /// Time has passed, or something has come in: gives up on late requests, and sends what is due.
    pub fn tick(&mut self, now: Now) {
        self.look(now);
        while let Some(late) = self
            .requests
            .iter()
            .find(|request| request.deadline <= now.monotonic)
        {
            self.answered(late.id, Answer::default(), now);
        }
        if self.online {
            for who in 0..self.identities.len() as u32 {
                self.send_due(who, now.monotonic);
            }
        }
    }

    /// The page is going away or hidden: sends the newest events that fit. `envelope` is the bytes of
    /// a batch without events.
    pub fn hidden(&mut self, envelope: usize, now: Now) {
        self.look(now);
        if !self.online {
            return;
        }
        // Who signed in last recorded last.
        for who in (0..self.identities.len() as u32).rev() {
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

    /// When [`Outbox::tick`] is to be called, in monotonic milliseconds after `now`; `None` where time
    /// alone brings nothing about.
    pub fn wake_at(&self, now: u64) -> Option<u64> {
        let mut next = u64::MAX;
        // Times that have passed wait for an answer and not for time.
        let mut consider = |time: Option<u64>| {
            if let Some(time) = time
                && time > now
            {
                next = next.min(time);
            }
        };
        for request in &self.requests {
            consider(Some(request.deadline));
        }
        if self.online {
            for (who, identity) in (0..).zip(&self.identities) {
                let due = self.due_at(who);
                consider(due);
                let endpoint_due = self.endpoint_due_at(who);
                consider(endpoint_due);
                if due.is_some() || endpoint_due.is_some() {
                    consider(identity.ask_at());
                }
            }
        }
        (next < u64::MAX).then_some(next)
    }

    /// The events of a batch under way, oldest first, each with what to add to its time to get the
    /// endpoint's.
    pub fn batch(&self, request: u32) -> &[(u32, i64)] {
        let request = self.requests.iter().find(|sent| sent.id == request);
        let events = request.and_then(|request| request.events.as_deref());
        events.unwrap_or_default()
    }

    /// The identity that a request under way is to be signed as.
    pub fn who(&self, request: u32) -> u32 {
        let request = self.requests.iter().find(|sent| sent.id == request);
        request.map_or(self.current, |request| request.who)
    }

    /// What the endpoint's clock is ahead by, as well as known, in milliseconds.
    pub fn clock_offset(&self) -> i64 {
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

    fn send_due(&mut self, who: u32, now: u64) {
        let is_due = |due: Option<u64>| due.is_some_and(|due| due <= now);
        let endpoint_is_due = is_due(self.endpoint_due_at(who));
        if !endpoint_is_due && !is_due(self.due_at(who)) {
            return;
        }
        if self.identity(who).ask(now) {
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
        if who == self.current && self.is_updating_endpoint() && !self.endpoint_backoff.is_failing()
        {
            return;
        }
        while self.due_at(who).is_some_and(|due| due <= now)
            && self.send_batch(who, self.config.batch_bytes, false, now)
        {}
    }

    /// When the next batch of an identity may leave, which may be in the past; `None` where time
    /// alone does not bring it about.
    fn due_at(&self, who: u32) -> Option<u64> {
        let identity = self.identities.get(who as usize)?;
        let trouble = self.backoff.is_failing() || self.batch_events < self.config.batch_events;
        let most = if trouble { 1 } else { MAX_IN_FLIGHT };
        let in_flight = |request: &&Request| request.events.is_some();
        if !self.leader
            || identity.waiting == 0
            || self.requests.iter().filter(in_flight).count() >= most
        {
            return None;
        }
        let unpaced = identity.urgent
            || identity.waiting >= self.batch_events
            || identity.bytes >= self.config.batch_bytes;
        let paced_until = if unpaced { 0 } else { self.paced_until };
        Some(paced_until.max(self.backoff.until()))
    }

    /// When a description of the endpoint may leave. One at a time, so that a later one does not
    /// arrive before an earlier one.
    fn endpoint_due_at(&self, who: u32) -> Option<u64> {
        let may = self.endpoint_waits && who == self.current && !self.is_updating_endpoint();
        may.then(|| self.endpoint_backoff.until())
    }

    fn is_updating_endpoint(&self) -> bool {
        self.requests.iter().any(|request| request.events.is_none())
    }

    fn send_batch(&mut self, who: u32, max_bytes: usize, last: bool, now: u64) -> bool {
        let id = self.next_request();
        let (count, bytes) = self.queue.take(who, id, self.batch_events, max_bytes, last);
        if count == 0 {
            return false;
        }
        self.identity(who).waits_less(count, bytes);
        let mut events = Vec::with_capacity(count);
        let offset = self.clock.offset;
        self.queue.each(id, &mut |entry| {
            events.push((entry.event, entry.offset.unwrap_or(offset)));
        });
        let fits = bytes <= self.keepalive_left(ORDINARY_KEEPALIVE_BYTES, 0);
        let keepalive = last || fits && !self.backoff.is_failing();
        self.paced_until = now.saturating_add(self.config.interval_ms);
        let action = if keepalive {
            Action::SendLastBatch
        } else {
            Action::SendBatch
        };
        self.sent(
            action,
            who,
            Some(events),
            if keepalive { bytes } else { 0 },
            now,
        );
        true
    }

    fn send_endpoint(&mut self, now: u64) -> bool {
        if !self.endpoint_waits || self.is_updating_endpoint() {
            return false;
        }
        self.endpoint_waits = false;
        self.sent(Action::SendEndpoint, self.current, None, 0, now);
        true
    }

    fn sent(
        &mut self,
        action: Action,
        who: u32,
        events: Option<Vec<(u32, i64)>>,
        keepalive_bytes: usize,
        now: u64,
    ) {
        self.last_request = self.next_request();
        self.requests.push(Request {
            id: self.last_request,
            who,
            events,
            deadline: now.saturating_add(REQUEST_TIMEOUT_MS),
            keepalive_bytes,
            signing_era: self.signing_era,
        });
        self.actions.push((action, self.last_request));
    }

    fn next_request(&self) -> u32 {
        self.last_request % LAST_REQUEST + 1
    }

    /// How many of so many bytes requests that outlive the page may still have, where each has
    /// `envelope` besides its events.
    fn keepalive_left(&self, of: usize, envelope: usize) -> usize {
        let mut left = of;
        for request in &self.requests {
            if request.keepalive_bytes > 0 || request.events.is_none() {
                left = left.saturating_sub(request.keepalive_bytes + envelope);
            }
        }
        left
    }

    // Answers.

    fn settle(&mut self, events: &[(u32, i64)], answer: Answer<'_>, now: Now) {
        let (mut any, mut again) = (false, false);
        for (at, (event, _)) in events.iter().enumerate() {
            let end = match answer.events.get(at) {
                Some(202) => Action::Delivered,
                Some(400) => Action::Rejected,
                _ => {
                    again = true;
                    self.move_back(*event);
                    continue;
                }
            };
            any = true;
            self.end(*event, end);
        }
        if !any {
            self.failed(answer.retry_after, now.monotonic);
            return;
        }
        self.backoff.succeeded();
        if again {
            self.backoff.pause(now.monotonic, &mut self.random);
        }
        self.batch_events = (self.batch_events * 2).min(self.config.batch_events);
        if self.clock.is_known {
            self.drop_too_old(now);
        }
    }

    fn isolate(&mut self, request: u32, events: &[(u32, i64)], now: u64) {
        match events {
            [(event, _)] => {
                self.end(*event, Action::Rejected);
                self.failed(None, now);
            }
            _ => {
                self.batch_events = (events.len() / 2).max(1);
                self.put_back(request);
            }
        }
    }

    fn failed(&mut self, retry_after: Option<u64>, now: u64) {
        self.backoff.failed(now, retry_after, &mut self.random);
    }

    /// The pace let them go once, and does not hold them again.
    fn put_back(&mut self, request: u32) {
        let Outbox {
            queue, identities, ..
        } = self;
        queue.each(request, &mut |entry| {
            entry.request = WAITING;
            waits(identities, entry, true);
        });
    }

    fn move_back(&mut self, event: u32) {
        if let Some(mut entry) = self.queue.remove(&|entry| entry.event == event) {
            entry.request = WAITING;
            self.queue.push(entry);
            self.waits(&entry, true);
        }
    }

    fn endpoint_answered(
        &mut self,
        fault: Fault,
        is_free: bool,
        retry_after: Option<u64>,
        now: u64,
    ) {
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
    fn renew(&mut self, request: &Request, retry_after: Option<u64>, now: u64) -> bool {
        let identity = identity(&mut self.identities, request.who);
        identity.refusals = identity.refusals.saturating_add(1);
        let is_free = identity.refusals <= FREE_RENEWALS;
        if !is_free {
            identity.backoff.failed(now, retry_after, &mut self.random);
        }
        if !is_free || request.signing_era == self.signing_era {
            identity.discard();
            self.signing_era = self.signing_era.wrapping_add(1);
        }
        is_free
    }

    // The queue.

    fn waits(&mut self, entry: &Entry, urgent: bool) {
        self.identity(entry.who);
        waits(&mut self.identities, entry, urgent);
    }

    fn identity(&mut self, who: u32) -> &mut Identity {
        identity(&mut self.identities, who)
    }

    /// Drops waiting events until there is room for `count` more with `bytes`. Gives why there is none.
    fn make_room(&mut self, count: usize, bytes: usize) -> Option<Action> {
        loop {
            let reason = if self.queue.len + count > self.config.queue_events {
                Action::DroppedTooMany
            } else if self.queue.bytes + bytes > self.config.queue_bytes {
                Action::DroppedTooLarge
            } else {
                return None;
            };
            let keeps_old = count > 0 && self.config.drop_newest;
            if keeps_old || bytes > self.config.queue_bytes {
                return Some(reason);
            }
            let Some(oldest) = self.queue.remove(&|entry| entry.request == WAITING) else {
                return Some(reason);
            };
            self.waits_no_longer(&oldest);
            self.ended(oldest.event, reason);
        }
    }

    fn drop_too_old(&mut self, now: Now) {
        if !core::mem::take(&mut self.ages_unchecked) {
            return;
        }
        let Clock { offset, .. } = self.clock;
        let oldest = self
            .clock
            .corrected(now.wall)
            .saturating_sub(self.config.max_age_ms);
        let is_too_old = |entry: &Entry| {
            let at = entry.at.saturating_add(entry.offset.unwrap_or(offset));
            entry.request == WAITING && at < oldest
        };
        while let Some(entry) = self.queue.remove(&is_too_old) {
            self.waits_no_longer(&entry);
            self.ended(entry.event, Action::DroppedTooOld);
        }
    }

    fn end(&mut self, event: u32, end: Action) {
        if let Some(entry) = self.queue.remove(&|entry| entry.event == event) {
            if entry.request == WAITING {
                self.waits_no_longer(&entry);
            }
            self.ended(event, end);
        }
    }

    fn waits_no_longer(&mut self, entry: &Entry) {
        self.identity(entry.who).waits_less(1, entry.bytes as usize);
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
        if self.clock.look(now) && core::mem::take(&mut self.clock.is_known) {
            self.queue.pin(self.clock.offset);
        }
    }
}

/// An identity, which is there from the first time it is named.
fn identity(identities: &mut Vec<Identity>, who: u32) -> &mut Identity {
    let who = who.min(MAX_IDENTITIES - 1) as usize;
    if who >= identities.len() {
        identities.resize_with(who + 1, || Identity::NEW);
    }
    &mut identities[who]
}

fn waits(identities: &mut [Identity], entry: &Entry, urgent: bool) {
    if let Some(identity) = identities.get_mut(entry.who as usize) {
        identity.waiting += 1;
        identity.bytes += entry.bytes as usize;
        identity.urgent |= urgent;
    }
}

fn entry(new: NewEvent) -> Entry {
    Entry {
        event: new.event,
        bytes: new.bytes,
        who: new.who.min(MAX_IDENTITIES - 1),
        request: WAITING,
        at: new.at,
        offset: new.offset,
    }
}
