//! Where the lake's files are: in a folder, or in a bucket of S3. Each file is there whole or not at
//! all, and only who holds a lease writes.

#[cfg(feature = "aws")]
pub mod bucket;
mod lease;

use std::collections::HashMap;
use std::path::Path as FolderPath;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutResult, UpdateVersion};
use thiserror::Error;

use crate::cut::File;
use lease::{CLAIMS, FolderLease, Lease, ObjectLease, PROCESSES};
pub use lease::{Claim, LeaseTimes, Role};

/// The folder of the state, which is not for readers.
pub const STATE_FOLDER: &str = "_state";

/// A lake that is open for writing.
#[derive(Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    lease: Lease,
    /// Of files whose writes are conditional: the version that this process has read or written. A
    /// process that lost the lease without noticing holds an old one, and its write is refused.
    versions: Mutex<HashMap<String, UpdateVersion>>,
}

/// What may go wrong with the files of a lake.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The folder cannot be made or opened.
    #[error("{path}: {source}; check that the folder can be written to")]
    Folder {
        /// What was to be opened.
        path: String,
        /// Why it was not.
        source: std::io::Error,
    },
    /// Another process writes to the lake.
    #[error(
        "{path} is held by another forebay-lake; stop it first, as only processes of `consume` and \
         `compact` write to a lake together"
    )]
    Locked {
        /// The lock file.
        path: String,
    },
    /// Another process has taken over: nothing more may be written.
    #[error("{path}: the lease of this process is lost ({reason}); another may be writing now")]
    LeaseLost {
        /// The lock file.
        path: String,
        /// How it was noticed.
        reason: String,
    },
    /// A file cannot be read, written or deleted.
    #[error(transparent)]
    Object(#[from] object_store::Error),
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path below the root of the lake.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written, in milliseconds since the epoch, by the clock of the storage.
    pub modified: i64,
}

/// What becomes of a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced.
    Replace,
    /// It is kept, and the write does nothing.
    Keep,
}

impl Store {
    /// Opens a folder for this process alone. It is made where there is none.
    ///
    /// # Errors
    /// [`StoreError::Folder`], [`StoreError::Locked`]
    pub fn open_folder(folder: &FolderPath) -> Result<Store, StoreError> {
        let lease = FolderLease::acquire(folder)?;
        remove_cut_short(folder);
        Store::of_folder(folder, lease)
    }

    /// Joins the processes that write to a folder. It is made where there is none.
    ///
    /// # Errors
    /// [`StoreError::Folder`], [`StoreError::Locked`] where a process has it alone.
    pub fn join_folder(folder: &FolderPath, role: Role) -> Result<Store, StoreError> {
        let lease = FolderLease::join(folder, role)?;
        // Another process may be writing; what it leaves when it dies is for the next one that comes first.
        if lease.is_first()? {
            remove_cut_short(folder);
        }
        Store::of_folder(folder, lease)
    }

    fn of_folder(folder: &FolderPath, lease: FolderLease) -> Result<Store, StoreError> {
        // The order of writes is what makes the lake survive a crash; without fsync a crash of the
        // machine could keep a later write and lose an earlier one.
        let objects = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Store {
            objects: Arc::new(objects),
            lease: Lease::Folder(lease),
            versions: Mutex::default(),
        })
    }

    /// Opens a folder for reading alone, also while another process writes to it.
    ///
    /// # Errors
    /// [`StoreError::Object`] where there is no such folder.
    pub fn read_folder(folder: &FolderPath) -> Result<Store, StoreError> {
        Ok(Store {
            objects: Arc::new(LocalFileSystem::new_with_prefix(folder)?),
            lease: Lease::ReadOnly,
            versions: Mutex::default(),
        })
    }

    /// What another kind of storage holds, for reading alone.
    pub fn read_objects(objects: Arc<dyn ObjectStore>) -> Store {
        Store {
            objects,
            lease: Lease::ReadOnly,
            versions: Mutex::default(),
        }
    }

    /// Opens what another kind of storage holds, e.g. a bucket, for this process alone. It must support
    /// conditional writes.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where a process renews its lease, [`StoreError::Object`]
    pub async fn open_objects(
        objects: Arc<dyn ObjectStore>,
        times: LeaseTimes,
    ) -> Result<Store, StoreError> {
        let lease = ObjectLease::acquire(objects.clone(), times).await?;
        Ok(Store::of_objects(objects, lease))
    }

    /// Joins the processes that write to another kind of storage, which must support conditional writes.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where a process has it alone, [`StoreError::Object`]
    pub async fn join_objects(
        objects: Arc<dyn ObjectStore>,
        times: LeaseTimes,
        role: Role,
    ) -> Result<Store, StoreError> {
        let lease = ObjectLease::join(objects.clone(), times, role).await?;
        Ok(Store::of_objects(objects, lease))
    }

    fn of_objects(objects: Arc<dyn ObjectStore>, lease: ObjectLease) -> Store {
        Store {
            objects,
            lease: Lease::Object(lease),
            versions: Mutex::default(),
        }
    }

    /// The storage itself, for reading files part by part.
    pub fn objects(&self) -> &Arc<dyn ObjectStore> {
        &self.objects
    }

    /// Gives the lease back, so that the next process need not wait until it is over.
    pub async fn close(&self) {
        self.lease.release().await;
    }

    /// How many processes have had the lake alone, up to this one. Those that join count their claims.
    pub fn epoch(&self) -> u64 {
        self.lease.epoch()
    }

    /// Takes what belongs to a name, e.g. a shard, for this process; `None` while another has it. A process that has
    /// the lake alone has everything.
    ///
    /// # Errors
    /// [`StoreError::Object`], [`StoreError::Folder`], [`StoreError::LeaseLost`]
    pub async fn claim(&self, name: &str) -> Result<Option<Claim>, StoreError> {
        self.lease.claim(name).await
    }

    /// How many processes read shards, with this one. To be asked every few seconds: what a process held that has
    /// died is free after that.
    ///
    /// # Errors
    /// [`StoreError::Object`], [`StoreError::Folder`]
    pub async fn consumers(&self) -> Result<usize, StoreError> {
        self.lease.consumers().await
    }

    /// Frees what processes hold that have died. In a bucket that takes as long as a lease lives.
    ///
    /// # Errors
    /// [`StoreError::Object`]
    pub async fn end_silent(&self) -> Result<(), StoreError> {
        self.lease.end_silent().await
    }

    /// Whether this process may still write, by what the storage says.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`], [`StoreError::Object`]
    pub async fn check_lease(&self) -> Result<(), StoreError> {
        self.lease.look().await
    }

    /// Whether a write may arrive late, after its process has lost its lease.
    pub fn has_late_writes(&self) -> bool {
        self.lease.is_conditional()
    }

    /// The bytes of a file; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError::Object`]
    pub async fn read(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        match self.objects.get(&Path::from(path)).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// [`Store::read`] of state that this process will replace, and holds the claim for: it replaces the version
    /// that it has read here, or none. Who reads what another process writes must not ask like this.
    ///
    /// # Errors
    /// [`StoreError::Object`]
    pub async fn read_to_replace(&self, path: &str) -> Result<Option<Bytes>, StoreError> {
        match self.objects.get(&Path::from(path)).await {
            Ok(found) => {
                let meta = &found.meta;
                let version = UpdateVersion {
                    e_tag: meta.e_tag.clone(),
                    version: meta.version.clone(),
                };
                self.versions().insert(path.to_owned(), version);
                Ok(Some(found.bytes().await?))
            }
            Err(object_store::Error::NotFound { .. }) => {
                self.versions().remove(path);
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Learns which version of a file is there, where writes name the version that they replace. To be
    /// asked of state that will be replaced without having been read.
    ///
    /// # Errors
    /// [`StoreError::Object`]
    pub async fn learn_version(&self, path: &str) -> Result<(), StoreError> {
        if !self.lease.is_conditional() {
            return Ok(());
        }
        match self.objects.head(&Path::from(path)).await {
            Ok(meta) => {
                let version = UpdateVersion {
                    e_tag: meta.e_tag,
                    version: meta.version,
                };
                self.versions().insert(path.to_owned(), version);
                Ok(())
            }
            Err(object_store::Error::NotFound { .. }) => {
                self.versions().remove(path);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a file.
    ///
    /// # Errors
    /// [`StoreError::Object`]: the write has happened whole or not at all, and can be tried again.
    /// [`StoreError::LeaseLost`]
    pub async fn put(&self, file: &File, existing: Existing) -> Result<(), StoreError> {
        self.lease.check()?;
        if !self.lease.is_conditional() {
            let mode = match existing {
                Existing::Replace => PutMode::Overwrite,
                Existing::Keep => PutMode::Create,
            };
            return match self.put_object(file, mode).await {
                Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
                outcome => Ok(outcome.map(drop)?),
            };
        }
        // The name of a file of rows may be free because a merge has taken its rows and deleted it. The condition that
        // nothing is there would not stop a process that was paused meanwhile.
        if !is_state(&file.path) {
            self.lease.look().await?;
        }
        let known = self.versions().get(&file.path).cloned();
        let mode = match known {
            Some(version) if existing == Existing::Replace => PutMode::Update(version),
            _ => PutMode::Create,
        };
        match self.put_object(file, mode).await {
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => self.settle(file, existing).await,
            outcome => self.written(file, outcome?),
        }
    }

    /// A conditional write was refused: the file is of another writer, of an earlier life of this one, or of
    /// this very write, whose answer was lost. Another writer's state is not replaced.
    async fn settle(&self, file: &File, existing: Existing) -> Result<(), StoreError> {
        let found = match self.objects.get(&Path::from(file.path.as_str())).await {
            // Gone since: the next try finds whose it is.
            Err(error @ object_store::Error::NotFound { .. }) => {
                self.lease.look().await?;
                return Err(error.into());
            }
            found => found?,
        };
        let version = UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        let bytes = found.bytes().await?;
        let other = format!("another process wrote {}", file.path);
        if is_state(&file.path) {
            if bytes != file.bytes {
                return Err(self.lease.lost(&other));
            }
            self.versions().insert(file.path.clone(), version);
            return Ok(());
        }
        // A file of rows is written once more even where it is as it should be. An earlier try may still be on its way,
        // which does nothing as long as the file is there: compaction deletes it by the time of its last write.
        let file = match existing {
            Existing::Replace => file.clone(),
            Existing::Keep => File {
                path: file.path.clone(),
                bytes,
            },
        };
        // The version was read before this look at the lease: if the lease is taken and the file
        // written after it, the version is not that of the file any more.
        self.lease.look().await?;
        match self.put_object(&file, PutMode::Update(version)).await {
            Err(object_store::Error::Precondition { .. }) => Err(self.lease.lost(&other)),
            outcome => self.written(&file, outcome?),
        }
    }

    fn written(&self, file: &File, written: PutResult) -> Result<(), StoreError> {
        // Data files are written once; remembering each would take more and more memory.
        if is_state(&file.path) {
            self.versions().insert(file.path.clone(), written.into());
        }
        Ok(())
    }

    async fn put_object(&self, file: &File, mode: PutMode) -> object_store::Result<PutResult> {
        let path = Path::from(file.path.as_str());
        let bytes = file.bytes.clone().into();
        self.objects.put_opts(&path, bytes, mode.into()).await
    }

    /// The files below a folder, in any order. Names of writes that were cut short are not among them.
    ///
    /// # Errors
    /// [`StoreError::Object`]
    pub async fn list(&self, folder: &str) -> Result<Vec<Found>, StoreError> {
        let files = self.objects.list(Some(&Path::from(folder)));
        let files = files.map_ok(|file| Found {
            path: file.location.to_string(),
            bytes: file.size,
            modified: file.last_modified.timestamp_millis(),
        });
        Ok(files.try_collect().await?)
    }

    /// Deletes a file if there is one.
    ///
    /// # Errors
    /// [`StoreError::Object`], [`StoreError::LeaseLost`]
    pub async fn delete(&self, path: &str) -> Result<(), StoreError> {
        // Storage names no version of what it deletes, so this process asks once more whether it may.
        match is_state(path) {
            true => self.lease.check()?,
            false => self.lease.look().await?,
        }
        self.versions().remove(path);
        match self.objects.delete(&Path::from(path)).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            outcome => Ok(outcome?),
        }
    }

    fn versions(&self) -> std::sync::MutexGuard<'_, HashMap<String, UpdateVersion>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a file says who writes to the lake, and nothing about what is in it.
pub(crate) fn is_lease(path: &str) -> bool {
    path.starts_with(CLAIMS) || path.starts_with(PROCESSES)
}

fn is_state(path: &str) -> bool {
    path.starts_with(STATE_FOLDER)
}

/// Removes what writes that were cut short by a kill have left: `object_store` writes a file under its
/// name with `#` and a number before it gives it its name. Best effort: what stays is seen by nobody.
fn remove_cut_short(folder: &FolderPath) {
    let mut folders = vec![folder.to_owned()];
    while let Some(entries) = folders.pop().map(std::fs::read_dir) {
        for entry in entries.into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                folders.push(entry.path());
            } else if is_cut_short(&entry.file_name().to_string_lossy()) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

fn is_cut_short(name: &str) -> bool {
    const ENDINGS: [&str; 5] = [".parquet", ".json", ".ids", ".cuts", ".objects"];
    name.rsplit_once('#').is_some_and(|(name, number)| {
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        let is_ours = ENDINGS.iter().any(|ending| name.ends_with(ending));
        is_number && is_ours
    })
}
