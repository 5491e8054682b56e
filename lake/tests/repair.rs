//! Whatever is damaged, a repair leaves each record in the lake once.
//!
//! A simulation over a store in memory: a shard is read in lives that are killed between any two
//! writes, then files are deleted, cut short, changed or set back, then the lake is repaired and read
//! to the end of the stream.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use forebay_core::time::Timestamp;
use forebay_lake::compact::merge::Bounds;
use forebay_lake::cut::{File, Flush, Limits, Shard};
use forebay_lake::record::{EventKey, Window};
use forebay_lake::run::compact::{CompactSettings, Progress, compact};
use forebay_lake::run::load::{LoadError, check_files, load_shard};
use forebay_lake::run::repair::{RepairError, Repaired, Stream, repair};
use forebay_lake::run::verify::verify;
use forebay_lake::source::{Position, SequenceNumber, StreamRecord};
use forebay_lake::state::{Checkpoint, Segment, StatePaths};
use forebay_lake::store::{Existing, LeaseTimes, Store};
use forebay_lake::table::Catalog;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use support::chance::{Chance, Expected};
use support::dying::Dying;
use support::{DAY, Files, NOON, sequence_number};

const SHARD: &str = "shardId-000000000000";

/// The records of a shard, of which the first may be forgotten, and calls may fail.
struct Records<'s> {
    records: &'s [StreamRecord],
    calls_left: Cell<usize>,
}

#[derive(Debug, thiserror::Error)]
#[error("the stream does not answer")]
struct Silent;

impl Stream for Records<'_> {
    type Error = Silent;

    async fn read(
        &self,
        shard: &str,
        from: &Position,
        last: Option<&SequenceNumber>,
    ) -> Result<Vec<StreamRecord>, Silent> {
        let left = self.calls_left.get().checked_sub(1).ok_or(Silent)?;
        self.calls_left.set(left);
        assert_eq!(shard, SHARD);
        let records = &self.records[index(self.records, from)..];
        let end = last.map_or(records.len().min(3), |last| {
            records.partition_point(|record| record.sequence_number <= *last)
        });
        Ok(records[..end].to_vec())
    }
}

fn index(records: &[StreamRecord], position: &Position) -> usize {
    records.partition_point(|record| match position {
        Position::TrimHorizon | Position::Time(_) | Position::Latest => false,
        Position::At(number) => record.sequence_number < *number,
        Position::After(number) => record.sequence_number <= *number,
    })
}

struct Killed;

struct World {
    bucket: Arc<InMemory>,
    catalog: Arc<Catalog>,
    writes_left: usize,
}

/// When all days of the events are over.
fn later() -> Timestamp {
    Timestamp(forebay_lake::source::kinesis::now().0.max(NOON) + 10 * DAY)
}

fn paths() -> StatePaths {
    StatePaths::new("stream", 1)
}

impl World {
    fn new() -> World {
        World {
            bucket: Arc::new(InMemory::new()),
            catalog: Arc::new(support::catalog()),
            writes_left: usize::MAX,
        }
    }

    async fn open(&self) -> Store {
        let bucket: Arc<dyn ObjectStore> = self.bucket.clone();
        Store::open_objects(bucket, LeaseTimes::default())
            .await
            .unwrap()
    }

    async fn files(&self) -> Files {
        let mut files = Files::new();
        let found: Vec<_> = self.bucket.list(None).try_collect().await.unwrap();
        for file in found {
            let found = self.bucket.get(&file.location).await.unwrap();
            files.insert(file.location.to_string(), found.bytes().await.unwrap());
        }
        files
    }

    async fn put(&mut self, store: &Store, file: File, existing: Existing) -> Result<(), Killed> {
        self.writes_left = self.writes_left.checked_sub(1).ok_or(Killed)?;
        store.put(&file, existing).await.unwrap();
        Ok(())
    }

    async fn carry_out(&mut self, store: &Store, flush: Flush) -> Result<(), Killed> {
        let existing = match flush.keep_existing {
            true => Existing::Keep,
            false => Existing::Replace,
        };
        self.put(store, flush.intent, Existing::Replace).await?;
        for file in flush.files {
            self.put(store, file, existing).await?;
        }
        for path in flush.stale {
            self.writes_left = self.writes_left.checked_sub(1).ok_or(Killed)?;
            store.delete(&path).await.unwrap();
        }
        if let Some(window) = flush.window {
            self.put(store, window, Existing::Replace).await?;
        }
        self.put(store, flush.manifest, Existing::Replace).await?;
        self.put(store, flush.commit, Existing::Replace).await
    }

    async fn cut(&mut self, store: &Store, shard: &mut Shard) -> Result<(), Killed> {
        match shard.close() {
            Some(batch) => {
                let flush = shard.flush(batch.encode().unwrap()).unwrap();
                self.carry_out(store, flush).await
            }
            None => Ok(()),
        }
    }

    /// One life of the process: up to the end of the records, or until it is killed.
    async fn live(&mut self, records: &[StreamRecord], size: u64) -> Result<(), Killed> {
        let store = self.open().await;
        let outcome = self.read(&store, records, size).await;
        store.close().await;
        outcome
    }

    async fn read(
        &mut self,
        store: &Store,
        records: &[StreamRecord],
        size: u64,
    ) -> Result<(), Killed> {
        let state = load_shard(store, &paths(), SHARD).await.unwrap();
        let limits = Limits {
            records: size,
            bytes: u64::MAX,
        };
        let (id, catalog) = (SHARD.to_owned(), self.catalog.clone());
        let (checkpoint, window, segment) = (state.checkpoint, state.window, state.segment);
        let mut shard = Shard::new(id, catalog, limits, paths(), checkpoint, window, segment);
        let mut queue: VecDeque<_> = records[index(records, &shard.position())..].to_vec().into();
        while shard.take(&mut queue) {
            self.cut(store, &mut shard).await?;
        }
        self.cut(store, &mut shard).await
    }

    /// Merges files, until it is killed after so many writes.
    async fn compact(&self, writes: usize, chance: &mut Chance) {
        let dying = Dying::after(usize::MAX, self.bucket.clone());
        let bucket: Arc<dyn ObjectStore> = dying.clone();
        let store = Store::open_objects(bucket, LeaseTimes::default()).await;
        let store = store.unwrap();
        let settings = CompactSettings {
            bounds: Bounds {
                file_bytes: [1, usize::MAX][chance.within(0..2)],
                slice_rows: 1 + chance.next() % 3,
                slice_bytes: u64::MAX,
                ids: 1 + chance.next() % 5,
                fetch_bytes: [0, u64::MAX][chance.within(0..2)],
            },
            wait_for_late: 0,
            now: later,
        };
        dying.writes_left.store(writes, Ordering::SeqCst);
        let outcome = compact(&store, &settings, |progress| {
            if let Progress::Failed(folder, error) = progress {
                assert!(writes < usize::MAX, "{folder}: {error}");
            }
        });
        let outcome = outcome.await;
        assert!(writes < usize::MAX || outcome.is_ok(), "{outcome:?}");
        dying.writes_left.store(usize::MAX, Ordering::SeqCst);
        store.close().await;
    }

    async fn repair(&self, stream: &Records<'_>) -> Result<Repaired, RepairError> {
        let store = self.open().await;
        let repaired = repair(&store, &self.catalog, &paths(), stream).await;
        store.close().await;
        repaired
    }

    async fn findings(&self) -> Vec<String> {
        let store = self.open().await;
        let verified = verify(&store).await.unwrap();
        store.close().await;
        verified.findings.iter().map(ToString::to_string).collect()
    }

    async fn write(&self, path: &str, bytes: impl Into<Bytes>) {
        let bytes: Bytes = bytes.into();
        self.bucket
            .put(&Path::from(path), bytes.into())
            .await
            .unwrap();
    }

    async fn delete(&self, path: &str) {
        self.bucket.delete(&Path::from(path)).await.unwrap();
    }

    /// Does damage. Gives what it was, in a word.
    async fn damage(&self, chance: &mut Chance, earlier: &Files) -> String {
        let files = self.files().await;
        let any = |chance: &mut Chance, what: &str| {
            let found: Vec<_> = files.keys().filter(|path| path.starts_with(what)).collect();
            let found: Vec<_> = found
                .into_iter()
                .filter(|path| *path != "_state/lock")
                .collect();
            let at = chance.within(0..found.len().max(1));
            found.get(at).map(|path| (*path).clone())
        };
        let what = ["_state", "_state", "events", "rejected"][chance.within(0..4)];
        let Some(path) = any(chance, what) else {
            return "nothing".to_owned();
        };
        let bytes = files[&path].to_vec();
        let kind = match chance.within(0..8) {
            0 | 1 => {
                self.delete(&path).await;
                "deleted"
            }
            2 => {
                self.write(&path, bytes[..chance.within(0..bytes.len())].to_vec())
                    .await;
                "cut short"
            }
            3 => {
                let mut bytes = bytes;
                let at = chance.within(0..bytes.len());
                bytes[at] ^= 1 << chance.within(0..8);
                self.write(&path, bytes).await;
                "flipped"
            }
            4 => {
                for path in files
                    .keys()
                    .filter(|path| path.starts_with("_state/stream"))
                {
                    self.delete(path).await;
                }
                "all state deleted"
            }
            5 => {
                let state = earlier.iter().filter(|(path, _)| path.ends_with(".json"));
                for (path, bytes) in state {
                    self.write(path, bytes.clone()).await;
                }
                "checkpoint set back"
            }
            6 => {
                let path = paths().checkpoint(SHARD);
                let found = files.get(&path).map(|bytes| Checkpoint::from_bytes(bytes));
                if let Some(Ok(mut checkpoint)) = found {
                    checkpoint.committed = Some(sequence_number(1_000_000));
                    checkpoint.pending = None;
                    self.write(&path, checkpoint.to_bytes().unwrap()).await;
                }
                "committed beyond the end"
            }
            _ => {
                for path in files.keys().filter(|path| path.ends_with(".cuts")) {
                    self.delete(path).await;
                }
                "manifest deleted"
            }
        };
        format!("{kind} ({path})")
    }
}

async fn rows_and_rejected(world: &World) -> (Vec<String>, BTreeMap<String, usize>) {
    let files = world.files().await;
    let rows = support::row_ids(&files);
    let mut numbers = BTreeMap::new();
    for entry in support::rejected(&files) {
        let number = entry["sequence_number"].as_str().unwrap().to_owned();
        *numbers.entry(number).or_default() += 1;
    }
    (rows, numbers)
}

/// `SEEDS=1000-2000` tries these instead.
fn asked_seeds() -> Option<Range<u64>> {
    let asked = std::env::var("SEEDS").ok()?;
    let (from, to) = asked.split_once('-').unwrap();
    Some(from.parse().unwrap()..to.parse().unwrap())
}

#[tokio::test]
async fn a_damaged_lake_is_repaired_without_loss_and_without_doubles() {
    let mut damages = BTreeMap::<String, usize>::new();
    let asked = asked_seeds();
    // In 250 a repair ends before it has read the stream for what a merged file has lost. In 229 and 308 merged files
    // have rows of cuts that no manifest has any more.
    let usual = (0..150).chain([229, 250, 308]);
    'seeds: for seed in asked.clone().map_or(usual.collect(), Vec::from_iter) {
        let chance = &mut Chance(seed);
        let expected = Expected::any(chance);
        let stream = &expected.stream;
        let mut world = World::new();
        let read = chance.within(1..stream.len() + 1);
        let mut earlier = Files::new();
        for life in 0..chance.within(1..5) {
            world.writes_left = chance.within(1..30);
            let _ = world.live(&stream[..read], 1 + chance.next() % 12).await;
            if chance.once_in(2) {
                world.compact(chance.within(0..20), chance).await;
            }
            if life == 0 {
                earlier = world.files().await;
            }
        }
        let mut what = Vec::new();
        for _ in 0..chance.within(1..4) {
            let damage = world.damage(chance, &earlier).await;
            // Without its line in the manifest nobody can tell that a file says something else.
            let is_flip_of_data = damage.starts_with("flipped") && !damage.contains("_state");
            if is_flip_of_data && !what.is_empty() {
                continue 'seeds;
            }
            what.push(damage);
            if is_flip_of_data {
                break;
            }
        }
        for kind in &what {
            let kind = kind.split(" (").next().unwrap_or_default().to_owned();
            *damages.entry(kind).or_default() += 1;
        }
        let records = Records {
            records: stream,
            calls_left: Cell::new(chance.within(0..12)),
        };
        // The stream may be silent in the middle of it: done again, it comes out the same.
        let first = world.repair(&records).await;
        records.calls_left.set(usize::MAX);
        let repaired = match first {
            Ok(repaired) => repaired,
            Err(error) if !matches!(error, RepairError::Stream(_)) => panic!("{seed}: {error}"),
            Err(_) => world.repair(&records).await.unwrap(),
        };
        let told = format!("seed {seed}: {what:?}, {repaired:#?}");
        assert_eq!(repaired.lost, [""; 0], "{told}");
        assert_eq!(world.findings().await, [""; 0], "{told}");
        let again = world.repair(&records).await.unwrap();
        assert_eq!(again.done, [""; 0], "{told}");
        let store = world.open().await;
        check_files(&store).await.unwrap();
        store.close().await;

        world.writes_left = usize::MAX;
        assert!(world.live(stream, 1 + chance.next() % 12).await.is_ok());
        world.compact(usize::MAX, chance).await;
        let (rows, rejected) = rows_and_rejected(&world).await;
        let all: Vec<String> = expected.rows.iter().cloned().collect();
        assert_eq!(rows, all, "{told}");
        assert_eq!(rejected.len() as u64, expected.counts.rejected, "{told}");
        assert!(rejected.values().all(|times| *times == 1), "{told}");
        assert_eq!(world.findings().await, [""; 0], "{told}");
    }
    assert!(asked.is_some() || damages.len() >= 7, "{damages:?}");
}

#[tokio::test]
async fn what_the_stream_has_forgotten_too_is_said_to_be_lost_and_nothing_else_is() {
    let mut lost = 0;
    let asked = asked_seeds();
    for seed in asked.clone().unwrap_or(0..80) {
        let chance = &mut Chance(seed);
        let expected = Expected::any(chance);
        let mut world = World::new();
        let read = chance.within(1..expected.stream.len() + 1);
        for _ in 0..3 {
            world.writes_left = chance.within(4..40);
            let _ = world.live(&expected.stream[..read], 5).await;
        }
        let damage = world.damage(chance, &Files::new()).await;
        let damaged = damage
            .split(['(', ')'])
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let before = readable(&world, &damaged).await;
        let forgotten = chance.within(0..expected.stream.len());
        let stream = &expected.stream[forgotten..];
        let records = Records {
            records: stream,
            calls_left: Cell::new(usize::MAX),
        };
        let repaired = world.repair(&records).await.unwrap();
        lost += repaired.lost.len();
        let told = format!("seed {seed}: {damage}, forgotten {forgotten}, {repaired:#?}");
        assert_eq!(world.findings().await, [""; 0], "{told}");
        world.writes_left = usize::MAX;
        assert!(world.live(stream, 5).await.is_ok());
        let rows = readable(&world, "").await;
        let distinct: BTreeSet<&String> = rows.iter().collect();
        assert_eq!(distinct.len(), rows.len(), "{told}");
        // What a whole file had, and what the stream still has.
        let kept = before.iter().all(|id| distinct.contains(id));
        assert!(kept, "{told}");
        let there: BTreeSet<&String> = expected.rows.iter().collect();
        for record in stream {
            let json: serde_json::Value = serde_json::from_slice(&record.data).unwrap_or_default();
            let id = json["forebay"]["event_id"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            assert!(
                !there.contains(&id) || distinct.contains(&id),
                "{id}: {told}"
            );
        }
        assert_eq!(world.findings().await, [""; 0], "{told}");
    }
    assert!(asked.is_some() || lost > 5, "only {lost}");
}

/// The rows of files that can be read, all but one.
async fn readable(world: &World, but: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for (path, bytes) in world.files().await {
        if path.starts_with("events/") && path != but {
            ids.extend(forebay_lake::table::event_ids(bytes).unwrap_or_default());
        }
    }
    ids.sort();
    ids
}

#[tokio::test]
async fn a_shard_that_was_closed_without_records_is_whole_after_each_write_of_its_end() {
    let world = World::new();
    let mut window = Window::default();
    window.extend([EventKey::new("of a parent")]);
    let limits = Limits {
        records: 1,
        bytes: 1,
    };
    let (id, catalog) = (SHARD.to_owned(), world.catalog.clone());
    let (checkpoint, segment) = (Checkpoint::default(), Segment::default());
    let mut shard = Shard::new(id, catalog, limits, paths(), checkpoint, window, segment);
    let records = Records {
        records: &[],
        calls_left: Cell::new(usize::MAX),
    };
    let files = shard.end().unwrap();
    assert_eq!(files.len(), 2, "the window and the checkpoint");
    for file in files {
        world.write(&file.path, file.bytes).await;
        assert_eq!(world.findings().await, [""; 0]);
        let before = world.files().await;
        let repaired = world.repair(&records).await.unwrap();
        assert_eq!((repaired.done, repaired.lost), (Vec::new(), Vec::new()));
        let (mut before, mut after) = (before, world.files().await);
        before.remove("_state/lock");
        after.remove("_state/lock");
        assert_eq!(after, before);
    }
}

#[tokio::test]
async fn files_that_the_state_does_not_know_of_are_not_read_over() {
    let mut chance = Chance(7);
    let expected = Expected::any(&mut chance);
    let mut world = World::new();
    assert!(world.live(&expected.stream, 4).await.is_ok());
    world.delete(&paths().checkpoint(SHARD)).await;
    let store = world.open().await;
    let outcome = check_files(&store).await;
    assert!(matches!(outcome, Err(LoadError::FilesWithoutState { .. })));
}
