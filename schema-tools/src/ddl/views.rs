//! Ready-made views, in the part of Trino's SQL that other engines have too.

use forebay_core::schema::{COMMON_COLUMNS, PARTITION_COLUMNS, Schema};

use super::{Options, free_name};
use crate::tables::{Table, tables};

/// What an event is known by again: its id, as in the lake. An event that was sent once more later than
/// the lake remembers is a second row; its copies lie in the same partition, and with the columns of
/// partitions here a filter on them reaches the tables.
const IDENTITY: [&str; 5] = ["event_type", "event_id", "year", "month", "day"];

/// Columns of a session that are those of its last event that has them.
const LAST_KNOWN: [&str; 9] = [
    "user_id",
    "country",
    "region",
    "city",
    "platform",
    "browser",
    "device_category",
    "locale",
    "timezone",
];

/// The statements that make the views, without `;`.
pub(super) fn create_views(schema: &Schema, options: &Options) -> Vec<String> {
    let view = |name: &str| qualified(options, &free_name(schema, name));
    let create =
        |name: &str, query: String| format!("CREATE OR REPLACE VIEW {} AS\n{query}", view(name));
    let events = view("events");
    let distinct = tables(schema).into_iter().map(|table| {
        let name = format!("{}_distinct", table.name);
        create(&name, distinct_rows(&table, options))
    });
    let views = [
        create("events", all_events(schema, options)),
        create("events_per_day", events_per_day(&events)),
        create("sessions", sessions(&events)),
        create("last_hour", last_hour(&events)),
    ];
    distinct.chain(views).collect()
}

fn qualified(options: &Options, name: &str) -> String {
    format!("{}.{}", quoted(&options.database), quoted(name))
}

/// A name in Trino's SQL. Names hold small letters, digits and `_` alone.
fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}

fn list<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.into_iter().map(quoted).collect();
    names.join(", ")
}

fn common_and_partition_columns() -> impl Iterator<Item = &'static str> {
    let common = COMMON_COLUMNS.iter().map(|column| column.name);
    common.chain(PARTITION_COLUMNS)
}

/// Of each event among `rows` the copy that arrived first.
fn first_copies(columns: &str, rows: &str) -> String {
    format!(
        "SELECT {columns}\n\
         FROM (\n\
         \x20 SELECT *, row_number() OVER (\n\
         \x20   PARTITION BY {}\n\
         \x20   ORDER BY \"arrival_timestamp\"\n\
         \x20 ) AS \"__copy\"\n\
         \x20 FROM {rows}\n\
         ) AS \"copies\"\n\
         WHERE \"__copy\" = 1",
        list(IDENTITY)
    )
}

/// The rows of one table, each event once.
fn distinct_rows(table: &Table, options: &Options) -> String {
    let columns = table.columns.iter().map(|column| column.name.as_str());
    let columns = list(columns.chain(PARTITION_COLUMNS));
    first_copies(&columns, &qualified(options, &table.name))
}

/// Every event once, of whatever type, with what all tables have. `event_type` is written out, so
/// that a filter on it leaves the other tables unread.
fn all_events(schema: &Schema, options: &Options) -> String {
    let columns = list(common_and_partition_columns());
    let tables: Vec<String> = schema
        .events
        .iter()
        .map(|event| {
            let columns = common_and_partition_columns().map(|column| match column {
                "event_type" => format!("'{}' AS \"event_type\"", event.event_type),
                _ => quoted(column),
            });
            let columns: Vec<String> = columns.collect();
            let table = qualified(options, &event.table_name());
            format!("    SELECT {} FROM {table}", columns.join(", "))
        })
        .collect();
    let rows = format!("(\n{}\n  ) AS \"rows\"", tables.join("\n    UNION ALL\n"));
    first_copies(&columns, &rows)
}

fn events_per_day(events: &str) -> String {
    let [year, month, day] = PARTITION_COLUMNS.map(quoted);
    format!(
        "SELECT\n\
         \x20 CAST(CAST({year} AS varchar) || '-' || lpad(CAST({month} AS varchar), 2, '0') || '-' || \
         lpad(CAST({day} AS varchar), 2, '0') AS date) AS \"date\",\n\
         \x20 \"app_id\",\n\
         \x20 \"event_type\",\n\
         \x20 count(*) AS \"events\",\n\
         \x20 count(DISTINCT \"client_id\") AS \"clients\",\n\
         \x20 count(DISTINCT \"user_id\") AS \"users\",\n\
         \x20 {year},\n\
         \x20 {month},\n\
         \x20 {day}\n\
         FROM {events}\n\
         GROUP BY \"app_id\", \"event_type\", {year}, {month}, {day}"
    )
}

/// One row a session. `min` of its start: each request's clock is corrected by itself.
fn sessions(events: &str) -> String {
    let started = "coalesce(min(\"session_start_timestamp\"), min(\"event_timestamp\"))";
    let last_known: Vec<String> = LAST_KNOWN
        .iter()
        .map(|column| {
            let column = quoted(column);
            format!(
                "  max_by({column}, \"event_timestamp\") FILTER (WHERE {column} IS NOT NULL) AS {column}"
            )
        })
        .collect();
    format!(
        "SELECT\n\
         \x20 \"app_id\",\n\
         \x20 \"client_id\",\n\
         \x20 \"session_id\",\n\
         \x20 {started} AS \"started_at\",\n\
         \x20 max(\"event_timestamp\") AS \"ended_at\",\n\
         \x20 date_diff('millisecond', {started}, max(\"event_timestamp\")) / 1E3 AS \"duration_seconds\",\n\
         \x20 count(*) AS \"events\",\n\
         \x20 min_by(\"event_type\", \"event_timestamp\") AS \"first_event_type\",\n\
         \x20 max_by(\"event_type\", \"event_timestamp\") AS \"last_event_type\",\n\
         {}\n\
         FROM {events}\n\
         WHERE \"session_id\" IS NOT NULL\n\
         GROUP BY \"app_id\", \"client_id\", \"session_id\"",
        last_known.join(",\n")
    )
}

/// The events of the last 60 minutes. Their days are spelled out, so that no other partition is
/// looked into.
fn last_hour(events: &str) -> String {
    let now = "CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp)";
    let hour_ago = format!("{now} - INTERVAL '1' HOUR");
    let day_of = |time: &str| {
        let parts = PARTITION_COLUMNS.map(|part| format!("{} = {part}({time})", quoted(part)));
        parts.join(" AND ")
    };
    format!(
        "SELECT {}\n\
         FROM {events}\n\
         WHERE \"event_timestamp\" > {hour_ago}\n\
         \x20 AND \"event_timestamp\" <= {now}\n\
         \x20 AND (\n\
         \x20   ({})\n\
         \x20   OR ({})\n\
         \x20 )",
        list(common_and_partition_columns()),
        day_of(&hour_ago),
        day_of(now),
    )
}
