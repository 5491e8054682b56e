//! The formats a string may be held to, by hand: a regular expression engine would be larger than
//! everything else the browser loads.

use super::Format;

/// Every format. The compact rules name them by their places here, which therefore stay.
pub(super) const FORMATS: [Format; 5] = [
    Format::Email,
    Format::DateTime,
    Format::Date,
    Format::Uuid,
    Format::Uri,
];

impl Format {
    /// As `format` names it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Email => "email",
            Format::DateTime => "date-time",
            Format::Date => "date",
            Format::Uuid => "uuid",
            Format::Uri => "uri",
        }
    }

    /// The format that `format` names.
    pub fn from_name(name: &str) -> Option<Format> {
        FORMATS.into_iter().find(|format| format.name() == name)
    }

    /// The shortest and the longest text there is of this format, in characters.
    pub fn lengths(self) -> (usize, usize) {
        match self {
            Format::Email => (3, 254),
            Format::DateTime => (20, usize::MAX),
            Format::Date => (10, 10),
            Format::Uuid => (36, 36),
            Format::Uri => (2, usize::MAX),
        }
    }

    /// Whether `text` is of this format.
    pub(super) fn matches(self, text: &str) -> bool {
        self.fault(text).is_none()
    }

    /// What is asked for, in words, where `text` is not of this format.
    fn fault(self, text: &str) -> Option<&'static str> {
        let text = text.as_bytes();
        let (is_it, description) = match self {
            Format::Email => (is_email(text), "an email address"),
            Format::DateTime => (
                is_date_time(text),
                "a date and time such as 2026-11-21T10:30:00Z",
            ),
            Format::Date => (is_date(text), "a date such as 2026-11-21"),
            Format::Uuid => (is_uuid(text), "a UUID of 36 characters"),
            Format::Uri => (is_uri(text), "an absolute URI"),
        };
        (!is_it).then_some(description)
    }
}

/// What is asked for where a text is not of the format of a letter in rules.
pub(super) fn fault(letter: &[u8], text: &str) -> Option<&'static str> {
    let place = letter.first()?.wrapping_sub(b'A');
    FORMATS.get(usize::from(place))?.fault(text)
}

/// Whether a text goes on from a place as a pattern has it: a digit is that or a smaller one, `x` a
/// hexadecimal one, and `T` is of either case.
fn fits(text: &[u8], mut at: usize, pattern: &[u8]) -> bool {
    for wanted in pattern {
        let byte = byte_at(text, at);
        let is_it = match wanted {
            b'0'..=b'9' => (b'0'..=*wanted).contains(&byte),
            b'x' => byte.is_ascii_hexdigit(),
            b'T' => byte.eq_ignore_ascii_case(&b'T'),
            _ => byte == *wanted,
        };
        if !is_it {
            return false;
        }
        at += 1;
    }
    true
}

/// The byte at a place; behind the end there are zeros.
#[inline(never)]
fn byte_at(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or_default()
}

/// RFC 9562: 8-4-4-4-12 hexadecimal digits, of either case.
fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36 && fits(text, 0, b"xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

/// RFC 3339's `full-date`, of the years 1 to 9999.
fn is_date(text: &[u8]) -> bool {
    text.len() == 10 && is_in_range(minutes_of_day(text))
}

/// RFC 3339, as far as the lake can turn it into a timestamp that every query engine holds: without
/// leap seconds, from the year 1 to the year 9999 in UTC.
fn is_date_time(text: &[u8]) -> bool {
    let mut at = 19;
    if byte_at(text, at) == b'.' {
        at = skip_digits(text, at + 1);
    }
    let (offset, length) = match byte_at(text, at) {
        b'Z' | b'z' => (0, 1),
        b'+' => (-minutes_of_time(text, at + 1), 6),
        b'-' => (minutes_of_time(text, at + 1), 6),
        _ => return false,
    };
    // The number that is no place of a fraction: a point needs a digit behind it.
    at != 20
        && text.len() == at + length
        && fits(text, 10, b"T29:59:59")
        && offset > -NEVER
        && is_in_range(minutes_of_day(text) + minutes_of_time(text, 11) + offset)
}

/// Whether minutes since the year 0, as [`minutes_of_day`] counts, are of the years 1 to 9999.
fn is_in_range(minutes: i64) -> bool {
    (MINUTES_A_YEAR..10_000 * MINUTES_A_YEAR).contains(&minutes)
}

const MINUTES_A_YEAR: i64 = 12 * 31 * 1_440;

/// As many minutes as put everything out of range.
const NEVER: i64 = 1 << 50;

/// The minutes from the year 0 to a date that a text begins with, were every month of 31 days: next to
/// each other where one year follows the other. [`NEVER`] for what is no date.
fn minutes_of_day(text: &[u8]) -> i64 {
    let (century, year) = (two_digits(text, 0), two_digits(text, 2));
    let (month, day) = (two_digits(text, 5), two_digits(text, 8));
    let is_leap = if year == 0 { century } else { year } % 4 == 0;
    let days = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let is_date =
        fits(text, 0, b"9999-19-39") && (1..=12).contains(&month) && (1..=days).contains(&day);
    if is_date {
        (((century * 100 + year) * 12 + month - 1) * 31 + day - 1) * 1_440
    } else {
        NEVER
    }
}

/// The minutes of `hh:mm` at a place; [`NEVER`] for anything else.
fn minutes_of_time(text: &[u8], at: usize) -> i64 {
    let (hours, minutes) = (two_digits(text, at), two_digits(text, at + 3));
    if fits(text, at, b"29:59") && hours < 24 {
        hours * 60 + minutes
    } else {
        NEVER
    }
}

/// The number of two digits at a place; of anything else, some number.
fn two_digits(text: &[u8], at: usize) -> i64 {
    let digit = |at| i64::from(byte_at(text, at)) - i64::from(b'0');
    digit(at) * 10 + digit(at + 1)
}

/// RFC 5321's `Mailbox` without quoted local parts and address literals, which no mail service
/// gives out.
fn is_email(text: &[u8]) -> bool {
    let (mut is_domain, mut start) = (false, 0);
    loop {
        // An atom of the local part, or a label of the domain.
        let end = skip(text, start, if is_domain { b"-" } else { IN_ATOM });
        let has_hyphen =
            byte_at(text, start) == b'-' || byte_at(text, end.saturating_sub(1)) == b'-';
        if end == start || is_domain && (has_hyphen || end - start > 63) {
            return false;
        }
        start = end + 1;
        match byte_at(text, end) {
            b'.' => {}
            b'@' if !is_domain && end <= 64 => is_domain = true,
            _ => return is_domain && end == text.len() && end <= 254,
        }
    }
}

/// RFC 3986's `URI`: a scheme, then what the grammar allows. Of an address in brackets, the characters
/// are looked at, not what they make.
fn is_uri(text: &[u8]) -> bool {
    let mut at = skip(text, 0, b"+-.");
    if !byte_at(text, 0).is_ascii_alphabetic() || byte_at(text, at) != b':' {
        return false;
    }
    at += 1;
    if fits(text, at, b"//") {
        at += 2;
        let user = skip(text, at, IN_USER);
        if byte_at(text, user) == b'@' {
            at = user + 1;
        }
        if byte_at(text, at) == b'[' {
            at = skip(text, at + 1, b".:");
            if byte_at(text, at) != b']' {
                return false;
            }
            at += 1;
        } else {
            at = skip(text, at, IN_HOST);
        }
        if byte_at(text, at) == b':' {
            at = skip_digits(text, at + 1);
        }
        if !matches!(byte_at(text, at), b'/' | b'?' | b'#' | 0) {
            return false;
        }
    }
    at = skip(text, at, IN_PATH);
    if byte_at(text, at) == b'?' {
        at = skip(text, at + 1, IN_QUERY);
    }
    if byte_at(text, at) == b'#' {
        at = skip(text, at + 1, IN_QUERY);
    }
    at == text.len() && is_percent_encoded(text)
}

const IN_ATOM: &[u8] = b"!#$%&'*+-/=?^_`{|}~";
static IN_QUERY: &[u8] = b"%-._~!$&'()*+,;=:@/?";
/// The same without `?`, without `@/`, and without `:`.
static IN_PATH: &[u8] = IN_QUERY.split_at(19).0;
static IN_USER: &[u8] = IN_QUERY.split_at(17).0;
static IN_HOST: &[u8] = IN_QUERY.split_at(16).0;

/// Whether every `%` is followed by two hexadecimal digits.
fn is_percent_encoded(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        let is_percent = byte_at(text, at) == b'%';
        at += 1;
        if is_percent && !fits(text, at, b"xx") {
            return false;
        }
    }
    true
}

/// The place behind the ASCII letters, digits, and those in `also` that stand at a place.
#[inline(never)]
fn skip(text: &[u8], mut at: usize, also: &[u8]) -> usize {
    loop {
        let byte = byte_at(text, at);
        let mut is_allowed = byte.is_ascii_alphanumeric();
        for other in also {
            is_allowed |= byte == *other;
        }
        if !is_allowed {
            return at;
        }
        at += 1;
    }
}

/// The place behind the digits that stand at a place.
fn skip_digits(text: &[u8], mut at: usize) -> usize {
    while byte_at(text, at).is_ascii_digit() {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::is_date_time;
    use crate::time::Timestamp;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// What is of the format has to become a timestamp in the lake.
        #[test]
        fn a_date_time_is_what_timestamps_are_read_from(
            text in "(0000|0001|1900|2024|9999)-(00|02|04|12|13)-(00|01|28|29|30|31|32)[Tt ]\
                (00|23|24):(00|59|60):(00|59|60)(\\.|\\.5|\\.123456789)?(Z|z|[+-](00|05|24):(00|30|60))?"
        ) {
            // From 0001-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z.
            let range = -62_135_596_800_000..=253_402_300_799_999;
            let read = Timestamp::parse_iso8601(&text);
            let is_read = read.is_some_and(|read| range.contains(&read.0));
            prop_assert_eq!(is_date_time(text.as_bytes()), is_read, "{}", text);
        }
    }
}
