//! The client machine.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

use super::answer::{Fault, HttpAnswer};
use super::identity::{Identity, Step};
use super::request::{Origin, Unnumbered};
use super::{Config, HttpRequest, Input, Now, Output, Stats, limits};
use crate::event::Event;
use crate::outbox::{Answer, Backoff, Limits, Outbox, Random, StoredEvent, Verdict};
use crate::schema::{Rules, Violation};
use crate::sigv4;
use crate::time::Timestamp;
use crate::wire::put_events::{self, RequestEncoder};

/// Most bytes the outbox holds, in memory and in storage.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;
/// How old an event from an earlier visit may be.
const MAX_AGE_MS: i64 = 30 * 24 * 60 * 60 * 1_000;
/// What a request spends on one event beyond its id and body: its `Timestamp` and punctuation are
/// 46 bytes.
const EVENT_OVERHEAD: usize = 48;
/// What a full request leaves for the endpoint, which is at most 15 KB.
const ENVELOPE_BYTES: usize = 32 * 1024;
/// Most bytes that requests that outlive the page may have together, by the Fetch standard.
const KEEPALIVE_BYTES: usize = 64 * 1024;
/// Ordinary requests outlive the page as long as they leave half of it to the last one.
const ORDINARY_KEEPALIVE_BYTES: usize = KEEPALIVE_BYTES / 2;
/// A request that has no answer by then is taken for failed.
const REQUEST_TIMEOUT_MS: u64 = 60_000;
/// How far an answer's `Date` may be from the clock without correcting it. A request lives no
/// longer, so that a slow answer is not taken for a wrong clock.
const CLOCK_TOLERANCE_MS: u64 = 60_000;
/// How many answers in a row that call a request unauthorised are followed by another try without
/// delay: enough to correct the clock and renew the credentials for all requests under way.
const FREE_RENEWALS: u32 = 4;

/// A request that waits for its answer.
struct Pending {
    id: u32,
    purpose: Purpose,
    /// Monotonic milliseconds.
    deadline: u64,
    keepalive_bytes: usize,
    /// [`Client::signing_era`] when it was signed.
    signing_era: u32,
}

enum Purpose {
    GetId,
    GetCredentials,
    UpdateEndpoint(String),
    Batch(u32),
}

/// The client machine.
pub struct Client {
    endpoint_id: String,
    region: String,
    schema: Option<Rules<'static>>,
    origin: Origin,
    identity_origin: Origin,
    events_path: String,
    endpoint_path: String,
    outbox: Outbox,
    identity: Identity,
    random: Random,
    /// What to add to the wall clock to get the endpoint's time, in milliseconds.
    clock_offset: i64,
    /// Goes up when the clock is corrected or the credentials are replaced.
    signing_era: u32,
    /// Answers in a row that called a request unauthorised.
    renewals: u32,
    /// The last description of the endpoint that was accepted.
    endpoint: String,
    /// One that is still to be sent.
    endpoint_update: Option<String>,
    endpoint_backoff: Backoff,
    pending: Vec<Pending>,
    next_request: u32,
    /// What the shell was last asked for by [`Output::WakeAt`].
    wake_at: Option<u64>,
    outputs: VecDeque<Output>,
}

impl Client {
    /// A client that has not yet loaded what storage holds. `entropy` seeds the jitter of retries.
    pub fn new(config: Config, entropy: u64) -> Client {
        let limits = Limits {
            batch_events: config.flush_size.clamp(1, put_events::MAX_EVENTS),
            batch_bytes: put_events::MAX_BODY_BYTES - ENVELOPE_BYTES,
            event_overhead: EVENT_OVERHEAD,
            queue_events: config.buffer_size.max(1),
            queue_bytes: QUEUE_BYTES,
            max_age_ms: MAX_AGE_MS,
            interval_ms: u64::from(config.flush_interval_ms),
        };
        let app_path = ["/v1/apps/", &sigv4::encoded(&config.app_id)].concat();
        Client {
            origin: Origin::new(&config.endpoint),
            identity_origin: Origin::new(&config.identity_endpoint),
            events_path: [&app_path, "/events"].concat(),
            endpoint_path: [
                &app_path,
                "/endpoints/",
                &sigv4::encoded(&config.endpoint_id),
            ]
            .concat(),
            endpoint_id: config.endpoint_id,
            region: config.region,
            schema: config.schema,
            outbox: Outbox::new(limits, entropy),
            identity: Identity::new(config.identity_pool_id, config.identity_id),
            random: Random(!entropy),
            clock_offset: 0,
            signing_era: 0,
            renewals: 0,
            endpoint: String::from("{}"),
            endpoint_update: None,
            endpoint_backoff: Backoff::default(),
            pending: Vec::new(),
            next_request: 0,
            wake_at: None,
            outputs: VecDeque::new(),
        }
    }

    /// What events are validated against.
    pub fn schema(&self) -> Option<Rules<'static>> {
        self.schema
    }

    /// What keeps an event from being recorded; empty for a valid one.
    pub fn validate(&self, event: &Event<'_>) -> Vec<Violation> {
        limits::check(self.schema.unwrap_or_default(), &mut event.clone())
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Now) {
        self.time_out(now);
        match input {
            Input::Record {
                id,
                event,
                immediate,
            } => self.record(id, event, immediate),
            Input::Invalid { id, violations } => self.outbox.refuse(id, violations),
            Input::Loaded(events) => self.outbox.load(events),
            Input::Stored(ids) => self.outbox.stored(ids),
            // They stay in memory, where they are anyway.
            Input::StoreFailed(_) => {}
            Input::Leader(leader) => self.outbox.set_leader(leader),
            // A timer that goes off a little early must be set again.
            Input::Tick => self.wake_at = None,
            Input::Response {
                request,
                status,
                headers,
                body,
            } => {
                let answer = HttpAnswer {
                    status,
                    headers,
                    body,
                };
                self.answered(request, Some(answer), now);
            }
            Input::NetworkError { request } => self.answered(request, None, now),
            Input::Online => {
                self.outbox.set_online(true);
                self.identity.forgive();
                self.endpoint_backoff.forgive();
            }
            Input::Offline => self.outbox.set_online(false),
            Input::PageHidden => self.send_last(now),
            Input::UpdateEndpoint(body) => self.endpoint_update = Some(body),
            Input::Flush => self.outbox.flush(),
        }
        self.send_due(now);
        self.ask_to_be_woken(now.monotonic);
    }

    /// Gives the next thing to do; `None` when there is nothing more until the next input.
    pub fn poll(&mut self) -> Option<Output> {
        match self.outbox.poll() {
            Some(output) => Some(output.into()),
            None => self.outputs.pop_front(),
        }
    }

    /// The books.
    pub fn stats(&self) -> Stats {
        self.outbox.stats()
    }

    fn record(&mut self, id: String, mut event: Event<'_>, immediate: bool) {
        let mut violations = limits::check(self.schema.unwrap_or_default(), &mut event);
        let body = put_events::encode_event(&event);
        violations.extend(limits::check_size(&body));
        if !violations.is_empty() {
            self.outbox.refuse(id, violations);
            return;
        }
        let event = StoredEvent {
            id,
            event_type: event.event_type.into_owned(),
            recorded_at: event.timestamp,
            body,
        };
        self.outbox.record(event, immediate);
    }

    // Sending.

    fn send_due(&mut self, now: Now) {
        let time = now.monotonic;
        let update_is_due = self.may_update_endpoint() && self.endpoint_backoff.until() <= time;
        let batch_is_due = self.outbox.due_at().is_some_and(|due| due <= time);
        if !update_is_due && !batch_is_due {
            return;
        }
        self.request_identity(now);
        if update_is_due {
            self.send_endpoint_update(now, false);
        }
        // What is recorded after identifyUser belongs to that user, so an update goes ahead of the
        // events, unless it is in trouble.
        let update_first = self.is_updating_endpoint() && !self.endpoint_backoff.is_failing();
        while !update_first && self.send_batch(now, false) {}
    }

    /// What can still be sent by a page that is going away.
    fn send_last(&mut self, now: Now) {
        if self.may_update_endpoint() {
            self.send_endpoint_update(now, true);
        }
        self.send_batch(now, true);
    }

    /// One at a time, so that a later update does not arrive before an earlier one.
    fn may_update_endpoint(&self) -> bool {
        self.endpoint_update.is_some() && !self.is_updating_endpoint() && self.outbox.is_online()
    }

    fn is_updating_endpoint(&self) -> bool {
        self.is_pending(|purpose| matches!(purpose, Purpose::UpdateEndpoint(_)))
    }

    fn request_identity(&mut self, now: Now) {
        if self.is_pending(|purpose| matches!(purpose, Purpose::GetId | Purpose::GetCredentials)) {
            return;
        }
        if let Some((step, operation, body)) = self.identity.next_request(now.monotonic) {
            let purpose = match step {
                Step::GetId => Purpose::GetId,
                Step::GetCredentials => Purpose::GetCredentials,
            };
            let request = self.identity_origin.identity(operation, body);
            self.fetch(purpose, request, false, now);
        }
    }

    fn send_endpoint_update(&mut self, now: Now, keepalive: bool) {
        let Some(credentials) = self.identity.credentials(now.monotonic) else {
            return;
        };
        let Some(body) = self.endpoint_update.take() else {
            return;
        };
        let request = self.origin.signed(
            "PUT",
            &self.endpoint_path,
            body.clone(),
            credentials,
            &self.region,
            corrected(now.wall, self.clock_offset),
        );
        let keepalive = keepalive && body.len() <= self.keepalive_left(KEEPALIVE_BYTES);
        self.fetch(Purpose::UpdateEndpoint(body), request, keepalive, now);
    }

    /// Sends the next batch, if there is one to send; `last`: the newest events, by a request that
    /// outlives the page.
    fn send_batch(&mut self, now: Now, last: bool) -> bool {
        let Some(credentials) = self.identity.credentials(now.monotonic) else {
            return false;
        };
        let wall = corrected(now.wall, self.clock_offset);
        let max_bytes = if last {
            self.keepalive_left(KEEPALIVE_BYTES)
        } else {
            put_events::MAX_BODY_BYTES
        };
        let mut encoder = RequestEncoder::new(&self.endpoint_id, &self.endpoint, max_bytes);
        let batch = if last {
            let room = max_bytes.saturating_sub(encoder.byte_len());
            self.outbox.take_newest(room, wall.min(now.wall))
        } else {
            self.outbox.take(now.monotonic, wall.min(now.wall))
        };
        let Some(batch) = batch else {
            return false;
        };
        for event in batch.events() {
            // One that does not go in gets no answer, and so it is sent again.
            let at = corrected(event.recorded_at, self.clock_offset);
            encoder.push(&event.id, at, &event.body);
        }
        let id = batch.id;
        if encoder.event_count() == 0 {
            let message = String::from("larger than a request may be");
            self.outbox
                .answer(id, Answer::Refused(message), now.monotonic);
            return true;
        }
        let request = self.origin.signed(
            "POST",
            &self.events_path,
            encoder.finish(),
            credentials,
            &self.region,
            wall,
        );
        let fits = request.body.len() <= self.keepalive_left(ORDINARY_KEEPALIVE_BYTES);
        let keepalive = last || fits && !self.outbox.is_failing();
        self.fetch(Purpose::Batch(id), request, keepalive, now);
        true
    }

    fn fetch(&mut self, purpose: Purpose, request: Unnumbered, keepalive: bool, now: Now) {
        self.next_request = self.next_request.wrapping_add(1);
        self.pending.push(Pending {
            id: self.next_request,
            purpose,
            deadline: now.monotonic.saturating_add(REQUEST_TIMEOUT_MS),
            keepalive_bytes: if keepalive { request.body.len() } else { 0 },
            signing_era: self.signing_era,
        });
        self.outputs.push_back(Output::Fetch(HttpRequest {
            id: self.next_request,
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            keepalive,
        }));
    }

    fn is_pending(&self, purpose: fn(&Purpose) -> bool) -> bool {
        self.pending.iter().any(|pending| purpose(&pending.purpose))
    }

    fn keepalive_left(&self, of: usize) -> usize {
        let taken: usize = self
            .pending
            .iter()
            .map(|pending| pending.keepalive_bytes)
            .sum();
        of.saturating_sub(taken)
    }

    // Answers.

    fn time_out(&mut self, now: Now) {
        while let Some(late) = self
            .pending
            .iter()
            .find(|pending| pending.deadline <= now.monotonic)
        {
            self.answered(late.id, None, now);
        }
    }

    /// Takes the answer to a request, or that none came. An answer to a request that is not waited
    /// for is passed over: it was sent again, under the same event ids.
    fn answered(&mut self, request: u32, answer: Option<HttpAnswer>, now: Now) {
        let Some(index) = self
            .pending
            .iter()
            .position(|pending| pending.id == request)
        else {
            return;
        };
        let pending = self.pending.swap_remove(index);
        let date = answer.as_ref().and_then(HttpAnswer::date);
        if let Some(date) = date {
            self.correct_clock(date, now.wall);
        }
        let server_time = corrected(now.wall, self.clock_offset);
        let (body, fault) = match answer {
            Some(answer) => {
                let fault = answer.fault(server_time);
                (answer.body, fault)
            }
            None => (Vec::new(), Some(Fault::Failed { retry_after: None })),
        };
        let era = pending.signing_era;
        match pending.purpose {
            Purpose::GetId => {
                let id = match fault {
                    None => self.identity.got_id(&body),
                    Some(_) => None,
                };
                self.identity_answered(id.map(Some), fault, &body, now.monotonic);
            }
            Purpose::GetCredentials => {
                let pool_time = date.unwrap_or(server_time);
                let id = match fault {
                    None => self
                        .identity
                        .got_credentials(&body, now.monotonic, pool_time),
                    Some(_) => None,
                };
                self.identity_answered(id, fault, &body, now.monotonic);
            }
            Purpose::UpdateEndpoint(update) => {
                self.endpoint_answered(update, fault, era, now.monotonic);
            }
            Purpose::Batch(batch) => self.batch_answered(batch, &body, fault, era, now.monotonic),
        }
    }

    /// `id`: `None` where the step failed, else the id to keep, if there is a new one.
    fn identity_answered(
        &mut self,
        id: Option<Option<String>>,
        fault: Option<Fault>,
        body: &[u8],
        now: u64,
    ) {
        match (id, fault) {
            (Some(id), _) => {
                self.signing_era = self.signing_era.wrapping_add(1);
                self.outputs.extend(id.map(Output::SaveIdentityId));
            }
            (None, Some(Fault::Failed { retry_after })) => {
                self.identity
                    .failed(body, retry_after, now, &mut self.random);
            }
            (None, _) => self.identity.failed(body, None, now, &mut self.random),
        }
    }

    fn endpoint_answered(&mut self, update: String, fault: Option<Fault>, era: u32, now: u64) {
        let retry_after = match fault {
            None => {
                self.renewals = 0;
                self.endpoint_backoff.succeeded();
                self.endpoint = update;
                return;
            }
            // It would be refused again.
            Some(Fault::Refused(_)) => return,
            Some(Fault::NotAuthorized) if self.renew(era) => {
                self.endpoint_update.get_or_insert(update);
                return;
            }
            Some(Fault::NotAuthorized) => None,
            Some(Fault::Failed { retry_after }) => retry_after,
        };
        self.endpoint_update.get_or_insert(update);
        self.endpoint_backoff
            .failed(now, retry_after, &mut self.random);
    }

    fn batch_answered(
        &mut self,
        batch: u32,
        body: &[u8],
        fault: Option<Fault>,
        era: u32,
        now: u64,
    ) {
        let answer = match fault {
            None => {
                self.renewals = 0;
                let response = put_events::Response::decode(body).ok();
                let verdict = |id: &str| verdict(response.as_ref(), id);
                return self.outbox.answer(batch, Answer::PerEvent(&verdict), now);
            }
            Some(Fault::NotAuthorized) if self.renew(era) => Answer::Unsent,
            Some(Fault::NotAuthorized) => Answer::Failed { retry_after: None },
            Some(Fault::Refused(message)) => Answer::Refused(message),
            Some(Fault::Failed { retry_after }) => Answer::Failed { retry_after },
        };
        self.outbox.answer(batch, answer, now);
    }

    /// An answer called a request of this era unauthorised. Where the clock was corrected or the
    /// credentials were replaced since, that was why; else the credentials are. Gives whether to try
    /// again without delay.
    fn renew(&mut self, era: u32) -> bool {
        if era == self.signing_era {
            self.identity.discard_credentials();
            self.signing_era = self.signing_era.wrapping_add(1);
        }
        self.renewals = self.renewals.saturating_add(1);
        self.renewals <= FREE_RENEWALS
    }

    fn correct_clock(&mut self, date: Timestamp, wall: Timestamp) {
        // `Date` has whole seconds: on average it is half a second behind.
        let offset = date.0.saturating_add(500).saturating_sub(wall.0);
        if offset.abs_diff(self.clock_offset) > CLOCK_TOLERANCE_MS {
            self.clock_offset = offset;
            self.signing_era = self.signing_era.wrapping_add(1);
        }
    }

    /// Asks for a tick at the next time at which something may be due. Times that have passed wait
    /// for an answer and not for time, so that a tick never leads to another at once.
    fn ask_to_be_woken(&mut self, now: u64) {
        let times = [
            self.pending.iter().map(|pending| pending.deadline).min(),
            self.outbox.due_at(),
            Some(self.identity.retry_at()),
            self.endpoint_update
                .as_ref()
                .map(|_| self.endpoint_backoff.until()),
        ];
        let next = times.into_iter().flatten().filter(|time| *time > now).min();
        if next.is_some() && next != self.wake_at {
            self.wake_at = next;
            self.outputs.extend(next.map(Output::WakeAt));
        }
    }
}

fn corrected(time: Timestamp, offset: i64) -> Timestamp {
    Timestamp(time.0.saturating_add(offset))
}

/// What an answer says about one event. One it says nothing about is sent again.
fn verdict(response: Option<&put_events::Response<'_>>, id: &str) -> Verdict {
    let item = response.and_then(|response| {
        let items = response.results.iter().flat_map(|(_, batch)| &batch.events);
        items.into_iter().find(|(event, _)| event == id)
    });
    match item {
        Some((_, item)) if item.status_code == 202 => Verdict::Accepted,
        Some((_, item)) if item.status_code == 400 => Verdict::Refused(item.message.clone().into()),
        _ => Verdict::Again,
    }
}
