//! The world around the tabs: time, network, disk, the lock and the channel between them. What the
//! shell of a tab does here is what that in a browser does, and no more.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::outbox::{Action, Config, MAX_IDENTITIES, NewEvent, Now};

use crate::Summary;
use crate::plan::MAX_AGE_MS;
use crate::random::Random;
use crate::server::{Content, Fate, Faults, Reply, Request, Server};
use crate::tab::{ENVELOPE_BYTES, Tab};

/// When every simulation starts, by the endpoint's clock.
const START: i64 = 1_795_000_000_000;
/// How long it may take, once all is well, until nothing is left. What takes long are stubborn
/// events: left alone in a world of one event a request, each costs a back-off every time.
const CALM_MS: u64 = 60 * 60_000;
/// How far the time of an accepted event may be off: what a signature's may, and a slow answer's.
const TIME_TOLERANCE_MS: i64 = 6 * 60_000;

/// What is done in some tab.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Doing {
    Record,
    Flush,
    Describe,
    SignIn,
    Hide,
    /// The tab is closed: hidden, and then no more.
    Close,
    /// The tab is no more.
    Crash,
    LoseLock,
    /// A call into the module traps soon.
    Trap,
}

pub(crate) enum Happening {
    Do(Doing),
    Open,
    Network(bool),
    Jump(i64),
    /// The machine sleeps so long: the tabs get nothing.
    Sleep(u64),
    /// From now on this status is all that the endpoint answers; `None` ends it.
    Outage(Option<(u16, bool)>),
    Calm,
    Arrive(Request),
    /// For a tab: all that follow.
    To(u32, ToTab),
}

pub(crate) enum ToTab {
    /// At this time, as it asked.
    Tick(u64),
    /// The answer to a request of a module, by its generation.
    Answer(u32, u32, Option<Reply>),
    /// The pool's answer about an identity.
    Pool(u32),
    /// The next thing that it asked of the disk.
    Disk(Step),
    /// To read the disk for a module: whole, or until an identity has enough.
    Read(u32, Option<u32>),
    /// What the disk held when it was read, and what the tab knew to be there then.
    Rows(u32, Option<u32>, Vec<u64>, Vec<u64>),
    /// Another module has taken over.
    Restarted,
    Lock,
    Message(Message),
}

#[derive(Clone, Copy)]
pub(crate) enum Step {
    Store(u64),
    Delete(u64),
}

#[derive(Clone, Copy)]
pub(crate) enum Message {
    /// An event for the tab that leads, and whether it is on disk.
    Row(u64, bool),
    Ended(u64, Action),
    /// Another tab leads now.
    NewLeader,
}

/// How network, pool and disk behave, in percent.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Trouble {
    pub lost_requests: u64,
    pub lost_replies: u64,
    /// Requests that nothing is ever heard of.
    pub silence: u64,
    pub slow: u64,
    pub store_failures: u64,
    pub early_ticks: u64,
    pub pool: u64,
}

/// What the world knows about one event.
struct Known {
    fate: Fate,
    new: NewEvent,
    immediate: bool,
    /// When it was recorded, by the endpoint's clock.
    recorded_at: i64,
    /// Whether the disk ever had it.
    stored: bool,
    rejected: bool,
    dropped: bool,
    /// A tab that held it is no more.
    bereaved: bool,
    /// Whether it may arrive twice: an answer about it was lost, or a tab that had to do with it is
    /// gone or does not lead any more.
    may_repeat: bool,
}

pub(crate) struct World {
    pub random: Random,
    pub server: Server,
    pub identities: u32,
    pub credential_lifetime_ms: i64,
    pub has_locks: bool,
    pub has_large_events: bool,
    /// The browser's clock less the endpoint's.
    pub skew: i64,
    pub largest_skew: i64,
    now: u64,
    agenda: BTreeMap<(u64, u64), Happening>,
    appointments: u64,
    trouble: Trouble,
    config: Config,
    network: bool,
    asleep_until: u64,
    calm_since: Option<u64>,
    skew_was_constant: bool,
    /// The tab that holds the lock, and those that wait for it.
    holder: Option<u32>,
    waiting: Vec<u32>,
    disk: BTreeSet<u64>,
    kept_offset: f64,
    tabs: BTreeMap<u32, Tab>,
    opened: u32,
    described: u32,
    events: Vec<Known>,
    summary: Summary,
}

impl World {
    pub(crate) fn empty(random: Random, server: Server, trouble: Trouble, config: Config) -> World {
        World {
            random,
            server,
            identities: 1,
            credential_lifetime_ms: 0,
            has_locks: true,
            has_large_events: false,
            skew: 0,
            largest_skew: 0,
            now: 0,
            agenda: BTreeMap::new(),
            appointments: 0,
            trouble,
            config,
            network: true,
            asleep_until: 0,
            calm_since: None,
            skew_was_constant: true,
            holder: None,
            waiting: Vec::new(),
            disk: BTreeSet::new(),
            kept_offset: 0.0,
            tabs: BTreeMap::new(),
            opened: 0,
            described: 0,
            events: Vec::new(),
            summary: Summary::default(),
        }
    }

    pub(crate) fn at(&mut self, after: u64, happening: Happening) {
        self.appointments += 1;
        let time = self.now + after;
        self.agenda.insert((time, self.appointments), happening);
    }

    fn to(&mut self, tab: u32, after: u64, what: ToTab) {
        self.at(after, Happening::To(tab, what));
    }

    pub(crate) fn run(mut self) -> Summary {
        while let Some(((time, _), happening)) = self.agenda.pop_first() {
            self.now = time;
            self.carry_out(happening);
            let Some(since) = self.calm_since else {
                continue;
            };
            if self.is_idle() {
                if self.is_done() {
                    break;
                }
                self.reopen();
            }
            let is_late = time >= since + CALM_MS;
            assert!(
                !is_late,
                "not done, long after all is well: {}",
                self.rest()
            );
        }
        let is_done = self.is_done();
        assert!(is_done, "nothing more happens, and left is {}", self.rest());
        self.close_the_books()
    }

    /// Whether the tabs have nothing left to do, and nothing is on its way.
    fn is_idle(&self) -> bool {
        let is_idle = |happening: &Happening| matches!(happening, Happening::To(_, ToTab::Tick(_)));
        self.tabs.values().all(|tab| {
            let last = tab.described.as_ref();
            let is_described = last.is_none_or(|last| self.server.described.contains(last));
            tab.is_empty() && (is_described || !tab.knows_current())
        }) && self.agenda.values().all(is_idle)
    }

    /// Whether nothing is left on disk either but what nobody was there to delete.
    fn is_done(&self) -> bool {
        self.is_idle() && self.disk.iter().all(|event| self.has_ended(*event))
    }

    /// The browser is closed and opened again. That delivers what a tab stored that did not lead, and
    /// was gone before it could tell the one that does.
    fn reopen(&mut self) {
        for event in &self.disk {
            assert!(self.events[*event as usize].bereaved || self.has_ended(*event));
        }
        let tabs: Vec<u32> = self.tabs.keys().copied().collect();
        for id in tabs {
            self.crash(id);
        }
        self.open();
    }

    fn has_ended(&self, event: u64) -> bool {
        let known = &self.events[event as usize];
        known.rejected || known.dropped || self.server.ledger.contains_key(&event)
    }

    /// What is left, for who looks into a failure.
    fn rest(&self) -> String {
        let tabs = self.tabs.iter().map(|(id, tab)| {
            let held: Vec<u64> = tab.numbers.keys().copied().collect();
            let (leads, described) = (tab.leads, tab.described);
            format!("tab {id}: {leads:?} {described:?} {held:?}")
        });
        let tabs: Vec<String> = tabs.collect();
        format!(
            "disk {:?}, described {:?}, {tabs:#?}",
            self.disk, self.server.described
        )
    }

    fn server_time(&self) -> i64 {
        START + self.now.cast_signed()
    }

    fn clock(&self, tab: &Tab) -> Now {
        Now {
            wall: (self.server_time() + self.skew) as f64,
            monotonic: (self.now - tab.origin) as f64,
        }
    }

    fn carry_out(&mut self, happening: Happening) {
        let is_elsewhere = matches!(happening, Happening::Arrive(_) | Happening::Outage(_));
        if self.now < self.asleep_until && !is_elsewhere {
            let after = self.asleep_until - self.now;
            return self.at(after, happening);
        }
        match happening {
            Happening::To(id, what) => {
                if self.tabs.contains_key(&id) {
                    self.tell(id, what);
                } else if let ToTab::Answer(_, _, Some(reply)) = what {
                    self.may_repeat(&reply.accepted);
                }
            }
            Happening::Do(doing) => {
                let tabs: Vec<u32> = self.tabs.keys().copied().collect();
                if !tabs.is_empty() {
                    let tab = self.random.pick(&tabs);
                    self.do_in(tab, doing);
                }
            }
            Happening::Arrive(request) => self.arrive(&request),
            Happening::Open => self.open(),
            Happening::Network(network) => {
                self.network = network;
                if network || self.random.percent(70) {
                    self.tell_online(network);
                }
            }
            Happening::Jump(to) => {
                self.skew_was_constant = false;
                self.largest_skew = self.largest_skew.max(to.abs());
                self.skew = to;
            }
            Happening::Sleep(length) => self.sleep(length),
            Happening::Outage(status) => self.server.faults.only = status,
            Happening::Calm => self.calm_down(),
        }
    }

    fn calm_down(&mut self) {
        self.calm_since = Some(self.now);
        self.trouble = Trouble::default();
        self.server.faults = Faults::default();
        self.network = true;
        self.tell_online(true);
        self.agenda.retain(|_, happening| {
            !matches!(
                happening,
                Happening::Do(_)
                    | Happening::Network(false)
                    | Happening::Outage(_)
                    | Happening::Sleep(_)
            )
        });
    }

    fn sleep(&mut self, length: u64) {
        self.asleep_until = self.now + length;
        // Monotonic clocks stand still on some machines while they sleep.
        if self.random.percent(50) {
            for tab in self.tabs.values_mut() {
                tab.origin += length;
            }
        }
    }

    // Tabs that come and go.

    fn open(&mut self) {
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
    fn grant(&mut self) {
        if self.holder.is_none() && !self.waiting.is_empty() {
            let next = self.waiting.remove(0);
            self.holder = Some(next);
            let delay = self.random.between(0, 50);
            self.to(next, delay, ToTab::Lock);
        }
    }

    fn release(&mut self, id: u32) {
        self.waiting.retain(|waiting| *waiting != id);
        if self.holder == Some(id) {
            self.holder = None;
            self.grant();
        }
    }

    /// What the disk was asked for last may have been carried out or not.
    fn crash(&mut self, id: u32) {
        self.summary.crashes += 1;
        let mut carried_out = true;
        let keys: Vec<(u64, u64)> = self.agenda.keys().copied().collect();
        for key in keys {
            if let Some(Happening::To(tab, ToTab::Disk(step))) = self.agenda.get(&key)
                && *tab == id
            {
                let step = *step;
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

    /// A new leader cannot know what became of what it finds.
    fn excuse_the_disk(&mut self) {
        for event in &self.disk {
            self.events[*event as usize].may_repeat = true;
        }
    }

    fn tell_online(&mut self, online: bool) {
        let tabs: Vec<u32> = self.tabs.keys().copied().collect();
        for id in tabs {
            self.give(id, |tab, _| {
                tab.offline = !online;
                tab.outbox.set_online(online);
            });
        }
    }

    // What is done in a tab.

    fn do_in(&mut self, id: u32, doing: Doing) {
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

    fn lose_lock(&mut self, id: u32) {
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

    fn hide(&mut self, id: u32) {
        let now = self.clock(&self.tabs[&id]);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        tab.outbox.hidden(ENVELOPE_BYTES, now);
        self.drain(id, true);
        self.give(id, |_, _| {});
    }

    fn record(&mut self, id: u32) {
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
    fn note_room(&mut self, event: u64, has_room: bool) {
        if !has_room {
            self.summary.without_room += 1;
            self.events[event as usize].bereaved = true;
        }
    }

    // What a tab is told.

    fn tell(&mut self, id: u32, what: ToTab) {
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

    fn read(&mut self, id: u32, whose: Option<u32>) {
        let delay = self.random.between(0, 200);
        let generation = self.tabs[&id].generation;
        self.to(id, delay, ToTab::Read(generation, whose));
    }

    fn load(&mut self, id: u32, whose: Option<u32>, rows: &[u64], known: &[u64]) {
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
        // The end of what was there once and no longer is was missed.
        let known = if whose.is_none() { known } else { &[] };
        let missed = known.iter().filter(|event| !rows.contains(event));
        for event in missed {
            if tab.numbers.contains_key(event) {
                tab.ended_elsewhere(*event, Action::Delivered);
            }
        }
        // What was there before it was known what waits on disk.
        for event in known.iter().filter(|event| rows.contains(event)) {
            tab.evict(*event, events[*event as usize].new.who);
        }
        // Who sent it was gone before it could delete it.
        without_room
            .into_iter()
            .for_each(|event| self.note_room(event, false));
        let tab = &self.tabs[&id];
        let ended = rows.iter().filter(|row| tab.ended.contains(row));
        let ended: Vec<u64> = ended.copied().collect();
        for event in ended {
            self.ask_disk(id, Step::Delete(event));
        }
        self.give(id, |_, _| {});
    }

    fn disk(&mut self, id: u32, step: Step) {
        let Step::Store(event) = step else {
            return self.write(step);
        };
        // What the disk does not take is handed over all the same.
        let is_full = self.random.percent(self.trouble.store_failures);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        if is_full {
            tab.unstored.insert(event);
        } else {
            tab.stored.insert(event);
            self.write(step);
        }
        if !self.tabs[&id].leads {
            self.broadcast(id, Message::Row(event, !is_full));
        } else if !is_full {
            let who = self.events[event as usize].new.who;
            self.give(id, |tab, _| tab.evict(event, who));
        }
    }

    fn write(&mut self, step: Step) {
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

    fn message(&mut self, id: u32, message: Message) {
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

    fn answer(&mut self, id: u32, generation: u32, request: u32, reply: Option<Reply>) {
        let reply = reply.unwrap_or_default();
        let tab = self.tabs.get_mut(&id).expect("a tab");
        let batch = tab.batches.remove(&(generation, request));
        if generation != tab.generation {
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
    fn answer_late(&mut self, id: u32, batch: &[u64], reply: &Reply) {
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

    /// A call into the module trapped. The shell has what the module had in memory, and the disk the rest.
    fn trap(&mut self, id: u32) {
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

    fn pool(&mut self, id: u32, who: u32) {
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

    // What a tab does after every call.

    fn give(&mut self, id: u32, call: impl FnOnce(&mut Tab, Now)) {
        let now = self.clock(&self.tabs[&id]);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        call(tab, now);
        let wake_at = tab.outbox.tick(now);
        assert!(wake_at > now.monotonic, "asked to be woken in the past");
        self.drain(id, false);
        self.wake(id, wake_at - now.monotonic);
    }

    /// Sets the timer of a tab, unless it is set for then.
    fn wake(&mut self, id: u32, after: f64) {
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

    fn drain(&mut self, id: u32, is_last: bool) {
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

    fn send(&mut self, id: u32, action: Action, number: u32, is_last: bool) {
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

    fn latency(&mut self) -> u64 {
        if self.random.percent(self.trouble.slow) {
            self.random.between(5_000, 100_000)
        } else {
            self.random.between(5, 300)
        }
    }

    fn arrive(&mut self, request: &Request) {
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
    fn excuse(&mut self, request: &Request, told: &[[u8; 2]]) {
        let Content::Events(events, _) = &request.content else {
            return;
        };
        for (at, (event, _)) in events.iter().enumerate() {
            if told.get(at).is_none_or(|status| *status == [0, 0]) {
                self.events[*event as usize].may_repeat = true;
            }
        }
    }

    fn end(&mut self, id: u32, number: u32, end: Action) {
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

    fn ask_disk(&mut self, id: u32, step: Step) {
        let delay = self.random.between(0, 100);
        let tab = self.tabs.get_mut(&id).expect("a tab");
        tab.disk_busy_until = tab.disk_busy_until.max(self.now + delay);
        let after = tab.disk_busy_until - self.now;
        self.to(id, after, ToTab::Disk(step));
    }

    fn broadcast(&mut self, id: u32, message: Message) {
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

    fn may_repeat(&mut self, events: &[u64]) {
        for event in events {
            self.events[*event as usize].may_repeat = true;
        }
    }

    fn close_the_books(mut self) -> Summary {
        for event in &self.disk {
            // Its end is known, but who was to delete it is gone.
            assert!(self.events[*event as usize].may_repeat);
        }
        for (event, known) in (0..).zip(&self.events) {
            self.summary.recorded += 1;
            if let Some((times, time)) = self.server.ledger.get(&event) {
                assert!(matches!(known.fate, Fate::Good | Fate::Stubborn));
                assert!(*times == 1 || known.may_repeat, "{event} arrived twice");
                self.summary.repeated += u64::from(*times > 1);
                let error = time - known.recorded_at;
                if self.skew_was_constant {
                    assert!(error.abs() <= TIME_TOLERANCE_MS, "{error} ms off");
                }
                self.summary.delivered += 1;
            } else if known.rejected {
                self.summary.rejected += 1;
            } else if known.dropped {
                self.summary.dropped += 1;
            } else {
                let may_be_lost = known.bereaved && !known.stored;
                assert!(may_be_lost, "{event} ({:?}) has vanished", known.fate);
                self.summary.lost_in_crash += 1;
            }
        }
        self.summary.unauthorised = self.server.unauthorised;
        self.summary.foreign = self.server.foreign;
        self.summary.refused_descriptions = self.server.refused_descriptions;
        self.summary
    }
}
