//! The tables of the lake, one an event type.

use forebay_core::schema::{
    COMMON_COLUMNS, ColumnType, EXTRA_COLUMN, EventSchema, Field, Pii, Schema,
};
use serde::Serialize;

use crate::wording::summary;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Its name, e.g. `sign_up_event`.
    pub name: String,
    /// The event's name on the wire.
    pub event_type: String,
    /// All of its columns, in their order; those that say in which folder a row lies aside.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name, in snake_case.
    pub name: String,
    /// Athena's name of its type.
    #[serde(rename = "type")]
    pub column_type: &'static str,
    /// Whether rows without a value exist.
    pub nullable: bool,
    /// What it holds, for readers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// `hash` or `mask`, where it holds that instead of personal data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pii: Option<&'static str>,
}

/// The tables of all event types, in the order of the file. Those that every lake has are not among
/// them.
pub fn tables(schema: &Schema) -> Vec<Table> {
    schema.events.iter().map(table).collect()
}

/// The table of an event type.
pub fn table(event: &EventSchema) -> Table {
    let common = COMMON_COLUMNS.iter().map(|common| Column {
        name: common.name.to_owned(),
        column_type: athena_type(common.column_type),
        nullable: common.nullable,
        description: Some(common.description.to_owned()),
        pii: None,
    });
    let extra = event.additional_properties.then(|| Column {
        name: EXTRA_COLUMN.to_owned(),
        column_type: athena_type(ColumnType::String),
        nullable: true,
        description: Some("What the event has beyond its schema, as JSON.".to_owned()),
        pii: None,
    });
    let own = event.fields.iter().filter_map(column);
    Table {
        name: event.table_name(),
        event_type: event.event_type.clone(),
        columns: common.chain(own).chain(extra).collect(),
    }
}

/// The column of a field; `None` where it has none.
fn column(field: &Field) -> Option<Column> {
    Some(Column {
        name: field.column_name(),
        column_type: athena_type(field.column_type()?),
        nullable: true,
        description: summary(&field.docs),
        pii: match field.pii {
            Some(Pii::Hash) => Some("hash"),
            Some(Pii::Mask) => Some("mask"),
            Some(Pii::Drop) | None => None,
        },
    })
}

/// What Athena calls a type.
pub fn athena_type(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::String => "string",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Date => "date",
        ColumnType::Boolean => "boolean",
        ColumnType::SmallInteger => "int",
        ColumnType::Integer => "bigint",
        ColumnType::Number => "double",
    }
}
