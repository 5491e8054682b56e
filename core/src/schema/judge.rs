//! Who judges. The validator knows what is asked for; how the text of a number compares, whether a text is of
//! a format, and what becomes of violations, its judge says. Worker and lake read digit by digit. The
//! browser has an engine for both, which is not downloaded.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::marker::PhantomData;

use super::rules::NOT;
use super::validate::decimal;
use super::{Violation, format};
use crate::json::{compare, is_in_double_range, is_whole};

/// What a [`Checker`](super::Checker) leaves to others.
pub trait Judge: Default {
    /// A number, as it compares with others.
    type Number<'t>: PartialOrd;

    /// The number of a text, as JSON or JavaScript's `String(number)` has it; of any other, some number.
    fn number(text: &[u8]) -> Self::Number<'_>;

    /// A count, to be compared with the number of a text.
    fn count<'t>(count: usize) -> Self::Number<'t>;

    /// What a finite number is, in words, that cannot be an integer of 64 bits, or else a double.
    fn fault(number: &Self::Number<'_>, is_integer: bool) -> Option<&'static str>;

    /// Whether a text is what an item of rules asks for: `letter` is its format's, `pattern` a regular
    /// expression of JavaScript's.
    fn is_of_format(letter: u8, pattern: &[u8], text: &str) -> bool;

    /// Takes a violation, which is put together where it is asked for.
    fn add(&mut self, violation: impl FnOnce() -> Violation);
}

/// All violations. Numbers are compared by their digits, exactly.
impl Judge for Vec<Violation> {
    type Number<'t> = Digits<'t>;

    fn number(text: &[u8]) -> Digits<'_> {
        Digits(Cow::Borrowed(text))
    }

    fn count<'t>(count: usize) -> Digits<'t> {
        Digits(Cow::Owned(decimal(count).into_bytes()))
    }

    fn fault(number: &Digits<'_>, is_integer: bool) -> Option<&'static str> {
        let text = &number.0;
        let is_in_range = if is_integer {
            compare(text, b"-9223372036854775808").is_ge()
                && compare(text, b"9223372036854775807").is_le()
        } else {
            is_in_double_range(text)
        };
        if is_integer && !is_whole(text) {
            Some("a number with a fraction")
        } else if !is_in_range {
            Some("a number out of range")
        } else {
            None
        }
    }

    fn is_of_format(letter: u8, _: &[u8], text: &str) -> bool {
        format::of_letter(letter).is_none_or(|format| format.matches(text))
    }

    fn add(&mut self, violation: impl FnOnce() -> Violation) {
        self.push(violation());
    }
}

/// A number by the digits of its text.
pub struct Digits<'t>(Cow<'t, [u8]>);

impl PartialEq for Digits<'_> {
    fn eq(&self, other: &Self) -> bool {
        compare(&self.0, &other.0).is_eq()
    }
}

impl PartialOrd for Digits<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(compare(&self.0, &other.0))
    }
}

/// What a browser's engine does.
pub trait JavaScript {
    /// `Number(text)`
    fn number(text: &[u8]) -> f64;

    /// `RegExp(pattern).test(text)`
    fn matches(pattern: &[u8], text: &[u8]) -> bool;
}

/// Whether there is any violation, as JavaScript's engine has it. It is what all violations are empty or not
/// by, for numbers that come from JavaScript: those are doubles, and what rules hold them against are, too.
/// It takes none of the words, which are the larger half of a validator.
pub struct Verdict<J> {
    pub(super) is_refused: bool,
    engine: PhantomData<J>,
}

impl<J> Default for Verdict<J> {
    fn default() -> Self {
        Verdict {
            is_refused: false,
            engine: PhantomData,
        }
    }
}

impl<J: JavaScript> Judge for Verdict<J> {
    type Number<'t> = f64;

    fn number(text: &[u8]) -> f64 {
        J::number(text)
    }

    fn count<'t>(count: usize) -> Self::Number<'t> {
        count as f64
    }

    fn fault(number: &f64, is_integer: bool) -> Option<&'static str> {
        // What is beyond its ends becomes one of them. The text that JavaScript has for the lower end is of a
        // number below it, and the upper end is no double.
        let integer = *number as i64 as f64;
        let is_it = integer == *number && integer.abs() < 9_223_372_036_854_775_808.0;
        (is_integer && !is_it).then_some("no integer of 64 bits")
    }

    fn is_of_format(letter: u8, pattern: &[u8], text: &str) -> bool {
        J::matches(pattern, text.as_bytes()) != (letter == NOT)
    }

    fn add(&mut self, _: impl FnOnce() -> Violation) {
        self.is_refused = true;
    }
}
