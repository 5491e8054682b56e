//! The values that a field takes, as sets: whether one set holds all of another.

use std::cmp::Ordering;

use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::{Docs, EventSchema, Field, Format, Kind, Range, Schema, Stage};
use forebay_core::time::Timestamp;
use forebay_core::wire::put_events::MAX_VALUE_CHARS;

/// One constraint of a field: a keyword, what it says, and all that it takes by itself.
pub(super) struct Constraint {
    pub(super) keyword: &'static str,
    /// What it says; for `enum` and `const` each value.
    pub(super) says: Vec<String>,
    /// Strings, booleans or numbers, as the field's type is.
    pub(super) takes: Kind,
}

/// A value on the wire.
enum Value<'v> {
    Attribute(&'v str),
    Metric(Number<'static>),
}

/// Most numbers that are listed one by one: as many as an `enum` may have.
const MAX_MEMBERS: u64 = 1_000;

/// The constraints of a field besides its type, in the order in which they are told. A value is
/// taken if it is of the type and each of them takes it.
pub(super) fn constraints(kind: &Kind) -> Vec<Constraint> {
    match kind {
        Kind::String {
            min_length,
            max_length,
            format,
            one_of,
        } => {
            let takes = |min_length, max_length, format, one_of| Kind::String {
                min_length,
                max_length,
                format,
                one_of,
            };
            let quoted = |values: &Vec<String>| {
                let values = values.iter().map(|value| format!("{value:?}"));
                values.collect()
            };
            let name = format.map(|format| vec![format.name().to_owned()]);
            let length = |length: u32| vec![length.to_string()];
            let choices = one_of.as_ref().map(quoted);
            present([
                ("enum", choices, takes(None, None, None, one_of.clone())),
                (
                    "minLength",
                    min_length.map(length),
                    takes(*min_length, None, None, None),
                ),
                (
                    "maxLength",
                    max_length.map(length),
                    takes(None, *max_length, None, None),
                ),
                ("format", name, takes(None, None, *format, None)),
            ])
        }
        Kind::Boolean { constant } => {
            let says = constant.map(|constant| vec![constant.to_string()]);
            present([("enum", says, kind.clone())])
        }
        Kind::Integer(range) | Kind::Number(range) => number_constraints(range),
    }
}

fn number_constraints(range: &Range) -> Vec<Constraint> {
    let bound = |limit: &Option<Number<'static>>| {
        let limit = limit.as_ref();
        limit.map(|limit| vec![limit.as_text().to_owned()])
    };
    let choices = range.one_of.as_ref().map(|values| {
        let values = values.iter().map(|value| value.as_text().to_owned());
        values.collect()
    });
    let any = Range::default;
    present([
        (
            "enum",
            choices,
            Kind::Number(Range {
                one_of: range.one_of.clone(),
                ..any()
            }),
        ),
        (
            "minimum",
            bound(&range.minimum),
            Kind::Number(Range {
                minimum: range.minimum.clone(),
                ..any()
            }),
        ),
        (
            "exclusiveMinimum",
            bound(&range.exclusive_minimum),
            Kind::Number(Range {
                exclusive_minimum: range.exclusive_minimum.clone(),
                ..any()
            }),
        ),
        (
            "maximum",
            bound(&range.maximum),
            Kind::Number(Range {
                maximum: range.maximum.clone(),
                ..any()
            }),
        ),
        (
            "exclusiveMaximum",
            bound(&range.exclusive_maximum),
            Kind::Number(Range {
                exclusive_maximum: range.exclusive_maximum.clone(),
                ..any()
            }),
        ),
    ])
}

fn present<const N: usize>(
    constraints: [(&'static str, Option<Vec<String>>, Kind); N],
) -> Vec<Constraint> {
    let constraints = constraints
        .into_iter()
        .filter_map(|(keyword, says, takes)| {
            let says = says?;
            Some(Constraint {
                keyword,
                says,
                takes,
            })
        });
    constraints.collect()
}

/// All values of a type, whatever other constraints it has.
pub(super) fn unconstrained(kind: &Kind) -> Kind {
    match kind {
        Kind::String { .. } => Kind::String {
            min_length: None,
            max_length: None,
            format: None,
            one_of: None,
        },
        Kind::Boolean { .. } => Kind::Boolean { constant: None },
        Kind::Integer(_) => Kind::Integer(Range::default()),
        Kind::Number(_) => Kind::Number(Range::default()),
    }
}

/// Whether `outer` takes every value that `inner` takes. Values that can be listed are validated one
/// by one, of others the bounds decide. A list holds no endless set.
pub(super) fn includes(outer: &Kind, inner: &Kind) -> bool {
    if let Some(values) = members(inner) {
        return takes_all(outer, &values);
    }
    match (outer, inner) {
        (Kind::String { .. }, Kind::String { .. }) => includes_texts(outer, inner),
        (Kind::Number(outer), Kind::Number(inner)) => includes_range(outer, inner, false, false),
        (Kind::Number(outer), Kind::Integer(inner)) => includes_range(outer, inner, false, true),
        (Kind::Integer(outer), Kind::Integer(inner)) => includes_range(outer, inner, true, true),
        _ => false,
    }
}

/// The values a field takes, where they can be listed.
fn members(kind: &Kind) -> Option<Vec<Value<'_>>> {
    match kind {
        Kind::String {
            one_of: Some(values),
            ..
        } => Some(values.iter().map(|value| Value::Attribute(value)).collect()),
        Kind::String {
            max_length: Some(0),
            ..
        } => Some(vec![Value::Attribute("")]),
        Kind::String { .. } => None,
        Kind::Boolean { constant } => Some(match constant {
            Some(true) => vec![Value::Attribute("true")],
            Some(false) => vec![Value::Attribute("false")],
            None => vec![Value::Attribute("true"), Value::Attribute("false")],
        }),
        Kind::Integer(range) => listed(range).or_else(|| {
            let first = End::Lower.of(range, true)?.limit.to_i64()?;
            let last = End::Upper.of(range, true)?.limit.to_i64()?;
            let are_few = first <= last && first.abs_diff(last) < MAX_MEMBERS;
            are_few.then(|| {
                (first..=last)
                    .map(|number| Value::Metric(number.into()))
                    .collect()
            })
        }),
        Kind::Number(range) => listed(range).or_else(|| {
            let only = End::Lower.of(range, false)?.limit;
            let is_point = only.compare(&End::Upper.of(range, false)?.limit).is_eq();
            is_point.then(|| vec![Value::Metric(only)])
        }),
    }
}

fn listed(range: &Range) -> Option<Vec<Value<'static>>> {
    let values = range.one_of.as_ref()?.iter().cloned();
    Some(values.map(Value::Metric).collect())
}

/// Holds each value against the validator itself.
fn takes_all(kind: &Kind, values: &[Value<'_>]) -> bool {
    let field = Field {
        name: "f".to_owned(),
        docs: Docs::default(),
        kind: kind.clone(),
        required: true,
        nullable: false,
        pii: None,
    };
    let event = EventSchema {
        name: "E".to_owned(),
        event_type: "E".to_owned(),
        docs: Docs::default(),
        fields: vec![field],
        additional_properties: false,
    };
    let schema = Schema::new(1, vec![event]);
    let mut event = Event::new("E", Timestamp(0));
    values.iter().all(|value| {
        event.attributes.clear();
        event.metrics.clear();
        match value {
            Value::Attribute(text) => event.attributes.push(("f".into(), (*text).into())),
            Value::Metric(number) => event.metrics.push(("f".into(), number.clone())),
        }
        schema.validate(&event, Stage::Recorded).is_ok()
    })
}

fn includes_texts(outer: &Kind, inner: &Kind) -> bool {
    let (
        Kind::String {
            min_length: outer_min,
            max_length: outer_max,
            format: outer_format,
            one_of: None,
        },
        Kind::String {
            min_length,
            max_length,
            format,
            ..
        },
    ) = (outer, inner)
    else {
        return false;
    };
    let length = |length: &Option<u32>, absent| length.map_or(absent, |length| length as usize);
    let (shortest, longest) = format.map_or((0, MAX_VALUE_CHARS), Format::lengths);
    let min = length(min_length, 0).max(shortest);
    let max = length(max_length, MAX_VALUE_CHARS).min(longest);
    (outer_format.is_none() || outer_format == format)
        && length(outer_min, 0) <= min
        && max <= length(outer_max, MAX_VALUE_CHARS)
}

fn includes_range(outer: &Range, inner: &Range, outer_whole: bool, inner_whole: bool) -> bool {
    let reaches = |end: End| {
        let (outer, inner) = (end.of(outer, outer_whole), end.of(inner, inner_whole));
        match (outer, inner) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(outer), Some(inner)) => match end.inwards(&inner.limit, &outer.limit) {
                Ordering::Greater => true,
                Ordering::Equal => outer.included || !inner.included,
                Ordering::Less => false,
            },
        }
    };
    outer.one_of.is_none() && reaches(End::Lower) && reaches(End::Upper)
}

/// One end of a range.
#[derive(Clone, Copy)]
enum End {
    Lower,
    Upper,
}

/// Where a range ends.
struct Bound {
    limit: Number<'static>,
    /// Whether the limit itself is within.
    included: bool,
}

impl End {
    /// Where a range ends; `None` where it does not. Of whole numbers there is always a last one,
    /// which is within.
    fn of(self, range: &Range, whole: bool) -> Option<Bound> {
        let (included, excluded) = match self {
            End::Lower => (&range.minimum, &range.exclusive_minimum),
            End::Upper => (&range.maximum, &range.exclusive_maximum),
        };
        let bound = match (included, excluded) {
            (Some(included), Some(excluded)) => {
                let excluded_is_tighter = self.inwards(excluded, included).is_ge();
                Some(if excluded_is_tighter {
                    (excluded, false)
                } else {
                    (included, true)
                })
            }
            (Some(included), None) => Some((included, true)),
            (None, Some(excluded)) => Some((excluded, false)),
            (None, None) => None,
        };
        let bound = bound.map(|(limit, included)| Bound {
            limit: limit.clone(),
            included,
        });
        if whole {
            Some(self.last_whole(bound))
        } else {
            bound
        }
    }

    /// How far inside of the range `one` lies, compared with `other`.
    fn inwards(self, one: &Number<'_>, other: &Number<'_>) -> Ordering {
        match self {
            End::Lower => one.compare(other),
            End::Upper => other.compare(one),
        }
    }

    fn last_whole(self, bound: Option<Bound>) -> Bound {
        let (outermost, step) = match self {
            End::Lower => (i64::MIN, 1),
            End::Upper => (i64::MAX, -1),
        };
        let last = bound.and_then(|bound| {
            let cut = bound.limit.truncate_to_i64()?;
            let at_cut = self.inwards(&Number::from(cut), &bound.limit);
            let is_within = at_cut.is_gt() || (at_cut.is_eq() && bound.included);
            Some(if is_within {
                cut
            } else {
                cut.saturating_add(step)
            })
        });
        Bound {
            limit: Number::from(last.unwrap_or(outermost)),
            included: true,
        }
    }
}
