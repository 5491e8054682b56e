//! The columns of an event type's own fields.

use std::borrow::Cow;

use arrow::array::builder::{
    BooleanBuilder, Date32Builder, Float64Builder, Int32Builder, Int64Builder,
    TimestampMillisecondBuilder,
};
use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::pii::mask;
use forebay_core::schema::{ColumnType, Field, Pii};
use forebay_core::time::Timestamp;

use super::arrow_type;
use super::column::{Column, FIRST_ROWS};
use super::texts::Texts;

/// A day in milliseconds.
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

/// A column being filled.
#[derive(Debug)]
pub(super) enum FieldBuilder {
    Text(Box<Texts>),
    Timestamp(TimestampMillisecondBuilder),
    Date(Date32Builder),
    Boolean(BooleanBuilder),
    SmallInteger(Int32Builder),
    Integer(Int64Builder),
    Number(Float64Builder),
}

impl FieldBuilder {
    pub(super) fn new(column_type: ColumnType) -> FieldBuilder {
        match column_type {
            ColumnType::String => FieldBuilder::Text(Box::default()),
            ColumnType::Timestamp => {
                let builder = TimestampMillisecondBuilder::with_capacity(FIRST_ROWS);
                FieldBuilder::Timestamp(builder.with_data_type(arrow_type(column_type)))
            }
            ColumnType::Date => FieldBuilder::Date(Date32Builder::with_capacity(FIRST_ROWS)),
            ColumnType::Boolean => FieldBuilder::Boolean(BooleanBuilder::with_capacity(FIRST_ROWS)),
            ColumnType::SmallInteger => {
                FieldBuilder::SmallInteger(Int32Builder::with_capacity(FIRST_ROWS))
            }
            ColumnType::Integer => FieldBuilder::Integer(Int64Builder::with_capacity(FIRST_ROWS)),
            ColumnType::Number => FieldBuilder::Number(Float64Builder::with_capacity(FIRST_ROWS)),
        }
    }

    /// Adds the field's value in an event that was validated: it has the field's type, is null, or
    /// is not there.
    pub(super) fn append(&mut self, field: &Field, event: &Event<'_>) {
        let integer = || field.metric(event).and_then(Number::to_i64);
        match self {
            FieldBuilder::Text(texts) => texts.append(text(field, event).as_deref()),
            FieldBuilder::Timestamp(builder) => {
                let timestamp = text(field, event).and_then(|text| Timestamp::parse_iso8601(&text));
                builder.append_option(timestamp.map(|timestamp| timestamp.0));
            }
            FieldBuilder::Date(builder) => {
                builder.append_option(text(field, event).and_then(|text| days(&text)));
            }
            FieldBuilder::Boolean(builder) => {
                builder.append_option(text(field, event).map(|text| text == "true"));
            }
            FieldBuilder::SmallInteger(builder) => {
                builder.append_option(integer().and_then(|integer| i32::try_from(integer).ok()));
            }
            FieldBuilder::Integer(builder) => builder.append_option(integer()),
            FieldBuilder::Number(builder) => {
                // Pinpoint's records are not validated, and a number may be beyond any double.
                let number = field.metric(event).map(Number::to_f64);
                builder.append_option(number.filter(|number| number.is_finite()));
            }
        }
    }

    pub(super) fn finish(self) -> Column {
        match self {
            FieldBuilder::Text(texts) => Column::Texts(texts),
            FieldBuilder::Timestamp(mut builder) => Column::of(builder.finish()),
            FieldBuilder::Date(mut builder) => Column::of(builder.finish()),
            FieldBuilder::Boolean(mut builder) => Column::of(builder.finish()),
            FieldBuilder::SmallInteger(mut builder) => Column::of(builder.finish()),
            FieldBuilder::Integer(mut builder) => Column::of(builder.finish()),
            FieldBuilder::Number(mut builder) => Column::of(builder.finish()),
        }
    }
}

/// The field's text. The edge has masked what is to be masked; what another program wrote to the
/// stream is masked here.
fn text<'e>(field: &Field, event: &'e Event<'_>) -> Option<Cow<'e, str>> {
    let text = field.attribute(event)?;
    Some(match field.pii {
        Some(Pii::Mask) => Cow::Owned(mask(field, text)),
        _ => Cow::Borrowed(text),
    })
}

/// Days from 1970-01-01 to a date of the form `2026-11-21`.
fn days(date: &str) -> Option<i32> {
    let midnight = Timestamp::parse_iso8601(&format!("{date}T00:00:00Z"))?;
    i32::try_from(midnight.0.div_euclid(DAY_MILLIS)).ok()
}
