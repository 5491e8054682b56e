//! Rows as bytes of a file.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};

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
