//! The disk that the tabs share, and what they find on it.

use forebay_core::outbox::Action;

use super::{Message, Step, ToTab, World};

impl World {
    pub(super) fn read(&mut self, id: u32, whose: Option<u32>) {
        let delay = self.random.between(0, 200);
        let generation = self.tabs[&id].generation;
        self.to(id, delay, ToTab::Read(generation, whose));
    }

    pub(super) fn load(&mut self, id: u32, whose: Option<u32>, rows: &[u64], known: &[u64]) {
        let events = &self.events;
        let mut without_room = Vec::new();
        let tab = self.tabs.get_mut(&id).expect("a tab");
        for row in rows {
            if !tab.ended.contains(row) && !tab.numbers.contains_key(row) {
                tab.stored.insert(*row);
                let new = events[*row as usize].new;
                match tab.load(*row, new) {
                    Err(true) if whose == Some(tab.number_of(new.who)) => break,
                    Err(false) => without_room.push(*row),
                    _ => {}
                }
            }
        }
        tab.loaded();
        // Another tab has ended the events that are not on disk any more, and this tab did not hear of it.
        let known = if whose.is_none() { known } else { &[] };
        let missed = known.iter().filter(|event| !rows.contains(event));
        for event in missed {
            if tab.numbers.contains_key(event) {
                tab.ended_elsewhere(*event, Action::Delivered);
            }
        }
        // These events were stored before the tab had read the disk, so it could not evict them then.
        for event in known.iter().filter(|event| rows.contains(event)) {
            tab.evict(*event, events[*event as usize].new.who);
        }
        // The outbox has no room for these events: they wait on disk.
        without_room
            .into_iter()
            .for_each(|event| self.note_room(event, false));
        // The tab that sent these events was gone before it could delete them.
        let tab = &self.tabs[&id];
        let ended = rows.iter().filter(|row| tab.ended.contains(row));
        let ended: Vec<u64> = ended.copied().collect();
        for event in ended {
            self.ask_disk(id, Step::Delete(event));
        }
        self.give(id, |_, _| {});
    }

    pub(super) fn disk(&mut self, id: u32, step: Step) {
        if self.waits_for_reader(step) {
            let after = self.reading_until.saturating_sub(self.now);
            return self.to(id, after, ToTab::Disk(step));
        }
        let Step::Store(event) = step else {
            return self.write(step);
        };
        // The tab hands an event over to the leader tab even if the disk has no room for it, unless it has ended.
        let is_full = self.random.percent(self.trouble.store_failures);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        if is_full {
            tab.unstored.insert(event);
        } else {
            tab.stored.insert(event);
            self.write(step);
        }
        let tab = &self.tabs[&id];
        if !tab.leads {
            if tab.numbers.contains_key(&event) {
                self.broadcast(id, Message::Row(event, !is_full));
            }
        } else if !is_full {
            let who = self.events[event as usize].new.who;
            self.give(id, |tab, _| tab.evict(event, who));
        }
    }

    /// Whether a step has to wait until a tab has read the disk: IndexedDB runs transactions in order, so an event that
    /// is put meanwhile is stored after the reading, and deleted after that.
    fn waits_for_reader(&mut self, step: Step) -> bool {
        match step {
            Step::Store(event) if self.now < self.reading_until => {
                self.stored_later.insert(event);
                true
            }
            Step::Store(event) => {
                self.stored_later.remove(&event);
                false
            }
            Step::Delete(event) => self.stored_later.contains(&event),
        }
    }

    pub(super) fn ask_disk(&mut self, id: u32, step: Step) {
        let delay = self.random.between(0, 100);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        tab.disk_busy_until = tab.disk_busy_until.max(self.now + delay);
        let after = tab.disk_busy_until - self.now;
        self.to(id, after, ToTab::Disk(step));
    }

    pub(super) fn write(&mut self, step: Step) {
        match step {
            Step::Store(event) => {
                self.events[event as usize].stored = true;
                self.disk.insert(event);
            }
            Step::Delete(event) => {
                assert!(self.has_ended(event), "deleted before its end");
                self.disk.remove(&event);
            }
        }
    }
}
