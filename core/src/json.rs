//! A small JSON reader and writer: the one both ends use, small enough for the browser.
//!
//! Strings are borrowed from the input where they hold no escape. Numbers keep their text, so
//! that what is read and written again is the same to the digit.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

/// A JSON value, borrowing from the text it was read from where it can.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, kept as text.
    Number(Number<'a>),
    /// A string, unescaped.
    String(Cow<'a, str>),
    /// An array.
    Array(Vec<Value<'a>>),
    /// An object, in the order of its text. Names are unique: a repeated name is an error.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// A JSON number as its text, e.g. `12.50`. Always valid JSON number syntax.
#[derive(Debug, Clone, PartialEq)]
pub struct Number<'a>(Cow<'a, str>);

/// What a reader refuses to go beyond.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deepest nesting of arrays and objects.
    pub depth: usize,
    /// Most values in the whole text, counted before they are allocated.
    pub values: usize,
}

/// Why a text is not JSON that this reader takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Byte offset into the text.
    pub offset: usize,
    /// What was wrong there, e.g. `expected ':'`.
    pub reason: &'static str,
}

impl<'a> Value<'a> {
    /// Reads one JSON text. Nothing may follow it but white space.
    ///
    /// # Errors
    /// [`ParseError`] for anything RFC 8259 does not allow, a name repeated in one object, invalid
    /// UTF-8, and anything beyond `limits`.
    pub fn parse(_text: &'a [u8], _limits: Limits) -> Result<Value<'a>, ParseError> {
        todo!()
    }

    /// The member `name` of an object; `None` for a missing member and for what is not an object.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Value::Object(members) => members
                .iter()
                .find(|(member, _)| member == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> Number<'a> {
    /// Takes number text as it is, if it is JSON number syntax.
    pub fn from_text(_text: Cow<'a, str>) -> Option<Number<'a>> {
        todo!()
    }

    /// The text.
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// The nearest double. Infinite where the number is beyond the range of a double.
    pub fn to_f64(&self) -> f64 {
        todo!()
    }

    /// The value if it is a whole number in range; `5.0` and `5e0` count.
    pub fn to_i64(&self) -> Option<i64> {
        todo!()
    }
}

/// Writes JSON text into a `String`, minding commas and escapes.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// The finished text.
    pub fn finish(self) -> String {
        self.text
    }
}
