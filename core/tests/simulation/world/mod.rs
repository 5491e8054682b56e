//! The world around the tabs: time, network, disk, the lock and the channel between them. What the
//! shell of a tab does here is what that in a browser does, and no more.

mod disk;
mod network;
mod shell;
mod tabs;

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::outbox::{Action, Config, NewEvent, Now};

use crate::Summary;
use crate::random::Random;
use crate::server::{Fate, Faults, Reply, Request, Server};
use crate::tab::Tab;

/// When every simulation starts, by the endpoint's clock.
const START: i64 = 1_795_000_000_000;
/// How long it may take, once all is well, until nothing is left. What takes long are stubborn
/// events: left alone in a world of one event a request, each costs a back-off every time.
const CALM_MS: u64 = 60 * 60_000;
/// How far the time of an accepted event may be off: what a signature's may, and a slow answer's.
const TIME_TOLERANCE_MS: i64 = 6 * 60_000;

/// An action in a tab that is chosen at random.
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
    /// The disk was read: the events on it, and those that the tab knew to be on it at that time.
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

/// The record that the simulation keeps of one event.
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
    /// Until when tabs read the disk, and the events whose put waits until then.
    reading_until: u64,
    stored_later: BTreeSet<u64>,
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
            reading_until: 0,
            stored_later: BTreeSet::new(),
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

    /// Lists the events that have not ended yet, for the message of a failure.
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
