//! Files of cuts that are known: what is gone or damaged is made again from the stream.

use std::collections::{BTreeSet, HashMap, HashSet};

use tokio::task::spawn_blocking;

use super::counts::{Delta, balance};
use super::{Repair, RepairError, Seen, Stream, encode};
use crate::cut::{Batch, EncodeError, File};
use crate::record::EventKey;
use crate::run::load::named_after;
use crate::run::survey::ShardSurvey;
use crate::run::verify::look;
use crate::source::{Position, SequenceNumber, StreamRecord};
use crate::state::{CutEntry, FileEntry};
use crate::store::{Existing, STATE_FOLDER};
use crate::table::{event_ids, rejected_places};

impl<S: Stream> Repair<'_, S> {
    /// Makes files again that are missing or differ from what was written. Returns whether the manifest
    /// has changed.
    pub(super) async fn mend_files(
        &mut self,
        shard: &mut ShardSurvey,
    ) -> Result<bool, RepairError> {
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
            if !is_listed && self.replaced.contains(&file.path) {
                continue;
            }
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
    pub(super) async fn seen_in(
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
                let places = spawn_blocking(move || rejected_places(bytes)).await?;
                seen.rejected.extend(places.unwrap_or_default());
            }
        }
        Ok(seen)
    }

    /// Takes a file that no engine can read out of the readers' way. Its bytes are kept.
    pub(super) async fn set_aside(&mut self, path: &str) -> Result<(), RepairError> {
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
}
