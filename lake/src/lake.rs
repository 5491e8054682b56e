//! The folder the lake lives in: files that are there whole or not at all.

use std::fs::{self, TryLockError};
use std::path::Path as FolderPath;

use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use parquet::errors::ParquetError;
use thiserror::Error;

use crate::batch::File;
use crate::shard::Write;

/// Names the process that writes to the lake; two would write the same records.
const LOCK: &str = "_state/lock";

/// A lake that is open for writing.
#[derive(Debug)]
pub struct Lake {
    store: Box<dyn ObjectStore>,
    /// Held until the process ends, however it ends.
    _lock: fs::File,
}

/// What may go wrong with the lake's folder.
#[derive(Debug, Error)]
pub enum LakeError {
    /// The folder cannot be made or opened.
    #[error("{path}: {source}; check that the folder can be written to")]
    Folder {
        /// What was to be opened.
        path: String,
        /// Why it was not.
        source: std::io::Error,
    },
    /// Another process writes to the lake.
    #[error("{path} is held by another forebay-lake; two must not write to one lake")]
    Locked {
        /// The lock file.
        path: String,
    },
    /// A file cannot be read, written or deleted.
    #[error(transparent)]
    Store(#[from] object_store::Error),
    /// Rows cannot be encoded: a defect of Forebay.
    #[error("rows cannot be written as Parquet: {0}")]
    Encode(#[from] ParquetError),
}

impl Lake {
    /// Opens the folder, which is made where there is none.
    ///
    /// # Errors
    /// [`LakeError::Folder`], [`LakeError::Locked`]
    pub fn open(folder: &FolderPath) -> Result<Lake, LakeError> {
        let path = folder.join(LOCK);
        let failed = |source| LakeError::Folder {
            path: path.display().to_string(),
            source,
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let lock = fs::File::create(&path).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                return Err(LakeError::Locked {
                    path: path.display().to_string(),
                });
            }
        }
        // The order of writes is what makes the lake survive a crash; without fsync a crash of the
        // machine could keep a later write and lose an earlier one.
        let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
        Ok(Lake {
            store: Box::new(store),
            _lock: lock,
        })
    }

    /// The bytes of a file; `None` where there is none.
    ///
    /// # Errors
    /// [`LakeError::Store`]
    pub async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, LakeError> {
        match self.store.get(&Path::from(path)).await {
            Ok(found) => Ok(Some(found.bytes().await?.into())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Carries out one write.
    ///
    /// # Errors
    /// [`LakeError::Store`]: the write has happened whole or not at all, and can be tried again.
    /// [`LakeError::Encode`].
    pub async fn apply(&self, write: &Write) -> Result<(), LakeError> {
        use object_store::Error::{AlreadyExists, NotFound};
        match write {
            Write::Put(file) => self.put(file, PutMode::Overwrite).await,
            Write::PutIfAbsent(file) => match self.put(file, PutMode::Create).await {
                Err(LakeError::Store(AlreadyExists { .. })) => Ok(()),
                outcome => outcome,
            },
            Write::Delete(path) => match self.store.delete(&Path::from(path.as_str())).await {
                Err(NotFound { .. }) => Ok(()),
                outcome => Ok(outcome?),
            },
        }
    }

    async fn put(&self, file: &File, mode: PutMode) -> Result<(), LakeError> {
        let bytes = file.content.to_bytes()?.into();
        let path = Path::from(file.path.as_str());
        self.store.put_opts(&path, bytes, mode.into()).await?;
        Ok(())
    }
}
