//! Reading all shards of a stream into a lake, until told to stop.

use std::sync::Arc;
use std::time::Duration;

use forebay_aws_call::kinesis::ShardDescription;
use forebay_core::time::Timestamp;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::compactor::keep_compact;
use super::load::{LoadError, check_files, load_checkpoint, load_shard, load_window};
use super::metrics::Metrics;
use super::stream::Stream;
use crate::cut::{EncodeError, Limits, Shard};
use crate::source::kinesis::{Kinesis, KinesisError};
use crate::state::StatePaths;
use crate::store::{Store, StoreError};
use crate::table::Catalog;

/// The same while the stream is being made.
const CREATION_INTERVAL: Duration = Duration::from_millis(500);
pub(super) const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(3);

/// When batches are cut.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// By count and size.
    pub limits: Limits,
    /// How long after its first record a batch is cut at the latest.
    pub longest_wait: Duration,
    /// Whether files that the state does not know of are ignored, instead of being an error.
    pub ignore_unknown_files: bool,
    /// How often a shard is read that has nothing new.
    pub idle_interval: Duration,
    /// After so long with nothing but errors the process ends.
    pub give_up_after: Duration,
    /// Where to begin a stream that was never read into the lake.
    pub start: Start,
    /// How long after one compaction the next begins; `None` where another process compacts.
    pub compact_every: Option<Duration>,
}

/// Where a stream is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record there is.
    TrimHorizon,
    /// With records that arrive from now on.
    Latest,
    /// With what the stream took in at this time or later, by its clock.
    Time(Timestamp),
}

/// Why reading cannot go on.
#[derive(Debug, Error)]
pub enum ConsumeError {
    /// The files of the lake.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state of the lake.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A defect of Forebay.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Kinesis, where another try would not help.
    #[error("{0}")]
    Kinesis(#[from] KinesisError),
    /// Kinesis, where trying again did not help for long.
    #[error("{error}; there were only errors for {seconds} s, longer than --give-up-seconds")]
    GaveUp {
        /// The last of the errors.
        error: KinesisError,
        /// How long there were no others.
        seconds: u64,
    },
    /// The storage, where trying again did not help for long.
    #[error("{error}; there were only errors for {seconds} s, longer than --give-up-seconds")]
    Storage {
        /// The last of the errors.
        error: StoreError,
        /// How long there were no others.
        seconds: u64,
    },
    /// A defect of Forebay.
    #[error("a part of the process failed: {0}")]
    Reader(#[from] tokio::task::JoinError),
}

/// What all shards of a stream share.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) kinesis: Kinesis,
    pub(super) store: Arc<Store>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) settings: Settings,
    pub(super) metrics: Arc<Metrics>,
}

/// Reads a stream into a lake until `stop` turns true, beside other processes that have joined the lake; what was read by then is written. A stream
/// that is not there, and a Kinesis that cannot be reached, are waited for.
///
/// # Errors
/// [`ConsumeError`], where trying again would not help.
pub async fn consume(
    kinesis: Kinesis,
    store: Arc<Store>,
    catalog: Catalog,
    settings: Settings,
    metrics: Arc<Metrics>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), ConsumeError> {
    let consumer = Arc::new(Consumer {
        kinesis,
        store,
        catalog: Arc::new(catalog),
        settings,
        metrics,
    });
    if !settings.ignore_unknown_files {
        check_files(&consumer.store).await?;
    }
    let (stop_compacting, compacting_stop) = watch::channel(false);
    let compactor = settings
        .compact_every
        .map(|every| tokio::spawn(keep_compact(consumer.clone(), every, compacting_stop)));
    let outcome = read_streams(&consumer, &mut stop).await;
    let _ = stop_compacting.send(true);
    if let Some(compactor) = compactor {
        compactor.await?;
    }
    outcome
}

async fn read_streams(
    consumer: &Arc<Consumer>,
    stop: &mut watch::Receiver<bool>,
) -> Result<(), ConsumeError> {
    while let Some(created) = consumer.wait_for_stream(stop).await? {
        Stream::new(consumer.clone(), created).read(stop).await?;
    }
    Ok(())
}

impl Consumer {
    /// Waits until the stream can be read. Gives when it was created, by which it is known, in
    /// seconds since the epoch; `None` when told to stop.
    async fn wait_for_stream(
        &self,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Option<i64>, ConsumeError> {
        loop {
            let asked = self
                .retry(stop, async || self.kinesis.describe().await)
                .await?;
            let Some(summary) = asked else {
                return Ok(None);
            };
            if matches!(summary.stream_status.as_str(), "ACTIVE" | "UPDATING") {
                return Ok(Some(summary.created_seconds()));
            }
            if wait(stop, CREATION_INTERVAL).await.is_none() {
                return Ok(None);
            }
        }
    }

    /// Calls until there is an answer, further and further apart. `None` when told to stop.
    pub(super) async fn retry<T>(
        &self,
        stop: &mut watch::Receiver<bool>,
        mut call: impl AsyncFnMut() -> Result<T, KinesisError>,
    ) -> Result<Option<T>, ConsumeError> {
        let mut trouble = Trouble::new(self.settings.give_up_after);
        loop {
            let answer = tokio::select! {
                biased;
                () = stopped(stop) => return Ok(None),
                answer = call() => answer,
            };
            let error = match answer {
                Ok(answer) => return Ok(Some(answer)),
                Err(error) => error,
            };
            self.metrics.failed(error.code());
            // A stream may be made later.
            let may_come = error.is("ResourceNotFoundException");
            let pause = trouble.pause(error, may_come, self.kinesis.stream())?;
            if wait(stop, pause).await.is_none() {
                return Ok(None);
            }
        }
    }

    /// A shard as it was left; `None` where it has been read to its end. One that was never read takes over the
    /// event ids of its parents: an event's second delivery may come after its client has moved from one shard to
    /// another.
    pub(super) async fn resume(
        &self,
        paths: &StatePaths,
        shard: &ShardDescription,
    ) -> Result<Option<Shard>, ConsumeError> {
        let id = &shard.shard_id;
        let mut state = load_shard(&self.store, paths, id).await?;
        if state.checkpoint.ended {
            return Ok(None);
        }
        if state.checkpoint.window.is_none() {
            for parent in shard.parents() {
                let of_parent = load_checkpoint(&self.store, paths, parent).await?;
                let seen = load_window(&self.store, paths, parent, &of_parent).await?;
                state.window.extend(seen.keys());
            }
        }
        Ok(Some(Shard::new(
            id.clone(),
            self.catalog.clone(),
            self.settings.limits,
            paths.clone(),
            state.checkpoint,
            state.window,
            state.segment,
        )))
    }
}

/// Tells the operator something, on one line.
pub(super) fn note(text: impl std::fmt::Display) {
    eprintln!("forebay-lake: {text}");
}

/// Errors without an answer in between.
#[derive(Debug)]
pub(super) struct Trouble {
    since: Option<Instant>,
    back_off: Duration,
    give_up_after: Duration,
}

impl Trouble {
    pub(super) fn new(give_up_after: Duration) -> Trouble {
        Trouble {
            since: None,
            back_off: FIRST_BACK_OFF,
            give_up_after,
        }
    }

    pub(super) fn is_over(&mut self) {
        self.since = None;
        self.back_off = FIRST_BACK_OFF;
    }

    pub(super) fn is_going_on(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn begin(&mut self) -> Instant {
        *self.since.get_or_insert_with(Instant::now)
    }

    /// How long to wait before the next try. `may_pass`: although the error by itself would not.
    pub(super) fn pause(
        &mut self,
        error: KinesisError,
        may_pass: bool,
        what: &str,
    ) -> Result<Duration, ConsumeError> {
        if !may_pass && !error.may_pass() {
            return Err(error.into());
        }
        let lasted = self.begin().elapsed();
        if lasted > self.give_up_after {
            let seconds = lasted.as_secs();
            return Err(ConsumeError::GaveUp { error, seconds });
        }
        let pause = self.back_off;
        note(format_args!("{what}: {error}; trying again in {pause:?}"));
        self.back_off = longer(pause);
        Ok(pause)
    }
}

/// Waits until told to stop. Who could tell being gone counts as told.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// `None` when told to stop before the time is over.
pub(super) async fn wait(stop: &mut watch::Receiver<bool>, time: Duration) -> Option<()> {
    tokio::select! {
        biased;
        () = stopped(stop) => None,
        () = sleep(time) => Some(()),
    }
}

pub(super) fn longer(back_off: Duration) -> Duration {
    (back_off * 2).min(LONGEST_BACK_OFF)
}
