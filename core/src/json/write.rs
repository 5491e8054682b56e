//! The writer.

use alloc::string::String;

use super::number::push_integer;
use super::{Number, Value};
use super::{is_escaped, run_length};

/// Writes JSON text into a `String`, minding commas and escapes.
///
/// Calls follow the text from left to right and can be chained; each [`Writer::name`] is followed
/// by one value. Opening and closing in pairs is the caller's to get right.
///
/// ```
/// # use forebay_core::json::Writer;
/// let mut writer = Writer::new();
/// writer.begin_object().name("id").string("a\"b");
/// writer.name("tags").begin_array().integer(1).boolean(true).end_array();
/// writer.end_object();
/// assert_eq!(writer.finish(), r#"{"id":"a\"b","tags":[1,true]}"#);
/// ```
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
    /// Whether what comes next must be set apart from what was written.
    needs_comma: bool,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// An empty writer with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Writer {
        Writer {
            text: String::with_capacity(bytes),
            needs_comma: false,
        }
    }

    /// The finished text.
    pub fn finish(self) -> String {
        self.text
    }

    /// Bytes written so far.
    pub fn byte_len(&self) -> usize {
        self.text.len()
    }

    /// Opens an object.
    pub fn begin_object(&mut self) -> &mut Writer {
        self.begin('{')
    }

    /// Closes an object.
    pub fn end_object(&mut self) -> &mut Writer {
        self.end('}')
    }

    /// Opens an array.
    pub fn begin_array(&mut self) -> &mut Writer {
        self.begin('[')
    }

    /// Closes an array.
    pub fn end_array(&mut self) -> &mut Writer {
        self.end(']')
    }

    /// The name of a member; its value comes next.
    pub fn name(&mut self, name: &str) -> &mut Writer {
        self.string(name);
        self.text.push(':');
        self.needs_comma = false;
        self
    }

    /// A string.
    pub fn string(&mut self, value: &str) -> &mut Writer {
        self.separate();
        push_string(&mut self.text, value);
        self
    }

    /// A number.
    pub fn number(&mut self, value: &Number<'_>) -> &mut Writer {
        self.raw(value.as_text())
    }

    /// A whole number.
    pub fn integer(&mut self, value: i64) -> &mut Writer {
        self.separate();
        push_integer(&mut self.text, value);
        self
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, value: bool) -> &mut Writer {
        self.raw(if value { "true" } else { "false" })
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Writer {
        self.raw("null")
    }

    /// A value as JSON text, taken as it is.
    pub fn raw(&mut self, json: &str) -> &mut Writer {
        self.separate();
        self.text.push_str(json);
        self
    }

    /// A value, written back without white space.
    pub fn value(&mut self, value: &Value<'_>) -> &mut Writer {
        match value {
            Value::Null => self.null(),
            Value::Bool(value) => self.boolean(*value),
            Value::Number(number) => self.number(number),
            Value::String(text) => self.string(text),
            Value::Array(elements) => {
                self.begin_array();
                for element in elements {
                    self.value(element);
                }
                self.end_array()
            }
            Value::Object(members) => {
                self.begin_object();
                for (name, value) in members {
                    self.name(name).value(value);
                }
                self.end_object()
            }
        }
    }

    fn begin(&mut self, bracket: char) -> &mut Writer {
        self.separate();
        self.text.push(bracket);
        self.needs_comma = false;
        self
    }

    fn end(&mut self, bracket: char) -> &mut Writer {
        self.text.push(bracket);
        self.needs_comma = true;
        self
    }

    /// Before a value: the comma that sets it apart, and a note that the next one needs one.
    fn separate(&mut self) {
        if self.needs_comma {
            self.text.push(',');
        }
        self.needs_comma = true;
    }
}

fn push_string(text: &mut String, value: &str) {
    text.push('"');
    let mut rest = value;
    loop {
        // An escaped character is one byte long, so both sides of it are whole characters.
        let (plain, behind) = rest.split_at(run_length(rest.as_bytes(), is_escaped));
        text.push_str(plain);
        let Some(byte) = behind.bytes().next() else {
            break;
        };
        push_escape(text, byte);
        rest = behind.get(1..).unwrap_or_default();
    }
    text.push('"');
}

fn push_escape(text: &mut String, byte: u8) {
    text.push('\\');
    let short = match byte {
        b'"' | b'\\' => char::from(byte),
        b'\n' => 'n',
        b'\r' => 'r',
        b'\t' => 't',
        0x08 => 'b',
        0x0c => 'f',
        _ => {
            text.push_str(if byte < 0x10 { "u000" } else { "u001" });
            char::from_digit(u32::from(byte & 0xf), 16).unwrap_or('0')
        }
    };
    text.push(short);
}

/// Appends a number in decimal, with zeros before it up to `width`.
pub(crate) fn push_digits(text: &mut String, value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut count) = (value, 0);
    for digit in digits.iter_mut().rev() {
        // A remainder of ten fits a byte.
        #[allow(clippy::cast_possible_truncation)]
        let last = (rest % 10) as u8;
        *digit += last;
        rest /= 10;
        count += 1;
        if rest == 0 && count >= width {
            break;
        }
    }
    text.extend(digits[20 - count..].iter().copied().map(char::from));
}
