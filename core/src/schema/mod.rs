//! `forebay.schema.json`: one entry of `$defs` an event type, a stated subset of JSON Schema
//! 2020-12. From it come the validator that browser, worker and lake share, and the lake's columns.
//!
//! Reading the file and validating an event know nothing of each other: the browser reads the
//! compact [`Rules`] that were made of the file ahead of time, and has no reader for it. They are what
//! events are validated against everywhere.

mod built_in;
mod check;
mod columns;
mod format;
mod judge;
mod names;
mod parse;
mod parse_field;
pub mod pii;
mod rules;
mod validate;

use alloc::string::String;
use alloc::vec::Vec;

use crate::json::Number;

pub use built_in::{
    DEAD_LETTER, dead_letter_event, dead_letter_has, endpoint_column, endpoint_update_event,
};
pub use check::{Checker, Given};
pub use columns::{COMMON_COLUMNS, ColumnType, CommonColumn, EXTRA_COLUMN, PARTITION_COLUMNS};
pub use judge::{Digits, JavaScript, Judge, Verdict};
pub use names::snake_case;
use rules::Patterns;
pub use rules::{Rules, RulesError};
pub use validate::{Stage, shortened};

/// Most event types one schema may hold: Pinpoint's limit for one application.
pub const MAX_EVENT_TYPES: usize = 1_500;

/// A parsed schema file.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// `x-version`, 1 where absent.
    pub version: u32,
    /// In the order of the file. What is changed here is not validated: [`Schema::new`] reads it once.
    pub events: Vec<EventSchema>,
    /// The compact rules of each event type. They leave out the regular expressions, which only JavaScript's engine
    /// reads: a validator goes through the rules for each field of each event.
    rules: Vec<String>,
}

/// One event type.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSchema {
    /// The key in `$defs`, e.g. `SignUpEvent`.
    pub name: String,
    /// What stands in `EventType` on the wire: `x-event-name`, or `name`.
    pub event_type: String,
    /// What the file says for readers.
    pub docs: Docs,
    /// `properties`, in the order of the file.
    pub fields: Vec<Field>,
    /// `additionalProperties`: `false` unless the file says `true`.
    pub additional_properties: bool,
}

/// What the file says for readers of an event type or a field: it decides nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Docs {
    /// `title`
    pub title: Option<String>,
    /// `description`
    pub description: Option<String>,
    /// `deprecated`
    pub deprecated: bool,
    /// `examples` of a field, each as JSON text. They fit its constraints.
    pub examples: Vec<String>,
}

/// One field of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The name on the wire.
    pub name: String,
    /// What the file says for readers.
    pub docs: Docs,
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
        /// `minLength`, in characters (Unicode code points).
        min_length: Option<u32>,
        /// `maxLength`, in characters (Unicode code points), at most what the wire carries.
        max_length: Option<u32>,
        /// `format`
        format: Option<Format>,
        /// `enum` or `const`: the values allowed.
        one_of: Option<Vec<String>>,
    },
    /// In `Attributes`, as `true` or `false`.
    Boolean {
        /// `const`, or an `enum` of one.
        constant: Option<bool>,
    },
    /// In `Metrics`: whole numbers of 64 bits.
    Integer(Range),
    /// In `Metrics`.
    Number(Range),
}

/// What a number may be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Range {
    /// `minimum`
    pub minimum: Option<Number<'static>>,
    /// `maximum`
    pub maximum: Option<Number<'static>>,
    /// `exclusiveMinimum`
    pub exclusive_minimum: Option<Number<'static>>,
    /// `exclusiveMaximum`
    pub exclusive_maximum: Option<Number<'static>>,
    /// `enum` or `const`: the values allowed.
    pub one_of: Option<Vec<Number<'static>>>,
}

/// `format`, asserted (not only annotated).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are JSON Schema's")]
pub enum Format {
    Email,
    DateTime,
    Date,
    Uuid,
    Uri,
}

/// `x-pii`: what is to happen to personal data; [`pii`] does it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pii {
    /// Replaced by its keyed hash at the edge.
    Hash,
    /// Does not leave the browser.
    Drop,
    /// Cut down at the edge.
    Mask,
}

/// A mistake in the schema file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// JSON pointer into the file, e.g. `/$defs/SignUpEvent/properties/email/pattern`. Where
    /// something is missing: the object it is missing from.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Where an event breaks its schema. Never repeats the value: it may be personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `EventType`, `Attributes.<name>` or `Metrics.<name>`; `Attributes` for there being too many.
    pub path: String,
    /// The keyword that was broken (`const` for an `enum` of one value), or `eventType` for an
    /// unknown event type.
    pub rule: &'static str,
    /// What the schema asks for, e.g. `at most 100 characters`.
    pub expected: String,
    /// What came, described, e.g. `a string of 240 characters`.
    pub actual: String,
}

impl Schema {
    /// A schema of event types, whose rules are made of them.
    pub fn new(version: u32, events: Vec<EventSchema>) -> Schema {
        Schema {
            version,
            rules: events
                .iter()
                .map(|event| rules::of_event(event, Patterns::LeftOut))
                .collect(),
            events,
        }
    }

    /// The compact form, for [`Rules::read`].
    pub fn to_rules(&self) -> String {
        let events = self.events.iter();
        let rules = events.map(|event| rules::of_event(event, Patterns::Written));
        [rules::FORM, &rules.collect::<String>()].concat()
    }

    /// The schema of the events of one type, by its name on the wire.
    pub fn event(&self, event_type: &str) -> Option<&EventSchema> {
        self.events
            .iter()
            .find(|event| event.event_type == event_type)
    }
}
