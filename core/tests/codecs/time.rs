use forebay_core::time::{Date, Timestamp};
use jiff::civil;
use jiff::fmt::rfc2822;
use jiff::tz::{Offset, TimeZone};
use proptest::prelude::*;

use crate::arbitrary;

/// 0000-01-01T00:00:00Z up to, not with, 10000-01-01T00:00:00Z: what four digits of a year reach.
const FOUR_DIGIT_YEARS: std::ops::Range<i64> = -62_167_219_200_000..253_402_300_800_000;

fn by_jiff(timestamp: Timestamp) -> jiff::Zoned {
    let instant = jiff::Timestamp::from_millisecond(timestamp.0).unwrap();
    instant.to_zoned(TimeZone::UTC)
}

/// jiff's answer to the same text, to the millisecond below.
fn parsed_by_jiff(text: &str) -> Option<i64> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(instant.as_nanosecond().div_euclid(1_000_000)).ok()
}

fn parsed(text: &str) -> Option<i64> {
    Timestamp::parse_iso8601(text).map(|timestamp| timestamp.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn any_timestamp_survives_its_text(timestamp in arbitrary::timestamp()) {
        prop_assert_eq!(Timestamp::parse_iso8601(&timestamp.to_iso8601()), Some(timestamp));
    }

    #[test]
    fn texts_and_dates_are_those_of_jiff(millis in FOUR_DIGIT_YEARS) {
        let timestamp = Timestamp(millis);
        let zoned = by_jiff(timestamp);
        prop_assert_eq!(timestamp.to_iso8601(), zoned.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string());
        prop_assert_eq!(timestamp.to_amz_date(), zoned.strftime("%Y%m%dT%H%M%SZ").to_string());
        let date = Date {
            year: i32::from(zoned.year()),
            month: zoned.month().unsigned_abs(),
            day: zoned.day().unsigned_abs(),
        };
        prop_assert_eq!(timestamp.date(), date);

        let seconds = Some(Timestamp(millis.div_euclid(1_000) * 1_000));
        prop_assert_eq!(Timestamp::parse_amz_date(&timestamp.to_amz_date()), seconds);
        let http_date = zoned.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        prop_assert_eq!(Timestamp::parse_http_date(&http_date), seconds);
    }

    /// Every part of the text may be out of range; what exists and what does not is jiff's to say.
    #[test]
    fn dates_and_times_exist_as_for_jiff(
        // An offset takes the first and the last year beyond what jiff has.
        year in 1..9_999i16,
        (month, day) in (0..=13i8, 0..=32i8),
        (hour, minute, second) in (0..=25i8, 0..=61i8, 0..=61i8),
        fraction in "(\\.[0-9]{1,9})?",
        (offset_hours, offset_minutes) in (0..=25i32, 0..=61i32),
        offset_form in 0..6usize,
    ) {
        let (hours, minutes) = (offset_hours, offset_minutes);
        let offset = match offset_form {
            0 => "Z".to_owned(),
            1 => "z".to_owned(),
            2 => format!("+{hours:02}:{minutes:02}"),
            3 => format!("-{hours:02}:{minutes:02}"),
            4 => format!("+{hours:02}{minutes:02}"),
            _ => format!("-{hours:02}{minutes:02}"),
        };
        let text = format!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{offset}"
        );
        let local = civil::DateTime::new(year, month, day, hour, minute, second, 0).ok();
        let east = match offset_form {
            0 | 1 => Some(0),
            form => (hours < 24 && minutes < 60)
                .then_some((hours * 3_600 + minutes * 60) * if form % 2 == 0 { 1 } else { -1 }),
        };
        let millis = format!("{:0<3}", fraction.trim_start_matches('.'))[..3].parse::<i64>().unwrap();
        let expected = local.zip(east).and_then(|(local, east)| {
            let zone = TimeZone::fixed(Offset::from_seconds(east).ok()?);
            Some(local.to_zoned(zone).ok()?.timestamp().as_millisecond() + millis)
        });
        prop_assert_eq!(parsed(&text), expected, "{}", text);
    }

    /// What is taken is what jiff takes, and means the same.
    #[test]
    fn nothing_is_taken_that_jiff_does_not_take(
        millis in FOUR_DIGIT_YEARS,
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[-+:.TtZz0-9 ,é]"), 0..3),
    ) {
        let mut text = Timestamp(millis).to_iso8601();
        for (index, with) in edits {
            let position = index.index(text.len());
            if text.is_char_boundary(position) && text.is_char_boundary(position + 1) {
                text.replace_range(position..=position, &with);
            }
        }
        if let Some(millis) = parsed(&text) {
            // A year without four digits is beyond jiff, or near enough.
            if text.as_bytes()[0].is_ascii_digit() && FOUR_DIGIT_YEARS.contains(&millis) {
                prop_assert_eq!(Some(millis), parsed_by_jiff(&text), "{}", text);
            }
        }
    }

    #[test]
    fn http_dates_mean_what_they_mean_to_jiff(text in "(Sat|Sun|Fri), [0-3][0-9] (Jan|Feb|Apr|Nov) 20[0-9]{2} [0-2][0-9]:[0-6][0-9]:[0-6][0-9] GMT") {
        let date = rfc2822::DateTimeParser::new().relaxed_weekday(true);
        let expected = date.parse_timestamp(&text).ok();
        // jiff takes second 60 for the one before it.
        let leap_second = text.ends_with(":60 GMT");
        let expected = expected.filter(|_| !leap_second).map(|instant| Timestamp(instant.as_millisecond()));
        prop_assert_eq!(Timestamp::parse_http_date(&text), expected, "{}", text);
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = Timestamp::parse_iso8601(&text);
        let _ = Timestamp::parse_amz_date(&text);
        let _ = Timestamp::parse_http_date(&text);
    }
}

/// Every day from 1600 to 2400, two whole cycles of leap years.
#[test]
fn every_day_has_its_date() {
    let mut expected = civil::date(1600, 1, 1);
    let first = expected
        .to_zoned(TimeZone::UTC)
        .unwrap()
        .timestamp()
        .as_millisecond();
    for day in 0..292_194 {
        let date = Timestamp(first + day * 86_400_000 + 86_399_999).date();
        let same = i32::from(expected.year()) == date.year
            && expected.month().unsigned_abs() == date.month
            && expected.day().unsigned_abs() == date.day;
        assert!(same, "{date:?} is not {expected}");
        expected = expected.tomorrow().unwrap();
    }
}

#[test]
fn years_that_need_a_sign() {
    for (millis, text) in [
        (i64::MIN, "-292275055-05-16T16:47:04.192Z"),
        (i64::MAX, "+292278994-08-17T07:12:55.807Z"),
        (FOUR_DIGIT_YEARS.start - 1, "-000001-12-31T23:59:59.999Z"),
        (FOUR_DIGIT_YEARS.start, "0000-01-01T00:00:00.000Z"),
        (FOUR_DIGIT_YEARS.end - 1, "9999-12-31T23:59:59.999Z"),
        (FOUR_DIGIT_YEARS.end, "+010000-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(Timestamp(millis).to_iso8601(), text);
        assert_eq!(parsed(text), Some(millis));
    }
    for beyond in [
        "-292275055-05-16T16:47:04.191Z",
        "+292278994-08-17T07:12:55.808Z",
        "+999999999-12-31T23:59:59.999Z",
        "-999999999-01-01T00:00:00.000Z",
    ] {
        assert_eq!(parsed(beyond), None, "{beyond}");
    }
}
