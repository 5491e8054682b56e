//! What is written for a batch, and in which order.

use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::errors::ParquetError;
use thiserror::Error;

use crate::cut::{Content, Draft};
use crate::record::EventKey;
use crate::source::SequenceNumber;
use crate::state::{Counts, FileEntry, sha256};
use crate::table::to_parquet;

/// A batch that was cut off, whose files have no bytes yet.
#[derive(Debug)]
pub struct ClosedBatch {
    /// Its first and its last record. Of a batch that is read again, those that are written down.
    pub range: (SequenceNumber, SequenceNumber),
    /// What became of its records.
    pub counts: Counts,
    /// The events that became rows, in their order.
    pub keys: Vec<EventKey>,
    /// Its files.
    pub drafts: Vec<Draft>,
}

/// A batch whose files have their bytes. They are encoded once, however often a write is tried.
#[derive(Debug)]
pub struct EncodedBatch {
    pub(super) range: (SequenceNumber, SequenceNumber),
    pub(super) counts: Counts,
    pub(super) keys: Vec<EventKey>,
    /// Its files.
    pub files: Vec<File>,
    /// What the manifest will say of them, in the same order.
    pub entries: Vec<FileEntry>,
}

/// One file, whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path below the root of the lake.
    pub path: String,
    /// What it holds.
    pub bytes: Bytes,
}

/// What is to be written for a batch: each step after the one before it, and each write whole or not
/// at all.
#[derive(Debug)]
pub struct Flush {
    /// 1. The checkpoint, which names the cut and its files.
    pub intent: File,
    /// 2. The files, in any order and at the same time.
    pub files: Vec<File>,
    /// Whether files that are there already are kept as they are. Else they are replaced.
    pub keep_existing: bool,
    /// 3. To be deleted: files of an earlier try that have no successor, and runs of event ids that are not
    ///    used any more.
    pub stale: Vec<String>,
    /// 4. The next run of event ids, where there are new ones.
    pub window: Option<File>,
    /// 5. The segment of the manifest, with the cut.
    pub manifest: File,
    /// 6. The checkpoint, with the cut committed.
    pub commit: File,
    /// What became of the batch's records.
    pub counts: Counts,
}

/// A batch could not be cut. A defect of Forebay: nothing in the data should cause it.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// A table.
    #[error("rows cannot be put into a table: {0}")]
    Table(#[from] ArrowError),
    /// A file.
    #[error("rows cannot be written as Parquet: {0}")]
    Parquet(#[from] ParquetError),
    /// A checkpoint.
    #[error("a checkpoint cannot be written as JSON: {0}")]
    Checkpoint(#[from] serde_json::Error),
}

impl ClosedBatch {
    /// Encodes the files. Takes a processor for as long as a second: not for an async runtime.
    ///
    /// # Errors
    /// [`EncodeError::Table`], [`EncodeError::Parquet`]
    pub fn encode(self) -> Result<EncodedBatch, EncodeError> {
        self.encode_with(|content| match content {
            Content::Rows(table) => Ok(table.to_parquet()?),
            Content::Rejected(entries) => Ok(to_parquet(&entries.finish()?)?),
        })
    }

    /// [`ClosedBatch::encode`] with another way to turn content into bytes: simulations have no use
    /// for Parquet.
    ///
    /// # Errors
    /// Those of `encode`.
    pub fn encode_with(
        self,
        encode: impl Fn(Content) -> Result<Vec<u8>, EncodeError>,
    ) -> Result<EncodedBatch, EncodeError> {
        let mut files = Vec::with_capacity(self.drafts.len());
        let mut entries = Vec::with_capacity(self.drafts.len());
        for draft in self.drafts {
            let bytes = encode(draft.content)?;
            entries.push(FileEntry {
                path: draft.path.clone(),
                rows: Some(draft.rows),
                bytes: Some(bytes.len() as u64),
                sha256: Some(sha256(&bytes)),
            });
            files.push(File {
                path: draft.path,
                bytes: bytes.into(),
            });
        }
        Ok(EncodedBatch {
            range: self.range,
            counts: self.counts,
            keys: self.keys,
            files,
            entries,
        })
    }
}
