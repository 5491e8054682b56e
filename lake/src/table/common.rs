//! The columns that every table begins with.

use arrow::array::builder::{
    BooleanBuilder, Int32Builder, Int64Builder, TimestampMillisecondBuilder,
};
use forebay_core::event::{Demographic, Location, Text};
use forebay_core::plausible;
use forebay_core::schema::{COMMON_COLUMNS, ColumnType};
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::{Bot, Campaign, Forebay, Geo, Session};

use super::arrow_type;
use super::column::{Column, FIRST_ROWS};
use super::texts::Texts;
use crate::record::Row;

type ReadText = for<'r> fn(&'r Row<'_>) -> Option<&'r str>;
type ReadTimestamp = fn(&Row<'_>) -> Option<Timestamp>;
type ReadSmallInteger = fn(&Row<'_>) -> Option<i32>;
type ReadInteger = fn(&Row<'_>) -> Option<i64>;
type ReadBoolean = fn(&Row<'_>) -> Option<bool>;

/// How a column is read from a row.
#[derive(Clone, Copy)]
pub(super) enum Read {
    Text(ReadText),
    Timestamp(ReadTimestamp),
    SmallInteger(ReadSmallInteger),
    Integer(ReadInteger),
    Boolean(ReadBoolean),
}

/// How each of [`COMMON_COLUMNS`] is read, in their order.
pub(super) const READERS: [(&str, Read); COMMON_COLUMNS.len()] = [
    ("event_id", Read::Text(|row| Some(&row.event_id))),
    ("event_type", Read::Text(|row| Some(&row.record.event_type))),
    (
        "event_timestamp",
        Read::Timestamp(|row| Some(row.record.event_timestamp)),
    ),
    (
        "arrival_timestamp",
        Read::Timestamp(|row| Some(row.record.arrival_timestamp)),
    ),
    (
        "session_id",
        Read::Text(|row| Some(&session(row)?.session_id)),
    ),
    (
        "session_start_timestamp",
        Read::Timestamp(|row| session(row)?.start_timestamp),
    ),
    (
        "client_id",
        Read::Text(|row| Some(&row.record.client.client_id)),
    ),
    (
        "cognito_id",
        Read::Text(|row| row.record.client.cognito_id.as_deref()),
    ),
    (
        "user_id",
        Read::Text(|row| row.record.endpoint.user.as_ref()?.user_id.as_deref()),
    ),
    (
        "app_id",
        Read::Text(|row| Some(&row.record.application.app_id)),
    ),
    (
        "country",
        Read::Text(|row| place(row, |geo| &geo.country, |said| &said.country)),
    ),
    (
        "region",
        Read::Text(|row| place(row, |geo| &geo.region, |said| &said.region)),
    ),
    (
        "city",
        Read::Text(|row| place(row, |geo| &geo.city, |said| &said.city)),
    ),
    (
        "timezone",
        Read::Text(|row| match place_of(row) {
            Place::Geo(geo) => geo.timezone.as_deref(),
            Place::Stated => demographic(row)?.timezone.as_deref(),
        }),
    ),
    (
        "platform",
        Read::Text(|row| {
            let device = row.record.device.platform_name.as_deref();
            device.or_else(|| demographic(row)?.platform.as_deref())
        }),
    ),
    (
        "platform_version",
        Read::Text(|row| {
            let device = row.record.device.platform_version.as_deref();
            device.or_else(|| demographic(row)?.platform_version.as_deref())
        }),
    ),
    (
        "browser",
        Read::Text(|row| forebay(row)?.browser_name.as_deref()),
    ),
    (
        "browser_version",
        Read::Text(|row| forebay(row)?.browser_version.as_deref()),
    ),
    (
        "device_category",
        Read::Text(|row| forebay(row)?.device_category.as_deref()),
    ),
    (
        "locale",
        Read::Text(|row| {
            let device = row.record.device.locale.as_deref();
            device.or_else(|| demographic(row)?.locale.as_deref())
        }),
    ),
    (
        "sdk_name",
        Read::Text(|row| row.record.application.sdk_name.as_deref()),
    ),
    (
        "sdk_version",
        Read::Text(|row| row.record.application.sdk_version.as_deref()),
    ),
    (
        "schema_version",
        Read::SmallInteger(|row| i32::try_from(forebay(row)?.schema_version).ok()),
    ),
    ("place_source", Read::Text(place_source)),
    (
        "original_event_timestamp",
        Read::Timestamp(original_event_timestamp),
    ),
    (
        "clock_offset",
        Read::Integer(|row| forebay(row)?.clock_offset),
    ),
    ("amr", Read::Text(|row| Some(&forebay(row)?.amr))),
    (
        "network_asn",
        Read::Integer(|row| forebay(row)?.network.asn.map(i64::from)),
    ),
    (
        "network_organization",
        Read::Text(|row| forebay(row)?.network.organization.as_deref()),
    ),
    (
        "is_bot",
        Read::Boolean(|row| Some(forebay(row)?.bot.is_some())),
    ),
    ("bot_name", Read::Text(|row| bot(row)?.name.as_deref())),
    ("bot_category", Read::Text(|row| Some(&bot(row)?.category))),
    (
        "bot_verified",
        Read::Boolean(|row| Some(bot(row)?.is_verified)),
    ),
    (
        "page_utm_source",
        Read::Text(|row| campaign(row)?.source.as_deref()),
    ),
    (
        "page_utm_medium",
        Read::Text(|row| campaign(row)?.medium.as_deref()),
    ),
    (
        "page_utm_campaign",
        Read::Text(|row| campaign(row)?.name.as_deref()),
    ),
    (
        "page_utm_term",
        Read::Text(|row| campaign(row)?.term.as_deref()),
    ),
    (
        "page_utm_content",
        Read::Text(|row| campaign(row)?.content.as_deref()),
    ),
    (
        "page_utm_id",
        Read::Text(|row| campaign(row)?.id.as_deref()),
    ),
    (
        "page_click_id",
        Read::Text(|row| campaign(row)?.click_id.as_deref()),
    ),
    (
        "page_click_id_type",
        Read::Text(|row| campaign(row)?.click_id_type.as_deref()),
    ),
    (
        "page_referrer_host",
        Read::Text(|row| forebay(row)?.referrer_host.as_deref()),
    ),
];

fn session<'r, 'a>(row: &'r Row<'a>) -> Option<&'r Session<'a>> {
    row.record.session.as_ref()
}

fn forebay<'r, 'a>(row: &'r Row<'a>) -> Option<&'r Forebay<'a>> {
    row.record.forebay.as_ref()
}

fn demographic<'r, 'a>(row: &'r Row<'a>) -> Option<&'r Demographic<'a>> {
    row.record.endpoint.demographic.as_ref()
}

fn bot<'r, 'a>(row: &'r Row<'a>) -> Option<&'r Bot<'a>> {
    forebay(row)?.bot.as_ref()
}

fn campaign<'r, 'a>(row: &'r Row<'a>) -> Option<&'r Campaign<'a>> {
    Some(&forebay(row)?.campaign)
}

/// A sender may have sent a time that no table can hold.
fn original_event_timestamp(row: &Row<'_>) -> Option<Timestamp> {
    let original = forebay(row)?.original_event_timestamp?;
    let violation = plausible::session_time("", original);
    violation.is_none().then_some(original)
}

/// The one source of a row's place.
enum Place<'r, 'a> {
    /// What the edge wrote.
    Geo(&'r Geo<'a>),
    /// What the sender's endpoint has.
    Stated,
}

/// The edge names the source of a place. In records of its earlier versions the place is where the request came
/// from, if the edge knew that.
fn place_of<'r, 'a>(row: &'r Row<'a>) -> Place<'r, 'a> {
    match forebay(row).map(|forebay| &forebay.geo) {
        Some(geo) if geo.source.is_some() || is_known(geo) => Place::Geo(geo),
        _ => Place::Stated,
    }
}

fn is_known(geo: &Geo<'_>) -> bool {
    [&geo.country, &geo.region, &geo.city, &geo.timezone]
        .iter()
        .any(|member| member.is_some())
}

fn place_source<'r>(row: &'r Row<'_>) -> Option<&'r str> {
    match place_of(row) {
        Place::Geo(geo) => Some(geo.source.as_deref().unwrap_or("request")),
        Place::Stated => {
            let location = row.record.endpoint.location.as_ref();
            let place = location.map(|said| [&said.country, &said.region, &said.city]);
            let has_place = place.is_some_and(|place| place.iter().any(|name| name.is_some()));
            let has_timezone = demographic(row).is_some_and(|said| said.timezone.is_some());
            (has_place || has_timezone).then_some("stated")
        }
    }
}

fn place<'r, 'a>(
    row: &'r Row<'a>,
    seen: impl FnOnce(&'r Geo<'a>) -> &'r Option<Text<'a>>,
    said: impl FnOnce(&'r Location<'a>) -> &'r Option<Text<'a>>,
) -> Option<&'r str> {
    match place_of(row) {
        Place::Geo(geo) => seen(geo).as_deref(),
        Place::Stated => said(row.record.endpoint.location.as_ref()?).as_deref(),
    }
}

/// A column being filled.
#[derive(Debug)]
pub(super) enum CommonBuilder {
    Text(ReadText, Box<Texts>),
    Timestamp(ReadTimestamp, TimestampMillisecondBuilder),
    SmallInteger(ReadSmallInteger, Int32Builder),
    Integer(ReadInteger, Int64Builder),
    Boolean(ReadBoolean, BooleanBuilder),
}

impl CommonBuilder {
    pub(super) fn new(read: Read) -> CommonBuilder {
        match read {
            Read::Text(read) => CommonBuilder::Text(read, Box::default()),
            Read::Timestamp(read) => {
                let builder = TimestampMillisecondBuilder::with_capacity(FIRST_ROWS);
                let data_type = arrow_type(ColumnType::Timestamp);
                CommonBuilder::Timestamp(read, builder.with_data_type(data_type))
            }
            Read::SmallInteger(read) => {
                CommonBuilder::SmallInteger(read, Int32Builder::with_capacity(FIRST_ROWS))
            }
            Read::Integer(read) => {
                CommonBuilder::Integer(read, Int64Builder::with_capacity(FIRST_ROWS))
            }
            Read::Boolean(read) => {
                CommonBuilder::Boolean(read, BooleanBuilder::with_capacity(FIRST_ROWS))
            }
        }
    }

    pub(super) fn append(&mut self, row: &Row<'_>) {
        match self {
            CommonBuilder::Text(read, texts) => texts.append(read(row)),
            CommonBuilder::Timestamp(read, builder) => {
                builder.append_option(read(row).map(|timestamp| timestamp.0));
            }
            CommonBuilder::SmallInteger(read, builder) => builder.append_option(read(row)),
            CommonBuilder::Integer(read, builder) => builder.append_option(read(row)),
            CommonBuilder::Boolean(read, builder) => builder.append_option(read(row)),
        }
    }

    pub(super) fn finish(self) -> Column {
        match self {
            CommonBuilder::Text(_, texts) => Column::Texts(texts),
            CommonBuilder::Timestamp(_, mut builder) => Column::of(builder.finish()),
            CommonBuilder::SmallInteger(_, mut builder) => Column::of(builder.finish()),
            CommonBuilder::Integer(_, mut builder) => Column::of(builder.finish()),
            CommonBuilder::Boolean(_, mut builder) => Column::of(builder.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_read_in_its_place_and_type() {
        let read = READERS.map(|(name, read)| {
            let column_type = match read {
                Read::Text(_) => ColumnType::String,
                Read::Timestamp(_) => ColumnType::Timestamp,
                Read::SmallInteger(_) => ColumnType::SmallInteger,
                Read::Integer(_) => ColumnType::Integer,
                Read::Boolean(_) => ColumnType::Boolean,
            };
            (name, column_type)
        });
        let declared = COMMON_COLUMNS.map(|column| (column.name, column.column_type));
        assert_eq!(read, declared);
    }
}
