//! Points in time, and the text forms AWS uses for them.

use alloc::string::String;

use crate::json::push_digits;

const MILLIS_PER_SECOND: i64 = 1_000;
const MILLIS_PER_MINUTE: i64 = 60 * MILLIS_PER_SECOND;
const MILLIS_PER_HOUR: i64 = 60 * MILLIS_PER_MINUTE;
const MILLIS_PER_DAY: i64 = 24 * MILLIS_PER_HOUR;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A calendar date, proleptic Gregorian.
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
    /// `2026-11-21T01:02:03.004Z`: what PutEvents' `Timestamp` and an endpoint's `EffectiveDate`
    /// hold. 24 bytes for the years 0 to 9999; others have a sign and six digits or more, as
    /// ECMAScript writes them.
    pub fn to_iso8601(self) -> String {
        let mut text = self.date_text("-");
        text.push('T');
        text.push_str(&self.time_text(":"));
        text.push('.');
        push_digits(&mut text, self.within_day().unsigned_abs() % 1_000, 3);
        text.push('Z');
        text
    }

    /// Reads a date and time of RFC 3339, with `Z` or a numeric offset, whose colon may be missing;
    /// a fraction beyond milliseconds is cut off. `None` for anything else: dates that do not exist,
    /// and leap seconds, for which milliseconds since the epoch have no place.
    pub fn parse_iso8601(text: &str) -> Option<Timestamp> {
        let mut scanner = Scanner(text.as_bytes());
        let year = scanner.year()?;
        let date = scanner.month_and_day(year)?;
        scanner.one_of(b"Tt")?;
        let time = scanner.time()?;
        let fraction = scanner.fraction()?;
        let offset = scanner.offset()?;
        scanner.end()?;
        date.at(time + fraction - offset)
    }

    /// `20261121T010203Z`: what `X-Amz-Date` holds.
    pub fn to_amz_date(self) -> String {
        let mut text = self.date_text("");
        text.push('T');
        text.push_str(&self.time_text(""));
        text.push('Z');
        text
    }

    /// Reads the form of [`Timestamp::to_amz_date`], years 0 to 9999.
    pub fn parse_amz_date(text: &str) -> Option<Timestamp> {
        let mut scanner = Scanner(text.as_bytes());
        let date = Date::new(scanner.digits(4)?, scanner.digits(2)?, scanner.digits(2)?)?;
        scanner.literal("T")?;
        let time = time_millis(scanner.digits(2)?, scanner.digits(2)?, scanner.digits(2)?)?;
        scanner.literal("Z")?;
        scanner.end()?;
        date.at(time)
    }

    /// Reads a `Date` header: HTTP's form (RFC 9110, IMF-fixdate, e.g. `Sat, 21 Nov 2026 01:02:03 GMT`)
    /// and e-mail's, which some clients have instead (RFC 5322, 3.3, e.g. `9 Sep 2011 23:36 -0000`).
    /// The weekday is passed over: the date says it already. Years have four digits.
    pub fn parse_http_date(text: &str) -> Option<Timestamp> {
        let mut words = text.split_ascii_whitespace();
        let mut day = words.next()?;
        if let Some(weekday) = day.strip_suffix(',') {
            let is_name = weekday.len() == 3 && weekday.bytes().all(|b| b.is_ascii_alphabetic());
            day = words.next().filter(|_| is_name)?;
        }
        let mut scanner = Scanner(day.as_bytes());
        let digits = Some(scanner.count_digits()).filter(|digits| (1..=2).contains(digits))?;
        let day = scanner.digits(digits)?;
        scanner.end()?;
        let mut scanner = Scanner(words.next()?.as_bytes());
        let month = scanner.month_name()?;
        scanner.end()?;
        let mut scanner = Scanner(words.next()?.as_bytes());
        let year = scanner.digits(4)?;
        scanner.end()?;
        let mut scanner = Scanner(words.next()?.as_bytes());
        let (hour, _, minute) = (
            scanner.digits(2)?,
            scanner.literal(":")?,
            scanner.digits(2)?,
        );
        let second = match scanner.end() {
            Some(()) => 0,
            None => {
                scanner.literal(":")?;
                scanner.digits(2)?
            }
        };
        scanner.end()?;
        let zone = match words.next()? {
            "GMT" | "UTC" | "UT" | "Z" => 0,
            zone => {
                let mut scanner = Scanner(zone.as_bytes());
                let zone = scanner.offset()?;
                scanner.end()?;
                zone
            }
        };
        let time = time_millis(hour, minute, second)?;
        if words.next().is_some() {
            return None;
        }
        Date::new(year, month, day)?.at(time - zone)
    }

    /// The UTC calendar date.
    ///
    /// Counts from 0000-03-01 in eras of 400 years, so that a leap day is the last day of its year:
    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
    pub fn date(self) -> Date {
        let days = self.0.div_euclid(MILLIS_PER_DAY) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let months_since_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * months_since_march + 2) / 5 + 1;
        let month = if months_since_march < 10 {
            months_since_march + 3
        } else {
            months_since_march - 9
        };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        // An i64 of milliseconds spans 292 million years either way; months and days are small.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Date {
            year: year as i32,
            month: month as u8,
            day: day as u8,
        }
    }

    /// Milliseconds since midnight UTC.
    fn within_day(self) -> i64 {
        self.0.rem_euclid(MILLIS_PER_DAY)
    }

    fn date_text(self, separator: &str) -> String {
        let date = self.date();
        let mut text = String::with_capacity(24);
        let width = if (0..=9999).contains(&date.year) {
            4
        } else {
            text.push(if date.year < 0 { '-' } else { '+' });
            6
        };
        push_digits(&mut text, u64::from(date.year.unsigned_abs()), width);
        for part in [date.month, date.day] {
            text.push_str(separator);
            push_digits(&mut text, u64::from(part), 2);
        }
        text
    }

    fn time_text(self, separator: &str) -> String {
        let seconds = self.within_day().unsigned_abs() / 1_000;
        let mut text = String::with_capacity(8);
        push_digits(&mut text, seconds / 3_600, 2);
        for part in [seconds / 60 % 60, seconds % 60] {
            text.push_str(separator);
            push_digits(&mut text, part, 2);
        }
        text
    }
}

impl Date {
    /// The date, if it exists.
    fn new(year: i64, month: i64, day: i64) -> Option<Date> {
        let date = Date {
            year: i32::try_from(year).ok()?,
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
        };
        let exists = (1..=12).contains(&month) && (1..=date.days_in_month()).contains(&date.day);
        exists.then_some(date)
    }

    fn days_in_month(self) -> u8 {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        match self.month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// The point in time that many milliseconds into the date, by Hinnant's `days_from_civil`, the
    /// inverse of [`Timestamp::date`]. `None` beyond what a timestamp holds.
    fn at(self, millis: i64) -> Option<Timestamp> {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = i64::from(self.year) - i64::from(month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        // The first day of all begins before the first timestamp: counted from the day's end, what
        // lies before the epoch stays in range.
        let (days, millis) = if days < 0 {
            (days + 1, millis - MILLIS_PER_DAY)
        } else {
            (days, millis)
        };
        days.checked_mul(MILLIS_PER_DAY)?
            .checked_add(millis)
            .map(Timestamp)
    }
}

fn time_millis(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour < 24 && minute < 60 && second < 60)
        .then_some(hour * MILLIS_PER_HOUR + minute * MILLIS_PER_MINUTE + second * MILLIS_PER_SECOND)
}

/// What is left to read of a text; every method reads from its start, or gives `None`.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    fn literal(&mut self, literal: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(literal.as_bytes())?;
        Some(())
    }

    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        bytes.contains(&first).then_some(first)
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0i64, |value, byte| {
            let digit = byte.is_ascii_digit().then(|| i64::from(byte - b'0'))?;
            Some(value * 10 + digit)
        })
    }

    fn letters(&mut self, count: usize) -> Option<&[u8]> {
        let (letters, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        letters
            .iter()
            .all(u8::is_ascii_alphabetic)
            .then_some(letters)
    }

    fn count_digits(&self) -> usize {
        self.0
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    }

    /// Four digits, or a sign and six of them, or up to nine where the year needs as many: all that
    /// a timestamp is written with.
    fn year(&mut self) -> Option<i64> {
        let sign = match self.0.first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return self.digits(4),
        };
        self.one_of(b"+-")?;
        let count = Some(self.count_digits()).filter(|count| (6..=9).contains(count))?;
        let padded = self.0.first() == Some(&b'0');
        let year = self.digits(count)?;
        let written_so = (count == 6 || !padded) && (year != 0 || sign > 0);
        written_so.then_some(sign * year)
    }

    fn month_and_day(&mut self, year: i64) -> Option<Date> {
        self.literal("-")?;
        let month = self.digits(2)?;
        self.literal("-")?;
        Date::new(year, month, self.digits(2)?)
    }

    fn month_name(&mut self) -> Option<i64> {
        let name = self.letters(3)?;
        let months = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        let index = months.chunks(3).position(|month| month == name)?;
        i64::try_from(index + 1).ok()
    }

    /// `01:02:03`
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2)?;
        self.literal(":")?;
        let minute = self.digits(2)?;
        self.literal(":")?;
        time_millis(hour, minute, self.digits(2)?)
    }

    /// `.004` or nothing, in milliseconds.
    fn fraction(&mut self) -> Option<i64> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        self.literal(".")?;
        let count = Some(self.count_digits()).filter(|&count| count > 0)?;
        let kept = count.min(3);
        let value = self.digits(kept)?;
        self.0 = self.0.get(count - kept..)?;
        Some(match kept {
            1 => value * 100,
            2 => value * 10,
            _ => value,
        })
    }

    /// `Z`, `+01:00` or `+0100`, in milliseconds east of UTC.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.digits(2)?;
        if self.0.first() == Some(&b':') {
            self.literal(":")?;
        }
        time_millis(hours, self.digits(2)?, 0).map(|offset| sign * offset)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
