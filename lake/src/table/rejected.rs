//! The table of rejected records: what could be read of each, and why it is no row.

use std::sync::Arc;

use arrow::array::builder::{
    BinaryBuilder, ListBuilder, StringBuilder, StructBuilder, TimestampMillisecondBuilder,
};
use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::error::ArrowError;
use forebay_core::json::{Limits, Value};
use forebay_core::plausible;
use forebay_core::schema::{ColumnType, Violation};
use forebay_core::time::Timestamp;

use super::arrow_type;
use crate::record::Rejection;

/// More than any event has.
const LIMITS: Limits = Limits {
    depth: 64,
    values: 64 * 1024,
};

/// A record, or a part of one, that cannot become a row.
#[derive(Debug, Clone, Copy)]
pub struct Rejected<'r> {
    /// The shard of the stream.
    pub shard: &'r str,
    /// Its sequence number, with `/` and a number for one of several parts.
    pub place: &'r str,
    /// When the stream took it in.
    pub arrival: Timestamp,
    /// Its bytes as they came.
    pub data: &'r [u8],
}

/// Rejected records, column by column.
#[derive(Debug)]
pub struct RejectedBuilder {
    shard: StringBuilder,
    sequence_number: StringBuilder,
    arrival_timestamp: TimestampMillisecondBuilder,
    reason: StringBuilder,
    violations: ListBuilder<StructBuilder>,
    event_id: StringBuilder,
    event_type: StringBuilder,
    event_timestamp: TimestampMillisecondBuilder,
    app_id: StringBuilder,
    client_id: StringBuilder,
    data: BinaryBuilder,
    rows: u64,
}

impl Default for RejectedBuilder {
    fn default() -> RejectedBuilder {
        let timestamps = || {
            let data_type = arrow_type(ColumnType::Timestamp);
            TimestampMillisecondBuilder::new().with_data_type(data_type)
        };
        let texts = StringBuilder::new;
        let violations = StructBuilder::from_fields(violation_fields(), 0);
        RejectedBuilder {
            shard: texts(),
            sequence_number: texts(),
            arrival_timestamp: timestamps(),
            reason: texts(),
            violations: ListBuilder::new(violations).with_field(element()),
            event_id: texts(),
            event_type: texts(),
            event_timestamp: timestamps(),
            app_id: texts(),
            client_id: texts(),
            data: BinaryBuilder::new(),
            rows: 0,
        }
    }
}

fn violation_fields() -> Fields {
    let names = ["path", "rule", "expected", "actual"];
    let fields = names.map(|name| Field::new(name, DataType::Utf8, true));
    Fields::from(fields.to_vec())
}

fn element() -> Field {
    Field::new("element", DataType::Struct(violation_fields()), true)
}

fn columns() -> Schema {
    let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
    let time = |name, nullable| Field::new(name, arrow_type(ColumnType::Timestamp), nullable);
    Schema::new(vec![
        text("shard", false),
        text("sequence_number", false),
        time("arrival_timestamp", false),
        text("reason", false),
        Field::new("violations", DataType::List(Arc::new(element())), false),
        text("event_id", true),
        text("event_type", true),
        time("event_timestamp", true),
        text("app_id", true),
        text("client_id", true),
        Field::new("data", DataType::Binary, false),
    ])
}

impl RejectedBuilder {
    /// How many entries it has.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Adds an entry.
    pub fn append(&mut self, record: &Rejected<'_>, rejection: &Rejection) {
        self.rows += 1;
        self.shard.append_value(record.shard);
        self.sequence_number.append_value(record.place);
        self.arrival_timestamp.append_value(record.arrival.0);
        self.reason.append_value(rejection.reason.as_str());
        for violation in &rejection.violations {
            self.append_violation(violation);
        }
        self.violations.append(true);
        // Whatever can be read, also of what is not a record.
        let read = Value::parse_repetitive(record.data, LIMITS).unwrap_or(Value::Null);
        let text = |path: &[&str]| member(&read, path)?.as_str();
        self.event_id.append_option(text(&["forebay", "event_id"]));
        self.event_type.append_option(text(&["event_type"]));
        self.event_timestamp.append_option(time(&read));
        self.app_id.append_option(text(&["application", "app_id"]));
        self.client_id.append_option(text(&["client", "client_id"]));
        self.data.append_value(record.data);
    }

    fn append_violation(&mut self, violation: &Violation) {
        let texts = [
            violation.path.as_str(),
            violation.rule,
            &violation.expected,
            &violation.actual,
        ];
        let members = self.violations.values();
        for (at, text) in texts.into_iter().enumerate() {
            if let Some(builder) = members.field_builder::<StringBuilder>(at) {
                builder.append_value(text);
            }
        }
        members.append(true);
    }

    /// The entries.
    ///
    /// # Errors
    /// Where Arrow refuses; not known to happen.
    pub fn finish(mut self) -> Result<RecordBatch, ArrowError> {
        let columns: [ArrayRef; 11] = [
            Arc::new(self.shard.finish()),
            Arc::new(self.sequence_number.finish()),
            Arc::new(self.arrival_timestamp.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.violations.finish()),
            Arc::new(self.event_id.finish()),
            Arc::new(self.event_type.finish()),
            Arc::new(self.event_timestamp.finish()),
            Arc::new(self.app_id.finish()),
            Arc::new(self.client_id.finish()),
            Arc::new(self.data.finish()),
        ];
        RecordBatch::try_new(Arc::new(self::columns()), columns.to_vec())
    }
}

fn member<'v>(value: &'v Value<'v>, path: &[&str]) -> Option<&'v Value<'v>> {
    path.iter().try_fold(value, |value, name| value.get(name))
}

/// `event_timestamp`, where a table can hold it.
fn time(record: &Value<'_>) -> Option<i64> {
    let Value::Number(number) = record.get("event_timestamp")? else {
        return None;
    };
    let millis = number.to_i64()?;
    let violation = plausible::session_time("", Timestamp(millis));
    violation.is_none().then_some(millis)
}
