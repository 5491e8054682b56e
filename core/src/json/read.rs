//! The reader: strict RFC 8259, with caps.

use alloc::borrow::Cow;
use alloc::collections::BinaryHeap;
use alloc::string::String;
use alloc::vec::Vec;

use super::number::{Number, number_len};
use super::{Value, is_escaped, run_length};
use crate::steps::step;

/// What a reader refuses to go beyond.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deepest nesting of arrays and objects; a lone `[]` is 1. Never more than
    /// [`Limits::MAX_DEPTH`].
    pub depth: usize,
    /// Most values in the whole text, counted before they are allocated.
    pub values: usize,
}

impl Limits {
    /// The nesting beyond which no text is read, whatever was asked for: values are read, compared
    /// and dropped by recursion, and a stack has an end.
    pub const MAX_DEPTH: usize = 128;
}

/// Why a text is not JSON that this reader takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset into the text.
    pub offset: usize,
    /// What was wrong there, e.g. `expected ':'`.
    pub reason: &'static str,
}

impl core::fmt::Display for ParseError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at byte {}", self.reason, self.offset)
    }
}

impl core::error::Error for ParseError {}

/// Reads a text. `names_may_repeat`: in one object.
pub(super) fn parse(
    text: &[u8],
    limits: Limits,
    names_may_repeat: bool,
) -> Result<Value<'_>, ParseError> {
    let text = core::str::from_utf8(text).map_err(|error| ParseError {
        offset: error.valid_up_to(),
        reason: "not UTF-8",
    })?;
    let mut reader = Reader {
        text,
        position: 0,
        values_left: limits.values,
        names_may_repeat,
        reason: "",
    };
    reader
        .whole(limits.depth.min(Limits::MAX_DEPTH))
        .ok_or(ParseError {
            offset: reader.position,
            reason: reader.reason,
        })
}

/// Where a method gives `None`, reading must stop at `position`, and `reason` says why.
struct Reader<'a> {
    text: &'a str,
    position: usize,
    values_left: usize,
    names_may_repeat: bool,
    reason: &'static str,
}

impl<'a> Reader<'a> {
    fn fail<T>(&mut self, reason: &'static str) -> Option<T> {
        self.reason = reason;
        None
    }

    /// The one value of the text.
    fn whole(&mut self, depth: usize) -> Option<Value<'a>> {
        let value = self.value(depth)?;
        self.skip_whitespace();
        if self.position < self.text.len() {
            return self.fail("expected nothing more");
        }
        Some(value)
    }

    fn rest(&self) -> &'a [u8] {
        self.text
            .as_bytes()
            .get(self.position..)
            .unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// The text from `start` to here. Both are at the edge of a character wherever it is called.
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.position).unwrap_or_default()
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.position += 1;
        }
    }

    /// Passes over `byte`, if it is what comes next.
    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    /// Reads a value and the white space before it; `depth` more levels may be opened.
    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        self.skip_whitespace();
        step();
        self.values_left = match self.values_left.checked_sub(1) {
            Some(left) => left,
            None => return self.fail("more values than allowed"),
        };
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.fail("expected a value"),
        }
    }

    fn literal(&mut self, name: &str, value: Value<'a>) -> Option<Value<'a>> {
        if !self.rest().starts_with(name.as_bytes()) {
            return self.fail("expected a value");
        }
        self.position += name.len();
        Some(value)
    }

    fn number(&mut self) -> Option<Value<'a>> {
        let start = self.position;
        match number_len(self.rest()) {
            Some(len) => self.position += len,
            None => return self.fail("not a number of JSON's form"),
        }
        Some(Value::Number(Number::from_checked(self.since(start))))
    }

    /// Passes over the opening bracket, and gives how many levels may be opened inside.
    fn open(&mut self, depth: usize) -> Option<usize> {
        let Some(inner) = depth.checked_sub(1) else {
            return self.fail("nested deeper than allowed");
        };
        self.position += 1;
        self.skip_whitespace();
        Some(inner)
    }

    /// After a member or element: passes over a comma and gives `true`, or over `close`.
    fn goes_on(&mut self, close: u8, reason: &'static str) -> Option<bool> {
        self.skip_whitespace();
        if self.take(b',') {
            self.skip_whitespace();
            return Some(true);
        }
        if self.take(close) {
            return Some(false);
        }
        self.fail(reason)
    }

    fn array(&mut self, depth: usize) -> Option<Value<'a>> {
        let depth = self.open(depth)?;
        let mut elements = Vec::new();
        if !self.take(b']') {
            loop {
                elements.push(self.value(depth)?);
                if !self.goes_on(b']', "expected ',' or ']'")? {
                    break;
                }
            }
        }
        Some(Value::Array(elements))
    }

    fn object(&mut self, depth: usize) -> Option<Value<'a>> {
        let depth = self.open(depth)?;
        let mut members = Vec::new();
        if !self.take(b'}') {
            loop {
                if self.peek() != Some(b'"') {
                    return self.fail("expected a name in quotes");
                }
                let name = self.string()?;
                self.skip_whitespace();
                if !self.take(b':') {
                    return self.fail("expected ':'");
                }
                members.push((name, self.value(depth)?));
                if !self.goes_on(b'}', "expected ',' or '}'")? {
                    break;
                }
            }
        }
        if !self.names_may_repeat && repeats_a_name(&members) {
            return self.fail("a name is repeated in this object");
        }
        Some(Value::Object(members))
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.position += 1;
        let mut unescaped = String::new();
        loop {
            let start = self.position;
            self.position += run_length(self.rest(), is_escaped);
            step();
            let run = self.since(start);
            match self.peek() {
                Some(b'"') => {
                    self.position += 1;
                    if unescaped.is_empty() {
                        return Some(Cow::Borrowed(run));
                    }
                    unescaped.push_str(run);
                    return Some(Cow::Owned(unescaped));
                }
                Some(b'\\') => {
                    unescaped.push_str(run);
                    let character = self.escape()?;
                    unescaped.push(character);
                }
                Some(_) => return self.fail("a control character must be escaped"),
                None => return self.fail("the string has no end"),
            }
        }
    }

    /// Reads an escape, from its backslash on.
    fn escape(&mut self) -> Option<char> {
        let character = match self.rest().get(1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(),
            _ => return self.fail("not an escape of JSON's"),
        };
        self.position += 2;
        Some(character)
    }

    /// Reads `\uXXXX`, and the other half where it is one of a surrogate pair. A half that stands alone is no
    /// character: as everywhere on the web, U+FFFD stands in its place.
    fn unicode_escape(&mut self) -> Option<char> {
        let first = self.code_unit()?;
        let mut code_point = first;
        if (0xd800..0xdc00).contains(&first) {
            let next = self.position;
            match self.code_unit() {
                Some(second @ 0xdc00..=0xdfff) => {
                    code_point = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                }
                // Another character, or a mistake that is met once more.
                _ => self.position = next,
            }
        }
        Some(char::from_u32(code_point).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    /// Reads one `\uXXXX`.
    fn code_unit(&mut self) -> Option<u32> {
        let mut digits = match self.rest() {
            [b'\\', b'u', digits @ ..] => digits.iter(),
            _ => return self.fail("expected '\\u'"),
        };
        let mut unit = 0;
        for _ in 0..4 {
            let digit = digits
                .next()
                .and_then(|&byte| char::from(byte).to_digit(16));
            unit = match digit {
                Some(digit) => unit * 16 + digit,
                None => return self.fail("expected four hexadecimal digits"),
            };
        }
        self.position += 6;
        Some(unit)
    }
}

/// Up to this many members, comparing each name with each is quickest.
const FEW_MEMBERS: usize = 16;

pub(super) fn repeats_a_name(members: &[(Cow<'_, str>, Value<'_>)]) -> bool {
    if members.len() <= FEW_MEMBERS {
        let mut later = members.iter();
        while let Some((name, _)) = later.next() {
            let is_same = |(other, _): &(Cow<'_, str>, Value<'_>)| {
                step();
                other == name
            };
            if later.clone().any(is_same) {
                return true;
            }
        }
        return false;
    }
    // A heap sorts in n log n whatever it is given, so that an object made of thousands of names
    // costs no square of them; and in a tenth of the code of a slice's sort.
    let names: BinaryHeap<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
    let names = names.into_sorted_vec();
    names.windows(2).any(|pair| {
        step();
        matches!(pair, [one, next] if one == next)
    })
}
