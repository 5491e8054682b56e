//! Rows that tell nothing of a person.

use forebay_core::schema::{COMMON_COLUMNS, EXTRA_COLUMN, PARTITION_COLUMNS, Schema};

use super::super::{Options, free_name, is_personal};
use super::Views;
use crate::tables::{Column, Table};

/// Columns that every table has which are not personal data, but by which rows of one person can be found
/// together, or with what else is known of them.
const LINKING_COLUMNS: [&str; 11] = [
    "event_id",
    "arrival_timestamp",
    "session_id",
    "session_start_timestamp",
    "city",
    "original_event_timestamp",
    "clock_offset",
    "network_asn",
    "network_organization",
    "page_click_id",
    EXTRA_COLUMN,
];

pub(super) fn anonymous_name(schema: &Schema, table: &Table) -> String {
    free_name(schema, &format!("{}_anonymous", table.name))
}

fn anonymous_columns(columns: &[Column]) -> impl Iterator<Item = &str> {
    let kept = columns.iter().filter(|column| !is_personal(column, &[]));
    kept.map(|column| column.name.as_str())
        .filter(|name| !LINKING_COLUMNS.contains(name))
        .chain(PARTITION_COLUMNS)
}

impl Views {
    /// What can be said of the rows of one table without telling of whom, each event once: no identifier, no
    /// personal data, nothing by which the rows of one person are found together, and the hour instead of the time.
    /// It is made of the table, not of another view: who may not read a column may still read this.
    pub(super) fn anonymous_rows(&self, table: &Table, options: &Options) -> String {
        let columns = anonymous_columns(&table.columns).map(|column| match column {
            "event_timestamp" => format!(
                "date_trunc('hour', {}) AS {}",
                self.quoted(column),
                self.quoted("hour")
            ),
            _ => self.quoted(column),
        });
        let columns: Vec<String> = columns.collect();
        self.first_copies(
            &columns.join(", "),
            &self.dialect.qualified(options, &table.name),
        )
    }

    /// The same of every event, of whatever type, with what all tables have.
    pub(super) fn all_anonymous(
        &self,
        schema: &Schema,
        tables: &[Table],
        options: &Options,
    ) -> String {
        let rows = tables.iter().map(|table| {
            let common = table.columns.get(..COMMON_COLUMNS.len());
            let columns =
                anonymous_columns(common.unwrap_or_default()).map(|column| match column {
                    "event_type" => format!("'{}' AS {}", table.event_type, self.quoted(column)),
                    "event_timestamp" => self.quoted("hour"),
                    _ => self.quoted(column),
                });
            let columns: Vec<String> = columns.collect();
            let view = self
                .dialect
                .qualified(options, &anonymous_name(schema, table));
            format!("SELECT {} FROM {view}", columns.join(", "))
        });
        rows.collect::<Vec<_>>().join("\nUNION ALL\n")
    }
}
