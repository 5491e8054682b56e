//! The state of a shard: how far it has been read, a cut that is under way, and what each cut before it
//! wrote. No IO.

mod manifest;
mod partition;
mod seal;

use std::ops::AddAssign;

use forebay_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::source::{Position, SequenceNumber};
pub use manifest::{CutEntry, FileEntry, Segment};
pub use partition::{Merge, PARTITIONS_FOLDER, Partition, Replaced};
pub use seal::{Damage, seal, sha256, unseal};

/// How far a shard has been read. Kept as one sealed JSON file a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last record whose row, entry or count is in the lake for good.
    pub committed: Option<SequenceNumber>,
    /// After a repair: the record to read on with, where that is not the one behind `committed`.
    pub resume: Option<SequenceNumber>,
    /// For a shard that was not read from its oldest record on: the time it was begun with, in
    /// milliseconds since the epoch.
    pub start: Option<i64>,
    /// What became of all records up to `committed`.
    pub counts: Counts,
    /// The files with the shard's latest event ids.
    pub window: Option<WindowRef>,
    /// A batch whose files may or may not have been written.
    pub pending: Option<Cut>,
    /// Whether the shard was closed, by a split or a merge, and has been read to its end.
    pub ended: bool,
    /// How many cuts are committed.
    pub cuts: u64,
    /// The segment of the manifest that has the last of them.
    pub segment: u64,
}

impl Checkpoint {
    /// Where the records begin that are not committed.
    pub fn uncommitted(&self) -> Position {
        match (&self.resume, &self.committed, self.start) {
            (Some(next), ..) => Position::At(next.clone()),
            (None, Some(last), _) => Position::After(last.clone()),
            (None, None, Some(start)) => Position::Time(Timestamp(start)),
            (None, None, None) => Position::TrimHorizon,
        }
    }

    /// As it is written.
    ///
    /// # Errors
    /// Where JSON cannot be written; not known to happen.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        Ok(seal(&serde_json::to_string(self)?).into_bytes())
    }

    /// Reads [`Checkpoint::to_bytes`].
    ///
    /// # Errors
    /// [`Damage`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Checkpoint, Damage> {
        let senseless = |reason: &str| Damage::Senseless(reason.to_owned());
        let checkpoint: Checkpoint =
            serde_json::from_str(&unseal(bytes)?).map_err(|error| senseless(&error.to_string()))?;
        if !checkpoint.counts.add_up() {
            return Err(senseless("its counts do not add up"));
        }
        Ok(checkpoint)
    }

    /// The furthest record that may have become part of a file.
    pub fn furthest(&self) -> Option<&SequenceNumber> {
        let pending = self.pending.as_ref().map(|cut| &cut.last);
        pending.max(self.committed.as_ref())
    }
}

/// The files of event ids, which are called runs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WindowRef {
    /// Their numbers, oldest first. The highest is the last.
    pub runs: Vec<u64>,
    /// The checksum of the checksums that stand in them, one after the other.
    pub sha256: String,
    /// Runs that the last cut has replaced. No checkpoint needs them any more: the next cut deletes them.
    pub replaced: Vec<u64>,
}

/// A batch by its ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The first record in it; its files are named after it.
    pub first: SequenceNumber,
    /// The last record in it.
    pub last: SequenceNumber,
    /// How many there are.
    pub records: u64,
    /// The files that may have been written for it.
    pub files: Vec<String>,
}

/// What became of records: `records = rows + rejected + duplicates + missing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// Read from the stream.
    pub records: u64,
    /// Became a row.
    pub rows: u64,
    /// Became a rejected entry.
    pub rejected: u64,
    /// Were another delivery of an event that had been read before.
    pub duplicates: u64,
    /// Were read once, but were past the stream's retention before their files were known to be
    /// written. They are in the lake if their files are.
    pub missing: u64,
}

impl Counts {
    /// Whether each record became one thing.
    pub fn add_up(&self) -> bool {
        let parts = [self.rows, self.rejected, self.duplicates, self.missing];
        let sum = parts.into_iter().try_fold(0_u64, u64::checked_add);
        sum == Some(self.records)
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.records += other.records;
        self.rows += other.rows;
        self.rejected += other.rejected;
        self.duplicates += other.duplicates;
        self.missing += other.missing;
    }
}

/// Where the state of the shards of one stream is kept, below the root of the lake.
///
/// A stream is known by its name and when it was created: one that was deleted and created anew
/// begins from the start.
#[derive(Debug, Clone)]
pub struct StatePaths {
    folder: String,
}

impl StatePaths {
    /// The paths for a stream. `created` is in seconds since the epoch.
    pub fn new(stream: &str, created: i64) -> StatePaths {
        StatePaths {
            folder: format!("_state/{stream}-{created}"),
        }
    }

    /// The [`Checkpoint`] of a shard.
    pub fn checkpoint(&self, shard: &str) -> String {
        format!("{}/{shard}.json", self.folder)
    }

    /// A run of a shard's latest event ids.
    pub fn run(&self, shard: &str, number: u64) -> String {
        format!("{}/{shard}.{number:09}.ids", self.folder)
    }

    /// A segment of a shard's manifest.
    pub fn segment(&self, shard: &str, number: u64) -> String {
        format!("{}/{shard}.{number:06}.cuts", self.folder)
    }

    /// The folder.
    pub fn folder(&self) -> &str {
        &self.folder
    }

    /// The paths in a folder that was found.
    pub fn of_folder(folder: &str) -> StatePaths {
        StatePaths {
            folder: folder.to_owned(),
        }
    }
}
