//! What is written down of a shard: how far it has been read, and a cut that is under way.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use crate::source::SequenceNumber;

/// How far a shard has been read. Kept as one JSON file a shard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The last record whose row, entry or count is in the lake for good.
    pub committed: Option<SequenceNumber>,
    /// What became of all records up to it.
    pub counts: Counts,
    /// Which of the two files with the shard's latest event ids belongs to `committed`.
    pub window: Option<Slot>,
    /// A batch whose files may or may not have been written.
    pub pending: Option<Cut>,
    /// Whether the shard was closed, by a split or a merge, and has been read to its end.
    pub ended: bool,
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

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.records += other.records;
        self.rows += other.rows;
        self.rejected += other.rejected;
        self.duplicates += other.duplicates;
        self.missing += other.missing;
    }
}

/// One of two files that are written in turn, so that one is always whole and as it was when the
/// checkpoint that names it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "there is nothing to tell them apart")]
pub enum Slot {
    A,
    B,
}

impl Slot {
    /// The other one.
    pub fn other(self) -> Slot {
        match self {
            Slot::A => Slot::B,
            Slot::B => Slot::A,
        }
    }

    /// How it is named.
    pub fn as_str(self) -> &'static str {
        match self {
            Slot::A => "a",
            Slot::B => "b",
        }
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

    /// The latest event ids of a shard.
    pub fn window(&self, shard: &str, slot: Slot) -> String {
        format!("{}/{shard}.{}.ids", self.folder, slot.as_str())
    }
}
