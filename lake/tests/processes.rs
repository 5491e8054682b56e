//! Several processes read one stream into one lake, are paused, killed and started, have slow clocks, write long
//! after they have lost their leases, and have leases taken from them: every record is in the lake once.
//!
//! The processes are the lake's own code beside a stream in memory. Chance says what happens to them; how their
//! steps fall together is the machine's, so that a seed is a kind of run, and not the same run each time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use forebay_lake::run::load::load_checkpoint;
use forebay_lake::run::verify::verify;
use forebay_lake::state::Counts;
use forebay_lake::store::Store;
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use support::chance::{Chance, encode};
use support::fleet::{Process, SLOW, SimulatedStream, TIMES, World, paths};
use support::gate::{Gate, SPEED};
use support::{Files, NOON};
use tokio::task::LocalSet;
use tokio::time::sleep;

/// What may go wrong in a run.
#[derive(Clone, Copy, Default)]
struct Trouble {
    late_once_in: usize,
    slow_clocks: bool,
    compacts: bool,
    is_stolen: bool,
}

/// What must be in the lake.
#[derive(Default)]
struct Expected {
    rows: BTreeSet<String>,
    counts: Counts,
    sent: Vec<(usize, String, bool)>,
}

impl Expected {
    /// Puts any record into the stream.
    fn put_any(&mut self, stream: &mut SimulatedStream, chance: &mut Chance) {
        self.counts.records += 1;
        let again = !self.sent.is_empty() && chance.once_in(5);
        let (client, id, is_valid) = match again {
            true => self.sent[chance.within(0..self.sent.len())].clone(),
            false => {
                let id = format!("e{}", self.sent.len());
                let new = (chance.within(0..4), id, !chance.once_in(8));
                self.sent.push(new.clone());
                new
            }
        };
        stream.put(client, encode(&id, is_valid, NOON));
        if !is_valid {
            self.counts.rejected += 1;
        } else if self.rows.insert(id) {
            self.counts.rows += 1;
        } else {
            self.counts.duplicates += 1;
        }
    }
}

/// Gives how many kills and pauses there were, and how often a shard was claimed again.
async fn run(seed: u64, trouble: Trouble) -> (usize, u64) {
    let mut chance = Chance(seed);
    let world = Arc::new(World {
        stream: Mutex::new(SimulatedStream::new()),
        objects: Arc::default(),
        catalog: Arc::new(support::catalog()),
        compacts: trouble.compacts,
        is_stolen: trouble.is_stolen,
    });
    let mut expected = Expected::default();
    let mut processes: Vec<Process> = Vec::new();
    let mut faults = 0;
    for _ in 0..chance.within(20..40) {
        for _ in 0..chance.within(0..5) {
            expected.put_any(&mut world.stream.lock().unwrap(), &mut chance);
        }
        if chance.once_in(12) {
            world.stream.lock().unwrap().reshard(&mut chance);
        }
        let some = chance.within(0..processes.len().max(1));
        match chance.within(0..10) {
            0 | 1 if processes.len() < 3 => {
                let times = match trouble.slow_clocks && chance.once_in(2) {
                    true => SLOW,
                    false => TIMES,
                };
                let late = trouble.late_once_in;
                processes.push(Process::start(&world, times, late, chance.next()));
            }
            2 if !processes.is_empty() => {
                processes.swap_remove(some).kill().await;
                faults += 1;
            }
            3 if !processes.is_empty() => processes.swap_remove(some).end().await,
            4 | 5 if !processes.is_empty() => {
                processes[some].gate.pause(chance.within(0..15));
                faults += 1;
            }
            6 if !processes.is_empty() => processes[some].gate.resume(),
            7 if trouble.is_stolen => steal(&world, &mut chance).await,
            _ => sleep(Duration::from_secs(chance.within(0..120) as u64) / SPEED).await,
        }
    }
    for process in processes {
        match chance.once_in(2) {
            true => process.end().await,
            false => process.kill().await,
        }
    }
    // A last process finishes what the others have left.
    let last = Process::start(&world, TIMES, 0, chance.next());
    while !is_read(&world).await {
        sleep(Duration::from_millis(5)).await;
    }
    last.end().await;
    while world.objects.late.load(Ordering::SeqCst) > 0 {
        sleep(Duration::from_millis(5)).await;
    }
    check(&world, &expected, seed).await;
    (faults, takeovers(&world).await)
}

/// Somebody deletes what says who holds what.
async fn steal(world: &World, chance: &mut Chance) {
    let leases = ["_state/leases", "_state/processes"];
    let folder = Path::from(leases[chance.within(0..2)]);
    let found = world.objects.inner.list(Some(&folder));
    let found: Vec<_> = found.try_collect().await.unwrap();
    if !found.is_empty() {
        let path = &found[chance.within(0..found.len())].location;
        let _ = world.objects.inner.delete(path).await;
    }
}

async fn store(world: &World) -> Store {
    let gate = Gate::new(world.objects.clone(), 0, 0);
    Store::read_objects(gate)
}

/// Whether all records are committed.
async fn is_read(world: &World) -> bool {
    let store = store(world).await;
    let shards = world.stream.lock().unwrap().shards.clone();
    for shard in shards {
        let checkpoint = load_checkpoint(&store, &paths(), &shard.id).await.unwrap();
        if !checkpoint.ended && checkpoint.committed.as_ref() != shard.last() {
            return false;
        }
    }
    true
}

async fn check(world: &World, expected: &Expected, seed: u64) {
    let store = store(world).await;
    let shards = world.stream.lock().unwrap().shards.clone();
    let mut counts = Counts::default();
    for shard in shards {
        let checkpoint = load_checkpoint(&store, &paths(), &shard.id).await;
        counts += checkpoint.unwrap().counts;
    }
    assert_eq!(counts, expected.counts, "seed {seed}");
    if world.compacts {
        let verified = verify(&store).await.unwrap();
        assert_eq!(verified.findings, [], "seed {seed}");
    }
    let mut files = Files::new();
    let found: Vec<_> = world.objects.inner.list(None).try_collect().await.unwrap();
    for file in found {
        let bytes = world.objects.inner.get(&file.location).await.unwrap();
        files.insert(file.location.to_string(), bytes.bytes().await.unwrap());
    }
    let rows: Vec<String> = expected.rows.iter().cloned().collect();
    assert_eq!(support::row_ids(&files), rows, "seed {seed}");
}

/// How often a shard was claimed.
async fn takeovers(world: &World) -> u64 {
    let claims = world
        .objects
        .inner
        .list(Some(&Path::from("_state/leases/stream")));
    let claims: Vec<_> = claims.try_collect().await.unwrap();
    let mut count = 0;
    for claim in claims {
        let text = world.objects.inner.get(&claim.location).await.unwrap();
        let text = String::from_utf8(text.bytes().await.unwrap().to_vec()).unwrap();
        let epoch: u64 = text.split_once(' ').unwrap().0.parse().unwrap();
        count += epoch - 1;
    }
    count
}

/// Runs side by side: a process mostly waits. `FOREBAY_SEEDS` says how many, instead of `seeds`.
async fn runs(seeds: u64, least_faults: usize, trouble: Trouble) {
    let asked = std::env::var("FOREBAY_SEEDS").ok();
    let asked: Option<u64> = asked.map(|seeds| seeds.parse().unwrap());
    let all = LocalSet::new();
    let (mut faults, mut takeovers) = (0, 0);
    let many = (0..asked.unwrap_or(seeds)).map(|seed| all.spawn_local(run(seed, trouble)));
    let many: Vec<_> = many.collect();
    all.await;
    for run in many {
        let (some, taken) = run.await.unwrap();
        faults += some;
        takeovers += taken;
    }
    println!("{faults} kills and pauses; shards were claimed again {takeovers} times");
    let is_enough = faults >= least_faults && takeovers >= least_faults as u64;
    assert!(
        is_enough,
        "{faults} kills and pauses, {takeovers} takeovers: hardly anything was tried"
    );
}

#[tokio::test]
async fn paused_and_killed_processes_neither_lose_nor_double() {
    let trouble = Trouble::default();
    runs(14, 45, trouble).await;
}

#[tokio::test]
async fn nor_do_writes_that_arrive_late_from_processes_with_slow_clocks() {
    let trouble = Trouble {
        late_once_in: 12,
        slow_clocks: true,
        ..Trouble::default()
    };
    runs(14, 45, trouble).await;
}

#[tokio::test]
async fn nor_does_compaction_beside_them() {
    let trouble = Trouble {
        late_once_in: 20,
        slow_clocks: true,
        compacts: true,
        ..Trouble::default()
    };
    runs(3, 4, trouble).await;
}

#[tokio::test]
async fn nor_does_a_lease_that_somebody_takes_away() {
    let trouble = Trouble {
        late_once_in: 30,
        slow_clocks: true,
        is_stolen: true,
        ..Trouble::default()
    };
    runs(10, 25, trouble).await;
}
