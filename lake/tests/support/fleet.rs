//! Several processes that read one stream into one lake, each with its own view of the storage.
//!
//! A process is what `forebay-lake consume` is, without Kinesis and HTTP: the lake's own leases, claims, share,
//! state, shards, flushes and compaction. The stream is in memory; its shards split and merge.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forebay_lake::compact::merge::Bounds;
use forebay_lake::cut::{Limits, Shard};
use forebay_lake::run::carry_out::{Write, carry_out};
use forebay_lake::run::compact::{CompactError, CompactSettings, compact};
use forebay_lake::run::fair_share;
use forebay_lake::run::load::{LoadError, load_checkpoint, load_shard, load_window};
use forebay_lake::source::{Position, SequenceNumber, StreamRecord};
use forebay_lake::state::StatePaths;
use forebay_lake::store::{Claim, Existing, LeaseTimes, Role, Store, StoreError};
use forebay_lake::table::Catalog;
use tokio::time::sleep;

use super::chance::Chance;
use super::gate::{Gate, Objects, SPEED, clock};
use super::{at, encode};

/// What the processes read.
#[derive(Debug, Default)]
pub struct SimulatedStream {
    pub shards: Vec<SimulatedShard>,
    records: usize,
}

#[derive(Debug, Clone, Default)]
pub struct SimulatedShard {
    pub id: String,
    parents: Vec<usize>,
    records: Vec<StreamRecord>,
    is_closed: bool,
    /// Which part of the clients it has.
    clients: BTreeSet<usize>,
}

/// Clients, each of which is in one shard.
const CLIENTS: usize = 4;

impl SimulatedShard {
    /// Its last record.
    pub fn last(&self) -> Option<&SequenceNumber> {
        self.records.last().map(|record| &record.sequence_number)
    }
}

impl SimulatedStream {
    /// A stream of two shards.
    pub fn new() -> SimulatedStream {
        let mut stream = SimulatedStream::default();
        stream.open(Vec::new(), (0..CLIENTS / 2).collect());
        stream.open(Vec::new(), (CLIENTS / 2..CLIENTS).collect());
        stream
    }

    fn open(&mut self, parents: Vec<usize>, clients: BTreeSet<usize>) {
        self.shards.push(SimulatedShard {
            id: format!("shardId-{:012}", self.shards.len()),
            parents,
            clients,
            ..SimulatedShard::default()
        });
    }

    /// Takes a record of a client in.
    pub fn put(&mut self, client: usize, data: impl Into<Vec<u8>>) {
        let record = at(self.records, data);
        self.records += 1;
        let shard = self.shards.iter_mut();
        let mut shard = shard.filter(|shard| !shard.is_closed && shard.clients.contains(&client));
        shard.next().unwrap().records.push(record);
    }

    /// Splits a shard, or merges two.
    pub fn reshard(&mut self, chance: &mut Chance) {
        let is_open = |index: &usize| !self.shards[*index].is_closed;
        let open: Vec<usize> = (0..self.shards.len()).filter(is_open).collect();
        let first = open[chance.within(0..open.len())];
        let clients: Vec<usize> = self.shards[first].clients.iter().copied().collect();
        self.shards[first].is_closed = true;
        if clients.len() > 1 {
            let (left, right) = clients.split_at(clients.len() / 2);
            self.open(vec![first], left.iter().copied().collect());
            self.open(vec![first], right.iter().copied().collect());
        } else {
            let other = open.iter().copied().find(|other| *other != first).unwrap();
            self.shards[other].is_closed = true;
            let others = self.shards[other].clients.iter().copied();
            let clients = clients.into_iter().chain(others).collect();
            self.open(vec![first, other], clients);
        }
    }

    fn after(&self, shard: usize, position: &Position, most: usize) -> (Vec<StreamRecord>, bool) {
        let shard = &self.shards[shard];
        let is_before = |number: &SequenceNumber| match position {
            Position::TrimHorizon | Position::Time(_) | Position::Latest => false,
            Position::At(at) => number < at,
            Position::After(after) => number <= after,
        };
        let from = shard
            .records
            .partition_point(|record| is_before(&record.sequence_number));
        let end = shard.records.len().min(from + most);
        let is_end = end == shard.records.len() && shard.is_closed;
        (shard.records[from..end].to_vec(), is_end)
    }
}

/// What all processes share.
pub struct World {
    pub stream: Mutex<SimulatedStream>,
    pub objects: Arc<Objects>,
    pub catalog: Arc<Catalog>,
    /// Whether files are Parquet and are merged: that takes nearly all of the time.
    pub compacts: bool,
    /// Whether somebody takes leases away from those that hold them.
    pub is_stolen: bool,
}

/// As short as `LeaseTimes::default()` is by the clock of the simulation, times ten.
pub const TIMES: LeaseTimes = LeaseTimes {
    life: Duration::from_millis(100_000 / SPEED as u64),
    renewal: Duration::from_millis(20_000 / SPEED as u64),
};

/// Of a process whose clock is slow, or stands still while its machine is suspended.
pub const SLOW: LeaseTimes = LeaseTimes {
    life: Duration::from_millis(1_000_000 / SPEED as u64),
    renewal: Duration::from_millis(20_000 / SPEED as u64),
};

/// One process.
pub struct Process {
    pub gate: Arc<Gate>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Process {
    pub fn start(world: &Arc<World>, times: LeaseTimes, late_once_in: usize, seed: u64) -> Process {
        let gate = Gate::new(world.objects.clone(), seed ^ 0x5eed, late_once_in);
        let stop = Arc::new(AtomicBool::new(false));
        let (world, stopped, objects) = (world.clone(), stop.clone(), gate.clone());
        let task = tokio::task::spawn_local(async move {
            let mut chance = Chance(seed);
            // Started again by whoever supervises it, until it is stopped.
            while !stopped.load(Ordering::SeqCst) {
                let life = live(&world, &objects, times, &stopped, &mut chance).await;
                if let Err(Fault::Load(error)) = &life
                    && !world.is_stolen
                {
                    panic!("{error}");
                }
                pause(&mut chance, 20).await;
            }
        });
        Process { gate, stop, task }
    }

    /// As SIGKILL.
    pub async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// As SIGTERM.
    pub async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.gate.resume();
        self.task.await.unwrap();
    }
}

/// Why a process ends.
#[derive(Debug)]
enum Fault {
    Store(StoreError),
    Load(LoadError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Store(error)
    }
}

impl From<LoadError> for Fault {
    fn from(error: LoadError) -> Fault {
        match error {
            LoadError::Store(error) => Fault::Store(error),
            error => Fault::Load(error),
        }
    }
}

/// For up to so many seconds of the simulation.
async fn pause(chance: &mut Chance, seconds: usize) {
    let millis = chance.within(1..seconds * 1_000) as u64;
    sleep(Duration::from_millis(millis) / SPEED).await;
}

pub fn paths() -> StatePaths {
    StatePaths::new("stream", 1)
}

struct Reading {
    index: usize,
    shard: Shard,
    claim: Arc<Claim>,
}

/// One life of a process.
async fn live(
    world: &Arc<World>,
    gate: &Arc<Gate>,
    times: LeaseTimes,
    stop: &AtomicBool,
    chance: &mut Chance,
) -> Result<(), Fault> {
    let store = Store::join_objects(gate.clone(), times, Role::Consume).await?;
    let store = Arc::new(store);
    let mut reading: BTreeMap<String, Reading> = BTreeMap::new();
    let limits = Limits {
        records: chance.within(2..12) as u64,
        bytes: u64::MAX,
    };
    while !stop.load(Ordering::SeqCst) {
        pause(chance, 30).await;
        passable(share(world, &store, limits, &mut reading).await)?;
        let ids: Vec<String> = reading.keys().cloned().collect();
        for id in ids {
            let Some(mut read) = reading.remove(&id) else {
                continue;
            };
            match step(world, &store, &mut read, chance).await {
                Ok(true) => read.claim.give_up().await,
                Ok(false) => drop(reading.insert(id, read)),
                // Another process wrote, or nobody knows whether a write happened: the state is read again.
                Err(Fault::Store(StoreError::LeaseLost { .. })) => store.check_lease().await?,
                Err(error) => passable(Err(error))?,
            }
        }
        if world.compacts && chance.once_in(20) {
            let settings = CompactSettings {
                bounds: Bounds::default(),
                wait_for_late: 0,
                now: clock,
            };
            match compact(&store, &settings, |_| {}).await {
                Err(CompactError::Store(error)) => passable(Err(error.into()))?,
                Err(CompactError::Load(error)) => passable(Err(error.into()))?,
                _ => {}
            }
        }
    }
    for read in reading.values_mut().filter(|read| read.shard.is_open()) {
        cut(world, &store, read).await?;
    }
    store.close().await;
    Ok(())
}

/// A storage that does not answer is asked again; so is one that another process has just now.
fn passable(outcome: Result<(), Fault>) -> Result<(), Fault> {
    match outcome {
        Err(Fault::Store(StoreError::Object(_) | StoreError::Locked { .. })) => Ok(()),
        outcome => outcome,
    }
}

async fn share(
    world: &World,
    store: &Arc<Store>,
    limits: Limits,
    reading: &mut BTreeMap<String, Reading>,
) -> Result<(), Fault> {
    let shards = world.stream.lock().unwrap().shards.clone();
    let mut ended = BTreeSet::new();
    for (index, shard) in shards.iter().enumerate() {
        if load_checkpoint(store, &paths(), &shard.id).await?.ended {
            ended.insert(index);
        }
    }
    let readable = |index: &usize| {
        let mut parents = shards[*index].parents.iter();
        !ended.contains(index) && parents.all(|parent| ended.contains(parent))
    };
    let readable: Vec<usize> = (0..shards.len()).filter(readable).collect();
    let share = fair_share(readable.len(), store.consumers().await?);
    while reading.len() > share {
        let Some((_, mut extra)) = reading.pop_last() else {
            break;
        };
        if extra.shard.is_open() {
            cut(world, store, &mut extra).await?;
        }
        extra.claim.give_up().await;
    }
    for index in readable {
        let shard = &shards[index];
        if reading.len() >= share || reading.contains_key(&shard.id) {
            continue;
        }
        let Some(claim) = store.claim(&format!("stream/{}", shard.id)).await? else {
            continue;
        };
        let mut state = load_shard(store, &paths(), &shard.id).await?;
        if state.checkpoint.ended {
            claim.give_up().await;
            continue;
        }
        if state.checkpoint.window.is_none() {
            for parent in &shard.parents {
                let id = &shards[*parent].id;
                let checkpoint = load_checkpoint(store, &paths(), id).await?;
                let seen = load_window(store, &paths(), id, &checkpoint).await?;
                state.window.extend(seen.keys());
            }
        }
        let (id, catalog) = (shard.id.clone(), world.catalog.clone());
        let state = (state.checkpoint, state.window, state.segment);
        let read = Reading {
            index,
            shard: Shard::new(id, catalog, limits, paths(), state.0, state.1, state.2),
            claim: Arc::new(claim),
        };
        reading.insert(shard.id.clone(), read);
    }
    Ok(())
}

/// Reads on in a shard. Returns whether it has ended.
async fn step(
    world: &World,
    store: &Arc<Store>,
    read: &mut Reading,
    chance: &mut Chance,
) -> Result<bool, Fault> {
    let most = chance.within(0..12);
    let (records, is_end) = {
        let stream = world.stream.lock().unwrap();
        stream.after(read.index, &read.shard.position(), most)
    };
    let mut queue: VecDeque<StreamRecord> = records.into();
    while read.shard.take(&mut queue) {
        cut(world, store, read).await?;
    }
    if read.shard.is_open() && (is_end || chance.once_in(3)) {
        cut(world, store, read).await?;
    }
    if is_end && !read.shard.is_replaying() {
        for file in read.shard.end().unwrap() {
            let put = Write::Put(file, Existing::Replace);
            write(store.clone(), read.claim.clone(), put).await?;
        }
    }
    Ok(is_end && !read.shard.is_replaying())
}

async fn cut(world: &World, store: &Arc<Store>, read: &mut Reading) -> Result<(), Fault> {
    let Some(batch) = read.shard.close() else {
        return Ok(());
    };
    let batch = match world.compacts {
        true => batch.encode().unwrap(),
        false => encode(batch),
    };
    let flush = read.shard.flush(batch).unwrap();
    let (store, claim) = (store.clone(), read.claim.clone());
    carry_out(flush, |step| write(store.clone(), claim.clone(), step)).await
}

/// Again and again, as the reader of a shard does.
async fn write(store: Arc<Store>, claim: Arc<Claim>, step: Write) -> Result<(), Fault> {
    loop {
        claim.check()?;
        match step.to(&store).await {
            Err(StoreError::Object(_)) => sleep(Duration::from_secs(3) / SPEED).await,
            outcome => return Ok(outcome?),
        }
    }
}

impl From<tokio::task::JoinError> for Fault {
    fn from(error: tokio::task::JoinError) -> Fault {
        panic!("{error}");
    }
}
