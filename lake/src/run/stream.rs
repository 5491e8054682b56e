//! Reading the shards of a stream, beside other processes that read it into the same lake.
//!
//! Every few seconds a process counts those that live, and takes shards that nobody holds, up to its fair share. It
//! gives up those beyond it: after it has written what it has read of them. A shard is read when its parents have
//! been read to their end, by whichever process: their checkpoints say so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use forebay_aws_call::kinesis::ShardDescription;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::consume::{ConsumeError, Consumer, Start, note, stopped};
use super::load::{LoadError, load_checkpoint};
use super::reader;
use crate::cut::{EncodeError, File};
use crate::source::kinesis::{KinesisError, now};
use crate::state::{Checkpoint, StatePaths};
use crate::store::{Claim, Existing, StoreError};

/// How often to look for shards that a split or merge has made, and whether the stream is still the
/// same.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(5);
/// How often to look for processes and shards that are free.
const SHARE_INTERVAL: Duration = Duration::from_secs(2);

/// How many of the shards one of the processes reads at most.
pub fn fair_share(shards: usize, processes: usize) -> usize {
    shards.div_ceil(processes.max(1))
}

/// A stream being read.
pub(super) struct Stream {
    consumer: Arc<Consumer>,
    created: i64,
    paths: StatePaths,
    readers: JoinSet<(String, Result<(), ConsumeError>)>,
    /// Shards with a reader, and what stops it.
    reading: BTreeMap<String, watch::Sender<bool>>,
    /// Shards that were closed and have been read to their end.
    ended: BTreeSet<String>,
    /// Shards that are begun with what comes from now on.
    latest: BTreeSet<String>,
    /// Since when the storage has only failed.
    failing: Option<Instant>,
}

impl Stream {
    pub(super) fn new(consumer: Arc<Consumer>, created: i64) -> Stream {
        Stream {
            paths: StatePaths::new(consumer.kinesis.stream(), created),
            consumer,
            created,
            readers: JoinSet::new(),
            reading: BTreeMap::new(),
            ended: BTreeSet::new(),
            latest: BTreeSet::new(),
            failing: None,
        }
    }

    /// Reads until told to stop, or until the stream is not there any more or not the same.
    pub(super) async fn read(
        mut self,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), ConsumeError> {
        let outcome = self.keep_reading(stop).await;
        // Also after an error the others write what they have read. Who is not there to hear has ended.
        for reader in self.reading.values() {
            let _ = reader.send(true);
        }
        let mut failed = outcome;
        while let Some(finished) = self.readers.join_next().await {
            failed = failed.and(match finished {
                Ok((_, outcome)) => outcome,
                Err(error) => Err(error.into()),
            });
        }
        failed
    }

    async fn keep_reading(&mut self, stop: &mut watch::Receiver<bool>) -> Result<(), ConsumeError> {
        let consumer = self.consumer.clone();
        let mut shards = Vec::new();
        let mut look_at = Instant::now();
        let mut is_begun = false;
        loop {
            if look_at <= Instant::now() {
                let listed = async || consumer.shards_of(self.created).await;
                let Some(listed) = consumer.retry(stop, listed).await?.flatten() else {
                    return Ok(());
                };
                shards = listed;
                look_at = Instant::now() + DISCOVERY_INTERVAL;
            }
            is_begun = is_begun || self.begin(&shards).await?;
            if is_begun {
                let shared = self.share(&shards, stop).await;
                self.settle(shared)?;
            }
            tokio::select! {
                biased;
                () = stopped(stop) => return Ok(()),
                Some(finished) = self.readers.join_next() => {
                    let (shard, outcome) = finished?;
                    self.reading.remove(&shard);
                    self.finished(&shard, outcome).await?;
                    // What is free now may be taken, and children may be read.
                    look_at = Instant::now();
                }
                () = sleep(SHARE_INTERVAL) => {}
            }
        }
    }

    /// A reader whose shard was written by another process ends. It is begun anew where this process may go on:
    /// a write that was under way when the other process ended came after this one had read the shard's state.
    async fn finished(
        &self,
        shard: &str,
        outcome: Result<(), ConsumeError>,
    ) -> Result<(), ConsumeError> {
        let Err(ConsumeError::Store(error @ StoreError::LeaseLost { .. })) = outcome else {
            return outcome;
        };
        self.consumer.store.check_lease().await?;
        note(format_args!("{shard}: {error}; its state is read again"));
        Ok(())
    }

    /// The storage may fail for a while.
    fn settle(&mut self, shared: Result<(), ConsumeError>) -> Result<(), ConsumeError> {
        let error = match shared {
            Ok(()) => {
                self.failing = None;
                return Ok(());
            }
            Err(
                ConsumeError::Store(error @ StoreError::Object(_))
                | ConsumeError::Load(LoadError::Store(error @ StoreError::Object(_))),
            ) => error,
            Err(error) => return Err(error),
        };
        let lasted = self.failing.get_or_insert_with(Instant::now).elapsed();
        if lasted > self.consumer.settings.give_up_after {
            let seconds = lasted.as_secs();
            return Err(ConsumeError::Storage { error, seconds });
        }
        note(format_args!("{error}; trying again in {SHARE_INTERVAL:?}"));
        Ok(())
    }

    /// Writes down where the shards are begun that there are at the start, where the stream was never read into
    /// the lake. Those of a later split or merge are read whole. False while another process does it.
    async fn begin(&mut self, shards: &[ShardDescription]) -> Result<bool, ConsumeError> {
        let start = match self.consumer.settings.start {
            Start::TrimHorizon => return Ok(true),
            Start::Latest => now(),
            Start::Time(time) => time,
        };
        let store = self.consumer.store.clone();
        let Some(claim) = store.claim(&self.claim_name("start")).await? else {
            return Ok(false);
        };
        let state = store.list(self.paths.folder()).await?;
        if state.is_empty() {
            for shard in shards {
                let id = &shard.shard_id;
                let checkpoint = Checkpoint {
                    start: Some(start.0),
                    ..Checkpoint::default()
                };
                let file = File {
                    path: self.paths.checkpoint(id),
                    bytes: checkpoint.to_bytes().map_err(EncodeError::from)?.into(),
                };
                store.put(&file, Existing::Replace).await?;
                if self.consumer.settings.start == Start::Latest {
                    self.latest.insert(id.clone());
                }
            }
        }
        claim.give_up().await;
        Ok(true)
    }

    fn claim_name(&self, what: &str) -> String {
        let folder = self.paths.folder();
        let folder = folder.rsplit_once('/').map_or(folder, |(_, name)| name);
        format!("{folder}/{what}")
    }

    /// Gives up the shards beyond this process's share, or takes those that nobody holds.
    async fn share(
        &mut self,
        shards: &[ShardDescription],
        stop: &watch::Receiver<bool>,
    ) -> Result<(), ConsumeError> {
        self.find_ended(shards).await?;
        let listed: BTreeSet<&str> = shards.iter().map(|shard| shard.shard_id.as_str()).collect();
        // Parents before their children, so that a client's events stay in order. A parent that is not listed any
        // more is past the stream's retention.
        let waits = |parent: &str| listed.contains(parent) && !self.ended.contains(parent);
        let is_readable = |shard: &&ShardDescription| {
            !self.ended.contains(&shard.shard_id) && !shard.parents().any(waits)
        };
        let readable: Vec<&ShardDescription> = shards.iter().filter(is_readable).collect();
        let processes = self.consumer.store.consumers().await?;
        let share = fair_share(readable.len(), processes);
        for (shard, reader) in self.reading.iter().skip(share) {
            if !reader.send_replace(true) {
                note(format_args!("{shard} is given up to another process"));
            }
        }
        for shard in readable {
            if self.reading.len() >= share {
                break;
            }
            let id = &shard.shard_id;
            if self.reading.contains_key(id) {
                continue;
            }
            if let Some(claim) = self.consumer.store.claim(&self.claim_name(id)).await? {
                self.start(shard, claim, stop).await?;
            }
        }
        Ok(())
    }

    /// Parents that another process has read to their end, or this one in an earlier life.
    async fn find_ended(&mut self, shards: &[ShardDescription]) -> Result<(), ConsumeError> {
        let parents = shards.iter().flat_map(ShardDescription::parents);
        let parents: BTreeSet<&str> = parents.collect();
        for shard in shards {
            let id = &shard.shard_id;
            let is_open = !parents.contains(id.as_str()) || self.reading.contains_key(id);
            if is_open || self.ended.contains(id) {
                continue;
            }
            let checkpoint = load_checkpoint(&self.consumer.store, &self.paths, id).await?;
            if checkpoint.ended {
                self.ended.insert(id.clone());
            }
        }
        Ok(())
    }

    async fn start(
        &mut self,
        shard: &ShardDescription,
        claim: Claim,
        ending: &watch::Receiver<bool>,
    ) -> Result<(), ConsumeError> {
        let id = shard.shard_id.clone();
        let Some(shard) = self.consumer.resume(&self.paths, shard).await? else {
            self.ended.insert(id);
            claim.give_up().await;
            return Ok(());
        };
        let (stop, stopped) = watch::channel(false);
        self.reading.insert(id.clone(), stop);
        let latest = self.latest.remove(&id);
        let consumer = self.consumer.clone();
        let ending = ending.clone();
        self.readers.spawn(async move {
            let claim = Arc::new(claim);
            let outcome =
                reader::read(consumer, shard, claim.clone(), latest, stopped, ending).await;
            claim.give_up().await;
            (id, outcome)
        });
        Ok(())
    }
}

impl Consumer {
    /// The shards of the stream that was created then; `None` if there is none any more.
    async fn shards_of(&self, created: i64) -> Result<Option<Vec<ShardDescription>>, KinesisError> {
        let summary = match self.kinesis.describe().await {
            Err(error) if error.is("ResourceNotFoundException") => return Ok(None),
            answer => answer?,
        };
        if summary.created_seconds() != created || summary.stream_status == "DELETING" {
            return Ok(None);
        }
        self.kinesis.shards().await.map(Some)
    }
}
