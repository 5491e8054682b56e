//! The lake: processes that read the stream, and one that compacts now and then, each with its own view of the
//! bucket.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use forebay_aws_call::{Credentials, Endpoint};
use forebay_core::time::Timestamp;
use forebay_lake::compact::merge::Bounds;
use forebay_lake::cut::Limits;
use forebay_lake::run::compact::{CompactError, CompactSettings, Progress, compact};
use forebay_lake::run::load::LoadError;
use forebay_lake::run::metrics::Metrics;
use forebay_lake::run::{ConsumeError, Settings, Start, consume};
use forebay_lake::source::credentials::Identity;
use forebay_lake::source::kinesis::Kinesis;
use forebay_lake::store::{LeaseTimes, Role, Store, StoreError};
use forebay_lake::table::Catalog;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::EVENTS;
use super::kinesis::{Reading, Streams};
use super::random::Random;
use super::storage::{Bucket, Fate, Gate, NO_ANSWER};

/// Of a process whose clock stands still while its machine is suspended: it believes in its lease for long after
/// it was taken.
const SLOW: LeaseTimes = LeaseTimes {
    life: Duration::from_secs(60),
    renewal: Duration::from_secs(8),
};

/// What the processes share.
#[derive(Clone)]
pub(super) struct Lake {
    pub(super) streams: Streams,
    pub(super) bucket: Arc<Bucket>,
}

/// A process that reads the stream, and is started again whenever it has ended.
pub(super) struct Consumer {
    gate: Rc<RefCell<Gate>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Consumer {
    pub(super) fn start(lake: Lake, is_slow: bool, seed: u64) -> Consumer {
        let mut random = Random(seed);
        let gate = lake.gate(random.next());
        let gate = Rc::new(RefCell::new(gate));
        let (stop, stopped) = watch::channel(false);
        let of_task = gate.clone();
        let task = tokio::task::spawn_local(async move {
            while !*stopped.borrow() {
                let gate = lake.gate(random.next());
                of_task.replace(gate.clone());
                tokio::select! {
                    biased;
                    () = gate.death() => {}
                    outcome = lake.read(gate.clone(), is_slow, &mut random, stopped.clone()) => check(outcome),
                }
                sleep(Duration::from_millis(random.between(100, 8_000))).await;
            }
        });
        Consumer { gate, stop, task }
    }

    /// What becomes of it after so many writes.
    pub(super) fn after(&self, writes: u64, fate: Fate) {
        self.gate.borrow().after(writes, fate);
    }

    /// From here on all goes well for it.
    pub(super) fn calm_down(&self) {
        self.gate.borrow().calm_down();
    }

    /// As SIGTERM.
    pub(super) async fn end(self) {
        self.stop.send(true).unwrap();
        self.task.await.unwrap();
    }
}

/// Whether a process may have ended so. It may have lost its lease, or found the storage too bad.
fn check(outcome: Result<(), ConsumeError>) {
    match outcome {
        Ok(()) | Err(ConsumeError::Store(_) | ConsumeError::Load(LoadError::Store(_))) => {}
        Err(error) => panic!("{error}"),
    }
}

impl Lake {
    fn gate(&self, seed: u64) -> Gate {
        Gate::new(self.bucket.clone(), seed)
    }

    /// One life of a process that reads.
    async fn read(
        &self,
        gate: Gate,
        is_slow: bool,
        random: &mut Random,
        stop: watch::Receiver<bool>,
    ) -> Result<(), ConsumeError> {
        let settings = Settings {
            limits: Limits {
                records: random.between(2, 40),
                bytes: u64::MAX,
            },
            longest_wait: Duration::from_millis(random.between(500, 10_000)),
            ignore_unknown_files: false,
            idle_interval: Duration::from_millis(2_500),
            give_up_after: Duration::from_secs(600),
            start: Start::TrimHorizon,
            compact_every: None,
        };
        let times = if is_slow { SLOW } else { LeaseTimes::default() };
        let store = Store::join_objects(Arc::new(gate.clone()), times, Role::Consume).await?;
        let store = Arc::new(store);
        let endpoint = Endpoint::parse("https://kinesis.eu-north-1.amazonaws.com").unwrap();
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let kinesis = Kinesis::over(
            Box::new(Reading {
                streams: self.streams.clone(),
                gate,
            }),
            endpoint,
            "eu-north-1".to_owned(),
            EVENTS.to_owned(),
            Arc::new(Identity::of(credentials)),
        );
        let catalog = Catalog::new(super::schema());
        let metrics = Arc::new(Metrics::default());
        let outcome = consume(kinesis, store.clone(), catalog, settings, metrics, stop).await;
        store.close().await;
        outcome
    }

    /// One life of a process that compacts: until it is done, or after so many writes. Gives how many partitions it
    /// has merged.
    pub(super) async fn compact(
        &self,
        seed: u64,
        fate: Option<(u64, Fate)>,
        now: fn() -> Timestamp,
    ) -> usize {
        let gate = self.gate(seed);
        if let Some((writes, fate)) = fate {
            gate.after(writes, fate);
        }
        tokio::select! {
            biased;
            () = gate.death() => 0,
            merged = self.merge(gate.clone(), now) => merged,
        }
    }

    async fn merge(&self, gate: Gate, now: fn() -> Timestamp) -> usize {
        let times = LeaseTimes::default();
        let Ok(store) = Store::join_objects(Arc::new(gate), times, Role::Compact).await else {
            return 0;
        };
        let settings = CompactSettings {
            bounds: Bounds::default(),
            wait_for_late: 0,
            now,
        };
        let mut merged = 0;
        let outcome = compact(&store, &settings, |progress| match progress {
            Progress::Done(_) => merged += 1,
            Progress::Failed(folder, error) => passable(&folder, error),
            Progress::Rejected(_) => {}
        });
        if let Err(error) = outcome.await {
            passable("the lake", error);
        }
        store.close().await;
        merged
    }
}

/// Whether compaction may have left a partition so: the storage fails, or it has lost its lease.
fn passable(folder: &str, error: CompactError) {
    match error {
        CompactError::Store(
            StoreError::Object(_) | StoreError::LeaseLost { .. } | StoreError::Locked { .. },
        )
        | CompactError::Load(LoadError::Store(_)) => {}
        // One that was paused finds that another has merged the files.
        CompactError::Merge(error)
            if [NO_ANSWER, "not found"]
                .iter()
                .any(|it| error.to_string().contains(it)) => {}
        error => panic!("{folder}: {error}"),
    }
}
