//! The formats a string may be held to, by hand: a regular expression engine would be larger than
//! everything else the browser loads.

use core::ops::RangeInclusive;

use super::Format;
use crate::time::Timestamp;

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
        match self {
            Format::Email => is_email(text),
            Format::DateTime => is_date_time(text),
            Format::Date => is_date(text),
            Format::Uuid => is_uuid(text),
            Format::Uri => is_uri(text),
        }
    }
}

/// 0001-01-01T00:00:00.000Z to 9999-12-31T23:59:59.999Z: what the timestamps of every query engine
/// hold.
const TIMESTAMPS: RangeInclusive<i64> = -62_135_596_800_000..=253_402_300_799_999;

/// RFC 3339, as far as the lake can turn it into a timestamp: without leap seconds and the year 0.
/// What ISO 8601 has on top, years beyond four digits and offsets without a colon, is not it.
fn is_date_time(text: &str) -> bool {
    Timestamp::parse_iso8601(text).is_some_and(|timestamp| TIMESTAMPS.contains(&timestamp.0))
        && !text.starts_with(['+', '-'])
        && (text.ends_with(['Z', 'z']) || text.bytes().rev().nth(2) == Some(b':'))
}

/// RFC 3339's `full-date`, of the same years.
fn is_date(text: &str) -> bool {
    text.len() == 10 && is_date_time(&[text, "T00:00:00Z"].concat())
}

/// RFC 5321's `Mailbox` without quoted local parts and address literals, which no mail service
/// gives out.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let atom = |atom: &str| {
        !atom.is_empty()
            && atom
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte))
    };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 254
        && local.len() <= 64
        && local.split('.').all(atom)
        && domain.split('.').all(label)
}

/// RFC 9562: 8-4-4-4-12 hexadecimal digits, of either case.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// RFC 3986's `URI`: a scheme, then what the grammar allows.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (hierarchy, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(rest) => split_before(rest, '/'),
        None => ("", hierarchy),
    };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && is_authority(authority)
        && has_only(path, b":@/")
        && has_only(query, b":@/?")
        && has_only(fragment, b":@/?")
}

fn is_authority(authority: &str) -> bool {
    let (user, host_and_port) = authority.split_once('@').unwrap_or(("", authority));
    let (host, port) = match host_and_port.strip_prefix('[') {
        Some(literal) => {
            let Some((address, rest)) = literal.split_once(']') else {
                return false;
            };
            if !is_ip_literal(address) {
                return false;
            }
            ("", rest)
        }
        None => split_before(host_and_port, ':'),
    };
    let port_is_number = match port.strip_prefix(':') {
        Some(digits) => digits.bytes().all(|digit| digit.is_ascii_digit()),
        None => port.is_empty(),
    };
    has_only(user, b":") && has_only(host, b"") && port_is_number
}

/// What may stand in the brackets of a host: an IPv6 address, or one of a version to come (`v9.x`).
fn is_ip_literal(address: &str) -> bool {
    match address
        .strip_prefix(['v', 'V'])
        .and_then(|rest| rest.split_once('.'))
    {
        Some((version, address)) => {
            let is_hex = version.bytes().all(|digit| digit.is_ascii_hexdigit());
            let is_plain = !address.contains('%') && has_only(address, b":");
            is_hex && is_plain && !version.is_empty() && !address.is_empty()
        }
        None => is_ipv6(address),
    }
}

/// RFC 3986's `IPv6address`. The parser of `core::net` makes an address of it, and is five times
/// larger.
fn is_ipv6(address: &str) -> bool {
    match address.split_once("::") {
        Some((before, after)) if !before.contains('.') => {
            let groups = count_groups(before).zip(count_groups(after));
            groups.is_some_and(|(before, after)| before + after < 8)
        }
        Some(_) => false,
        None => count_groups(address) == Some(8),
    }
}

/// How many groups of 16 bits a part of an IPv6 address has; an IPv4 address at its end is two.
fn count_groups(part: &str) -> Option<usize> {
    let mut count = 0;
    let mut rest = part;
    while !rest.is_empty() {
        let (group, others) = rest.split_once(':').unwrap_or((rest, ""));
        let is_last = group.len() == rest.len();
        let is_hex = group.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_hex && (1..=4).contains(&group.len()) && (is_last || !others.is_empty()) {
            count += 1;
        } else if is_last && is_ipv4(group) {
            count += 2;
        } else {
            return None;
        }
        rest = others;
    }
    Some(count)
}

/// RFC 3986's `IPv4address`.
fn is_ipv4(address: &str) -> bool {
    let is_octet = |octet: &str| match octet.as_bytes() {
        [b'0'] => true,
        [b'1'..=b'9', ..] => octet.len() <= 3 && octet.parse::<u8>().is_ok(),
        _ => false,
    };
    address.split('.').count() == 4 && address.split('.').all(is_octet)
}

/// What stands before the first `separator`, and what begins with it.
fn split_before(text: &str, separator: char) -> (&str, &str) {
    text.find(separator)
        .and_then(|at| text.split_at_checked(at))
        .unwrap_or((text, ""))
}

/// Whether `text` holds only unreserved characters, sub-delimiters, percent-encoded bytes, and
/// those in `also`.
fn has_only(text: &str, also: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let allowed = match byte {
            b'%' => {
                let mut is_digit = || bytes.next().is_some_and(|next| next.is_ascii_hexdigit());
                is_digit() && is_digit()
            }
            _ => {
                byte.is_ascii_alphanumeric()
                    || b"-._~!$&'()*+,;=".contains(&byte)
                    || also.contains(&byte)
            }
        };
        if !allowed {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use core::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::is_ipv6;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn an_ipv6_address_is_what_core_takes_for_one(
            address in "((0|1f|ffff|12345|g)?:{1,2}){0,8}(ab|1\\.2\\.(3|03|256)\\.4)?"
        ) {
            prop_assert_eq!(is_ipv6(&address), address.parse::<Ipv6Addr>().is_ok());
        }

        #[test]
        fn every_ipv6_address_is_one(address in any::<[u16; 8]>().prop_map(Ipv6Addr::from)) {
            prop_assert!(is_ipv6(&address.to_string()));
        }
    }
}
