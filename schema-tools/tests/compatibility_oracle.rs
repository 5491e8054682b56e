//! The validator is the judge of what is safe: what is called safe for producers must take every event
//! that was taken before, on random pairs of versions.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;

use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::{Schema, Stage};
use forebay_core::time::Timestamp;
use forebay_schema_tools::compatibility::Class::{Breaking, Safe};
use forebay_schema_tools::compatibility::{Change, compare};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

fn schema(file: &Value) -> Schema {
    Schema::parse(file.to_string().as_bytes()).unwrap()
}

/// A file of version 1 with one event type of these fields.
fn file(fields: &Value, required: &[&str], additional: bool) -> Value {
    json!({"$defs": {"E": {
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": additional,
    }}})
}

/// Names of fields that schemas of the property have; the last two are one column.
const NAMES: [&str; 4] = ["a", "b", "userName", "user_name"];

/// Keywords of a field, some of them absent.
fn field() -> impl Strategy<Value = Value> {
    let nullable = any::<bool>();
    let pii = option::weighted(0.2, select(vec!["hash", "mask", "drop"]));
    let field = prop_oneof![text_field(), boolean_field(), number_field()];
    (field, nullable, pii).prop_map(|(mut field, nullable, pii)| {
        if nullable {
            match field.get_mut("enum").and_then(Value::as_array_mut) {
                Some(values) => values.push(Value::Null),
                None => field["type"] = json!([field["type"], "null"]),
            }
        }
        if let Some(values) = field.get("enum").cloned() {
            let kind = field["type"].clone();
            if values.as_array().unwrap().contains(&Value::Null) {
                field["type"] = json!([kind, "null"]);
            }
        }
        if let Some(pii) = pii {
            field["x-pii"] = json!(pii);
        }
        field
    })
}

fn assemble(keywords: Vec<(&str, Option<Value>)>) -> Value {
    let present = keywords
        .into_iter()
        .filter_map(|(keyword, value)| Some((keyword.to_owned(), value?)));
    Value::Object(present.collect())
}

fn choices(values: &[Value]) -> impl Strategy<Value = Option<Value>> + use<> {
    let values = values.to_vec();
    option::weighted(
        0.3,
        subsequence(values.clone(), 1..=values.len()).prop_map(Value::Array),
    )
}

fn text_field() -> impl Strategy<Value = Value> {
    let formats = vec!["email", "date-time", "date", "uuid", "uri"];
    let texts = ["", "a", "ab", "true", "2026-11-21", "a@b"].map(Value::from);
    (
        option::weighted(0.4, 0..4u32),
        option::weighted(0.4, prop_oneof![0..8u32, 198..=200u32]),
        option::weighted(0.3, select(formats)),
        choices(&texts),
    )
        .prop_map(|(min, max, format, values)| {
            assemble(vec![
                ("type", Some(json!("string"))),
                ("minLength", min.map(Value::from)),
                ("maxLength", max.map(Value::from)),
                ("format", format.map(Value::from)),
                ("enum", values),
            ])
        })
}

fn boolean_field() -> impl Strategy<Value = Value> {
    choices(&[json!(true), json!(false)])
        .prop_map(|values| assemble(vec![("type", Some(json!("boolean"))), ("enum", values)]))
}

fn number_field() -> impl Strategy<Value = Value> {
    let bound = || {
        let halves = (-3..5i32).prop_map(|halves| json!(f64::from(halves) / 2.0));
        option::weighted(0.35, halves)
    };
    let values = [-1, 0, 1, 2, 3].map(Value::from);
    (
        select(vec!["number", "integer"]),
        bound(),
        bound(),
        bound(),
        bound(),
        choices(&values),
    )
        .prop_map(|(kind, minimum, maximum, above, below, values)| {
            assemble(vec![
                ("type", Some(json!(kind))),
                ("minimum", minimum),
                ("maximum", maximum),
                ("exclusiveMinimum", above),
                ("exclusiveMaximum", below),
                ("enum", values),
            ])
        })
}

/// A field, and what may be made of it: each keyword is kept, or taken from another field.
fn two_fields() -> impl Strategy<Value = (Value, Value)> {
    (field(), field(), vec(any::<bool>(), 16), 0..4u8)
        .prop_map(|(old, other, kept, how)| {
            let new = match how {
                0 => old.clone(),
                1 => other,
                _ => mixed(&old, &other, &kept),
            };
            (old, new)
        })
        .prop_filter("the subset has them", |(old, new)| {
            is_field(old) && is_field(new)
        })
}

fn is_field(field: &Value) -> bool {
    let file = file(&json!({"f": field}), &[], false).to_string();
    Schema::parse(file.as_bytes()).is_ok()
}

fn mixed(one: &Value, other: &Value, from_one: &[bool]) -> Value {
    let (one, other) = (one.as_object().unwrap(), other.as_object().unwrap());
    let mut keywords: Vec<&String> = one.keys().chain(other.keys()).collect();
    keywords.sort();
    keywords.dedup();
    let members = keywords
        .iter()
        .zip(from_one)
        .filter_map(|(keyword, from_one)| {
            let source = if *from_one { one } else { other };
            Some(((*keyword).clone(), source.get(*keyword)?.clone()))
        });
    Value::Object(members.collect())
}

/// Two versions, both of them valid.
fn versions() -> impl Strategy<Value = (Value, Value)> {
    let members = vec((two_fields(), any::<[bool; 2]>(), 0..6u8), NAMES.len());
    let open = select(vec![
        (false, false),
        (true, true),
        (false, true),
        (true, false),
    ]);
    (members, open)
        .prop_map(|(members, (old_open, new_open))| {
            let mut old = file(&json!({}), &[], old_open);
            let mut new = file(&json!({}), &[], new_open);
            for (name, ((before, after), [required, also], presence)) in
                NAMES.into_iter().zip(members)
            {
                if presence > 0 {
                    insert(&mut old, name, before, required);
                }
                if presence < 5 && (presence > 0 || also) {
                    insert(&mut new, name, after, required && also);
                }
            }
            (old, new)
        })
        .prop_filter("the subset has them", |(old, new)| {
            [old, new]
                .iter()
                .all(|file| Schema::parse(file.to_string().as_bytes()).is_ok())
        })
}

fn insert(file: &mut Value, name: &str, field: Value, required: bool) {
    let event = &mut file["$defs"]["E"];
    // Both names are of one column.
    if name == "user_name" && event["properties"].get("userName").is_some() {
        return;
    }
    event["properties"][name] = field;
    if required {
        event["required"].as_array_mut().unwrap().push(json!(name));
    }
}

/// What is sent for one name.
#[derive(Debug, Clone)]
enum Sent {
    Nothing,
    Attribute(String),
    Metric(String),
}

/// Values on and near every bound and of every format that the generator knows.
fn values() -> Vec<Sent> {
    let words = [
        "null",
        "true",
        "false",
        "ab",
        "2026-11-21",
        "a@b",
        "a@example.com",
        "urn:a",
        "2026-11-21T10:30:00Z",
        "0b7dbd3c-5d5b-4f4a-8a56-6c1f1f0e2d3c",
    ];
    let lengths = (0..10)
        .chain(196..=201)
        .flat_map(|length| ["a", "z"].map(|character| character.repeat(length)));
    let quarters = (-20..24i32).map(|quarters| (f64::from(quarters) / 4.0).to_string());
    let far = [
        "1e300",
        "-1e300",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
    ];
    let texts = words.map(str::to_owned).into_iter().chain(lengths);
    let numbers = quarters.chain(far.map(str::to_owned));
    [Sent::Nothing]
        .into_iter()
        .chain(texts.map(Sent::Attribute))
        .chain(numbers.map(Sent::Metric))
        .collect()
}

fn event(sent: &[(&str, &Sent)]) -> Event<'static> {
    let mut event = Event::new("E", Timestamp(0));
    for (name, sent) in sent {
        let name = (*name).to_owned().into();
        match sent {
            Sent::Nothing => {}
            Sent::Attribute(text) => event.attributes.push((name, text.clone().into())),
            Sent::Metric(text) => {
                let number = Number::from_text(text.clone().into()).unwrap();
                event.metrics.push((name, number));
            }
        }
    }
    event
}

fn is_valid(schema: &Schema, sent: &[(&str, &Sent)]) -> bool {
    schema.validate(&event(sent), Stage::Recorded).is_ok()
}

/// For each field of the schema a value it takes; `None` where none of `values` is one.
fn valid_event<'v>(schema: &'v Schema, values: &'v [Sent]) -> Option<Vec<(&'v str, &'v Sent)>> {
    let fields = &schema.events[0].fields;
    let takes = |name: &str, value: &Sent| {
        let violations = schema.validate(&event(&[(name, value)]), Stage::Recorded);
        let paths = ["Attributes", "Metrics"].map(|map| format!("{map}.{name}"));
        let mut violations = violations.err().into_iter().flatten();
        violations.all(|violation| !paths.contains(&violation.path))
    };
    let sent = fields.iter().map(|field| {
        let value = values.iter().find(|value| takes(&field.name, value))?;
        Some((field.name.as_str(), value))
    });
    sent.collect()
}

/// An event that the old version takes and the new one does not.
fn witness(old: &Schema, new: &Schema, values: &[Sent]) -> Option<String> {
    let base = valid_event(old, values)?;
    assert!(is_valid(old, &base), "{base:?}");
    for name in NAMES.into_iter().chain(["other"]) {
        for value in values {
            let mut sent = base.clone();
            sent.retain(|(other, _)| *other != name);
            sent.push((name, value));
            if is_valid(old, &sent) && !is_valid(new, &sent) {
                return Some(format!("{sent:?}"));
            }
        }
    }
    None
}

#[test]
fn what_is_safe_for_producers_takes_every_event_that_was_taken() {
    let values = values();
    let counts = Cell::new([0, 0]);
    let mut runner = TestRunner::new(Config::with_cases(2_000));
    let result = runner.run(&versions(), |(old, new)| {
        let [before, after] = [schema(&old), schema(&new)];
        let comparison = compare(&before, &after);
        let producers = comparison
            .changes
            .iter()
            .map(|change| change.producers)
            .max();
        let [safe, not] = counts.get();
        if producers.is_none_or(|class| class == Safe) {
            counts.set([safe + usize::from(old != new), not]);
            let found = witness(&before, &after, &values);
            prop_assert_eq!(found, None, "{} -> {}\n{:?}", old, new, comparison);
        } else {
            counts.set([safe, not + 1]);
        }
        Ok(())
    });
    result.unwrap();
    let [safe, not] = counts.get();
    assert!(safe > 100 && not > 500, "{safe} safe, {not} not");
}

/// Two versions of one field, often with the same keywords.
fn two_of(field: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = (Value, Value)> {
    (field.clone(), field, vec(any::<bool>(), 16))
        .prop_map(|(old, other, kept)| {
            let new = mixed(&old, &other, &kept);
            (old, new)
        })
        .prop_filter("the subset has them", |(old, new)| {
            is_field(old) && is_field(new)
        })
}

#[test]
fn values_decide_exactly() {
    let values = values();
    let counts = Cell::new([0, 0]);
    let fields = prop_oneof![
        3 => two_of(number_field().boxed()),
        2 => two_of(text_field().boxed()),
        1 => two_of(prop_oneof![boolean_field(), text_field()].boxed()),
    ];
    let fields = fields.prop_filter(
        "without formats, of which there are but samples",
        |(old, _)| old.get("format").is_none(),
    );
    let mut runner = TestRunner::new(Config::with_cases(4_000));
    let result = runner.run(&fields, |(old, new)| {
        let file = |field: &Value| schema(&file(&json!({"a": field}), &[], false));
        let (before, after) = (file(&old), file(&new));
        let comparison = compare(&before, &after);
        let is_breaking = |change: &Change| change.producers == Breaking;
        let breaking = comparison.changes.iter().any(is_breaking);
        let [yes, no] = counts.get();
        counts.set([yes + u32::from(breaking), no + u32::from(!breaking)]);
        let found = witness(&before, &after, &values);
        prop_assert_eq!(breaking, found.is_some(), "{} -> {}\n{:?}", old, new, found);
        Ok(())
    });
    result.unwrap();
    let [yes, no] = counts.get();
    assert!(yes > 800 && no > 800, "{yes} breaking, {no} not");
}
