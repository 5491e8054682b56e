//! However often the process is killed, and wherever: every record is in the lake once.
//!
//! A simulation without IO. The writes of a flush happen whole or not at all and in their order, as
//! the lake's store promises; everything else is chance: how much is read at a time, when batches
//! are cut, with which limits the process comes back, and between which two writes it dies.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use forebay_lake::cut::{File, Flush, Limits, Shard};
use forebay_lake::record::{Run, Window};
use forebay_lake::source::{Position, StreamRecord};
use forebay_lake::state::{Checkpoint, Counts, Segment, StatePaths};
use forebay_lake::table::Catalog;
use support::chance::{Chance, Expected, encode};
use support::{Files, NOON, at};

const SHARD: &str = "shardId-000000000000";
const SEEDS: u64 = 2_000;

/// A process that was killed.
struct Killed;

struct World<'s> {
    stream: &'s [StreamRecord],
    files: Files,
    /// How many writes may happen before the process is killed.
    writes_left: usize,
}

impl World<'_> {
    /// Carries out a flush; `swap` says which files come first of those that are written at a time.
    fn carry_out(&mut self, flush: Flush, swap: bool) -> Result<(), Killed> {
        self.put(flush.intent)?;
        let mut files = flush.files;
        if swap {
            files.reverse();
        }
        for file in files {
            if flush.keep_existing && self.files.contains_key(&file.path) {
                self.write()?;
            } else {
                self.put(file)?;
            }
        }
        for path in &flush.stale {
            self.write()?;
            self.files.remove(path);
        }
        flush.window.map_or(Ok(()), |window| self.put(window))?;
        self.put(flush.manifest)?;
        self.put(flush.commit)
    }

    fn put(&mut self, file: File) -> Result<(), Killed> {
        self.write()?;
        self.files.insert(file.path, file.bytes);
        Ok(())
    }

    fn write(&mut self) -> Result<(), Killed> {
        self.writes_left = self.writes_left.checked_sub(1).ok_or(Killed)?;
        Ok(())
    }

    /// Cuts the batch of a shard, where there is one.
    fn cut(&mut self, shard: &mut Shard, swap: bool) -> Result<(), Killed> {
        match shard.close() {
            Some(batch) => {
                let flush = shard.flush(support::encode(batch)).unwrap();
                self.carry_out(flush, swap)
            }
            None => Ok(()),
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        let bytes = self.files.get(&paths().checkpoint(SHARD));
        bytes.map_or_else(Checkpoint::default, |bytes| {
            Checkpoint::from_bytes(bytes).unwrap()
        })
    }

    fn shard(&self, catalog: &Arc<Catalog>, limits: Limits) -> Shard {
        let checkpoint = self.checkpoint();
        let window = checkpoint.window.as_ref();
        let window = window.map_or_else(Window::default, |window| {
            let runs = window.runs.iter().map(|number| {
                let bytes = &self.files[&paths().run(SHARD, *number)];
                Run::from_bytes(*number, bytes).unwrap()
            });
            Window::from_runs(runs.collect(), window).unwrap()
        });
        let segment = match checkpoint.cuts {
            0 => Segment::default(),
            cuts => {
                let number = checkpoint.segment;
                let bytes = &self.files[&paths().segment(SHARD, number)];
                Segment::read_up_to(number, bytes, cuts).unwrap()
            }
        };
        let (id, catalog) = (SHARD.to_owned(), catalog.clone());
        Shard::new(id, catalog, limits, paths(), checkpoint, window, segment)
    }

    /// Where in the stream a position is.
    fn index(&self, position: &Position) -> usize {
        self.stream.partition_point(|record| match position {
            Position::TrimHorizon | Position::Time(_) | Position::Latest => false,
            Position::At(number) => record.sequence_number < *number,
            Position::After(number) => record.sequence_number <= *number,
        })
    }

    /// One life of the process: up to the end of the stream, or until it is killed.
    fn live(&mut self, catalog: &Arc<Catalog>, chance: &mut Chance) -> Result<(), Killed> {
        let limits = Limits {
            records: chance.within(1..20) as u64,
            bytes: chance.within(1..20_000) as u64,
        };
        let mut shard = self.shard(catalog, limits);
        let mut next = self.index(&shard.position());
        let mut queue = VecDeque::new();
        loop {
            let end = self.stream.len().min(next + chance.within(0..15));
            queue.extend(self.stream[next..end].iter().cloned());
            next = end;
            while shard.take(&mut queue) {
                self.cut(&mut shard, chance.once_in(2))?;
            }
            assert!(queue.is_empty());
            if shard.is_open() && chance.once_in(4) {
                self.cut(&mut shard, chance.once_in(2))?;
            }
            if next == self.stream.len() {
                return self.cut(&mut shard, chance.once_in(2));
            }
            if chance.once_in(20) {
                return Err(Killed);
            }
            // An iterator expired, or an answer came twice.
            if chance.once_in(6) {
                next = self
                    .index(&shard.position())
                    .saturating_sub(chance.within(0..3));
            }
        }
    }
}

fn paths() -> StatePaths {
    StatePaths::new("stream", 1)
}

/// The runs of event ids that are there.
fn runs(files: &Files) -> Vec<String> {
    let paths = files.keys().filter(|path| path.ends_with(".ids"));
    paths.cloned().collect()
}

/// Lives until the end of the stream is reached. Gives the files and how often it was killed.
fn run(
    stream: &[StreamRecord],
    catalogs: &[Arc<Catalog>],
    chance: &mut Chance,
) -> (Files, Counts, usize) {
    let mut world = World {
        stream,
        files: Files::new(),
        writes_left: 0,
    };
    let mut kills = 0;
    loop {
        world.writes_left = if chance.once_in(3) {
            usize::MAX
        } else {
            chance.within(0..12)
        };
        let catalog = &catalogs[chance.within(0..catalogs.len())];
        match world.live(catalog, chance) {
            Ok(()) => break,
            Err(Killed) => kills += 1,
        }
    }
    let checkpoint = world.checkpoint();
    let window = checkpoint.window.unwrap_or_default();
    let named = window.replaced.iter().chain(&window.runs);
    let mut named: Vec<String> = named.map(|number| paths().run(SHARD, *number)).collect();
    named.sort_unstable();
    assert_eq!(runs(&world.files), named, "runs that nobody will delete");
    (world.files, checkpoint.counts, kills)
}

#[test]
fn every_record_counts_once_however_often_the_process_is_killed() {
    let catalogs = [Arc::new(support::catalog())];
    let mut kills = 0;
    for seed in 0..SEEDS {
        let mut chance = Chance(seed);
        let expected = Expected::any(&mut chance);
        let (files, counts, killed) = run(&expected.stream, &catalogs, &mut chance);
        kills += killed;

        let rows: Vec<String> = expected.rows.iter().cloned().collect();
        assert_eq!(support::row_ids(&files), rows, "seed {seed}");
        assert_eq!(counts, expected.counts, "seed {seed}");
        let entries = support::rejected(&files).len() as u64;
        assert_eq!(entries, expected.counts.rejected, "seed {seed}");
    }
    assert!(
        kills > 2_000,
        "only {kills} kills: the simulation does not try what it should"
    );
}

#[test]
fn killed_or_not_the_files_are_the_same() {
    let catalogs = [Arc::new(support::catalog())];
    for seed in 0..200 {
        let expected = Expected::any(&mut Chance(seed));
        let limits = Limits {
            records: 7,
            bytes: u64::MAX,
        };
        let quiet = lives(&expected.stream, &catalogs[0], limits, |_| usize::MAX);
        // Every life is killed, one write later each time.
        let troubled = lives(&expected.stream, &catalogs[0], limits, |life| life);
        assert_eq!(troubled, quiet, "seed {seed}");
    }
}

/// The files after lives that are each killed after so many writes.
fn lives(
    stream: &[StreamRecord],
    catalog: &Arc<Catalog>,
    limits: Limits,
    writes: impl Fn(usize) -> usize,
) -> Files {
    let mut world = World {
        stream,
        files: Files::new(),
        writes_left: 0,
    };
    for life in 0.. {
        world.writes_left = writes(life);
        let mut shard = world.shard(catalog, limits);
        let mut queue: VecDeque<_> = stream[world.index(&shard.position())..].to_vec().into();
        let mut whole = || {
            while shard.take(&mut queue) {
                world.cut(&mut shard, false)?;
            }
            world.cut(&mut shard, false)
        };
        if let Ok(()) = whole() {
            break;
        }
    }
    world.files
}

/// Killed in the middle of a flush and started with another schema: what was a row may have to
/// become a rejected entry, and must not stay a row.
#[test]
fn a_change_of_schema_between_two_lives_neither_loses_nor_doubles() {
    let catalogs = [
        Arc::new(support::catalog()),
        Arc::new(support::catalog_without_sign_up()),
    ];
    let mut mixed = 0;
    for seed in 0..SEEDS / 3 {
        let mut chance = Chance(seed);
        let expected = Expected::any(&mut chance);
        let (files, counts, _) = run(&expected.stream, &catalogs, &mut chance);

        let rows = support::row_ids(&files);
        let entries = support::rejected(&files);
        mixed += usize::from(rows.len() < expected.rows.len());
        assert_eq!(counts.rows, rows.len() as u64, "seed {seed}");
        assert_eq!(counts.rejected, entries.len() as u64, "seed {seed}");
        let numbers = entries.iter().map(|entry| &entry["sequence_number"]);
        let rejected_ids = numbers.filter_map(|number| {
            let record = expected.stream.iter();
            let mut record = record.filter(|record| record.sequence_number.as_str() == *number);
            event_id(&record.next().unwrap().data)
        });
        let rejected_ids: BTreeSet<String> = rejected_ids.collect();
        let row_ids: BTreeSet<String> = rows.iter().cloned().collect();
        assert_eq!(
            row_ids.len(),
            rows.len(),
            "seed {seed}: an event is two rows"
        );
        let events: BTreeSet<_> = expected.rows.union(&expected.rejected_events).collect();
        let seen: BTreeSet<_> = row_ids.union(&rejected_ids).collect();
        assert_eq!(seen, events, "seed {seed}");
    }
    assert!(mixed > 50, "the second schema hardly ever mattered");
}

fn event_id(data: &[u8]) -> Option<String> {
    let record: serde_json::Value = serde_json::from_slice(data).ok()?;
    record["forebay"]["event_id"].as_str().map(str::to_owned)
}

/// A stream of four events on three days, and a life that ends after so many of the writes of the
/// batch that they make.
fn killed_after(
    writes: usize,
    catalog: &Arc<Catalog>,
    stream: &[StreamRecord],
    check: impl FnOnce(World<'_>, Vec<String>),
) {
    let mut world = World {
        stream,
        files: Files::new(),
        writes_left: writes,
    };
    let mut shard = world.shard(catalog, FOUR);
    assert!(shard.take(&mut stream[..4].to_vec().into()));
    assert!(world.cut(&mut shard, false).is_err());
    let written = support::row_ids(&world.files);
    world.writes_left = usize::MAX;
    check(world, written);
}

const FOUR: Limits = Limits {
    records: 4,
    bytes: u64::MAX,
};

fn events(count: usize) -> Vec<StreamRecord> {
    let event = |number| at(number, encode(&format!("e{}", number * 2), true, NOON));
    (0..count).map(event).collect()
}

/// Down for longer than the stream keeps records, in the middle of a flush.
#[test]
fn what_the_stream_has_forgotten_is_counted_and_not_overwritten() {
    let (catalog, stream) = (Arc::new(support::catalog()), events(4));
    // The checkpoint, then three files.
    for writes in 1..=4 {
        killed_after(writes, &catalog, &stream, |mut world, written| {
            assert_eq!(written.len(), [0, 1, 2, 4][writes - 1]);
            let mut shard = world.shard(&catalog, FOUR);
            assert!(shard.is_replaying() && !shard.is_open());
            // Of the two events of the last day, in the last file, one is left.
            assert!(shard.take(&mut stream[3..].to_vec().into()));
            assert!(world.cut(&mut shard, false).is_ok());

            let rows = support::row_ids(&world.files);
            let last = "e6".to_owned();
            let expected: BTreeSet<_> = written.iter().chain([&last]).collect();
            assert!(rows.iter().eq(expected), "{rows:?} after {written:?}");
            let checkpoint = world.checkpoint();
            assert_eq!(checkpoint.committed, Some(support::sequence_number(3)));
            assert_eq!(checkpoint.pending, None);
            let counts = checkpoint.counts;
            assert_eq!((counts.records, counts.rows, counts.missing), (4, 1, 3));
        });
    }
}

#[test]
fn a_batch_that_the_stream_has_forgotten_does_not_take_the_next_one_in() {
    let (catalog, stream) = (Arc::new(support::catalog()), events(6));
    killed_after(1, &catalog, &stream, |mut world, _| {
        let mut shard = world.shard(&catalog, FOUR);
        let mut queue = stream[4..].to_vec().into();
        assert!(shard.take(&mut queue));
        assert!(world.cut(&mut shard, false).is_ok());
        assert_eq!(world.checkpoint().counts.missing, 4);
        assert_eq!(queue.len(), 2);

        assert!(!shard.take(&mut queue));
        assert!(world.cut(&mut shard, false).is_ok());
        assert_eq!(support::row_ids(&world.files), ["e10", "e8"]);
        let counts = world.checkpoint().counts;
        assert_eq!((counts.records, counts.rows, counts.missing), (6, 2, 4));
    });
}
