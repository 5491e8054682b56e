//! The validator against the `jsonschema` crate, on random schemas of the subset and random events.
//!
//! What the two may differ in on purpose is kept out of the values: email addresses with quotes,
//! brackets or letters beyond ASCII, addresses of IPv6, leap seconds, years and signs in dates and times that
//! [`damaged_time`] names, and whole numbers beyond 2^53.

use std::borrow::Cow;

use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::{EventSchema, Field, Kind, Schema, Stage};
use forebay_core::time::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::{Config, TestCaseError};
use serde_json::{Map, Value, json};

/// One event type of up to four fields, `f0` to `f3`; some are required.
fn schemas() -> impl Strategy<Value = Value> {
    let fields = vec((field(), any::<bool>()), 0..=4);
    (fields, option::of(any::<bool>())).prop_map(|(fields, additional)| {
        let mut event = json!({"type": "object", "properties": {}, "required": []});
        for (at, (field, required)) in fields.into_iter().enumerate() {
            let name = format!("f{at}");
            if required {
                event["required"].as_array_mut().unwrap().push(json!(name));
            }
            event["properties"][name] = field;
        }
        if let Some(additional) = additional {
            event["additionalProperties"] = json!(additional);
        }
        event
    })
}

/// A field with any combination of keywords that the reader takes.
fn field() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => text_field(),
        1 => boolean_field(),
        3 => number_field("number"),
        3 => number_field("integer"),
    ]
    .prop_filter("the subset has it", |field| {
        read(&json!({"type": "object", "properties": {"f": field}})).is_ok()
    })
}

/// Turns pairs of keyword and value, some of them absent, into a field.
fn assemble(keywords: Vec<(&str, Option<Value>)>) -> Value {
    let present = keywords
        .into_iter()
        .filter_map(|(keyword, value)| Some((keyword.to_owned(), value?)));
    Value::Object(present.collect())
}

/// `type`, alone or in a pair with null.
fn type_of(name: &'static str) -> impl Strategy<Value = Value> {
    select(vec![
        json!(name),
        json!(name),
        json!([name, "null"]),
        json!(["null", name]),
    ])
}

/// `enum` or `const`, mostly absent, made of the values given; null is one of them at times.
fn choices(values: Vec<Value>) -> impl Strategy<Value = (Option<Value>, Option<Value>)> {
    let some = subsequence(values.clone(), 1..=values.len()).prop_flat_map(|values| {
        let with_null = [values.clone(), vec![Value::Null]].concat();
        select(vec![values, with_null])
    });
    prop_oneof![
        3 => Just((None, None)),
        2 => some.prop_map(|values| (Some(Value::Array(values)), None)),
        1 => select(values).prop_map(|value| (None, Some(value))),
    ]
}

fn text_field() -> impl Strategy<Value = Value> {
    let formats = select(vec!["email", "date-time", "date", "uuid", "uri"]);
    (
        option::weighted(0.8, type_of("string")),
        option::weighted(0.3, 0..4u32),
        option::weighted(0.3, prop_oneof![0..8u32, 195..=200u32]),
        option::weighted(0.4, formats),
        choices(
            ["", "a", "null", "true", "äöü", "a@b.de", "urn:a"]
                .map(Value::from)
                .to_vec(),
        ),
    )
        .prop_map(|(kind, min, max, format, (one_of, constant))| {
            assemble(vec![
                ("type", kind),
                ("minLength", min.map(Value::from)),
                ("maxLength", max.map(Value::from)),
                ("format", format.map(Value::from)),
                ("enum", one_of),
                ("const", constant),
            ])
        })
}

fn boolean_field() -> impl Strategy<Value = Value> {
    let kind = option::weighted(0.8, type_of("boolean"));
    (kind, choices(vec![json!(true), json!(false)])).prop_map(|(kind, (one_of, constant))| {
        assemble(vec![("type", kind), ("enum", one_of), ("const", constant)])
    })
}

fn number_field(name: &'static str) -> impl Strategy<Value = Value> {
    let bound = || option::weighted(0.3, numbers().prop_map(|text| json_number(&text)));
    let values = ["-1", "0", "1", "2.0", "2.5", "3", "1e3"]
        .map(json_number)
        .to_vec();
    (
        option::weighted(0.8, type_of(name)),
        bound(),
        bound(),
        bound(),
        bound(),
        choices(values),
    )
        .prop_map(
            |(kind, minimum, maximum, above, below, (one_of, constant))| {
                assemble(vec![
                    ("type", kind),
                    ("minimum", minimum),
                    ("maximum", maximum),
                    ("exclusiveMinimum", above),
                    ("exclusiveMaximum", below),
                    ("enum", one_of),
                    ("const", constant),
                ])
            },
        )
}

/// Text of numbers, most of them near each other so that bounds are met.
fn numbers() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (-3..5i32).prop_map(|number| number.to_string()),
        2 => (-3..5i32).prop_map(|number| format!("{number}.5")),
        2 => (-3..5i32).prop_map(|number| format!("{number}.0")),
        1 => select(vec!["1e3", "10E-1", "-0", "0.30000000000000004", "9007199254740992"])
            .prop_map(str::to_owned),
        1 => (-1e15..1e15f64).prop_map(|number| format!("{number:e}")),
    ]
}

fn json_number(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Text of attributes: near to each format, near to each length, and the words that mean something.
fn texts() -> impl Strategy<Value = String> {
    let words = [
        "", "a", "ab", "null", "true", "false", "True", "äöü", "0", "2.5",
    ];
    let date_times = &["2024-02-29T23:59:09.5+05:30", "2026-11-21T10:30:00Z"];
    let dates = &["2024-02-29", "1900-02-28", "0001-01-01", "9999-12-31"];
    let uuids = &["0b7dbd3c-5d5b-4f4a-8a56-6c1f1f0e2d3c"];
    let uris = &[
        "https://u:p@ex.com:80/a?b=%20#c",
        "http://ex.com?a/b",
        "urn:a:b",
    ];
    let emails = &["a.b+c@d-e.co.uk", "a@b.de"];
    prop_oneof![
        3 => select(words.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,12}",
        1 => "[a-zé]{0,9}",
        1 => "[é]{194,202}",
        2 => damaged(emails, "a1.@-_+ "),
        1 => "[a.@+_-]{0,8}",
        2 => damaged_time(date_times, "0123459TZ:-+. tz"),
        2 => damaged(uuids, "09afAFg-{"),
        2 => damaged(uris, "aA1:/?#@%2F.-+ \"é<~"),
        1 => "[aA1:/?#@%2F.+-]{0,8}",
        2 => damaged_time(dates, "0129-TZ+ "),
    ]
    .prop_filter("no leap second", |text| !text.contains(":60"))
}

/// The oracle takes a sign or a point for a digit in many places of a date or time, and there is a
/// year 0 in it.
fn damaged_time(
    texts: &'static [&'static str],
    alphabet: &'static str,
) -> impl Strategy<Value = String> {
    damaged(texts, alphabet).prop_filter("digits in a date, and no year 0", |text| {
        let mut others = text.match_indices(['+', '-', '.']);
        let offset_at = text.len().saturating_sub("+05:30".len());
        let is_in_place = |at| matches!(at, 4 | 7 | 19) || at == offset_at;
        others.all(|(at, _)| is_in_place(at)) && !text.starts_with("0000")
    })
}

/// One of the texts, at times with a few characters replaced, put in, or taken out.
fn damaged(
    texts: &'static [&'static str],
    alphabet: &'static str,
) -> impl Strategy<Value = String> {
    let characters = select(alphabet.chars().collect::<Vec<_>>());
    let damage = (any::<Index>(), characters, 0..3u8);
    (select(texts.to_vec()), vec(damage, 0..3)).prop_map(|(text, damages)| {
        let mut text: Vec<char> = text.chars().collect();
        for (at, character, how) in damages {
            let at = at.index(text.len());
            match how {
                0 => text[at] = character,
                1 => text.insert(at, character),
                _ => {
                    text.remove(at);
                }
            }
        }
        text.into_iter().collect()
    })
}

/// What is sent for one name.
#[derive(Debug, Clone)]
enum Sent {
    Nothing,
    Attribute(String),
    Metric(String),
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        1 => Just(Sent::Nothing),
        4 => texts().prop_map(Sent::Attribute),
        4 => numbers().prop_map(Sent::Metric),
    ]
}

/// A value that is more likely than others to be valid: of the field's own values, or its type.
fn sent_for(field: &Field) -> BoxedStrategy<Sent> {
    let likely = match &field.kind {
        Kind::String { one_of, .. } => match one_of {
            Some(values) => select(values.clone()).prop_map(Sent::Attribute).boxed(),
            None => texts().prop_map(Sent::Attribute).boxed(),
        },
        Kind::Boolean { .. } => select(vec!["true", "false", "null"])
            .prop_map(|text| Sent::Attribute(text.to_owned()))
            .boxed(),
        Kind::Integer(_) | Kind::Number(_) => numbers().prop_map(Sent::Metric).boxed(),
    };
    prop_oneof![4 => likely, 1 => sent()].boxed()
}

/// The schema as Forebay reads it.
fn read(event: &Value) -> Result<EventSchema, String> {
    let file = json!({"$defs": {"E": event}}).to_string();
    match Schema::parse(file.as_bytes()) {
        Ok(mut schema) => Ok(schema.events.remove(0)),
        Err(errors) => Err(format!("{errors:?}")),
    }
}

/// The schema as JSON Schema has it: Forebay's defaults and the wire's limit are spelled out.
fn spelled_out(event: &Value) -> Value {
    let mut event = event.clone();
    for field in event["properties"].as_object_mut().unwrap().values_mut() {
        let field = field.as_object_mut().unwrap();
        field.entry("maxLength").or_insert(json!(200));
    }
    let open = event["additionalProperties"] == json!(true);
    event["additionalProperties"] = if open {
        json!({"maxLength": 200})
    } else {
        json!(false)
    };
    event
}

/// The event as JSON Schema has it: one object of typed values.
fn instance(schema: &EventSchema, sent: &[(String, Sent)]) -> Value {
    let mut object = Map::new();
    for (name, sent) in sent {
        let field = schema.fields.iter().find(|field| field.name == *name);
        let nullable = field.is_some_and(|field| field.nullable);
        let required = field.is_some_and(|field| field.required);
        let boolean = field.is_some_and(|field| matches!(field.kind, Kind::Boolean { .. }));
        let value = match sent {
            Sent::Nothing if required && nullable => Value::Null,
            Sent::Nothing => continue,
            Sent::Attribute(text) if nullable && text == "null" => Value::Null,
            Sent::Attribute(text) if boolean && text == "true" => json!(true),
            Sent::Attribute(text) if boolean && text == "false" => json!(false),
            Sent::Attribute(text) => json!(text),
            Sent::Metric(text) => json_number(text),
        };
        object.insert(name.clone(), value);
    }
    Value::Object(object)
}

/// The event as the wire has it.
fn wire(sent: &[(String, Sent)]) -> Event<'_> {
    let mut event = Event::new("E", Timestamp(0));
    for (name, sent) in sent {
        let name = Cow::Borrowed(name.as_str());
        match sent {
            Sent::Nothing => {}
            Sent::Attribute(text) => event.attributes.push((name, text.into())),
            Sent::Metric(text) => {
                let number = Number::from_text(text.as_str().into()).unwrap();
                event.metrics.push((name, number));
            }
        }
    }
    event
}

/// A schema, and values for its fields and at times for one that it does not name.
fn cases() -> impl Strategy<Value = (Value, Vec<(String, Sent)>)> {
    schemas().prop_flat_map(|schema| {
        let read = read(&schema).unwrap();
        let values: Vec<_> = read
            .fields
            .iter()
            .map(|field| (Just(field.name.clone()), sent_for(field)))
            .collect();
        let other = prop_oneof![4 => Just(Sent::Nothing), 1 => sent()];
        (Just(schema), values, other).prop_map(|(schema, mut values, other)| {
            values.push(("other".to_owned(), other));
            (schema, values)
        })
    })
}

fn agree(schema: &Value, sent: &[(String, Sent)]) -> Result<bool, TestCaseError> {
    let oracle = jsonschema::draft202012::options()
        .should_validate_formats(true)
        .build(&spelled_out(schema))
        .unwrap();
    let read = read(schema).unwrap();
    let instance = instance(&read, sent);
    let schema = Schema::new(1, vec![read]);
    let verdict = schema.validate(&wire(sent), Stage::Recorded);
    prop_assert_eq!(
        verdict.is_ok(),
        oracle.is_valid(&instance),
        "{:?}\n{:?}\n{}",
        verdict,
        schema,
        instance
    );
    Ok(verdict.is_ok())
}

#[test]
fn verdicts_are_those_of_jsonschema() {
    let mut runner = proptest::test_runner::TestRunner::new(Config::with_cases(2_000));
    let valid = std::cell::Cell::new(0);
    runner
        .run(&cases(), |(schema, sent)| {
            valid.set(valid.get() + u32::from(agree(&schema, &sent)?));
            Ok(())
        })
        .unwrap();
    // Neither verdict is a rarity, or the agreement would say little.
    assert!(
        (200..1_800).contains(&valid.get()),
        "{valid:?} valid events"
    );
}

/// Keywords and values thrown together, in and out of the subset.
fn soup() -> impl Strategy<Value = Value> {
    let keywords = [
        "type",
        "enum",
        "const",
        "minLength",
        "maxLength",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "title",
        "x-pii",
        "examples",
        "deprecated",
        "pattern",
        "$ref",
        "items",
    ];
    let values = vec![
        json!("string"),
        json!("integer"),
        json!(["number", "null"]),
        json!("uuid"),
        json!("hash"),
        json!(null),
        json!(true),
        json!(1),
        json!(-1),
        json!(2.5),
        json!(1e300),
        json!([]),
        json!(["a", null]),
        json!([1, 2]),
        json!([true]),
        json!({}),
        json!(""),
    ];
    vec((select(keywords.to_vec()), select(values)), 0..6).prop_map(|members| {
        let members = members
            .into_iter()
            .map(|(keyword, value)| (keyword.to_owned(), value));
        Value::Object(members.collect())
    })
}

proptest! {
    #![proptest_config(Config::with_cases(2_000))]

    /// Nothing is silently ignored: what is read as a schema is one to JSON Schema too, and every
    /// mistake stands at a place that is in the file.
    #[test]
    fn what_is_read_is_json_schema(fields in vec(soup(), 1..4), required in vec("f[0-3]", 0..3)) {
        let named = fields.into_iter().enumerate();
        let fields: Map<String, Value> =
            named.map(|(at, field)| (format!("f{at}"), field)).collect();
        let event = json!({"type": "object", "properties": fields, "required": required});
        let file = json!({"$defs": {"E": event}});
        match Schema::parse(file.to_string().as_bytes()) {
            Ok(schema) => {
                prop_assert!(jsonschema::draft202012::meta::is_valid(&file));
                prop_assert_eq!(schema.events[0].fields.len(), fields.len());
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(file.pointer(&error.path).is_some(), "{:?}", error);
                }
            }
        }
    }

    /// Any bytes are read, or refused with a reason.
    #[test]
    fn no_bytes_harm(bytes in vec(any::<u8>(), 0..200)) {
        let found = Schema::parse(&bytes);
        prop_assert!(found.is_err_and(|errors| errors.iter().all(|error| !error.message.is_empty())));
    }
}
