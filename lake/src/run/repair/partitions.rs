//! The state of partitions that were merged, and the files that merges wrote.

use std::collections::{BTreeSet, HashSet};

use tokio::task::spawn_blocking;

use super::{Repair, RepairError, Stream};
use crate::cut::EncodeError;
use crate::run::load::named_after;
use crate::run::survey::{ShardSurvey, Survey};
use crate::run::verify::{count, look};
use crate::source::SequenceNumber;
use crate::state::{FileEntry, Partition, Replaced, sha256};

impl<S: Stream> Repair<'_, S> {
    /// Rebuilds the state of partitions where it is damaged or gone, and sets aside merged files that are not
    /// what was written: what they had is read from the stream, as far as it is there.
    pub(super) async fn mend_partitions(&mut self, survey: &mut Survey) -> Result<(), RepairError> {
        let merged = self.files.keys().filter(|path| Partition::is_merged(path));
        let folders = merged.filter_map(|path| Some(path.rsplit_once('/')?.0.to_owned()));
        let known = survey.partitions.keys();
        let known = known.filter_map(|path| Partition::folder_of(path));
        let folders: BTreeSet<String> = folders.chain(known).collect();
        for folder in folders {
            let path = Partition::path(&folder);
            let found = survey.partitions.remove(&path);
            let partition = match found {
                Some(Ok(partition)) if self.knows_all(&folder, &partition) => {
                    self.mend_merged(&path, partition).await?
                }
                Some(Ok(older)) => self.rebuild(survey, &folder, older).await?,
                _ => self.rebuild(survey, &folder, Partition::default()).await?,
            };
            self.is_unfinished |= partition.lost > 0;
            self.adopted += partition.adopted;
            for file in partition.replaced {
                self.replaced.insert(file.path.clone());
                self.unnamed.insert(file.path, file.rows);
            }
        }
        let cuts = survey.shards.iter().flat_map(ShardSurvey::cuts);
        let named = cuts.flat_map(|cut| &cut.files);
        let named: HashSet<&str> = named.map(|file| file.path.as_str()).collect();
        let files = &self.files;
        self.unnamed
            .retain(|path, _| !named.contains(path.as_str()) && !files.contains_key(path));
        Ok(())
    }

    /// The files of a shard that were merged and that no cut names any more.
    pub(super) fn take_unnamed(&mut self, shard: &str) -> Vec<(SequenceNumber, FileEntry)> {
        let mut entries = Vec::new();
        self.unnamed.retain(|path, rows| {
            let Some((_, first)) = named_after(path).filter(|(owner, _)| *owner == shard) else {
                return true;
            };
            let mut entry = FileEntry::unknown(path.clone());
            entry.rows = Some(*rows);
            entries.push((first, entry));
            false
        });
        entries
    }

    /// Whether a partition's state is that of its merged files, and not an older one.
    fn knows_all(&self, folder: &str, partition: &Partition) -> bool {
        let prefix = format!("{folder}/");
        let mut files = self.files.keys().filter(|path| path.starts_with(&prefix));
        files.all(|path| !Partition::is_merged(path) || partition.knows(path))
    }

    async fn mend_merged(
        &mut self,
        path: &str,
        mut partition: Partition,
    ) -> Result<Partition, RepairError> {
        // Else a cut that is read again could take them for its own.
        for replaced in std::mem::take(&mut partition.replacing) {
            if self.files.remove(&replaced).is_some() {
                self.store.delete(&replaced).await?;
            }
        }
        let mut damaged = Vec::new();
        for file in &partition.files {
            let is_listed = self.files.contains_key(&file.path);
            if look(self.store, file, is_listed).await?.is_err() {
                damaged.push(file.clone());
            }
        }
        if damaged.is_empty() {
            return Ok(partition);
        }
        for file in damaged {
            self.set_aside(&file.path).await?;
            let rows = file.rows.unwrap_or_default();
            partition.files.retain(|other| other.path != file.path);
            partition.lost += rows;
            self.merged_lost += rows;
            self.done(format_args!(
                "{}: {rows} rows are taken from the stream, where no other file has them",
                file.path
            ));
        }
        self.put_partition(path, &partition).await?;
        Ok(partition)
    }

    /// The state of a partition from its files: what merges wrote is in force, and files of cuts that are gone
    /// were merged. `older` is what the state said at some time.
    async fn rebuild(
        &mut self,
        survey: &Survey,
        folder: &str,
        older: Partition,
    ) -> Result<Partition, RepairError> {
        let path = Partition::path(folder);
        let mut partition = Partition {
            replaced: older.replaced,
            ..Partition::default()
        };
        let prefix = format!("{folder}/");
        let cuts = survey.shards.iter().flat_map(ShardSurvey::cuts);
        for file in cuts.flat_map(|cut| &cut.files) {
            let is_gone = file.path.starts_with(&prefix) && !self.files.contains_key(&file.path);
            let is_known = |path: &str| partition.replaced.iter().any(|other| other.path == path);
            if is_gone && !is_known(&file.path) {
                partition.replaced.push(Replaced {
                    path: file.path.clone(),
                    rows: file.rows.unwrap_or_default(),
                });
            }
        }
        let names = self.files.keys().filter(|path| path.starts_with(&prefix));
        let merged: Vec<String> = names
            .filter(|path| Partition::is_merged(path))
            .cloned()
            .collect();
        for name in merged {
            let Some(bytes) = self.store.read(&name).await? else {
                continue;
            };
            let (named, copy) = (name.clone(), bytes.clone());
            match spawn_blocking(move || count(&named, copy)).await? {
                Ok(rows) => partition.files.push(FileEntry {
                    path: name,
                    rows: Some(rows),
                    bytes: Some(bytes.len() as u64),
                    sha256: Some(sha256(&bytes)),
                }),
                Err(_) => self.set_aside(&name).await?,
            }
        }
        partition.number_after_files();
        let had: u64 = partition.replaced.iter().map(|file| file.rows).sum();
        let has: u64 = partition.files.iter().filter_map(|file| file.rows).sum();
        partition.adopted = has.saturating_sub(had);
        partition.lost = had.saturating_sub(has);
        // Second copies that merges have left out look the same as lost rows. The stream tells.
        self.merged_lost += partition.lost;
        self.put_partition(&path, &partition).await?;
        self.done(format_args!("{path}: rebuilt, with {has} rows"));
        Ok(partition)
    }

    async fn put_partition(&self, path: &str, partition: &Partition) -> Result<(), RepairError> {
        let bytes = partition.to_bytes().map_err(EncodeError::from)?;
        self.put(path.to_owned(), bytes).await
    }
}
