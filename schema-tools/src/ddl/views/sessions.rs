//! Sessions: how long they were, and the pages that they began and ended on.

use super::super::Options;
use super::Views;
use crate::tables::{Column, Table};

/// The column by which event types tell the page that they are of, as auto-track's page views do.
const PAGE_COLUMN: &str = "url";

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

impl Views {
    /// One row a session, with the pages that it began and ended on.
    pub(super) fn sessions(&self, tables: &[Table], options: &Options) -> String {
        let q = |name| self.quoted(name);
        let key = ["app_id", "client_id", "session_id"];
        let same =
            key.map(|column| format!("{p}.{c} = {s}.{c}", c = q(column), p = q("p"), s = q("s")));
        format!(
            "SELECT {s}.*, {p}.{entry}, {p}.{exit}\n\
             FROM (\n{}\n) AS {s}\n\
             LEFT JOIN (\n{}\n) AS {p}\n\
             \x20 ON {}",
            self.lengths_of_sessions(),
            self.pages_of_sessions(&key, tables, options),
            same.join(" AND "),
            entry = q("entry_page"),
            exit = q("exit_page"),
            p = q("p"),
            s = q("s"),
        )
    }

    /// The first and the last page of each session, by the event types that tell one.
    fn pages_of_sessions(&self, key: &[&str], tables: &[Table], options: &Options) -> String {
        let q = |name| self.quoted(name);
        let is_page = |column: &Column| {
            column.name == PAGE_COLUMN && column.column_type == "string" && column.pii.is_none()
        };
        let key = self.list(key.iter().copied());
        let time = q("event_timestamp");
        let page = q(PAGE_COLUMN);
        let told = tables
            .iter()
            .filter(|table| table.columns.iter().any(is_page));
        let told = told.map(|table| {
            let table = self.dialect.qualified(options, &table.name);
            format!("SELECT {key}, {time}, {page} FROM {table}")
        });
        let none = format!(
            "SELECT {key}, {time}, CAST(NULL AS {}) AS {page} FROM {} WHERE 1 = 0",
            self.dialect.text_type(),
            self.events
        );
        let rows: Vec<String> = std::iter::once(none).chain(told).collect();
        format!(
            "SELECT {key},\n\
             \x20 min_by({page}, {time}) AS {},\n\
             \x20 max_by({page}, {time}) AS {}\n\
             FROM (\n  {}\n) AS {}\n\
             WHERE {page} IS NOT NULL\n\
             GROUP BY {key}",
            q("entry_page"),
            q("exit_page"),
            rows.join("\n  UNION ALL\n  "),
            q("pages"),
        )
    }

    /// `min` of a session's start: each request's clock is corrected by itself.
    fn lengths_of_sessions(&self) -> String {
        let q = |name| self.quoted(name);
        let time = q("event_timestamp");
        let started = format!(
            "coalesce(min({}), min({time}))",
            q("session_start_timestamp")
        );
        let last_known: Vec<String> = LAST_KNOWN
            .iter()
            .map(|column| {
                let column = q(column);
                format!(
                    "  max_by({column}, {time}) FILTER (WHERE {column} IS NOT NULL) AS {column}"
                )
            })
            .collect();
        format!(
            "SELECT\n\
             \x20 {key},\n\
             \x20 {started} AS {},\n\
             \x20 max({time}) AS {},\n\
             \x20 {} AS {},\n\
             \x20 count(*) AS {},\n\
             \x20 min_by({kind}, {time}) AS {},\n\
             \x20 max_by({kind}, {time}) AS {},\n\
             {}\n\
             FROM {}\n\
             WHERE {} IS NOT NULL\n\
             GROUP BY {key}",
            q("started_at"),
            q("ended_at"),
            self.dialect
                .seconds_between(&started, &format!("max({time})")),
            q("duration_seconds"),
            q("events"),
            q("first_event_type"),
            q("last_event_type"),
            last_known.join(",\n"),
            self.events,
            q("session_id"),
            key = self.list(["app_id", "client_id", "session_id"]),
            kind = q("event_type"),
        )
    }
}
