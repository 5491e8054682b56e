//! `forebay-lake verify`: compares files with the manifest, and rows with the counts.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::survey::{ShardSurvey, Survey};
use crate::state::{Counts, FileEntry, sha256};
use crate::store::{Store, StoreError};
use crate::table::count_rows;

/// A difference from what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, below the root of the lake.
    pub path: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.path, self.problem)
    }
}

/// What [`verify`] has found.
#[derive(Debug, Default)]
pub struct Verified {
    /// Empty where there is no difference.
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub summary: Summary,
}

/// What was looked at.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Shards with state.
    pub shards: usize,
    /// Files of rows and rejected entries.
    pub files: usize,
    /// Rows that cuts wrote, also where merges have put them into other files.
    pub rows: u64,
    /// Rejected entries.
    pub rejected: u64,
    /// Rows that merges left out, as another row of the partition has their event.
    pub duplicates: u64,
    /// Rows that were taken out for good.
    pub forgotten: u64,
    /// What the checkpoints say.
    pub counts: Counts,
    /// How many findings there are.
    pub findings: usize,
}

/// Reads all of a lake, and changes nothing. May run beside a process that writes to it.
///
/// # Errors
/// [`StoreError::Object`]
pub async fn verify(store: &Store) -> Result<Verified, StoreError> {
    let survey = Survey::make(store).await?;
    let mut verified = Verified::default();
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for shard in &survey.shards {
        known.extend(shard.known_files());
        verify_shard(store, shard, &survey, &mut verified).await?;
    }
    verify_partitions(store, &survey, &mut verified).await?;
    for path in survey.files.keys() {
        if !known.contains(path.as_str()) && !survey.is_merged(path) {
            verified.find(path, "it is in no checkpoint and no manifest");
        }
    }
    verified.summary.shards = survey.shards.len();
    verified.summary.files = survey.files.len();
    verified.summary.findings = verified.findings.len();
    Ok(verified)
}

impl Verified {
    fn find(&mut self, path: &str, problem: impl fmt::Display) {
        self.findings.push(Finding {
            path: path.to_owned(),
            problem: problem.to_string(),
        });
    }
}

async fn verify_shard(
    store: &Store,
    shard: &ShardSurvey,
    survey: &Survey,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    let path = shard.paths.checkpoint(&shard.shard);
    for number in &shard.damaged_segments {
        let path = shard.paths.segment(&shard.shard, *number);
        verified.find(&path, "some of its lines are damaged");
    }
    let mut rows = 0;
    let mut rejected = 0;
    let mut unknown = false;
    let mut sum = Counts::default();
    let checkpoint = match &shard.checkpoint {
        Ok(checkpoint) => Some(checkpoint),
        Err(_) if shard.is_unread() => None,
        Err(damage) => {
            verified.find(&path, damage);
            None
        }
    };
    let committed = checkpoint.map_or(u64::MAX, |checkpoint| checkpoint.cuts);
    for cut in shard.cuts().filter(|cut| cut.cut <= committed) {
        sum += cut.counts;
        for file in &cut.files {
            unknown |= file.rows.is_none();
            let is_listed = survey.files.contains_key(&file.path);
            let is_replaced = survey.replaced.contains(&file.path);
            if !is_listed && is_replaced {
                match file.is_table() {
                    true => rows += file.rows.unwrap_or_default(),
                    false => rejected += file.rows.unwrap_or_default(),
                }
                continue;
            }
            if is_replaced && !file.is_table() {
                let problem =
                    "its records were replayed; run `forebay-lake replay` again, which deletes it";
                verified.find(&file.path, problem);
            }
            match look(store, file, is_listed).await? {
                Ok(found) if file.is_table() => rows += found,
                Ok(found) => rejected += found,
                Err(problem) => verified.find(&file.path, problem),
            }
        }
    }
    verified.summary.rows += rows;
    verified.summary.rejected += rejected;
    let Some(checkpoint) = checkpoint else {
        return Ok(());
    };
    verified.summary.counts += checkpoint.counts;
    if let Err((path, damage)) = &shard.window {
        verified.find(path, damage);
    }
    let counts = checkpoint.counts;
    if sum != counts {
        verified.find(
            &path,
            "the cuts of the manifest do not add up to its counts",
        );
    }
    // Of files that were kept when the stream had no more of their records, nobody knows the rows.
    if !unknown && (rows, rejected) != (counts.rows, counts.rejected) {
        verified.find(
            &path,
            format!(
                "it counts {} rows and {} rejected entries, but the files have {rows} and {rejected}",
                counts.rows, counts.rejected
            ),
        );
    }
    Ok(())
}

/// The files that merges wrote. Their rows are those of the files that they replaced, which the cuts count.
async fn verify_partitions(
    store: &Store,
    survey: &Survey,
    verified: &mut Verified,
) -> Result<(), StoreError> {
    for (path, partition) in &survey.partitions {
        let partition = match partition {
            Ok(partition) => partition,
            Err(damage) => {
                verified.find(path, damage);
                continue;
            }
        };
        verified.summary.duplicates += partition.duplicates;
        verified.summary.forgotten += partition.forgotten;
        for file in &partition.files {
            let is_listed = survey.files.contains_key(&file.path);
            if let Err(problem) = look(store, file, is_listed).await? {
                verified.find(&file.path, problem);
            }
        }
    }
    Ok(())
}

/// How many rows or entries a file has, or what is wrong with it.
pub(super) async fn look(
    store: &Store,
    file: &FileEntry,
    is_listed: bool,
) -> Result<Result<u64, String>, StoreError> {
    let bytes = match is_listed {
        true => store.read(&file.path).await?,
        false => None,
    };
    let Some(bytes) = bytes else {
        // Of a cut that was repeated without its records, a file may never have been written.
        let may_be_absent = file.bytes.is_none();
        return Ok(may_be_absent
            .then_some(0)
            .ok_or("it is not there".to_owned()));
    };
    let file = file.clone();
    let looked = spawn_blocking(move || compare(&file, bytes)).await;
    Ok(looked.unwrap_or_else(|error| Err(format!("it cannot be read: {error}"))))
}

fn compare(file: &FileEntry, bytes: Bytes) -> Result<u64, String> {
    let length = bytes.len() as u64;
    if let Some(written) = file.bytes
        && written != length
    {
        return Err(format!("it has {length} bytes, but {written} were written"));
    }
    if let Some(written) = &file.sha256
        && *written != sha256(&bytes)
    {
        return Err("its bytes differ from those that were written".to_owned());
    }
    let rows = count(&file.path, bytes)?;
    match file.rows {
        Some(written) if written != rows => {
            Err(format!("it has {rows} rows, but {written} were written"))
        }
        _ => Ok(rows),
    }
}

/// How many rows or entries are in a file's bytes.
pub(super) fn count(path: &str, bytes: Bytes) -> Result<u64, String> {
    if path.ends_with(".parquet") {
        return count_rows(bytes).map_err(|error| error.to_string());
    }
    let text = std::str::from_utf8(&bytes).map_err(|error| error.to_string())?;
    let lines = text
        .lines()
        .map(serde_json::from_str::<serde::de::IgnoredAny>);
    let lines = lines.map(|line| line.map_err(|error| error.to_string()));
    lines.map(|line| line.map(|_| 1)).sum()
}
