//! Tests of one value.

use std::cmp::Ordering;
use std::net::IpAddr;

use forebay_core::json::{Number, Value};

/// What a value may have to be. No test but [`Test::AnythingBut`] is passed by an object.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number of the same value, however it is written.
    Number(Number<'static>),
    /// This text.
    Text(String),
    /// This text, in letters of either case.
    TextIgnoringCase(String),
    /// A text that begins so.
    Prefix(String),
    /// The same in letters of either case.
    PrefixIgnoringCase(String),
    /// A text that ends so.
    Suffix(String),
    /// The same in letters of either case.
    SuffixIgnoringCase(String),
    /// A text that fits.
    Wildcard(Wildcard),
    /// A number in a range.
    Range(Range),
    /// A text that is an address in a network.
    Cidr(Cidr),
    /// Anything.
    Present,
    /// Nothing: no value passes.
    Absent,
    /// What passes none of these.
    AnythingBut(Vec<Test>),
}

impl Test {
    pub(super) fn passes(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            (Test::Null, Value::Null) | (Test::Present, _) => true,
            (Test::Bool(wanted), Value::Bool(value)) => wanted == value,
            (Test::Number(wanted), Value::Number(value)) => value.compare(wanted).is_eq(),
            (Test::Range(range), Value::Number(value)) => range.contains(value),
            (Test::AnythingBut(tests), _) => !tests.iter().any(|test| test.passes(value)),
            (_, Value::String(text)) => self.passes_text(text),
            _ => false,
        }
    }

    fn passes_text(&self, text: &str) -> bool {
        match self {
            Test::Text(wanted) => text == wanted,
            Test::TextIgnoringCase(wanted) => folded(text.chars()).eq(folded(wanted.chars())),
            Test::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Test::PrefixIgnoringCase(prefix) => begins(text.chars(), prefix.chars()),
            Test::Suffix(suffix) => text.ends_with(suffix.as_str()),
            Test::SuffixIgnoringCase(suffix) => begins(text.chars().rev(), suffix.chars().rev()),
            Test::Wildcard(wildcard) => wildcard.fits(text),
            Test::Cidr(cidr) => text.parse().is_ok_and(|address| cidr.contains(address)),
            _ => false,
        }
    }
}

/// Characters, of which those that differ in case alone are equal; one by one, so that a text keeps
/// its length.
fn folded(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.map(|character| {
        let upper = only(character.to_uppercase()).unwrap_or(character);
        only(upper.to_lowercase()).unwrap_or(upper)
    })
}

fn only(mut characters: impl Iterator<Item = char>) -> Option<char> {
    let first = characters.next();
    first.filter(|_| characters.next().is_none())
}

fn begins(text: impl Iterator<Item = char>, beginning: impl Iterator<Item = char>) -> bool {
    let mut text = folded(text);
    folded(beginning).all(|wanted| text.next() == Some(wanted))
}

/// A text in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wildcard {
    first: String,
    /// What follows each `*`.
    rest: Vec<String>,
}

/// Why a text is no wildcard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WildcardError {
    /// `**`
    #[error("has two `*` in a row: one stands for any text already")]
    TwoStars,
    /// A backslash before another character, or at the end.
    #[error(r"has a `\` that stands before neither `*` nor `\`: write `\\` for a backslash")]
    Escape,
}

impl Wildcard {
    /// Reads a text in which `\*` and `\\` are the characters themselves.
    pub(super) fn parse(text: &str) -> Result<Wildcard, WildcardError> {
        let mut pieces = vec![String::new()];
        let mut is_after_star = false;
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let literal = match character {
                '*' if is_after_star => return Err(WildcardError::TwoStars),
                '*' => {
                    is_after_star = true;
                    pieces.push(String::new());
                    continue;
                }
                '\\' => match characters.next() {
                    Some(escaped @ ('*' | '\\')) => escaped,
                    _ => return Err(WildcardError::Escape),
                },
                other => other,
            };
            is_after_star = false;
            if let Some(piece) = pieces.last_mut() {
                piece.push(literal);
            }
        }
        let rest = pieces.split_off(1);
        Ok(Wildcard {
            first: pieces.concat(),
            rest,
        })
    }

    /// The first place of each piece is as good as any later one, so that none is tried twice.
    fn fits(&self, text: &str) -> bool {
        let Some((last, middle)) = self.rest.split_last() else {
            return text == self.first;
        };
        let Some(mut text) = text.strip_prefix(self.first.as_str()) else {
            return false;
        };
        for piece in middle {
            let Some((_, after)) = text.split_once(piece.as_str()) else {
                return false;
            };
            text = after;
        }
        text.ends_with(last.as_str())
    }
}

/// Numbers between two others.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    pub(super) bottom: Option<Bound>,
    pub(super) top: Option<Bound>,
}

/// An end of a range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound {
    pub(super) number: Number<'static>,
    /// Whether the number itself is in the range.
    pub(super) is_inclusive: bool,
}

impl Range {
    fn contains(&self, value: &Number<'_>) -> bool {
        let is_within = |bound: &Option<Bound>, side: Ordering| {
            bound.as_ref().is_none_or(|bound| {
                let order = value.compare(&bound.number);
                order == side || (bound.is_inclusive && order.is_eq())
            })
        };
        is_within(&self.bottom, Ordering::Greater) && is_within(&self.top, Ordering::Less)
    }
}

/// A network of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cidr {
    /// The bits of the address, from the top.
    network: u128,
    /// How many of them are the network's, at the top.
    mask: u128,
    is_v6: bool,
}

impl Cidr {
    /// Reads `10.0.0.0/24` or `2001:db8::/32`.
    pub(super) fn parse(text: &str) -> Option<Cidr> {
        let (address, length) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let is_digits = length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|_| is_digits)?;
        let longest = if address.is_ipv6() { 128 } else { 32 };
        (length <= longest).then(|| {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            Cidr {
                network: bits(address) & mask,
                mask,
                is_v6: address.is_ipv6(),
            }
        })
    }

    fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv6() == self.is_v6 && bits(address) & self.mask == self.network
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}
