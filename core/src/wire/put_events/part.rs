//! Parting a request by its strings and brackets alone, so that whatever is wrong inside one event
//! costs no other event. An event ends where its bracket is closed, even if its text is not JSON or
//! not UTF-8.

use alloc::vec::Vec;

use crate::json::run_length;
use crate::steps::step;

/// What a bracket closes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The one that was opened last, which must be of its kind.
    Exact,
    /// The one that was opened last: the kind of one of them is wrong.
    ByDepth,
    /// The last one of its kind: those opened after it were not closed. One that was never opened
    /// closes nothing, or what the value stands in.
    ByKind,
}

impl Reading {
    fn other(self) -> Option<Reading> {
        match self {
            Reading::Exact => None,
            Reading::ByDepth => Some(Reading::ByKind),
            Reading::ByKind => Some(Reading::ByDepth),
        }
    }
}

/// The text, and how far it was read. Where a method gives `None`, the text ended first, or does not
/// fit to the reading.
#[derive(Clone)]
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    reading: Reading,
    /// How many bytes may still be passed over while looking for the ends of values: what is read
    /// again for a guess is read a bounded number of times.
    budget: usize,
}

impl<'a> Scanner<'a> {
    /// Begins at the first byte that is no white space.
    pub(super) fn new(text: &'a [u8], reading: Reading) -> Scanner<'a> {
        let mut scanner = Scanner {
            text,
            at: 0,
            reading,
            budget: text.len().saturating_mul(8),
        };
        scanner.skip_whitespace();
        scanner
    }

    /// What comes next.
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Whether nothing follows but white space.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.skip_whitespace();
        self.at == self.text.len()
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Passes over everything before one of `stops`.
    fn skip_to<const N: usize>(&mut self, stops: &[u8; N]) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        self.at += run_length(rest, |byte| {
            stops
                .iter()
                .fold(false, |is_stop, stop| is_stop | (byte == *stop))
        });
        self.peek()
    }

    fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Passes over the object that begins here. `each` is called at the value of each member with
    /// its name, quotes included, and has to pass over the value. What stands between members and is
    /// none is passed over.
    pub(super) fn object(
        &mut self,
        mut each: impl FnMut(&mut Self, &'a [u8]) -> Option<()>,
    ) -> Option<()> {
        self.at += 1;
        while self.skip_to(b"\"}")? == b'"' {
            let name = self.string()?;
            if self.skip_to(b":{[\",}")? == b':' {
                self.at += 1;
                self.skip_whitespace();
            }
            each(self, name)?;
        }
        self.at += 1;
        Some(())
    }

    /// Passes over a value, and gives its text.
    pub(super) fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        match self.peek()? {
            b'"' => return self.string(),
            b'{' | b'[' => self.nested()?,
            _ => {
                self.skip_to(b",}]{[\"")?;
            }
        }
        Some(self.since(start).trim_ascii_end())
    }

    /// Passes over a string, and gives its text with the quotes.
    fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        self.at += 1;
        while self.skip_to(b"\"\\")? == b'\\' {
            self.at += 2;
        }
        self.at += 1;
        Some(self.since(start))
    }

    /// Passes over the array or object that begins here.
    fn nested(&mut self) -> Option<()> {
        let first = self.end(self.reading)?;
        let end = match self.reading.other() {
            // A guess that leaves no member behind it may be wrong where the other is right.
            Some(other) if !self.goes_on_at(first) => match self.end(other) {
                Some(end) if self.goes_on_at(end) => end,
                _ => first,
            },
            _ => first,
        };
        self.at = end;
        Some(())
    }

    /// Where the array or object that begins here ends, as `reading` has it.
    fn end(&mut self, reading: Reading) -> Option<usize> {
        let start = self.at;
        let end = self.find_end(reading);
        self.budget = self.budget.checked_sub(self.at - start)?;
        self.at = start;
        end
    }

    fn find_end(&mut self, reading: Reading) -> Option<usize> {
        let mut open = Vec::new();
        let mut braces = 0_usize;
        loop {
            let byte = self.skip_to(b"\"{}[]")?;
            match byte {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => {
                    open.push(byte);
                    braces += usize::from(byte == b'{');
                }
                _ => {
                    let own = if byte == b'}' { b'{' } else { b'[' };
                    let is_open = match own {
                        b'{' => braces > 0,
                        _ => open.len() > braces,
                    };
                    match reading {
                        Reading::Exact if open.last() != Some(&own) => return None,
                        // It closes what this stands in.
                        Reading::ByKind if !is_open && byte == b'}' => return Some(self.at),
                        Reading::ByKind if !is_open => {
                            self.at += 1;
                            continue;
                        }
                        _ => {}
                    }
                    while let Some(closed) = open.pop() {
                        step();
                        braces -= usize::from(closed == b'{');
                        if closed == own || reading != Reading::ByKind {
                            break;
                        }
                    }
                }
            }
            self.at += 1;
            if open.is_empty() {
                return Some(self.at);
            }
        }
    }

    /// Whether what follows a place may follow an event: the end of what it stands in, or another
    /// one. The objects within an event have names of their own.
    fn goes_on_at(&self, place: usize) -> bool {
        let mut ahead = Scanner { at: place, ..*self };
        ahead.skip_whitespace();
        match ahead.peek() {
            Some(b'}') => true,
            Some(b',') => {
                ahead.at += 1;
                ahead.skip_whitespace();
                if ahead.peek() != Some(b'"') {
                    return false;
                }
                let name = ahead.string();
                let is_own = [&b"\"Attributes\""[..], b"\"Metrics\"", b"\"Session\""];
                ahead.skip_whitespace();
                let is_named = ahead.peek() == Some(b':');
                ahead.at += 1;
                ahead.skip_whitespace();
                is_named
                    && ahead.peek() == Some(b'{')
                    && name.is_some_and(|name| !is_own.contains(&name))
            }
            _ => false,
        }
    }
}
