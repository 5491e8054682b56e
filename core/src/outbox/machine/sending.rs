//! When requests leave, and what is in them.

use super::{MAX_IN_FLIGHT, Outbox, Request, place};
use crate::outbox::backoff::later;
use crate::outbox::identity::{MAX_IDENTITIES, NEVER};
use crate::outbox::{Action, Now};

/// Most bytes that requests that outlive the page may have together, by the Fetch standard.
const KEEPALIVE_BYTES: usize = 64 * 1024;
/// Ordinary requests outlive the page as long as they leave half of it to the last ones.
const ORDINARY_KEEPALIVE_BYTES: usize = KEEPALIVE_BYTES / 2;
/// A request that has no answer after so many milliseconds is taken for failed.
pub const REQUEST_TIMEOUT_MS: f64 = 60_000.0;

impl Outbox {
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

    /// Whether a time has come. Where it has not, it is one to wake up at. Inlined, each of its calls
    /// would be many times as long.
    #[inline(never)]
    pub(super) fn is_due(&mut self, at: f64, now: f64) -> bool {
        if at > now && at < self.wake_at {
            self.wake_at = at;
        }
        at <= now
    }

    pub(super) fn send_due(&mut self, who: u32, now: f64) {
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
        let identity = &self.identities[place(who)];
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
            signing_era: self.signing_era(who),
            describes: self.describes,
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
}
