//! Tables for Athena, as SQL and as Glue tables in CloudFormation and Terraform, and for DuckDB and Spark.
//!
//! All of them are written from one list of tables, so that they say the same.

mod athena;
mod cloudformation;
mod dialect;
mod folder;
mod options;
mod terraform;
mod views;

use std::collections::BTreeMap;

use forebay_core::schema::{EventSchema, PARTITION_COLUMNS, Schema};
use serde::Serialize;

use crate::tables::{self, table};
use crate::wording::summary;

pub use athena::athena;
pub use cloudformation::{TemplateTooLarge, cloudformation};
pub use folder::{duckdb, spark};
pub use options::{Options, OptionsError};
pub use terraform::terraform;

/// Longest comment of a column in Glue's catalogue, in bytes.
const MAX_COLUMN_COMMENT: usize = 255;
/// Longest description of a table there, in bytes.
const MAX_TABLE_DESCRIPTION: usize = 2_048;

/// Columns of every table by which a person can be known again, in the lake or where it is joined
/// with other data.
const IDENTIFYING_COLUMNS: [&str; 3] = ["client_id", "cognito_id", "user_id"];
/// Columns of the tables that every lake has which hold what a person is reached by or said to be like.
const PERSONAL_COLUMNS: [&str; 8] = [
    "event",
    "endpoint",
    "address",
    "user_attributes",
    "attributes",
    "location",
    "destination_phone_number",
    "extra",
];

/// The column parameter that marks personal data in Glue's catalogue. Terraform alone can set it.
const CLASSIFICATION: (&str, &str) = ("Classification", "PII");
/// The table parameter that names the columns of personal data, parted by commas.
const PERSONAL_DATA: &str = "forebay.personal_data";

/// One table.
#[derive(Serialize)]
struct Table {
    name: String,
    description: String,
    /// Its folder below the location.
    folder: String,
    columns: Vec<Column>,
}

/// One column of a table.
#[derive(Serialize)]
struct Column {
    name: String,
    /// In Hive's words, which Glue and Athena's table definitions take.
    #[serde(rename = "type")]
    type_name: &'static str,
    comment: String,
    is_personal: bool,
}

/// A table as Glue's catalogue has it, for templates that are not Forebay's.
#[derive(Serialize)]
pub struct GlueTable {
    #[serde(flatten)]
    table: Table,
    /// But for `storage.location.template`, which each template language writes in its own way.
    parameters: BTreeMap<String, String>,
}

/// The tables that [`cloudformation()`] and [`terraform()`] write.
pub fn glue_tables(schema: &Schema, options: &Options) -> Vec<GlueTable> {
    let tables = all_tables(schema).into_iter().map(|table| GlueTable {
        parameters: table.parameters(options).into_iter().collect(),
        table,
    });
    tables.collect()
}

/// How Glue and Athena read Parquet.
const CLASSIFICATION_OF_FILES: &str = "parquet";
const INPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const OUTPUT_FORMAT: &str = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const SERIALIZATION_LIBRARY: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

/// What is known of the lake as a whole.
const DATABASE_DESCRIPTION: &str = "Product events, one table an event type.";

/// The tables of a schema, in its order, those of the event types that every lake has, and the one of
/// rejected records.
fn all_tables(schema: &Schema) -> Vec<Table> {
    let built_in = schema.built_in();
    let own = schema.events.iter();
    let own = own.map(|event| event_table(event, table(event), &[]));
    let built_in = built_in.iter();
    let built_in = built_in.map(|event| event_table(event, table(event), &PERSONAL_COLUMNS));
    let tables = own.chain(built_in);
    tables.chain([rejected_table(schema)]).collect()
}

/// `personal`: columns that hold personal data without a mark in the schema.
fn event_table(event: &EventSchema, table: tables::Table, personal: &[&str]) -> Table {
    let is_deprecated = |column: &str| {
        let mut deprecated = event.fields.iter().filter(|field| field.docs.deprecated);
        deprecated.any(|field| field.column_name() == column)
    };
    let columns = table.columns.into_iter().map(|column| {
        let mark = match column.pii {
            Some("hash") => "Personal data, hashed.",
            Some(_) => "Personal data, masked.",
            None => "",
        };
        let text = column.description.as_deref().unwrap_or_default();
        let is_deprecated = is_deprecated(&column.name);
        Column {
            type_name: column.column_type,
            comment: comment(text, is_deprecated, mark, MAX_COLUMN_COMMENT),
            is_personal: is_personal(&column, personal),
            name: column.name,
        }
    });
    let text = summary(&event.docs).unwrap_or_default();
    Table {
        folder: format!("events/{}", table.name),
        description: comment(&text, event.docs.deprecated, "", MAX_TABLE_DESCRIPTION),
        columns: columns.collect(),
        name: table.name,
    }
}

/// Whether a column identifies a person, is marked in the schema as personal data, or is one of `personal`.
fn is_personal(column: &tables::Column, personal: &[&str]) -> bool {
    let name = column.name.as_str();
    column.pii.is_some() || IDENTIFYING_COLUMNS.contains(&name) || personal.contains(&name)
}

fn rejected_table(schema: &Schema) -> Table {
    let violations = "array<struct<path:string,rule:string,expected:string,actual:string>>";
    Table {
        name: free_name(schema, "rejected"),
        description: "Records of the stream that could not become rows, with the reason."
            .to_owned(),
        folder: "rejected".to_owned(),
        columns: vec![
            column("shard", "string", "The shard of the stream."),
            column("sequence_number", "string", "The record's place in it."),
            column(
                "arrival_timestamp",
                "timestamp",
                "When the stream took it in.",
            ),
            column("reason", "string", "Why it could not become a row."),
            column(
                "violations",
                violations,
                "What is wrong with it, and where.",
            ),
            column(
                "event_id",
                "string",
                "The event's id, where it can be read.",
            ),
            column(
                "event_type",
                "string",
                "The event's name, where it can be read.",
            ),
            column(
                "event_timestamp",
                "timestamp",
                "The event's time, where it can be read.",
            ),
            column("app_id", "string", "The application, where it can be read."),
            column(
                "client_id",
                "string",
                "The endpoint id, where it can be read.",
            ),
            column("data", "binary", "Its bytes as they came."),
        ],
    }
}

/// A column of the table of rejected records.
fn column(name: &str, type_name: &'static str, comment: &str) -> Column {
    Column {
        name: name.to_owned(),
        type_name,
        comment: comment.to_owned(),
        is_personal: ["client_id", "data"].contains(&name),
    }
}

/// The name itself, or where an event type's table has it, one that no event type's table has: those
/// have no two `_` in a row.
fn free_name(schema: &Schema, name: &str) -> String {
    let is_taken = schema.events.iter().any(|event| event.table_name() == name);
    if is_taken {
        format!("forebay__{name}")
    } else {
        name.to_owned()
    }
}

/// The text between what marks it, on one line and in no more bytes than fit.
fn comment(text: &str, is_deprecated: bool, mark: &str, max: usize) -> String {
    let deprecated = if is_deprecated { "Deprecated." } else { "" };
    let text = one_line(text);
    let around = [deprecated, mark].map(|part| if part.is_empty() { 0 } else { part.len() + 1 });
    let text = cut(&text, max.saturating_sub(around.iter().sum()));
    let parts = [deprecated, text.as_str(), mark];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}

/// Glue takes comments of one line; YAML takes no control characters and no non-characters.
fn one_line(text: &str) -> String {
    let is_gap = |character: char| {
        character.is_whitespace()
            || character.is_control()
            || matches!(u32::from(character) & 0xffff, 0xfffe | 0xffff)
    };
    let words: Vec<&str> = text.split(is_gap).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The text, or as many whole characters of it as fit with an ellipsis.
fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max.saturating_sub('…'.len_utf8()));
    format!("{}…", text.get(..end).unwrap_or_default().trim_end())
}

impl Table {
    /// Its parameters in Glue's catalogue, but for the path of a partition, which
    /// [`partition_path`] gives: how Athena finds the partitions without being told of each
    /// (`digits` pads with zeros), and where personal data is.
    fn parameters(&self, options: &Options) -> Vec<(String, String)> {
        let years = format!("{},{}", options.first_year, options.last_year);
        let ranges = [(years.as_str(), "4"), ("1,12", "2"), ("1,31", "2")];
        let personal = self.columns.iter().filter(|column| column.is_personal);
        let personal: Vec<&str> = personal.map(|column| column.name.as_str()).collect();
        let mut parameters = vec![
            (
                "classification".to_owned(),
                CLASSIFICATION_OF_FILES.to_owned(),
            ),
            (PERSONAL_DATA.to_owned(), personal.join(",")),
            ("projection.enabled".to_owned(), "true".to_owned()),
        ];
        for (column, (range, digits)) in PARTITION_COLUMNS.iter().zip(ranges) {
            for (property, value) in [("type", "integer"), ("range", range), ("digits", digits)] {
                parameters.push((format!("projection.{column}.{property}"), value.to_owned()));
            }
        }
        parameters
    }
}

/// The folders of a day below a table's own, as the lake names them, with a placeholder for each
/// value.
fn partition_path(placeholder: impl Fn(&str) -> String) -> String {
    let folder = |column: &&str| format!("{column}={}/", placeholder(column));
    PARTITION_COLUMNS.iter().map(folder).collect()
}
