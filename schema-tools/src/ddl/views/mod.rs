//! Ready-made views: the same questions in the SQL of each engine, with the same answers.

mod anonymous;
mod clients;
mod sessions;
mod users;

use forebay_core::schema::{COMMON_COLUMNS, PARTITION_COLUMNS, Schema};

use super::dialect::Dialect;
use super::{Options, free_name};
use crate::tables::{Table, tables};
use anonymous::anonymous_name;

/// What an event is known by again: its id, as in the lake. An event that was sent once more later than
/// the lake remembers is a second row; its copies lie in the same partition, and with the columns of
/// partitions here a filter on them reaches the tables.
const IDENTITY: [&str; 5] = ["event_type", "event_id", "year", "month", "day"];

/// The statements that make the views, without `;`.
pub(super) fn create_views(schema: &Schema, options: &Options, dialect: Dialect) -> Vec<String> {
    let views = Views {
        dialect,
        events: dialect.qualified(options, &free_name(schema, "events")),
        users: dialect.qualified(options, &free_name(schema, "users")),
    };
    let create = |name: &str, query: String| {
        let name = dialect.qualified(options, &free_name(schema, name));
        format!("{} {name} AS\n{query}", dialect.create_view())
    };
    let own = tables(schema);
    let of_table = own.iter().flat_map(|table| {
        [
            create(
                &format!("{}_distinct", table.name),
                views.distinct_rows(table, options),
            ),
            create(
                &anonymous_name(schema, table),
                views.anonymous_rows(table, options),
            ),
        ]
    });
    let ready = [
        create("events", views.all_events(schema, options)),
        create("events_per_day", views.events_per_day()),
        create(
            "anonymous_events",
            views.all_anonymous(schema, &own, options),
        ),
        create("sessions", views.sessions(&own, options)),
        create("last_hour", views.last_hour()),
        create("funnel", views.funnel()),
        create("retention_by_week", views.retention_by_week()),
        create("users", views.users(options)),
        create("events_with_users", views.events_with_users()),
    ];
    of_table.chain(ready).collect()
}

/// What the views are made with.
struct Views {
    dialect: Dialect,
    /// The view of all events.
    events: String,
    /// The view of users.
    users: String,
}

fn common_and_partition_columns() -> impl Iterator<Item = &'static str> {
    let common = COMMON_COLUMNS.iter().map(|column| column.name);
    common.chain(PARTITION_COLUMNS)
}

impl Views {
    fn quoted(&self, name: &str) -> String {
        self.dialect.quoted(name)
    }

    fn list<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> String {
        let names: Vec<String> = names.into_iter().map(|name| self.quoted(name)).collect();
        names.join(", ")
    }

    /// Of each event among `rows` the copy that arrived first.
    fn first_copies(&self, columns: &str, rows: &str) -> String {
        let q = |name| self.quoted(name);
        format!(
            "SELECT {columns}\n\
             FROM (\n\
             \x20 SELECT *, row_number() OVER (\n\
             \x20   PARTITION BY {}\n\
             \x20   ORDER BY {}\n\
             \x20 ) AS {copy}\n\
             \x20 FROM {rows}\n\
             ) AS {}\n\
             WHERE {copy} = 1",
            self.list(IDENTITY),
            q("arrival_timestamp"),
            q("copies"),
            copy = q("__copy"),
        )
    }

    /// The rows of one table, each event once.
    fn distinct_rows(&self, table: &Table, options: &Options) -> String {
        let columns = table.columns.iter().map(|column| column.name.as_str());
        let columns = self.list(columns.chain(PARTITION_COLUMNS));
        self.first_copies(&columns, &self.dialect.qualified(options, &table.name))
    }

    /// Every event once, of whatever type, with what all tables have. `event_type` is written out, so
    /// that a filter on it leaves the other tables unread.
    fn all_events(&self, schema: &Schema, options: &Options) -> String {
        let columns = self.list(common_and_partition_columns());
        let tables: Vec<String> = schema
            .events
            .iter()
            .map(|event| {
                let columns = common_and_partition_columns().map(|column| match column {
                    "event_type" => format!("'{}' AS {}", event.event_type, self.quoted(column)),
                    _ => self.quoted(column),
                });
                let columns: Vec<String> = columns.collect();
                let table = self.dialect.qualified(options, &event.table_name());
                format!("    SELECT {} FROM {table}", columns.join(", "))
            })
            .collect();
        let rows = format!(
            "(\n{}\n  ) AS {}",
            tables.join("\n    UNION ALL\n"),
            self.quoted("rows")
        );
        self.first_copies(&columns, &rows)
    }

    fn events_per_day(&self) -> String {
        let q = |name| self.quoted(name);
        format!(
            "SELECT\n\
             \x20 {} AS {},\n\
             \x20 {app},\n\
             \x20 {kind},\n\
             \x20 count(*) AS {},\n\
             \x20 count(DISTINCT {}) AS {},\n\
             \x20 count(DISTINCT {}) AS {},\n\
             \x20 {partition}\n\
             FROM {}\n\
             GROUP BY {app}, {kind}, {partition}",
            self.dialect.day(),
            q("date"),
            q("events"),
            q("client_id"),
            q("clients"),
            q("user_id"),
            q("users"),
            self.events,
            app = q("app_id"),
            kind = q("event_type"),
            partition = self.list(PARTITION_COLUMNS),
        )
    }

    /// The events of the last 60 minutes. Their days are spelled out, so that no other partition is
    /// looked into.
    fn last_hour(&self) -> String {
        let now = self.dialect.now();
        let hour_ago = format!("{now} - INTERVAL '1' HOUR");
        let day_of = |time: &str| {
            let parts =
                PARTITION_COLUMNS.map(|part| format!("{} = {part}({time})", self.quoted(part)));
            parts.join(" AND ")
        };
        format!(
            "SELECT {}\n\
             FROM {}\n\
             WHERE {time} > {hour_ago}\n\
             \x20 AND {time} <= {now}\n\
             \x20 AND (\n\
             \x20   ({})\n\
             \x20   OR ({})\n\
             \x20 )",
            self.list(common_and_partition_columns()),
            self.events,
            day_of(&hour_ago),
            day_of(now),
            time = self.quoted("event_timestamp"),
        )
    }
}
