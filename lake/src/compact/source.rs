//! A Parquet file of the lake that is read in parts: only the row groups and columns that are asked for.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::array::cast::AsArray;
use arrow::array::types::TimestampMillisecondType;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStream};
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::statistics::Statistics;

use super::merge::MergeError;

/// A file.
pub struct Source {
    path: String,
    bytes: Content,
    metadata: ArrowReaderMetadata,
}

/// Where the bytes of a file are.
#[derive(Clone)]
enum Content {
    /// In memory.
    Here(Bytes),
    /// In the storage: its path there and its length.
    There(Arc<dyn ObjectStore>, Path, u64),
}

impl Source {
    /// Opens a file of some length. It is fetched `whole`, or part by part as it is read.
    ///
    /// # Errors
    /// [`MergeError::Object`], [`MergeError::File`]
    pub async fn open(
        objects: &Arc<dyn ObjectStore>,
        path: &str,
        length: u64,
        whole: bool,
    ) -> Result<Source, MergeError> {
        let at = Path::from(path);
        let mut bytes = match whole {
            true => Content::Here(objects.get(&at).await?.bytes().await?),
            false => Content::There(objects.clone(), at, length),
        };
        let metadata = ArrowReaderMetadata::load_async(&mut bytes, ArrowReaderOptions::default());
        let metadata = metadata.await.map_err(|error| MergeError::File {
            path: path.to_owned(),
            error,
        })?;
        Ok(Source {
            path: path.to_owned(),
            bytes,
            metadata,
        })
    }

    /// Its path below the root of the lake.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its columns.
    pub fn columns(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    /// How many rows it has.
    pub fn rows(&self) -> u64 {
        count(self.metadata.metadata().file_metadata().num_rows())
    }

    /// How many row groups it has.
    pub fn groups(&self) -> usize {
        self.metadata.metadata().num_row_groups()
    }

    /// Rows of a row group, and their bytes before they are compressed.
    pub fn group_size(&self, group: usize) -> (u64, u64) {
        let group = self.metadata.metadata().row_group(group);
        (count(group.num_rows()), count(group.total_byte_size()))
    }

    /// The least and the greatest time in a column of a row group, in milliseconds; `None` where the file does not say.
    pub fn time_range(&self, group: usize, column: &str) -> Option<(i64, i64)> {
        let columns = self.metadata.metadata().row_group(group).columns();
        let mut columns = columns.iter();
        let found = columns.find(|found| found.column_path().string() == column)?;
        match found.statistics()? {
            Statistics::Int64(times) => Some((*times.min_opt()?, *times.max_opt()?)),
            _ => None,
        }
    }

    /// The rows of a row group, with some columns or all.
    ///
    /// # Errors
    /// [`MergeError::File`]
    pub fn read(&self, group: usize, columns: Option<&[&str]>) -> Result<Batches<'_>, MergeError> {
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(
            self.bytes.clone(),
            self.metadata.clone(),
        );
        let mask = match columns {
            Some(columns) => {
                ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied())
            }
            None => ProjectionMask::all(),
        };
        let stream = builder
            .with_row_groups(vec![group])
            .with_projection(mask)
            .build();
        Ok(Batches {
            source: self,
            stream: stream.map_err(|error| self.fault(error))?,
        })
    }

    /// A column of times, in milliseconds since the epoch.
    ///
    /// # Errors
    /// [`MergeError::File`] where there is none.
    pub fn times<'b>(
        &self,
        batch: &'b RecordBatch,
        column: &str,
    ) -> Result<impl Iterator<Item = i64> + use<'b>, MergeError> {
        let times = batch
            .column_by_name(column)
            .and_then(|times| times.as_primitive_opt::<TimestampMillisecondType>());
        let times = times.ok_or_else(|| self.missing(column))?;
        Ok(times.values().iter().copied())
    }

    /// A column of texts.
    ///
    /// # Errors
    /// [`MergeError::File`] where there is none.
    pub fn texts<'b>(
        &self,
        batch: &'b RecordBatch,
        column: &str,
    ) -> Result<impl Iterator<Item = Option<&'b str>> + use<'b>, MergeError> {
        let texts = batch
            .column_by_name(column)
            .and_then(|texts| texts.as_string_opt::<i32>());
        Ok(texts.ok_or_else(|| self.missing(column))?.iter())
    }

    fn missing(&self, column: &str) -> MergeError {
        self.fault(ParquetError::General(format!("no column {column}")))
    }

    fn fault(&self, error: ParquetError) -> MergeError {
        let path = self.path.clone();
        MergeError::File { path, error }
    }
}

/// Rows of a file, some thousand at a time.
pub struct Batches<'s> {
    source: &'s Source,
    stream: ParquetRecordBatchStream<Content>,
}

impl Batches<'_> {
    /// The next ones; `None` behind the last.
    ///
    /// # Errors
    /// [`MergeError::File`]
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, MergeError> {
        // Of a file that is in memory, nothing else waits: the lease has to be renewed meanwhile.
        tokio::task::yield_now().await;
        let rows = self.stream.try_next().await;
        rows.map_err(|error| self.source.fault(error))
    }
}

impl AsyncFileReader for Content {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        Box::pin(async move {
            match self {
                Content::Here(bytes) => {
                    let at = |end| usize::try_from(end).unwrap_or(usize::MAX);
                    let range = at(range.start)..at(range.end);
                    // Metadata may name any range.
                    match bytes.get(range.clone()) {
                        Some(_) => Ok(bytes.slice(range)),
                        None => Err(ParquetError::EOF(format!("no bytes {range:?}"))),
                    }
                }
                Content::There(objects, path, _) => objects
                    .get_range(path, range)
                    .await
                    .map_err(|error| ParquetError::External(Box::new(error))),
            }
        })
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        Box::pin(async move {
            let length = match self {
                Content::Here(bytes) => bytes.len() as u64,
                Content::There(_, _, length) => *length,
            };
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(64 * 1_024));
            Ok(Arc::new(reader.load_and_finish(self, length).await?))
        })
    }
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
