//! `stream`: records of a Kinesis stream into files, for the event source mapping of AWS Lambda.
//!
//! An invocation is given records, and given them again, with other boundaries, until it answers that it has
//! them. So a file is named after the first and the last record that it was made of: the same records give the
//! same file, and a try with other boundaries that ends late replaces nothing that is more than itself. The
//! rows that two such files share have the same event ids, by which compaction and views take each once.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Serialize;

use super::Tally;
use crate::cut::{Batch, ClosedBatch, File, Limits};
use crate::record::{EventKey, parts};
use crate::source::lambda_event::{BatchAnswer, ItemFailure, KinesisEvent, KinesisEventRecord};
use crate::source::{SequenceNumber, StreamRecord};
use crate::state::Counts;
use crate::table::Catalog;

/// What a batch may have, which bounds memory: an invocation has 6 MB at most, but its records may be compressed
/// and hold 10,000 events each.
pub const STREAM_LIMITS: Limits = Limits {
    records: 50_000,
    bytes: 48 * 1_024 * 1_024,
};
/// How many files are written at a time.
const CONCURRENT_WRITES: usize = 8;

/// What an invocation did: the answer to Lambda, and a line for the log.
#[derive(Debug, Default, Serialize)]
pub struct Streamed {
    /// Where Lambda goes on.
    #[serde(skip)]
    pub answer: BatchAnswer,
    /// The shard.
    pub shard: String,
    /// What became of the records that were written.
    #[serde(flatten)]
    pub tally: Tally,
    /// Files that were written.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Why the rest was not written, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Writes the records of an invocation. Where that fails on the way, the answer names the first record that
/// was not written; those before it are. `limits` are those of a batch, in events and in decompressed bytes.
pub async fn stream(
    event: KinesisEvent,
    catalog: &Catalog,
    objects: &Arc<dyn ObjectStore>,
    limits: Limits,
) -> Streamed {
    let mut done = Streamed::default();
    let mut invocation = Invocation::new(event, catalog, limits);
    while let Some(batch) = invocation.next_batch() {
        let first = batch.range.0.clone();
        let counts = batch.counts;
        match write(batch, objects).await {
            Ok(written) => done.add(counts, written),
            Err(error) => {
                done.error = Some(error);
                let failed = ItemFailure {
                    item_identifier: first,
                };
                done.answer.batch_item_failures.push(failed);
                break;
            }
        }
    }
    done.shard = invocation.shard;
    done
}

impl Streamed {
    fn add(&mut self, counts: Counts, written: Written) {
        self.tally.records += counts.records;
        self.tally.rows += counts.rows;
        self.tally.rejected += counts.rejected;
        self.tally.duplicates += counts.duplicates;
        self.files += written.files;
        self.bytes += written.bytes;
    }
}

struct Written {
    files: u64,
    bytes: u64,
}

async fn write(batch: ClosedBatch, objects: &Arc<dyn ObjectStore>) -> Result<Written, String> {
    let files = batch.encode().map_err(|error| error.to_string())?.files;
    let written = Written {
        files: files.len() as u64,
        bytes: files.iter().map(|file| file.bytes.len() as u64).sum(),
    };
    let put = |file: File| async move {
        let path = Path::from(file.path.as_str());
        objects.put(&path, file.bytes.into()).await.map(drop)
    };
    futures_util::stream::iter(files)
        .map(put)
        .buffer_unordered(CONCURRENT_WRITES)
        .try_collect::<()>()
        .await
        .map_err(|error| error.to_string())?;
    Ok(written)
}

/// The records of an invocation, batch by batch.
struct Invocation<'c> {
    catalog: &'c Catalog,
    limits: Limits,
    shard: String,
    records: VecDeque<KinesisEventRecord>,
    /// The events of the batches before.
    seen: HashSet<EventKey>,
}

impl<'c> Invocation<'c> {
    fn new(event: KinesisEvent, catalog: &'c Catalog, limits: Limits) -> Invocation<'c> {
        Invocation {
            catalog,
            limits,
            shard: String::new(),
            records: event.records.into(),
            seen: HashSet::new(),
        }
    }

    /// The next records, as many as memory has room for. All are of one shard, as are all of an invocation.
    fn next_batch(&mut self) -> Option<ClosedBatch> {
        self.shard = self.records.front()?.shard().to_owned();
        let shard = self.shard.as_str();
        let mut batch = Batch::default();
        let mut bytes = 0;
        while self
            .records
            .front()
            .is_some_and(|next| next.shard() == shard)
            && bytes < self.limits.bytes
            && batch.counts.records < self.limits.records
            && let Some(record) = self.records.pop_front()
        {
            let record = record.into_stream_record();
            bytes += decompressed_bytes(&record);
            let seen = |key| self.seen.contains(&key);
            batch.take_unless(self.catalog, shard, seen, &record);
        }
        self.seen.extend(batch.keys.iter());
        let range = batch.range.clone()?;
        Some(ClosedBatch {
            drafts: batch.drafts(self.catalog, &name(shard, &range.0), &range.1),
            counts: batch.counts,
            keys: batch.keys.iter().collect(),
            range,
        })
    }
}

/// What stands before the last sequence number in the names of files.
fn name(shard: &str, first: &SequenceNumber) -> String {
    format!("{shard}-{first}")
}

/// How many bytes a record's events have. Only what may be compressed is taken apart to know.
fn decompressed_bytes(record: &StreamRecord) -> u64 {
    let own = record.data.len() as u64;
    if record.data.starts_with(b"{") {
        return own;
    }
    parts(&record.data).map_or(own, |parts| {
        parts.iter().map(|part| part.len() as u64).sum()
    })
}
