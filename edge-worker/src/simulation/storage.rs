//! The bucket, and how one process of the lake sees it: calls take time and fail, answers are lost, writes arrive
//! late, and the process is paused or killed between any two of them.

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use forebay_core::time::Timestamp;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt, once};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::START;
use super::random::Random;

/// How much faster the clock of the bucket and of compaction is than all others. Compaction counts on it that no
/// write arrives after 15 minutes; here they are as many seconds.
const SPEED: u32 = 60;
/// The latest that a write arrives.
const LATEST: Duration = Duration::from_secs(14);

thread_local! {
    static BEGAN: std::cell::Cell<Option<Instant>> = const { std::cell::Cell::new(None) };
}

/// Begins the time of a run.
pub(super) fn begin() {
    BEGAN.set(Some(Instant::now()));
}

/// Milliseconds since the run began.
pub(super) fn elapsed() -> i64 {
    let elapsed = BEGAN.get().unwrap().elapsed();
    i64::try_from(elapsed.as_millis()).unwrap()
}

/// The clock of the bucket and of compaction.
pub(super) fn clock() -> Timestamp {
    Timestamp(START + elapsed() * i64::from(SPEED))
}

/// What all processes share: objects, and when each was written.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) inner: InMemory,
    times: Mutex<HashMap<Path, Timestamp>>,
    pub(super) faults: Mutex<Faults>,
    /// Writes that have not arrived yet.
    pub(super) late: AtomicU64,
    /// A hash over all writes, their times and outcomes, by which two runs are compared.
    pub(super) trace: AtomicU64,
    /// Writes that were refused, since another process had written meanwhile.
    pub(super) refused: AtomicU64,
    /// How often a process was killed, and paused.
    pub(super) kills: AtomicU64,
    pub(super) pauses: AtomicU64,
}

impl Bucket {
    async fn put(&self, path: &Path, bytes: PutPayload, how: PutOptions) -> Result<PutResult> {
        let written = self.inner.put_opts(path, bytes, how).await;
        if written.is_ok() {
            self.times.lock().unwrap().insert(path.clone(), clock());
        } else {
            self.refused.fetch_add(1, Ordering::SeqCst);
        }
        let seen = hash((nameless(path), elapsed(), written.is_ok()));
        self.trace.fetch_add(seen, Ordering::SeqCst);
        written
    }

    async fn delete(&self, path: &Path) -> Result<()> {
        let deleted = self.inner.delete(path).await;
        let seen = hash((nameless(path), elapsed(), "deleted"));
        self.trace.fetch_add(seen, Ordering::SeqCst);
        deleted
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

/// A path without the name of a process, which is another one in each run.
fn nameless(path: &Path) -> &str {
    let path: &str = path.as_ref();
    let parts = path.split_once("/processes/");
    parts.map_or(path, |(folder, _)| folder)
}

fn is_lease(path: &Path) -> bool {
    let path: &str = path.as_ref();
    path.starts_with("_state/processes/") || path.starts_with("_state/leases/")
}

fn hash(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

/// How often calls go wrong, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) reads: u64,
    /// The write does not happen.
    pub(super) writes: u64,
    /// The write happens, but nobody hears of it.
    pub(super) lost_answers: u64,
    /// The write happens later, after its writer has given up.
    pub(super) late: u64,
}

/// What happens to a process at one of its writes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// As SIGKILL.
    Dies,
    /// As SIGSTOP, for so long.
    Pauses(Duration),
}

#[derive(Debug, Default)]
struct State {
    fate: Option<(u64, Fate)>,
    paused_until: Option<Instant>,
    is_dead: bool,
    /// How often each path was written or read.
    calls: HashMap<String, u64>,
}

/// The bucket as one life of a process sees it.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    bucket: Arc<Bucket>,
    seed: u64,
    state: Arc<Mutex<State>>,
    died: Arc<Notify>,
}

impl Gate {
    pub(super) fn new(bucket: Arc<Bucket>, seed: u64) -> Gate {
        Gate {
            bucket,
            seed,
            state: Arc::default(),
            died: Arc::default(),
        }
    }

    /// What happens after so many more writes.
    pub(super) fn after(&self, writes: u64, fate: Fate) {
        self.state.lock().unwrap().fate = Some((writes, fate));
    }

    /// Nothing happens any more.
    pub(super) fn calm_down(&self) {
        self.state.lock().unwrap().fate = None;
    }

    /// Returns when the process has died.
    pub(super) async fn death(&self) {
        let died = self.died.notified();
        if !self.state.lock().unwrap().is_dead {
            died.await;
        }
    }

    /// Waits for as long as the process is paused; for a dead one, without end.
    pub(super) async fn pass(&self) {
        loop {
            let (is_dead, until) = {
                let state = self.state.lock().unwrap();
                (state.is_dead, state.paused_until)
            };
            match until {
                _ if is_dead => pending().await,
                Some(until) if until > Instant::now() => sleep_until(until).await,
                _ => return,
            }
        }
    }

    /// Chance for one call. It depends on how often this was asked of this path, and not on what goes on beside it.
    fn chance(&self, what: &str, path: &Path) -> Random {
        let key = format!("{what} {}", nameless(path));
        let mut state = self.state.lock().unwrap();
        let calls = state.calls.entry(key.clone()).or_default();
        *calls += 1;
        Random(hash((self.seed, key, *calls)))
    }

    fn faults(&self) -> Faults {
        *self.bucket.faults.lock().unwrap()
    }

    fn count_write(&self, path: &Path) {
        // What happens to a process is to happen in the middle of its work.
        if is_lease(path) {
            return;
        }
        let mut state = self.state.lock().unwrap();
        match state.fate {
            Some((0, Fate::Dies)) => {
                state.fate = None;
                state.is_dead = true;
                self.died.notify_one();
                self.bucket.kills.fetch_add(1, Ordering::SeqCst);
            }
            Some((0, Fate::Pauses(time))) => {
                state.fate = None;
                state.paused_until = Some(Instant::now() + time);
                self.bucket.pauses.fetch_add(1, Ordering::SeqCst);
            }
            Some((writes, fate)) => state.fate = Some((writes - 1, fate)),
            None => {}
        }
    }

    /// One write: the process may be paused, or die, before or after it. As S3 does, the bucket takes no write that
    /// was signed too long ago.
    async fn write<T>(
        &self,
        path: &Path,
        chance: &mut Random,
        write: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let signed = Instant::now();
        self.pass().await;
        sleep(Duration::from_millis(chance.between(1, 40))).await;
        let is_before = chance.percent(50);
        if is_before {
            self.count_write(path);
        }
        self.pass().await;
        let written = match signed.elapsed() < LATEST {
            true => write.await,
            false => Err(no_answer()),
        };
        if !is_before {
            self.count_write(path);
        }
        self.pass().await;
        written
    }

    async fn delete(&self, path: Path) -> Result<Path> {
        let mut chance = self.chance("delete", &path);
        if chance.percent(self.faults().writes) {
            return self
                .write(&path, &mut chance, async { Err(no_answer()) })
                .await;
        }
        let is_lost = chance.percent(self.faults().lost_answers);
        let deleted = self
            .write(&path, &mut chance, self.bucket.delete(&path))
            .await;
        if is_lost {
            Err(no_answer())
        } else {
            deleted.map(|()| path)
        }
    }

    async fn read(&self, path: &Path) -> Result<()> {
        let mut chance = self.chance("read", path);
        self.pass().await;
        sleep(Duration::from_millis(chance.between(1, 20))).await;
        self.pass().await;
        match chance.percent(self.faults().reads) {
            true => Err(no_answer()),
            false => Ok(()),
        }
    }
}

/// What a process hears of a call that fails.
pub(super) const NO_ANSWER: &str = "no answer";

fn no_answer() -> Error {
    Error::Generic {
        store: "gate",
        source: NO_ANSWER.into(),
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
        let signed = Instant::now();
        let mut chance = self.chance("write", location);
        let faults = self.faults();
        if chance.percent(faults.writes) {
            return self
                .write(location, &mut chance, async { Err(no_answer()) })
                .await;
        }
        if chance.percent(faults.late) {
            let most = LATEST.as_millis() as u64;
            let after = Duration::from_millis(chance.between(0, most));
            let send = async {
                let (bucket, location) = (self.bucket.clone(), location.clone());
                bucket.late.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    sleep(after).await;
                    if signed.elapsed() < LATEST {
                        let _ = bucket.put(&location, payload, options).await;
                    }
                    bucket.late.fetch_sub(1, Ordering::SeqCst);
                });
                Err(no_answer())
            };
            return self.write(location, &mut chance, send).await;
        }
        let is_lost = chance.percent(faults.lost_answers);
        let put = self.bucket.put(location, payload, options);
        let written = self.write(location, &mut chance, put).await;
        if is_lost { Err(no_answer()) } else { written }
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(no_answer())
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.read(location).await?;
        self.bucket.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let gate = self.clone();
        let delete = move |path: Result<Path>| {
            let gate = gate.clone();
            async move { gate.delete(path?).await }
        };
        locations.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (gate, prefix) = (self.clone(), prefix.cloned());
        let listed = async move {
            gate.read(&prefix.clone().unwrap_or_default()).await?;
            let bucket = gate.bucket;
            let listed = bucket.inner.list(prefix.as_ref());
            Ok::<_, Error>(listed.map(move |meta| Ok(bucket.dated(meta?))))
        };
        once(listed).try_flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.bucket.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(no_answer())
    }
}
