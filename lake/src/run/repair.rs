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

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};

use super::load::named_after;
use super::survey::{ShardSurvey, Survey};
use super::verify::{count, look};
use crate::cut::{Batch, ClosedBatch, Draft, EncodeError, File};
use crate::record::{EventKey, WINDOW_EVENTS, Window};
use crate::source::{Position, SequenceNumber, StreamRecord};
use crate::state::{
    Checkpoint, Counts, CutEntry, FileEntry, Segment, Slot, StatePaths, WindowRef, sha256,
};
use crate::store::{Existing, STATE_FOLDER, Store, StoreError};
use crate::table::{Catalog, event_ids};

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
    let mut repair = Repair {
        gone: Vec::new(),
        pending,
        store,
        catalog,
        stream,
        current: current.folder().to_owned(),
        repaired: Repaired::default(),
        files: survey.files,
    };
    for mut shard in survey.shards {
        let key = (shard.paths.folder().to_owned(), shard.shard.clone());
        let strays = strays.get(&key).cloned().unwrap_or_default();
        let changed = repair.mend_files(&mut shard).await?;
        repair.mend_state(shard, strays, changed).await?;
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

    // Files of cuts that are known.

    /// Makes files again that are missing or differ from what was written. Returns whether the manifest
    /// has changed.
    async fn mend_files(&mut self, shard: &mut ShardSurvey) -> Result<bool, RepairError> {
        let mut changed = false;
        let mut delta = Delta::default();
        let mut segments = std::mem::take(&mut shard.segments);
        for segment in &mut segments {
            for cut in &mut segment.cuts {
                delta += self.mend_cut(shard, cut).await?;
                delta.apply(&mut cut.total);
            }
            if delta.any {
                changed = true;
                let path = shard.paths.segment(&shard.shard, segment.number);
                let text = segment.to_text().map_err(EncodeError::from)?;
                self.put(path, text).await?;
            }
        }
        shard.segments = segments;
        if let Ok(checkpoint) = &mut shard.checkpoint {
            delta.apply(&mut checkpoint.counts);
        }
        Ok(changed)
    }

    async fn mend_cut(
        &mut self,
        shard: &ShardSurvey,
        cut: &mut CutEntry,
    ) -> Result<Delta, RepairError> {
        let mut damaged = Vec::new();
        for file in &cut.files {
            let is_listed = self.files.contains_key(&file.path);
            if look(self.store, file, is_listed).await?.is_err() {
                damaged.push(file.path.clone());
            }
        }
        let mut delta = Delta::default();
        if damaged.is_empty() {
            return Ok(delta);
        }
        delta.any = true;
        // One cut may have taken in the files of several, in an earlier repair.
        let firsts: BTreeSet<_> = damaged
            .iter()
            .filter_map(|path| named_after(path))
            .collect();
        let firsts: Vec<SequenceNumber> = firsts.into_iter().map(|(_, first)| first).collect();
        let mut made = HashMap::new();
        for first in firsts {
            let from = Position::At(first.clone());
            let records = self.read_stream(shard, &from, Some(&cut.last)).await?;
            for (file, entry) in self
                .make_again(&shard.shard, &first, &records, &damaged)
                .await?
            {
                self.store.put(&file, Existing::Replace).await?;
                made.insert(file.path, entry);
            }
        }
        let before = cut.counts;
        for path in damaged {
            let at = cut.files.iter().position(|file| file.path == path);
            let Some(entry) = at.and_then(|at| cut.files.get_mut(at)) else {
                continue;
            };
            let had = entry.rows.unwrap_or_default();
            let has = match made.remove(&path) {
                Some(made) => {
                    *entry = made;
                    self.files
                        .insert(path.clone(), entry.bytes.unwrap_or_default());
                    entry.rows.unwrap_or_default()
                }
                None => {
                    self.set_aside(&path).await?;
                    cut.files.retain(|file| file.path != path);
                    0
                }
            };
            if has < had {
                let rows = had - has;
                let what = format!("{path}: {rows} of {had} are in no file and not in the stream");
                self.gone.push((what, rows));
            } else {
                self.done(format_args!(
                    "{path}: made again from the stream, with {has} rows or entries"
                ));
            }
            let part = match path.starts_with("events/") {
                true => &mut cut.counts.rows,
                false => &mut cut.counts.rejected,
            };
            *part = (*part + has).saturating_sub(had);
        }
        balance(&mut cut.counts, before.records);
        delta.note(before, cut.counts);
        Ok(delta)
    }

    /// Files that are damaged, from records of the stream: the rows that no other file has.
    async fn make_again(
        &self,
        shard: &str,
        first: &SequenceNumber,
        records: &[StreamRecord],
        damaged: &[String],
    ) -> Result<Vec<(File, FileEntry)>, RepairError> {
        let seen = self.seen_elsewhere(shard, damaged).await?;
        let mut batch = Batch::default();
        batch.known_rejected = seen.rejected;
        for record in records {
            let known = |key| seen.events.contains(&key);
            batch.take_unless(self.catalog, shard, known, record);
        }
        let mut drafts = batch.drafts(self.catalog, shard, first);
        drafts.retain(|draft| damaged.contains(&draft.path));
        encode(drafts, first).await
    }

    /// What files that are whole have of the tables of those that are not.
    async fn seen_elsewhere(&self, shard: &str, damaged: &[String]) -> Result<Seen, RepairError> {
        let table = |path: &str| path.split("/year=").next().map(str::to_owned);
        let tables: HashSet<_> = damaged.iter().filter_map(|path| table(path)).collect();
        let is_asked = |path: &String| {
            table(path).is_some_and(|table| tables.contains(&table)) && !damaged.contains(path)
        };
        self.seen_in(shard, is_asked).await
    }

    /// What some files have.
    async fn seen_in(
        &self,
        shard: &str,
        is_asked: impl Fn(&String) -> bool,
    ) -> Result<Seen, RepairError> {
        let mut seen = Seen::default();
        for path in self.files.keys().filter(|path| is_asked(path)) {
            let Some(bytes) = self.store.read(path).await? else {
                continue;
            };
            if path.starts_with("events/") {
                let ids = spawn_blocking(move || event_ids(bytes)).await?;
                let ids = ids.unwrap_or_default();
                seen.events.extend(ids.iter().map(|id| EventKey::new(id)));
            } else if named_after(path).is_some_and(|(owner, _)| owner == shard) {
                seen.rejected.extend(rejected_numbers(&bytes));
            }
        }
        Ok(seen)
    }

    /// Takes a file that no engine can read out of the readers' way. Its bytes are kept.
    async fn set_aside(&mut self, path: &str) -> Result<(), RepairError> {
        self.files.remove(path);
        if let Some(bytes) = self.store.read(path).await? {
            let aside = format!("{STATE_FOLDER}/damaged/{path}");
            self.put(aside.clone(), bytes).await?;
            self.store.delete(path).await?;
            self.done(format_args!(
                "{path}: differs from what was written; moved to {aside}"
            ));
        }
        Ok(())
    }

    // State.

    async fn mend_state(
        &mut self,
        shard: ShardSurvey,
        strays: Vec<(SequenceNumber, String)>,
        manifest_changed: bool,
    ) -> Result<(), RepairError> {
        let mut next = self.base(&shard).await?;
        let beyond = next.committed.clone();
        let mut again: Vec<String> = Vec::new();
        let mut adopted = strays.clone();
        if let Some(cut) = next.pending.take() {
            let from = Position::At(cut.first.clone());
            let records = self.read_stream(&shard, &from, None).await?;
            if records
                .first()
                .is_some_and(|record| record.sequence_number == cut.first)
            {
                next.pending = Some(cut);
            } else {
                // It cannot be repeated as it was: what it has written is kept.
                let files = cut.files.into_iter();
                let there = files.filter(|path| self.files.contains_key(path));
                adopted.extend(there.map(|path| (cut.first.clone(), path)));
                next.committed = Some(cut.first);
            }
        }
        // The last cut whose files are beyond what is known: whole or not.
        let last = strays.last().map(|(first, _)| first.clone());
        let was_beyond = next.committed.clone();
        let last = last.filter(|first| was_beyond.as_ref().is_none_or(|last| first > last));
        if let Some(last) = last {
            if let Some(cut) = next.pending.take() {
                let files = cut.files.into_iter();
                let there = files.filter(|path| self.files.contains_key(path));
                adopted.extend(there.map(|path| (cut.first.clone(), path)));
            }
            let from = Position::At(last.clone());
            let records = self.read_stream(&shard, &from, None).await?;
            if records
                .first()
                .is_some_and(|record| record.sequence_number == last)
            {
                let is_last = |first: &SequenceNumber| *first == last;
                again.extend(
                    adopted
                        .iter()
                        .filter(|(first, _)| is_last(first))
                        .map(|(_, path)| path.clone()),
                );
                adopted.retain(|(first, _)| !is_last(first));
                next.committed = adopted
                    .iter()
                    .map(|(first, _)| first.clone())
                    .max()
                    .max(next.committed);
                next.resume = Some(last);
            } else {
                next.committed = Some(last);
                next.resume = None;
            }
        }
        let known: Vec<&CutEntry> = shard.cuts().filter(|cut| cut.cut <= next.cuts).collect();
        let mut sum = Counts::default();
        known.iter().for_each(|cut| sum += cut.counts);
        let has_last = known.last().is_some_and(|cut| cut.cut == next.cuts) || next.cuts == 0;
        let is_whole = has_last
            && sum == next.counts
            && adopted.is_empty()
            && shard.damaged_segments.is_empty();
        let same = shard.checkpoint.as_ref().is_ok_and(|found| *found == next);
        if same && is_whole && again.is_empty() && shard.window.is_ok() && !manifest_changed {
            return Ok(());
        }
        let gone = std::mem::take(&mut self.gone);
        let mut entries = Vec::new();
        for (first, path) in &adopted {
            // What cannot be read is set aside here, before the stream is held to the files.
            entries.extend(self.entry_of(first, path).await?);
        }
        if !is_whole || !gone.is_empty() {
            let found = self.reconcile(&shard, &next, &again).await?;
            let rows: u64 = found.iter().filter_map(|(_, entry)| entry.rows).sum();
            if rows < gone.iter().map(|(_, rows)| rows).sum() {
                gone.iter().for_each(|(what, _)| self.lost(what));
            }
            adopted.extend(
                found
                    .iter()
                    .map(|(first, entry)| (first.clone(), entry.path.clone())),
            );
            let named = found.iter().map(|(first, _)| first.clone()).max();
            next.committed = named.max(next.committed);
            entries.extend(found);
        }
        if !is_whole || !entries.is_empty() {
            self.close_manifest(&shard, &mut next, sum, entries, &beyond)
                .await?;
        }
        let window_holds = same && shard.window.is_ok() && gone.is_empty();
        if !window_holds || !again.is_empty() || !adopted.is_empty() {
            // A cut that is taken for whole is not under way any more.
            if next.pending.is_none() {
                let was = shard.checkpoint.iter().flat_map(|found| &found.pending);
                for path in was.flat_map(|cut| &cut.files) {
                    self.pending.remove(path);
                }
            }
            let window = self.window_of_files(&again).await?;
            let slot = match shard
                .checkpoint
                .as_ref()
                .ok()
                .and_then(|found| found.window.as_ref())
            {
                Some(window) => window.slot.other(),
                None => Slot::A,
            };
            let (bytes, sha256) = window.to_bytes();
            self.put(shard.paths.window(&shard.shard, slot), bytes)
                .await?;
            next.window = Some(WindowRef { slot, sha256 });
        }
        let path = shard.paths.checkpoint(&shard.shard);
        self.put(path.clone(), next.to_bytes().map_err(EncodeError::from)?)
            .await?;
        self.done(format_args!(
            "{path}: rebuilt; {} rows, {} rejected",
            next.counts.rows, next.counts.rejected
        ));
        for path in again {
            self.store.delete(&path).await?;
            self.files.remove(&path);
            self.done(format_args!(
                "{path}: deleted, its records will be read again"
            ));
        }
        Ok(())
    }

    /// How far a shard was read for certain.
    async fn base(&mut self, shard: &ShardSurvey) -> Result<Checkpoint, RepairError> {
        let last = shard.cuts().max_by_key(|cut| cut.cut);
        let mut base = match (&shard.checkpoint, last) {
            (Ok(found), Some(cut)) if cut.cut > found.cuts => Checkpoint {
                pending: None,
                ..of_cut(cut, shard, found.ended)
            },
            (Ok(found), _) => found.clone(),
            (Err(_), Some(cut)) => of_cut(cut, shard, false),
            (Err(_), None) => Checkpoint::default(),
        };
        let committed = match &base.committed {
            Some(committed) if !base.ended => committed.clone(),
            _ => return Ok(base),
        };
        if shard.paths.folder() == self.current && self.is_beyond_end(shard, &committed).await? {
            let mut ends: Vec<&SequenceNumber> = shard.cuts().map(|cut| &cut.last).collect();
            ends.sort_unstable();
            base = last.map_or_else(Checkpoint::default, |cut| of_cut(cut, shard, false));
            base.committed = None;
            while let Some(end) = ends.pop() {
                if !self.is_beyond_end(shard, end).await? {
                    base.committed = Some(end.clone());
                    break;
                }
            }
        }
        Ok(base)
    }

    /// Whether a shard has records, and all of them come before this one.
    async fn is_beyond_end(
        &self,
        shard: &ShardSurvey,
        number: &SequenceNumber,
    ) -> Result<bool, RepairError> {
        let at = Position::At(number.clone());
        if !self.read_stream(shard, &at, None).await?.is_empty() {
            return Ok(false);
        }
        let oldest = self
            .read_stream(shard, &Position::TrimHorizon, None)
            .await?;
        let oldest = oldest.first().map(|record| &record.sequence_number);
        Ok(oldest.is_some_and(|oldest| oldest < number))
    }

    /// Compares the stream with the files, where the manifest cannot say which files there were: writes the
    /// records that were read and that no file has.
    async fn reconcile(
        &mut self,
        shard: &ShardSurvey,
        next: &Checkpoint,
        again: &[String],
    ) -> Result<Vec<(SequenceNumber, FileEntry)>, RepairError> {
        let mut written = Vec::new();
        let end = next.resume.as_ref().or(next.committed.as_ref());
        let (Some(end), true) = (end, shard.paths.folder() == self.current) else {
            return Ok(written);
        };
        let is_read = |record: &StreamRecord| match &next.resume {
            Some(resume) => record.sequence_number < *resume,
            None => record.sequence_number <= *end,
        };
        let mut seen = self
            .seen_in(&shard.shard, |path| !again.contains(path))
            .await?;
        let mut from = Position::TrimHorizon;
        loop {
            let records = self.read_stream(shard, &from, None).await?;
            let Some(last) = records.last() else {
                return Ok(written);
            };
            from = Position::After(last.sequence_number.clone());
            let is_over = !is_read(last);
            let mut batch = Batch::default();
            batch.known_rejected.clone_from(&seen.rejected);
            for record in records.iter().filter(|record| is_read(record)) {
                let known = |key| seen.events.contains(&key);
                batch.take_unless(self.catalog, &shard.shard, known, record);
            }
            seen.events.extend(batch.keys.iter().copied());
            for (first, file, entry) in self.encode_apart(&shard.shard, batch, &records).await? {
                self.done(format_args!("{}: made from the stream", file.path));
                let bytes = file.bytes.len() as u64;
                self.files.insert(file.path.clone(), bytes);
                self.store.put(&file, Existing::Replace).await?;
                written.push((first, entry));
            }
            if is_over {
                return Ok(written);
            }
        }
    }

    /// The files of a batch, named after one of its records so that none has the name of another.
    async fn encode_apart(
        &self,
        shard: &str,
        mut batch: Batch,
        records: &[StreamRecord],
    ) -> Result<Vec<(SequenceNumber, File, FileEntry)>, RepairError> {
        let Some((first, _)) = batch.range.clone() else {
            return Ok(Vec::new());
        };
        let mut drafts = batch.drafts(self.catalog, shard, &first);
        let name = format!("{shard}-{first}.");
        let mut named = first.clone();
        for record in records {
            let other = format!("{shard}-{}.", record.sequence_number);
            let is_taken = |path: &str| self.files.contains_key(&path.replace(&name, &other));
            if drafts.iter().all(|draft| !is_taken(&draft.path)) {
                named = record.sequence_number.clone();
                break;
            }
        }
        let other = format!("{shard}-{named}.");
        for draft in &mut drafts {
            draft.path = draft.path.replace(&name, &other);
        }
        drafts.retain(|draft| !self.files.contains_key(&draft.path));
        let files = encode(drafts, &first).await?.into_iter();
        Ok(files
            .map(|(file, entry)| (named.clone(), file, entry))
            .collect())
    }

    /// Ends the manifest with a cut that takes in the files without one, and the counts that the lines
    /// before it do not have.
    async fn close_manifest(
        &mut self,
        shard: &ShardSurvey,
        next: &mut Checkpoint,
        sum: Counts,
        adopted: Vec<(SequenceNumber, FileEntry)>,
        beyond: &Option<SequenceNumber>,
    ) -> Result<(), RepairError> {
        for segment in &shard.segments {
            if shard.damaged_segments.contains(&segment.number) {
                let path = shard.paths.segment(&shard.shard, segment.number);
                self.put(path, segment.to_text().map_err(EncodeError::from)?)
                    .await?;
            }
        }
        let first = adopted.iter().map(|(first, _)| first).min().cloned();
        let mut files = Vec::new();
        let mut new = Counts::default();
        let mut found = Counts::default();
        for (first, entry) in adopted {
            let rows = entry.rows.unwrap_or_default();
            let is_new = beyond.as_ref().is_none_or(|last| first > *last);
            for counts in [Some(&mut found), is_new.then_some(&mut new)]
                .into_iter()
                .flatten()
            {
                match entry.is_table() {
                    true => counts.rows += rows,
                    false => counts.rejected += rows,
                }
            }
            files.push(entry);
        }
        new.records = new.rows + new.rejected;
        next.counts += new;
        // What the checkpoint counts and no file has is missing.
        let rows = sum.rows + found.rows;
        let rejected = sum.rejected + found.rejected;
        let gone =
            next.counts.rows.saturating_sub(rows) + next.counts.rejected.saturating_sub(rejected);
        if gone > 0 {
            let path = shard.paths.checkpoint(&shard.shard);
            self.lost(format_args!(
                "{path}: {gone} rows that it counts are in no file"
            ));
        }
        let counted = next.counts.records.max(sum.records);
        next.counts.rows = rows;
        next.counts.rejected = rejected;
        next.counts.duplicates = next.counts.duplicates.max(sum.duplicates);
        balance(&mut next.counts, counted);
        next.counts.missing = next.counts.missing.max(sum.missing);
        let counts = &mut next.counts;
        counts.records = counts.rows + counts.rejected + counts.duplicates + counts.missing;

        next.cuts += 1;
        let number = shard.segments.iter().map(|segment| segment.number).max();
        next.segment = number.map_or(0, |number| number + 1);
        let last = next.committed.clone();
        let Some(last) = last.or_else(|| next.resume.clone()) else {
            // Nothing was ever read.
            next.cuts = 0;
            next.segment = 0;
            return Ok(());
        };
        let entry = CutEntry {
            cut: next.cuts,
            first: first.unwrap_or_else(|| last.clone()),
            last,
            counts: difference(next.counts, sum),
            total: next.counts,
            files,
        };
        let count = entry.files.len();
        let segment = Segment {
            number: next.segment,
            cuts: vec![entry],
        };
        let path = shard.paths.segment(&shard.shard, segment.number);
        self.put(path.clone(), segment.to_text().map_err(EncodeError::from)?)
            .await?;
        self.done(format_args!(
            "{path}: added {count} files that were in no cut"
        ));
        Ok(())
    }

    /// What is in a file that no cut is known of; `None` where it cannot be read, and is set aside.
    async fn entry_of(
        &mut self,
        first: &SequenceNumber,
        path: &str,
    ) -> Result<Option<(SequenceNumber, FileEntry)>, RepairError> {
        let Some(bytes) = self.store.read(path).await? else {
            return Ok(None);
        };
        let (name, copy) = (path.to_owned(), bytes.clone());
        match spawn_blocking(move || count(&name, copy)).await? {
            Ok(rows) => {
                let entry = FileEntry {
                    path: path.to_owned(),
                    rows: Some(rows),
                    bytes: Some(bytes.len() as u64),
                    sha256: Some(sha256(&bytes)),
                };
                Ok(Some((first.clone(), entry)))
            }
            Err(_) => {
                self.set_aside(path).await?;
                Ok(None)
            }
        }
    }

    /// The latest event ids that the files of all shards have: each of them is a row.
    async fn window_of_files(&self, without: &[String]) -> Result<Window, RepairError> {
        let tables = self.files.keys().filter(|path| path.starts_with("events/"));
        let named = tables.filter_map(|path| Some((named_after(path)?.1, path)));
        let is_whole = |path: &String| !without.contains(path) && !self.pending.contains(path);
        let mut named: Vec<_> = named.filter(|(_, path)| is_whole(path)).collect();
        named.sort_unstable();
        let mut newest_first: Vec<Vec<EventKey>> = Vec::new();
        let mut found = 0;
        for (_, path) in named.into_iter().rev() {
            if found >= WINDOW_EVENTS {
                break;
            }
            if let Some(bytes) = self.store.read(path).await? {
                let ids = spawn_blocking(move || event_ids(bytes))
                    .await?
                    .unwrap_or_default();
                found += ids.len();
                newest_first.push(ids.iter().map(|id| EventKey::new(id)).collect());
            }
        }
        let mut window = Window::default();
        window.extend(newest_first.into_iter().rev().flatten());
        Ok(window)
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

/// By how much counts have changed.
#[derive(Default, Clone, Copy)]
struct Delta {
    any: bool,
    rows: i128,
    rejected: i128,
    missing: i128,
    records: i128,
}

impl Delta {
    fn note(&mut self, before: Counts, after: Counts) {
        let change = |before: u64, after: u64| i128::from(after) - i128::from(before);
        self.rows += change(before.rows, after.rows);
        self.rejected += change(before.rejected, after.rejected);
        self.missing += change(before.missing, after.missing);
        self.records += change(before.records, after.records);
    }

    fn apply(&self, counts: &mut Counts) {
        let add = |count: &mut u64, change: i128| {
            let sum = i128::from(*count) + change;
            *count = u64::try_from(sum.max(0)).unwrap_or(u64::MAX);
        };
        add(&mut counts.rows, self.rows);
        add(&mut counts.rejected, self.rejected);
        add(&mut counts.missing, self.missing);
        add(&mut counts.records, self.records);
    }
}

impl std::ops::AddAssign for Delta {
    fn add_assign(&mut self, other: Delta) {
        self.any |= other.any;
        self.rows += other.rows;
        self.rejected += other.rejected;
        self.missing += other.missing;
        self.records += other.records;
    }
}

/// Makes counts add up to so many records, or more: what is in no file is missing.
fn balance(counts: &mut Counts, records: u64) {
    let there = counts.rows + counts.rejected + counts.duplicates;
    counts.missing = records.saturating_sub(there);
    counts.records = there + counts.missing;
}

fn difference(all: Counts, part: Counts) -> Counts {
    Counts {
        records: all.records.saturating_sub(part.records),
        rows: all.rows.saturating_sub(part.rows),
        rejected: all.rejected.saturating_sub(part.rejected),
        duplicates: all.duplicates.saturating_sub(part.duplicates),
        missing: all.missing.saturating_sub(part.missing),
    }
}

/// A checkpoint as it was to be written for a cut.
fn of_cut(cut: &CutEntry, shard: &ShardSurvey, ended: bool) -> Checkpoint {
    let holds = |segment: &&Segment| segment.cuts.iter().any(|other| other.cut == cut.cut);
    let segment = shard.segments.iter().rev().find(holds);
    Checkpoint {
        committed: Some(cut.last.clone()),
        counts: cut.total,
        cuts: cut.cut,
        segment: segment.map_or(0, |segment| segment.number),
        ended,
        ..Checkpoint::default()
    }
}

/// The sequence numbers of rejected entries.
fn rejected_numbers(bytes: &[u8]) -> impl Iterator<Item = String> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.filter_map(|line| {
        let entry: serde_json::Value = serde_json::from_slice(line).ok()?;
        Some(entry.get("sequence_number")?.as_str()?.to_owned())
    })
}
