//! Rows as bytes of a file.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use zstd::bulk::Compressor;

use super::column::Column;

/// A file of fewer rows has one small page a column. Compressing it takes more than all the rest (a context of zstd is
/// made for each column), and an index of pages is longer than what it finds.
const FEW_ROWS: usize = 128;

/// Rows as a Parquet file.
///
/// # Errors
/// Where the encoder refuses; not known to happen.
pub fn to_parquet(rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let properties = match rows.num_rows() < FEW_ROWS {
        true => WriterProperties::builder()
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true),
        false => compressed(),
    };
    let mut writer = writer_with(Vec::new(), rows.schema(), properties)?;
    writer.write(rows)?;
    writer.into_inner()
}

/// Columns as a Parquet file of one row group, without an index of pages: they are few, and what a reader would find
/// in it of each of them is hardly less than what it finds of the column.
///
/// # Errors
/// Where the encoder refuses; not known to happen.
pub(super) fn columns_to_parquet(
    schema: &SchemaRef,
    columns: &[Column],
) -> Result<Vec<u8>, ParquetError> {
    let is_small = columns.first().map_or(0, Column::len) < FEW_ROWS;
    let mut properties = match is_small {
        true => WriterProperties::builder().set_dictionary_enabled(false),
        false => compressed(),
    }
    .set_statistics_enabled(EnabledStatistics::Chunk)
    .set_offset_index_disabled(true);
    for (field, column) in schema.fields().iter().zip(columns).filter(|_| !is_small) {
        let path = ColumnPath::from(field.name().as_str());
        properties = column.properties(path, properties);
    }
    let mut compressor = match is_small {
        true => None,
        false => Some(Compressor::new(ZstdLevel::default().compression_level())?),
    };

    let converted = ArrowSchemaConverter::new().convert(schema)?;
    let root = converted.root_schema_ptr();
    let mut file = SerializedFileWriter::new(Vec::new(), root, properties.build().into())?;
    let mut group = file.next_row_group()?;
    for (column, descriptor) in columns.iter().zip(converted.columns()) {
        column.write(&mut group, descriptor, compressor.as_mut())?;
    }
    group.close()?;
    file.into_inner()
}

/// What writes many rows with these columns as a Parquet file.
///
/// # Errors
/// Where a column has a type that Parquet does not have; the lake has none.
pub fn writer<W: Write + Send>(to: W, columns: SchemaRef) -> Result<ArrowWriter<W>, ParquetError> {
    writer_with(to, columns, compressed())
}

fn compressed() -> WriterPropertiesBuilder {
    WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()))
}

fn writer_with<W: Write + Send>(
    to: W,
    columns: SchemaRef,
    properties: WriterPropertiesBuilder,
) -> Result<ArrowWriter<W>, ParquetError> {
    // Arrow's own copy of the schema would be a good part of a small file, and tells other readers
    // nothing.
    let options = ArrowWriterOptions::new()
        .with_properties(properties.build())
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(to, columns, options)
}
