//! What a lake has: its state, damaged or not, and its files.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::record::Window;
use crate::run::load::{LoadError, data_files, read_window, state_files};
use crate::run::replay::{self, REPLAY_SHARD};
use crate::source::archive::IMPORT_SHARD;
use crate::state::{
    Checkpoint, CutEntry, Damage, PARTITIONS_FOLDER, Partition, Segment, StatePaths,
};
use crate::store::{Found, Store, StoreError};

/// What is in a lake.
#[derive(Debug)]
pub(super) struct Survey {
    /// Files of rows and rejected entries, with their lengths.
    pub(super) files: BTreeMap<String, u64>,
    pub(super) shards: Vec<ShardSurvey>,
    /// The state of partitions that were merged, by the path of their state.
    pub(super) partitions: BTreeMap<String, Result<Partition, Damage>>,
    /// The files whose rows merges have put into others, and those whose rejected records were replayed.
    pub(super) replaced: HashSet<String>,
}

/// The state of one shard.
#[derive(Debug)]
pub(super) struct ShardSurvey {
    pub(super) paths: StatePaths,
    pub(super) shard: String,
    pub(super) checkpoint: Result<Checkpoint, Damage>,
    /// The window that the checkpoint names, or which of its files is damaged.
    pub(super) window: Result<Window, (String, Damage)>,
    /// The runs of event ids that are there, whether they are named or not.
    pub(super) runs: BTreeSet<u64>,
    /// The undamaged lines of the manifest.
    pub(super) segments: Vec<Segment>,
    /// Segments with damaged lines.
    pub(super) damaged_segments: BTreeSet<u64>,
}

impl ShardSurvey {
    /// Of a shard that has no state.
    pub(super) fn absent(paths: StatePaths, shard: String) -> ShardSurvey {
        ShardSurvey {
            paths,
            shard,
            checkpoint: Err(Damage::Absent),
            window: Ok(Window::default()),
            runs: BTreeSet::new(),
            segments: Vec::new(),
            damaged_segments: BTreeSet::new(),
        }
    }

    /// Whether nothing was ever committed of it. A shard that is closed without records hands on the window of its
    /// parents, by its first run, before its checkpoint says that it has ended.
    pub(super) fn is_unread(&self) -> bool {
        let has_no_cuts = self.segments.is_empty() && self.runs.iter().eq(&[1]);
        has_no_cuts && matches!(self.checkpoint, Err(Damage::Absent))
    }

    /// The cuts that the manifest knows of.
    pub(super) fn cuts(&self) -> impl DoubleEndedIterator<Item = &CutEntry> {
        self.segments.iter().flat_map(|segment| &segment.cuts)
    }

    /// Whether it was read from files, as an import or a replay, and not from a stream.
    pub(super) fn is_of_files(&self) -> bool {
        let (_, folder) = self.paths.folder().rsplit_once('/').unwrap_or_default();
        let shard = folder.strip_suffix("-0");
        shard.is_some_and(|shard| [IMPORT_SHARD, REPLAY_SHARD].contains(&shard))
    }

    /// The files that the state knows of.
    pub(super) fn known_files(&self) -> impl Iterator<Item = &str> {
        let pending = self.checkpoint.iter().flat_map(|found| &found.pending);
        let pending = pending.flat_map(|cut| cut.files.iter().map(String::as_str));
        let cuts = self.cuts().flat_map(|cut| &cut.files);
        cuts.map(|file| file.path.as_str()).chain(pending)
    }
}

impl Survey {
    /// Whether the state of a partition knows of a file that a merge wrote, or has replaced.
    pub(super) fn is_merged(&self, path: &str) -> bool {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let partition = self.partitions.get(&Partition::path(folder));
        partition.is_some_and(|found| found.as_ref().is_ok_and(|state| state.knows(path)))
    }

    pub(super) async fn make(store: &Store) -> Result<Survey, StoreError> {
        // The files first: what is written meanwhile is in the state by the time that is read.
        let files = data_files(store).await?;
        let files = files
            .into_iter()
            .map(|file| (file.path, file.bytes))
            .collect();
        let mut shards = Vec::new();
        for (folder, found) in state_files(store).await? {
            let paths = StatePaths::of_folder(&folder);
            let ids: BTreeSet<&str> = found.iter().filter_map(shard_of).collect();
            for shard in ids {
                shards.push(shard_survey(store, &paths, shard, &found).await?);
            }
        }
        let partitions = partitions(store).await?;
        let known = partitions.values().flatten();
        let replaced = known.flat_map(|partition| &partition.replaced);
        let mut replaced: HashSet<_> = replaced.map(|file| file.path.clone()).collect();
        match replay::replaced(store).await {
            Ok(replayed) => replaced.extend(replayed),
            Err(LoadError::Store(error)) => return Err(error),
            // The files of a damaged ledger are found as missing.
            Err(_) => {}
        }
        Ok(Survey {
            files,
            shards,
            replaced,
            partitions,
        })
    }
}

async fn partitions(
    store: &Store,
) -> Result<BTreeMap<String, Result<Partition, Damage>>, StoreError> {
    let mut partitions = BTreeMap::new();
    for file in store.list(PARTITIONS_FOLDER).await? {
        if let Some(bytes) = store.read_to_replace(&file.path).await? {
            partitions.insert(file.path, Partition::from_bytes(&bytes));
        }
    }
    Ok(partitions)
}

async fn shard_survey(
    store: &Store,
    paths: &StatePaths,
    shard: &str,
    found: &[Found],
) -> Result<ShardSurvey, StoreError> {
    let mut survey = ShardSurvey::absent(paths.clone(), shard.to_owned());
    if let Some(bytes) = store.read_to_replace(&paths.checkpoint(shard)).await? {
        survey.checkpoint = Checkpoint::from_bytes(&bytes);
    }
    let named = survey.checkpoint.as_ref().ok();
    let named = named.and_then(|found| found.window.as_ref());
    survey.window = read_window(store, paths, shard, named).await?;
    let runs = found.iter();
    survey.runs = runs
        .filter_map(|file| number_of(file, shard, ".ids"))
        .collect();
    let mut numbers: Vec<u64> = found
        .iter()
        .filter_map(|file| number_of(file, shard, ".cuts"))
        .collect();
    numbers.sort_unstable();
    for number in numbers {
        let bytes = store.read_to_replace(&paths.segment(shard, number)).await?;
        let (segment, damaged) = Segment::read(number, &bytes.unwrap_or_default());
        if damaged > 0 {
            survey.damaged_segments.insert(number);
        }
        survey.segments.push(segment);
    }
    Ok(survey)
}

fn name(file: &Found) -> Option<&str> {
    Some(file.path.rsplit_once('/')?.1)
}

fn shard_of(file: &Found) -> Option<&str> {
    let name = name(file)?;
    let stem = ["json", "ids", "cuts"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending)?.strip_suffix('.'))?;
    Some(stem.split_once('.').map_or(stem, |(shard, _)| shard))
}

/// The number in the name of a file of the shard that ends so.
fn number_of(file: &Found, shard: &str, ending: &str) -> Option<u64> {
    let rest = name(file)?.strip_prefix(shard)?.strip_prefix('.')?;
    rest.strip_suffix(ending)?.parse().ok()
}
