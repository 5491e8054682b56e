//! The world around the client: time, network, storage, other tabs, and a page that comes and goes.

use std::collections::BTreeMap;

use forebay_core::client::{HttpRequest, Input, Now, Output, State};
use forebay_core::event::Event;
use forebay_core::outbox::{DropReason, StoredEvent};
use forebay_core::time::Timestamp;

use crate::events::{Fate, Known, Summary};
use crate::page::{Page, Settings};
use crate::random::Random;
use crate::server::{Faults, Reply, Server};

/// When every simulation starts, by the endpoint's clock.
const START: i64 = 1_795_000_000_000;
/// How long it may take, once all is well, until nothing is left. What takes long are stubborn
/// events: left alone in a world of one event a request, each costs a back-off every time.
const CALM_MS: u64 = 45 * 60_000;
const THIRTY_DAYS_MS: i64 = 30 * 24 * 3_600_000;

pub(crate) enum Happening {
    Record,
    Load(u32, Option<Vec<StoredEvent>>),
    Tick(u32, u64),
    Arrive(u32, HttpRequest),
    Answer(u32, u32, Option<Reply>),
    Storage(u32, StorageStep),
    GrantLock(u32),
    LockTaken,
    LockFree,
    Offline,
    Online,
    Tell(Input),
    Jump(i64),
    /// From now on this status is all that the endpoint answers; `None` ends it.
    Outage(Option<u16>),
    Crash,
    Open,
    Calm,
}

pub(crate) enum StorageStep {
    Store(Vec<StoredEvent>),
    Delete(Vec<String>),
}

/// How the network and storage behave, in percent.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Trouble {
    pub lost_requests: u64,
    pub lost_replies: u64,
    /// Requests that nothing is ever heard of.
    pub silence: u64,
    pub slow: u64,
    pub store_failures: u64,
    pub early_ticks: u64,
}

pub(crate) struct World {
    pub random: Random,
    pub now: u64,
    pub agenda: BTreeMap<(u64, u64), Happening>,
    pub appointments: u64,
    pub server: Server,
    pub trouble: Trouble,
    pub network: bool,
    pub lock_is_free: bool,
    /// The browser's clock less the endpoint's.
    pub skew: i64,
    pub skew_was_constant: bool,
    pub largest_skew: i64,
    pub storage: Vec<StoredEvent>,
    pub saved_identity: Option<String>,
    pub settings: Settings,
    /// How many more attributes events have: what makes them large.
    pub more_attributes: u64,
    pub lives: u32,
    pub page: Option<Page>,
    pub events: BTreeMap<String, Known>,
    pub summary: Summary,
}

impl World {
    pub(crate) fn at(&mut self, after: u64, happening: Happening) {
        self.appointments += 1;
        let time = self.now + after;
        self.agenda.insert((time, self.appointments), happening);
    }

    pub(crate) fn run(mut self) -> Summary {
        let mut calm_since = None;
        while let Some(((time, _), happening)) = self.agenda.pop_first() {
            self.now = time;
            if matches!(happening, Happening::Calm) {
                calm_since = Some(time);
            }
            self.carry_out(happening);
            let Some(since) = calm_since else { continue };
            if time > since + 10_000 && self.is_done() && !self.is_busy() {
                break;
            }
            assert!(time < since + CALM_MS, "not done, long after all is well");
        }
        assert!(self.is_done(), "nothing more happens, and it is not done");
        self.close_the_books()
    }

    /// Whether nothing is left to send.
    fn is_done(&self) -> bool {
        let Some(page) = &self.page else { return false };
        let queued = page.client.stats().queued;
        queued == 0 && self.storage.is_empty() && page.is_endpoint_at(&self.server)
    }

    /// Whether something is still on its way to the page or to storage.
    fn is_busy(&self) -> bool {
        self.agenda.values().any(|happening| {
            matches!(
                happening,
                Happening::Load(..)
                    | Happening::Arrive(..)
                    | Happening::Answer(..)
                    | Happening::Storage(..)
                    | Happening::Open
            )
        })
    }

    fn clock(&self) -> Now {
        Now {
            wall: Timestamp(self.server_time().0 + self.skew),
            monotonic: self.now,
        }
    }

    fn server_time(&self) -> Timestamp {
        Timestamp(START + self.now as i64)
    }

    fn carry_out(&mut self, happening: Happening) {
        match happening {
            Happening::Record => self.record(),
            Happening::Load(life, None) if life == self.lives => {
                let delay = self.random.between(0, 1_500);
                self.at(delay, Happening::Load(life, Some(self.storage.clone())));
            }
            Happening::Load(life, Some(events)) if life == self.lives => self.load(events),
            Happening::Tick(life, time) if life == self.lives => self.tick(time),
            Happening::Arrive(life, request) => self.arrive(life, &request),
            Happening::Answer(life, request, reply) if life == self.lives => {
                self.answer(request, reply);
            }
            Happening::Storage(life, step) if life == self.lives => self.store(step),
            Happening::GrantLock(life) if life == self.lives && self.lock_is_free => {
                if let Some(page) = self.page.as_mut().filter(|page| page.wants_lock) {
                    page.wants_lock = false;
                    page.leads = true;
                    self.give(Input::Leader(true));
                }
            }
            Happening::LockTaken => {
                self.lock_is_free = false;
                if self.random.percent(50) {
                    self.let_another_tab_deliver();
                }
                if let Some(page) = self.page.as_mut().filter(|page| page.leads) {
                    page.leads = false;
                    self.give(Input::Leader(false));
                }
            }
            Happening::LockFree => {
                self.lock_is_free = true;
                self.at(1, Happening::GrantLock(self.lives));
            }
            Happening::Offline => {
                self.network = false;
                if self.random.percent(70) {
                    self.tell_offline(true);
                }
            }
            Happening::Online => {
                self.network = true;
                self.tell_offline(false);
            }
            Happening::Tell(input) => {
                if let (Input::UpdateEndpoint(body), Some(page)) = (&input, &mut self.page) {
                    page.endpoint_update = Some(body.clone());
                }
                self.give(input);
            }
            Happening::Jump(to) => {
                self.skew_was_constant = false;
                self.largest_skew = self.largest_skew.max(to.abs());
                self.skew = to;
            }
            Happening::Outage(status) => self.server.faults.only = status,
            Happening::Crash => self.crash(),
            Happening::Open => self.open(),
            Happening::Calm => self.calm_down(),
            // It was for a page that is no more.
            _ => {}
        }
    }

    /// Another tab leads: it sends what storage holds, and deletes it.
    fn let_another_tab_deliver(&mut self) {
        let delivered = self.server.accept_stored(&self.storage, self.skew);
        self.storage.retain(|event| !delivered.contains(&event.id));
    }

    fn calm_down(&mut self) {
        self.trouble = Trouble::default();
        self.server.faults = Faults::default();
        self.network = true;
        self.tell_offline(false);
        self.carry_out(Happening::LockFree);
        self.agenda.retain(|_, happening| {
            !matches!(
                happening,
                Happening::Crash
                    | Happening::Offline
                    | Happening::LockTaken
                    | Happening::Outage(_)
                    | Happening::Record
            )
        });
    }

    fn open(&mut self) {
        if self.page.is_some() {
            return;
        }
        self.lives += 1;
        let identity_id = self.saved_identity.clone();
        let page = Page::new(self.settings, identity_id, self.random.next(), self.now);
        self.page = Some(page);
        let delay = self.random.between(0, 1_500);
        self.at(delay, Happening::Load(self.lives, None));
    }

    fn crash(&mut self) {
        let Some(page) = self.page.take() else { return };
        self.summary.crashes += 1;
        // What storage was asked for last may have been carried out or not.
        let mut carried_out = true;
        let keys: Vec<(u64, u64)> = self.agenda.keys().copied().collect();
        for key in keys {
            if matches!(self.agenda.get(&key), Some(Happening::Storage(..))) {
                carried_out &= self.random.percent(70);
                if let Some(Happening::Storage(_, step)) = self.agenda.remove(&key)
                    && carried_out
                {
                    self.write(&step);
                }
            }
        }
        for id in page.known.difference(&page.ended) {
            let event = self.events.get_mut(id).expect("known");
            event.lost = !event.stored;
        }
    }

    fn record(&mut self) {
        let Some(page) = &mut self.page else { return };
        let number = self.events.len() as u64;
        let fate = match self.random.between(0, 40) {
            0 => Fate::Refused,
            1 => Fate::Poison,
            2 => Fate::Stubborn,
            3 => Fate::Invalid,
            _ => Fate::Good,
        };
        let id = format!("00000000-0000-4000-8000-{number:012}");
        if fate != Fate::Invalid {
            page.known.insert(id.clone());
        }
        let padding = if fate == Fate::Invalid {
            201
        } else {
            self.random.pick(&[0, 10, 200])
        };
        let mut attributes = vec![
            ("fate".into(), fate.name().into()),
            ("number".into(), number.to_string().into()),
            ("padding".into(), "x".repeat(padding).into()),
        ];
        for name in 0..self.more_attributes {
            attributes.push((format!("more{name}").into(), "y".repeat(200).into()));
        }
        let event = Event {
            event_type: "SimulatedEvent".into(),
            timestamp: self.clock().wall,
            app_package_name: None,
            app_title: None,
            app_version_code: None,
            client_sdk_version: None,
            sdk_name: None,
            attributes,
            metrics: Vec::new(),
            session: None,
        };
        let known = Known::new(fate, number, self.server_time().0);
        self.events.insert(id.clone(), known);
        let immediate = self.random.percent(20);
        self.give(Input::Record {
            id,
            event,
            immediate,
        });
    }

    fn load(&mut self, events: Vec<StoredEvent>) {
        if let Some(page) = &mut self.page {
            page.known
                .extend(events.iter().map(|event| event.id.clone()));
            self.give(Input::Loaded(events));
        }
    }

    fn tick(&mut self, time: u64) {
        let Some(page) = &mut self.page else { return };
        if page.wake_at == Some(time) {
            page.ticked(self.now);
            self.give(Input::Tick);
        }
    }

    fn tell_offline(&mut self, offline: bool) {
        if let Some(page) = &mut self.page {
            page.told_offline = offline;
            self.give(if offline {
                Input::Offline
            } else {
                Input::Online
            });
        }
    }

    fn arrive(&mut self, life: u32, request: &HttpRequest) {
        let lost = !self.network || self.random.percent(self.trouble.lost_requests);
        let reply = if lost {
            None
        } else {
            let now = self.server_time();
            let reply = self.server.handle(request, now, &mut self.random);
            (!self.random.percent(self.trouble.lost_replies)).then_some(reply)
        };
        if reply.is_none() && self.random.percent(self.trouble.silence) {
            return;
        }
        let latency = self.latency();
        self.at(latency, Happening::Answer(life, request.id, reply));
    }

    fn latency(&mut self) -> u64 {
        if self.random.percent(self.trouble.slow) {
            self.random.between(5_000, 100_000)
        } else {
            self.random.between(5, 300)
        }
    }

    fn answer(&mut self, request: u32, reply: Option<Reply>) {
        if let Some(page) = &mut self.page {
            // A date can only be kept where the clock can be known.
            let reply = reply.as_ref().filter(|_| self.server.shows_date);
            page.answered(request, reply, self.now);
        }
        let Some(reply) = reply else {
            return self.give(Input::NetworkError { request });
        };
        self.give(Input::Response {
            request,
            status: reply.status,
            headers: reply.headers,
            body: reply.body,
        });
    }

    fn store(&mut self, step: StorageStep) {
        if self.page.is_none() {
            return;
        }
        let StorageStep::Store(events) = &step else {
            return self.write(&step);
        };
        let ids = events.iter().map(|event| event.id.clone()).collect();
        if self.random.percent(self.trouble.store_failures) {
            self.give(Input::StoreFailed(ids));
        } else {
            self.write(&step);
            self.give(Input::Stored(ids));
        }
    }

    fn write(&mut self, step: &StorageStep) {
        match step {
            StorageStep::Store(events) => {
                for event in events {
                    self.events.get_mut(&event.id).expect("known").stored = true;
                    self.storage.push(event.clone());
                }
            }
            StorageStep::Delete(ids) => {
                for id in ids {
                    let event = &self.events[id];
                    let has_ended = event.rejected || event.dropped.is_some();
                    let is_there = self.server.ledger.contains_key(id);
                    assert!(has_ended || is_there, "deleted before its end");
                }
                self.storage.retain(|event| !ids.contains(&event.id));
            }
        }
    }

    /// Gives the client an input, carries out what it asks for, and looks at the books.
    fn give(&mut self, input: Input) {
        let now = self.clock();
        let page_is_hidden = matches!(input, Input::PageHidden);
        let Some(page) = &mut self.page else { return };
        page.client.handle(input, now);
        while let Some(output) = self.page.as_mut().and_then(|page| page.client.poll()) {
            self.take(output, page_is_hidden);
        }
        if let Some(page) = &self.page {
            page.check_books();
        }
    }

    fn take(&mut self, output: Output, page_is_hidden: bool) {
        let life = self.lives;
        match output {
            Output::Store(events) => self.ask_storage(StorageStep::Store(events)),
            Output::Delete(ids) => self.ask_storage(StorageStep::Delete(ids)),
            Output::SaveIdentityId(id) => self.saved_identity = Some(id),
            Output::RequestLeadership => {
                if let Some(page) = &mut self.page {
                    assert!(!page.wants_lock && !page.leads, "asked for the lock twice");
                    page.wants_lock = true;
                }
                let delay = self.random.between(0, 50);
                self.at(delay, Happening::GrantLock(life));
            }
            Output::Fetch(request) => self.send(request, page_is_hidden),
            Output::WakeAt(time) => {
                assert!(time > self.now, "asked to be woken in the past");
                if let Some(page) = &mut self.page {
                    page.wake_at = Some(time);
                }
                let early = u64::from(self.random.percent(self.trouble.early_ticks));
                self.at(time - self.now - early, Happening::Tick(life, time));
            }
            Output::Receipt { id, state } => self.receipt(&id, &state),
        }
    }

    fn ask_storage(&mut self, step: StorageStep) {
        let delay = self.random.between(0, 200);
        let Some(page) = &mut self.page else { return };
        page.storage_busy_until = page.storage_busy_until.max(self.now + delay);
        let after = page.storage_busy_until - self.now;
        self.at(after, Happening::Storage(self.lives, step));
    }

    fn send(&mut self, request: HttpRequest, page_is_hidden: bool) {
        let Some(page) = &mut self.page else { return };
        page.requested(&request, page_is_hidden, self.now);
        self.summary.requests += 1;
        // A request that is given up as too slow may still arrive. For events that is harmless.
        let latency = if request.method == "PUT" {
            50
        } else {
            self.latency()
        };
        self.at(latency, Happening::Arrive(self.lives, request));
    }

    fn receipt(&mut self, id: &str, state: &State) {
        let Some(page) = &mut self.page else { return };
        let event = self.events.get_mut(id).expect("an event of this world");
        page.receipt(id, state, event, &self.server);
        match state {
            State::Dropped(DropReason::TooMany) => assert!(self.settings.buffer_size < 1_000),
            // Only a clock that was years off and then was not can make an event of minutes old.
            State::Dropped(DropReason::TooOld) => {
                assert!(self.largest_skew > THIRTY_DAYS_MS && !self.skew_was_constant);
            }
            _ => {}
        }
    }

    fn close_the_books(mut self) -> Summary {
        for (id, event) in &self.events {
            if event.fate == Fate::Invalid {
                assert!(!self.server.ledger.contains_key(id));
                self.summary.invalid += 1;
                continue;
            }
            self.summary.recorded += 1;
            if let Some(accepted) = self.server.ledger.get(id) {
                assert!(matches!(event.fate, Fate::Good | Fate::Stubborn));
                assert_eq!(accepted.number, event.number.to_string());
                let error = accepted.timestamp.0 - event.recorded_at;
                if self.skew_was_constant {
                    assert!(error.abs() <= 6 * 60_000, "{error} ms off");
                }
                self.summary.delivered += 1;
            } else if event.rejected {
                self.summary.rejected += 1;
            } else if event.dropped.is_some() {
                self.summary.dropped += 1;
            } else {
                assert!(event.lost, "{id} ({:?}) has vanished", event.fate);
                self.summary.lost_in_crash += 1;
            }
        }
        if let Some(page) = &self.page {
            self.summary.most_requests_a_minute = page.most_requests_a_minute();
        }
        self.summary.repeated = self.server.repeated;
        self.summary.unauthorised = self.server.unauthorised;
        self.summary
    }
}
