//! The tables: their columns, and rows on their way into a Parquet file.

mod common;
mod fields;

use std::sync::Arc;

use arrow::array::builder::StringBuilder;
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use forebay_core::event::Event;
use forebay_core::json::Writer;
use forebay_core::schema::{EventSchema, Schema};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use self::common::{COMMON_COLUMNS, CommonBuilder};
use self::fields::FieldBuilder;
use crate::row::Row;

/// The last column of event types that allow additional properties: those, as JSON text
/// `{"attributes":{..},"metrics":{..}}`; null where there are none.
pub const EXTRA_COLUMN: &str = "extra";

/// The schema, and the tables that come from it.
#[derive(Debug)]
pub struct Catalog {
    /// The schema.
    pub schema: Schema,
    /// One for each of `schema.events`.
    pub tables: Vec<Arc<TableSchema>>,
}

/// One table.
#[derive(Debug)]
pub struct TableSchema {
    /// Its name and folder, e.g. `sign_up_event`.
    pub name: String,
    event: EventSchema,
    columns: SchemaRef,
}

impl Catalog {
    /// The tables of a schema.
    pub fn new(schema: Schema) -> Catalog {
        let tables = schema.events.iter().map(TableSchema::new).map(Arc::new);
        Catalog {
            tables: tables.collect(),
            schema,
        }
    }
}

impl TableSchema {
    fn new(event: &EventSchema) -> TableSchema {
        let common = COMMON_COLUMNS.iter().map(|column| column.arrow_field());
        let fields = event.fields.iter().map(fields::arrow_field);
        let extra = event
            .additional_properties
            .then(|| arrow::datatypes::Field::new(EXTRA_COLUMN, DataType::Utf8, true));
        let columns: Vec<_> = common.chain(fields).chain(extra).collect();
        TableSchema {
            name: event.table_name(),
            event: event.clone(),
            columns: Arc::new(arrow::datatypes::Schema::new(columns)),
        }
    }
}

/// Milliseconds in UTC: INT64 TIMESTAMP_MILLIS in Parquet.
fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// Rows of one table, column by column.
#[derive(Debug)]
pub struct TableBuilder {
    table: Arc<TableSchema>,
    common: Vec<CommonBuilder>,
    fields: Vec<FieldBuilder>,
    /// Where the event type allows additional properties.
    extra: Option<StringBuilder>,
}

impl TableBuilder {
    /// A table without rows.
    pub fn new(table: Arc<TableSchema>) -> TableBuilder {
        TableBuilder {
            common: COMMON_COLUMNS.iter().map(CommonBuilder::new).collect(),
            fields: table.event.fields.iter().map(FieldBuilder::new).collect(),
            extra: table.event.additional_properties.then(StringBuilder::new),
            table,
        }
    }

    /// Adds a row of this table.
    pub fn append(&mut self, row: &Row<'_>) {
        for column in &mut self.common {
            column.append(row);
        }
        for (column, field) in self.fields.iter_mut().zip(&self.table.event.fields) {
            column.append(field, &row.event);
        }
        if let Some(column) = &mut self.extra {
            column.append_option(extra(&self.table.event, &row.event));
        }
    }

    /// The rows, with the columns of the table.
    ///
    /// # Errors
    /// Where Arrow refuses; not known to happen.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let common = self.common.iter_mut().map(CommonBuilder::finish);
        let fields = self.fields.iter_mut().map(FieldBuilder::finish);
        let extra = self
            .extra
            .iter_mut()
            .map(|extra| Arc::new(extra.finish()) as ArrayRef);
        let columns = common.chain(fields).chain(extra).collect();
        RecordBatch::try_new(self.table.columns.clone(), columns)
    }
}

/// Rows as a Parquet file.
///
/// # Errors
/// Where the encoder refuses; not known to happen.
pub fn to_parquet(rows: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    // Arrow's own copy of the schema would be a good part of a small file, and tells other readers
    // nothing.
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), rows.schema(), options)?;
    writer.write(rows)?;
    writer.into_inner()
}

/// What the event has beyond its schema.
fn extra(schema: &EventSchema, event: &Event<'_>) -> Option<String> {
    let is_extra = |name: &str| schema.fields.iter().all(|field| field.name != name);
    let mut writer = Writer::new();
    writer.begin_object();
    let empty = writer.byte_len();
    let mut attributes = event
        .attributes
        .iter()
        .filter(|(name, _)| is_extra(name))
        .peekable();
    if attributes.peek().is_some() {
        writer.name("attributes").begin_object();
        for (name, value) in attributes {
            writer.name(name).string(value);
        }
        writer.end_object();
    }
    let mut metrics = event
        .metrics
        .iter()
        .filter(|(name, _)| is_extra(name))
        .peekable();
    if metrics.peek().is_some() {
        writer.name("metrics").begin_object();
        for (name, value) in metrics {
            writer.name(name).number(value);
        }
        writer.end_object();
    }
    let any = writer.byte_len() > empty;
    writer.end_object();
    any.then(|| writer.finish())
}
