//! The shell of a tab. It hands each message to the outbox, and carries out the actions that the outbox asks for.

use forebay_core::outbox::{Action, Now};

use super::{Known, Message, Step, ToTab, World};
use crate::plan::MAX_AGE_MS;
use crate::server::Fate;
use crate::tab::Tab;

impl World {
    pub(super) fn tell(&mut self, id: u32, what: ToTab) {
        match what {
            ToTab::Tick(time) => {
                let tab = self.tabs.get_mut(&id).expect("a tab");
                if tab.wake_at == Some(time) {
                    tab.ticked(self.now);
                    self.give(id, |_, _| {});
                }
            }
            ToTab::Answer(generation, request, reply) => {
                self.answer(id, generation, request, reply);
            }
            ToTab::Pool(who) => self.pool(id, who),
            ToTab::Disk(step) => self.disk(id, step),
            ToTab::Read(generation, whose) => {
                let rows = self.disk.iter().copied().collect();
                let tab = &self.tabs[&id];
                let is_held = |event: &&u64| tab.numbers.contains_key(event);
                let known = tab.stored.iter().filter(is_held).copied().collect();
                let delay = self.random.pick(&[0, 5, 50, 1_000]);
                self.reading_until = self.reading_until.max(self.now + delay + 1);
                self.to(id, delay, ToTab::Rows(generation, whose, rows, known));
            }
            ToTab::Rows(generation, whose, rows, known) => {
                if generation == self.tabs[&id].generation {
                    self.load(id, whose, &rows, &known);
                }
            }
            ToTab::Restarted => {
                self.give(id, |_, _| {});
                if self.tabs[&id].leads {
                    self.read(id, None);
                }
            }
            ToTab::Lock => {
                self.give(id, |tab, _| {
                    tab.leads = true;
                    tab.outbox.set_leader(true);
                });
                self.broadcast(id, Message::NewLeader);
                self.read(id, None);
            }
            ToTab::Message(message) => self.message(id, message),
        }
    }

    pub(super) fn give(&mut self, id: u32, call: impl FnOnce(&mut Tab, Now)) {
        let now = self.clock(&self.tabs[&id]);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        call(tab, now);
        let wake_at = tab.outbox.tick(now);
        assert!(wake_at > now.monotonic, "asked to be woken in the past");
        self.drain(id, false);
        self.wake(id, wake_at - now.monotonic);
    }

    /// Sets the timer of a tab, unless it is set for then.
    pub(super) fn wake(&mut self, id: u32, after: f64) {
        let after = after.is_finite().then(|| after.ceil() as u64);
        let time = after.map(|after| self.now + after);
        let early = u64::from(self.random.percent(self.trouble.early_ticks));
        let tab = self.tabs.get_mut(&id).expect("a tab");
        let before = core::mem::replace(&mut tab.wake_at, time);
        if let Some(after) = after
            && before != time
        {
            self.to(id, after - early, ToTab::Tick(self.now + after));
        }
    }

    pub(super) fn drain(&mut self, id: u32, is_last: bool) {
        loop {
            let tab = self.tabs.get_mut(&id).expect("a tab");
            if tab.trap_after.is_some_and(|after| after == 0) {
                tab.trap_after = None;
                return self.trap(id);
            }
            tab.trap_after = tab.trap_after.map(|after| after - 1);
            let Some((action, number)) = tab.outbox.poll() else {
                break;
            };
            match action {
                Action::SendBatch | Action::SendLastBatch | Action::SendEndpoint => {
                    self.send(id, action, number, is_last);
                }
                Action::GetCredentials => {
                    tab.asked(self.now);
                    let latency = self.latency();
                    self.to(id, latency, ToTab::Pool(number));
                }
                Action::Load => {
                    self.summary.read += 1;
                    tab.reads(number, self.now);
                    self.read(id, Some(number));
                }
                end => self.end(id, number, end),
            }
        }
        self.tabs[&id].check();
    }

    pub(super) fn end(&mut self, id: u32, number: u32, end: Action) {
        let tab = self.tabs.get_mut(&id).expect("a tab");
        let (event, is_first) = tab.end(number, end);
        if !is_first {
            return;
        }
        let known = &mut self.events[event as usize];
        match end {
            Action::Delivered => {
                assert!(self.server.ledger.contains_key(&event), "never arrived");
            }
            Action::Rejected => {
                assert!(matches!(known.fate, Fate::Refused | Fate::Poison));
                known.rejected = true;
            }
            _ => known.dropped = true,
        }
        match end {
            Action::DroppedTooMany => assert!(self.config.queue_events < 1_000),
            Action::DroppedTooLarge => {
                assert!(self.config.queue_bytes < 10_000 || self.has_large_events);
            }
            // Only a clock that was years off and then was not can make an event of minutes old.
            Action::DroppedTooOld => {
                assert!(self.largest_skew > MAX_AGE_MS && !self.skew_was_constant);
            }
            _ => {}
        }
        self.ask_disk(id, Step::Delete(event));
        if self.has_locks {
            self.broadcast(id, Message::Ended(event, end));
        }
    }

    pub(super) fn message(&mut self, id: u32, message: Message) {
        let tab = &self.tabs[&id];
        match message {
            Message::Row(event, is_stored) => {
                if tab.leads && !tab.ended.contains(&event) && !tab.numbers.contains_key(&event) {
                    let Known { new, immediate, .. } = self.events[event as usize];
                    self.give(id, |tab, now| {
                        if is_stored {
                            tab.stored.insert(event);
                        } else {
                            tab.unstored.insert(event);
                        }
                        tab.record(event, new, immediate, now);
                    });
                }
            }
            Message::Ended(event, end) => self.give(id, |tab, _| {
                tab.ended_elsewhere(event, end);
            }),
            Message::NewLeader => {
                let unstored = tab.unstored.iter();
                let unstored = unstored.filter(|event| tab.numbers.contains_key(event));
                let unstored: Vec<u64> = unstored.copied().collect();
                for event in unstored {
                    self.broadcast(id, Message::Row(event, false));
                }
            }
        }
    }

    pub(super) fn broadcast(&mut self, id: u32, message: Message) {
        if !self.has_locks {
            return;
        }
        let delay = self.random.between(0, 20);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        tab.channel_busy_until = tab.channel_busy_until.max(self.now + delay);
        let after = tab.channel_busy_until - self.now;
        let others: Vec<u32> = self.tabs.keys().copied().filter(|to| *to != id).collect();
        for to in others {
            self.to(to, after, ToTab::Message(message));
        }
    }
}
