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

    /// What is asked for, in words.
    pub(super) fn description(self) -> &'static str {
        match self {
            Format::Email => "an email address",
            Format::DateTime => {
                "a date and time with an offset, such as 2026-11-21T10:30:00Z (RFC 3339)"
            }
            Format::Date => "a date such as 2026-11-21",
            Format::Uuid => "a UUID in its text form of 36 characters",
            Format::Uri => "an absolute URI (RFC 3986)",
        }
    }

    /// Whether `text` is of this format.
    pub(super) fn matches(self, text: &str) -> bool {
        let text = text.as_bytes();
        match self {
            Format::Email => is_email(text),
            Format::DateTime => is_date_time(text),
            Format::Date => is_date(text),
            Format::Uuid => is_uuid(text),
            Format::Uri => is_uri(text),
        }
    }
}

/// What is asked for where a text is not of the format of a letter in rules.
pub(super) fn fault(letter: &str, text: &str) -> Option<&'static str> {
    let place = letter.as_bytes().first()?.wrapping_sub(b'A');
    let format = FORMATS.get(usize::from(place))?;
    (!format.matches(text)).then(|| format.description())
}

/// Whether a text goes on from a place as a pattern has it: `0` is a digit, `x` a hexadecimal one, and
/// a letter is of either case.
fn fits(text: &[u8], mut at: usize, pattern: &[u8]) -> bool {
    for wanted in pattern {
        let byte = byte_at(text, at);
        let is_it = match wanted {
            b'0' => byte.is_ascii_digit(),
            b'x' => byte.is_ascii_hexdigit(),
            _ => byte.eq_ignore_ascii_case(wanted),
        };
        if !is_it {
            return false;
        }
        at += 1;
    }
    true
}

/// The byte at a place; behind the end there are zeros.
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
        at += 1;
        while byte_at(text, at).is_ascii_digit() {
            at += 1;
        }
    }
    let (sign, length) = match byte_at(text, at) {
        b'Z' | b'z' => (0, 1),
        b'+' => (-1, 6),
        b'-' => (1, 6),
        _ => return false,
    };
    let offset = if sign == 0 {
        0
    } else {
        minutes_of_time(text, at + 1)
    };
    // The number that is no place of a fraction: a point needs a digit behind it.
    at != 20
        && text.len() == at + length
        && fits(text, 10, b"T00:00:00")
        && two_digits(text, 17) < 60
        && offset < NEVER
        && is_in_range(minutes_of_day(text) + minutes_of_time(text, 11) + sign * offset)
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
        fits(text, 0, b"0000-00-00") && (1..=12).contains(&month) && (1..=days).contains(&day);
    if is_date {
        (((century * 100 + year) * 12 + month - 1) * 31 + day - 1) * 1_440
    } else {
        NEVER
    }
}

/// The minutes of `hh:mm` at a place; [`NEVER`] for anything else.
fn minutes_of_time(text: &[u8], at: usize) -> i64 {
    let (hours, minutes) = (two_digits(text, at), two_digits(text, at + 3));
    if fits(text, at, b"00:00") && hours < 24 && minutes < 60 {
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
    let (mut is_domain, mut start, mut previous) = (false, 0, b'.');
    for at in 0..=text.len() {
        let byte = match text.get(at) {
            Some(b'@') if !is_domain => b'@',
            Some(b'.') | None => b'.',
            Some(b'-') if is_domain && at == start => return false,
            Some(byte) if has_only(&[*byte], if is_domain { b"-" } else { ATOM }) => *byte,
            Some(_) => return false,
        };
        if byte == b'.' || byte == b'@' {
            // The end of an atom or label.
            let is_label = previous != b'-' && at - start <= 63;
            if at == start || is_domain && !is_label {
                return false;
            }
            start = at + 1;
        }
        if byte == b'@' && !is_domain {
            if at > 64 {
                return false;
            }
            is_domain = true;
        }
        previous = byte;
    }
    is_domain && text.len() <= 254
}

const ATOM: &[u8] = b"!#$%&'*+-/=?^_`{|}~";

/// RFC 3986's `URI`: a scheme, then what the grammar allows. Of an address in brackets, the characters
/// are looked at, not what they make.
fn is_uri(text: &[u8]) -> bool {
    let (scheme, Some(rest)) = cut(text, b':') else {
        return false;
    };
    let (rest, fragment) = cut(rest, b'#');
    let (hierarchy, query) = cut(rest, b'?');
    let (authority, path) = match hierarchy {
        [b'/', b'/', rest @ ..] => cut(rest, b'/'),
        path => (&path[..0], Some(path)),
    };
    scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && has_only(scheme, b"+-.")
        && is_authority(authority)
        && has_only(path.unwrap_or_default(), IN_PATH)
        && has_only(query.unwrap_or_default(), IN_QUERY)
        && has_only(fragment.unwrap_or_default(), IN_QUERY)
        && is_percent_encoded(text)
}

const IN_QUERY: &[u8] = b"%-._~!$&'()*+,;=:@/?";
const IN_PATH: &[u8] = b"%-._~!$&'()*+,;=:@/";
const IN_USER: &[u8] = b"%-._~!$&'()*+,;=:";
const IN_HOST: &[u8] = b"%-._~!$&'()*+,;=";

fn is_authority(authority: &[u8]) -> bool {
    let (user, host) = match cut(authority, b'@') {
        (user, Some(host)) => (user, host),
        (host, None) => (&host[..0], host),
    };
    let (is_host, port) = match host {
        [b'[', literal @ ..] => match cut(literal, b']') {
            (address, Some(rest)) => (
                cut(address, b':').1.is_some()
                    && has_only(address, b".:")
                    && matches!(rest, [] | [b':', ..]),
                rest.get(1..).unwrap_or_default(),
            ),
            _ => return false,
        },
        _ => {
            let (host, port) = cut(host, b':');
            (has_only(host, IN_HOST), port.unwrap_or_default())
        }
    };
    let mut is_port = true;
    for byte in port {
        is_port &= byte.is_ascii_digit();
    }
    is_host && is_port && has_only(user, IN_USER)
}

/// Whether every `%` is followed by two hexadecimal digits.
fn is_percent_encoded(text: &[u8]) -> bool {
    let mut rest = text;
    while let (_, Some(after)) = cut(rest, b'%') {
        if !fits(after, 0, b"xx") {
            return false;
        }
        rest = after;
    }
    true
}

/// What stands before the first `separator`, and what follows it.
fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte == separator {
            return (text.get(..at).unwrap_or_default(), text.get(at + 1..));
        }
        at += 1;
    }
    (text, None)
}

/// Whether `text` holds only ASCII letters, digits, and those in `also`.
#[inline(never)]
fn has_only(text: &[u8], also: &[u8]) -> bool {
    for byte in text {
        let mut is_allowed = byte.is_ascii_alphanumeric();
        for other in also {
            is_allowed |= byte == other;
        }
        if !is_allowed {
            return false;
        }
    }
    true
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
