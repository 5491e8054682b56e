//! Requests, answers and the pool.

use forebay_core::outbox::Action;

use super::{Happening, ToTab, World};
use crate::server::{Content, Reply, Request};

impl World {
    pub(super) fn send(&mut self, id: u32, action: Action, number: u32, is_last: bool) {
        let tab = self.tabs.get_mut(&id).expect("a tab");
        let who = tab.outbox.who(number);
        let mut bytes = 0;
        let content = if action == Action::SendEndpoint {
            Content::Endpoint(tab.described.expect("described"))
        } else {
            let batch = tab.outbox.batch(number);
            let events = batch.map(|(number, offset)| {
                let event = tab.events[&number];
                let new = self.events[event as usize].new;
                assert_eq!(
                    new.who, tab.identities[who as usize],
                    "identities are mixed"
                );
                bytes += new.bytes;
                (event, (new.at + offset) as i64)
            });
            let events: Vec<(u64, i64)> = events.collect();
            let numbers = events.iter().map(|(event, _)| *event).collect();
            tab.batches.insert((tab.generation, number), numbers);
            let described = tab.described.filter(|_| tab.outbox.describes(number));
            Content::Events(events, described)
        };
        let monotonic = self.now - tab.origin;
        tab.requested(action, number, bytes, is_last, monotonic);
        let offset = tab.outbox.clock_offset();
        let request = Request {
            tab: id,
            generation: tab.generation,
            number,
            key: tab.keys[&who],
            signed_at: self.server_time() + self.skew + offset as i64,
            content,
        };
        self.summary.requests += 1;
        let latency = self.latency();
        self.at(latency, Happening::Arrive(request));
    }

    pub(super) fn latency(&mut self) -> u64 {
        if self.random.percent(self.trouble.slow) {
            self.random.between(5_000, 100_000)
        } else {
            self.random.between(5, 300)
        }
    }

    pub(super) fn arrive(&mut self, request: &Request) {
        let is_lost = !self.network || self.random.percent(self.trouble.lost_requests);
        let mut reply = None;
        if !is_lost {
            let now = self.server_time();
            let events = &self.events;
            let fate = |event: u64| events[event as usize].fate;
            let given = self.server.handle(request, fate, now, &mut self.random);
            if self.random.percent(self.trouble.lost_replies) {
                self.excuse(request, &[]);
            } else {
                self.excuse(request, &given.events);
                reply = Some(given);
            }
        }
        if reply.is_none() && self.random.percent(self.trouble.silence) {
            return;
        }
        let latency = self.latency();
        self.to(
            request.tab,
            latency,
            ToTab::Answer(request.generation, request.number, reply),
        );
    }

    /// Events that the tab is not told the acceptance of may be sent again.
    pub(super) fn excuse(&mut self, request: &Request, told: &[[u8; 2]]) {
        let Content::Events(events, _) = &request.content else {
            return;
        };
        for (at, (event, _)) in events.iter().enumerate() {
            if told.get(at).is_none_or(|status| *status == [0, 0]) {
                self.events[*event as usize].may_repeat = true;
            }
        }
    }

    pub(super) fn answer(&mut self, id: u32, generation: u32, request: u32, reply: Option<Reply>) {
        let reply = reply.unwrap_or_default();
        let tab = self.tabs.get_mut(&id).expect("a tab");
        let batch = tab.batches.remove(&(generation, request));
        if generation != tab.generation {
            // The module may have given the request up and sent its events again, before it trapped.
            self.may_repeat(&reply.accepted);
            return self.answer_late(id, &batch.unwrap_or_default(), &reply);
        }
        tab.answered(request, &reply, self.now - tab.origin);
        if tab.outbox.batch(request).next().is_none() {
            // It was given up.
            self.may_repeat(&reply.accepted);
        }
        self.give(id, |tab, now| {
            tab.outbox.answered(request, reply.answer(), now)
        });
        self.kept_offset = self.tabs[&id].outbox.clock_offset();
    }

    /// An answer to a module that is no more: the next one hears what was delivered.
    pub(super) fn answer_late(&mut self, id: u32, batch: &[u64], reply: &Reply) {
        for (event, status) in batch.iter().zip(&reply.events) {
            if u16::from_le_bytes(*status) == 202
                && let Some(number) = self.tabs[&id].numbers.get(event).copied()
            {
                self.summary.ended_by_late_answer += 1;
                self.give(id, |tab, _| {
                    tab.outbox.ended_elsewhere(number, Action::Delivered);
                });
            }
        }
    }

    pub(super) fn pool(&mut self, id: u32, who: u32) {
        if !self.network || self.random.percent(self.trouble.pool) {
            let silence = self.random.between(0, 20_000);
            let silence = if self.random.percent(30) {
                silence as f64
            } else {
                f64::NAN
            };
            return self.give(id, |tab, now| tab.outbox.no_credentials(who, silence, now));
        }
        let expires = self.server_time() + self.credential_lifetime_ms;
        let identity = self.tabs[&id].identities[who as usize];
        let key = self.server.issue(identity, expires);
        self.give(id, |tab, now| {
            tab.keys.insert(who, key);
            // By the clock of the browser, as well as it is known.
            let lifetime = expires as f64 - now.wall - tab.outbox.clock_offset();
            tab.outbox.got_credentials(who, lifetime, now);
        });
    }
}
