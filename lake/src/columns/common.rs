//! The columns that every table begins with.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::builder::{Int32Builder, StringBuilder, TimestampMillisecondBuilder};
use arrow::datatypes::DataType;
use forebay_core::event::{Demographic, Location, Text};
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::{Forebay, Geo, Session};

use super::timestamp_type;
use crate::row::Row;

/// A column and how it is read from a row.
pub(super) struct CommonColumn {
    name: &'static str,
    /// Whether rows without a value exist.
    nullable: bool,
    read: Read,
}

type ReadText = for<'r> fn(&'r Row<'_>) -> Option<&'r str>;
type ReadTimestamp = fn(&Row<'_>) -> Option<Timestamp>;
type ReadInteger = fn(&Row<'_>) -> Option<i32>;

#[derive(Clone, Copy)]
enum Read {
    Text(ReadText),
    Timestamp(ReadTimestamp),
    Integer(ReadInteger),
}

const fn column(name: &'static str, nullable: bool, read: Read) -> CommonColumn {
    CommonColumn {
        name,
        nullable,
        read,
    }
}

const fn text(name: &'static str, read: ReadText) -> CommonColumn {
    column(name, true, Read::Text(read))
}

const fn required_text(name: &'static str, read: ReadText) -> CommonColumn {
    column(name, false, Read::Text(read))
}

/// In the order of the table.
pub(super) const COMMON_COLUMNS: [CommonColumn; 23] = [
    required_text("event_id", |row| Some(&row.event_id)),
    required_text("event_type", |row| Some(&row.record.event_type)),
    column(
        "event_timestamp",
        false,
        Read::Timestamp(|row| Some(row.record.event_timestamp)),
    ),
    column(
        "arrival_timestamp",
        false,
        Read::Timestamp(|row| Some(row.record.arrival_timestamp)),
    ),
    text("session_id", |row| Some(&session(row)?.session_id)),
    column(
        "session_start_timestamp",
        true,
        Read::Timestamp(|row| Some(session(row)?.start_timestamp)),
    ),
    required_text("client_id", |row| Some(&row.record.client.client_id)),
    text("cognito_id", |row| row.record.client.cognito_id.as_deref()),
    text("user_id", |row| {
        row.record.endpoint.user.as_ref()?.user_id.as_deref()
    }),
    required_text("app_id", |row| Some(&row.record.application.app_id)),
    text("country", |row| {
        place(row, |geo| &geo.country, |said| &said.country)
    }),
    text("region", |row| {
        place(row, |geo| &geo.region, |said| &said.region)
    }),
    text("city", |row| place(row, |geo| &geo.city, |said| &said.city)),
    text("timezone", |row| {
        let geo = forebay(row).and_then(|forebay| forebay.geo.timezone.as_deref());
        geo.or_else(|| demographic(row)?.timezone.as_deref())
    }),
    text("platform", |row| {
        let device = row.record.device.platform_name.as_deref();
        device.or_else(|| demographic(row)?.platform.as_deref())
    }),
    text("platform_version", |row| {
        let device = row.record.device.platform_version.as_deref();
        device.or_else(|| demographic(row)?.platform_version.as_deref())
    }),
    text("browser", |row| forebay(row)?.browser_name.as_deref()),
    text("browser_version", |row| {
        forebay(row)?.browser_version.as_deref()
    }),
    text("device_category", |row| {
        forebay(row)?.device_category.as_deref()
    }),
    text("locale", |row| {
        let device = row.record.device.locale.as_deref();
        device.or_else(|| demographic(row)?.locale.as_deref())
    }),
    text("sdk_name", |row| row.record.application.sdk_name.as_deref()),
    text("sdk_version", |row| {
        row.record.application.sdk_version.as_deref()
    }),
    column(
        "schema_version",
        true,
        Read::Integer(|row| i32::try_from(forebay(row)?.schema_version).ok()),
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

/// Where the request came from, as the edge saw it; where the edge could not tell, as the sender
/// said.
fn place<'r, 'a>(
    row: &'r Row<'a>,
    seen: impl FnOnce(&'r Geo<'a>) -> &'r Option<Text<'a>>,
    said: impl FnOnce(&'r Location<'a>) -> &'r Option<Text<'a>>,
) -> Option<&'r str> {
    let geo = forebay(row).and_then(|forebay| seen(&forebay.geo).as_deref());
    geo.or_else(|| said(row.record.endpoint.location.as_ref()?).as_deref())
}

impl CommonColumn {
    pub(super) fn arrow_field(&self) -> arrow::datatypes::Field {
        let data_type = match self.read {
            Read::Text(_) => DataType::Utf8,
            Read::Timestamp(_) => timestamp_type(),
            Read::Integer(_) => DataType::Int32,
        };
        arrow::datatypes::Field::new(self.name, data_type, self.nullable)
    }
}

/// A column being filled.
#[derive(Debug)]
pub(super) enum CommonBuilder {
    Text(ReadText, StringBuilder),
    Timestamp(ReadTimestamp, TimestampMillisecondBuilder),
    Integer(ReadInteger, Int32Builder),
}

impl CommonBuilder {
    pub(super) fn new(column: &CommonColumn) -> CommonBuilder {
        match column.read {
            Read::Text(read) => CommonBuilder::Text(read, StringBuilder::new()),
            Read::Timestamp(read) => {
                let builder = TimestampMillisecondBuilder::new();
                CommonBuilder::Timestamp(read, builder.with_data_type(timestamp_type()))
            }
            Read::Integer(read) => CommonBuilder::Integer(read, Int32Builder::new()),
        }
    }

    pub(super) fn append(&mut self, row: &Row<'_>) {
        match self {
            CommonBuilder::Text(read, builder) => builder.append_option(read(row)),
            CommonBuilder::Timestamp(read, builder) => {
                builder.append_option(read(row).map(|timestamp| timestamp.0));
            }
            CommonBuilder::Integer(read, builder) => builder.append_option(read(row)),
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            CommonBuilder::Text(_, builder) => Arc::new(builder.finish()),
            CommonBuilder::Timestamp(_, builder) => Arc::new(builder.finish()),
            CommonBuilder::Integer(_, builder) => Arc::new(builder.finish()),
        }
    }
}

#[cfg(test)]
mod tests {
    use forebay_core::schema::RESERVED_COLUMN_NAMES;

    use super::*;

    #[test]
    fn the_schema_reserves_every_name() {
        for column in &COMMON_COLUMNS {
            assert!(
                RESERVED_COLUMN_NAMES.contains(&column.name),
                "{}",
                column.name
            );
        }
        assert!(RESERVED_COLUMN_NAMES.contains(&crate::columns::EXTRA_COLUMN));
    }
}
