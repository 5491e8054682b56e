//! Loads the state of the shards, and compares it with the files that are there.

use std::collections::{BTreeMap, HashSet};

use thiserror::Error;

use crate::record::{Run, Window};
use crate::source::SequenceNumber;
use crate::state::{
    Checkpoint, Damage, PARTITIONS_FOLDER, Partition, Segment, StatePaths, WindowRef,
};
use crate::store::{Found, STATE_FOLDER, Store, StoreError, is_lease};

/// Why reading into a lake cannot go on from its state.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The storage.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the state.
    #[error(
        "{path} is damaged: {damage}; stop here and run `forebay-lake repair`, which rebuilds the \
         state from the files and the stream"
    )]
    Damaged {
        /// The file, below the root of the lake.
        path: String,
        /// What is wrong with it.
        damage: Damage,
    },
    /// Files that no checkpoint knows of: the state is lost, or older than the files.
    #[error(
        "the lake has files that its state does not know of, e.g. {example}: reading their records \
         again would write each a second time; run `forebay-lake repair`, which rebuilds the state \
         from the files and the stream, or use `--files-without-state ignore` if another program \
         wrote the files"
    )]
    FilesWithoutState {
        /// One of them.
        example: String,
    },
    /// The checkpoint names a record that the stream has not come to yet.
    #[error(
        "{path} says that the shard was read up to a record that lies beyond its end, so it is not of \
         this stream; run `forebay-lake repair`, which finds the last record whose rows are in the \
         lake"
    )]
    BeyondEnd {
        /// The checkpoint.
        path: String,
    },
}

/// The state of a shard.
#[derive(Debug, Default)]
pub struct ShardState {
    /// How far it was read.
    pub checkpoint: Checkpoint,
    /// The event ids seen lately.
    pub window: Window,
    /// The last segment of its manifest.
    pub segment: Segment,
}

/// Reads a checkpoint; the default one for a shard that was never read.
///
/// # Errors
/// [`LoadError::Store`], [`LoadError::Damaged`]
pub async fn load_checkpoint(
    store: &Store,
    paths: &StatePaths,
    shard: &str,
) -> Result<Checkpoint, LoadError> {
    let path = paths.checkpoint(shard);
    let Some(bytes) = store.read(&path).await? else {
        return Ok(Checkpoint::default());
    };
    Checkpoint::from_bytes(&bytes).map_err(|damage| LoadError::Damaged { path, damage })
}

/// The event ids that belong to a checkpoint.
///
/// # Errors
/// [`LoadError::Store`], [`LoadError::Damaged`]
pub async fn load_window(
    store: &Store,
    paths: &StatePaths,
    shard: &str,
    checkpoint: &Checkpoint,
) -> Result<Window, LoadError> {
    let read = read_window(store, paths, shard, checkpoint.window.as_ref()).await?;
    read.map_err(|(path, damage)| LoadError::Damaged { path, damage })
}

/// The window that a checkpoint names, or the file that is damaged.
pub(super) async fn read_window(
    store: &Store,
    paths: &StatePaths,
    shard: &str,
    named: Option<&WindowRef>,
) -> Result<Result<Window, (String, Damage)>, StoreError> {
    let Some(named) = named else {
        return Ok(Ok(Window::default()));
    };
    let mut runs = Vec::new();
    let mut last = String::new();
    for number in &named.runs {
        last = paths.run(shard, *number);
        let run = match store.read(&last).await? {
            Some(bytes) => Run::from_bytes(*number, &bytes),
            None => Err(Damage::Absent),
        };
        match run {
            Ok(run) => runs.push(run),
            Err(damage) => return Ok(Err((last, damage))),
        }
    }
    Ok(Window::from_runs(runs, named).map_err(|damage| (last, damage)))
}

/// All of a shard's state, to go on from it: its writes will replace what is read here.
///
/// # Errors
/// [`LoadError::Store`], [`LoadError::Damaged`]
pub async fn load_shard(
    store: &Store,
    paths: &StatePaths,
    shard: &str,
) -> Result<ShardState, LoadError> {
    let path = paths.checkpoint(shard);
    let checkpoint = match store.read_to_replace(&path).await? {
        Some(bytes) => {
            Checkpoint::from_bytes(&bytes).map_err(|damage| LoadError::Damaged { path, damage })?
        }
        None => Checkpoint::default(),
    };
    let window = load_window(store, paths, shard, &checkpoint).await?;
    let runs = checkpoint.window.iter().flat_map(|window| &window.runs);
    let next = runs.max().map_or(1, |number| number + 1);
    store.learn_version(&paths.run(shard, next)).await?;
    let path = paths.segment(shard, checkpoint.segment + 1);
    store.learn_version(&path).await?;
    let path = paths.segment(shard, checkpoint.segment);
    let bytes = store.read_to_replace(&path).await?;
    let segment = if checkpoint.cuts == 0 {
        Segment::default()
    } else {
        let read = match bytes {
            Some(bytes) => Segment::read_up_to(checkpoint.segment, &bytes, checkpoint.cuts),
            None => Err(Damage::Absent),
        };
        read.map_err(|damage| LoadError::Damaged { path, damage })?
    };
    Ok(ShardState {
        checkpoint,
        window,
        segment,
    })
}

/// The shard and the first record that a file of the lake is named after; `None` for files of another
/// making.
pub fn named_after(path: &str) -> Option<(&str, SequenceNumber)> {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let stem = name
        .strip_suffix(".parquet")
        .or_else(|| name.strip_suffix(".ndjson"))?;
    let (shard, first) = stem.rsplit_once('-')?;
    let first = SequenceNumber::try_from(first.to_owned()).ok()?;
    Some((shard, first))
}

/// Files of rows and of rejected entries.
///
/// # Errors
/// [`StoreError::Object`]
pub async fn data_files(store: &Store) -> Result<Vec<Found>, StoreError> {
    let mut files = store.list("events").await?;
    files.extend(store.list("rejected").await?);
    Ok(files)
}

/// The folders of state, one for each stream there was.
///
/// # Errors
/// [`StoreError::Object`]
pub async fn state_files(store: &Store) -> Result<BTreeMap<String, Vec<Found>>, StoreError> {
    let mut folders: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    for file in store.list(STATE_FOLDER).await? {
        let Some((folder, _)) = file.path.rsplit_once('/') else {
            continue;
        };
        let is_of_shards = !folder.starts_with(PARTITIONS_FOLDER) && !is_lease(&file.path);
        if folder != STATE_FOLDER && is_of_shards {
            folders.entry(folder.to_owned()).or_default().push(file);
        }
    }
    Ok(folders)
}

/// Compares the names of all files with the checkpoints of all streams that were read into the lake. Other
/// processes may write meanwhile.
///
/// # Errors
/// [`LoadError`]
pub async fn check_files(store: &Store) -> Result<(), LoadError> {
    // The files first: state names each file before it is written.
    let files = data_files(store).await?;
    let mut furthest: BTreeMap<String, SequenceNumber> = BTreeMap::new();
    for (folder, files) in state_files(store).await? {
        let paths = StatePaths::of_folder(&folder);
        for file in files {
            let Some(shard) = file.shard_of_checkpoint() else {
                continue;
            };
            let checkpoint = load_checkpoint(store, &paths, shard).await?;
            if let Some(last) = checkpoint.furthest() {
                let known = furthest.entry(shard.to_owned()).or_insert(last.clone());
                if last > known {
                    known.clone_from(last);
                }
            }
        }
    }
    let partitions = store.list(PARTITIONS_FOLDER).await?.into_iter();
    let partitions: HashSet<String> = partitions.map(|file| file.path).collect();
    for file in files {
        if Partition::is_merged(&file.path)
            && let Some((folder, _)) = file.path.rsplit_once('/')
            && !partitions.contains(&Partition::path(folder))
        {
            return Err(LoadError::FilesWithoutState { example: file.path });
        }
        let Some((shard, first)) = named_after(&file.path) else {
            continue;
        };
        if furthest.get(shard).is_none_or(|last| first > *last) {
            return Err(LoadError::FilesWithoutState { example: file.path });
        }
    }
    Ok(())
}

impl Found {
    /// The shard whose checkpoint this file is.
    pub fn shard_of_checkpoint(&self) -> Option<&str> {
        self.path.rsplit_once('/')?.1.strip_suffix(".json")
    }
}
