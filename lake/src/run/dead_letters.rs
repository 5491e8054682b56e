//! `forebay-lake replay --dead-letters`: the dead letters of a lake as the edge wrote them, for
//! `npx forebay-worker replay`, which sends their events through the edge's rules again.

use std::collections::HashSet;

use arrow::array::cast::AsArray;
use arrow::array::types::TimestampMillisecondType;
use arrow::array::{Array, RecordBatch};
use bytes::Bytes;
use forebay_core::json::Writer;
use forebay_core::schema::{DEAD_LETTER, snake_case};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use thiserror::Error;
use tokio::task::{JoinError, spawn_blocking};

use crate::record::EventKey;
use crate::store::{Store, StoreError};

/// The version of the form that the lake knows.
const VERSION: i64 = 1;

/// Why dead letters cannot be read.
#[derive(Debug, Error)]
pub enum DeadLettersError {
    /// The files of the lake.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error("{path}: {error}; run `forebay-lake repair`")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        error: ParquetError,
    },
    /// A defect of Forebay.
    #[error("a file cannot be read: {0}")]
    Thread(#[from] JoinError),
}

/// Hands every dead letter to `write`, once, as a line of JSON without its end.
///
/// # Errors
/// [`DeadLettersError`]
pub async fn dead_letters(
    store: &Store,
    mut write: impl FnMut(&str),
) -> Result<u64, DeadLettersError> {
    let mut files = store
        .list(&format!("events/{}", snake_case(DEAD_LETTER)))
        .await?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    // A file that was merged into another stays for some time.
    let mut seen: HashSet<EventKey> = HashSet::new();
    for file in files {
        let Some(bytes) = store.read(&file.path).await? else {
            continue;
        };
        let letters = spawn_blocking(move || letters(bytes)).await?;
        let letters = letters.map_err(|error| DeadLettersError::File {
            path: file.path,
            error,
        })?;
        for (id, letter) in letters {
            if seen.insert(EventKey::new(&id)) {
                write(&letter);
            }
        }
    }
    Ok(seen.len() as u64)
}

fn letters(bytes: Bytes) -> Result<Vec<(String, String)>, ParquetError> {
    let mut letters = Vec::new();
    for rows in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
        let rows = rows?;
        for row in 0..rows.num_rows() {
            letters.push(letter(&rows, row)?);
        }
    }
    Ok(letters)
}

/// The id and the letter of a row.
fn letter(rows: &RecordBatch, row: usize) -> Result<(String, String), ParquetError> {
    let absent = |name: &str| ParquetError::General(format!("no column {name}"));
    let text = |name: &str| -> Result<Option<&str>, ParquetError> {
        let column = rows
            .column_by_name(name)
            .and_then(|column| column.as_string_opt::<i32>());
        let column = column.ok_or_else(|| absent(name))?;
        Ok(column.is_valid(row).then(|| column.value(row)))
    };
    let arrival = rows.column_by_name("arrival_timestamp");
    let arrival = arrival.and_then(|column| column.as_primitive_opt::<TimestampMillisecondType>());
    let arrival = arrival
        .ok_or_else(|| absent("arrival_timestamp"))?
        .value(row);
    let id = text("event_id")?.unwrap_or_default();
    let mut writer = Writer::new();
    writer.begin_object();
    writer.name("dead_letter_version").integer(VERSION);
    writer.name("dead_letter_id").string(id);
    writer.name("arrival_timestamp").integer(arrival);
    for (member, column) in [
        ("app_id", "app_id"),
        ("client_id", "client_id"),
        ("kind", "kind"),
        ("event_id", "refused_event_id"),
        ("event_type", "refused_event_type"),
        ("format", "format"),
    ] {
        match text(column)? {
            Some(text) => writer.name(member).string(text),
            None => writer.name(member).null(),
        };
    }
    for (member, column) in [
        ("schema_version", "checked_version"),
        ("reasons", "reasons"),
        ("event", "event"),
        ("endpoint", "endpoint"),
        ("redacted", "redacted"),
    ] {
        writer.name(member).raw(text(column)?.unwrap_or("null"));
    }
    writer.end_object();
    Ok((id.to_owned(), writer.finish()))
}
