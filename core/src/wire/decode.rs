//! Reading messages: values that know where they stand, so that an error can say it.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::DecodeError;
use crate::event::{Map, Text};
use crate::json::{Limits, Number, Value, push_digits};
use crate::time::Timestamp;

/// Reads a whole message and hands its root to `read`.
pub(super) fn message<'a, T>(
    body: &'a [u8],
    limits: Limits,
    read: impl FnOnce(Node<'_, 'a>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    match Value::parse(body, limits) {
        Ok(value) => read(Node::root(&value)),
        Err(error) => {
            let mut reason = String::from("not readable as JSON at byte ");
            push_digits(&mut reason, error.offset as u64, 1);
            reason.push_str(": ");
            reason.push_str(error.reason);
            Err(DecodeError {
                path: String::new(),
                reason,
            })
        }
    }
}

/// How much of a name is repeated in a path. Names are the sender's, and may be anything.
const MAX_NAME_CHARS: usize = 64;

/// A value and where it stands. `null` stands for what is absent.
#[derive(Clone, Copy)]
pub(super) struct Node<'n, 'a> {
    value: &'n Value<'a>,
    name: &'n str,
    parent: Option<&'n Node<'n, 'a>>,
}

impl<'n, 'a> Node<'n, 'a> {
    /// A value that stands for itself.
    pub(super) fn root(value: &'n Value<'a>) -> Node<'n, 'a> {
        Node {
            value,
            name: "",
            parent: None,
        }
    }

    /// The error that something else was expected here.
    pub(super) fn error(&self, reason: &str) -> DecodeError {
        DecodeError {
            path: self.path(),
            reason: reason.to_string(),
        }
    }

    fn path(&self) -> String {
        let mut path = self.parent.map(Node::path).unwrap_or_default();
        if !path.is_empty() {
            path.push('.');
        }
        path.extend(self.name.chars().take(MAX_NAME_CHARS));
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
        Node {
            value: self.value.get(name).unwrap_or(&Value::Null),
            name,
            parent: Some(self),
        }
    }

    /// Is an object.
    pub(super) fn object(&self) -> Result<&'n [(Text<'a>, Value<'a>)], DecodeError> {
        match self.value {
            Value::Object(members) => Ok(members),
            _ => Err(self.error("expected an object")),
        }
    }

    /// Reads with `read`, unless absent.
    pub(super) fn optional<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.is_absent() {
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// A string.
    pub(super) fn text(&self) -> Result<Text<'a>, DecodeError> {
        match self.value {
            Value::String(text) => Ok(text.clone()),
            _ => Err(self.error("expected a string")),
        }
    }

    /// A string, or `None` where absent.
    pub(super) fn optional_text(&self) -> Result<Option<Text<'a>>, DecodeError> {
        self.optional(|node| node.text())
    }

    /// A number.
    pub(super) fn number(&self) -> Result<Number<'a>, DecodeError> {
        match self.value {
            Value::Number(number) => Ok(number.clone()),
            _ => Err(self.error("expected a number")),
        }
    }

    /// A whole number.
    pub(super) fn integer(&self) -> Result<i64, DecodeError> {
        match self.value {
            Value::Number(number) => number.to_i64(),
            _ => None,
        }
        .ok_or_else(|| self.error("expected a whole number"))
    }

    /// A date and time as ISO 8601 text.
    pub(super) fn iso8601(&self) -> Result<Timestamp, DecodeError> {
        self.value
            .as_str()
            .and_then(Timestamp::parse_iso8601)
            .ok_or_else(|| self.error("expected a date and time such as 2026-11-21T01:02:03.004Z"))
    }

    /// Milliseconds since the epoch.
    pub(super) fn epoch_millis(&self) -> Result<Timestamp, DecodeError> {
        self.integer().map(Timestamp)
    }

    /// Seconds since the epoch, with or without a fraction.
    pub(super) fn epoch_seconds(&self) -> Result<Timestamp, DecodeError> {
        match self.value {
            Value::Number(seconds) => seconds.seconds_to_millis().map(Timestamp),
            _ => None,
        }
        .ok_or_else(|| self.error("expected seconds since 1970-01-01T00:00:00Z"))
    }

    /// The elements of an array, each read with `read`; `null` elements are passed over.
    pub(super) fn array<T>(
        &self,
        read: impl Fn(&Node<'_, 'a>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let Value::Array(elements) = self.value else {
            return Err(self.error("expected an array"));
        };
        elements
            .iter()
            .filter(|element| !matches!(element, Value::Null))
            .map(|value| {
                read(&Node {
                    value,
                    name: "[]",
                    parent: Some(self),
                })
            })
            .collect()
    }

    /// The members of an object by name, each read with `read`; members that are `null` are passed
    /// over, and an absent object is an empty one.
    pub(super) fn map<T>(
        &self,
        read: impl Fn(&Node<'_, 'a>) -> Result<T, DecodeError>,
    ) -> Result<Map<'a, T>, DecodeError> {
        if self.is_absent() {
            return Ok(Vec::new());
        }
        self.object()?
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Null))
            .map(|(name, value)| {
                let node = Node {
                    value,
                    name,
                    parent: Some(self),
                };
                Ok((name.clone(), read(&node)?))
            })
            .collect()
    }
}
