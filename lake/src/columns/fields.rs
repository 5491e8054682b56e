//! The columns of an event type's own fields.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::array::builder::{
    BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::DataType;
use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::{Field, Format, Kind};
use forebay_core::time::Timestamp;

use super::timestamp_type;

/// A column being filled.
#[derive(Debug)]
pub(super) enum FieldBuilder {
    Text(StringBuilder),
    Timestamp(TimestampMillisecondBuilder),
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Number(Float64Builder),
}

/// May be null whatever the schema says: a field can be added, or become required, while files of
/// earlier versions lie in the same table.
pub(super) fn arrow_field(field: &Field) -> arrow::datatypes::Field {
    let data_type = match FieldBuilder::new(field) {
        FieldBuilder::Text(_) => DataType::Utf8,
        FieldBuilder::Timestamp(_) => timestamp_type(),
        FieldBuilder::Boolean(_) => DataType::Boolean,
        FieldBuilder::Integer(_) => DataType::Int64,
        FieldBuilder::Number(_) => DataType::Float64,
    };
    arrow::datatypes::Field::new(field.column_name(), data_type, true)
}

impl FieldBuilder {
    pub(super) fn new(field: &Field) -> FieldBuilder {
        match &field.kind {
            Kind::String {
                format: Some(Format::DateTime),
                ..
            } => {
                let builder = TimestampMillisecondBuilder::new();
                FieldBuilder::Timestamp(builder.with_data_type(timestamp_type()))
            }
            Kind::String { .. } => FieldBuilder::Text(StringBuilder::new()),
            Kind::Boolean { .. } => FieldBuilder::Boolean(BooleanBuilder::new()),
            Kind::Integer(_) => FieldBuilder::Integer(Int64Builder::new()),
            Kind::Number(_) => FieldBuilder::Number(Float64Builder::new()),
        }
    }

    /// Adds the field's value in an event that was validated: it has the field's type, is null, or
    /// is not there.
    pub(super) fn append(&mut self, field: &Field, event: &Event<'_>) {
        match self {
            FieldBuilder::Text(builder) => builder.append_option(field.attribute(event)),
            FieldBuilder::Timestamp(builder) => {
                let timestamp = field.attribute(event).and_then(Timestamp::parse_iso8601);
                builder.append_option(timestamp.map(|timestamp| timestamp.0));
            }
            FieldBuilder::Boolean(builder) => {
                builder.append_option(field.attribute(event).map(|text| text == "true"));
            }
            FieldBuilder::Integer(builder) => {
                builder.append_option(field.metric(event).and_then(Number::to_i64));
            }
            FieldBuilder::Number(builder) => {
                builder.append_option(field.metric(event).map(Number::to_f64));
            }
        }
    }

    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            FieldBuilder::Text(builder) => Arc::new(builder.finish()),
            FieldBuilder::Timestamp(builder) => Arc::new(builder.finish()),
            FieldBuilder::Boolean(builder) => Arc::new(builder.finish()),
            FieldBuilder::Integer(builder) => Arc::new(builder.finish()),
            FieldBuilder::Number(builder) => Arc::new(builder.finish()),
        }
    }
}
