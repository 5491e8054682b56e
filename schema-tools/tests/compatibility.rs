//! What two versions of a schema differ in, and whom it harms.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use forebay_core::schema::Schema;
use forebay_schema_tools::compatibility::{Change, Class, Comparison, compare};
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
            json!({"type": "string", "format": "date"}),
            string(),
            vec![
                ("format is none instead of date", [Risky, Risky, Safe]),
                (
                    "the column \"f\" holds strings instead of dates",
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
            "advice": "Deploy the edge and the lake before the app, and tell readers of the stream \
                which values are new.",
        }]})
    );
}
