//! `transform`: Firehose's data transformation, from records to rows that Firehose delivers.
//!
//! Each record of the event has exactly one result. A record with an event that cannot be a row is
//! `ProcessingFailed`: Firehose keeps all of it below the error prefix. So a record is delivered whole or kept
//! whole.

use arrow::error::ArrowError;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use forebay_core::schema::Violation;
use serde::Serialize;

use super::Tally;
use super::row_json::{Times, row_json};
use super::rows::{Finished, Place, Rows, events};
use crate::record::{Reason, Rejection};
use crate::source::lambda_event::{
    FirehoseAnswer, FirehoseEvent, FirehoseMetadata, FirehoseOutcome, FirehoseRecord,
    FirehoseResult, PartitionKeys, TableDestination, decode,
};
use crate::table::Catalog;

/// Most bytes of an answer. Lambda's limit is 6 MB, and its error says 6,291,556 bytes: this is less than
/// either.
const MAX_ANSWER_BYTES: usize = 5_900_000;
/// What a result takes beside the id and the data, and what metadata take beside names.
const RESULT_BYTES: usize = 64;
const METADATA_BYTES: usize = 256;

/// Where Firehose delivers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Iceberg tables in a database of Glue, one an event type.
    Iceberg {
        /// The database.
        database: String,
    },
    /// Parquet files in folders by event type and day, converted by Firehose.
    Parquet,
}

/// Why a record was not delivered: a line for the log, without any value of the record.
#[derive(Debug, Serialize)]
pub struct Failure {
    /// Firehose's id of the record.
    pub record_id: String,
    /// In one word.
    pub reason: &'static str,
    /// Where, and what was expected there.
    pub violations: Vec<String>,
}

/// What [`transform`] made of an event.
#[derive(Debug, Default)]
pub struct Transformed {
    /// The answer to Firehose.
    pub answer: FirehoseAnswer,
    /// How many events that are.
    pub tally: Tally,
    /// Why records failed.
    pub failures: Vec<Failure>,
}

/// A record whose events are all valid: how many they are, and the rows of those that are new.
struct Taken {
    events: u64,
    rows: Vec<Place>,
}

/// What becomes of the records of an event.
///
/// # Errors
/// Where rows cannot be put into columns; not known to happen.
pub fn transform(
    event: FirehoseEvent,
    catalog: &Catalog,
    destination: &Destination,
) -> Result<Transformed, ArrowError> {
    let mut rows = Rows::new(catalog);
    let mut budget = MAX_ANSWER_BYTES;
    let mut taken = Vec::with_capacity(event.records.len());
    for mut record in event.records {
        budget = budget.saturating_sub(RESULT_BYTES + record.record_id.len());
        let data = decode(std::mem::take(&mut record.data));
        let outcome = take(&mut rows, &record, &data, destination);
        taken.push((record.record_id, outcome));
    }
    let rows = rows.finish()?;
    let mut transformed = Transformed::default();
    for (record_id, outcome) in taken {
        let row = match &outcome {
            Ok(taken) => row(&rows, taken, catalog, destination)?,
            Err(_) => None,
        };
        let size = row
            .as_ref()
            .map_or(0, |(data, _)| data.len() + METADATA_BYTES);
        let outcome = outcome.and_then(|taken| match size <= budget {
            true => Ok(taken),
            false => Err((taken.events, too_large())),
        });
        if outcome.is_ok() {
            budget -= size;
        }
        transformed.add(record_id, outcome, row);
    }
    Ok(transformed)
}

impl Transformed {
    fn add(
        &mut self,
        record_id: String,
        outcome: Result<Taken, (u64, Rejection)>,
        row: Option<(String, FirehoseMetadata)>,
    ) {
        let (result, row) = match outcome {
            Ok(taken) => {
                let rows = taken.rows.len() as u64;
                self.tally.records += taken.events;
                self.tally.rows += rows;
                self.tally.duplicates += taken.events - rows;
                match row {
                    Some(row) => (FirehoseOutcome::Ok, Some(row)),
                    None => (FirehoseOutcome::Dropped, None),
                }
            }
            Err((events, rejection)) => {
                self.tally.records += events;
                self.tally.rejected += events;
                self.failures.push(Failure::new(&record_id, rejection));
                (FirehoseOutcome::ProcessingFailed, None)
            }
        };
        let (data, metadata) = row.unzip();
        self.answer.records.push(FirehoseResult {
            record_id,
            result,
            data,
            metadata,
        });
    }
}

impl Failure {
    fn new(record_id: &str, rejection: Rejection) -> Failure {
        let violations = rejection.violations.iter();
        let violations = violations.map(|found| {
            let Violation {
                path,
                rule,
                expected,
                actual,
            } = found;
            format!("{path}: {rule}: {expected} was expected, not {actual}")
        });
        Failure {
            record_id: record_id.to_owned(),
            reason: rejection.reason.as_str(),
            violations: violations.collect(),
        }
    }
}

/// Takes the events of a record in, where all of them can be delivered together. Else none of them, and how
/// many they are.
fn take(
    rows: &mut Rows<'_>,
    record: &FirehoseRecord,
    data: &[u8],
    destination: &Destination,
) -> Result<Taken, (u64, Rejection)> {
    let (shard, place) = record.place();
    let parts = events(&place, data).map_err(|rejection| (1, rejection))?;
    let count = parts.len() as u64;
    // Columns of what no answer can hold would only take memory.
    let size: usize = parts.iter().map(|part| part.data().len()).sum();
    if size > MAX_ANSWER_BYTES {
        return Err((count, too_large()));
    }
    let read = |part| rows.read(shard, part, record.arrival());
    let found = parts.iter().map(read).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|rejection| (count, rejection))?;
    let places = || found.iter().map(|(_, row)| (row.table, row.day));
    let differ = places().any(|place| Some(place) != places().next());
    match destination {
        Destination::Iceberg { .. } if count > 1 => {
            return Err((count, several("one event in a record")));
        }
        Destination::Parquet if differ => {
            return Err((count, several("events of one type and day in a record")));
        }
        _ => {}
    }
    let places = found.iter().filter_map(|(key, row)| rows.add(*key, row));
    Ok(Taken {
        events: count,
        rows: places.collect(),
    })
}

/// The data and the metadata of a record's result; `None` where it has no row.
fn row(
    rows: &Finished,
    taken: &Taken,
    catalog: &Catalog,
    destination: &Destination,
) -> Result<Option<(String, FirehoseMetadata)>, ArrowError> {
    let Some(Place { table, day, .. }) = taken.rows.first().copied() else {
        return Ok(None);
    };
    let times = match destination {
        Destination::Iceberg { .. } => Times::Micros,
        Destination::Parquet => Times::Iso8601,
    };
    let mut lines = String::new();
    for place in &taken.rows {
        if let Some((table, row)) = rows.at(*place) {
            lines.push_str(&serde_json::Value::from(row_json(table, row, times)?).to_string());
            lines.push('\n');
        }
    }
    let table = catalog.tables.get(table).map_or("", |table| &table.name);
    let metadata = match destination {
        Destination::Iceberg { database } => FirehoseMetadata::OtfMetadata(TableDestination {
            destination_database_name: database.clone(),
            destination_table_name: table.to_owned(),
            operation: "insert",
        }),
        Destination::Parquet => FirehoseMetadata::PartitionKeys(PartitionKeys {
            table: table.to_owned(),
            year: format!("{:04}", day.year),
            month: format!("{:02}", day.month),
            day: format!("{:02}", day.day),
        }),
    };
    Ok(Some((BASE64_STANDARD.encode(lines), metadata)))
}

fn several(expected: &str) -> Rejection {
    rejection("destination", expected, "several")
}

fn too_large() -> Rejection {
    let most = format!("at most {MAX_ANSWER_BYTES} bytes in an answer");
    rejection("answer", &most, "more")
}

fn rejection(rule: &'static str, expected: &str, actual: &str) -> Rejection {
    Rejection {
        reason: Reason::MalformedRecord,
        violations: vec![Violation {
            path: String::new(),
            rule,
            expected: expected.to_owned(),
            actual: actual.to_owned(),
        }],
    }
}
