//! The world around the client: time, network, storage, other tabs, and a page that comes and goes.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::client::{Client, Config, HttpRequest, Input, Now, Output, State, Stats};
use forebay_core::event::Event;
use forebay_core::outbox::{DropReason, StoredEvent};
use forebay_core::time::Timestamp;

use crate::random::Random;
use crate::server::{APP, ENDPOINT, Faults, IDENTITY_ENDPOINT, POOL, Reply, Server, header};

/// When every simulation starts, by the endpoint's clock.
const START: i64 = 1_795_000_000_000;
/// How long it may take, once all is well, until nothing is left: the longest `Retry-After` and
/// back-off are minutes.
const CALM_MS: u64 = 30 * 60_000;
const THIRTY_DAYS_MS: i64 = 30 * 24 * 3_600_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    /// 500 for the first five times.
    Stubborn,
    /// 400 in its own item.
    Refused,
    /// 400 for any request that it is in.
    Poison,
    /// Not valid to begin with.
    Invalid,
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Fate::Good => "good",
            Fate::Stubborn => "stubborn",
            Fate::Refused => "refused",
            Fate::Poison => "poison",
            Fate::Invalid => "invalid",
        }
    }
}

/// What the world knows about one event.
struct Known {
    fate: Fate,
    number: u64,
    /// When it was recorded, by the endpoint's clock.
    recorded_at: i64,
    rejected: bool,
    dropped: Option<DropReason>,
    /// Its page crashed before storage had it.
    lost: bool,
}

enum Happening {
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
    Crash,
    Open,
    Calm,
}

enum StorageStep {
    Store(Vec<StoredEvent>),
    Delete(Vec<String>),
}

/// One life of the page.
struct Page {
    client: Client,
    leads: bool,
    wants_lock: bool,
    told_offline: bool,
    wake_at: Option<u64>,
    /// When storage will have carried out what it was asked so far: it keeps the order.
    storage_busy_until: u64,
    /// Valid events recorded or loaded here.
    known: BTreeSet<String>,
    finals: BTreeSet<String>,
    counts: Stats,
    /// Until when the endpoint asked for silence about events.
    silent_until: u64,
    /// PutEvents requests and when they were sent.
    batches: BTreeMap<u32, u64>,
    /// Requests by the minute.
    requests: BTreeMap<u64, u64>,
    ticks: BTreeMap<u64, u64>,
    endpoint_update: Option<String>,
}

impl Page {
    /// Whether the endpoint was last described as the page did.
    fn is_endpoint_at(&self, server: &Server) -> bool {
        let update = self.endpoint_update.as_ref();
        update.is_none_or(|update| *update == server.endpoint)
    }
}

/// What a run came to, for the sum of all runs.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub recorded: u64,
    pub delivered: u64,
    pub rejected: u64,
    pub dropped: u64,
    pub invalid: u64,
    pub lost_in_crash: u64,
    pub requests: u64,
    pub most_requests_a_minute: u64,
    pub repeated: u64,
    pub unauthorised: u64,
    pub crashes: u64,
}

impl Summary {
    pub(crate) fn add(&mut self, other: &Summary) {
        self.recorded += other.recorded;
        self.delivered += other.delivered;
        self.rejected += other.rejected;
        self.dropped += other.dropped;
        self.invalid += other.invalid;
        self.lost_in_crash += other.lost_in_crash;
        self.requests += other.requests;
        self.most_requests_a_minute = self
            .most_requests_a_minute
            .max(other.most_requests_a_minute);
        self.repeated += other.repeated;
        self.unauthorised += other.unauthorised;
        self.crashes += other.crashes;
    }
}

/// How the network and storage behave, in percent.
#[derive(Debug, Default, Clone, Copy)]
struct Trouble {
    lost_requests: u64,
    lost_replies: u64,
    /// Requests that nothing is ever heard of.
    silence: u64,
    slow: u64,
    store_failures: u64,
    early_ticks: u64,
}

pub(crate) struct World {
    random: Random,
    now: u64,
    agenda: BTreeMap<(u64, u64), Happening>,
    appointments: u64,
    server: Server,
    trouble: Trouble,
    network: bool,
    lock_is_free: bool,
    /// The browser's clock less the endpoint's.
    skew: i64,
    skew_was_constant: bool,
    largest_skew: i64,
    storage: Vec<StoredEvent>,
    saved_identity: Option<String>,
    flush_interval_ms: u32,
    flush_size: usize,
    buffer_size: usize,
    lives: u32,
    page: Option<Page>,
    events: BTreeMap<String, Known>,
    summary: Summary,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let mut server = Server::new();
        // Half of the worlds are spared any one trouble.
        let often = |random: &mut Random, most: u64| {
            if random.percent(50) {
                random.between(0, most)
            } else {
                0
            }
        };
        let trouble = Trouble {
            lost_requests: often(&mut random, 40),
            lost_replies: often(&mut random, 40),
            silence: often(&mut random, 5),
            slow: often(&mut random, 10),
            store_failures: often(&mut random, 30),
            early_ticks: often(&mut random, 20),
        };
        server.faults = Faults {
            status: often(&mut random, 60),
            item: often(&mut random, 40),
            garbled: often(&mut random, 20),
            revocation: often(&mut random, 10),
            max_events: random.percent(20).then(|| random.between(1, 20) as usize),
        };
        server.shows_date = random.percent(85);
        server.credential_lifetime_ms = random.pick(&[20_000, 120_000, 3_600_000]);
        let skew = if server.shows_date {
            random.pick(&[
                0,
                0,
                0,
                45_000,
                600_000,
                -600_000,
                86_400_000,
                -3 * 365 * 86_400_000,
            ])
        } else {
            random.pick(&[0, 30_000, -200_000])
        };
        let mut world = World {
            now: random.between(0, 10_000),
            flush_interval_ms: random.pick(&[1_000, 5_000, 5_000, 20_000]),
            flush_size: random.pick(&[1, 5, 20, 100, 100]),
            buffer_size: random.pick(&[10, 60, 1_000, 10_000, 10_000]),
            random,
            agenda: BTreeMap::new(),
            appointments: 0,
            server,
            trouble,
            network: true,
            lock_is_free: true,
            skew,
            skew_was_constant: true,
            largest_skew: skew.abs(),
            storage: Vec::new(),
            saved_identity: None,
            lives: 0,
            page: None,
            events: BTreeMap::new(),
            summary: Summary::default(),
        };
        world.plan();
        world
    }

    /// Fills the agenda: a few minutes of trouble, and then calm.
    fn plan(&mut self) {
        let length = self.random.between(20_000, 400_000);
        let any_time = |random: &mut Random| random.between(0, length);
        self.at(0, Happening::Open);
        for _ in 0..self.random.between(0, 8) {
            let burst = any_time(&mut self.random);
            for _ in 0..self.random.between(1, 20) {
                let pause = self.random.pick(&[0, 1, 500, 5_000]);
                let after = burst + self.random.between(0, 2 + pause);
                self.at(after, Happening::Record);
            }
        }
        for _ in 0..self.random.between(0, 3) {
            let crash = any_time(&mut self.random);
            let open = crash + self.random.between(1, 30_000);
            self.at(crash, Happening::Crash);
            self.at(open, Happening::Open);
        }
        for _ in 0..self.random.between(0, 3) {
            let start = any_time(&mut self.random);
            let end = start + self.random.between(1, 90_000);
            self.at(start, Happening::Offline);
            self.at(end, Happening::Online);
        }
        for _ in 0..self.random.between(0, 3) {
            let start = any_time(&mut self.random);
            let end = start + self.random.between(1, 60_000);
            self.at(start, Happening::LockTaken);
            self.at(end, Happening::LockFree);
        }
        for _ in 0..self.random.between(0, 6) {
            let time = any_time(&mut self.random);
            let input = match self.random.between(0, 4) {
                0 => Input::Flush,
                1 => Input::UpdateEndpoint(format!(r#"{{"User":{{"UserId":"u{time}"}}}}"#)),
                2 => Input::Tick,
                _ => Input::PageHidden,
            };
            self.at(time, Happening::Tell(input));
        }
        if self.server.shows_date && self.random.percent(20) {
            for _ in 0..self.random.between(1, 4) {
                let time = any_time(&mut self.random);
                let to = self
                    .random
                    .pick(&[0, 400_000, -7_200_000, 400 * 86_400_000]);
                self.at(time, Happening::Jump(to));
            }
        }
        self.at(length, Happening::Calm);
        self.at(length + 1, Happening::Open);
    }

    fn at(&mut self, after: u64, happening: Happening) {
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
            let queued = match &self.page {
                Some(page) if page.is_endpoint_at(&self.server) => page.client.stats().queued,
                _ => 1,
            };
            let is_done = queued == 0 && self.storage.is_empty() && time > since + 10_000;
            if is_done && !self.is_busy() {
                break;
            }
            assert!(
                time < since + CALM_MS,
                "{queued} events are still queued, {} stored",
                self.storage.len()
            );
        }
        self.close_the_books()
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
            Happening::Crash => self.crash(),
            Happening::Open => self.open(),
            Happening::Calm => self.calm_down(),
            // It was for a page that is no more.
            _ => {}
        }
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
                Happening::Crash | Happening::Offline | Happening::LockTaken | Happening::Record
            )
        });
    }

    fn open(&mut self) {
        if self.page.is_some() {
            return;
        }
        self.lives += 1;
        let config = Config {
            app_id: APP.into(),
            region: "us-east-1".into(),
            identity_pool_id: POOL.into(),
            endpoint: ENDPOINT.into(),
            identity_endpoint: IDENTITY_ENDPOINT.into(),
            endpoint_id: "endpoint".into(),
            identity_id: self.saved_identity.clone(),
            schema: None,
            flush_interval_ms: self.flush_interval_ms,
            flush_size: self.flush_size,
            buffer_size: self.buffer_size,
        };
        self.page = Some(Page {
            client: Client::new(config, self.random.next()),
            leads: false,
            wants_lock: false,
            told_offline: false,
            wake_at: None,
            storage_busy_until: self.now,
            known: BTreeSet::new(),
            finals: BTreeSet::new(),
            counts: Stats::default(),
            silent_until: 0,
            batches: BTreeMap::new(),
            requests: BTreeMap::new(),
            ticks: BTreeMap::new(),
            endpoint_update: None,
        });
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
        for id in page.known.difference(&page.finals) {
            if !self.storage.iter().any(|event| event.id == *id) {
                self.events.get_mut(id).expect("known").lost = true;
            }
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
        let event = Event {
            event_type: "SimulatedEvent".into(),
            timestamp: self.clock().wall,
            app_package_name: None,
            app_title: None,
            app_version_code: None,
            client_sdk_version: None,
            sdk_name: None,
            attributes: vec![
                ("fate".into(), fate.name().into()),
                ("number".into(), number.to_string().into()),
                ("padding".into(), "x".repeat(padding).into()),
            ],
            metrics: Vec::new(),
            session: None,
        };
        self.events.insert(
            id.clone(),
            Known {
                fate,
                number,
                recorded_at: self.server_time().0,
                rejected: false,
                dropped: None,
                lost: false,
            },
        );
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
        let minute = self.now / 60_000;
        let Some(page) = &mut self.page else { return };
        if page.wake_at == Some(time) {
            page.wake_at = None;
            *page.ticks.entry(minute).or_default() += 1;
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
        let Some(reply) = reply else {
            return self.give(Input::NetworkError { request });
        };
        // A date can only be kept where the clock can be right, and an answer that comes too late
        // is not read.
        if let (Some(page), true) = (&mut self.page, self.server.shows_date)
            && let Some(sent_at) = page.batches.remove(&request)
            && self.now < sent_at + 60_000
        {
            let silence = reply.silence.unwrap_or(0);
            page.silent_until = page.silent_until.max(self.now + silence);
        }
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
            StorageStep::Store(events) => self.storage.extend(events.iter().cloned()),
            StorageStep::Delete(ids) => self.storage.retain(|event| !ids.contains(&event.id)),
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
        let Some(page) = &mut self.page else { return };
        let books = page.client.stats();
        assert_eq!(
            books.recorded,
            books.delivered + books.rejected + books.dropped + books.queued,
            "the books do not balance"
        );
        let counts = Stats {
            recorded: page.known.len() as u64,
            queued: (page.known.len() - page.finals.len()) as u64,
            ..page.counts
        };
        assert_eq!(books, counts, "the books are not what receipts say");
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
        assert!(!page.told_offline, "a request while offline");
        let is_events = request.method == "POST" && header(&request, "x-amz-target").is_none();
        if is_events {
            page.batches.insert(request.id, self.now);
            assert!(page.leads, "events sent by a tab that does not lead");
            assert!(
                page_is_hidden || self.now >= page.silent_until,
                "Retry-After is not kept"
            );
        }
        if request.keepalive {
            assert!(request.body.len() <= 64 * 1024);
        }
        *page.requests.entry(self.now / 60_000).or_default() += 1;
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
        let event = self
            .events
            .get_mut(id)
            .expect("a receipt for a known event");
        match state {
            State::Recorded | State::Stored => return,
            State::Sent => {
                assert!(!page.finals.contains(id), "sent after its end");
                return;
            }
            State::Invalid(_) => {
                assert_eq!(event.fate, Fate::Invalid);
                page.counts.invalid += 1;
                return;
            }
            State::Delivered => {
                assert!(self.server.ledger.contains_key(id), "never arrived");
                page.counts.delivered += 1;
            }
            State::Rejected(_) => {
                assert!(matches!(event.fate, Fate::Refused | Fate::Poison));
                page.counts.rejected += 1;
                event.rejected = true;
            }
            State::Dropped(reason) => {
                page.counts.dropped += 1;
                event.dropped = Some(*reason);
                match reason {
                    DropReason::TooMany => assert!(self.buffer_size < 1_000),
                    DropReason::TooOld => {
                        assert!(self.largest_skew > THIRTY_DAYS_MS && !self.skew_was_constant);
                    }
                    _ => panic!("dropped: {reason:?}"),
                }
            }
        }
        assert!(page.finals.insert(id.into()), "an event ended twice");
        assert!(page.known.contains(id));
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
            let most = page.requests.values().max().copied().unwrap_or(0);
            self.summary.most_requests_a_minute = most;
        }
        self.summary.repeated = self.server.repeated;
        self.summary.unauthorised = self.server.unauthorised;
        self.summary
    }
}
