//! Tabs that come and go, the lock between them, and what is done in them.

use forebay_core::outbox::{Config, MAX_IDENTITIES, NewEvent};

use super::{Doing, Happening, Known, Message, Step, ToTab, World};
use crate::server::Fate;
use crate::tab::{ENVELOPE_BYTES, Tab};

impl World {
    pub(super) fn open(&mut self) {
        self.opened += 1;
        let id = self.opened;
        let config = Config {
            clock_offset: self.kept_offset,
            ..self.config
        };
        let who = self.random.between(0, self.identities.into()) as u32;
        let mut tab = Tab::new(config, self.random.next() as u32, self.now, who);
        if self.has_locks {
            self.waiting.push(id);
        } else {
            tab.leads = true;
            tab.outbox.set_leader(true);
        }
        let leads = tab.leads;
        self.tabs.insert(id, tab);
        if leads {
            self.read(id, None);
        }
        self.grant();
    }

    /// Gives the lock to the first that waits, if it is free.
    pub(super) fn grant(&mut self) {
        if self.holder.is_none() && !self.waiting.is_empty() {
            let next = self.waiting.remove(0);
            self.holder = Some(next);
            let delay = self.random.between(0, 50);
            self.to(next, delay, ToTab::Lock);
        }
    }

    pub(super) fn release(&mut self, id: u32) {
        self.waiting.retain(|waiting| *waiting != id);
        if self.holder == Some(id) {
            // The next leader may not have heard yet how these events ended.
            for happening in self.agenda.values() {
                if let Happening::To(_, ToTab::Message(Message::Ended(event, _))) = happening {
                    self.events[*event as usize].may_repeat = true;
                }
            }
            self.holder = None;
            self.grant();
        }
    }

    /// Ends a tab. The disk may or may not have carried out the last writes that this tab asked for.
    pub(super) fn crash(&mut self, id: u32) {
        self.summary.crashes += 1;
        let mut carried_out = true;
        let keys: Vec<(u64, u64)> = self.agenda.keys().copied().collect();
        for key in keys {
            if let Some(Happening::To(tab, ToTab::Disk(step))) = self.agenda.get(&key)
                && *tab == id
            {
                let step = *step;
                if let Step::Store(event) = step {
                    self.stored_later.remove(&event);
                }
                carried_out &= self.random.percent(70);
                if carried_out {
                    self.write(step);
                }
                self.agenda.remove(&key);
            }
        }
        let tab = self.tabs.remove(&id).expect("a tab");
        for event in tab.events.values() {
            self.events[*event as usize].bereaved = true;
            self.events[*event as usize].may_repeat = true;
        }
        for event in &self.disk {
            self.events[*event as usize].bereaved = true;
        }
        self.excuse_the_disk();
        self.release(id);
    }

    /// A call into the module trapped. The shell has what the module had in memory, and the disk the rest.
    pub(super) fn trap(&mut self, id: u32) {
        self.summary.traps += 1;
        let config = Config {
            clock_offset: self.kept_offset,
            ..self.config
        };
        let entropy = self.random.next() as u32;
        let now = self.clock(&self.tabs[&id]);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        for event in tab.events.values() {
            self.events[*event as usize].may_repeat = true;
        }
        let events = &self.events;
        tab.restart(
            config,
            entropy,
            |event| {
                let known = &events[event as usize];
                (known.new, known.immediate)
            },
            now,
        );
        self.excuse_the_disk();
        self.to(id, 0, ToTab::Restarted);
    }

    /// A new leader cannot know what became of what it finds.
    pub(super) fn excuse_the_disk(&mut self) {
        for event in &self.disk {
            self.events[*event as usize].may_repeat = true;
        }
    }

    pub(super) fn tell_online(&mut self, online: bool) {
        let tabs: Vec<u32> = self.tabs.keys().copied().collect();
        for id in tabs {
            self.give(id, |tab, _| {
                tab.offline = !online;
                tab.outbox.set_online(online);
            });
        }
    }

    pub(super) fn do_in(&mut self, id: u32, doing: Doing) {
        match doing {
            Doing::Record => self.record(id),
            Doing::Flush => self.give(id, |tab, _| tab.outbox.flush()),
            Doing::Describe => {
                self.described += 1;
                let serial = self.described;
                self.give(id, |tab, _| {
                    tab.described = Some(serial);
                    tab.outbox.update_endpoint();
                });
            }
            Doing::SignIn => {
                let who = self.random.between(0, self.identities.into()) as u32;
                self.give(id, |tab, _| {
                    tab.current = who;
                    let number = tab.number_of(who);
                    tab.outbox.set_current(number);
                });
            }
            Doing::Hide => self.hide(id),
            Doing::Close => {
                self.hide(id);
                self.crash(id);
            }
            Doing::Crash => self.crash(id),
            Doing::LoseLock => self.lose_lock(id),
            Doing::Trap => {
                let after = self.random.between(0, 8);
                self.tabs.get_mut(&id).expect("a tab").trap_after = Some(after);
            }
        }
    }

    pub(super) fn lose_lock(&mut self, id: u32) {
        if !self.has_locks || !self.tabs[&id].leads {
            return;
        }
        for event in self.tabs[&id].events.values() {
            self.events[*event as usize].may_repeat = true;
        }
        self.excuse_the_disk();
        self.give(id, |tab, _| {
            tab.leads = false;
            tab.outbox.set_leader(false);
        });
        self.release(id);
        self.waiting.push(id);
        self.grant();
    }

    pub(super) fn hide(&mut self, id: u32) {
        let now = self.clock(&self.tabs[&id]);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        tab.outbox.hidden(ENVELOPE_BYTES, now);
        self.drain(id, true);
        self.give(id, |_, _| {});
    }

    pub(super) fn record(&mut self, id: u32) {
        if self.identities as usize > MAX_IDENTITIES {
            // Whoever they are, they all sign in here.
            self.do_in(id, Doing::SignIn);
        }
        let event = self.events.len() as u64;
        let fate = match self.random.between(0, 60) {
            0 => Fate::Refused,
            1 => Fate::Poison,
            2 => Fate::Stubborn,
            _ => Fate::Good,
        };
        let sizes: &[usize] = if self.has_large_events {
            &[300, 20_000, 70_000]
        } else {
            &[120, 300, 900]
        };
        let new = NewEvent {
            event: 0,
            bytes: self.random.pick(sizes),
            who: self.tabs[&id].current,
            at: (self.server_time() + self.skew) as f64,
        };
        let immediate = self.random.percent(20);
        self.events.push(Known {
            fate,
            new,
            immediate,
            recorded_at: self.server_time(),
            stored: false,
            rejected: false,
            dropped: false,
            bereaved: false,
            may_repeat: !self.has_locks,
        });
        self.ask_disk(id, Step::Store(event));
        let mut is_taken = false;
        self.give(id, |tab, now| {
            is_taken = tab.record(event, new, immediate, now);
        });
        self.note_room(event, is_taken);
    }

    /// What an outbox has no room for waits on disk, for another page.
    pub(super) fn note_room(&mut self, event: u64, has_room: bool) {
        if !has_room {
            self.summary.without_room += 1;
            self.events[event as usize].bereaved = true;
        }
    }
}
