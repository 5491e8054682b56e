//! Reading one shard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until};

use super::consume::{ConsumeError, Consumer, FIRST_BACK_OFF, longer, note, stopped, wait};
use super::load::LoadError;
use crate::cut::{File, Flush, Shard};
use crate::source::kinesis::{KinesisError, Records};
use crate::source::{Anchor, Anchored, Position, StreamRecord};
use crate::state::Counts;
use crate::store::{Existing, Store, StoreError};

/// Kinesis takes five GetRecords a second for each shard.
const READ_INTERVAL: Duration = Duration::from_millis(200);
/// Files that are written at the same time, for each shard.
const CONCURRENT_WRITES: usize = 16;

/// Reads a shard until it ends, the stream is gone, or `stop` turns true; what was read by then is
/// written. Gives the shard's id.
pub(super) async fn read(
    consumer: Arc<Consumer>,
    shard: Shard,
    stop: watch::Receiver<bool>,
) -> Result<String, ConsumeError> {
    let anchor = Anchor::new(&shard.position());
    let mut reader = Reader {
        consumer,
        shard,
        stop,
        cursor: Cursor::new(anchor),
        queue: VecDeque::new(),
        read_at: Instant::now(),
        flush_at: None,
        back_off: FIRST_BACK_OFF,
        behind_millis: 0,
    };
    let ended = reader.run().await?;
    if reader.shard.is_open() || ended && reader.shard.is_replaying() {
        reader.flush().await?;
    }
    let id = reader.shard.id().to_owned();
    if ended {
        let end = reader.shard.end()?;
        reader.put(end).await?;
        note(format_args!("{id} was closed and has been read to its end"));
    }
    Ok(id)
}

struct Reader {
    consumer: Arc<Consumer>,
    shard: Shard,
    stop: watch::Receiver<bool>,
    cursor: Cursor,
    /// Records that came after the end of the batch.
    queue: VecDeque<StreamRecord>,
    /// When to read on.
    read_at: Instant,
    /// When to cut the batch that is open.
    flush_at: Option<Instant>,
    back_off: Duration,
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
                () = reached(flush_at) => self.flush().await?,
                answer = self.cursor.read(&self.consumer, &self.shard, self.read_at) => {
                    self.read_at = Instant::now() + READ_INTERVAL;
                    match answer {
                        Ok(records) => {
                            if self.take(records).await? {
                                return Ok(true);
                            }
                        }
                        Err(error) if error.is("ResourceNotFoundException") => {
                            note(&error);
                            return Ok(false);
                        }
                        Err(error) => self.back_off(&error),
                    }
                }
            }
        }
    }

    /// Takes an answer in. Returns whether the shard has ended.
    async fn take(&mut self, answer: Records) -> Result<bool, ConsumeError> {
        let any_records = !answer.records.is_empty();
        self.back_off = FIRST_BACK_OFF;
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
        if self.shard.is_open() && self.flush_at.is_none() {
            self.flush_at = Some(Instant::now() + self.consumer.settings.longest_wait);
        }
        match answer.next_shard_iterator {
            Some(next) => self.cursor.advance(next, any_records),
            None => return Ok(true),
        }
        Ok(false)
    }

    fn back_off(&mut self, error: &KinesisError) {
        self.cursor.drop_iterators();
        // Iterators live for five minutes; the next one is asked for at once.
        if error.is("ExpiredIteratorException") {
            return;
        }
        let (shard, time) = (self.shard.id(), self.back_off);
        note(format_args!("{shard}: {error}; trying again in {time:?}"));
        self.read_at = Instant::now() + time;
        self.back_off = longer(time);
    }

    async fn flush(&mut self) -> Result<(), ConsumeError> {
        self.flush_at = None;
        let Some(batch) = self.shard.close() else {
            return Ok(());
        };
        let encoded = spawn_blocking(move || batch.encode()).await??;
        let flush = self.shard.flush(encoded)?;
        let files = flush.files.len();
        let counts = flush.counts;
        self.carry_out(flush).await?;
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

    async fn carry_out(&mut self, flush: Flush) -> Result<(), ConsumeError> {
        let existing = match flush.keep_existing {
            true => Existing::Keep,
            false => Existing::Replace,
        };
        self.put(flush.intent).await?;
        self.put_files(flush.files, existing).await?;
        for path in flush.stale {
            self.write(Write::Delete(path)).await?;
        }
        if let Some(window) = flush.window {
            self.put(window).await?;
        }
        self.put(flush.manifest).await?;
        self.put(flush.commit).await
    }

    /// Writes files, several at a time.
    async fn put_files(
        &mut self,
        files: Vec<File>,
        existing: Existing,
    ) -> Result<(), ConsumeError> {
        let mut files = files.into_iter();
        let mut writing: JoinSet<Result<(), ConsumeError>> = JoinSet::new();
        loop {
            while writing.len() < CONCURRENT_WRITES
                && let Some(file) = files.next()
            {
                let (store, stop) = (self.consumer.store.clone(), self.stop.clone());
                writing.spawn(persist(store, stop, Write::Put(file, existing)));
            }
            match writing.join_next().await {
                Some(written) => written??,
                None => return Ok(()),
            }
        }
    }

    async fn put(&mut self, file: File) -> Result<(), ConsumeError> {
        self.write(Write::Put(file, Existing::Replace)).await
    }

    async fn write(&mut self, write: Write) -> Result<(), ConsumeError> {
        persist(self.consumer.store.clone(), self.stop.clone(), write).await
    }
}

enum Write {
    Put(File, Existing),
    Delete(String),
}

/// Writes, if need be again and again: a full disk may be emptied. When told to stop, one failure is
/// enough.
async fn persist(
    store: Arc<Store>,
    mut stop: watch::Receiver<bool>,
    write: Write,
) -> Result<(), ConsumeError> {
    let mut back_off = FIRST_BACK_OFF;
    loop {
        let outcome = match &write {
            Write::Put(file, existing) => store.put(file, *existing).await,
            Write::Delete(path) => store.delete(path).await,
        };
        let error = match outcome {
            Err(StoreError::Object(error)) => error,
            outcome => return Ok(outcome?),
        };
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

/// The iterators to read on with.
///
/// After an answer without records it stays one iterator behind the newest: kinesalite's next
/// iterator stands at the time of the answer, and the first record of a stream, if it was on its
/// way just then, would never be seen through it. With Kinesis itself it makes no difference.
struct Cursor {
    current: Option<String>,
    following: Option<String>,
    anchor: Anchor,
}

impl Cursor {
    fn new(anchor: Anchor) -> Cursor {
        Cursor {
            current: None,
            following: None,
            anchor,
        }
    }

    fn drop_iterators(&mut self) {
        self.current = None;
        self.following = None;
    }

    /// Reads on at `at`. May be dropped at any time, and called again.
    async fn read(
        &mut self,
        consumer: &Consumer,
        shard: &Shard,
        at: Instant,
    ) -> Result<Records, KinesisError> {
        sleep_until(at).await;
        let iterator = match &self.current {
            Some(iterator) => iterator,
            None => {
                let iterator = start(consumer, shard, &mut self.anchor).await?;
                self.current.insert(iterator)
            }
        };
        consumer.kinesis.records(iterator).await
    }

    fn advance(&mut self, next: String, any_records: bool) {
        if any_records {
            self.current = Some(next);
            self.following = None;
        } else if let Some(following) = self.following.replace(next) {
            self.current = Some(following);
        }
    }
}

/// An iterator at the shard's position.
async fn start(
    consumer: &Consumer,
    shard: &Shard,
    anchor: &mut Anchor,
) -> Result<String, KinesisError> {
    let (id, position) = (shard.id(), anchor.position(shard.position()));
    match consumer.kinesis.iterator(id, &position).await {
        // What is older than the position is passed over when it comes.
        Err(error) if error.is("InvalidArgumentException") && position != Position::TrimHorizon => {
            note(format_args!(
                "{id}: {error}; reading on from the oldest record"
            ));
            anchor.refused();
            consumer.kinesis.iterator(id, &Position::TrimHorizon).await
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_one_behind_while_nothing_comes() {
        let mut cursor = Cursor::new(Anchor::default());
        cursor.current = Some("0".into());
        let after = |cursor: &mut Cursor, next: &str, any| {
            cursor.advance(next.into(), any);
            cursor.current.clone().unwrap()
        };
        assert_eq!(after(&mut cursor, "1", false), "0");
        assert_eq!(after(&mut cursor, "2", false), "1");
        assert_eq!(after(&mut cursor, "3", true), "3");
        assert_eq!(after(&mut cursor, "4", false), "3");
    }
}
