//! Values that fit a schema, for examples in the catalogue: the schema's own, or made up.

use std::borrow::Cow;

use forebay_core::event::Event;
use forebay_core::json::{Limits, Number, Value};
use forebay_core::schema::{EventSchema, Field, Format, Kind, Range, Schema, Stage};
use forebay_core::time::Timestamp;

/// 2026-11-21T10:30:00Z, when the samples happen.
pub const SAMPLE_TIME: Timestamp = Timestamp(1_795_257_000_000);

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Sample {
    /// Of a string.
    Text(String),
    /// Of an integer or number.
    Number(Number<'static>),
    /// Of a boolean.
    Boolean(bool),
}

/// A value that fits a field: the first of its `examples` that is not null, or of its `enum`, or one
/// that is made up.
pub fn sample(field: &Field) -> Sample {
    if let Some(example) = field.docs.examples.iter().find_map(|text| read(text)) {
        return example;
    }
    match &field.kind {
        Kind::String { one_of, .. } => {
            let first = one_of.iter().flatten().next().cloned();
            Sample::Text(first.unwrap_or_else(|| text(field)))
        }
        Kind::Boolean { constant } => Sample::Boolean(constant.unwrap_or(true)),
        Kind::Integer(range) | Kind::Number(range) => Sample::Number(number(field, range)),
    }
}

/// Reads an example. `None` for null.
fn read(json: &str) -> Option<Sample> {
    let limits = Limits {
        depth: 1,
        values: 1,
    };
    match Value::parse(json.as_bytes(), limits).ok()? {
        Value::String(text) => Some(Sample::Text(text.into_owned())),
        Value::Number(number) => Some(Sample::Number(number.into_owned())),
        Value::Bool(value) => Some(Sample::Boolean(value)),
        _ => None,
    }
}

/// Puts a value where an event has values of its kind.
pub fn insert(event: &mut Event<'_>, name: &str, sample: &Sample) {
    let name = Cow::Owned(name.to_owned());
    match sample {
        Sample::Text(text) => event.attributes.push((name, Cow::Owned(text.clone()))),
        Sample::Boolean(value) => event.attributes.push((name, Cow::Owned(value.to_string()))),
        Sample::Number(number) => event.metrics.push((name, number.clone())),
    }
}

/// An event without attributes and metrics.
pub fn empty_event(event_type: &str) -> Event<'static> {
    Event::new(Cow::Owned(event_type.to_owned()), SAMPLE_TIME)
}

/// Whether a value fits a field, by the validator that judges events.
fn fits(field: &Field, sample: &Sample) -> bool {
    let event = EventSchema {
        name: "Sample".to_owned(),
        event_type: "Sample".to_owned(),
        docs: Default::default(),
        fields: vec![field.clone()],
        additional_properties: false,
    };
    let schema = Schema::new(1, vec![event]);
    let mut event = empty_event("Sample");
    insert(&mut event, &field.name, sample);
    schema.validate(&event, Stage::Recorded).is_ok()
}

fn text(field: &Field) -> String {
    let Kind::String {
        min_length,
        max_length,
        format,
        ..
    } = &field.kind
    else {
        return String::new();
    };
    let min = min_length.unwrap_or(0) as usize;
    let max = max_length.unwrap_or(200) as usize;
    let usual = match format {
        Some(Format::Email) => "ada@example.com",
        Some(Format::DateTime) => "2026-11-21T10:30:00Z",
        Some(Format::Date) => "2026-11-21",
        Some(Format::Uuid) => "0b7dbd3c-5d5b-4f4a-8a56-6c1f1f0e2d3c",
        Some(Format::Uri) => "https://example.com/",
        None => "text",
    };
    let length = usual.len().clamp(min, max.max(min));
    let lengthened = match format {
        _ if length == usual.len() => usual.to_owned(),
        Some(Format::Email) => email(length),
        Some(Format::DateTime) => date_time(min, max),
        Some(Format::Uri) => format!("{:a<length$}", "a:"),
        Some(Format::Date | Format::Uuid) => usual.to_owned(),
        None => "text-".chars().cycle().take(length).collect(),
    };
    if fits(field, &Sample::Text(lengthened.clone())) {
        lengthened
    } else {
        usual.to_owned()
    }
}

/// An address of so many characters: the local part has 64 at most, labels of the domain 63.
fn email(length: usize) -> String {
    let local = length.saturating_sub(2).clamp(1, 64);
    let domain = length.saturating_sub(local + 1).max(1);
    // Labels of one character, the first of two where the points would not come out even.
    let first = if domain.is_multiple_of(2) { "bb" } else { "b" };
    let rest = domain.saturating_sub(first.len()) / 2;
    format!("{}@{first}{}", "a".repeat(local), ".b".repeat(rest))
}

/// 21 characters are none; from 22 on there are fractions of a second.
fn date_time(min: usize, max: usize) -> String {
    let digits = min.max(22).min(max).saturating_sub(21);
    format!("2026-11-21T10:30:00.{}Z", "0".repeat(digits))
}

fn number(field: &Field, range: &Range) -> Number<'static> {
    if let Some(first) = range.one_of.iter().flatten().next() {
        return first.clone();
    }
    let bounds = [
        &range.minimum,
        &range.exclusive_minimum,
        &range.maximum,
        &range.exclusive_maximum,
    ];
    let bounds: Vec<&Number<'static>> = bounds.into_iter().flatten().collect();
    let near = bounds.iter().flat_map(|bound| {
        let whole = bound.truncate_to_i64();
        let steps = [Some(0), Some(1), Some(-1)];
        let near = steps.map(|step| Some(Number::from(whole?.checked_add(step?)?)));
        near.into_iter().flatten().chain([(*bound).clone()])
    });
    let between = bounds.iter().flat_map(|low| {
        let middles = bounds.iter();
        middles.filter_map(|high| Number::from_f64(low.to_f64() / 2.0 + high.to_f64() / 2.0))
    });
    let far = bounds.iter().flat_map(|bound| {
        let double = bound.to_f64();
        [double * 2.0, double / 2.0].map(Number::from_f64)
    });
    let usual = [1_i64, 0].map(Number::from);
    let mut candidates = usual
        .iter()
        .cloned()
        .chain(near)
        .chain(between)
        .chain(far.flatten());
    let fitting = candidates.find(|number| fits(field, &Sample::Number(number.clone())));
    fitting.unwrap_or_default()
}
