//! A small JSON reader and writer: the one both ends use, small enough for the browser.
//!
//! Strings are borrowed from the input where they hold no escape. Numbers keep their text, so
//! that what is read and written again is the same to the digit.

mod number;
mod read;
mod scan;
mod write;

pub use number::Number;
pub(crate) use number::{compare, is_in_double_range, is_whole};
pub use read::{Limits, ParseError};
pub(crate) use scan::{is_escaped, run_length};
pub use write::Writer;
pub(crate) use write::push_digits;

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::steps::step;

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
    /// An object, in the order of its text. Names are unique, unless it was read by
    /// [`Value::parse_repetitive`].
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads one JSON text. Nothing may follow it but white space.
    ///
    /// # Errors
    /// [`ParseError`] for anything RFC 8259 does not allow, a name repeated in one object, invalid
    /// UTF-8, and anything beyond `limits`.
    pub fn parse(text: &'a [u8], limits: Limits) -> Result<Value<'a>, ParseError> {
        read::parse(text, limits, false)
    }

    /// The same for a text in whose objects names may repeat, so that one such object harms no other part of the
    /// text. Who uses an object asks for [`Value::repeats_a_name`].
    ///
    /// # Errors
    /// As for [`Value::parse`], but for repeated names.
    pub fn parse_repetitive(text: &'a [u8], limits: Limits) -> Result<Value<'a>, ParseError> {
        read::parse(text, limits, true)
    }

    /// Whether it is an object with two members of one name. Halves of surrogate pairs are all the same character.
    pub fn repeats_a_name(&self) -> bool {
        matches!(self, Value::Object(members) if read::repeats_a_name(members))
    }

    /// The member `name` of an object, the first one; `None` for a missing member and for what is not an object.
    pub fn get(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Value::Object(members) => members
                .iter()
                .find(|(member, _)| {
                    step();
                    member == name
                })
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The type of the value in words, for messages: `a string`. `null` is `nothing`: it means an absent member.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
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
