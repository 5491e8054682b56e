//! EventBridge's language of event patterns, as the filter of a sink.
//!
//! A pattern has the form of what it matches: `{"event_type": [{"prefix": "_session."}]}`. All its
//! fields have to match, each by one of the values in its list; `$or` holds alternatives. Where a
//! record has an array, one of its elements has to match, and fields within one array match in the
//! same element. What each operator means is told by AWS in "Comparison operators for use in event
//! patterns in Amazon EventBridge"; where that is silent, by AWS's own matcher (aws/event-ruler).
//! Two things differ: numbers of any size compare exactly, and a pattern that requires one field
//! twice is a mistake, where AWS's matcher keeps one of the two.
//!
//! A pattern is read once and held to limits. Matching takes a time of at most the pattern's size
//! times the record's, and where alternatives share a field with what stands beside them, times the
//! number of combinations; wildcards do not go back.

mod parse;
mod value;

#[cfg(test)]
mod tests;

use forebay_core::json::Value;

pub use parse::PatternError;
use value::Test;

/// A pattern that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern {
    root: Fields,
}

/// What an object has to hold.
#[derive(Debug, Clone, Default, PartialEq)]
struct Fields {
    /// All of these.
    all_of: Vec<(String, Field)>,
    /// And one of these: `$or`. Without one, nothing more. No name of theirs is in `all_of`.
    one_of: Vec<Fields>,
}

/// What one member has to be.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    /// An object, or an array with one.
    Object(Fields),
    /// A value that passes one of these, or an array with one.
    Value(Vec<Test>),
}

/// How a part of a pattern is met.
///
/// `exists: false` looks at the element of an array in which other fields match; where no other
/// field picks an element, at all of them. So it matters which kind of match there is.
#[derive(Debug, Clone, Copy)]
struct Met {
    /// With at least one field that the record has.
    by_presence: bool,
    /// With none of its fields in the record.
    by_absence: bool,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`PatternError`]
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        parse::pattern(text).map(|root| Pattern { root })
    }

    /// Whether a record, a JSON object, matches.
    pub fn matches(&self, record: &Value<'_>) -> bool {
        let met = self.root.met_by(Some(record));
        met.by_presence || met.by_absence
    }
}

impl Fields {
    fn met_by(&self, object: Option<&Value<'_>>) -> Met {
        let mut is_met = true;
        let mut met = Met {
            by_presence: false,
            by_absence: true,
        };
        let mut and = |part: Met| {
            is_met &= part.by_presence || part.by_absence;
            met.by_presence |= part.by_presence;
            met.by_absence &= part.by_absence;
        };
        for (name, field) in &self.all_of {
            and(field.met_by(object.and_then(|object| object.get(name))));
        }
        if !self.one_of.is_empty() {
            let alternatives = self.one_of.iter().map(|fields| fields.met_by(object));
            and(alternatives.fold(Met::NOT, Met::or));
        }
        met.by_presence &= is_met;
        met
    }
}

impl Field {
    fn met_by(&self, member: Option<&Value<'_>>) -> Met {
        match self {
            Field::Value(tests) => {
                let mut met = Met {
                    by_presence: false,
                    by_absence: tests.contains(&Test::Absent),
                };
                each_element(member, |value| {
                    if !matches!(value, Value::Object(_)) {
                        met.by_absence = false;
                        met.by_presence =
                            met.by_presence || tests.iter().any(|test| test.passes(value));
                    }
                });
                met
            }
            Field::Object(fields) => {
                let mut of_elements: Option<Met> = None;
                each_element(member, |value| {
                    if matches!(value, Value::Object(_)) {
                        let met = fields.met_by(Some(value));
                        of_elements = Some(match of_elements {
                            None => met,
                            Some(before) => Met {
                                by_presence: before.by_presence || met.by_presence,
                                by_absence: before.by_absence && met.by_absence,
                            },
                        });
                    }
                });
                of_elements.unwrap_or_else(|| fields.met_by(None))
            }
        }
    }
}

impl Met {
    const NOT: Met = Met {
        by_presence: false,
        by_absence: false,
    };

    fn or(self, other: Met) -> Met {
        Met {
            by_presence: self.by_presence || other.by_presence,
            by_absence: self.by_absence || other.by_absence,
        }
    }
}

/// Calls with a value, or where it is an array with each of its elements, those of arrays within it
/// included.
fn each_element<'v, 'a>(value: Option<&'v Value<'a>>, mut call: impl FnMut(&'v Value<'a>)) {
    let mut open = Vec::new();
    let mut next = value;
    loop {
        match next {
            Some(Value::Array(elements)) => open.push(elements.iter()),
            Some(value) => call(value),
            None => {}
        }
        next = loop {
            let Some(innermost) = open.last_mut() else {
                return;
            };
            match innermost.next() {
                Some(element) => break Some(element),
                None => drop(open.pop()),
            }
        };
    }
}
