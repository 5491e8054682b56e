//! The tables: their columns, and rows on their way into a Parquet file.

mod column;
mod common;
mod extra;
mod fields;
mod parquet;
mod read;
mod rejected;
mod runs;
mod texts;

use std::sync::Arc;

use ::parquet::errors::ParquetError;
use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use forebay_core::schema::{COMMON_COLUMNS, ColumnType, EXTRA_COLUMN, EventSchema, Field, Schema};

use self::column::Column;
use self::common::{CommonBuilder, READERS};
use self::extra::extra;
use self::fields::FieldBuilder;
use self::parquet::columns_to_parquet;
pub use self::parquet::{to_parquet, writer};
pub use self::read::{
    Entry, count_rows, event_ids, ids_and_arrivals, rejected_entries, rejected_places,
};
pub use self::rejected::{Rejected, RejectedBuilder};
use self::texts::Texts;
use crate::record::Row;

/// The schema, and the tables that come from it.
#[derive(Debug)]
pub struct Catalog {
    /// The schema.
    pub schema: Schema,
    /// [`Schema::built_in`]
    pub built_in: Vec<EventSchema>,
    /// One for each of `schema.events`, and behind them those of the built-in event types.
    pub tables: Vec<Arc<TableSchema>>,
}

/// One table.
#[derive(Debug)]
pub struct TableSchema {
    /// Its name and folder, e.g. `sign_up_event`.
    pub name: String,
    event: EventSchema,
    is_built_in: bool,
    /// Those of its fields that have a column.
    fields: Vec<(Field, ColumnType)>,
    columns: SchemaRef,
}

impl Catalog {
    /// The tables of a schema.
    pub fn new(schema: Schema) -> Catalog {
        let built_in = schema.built_in();
        let table = |event, is_built_in| Arc::new(TableSchema::new(event, is_built_in));
        let own = schema.events.iter().map(|event| table(event, false));
        let others = built_in.iter().map(|event| table(event, true));
        Catalog {
            tables: own.chain(others).collect(),
            schema,
            built_in,
        }
    }
}

impl TableSchema {
    fn new(event: &EventSchema, is_built_in: bool) -> TableSchema {
        let fields = event.fields.iter();
        let fields: Vec<_> = fields
            .filter_map(|field| Some((field.clone(), field.column_type()?)))
            .collect();
        let common = COMMON_COLUMNS.iter().map(|column| {
            let data_type = arrow_type(column.column_type);
            arrow::datatypes::Field::new(column.name, data_type, column.nullable)
        });
        // May be null whatever the schema says: a field can be added, or become required, while
        // files of earlier versions lie in the same table.
        let own = fields.iter().map(|(field, column_type)| {
            arrow::datatypes::Field::new(field.column_name(), arrow_type(*column_type), true)
        });
        let extra = event
            .additional_properties
            .then(|| arrow::datatypes::Field::new(EXTRA_COLUMN, DataType::Utf8, true));
        let columns: Vec<_> = common.chain(own).chain(extra).collect();
        TableSchema {
            name: event.table_name(),
            event: event.clone(),
            is_built_in,
            fields,
            columns: Arc::new(arrow::datatypes::Schema::new(columns)),
        }
    }
}

/// The type of a column in memory. In Parquet, timestamps are INT64 TIMESTAMP_MILLIS in UTC and
/// dates INT32 DATE.
fn arrow_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::String => DataType::Utf8,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        ColumnType::Date => DataType::Date32,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::SmallInteger => DataType::Int32,
        ColumnType::Integer => DataType::Int64,
        ColumnType::Number => DataType::Float64,
    }
}

/// Rows of one table, column by column.
#[derive(Debug)]
pub struct TableBuilder {
    table: Arc<TableSchema>,
    common: Vec<CommonBuilder>,
    fields: Vec<FieldBuilder>,
    /// Where the event type allows additional properties.
    extra: Option<Box<Texts>>,
    rows: u64,
}

impl TableBuilder {
    /// A table without rows.
    pub fn new(table: Arc<TableSchema>) -> TableBuilder {
        TableBuilder {
            common: READERS.map(|(_, read)| CommonBuilder::new(read)).into(),
            fields: table
                .fields
                .iter()
                .map(|(_, column_type)| FieldBuilder::new(*column_type))
                .collect(),
            extra: table.event.additional_properties.then(Box::default),
            table,
            rows: 0,
        }
    }

    /// How many rows it has.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds a row of this table.
    pub fn append(&mut self, row: &Row<'_>) {
        self.rows += 1;
        for column in &mut self.common {
            column.append(row);
        }
        for (column, (field, _)) in self.fields.iter_mut().zip(&self.table.fields) {
            column.append(field, &row.event);
        }
        if let Some(column) = &mut self.extra {
            column.append(extra(&self.table, row).as_deref());
        }
    }

    /// The rows, with the columns of the table.
    ///
    /// # Errors
    /// Where Arrow refuses; not known to happen.
    pub fn finish(self) -> Result<RecordBatch, ArrowError> {
        let table = self.table.clone();
        let columns = self.columns().map(|column| column.to_array());
        RecordBatch::try_new(table.columns.clone(), columns.collect())
    }

    /// The rows as a Parquet file.
    ///
    /// # Errors
    /// Where the encoder refuses; not known to happen.
    pub fn to_parquet(self) -> Result<Vec<u8>, ParquetError> {
        let table = self.table.clone();
        let columns: Vec<Column> = self.columns().collect();
        columns_to_parquet(&table.columns, &columns)
    }

    fn columns(self) -> impl Iterator<Item = Column> {
        let common = self.common.into_iter().map(CommonBuilder::finish);
        let fields = self.fields.into_iter().map(FieldBuilder::finish);
        let extra = self.extra.into_iter().map(Column::Texts);
        common.chain(fields).chain(extra)
    }
}
