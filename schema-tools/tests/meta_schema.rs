//! The meta-schema that editors check and complete `forebay.schema.json` by, against the reader of
//! the file: what the reader takes, it takes; the mistakes that a schema can find, it finds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use forebay_core::schema::{COMMON_COLUMNS, EXTRA_COLUMN, PARTITION_COLUMNS};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{field, files, parse};

fn read(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn meta_schema() -> Value {
    read("npm/schema.json")
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&meta_schema()).unwrap()
}

/// A file of one event type with one field.
fn of_field(field: &Value) -> Value {
    of_event(json!({ "type": "object", "properties": { "f": field } }))
}

fn of_event(event: Value) -> Value {
    json!({ "$defs": { "E": event } })
}

#[test]
fn it_is_a_schema() {
    let meta_schema = meta_schema();
    assert!(jsonschema::meta::is_valid(&meta_schema));
    assert_eq!(
        meta_schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
}

#[test]
fn it_takes_the_files_of_this_repository() {
    for path in [
        "demo-react/forebay.schema.json",
        "schema-tools/tests/golden/everything.schema.json",
        "tests/schema/everything.schema.json",
        "tests/types/forebay.schema.json",
    ] {
        let file = read(path);
        assert!(parse(&file).is_ok(), "{path}");
        let verdict = validator()
            .validate(&file)
            .map_err(|error| error.to_string());
        assert_eq!(verdict, Ok(()), "{path}");
    }
}

fn good_files() -> Vec<Value> {
    let fields = [
        json!({ "type": "string" }),
        json!({ "type": ["string", "null"] }),
        json!({ "type": ["null", "string"], "maxLength": 0 }),
        json!({ "type": "string", "minLength": 200, "maxLength": 200.0 }),
        json!({ "type": "string", "format": "email", "x-pii": "hash" }),
        json!({ "type": "string", "format": "date-time", "x-pii": "mask" }),
        json!({ "type": "string", "format": "date", "x-pii": "drop" }),
        json!({ "type": "string", "format": "uuid" }),
        json!({ "type": "string", "format": "uri", "examples": ["urn:a", "https://example.com/"] }),
        json!({ "type": "string", "enum": ["a", "b"], "x-pii": "hash" }),
        json!({ "type": ["string", "null"], "enum": ["a", null], "examples": [null, "a"] }),
        json!({ "type": "string", "const": "a" }),
        json!({ "enum": ["a", null] }),
        json!({ "enum": [1, 2.5, null] }),
        json!({ "enum": [true] }),
        json!({ "const": 5 }),
        json!({ "const": false, "x-pii": "drop" }),
        json!({ "const": "a", "minLength": 1 }),
        json!({ "type": "boolean" }),
        json!({ "type": ["boolean", "null"], "enum": [false, null] }),
        json!({ "type": "boolean", "const": true, "examples": [true] }),
        json!({ "type": "integer", "minimum": -5, "maximum": 5, "examples": [0] }),
        json!({ "type": "integer", "enum": [1, 2.0, 3e0] }),
        json!({ "type": ["integer", "null"], "exclusiveMinimum": 0.5 }),
        json!({ "type": "number", "exclusiveMaximum": 1e300 }),
        json!({ "type": ["null", "number"], "x-pii": "drop" }),
        json!({ "type": "number", "const": 1.5 }),
        json!({ "type": "string", "title": "", "description": "", "$comment": "", "deprecated": true }),
    ];
    let mut files: Vec<Value> = fields.iter().map(of_field).collect();
    let full: serde_json::Map<String, Value> = (0..40)
        .map(|at| (format!("f{at}"), json!({ "type": "string" })))
        .collect();
    let names: Vec<&String> = full.keys().collect();
    files.extend([
        of_event(json!({ "type": "object" })),
        of_event(json!({ "type": "object", "properties": {}, "required": [] })),
        of_event(json!({ "type": "object", "properties": full, "required": names })),
        of_event(json!({ "type": "object", "additionalProperties": true, "deprecated": false })),
        of_event(json!({ "type": "object", "x-event-name": "_session.start", "$comment": "" })),
        of_event(json!({ "type": "object", "properties": {
            "_a": { "type": "string" }, "b-c": { "type": "string" }, "d.e": { "type": "string" },
            "event": { "type": "string" }, "name": { "type": "string" }, "type": { "type": "string" }
        } })),
        json!({ "$defs": { "_a_1": { "type": "object" }, "B": { "type": "object" } } }),
        json!({ "$defs": { "A".repeat(50): { "type": "object" } } }),
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$id": "not even a URI",
            "$comment": "",
            "title": "",
            "description": "",
            "x-version": 2147483647,
            "$defs": { "E": { "type": "object" } }
        }),
        json!({ "$schema": "../../node_modules/forebay/schema.json", "x-version": 1.0,
            "$defs": { "E": { "type": "object" } } }),
    ]);
    files
}

#[test]
fn what_the_reader_takes_it_takes() {
    let validator = validator();
    let files = good_files();
    assert!(files.len() >= 30);
    for file in files {
        assert_eq!(parse(&file).map(|_| ()), Ok(()), "{file}");
        let verdict = validator.validate(&file).map_err(|error| error.to_string());
        assert_eq!(verdict, Ok(()), "{file}");
    }
}

fn wrong_files() -> Vec<Value> {
    let fields = [
        json!({}),
        json!(true),
        json!({ "title": "no type" }),
        json!({ "type": "text" }),
        json!({ "type": "object" }),
        json!({ "type": "null" }),
        json!({ "type": ["string"] }),
        json!({ "type": ["string", "number"] }),
        json!({ "type": "string", "pattern": "a" }),
        json!({ "type": "string", "default": "a" }),
        json!({ "$ref": "#/$defs/E" }),
        json!({ "type": "string", "minLength": -1 }),
        json!({ "type": "string", "maxLength": 201 }),
        json!({ "type": "string", "maxLength": 1.5 }),
        json!({ "type": "string", "maxLength": "5" }),
        json!({ "type": "string", "format": "time" }),
        json!({ "type": "string", "minimum": 1 }),
        json!({ "type": "integer", "format": "email" }),
        json!({ "type": "number", "maxLength": 5 }),
        json!({ "type": "boolean", "maximum": 5 }),
        json!({ "type": ["number", "null"], "minLength": 5 }),
        json!({ "type": "integer", "minimum": "1" }),
        json!({ "type": "string", "enum": [] }),
        json!({ "type": "string", "enum": ["a", "a"] }),
        json!({ "enum": [1, 1.0] }),
        json!({ "enum": ["a", 1] }),
        json!({ "enum": [null] }),
        json!({ "enum": [["a"]] }),
        json!({ "enum": "a" }),
        json!({ "type": "string", "enum": ["a", 1] }),
        json!({ "type": "string", "enum": ["a", null] }),
        json!({ "type": ["string", "null"], "enum": ["a"] }),
        json!({ "type": "integer", "enum": [1.5] }),
        json!({ "const": null }),
        json!({ "type": "string", "const": 1 }),
        json!({ "type": ["string", "null"], "const": "a" }),
        json!({ "enum": ["a"], "const": "a" }),
        json!({ "type": "string", "x-pii": "encrypt" }),
        json!({ "type": "integer", "x-pii": "hash" }),
        json!({ "type": ["boolean", "null"], "x-pii": "mask" }),
        json!({ "type": "string", "enum": ["a"], "x-pii": "mask" }),
        json!({ "const": "a", "x-pii": "mask" }),
        json!({ "type": "string", "examples": [] }),
        json!({ "type": "string", "examples": "a" }),
        json!({ "type": "string", "examples": [1] }),
        json!({ "type": "integer", "examples": [1.5] }),
        json!({ "type": "boolean", "examples": [null] }),
        json!({ "type": "string", "examples": vec!["a"; 21] }),
        json!({ "type": "string", "deprecated": "yes" }),
        json!({ "type": "string", "title": 1 }),
        json!({ "type": "string", "description": null }),
    ];
    let mut files: Vec<Value> = fields.iter().map(of_field).collect();
    let too_many: serde_json::Map<String, Value> = (0..41)
        .map(|at| (format!("f{at}"), json!({ "type": "string" })))
        .collect();
    let named = |name: &str| {
        let properties = json!({ name: { "type": "string" } });
        of_event(json!({ "type": "object", "properties": properties }))
    };
    files.extend(
        [
            "1st",
            "é",
            "a b",
            "",
            "event_id",
            "eventType",
            "day",
            &"a".repeat(51),
        ]
        .map(named),
    );
    files.extend(
        ["1st", "a-b", "a.b", "é", "", &"a".repeat(51)]
            .map(|name| json!({ "$defs": { name: { "type": "object" } } })),
    );
    files.extend([
        of_event(json!({})),
        of_event(json!("object")),
        of_event(json!({ "type": "string" })),
        of_event(json!({ "type": "object", "properties": [] })),
        of_event(json!({ "type": "object", "properties": too_many })),
        of_event(json!({ "type": "object", "required": "f" })),
        of_event(
            json!({ "type": "object", "properties": { "f": { "type": "string" } },
            "required": ["f", "f"] }),
        ),
        of_event(json!({ "type": "object", "additionalProperties": { "type": "string" } })),
        of_event(json!({ "type": "object", "x-event-name": "1" })),
        of_event(json!({ "type": "object", "x-event-name": true })),
        of_event(json!({ "type": "object", "allOf": [] })),
        of_event(json!({ "type": "object", "examples": [] })),
        json!([]),
        json!({}),
        json!({ "$defs": {} }),
        json!({ "$defs": { "E": { "type": "object" } }, "x-version": 0 }),
        json!({ "$defs": { "E": { "type": "object" } }, "x-version": 2147483648_u32 }),
        json!({ "$defs": { "E": { "type": "object" } }, "x-version": "1" }),
        json!({ "$defs": { "E": { "type": "object" } }, "type": "object" }),
        json!({ "$defs": { "E": { "type": "object" } },
            "$schema": "http://json-schema.org/draft-07/schema#" }),
    ]);
    files
}

#[test]
fn it_knows_the_columns_that_every_table_has() {
    let validator = validator();
    let common = COMMON_COLUMNS.iter().map(|column| column.name);
    for name in common.chain([EXTRA_COLUMN]).chain(PARTITION_COLUMNS) {
        let properties = json!({ name: { "type": "string" } });
        let file = of_event(json!({ "type": "object", "properties": properties }));
        assert!(!validator.is_valid(&file), "{name}");
    }
}

#[test]
fn it_finds_mistakes() {
    let validator = validator();
    for file in wrong_files() {
        assert!(parse(&file).is_err(), "the reader takes {file}");
        assert!(!validator.is_valid(&file), "{file}");
    }
}

/// The keywords that the reader names where it refuses another.
fn keywords(file: &Value, place: &str) -> Vec<String> {
    let errors = parse(file).unwrap_err();
    let error = errors.iter().find(|error| error.path == place).unwrap();
    let (_, keywords) = error.message.split_once("may have: ").unwrap();
    let mut keywords: Vec<String> = keywords.split(", ").map(str::to_owned).collect();
    keywords.sort();
    keywords
}

#[test]
fn it_describes_every_keyword_and_no_other() {
    let meta_schema = meta_schema();
    for (file, place, object) in [
        (json!({ "x": 1 }), "/x", &meta_schema),
        (
            of_event(json!({ "x": 1 })),
            "/$defs/E/x",
            &meta_schema["$defs"]["eventType"],
        ),
        (
            of_field(&json!({ "x": 1 })),
            "/$defs/E/properties/f/x",
            &meta_schema["$defs"]["field"],
        ),
    ] {
        let described: Vec<String> = object["properties"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(keyword, schema)| {
                let description = schema["description"].as_str().unwrap_or_default();
                assert!(description.ends_with('.'), "{keyword}: {description}");
                keyword.clone()
            })
            .collect();
        let mut sorted = described.clone();
        sorted.sort();
        assert_eq!(sorted, keywords(&file, place));
        assert_eq!(object["additionalProperties"], false);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn whatever_the_reader_takes_it_takes(file in prop_oneof![field().prop_map(|field| of_field(&field)), files()]) {
        thread_local!(static VALIDATOR: Validator = validator());
        let is_valid = VALIDATOR.with(|validator| validator.is_valid(&file));
        prop_assert!(is_valid || parse(&file).is_err(), "{}", file);
    }
}
