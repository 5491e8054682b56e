//! One column of a table, on its way into a file.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::{
    Date32Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow::datatypes::DataType;
use parquet::basic::Compression;
use parquet::data_type as physical;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::file::writer::{SerializedColumnWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnDescPtr, ColumnPath};
use zstd::bulk::Compressor;

use super::texts::Texts;

/// Room of a new column, in rows; it grows. Arrow's own is 1,024, which takes 130 KB for each table and day, however
/// few rows there are: more than a gigabyte where many event types come on many days.
pub(super) const FIRST_ROWS: usize = 8;

/// A column that is full.
#[derive(Debug)]
pub(super) enum Column {
    Texts(Box<Texts>),
    /// Numbers, times or booleans.
    Array(ArrayRef),
}

impl Column {
    pub(super) fn of(array: impl Array + 'static) -> Column {
        Column::Array(Arc::new(array))
    }

    pub(super) fn to_array(&self) -> ArrayRef {
        match self {
            Column::Texts(texts) => Arc::new(texts.to_array()),
            Column::Array(array) => array.clone(),
        }
    }

    /// How many rows it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Column::Texts(texts) => texts.len(),
            Column::Array(array) => array.len(),
        }
    }

    /// How it is written, where that is not how all others are.
    pub(super) fn properties(
        &self,
        path: ColumnPath,
        all: WriterPropertiesBuilder,
    ) -> WriterPropertiesBuilder {
        let Column::Array(array) = self else {
            return all;
        };
        let is_time = matches!(array.data_type(), DataType::Timestamp(..));
        match array.null_count() == array.len() {
            // A context of zstd takes longer than the few bytes of a column of nulls.
            true => all
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_compression(path, Compression::UNCOMPRESSED),
            // Hardly two rows have the same time.
            false => all.set_column_dictionary_enabled(path, !is_time),
        }
    }

    /// Writes it as the next column of a row group.
    pub(super) fn write(
        &self,
        group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
        column: &ColumnDescPtr,
        compressor: Option<&mut Compressor<'_>>,
    ) -> Result<(), ParquetError> {
        let array = match self {
            Column::Texts(texts) => {
                let (bytes, close) = texts.to_chunk(column, compressor)?;
                return group.append_column(&bytes, close);
            }
            Column::Array(array) => array,
        };
        let Some(mut writer) = group.next_column()? else {
            return Err(ParquetError::General(
                "more columns than there are".to_owned(),
            ));
        };
        let to = &mut writer;
        match array.data_type() {
            DataType::Boolean => {
                write::<physical::BoolType>(to, array.as_boolean().iter())?;
            }
            DataType::Int32 => numbers::<physical::Int32Type, Int32Type>(to, array)?,
            DataType::Date32 => numbers::<physical::Int32Type, Date32Type>(to, array)?,
            DataType::Int64 => numbers::<physical::Int64Type, Int64Type>(to, array)?,
            DataType::Timestamp(..) => {
                numbers::<physical::Int64Type, TimestampMillisecondType>(to, array)?;
            }
            DataType::Float64 => numbers::<physical::DoubleType, Float64Type>(to, array)?,
            other => return Err(ParquetError::General(format!("no columns of {other}"))),
        }
        writer.close()
    }
}

fn numbers<T, A>(to: &mut SerializedColumnWriter<'_>, array: &ArrayRef) -> Result<(), ParquetError>
where
    T: physical::DataType<T = A::Native>,
    A: ArrowPrimitiveType,
{
    let array: &PrimitiveArray<A> = array.as_primitive();
    match array.null_count() {
        0 => write_all::<T>(to, array.values()),
        _ => write::<T>(to, array.iter()),
    }
}

fn write<T: physical::DataType>(
    to: &mut SerializedColumnWriter<'_>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let mut levels = Vec::with_capacity(values.size_hint().0);
    let mut present = Vec::new();
    for value in values {
        levels.push(i16::from(value.is_some()));
        present.extend(value);
    }
    write_levels::<T>(to, &present, &levels)
}

fn write_all<T: physical::DataType>(
    to: &mut SerializedColumnWriter<'_>,
    values: &[T::T],
) -> Result<(), ParquetError> {
    write_levels::<T>(to, values, &vec![1; values.len()])
}

fn write_levels<T: physical::DataType>(
    to: &mut SerializedColumnWriter<'_>,
    present: &[T::T],
    levels: &[i16],
) -> Result<(), ParquetError> {
    let writer = to.typed::<T>();
    let is_nullable = writer.get_descriptor().max_def_level() > 0;
    writer.write_batch(present, is_nullable.then_some(levels), None)?;
    Ok(())
}
