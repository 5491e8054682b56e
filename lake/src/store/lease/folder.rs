//! Leases on a folder: file locks, held until the process ends, however it ends. A process that is paused keeps
//! them.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{CLAIMS, Claim, Holding, LOCK, PROCESSES, Role, process_name};
use crate::store::StoreError;

/// How often a file is locked anew that somebody else took away meanwhile.
const TRIES: usize = 16;

/// A lock on a file.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
    file: fs::File,
}

impl FileLock {
    /// Locks a file, which is made where there is none. `None` where others hold it.
    fn take(path: &Path, is_shared: bool) -> io::Result<Option<FileLock>> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        for _ in 0..TRIES {
            let file = options.open(path)?;
            let locked = match is_shared {
                true => file.try_lock_shared(),
                false => file.try_lock(),
            };
            match locked {
                Ok(()) => {}
                Err(fs::TryLockError::Error(error)) => return Err(error),
                Err(fs::TryLockError::WouldBlock) => return Ok(None),
            }
            let lock = FileLock {
                path: path.to_owned(),
                file,
            };
            if lock.check().is_ok() {
                return Ok(Some(lock));
            }
        }
        Ok(None)
    }

    /// A lock on a file that was deleted or replaced keeps nobody out.
    pub(super) fn check(&self) -> Result<(), String> {
        let there = fs::metadata(&self.path).map_err(|error| error.to_string())?;
        let held = self.file.metadata().map_err(|error| error.to_string())?;
        match (there.dev(), there.ino()) == (held.dev(), held.ino()) {
            true => Ok(()),
            false => Err("the lock file was replaced".to_owned()),
        }
    }

    pub(super) fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// What fails here the system does when the process ends.
    pub(super) fn give_up(&self) {
        let _ = self.file.unlock();
    }

    /// Writes the next epoch. What is not a number counts as none.
    fn count_up(&mut self) -> io::Result<u64> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes)?;
        let before = std::str::from_utf8(&bytes).ok();
        let before: u64 = before
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or_default();
        let epoch = before.saturating_add(1);
        self.file.seek(SeekFrom::Start(0))?;
        self.file.set_len(0)?;
        self.file.write_all(format!("{epoch}\n").as_bytes())?;
        self.file.sync_all()?;
        Ok(epoch)
    }
}

/// A lock on all of a folder, or on a file of this process's own beside others.
#[derive(Debug)]
pub(in crate::store) struct FolderLease {
    folder: PathBuf,
    lock: FileLock,
    /// Of a process that has joined.
    process: Option<FileLock>,
    epoch: u64,
}

impl FolderLease {
    /// Takes the folder alone.
    pub(in crate::store) fn acquire(folder: &Path) -> Result<FolderLease, StoreError> {
        let mut lock = lock_of(folder, false)?;
        let epoch = lock.count_up().map_err(failed(&lock.path))?;
        Ok(FolderLease {
            folder: folder.to_owned(),
            lock,
            process: None,
            epoch,
        })
    }

    /// Joins the others.
    pub(in crate::store) fn join(folder: &Path, role: Role) -> Result<FolderLease, StoreError> {
        let lock = lock_of(folder, true)?;
        let path = folder.join(PROCESSES).join(process_name(role));
        // Who counts processes locks the file for a moment.
        let mut process = None;
        for _ in 0..TRIES {
            process = FileLock::take(&path, false).map_err(failed(&path))?;
            if process.is_some() {
                break;
            }
        }
        if process.is_none() {
            let path = path.display().to_string();
            return Err(StoreError::Locked { path });
        }
        Ok(FolderLease {
            folder: folder.to_owned(),
            lock,
            process,
            epoch: 0,
        })
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn path(&self) -> String {
        self.lock.path()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.lock.check()?;
        self.process.as_ref().map_or(Ok(()), FileLock::check)
    }

    pub(super) fn claim(&self, name: &str) -> Result<Option<Claim>, StoreError> {
        if self.process.is_none() {
            return Ok(Some(Claim {
                epoch: 0,
                holding: Holding::All,
            }));
        }
        let path = self.folder.join(CLAIMS).join(name);
        let Some(mut lock) = FileLock::take(&path, false).map_err(failed(&path))? else {
            return Ok(None);
        };
        let epoch = lock.count_up().map_err(failed(&path))?;
        Ok(Some(Claim {
            epoch,
            holding: Holding::File(lock),
        }))
    }

    /// Whether no other process has joined.
    pub(in crate::store) fn is_first(&self) -> Result<bool, StoreError> {
        Ok(self.others("")? == 0)
    }

    pub(super) fn consumers(&self) -> Result<usize, StoreError> {
        if self.process.is_none() {
            return Ok(1);
        }
        Ok(self.others(Role::Consume.word())? + 1)
    }

    /// The other processes that have joined. Deletes the files of those that are gone.
    fn others(&self, role: &str) -> Result<usize, StoreError> {
        let folder = self.folder.join(PROCESSES);
        let own = self.process.as_ref().map(|lock| lock.path.as_path());
        let mut count = 0;
        for entry in fs::read_dir(&folder).map_err(failed(&folder))? {
            let path = entry.map_err(failed(&folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if Some(path.as_path()) == own || !name.starts_with(role) {
                continue;
            }
            let file = match fs::File::open(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                file => file.map_err(failed(&path))?,
            };
            match file.try_lock_shared() {
                Err(fs::TryLockError::WouldBlock) => count += 1,
                Err(fs::TryLockError::Error(error)) => return Err(failed(&path)(error)),
                // Who made it just now notices, and makes it again.
                Ok(()) => {
                    let _ = fs::remove_file(&path);
                }
            }
        }
        Ok(count)
    }
}

impl Drop for FolderLease {
    fn drop(&mut self) {
        if let Some(process) = &self.process {
            let _ = fs::remove_file(&process.path);
        }
    }
}

fn lock_of(folder: &Path, is_shared: bool) -> Result<FileLock, StoreError> {
    let path = folder.join(LOCK);
    let taken = FileLock::take(&path, is_shared).map_err(failed(&path))?;
    taken.ok_or_else(|| StoreError::Locked {
        path: path.display().to_string(),
    })
}

fn failed(path: &Path) -> impl Fn(io::Error) -> StoreError {
    let path = path.display().to_string();
    move |source| StoreError::Folder {
        path: path.clone(),
        source,
    }
}
