//! Where a JSON pointer leads to in a text, for editors and terminals.

use std::collections::HashMap;

use forebay_core::json::{Limits, Value};

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// From 1.
    pub line: u32,
    /// From 1, in UTF-16 code units, as editors count.
    pub column: u32,
}

/// What the reader of schema files allows.
const LIMITS: Limits = Limits {
    depth: 64,
    values: 500_000,
};

/// The places that JSON pointers lead to, in their order: of a member its name, of an element or the
/// whole text the value. Where a pointer leads nowhere, the place is that of the last object or array
/// on its way; where the text is not JSON, every place is where reading it stops.
pub fn locate(text: &str, pointers: &[&str]) -> Vec<Position> {
    let start = text.len() - text.trim_start_matches(is_space).len();
    let offsets: Vec<usize> = match Value::parse(text.as_bytes(), LIMITS) {
        Err(error) => vec![error.offset; pointers.len()],
        Ok(_) => {
            let mut places: HashMap<&str, Option<usize>> = HashMap::new();
            for pointer in pointers {
                for prefix in prefixes(pointer) {
                    places.insert(prefix, None);
                }
            }
            let mut scanner = Scanner {
                text,
                at: 0,
                pointer: String::new(),
                places: &mut places,
            };
            scanner.value();
            let place = |pointer: &&str| {
                let found = prefixes(pointer).find_map(|prefix| *places.get(prefix)?);
                found.unwrap_or(start)
            };
            pointers.iter().map(place).collect()
        }
    };
    let line_starts: Vec<usize> = std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect();
    offsets
        .into_iter()
        .map(|offset| position(text, &line_starts, offset))
        .collect()
}

/// A pointer, then that of what holds it, and so on; without that of the whole text.
fn prefixes(pointer: &str) -> impl Iterator<Item = &str> {
    let pointer = Some(pointer).filter(|pointer| !pointer.is_empty());
    std::iter::successors(pointer, |pointer| {
        let (outer, _) = pointer.rsplit_once('/')?;
        Some(outer).filter(|outer| !outer.is_empty())
    })
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

fn position(text: &str, line_starts: &[usize], offset: usize) -> Position {
    let line = line_starts.partition_point(|start| *start <= offset);
    let start = line.checked_sub(1).and_then(|at| line_starts.get(at));
    let before = text.get(start.copied().unwrap_or(0)..offset);
    let column = before.unwrap_or_default().encode_utf16().count() + 1;
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Position {
        line: number(line),
        column: number(column),
    }
}

/// Passes once over a text that is known to be JSON of limited depth, and notes the places that are
/// asked for.
struct Scanner<'t, 'm, 'p> {
    text: &'t str,
    at: usize,
    /// The pointer of where it is.
    pointer: String,
    places: &'m mut HashMap<&'p str, Option<usize>>,
}

impl<'t> Scanner<'t, '_, '_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&is_skipped) {
            self.at += 1;
        }
    }

    /// Passes over what stands between values.
    fn skip_between(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':'));
    }

    fn value(&mut self) {
        self.skip_between();
        match self.peek() {
            Some(b'{') => self.members(b'}', |scanner, _| {
                let start = scanner.at;
                scanner.string();
                let name = scanner.text.get(start..scanner.at).unwrap_or_default();
                let name = Value::parse(name.as_bytes(), LIMITS);
                let name = name.as_ref().ok().and_then(Value::as_str);
                name.unwrap_or_default()
                    .replace('~', "~0")
                    .replace('/', "~1")
            }),
            Some(b'[') => self.members(b']', |_, index| index.to_string()),
            Some(b'"') => self.string(),
            _ => {
                self.skip(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b']' | b'}'))
            }
        }
    }

    /// What an object or array holds: `name` passes over a member's name and gives it.
    fn members(&mut self, close: u8, name: impl Fn(&mut Self, usize) -> String) {
        self.at += 1;
        for index in 0.. {
            self.skip_between();
            match self.peek() {
                None => return,
                Some(byte) if byte == close => {
                    self.at += 1;
                    return;
                }
                Some(_) => {}
            }
            let (start, outer) = (self.at, self.pointer.len());
            let name = name(self, index);
            self.pointer.push('/');
            self.pointer.push_str(&name);
            if let Some(place) = self.places.get_mut(self.pointer.as_str()) {
                *place = Some(start);
            }
            self.value();
            self.pointer.truncate(outer);
        }
    }

    fn string(&mut self) {
        self.at += 1;
        loop {
            self.skip(|byte| !matches!(byte, b'"' | b'\\'));
            match self.peek() {
                Some(b'\\') => self.at += 2,
                Some(_) => {
                    self.at += 1;
                    return;
                }
                None => return,
            }
        }
    }
}
