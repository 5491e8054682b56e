//! Which times an event may have: one rule, so that the lake takes what the worker has taken.

use alloc::borrow::ToOwned;
use core::ops::RangeInclusive;

use crate::schema::Violation;
use crate::time::Timestamp;

/// 2000-01-01T00:00:00Z: no event is older. Clocks that lost their battery begin in 1970 or 1980.
const EARLIEST_EVENT: i64 = 946_684_800_000;
/// How far ahead of its arrival an event may lie: a time zone taken for UTC is still taken in.
const LATEST_EVENT_MS: i64 = 24 * 60 * 60 * 1_000;
/// 0001-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z: what every engine's timestamps hold. One
/// value beyond it makes some engines refuse a whole file.
const OF_TABLES: RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// `rule` of a violation by a time.
pub const TIME_RULE: &str = "time";

/// What is wrong with the time of an event that arrived at `arrival`, or with the arrival itself;
/// `None` where it is plausible. `path` is where the time stands.
pub fn event_time(path: &str, time: Timestamp, arrival: Timestamp) -> Option<Violation> {
    let range = EARLIEST_EVENT..=arrival.0.saturating_add(LATEST_EVENT_MS);
    let is_plausible = range.contains(&time.0) && OF_TABLES.contains(&time.0);
    let expected = "from the year 2000 to one day after it arrived";
    (!is_plausible).then(|| violation(path, expected))
}

/// The same for a session's start or stop, which may be anything that a table can hold.
pub fn session_time(path: &str, time: Timestamp) -> Option<Violation> {
    let is_plausible = OF_TABLES.contains(&time.0);
    (!is_plausible).then(|| violation(path, "in the years 1 to 9999"))
}

fn violation(path: &str, expected: &str) -> Violation {
    Violation {
        path: path.to_owned(),
        rule: TIME_RULE,
        expected: expected.to_owned(),
        actual: "a time outside of it".to_owned(),
    }
}
