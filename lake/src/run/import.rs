//! `forebay-lake import`: archives of what Firehose wrote become rows.
//!
//! Killed at any point and run again, it goes on where it was: the objects are one shard of the lake
//! ([`crate::source::archive`]), which is read like a shard of Kinesis. An object is in the ledger before it is
//! read, and never a second time.

use std::collections::{HashMap, VecDeque};
use std::io::Write;
use std::sync::Arc;

use flate2::write::MultiGzDecoder;
use forebay_core::time::Timestamp;
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::ledger::{Ledger, LedgerError, carry_out_once};
use super::load::{check_files, load_shard};
use crate::cut::{Limits, Shard};
use crate::source::archive::{ArchiveObject, IMPORT_SHARD, Splitter, object_of, undelivered};
use crate::source::{Position, StreamRecord};
use crate::state::{Counts, StatePaths};
use crate::store::Store;
use crate::table::Catalog;

/// Objects that are entered into the ledger together.
const LEDGER_OBJECTS: usize = 1_000;
/// Bytes that are decompressed at a time: each may become a thousand.
const SLICE_BYTES: usize = 16 * 1_024;
const GZIP: &[u8] = &[0x1f, 0x8b];
/// How objects of other formats begin that could be text: Parquet and bzip2.
const OTHERS: [&[u8]; 2] = [b"PAR1", b"BZh"];
/// How many bytes of an object are looked at to know whether it is text.
const HEAD_BYTES: usize = 4;

/// Where the objects are.
#[derive(Debug)]
pub struct Archive {
    /// The storage.
    pub objects: Arc<dyn ObjectStore>,
    /// What stands before a path in `objects`, so that it names the object whatever is imported: the absolute path
    /// of the folder, or `s3://BUCKET/PREFIX`. Without a slash at the end.
    pub root: String,
    /// Whether the storage's ETags follow from the content. Else each new object is read for its checksum.
    pub has_checksums: bool,
}

/// Why an import cannot go on. What was imported by then stays.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The lake.
    #[error(transparent)]
    Lake(#[from] LedgerError),
    /// The archive.
    #[error("the archive cannot be read: {0}")]
    Archive(#[from] object_store::Error),
    /// An earlier import was stopped.
    #[error("an import was stopped at {path}; run it again with the same archive first")]
    Unfinished {
        /// The object.
        path: String,
    },
}

/// What an import has done.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Objects of the archive.
    pub objects: usize,
    /// Those that were read now.
    pub read: usize,
    /// What became of the records that were read now.
    pub counts: Counts,
    /// Objects that were not imported, with the reason.
    pub problems: Vec<String>,
}

/// Imports what is new in an archive. `now` is the clock, `progress` hears of every batch.
///
/// # Errors
/// [`ImportError`]
pub async fn import(
    store: &Arc<Store>,
    catalog: Arc<Catalog>,
    archive: &Archive,
    limits: Limits,
    now: fn() -> Timestamp,
    progress: impl FnMut(&Imported),
) -> Result<Imported, ImportError> {
    let lake = LedgerError::from;
    check_files(store).await.map_err(lake)?;
    let paths = StatePaths::new(IMPORT_SHARD, 0);
    let state = load_shard(store, &paths, IMPORT_SHARD)
        .await
        .map_err(lake)?;
    let mut ledger = Ledger::read(store, paths.clone()).await.map_err(lake)?;
    let shard = Shard::new(
        IMPORT_SHARD.to_owned(),
        catalog,
        limits,
        paths,
        state.checkpoint,
        state.window,
        state.segment,
    );
    let mut import = Import {
        store: store.clone(),
        archive,
        shard,
        done: Imported::default(),
        progress,
    };
    // What an earlier import has begun comes first: places rise.
    let from = import.next_object().max(Some(ledger.complete + 1));
    for object in ledger
        .objects
        .iter()
        .filter(|object| Some(object.number) >= from)
    {
        import.read(object).await?;
    }
    let mut found = list(archive).await?;
    import.done.objects = found.len();
    found.sort_by(|a, b| a.location.cmp(&b.location));
    let mut next = ledger.objects.len() as u64 + 1;
    let known: HashMap<&str, &ArchiveObject> = ledger
        .objects
        .iter()
        .map(|object| (object.path.as_str(), object))
        .collect();
    let mut fresh = Vec::new();
    for meta in found {
        let path = archive.path_of(&meta.location);
        let is_same = |known: &&&ArchiveObject| {
            known.bytes == meta.size && known.modified == meta.last_modified.timestamp_millis()
        };
        let earlier = known.get(path.as_str());
        // Without bytes there are no records, yet. In a bucket, what the console shows as an empty folder is such an
        // object, and cannot be read by its name.
        if earlier.is_none() && meta.size == 0 {
            continue;
        }
        if !archive.has_checksums && earlier.as_ref().is_some_and(is_same) {
            continue;
        }
        let checksum = archive.checksum(&meta).await?;
        match earlier {
            Some(earlier) if earlier.checksum == checksum => {}
            Some(_) => {
                import.problem(&path, "it has changed since it was imported");
            }
            None => {
                fresh.push(ArchiveObject {
                    number: next,
                    path,
                    bytes: meta.size,
                    modified: meta.last_modified.timestamp_millis(),
                    checksum,
                    seen: now().0,
                });
                next += 1;
            }
        }
    }
    for objects in fresh.chunks(LEDGER_OBJECTS) {
        ledger.enter(store, objects).await?;
        for object in objects {
            import.read(object).await?;
        }
    }
    import.finish().await?;
    ledger.end(store).await?;
    Ok(import.done)
}

async fn list(archive: &Archive) -> Result<Vec<ObjectMeta>, object_store::Error> {
    let mut found = Vec::new();
    let mut objects = archive.objects.list(None);
    while let Some(object) = objects.next().await {
        found.push(object?);
    }
    Ok(found)
}

impl Archive {
    fn path_of(&self, location: &Path) -> String {
        format!("{}/{location}", self.root)
    }

    async fn checksum(&self, meta: &ObjectMeta) -> Result<String, object_store::Error> {
        if self.has_checksums
            && let Some(tag) = &meta.e_tag
        {
            return Ok(tag.clone());
        }
        let mut hash = Sha256::new();
        let mut bytes = self.objects.get(&meta.location).await?.into_stream();
        while let Some(chunk) = bytes.next().await {
            hash.update(&chunk?);
        }
        let digest = hash.finalize();
        Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

struct Import<'i, P> {
    store: Arc<Store>,
    archive: &'i Archive,
    shard: Shard,
    done: Imported,
    progress: P,
}

impl<P: FnMut(&Imported)> Import<'_, P> {
    /// The object to go on with. It may have been read to its end.
    fn next_object(&self) -> Option<u64> {
        match self.shard.position() {
            Position::At(place) | Position::After(place) => object_of(&place),
            _ => Some(1),
        }
    }

    async fn read(&mut self, object: &ArchiveObject) -> Result<(), ImportError> {
        let root = format!("{}/", self.archive.root);
        let Some(location) = object.path.strip_prefix(&root) else {
            return Err(ImportError::Unfinished {
                path: object.path.clone(),
            });
        };
        // As it was listed: `Path::from` would encode characters that are in the name.
        let location = Path::parse(location).map_err(object_store::Error::from)?;
        let found = match self.archive.objects.get(&location).await {
            Err(object_store::Error::NotFound { .. }) => {
                self.problem(&object.path, "it is not there any more");
                return Ok(());
            }
            found => found?,
        };
        if found.meta.size != object.bytes {
            self.problem(&object.path, "it has changed since it was entered");
            return Ok(());
        }
        self.done.read += 1;
        let mut bytes = found.into_stream();
        let mut reader = Reader::Unknown;
        let mut count = 0;
        while let Some(chunk) = bytes.next().await {
            for slice in chunk?.chunks(SLICE_BYTES) {
                if !reader.push(slice) {
                    break;
                }
                self.take(object, &mut count, reader.records()).await?;
            }
        }
        let (records, is_damaged) = reader.end();
        self.take(object, &mut count, records).await?;
        if is_damaged {
            // An entry in the table of rejected records says where the rest is.
            let entry = serde_json::json!({
                "object": object.path,
                "problem": "neither text nor gzip, or gzip that is damaged or cut short",
            });
            self.take(object, &mut count, vec![entry.to_string().into_bytes()])
                .await?;
        }
        Ok(())
    }

    /// Tells of an object; once, if its import was under way.
    fn problem(&mut self, path: &str, problem: &str) {
        let prefix = format!("{path}: ");
        let mut known = self.done.problems.iter();
        if !known.any(|known| known.starts_with(&prefix)) {
            self.done.problems.push(prefix + problem);
        }
    }

    async fn take(
        &mut self,
        object: &ArchiveObject,
        count: &mut u64,
        records: Vec<Vec<u8>>,
    ) -> Result<(), ImportError> {
        let mut numbered: VecDeque<StreamRecord> = VecDeque::new();
        for data in records
            .into_iter()
            .flat_map(|data| match undelivered(&data) {
                Some(records) => records,
                None => vec![data],
            })
        {
            numbered.push_back(object.record(*count, data).map_err(LedgerError::Place)?);
            *count += 1;
        }
        while self.shard.take(&mut numbered) {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes what is left. A batch that was begun earlier and whose objects are gone is closed as it is.
    async fn finish(&mut self) -> Result<(), ImportError> {
        if self.shard.is_open() || self.shard.is_replaying() {
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), ImportError> {
        let Some(closed) = self.shard.close() else {
            return Ok(());
        };
        let encoded = spawn_blocking(move || closed.encode()).await;
        let encoded = encoded
            .map_err(LedgerError::from)?
            .map_err(LedgerError::from)?;
        let flush = self.shard.flush(encoded).map_err(LedgerError::from)?;
        let counts = flush.counts;
        carry_out_once(&self.store, flush).await?;
        self.done.counts += counts;
        (self.progress)(&self.done);
        Ok(())
    }
}

/// Whether an object that begins like this is text: others have bytes at once that no text has.
fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..HEAD_BYTES).unwrap_or(bytes);
    let has_controls = |text: &str| text.chars().any(|c| c.is_control() && !c.is_whitespace());
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(text) => !has_controls(text),
        // A character may go on behind.
        Err(error) => error.error_len().is_none(),
    };
    is_utf8 && !OTHERS.iter().any(|other| bytes.starts_with(other))
}

/// The bytes of an object on their way into records.
enum Reader {
    /// Nothing was read yet.
    Unknown,
    Text(Splitter),
    Gzip(Box<MultiGzDecoder<Splitter>>),
    Damaged(Splitter),
}

impl Reader {
    /// Takes bytes in; whether there is use for more.
    fn push(&mut self, bytes: &[u8]) -> bool {
        if let Reader::Unknown = self {
            *self = match bytes {
                _ if bytes.starts_with(GZIP) => {
                    Reader::Gzip(Box::new(MultiGzDecoder::new(Splitter::default())))
                }
                _ if is_text(bytes) => Reader::Text(Splitter::default()),
                _ => Reader::Damaged(Splitter::default()),
            };
        }
        let is_fine = match self {
            Reader::Text(splitter) => splitter.write_all(bytes).is_ok(),
            Reader::Gzip(decoder) => decoder.write_all(bytes).is_ok(),
            Reader::Unknown | Reader::Damaged(_) => return false,
        };
        if !is_fine {
            self.damage();
        }
        is_fine
    }

    /// Keeps what was decompressed up to the damage.
    fn damage(&mut self) {
        if let Reader::Gzip(decoder) = self {
            let splitter = std::mem::take(decoder.get_mut());
            *self = Reader::Damaged(splitter);
        }
    }

    fn records(&mut self) -> Vec<Vec<u8>> {
        match self {
            Reader::Unknown => Vec::new(),
            Reader::Text(splitter) | Reader::Damaged(splitter) => splitter.records(),
            Reader::Gzip(decoder) => decoder.get_mut().records(),
        }
    }

    /// The last records, and whether the object is damaged.
    fn end(mut self) -> (Vec<Vec<u8>>, bool) {
        if let Reader::Gzip(decoder) = &mut self
            && decoder.try_finish().is_err()
        {
            self.damage();
        }
        match self {
            Reader::Unknown => (Vec::new(), false),
            Reader::Text(mut splitter) => (splitter.end(), false),
            Reader::Gzip(mut decoder) => (decoder.get_mut().end(), false),
            Reader::Damaged(mut splitter) => (splitter.end(), true),
        }
    }
}
