//! What clients did after what, and who came back.

use super::Views;

impl Views {
    /// For each two event types: how many clients had the one, and how many of them the other after it.
    pub(super) fn funnel(&self) -> String {
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
    pub(super) fn retention_by_week(&self) -> String {
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
}
