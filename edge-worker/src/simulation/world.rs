//! What happens in a run, and what must be true at its end.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forebay_core::time::Timestamp;
use forebay_lake::run::load::load_checkpoint;
use forebay_lake::run::verify::verify;
use forebay_lake::state::{Counts, StatePaths};
use forebay_lake::store::Store;
use forebay_lake::table::event_ids;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::client::{Client, Happening, Outside};
use super::edge::Edge;
use super::kinesis::{self, Stream, Streams};
use super::lake::{Consumer, Lake};
use super::random::Random;
use super::storage::{self, Bucket, Fate, Gate, clock};
use super::{CREATED, DEAD_LETTERS, EVENTS, client, config};

/// How long it may take, once all is well, until all is done.
const CALM: Duration = Duration::from_secs(1_800);

/// What a run came to, and all runs together.
#[derive(Debug, Default)]
pub(super) struct Summary {
    pub(super) events: u64,
    pub(super) rows: u64,
    pub(super) refused: u64,
    /// Records of events that were in the stream before.
    pub(super) duplicates: u64,
    /// Events that the worker asked to send again.
    pub(super) again: u64,
    pub(super) throttled: u64,
    pub(super) reshardings: u64,
    pub(super) kills: u64,
    pub(super) pauses: u64,
    pub(super) merges: u64,
    /// Writes that were refused, since another process had written.
    pub(super) fenced: u64,
    /// Requests that the network delivered twice.
    pub(super) repeated: u64,
    /// By which two runs of a seed are compared.
    pub(super) trace: u64,
}

impl Summary {
    pub(super) fn add(&mut self, other: &Summary) {
        self.events += other.events;
        self.rows += other.rows;
        self.refused += other.refused;
        self.duplicates += other.duplicates;
        self.again += other.again;
        self.throttled += other.throttled;
        self.reshardings += other.reshardings;
        self.kills += other.kills;
        self.pauses += other.pauses;
        self.merges += other.merges;
        self.fenced += other.fenced;
        self.repeated += other.repeated;
        self.trace ^= other.trace;
    }
}

/// Half of the runs are spared any one trouble.
fn often(random: &mut Random, most: u64) -> u64 {
    match random.percent(50) {
        true => random.between(0, most),
        false => 0,
    }
}

struct World {
    random: Random,
    outside: Rc<Outside>,
    streams: Streams,
    lake: Lake,
    clients: Vec<mpsc::UnboundedSender<Happening>>,
    consumers: Vec<Consumer>,
    compactions: Vec<JoinHandle<usize>>,
    /// Records of nobody knows whom.
    garbage: u64,
    summary: Summary,
}

pub(super) async fn run(seed: u64) -> Summary {
    storage::begin();
    let mut world = World::new(seed);
    for _ in 0..world.random.between(15, 40) {
        world.step().await;
        let pause = world.random.between(0, 4_000);
        sleep(Duration::from_millis(pause)).await;
    }
    world.calm_down().await;
    world.check().await;
    world.summary
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let of_stream = kinesis::Faults {
            calls: often(&mut random, 15),
            throttled: often(&mut random, 75),
            failed: often(&mut random, 15),
            lost_answers: often(&mut random, 10),
            expired: often(&mut random, 8),
        };
        let stream = |random: &mut Random| Stream::new(random.next(), of_stream);
        let streams = [EVENTS, DEAD_LETTERS].map(|name| (name, stream(&mut random)));
        let streams = Streams(Arc::new(Mutex::new(BTreeMap::from(streams))));
        let dies = often(&mut random, 10);
        let outside = Rc::new(Outside {
            edge: Edge::new(streams.clone(), random.next(), dies),
            events: RefCell::default(),
            faults: Cell::new(client::Faults {
                lost_requests: often(&mut random, 30),
                lost_answers: often(&mut random, 30),
                repeated: often(&mut random, 20),
                undeleted: often(&mut random, 100),
            }),
            pool: config(0),
            repeated: Cell::new(0),
            under_way: Cell::new(0),
            ended: Notify::new(),
        });
        let lake = Lake {
            streams: streams.clone(),
            bucket: Arc::new(Bucket::default()),
        };
        *lake.bucket.faults.lock().unwrap() = storage::Faults {
            reads: often(&mut random, 6),
            writes: often(&mut random, 10),
            lost_answers: often(&mut random, 10),
            late: often(&mut random, 10),
        };
        let clients = (0..3).map(|number| {
            let (client, teller) = Client::new(outside.clone(), number, random.next());
            tokio::task::spawn_local(client.live());
            teller
        });
        let clients = clients.collect();
        // The other one has to notice that it is silent.
        let is_slow = random.percent(60);
        let consumers =
            [is_slow, false].map(|is_slow| Consumer::start(lake.clone(), is_slow, random.next()));
        let consumers = consumers.into();
        World {
            random,
            outside,
            streams,
            lake,
            clients,
            consumers,
            compactions: Vec::new(),
            garbage: 0,
            summary: Summary::default(),
        }
    }

    /// One thing that happens.
    async fn step(&mut self) {
        match self.random.between(0, 21) {
            0..9 => self.record(),
            9 => {
                let client = self.random.between(0, 3) as usize;
                self.clients[client].send(Happening::Crash).unwrap();
            }
            10 | 11 => {
                self.streams.with(EVENTS, Stream::reshard);
                self.summary.reshardings += 1;
            }
            12 => self.outside.edge.replace_one(),
            13 => {
                let key = self.random.next().to_string();
                let data = b"not a record".to_vec();
                self.streams.with(EVENTS, |stream| stream.take(&key, data));
                self.garbage += 1;
            }
            14 | 15 => {
                let fate = self.fate(Fate::Dies);
                self.of_a_consumer(fate);
            }
            16 | 17 => {
                let pause = Duration::from_millis(self.random.between(1_000, 60_000));
                let fate = self.fate(Fate::Pauses(pause));
                self.of_a_consumer(fate);
            }
            _ => self.compact(),
        }
    }

    fn record(&mut self) {
        let client = self.random.between(0, 3) as usize;
        for _ in 0..self.random.between(1, 8) {
            let event = self.outside.new_event(&mut self.random);
            self.clients[client].send(Happening::Record(event)).unwrap();
        }
    }

    fn fate(&mut self, fate: Fate) -> (u64, Fate) {
        (self.random.between(0, 10), fate)
    }

    fn of_a_consumer(&mut self, (writes, fate): (u64, Fate)) {
        let consumer = self.random.between(0, 2) as usize;
        self.consumers[consumer].after(writes, fate);
    }

    /// Somebody compacts, who may be killed or paused meanwhile.
    fn compact(&mut self) {
        let fate = match self.random.between(0, 3) {
            0 => None,
            1 => Some(self.fate(Fate::Dies)),
            _ => {
                let pause = Duration::from_millis(self.random.between(1_000, 30_000));
                Some(self.fate(Fate::Pauses(pause)))
            }
        };
        let (lake, seed) = (self.lake.clone(), self.random.next());
        let compaction = async move { lake.compact(seed, fate, clock).await };
        self.compactions.push(tokio::task::spawn_local(compaction));
    }

    /// All goes well from here on. Waits until nothing is left to do.
    async fn calm_down(&mut self) {
        self.streams
            .with(EVENTS, |stream| stream.faults = kinesis::Faults::default());
        self.streams.with(DEAD_LETTERS, |stream| {
            stream.faults = kinesis::Faults::default()
        });
        self.outside.edge.dies.set(0);
        self.outside.faults.set(client::Faults::default());
        *self.lake.bucket.faults.lock().unwrap() = storage::Faults::default();
        for consumer in &self.consumers {
            consumer.calm_down();
        }
        let outside = self.outside.clone();
        let delivered = async {
            while !outside.have_all_ended() || outside.under_way.get() > 0 {
                outside.ended.notified().await;
            }
        };
        timeout(CALM, delivered).await.expect("all events end");
        let read = async {
            while !self.is_read().await {
                sleep(Duration::from_secs(1)).await;
            }
        };
        timeout(CALM, read).await.expect("all records are read");
        for consumer in self.consumers.drain(..) {
            consumer.end().await;
        }
        for compaction in self.compactions.drain(..) {
            self.summary.merges += compaction.await.unwrap() as u64;
        }
        while self.lake.bucket.late.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(500)).await;
        }
    }

    fn store(&self) -> Store {
        Store::read_objects(Arc::new(Gate::new(self.lake.bucket.clone(), 0)))
    }

    /// Whether all records are committed, and closed shards have ended.
    async fn is_read(&self) -> bool {
        let store = self.store();
        for (shard, last, is_closed) in self.streams.with(EVENTS, |stream| stream.ends()) {
            let checkpoint = load_checkpoint(&store, &paths(), &shard).await.unwrap();
            let committed = checkpoint.committed.map(String::from);
            if committed != last || checkpoint.ended != is_closed {
                return false;
            }
        }
        true
    }

    async fn check(&mut self) {
        self.check_books().await;
        let mut rounds = 0;
        while self.lake.compact(rounds, None, days_later).await > 0 {
            rounds += 1;
            assert!(rounds < 20, "there is always more to merge");
        }
        let rows = self.rows().await;
        let of_stream = self.streams.with(EVENTS, |stream| stream.events.clone());
        let expected: Vec<String> = of_stream.keys().cloned().collect();
        assert_eq!(rows, expected, "rows, and events of the stream");

        let verified = verify(&self.store()).await.unwrap();
        assert_eq!(verified.findings, []);
        // The lake knows an event again by itself; merges are not needed for that.
        assert_eq!(verified.summary.duplicates, 0, "rows that merges left out");

        let accepted = self.outside.edge.accepted.borrow();
        let refused = self.outside.edge.refused.borrow();
        for event in self.outside.events.borrow().iter() {
            let is_row = rows.binary_search(&event.id).is_ok();
            assert_eq!(is_row, event.is_valid, "{event:?}");
            assert_eq!(accepted.contains(&event.id), event.is_valid, "{event:?}");
            assert_eq!(refused.contains(&event.id), !event.is_valid, "{event:?}");
        }
        self.summary.events = self.outside.events.borrow().len() as u64;
        self.summary.rows = rows.len() as u64;
        self.summary.refused = refused.len() as u64;
        self.summary.again = self.outside.edge.again.get();
        self.summary.repeated = self.outside.repeated.get();
        let bucket = &self.lake.bucket;
        self.summary.kills = bucket.kills.load(Ordering::SeqCst);
        self.summary.pauses = bucket.pauses.load(Ordering::SeqCst);
        self.summary.fenced = bucket.refused.load(Ordering::SeqCst);
        self.summary.trace = bucket.trace.load(Ordering::SeqCst);
    }

    /// What the stream has taken in is what the lake has counted.
    async fn check_books(&mut self) {
        let store = self.store();
        let mut counts = Counts::default();
        for (shard, ..) in self.streams.with(EVENTS, |stream| stream.ends()) {
            let checkpoint = load_checkpoint(&store, &paths(), &shard).await.unwrap();
            counts += checkpoint.counts;
        }
        let (records, events, throttled) = self.streams.with(EVENTS, |stream| {
            (
                stream.records as u64,
                stream.events.len() as u64,
                stream.throttled,
            )
        });
        let expected = Counts {
            records,
            rows: events,
            rejected: self.garbage,
            duplicates: records - events - self.garbage,
            missing: 0,
        };
        assert_eq!(counts, expected);
        self.summary.duplicates = counts.duplicates;
        self.summary.throttled = throttled;
    }

    /// The event ids in all tables, sorted, each as often as it is there.
    async fn rows(&self) -> Vec<String> {
        let store = self.store();
        let mut ids = Vec::new();
        for file in store.list("events").await.unwrap() {
            let bytes = store.read(&file.path).await.unwrap().unwrap();
            ids.extend(event_ids(bytes).unwrap());
        }
        ids.sort_unstable();
        ids
    }
}

fn paths() -> StatePaths {
    StatePaths::new(EVENTS, CREATED)
}

/// When all days of events are over.
fn days_later() -> Timestamp {
    Timestamp(clock().0 + 10 * 86_400_000)
}
