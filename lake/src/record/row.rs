//! From a record of the stream to a row of a table, or to the reason why it cannot be one.

use forebay_core::event::{Event, Text};
use forebay_core::plausible::{self, TIME_RULE};
use forebay_core::schema::{
    DEAD_LETTER, EventSchema, Schema, Stage, Violation, dead_letter_event, endpoint_update_event,
};
use forebay_core::time::{Date, Timestamp};
use forebay_core::wire::event_stream::Record;
use forebay_core::wire::{DecodeError, update_endpoint};

use super::dead_letter;
use super::read::read;
use crate::record::EventKey;

/// A record that was understood.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// What it says. In a box: it is some 2 KB, and is handed on several times.
    pub record: Box<Record<'a>>,
    /// The event's id; for records that have none or an empty one, as those that Pinpoint itself wrote, shard
    /// and sequence number in the form of Lambda's `eventID`.
    pub event_id: Text<'a>,
    data: &'a [u8],
}

/// A record that has its place in a table.
#[derive(Debug)]
pub struct Row<'a> {
    /// Which event type: an index into [`Schema::events`], or behind them into the built-in ones.
    pub table: usize,
    /// The UTC day the event happened on: its partition.
    pub day: Date,
    /// The event's id.
    pub event_id: Text<'a>,
    /// What the record says, attributes and metrics aside: they are in `event`.
    pub record: Box<Record<'a>>,
    /// The event as it was validated.
    pub event: Event<'a>,
    /// The record as it came.
    pub data: &'a [u8],
}

/// Why a record cannot become a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// In one word.
    pub reason: Reason,
    /// Where, and what was expected there. Values are never repeated.
    pub violations: Vec<Violation>,
}

/// The kinds of [`Rejection`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Not a record of the event stream.
    MalformedRecord,
    /// The schema has no such event type.
    UnknownEventType,
    /// The event breaks its schema.
    SchemaViolation,
    /// A time that is not plausible, or that no table can hold.
    ImplausibleTime,
}

impl Reason {
    /// As it stands in `reason` of a rejected entry.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::MalformedRecord => "malformed_record",
            Reason::UnknownEventType => "unknown_event_type",
            Reason::SchemaViolation => "schema_violation",
            Reason::ImplausibleTime => "implausible_time",
        }
    }
}

impl<'a> Decoded<'a> {
    /// Reads the bytes of a record, or of a part of one, whose place in `shard` is its sequence number,
    /// with `/` and a number for a part.
    ///
    /// # Errors
    /// [`Reason::MalformedRecord`].
    pub fn read(shard: &str, place: &str, data: &'a [u8]) -> Result<Decoded<'a>, Rejection> {
        let (record, id) = match read(data).map_or_else(|| Record::decode(data).map(Box::new), Ok) {
            Ok(record) => {
                let id = record.forebay.as_ref();
                let id = id.map(|forebay| forebay.event_id.clone());
                (record, id)
            }
            Err(error) => {
                let (record, id) = dead_letter::read(data).ok_or_else(|| malformed(error))?;
                (Box::new(record), Some(id.into()))
            }
        };
        // By an id without a character, each event would be another's duplicate.
        let event_id = id.filter(|id| !id.is_empty());
        Ok(Decoded {
            record,
            event_id: event_id.unwrap_or_else(|| format!("{shard}:{place}").into()),
            data,
        })
    }

    /// What the event is recognised by.
    pub fn key(&self) -> EventKey {
        EventKey::new(&self.event_id)
    }

    /// Validates the event and finds its table and day. `built_in` is of the schema, `arrival` when the stream
    /// took the event in.
    ///
    /// # Errors
    /// Every other [`Reason`].
    pub fn into_row(
        self,
        schema: &Schema,
        built_in: &[EventSchema],
        arrival: Timestamp,
    ) -> Result<Row<'a>, Rejection> {
        let Decoded {
            mut record,
            event_id,
            data,
        } = self;
        let is_of_type = |known: &EventSchema| known.event_type == record.event_type;
        let own = schema.events.iter().position(is_of_type);
        // Pinpoint's attributes may be longer, and others than those that have a column.
        let unvalidated = match own {
            None => built_in.iter().position(is_of_type),
            Some(_) => None,
        };
        let table = own.or(unvalidated.map(|place| schema.events.len() + place));
        let event = if record.event_type == update_endpoint::EVENT_TYPE {
            endpoint_update_event(&record.endpoint, record.event_timestamp)
        } else if record.event_type == DEAD_LETTER {
            dead_letter_event(record.event_timestamp, dead_letter::member(data))
        } else {
            Event {
                attributes: std::mem::take(&mut record.attributes),
                metrics: std::mem::take(&mut record.metrics),
                ..Event::new(record.event_type.clone(), record.event_timestamp)
            }
        };
        let violations = match unvalidated {
            Some(_) => Vec::new(),
            None => schema
                .validate(&event, Stage::Delivered)
                .err()
                .unwrap_or_default(),
        };
        let violations = match violations.is_empty() {
            true => implausible_times(&record, arrival),
            false => violations,
        };
        match table {
            Some(table) if violations.is_empty() => Ok(Row {
                table,
                day: record.event_timestamp.date(),
                event_id,
                record,
                event,
                data,
            }),
            _ => Err(Rejection::sorted(table, violations)),
        }
    }
}

fn malformed(error: DecodeError) -> Rejection {
    Rejection {
        reason: Reason::MalformedRecord,
        violations: vec![Violation {
            path: error.path,
            rule: "record",
            expected: "a record of Pinpoint's event stream".to_owned(),
            actual: error.reason,
        }],
    }
}

impl Rejection {
    fn sorted(table: Option<usize>, violations: Vec<Violation>) -> Rejection {
        let reason = if table.is_none() {
            Reason::UnknownEventType
        } else if violations.iter().any(|found| found.rule != TIME_RULE) {
            Reason::SchemaViolation
        } else {
            Reason::ImplausibleTime
        };
        Rejection { reason, violations }
    }
}

fn implausible_times(record: &Record<'_>, arrival: Timestamp) -> Vec<Violation> {
    let session = record.session.as_ref();
    let start = session.and_then(|session| session.start_timestamp);
    [
        plausible::event_time("event_timestamp", record.event_timestamp, arrival),
        plausible::event_time("arrival_timestamp", record.arrival_timestamp, arrival),
        start.and_then(|start| plausible::session_time("session.start_timestamp", start)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
