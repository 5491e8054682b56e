//! Rows as bytes of a file.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

/// Rows as a Parquet file.
///
/// # Errors
/// Where the encoder refuses; not known to happen.
pub fn to_parquet(rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let mut writer = writer(Vec::new(), rows.schema())?;
    writer.write(rows)?;
    writer.into_inner()
}

/// What writes rows with these columns as a Parquet file.
///
/// # Errors
/// Where a column has a type that Parquet does not have; the lake has none.
pub fn writer<W: Write + Send>(to: W, columns: SchemaRef) -> Result<ArrowWriter<W>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    // Arrow's own copy of the schema would be a good part of a small file, and tells other readers
    // nothing.
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    ArrowWriter::try_new_with_options(to, columns, options)
}
