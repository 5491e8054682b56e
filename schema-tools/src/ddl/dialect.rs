//! What Trino (Athena), DuckDB and Spark write differently.

use forebay_core::schema::PARTITION_COLUMNS;

use super::Options;

/// An engine's SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Trino,
    DuckDb,
    Spark,
}

impl Dialect {
    /// How a statement begins that makes a view, whether there is one or not.
    pub(super) fn create_view(self) -> &'static str {
        match self {
            Dialect::Trino | Dialect::DuckDb => "CREATE OR REPLACE VIEW",
            // Over files in folders, which no catalogue has to know of.
            Dialect::Spark => "CREATE OR REPLACE TEMPORARY VIEW",
        }
    }

    /// A name. Names hold small letters, digits and `_` alone, but many are words of SQL.
    pub(super) fn quoted(self, name: &str) -> String {
        match self {
            Dialect::Trino | Dialect::DuckDb => format!("\"{name}\""),
            Dialect::Spark => format!("`{name}`"),
        }
    }

    /// The name of a table or view of the database. Spark's temporary views are in none.
    pub(super) fn qualified(self, options: &Options, name: &str) -> String {
        match self {
            Dialect::Spark => self.quoted(name),
            _ => format!("{}.{}", self.quoted(&options.database), self.quoted(name)),
        }
    }

    /// The day of a partition, as a date.
    pub(super) fn day(self) -> String {
        let [year, month, day] = PARTITION_COLUMNS.map(|column| self.quoted(column));
        match self {
            Dialect::Trino => format!(
                "CAST(CAST({year} AS varchar) || '-' || lpad(CAST({month} AS varchar), 2, '0') || '-' || \
                 lpad(CAST({day} AS varchar), 2, '0') AS date)"
            ),
            Dialect::DuckDb | Dialect::Spark => format!("make_date({year}, {month}, {day})"),
        }
    }

    /// The type of text.
    pub(super) fn text_type(self) -> &'static str {
        match self {
            Dialect::Trino | Dialect::DuckDb => "varchar",
            Dialect::Spark => "string",
        }
    }

    /// Seconds from one time to another.
    pub(super) fn seconds_between(self, from: &str, to: &str) -> String {
        match self {
            Dialect::Trino | Dialect::DuckDb => {
                format!("date_diff('millisecond', {from}, {to}) / 1E3")
            }
            Dialect::Spark => format!("(unix_millis({to}) - unix_millis({from})) / 1E3"),
        }
    }

    /// Whole weeks from one Monday to another, which are dates.
    pub(super) fn weeks_between(self, from: &str, to: &str) -> String {
        match self {
            Dialect::Trino => format!("date_diff('day', {from}, {to}) / 7"),
            Dialect::DuckDb => format!("date_diff('day', {from}, {to}) // 7"),
            Dialect::Spark => format!("CAST(datediff({to}, {from}) / 7 AS bigint)"),
        }
    }

    /// The Monday of a time, as a date.
    pub(super) fn monday(self, time: &str) -> String {
        format!("CAST(date_trunc('week', {time}) AS date)")
    }

    /// The current time, of the type of the columns.
    pub(super) fn now(self) -> &'static str {
        match self {
            Dialect::Trino => "CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp)",
            Dialect::DuckDb | Dialect::Spark => "current_timestamp",
        }
    }

    /// The last value that is not null, of the rows up to this one.
    pub(super) fn last_known(self, column: &str, window: &str) -> String {
        match self {
            Dialect::DuckDb => format!("last_value({column} IGNORE NULLS) OVER ({window})"),
            Dialect::Trino | Dialect::Spark => {
                format!("last_value({column}) IGNORE NULLS OVER ({window})")
            }
        }
    }
}
