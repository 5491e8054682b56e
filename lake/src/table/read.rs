//! What is read back from files of the lake.

use arrow::array::Array;
use arrow::array::cast::AsArray;
use arrow::array::types::TimestampMillisecondType;
use bytes::Bytes;
use forebay_core::time::Timestamp;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

/// The event ids of a file's rows, in their order.
///
/// # Errors
/// Where it is no Parquet file of the lake.
pub fn event_ids(bytes: Bytes) -> Result<Vec<String>, ParquetError> {
    texts(bytes, "event_id")
}

fn texts(bytes: Bytes, name: &str) -> Result<Vec<String>, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), [name]);
    let mut texts = Vec::new();
    for rows in builder.with_projection(mask).build()? {
        let rows = rows?;
        let column = rows
            .columns()
            .first()
            .and_then(|column| column.as_string_opt::<i32>());
        let column = column.ok_or_else(|| ParquetError::General(format!("no {name}")))?;
        texts.extend((0..column.len()).map(|row| column.value(row).to_owned()));
    }
    Ok(texts)
}

/// The event id, where there is one, and the arrival of each row or rejected entry of a file, in their order.
///
/// # Errors
/// Where it is no file of the lake.
pub fn ids_and_arrivals(bytes: Bytes) -> Result<Vec<(Option<String>, Timestamp)>, ParquetError> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes)?;
    let names = ["event_id", "arrival_timestamp"];
    let mask = ProjectionMask::columns(builder.parquet_schema(), names);
    let mut found = Vec::new();
    for rows in builder.with_projection(mask).build()? {
        let rows = rows?;
        let [ids, arrivals] = names.map(|name| rows.column_by_name(name));
        let ids = ids.and_then(|column| column.as_string_opt::<i32>());
        let arrivals =
            arrivals.and_then(|column| column.as_primitive_opt::<TimestampMillisecondType>());
        let (Some(ids), Some(arrivals)) = (ids, arrivals) else {
            let problem = "it has no event ids or no arrivals";
            return Err(ParquetError::General(problem.to_owned()));
        };
        found.extend((0..rows.num_rows()).map(|row| {
            let id = ids.is_valid(row).then(|| ids.value(row).to_owned());
            (id, Timestamp(arrivals.value(row)))
        }));
    }
    Ok(found)
}

/// The places of the entries in a file of rejected records, in their order.
///
/// # Errors
/// Where it is no such file.
pub fn rejected_places(bytes: Bytes) -> Result<Vec<String>, ParquetError> {
    texts(bytes, "sequence_number")
}

/// An entry of a file of rejected records, for [`Rejected`](super::Rejected).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the members are those of `Rejected`")]
pub struct Entry {
    pub shard: String,
    pub place: String,
    pub arrival: Timestamp,
    pub data: Vec<u8>,
}

/// The entries of a file of rejected records, in their order.
///
/// # Errors
/// Where it is no such file.
pub fn rejected_entries(bytes: Bytes) -> Result<Vec<Entry>, ParquetError> {
    let mut entries = Vec::new();
    for rows in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
        let rows = rows?;
        let column = |name: &str| {
            let column = rows.column_by_name(name);
            column.ok_or_else(|| ParquetError::General(format!("no {name}")))
        };
        let texts = |name: &str| {
            let texts = column(name)?.as_string_opt::<i32>();
            texts.ok_or_else(|| ParquetError::General(format!("{name} is no text")))
        };
        let (shards, places) = (texts("shard")?, texts("sequence_number")?);
        let arrivals = column("arrival_timestamp")?.as_primitive_opt::<TimestampMillisecondType>();
        let arrivals = arrivals.ok_or_else(|| ParquetError::General("no times".to_owned()))?;
        let data = column("data")?.as_binary_opt::<i32>();
        let data = data.ok_or_else(|| ParquetError::General("no bytes".to_owned()))?;
        entries.extend((0..rows.num_rows()).map(|row| Entry {
            shard: shards.value(row).to_owned(),
            place: places.value(row).to_owned(),
            arrival: Timestamp(arrivals.value(row)),
            data: data.value(row).to_vec(),
        }));
    }
    Ok(entries)
}

/// Reads a whole file, every column. Gives how many rows it has.
///
/// # Errors
/// Where it is no Parquet file, or a part of it cannot be read.
pub fn count_rows(bytes: Bytes) -> Result<u64, ParquetError> {
    let mut count = 0;
    for rows in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
        count += rows?.num_rows() as u64;
    }
    Ok(count)
}
