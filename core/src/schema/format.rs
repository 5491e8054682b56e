//! The formats a string may be held to, twice: by hand, for worker, lake and tools, and as regular expressions,
//! which rules bring along for the engine that browsers have.

use alloc::string::String;

use super::Format;

/// Every format.
pub(super) const FORMATS: [Format; 5] = [
    Format::Email,
    Format::DateTime,
    Format::Date,
    Format::Uuid,
    Format::Uri,
];

const ATOM: &str = r"[!#-'*+/-9\x3d\x3fA-Z^-~-]+";
const LABEL: &str = "[0-9A-Za-z](|[0-9A-Za-z-]{0,61}[0-9A-Za-z])";
const DAY: &str = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
const TIME: &str = r"([01][0-9]|2[0-3])\x3a[0-5][0-9]";
/// The year 0; a 30th of February, a 31st of short months, a 29th of February of years that no four divide,
/// or of such centuries.
const NO_DAY: &str = "^0000|-02-3|-(0[469]|11)-31|([02468][1-35-79]|[13579][013-57-9])(00|)-02-29";
const PATH: &str = r"[!$%&'-\x3b\x3d\x40-Z_a-z~]*";
const QUERY: &str = r"[!$%&'-\x3b\x3d\x3f-Z_a-z~]*";

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
        let text = text.as_bytes();
        match self {
            Format::Email => is_email(text),
            Format::DateTime => is_date_time(text),
            Format::Date => is_date(text),
            Format::Uuid => is_uuid(text),
            Format::Uri => is_uri(text),
        }
    }

    /// The same for JavaScript's engine, for texts as long as the wire carries: what a text has to match, and
    /// what it must not, empty where that is nothing. They hold no sigils of rules, and backtrack over a few
    /// characters at most: a text may be as long as somebody likes.
    pub(super) fn patterns(self) -> [String; 2] {
        let [must, not]: [&[&str]; 2] = match self {
            Format::Email => [
                &[
                    "^", ATOM, "([.]", ATOM, r")*\x40", LABEL, "([.]", LABEL, ")*$",
                ],
                &[r"^[^\x40]{65}"],
            ],
            Format::DateTime => [
                &[
                    "^",
                    DAY,
                    "[Tt]",
                    TIME,
                    r"\x3a[0-5][0-9]([.][0-9]+|)([Zz]|[+-]",
                    TIME,
                    ")$",
                ],
                &[
                    NO_DAY,
                    "|^0001-01-01.+[+].{0,4}[1-9]|^9999-12-31.+-.{0,4}[1-9]",
                ],
            ],
            Format::Date => [&["^", DAY, "$"], &[NO_DAY]],
            Format::Uuid => [
                &["^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"],
                &[],
            ],
            Format::Uri => [
                &[
                    r"^[A-Za-z][0-9A-Za-z+.-]*\x3a",
                    // An authority, with a user or not, a host and a port, or none.
                    r"(//([!$%&'-.0-\x3b\x3dA-Z_a-z~]*\x40|)",
                    r"(\[[0-9A-Za-z.\x3a]*\]|[!$%&'-.0-9\x3b\x3dA-Z_a-z~]*)(\x3a[0-9]*|)",
                    "(/",
                    PATH,
                    r"|)|(/|)([!$%&'-.0-\x3b\x3d\x40-Z_a-z~]",
                    PATH,
                    "|))",
                    r"(\x3f",
                    QUERY,
                    "|)(#",
                    QUERY,
                    "|)$",
                ],
                &["%.{0,1}([^0-9A-Fa-f]|$)"],
            ],
        };
        [must.concat(), not.concat()]
    }

    /// The letter that rules have for it, by its place in the enum, which therefore stays.
    pub(super) fn letter(self) -> u8 {
        b'A' + self as u8
    }
}

/// The format of a letter in rules.
pub(super) fn of_letter(letter: u8) -> Option<Format> {
    FORMATS.into_iter().find(|format| format.letter() == letter)
}

/// What a format of this letter asks for, in words.
pub(super) fn wanted(letter: u8) -> &'static str {
    match of_letter(letter) {
        Some(Format::Email) => "an email address",
        Some(Format::DateTime) => "a date and time with its zone, such as 2026-11-21T10:30:00Z",
        Some(Format::Date) => "a date such as 2026-11-21",
        Some(Format::Uuid) => "a UUID of 36 characters",
        Some(Format::Uri) => "an absolute URI",
        None => "another form",
    }
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
    text.len() == 10 && begins_with_date(text)
}

/// RFC 3339, as far as the lake can turn it into a timestamp that every query engine holds: without
/// leap seconds, from the year 1 to the year 9999, in UTC and as written. On the first and the last day of
/// them an offset that leads to the day beyond is refused whatever the time.
fn is_date_time(text: &[u8]) -> bool {
    let mut at = 19;
    if byte_at(text, at) == b'.' {
        at = skip_digits(text, at + 1);
    }
    let (is_zone, length) = match byte_at(text, at) {
        b'Z' | b'z' => (true, 1),
        b'+' => (is_offset(text, at + 1, b"0001-01-01"), 6),
        b'-' => (is_offset(text, at + 1, b"9999-12-31"), 6),
        _ => return false,
    };
    // The number that is no place of a fraction: a point needs a digit behind it.
    at != 20
        && text.len() == at + length
        && is_zone
        && begins_with_date(text)
        && fits(text, 10, b"T")
        && is_time(text, 11)
        && fits(text, 16, b":59")
}

/// Whether `hh:mm` is at a place, which is none on a day.
fn is_offset(text: &[u8], at: usize, day: &[u8]) -> bool {
    is_time(text, at) && (!text.starts_with(day) || fits(text, at, b"00:00"))
}

/// Whether `hh:mm` is at a place.
fn is_time(text: &[u8], at: usize) -> bool {
    fits(text, at, b"29:59") && two_digits(text, at) < 24
}

fn begins_with_date(text: &[u8]) -> bool {
    let (century, year) = (two_digits(text, 0), two_digits(text, 2));
    let (month, day) = (two_digits(text, 5), two_digits(text, 8));
    let is_leap = if year == 0 { century } else { year } % 4 == 0;
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    fits(text, 0, b"9999-19-39")
        && century + year > 0
        && (1..=12).contains(&month)
        && (1..=days).contains(&day)
}

/// The number of two digits at a place; of anything else, some number.
fn two_digits(text: &[u8], at: usize) -> u32 {
    let digit = |at| u32::from(byte_at(text, at) & 15);
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
    use std::format;
    use std::ops::RangeInclusive;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    use super::is_date_time;
    use crate::time::Timestamp;

    /// What has to become a timestamp in the lake: 0001-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z.
    const RANGE: RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

    /// Every text of these parts, one of each.
    fn texts(parts: &[&[&str]]) -> Vec<String> {
        parts.iter().fold(vec![String::new()], |texts, part| {
            texts
                .iter()
                .flat_map(|text| part.iter().map(move |part| format!("{text}{part}")))
                .collect()
        })
    }

    /// What is of the format has to become a timestamp in the lake, and the other way round, but for
    /// offsets on the first and the last day, and from the year 0 into the first day.
    #[test]
    fn a_date_time_is_what_timestamps_are_read_from() {
        let days = texts(&[
            &["0000", "0001", "1900", "2024", "9999"],
            &["-00", "-01", "-02", "-04", "-12", "-13"],
            &["-00", "-01", "-28", "-29", "-30", "-31", "-32"],
            &["T", "t", " "],
        ]);
        let times = texts(&[
            &["00", "23", "24"],
            &[":00", ":59", ":60"],
            &[":00", ":59", ":60"],
            &["", ".", ".5", ".123456789"],
        ]);
        let mut zones = texts(&[&["+", "-"], &["00", "05", "24"], &[":00", ":30", ":60"]]);
        zones.extend(["", "Z", "z"].map(String::from));

        for day in &days {
            let out_of_range = match &day[..10] {
                "0000-12-31" | "9999-12-31" => "-",
                "0001-01-01" => "+",
                _ => "none",
            };
            for time in &times {
                for zone in &zones {
                    let text = format!("{day}{time}{zone}");
                    let read = Timestamp::parse_iso8601(&text);
                    let is_read = read.is_some_and(|read| RANGE.contains(&read.0));
                    let is_it = is_date_time(text.as_bytes());
                    assert!(
                        is_it == is_read || is_read && zone.starts_with(out_of_range),
                        "{text}"
                    );
                }
            }
        }
    }
}
