//! Reading one shard so that every record ends in the lake once, whenever the process is killed.
//!
//! There is no IO here. Records go in; what is to be written comes out as a [`Flush`], whose steps are
//! carried out in their order, and each write of which happens whole or not at all:
//!
//! 1. the checkpoint, naming the cut that is under way and its files (the intent),
//! 2. the files, in any order,
//! 3. the deletion of files of an earlier try that have no successor, and of runs of event ids that the cut
//!    before has replaced,
//! 4. the next run of event ids,
//! 5. the segment of the manifest, with what the cut wrote,
//! 6. the checkpoint, with the cut committed.
//!
//! Killed before 1, nothing has happened and the records are read again. Killed after it, the same
//! records are read again from the first to the last of the cut, with the same window, which gives
//! the same files under the same names. Killed after 6, reading goes on behind the cut. A cut that
//! stands in the manifest is complete, even where the checkpoint is lost; a repair relies on that.
//!
//! The window survives as well. Runs are never changed, and have rising numbers: the one of step 4 is named by
//! the checkpoint of step 6 alone, so that until then the window is the one before, and a run that a kill has
//! left is written over under the same number. The checkpoint of step 6 names the runs that it does not use any
//! more; they are deleted after the intent of the next cut, when no checkpoint that uses them is left. So no
//! checkpoint names a run that is not there, and no run is forgotten. [`Window`] says which keys go in which run.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cut::{Batch, ClosedBatch, EncodeError, EncodedBatch, File, Flush};
use crate::record::{EventKey, Window};
use crate::source::{Position, SequenceNumber, StreamRecord};
use crate::state::{Checkpoint, Counts, Cut, CutEntry, FileEntry, Segment, StatePaths};
use crate::table::{Catalog, Rejected};

/// A batch that would have so many files is cut: each takes some 20 KiB of memory, and a millisecond or two to write.
const MOST_FILES: usize = 10_000;
/// From so many files on, a batch may have [`SCATTERED_SIZE`] times the limits..
const MANY_FILES: usize = 1_000;
/// ..until it has so many records for each of them.
const LEAST_RECORDS: u64 = 32;
/// How many times the limits a batch may have whose records are scattered over many files. What costs most of such a
/// batch is its files, and twice as many records hardly have more of them.
const SCATTERED_SIZE: u64 = 4;

/// When a batch is cut, whatever the clock says. One whose records are scattered over a thousand files or more, fewer
/// than 32 in each, is cut at four times these limits.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most records in a batch.
    pub records: u64,
    /// A batch with this many bytes of data, or more, is cut.
    pub bytes: u64,
}

/// A shard being read.
#[derive(Debug)]
pub struct Shard {
    id: String,
    catalog: Arc<Catalog>,
    limits: Limits,
    paths: StatePaths,
    checkpoint: Checkpoint,
    window: Window,
    segment: Segment,
    segment_bytes: usize,
    batch: Batch,
}

impl Shard {
    /// Goes on from a checkpoint, and the window and segment of the manifest that it names. A shard that was
    /// never read goes on from the default checkpoint and the windows of its parents, whose clients it took over.
    pub fn new(
        id: String,
        catalog: Arc<Catalog>,
        limits: Limits,
        paths: StatePaths,
        checkpoint: Checkpoint,
        window: Window,
        segment: Segment,
    ) -> Shard {
        let segment_bytes = segment.to_text().map_or(0, |text| text.len());
        Shard {
            segment,
            segment_bytes,
            id,
            catalog,
            limits,
            paths,
            checkpoint,
            window,
            batch: Batch::default(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The file of its checkpoint, below the root of the lake.
    pub fn checkpoint_path(&self) -> String {
        self.paths.checkpoint(&self.id)
    }

    /// What became of all records that are committed.
    pub fn counts(&self) -> Counts {
        self.checkpoint.counts
    }

    /// Where to read on.
    pub fn position(&self) -> Position {
        match (&self.batch.range, &self.checkpoint.pending) {
            (Some((_, last)), _) => Position::After(last.clone()),
            (None, Some(cut)) => Position::At(cut.first.clone()),
            (None, None) => self.checkpoint.uncommitted(),
        }
    }

    fn last_taken(&self) -> Option<&SequenceNumber> {
        let in_batch = self.batch.range.as_ref().map(|(_, last)| last);
        in_batch.or(self.checkpoint.committed.as_ref())
    }

    /// Takes records from the front, up to the end of the batch. Returns whether the batch has to be
    /// cut now; until it is, nothing more is taken.
    pub fn take(&mut self, records: &mut VecDeque<StreamRecord>) -> bool {
        while !self.is_full() {
            let Some(record) = records.front() else {
                return false;
            };
            let number = &record.sequence_number;
            let pending = self.checkpoint.pending.as_ref();
            if pending.is_some_and(|cut| *number > cut.last) {
                return true;
            }
            // A reader that starts over from an earlier place is no second delivery.
            let taken = self.last_taken().is_some_and(|last| number <= last);
            if !taken {
                self.batch
                    .take(&self.catalog, &self.id, &self.window, record);
            }
            records.pop_front();
        }
        true
    }

    /// Takes a record in that was rejected before, under a number of this shard; what is an event that was
    /// `seen`, or is in the window, is a duplicate. Returns whether the batch has to be cut now.
    pub fn take_again(
        &mut self,
        number: &SequenceNumber,
        entry: &Rejected<'_>,
        seen: impl Fn(EventKey) -> bool,
    ) -> bool {
        let taken = self.last_taken().is_some_and(|last| number <= last);
        if !taken {
            let window = &self.window;
            let seen = |key| window.contains(key) || seen(key);
            self.batch.take_again(&self.catalog, number, seen, entry);
        }
        self.is_full()
    }

    /// Whether a batch that is made again ends before this record: it has to be cut first.
    pub fn is_beyond(&self, number: &SequenceNumber) -> bool {
        let pending = self.checkpoint.pending.as_ref();
        pending.is_some_and(|cut| *number > cut.last)
    }

    /// Bytes of data in the batch.
    pub fn open_bytes(&self) -> u64 {
        self.batch.bytes
    }

    fn is_full(&self) -> bool {
        match (&self.checkpoint.pending, &self.batch.range) {
            (Some(cut), Some((_, last))) => *last >= cut.last,
            (Some(_), None) => false,
            (None, _) => {
                let (files, records) = (self.batch.files(), self.batch.counts.records);
                let is_scattered = files >= MANY_FILES && records < LEAST_RECORDS * files as u64;
                let times = if is_scattered { SCATTERED_SIZE } else { 1 };
                records >= self.limits.records.saturating_mul(times)
                    || self.batch.bytes >= self.limits.bytes.saturating_mul(times)
                    || files >= MOST_FILES
            }
        }
    }

    /// Whether there is a batch that may be cut at any time. A batch that is being read again may
    /// not: its end is written down.
    pub fn is_open(&self) -> bool {
        self.checkpoint.pending.is_none() && self.batch.range.is_some()
    }

    /// How many files the batch would have now.
    pub fn open_files(&self) -> usize {
        self.batch.files()
    }

    /// How many records are in the batch.
    pub fn open_records(&self) -> u64 {
        self.batch.counts.records
    }

    /// Whether a batch that was cut before is being read again.
    pub fn is_replaying(&self) -> bool {
        self.checkpoint.pending.is_some()
    }

    /// Takes the batch out, to be encoded and handed to [`Shard::flush`] before anything else is taken
    /// in. `None` where there is nothing to cut.
    ///
    /// To be called when [`Shard::take`] asks for it, when an open batch has waited long enough, and
    /// for a batch being read again when the stream has no more of it.
    pub fn close(&mut self) -> Option<ClosedBatch> {
        let pending = self.checkpoint.pending.as_ref();
        let range = match (pending, &self.batch.range) {
            (Some(cut), _) => (cut.first.clone(), cut.last.clone()),
            (None, range) => range.clone()?,
        };
        let mut batch = std::mem::take(&mut self.batch);
        Some(ClosedBatch {
            drafts: batch.drafts(&self.catalog, &self.id, &range.0),
            counts: batch.counts,
            keys: batch.keys.iter().collect(),
            range,
        })
    }

    /// What is to be written for a batch that was closed. From here on the shard is as if all of it
    /// had been carried out: it must be, before the next flush.
    ///
    /// # Errors
    /// [`EncodeError::Checkpoint`], after which the shard is of no more use.
    pub fn flush(&mut self, batch: EncodedBatch) -> Result<Flush, EncodeError> {
        let (first, last) = batch.range;
        let earlier = self.checkpoint.pending.take();
        let mut counts = batch.counts;
        let expected = earlier.as_ref().map_or(counts.records, |cut| cut.records);
        counts.missing = expected.saturating_sub(counts.records);
        counts.records += counts.missing;

        self.window.extend(batch.keys);
        let files = batch.files;
        let mut written = earlier.map_or(Vec::new(), |cut| cut.files);
        // Of a batch read again under another schema, some files may have no successor.
        let mut stale = written.clone();
        stale.retain(|path| files.iter().all(|file| file.path != *path));
        written.extend(files.iter().map(|file| file.path.clone()));
        written.sort_unstable();
        written.dedup();

        // What lies there may be the only copy of a record that the stream no longer has.
        let keep_existing = counts.missing > 0;
        let mut entries = batch.entries;
        if keep_existing {
            stale.clear();
            entries = written.iter().cloned().map(FileEntry::unknown).collect();
        }
        let pending = Checkpoint {
            pending: Some(Cut {
                first: first.clone(),
                last: last.clone(),
                records: expected,
                files: written,
            }),
            ..self.checkpoint.clone()
        };
        let intent = self.checkpoint_file(&pending)?;
        let replaced = self.checkpoint.window.iter_mut();
        let replaced = replaced.flat_map(|window| std::mem::take(&mut window.replaced));
        stale.extend(replaced.map(|number| self.paths.run(&self.id, number)));
        let window = self.next_run();

        self.checkpoint.committed = Some(last.clone());
        self.checkpoint.resume = None;
        self.checkpoint.counts += counts;
        self.checkpoint.cuts += 1;
        let entry = CutEntry {
            cut: self.checkpoint.cuts,
            first,
            last,
            counts,
            total: self.checkpoint.counts,
            files: entries,
        };
        Ok(Flush {
            intent,
            files,
            keep_existing,
            stale,
            window,
            manifest: self.next_manifest(entry)?,
            commit: self.checkpoint_file(&self.checkpoint)?,
            counts,
        })
    }

    fn next_run(&mut self) -> Option<File> {
        let run = self.window.next_run()?;
        self.checkpoint.window = Some(run.window);
        Some(File {
            path: self.paths.run(&self.id, run.number),
            bytes: run.bytes.into(),
        })
    }

    fn next_manifest(&mut self, entry: CutEntry) -> Result<File, EncodeError> {
        self.segment.push(entry, self.segment_bytes);
        self.checkpoint.segment = self.segment.number;
        let text = self.segment.to_text()?;
        self.segment_bytes = text.len();
        Ok(File {
            path: self.paths.segment(&self.id, self.segment.number),
            bytes: text.into(),
        })
    }

    /// The shard was closed and has been read to its end; nothing is left to cut. What is to be written, one after
    /// the other: its children take over the window, which a shard without records has from its own parents.
    ///
    /// # Errors
    /// [`EncodeError::Checkpoint`]
    pub fn end(&mut self) -> Result<Vec<File>, EncodeError> {
        let window = self.next_run();
        self.checkpoint.ended = true;
        let checkpoint = self.checkpoint_file(&self.checkpoint)?;
        Ok(window.into_iter().chain([checkpoint]).collect())
    }

    fn checkpoint_file(&self, checkpoint: &Checkpoint) -> Result<File, EncodeError> {
        Ok(File {
            path: self.paths.checkpoint(&self.id),
            bytes: checkpoint.to_bytes()?.into(),
        })
    }
}
