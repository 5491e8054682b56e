//! Who writes to a lake.
//!
//! On a folder it is a file lock, which the system takes back from a process that dies, and in the
//! file a number, the epoch, which each process counts up. In a bucket it is an object that its holder
//! rewrites every few seconds, conditional on the version it wrote before: a process that wants the lease
//! watches the object for as long as a lease lives, and takes it where nothing changes. No clock is compared
//! with another's.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path as FolderPath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::StoreError;

/// The lock file of a folder, and the object of a bucket.
const LOCK: &str = "_state/lock";

/// What says that this process may write.
#[derive(Debug)]
pub(super) enum Lease {
    Folder(FolderLease),
    Object(ObjectLease),
    /// This process only reads.
    ReadOnly,
}

impl Lease {
    pub(super) fn epoch(&self) -> u64 {
        match self {
            Lease::Folder(lease) => lease.epoch,
            Lease::Object(lease) => lease.epoch,
            Lease::ReadOnly => 0,
        }
    }

    /// Whether writes of state name the version that they replace.
    pub(super) fn is_conditional(&self) -> bool {
        matches!(self, Lease::Object(_))
    }

    /// To be asked before each write.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let outcome = match self {
            Lease::Folder(lease) => lease.check(),
            Lease::Object(lease) => lease.check(),
            Lease::ReadOnly => Err("it was opened for reading".to_owned()),
        };
        outcome.map_err(|reason| self.lost(&reason))
    }

    /// Asks the storage itself.
    pub(super) async fn look(&self) -> Result<(), StoreError> {
        self.check()?;
        let Lease::Object(lease) = self else {
            return Ok(());
        };
        match look(&lease.held.objects, &Path::from(LOCK)).await? {
            Some((epoch, false, _)) if epoch == lease.epoch => Ok(()),
            _ => Err(self.lost(&format!("epoch {} is over", lease.epoch))),
        }
    }

    pub(super) fn lost(&self, reason: &str) -> StoreError {
        let path = match self {
            Lease::Folder(lease) => lease.path.display().to_string(),
            Lease::Object(_) | Lease::ReadOnly => LOCK.to_owned(),
        };
        StoreError::LeaseLost {
            path,
            reason: reason.to_owned(),
        }
    }

    pub(super) async fn release(&self) {
        // The system takes a folder's lock back by itself.
        if let Lease::Object(lease) = self {
            lease.release().await;
        }
    }
}

/// A lock on a file of the folder, held until the process ends, however it ends.
#[derive(Debug)]
pub(super) struct FolderLease {
    path: PathBuf,
    file: fs::File,
    epoch: u64,
}

impl FolderLease {
    pub(super) fn acquire(folder: &FolderPath) -> Result<FolderLease, StoreError> {
        let path = folder.join(LOCK);
        let failed = |source| StoreError::Folder {
            path: path.display().to_string(),
            source,
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(failed)?;
        }
        let mut options = fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
            Err(fs::TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    path: path.display().to_string(),
                });
            }
        }
        let epoch = count_up(&mut file).map_err(failed)?;
        Ok(FolderLease { path, file, epoch })
    }

    /// A lock on a file that was deleted keeps nobody out.
    fn check(&self) -> Result<(), String> {
        let text = fs::read_to_string(&self.path).map_err(|error| error.to_string())?;
        let there = fs::metadata(&self.path).map_err(|error| error.to_string())?;
        let held = self.file.metadata().map_err(|error| error.to_string())?;
        if (there.dev(), there.ino()) != (held.dev(), held.ino()) {
            return Err("the lock file was replaced".to_owned());
        }
        if text.trim().parse() != Ok(self.epoch) {
            return Err(format!("epoch {} is over", self.epoch));
        }
        Ok(())
    }
}

/// Writes the next epoch. What is not a number counts as none.
fn count_up(file: &mut fs::File) -> std::io::Result<u64> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let before = std::str::from_utf8(&bytes).ok();
    let before: u64 = before
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or_default();
    let epoch = before.saturating_add(1);
    file.seek(SeekFrom::Start(0))?;
    file.set_len(0)?;
    file.write_all(format!("{epoch}\n").as_bytes())?;
    file.sync_all()?;
    Ok(epoch)
}

/// How long a lease in a bucket lives, and how often it is renewed.
#[derive(Debug, Clone, Copy)]
pub struct LeaseTimes {
    /// After so long without a renewal another process may take it.
    pub life: Duration,
    /// How often it is renewed.
    pub renewal: Duration,
}

impl Default for LeaseTimes {
    fn default() -> LeaseTimes {
        LeaseTimes {
            life: Duration::from_secs(12),
            renewal: Duration::from_secs(3),
        }
    }
}

/// An object that is rewritten for as long as its writer lives.
#[derive(Debug)]
pub(super) struct ObjectLease {
    epoch: u64,
    held: Arc<Held>,
    renewing: JoinHandle<()>,
}

#[derive(Debug)]
struct Held {
    objects: Arc<dyn ObjectStore>,
    epoch: u64,
    /// Until when nobody else can have taken it; `None` once it is known to be lost.
    until: Mutex<Option<Instant>>,
    version: tokio::sync::Mutex<UpdateVersion>,
}

/// What the object says: `<epoch> <renewals>`, or `<epoch> free`.
fn text(epoch: u64, state: &str) -> String {
    format!("{epoch} {state}\n")
}

impl ObjectLease {
    pub(super) async fn acquire(
        objects: Arc<dyn ObjectStore>,
        times: LeaseTimes,
    ) -> Result<ObjectLease, StoreError> {
        let path = Path::from(LOCK);
        let locked = || StoreError::Locked {
            path: LOCK.to_owned(),
        };
        let (before, mode) = match look(&objects, &path).await? {
            None => (0, PutMode::Create),
            Some((epoch, is_free, version)) => {
                if !is_free {
                    sleep(times.life).await;
                    let now = look(&objects, &path).await?;
                    if now.is_none_or(|(_, is_free, now)| !is_free && now != version) {
                        return Err(locked());
                    }
                }
                (epoch, PutMode::Update(version))
            }
        };
        let asked = Instant::now();
        let epoch = before.saturating_add(1);
        let put = objects.put_opts(&path, text(epoch, "0").into(), mode.into());
        let version = match put.await {
            Ok(written) => written.into(),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => return Err(locked()),
            Err(error) => return Err(error.into()),
        };
        let held = Arc::new(Held {
            objects,
            epoch,
            until: Mutex::new(Some(asked + times.life)),
            version: tokio::sync::Mutex::new(version),
        });
        let renewing = tokio::spawn(renew(held.clone(), times));
        Ok(ObjectLease {
            epoch,
            held,
            renewing,
        })
    }

    fn check(&self) -> Result<(), String> {
        match *self.held.until() {
            Some(until) if Instant::now() < until => Ok(()),
            Some(_) => Err("it could not be renewed in time".to_owned()),
            None => Err(format!("epoch {} is over", self.epoch)),
        }
    }

    async fn release(&self) {
        self.renewing.abort();
        let is_held = self.check().is_ok();
        *self.held.until() = None;
        if is_held {
            let version = self.held.version.lock().await.clone();
            let free = text(self.epoch, "free");
            let mode = PutMode::Update(version);
            // What fails here ends by itself when the lease is over.
            let objects = &self.held.objects;
            let _ = objects
                .put_opts(&Path::from(LOCK), free.into(), mode.into())
                .await;
        }
    }
}

impl Drop for ObjectLease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Held {
    fn until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn renew(held: Arc<Held>, times: LeaseTimes) {
    let path = Path::from(LOCK);
    for renewal in 1_u64.. {
        sleep(times.renewal).await;
        let asked = Instant::now();
        let mut version = held.version.lock().await;
        let mode = PutMode::Update(version.clone());
        let object = text(held.epoch, &renewal.to_string());
        match held
            .objects
            .put_opts(&path, object.into(), mode.into())
            .await
        {
            Ok(written) => {
                *version = written.into();
                *held.until() = Some(asked + times.life);
            }
            // The renewal before may have been written, and its answer lost.
            Err(object_store::Error::Precondition { .. }) => {
                match look(&held.objects, &path).await {
                    Ok(Some((epoch, false, now))) if epoch == held.epoch => *version = now,
                    Ok(_) => {
                        *held.until() = None;
                        return;
                    }
                    Err(_) => {}
                }
            }
            // Tried again until the lease is over.
            Err(_) => {}
        }
    }
}

/// The epoch of the lease, whether it was given back, and its version.
async fn look(
    objects: &Arc<dyn ObjectStore>,
    path: &Path,
) -> Result<Option<(u64, bool, UpdateVersion)>, StoreError> {
    let found = match objects.get(path).await {
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        found => found?,
    };
    let version = UpdateVersion {
        e_tag: found.meta.e_tag.clone(),
        version: found.meta.version.clone(),
    };
    let bytes = found.bytes().await?;
    let text = String::from_utf8_lossy(&bytes);
    let mut words = text.split_whitespace();
    let epoch = words.next().and_then(|word| word.parse().ok());
    let is_free = words.next() == Some("free");
    Ok(Some((epoch.unwrap_or_default(), is_free, version)))
}
