//! `forebay-lake reconcile`: compares what the edge has accepted with what is in the lake.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use forebay_core::time::Timestamp;
use parquet::errors::ParquetError;
use serde::Serialize;
use thiserror::Error;
use tokio::task::spawn_blocking;

use super::load::{LoadError, load_checkpoint};
use super::repair::Stream;
use super::survey::Survey;
use crate::record::{Decoded, parts};
use crate::source::Position;
use crate::state::{Counts, Partition, StatePaths};
use crate::store::{Store, StoreError};
use crate::table::ids_and_arrivals;

const HOUR_MILLIS: i64 = 3_600_000;
const ACCEPTED: &str = "outcome=\"accepted\"";
/// Tables whose rows are no events that a client has sent.
const OTHERS: [&str; 2] = ["events/dead_letter/", "events/endpoint_update/"];

/// Why a lake cannot be compared.
#[derive(Debug, Error)]
pub enum ReconcileError {
    /// The files of the lake.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state of the lake.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A file of rows.
    #[error("{path} cannot be read: {error}; run `forebay-lake verify`")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: String,
    },
    /// The stream.
    #[error("the stream cannot be read: {0}")]
    Stream(Box<dyn std::error::Error + Send + Sync>),
    /// What the edge has accepted.
    #[error("{path}, line {line}: {problem}")]
    Accepted {
        /// The file.
        path: String,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
}

/// What the edge says that it has accepted.
#[derive(Debug, Default)]
pub struct Accepted {
    /// Events, with the time when each was answered, where that is known.
    ids: HashMap<String, Option<Timestamp>>,
    /// Answers beyond the first for the same event.
    repeated: u64,
    /// Events and endpoints by the edge's counters, where those are given instead.
    counted: Option<u64>,
}

impl Accepted {
    /// Adds a file with an event a line: its id, and after a space the time of its answer, if that is known.
    ///
    /// # Errors
    /// [`ReconcileError::Accepted`]
    pub fn add_ids(&mut self, path: &str, text: &str) -> Result<(), ReconcileError> {
        // Editors and spreadsheets of Windows begin a file with a byte order mark.
        let text = text.trim_start_matches('\u{feff}');
        for (line, number) in text.lines().zip(1..) {
            let mut words = line.split_whitespace();
            let Some(id) = words.next() else {
                continue;
            };
            let time = match words
                .next()
                .map(|word| (word, Timestamp::parse_iso8601(word)))
            {
                None => None,
                Some((_, Some(time))) => Some(time),
                Some((word, None)) => {
                    return Err(ReconcileError::Accepted {
                        path: path.to_owned(),
                        line: number,
                        problem: format!("'{word}' is no time such as 2026-11-30T12:00:00Z"),
                    });
                }
            };
            if self.ids.insert(id.to_owned(), time).is_some() {
                self.repeated += 1;
            }
        }
        Ok(())
    }

    /// Adds the text of a worker's `/metrics`.
    ///
    /// # Errors
    /// [`ReconcileError::Accepted`]
    pub fn add_metrics(&mut self, path: &str, text: &str) -> Result<(), ReconcileError> {
        let mut found = false;
        for (line, number) in text.lines().zip(1..) {
            found |= line.starts_with("# TYPE forebay_events");
            let is_counted = line.starts_with("forebay_events_total{") && line.contains(ACCEPTED);
            if !is_counted {
                continue;
            }
            let value = line.rsplit_once("} ").map_or("", |(_, value)| value);
            let value = value.split_whitespace().next().unwrap_or_default();
            let Ok(count) = value.parse::<u64>() else {
                return Err(ReconcileError::Accepted {
                    path: path.to_owned(),
                    line: number,
                    problem: format!("'{value}' is no count"),
                });
            };
            *self.counted.get_or_insert(0) += count;
        }
        if !found && self.counted.is_none() {
            return Err(ReconcileError::Accepted {
                path: path.to_owned(),
                line: 1,
                problem: "it is not the text of a worker's /metrics".to_owned(),
            });
        }
        self.counted.get_or_insert(0);
        Ok(())
    }
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// An event that was accepted is neither a row nor rejected.
    Missing(String),
    /// The same, and the stream has it behind what the lake has read.
    Unread(String),
    /// An event has more than one row.
    Doubled(String, usize),
    /// An event that was accepted was rejected, and is no row.
    Rejected(String),
    /// A row, in an hour that the list of accepted events covers, of an event that is not in the list.
    NotAccepted(String),
    /// The counters of the edge and of the lake differ.
    Counts {
        /// Events that the edge has accepted.
        accepted: u64,
        /// Records that the lake has read.
        records: u64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Missing(id) => write!(formatter, "missing: {id}"),
            Difference::Unread(id) => write!(formatter, "unread: {id}"),
            Difference::Doubled(id, rows) => write!(formatter, "doubled: {id} has {rows} rows"),
            Difference::Rejected(id) => write!(formatter, "rejected: {id}"),
            Difference::NotAccepted(id) => write!(formatter, "not accepted: {id}"),
            Difference::Counts { accepted, records } => write!(
                formatter,
                "counts: the edge accepted {accepted}, the lake has read {records} records"
            ),
        }
    }
}

/// What was found of one hour. That of an event is when it was answered, or else when it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Hour {
    /// Events that the edge has accepted.
    pub accepted: u64,
    /// Events that have a row, by their arrival.
    pub rows: u64,
    /// Entries of rejected records, by their arrival.
    pub rejected: u64,
    /// Accepted events that are neither.
    pub missing: u64,
    /// Events with more than one row, by their arrival.
    pub doubled: u64,
}

/// What a comparison has found.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// By the beginning of each hour; the last, without one, is of events of which no time is known.
    pub hours: BTreeMap<Option<Timestamp>, Hour>,
    /// What differs, in the order of its kind and then of the ids.
    pub differences: Vec<Difference>,
    /// What the lake has counted of records of streams.
    pub counts: Counts,
    /// Answers for events that had been accepted before: one row of each, and duplicates that are counted.
    pub repeated: u64,
}

impl Reconciled {
    fn hour(&mut self, time: Option<Timestamp>) -> &mut Hour {
        let begin = time.map(|time| Timestamp(time.0 - time.0.rem_euclid(HOUR_MILLIS)));
        self.hours.entry(begin).or_default()
    }
}

/// The events of the lake.
#[derive(Default)]
struct Found {
    /// Each event's arrival, its rows, and whether a client has sent it.
    rows: HashMap<String, (Timestamp, usize, bool)>,
    rejected: HashMap<String, Timestamp>,
}

/// Compares. Changes nothing, and may run beside `consume`: what was accepted and not read yet is missing. Holds all
/// event ids in memory, about 150 bytes each.
///
/// # Errors
/// [`ReconcileError`]
pub async fn reconcile(store: &Store, accepted: &Accepted) -> Result<Reconciled, ReconcileError> {
    let survey = Survey::make(store).await?;
    let mut done = Reconciled {
        repeated: accepted.repeated,
        ..Reconciled::default()
    };
    for shard in &survey.shards {
        if let Ok(checkpoint) = &shard.checkpoint
            && !shard.is_of_files()
        {
            done.counts += checkpoint.counts;
        }
    }
    let found = find(store, &survey, &mut done).await?;
    compare(&mut done, accepted, &found);
    Ok(done)
}

async fn find(
    store: &Store,
    survey: &Survey,
    done: &mut Reconciled,
) -> Result<Found, ReconcileError> {
    let mut found = Found::default();
    for path in survey.files.keys().filter(|path| survey.is_in_force(path)) {
        // Deleted since: a merge has put its rows into another file, and was under way.
        let Some(bytes) = store.read(path).await? else {
            continue;
        };
        let events = read(path, bytes).await?;
        if path.starts_with("events/") {
            for (id, arrival) in events {
                let Some(id) = id else { continue };
                let is_event = !OTHERS.iter().any(|other| path.starts_with(other));
                let row = found.rows.entry(id).or_insert((arrival, 0, is_event));
                row.1 += 1;
            }
        } else {
            for (id, arrival) in events {
                done.hour(Some(arrival)).rejected += 1;
                if let Some(id) = id {
                    found.rejected.insert(id, arrival);
                }
            }
        }
    }
    Ok(found)
}

async fn read(
    path: &str,
    bytes: Bytes,
) -> Result<Vec<(Option<String>, Timestamp)>, ReconcileError> {
    let read = spawn_blocking(move || ids_and_arrivals(bytes)).await;
    let failed = |error: String| ReconcileError::File {
        path: path.to_owned(),
        error,
    };
    let read = read.map_err(|error| failed(error.to_string()))?;
    read.map_err(|error: ParquetError| failed(error.to_string()))
}

fn compare(done: &mut Reconciled, accepted: &Accepted, found: &Found) {
    let mut differences: [Vec<Difference>; 4] = Default::default();
    let [missing, doubled, rejected, not_accepted] = &mut differences;
    for (id, (arrival, rows, _)) in &found.rows {
        let hour = done.hour(Some(*arrival));
        hour.rows += 1;
        if *rows > 1 {
            hour.doubled += 1;
            doubled.push(Difference::Doubled(id.clone(), *rows));
        }
    }
    for (id, time) in &accepted.ids {
        let row = found.rows.get(id).map(|(arrival, ..)| *arrival);
        let entry = found.rejected.get(id).copied();
        let hour = done.hour(time.or(row).or(entry));
        hour.accepted += 1;
        match (row, entry) {
            (Some(_), _) => {}
            (None, Some(_)) => rejected.push(Difference::Rejected(id.clone())),
            (None, None) => {
                hour.missing += 1;
                missing.push(Difference::Missing(id.clone()));
            }
        }
    }
    let times = accepted.ids.values().flatten();
    let covered: HashSet<i64> = times.map(|time| time.0.div_euclid(HOUR_MILLIS)).collect();
    for (id, (arrival, _, is_event)) in &found.rows {
        let is_covered = covered.contains(&arrival.0.div_euclid(HOUR_MILLIS));
        if is_covered && *is_event && !accepted.ids.contains_key(id) {
            not_accepted.push(Difference::NotAccepted(id.clone()));
        }
    }
    for mut some in differences {
        some.sort_by_cached_key(ToString::to_string);
        done.differences.append(&mut some);
    }
    if let Some(accepted) = accepted.counted
        && accepted != done.counts.records
    {
        let records = done.counts.records;
        done.differences
            .push(Difference::Counts { accepted, records });
    }
}

/// Looks for the events that are missing in what the shards of a stream have behind their checkpoints, up to what
/// arrived `until` then.
///
/// # Errors
/// [`ReconcileError::Load`], [`ReconcileError::Stream`]
pub async fn find_unread<S: Stream>(
    store: &Store,
    paths: &StatePaths,
    shards: &[&str],
    stream: &S,
    until: Timestamp,
    done: &mut Reconciled,
) -> Result<(), ReconcileError> {
    let mut missing: HashMap<String, &mut Difference> = HashMap::new();
    for difference in &mut done.differences {
        if let Difference::Missing(id) = difference {
            missing.insert(id.clone(), difference);
        }
    }
    for shard in shards {
        let mut from = load_checkpoint(store, paths, shard).await?.uncommitted();
        while !missing.is_empty() {
            let read = stream.read(shard, &from, None).await;
            let records = read.map_err(|error| ReconcileError::Stream(Box::new(error)))?;
            for record in &records {
                let place = record.sequence_number.as_str();
                for part in parts(&record.data).unwrap_or_default() {
                    if let Ok(event) = Decoded::read(shard, place, &part)
                        && let Some(found) = missing.remove(&*event.event_id)
                    {
                        *found = Difference::Unread(event.event_id.into_owned());
                    }
                }
            }
            match records.last() {
                Some(last) if last.arrival <= until => {
                    from = Position::After(last.sequence_number.clone());
                }
                _ => break,
            }
        }
    }
    Ok(())
}

impl Survey {
    /// Whether a file's rows are not in another file as well: of a merge that is under way there may be both.
    fn is_in_force(&self, path: &str) -> bool {
        if self.replaced.contains(path) {
            return false;
        }
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let partition = self.partitions.get(&Partition::path(folder));
        partition.is_none_or(|state| {
            let state = state.as_ref();
            state.is_ok_and(|state| {
                !state.is_stray(path) && !state.replacing.iter().any(|other| other == path)
            })
        })
    }
}
