//! The column `extra`: what has no column of its own, as JSON.

use forebay_core::json::{Limits, Value, Writer};
use forebay_core::schema::{DEAD_LETTER, Field, Kind, Pii, dead_letter_has, endpoint_column};
use forebay_core::time::Timestamp;
use forebay_core::wire::update_endpoint::EVENT_TYPE;

use super::TableSchema;
use super::common::{READERS, Read};
use crate::record::Row;

/// A record was read with these limits already.
const LIMITS: Limits = Limits {
    depth: 32,
    values: 64 * 1024,
};

/// Members of a record, and the column that may show them. Some columns have several: the first that is there.
const SHOWN: [(&[&str], &str); 50] = [
    (&["event_type"], "event_type"),
    (&["event_timestamp"], "event_timestamp"),
    (&["arrival_timestamp"], "arrival_timestamp"),
    (&["session", "session_id"], "session_id"),
    (&["session", "start_timestamp"], "session_start_timestamp"),
    (&["client", "client_id"], "client_id"),
    (&["client", "cognito_id"], "cognito_id"),
    (&["application", "app_id"], "app_id"),
    (&["application", "sdk", "name"], "sdk_name"),
    (&["application", "sdk", "version"], "sdk_version"),
    (&["device", "platform", "name"], "platform"),
    (&["device", "platform", "version"], "platform_version"),
    (&["device", "locale", "code"], "locale"),
    (&["endpoint", "Id"], "client_id"),
    (&["endpoint", "ApplicationId"], "app_id"),
    (&["endpoint", "User", "UserId"], "user_id"),
    (&["endpoint", "Location", "Country"], "country"),
    (&["endpoint", "Location", "Region"], "region"),
    (&["endpoint", "Location", "City"], "city"),
    (&["endpoint", "Demographic", "Timezone"], "timezone"),
    (&["endpoint", "Demographic", "Platform"], "platform"),
    (
        &["endpoint", "Demographic", "PlatformVersion"],
        "platform_version",
    ),
    (&["endpoint", "Demographic", "Locale"], "locale"),
    (&["forebay", "event_id"], "event_id"),
    (&["forebay", "schema_version"], "schema_version"),
    (&["forebay", "geo", "country"], "country"),
    (&["forebay", "geo", "region"], "region"),
    (&["forebay", "geo", "city"], "city"),
    (&["forebay", "geo", "timezone"], "timezone"),
    (&["forebay", "browser", "name"], "browser"),
    (&["forebay", "browser", "version"], "browser_version"),
    (&["forebay", "device_category"], "device_category"),
    (
        &["forebay", "original_event_timestamp"],
        "original_event_timestamp",
    ),
    (&["forebay", "clock_offset"], "clock_offset"),
    (&["forebay", "amr"], "amr"),
    (&["forebay", "geo", "source"], "place_source"),
    (&["forebay", "network", "asn"], "network_asn"),
    (
        &["forebay", "network", "organization"],
        "network_organization",
    ),
    (&["forebay", "bot", "name"], "bot_name"),
    (&["forebay", "bot", "category"], "bot_category"),
    (&["forebay", "bot", "verified"], "bot_verified"),
    (&["forebay", "campaign", "source"], "page_utm_source"),
    (&["forebay", "campaign", "medium"], "page_utm_medium"),
    (&["forebay", "campaign", "name"], "page_utm_campaign"),
    (&["forebay", "campaign", "term"], "page_utm_term"),
    (&["forebay", "campaign", "content"], "page_utm_content"),
    (&["forebay", "campaign", "id"], "page_utm_id"),
    (&["forebay", "campaign", "click_id"], "page_click_id"),
    (
        &["forebay", "campaign", "click_id_type"],
        "page_click_id_type",
    ),
    (&["forebay", "referrer", "host"], "page_referrer_host"),
];

/// Members of a dead letter that columns of every table show.
const LETTER: [&str; 5] = [
    "dead_letter_version",
    "dead_letter_id",
    "arrival_timestamp",
    "app_id",
    "client_id",
];

/// What has no column. In the tables of built-in event types, and for records that Pinpoint itself wrote: the
/// record without all that columns show. For other records: the attributes and metrics that the schema does not
/// name.
pub(super) fn extra(table: &TableSchema, row: &Row<'_>) -> Option<String> {
    if table.is_built_in || row.record.forebay.is_none() {
        // What was read once can be read again.
        let record = Value::parse_repetitive(row.data, LIMITS).ok()?;
        let rest = Rest { table, row }.of(&mut Vec::new(), &record)?;
        return Some(to_text(&rest));
    }
    let attributes = row.event.attributes.iter();
    let attributes = attributes.filter(|(name, _)| !table.has_attribute(name));
    let attributes = attributes.map(|(name, text)| (name.clone(), Value::String(text.clone())));
    let metrics = row.event.metrics.iter();
    let metrics = metrics.filter(|(name, _)| !table.has_metric(name));
    let metrics = metrics.map(|(name, number)| (name.clone(), Value::Number(number.clone())));
    let maps: [(_, Vec<_>); 2] = [
        ("attributes", attributes.collect()),
        ("metrics", metrics.collect()),
    ];
    let maps = maps.into_iter().filter(|(_, members)| !members.is_empty());
    let maps: Vec<_> = maps
        .map(|(name, members)| (name.into(), Value::Object(members)))
        .collect();
    (!maps.is_empty()).then(|| to_text(&Value::Object(maps)))
}

fn to_text(value: &Value<'_>) -> String {
    let mut writer = Writer::new();
    writer.value(value);
    writer.finish()
}

impl TableSchema {
    /// Whether an attribute of this name has a column, or is not to be kept.
    fn has_attribute(&self, name: &str) -> bool {
        self.has(name, false)
    }

    fn has_metric(&self, name: &str) -> bool {
        self.has(name, true)
    }

    fn has(&self, name: &str, is_metric: bool) -> bool {
        let is_such = |field: &Field| {
            let is_number = matches!(field.kind, Kind::Integer(_) | Kind::Number(_));
            let is_of_kind = is_number == is_metric || field.pii == Some(Pii::Drop);
            // What was validated is of the field's kind, or null.
            field.name == name && (is_of_kind || !self.is_built_in)
        };
        self.event.fields.iter().any(is_such)
    }
}

/// Takes out of a record what columns of its row show, and what is empty.
struct Rest<'r> {
    table: &'r TableSchema,
    row: &'r Row<'r>,
}

impl Rest<'_> {
    fn of<'v>(&self, path: &mut Vec<&'v str>, value: &'v Value<'v>) -> Option<Value<'v>> {
        if self.is_shown(path, value) {
            return None;
        }
        let Value::Object(members) = value else {
            return (*value != Value::Null).then(|| value.clone());
        };
        let members = members.iter().filter_map(|(name, value)| {
            path.push(name);
            let rest = self.of(path, value);
            path.pop();
            Some((name.clone(), rest?))
        });
        let members: Vec<_> = members.collect();
        (!members.is_empty()).then_some(Value::Object(members))
    }

    fn is_shown(&self, path: &[&str], value: &Value<'_>) -> bool {
        match path {
            path if self.row.event.event_type == DEAD_LETTER => match path {
                [name] => dead_letter_has(name) || LETTER.contains(name),
                _ => false,
            },
            ["attributes", name] => self.table.has_attribute(name),
            ["metrics", name] => {
                let is_beyond =
                    matches!(value, Value::Number(number) if !number.to_f64().is_finite());
                self.table.has_metric(name) && !is_beyond
            }
            ["endpoint", member @ ..] if self.row.event.event_type == EVENT_TYPE => {
                let column = endpoint_column(member);
                let mut attributes = self.row.event.attributes.iter();
                column.is_some_and(|column| attributes.any(|(name, _)| name == column))
                    || self.is_in_column(path, value)
            }
            _ => self.is_in_column(path, value),
        }
    }

    /// Whether one of the columns that all tables have shows this very value.
    fn is_in_column(&self, path: &[&str], value: &Value<'_>) -> bool {
        let Some((_, column)) = SHOWN.iter().find(|(shown, _)| *shown == path) else {
            return false;
        };
        let Some((_, read)) = READERS.iter().find(|(name, _)| name == column) else {
            return false;
        };
        match (read, value) {
            (Read::Text(read), Value::String(text)) => read(self.row) == Some(text),
            (Read::Timestamp(read), Value::Number(number)) => {
                number.to_i64().map(Timestamp) == read(self.row)
            }
            (Read::SmallInteger(read), Value::Number(number)) => {
                number.to_i64() == read(self.row).map(i64::from)
            }
            (Read::Integer(read), Value::Number(number)) => number.to_i64() == read(self.row),
            (Read::Boolean(read), Value::Bool(value)) => read(self.row) == Some(*value),
            _ => false,
        }
    }
}
