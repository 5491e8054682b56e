//! Ready-made views: the same questions in the SQL of each engine, with the same answers.

use forebay_core::schema::{COMMON_COLUMNS, EXTRA_COLUMN, PARTITION_COLUMNS, Schema};

use super::dialect::Dialect;
use super::{Options, free_name, is_personal};
use crate::tables::{Column, Table, tables};

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

/// The column by which event types tell the page that they are of, as auto-track's page views do.
const PAGE_COLUMN: &str = "url";

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

/// What is known of the user of an endpoint.
const USER_COLUMNS: [&str; 4] = ["user_id", "user_attributes", "channel_type", "opt_out"];

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
        let [distinct, anonymous] =
            ["distinct", "anonymous"].map(|kind| format!("{}_{kind}", table.name));
        [
            create(&distinct, views.distinct_rows(table, options)),
            create(
                &anonymous,
                views.anonymous_rows(&table.columns, &dialect.qualified(options, &distinct)),
            ),
        ]
    });
    let common = own.first().map_or(&[][..], |table| {
        table
            .columns
            .get(..COMMON_COLUMNS.len())
            .unwrap_or_default()
    });
    let ready = [
        create("events", views.all_events(schema, options)),
        create("events_per_day", views.events_per_day()),
        create(
            "events_anonymous",
            views.anonymous_rows(common, &views.events),
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

    /// What can be said of `rows` without telling of whom: no identifier, no personal data, nothing by which the
    /// rows of one person are found together, and the hour instead of the time.
    fn anonymous_rows(&self, columns: &[Column], rows: &str) -> String {
        let kept = columns.iter().filter(|column| {
            !is_personal(column, &[]) && !LINKING_COLUMNS.contains(&column.name.as_str())
        });
        let columns = kept.map(|column| {
            let name = self.quoted(&column.name);
            match column.name.as_str() {
                "event_timestamp" => {
                    format!("date_trunc('hour', {name}) AS {}", self.quoted("hour"))
                }
                _ => name,
            }
        });
        let partition = PARTITION_COLUMNS.map(|column| self.quoted(column));
        let columns: Vec<String> = columns.chain(partition).collect();
        format!("SELECT {}\nFROM {rows}", columns.join(", "))
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

    /// One row a session, with the pages that it began and ended on.
    fn sessions(&self, tables: &[Table], options: &Options) -> String {
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

    /// For each two event types: how many clients had the one, and how many of them the other after it.
    fn funnel(&self) -> String {
        let q = |name| self.quoted(name);
        let times = format!(
            "SELECT {key}, {kind}, min({time}) AS {first}, max({time}) AS {last}\n\
             \x20 FROM {}\n\
             \x20 GROUP BY {key}, {kind}",
            self.events,
            key = self.list(["app_id", "client_id"]),
            kind = q("event_type"),
            time = q("event_timestamp"),
            first = q("first"),
            last = q("last"),
        );
        format!(
            "WITH {times_name} AS (\n\
             \x20 {times}\n\
             ), {types} AS (\n\
             \x20 SELECT DISTINCT {app}, {kind} FROM {times_name}\n\
             )\n\
             SELECT\n\
             \x20 {a}.{app} AS {app},\n\
             \x20 {a}.{kind} AS {from_kind},\n\
             \x20 {t}.{kind} AS {to_kind},\n\
             \x20 count(*) AS {clients},\n\
             \x20 count({b}.{client}) AS {converted}\n\
             FROM {times_name} AS {a}\n\
             JOIN {types} AS {t} ON {t}.{app} = {a}.{app} AND {t}.{kind} <> {a}.{kind}\n\
             LEFT JOIN {times_name} AS {b}\n\
             \x20 ON {b}.{app} = {a}.{app} AND {b}.{client} = {a}.{client}\n\
             \x20 AND {b}.{kind} = {t}.{kind} AND {b}.{last} >= {a}.{first}\n\
             GROUP BY {a}.{app}, {a}.{kind}, {t}.{kind}",
            times_name = q("times"),
            types = q("types"),
            app = q("app_id"),
            client = q("client_id"),
            kind = q("event_type"),
            from_kind = q("from_event_type"),
            to_kind = q("to_event_type"),
            clients = q("clients"),
            converted = q("converted"),
            first = q("first"),
            last = q("last"),
            a = q("a"),
            b = q("b"),
            t = q("t"),
        )
    }

    /// How many clients came back, by the week of their first event and the weeks since then.
    fn retention_by_week(&self) -> String {
        let q = |name| self.quoted(name);
        format!(
            "WITH {active} AS (\n\
             \x20 SELECT DISTINCT {key}, {} AS {week} FROM {}\n\
             ), {cohorts} AS (\n\
             \x20 SELECT {key}, min({week}) AS {first} FROM {active} GROUP BY {key}\n\
             )\n\
             SELECT\n\
             \x20 {c}.{app} AS {app},\n\
             \x20 {c}.{first} AS {first_week},\n\
             \x20 {} AS {weeks_later},\n\
             \x20 count(*) AS {clients}\n\
             FROM {cohorts} AS {c}\n\
             JOIN {active} AS {a} ON {a}.{app} = {c}.{app} AND {a}.{client} = {c}.{client}\n\
             GROUP BY 1, 2, 3",
            self.dialect.monday(&q("event_timestamp")),
            self.events,
            self.dialect.weeks_between(
                &format!("{}.{}", q("c"), q("first")),
                &format!("{}.{}", q("a"), q("week"))
            ),
            key = self.list(["app_id", "client_id"]),
            active = q("active"),
            cohorts = q("cohorts"),
            week = q("week"),
            first = q("first"),
            first_week = q("first_week"),
            weeks_later = q("weeks_later"),
            clients = q("clients"),
            app = q("app_id"),
            client = q("client_id"),
            a = q("a"),
            c = q("c"),
        )
    }

    /// What was known of the user of each endpoint, and from when until when. An update of an endpoint has
    /// only what it changes.
    fn users(&self, options: &Options) -> String {
        let q = |name| self.quoted(name);
        let table = self.dialect.qualified(options, "endpoint_update");
        let own = [
            "effective_date",
            "user_attributes",
            "channel_type",
            "opt_out",
        ];
        let columns = common_and_partition_columns().chain(own);
        let updates = self.first_copies(&self.list(columns), &table);
        let key = self.list(["app_id", "client_id"]);
        let order = self.list(["effective_date", "arrival_timestamp", "event_id"]);
        let window = format!(
            "PARTITION BY {key} ORDER BY {order} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
        );
        let known: Vec<String> = USER_COLUMNS
            .iter()
            .map(|column| {
                let column = q(column);
                format!(
                    "  {} AS {column}",
                    self.dialect.last_known(&column, &window)
                )
            })
            .collect();
        format!(
            "SELECT\n\
             \x20 {key},\n\
             {},\n\
             \x20 {date} AS {},\n\
             \x20 lead({date}) OVER (PARTITION BY {key} ORDER BY {order}) AS {}\n\
             FROM (\n{updates}\n) AS {}",
            known.join(",\n"),
            q("known_from"),
            q("known_until"),
            q("updates"),
            date = q("effective_date"),
        )
    }

    /// Every event, with what was known of the user of its endpoint when it happened.
    fn events_with_users(&self) -> String {
        let q = |name| self.quoted(name);
        let (e, u, time) = (q("e"), q("u"), q("event_timestamp"));
        let columns = common_and_partition_columns().map(|column| {
            let column = q(column);
            format!("{e}.{column} AS {column}")
        });
        let columns: Vec<String> = columns.collect();
        format!(
            "SELECT {},\n\
             \x20 {u}.{} AS {}, {u}.{attributes} AS {attributes}\n\
             FROM {} AS {e}\n\
             LEFT JOIN {} AS {u}\n\
             \x20 ON {u}.{app} = {e}.{app} AND {u}.{client} = {e}.{client}\n\
             \x20 AND {u}.{} <= {e}.{time} AND ({u}.{until} > {e}.{time} OR {u}.{until} IS NULL)",
            columns.join(", "),
            q("user_id"),
            q("known_user_id"),
            self.events,
            self.users,
            q("known_from"),
            app = q("app_id"),
            client = q("client_id"),
            attributes = q("user_attributes"),
            until = q("known_until"),
        )
    }
}
