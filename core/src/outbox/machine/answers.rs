//! What becomes of requests once they are answered, or are not.

use super::{MAX_IN_FLIGHT, Outbox, Request, place};
use crate::outbox::answer::Fault;
use crate::outbox::queue::NONE;
use crate::outbox::{Action, Answer, Now};

/// How many answers in a row that call requests of an identity unauthorised are followed by another
/// try without delay: enough for all that were under way when the clock was corrected or credentials were renewed.
const FREE_REFUSALS: u32 = 2 * MAX_IN_FLIGHT as u32;
/// How often in a row an identity's credentials are renewed without delay.
const FREE_RENEWALS: u32 = 2;

impl Outbox {
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
            self.clock_era += 1;
        }
        let now_ms = now.monotonic;
        let mut fault = answer.fault();
        let mut is_free = false;
        if fault == Fault::NotAuthorized {
            is_free = self.renew(&request, &answer, now_ms);
            // New credentials did not help: it is trouble on the way.
            if !is_free && !answer.is_own() {
                fault = Fault::Failed;
            }
        }
        if fault == Fault::Refused && request.describes {
            self.describes = false;
        }
        if request.events == 0 {
            self.endpoint_answered(&request, fault, is_free, &answer, now_ms);
        } else {
            self.batch_answered(&request, fault, &answer, now);
        }
    }

    fn batch_answered(&mut self, request: &Request, fault: Fault, answer: &Answer<'_>, now: Now) {
        let is_alone = request.events == 1;
        let mut ended = 0;
        let mut verdicts = answer.events.iter();
        for at in 0..self.queue.entries.len() {
            let entry = &mut self.queue.entries[at];
            if entry.request != request.id {
                continue;
            }
            entry.request = NONE;
            let end = match fault {
                Fault::None => match verdicts.next().map(|status| u16::from_le_bytes(*status)) {
                    Some(202) => Some(Action::Delivered),
                    Some(400) => Some(Action::Rejected),
                    _ => None,
                },
                Fault::Refused if is_alone && !request.describes => Some(Action::Rejected),
                _ => None,
            };
            ended += usize::from(end.is_some());
            // Another tab may have told how it ended.
            if entry.is_over {
                continue;
            }
            let entry = *entry;
            // It has waited for the pace once; it does not wait for it again.
            self.identity(entry.who).waits(entry.bytes, end.is_none());
            if let Some(end) = end {
                self.end(at, end);
            } else if fault == Fault::None || fault == Fault::TooLarge && is_alone {
                self.move_back(at);
            }
        }
        self.queue.compact();
        match fault {
            Fault::None if ended > 0 => {
                self.identity(request.who).accepted();
                // The description is good, whatever the reason was that another batch with it was refused.
                self.describes |= request.describes;
                self.backoff.succeeded();
                if ended < request.events {
                    self.backoff.pause(now.monotonic, &mut self.random);
                }
                self.batch_events = (self.batch_events * 2).min(self.config.batch_events);
            }
            // An unauthorised request concerns one identity alone: the others go on.
            Fault::NotAuthorized => {}
            // The description may have been at fault: the same again without it.
            Fault::Refused if request.describes => {}
            Fault::Refused if !is_alone => self.batch_events = request.events / 2,
            _ => {
                if fault == Fault::TooLarge && !is_alone {
                    self.batch_events = request.events / 2;
                }
                // The event is what was refused, and not the description.
                self.describes |= fault == Fault::Refused;
                let Outbox {
                    backoff, random, ..
                } = self;
                backoff.failed(now.monotonic, answer.retry_after, random);
            }
        }
    }

    fn endpoint_answered(
        &mut self,
        request: &Request,
        fault: Fault,
        is_free: bool,
        answer: &Answer<'_>,
        now: f64,
    ) {
        self.endpoint_sent = false;
        match fault {
            Fault::None if answer.is_own() => {
                self.identity(request.who).accepted();
                self.endpoint_backoff.succeeded();
            }
            // It would be refused again.
            Fault::Refused => {}
            _ => {
                self.endpoint_waits = true;
                if !is_free || self.endpoint_backoff.is_failing() {
                    self.endpoint_backoff
                        .failed(now, answer.retry_after, &mut self.random);
                }
            }
        }
    }

    /// An answer called a request unauthorised. If the clock was corrected or its credentials were discarded since it was
    /// signed, that was the reason. Otherwise its credentials are at fault, and are renewed. If this happens again and
    /// again they are renewed by back-off, and only where the endpoint itself says so. Gives whether to try again
    /// without delay.
    fn renew(&mut self, request: &Request, answer: &Answer<'_>, now: f64) -> bool {
        let is_stale = request.signing_era != self.signing_era(request.who);
        let identity = &mut self.identities[place(request.who)];
        identity.refusals += 1;
        let is_free =
            identity.refusals <= FREE_REFUSALS && (is_stale || identity.renewals < FREE_RENEWALS);
        if !is_free && answer.is_own() {
            let wait = answer.retry_after;
            identity.backoff.failed(now, wait, &mut self.random);
        }
        let is_at_fault = if is_free { !is_stale } else { answer.is_own() };
        if is_at_fault {
            identity.renewals += 1;
            identity.discard();
        }
        is_free
    }
}
