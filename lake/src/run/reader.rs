//! Reading one shard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use super::carry_out::{Write, carry_out};
use super::consume::{
    ConsumeError, Consumer, FIRST_BACK_OFF, Trouble, longer, note, stopped, wait,
};
use super::cursor::Cursor;
use super::load::LoadError;
use crate::cut::{File, Flush, Shard};
use crate::source::kinesis::{KinesisError, Records};
use crate::source::{Anchor, Anchored, StreamRecord};
use crate::state::Counts;
use crate::store::{Claim, Existing, StoreError};

/// Kinesis takes five GetRecords a second for each shard: the pace of a reader that has catching up to do.
const READ_INTERVAL: Duration = Duration::from_millis(200);
/// A process that is told to end has some 30 seconds. A batch with more files than this is not written then: its
/// records are read again.
const MOST_FILES_AT_END: usize = 500;
/// An answer with so many records, or more, is not the last one, whatever Kinesis says.
const MANY_RECORDS: usize = 1_000;

/// Reads a shard until it ends, the stream is gone, or `stop` or `ending` turns true; what was read by then is
/// written. `ending` says that the process ends.
pub(super) async fn read(
    consumer: Arc<Consumer>,
    shard: Shard,
    claim: Arc<Claim>,
    latest: bool,
    stop: watch::Receiver<bool>,
    ending: watch::Receiver<bool>,
) -> Result<(), ConsumeError> {
    consumer.metrics.started(shard.id(), shard.counts());
    let anchor = Anchor::new(&shard.position());
    let mut reader = Reader {
        shard,
        claim,
        stop,
        ending,
        cursor: Cursor::new(anchor, latest),
        queue: VecDeque::new(),
        read_at: Instant::now(),
        flush_at: None,
        trouble: Trouble::new(consumer.settings.give_up_after),
        consumer,
        behind_millis: 0,
    };
    let ended = reader.run().await?;
    let (id, files) = (reader.shard.id().to_owned(), reader.shard.open_files());
    // Not where the stream is gone: nobody could read its records again.
    let is_told = *reader.stop.borrow() || *reader.ending.borrow();
    if ended || reader.shard.is_open() && (files <= MOST_FILES_AT_END || !is_told) {
        reader.flush().await?;
    } else if reader.shard.is_open() {
        note(format_args!(
            "{id}: {files} files would take long to write; their records are read again"
        ));
    }
    if ended {
        for file in reader.shard.end()? {
            reader.put(file).await?;
        }
        note(format_args!("{id} was closed and has been read to its end"));
    }
    reader.consumer.metrics.ended(&id);
    Ok(())
}

struct Reader {
    consumer: Arc<Consumer>,
    shard: Shard,
    claim: Arc<Claim>,
    stop: watch::Receiver<bool>,
    ending: watch::Receiver<bool>,
    cursor: Cursor,
    /// Records that came after the end of the batch.
    queue: VecDeque<StreamRecord>,
    /// When to read on.
    read_at: Instant,
    /// When to cut the batch that is open.
    flush_at: Option<Instant>,
    trouble: Trouble,
    behind_millis: u64,
}

/// One line of JSON on standard error for each flush.
#[derive(Serialize)]
struct Report<'r> {
    shard: &'r str,
    #[serde(flatten)]
    counts: Counts,
    files: usize,
    behind_millis: u64,
    /// Of all flushes of the shard.
    total: Counts,
}

impl Reader {
    /// Returns whether the shard has ended.
    async fn run(&mut self) -> Result<bool, ConsumeError> {
        loop {
            let flush_at = self.flush_at;
            tokio::select! {
                biased;
                () = stopped(&mut self.stop) => return Ok(false),
                () = stopped(&mut self.ending) => return Ok(false),
                () = reached(flush_at) => self.flush().await?,
                answer = self.cursor.read(&self.consumer, &self.shard, self.read_at) => {
                    match answer {
                        Ok(records) => {
                            self.read_at = Instant::now() + self.pause(&records);
                            if self.take(records).await? {
                                return Ok(true);
                            }
                        }
                        Err(error) if error.is("ResourceNotFoundException") => {
                            note(&error);
                            return Ok(false);
                        }
                        Err(error) => self.take_error(error)?,
                    }
                }
            }
        }
    }

    /// Takes an answer in. Returns whether the shard has ended.
    async fn take(&mut self, answer: Records) -> Result<bool, ConsumeError> {
        let any_records = !answer.records.is_empty();
        self.trouble.is_over();
        self.behind_millis = answer.millis_behind_latest;
        let is_last = answer.next_shard_iterator.is_none();
        let is_tip = is_last || !any_records && self.behind_millis == 0;
        match self.cursor.anchor.observe(&answer.records, is_tip) {
            Anchored::Fine => {}
            Anchored::FromOldest => {
                self.cursor.drop_iterators();
                return Ok(false);
            }
            Anchored::BeyondEnd => {
                let path = self.shard.checkpoint_path();
                return Err(LoadError::BeyondEnd { path }.into());
            }
        }
        self.queue.extend(answer.records);
        while self.shard.take(&mut self.queue) {
            self.flush().await?;
        }
        // The rest of a batch that is being read again is not in the stream any more.
        if self.shard.is_replaying() && !any_records && self.behind_millis == 0 {
            self.flush().await?;
        }
        let (id, open) = (self.shard.id(), self.shard.open_records());
        self.consumer.metrics.answered(id, self.behind_millis, open);
        if self.shard.is_open() && self.flush_at.is_none() {
            self.flush_at = Some(Instant::now() + self.consumer.settings.longest_wait);
        }
        match answer.next_shard_iterator {
            Some(next) => self.cursor.advance(next, is_tip),
            None => return Ok(true),
        }
        Ok(false)
    }

    /// How long to wait before the next request.
    fn pause(&self, answer: &Records) -> Duration {
        let is_behind = answer.millis_behind_latest > 0 || answer.records.len() >= MANY_RECORDS;
        match is_behind {
            true => READ_INTERVAL,
            false => self.consumer.settings.idle_interval.max(READ_INTERVAL),
        }
    }

    /// Each error as it is. An iterator is dropped only where Kinesis says that it is of no more use.
    fn take_error(&mut self, error: KinesisError) -> Result<(), ConsumeError> {
        self.consumer.metrics.failed(error.code());
        let is_expired = error.is("ExpiredIteratorException");
        if is_expired {
            self.cursor.drop_iterators();
            // They live for five minutes. The next one is asked for at once, but not without end.
            if !self.trouble.is_going_on() {
                self.trouble.begin();
                self.read_at = Instant::now() + READ_INTERVAL;
                return Ok(());
            }
        }
        let asked = error.retry_after();
        let shard = self.shard.id().to_owned();
        let pause = self.trouble.pause(error, is_expired, &shard)?;
        self.read_at = Instant::now() + pause.max(asked.unwrap_or_default());
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ConsumeError> {
        self.flush_at = None;
        let Some(batch) = self.shard.close() else {
            return Ok(());
        };
        let encoded = spawn_blocking(move || batch.encode()).await??;
        let flush = self.shard.flush(encoded)?;
        let files = flush.files.len();
        let bytes = flush.files.iter().map(|file| file.bytes.len() as u64).sum();
        let counts = flush.counts;
        self.carry_out(flush).await?;
        let total = self.shard.counts();
        self.consumer
            .metrics
            .committed(self.shard.id(), total, files, bytes);
        let report = Report {
            shard: self.shard.id(),
            counts,
            files,
            behind_millis: self.behind_millis,
            total: self.shard.counts(),
        };
        // Numbers and an id always have a JSON form.
        eprintln!("{}", serde_json::to_string(&report).unwrap_or_default());
        Ok(())
    }

    async fn carry_out(&self, flush: Flush) -> Result<(), ConsumeError> {
        carry_out(flush, |write| self.persist(write)).await
    }

    async fn put(&self, file: File) -> Result<(), ConsumeError> {
        self.persist(Write::Put(file, Existing::Replace)).await
    }

    fn persist(&self, write: Write) -> impl Future<Output = Result<(), ConsumeError>> + use<> {
        let (consumer, claim) = (self.consumer.clone(), self.claim.clone());
        persist(consumer, claim, self.ending.clone(), write)
    }
}

/// Writes, if need be again and again: a full disk may be emptied. When the process ends, one failure is
/// enough.
async fn persist(
    consumer: Arc<Consumer>,
    claim: Arc<Claim>,
    mut stop: watch::Receiver<bool>,
    write: Write,
) -> Result<(), ConsumeError> {
    let mut back_off = FIRST_BACK_OFF;
    let began = Instant::now();
    loop {
        claim.check()?;
        let error = match write.to(&consumer.store).await {
            Err(StoreError::Object(error)) => error,
            outcome => {
                consumer.metrics.written();
                return Ok(outcome?);
            }
        };
        consumer.metrics.write_failed();
        let is_enough = began.elapsed() > consumer.settings.give_up_after;
        if is_enough || wait(&mut stop, Duration::ZERO).await.is_none() {
            return Err(StoreError::Object(error).into());
        }
        note(format_args!("{error}; trying again in {back_off:?}"));
        if wait(&mut stop, back_off).await.is_none() {
            return Err(StoreError::Object(error).into());
        }
        back_off = longer(back_off);
    }
}

/// Waits for a point in time; for none, without end.
async fn reached(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
