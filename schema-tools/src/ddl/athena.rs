//! Tables and views as SQL: Hive's dialect for tables, Trino's for views, as Athena has it.

use forebay_core::schema::{PARTITION_COLUMNS, Schema};

use super::{DATABASE_DESCRIPTION, Options, Table, all_tables, partition_path, views};

/// The database, the tables and the views, each a statement that ends in `;` at the end of a line.
/// Nowhere else does a line end so.
pub fn athena(schema: &Schema, options: &Options) -> String {
    let database = format!(
        "CREATE DATABASE IF NOT EXISTS {}\nCOMMENT {}",
        quoted(&options.database),
        text(DATABASE_DESCRIPTION)
    );
    let tables = all_tables(schema);
    let tables = tables.iter().map(|table| create_table(table, options));
    let statements: Vec<String> = [database]
        .into_iter()
        .chain(tables)
        .chain(views::create_views(schema, options))
        .collect();
    format!("{};\n", statements.join(";\n\n"))
}

fn create_table(table: &Table, options: &Options) -> String {
    let name = format!("{}.{}", quoted(&options.database), quoted(&table.name));
    let columns = table.columns.iter().map(|column| {
        let definition = format!("  {} {}", quoted(&column.name), column.type_name);
        if column.comment.is_empty() {
            definition
        } else {
            format!("{definition} COMMENT {}", text(&column.comment))
        }
    });
    let columns: Vec<String> = columns.collect();
    let partitions = PARTITION_COLUMNS.map(|column| format!("{} int", quoted(column)));
    let comment = if table.description.is_empty() {
        String::new()
    } else {
        format!("COMMENT {}\n", text(&table.description))
    };
    let location = format!("{}/{}/", options.location, table.folder);
    let template = location.clone() + &partition_path(|column| format!("${{{column}}}"));
    let properties: Vec<String> = table
        .parameters(options)
        .into_iter()
        .chain([("storage.location.template".to_owned(), template)])
        .map(|(name, value)| format!("  {} = {}", text(&name), text(&value)))
        .collect();
    format!(
        "CREATE EXTERNAL TABLE IF NOT EXISTS {name} (\n{}\n)\n{comment}PARTITIONED BY ({})\n\
         STORED AS PARQUET\nLOCATION {}\nTBLPROPERTIES (\n{}\n)",
        columns.join(",\n"),
        partitions.join(", "),
        text(&location),
        properties.join(",\n"),
    )
}

/// A name in a table definition. Names hold small letters, digits and `_` alone, but many are words
/// of SQL.
fn quoted(name: &str) -> String {
    format!("`{name}`")
}

/// A string of Hive's dialect.
fn text(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
