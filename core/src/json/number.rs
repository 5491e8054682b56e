//! Numbers that keep their text.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::cmp::Ordering;

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

    /// The same number with a text of its own.
    pub fn into_owned(self) -> Number<'static> {
        Number(Cow::Owned(self.0.into_owned()))
    }

    /// The text.
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// How two numbers compare as numbers, exactly, whatever their texts: `1.0` and `10e-1` are
    /// equal. It works on the digits: reading a double costs the browser 13 KB of tables.
    pub fn compare(&self, other: &Number<'_>) -> Ordering {
        compare(self.0.as_bytes(), other.0.as_bytes())
    }

    /// Whether the text begins with a minus sign; `-0` does.
    pub fn is_negative(&self) -> bool {
        self.0.starts_with('-')
    }

    /// Whether the number is in the range of a double.
    pub fn is_in_double_range(&self) -> bool {
        is_in_double_range(self.0.as_bytes())
    }

    /// The nearest double. Infinite where the number is beyond the range of a double. Not for the
    /// browser: see [`Number::compare`].
    pub fn to_f64(&self) -> f64 {
        // JSON number syntax is within Rust's, so that this always reads.
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The value if it is a whole number in range; `5.0` and `5e0` count.
    pub fn to_i64(&self) -> Option<i64> {
        self.scaled(0, Rest::Refused)
    }

    /// The value without its fraction; `None` out of range.
    pub fn truncate_to_i64(&self) -> Option<i64> {
        self.scaled(0, Rest::CutOff)
    }

    /// A number of seconds as whole milliseconds, what is finer cut off; `None` out of range.
    /// Works on the digits, so that `1.4428775E9` is exact.
    pub fn seconds_to_millis(&self) -> Option<i64> {
        self.scaled(3, Rest::CutOff)
    }

    /// The value times ten to the `shift`, as an integer.
    fn scaled(&self, shift: i64, rest: Rest) -> Option<i64> {
        let text = self.0.as_bytes();
        let has_exponent = |byte: &u8| matches!(byte, b'e' | b'E');
        let mantissa_len = text.iter().position(has_exponent).unwrap_or(text.len());
        let (mantissa, exponent) = text.split_at_checked(mantissa_len)?;
        let is_digit = |byte: &&u8| byte.is_ascii_digit();
        let whole_part = mantissa.iter().take_while(|byte| **byte != b'.');

        // How many digits stand before the decimal point once exponent and shift have moved it.
        let mut places = i64::try_from(whole_part.filter(is_digit).count())
            .ok()?
            .saturating_add(exponent_of(exponent))
            .saturating_add(shift);
        // Summed up below zero, where i64 reaches one further than above.
        let mut value: i64 = 0;
        for &digit in mantissa.iter().filter(is_digit) {
            if places > 0 {
                value = append_digit(value, digit)?;
            } else if digit != b'0' && matches!(rest, Rest::Refused) {
                return None;
            }
            places = places.saturating_sub(1);
        }
        while places > 0 && value != 0 {
            value = append_digit(value, b'0')?;
            places -= 1;
        }
        if text.first() == Some(&b'-') {
            Some(value)
        } else {
            value.checked_neg()
        }
    }
}

/// The largest double, in its shortest text.
const LARGEST_DOUBLE: &[u8] = b"1.7976931348623157e308";
const LEAST_DOUBLE: &[u8] = b"-1.7976931348623157e308";

/// Whether the text of a number is of one in the range of a double.
pub(crate) fn is_in_double_range(text: &[u8]) -> bool {
    // Nearly every number is one of few digits.
    let has_exponent = |byte: &u8| matches!(byte, b'e' | b'E');
    if text.len() < 300 && !text.iter().any(has_exponent) {
        return true;
    }
    compare(text, LEAST_DOUBLE).is_ge() && compare(text, LARGEST_DOUBLE).is_le()
}

/// How two texts of numbers compare as numbers, exactly: `1.0` and `10e-1` are equal. A text of anything
/// else is some number.
#[inline(never)]
pub(crate) fn compare(one: &[u8], two: &[u8]) -> Ordering {
    let (one, two) = (Decimal::of(one), Decimal::of(two));
    if one.is_negative != two.is_negative {
        return two.is_negative.cmp(&one.is_negative);
    }
    let (mut digits, mut others) = (one.digits, two.digits);
    let mut order = one.first.cmp(&two.first);
    while order.is_eq() && !(digits.is_empty() && others.is_empty()) {
        order = next_digit(&mut digits).cmp(&next_digit(&mut others));
    }
    if one.is_negative {
        order.reverse()
    } else {
        order
    }
}

/// Whether the text of a number has nothing but zeros behind its decimal point.
pub(crate) fn is_whole(text: &[u8]) -> bool {
    Decimal::of(text).last >= 0
}

/// The text of a number taken apart.
struct Decimal<'t> {
    is_negative: bool,
    /// From the first digit that is not zero on.
    digits: &'t [u8],
    /// The power of ten that the first of them counts; for zero, less than any.
    first: i64,
    /// And the last that is not zero.
    last: i64,
}

impl<'t> Decimal<'t> {
    #[inline(never)]
    fn of(text: &'t [u8]) -> Decimal<'t> {
        let (mut rest, mut digits) = (text, &[][..]);
        // Where the last digit that is not zero, and the point, are, from the end of the text.
        let (mut last, mut point) = (0, None);
        while let [byte, behind @ ..] = rest {
            match byte {
                b'1'..=b'9' => {
                    if digits.is_empty() {
                        digits = rest;
                    }
                    last = rest.len();
                }
                b'.' => point = Some(rest.len()),
                b'e' | b'E' => break,
                _ => {}
            }
            rest = behind;
        }
        let exponent = exponent_of(rest);
        let point = point.unwrap_or(rest.len()) as i64;
        let power = |at: usize| {
            let before = at as i64 - point;
            exponent + before - i64::from(before > 0)
        };
        Decimal {
            is_negative: last > 0 && text.first() == Some(&b'-'),
            first: if last > 0 {
                power(digits.len())
            } else {
                i64::MIN
            },
            last: if last > 0 { power(last) } else { 0 },
            digits,
        }
    }
}

/// The next digit of a mantissa; behind its end there are zeros.
fn next_digit(digits: &mut &[u8]) -> u8 {
    loop {
        match *digits {
            [b'.', rest @ ..] => *digits = rest,
            [digit @ b'0'..=b'9', rest @ ..] => {
                *digits = rest;
                return *digit;
            }
            _ => {
                *digits = &[];
                return b'0';
            }
        }
    }
}

/// Ten times a value that is not above zero, less a digit; `None` out of range.
fn append_digit(value: i64, digit: u8) -> Option<i64> {
    if value < i64::MIN / 10 {
        return None;
    }
    (value * 10).checked_sub(i64::from(digit - b'0'))
}

/// What becomes of digits behind the decimal point.
#[derive(Clone, Copy)]
enum Rest {
    Refused,
    CutOff,
}

/// Reads an exponent: `e5`, `E+5`, `e-05`, or nothing. One beyond any use is as good as any other.
fn exponent_of(text: &[u8]) -> i64 {
    let mut magnitude = 0;
    for byte in text {
        if byte.is_ascii_digit() && magnitude < 1_000_000_000_000 {
            magnitude = magnitude * 10 + i64::from(byte - b'0');
        }
    }
    if text.get(1) == Some(&b'-') {
        -magnitude
    } else {
        magnitude
    }
}

impl Default for Number<'_> {
    /// `0`
    fn default() -> Self {
        Number(Cow::Borrowed("0"))
    }
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

/// How many bytes at the start of `text` are one JSON number; `None` where none begins there, or
/// one breaks off, as in `1.` or `-`.
pub(super) fn number_len(text: &[u8]) -> Option<usize> {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let mut rest = match unsigned {
        [b'0', rest @ ..] => rest,
        _ => without_digits(unsigned)?,
    };
    if let [b'.', fraction @ ..] = rest {
        rest = without_digits(fraction)?;
    }
    if let [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] = rest {
        rest = without_digits(exponent)?;
    }
    Some(text.len() - rest.len())
}

/// What stands behind the digits that `text` begins with; `None` where it begins with none.
fn without_digits(text: &[u8]) -> Option<&[u8]> {
    let is_no_digit = |byte: &u8| !byte.is_ascii_digit();
    let count = text.iter().position(is_no_digit).unwrap_or(text.len());
    if count == 0 {
        return None;
    }
    text.get(count..)
}
