//! JSON in one pass, every text borrowed. It takes the usual forms and knows no errors: where it gives `None`, `core`
//! must look.

use forebay_core::event::{Map, Text};
use forebay_core::json::Number;
use forebay_core::time::Timestamp;

/// `core`'s own limits.
const MAX_DEPTH: usize = 32;
const MAX_VALUES: usize = 64 * 1024;
/// An object with more names that no column is read from is left to `core`.
const MAX_OTHERS: usize = 32;
/// Room for those of all objects that are open at a time.
const USUAL_OTHERS: usize = 16;

/// JSON being read, as far as its form is usual: whatever is not gives `None`.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    values_left: usize,
    /// Names of the objects that are open which are passed over.
    pub(super) others: Vec<&'a str>,
}

/// Reads an object: of each member that is named here, what stands behind its name, and of others nothing.
macro_rules! members {
    ($reader:ident, { $($name:literal => $read:expr,)* }) => {{
        let mut seen = 0_u64;
        let others = $reader.others.len();
        let mut name = $reader.open()?;
        while let Some(found) = name {
            let mut bit = 1_u64;
            'known: {
                $(
                    if found == $name {
                        if seen & bit != 0 {
                            return None;
                        }
                        seen |= bit;
                        $read;
                        break 'known;
                    }
                    bit <<= 1;
                )*
                let _ = bit;
                $reader.pass_over(found, others)?;
            }
            name = $reader.next_name()?;
        }
        $reader.others.truncate(others);
    }};
}

pub(super) use members;

/// JSON. Each of these reads a value with the white space before it.
impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Reader<'a> {
        Reader {
            text,
            at: 0,
            depth: 0,
            values_left: MAX_VALUES,
            others: Vec::with_capacity(USUAL_OTHERS),
        }
    }

    /// Whether all of the text was read.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.space();
        self.at == self.text.len()
    }

    pub(super) fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    /// Goes to where a value begins, and counts it.
    pub(super) fn value(&mut self) -> Option<u8> {
        self.values_left = self.values_left.checked_sub(1)?;
        self.space();
        self.byte()
    }

    pub(super) fn take(&mut self, byte: u8) -> Option<()> {
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// Passes over the start of an object, up to its first value. Gives the value's name; `None` for an object
    /// that is empty.
    pub(super) fn open(&mut self) -> Option<Option<&'a str>> {
        self.take(b'{')?;
        self.deeper()?;
        self.space();
        if self.byte()? == b'}' {
            self.at += 1;
            self.depth -= 1;
            return Some(None);
        }
        self.name().map(Some)
    }

    pub(super) fn deeper(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    /// Behind a value of an object: the next name; `None` at the end of the object.
    pub(super) fn next_name(&mut self) -> Option<Option<&'a str>> {
        self.space();
        match self.byte()? {
            b',' => {
                self.at += 1;
                self.space();
                self.name().map(Some)
            }
            b'}' => {
                self.at += 1;
                self.depth -= 1;
                Some(None)
            }
            _ => None,
        }
    }

    pub(super) fn name(&mut self) -> Option<&'a str> {
        let name = self.quoted()?;
        self.space();
        self.take(b':')?;
        Some(name)
    }

    /// Passes over a value whose name is none of those that are read. `first`: where the names of its object
    /// begin in `others`.
    pub(super) fn pass_over(&mut self, name: &'a str, first: usize) -> Option<()> {
        let others = self.others.get(first..)?;
        if others.len() >= MAX_OTHERS || others.contains(&name) {
            return None;
        }
        self.others.push(name);
        self.skip()
    }

    /// A text without escapes.
    pub(super) fn quoted(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        // Eight bytes at a time: nearly all texts are short.
        while let Some(chunk) = bytes.get(self.at..).and_then(<[u8]>::first_chunk) {
            let found = stops(u64::from_le_bytes(*chunk));
            if found != 0 {
                self.at += (found.trailing_zeros() / 8) as usize;
                break;
            }
            self.at += 8;
        }
        // At the end of the record there may be fewer.
        while !matches!(self.byte()?, b'"' | b'\\' | 0..0x20) {
            self.at += 1;
        }
        let text = self.text.get(start..self.at)?;
        self.take(b'"')?;
        Some(text)
    }

    pub(super) fn string(&mut self) -> Option<Text<'a>> {
        self.value()?;
        self.quoted().map(Text::Borrowed)
    }

    /// A text, or `None` for null.
    pub(super) fn text(&mut self) -> Option<Option<Text<'a>>> {
        match self.value()? {
            b'n' => self.literal("null").map(|()| None),
            _ => self.quoted().map(|text| Some(Text::Borrowed(text))),
        }
    }

    pub(super) fn literal(&mut self, name: &str) -> Option<()> {
        let rest = self.text.as_bytes().get(self.at..)?;
        rest.starts_with(name.as_bytes())
            .then(|| self.at += name.len())
    }

    pub(super) fn boolean(&mut self) -> Option<bool> {
        match self.value()? {
            b't' => self.literal("true").map(|()| true),
            _ => self.literal("false").map(|()| false),
        }
    }

    pub(super) fn number(&mut self) -> Option<Number<'a>> {
        self.value()?;
        self.digits()
    }

    pub(super) fn digits(&mut self) -> Option<Number<'a>> {
        let start = self.at;
        while let Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E') = self.byte() {
            self.at += 1;
        }
        Number::from_text(Text::Borrowed(self.text.get(start..self.at)?))
    }

    pub(super) fn integer(&mut self) -> Option<i64> {
        self.value()?;
        let start = self.at;
        let mut value = 0_i64;
        while let Some(digit @ b'0'..=b'9') = self.byte() {
            value = value
                .checked_mul(10)?
                .checked_add(i64::from(digit - b'0'))?;
            self.at += 1;
        }
        let is_plain = !matches!(self.byte(), Some(b'.' | b'e' | b'E'));
        let is_zero_first = self.text.as_bytes().get(start) == Some(&b'0');
        if self.at > start && is_plain && !is_zero_first {
            return Some(value);
        }
        self.at = start;
        self.digits()?.to_i64()
    }

    pub(super) fn timestamp(&mut self) -> Option<Timestamp> {
        self.integer().map(Timestamp)
    }

    pub(super) fn strings(&mut self) -> Option<Vec<Text<'a>>> {
        let mut strings = Vec::new();
        self.value()?;
        self.elements(|reader| {
            strings.push(reader.string()?);
            Some(())
        })?;
        Some(strings)
    }

    pub(super) fn elements(&mut self, mut read: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        self.deeper()?;
        self.space();
        if self.byte()? != b']' {
            loop {
                read(self)?;
                self.space();
                match self.byte()? {
                    b',' => self.at += 1,
                    _ => break,
                }
            }
        }
        self.depth -= 1;
        self.take(b']')
    }

    pub(super) fn map<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Map<'a, T>> {
        let mut map = Map::new();
        self.value()?;
        let mut name = self.open()?;
        while let Some(found) = name {
            if map.iter().any(|(other, _)| *other == found) {
                return None;
            }
            map.push((Text::Borrowed(found), read(self)?));
            name = self.next_name()?;
        }
        Some(map)
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.value()? {
            b'"' => self.quoted().map(drop),
            b'{' => {
                let mut name = self.open()?;
                while name.is_some() {
                    self.skip()?;
                    name = self.next_name()?;
                }
                Some(())
            }
            b'[' => self.elements(Reader::skip),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            _ => self.digits().map(drop),
        }
    }
}

/// A bit in each byte that is a quote, a backslash or below space; bytes above the lowest such byte may have one
/// without being any.
fn stops(bytes: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    let is_zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let is = |byte: u8| is_zero(bytes ^ (ONES * u64::from(byte)));
    let is_control = bytes.wrapping_sub(ONES * 0x20) & !bytes;
    (is(b'"') | is(b'\\') | is_control) & (ONES << 7)
}
