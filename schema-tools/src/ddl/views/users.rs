//! Users, by what updates of their endpoints say.

use super::super::Options;
use super::{Views, common_and_partition_columns};

/// What is known of the user of an endpoint.
const USER_COLUMNS: [&str; 4] = ["user_id", "user_attributes", "channel_type", "opt_out"];

impl Views {
    /// What was known of the user of each endpoint, and from when until when. An update of an endpoint has
    /// only what it changes.
    pub(super) fn users(&self, options: &Options) -> String {
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
    pub(super) fn events_with_users(&self) -> String {
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
