//! `forebay-lake replay`: rejected records are put through again, after the schema was corrected.
//!
//! The files of rejected records are read as a shard of their own ([`crate::source::archive`]): a file is in the
//! ledger before it is read, a batch ends where a file ends, and is written as any batch is. The file is deleted
//! after the batch that has its records is committed: they are rows, duplicates or entries of another file by then.
//! Killed at any point and run again, it goes on: a batch that was under way is made again, with the same names,
//! and files that have been read are deleted. `verify` knows from the ledger which files are gone for that reason.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use forebay_core::time::{Date, Timestamp};
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::ledger::{Ledger, LedgerError, carry_out_once};
use super::load::{LoadError, check_files, load_checkpoint, load_shard};
use super::survey::{ShardSurvey, Survey};
use crate::cut::{Limits, Shard, day};
use crate::record::{Decoded, EventKey, Row, parts};
use crate::source::archive::{ArchiveObject, object_of};
use crate::state::{Checkpoint, Counts, Damage, StatePaths, sha256};
use crate::store::Store;
use crate::table::{Catalog, Entry, Rejected, event_ids, rejected_entries};

/// The shard that rejected records are when they are replayed.
pub(super) const REPLAY_SHARD: &str = "replay";
/// A file that no manifest knows of may be written again until it is this old.
const LEAST_AGE_MILLIS: i64 = 15 * 60 * 1_000;
/// A batch is cut within a file only where one that was cut before is made again.
const UNLIMITED: Limits = Limits {
    records: u64::MAX,
    bytes: u64::MAX,
};

/// What a replay has done.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Files of rejected records that were looked at.
    pub files: usize,
    /// Those that had a record which is none any more, or is another event's duplicate; they were replaced.
    pub replaced: usize,
    /// What became of the records of those files.
    pub counts: Counts,
}

/// Puts rejected records through again. `limits` bound a batch: it ends with the file that reaches one. `now` is the
/// clock, `progress` hears of every batch.
///
/// # Errors
/// [`LedgerError`]
pub async fn replay(
    store: &Arc<Store>,
    catalog: Arc<Catalog>,
    limits: Limits,
    now: fn() -> Timestamp,
    progress: impl FnMut(&Replayed),
) -> Result<Replayed, LedgerError> {
    check_files(store).await?;
    let paths = StatePaths::new(REPLAY_SHARD, 0);
    let state = load_shard(store, &paths, REPLAY_SHARD).await?;
    let mut ledger = Ledger::read(store, paths.clone()).await?;
    let under_way = state.checkpoint.pending.iter();
    let under_way = under_way
        .flat_map(|cut| cut.files.iter().cloned())
        .collect();
    let committed = committed(&state.checkpoint, &ledger);
    let shard = Shard::new(
        REPLAY_SHARD.to_owned(),
        catalog.clone(),
        UNLIMITED,
        paths,
        state.checkpoint,
        state.window,
        state.segment,
    );
    let mut replay = Replay {
        store,
        catalog: &catalog,
        limits,
        shard,
        under_way,
        unfinished: Vec::new(),
        done: Replayed::default(),
        progress,
    };
    for object in &ledger.objects {
        if object.number <= committed {
            store.delete(&object.path).await?;
        } else {
            replay.read(object).await?;
        }
    }
    replay.flush().await?;
    let fresh = replay.choose(&ledger, now()).await?;
    if !fresh.is_empty() {
        ledger.enter(store, &fresh).await?;
        for object in &fresh {
            replay.read(object).await?;
        }
        replay.flush().await?;
    }
    ledger.end(store).await?;
    Ok(replay.done)
}

/// The last object whose records are in committed batches: batches end where objects end.
fn committed(checkpoint: &Checkpoint, ledger: &Ledger) -> u64 {
    let last = checkpoint.committed.as_ref().and_then(object_of);
    last.unwrap_or(0).max(ledger.complete)
}

/// The files of rejected records that replays have replaced, or will when they go on.
///
/// # Errors
/// [`LoadError`]
pub(super) async fn replaced(store: &Store) -> Result<HashSet<String>, LoadError> {
    let paths = StatePaths::new(REPLAY_SHARD, 0);
    let checkpoint = load_checkpoint(store, &paths, REPLAY_SHARD).await?;
    let ledger = Ledger::read(store, paths).await?;
    let committed = committed(&checkpoint, &ledger);
    let objects = ledger.objects.into_iter();
    let objects = objects.filter(|object| object.number <= committed);
    Ok(objects.map(|object| object.path).collect())
}

struct Replay<'r, P> {
    store: &'r Arc<Store>,
    catalog: &'r Catalog,
    limits: Limits,
    shard: Shard,
    /// Files of a batch that was under way: their rows are made again.
    under_way: HashSet<String>,
    /// Files that are read and whose batch is not committed.
    unfinished: Vec<String>,
    done: Replayed,
    progress: P,
}

impl<P: FnMut(&Replayed)> Replay<'_, P> {
    /// The files that are worth it: with a record that is not rejected any more.
    async fn choose(
        &mut self,
        ledger: &Ledger,
        now: Timestamp,
    ) -> Result<Vec<ArchiveObject>, LedgerError> {
        let survey = Survey::make(self.store).await?;
        let known: HashSet<&str> = survey
            .shards
            .iter()
            .flat_map(ShardSurvey::known_files)
            .collect();
        let checkpoints = survey.shards.iter().flat_map(|shard| &shard.checkpoint);
        let pending = checkpoints.flat_map(|checkpoint| &checkpoint.pending);
        let pending: HashSet<&String> = pending.flat_map(|cut| &cut.files).collect();
        let mut found = self.store.list("rejected").await?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        let mut fresh = Vec::new();
        for file in found {
            let is_old =
                known.contains(file.path.as_str()) || file.modified < now.0 - LEAST_AGE_MILLIS;
            if pending.contains(&file.path) || !is_old {
                continue;
            }
            self.done.files += 1;
            let Some(bytes) = self.store.read(&file.path).await? else {
                continue;
            };
            let checksum = sha256(&bytes);
            // What is damaged is for `repair`.
            let Ok(entries) = spawn_blocking(move || rejected_entries(bytes)).await? else {
                continue;
            };
            if entries.iter().any(|entry| self.places(entry, |_| {})) {
                fresh.push(ArchiveObject {
                    number: (ledger.objects.len() + fresh.len()) as u64 + 1,
                    path: file.path,
                    bytes: file.bytes,
                    modified: file.modified,
                    checksum,
                    seen: now.0,
                });
            }
        }
        Ok(fresh)
    }

    /// Whether an entry has a row now, each of which `row` hears of.
    fn places(&self, entry: &Entry, mut row: impl FnMut(&Row<'_>)) -> bool {
        let mut judge = |place: &str, data: &[u8]| {
            let Ok(decoded) = Decoded::read(&entry.shard, place, data) else {
                return false;
            };
            let catalog = self.catalog;
            match decoded.into_row(&catalog.schema, &catalog.built_in, entry.arrival) {
                Ok(found) => {
                    row(&found);
                    true
                }
                Err(_) => false,
            }
        };
        if judge(&entry.place, &entry.data) {
            return true;
        }
        match parts(&entry.data) {
            Ok(parts) if parts.len() > 1 => {
                let judged = parts.iter().map(|part| judge(&entry.place, part));
                judged.fold(false, |any, is_row| any | is_row)
            }
            _ => false,
        }
    }

    async fn read(&mut self, object: &ArchiveObject) -> Result<(), LedgerError> {
        let Some(bytes) = self.store.read(&object.path).await? else {
            return Ok(());
        };
        let entries = spawn_blocking(move || rejected_entries(bytes)).await?;
        let entries = entries.map_err(|error| LoadError::Damaged {
            path: object.path.clone(),
            damage: Damage::Senseless(error.to_string()),
        })?;
        let first = object.place(0).map_err(LedgerError::Place)?;
        if self.shard.is_beyond(&first) {
            self.flush().await?;
        }
        let seen = self.rows_of(&entries).await?;
        self.unfinished.push(object.path.clone());
        let mut is_full = false;
        for (entry, number) in entries.iter().zip(0..) {
            let number = object.place(number).map_err(LedgerError::Place)?;
            let rejected = Rejected {
                shard: &entry.shard,
                place: &entry.place,
                arrival: entry.arrival,
                data: &entry.data,
            };
            is_full = self
                .shard
                .take_again(&number, &rejected, |key| seen.contains(&key));
        }
        let is_open = self.shard.is_open();
        let is_large = self.shard.open_records() >= self.limits.records
            || self.shard.open_bytes() >= self.limits.bytes;
        match is_full || is_open && is_large {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    /// The events of the partitions that the entries' rows would be in. A sender may have sent one again.
    async fn rows_of(&self, entries: &[Entry]) -> Result<HashSet<EventKey>, LedgerError> {
        let mut partitions: BTreeSet<(usize, Date)> = BTreeSet::new();
        for entry in entries {
            self.places(entry, |row| {
                partitions.insert((row.table, row.day));
            });
        }
        let mut keys = HashSet::new();
        for (table, date) in partitions {
            let Some(table) = self.catalog.tables.get(table) else {
                continue;
            };
            let folder = format!("events/{}/{}", table.name, day(date));
            for file in self.store.list(&folder).await? {
                if self.under_way.contains(&file.path) {
                    continue;
                }
                if let Some(bytes) = self.store.read(&file.path).await? {
                    let ids = spawn_blocking(move || event_ids(bytes)).await?;
                    keys.extend(ids.unwrap_or_default().iter().map(|id| EventKey::new(id)));
                }
            }
        }
        Ok(keys)
    }

    /// Writes the batch, and deletes the files whose records it has.
    async fn flush(&mut self) -> Result<(), LedgerError> {
        if let Some(closed) = self.shard.close() {
            let encoded = spawn_blocking(move || closed.encode()).await??;
            let flush = self.shard.flush(encoded)?;
            self.done.counts += flush.counts;
            carry_out_once(self.store, flush).await?;
            self.under_way.clear();
        }
        for path in std::mem::take(&mut self.unfinished) {
            self.store.delete(&path).await?;
            self.done.replaced += 1;
        }
        (self.progress)(&self.done);
        Ok(())
    }
}
