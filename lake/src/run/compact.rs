//! `forebay-lake compact` and `forget`: carries out merges, in the order that [`crate::compact`] states.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use forebay_core::time::Timestamp;
use serde::Serialize;
use thiserror::Error;

use super::load::{LoadError, load_checkpoint, named_after, state_files};
use crate::compact::TARGET_BYTES;
use crate::compact::choose::{Candidate, choose};
use crate::compact::merge::{Bounds, Inputs, MergeError, Person, open};
use crate::cut::{EncodeError, File};
use crate::source::SequenceNumber;
use crate::state::{FileEntry, Merge, PARTITIONS_FOLDER, Partition, Replaced, StatePaths, sha256};
use crate::store::{Existing, Found, Store, StoreError};
use crate::table::rejected_entries;

/// After the end of a day, how long events of it may still be on their usual way.
const DAY_GRACE_MILLIS: i64 = 60 * 60 * 1_000;
/// A file that no checkpoint knows of is merged when it is this old: who writes without a checkpoint, as a
/// function of AWS Lambda does, may write it again until then. In a bucket the same holds for all files: S3 takes a
/// request for 15 minutes after it was signed, so an earlier try to write the file may arrive so late after its last
/// write. That does nothing as long as the file is there.
const LEAST_AGE_MILLIS: i64 = 15 * 60 * 1_000;
/// A small file of a cut that lies beside merged files for so long, with nothing to be merged with, is merged alone.
const LEFT_OVER_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// What a process claims that compacts.
const CLAIM: &str = "compaction";

/// How to compact.
#[derive(Debug, Clone, Copy)]
pub struct CompactSettings {
    /// How much is held in memory, and the size of files.
    pub bounds: Bounds,
    /// For how long after its latest file, in milliseconds, a day that is over waits for more late events, unless it
    /// has many small files. Each late event is a file of its own, and to merge it costs more than to write it.
    pub wait_for_late: i64,
    /// The clock.
    pub now: fn() -> Timestamp,
}

/// Why compaction cannot go on. What was written by then is whole.
#[derive(Debug, Error)]
pub enum CompactError {
    /// The files of the lake.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state of the lake.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The files of a partition.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// A defect of Forebay.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A cut is under way that may write the file again.
    #[error(
        "{path} is part of a batch that is not committed; run `forebay-lake consume` first, and stop it"
    )]
    UnderWay {
        /// The file.
        path: String,
    },
    /// A defect of Forebay: the new files would not have every row of the old ones. These stay.
    #[error("{folder}: rows would be missing after the merge; the files were left as they are")]
    Rows {
        /// The partition.
        folder: String,
    },
}

/// What was done to one partition.
#[derive(Debug, Serialize)]
pub struct Compacted {
    /// Its folder.
    pub partition: String,
    /// How many files were read.
    pub files_before: usize,
    /// Their length.
    pub bytes_before: u64,
    /// How many files were written.
    pub files_after: usize,
    /// Their length.
    pub bytes_after: u64,
    /// Rows in them.
    pub rows: u64,
    /// Rows that were left out because their event has another row.
    pub duplicates: u64,
    /// Rows that were taken out.
    pub forgotten: u64,
}

/// Rejected records that name a person.
#[derive(Debug, Serialize)]
pub struct RejectedOf {
    /// The file that has them.
    pub file: String,
    /// How many.
    pub entries: u64,
}

/// What happened to a partition.
#[derive(Debug)]
pub enum Progress {
    /// A file of rejected records names a person; it was left as it is.
    Rejected(RejectedOf),
    /// Its files were merged.
    Done(Compacted),
    /// Its files stay as they are, because of an error in them or in its state.
    Failed(String, CompactError),
}

/// Merges the small files of all partitions. Tells of each partition. One process at a time does so.
///
/// # Errors
/// [`CompactError::Store`], [`CompactError::Load`]: nothing more can be done in this lake.
/// [`StoreError::Locked`] while another process compacts, after waiting for as long as a lease lives.
pub async fn compact(
    store: &Store,
    settings: &CompactSettings,
    mut tell: impl FnMut(Progress),
) -> Result<(), CompactError> {
    let claim = match store.claim(CLAIM).await? {
        Some(claim) => claim,
        None => {
            // Nobody else may be there who looks whether its holder has died.
            store.end_silent().await?;
            let path = format!("the claim to {CLAIM}");
            let claim = store.claim(CLAIM).await?;
            claim.ok_or(StoreError::Locked { path })?
        }
    };
    let outcome = compact_all(store, settings, &mut tell).await;
    claim.give_up().await;
    outcome
}

async fn compact_all(
    store: &Store,
    settings: &CompactSettings,
    tell: &mut impl FnMut(Progress),
) -> Result<(), CompactError> {
    for mut partition in partitions(store, settings).await? {
        match partition.compact().await {
            Ok(Some(done)) => tell(Progress::Done(done)),
            Ok(None) => {}
            Err(CompactError::Store(StoreError::LeaseLost { path, reason })) => {
                return Err(StoreError::LeaseLost { path, reason }.into());
            }
            Err(error) => tell(Progress::Failed(partition.folder, error)),
        }
    }
    Ok(())
}

/// Takes the rows of a person out of all tables: writes each file again that has any, and deletes it. Tells of
/// rejected records that name the person, which stay as they came.
///
/// # Errors
/// [`CompactError`]. Done again, it goes on where it ended.
pub async fn forget(
    store: &Store,
    settings: &CompactSettings,
    person: &Person,
    mut tell: impl FnMut(Progress),
) -> Result<(), CompactError> {
    for mut partition in partitions(store, settings).await? {
        let each = |done| tell(Progress::Done(done));
        partition.forget(person, each).await?;
    }
    for file in store.list("rejected").await? {
        let Some(bytes) = store.read(&file.path).await? else {
            continue;
        };
        let entries = rejected_entries(bytes).map_err(|error| MergeError::File {
            path: file.path.clone(),
            error,
        })?;
        let theirs = entries
            .iter()
            .filter(|entry| person.is_named_in(&entry.data));
        let entries = theirs.count() as u64;
        if entries > 0 {
            let file = file.path;
            tell(Progress::Rejected(RejectedOf { file, entries }));
        }
    }
    Ok(())
}

struct OpenPartition<'s> {
    store: &'s Store,
    settings: &'s CompactSettings,
    folder: String,
    files: Vec<Found>,
    /// Files that must not be merged yet.
    held: HashSet<String>,
    /// Those of them that a cut may write again.
    under_way: HashSet<String>,
    /// Whether there is a file of its state.
    has_state: bool,
    state: Partition,
}

/// The partitions of all tables, with their files.
async fn partitions<'s>(
    store: &'s Store,
    settings: &'s CompactSettings,
) -> Result<Vec<OpenPartition<'s>>, CompactError> {
    // The state first: a cut that is committed meanwhile is left for the next time.
    let held = Held::find(store, (settings.now)()).await?;
    let states = store.list(PARTITIONS_FOLDER).await?.into_iter();
    let states: HashSet<String> = states.map(|file| file.path).collect();
    let mut folders: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    let mut newest: BTreeMap<String, SequenceNumber> = BTreeMap::new();
    for file in store.list("events").await? {
        if let Some((shard, first)) = named_after(&file.path) {
            let known = newest
                .entry(shard.to_owned())
                .or_insert_with(|| first.clone());
            if first > *known {
                *known = first;
            }
        }
        if let Some((folder, _)) = file.path.rsplit_once('/') {
            folders.entry(folder.to_owned()).or_default().push(file);
        }
    }
    let opened = folders.into_iter().map(|(folder, files)| OpenPartition {
        held: held.among(&files, &newest),
        under_way: held.pending_among(&files),
        has_state: states.contains(&Partition::path(&folder)),
        state: Partition::default(),
        store,
        settings,
        folder,
        files,
    });
    Ok(opened.collect())
}

/// Which files are not to be merged yet.
struct Held {
    /// The last record that each shard has committed.
    committed: BTreeMap<String, Option<SequenceNumber>>,
    /// The files of cuts that are under way.
    pending: HashSet<String>,
    /// Files that were written later are held.
    old: i64,
    /// Whether that goes for all files.
    holds_all_young: bool,
}

impl Held {
    async fn find(store: &Store, now: Timestamp) -> Result<Held, CompactError> {
        let mut held = Held {
            committed: BTreeMap::new(),
            pending: HashSet::new(),
            old: now.0 - LEAST_AGE_MILLIS,
            holds_all_young: store.has_late_writes(),
        };
        for (folder, files) in state_files(store).await? {
            let paths = StatePaths::of_folder(&folder);
            for file in files {
                let Some(shard) = file.shard_of_checkpoint() else {
                    continue;
                };
                let checkpoint = load_checkpoint(store, &paths, shard).await?;
                let pending = checkpoint.pending.into_iter();
                held.pending.extend(pending.flat_map(|cut| cut.files));
                let known = held.committed.entry(shard.to_owned()).or_default();
                *known = known.take().max(checkpoint.committed);
            }
        }
        Ok(held)
    }

    fn pending_among(&self, files: &[Found]) -> HashSet<String> {
        let paths = files.iter().map(|file| &file.path);
        paths
            .filter(|path| self.pending.contains(*path))
            .cloned()
            .collect()
    }

    fn among(&self, files: &[Found], newest: &BTreeMap<String, SequenceNumber>) -> HashSet<String> {
        let is_held = |file: &&Found| {
            let Some((shard, first)) = named_after(&file.path) else {
                return !Partition::is_merged(&file.path);
            };
            let Some(committed) = self.committed.get(shard) else {
                return file.modified > self.old;
            };
            if self.holds_all_young && file.modified > self.old {
                return true;
            }
            // A lost checkpoint can be made again as long as the last cut has a file.
            let is_last = newest.get(shard).is_some_and(|last| *last == first);
            let is_committed = committed.as_ref().is_some_and(|last| first <= *last);
            is_last || !is_committed || self.pending.contains(&file.path)
        };
        let held = files.iter().filter(is_held);
        held.map(|file| file.path.clone()).collect()
    }
}

impl OpenPartition<'_> {
    async fn compact(&mut self) -> Result<Option<Compacted>, CompactError> {
        // A single file needs nothing, whatever its state says.
        if self.files.len() < 2 {
            return Ok(None);
        }
        self.tidy().await?;
        let free = self
            .files
            .iter()
            .filter(|file| !self.held.contains(&file.path));
        let candidates = free.map(|file| Candidate {
            path: file.path.clone(),
            bytes: file.bytes,
        });
        let is_settled = self.is_over() && self.is_quiet();
        let chosen = choose(candidates.collect(), is_settled, TARGET_BYTES);
        let mut chosen: HashSet<String> = chosen.into_iter().map(|file| file.path).collect();
        if chosen.is_empty() && is_settled {
            chosen = self.left_over();
        }
        if chosen.is_empty() {
            return Ok(None);
        }
        self.merge(&chosen, None).await
    }

    /// Files that are too small to write the merged ones beside them again. A function that was invoked twice may
    /// have written rows in them that a merged file has: merged alone, they lose these.
    fn left_over(&self) -> HashSet<String> {
        if self.state.files.is_empty() {
            return HashSet::new();
        }
        let old = (self.settings.now)().0 - LEFT_OVER_MILLIS;
        let is_left = |file: &&Found| {
            let is_free = !self.held.contains(&file.path) && file.modified <= old;
            is_free && file.bytes < TARGET_BYTES / 2 && !Partition::is_merged(&file.path)
        };
        let left = self.files.iter().filter(is_left);
        left.map(|file| file.path.clone()).collect()
    }

    /// Writes the files again that have rows of a person. Looks into each file once.
    async fn forget(
        &mut self,
        person: &Person,
        mut tell: impl FnMut(Compacted),
    ) -> Result<(), CompactError> {
        self.tidy().await?;
        let mut theirs = self.files_of(person).await?;
        if let Some(path) = theirs.intersection(&self.under_way).next() {
            let path = path.clone();
            return Err(CompactError::UnderWay { path });
        }
        // Files whose columns differ in their types are written again one after the other.
        while !theirs.is_empty() {
            let Some(done) = self.merge(&theirs, Some(person)).await? else {
                break;
            };
            tell(done);
            let left: HashSet<&String> = self.files.iter().map(|file| &file.path).collect();
            theirs.retain(|path| left.contains(path));
        }
        Ok(())
    }

    /// The files that have rows of a person.
    async fn files_of(&self, person: &Person) -> Result<HashSet<String>, CompactError> {
        let mut theirs = HashSet::new();
        for file in &self.files {
            let files = [(file.path.clone(), file.bytes)];
            let bounds = Bounds {
                fetch_bytes: 0,
                ..self.settings.bounds
            };
            for source in open(self.store.objects(), &files, &bounds).await? {
                if person.rows_in(&source).await? > 0 {
                    theirs.insert(file.path.clone());
                }
            }
        }
        Ok(theirs)
    }

    /// Deletes what a merge has left: files of one that was not committed, and files that were replaced.
    async fn tidy(&mut self) -> Result<(), CompactError> {
        let path = Partition::path(&self.folder);
        if self.has_state
            && let Some(bytes) = self.store.read_to_replace(&path).await?
        {
            self.state = Partition::from_bytes(&bytes)
                .map_err(|damage| LoadError::Damaged { path, damage })?;
        }
        let merged = self.files.iter().map(|file| &file.path);
        let merged = merged.filter(|path| Partition::is_merged(path));
        if let Some(example) = merged.clone().find(|path| !self.state.knows(path)) {
            let example = example.clone();
            return Err(LoadError::FilesWithoutState { example }.into());
        }
        let strays = merged.filter(|path| self.state.is_stray(path));
        let strays = strays.cloned().collect();
        self.delete(&strays).await?;
        if !self.state.replacing.is_empty() {
            let replaced = std::mem::take(&mut self.state.replacing);
            self.delete(&replaced.into_iter().collect()).await?;
            self.save().await?;
        }
        Ok(())
    }

    /// In the order of their names, so that a kill leaves the same each time.
    async fn delete(&mut self, paths: &BTreeSet<String>) -> Result<(), CompactError> {
        for path in paths {
            self.store.delete(path).await?;
        }
        self.files.retain(|file| !paths.contains(&file.path));
        Ok(())
    }

    async fn merge(
        &mut self,
        chosen: &HashSet<String>,
        forget: Option<&Person>,
    ) -> Result<Option<Compacted>, CompactError> {
        let bounds = self.settings.bounds;
        let in_force: HashSet<String> = {
            let files = self.state.files.iter();
            files.map(|file| file.path.clone()).collect()
        };
        let mut inputs = Vec::new();
        let mut others = Vec::new();
        for file in &self.files {
            match chosen.contains(&file.path) {
                true => inputs.push((file.path.clone(), file.bytes)),
                false if in_force.contains(&file.path) => {
                    others.push((file.path.clone(), file.bytes));
                }
                false => {}
            }
        }
        let objects = self.store.objects();
        let inputs = Inputs::new(open(objects, &inputs, &bounds).await?);
        let others = open(objects, &others, &bounds).await?;
        // A file alone is written again to take rows out: a person's, or those that a merged file has.
        let is_alone = inputs.paths().count() < 2;
        let has_none_to_lose = others.is_empty() || inputs.paths().all(Partition::is_merged);
        if is_alone && has_none_to_lose && forget.is_none() {
            return Ok(None);
        }
        self.state.begin();
        self.save().await?;
        let mut files: Vec<FileEntry> = Vec::new();
        let rows = inputs
            .merge(&others, forget, &bounds, async |bytes, rows| {
                let path = self.state.file_name(&self.folder, files.len());
                files.push(FileEntry {
                    path: path.clone(),
                    rows: Some(rows),
                    bytes: Some(bytes.len() as u64),
                    sha256: Some(sha256(&bytes)),
                });
                let file = File { path, bytes };
                self.store.put(&file, Existing::Replace).await?;
                Ok::<_, CompactError>(())
            })
            .await?;
        let paths = inputs.paths().map(str::to_owned);
        let merge = Merge {
            inputs: paths
                .zip(rows.read)
                .map(|(path, rows)| Replaced { path, rows })
                .collect(),
            duplicates: rows.duplicates,
            forgotten: rows.forgotten,
            files,
        };
        let done = self.done(&merge);
        self.state.commit(merge);
        if !self.state.adds_up() {
            let folder = self.folder.clone();
            return Err(CompactError::Rows { folder });
        }
        self.save().await?;
        self.tidy().await?;
        Ok(Some(done))
    }

    fn done(&self, merge: &Merge) -> Compacted {
        let inputs: HashSet<&str> = merge.inputs.iter().map(|file| file.path.as_str()).collect();
        let before = self.files.iter();
        let before = before.filter(|file| inputs.contains(file.path.as_str()));
        Compacted {
            partition: self.folder.clone(),
            files_before: inputs.len(),
            bytes_before: before.map(|file| file.bytes).sum(),
            files_after: merge.files.len(),
            bytes_after: merge.files.iter().filter_map(|file| file.bytes).sum(),
            rows: merge.files.iter().filter_map(|file| file.rows).sum(),
            duplicates: merge.duplicates,
            forgotten: merge.forgotten,
        }
    }

    async fn save(&mut self) -> Result<(), CompactError> {
        let file = File {
            path: Partition::path(&self.folder),
            bytes: self.state.to_bytes().map_err(EncodeError::from)?.into(),
        };
        self.store.put(&file, Existing::Replace).await?;
        self.has_state = true;
        Ok(())
    }

    /// Whether no late events have come for long.
    fn is_quiet(&self) -> bool {
        let of_cuts = self
            .files
            .iter()
            .filter(|file| !Partition::is_merged(&file.path));
        let latest = of_cuts.map(|file| file.modified).max();
        let since = (self.settings.now)().0 - self.settings.wait_for_late;
        latest.is_none_or(|latest| latest <= since)
    }

    fn is_over(&self) -> bool {
        let now = Timestamp((self.settings.now)().0 - DAY_GRACE_MILLIS).date();
        let Some((_, days)) = self.folder.split_once("/year=") else {
            return false;
        };
        let parts = days.split('/').map(|part| {
            let digits = part.rsplit_once('=').map_or(part, |(_, digits)| digits);
            digits.parse::<i64>().unwrap_or(i64::MAX)
        });
        let today = [
            i64::from(now.year),
            i64::from(now.month),
            i64::from(now.day),
        ];
        parts.lt(today)
    }
}
