//! JSON in one pass, every text borrowed. It takes the usual forms and knows no errors: where it gives `None`, `core`
//! must look.

use forebay_core::event::{Map, Text};
use forebay_core::json::Number;
use forebay_core::time::Timestamp;
use wide::u8x64;

/// `core`'s own limits.
const MAX_DEPTH: usize = 32;
const MAX_VALUES: usize = 64 * 1024;
/// An object with more names that are not known here is left to `core`.
const MAX_OTHERS: usize = 64;
/// Room for those of all objects that are open at a time.
const USUAL_OTHERS: usize = 16;

/// JSON being read, as far as its form is usual: whatever is not gives `None`.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    values_left: usize,
    /// Which bytes of a block may end a text: a bit for each.
    stops: u64,
    /// The number of that block.
    block: usize,
    /// Names of the objects that are open, without those that are known here.
    pub(super) others: Vec<&'a str>,
}

/// Reads an object: of each member that is named here, what stands behind its name, and of others nothing.
///
/// Producers write the members of an object in one order, without white space. In that order they are asked for: a
/// name is not read, it is compared with the one that should come. Where none of them comes, the name is read, and
/// they are asked for once more.
macro_rules! members {
    ($reader:ident, { $($name:literal => $read:expr,)* }) => {{
        let mut seen = 0_u64;
        let others = $reader.others.len();
        let mut found = None;
        let mut is_open = $reader.open()?;
        'object: while is_open {
            let at = $reader.at();
            let mut bit = 1_u64;
            $(
                let is_next = match found {
                    None => $reader.pass(concat!("\"", $name, "\":")),
                    Some(name) => name == $name,
                };
                if is_next {
                    if seen & bit != 0 {
                        return None;
                    }
                    seen |= bit;
                    found = None;
                    $read;
                    is_open = $reader.goes_on()?;
                    if !is_open {
                        break 'object;
                    }
                }
                bit <<= 1;
            )*
            let _ = bit;
            if $reader.at() != at {
                continue;
            }
            match found.take() {
                None => found = Some($reader.name()?),
                Some(name) => {
                    $reader.pass_over(name, others)?;
                    is_open = $reader.goes_on()?;
                }
            }
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
            stops: 0,
            block: usize::MAX,
            others: Vec::with_capacity(USUAL_OTHERS),
        }
    }

    /// Whether all of the text was read.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.space();
        self.at == self.text.len()
    }

    /// Where it is in the text.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Passes over these characters, if they come next.
    pub(super) fn pass(&mut self, text: &str) -> bool {
        let rest = self.text.as_bytes().get(self.at..);
        let is_next = rest.is_some_and(|rest| rest.starts_with(text.as_bytes()));
        self.at += if is_next { text.len() } else { 0 };
        is_next
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

    /// Passes over the start of an object, up to its first name. Gives whether it has one.
    pub(super) fn open(&mut self) -> Option<bool> {
        self.take(b'{')?;
        self.deeper()?;
        self.space();
        if self.byte()? == b'}' {
            self.at += 1;
            self.depth -= 1;
            return Some(false);
        }
        Some(true)
    }

    pub(super) fn deeper(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    /// Behind a value of an object: passes over what is before the next name. Gives whether there is one.
    pub(super) fn goes_on(&mut self) -> Option<bool> {
        self.space();
        match self.byte()? {
            b',' => {
                self.at += 1;
                self.space();
                Some(true)
            }
            b'}' => {
                self.at += 1;
                self.depth -= 1;
                Some(false)
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
        self.is_new(name, first)?;
        self.skip()
    }

    fn is_new(&mut self, name: &'a str, first: usize) -> Option<()> {
        let others = self.others.get(first..)?;
        if others.len() >= MAX_OTHERS || others.contains(&name) {
            return None;
        }
        self.others.push(name);
        Some(())
    }

    /// A text without escapes.
    pub(super) fn quoted(&mut self) -> Option<&'a str> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            let (block, bit) = (self.at / BLOCK, self.at % BLOCK);
            if block != self.block {
                self.stops = stops(self.text.as_bytes(), block * BLOCK);
                self.block = block;
            }
            let next = self.stops >> bit;
            if next != 0 {
                self.at += next.trailing_zeros() as usize;
                break;
            }
            self.at += BLOCK - bit;
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

    /// An array of texts; one that is not kept is given empty.
    pub(super) fn strings(&mut self, is_kept: bool) -> Option<Vec<Text<'a>>> {
        let mut strings = Vec::new();
        self.value()?;
        self.elements(|reader| {
            let string = reader.string()?;
            if is_kept {
                strings.push(string);
            }
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

    /// An object of any names; one that is not kept is given empty.
    pub(super) fn map<T>(
        &mut self,
        is_kept: bool,
        read: impl Fn(&mut Self) -> Option<T>,
    ) -> Option<Map<'a, T>> {
        let mut map = Map::new();
        let others = self.others.len();
        self.value()?;
        let mut is_open = self.open()?;
        while is_open {
            let name = self.name()?;
            self.is_new(name, others)?;
            let value = read(self)?;
            if is_kept {
                map.push((Text::Borrowed(name), value));
            }
            is_open = self.goes_on()?;
        }
        self.others.truncate(others);
        Some(map)
    }

    /// Passes over a value.
    pub(super) fn skip(&mut self) -> Option<()> {
        match self.value()? {
            b'"' => self.quoted().map(drop),
            b'{' => {
                let mut is_open = self.open()?;
                while is_open {
                    self.name()?;
                    self.skip()?;
                    is_open = self.goes_on()?;
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

/// Bytes that are looked at at a time.
const BLOCK: usize = 64;

/// Which bytes of the block that begins here are a quote, a backslash or below space; so are those behind the end.
fn stops(text: &[u8], start: usize) -> u64 {
    let rest = text.get(start..).unwrap_or_default();
    let block = match rest.first_chunk() {
        Some(block) => *block,
        None => {
            let mut block = [0; BLOCK];
            for (to, from) in block.iter_mut().zip(rest) {
                *to = *from;
            }
            block
        }
    };
    let block = u8x64::new(block);
    let is = |byte| block.simd_eq(u8x64::splat(byte));
    let is_control = block.min(u8x64::splat(0x1f)).simd_eq(block);
    (is(b'"') | is(b'\\') | is_control).to_bitmask()
}
