//! A row as a JSON object, whose members are the columns of its table.

use arrow::array::cast::AsArray;
use arrow::array::types::{
    Date32Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit};
use arrow::error::ArrowError;
use forebay_core::time::Timestamp;
use serde_json::{Map, Value};

/// A day in milliseconds.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// How a timestamp is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// ISO 8601 in UTC, as Firehose's conversion to Parquet (the OpenX SerDe) reads it.
    Iso8601,
    /// Microseconds since 1970, as Firehose wants it for Iceberg tables.
    Micros,
}

/// The row, with null where a column has no value: Firehose refuses a row for an Iceberg table where a
/// column is missing.
pub(super) fn row_json(
    rows: &RecordBatch,
    row: usize,
    times: Times,
) -> Result<Map<String, Value>, ArrowError> {
    let schema = rows.schema_ref();
    let columns = schema.fields().iter().zip(rows.columns());
    let members = columns.map(|(field, column)| {
        let value = match column.is_null(row) {
            true => Value::Null,
            false => value(column.as_ref(), row, times)?,
        };
        Ok((field.name().clone(), value))
    });
    members.collect()
}

fn value(column: &dyn Array, row: usize, times: Times) -> Result<Value, ArrowError> {
    Ok(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => column.as_primitive::<Float64Type>().value(row).into(),
        DataType::Date32 => {
            let days = i64::from(column.as_primitive::<Date32Type>().value(row));
            // Of a date and a time, the first ten characters are the date.
            let midnight = Timestamp(days * DAY_MILLIS).to_iso8601();
            midnight.get(..10).unwrap_or(&midnight).into()
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let millis = column.as_primitive::<TimestampMillisecondType>().value(row);
            match times {
                Times::Iso8601 => Timestamp(millis).to_iso8601().into(),
                Times::Micros => (millis * 1_000).into(),
            }
        }
        other => {
            let reason = format!("a column of type {other} has no form in JSON");
            return Err(ArrowError::NotYetImplemented(reason));
        }
    })
}
