//! Tables for Athena: as SQL, and as Glue tables in CloudFormation and Terraform.
//!
//! All three are written from one list of tables, so that they say the same.

mod athena;
mod cloudformation;
mod options;
mod terraform;
mod views;

use forebay_core::schema::{
    COMMON_COLUMNS, ColumnType, Docs, EXTRA_COLUMN, EventSchema, Field, PARTITION_COLUMNS, Pii,
    Schema,
};

pub use athena::athena;
pub use cloudformation::{TemplateTooLarge, cloudformation};
pub use options::{Options, OptionsError};
pub use terraform::terraform;

/// Longest comment of a column in Glue's catalogue, in bytes.
const MAX_COLUMN_COMMENT: usize = 255;
/// Longest description of a table there, in bytes.
const MAX_TABLE_DESCRIPTION: usize = 2_048;

/// Columns of every table by which a person can be known again, in the lake or where it is joined
/// with other data.
const IDENTIFYING_COLUMNS: [&str; 3] = ["client_id", "cognito_id", "user_id"];

/// The column parameter that marks personal data in Glue's catalogue. Terraform alone can set it.
const CLASSIFICATION: (&str, &str) = ("Classification", "PII");
/// The table parameter that names the columns of personal data, parted by commas.
const PERSONAL_DATA: &str = "forebay.personal_data";

/// One table.
struct Table {
    name: String,
    description: String,
    /// Its folder below the location.
    folder: String,
    columns: Vec<Column>,
    format: &'static FileFormat,
}

/// One column of a table.
struct Column {
    name: String,
    /// In Hive's words, which Glue and Athena's table definitions take.
    type_name: &'static str,
    comment: String,
    is_personal: bool,
}

/// How a table's files are read.
struct FileFormat {
    /// As Glue classifies tables.
    classification: &'static str,
    input_format: &'static str,
    output_format: &'static str,
    serialization_library: &'static str,
}

const PARQUET: FileFormat = FileFormat {
    classification: "parquet",
    input_format: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    output_format: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    serialization_library: "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
};

const JSON: FileFormat = FileFormat {
    classification: "json",
    input_format: "org.apache.hadoop.mapred.TextInputFormat",
    output_format: "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
    serialization_library: "org.openx.data.jsonserde.JsonSerDe",
};

/// What is known of the lake as a whole.
const DATABASE_DESCRIPTION: &str = "Product events, one table an event type.";

/// The tables of a schema, in its order, and the one of rejected records.
fn tables(schema: &Schema) -> Vec<Table> {
    let events = schema.events.iter().map(event_table);
    events.chain([rejected_table(schema)]).collect()
}

fn event_table(event: &EventSchema) -> Table {
    let common = COMMON_COLUMNS.iter().map(|column| Column {
        name: column.name.to_owned(),
        type_name: type_name(column.column_type),
        comment: column.description.to_owned(),
        is_personal: IDENTIFYING_COLUMNS.contains(&column.name),
    });
    let fields = event.fields.iter().filter_map(field_column);
    let extra = event.additional_properties.then(|| {
        let comment = "Attributes and metrics that the schema does not name, as JSON.";
        text_column(EXTRA_COLUMN, comment)
    });
    let name = event.table_name();
    Table {
        folder: format!("events/{name}"),
        name,
        description: comment(&event.docs, "", MAX_TABLE_DESCRIPTION),
        columns: common.chain(fields).chain(extra).collect(),
        format: &PARQUET,
    }
}

/// `None` for a field that has no column.
fn field_column(field: &Field) -> Option<Column> {
    let mark = match field.pii {
        Some(Pii::Hash) => "Personal data, hashed.",
        Some(Pii::Mask) => "Personal data, masked.",
        Some(Pii::Drop) | None => "",
    };
    Some(Column {
        name: field.column_name(),
        type_name: type_name(field.column_type()?),
        comment: comment(&field.docs, mark, MAX_COLUMN_COMMENT),
        is_personal: field.pii.is_some(),
    })
}

fn rejected_table(schema: &Schema) -> Table {
    let violations = "array<struct<path:string,rule:string,expected:string,actual:string>>";
    Table {
        name: free_name(schema, "rejected"),
        description: "Records of the stream that could not become rows, with the reason."
            .to_owned(),
        folder: "rejected".to_owned(),
        columns: vec![
            text_column("shard", "The shard of the stream."),
            text_column("sequence_number", "The record's place in it."),
            text_column("arrival", "When the stream took it in, ISO 8601."),
            text_column("reason", "Why it could not become a row."),
            Column {
                type_name: violations,
                ..text_column("violations", "What is wrong with it, and where.")
            },
            Column {
                is_personal: true,
                ..text_column("data_base64", "Its bytes as they came.")
            },
        ],
        format: &JSON,
    }
}

fn text_column(name: &str, comment: &str) -> Column {
    Column {
        name: name.to_owned(),
        type_name: "string",
        comment: comment.to_owned(),
        is_personal: false,
    }
}

/// Athena's name of a type.
fn type_name(column_type: ColumnType) -> &'static str {
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

/// The description, or the title where there is none, and then the mark, on one line and in no more
/// bytes than fit.
fn comment(docs: &Docs, mark: &str, max: usize) -> String {
    let deprecated = if docs.deprecated { "Deprecated." } else { "" };
    let text = docs.description.as_ref().or(docs.title.as_ref());
    let text = text.map_or_else(String::new, |text| one_line(text));
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
                self.format.classification.to_owned(),
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
