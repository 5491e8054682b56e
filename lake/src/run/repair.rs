//! `forebay-lake repair`: state rebuilt from the files and the stream, and files from the stream.
//!
//! A repair relies on these facts, in this order:
//!
//! 1. A cut in the manifest is complete: its files were written before its line.
//! 2. A shard's cuts were made one after the other. So of files that no cut names, all are complete but
//!    those with the last record in their names.
//! 3. What is left is made again from the stream, where the stream still has it: the files are deleted
//!    after the checkpoint says that their records are to be read again. Where the stream does not have
//!    it, the files are kept.
//!
//! The event id keeps a row in the lake once: the rebuilt window has the ids that the files have. A repair
//! that was killed at any point can be run again.

mod counts;
mod files;
mod partitions;
mod state;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use bytes::Bytes;
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};

use super::load::named_after;
use super::survey::{ShardSurvey, Survey};
use crate::cut::{ClosedBatch, Draft, EncodeError, File};
use crate::record::EventKey;
use crate::source::{Position, SequenceNumber, StreamRecord};
use crate::state::{Checkpoint, Counts, FileEntry, StatePaths};
use crate::store::{Existing, Store, StoreError};
use crate::table::Catalog;

/// A stream that a repair can read. A shard that is not there has no records.
pub trait Stream {
    /// Why it cannot be.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The records from a position on, up to and with `last`, as far as they are there. `None`: as many
    /// as come first, but one where there is any.
    ///
    /// # Errors
    /// Where the stream does not answer.
    fn read(
        &self,
        shard: &str,
        from: &Position,
        last: Option<&SequenceNumber>,
    ) -> impl Future<Output = Result<Vec<StreamRecord>, Self::Error>>;
}

/// Why a repair could not be done.
#[derive(Debug, Error)]
pub enum RepairError {
    /// The storage.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stream.
    #[error("the stream cannot be read: {0}")]
    Stream(Box<dyn std::error::Error + Send + Sync>),
    /// A defect of Forebay.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A defect of Forebay.
    #[error("a file cannot be read or encoded: {0}")]
    Thread(#[from] JoinError),
}

/// What a repair has done.
#[derive(Debug, Default)]
pub struct Repaired {
    /// What was rebuilt, in words for the operator.
    pub done: Vec<String>,
    /// What is gone: neither the files nor the stream have it.
    pub lost: Vec<String>,
}

/// Mends a lake. `current` is the state of the stream that is there now.
///
/// # Errors
/// [`RepairError`]: what was mended by then stays so.
pub async fn repair<S: Stream>(
    store: &Store,
    catalog: &Catalog,
    current: &StatePaths,
    stream: &S,
) -> Result<Repaired, RepairError> {
    let mut survey = Survey::make(store).await?;
    let strays = strays(&mut survey, current);
    let checkpoints = survey.shards.iter().flat_map(|shard| &shard.checkpoint);
    let pending = checkpoints.flat_map(|checkpoint| &checkpoint.pending);
    let pending = pending.flat_map(|cut| cut.files.iter().cloned()).collect();
    let checkpoints = survey.shards.iter().flat_map(|shard| &shard.checkpoint);
    let missing: u64 = checkpoints.map(|found| found.counts.missing).sum();
    let mut repair = Repair {
        gone: Vec::new(),
        uncounted: Vec::new(),
        adopted: 0,
        merged_lost: 0,
        remade: 0,
        is_unfinished: false,
        pending,
        store,
        catalog,
        stream,
        current: current.folder().to_owned(),
        repaired: Repaired::default(),
        files: std::mem::take(&mut survey.files),
        replaced: HashSet::new(),
        unnamed: BTreeMap::new(),
    };
    repair.mend_partitions(&mut survey).await?;
    for mut shard in survey.shards {
        let key = (shard.paths.folder().to_owned(), shard.shard.clone());
        let strays = strays.get(&key).cloned().unwrap_or_default();
        let changed = repair.mend_files(&mut shard).await?;
        repair.mend_state(shard, strays, changed).await?;
    }
    // Merged files may have them, of cuts that nobody knows any more. An earlier repair may have counted them as
    // missing already.
    let uncounted: u64 = repair.uncounted.iter().map(|(_, rows)| rows).sum();
    if uncounted > repair.adopted.saturating_sub(missing) {
        for (what, _) in std::mem::take(&mut repair.uncounted) {
            repair.lost(what);
        }
    }
    let lost = repair.merged_lost.saturating_sub(repair.remade);
    if lost > 0 {
        repair.lost(format_args!(
            "{lost} rows of merged files are in no file and not in the stream, or were second copies"
        ));
    }
    Ok(repair.repaired)
}

/// The files that no state knows of, by the state that they must belong to: the oldest that was read as far
/// as they go, else that of the current stream.
fn strays(
    survey: &mut Survey,
    current: &StatePaths,
) -> BTreeMap<(String, String), Vec<(SequenceNumber, String)>> {
    let known = survey.shards.iter().flat_map(ShardSurvey::known_files);
    let known: HashSet<&str> = known.collect();
    let mut strays: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let mut absent = BTreeSet::new();
    for path in survey.files.keys() {
        let Some((shard, first)) = named_after(path) else {
            continue;
        };
        if known.contains(path.as_str()) {
            continue;
        }
        let mut states = survey.shards.iter().filter(|state| state.shard == shard);
        let owner = states.find(|state| state.furthest().is_some_and(|last| first <= *last));
        let folder = owner.map_or(current.folder(), |owner| owner.paths.folder());
        let mut of_current = survey.shards.iter();
        if !of_current.any(|state| state.shard == shard && state.paths.folder() == folder) {
            absent.insert(shard.to_owned());
        }
        let key = (folder.to_owned(), shard.to_owned());
        strays.entry(key).or_default().push((first, path.clone()));
    }
    for shard in absent {
        survey
            .shards
            .push(ShardSurvey::absent(current.clone(), shard));
    }
    for files in strays.values_mut() {
        files.sort();
    }
    strays
}

impl ShardSurvey {
    /// The last record that is known to be in the lake, or in a cut that is under way.
    fn furthest(&self) -> Option<&SequenceNumber> {
        let checkpoint = self.checkpoint.as_ref().ok();
        let in_manifest = self.cuts().map(|cut| &cut.last).max();
        in_manifest.max(checkpoint.and_then(Checkpoint::furthest))
    }
}

struct Repair<'r, S> {
    store: &'r Store,
    catalog: &'r Catalog,
    stream: &'r S,
    /// The folder of the stream's state.
    current: String,
    repaired: Repaired,
    /// What is in the lake, with lengths.
    files: BTreeMap<String, u64>,
    /// Files whose rows merges have put into others.
    replaced: HashSet<String>,
    /// Those of them that no cut names any more, with their rows.
    unnamed: BTreeMap<String, u64>,
    /// Rows that merged files have lost.
    merged_lost: u64,
    /// Rows of merged files of which nobody knows the cut.
    adopted: u64,
    /// Rows that checkpoints count and that are in no file of a cut, in words, and how many.
    uncounted: Vec<(String, u64)>,
    /// Rows that were made again where they were in no file.
    remade: u64,
    /// Whether merged files have lost rows, maybe in a repair that ended before it had read the stream.
    is_unfinished: bool,
    /// Files of cuts that are under way: their records will be read again.
    pending: HashSet<String>,
    /// Of the shard at hand: rows and entries that their files have lost, and how many.
    gone: Vec<(String, u64)>,
}

impl<S: Stream> Repair<'_, S> {
    fn done(&mut self, what: impl fmt::Display) {
        self.repaired.done.push(what.to_string());
    }

    fn lost(&mut self, what: impl fmt::Display) {
        self.repaired.lost.push(what.to_string());
    }

    async fn read_stream(
        &self,
        shard: &ShardSurvey,
        from: &Position,
        last: Option<&SequenceNumber>,
    ) -> Result<Vec<StreamRecord>, RepairError> {
        // A stream that was deleted has no records any more.
        if shard.paths.folder() != self.current {
            return Ok(Vec::new());
        }
        let records = self.stream.read(&shard.shard, from, last).await;
        records.map_err(|error| RepairError::Stream(Box::new(error)))
    }

    async fn put(&self, path: String, bytes: impl Into<Bytes>) -> Result<(), RepairError> {
        let bytes = bytes.into();
        let file = File { path, bytes };
        Ok(self.store.put(&file, Existing::Replace).await?)
    }
}

/// Encodes files; `first` names nothing.
async fn encode(
    drafts: Vec<Draft>,
    first: &SequenceNumber,
) -> Result<Vec<(File, FileEntry)>, RepairError> {
    let closed = ClosedBatch {
        range: (first.clone(), first.clone()),
        counts: Counts::default(),
        keys: Vec::new(),
        drafts,
    };
    let encoded = spawn_blocking(move || closed.encode()).await??;
    Ok(encoded.files.into_iter().zip(encoded.entries).collect())
}

/// What files have, by which a second copy is recognised.
#[derive(Default)]
struct Seen {
    events: HashSet<EventKey>,
    rejected: HashSet<String>,
}
