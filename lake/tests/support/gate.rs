//! The storage as one process of several sees it: the process may be paused at any call, and what it writes may
//! arrive long after it has given up waiting for the answer.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use forebay_core::time::Timestamp;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::NOON;
use super::chance::Chance;

/// How much faster than the real clock that of a simulation is.
pub const SPEED: u32 = 500;
/// The latest that a write arrives, by the clock of the simulation: S3 refuses what was signed 15 minutes ago.
const LATEST: Duration = Duration::from_secs(14 * 60);

static BEGAN: OnceLock<Instant> = OnceLock::new();

/// The clock of simulations, days after the events.
pub fn clock() -> Timestamp {
    let passed = BEGAN.get_or_init(Instant::now).elapsed() * SPEED;
    Timestamp(NOON + 10 * super::DAY + i64::try_from(passed.as_millis()).unwrap())
}

/// What all processes share: objects, and when each was written by the clock of the simulation.
#[derive(Debug, Default)]
pub struct Objects {
    pub inner: InMemory,
    times: Mutex<std::collections::HashMap<Path, Timestamp>>,
    /// Writes that have not arrived yet.
    pub late: AtomicU64,
}

impl Objects {
    async fn put(&self, path: &Path, bytes: PutPayload, how: PutOptions) -> Result<PutResult> {
        let written = self.inner.put_opts(path, bytes, how).await?;
        self.times.lock().unwrap().insert(path.clone(), clock());
        Ok(written)
    }

    fn dated(&self, mut meta: ObjectMeta) -> ObjectMeta {
        let time = self.times.lock().unwrap()[&meta.location];
        meta.last_modified = std::time::UNIX_EPOCH
            .checked_add(Duration::from_millis(time.0.unsigned_abs()))
            .unwrap()
            .into();
        meta
    }
}

#[derive(Debug)]
pub struct Gate {
    objects: Arc<Objects>,
    is_paused: AtomicBool,
    resumed: Notify,
    /// After so many writes the process is paused.
    writes_left: AtomicI64,
    chance: Mutex<Chance>,
    /// One write in so many is late; 0 for none.
    late_once_in: usize,
}

impl Gate {
    pub fn new(objects: Arc<Objects>, seed: u64, late_once_in: usize) -> Arc<Gate> {
        Arc::new(Gate {
            objects,
            is_paused: AtomicBool::new(false),
            resumed: Notify::new(),
            writes_left: AtomicI64::new(-1),
            chance: Mutex::new(Chance(seed)),
            late_once_in,
        })
    }

    /// As SIGSTOP: at once, or in the middle of what it writes.
    pub fn pause(&self, after_writes: usize) {
        match i64::try_from(after_writes).unwrap() {
            0 => self.is_paused.store(true, Ordering::SeqCst),
            writes => self.writes_left.store(writes, Ordering::SeqCst),
        }
    }

    pub fn resume(&self) {
        self.writes_left.store(-1, Ordering::SeqCst);
        self.is_paused.store(false, Ordering::SeqCst);
        self.resumed.notify_waiters();
    }

    async fn pass(&self) {
        while self.is_paused.load(Ordering::SeqCst) {
            let resumed = self.resumed.notified();
            if self.is_paused.load(Ordering::SeqCst) {
                resumed.await;
            }
        }
    }

    fn count_write(&self) {
        if self.writes_left.load(Ordering::SeqCst) > 0
            && self.writes_left.fetch_sub(1, Ordering::SeqCst) == 1
        {
            self.is_paused.store(true, Ordering::SeqCst);
        }
    }

    fn once_in(&self, times: usize) -> bool {
        self.chance.lock().unwrap().once_in(times)
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("gate")
    }
}

#[async_trait]
impl ObjectStore for Gate {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.pass().await;
        if self.late_once_in > 0 && self.once_in(self.late_once_in) {
            let seconds = self
                .chance
                .lock()
                .unwrap()
                .within(0..LATEST.as_secs() as usize);
            let (objects, location) = (self.objects.clone(), location.clone());
            objects.late.fetch_add(1, Ordering::SeqCst);
            let sent = Instant::now();
            tokio::spawn(async move {
                sleep(Duration::from_secs(seconds as u64) / SPEED).await;
                if sent.elapsed() * SPEED < LATEST {
                    let _ = objects.put(&location, payload, options).await;
                }
                objects.late.fetch_sub(1, Ordering::SeqCst);
            });
            sleep(Duration::from_secs(3) / SPEED).await;
            self.pass().await;
            return Err(Error::Generic {
                store: "gate",
                source: "no answer".into(),
            });
        }
        let paused_before = self.once_in(2);
        if paused_before {
            self.count_write();
            self.pass().await;
        }
        let written = self.objects.put(location, payload, options).await;
        if !paused_before {
            self.count_write();
            self.pass().await;
        }
        written
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.objects
            .inner
            .put_multipart_opts(location, options)
            .await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.pass().await;
        self.objects.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.objects.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let objects = self.objects.clone();
        let listed = self.objects.inner.list(prefix);
        listed.map(move |meta| Ok(objects.dated(meta?))).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.objects.inner.copy_opts(from, to, options).await
    }
}
