//! Tables and views as SQL for engines that read the files of a lake themselves: DuckDB and Spark.

use forebay_core::schema::{PARTITION_COLUMNS, Schema};

use super::dialect::Dialect;
use super::{Options, Table, all_tables, views};

/// DuckDB's SQL. `filled` names the folders of tables that have files, such as `events/sign_up_event`; `None`: all.
/// DuckDB refuses a pattern that no file has.
pub fn duckdb(schema: &Schema, options: &Options, filled: Option<Vec<&str>>) -> String {
    let begin = [
        "SET TimeZone = 'UTC'".to_owned(),
        format!(
            "CREATE SCHEMA IF NOT EXISTS {}",
            Dialect::DuckDb.quoted(&options.database)
        ),
    ];
    script(schema, options, Dialect::DuckDb, begin.into(), filled)
}

/// Spark's SQL: temporary views, which need no catalogue. `filled` as for [`duckdb`].
pub fn spark(schema: &Schema, options: &Options, filled: Option<Vec<&str>>) -> String {
    let begin = vec!["SET spark.sql.session.timeZone = UTC".to_owned()];
    script(schema, options, Dialect::Spark, begin, filled)
}

fn script(
    schema: &Schema,
    options: &Options,
    dialect: Dialect,
    mut statements: Vec<String>,
    filled: Option<Vec<&str>>,
) -> String {
    for table in all_tables(schema) {
        let is_of = |filled: &Vec<&str>| filled.contains(&table.folder.as_str());
        let is_empty = filled.as_ref().is_some_and(|filled| !is_of(filled));
        statements.push(create_table(&table, options, dialect, is_empty));
    }
    statements.extend(views::create_views(schema, options, dialect));
    format!("{};\n", statements.join(";\n\n"))
}

fn create_table(table: &Table, options: &Options, dialect: Dialect, is_empty: bool) -> String {
    let name = dialect.qualified(options, &table.name);
    let own = table.columns.iter();
    let own = own.map(|column| (column.name.as_str(), column.type_name));
    let columns = own.chain(PARTITION_COLUMNS.map(|column| (column, "int")));
    let create = dialect.create_view();
    // A column that no file has yet is null.
    let nulls = || {
        let nulls = columns.clone().map(|(name, hive)| {
            let type_name = match dialect {
                Dialect::DuckDb => duckdb_type(hive),
                _ => hive.to_owned(),
            };
            format!("  CAST(NULL AS {type_name}) AS {}", dialect.quoted(name))
        });
        format!(
            "SELECT\n{}\nWHERE 1 = 0",
            nulls.collect::<Vec<_>>().join(",\n")
        )
    };
    let folder = format!("{}/{}", options.location, table.folder);
    match dialect {
        _ if is_empty => format!("{create} {name} AS\n{}", nulls()),
        Dialect::Spark => {
            let columns = columns.map(|(name, hive)| format!("  {} {hive}", dialect.quoted(name)));
            format!(
                "{create} {name} (\n{}\n)\nUSING parquet OPTIONS (path {})",
                columns.collect::<Vec<_>>().join(",\n"),
                text(&folder).replace('\\', "\\\\")
            )
        }
        _ => {
            let types = PARTITION_COLUMNS.map(|column| format!("'{column}': INTEGER"));
            format!(
                "{create} {name} AS\n{}\nUNION ALL BY NAME\nSELECT * FROM read_parquet(\n  {},\n  \
                 union_by_name = true, hive_partitioning = true, hive_types = {{{}}}\n)",
                nulls(),
                text(&format!("{folder}/**/*.parquet")),
                types.join(", ")
            )
        }
    }
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// DuckDB's word for a type in Hive's.
fn duckdb_type(hive: &str) -> String {
    let inner = |outer: &str| hive.strip_prefix(outer)?.strip_suffix('>');
    if let Some(element) = inner("array<") {
        return format!("{}[]", duckdb_type(element));
    }
    if let Some(members) = inner("struct<") {
        let members = members.split(',').filter_map(|member| {
            let (name, hive) = member.split_once(':')?;
            Some(format!("{name} {}", duckdb_type(hive)))
        });
        return format!("STRUCT({})", members.collect::<Vec<_>>().join(", "));
    }
    match hive {
        "string" => "VARCHAR",
        "timestamp" => "TIMESTAMP WITH TIME ZONE",
        "binary" => "BLOB",
        other => return other.to_uppercase(),
    }
    .to_owned()
}
