//! The manifest of a shard: what each cut wrote, one sealed JSON object a line, in segments that are
//! rewritten until they are full.

use serde::{Deserialize, Serialize};

use super::{Counts, Damage, seal, unseal};
use crate::source::SequenceNumber;

/// A segment with this many cuts, or more, is full.
const FULL_CUTS: usize = 256;
/// And so is one of this many bytes.
const FULL_BYTES: usize = 512 * 1_024;

/// What a cut wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutEntry {
    /// Which of the shard's cuts it is; the first is 1.
    pub cut: u64,
    /// Its first record.
    pub first: SequenceNumber,
    /// Its last record.
    pub last: SequenceNumber,
    /// What became of its records.
    pub counts: Counts,
    /// What became of all records up to its end.
    pub total: Counts,
    /// Its files.
    pub files: Vec<FileEntry>,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path below the root of the lake.
    pub path: String,
    /// Rows, or rejected entries. This and what follows is not known of a file that was there when its
    /// cut was repeated and the stream had no more of it: [`Counts::missing`].
    pub rows: Option<u64>,
    /// Its length.
    pub bytes: Option<u64>,
    /// Its checksum.
    pub sha256: Option<String>,
}

impl FileEntry {
    /// Of a file of which only the name is known.
    pub fn unknown(path: String) -> FileEntry {
        FileEntry {
            path,
            rows: None,
            bytes: None,
            sha256: None,
        }
    }

    /// Whether it holds rows, not rejected entries.
    pub fn is_table(&self) -> bool {
        self.path.starts_with("events/")
    }
}

/// A part of the manifest, as a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Segment {
    /// Which one.
    pub number: u64,
    /// Its cuts, in their order.
    pub cuts: Vec<CutEntry>,
}

impl Segment {
    /// As it is written.
    ///
    /// # Errors
    /// Where JSON cannot be written; not known to happen.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let lines = self.cuts.iter().map(serde_json::to_string);
        lines.map(|line| Ok(seal(&line?))).collect()
    }

    /// Reads what is whole; what is not is counted.
    pub fn read(number: u64, bytes: &[u8]) -> (Segment, usize) {
        let mut segment = Segment {
            number,
            cuts: Vec::new(),
        };
        let lines = bytes.split(|byte| *byte == b'\n');
        let mut damaged = 0;
        for line in lines.filter(|line| !line.is_empty()) {
            let entry = unseal(line).ok();
            match entry.and_then(|text| serde_json::from_str(&text).ok()) {
                Some(entry) => segment.cuts.push(entry),
                None => damaged += 1,
            }
        }
        (segment, damaged)
    }

    /// Reads what must be whole, up to and with a cut: what comes behind it was not committed.
    ///
    /// # Errors
    /// [`Damage`]
    pub fn read_up_to(number: u64, bytes: &[u8], last_cut: u64) -> Result<Segment, Damage> {
        let (mut segment, damaged) = Segment::read(number, bytes);
        if damaged > 0 {
            return Err(Damage::Changed);
        }
        segment.cuts.retain(|entry| entry.cut <= last_cut);
        match segment.cuts.last() {
            Some(entry) if entry.cut == last_cut => Ok(segment),
            _ => Err(Damage::CutShort),
        }
    }

    /// Adds a cut. Where the segment is full, it becomes the next one, with this cut alone.
    pub fn push(&mut self, entry: CutEntry, bytes: usize) {
        if self.cuts.len() >= FULL_CUTS || bytes >= FULL_BYTES {
            self.number += 1;
            self.cuts.clear();
        }
        self.cuts.push(entry);
    }
}
