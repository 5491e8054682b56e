//! `forebay.schema.json`: one entry of `$defs` an event type, a stated subset of JSON Schema
//! 2020-12. From it come the validator that browser, worker and lake share, and the lake's columns.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::Event;

/// A parsed schema file.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// `x-version`, 1 where absent.
    pub version: u32,
    /// In the order of the file.
    pub events: Vec<EventSchema>,
}

/// One event type.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSchema {
    /// The key in `$defs`, e.g. `SignUpEvent`.
    pub name: String,
    /// What stands in `EventType` on the wire: `x-event-name`, or `name`.
    pub event_type: String,
    /// `title`
    pub title: Option<String>,
    /// `description`
    pub description: Option<String>,
    /// `properties`, in the order of the file.
    pub fields: Vec<Field>,
    /// `additionalProperties`: `false` unless the file says `true`.
    pub additional_properties: bool,
}

/// One field of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The name on the wire.
    pub name: String,
    /// `title`
    pub title: Option<String>,
    /// `description`
    pub description: Option<String>,
    /// Type and constraints.
    pub kind: Kind,
    /// Whether it is in `required`.
    pub required: bool,
    /// Whether `null` is one of its types. On the wire null is left out; `"null"` is read as null.
    pub nullable: bool,
    /// `x-pii`
    pub pii: Option<Pii>,
}

/// A field's type, with the constraints that go with it.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// In `Attributes`.
    String {
        /// `minLength`, in characters.
        min_length: Option<u32>,
        /// `maxLength`, in characters.
        max_length: Option<u32>,
        /// `format`
        format: Option<Format>,
        /// `enum` or `const`: the values allowed.
        one_of: Option<Vec<String>>,
    },
    /// In `Attributes`, as `true` or `false`.
    Boolean {
        /// `const`
        constant: Option<bool>,
    },
    /// In `Metrics`: whole numbers.
    Integer(Range),
    /// In `Metrics`.
    Number(Range),
}

/// What a number may be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Range {
    /// `minimum`
    pub minimum: Option<f64>,
    /// `maximum`
    pub maximum: Option<f64>,
    /// `exclusiveMinimum`
    pub exclusive_minimum: Option<f64>,
    /// `exclusiveMaximum`
    pub exclusive_maximum: Option<f64>,
    /// `enum` or `const`: the values allowed.
    pub one_of: Option<Vec<f64>>,
}

/// `format`, asserted (not only annotated).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are JSON Schema's")]
pub enum Format {
    Email,
    DateTime,
    Uuid,
    Uri,
}

/// `x-pii`: what happens to personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pii {
    /// Replaced by its keyed hash at the edge.
    Hash,
    /// Never leaves the browser.
    Drop,
    /// Cut down to what identifies nobody.
    Mask,
}

/// A mistake in the schema file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// JSON pointer into the file, e.g. `/$defs/SignUpEvent/properties/email/pattern`.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Where an event breaks its schema. Never repeats the value: it may be personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `EventType`, `Attributes.<name>` or `Metrics.<name>`.
    pub path: String,
    /// The JSON Schema keyword that was broken, or `eventType` for an unknown event type.
    pub rule: &'static str,
    /// What the schema asks for, e.g. `at most 100 characters`.
    pub expected: String,
    /// What came, described, e.g. `a string of 240 characters`.
    pub actual: String,
}

impl Schema {
    /// Reads a schema file.
    ///
    /// # Errors
    /// Every mistake in it: not JSON, a keyword outside the subset, constraints that conflict, a
    /// name that is reserved, too long, or the same as another after snake_case.
    pub fn parse(_text: &[u8]) -> Result<Schema, Vec<SchemaError>> {
        todo!()
    }

    /// The schema of the events of one type, by its name on the wire.
    pub fn event(&self, event_type: &str) -> Option<&EventSchema> {
        self.events
            .iter()
            .find(|event| event.event_type == event_type)
    }

    /// Validates an event in its wire form.
    ///
    /// # Errors
    /// Every violation, in the order of the schema's fields, then unknown members in the event's.
    pub fn validate(&self, _event: &Event<'_>) -> Result<&EventSchema, Vec<Violation>> {
        todo!()
    }
}

impl EventSchema {
    /// The name of the event's table and folder: `event_type` in snake_case, e.g. `sign_up_event`.
    pub fn table_name(&self) -> String {
        todo!()
    }
}

impl Field {
    /// The name of the field's column: `name` in snake_case.
    pub fn column_name(&self) -> String {
        todo!()
    }
}
