//! The state of a shard: how far it was read, what each cut wrote, and the window of event ids.

use tokio::task::spawn_blocking;

use super::counts::{balance, difference};
use super::{Repair, RepairError, Stream, encode};
use crate::cut::{Batch, EncodeError, File};
use crate::record::{EventKey, WINDOW_EVENTS, Window};
use crate::run::load::named_after;
use crate::run::survey::ShardSurvey;
use crate::run::verify::count;
use crate::source::{Position, SequenceNumber, StreamRecord};
use crate::state::{
    Checkpoint, Counts, CutEntry, FileEntry, Partition, Segment, WindowRef, sha256,
};
use crate::store::Existing;
use crate::table::event_ids;

impl<S: Stream> Repair<'_, S> {
    pub(super) async fn mend_state(
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
        let merged = self.take_unnamed(&shard.shard);
        let is_whole = has_last
            && sum == next.counts
            && adopted.is_empty()
            && merged.is_empty()
            && shard.damaged_segments.is_empty();
        let same = match &shard.checkpoint {
            Ok(found) => *found == next,
            Err(_) => shard.is_unread() && next == Checkpoint::default() && is_whole,
        };
        // Rows of merged files may be of any shard.
        let is_asked =
            !self.gone.is_empty() || self.merged_lost > self.remade || self.is_unfinished;
        let is_sound =
            same && is_whole && again.is_empty() && shard.window.is_ok() && !manifest_changed;
        if is_sound && !is_asked {
            return Ok(());
        }
        let gone = std::mem::take(&mut self.gone);
        let mut entries = merged;
        for (first, path) in &adopted {
            // What cannot be read is set aside here, before the stream is held to the files.
            entries.extend(self.entry_of(first, path).await?);
        }
        if !is_whole || is_asked {
            let found = self.reconcile(&shard, &next, &again).await?;
            if is_sound && found.is_empty() {
                return Ok(());
            }
            let rows: u64 = found.iter().filter_map(|(_, entry)| entry.rows).sum();
            let tables = found.iter().filter(|(_, entry)| entry.is_table());
            self.remade += tables.filter_map(|(_, entry)| entry.rows).sum::<u64>();
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
            let last = shard.runs.last().copied().unwrap_or_default();
            let run = window.whole_run(last);
            let path = shard.paths.run(&shard.shard, run.number);
            self.put(path, run.bytes).await?;
            next.window = Some(WindowRef {
                replaced: shard.runs.iter().copied().collect(),
                ..run.window
            });
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
            seen.events.extend(batch.keys.iter());
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
        let path = shard.paths.checkpoint(&shard.shard);
        let gone = next.counts.rows.saturating_sub(rows);
        if gone > 0 {
            let what = format!("{path}: {gone} rows that it counts are in no file");
            self.uncounted.push((what, gone));
        }
        let gone = next.counts.rejected.saturating_sub(rejected);
        if gone > 0 {
            self.lost(format_args!(
                "{path}: {gone} rejected entries that it counts are in no file"
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
        // Merged files come before all others, by their days.
        let named = tables.filter_map(|path| match Partition::is_merged(path) {
            true => Some(((None, day_of(path)), path)),
            false => Some(((Some(named_after(path)?.1), ""), path)),
        });
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

/// The folders of a day, which sort by time.
fn day_of(path: &str) -> &str {
    path.split_once("/year=").map_or("", |(_, day)| day)
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
