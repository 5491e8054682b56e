//! Reading messages: values that know where they stand, so that an error can say it.
//!
//! Reading goes on after a mistake, with an empty value in place of what was wrong, and the first
//! mistake is what comes of it all. So a codec names each member once and checks nothing, which is
//! easy to read, and small in a browser.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::Cell;

use super::DecodeError;
use crate::event::{Map, Text};
use crate::json::{Limits, Number, Value, push_digits};
use crate::time::Timestamp;

/// Reads a whole message: its JSON, then what `read` makes of it.
pub(super) fn message<'a, T>(
    body: &'a [u8],
    limits: Limits,
    read: impl FnOnce(&Node<'_, 'a>) -> T,
) -> Result<T, DecodeError> {
    value(&parse(body, limits)?, |root| {
        root.check_names();
        read(root)
    })
}

/// Reads a value that stands for itself.
pub(super) fn value<'a, T>(
    value: &Value<'a>,
    read: impl FnOnce(&Node<'_, 'a>) -> T,
) -> Result<T, DecodeError> {
    let mistake = Cell::new(None);
    let message = read(&Node {
        value,
        name: "",
        parent: None,
        mistake: &mistake,
    });
    mistake.into_inner().map_or(Ok(message), Err)
}

/// The JSON of a message.
pub(super) fn parse(body: &[u8], limits: Limits) -> Result<Value<'_>, DecodeError> {
    Value::parse_repetitive(body, limits).map_err(|error| {
        let mut reason = String::from("not readable as JSON at byte ");
        push_digits(&mut reason, error.offset as u64, 1);
        reason.push_str(": ");
        reason.push_str(error.reason);
        DecodeError {
            path: String::new(),
            reason,
        }
    })
}

/// Most characters of a number: the smallest double, written without an exponent, has 343.
const MAX_NUMBER_CHARS: usize = 350;

/// How much of a name is repeated in a path. Names are the sender's, and may be anything.
const MAX_NAME_BYTES: usize = 64;

/// A value and where it stands. `null` stands for what is absent.
pub(super) struct Node<'n, 'a> {
    value: &'n Value<'a>,
    name: &'n str,
    parent: Option<&'n Node<'n, 'a>>,
    /// The first mistake in the whole message.
    mistake: &'n Cell<Option<DecodeError>>,
}

impl<'n, 'a> Node<'n, 'a> {
    /// Something else was expected here.
    pub(super) fn refuse(&self, reason: &str) {
        let first = self.mistake.take().unwrap_or_else(|| DecodeError {
            path: self.path(),
            reason: reason.to_string(),
        });
        self.mistake.set(Some(first));
    }

    /// What is there, or where there is nothing of the kind, a mistake and an empty value.
    fn expect<T: Default>(&self, found: Option<T>, expected: &str) -> T {
        found.unwrap_or_else(|| {
            self.refuse(&[expected, ", got ", self.value.kind()].concat());
            T::default()
        })
    }

    fn path(&self) -> String {
        let mut path = self.parent.map(Node::path).unwrap_or_default();
        if !path.is_empty() {
            path.push('.');
        }
        let end = self.name.floor_char_boundary(MAX_NAME_BYTES);
        path.push_str(self.name.get(..end).unwrap_or_default());
        path
    }

    /// The name it stands under.
    pub(super) fn name(&self) -> &'n str {
        self.name
    }

    /// The value itself.
    pub(super) fn value(&self) -> &'n Value<'a> {
        self.value
    }

    /// Whether it is absent or `null`.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    /// A member; absent in what is not an object.
    pub(super) fn member<'m>(&'m self, name: &'m str) -> Node<'m, 'a> {
        self.child(name, self.value.get(name).unwrap_or(&Value::Null))
    }

    fn child<'m>(&'m self, name: &'m str, value: &'m Value<'a>) -> Node<'m, 'a> {
        Node {
            value,
            name,
            parent: Some(self),
            mistake: self.mistake,
        }
    }

    /// Reads with `read`, unless absent.
    pub(super) fn optional<T>(&self, read: impl FnOnce(&Self) -> T) -> Option<T> {
        (!self.is_absent()).then(|| read(self))
    }

    /// A name that stands in an object twice is a mistake of that object.
    fn check_names(&self) {
        if self.value.repeats_a_name() {
            self.refuse("expected each name once, got one twice");
        }
    }

    /// Reads with `read`: a mistake in it is given back, and is none of the message.
    pub(super) fn apart<T>(&self, read: impl FnOnce(&Node<'_, 'a>) -> T) -> Result<T, DecodeError> {
        let mistake = Cell::new(None);
        let found = read(&Node {
            mistake: &mistake,
            ..*self
        });
        mistake.into_inner().map_or(Ok(found), Err)
    }

    /// The members of an object.
    pub(super) fn object(&self) -> &'n [(Text<'a>, Value<'a>)] {
        let members = match self.value {
            Value::Object(members) => Some(members.as_slice()),
            _ => None,
        };
        self.check_names();
        self.expect(members, "expected an object")
    }

    /// A string.
    pub(super) fn text(&self) -> Text<'a> {
        let text = match self.value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        };
        self.expect(text, "expected a string")
    }

    /// A string, or `None` where absent.
    pub(super) fn optional_text(&self) -> Option<Text<'a>> {
        self.optional(|node| node.text())
    }

    /// A number.
    pub(super) fn number(&self) -> Number<'a> {
        self.expect(self.as_number().cloned(), "expected a number")
    }

    fn as_number(&self) -> Option<&'n Number<'a>> {
        match self.value {
            Value::Number(number) => Some(number),
            _ => None,
        }
    }

    /// A whole number in the range of `T`, which `expected` names.
    pub(super) fn integer<T: TryFrom<i64> + Default>(&self, expected: &str) -> T {
        self.number_as(expected, |number| T::try_from(number.to_i64()?).ok())
    }

    /// What `read` makes of a number, which `expected` names.
    fn number_as<T: Default>(
        &self,
        expected: &str,
        read: impl FnOnce(&Number<'a>) -> Option<T>,
    ) -> T {
        let Some(number) = self.as_number() else {
            return self.expect(None, expected);
        };
        read(number).unwrap_or_else(|| {
            self.refuse(&[expected, ", got another number"].concat());
            T::default()
        })
    }

    /// A date and time as ISO 8601 text.
    pub(super) fn iso8601(&self) -> Timestamp {
        let expected = "expected a date and time such as 2026-11-21T01:02:03.004Z";
        let Some(text) = self.value.as_str() else {
            return self.expect(None, expected);
        };
        Timestamp::parse_iso8601(text).unwrap_or_else(|| {
            let reason = match lacks_zone(text) {
                true => {
                    "expected a date and time with its zone, such as 2026-11-21T01:02:03Z or \
                     2026-11-21T03:02:03+02:00, got one without a zone"
                }
                false => &[expected, ", got another string"].concat(),
            };
            self.refuse(reason);
            Timestamp::default()
        })
    }

    /// Milliseconds since the epoch.
    pub(super) fn epoch_millis(&self) -> Timestamp {
        Timestamp(self.integer("expected whole milliseconds since 1970-01-01T00:00:00Z"))
    }

    /// Seconds since the epoch, with or without a fraction.
    pub(super) fn epoch_seconds(&self) -> Timestamp {
        let expected = "expected seconds since 1970-01-01T00:00:00Z";
        Timestamp(self.number_as(expected, Number::seconds_to_millis))
    }

    /// The elements of an array, each read with `read`; `null` elements are passed over.
    pub(super) fn array<T>(&self, read: impl Fn(&Node<'_, 'a>) -> T) -> Vec<T> {
        let Value::Array(elements) = self.value else {
            return self.expect(None, "expected an array");
        };
        let elements = elements.iter();
        elements
            .filter_map(|value| self.child("[]", value).optional(&read))
            .collect()
    }

    /// The members of an object by name, each read with `read`; members that are `null` are passed
    /// over, and an absent object is an empty one.
    pub(super) fn map<T>(&self, read: impl Fn(&Node<'_, 'a>) -> T) -> Map<'a, T> {
        if self.is_absent() {
            return Vec::new();
        }
        self.map_with(|node| node.optional(&read))
    }

    /// The members of an object by name, as far as `read` takes them.
    pub(super) fn map_with<T>(
        &self,
        mut read: impl FnMut(&Node<'_, 'a>) -> Option<T>,
    ) -> Map<'a, T> {
        let mut map = Vec::new();
        for (name, value) in self.object() {
            if let Some(value) = read(&self.child(name, value)) {
                map.push((name.clone(), value));
            }
        }
        map
    }

    /// A number that is a double: those beyond the range of doubles are not.
    pub(super) fn number_in_double_range(&self) -> Number<'a> {
        let number = self.number();
        if number.as_text().len() > MAX_NUMBER_CHARS {
            self.refuse("expected a number of at most 350 characters, got a longer one");
        } else if !number.is_in_double_range() {
            self.refuse("expected a number in the range of doubles, got one beyond it");
        }
        number
    }
}

/// Whether a text would be a date and time if it had a zone: Python's `isoformat()` and `str()`, .NET and many
/// databases write times without a zone like this.
fn lacks_zone(text: &str) -> bool {
    let with_zone = |ending: &str| {
        let mut text = text.replacen(' ', "T", 1);
        text.push_str(ending);
        Timestamp::parse_iso8601(&text).is_some()
    };
    with_zone("Z") || with_zone(":00Z")
}
