//! Leases in a bucket: objects that are written conditional on the version before. No clock is compared with
//! another's.
//!
//! Each process rewrites an object every few seconds for as long as it lives: `_state/lock` where it has the lake
//! alone, an object of its own where it has joined others. Who wants something of a process watches its object
//! for as long as a lease lives. Where nothing changes, it writes `free` into the object, conditional on the
//! version that it has watched: from then on the other process can renew nothing, and what it held is free. A
//! process counts its own life from before it asked for the renewal, so it has stopped writing by then.
//!
//! A claim is an object with the name of the process that holds it. It is free where that process's object is
//! free or gone.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::{CLAIMS, Claim, Holding, LOCK, PROCESSES, Role, process_name};
use crate::store::StoreError;

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
            life: Duration::from_secs(10),
            renewal: Duration::from_secs(2),
        }
    }
}

/// What stands in an object where nobody holds it.
const FREE: &str = "free";

/// An object that is rewritten for as long as its writer lives.
#[derive(Debug)]
pub(in crate::store) struct ObjectLease {
    held: Arc<Held>,
    renewing: JoinHandle<()>,
    life: Duration,
    /// Of a process that has joined: the others' objects, and since when they are as they are.
    others: Option<Mutex<HashMap<Path, (UpdateVersion, Instant)>>>,
    unsettled: Unsettled,
}

/// The objects of claims that this process may hold although it has no use for them: the answer to a write of them
/// was lost. As long as it lives nobody else could take them.
type Unsettled = Arc<Mutex<BTreeSet<Path>>>;

#[derive(Debug)]
struct Held {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    epoch: u64,
    /// Until when nobody else can have taken it; `None` once it is known to be lost.
    until: Mutex<Option<Instant>>,
    version: tokio::sync::Mutex<UpdateVersion>,
}

/// The object of a claim that this process holds.
#[derive(Debug)]
pub(super) struct ObjectClaim {
    objects: Arc<dyn ObjectStore>,
    path: Path,
    epoch: u64,
    version: UpdateVersion,
    unsettled: Unsettled,
}

impl ObjectClaim {
    pub(super) async fn give_up(&self) {
        let free = text(self.epoch, FREE);
        let mode = PutMode::Update(self.version.clone());
        if put(&self.objects, &self.path, free, mode).await.is_err() {
            lock(&self.unsettled).insert(self.path.clone());
        }
    }
}

impl ObjectLease {
    /// Takes the lake alone.
    pub(in crate::store) async fn acquire(
        objects: Arc<dyn ObjectStore>,
        times: LeaseTimes,
    ) -> Result<ObjectLease, StoreError> {
        let path = Path::from(LOCK);
        let (before, mode) = match look(&objects, &path).await? {
            None => (0, PutMode::Create),
            Some(found) => {
                let version = still(&objects, &path, found.clone(), times.life).await?;
                (found.epoch, PutMode::Update(version))
            }
        };
        let lease = ObjectLease::take(objects, path, before + 1, mode, times, false).await?;
        // Who joins writes its object first, and then looks at this one: one of the two sees the other.
        if let Err(error) = lease.end_processes().await {
            lease.release().await;
            return Err(error);
        }
        Ok(lease)
    }

    /// Joins the others.
    pub(in crate::store) async fn join(
        objects: Arc<dyn ObjectStore>,
        times: LeaseTimes,
        role: Role,
    ) -> Result<ObjectLease, StoreError> {
        let path = Path::from(format!("{PROCESSES}/{}", process_name(role)));
        let lease = ObjectLease::take(objects, path, 1, PutMode::Create, times, true).await?;
        if let Err(error) = lease.end_lock().await {
            lease.release().await;
            return Err(error);
        }
        Ok(lease)
    }

    async fn take(
        objects: Arc<dyn ObjectStore>,
        path: Path,
        epoch: u64,
        mode: PutMode,
        times: LeaseTimes,
        is_shared: bool,
    ) -> Result<ObjectLease, StoreError> {
        let asked = Instant::now();
        let Some(version) = put(&objects, &path, text(epoch, "0"), mode).await? else {
            return Err(locked(&path));
        };
        let held = Arc::new(Held {
            objects,
            path,
            epoch,
            until: Mutex::new(Some(asked + times.life)),
            version: tokio::sync::Mutex::new(version),
        });
        let renewing = tokio::spawn(renew(held.clone(), times));
        Ok(ObjectLease {
            held,
            renewing,
            life: times.life,
            others: is_shared.then(Mutex::default),
            unsettled: Unsettled::default(),
        })
    }

    pub(super) fn epoch(&self) -> u64 {
        self.held.epoch
    }

    pub(super) fn path(&self) -> &str {
        self.held.path.as_ref()
    }

    pub(super) fn check(&self) -> Result<(), String> {
        match *self.held.until() {
            Some(until) if Instant::now() < until => Ok(()),
            Some(_) => Err("it could not be renewed in time".to_owned()),
            None => Err(format!("epoch {} is over", self.held.epoch)),
        }
    }

    /// Whether the object says so itself.
    pub(super) async fn is_held(&self) -> Result<bool, StoreError> {
        let found = look(&self.held.objects, &self.held.path).await?;
        Ok(found.is_some_and(|found| !found.is_free() && found.epoch == self.held.epoch))
    }

    pub(super) async fn claim(&self, name: &str) -> Result<Option<Claim>, StoreError> {
        if self.others.is_none() {
            return Ok(Some(Claim {
                epoch: 0,
                holding: Holding::All,
            }));
        }
        let objects = &self.held.objects;
        let path = Path::from(format!("{CLAIMS}/{name}"));
        let own = self.held.path.filename().unwrap_or_default();
        let (before, mode) = match look(objects, &path).await? {
            None => (0, PutMode::Create),
            Some(found) => {
                // What this process holds by an answer that was lost is its own.
                if !found.is_free() && found.word != own && self.is_alive(&found.word).await? {
                    return Ok(None);
                }
                (found.epoch, PutMode::Update(found.version))
            }
        };
        let epoch = before.saturating_add(1);
        lock(&self.unsettled).remove(&path);
        let written = put(objects, &path, text(epoch, own), mode).await;
        if written.is_err() {
            lock(&self.unsettled).insert(path.clone());
        }
        Ok(written?.map(|version| Claim {
            epoch,
            holding: Holding::Object(ObjectClaim {
                objects: objects.clone(),
                path,
                epoch,
                version,
                unsettled: self.unsettled.clone(),
            }),
        }))
    }

    /// Gives up what this process has claimed, or given up, by a write whose answer was lost. Where that write has
    /// not arrived yet, it finds another version than it asks for.
    async fn settle(&self) -> Result<(), StoreError> {
        let objects = &self.held.objects;
        let own = self.held.path.filename().unwrap_or_default();
        let unsettled = lock(&self.unsettled).clone();
        for path in unsettled {
            let (epoch, mode) = match look(objects, &path).await? {
                None => (0, PutMode::Create),
                Some(found) if found.is_free() => (
                    found.epoch.saturating_add(1),
                    PutMode::Update(found.version),
                ),
                Some(found) if found.word == own => (found.epoch, PutMode::Update(found.version)),
                Some(_) => {
                    lock(&self.unsettled).remove(&path);
                    continue;
                }
            };
            // Not what another task of this process claims just now.
            if lock(&self.unsettled).contains(&path) {
                put(objects, &path, text(epoch, FREE), mode).await?;
                lock(&self.unsettled).remove(&path);
            }
        }
        Ok(())
    }

    /// Whether a process's object is there and not free. A process writes it before it claims anything, and none
    /// has the name of another.
    async fn is_alive(&self, process: &str) -> Result<bool, StoreError> {
        let path = Path::from(format!("{PROCESSES}/{process}"));
        let found = look(&self.held.objects, &path).await?;
        Ok(found.is_some_and(|found| !found.is_free()))
    }

    /// How many processes read shards, with this one. Ends those that have not renewed their objects for as long
    /// as a lease lives.
    pub(super) async fn consumers(&self) -> Result<usize, StoreError> {
        let Some(others) = &self.others else {
            return Ok(1);
        };
        self.settle().await?;
        let mut consumers = 0;
        let mut silent = Vec::new();
        {
            let found = processes(&self.held.objects).await?;
            let mut seen = others.lock().unwrap_or_else(PoisonError::into_inner);
            seen.retain(|path, _| found.contains_key(path));
            for (path, version) in found {
                let is_consumer = path.filename().unwrap_or_default().starts_with("consume-");
                if path == self.held.path {
                    consumers += usize::from(is_consumer);
                    continue;
                }
                let entry = (version.clone(), Instant::now());
                let known = seen.entry(path.clone()).or_insert(entry);
                if known.0 != version {
                    *known = (version, Instant::now());
                }
                if known.1.elapsed() >= self.life {
                    silent.push((path, known.0.clone()));
                } else {
                    consumers += usize::from(is_consumer);
                }
            }
        }
        for (path, version) in silent {
            end(&self.held.objects, &path, version).await?;
        }
        Ok(consumers)
    }

    /// Ends those processes that do not renew their objects for as long as a lease lives.
    pub(super) async fn end_silent(&self) -> Result<(), StoreError> {
        self.consumers().await?;
        sleep(self.life).await;
        self.consumers().await.map(drop)
    }

    /// Ends the processes that have joined, where they have died.
    async fn end_processes(&self) -> Result<(), StoreError> {
        let objects = &self.held.objects;
        let before = processes(objects).await?;
        if before.is_empty() {
            return Ok(());
        }
        sleep(self.life).await;
        for (path, version) in processes(objects).await? {
            if before.get(&path) != Some(&version) || !end(objects, &path, version).await? {
                return Err(locked(&path));
            }
        }
        Ok(())
    }

    /// Ends a process that has the lake alone, where it has died.
    async fn end_lock(&self) -> Result<(), StoreError> {
        let (objects, path) = (&self.held.objects, Path::from(LOCK));
        let Some(found) = look(objects, &path).await? else {
            return Ok(());
        };
        if found.is_free() {
            return Ok(());
        }
        let version = still(objects, &path, found.clone(), self.life).await?;
        let over = text(found.epoch, FREE);
        let ended = put(objects, &path, over, PutMode::Update(version)).await?;
        ended.map(drop).ok_or_else(|| locked(&path))
    }

    pub(super) async fn release(&self) {
        self.renewing.abort();
        let is_held = self.check().is_ok();
        *self.held.until() = None;
        if !is_held {
            return;
        }
        let version = self.held.version.lock().await.clone();
        let Held { objects, path, .. } = &*self.held;
        // What fails here ends by itself when the lease is over.
        if self.others.is_some() {
            let _ = end(objects, path, version).await;
        } else {
            let free = text(self.held.epoch, FREE);
            let _ = put(objects, path, free, PutMode::Update(version)).await;
        }
    }
}

impl Drop for ObjectLease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Held {
    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lock(unsettled: &Unsettled) -> MutexGuard<'_, BTreeSet<Path>> {
    unsettled.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn renew(held: Arc<Held>, times: LeaseTimes) {
    for renewal in 1_u64.. {
        sleep(times.renewal).await;
        let asked = Instant::now();
        let mut version = held.version.lock().await;
        let object = text(held.epoch, &renewal.to_string());
        let mode = PutMode::Update(version.clone());
        match put(&held.objects, &held.path, object, mode).await {
            Ok(Some(written)) => {
                *version = written;
                *held.until() = Some(asked + times.life);
            }
            // The renewal before may have been written, and its answer lost.
            Ok(None) => match look(&held.objects, &held.path).await {
                Ok(Some(now)) if now.epoch == held.epoch && !now.is_free() => {
                    *version = now.version;
                }
                Ok(_) => {
                    *held.until() = None;
                    return;
                }
                Err(_) => {}
            },
            // Tried again until the lease is over.
            Err(_) => {}
        }
    }
}

/// What an object says: `<epoch> <word>`. The word is `free`, the number of renewals, or the holder of a claim.
#[derive(Debug, Clone)]
struct Found {
    epoch: u64,
    word: String,
    version: UpdateVersion,
}

impl Found {
    fn is_free(&self) -> bool {
        self.word == FREE
    }
}

fn text(epoch: u64, word: &str) -> String {
    format!("{epoch} {word}\n")
}

fn locked(path: &Path) -> StoreError {
    StoreError::Locked {
        path: path.to_string(),
    }
}

async fn look(objects: &Arc<dyn ObjectStore>, path: &Path) -> Result<Option<Found>, StoreError> {
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
    Ok(Some(Found {
        epoch: epoch.unwrap_or_default(),
        word: words.next().unwrap_or_default().to_owned(),
        version,
    }))
}

/// Writes an object; `None` where another version is there.
async fn put(
    objects: &Arc<dyn ObjectStore>,
    path: &Path,
    text: String,
    mode: PutMode,
) -> Result<Option<UpdateVersion>, StoreError> {
    match objects.put_opts(path, text.into(), mode.into()).await {
        Ok(written) => Ok(Some(written.into())),
        Err(
            object_store::Error::AlreadyExists { .. }
            | object_store::Error::Precondition { .. }
            | object_store::Error::NotFound { .. },
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The version of an object that is free, or that does not change for as long as a lease lives.
async fn still(
    objects: &Arc<dyn ObjectStore>,
    path: &Path,
    before: Found,
    life: Duration,
) -> Result<UpdateVersion, StoreError> {
    if before.is_free() {
        return Ok(before.version);
    }
    sleep(life).await;
    match look(objects, path).await? {
        Some(now) if now.is_free() || now.version == before.version => Ok(now.version),
        _ => Err(locked(path)),
    }
}

/// The objects of all processes that have joined.
async fn processes(
    objects: &Arc<dyn ObjectStore>,
) -> Result<HashMap<Path, UpdateVersion>, StoreError> {
    let found = objects.list(Some(&Path::from(PROCESSES)));
    let found = found.map_ok(|meta| {
        let version = UpdateVersion {
            e_tag: meta.e_tag,
            version: meta.version,
        };
        (meta.location, version)
    });
    Ok(found.try_collect().await?)
}

/// Ends a process that has joined: first its object is free, then it is gone. Returns false where it has renewed
/// its object meanwhile.
async fn end(
    objects: &Arc<dyn ObjectStore>,
    path: &Path,
    version: UpdateVersion,
) -> Result<bool, StoreError> {
    let ended = put(objects, path, text(1, FREE), PutMode::Update(version)).await?;
    if ended.is_some() {
        // Nobody needs it any more: no process has the name again.
        let _ = objects.delete(path).await;
    }
    Ok(ended.is_some())
}
