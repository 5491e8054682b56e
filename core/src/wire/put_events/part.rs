//! Parting a request by its strings and brackets alone, so that whatever is wrong inside of one
//! event costs no other. What stands between two brackets is not looked at: text that is no JSON,
//! not even UTF-8, has an end where its bracket is closed.

use alloc::vec::Vec;

/// The text, and how far it was read. Where a method gives `None`, the text ended first.
pub(super) struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Begins at the first byte that is no white space.
    pub(super) fn new(text: &'a [u8]) -> Scanner<'a> {
        let mut scanner = Scanner { text, at: 0 };
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
    fn skip_to(&mut self, stops: &[u8]) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        let skipped = rest.iter().position(|byte| stops.contains(byte))?;
        self.at += skipped;
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

    /// Passes over the array or object that begins here. A bracket closes all that were opened after
    /// its own and not closed; one that was never opened is passed over, unless it closes what the
    /// value stands in.
    fn nested(&mut self) -> Option<()> {
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
                b'}' if braces == 0 => return Some(()),
                b']' if braces == open.len() => {}
                _ => {
                    let own = if byte == b'}' { b'{' } else { b'[' };
                    while let Some(closed) = open.pop() {
                        braces -= usize::from(closed == b'{');
                        if closed == own {
                            break;
                        }
                    }
                }
            }
            self.at += 1;
            if open.is_empty() {
                return Some(());
            }
        }
    }
}
