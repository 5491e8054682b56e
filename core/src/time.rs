//! Points in time, and the text forms AWS uses for them.

use alloc::string::String;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// The calendar date of a [`Timestamp`] in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    /// Year, e.g. 2026.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u8,
    /// Day of the month, 1 to 31.
    pub day: u8,
}

impl Timestamp {
    /// `2026-11-21T01:02:03.004Z`: what PutEvents' `Timestamp` and an endpoint's `EffectiveDate` hold.
    pub fn to_iso8601(self) -> String {
        todo!()
    }

    /// Reads an ISO 8601 / RFC 3339 date and time with `Z` or a numeric offset; a fraction beyond
    /// milliseconds is cut off. `None` for anything else, dates that do not exist included.
    pub fn parse_iso8601(_text: &str) -> Option<Timestamp> {
        todo!()
    }

    /// `20261121T010203Z`: what `X-Amz-Date` holds.
    pub fn to_amz_date(self) -> String {
        todo!()
    }

    /// Reads the form of [`Timestamp::to_amz_date`].
    pub fn parse_amz_date(_text: &str) -> Option<Timestamp> {
        todo!()
    }

    /// Reads an HTTP `Date` header (IMF-fixdate, e.g. `Sat, 21 Nov 2026 01:02:03 GMT`).
    pub fn parse_http_date(_text: &str) -> Option<Timestamp> {
        todo!()
    }

    /// The UTC calendar date.
    pub fn date(self) -> Date {
        todo!()
    }
}
