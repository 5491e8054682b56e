//! Compaction: the small files of a partition become few files of about [`TARGET_BYTES`], sorted by time, each
//! event once.
//!
//! A merge of a partition happens in these steps, each write whole or not at all:
//!
//! 1. the state of the partition says that merge `n` is under way,
//! 2. the new files, with `n` in their names,
//! 3. the state says that the new files hold the rows of the old ones,
//! 4. the old files are deleted,
//! 5. the state says that they are.
//!
//! Killed before 3, the new files are strays with the number of a merge that was never committed: they are
//! deleted, and the partition is as before. Killed after it, the old files are deleted later. From 2 to 4
//! readers see some rows twice, never a row missing; views count each event once by its id. A query that has
//! listed the files before 4 and reads them after it ends with an error, whenever that is: a time of grace
//! would not change how often that happens. A file that a cut may write again is never merged: only those of
//! committed cuts are.
//!
//! [`choose`] decides without IO; [`merge`] reads and writes Parquet within a bounded memory; the order of
//! the steps is carried out by [`crate::run::compact`].

pub mod choose;
pub mod merge;
pub mod source;

/// A file is full with so many bytes, and not merged again with others.
pub const TARGET_BYTES: u64 = 128 * 1_024 * 1_024;
