//! The columns that every table begins with.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::builder::{Int32Builder, StringBuilder, TimestampMillisecondBuilder};
use forebay_core::event::{Demographic, Location, Text};
use forebay_core::schema::{COMMON_COLUMNS, ColumnType};
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::{Forebay, Geo, Session};

use super::arrow_type;
use super::fields::{FIRST_BYTES, FIRST_ROWS};
use crate::record::Row;

type ReadText = for<'r> fn(&'r Row<'_>) -> Option<&'r str>;
type ReadTimestamp = fn(&Row<'_>) -> Option<Timestamp>;
type ReadSmallInteger = fn(&Row<'_>) -> Option<i32>;

/// How a column is read from a row.
#[derive(Clone, Copy)]
pub(super) enum Read {
    Text(ReadText),
    Timestamp(ReadTimestamp),
    SmallInteger(ReadSmallInteger),
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
        Read::Timestamp(|row| Some(session(row)?.start_timestamp)),
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
        Read::Text(|row| {
            let geo = forebay(row).and_then(|forebay| forebay.geo.timezone.as_deref());
            match is_of_one_source(row) {
                true => geo,
                false => geo.or_else(|| demographic(row)?.timezone.as_deref()),
            }
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

/// Whether the edge has chosen one source of the whole place, as it does since it names it.
fn is_of_one_source(row: &Row<'_>) -> bool {
    forebay(row).is_some_and(|forebay| forebay.geo.source.is_some())
}

/// Where the event came from, as the edge says it; in records that name no source of it, as the edge
/// saw it, or else as the sender said.
fn place<'r, 'a>(
    row: &'r Row<'a>,
    seen: impl FnOnce(&'r Geo<'a>) -> &'r Option<Text<'a>>,
    said: impl FnOnce(&'r Location<'a>) -> &'r Option<Text<'a>>,
) -> Option<&'r str> {
    let geo = forebay(row).and_then(|forebay| seen(&forebay.geo).as_deref());
    match is_of_one_source(row) {
        true => geo,
        false => geo.or_else(|| said(row.record.endpoint.location.as_ref()?).as_deref()),
    }
}

/// A column being filled.
#[derive(Debug)]
pub(super) enum CommonBuilder {
    Text(ReadText, StringBuilder),
    Timestamp(ReadTimestamp, TimestampMillisecondBuilder),
    SmallInteger(ReadSmallInteger, Int32Builder),
}

impl CommonBuilder {
    pub(super) fn new(read: Read) -> CommonBuilder {
        match read {
            Read::Text(read) => {
                CommonBuilder::Text(read, StringBuilder::with_capacity(FIRST_ROWS, FIRST_BYTES))
            }
            Read::Timestamp(read) => {
                let builder = TimestampMillisecondBuilder::with_capacity(FIRST_ROWS);
                let data_type = arrow_type(ColumnType::Timestamp);
                CommonBuilder::Timestamp(read, builder.with_data_type(data_type))
            }
            Read::SmallInteger(read) => {
                CommonBuilder::SmallInteger(read, Int32Builder::with_capacity(FIRST_ROWS))
            }
        }
    }

    pub(super) fn append(&mut self, row: &Row<'_>) {
        match self {
            CommonBuilder::Text(read, builder) => builder.append_option(read(row)),
            CommonBuilder::Timestamp(read, builder) => {
                builder.append_option(read(row).map(|timestamp| timestamp.0));
            }
            CommonBuilder::SmallInteger(read, builder) => builder.append_option(read(row)),
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            CommonBuilder::Text(_, builder) => Arc::new(builder.finish()),
            CommonBuilder::Timestamp(_, builder) => Arc::new(builder.finish()),
            CommonBuilder::SmallInteger(_, builder) => Arc::new(builder.finish()),
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
            };
            (name, column_type)
        });
        let declared = COMMON_COLUMNS.map(|column| (column.name, column.column_type));
        assert_eq!(read, declared);
    }
}
