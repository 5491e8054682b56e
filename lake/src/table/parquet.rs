//! Rows as bytes of a file.

use arrow::array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};

/// A file of fewer rows has one small page a column. Compressing it takes more than all the rest (a context of zstd is
/// made for each column), and an index of pages is longer than what it finds.
const FEW_ROWS: usize = 128;

/// Rows as a Parquet file.
///
/// # Errors
/// Where the encoder refuses; not known to happen.
pub fn to_parquet(rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder();
    let properties = match rows.num_rows() < FEW_ROWS {
        true => properties
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true),
        false => properties.set_compression(Compression::ZSTD(ZstdLevel::default())),
    };
    // Arrow's own copy of the schema would be a good part of a small file, and tells other readers
    // nothing.
    let options = ArrowWriterOptions::new()
        .with_properties(properties.build())
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), rows.schema(), options)?;
    writer.write(rows)?;
    writer.into_inner()
}
