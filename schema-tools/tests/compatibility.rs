//! What two versions of a schema differ in, and whom it harms. The validator is the judge: what is
//! called safe for producers must take every event that was taken before.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::Cell;

use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::{Schema, Stage};
use forebay_core::time::Timestamp;
use forebay_schema_tools::compatibility::{Change, Class, Comparison, compare};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use Class::{Breaking, Risky, Safe};

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

/// The comparison of two files; the second is of the next version.
fn compared(old: &Value, new: &Value) -> Comparison {
    let mut new = new.clone();
    new["x-version"] = json!(2);
    let mut comparison = compare(&schema(old), &schema(&new));
    let raised = comparison.changes.pop().unwrap();
    assert_eq!((raised.path.as_str(), raised.class()), ("/x-version", Safe));
    comparison
}

/// The changes of a field alone, with the classes for producers, consumers and the lake.
fn field_changes(old: &Value, new: &Value) -> Vec<(String, [Class; 3])> {
    let [old, new] = [old, new].map(|field| file(&json!({"f": field}), &[], false));
    changes(&compared(&old, &new), "/$defs/E/properties/f")
}

fn changes(comparison: &Comparison, path: &str) -> Vec<(String, [Class; 3])> {
    let changes = comparison.changes.iter().map(|change| {
        assert_eq!(change.path, path, "{change:?}");
        let classes = [change.producers, change.consumers, change.lake];
        (change.change.clone(), classes)
    });
    changes.collect()
}

#[test]
fn types_and_constraints_are_compared_as_sets_of_values() {
    let string = || json!({"type": "string"});
    for (old, new, expected) in [
        (
            json!({"type": "integer", "minimum": 1}),
            json!({"type": "integer", "exclusiveMinimum": 0}),
            vec![
                ("minimum is none instead of 1", [Safe, Safe, Safe]),
                ("exclusiveMinimum is 0 instead of none", [Safe, Safe, Safe]),
            ],
        ),
        (
            json!({"type": "number", "minimum": 1}),
            json!({"type": "number", "exclusiveMinimum": 1}),
            vec![
                ("minimum is none instead of 1", [Safe, Safe, Safe]),
                (
                    "exclusiveMinimum is 1 instead of none",
                    [Breaking, Safe, Safe],
                ),
            ],
        ),
        (
            json!({"type": "number", "maximum": 10}),
            json!({"type": "number", "maximum": 20}),
            vec![("maximum is 20 instead of 10", [Safe, Risky, Safe])],
        ),
        (
            json!({"type": "integer", "minimum": 1, "maximum": 3}),
            json!({"type": "integer", "enum": [1, 2, 3]}),
            vec![
                ("allows only 1, 2, 3 now", [Safe, Safe, Safe]),
                ("minimum is none instead of 1", [Safe, Safe, Safe]),
                ("maximum is none instead of 3", [Safe, Safe, Safe]),
            ],
        ),
        (
            json!({"enum": ["a", "b"]}),
            json!({"enum": ["b", "c"]}),
            vec![(
                "no longer allows \"a\", allows now \"c\"",
                [Breaking, Risky, Safe],
            )],
        ),
        (
            json!({"enum": ["a", "b"]}),
            json!({"enum": ["b", "a"]}),
            vec![(
                "lists the values it allows in another order",
                [Safe, Safe, Safe],
            )],
        ),
        (
            json!({"const": "a"}),
            json!({"type": "string", "maxLength": 5}),
            vec![
                ("allows any value now, not only \"a\"", [Safe, Risky, Safe]),
                ("maxLength is 5 instead of none", [Safe, Safe, Safe]),
            ],
        ),
        (
            json!({"type": "string", "format": "uuid"}),
            json!({"type": "string", "minLength": 36, "maxLength": 36}),
            vec![
                ("minLength is 36 instead of none", [Safe, Safe, Safe]),
                ("maxLength is 36 instead of none", [Safe, Safe, Safe]),
                ("format is none instead of uuid", [Safe, Risky, Safe]),
            ],
        ),
        (
            string(),
            json!({"type": "string", "maxLength": 200}),
            vec![("maxLength is 200 instead of none", [Safe, Safe, Safe])],
        ),
        (
            string(),
            json!({"type": "string", "format": "date"}),
            vec![
                ("format is date instead of none", [Breaking, Safe, Safe]),
                (
                    "the column \"f\" holds dates instead of strings",
                    [Safe, Safe, Breaking],
                ),
            ],
        ),
        (
            json!({"type": "integer"}),
            json!({"type": "number"}),
            vec![
                ("is a number instead of an integer", [Safe, Risky, Safe]),
                (
                    "the column \"f\" holds doubles instead of integers",
                    [Safe, Safe, Breaking],
                ),
            ],
        ),
        (
            json!({"type": "number"}),
            json!({"type": "integer"}),
            vec![
                ("is an integer instead of a number", [Breaking, Safe, Safe]),
                (
                    "the column \"f\" holds integers instead of doubles",
                    [Safe, Safe, Breaking],
                ),
            ],
        ),
        (
            json!({"type": "boolean"}),
            string(),
            vec![
                ("is a string instead of a boolean", [Risky, Breaking, Safe]),
                (
                    "the column \"f\" holds strings instead of booleans",
                    [Safe, Safe, Breaking],
                ),
            ],
        ),
        (
            json!({"type": "boolean"}),
            json!({"type": "boolean", "const": true}),
            vec![("allows only true now", [Breaking, Safe, Safe])],
        ),
    ] {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(change, classes)| (change.to_owned(), classes))
            .collect();
        assert_eq!(field_changes(&old, &new), expected, "{old} -> {new}");
    }
}

#[test]
fn null_and_required_are_one_question_on_the_wire() {
    let plain = json!({"f": {"type": "string"}});
    let nullable = json!({"f": {"type": ["string", "null"]}});
    for (old, new, classes) in [
        ((&plain, false), (&plain, true), [Breaking, Safe, Safe]),
        ((&plain, true), (&plain, false), [Safe, Risky, Safe]),
        ((&plain, true), (&nullable, true), [Safe, Risky, Safe]),
        ((&plain, false), (&nullable, false), [Safe, Safe, Safe]),
        ((&nullable, false), (&nullable, true), [Risky, Safe, Safe]),
        ((&nullable, true), (&nullable, false), [Safe, Safe, Safe]),
        ((&nullable, true), (&plain, true), [Breaking, Safe, Safe]),
    ] {
        let [old, new] = [old, new].map(|(fields, required)| {
            let required: &[&str] = if required { &["f"] } else { &[] };
            file(fields, required, false)
        });
        let comparison = compared(&old, &new);
        let [(_, found)] = &changes(&comparison, "/$defs/E/properties/f")[..] else {
            panic!("{comparison:?}");
        };
        assert_eq!(*found, classes, "{old} -> {new}");
    }
}

#[test]
fn fields_come_and_go() {
    let one = json!({"a": {"type": "string"}});
    let two = json!({"a": {"type": "string"}, "b": {"type": "string"}});
    let dropped = json!({"a": {"type": "string"}, "b": {"type": "string", "x-pii": "drop"}});
    let path = "/$defs/E/properties/b";
    let classes = |old: &Value, new: &Value| -> Vec<[Class; 3]> {
        let changes = changes(&compared(old, new), path);
        changes.into_iter().map(|(_, classes)| classes).collect()
    };
    let closed = |fields| file(fields, &[], false);
    let open = |fields| file(fields, &[], true);
    assert_eq!(classes(&closed(&one), &closed(&two)), [[Safe, Safe, Safe]]);
    assert_eq!(
        classes(&closed(&one), &file(&two, &["b"], false)),
        [[Breaking, Safe, Safe]]
    );
    assert_eq!(
        classes(&open(&one), &open(&two)),
        [[Safe, Safe, Safe], [Risky, Safe, Risky]]
    );
    assert_eq!(
        classes(&closed(&two), &closed(&one)),
        [[Breaking, Risky, Breaking]]
    );
    assert_eq!(
        classes(&file(&two, &["b"], true), &open(&one)),
        [[Risky, Breaking, Breaking]],
    );
    assert_eq!(
        classes(&closed(&dropped), &closed(&one)),
        [[Breaking, Safe, Safe]]
    );
}

#[test]
fn personal_data_is_compared_in_each_direction() {
    let field = |pii: Option<&str>| {
        let mut field = json!({"type": "string", "format": "date-time"});
        if let Some(pii) = pii {
            field["x-pii"] = json!(pii);
        }
        field
    };
    let column = [Safe, Safe, Breaking];
    for (old, new, classes) in [
        (None, Some("drop"), vec![[Safe, Breaking, Breaking]]),
        (None, Some("hash"), vec![[Safe, Breaking, Risky], column]),
        (None, Some("mask"), vec![[Safe, Risky, Risky]]),
        (Some("hash"), None, vec![[Safe, Risky, Risky], column]),
        (Some("mask"), None, vec![[Safe, Risky, Risky]]),
        (Some("drop"), None, vec![[Safe, Risky, Risky]]),
        (Some("drop"), Some("hash"), vec![[Safe, Risky, Risky]]),
        (Some("hash"), Some("drop"), vec![[Safe, Breaking, Breaking]]),
        (
            Some("mask"),
            Some("hash"),
            vec![[Safe, Breaking, Risky], column],
        ),
    ] {
        let changes = field_changes(&field(old), &field(new));
        let found: Vec<_> = changes.iter().map(|(_, classes)| *classes).collect();
        assert_eq!(found, classes, "{old:?} -> {new:?}: {changes:?}");
    }
    // Of a hash nobody sees what it is of.
    let hashed = |max| json!({"type": "string", "x-pii": "hash", "maxLength": max});
    assert_eq!(
        field_changes(&hashed(10), &hashed(20)),
        [(
            "maxLength is 20 instead of 10".to_owned(),
            [Safe, Safe, Safe]
        )]
    );
}

#[test]
fn event_types_come_go_and_are_renamed() {
    let event = json!({"type": "object"});
    let sent_as = |name: &str| json!({"type": "object", "x-event-name": name});
    for (old, new, expected) in [
        (
            json!({"A": event}),
            json!({"A": event, "B": event}),
            vec![("/$defs/B", [Safe, Safe, Safe])],
        ),
        (
            json!({"A": event, "B": event}),
            json!({"A": event}),
            vec![("/$defs/B", [Breaking, Risky, Breaking])],
        ),
        (
            json!({"A": event}),
            json!({"A": sent_as("a.b")}),
            vec![("/$defs/A", [Breaking, Breaking, Breaking])],
        ),
        // The table is the same, and so are its files.
        (
            json!({"aB": event}),
            json!({"aB": sent_as("a_b")}),
            vec![("/$defs/aB", [Breaking, Breaking, Risky])],
        ),
        (
            json!({"A": event}),
            json!({"B": sent_as("A")}),
            vec![("/$defs/B", [Risky, Safe, Safe])],
        ),
        (
            json!({"A": event}),
            json!({"A": {"type": "object", "additionalProperties": true}}),
            vec![("/$defs/A", [Safe, Safe, Safe])],
        ),
        (
            json!({"A": {"type": "object", "additionalProperties": true}}),
            json!({"A": event}),
            vec![("/$defs/A", [Breaking, Risky, Breaking])],
        ),
    ] {
        let comparison = compared(&json!({"$defs": old}), &json!({"$defs": new}));
        let found: Vec<_> = comparison
            .changes
            .iter()
            .map(|change| {
                let classes = [change.producers, change.consumers, change.lake];
                (change.path.as_str(), classes)
            })
            .collect();
        assert_eq!(found, expected, "{old} -> {new}");
    }
}

#[test]
fn a_field_whose_column_stays_is_renamed_and_not_gone() {
    let old = file(&json!({"userName": {"type": "string"}}), &[], false);
    let new = file(&json!({"user_name": {"type": "string"}}), &[], false);
    let changes = changes(&compared(&old, &new), "/$defs/E/properties/user_name");
    let change = "the field \"userName\" is now called \"user_name\"".to_owned();
    assert_eq!(changes, [(change, [Breaking, Breaking, Safe])]);
}

#[test]
fn columns_keep_their_order() {
    let fields = |names: &[&str]| {
        let fields = names
            .iter()
            .map(|name| ((*name).to_owned(), json!({"type": "string"})));
        file(&Value::Object(fields.collect::<Map<_, _>>()), &[], false)
    };
    // `serde_json` sorts names here, so that order is made by text.
    let text = |names: &[&str]| {
        let fields: Vec<String> = names
            .iter()
            .map(|name| format!(r#""{name}":{{"type":"string"}}"#))
            .collect();
        let text = format!(
            r#"{{"$defs":{{"E":{{"type":"object","properties":{{{}}}}}}}}}"#,
            fields.join(",")
        );
        Schema::parse(text.as_bytes()).unwrap()
    };
    assert_eq!(schema(&fields(&["a", "b"])), text(&["a", "b"]));
    let order = compare(&text(&["a", "b", "c"]), &text(&["b", "d", "a"]));
    let order = order
        .changes
        .iter()
        .find(|change| change.change.contains("order"));
    assert_eq!(order.map(|change| change.lake), Some(Risky));
    let order = compare(&text(&["a", "b"]), &text(&["c", "a", "b"]));
    assert!(
        order
            .changes
            .iter()
            .all(|change| !change.change.contains("order"))
    );
}

#[test]
fn the_version_tells_versions_apart() {
    let of_version = |version: u32, description: &str, plan: &str| {
        schema(&json!({"x-version": version, "$defs": {"E": {
            "type": "object",
            "description": description,
            "properties": {"plan": {"enum": ["free", plan]}},
        }}}))
    };
    let class = |old: &Schema, new: &Schema| {
        let comparison = compare(old, new);
        let version = comparison
            .changes
            .iter()
            .find(|change| change.path == "/x-version");
        (comparison.class, version.map(Change::class))
    };
    let old = of_version(3, "one", "pro");
    assert_eq!(class(&old, &old), (Safe, None));
    assert_eq!(class(&old, &of_version(3, "another", "pro")), (Safe, None));
    assert_eq!(
        class(&old, &of_version(4, "one", "pro")),
        (Safe, Some(Safe))
    );
    assert_eq!(
        class(&old, &of_version(3, "one", "team")),
        (Breaking, Some(Risky))
    );
    assert_eq!(
        class(&old, &of_version(2, "one", "pro")),
        (Breaking, Some(Breaking))
    );
}

#[test]
fn words_for_readers_are_safe() {
    let old = json!({"type": "string"});
    let new = json!({"type": "string", "title": "T", "examples": ["a"], "deprecated": true});
    assert_eq!(
        field_changes(&old, &new),
        [
            ("is deprecated".to_owned(), [Safe, Safe, Safe]),
            ("another title, examples".to_owned(), [Safe, Safe, Safe]),
        ]
    );
}

#[test]
fn a_comparison_is_json() {
    let [old, new] = [10, 20].map(|max| {
        let field = json!({"f": {"type": "string", "maxLength": max}});
        file(&field, &[], false)
    });
    let json = serde_json::to_value(compared(&old, &new)).unwrap();
    assert_eq!(
        json,
        json!({"class": "risky", "changes": [{
            "path": "/$defs/E/properties/f",
            "change": "maxLength is 20 instead of 10",
            "producers": "safe",
            "consumers": "risky",
            "lake": "safe",
            "advice": "Tell readers of the stream which values are new.",
        }]})
    );
}

// The property: what is safe for producers takes all that was taken.

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
    let mut event = Event {
        event_type: "E".into(),
        timestamp: Timestamp(0),
        app_package_name: None,
        app_title: None,
        app_version_code: None,
        client_sdk_version: None,
        sdk_name: None,
        attributes: Vec::new(),
        metrics: Vec::new(),
        session: None,
    };
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
