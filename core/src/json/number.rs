//! Numbers that keep their text.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};

use super::push_digits;

/// A JSON number as its text, e.g. `12.50`. Always valid JSON number syntax. Two numbers are equal
/// when their texts are: `1.0` and `1` differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number<'a>(Cow<'a, str>);

impl<'a> Number<'a> {
    /// Takes number text as it is, if it is JSON number syntax. JavaScript's `String(number)` is,
    /// for every number but `NaN` and the infinities.
    pub fn from_text(text: Cow<'a, str>) -> Option<Number<'a>> {
        (!text.is_empty() && number_len(text.as_bytes()) == Some(text.len()))
            .then_some(Number(text))
    }

    /// The shortest text that reads back as `value`; `None` for what JSON has no number for (NaN,
    /// infinities). It pulls in the float printer of `core`, several KB: the browser, which has a
    /// printer of its own, uses [`Number::from_text`].
    pub fn from_f64(value: f64) -> Option<Number<'static>> {
        if !value.is_finite() {
            return None;
        }
        let magnitude = value.abs();
        let plain = magnitude == 0.0 || (1e-7..1e21).contains(&magnitude);
        let text = if plain {
            value.to_string()
        } else {
            alloc::format!("{value:e}")
        };
        Some(Number(Cow::Owned(text)))
    }

    /// Text that a reader has already found to be a number.
    pub(super) fn from_checked(text: &'a str) -> Number<'a> {
        Number(Cow::Borrowed(text))
    }

    /// The text.
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// The nearest double. Infinite where the number is beyond the range of a double.
    pub fn to_f64(&self) -> f64 {
        // JSON number syntax is within Rust's, so that this always reads.
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The value if it is a whole number in range; `5.0` and `5e0` count.
    pub fn to_i64(&self) -> Option<i64> {
        self.scaled(0, Rest::Refused)
    }

    /// A number of seconds as whole milliseconds, what is finer cut off; `None` out of range.
    /// Works on the digits, so that `1.4428775E9` is exact.
    pub fn seconds_to_millis(&self) -> Option<i64> {
        self.scaled(3, Rest::CutOff)
    }

    /// The value times ten to the `shift`, as an integer.
    fn scaled(&self, shift: i64, rest: Rest) -> Option<i64> {
        let text = self.0.as_ref();
        let (negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));

        // How many digits stand before the decimal point once exponent and shift have moved it.
        let point = i64::try_from(whole.len())
            .ok()?
            .saturating_add(saturating_integer(exponent))
            .saturating_add(shift);
        // Summed up below zero, where i64 reaches one further than above.
        let mut value: i64 = 0;
        let mut position: i64 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            let digit = i64::from(digit - b'0');
            if position < point {
                value = value.checked_mul(10)?.checked_sub(digit)?;
            } else if digit != 0 && matches!(rest, Rest::Refused) {
                return None;
            }
            position += 1;
        }
        while position < point && value != 0 {
            value = value.checked_mul(10)?;
            position += 1;
        }
        if negative {
            Some(value)
        } else {
            value.checked_neg()
        }
    }
}

/// What becomes of digits behind the decimal point.
#[derive(Clone, Copy)]
enum Rest {
    Refused,
    CutOff,
}

impl From<i64> for Number<'static> {
    fn from(value: i64) -> Number<'static> {
        let mut text = String::new();
        push_integer(&mut text, value);
        Number(Cow::Owned(text))
    }
}

impl From<u32> for Number<'static> {
    fn from(value: u32) -> Number<'static> {
        Number::from(i64::from(value))
    }
}

/// Appends an integer in decimal.
pub(super) fn push_integer(text: &mut String, value: i64) {
    if value < 0 {
        text.push('-');
    }
    push_digits(text, value.unsigned_abs(), 1);
}

/// Reads an exponent, `+5`, `-05` or `5`; far beyond any use, it stays at the end of the range.
fn saturating_integer(text: &str) -> i64 {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    digits.bytes().fold(0i64, |value, digit| {
        value
            .saturating_mul(10)
            .saturating_add(sign * i64::from(digit - b'0'))
    })
}

/// How many bytes at the start of `text` are one JSON number; `None` where none begins there, or
/// one breaks off, as in `1.` or `-`.
pub(super) fn number_len(text: &[u8]) -> Option<usize> {
    let digits_from = |start: usize| {
        text.iter()
            .skip(start)
            .take_while(|byte| byte.is_ascii_digit())
            .count()
    };
    let at = |position: usize| text.get(position).copied();

    let mut position = usize::from(at(0) == Some(b'-'));
    position += match at(position)? {
        b'0' => 1,
        b'1'..=b'9' => digits_from(position),
        _ => return None,
    };
    if at(position) == Some(b'.') {
        position += 1;
        position += Some(digits_from(position)).filter(|&count| count > 0)?;
    }
    if matches!(at(position), Some(b'e' | b'E')) {
        position += 1;
        position += usize::from(matches!(at(position), Some(b'+' | b'-')));
        position += Some(digits_from(position)).filter(|&count| count > 0)?;
    }
    Some(position)
}
