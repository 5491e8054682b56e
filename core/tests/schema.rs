//! `forebay.schema.json`: what is read from it, every mistake it is refused for, and every way an
//! event can break it.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::borrow::Cow;

use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::{
    COMMON_COLUMNS, ColumnType, Docs, EXTRA_COLUMN, Field, Format, Kind, PARTITION_COLUMNS, Pii,
    RulesError, Schema, SchemaError, Stage, Violation,
};
use forebay_core::time::Timestamp;

const DEMO: &str = include_str!("../../demo-react/forebay.schema.json");

fn event<'a>(
    event_type: &'a str,
    attributes: &[(&'a str, &'a str)],
    metrics: &[(&'a str, &'a str)],
) -> Event<'a> {
    let number = |text: &'a str| Number::from_text(Cow::Borrowed(text)).unwrap();
    Event {
        event_type: event_type.into(),
        timestamp: Timestamp(0),
        app_package_name: None,
        app_title: None,
        app_version_code: None,
        client_sdk_version: None,
        sdk_name: None,
        attributes: attributes
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect(),
        metrics: metrics
            .iter()
            .map(|(name, value)| ((*name).into(), number(value)))
            .collect(),
        session: None,
    }
}

/// A file with one event type `E`, whose members after `type` are given.
fn file_of(event_members: &str) -> String {
    format!(r#"{{"$defs": {{"E": {{"type": "object"{event_members}}}}}}}"#)
}

fn schema_of(properties: &str) -> Schema {
    Schema::parse(file_of(&format!(r#", "properties": {{{properties}}}"#)).as_bytes()).unwrap()
}

/// The mistakes in a file.
fn errors(file: &str) -> Vec<SchemaError> {
    Schema::parse(file.as_bytes()).unwrap_err()
}

/// The one mistake in a file whose event `E` has one field `f`, its pointer relative to the field.
fn field_error(field: &str) -> (String, String) {
    let file = file_of(&format!(r#", "properties": {{"f": {field}}}"#));
    let mut errors = errors(&file);
    assert_eq!(errors.len(), 1, "{field}: {errors:?}");
    let SchemaError { path, message } = errors.remove(0);
    let relative = path.strip_prefix("/$defs/E/properties/f").unwrap();
    (relative.to_owned(), message)
}

fn violations(schema: &Schema, event: &Event<'_>) -> Vec<(String, &'static str)> {
    match schema.validate(event, Stage::Recorded) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.into_iter().map(|v| (v.path, v.rule)).collect(),
    }
}

/// The rules that one attribute or metric `f` breaks, for a schema with one field `f`.
fn broken(field: &str, attributes: &[&str], metrics: &[&str]) -> Vec<&'static str> {
    let schema = schema_of(&format!(r#""f": {field}"#));
    let named = |values: &[&'static str]| values.iter().map(|v| ("f", *v)).collect::<Vec<_>>();
    let leak = |values: &[&str]| -> Vec<&'static str> {
        values.iter().map(|v| &*v.to_string().leak()).collect()
    };
    let event = event("E", &named(&leak(attributes)), &named(&leak(metrics)));
    violations(&schema, &event)
        .into_iter()
        .map(|(_, rule)| rule)
        .collect()
}

fn text(field: &str, value: &str) -> Vec<&'static str> {
    broken(field, &[value], &[])
}

fn number(field: &str, value: &str) -> Vec<&'static str> {
    broken(field, &[], &[value])
}

const NONE: [&str; 0] = [];

#[test]
fn the_demo_schema_is_read_in_full() {
    let schema = Schema::parse(DEMO.as_bytes()).unwrap();
    assert_eq!(schema.version, 1);
    let tables: Vec<_> = schema.events.iter().map(|e| e.table_name()).collect();
    assert_eq!(
        tables,
        ["sign_up_event", "sign_in_event", "piece_played_event"]
    );

    let sign_up = schema.event("SignUpEvent").unwrap();
    assert_eq!(sign_up.docs.title.as_deref(), Some("Signed up"));
    assert!(!sign_up.additional_properties);
    let [email, plan, referrer] = sign_up.fields.as_slice() else {
        panic!("{:?}", sign_up.fields);
    };
    assert!(email.required && !email.nullable);
    assert_eq!(
        email.kind,
        Kind::String {
            min_length: None,
            max_length: Some(200),
            format: Some(Format::Email),
            one_of: None
        }
    );
    assert!(
        matches!(&plan.kind, Kind::String { one_of: Some(plans), .. }
        if plans == &["free", "pro", "team"])
    );
    assert!(referrer.nullable && !referrer.required);

    let played = schema.event("PiecePlayedEvent").unwrap();
    let Kind::Number(minutes) = &played.fields[1].kind else {
        panic!("{:?}", played.fields[1]);
    };
    assert_eq!(minutes.exclusive_minimum.as_ref().unwrap().as_text(), "0");
    assert_eq!(minutes.maximum.as_ref().unwrap().as_text(), "600");
    assert!(matches!(played.fields[2].kind, Kind::Integer(_)));
    assert!(matches!(
        played.fields[3].kind,
        Kind::Boolean { constant: None }
    ));
}

#[test]
fn a_file_may_use_every_keyword_of_the_subset() {
    let schema = Schema::parse(
        br#"{
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "$id": "https://example.com/events", "$comment": "c", "title": "t", "description": "d",
          "x-version": 7,
          "$defs": {
            "SessionStart": {
              "type": "object", "x-event-name": "_session.start", "additionalProperties": true,
              "$comment": "c", "deprecated": true
            },
            "E": {
              "type": "object", "title": "t", "description": "d", "required": ["a"],
              "properties": {
                "a": {"type": ["null", "string"], "minLength": 1, "maxLength": 9, "title": "A"},
                "b": {"const": true},
                "c": {"type": "integer", "enum": [1, 2.0, -3], "description": "C"},
                "d": {"type": ["string", "null"], "x-pii": "mask", "examples": ["Ada", null]},
                "e": {"type": "string", "format": "uri", "x-pii": "hash"},
                "f": {"enum": [1, 2], "deprecated": true, "$comment": "c"},
                "h": {"type": "string", "format": "date", "examples": ["2026-11-21"]},
                "g": {"type": "number", "x-pii": "drop"}
              }
            }
          }
        }"#,
    )
    .unwrap();
    assert_eq!(schema.version, 7);
    let start = schema.event("_session.start").unwrap();
    assert_eq!(
        (start.name.as_str(), start.fields.len()),
        ("SessionStart", 0)
    );
    assert_eq!(start.table_name(), "session_start");
    assert!(start.additional_properties);
    assert!(schema.event("SessionStart").is_none());

    let fields = &schema.event("E").unwrap().fields;
    let nullable: Vec<_> = fields.iter().map(|field| field.nullable).collect();
    assert_eq!(
        nullable,
        [true, false, false, true, false, false, false, false]
    );
    assert_eq!(
        fields[1].kind,
        Kind::Boolean {
            constant: Some(true)
        }
    );
    assert!(
        matches!(fields[5].kind, Kind::Number(_)),
        "not an integer unless it says so"
    );
    let pii: Vec<_> = fields.iter().filter_map(|field| field.pii).collect();
    assert_eq!(pii, [Pii::Mask, Pii::Hash, Pii::Drop]);
    assert!(start.docs.deprecated && fields[5].docs.deprecated && !fields[0].docs.deprecated);
    assert_eq!(fields[3].docs.examples, ["\"Ada\"", "null"]);
    let types: Vec<_> = fields.iter().map(Field::column_type).collect();
    assert_eq!(
        types,
        [
            Some(ColumnType::String),
            Some(ColumnType::Boolean),
            Some(ColumnType::Integer),
            Some(ColumnType::String),
            Some(ColumnType::String),
            Some(ColumnType::Number),
            Some(ColumnType::Date),
            None,
        ]
    );
}

/// A schema without what is for readers.
fn bare(mut schema: Schema) -> Schema {
    for event in &mut schema.events {
        event.name.clone_from(&event.event_type);
        event.docs = Docs::default();
        for field in &mut event.fields {
            field.docs = Docs::default();
        }
    }
    schema
}

#[test]
fn rules_hold_what_is_validated() {
    let schema = Schema::parse(DEMO.as_bytes()).unwrap();
    let rules = schema.to_rules();
    assert_eq!(
        rules,
        concat!(
            r#"[1,1,["SignUpEvent",0,["email",4,null,200,1],"#,
            r#"["plan",0,null,null,null,"free","pro","team"],["referrer",8,null,100]],"#,
            r#"["SignInEvent",0,["email",4,null,200,1],["id",4,null,null,4],["is_test_user",5],"#,
            r#"["user_type",4,null,null,null,"student","teacher","admin"]],"#,
            r#"["PiecePlayedEvent",0,["piece",4,1,100],["minutes",7,null,600,0],"#,
            r#"["mistakes",2,0],["completed",5],["started_at",0,null,null,2]]]"#
        )
    );
    assert_eq!(Schema::from_rules(&rules), Ok(bare(schema)));
}

#[test]
fn what_is_no_rules_is_refused() {
    for text in [
        "",
        "{}",
        "[]",
        "[1]",
        "[2,1]",
        "[1,-1]",
        r#"[1,1,"E"]"#,
        r#"[1,1,["E"]]"#,
        r#"[1,1,[0,0]]"#,
        r#"[1,1,["E",0,["f"]]]"#,
        r#"[1,1,["E",0,["f",-1]]]"#,
        r#"[1,1,["E",0,["f",0,null,null,null,1]]]"#,
        r#"[1,1,["E",0,["f",3,null,null,null,null,"a"]]]"#,
        DEMO,
    ] {
        assert_eq!(Schema::from_rules(text), Err(RulesError), "{text}");
    }
}

/// The rules that a text of a field `f` breaks behind the edge.
fn delivered(field: &str, text: &str) -> Vec<&'static str> {
    let schema = schema_of(&format!(r#""f": {field}"#));
    let event = event("E", &[("f", text)], &[]);
    match schema.validate(&event, Stage::Delivered) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.into_iter().map(|v| v.rule).collect(),
    }
}

#[test]
fn behind_the_edge_personal_data_is_hashed_or_may_be_masked() {
    let hashed = r#"{"type": ["string", "null"], "format": "email", "x-pii": "hash"}"#;
    let hash = "0123456789abcdef".repeat(4);
    assert_eq!(delivered(hashed, &hash), NONE);
    assert_eq!(delivered(hashed, "null"), NONE);
    assert_eq!(delivered(hashed, "ada@example.com"), ["x-pii"]);
    assert_eq!(delivered(hashed, "ada"), ["format"]);
    assert_eq!(delivered(hashed, &hash.to_uppercase()), ["format"]);
    assert_eq!(text(hashed, &hash), ["format"], "where it is recorded");

    let masked = r#"{"type": "string", "maxLength": 3, "x-pii": "mask"}"#;
    assert_eq!(delivered(masked, "A***"), NONE);
    assert_eq!(delivered(masked, "Ada"), NONE);
    assert_eq!(delivered(masked, "Adam"), ["maxLength"]);
    assert_eq!(text(masked, "A***"), ["maxLength"]);
}

#[test]
fn examples_must_fit_the_field() {
    for (field, at, message) in [
        (r#"{"type": "string", "examples": "a"}"#, "", "1 to 20"),
        (r#"{"type": "string", "examples": []}"#, "", "1 to 20"),
        (
            r#"{"type": "string", "examples": [1]}"#,
            "/0",
            "not a string",
        ),
        (
            r#"{"type": "string", "examples": ["a", null]}"#,
            "/1",
            "not a string",
        ),
        (
            r#"{"type": "string", "format": "email", "examples": ["a"]}"#,
            "/0",
            "breaks \"format\"",
        ),
        (
            r#"{"enum": [1, 2], "examples": [3]}"#,
            "/0",
            "breaks \"enum\"",
        ),
        (
            r#"{"type": "integer", "examples": [1.5]}"#,
            "/0",
            "breaks \"type\"",
        ),
        (
            r#"{"type": "boolean", "examples": ["true"]}"#,
            "/0",
            "not a boolean",
        ),
    ] {
        let (path, found) = field_error(field);
        assert_eq!(path, format!("/examples{at}"), "{field}");
        assert!(found.contains(message), "{field}: {found}");
    }
    let (path, _) = field_error(r#"{"type": "string", "deprecated": "yes"}"#);
    assert_eq!(path, "/deprecated");
    let (path, found) = field_error(r#"{"enum": ["a", "b"], "x-pii": "mask"}"#);
    assert_eq!(path, "/x-pii");
    assert!(found.contains("hash"), "{found}");
}

#[test]
fn editors_may_be_told_of_the_meta_schema() {
    let file =
        |dialect| format!(r#"{{"$schema": "{dialect}", "$defs": {{"E": {{"type": "object"}}}}}}"#);
    assert!(Schema::parse(file("./node_modules/forebay/schema.json").as_bytes()).is_ok());
    assert!(Schema::parse(file("https://example.com/forebay/schema.json").as_bytes()).is_ok());
    assert_eq!(errors(&file("./schema.json"))[0].path, "/$schema");
}

#[test]
fn mistakes_of_the_file_are_named_with_their_place() {
    for (file, path, message) in [
        ("[]", "", "must be a JSON object"),
        ("{}", "", "\"$defs\" is missing"),
        (r#"{"$defs": {}}"#, "/$defs", "one member an event type"),
        (r#"{"$defs": []}"#, "/$defs", "one member an event type"),
        (
            r#"{"$defs": {"E": true}}"#,
            "/$defs/E",
            "must be a JSON object",
        ),
        (
            r#"{"$defs": {"E": {}}}"#,
            "/$defs/E",
            "add \"type\": \"object\"",
        ),
        (
            r#"{"$defs": {"E": {"type": "string"}}}"#,
            "/$defs/E/type",
            "\"object\"",
        ),
        (
            r#"{"$schema": "http://json-schema.org/draft-07/schema#", "$defs": {"E": {"type": "object"}}}"#,
            "/$schema",
            "2020-12",
        ),
        (
            r#"{"title": 1, "$defs": {"E": {"type": "object"}}}"#,
            "/title",
            "must be a string",
        ),
        (
            r#"{"definitions": {}, "$defs": {"E": {"type": "object"}}}"#,
            "/definitions",
            "not supported",
        ),
        (
            r#"{"$defs": {"E": {"type": "object", "a/b~c": 1}}}"#,
            "/$defs/E/a~1b~0c",
            "not supported",
        ),
    ] {
        let errors = errors(file);
        assert_eq!(errors.len(), 1, "{file}: {errors:?}");
        assert_eq!(errors[0].path, path, "{file}");
        assert!(errors[0].message.contains(message), "{file}: {errors:?}");
    }
    for version in ["0", "-1", "1.5", "2147483648", "\"1\"", "1e99"] {
        let file = format!(r#"{{"x-version": {version}, "$defs": {{"E": {{"type": "object"}}}}}}"#);
        assert_eq!(errors(&file)[0].path, "/x-version", "{version}");
    }
}

#[test]
fn a_file_that_is_not_json_says_where() {
    let errors = errors("{\n  \"$defs\": {,\n}");
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].path, "");
    assert!(errors[0].message.contains("line 2, byte 13"), "{errors:?}");
}

#[test]
fn mistakes_of_an_event_type_are_named_with_their_place() {
    for (members, path, message) in [
        (r#", "properties": []"#, "/properties", "must be an object"),
        (r#", "required": "a""#, "/required", "must be an array"),
        (r#", "required": [1]"#, "/required/0", "must be the name"),
        (
            r#", "required": ["a"]"#,
            "/required/0",
            "\"a\" is not in \"properties\"",
        ),
        (
            r#", "properties": {"a": {"type": "string"}}, "required": ["a", "a"]"#,
            "/required/1",
            "named twice",
        ),
        (
            r#", "additionalProperties": {"type": "string"}"#,
            "/additionalProperties",
            "must be true or false",
        ),
        (
            r#", "x-event-name": 1"#,
            "/x-event-name",
            "must be a string",
        ),
        (
            r#", "x-event-name": """#,
            "/x-event-name",
            "begin with a letter",
        ),
        (r#", "x-event-name": "a b""#, "/x-event-name", "rename"),
        (r#", "oneOf": []"#, "/oneOf", "not supported"),
    ] {
        let errors = errors(&file_of(members));
        assert_eq!(errors.len(), 1, "{members}: {errors:?}");
        assert_eq!(errors[0].path, format!("/$defs/E{path}"), "{members}");
        assert!(errors[0].message.contains(message), "{members}: {errors:?}");
    }
}

#[test]
fn mistakes_of_a_field_are_named_with_their_place() {
    for (field, path, message) in [
        ("true", "", "must be a JSON object"),
        ("{}", "", "has no type"),
        (r#"{"type": "array"}"#, "/type", "\"string\", \"boolean\""),
        (r#"{"type": "null"}"#, "/type", "\"string\", \"boolean\""),
        (
            r#"{"type": ["string"]}"#,
            "/type",
            "\"string\", \"boolean\"",
        ),
        (
            r#"{"type": ["string", "integer"]}"#,
            "/type",
            "\"string\", \"boolean\"",
        ),
        (
            r#"{"type": ["null", "null"]}"#,
            "/type",
            "\"string\", \"boolean\"",
        ),
        (
            r#"{"type": "string", "title": null}"#,
            "/title",
            "must be a string",
        ),
        // Outside the subset.
        (
            r#"{"type": "string", "pattern": "a"}"#,
            "/pattern",
            "not supported",
        ),
        (
            r#"{"type": "string", "default": "a"}"#,
            "/default",
            "not supported",
        ),
        (
            r#"{"type": "number", "multipleOf": 2}"#,
            "/multipleOf",
            "not supported",
        ),
        (
            r##"{"$ref": "#/$defs/A", "type": "string"}"##,
            "/$ref",
            "not supported",
        ),
        // Of another type.
        (
            r#"{"type": "number", "minLength": 1}"#,
            "/minLength",
            "does not apply to a number",
        ),
        (
            r#"{"type": "integer", "format": "uuid"}"#,
            "/format",
            "does not apply to an integer",
        ),
        (
            r#"{"type": "boolean", "minimum": 1}"#,
            "/minimum",
            "does not apply to a boolean",
        ),
        (
            r#"{"type": "boolean", "maxLength": 5}"#,
            "/maxLength",
            "does not apply to a boolean",
        ),
        (
            r#"{"enum": ["a"], "maximum": 1}"#,
            "/maximum",
            "does not apply to a string",
        ),
        // Values that are none.
        (
            r#"{"type": "string", "minLength": -1}"#,
            "/minLength",
            "whole number from 0 to 200",
        ),
        (
            r#"{"type": "string", "maxLength": 201}"#,
            "/maxLength",
            "whole number from 0 to 200",
        ),
        (
            r#"{"type": "string", "maxLength": 1.5}"#,
            "/maxLength",
            "whole number from 0 to 200",
        ),
        (
            r#"{"type": "string", "format": "time"}"#,
            "/format",
            "\"date-time\"",
        ),
        (
            r#"{"type": "number", "minimum": "1"}"#,
            "/minimum",
            "must be a number",
        ),
        (
            r#"{"type": "number", "maximum": 1e999}"#,
            "/maximum",
            "must be a number",
        ),
        (
            r#"{"type": "string", "x-pii": "none"}"#,
            "/x-pii",
            "\"hash\", \"drop\" or \"mask\"",
        ),
        (
            r#"{"type": "number", "x-pii": "hash"}"#,
            "/x-pii",
            "applies to strings",
        ),
        // Conflicts.
        (
            r#"{"type": "string", "minLength": 3, "maxLength": 2}"#,
            "/minLength",
            "more than",
        ),
        (
            r#"{"type": "string", "format": "uuid", "maxLength": 35}"#,
            "/maxLength",
            "no room",
        ),
        (
            r#"{"type": "string", "format": "uuid", "minLength": 37}"#,
            "/minLength",
            "no room",
        ),
        (
            r#"{"type": "number", "minimum": 2, "maximum": 1}"#,
            "",
            "no value is within",
        ),
        (
            r#"{"type": "number", "minimum": 2, "exclusiveMaximum": 2}"#,
            "",
            "no value is within",
        ),
        (
            r#"{"type": "number", "exclusiveMinimum": 2, "maximum": 2}"#,
            "",
            "no value is within",
        ),
        (
            r#"{"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}"#,
            "",
            "no value is within",
        ),
        (
            r#"{"type": "integer", "minimum": -0.9, "maximum": -0.1}"#,
            "",
            "no value is within",
        ),
        (
            r#"{"type": "integer", "minimum": 1e30}"#,
            "",
            "no value is within",
        ),
        // enum and const.
        (r#"{"enum": []}"#, "/enum", "1 to 1000 values"),
        (r#"{"enum": "a"}"#, "/enum", "1 to 1000 values"),
        (r#"{"enum": ["a", "a"]}"#, "/enum", "twice"),
        (r#"{"enum": [1, 1.0]}"#, "/enum", "twice"),
        (r#"{"enum": ["a"], "const": "a"}"#, "/const", "keep one"),
        (r#"{"enum": ["a", 1]}"#, "/enum/1", "is not a string"),
        (
            r#"{"enum": [{"a": 1}]}"#,
            "/enum",
            "needs a string, number or boolean",
        ),
        (
            r#"{"const": null}"#,
            "/const",
            "needs a string, number or boolean",
        ),
        (
            r#"{"const": []}"#,
            "/const",
            "needs a string, number or boolean",
        ),
        (
            r#"{"type": "boolean", "const": "true"}"#,
            "/const",
            "is not a boolean",
        ),
        (
            r#"{"type": "integer", "enum": [1, 1.5]}"#,
            "/enum/1",
            "breaks \"type\"",
        ),
        (
            r#"{"type": "string", "enum": ["a", null]}"#,
            "/enum",
            "add \"null\" there",
        ),
        (
            r#"{"type": ["string", "null"], "enum": ["a"]}"#,
            "/enum",
            "add null here",
        ),
        (
            r#"{"type": ["string", "null"], "const": "a"}"#,
            "/const",
            "add null here",
        ),
        (
            r#"{"type": ["string", "null"], "enum": [null]}"#,
            "/enum",
            "other than null",
        ),
        (
            r#"{"enum": ["null", null]}"#,
            "/enum/0",
            "what null is read from",
        ),
        (
            r#"{"enum": ["abc"], "maxLength": 2}"#,
            "/enum/0",
            "breaks \"maxLength\"",
        ),
        (
            r#"{"const": "a@", "format": "email"}"#,
            "/const",
            "breaks \"format\"",
        ),
        (
            r#"{"enum": [1, 2, 3], "exclusiveMaximum": 3}"#,
            "/enum/2",
            "breaks \"exclusiveMaximum\"",
        ),
    ] {
        let (at, text) = field_error(field);
        assert_eq!(at, path, "{field}: {text}");
        assert!(text.contains(message), "{field}: {text}");
    }
}

#[test]
fn a_required_field_cannot_be_dropped() {
    let field = r#", "properties": {"a": {"type": TYPE, "x-pii": "drop"}}, "required": ["a"]"#;
    let file = file_of(&field.replace("TYPE", r#""string""#));
    assert_eq!(errors(&file)[0].path, "/$defs/E/properties/a/x-pii");
    let file = file_of(&field.replace("TYPE", r#"["string", "null"]"#));
    assert!(
        Schema::parse(file.as_bytes()).is_ok(),
        "null takes its place"
    );
}

#[test]
fn an_enum_value_beyond_the_wire_is_refused() {
    let (path, message) = field_error(&format!(r#"{{"const": "{}"}}"#, "a".repeat(201)));
    assert_eq!(path, "/const");
    assert!(message.contains("at most 200 characters"), "{message}");
}

#[test]
fn names_must_fit_the_wire_and_the_lake() {
    let with = |names: &[&str]| {
        let fields: Vec<_> = names
            .iter()
            .map(|name| format!(r#""{name}": {{"type": "string"}}"#))
            .collect();
        Schema::parse(file_of(&format!(r#", "properties": {{{}}}"#, fields.join(","))).as_bytes())
    };
    let fits = "a".repeat(50);
    for name in ["a", "orderId", "order-id", "order.id", "_id", "A1", &fits] {
        assert!(with(&[name]).is_ok(), "{name}");
    }
    let long = "a".repeat(51);
    for (name, message) in [
        ("", "begin with a letter"),
        ("_", "begin with a letter"),
        ("1st", "begin with a letter"),
        ("_1", "begin with a letter"),
        ("a b", "ASCII letters"),
        ("ä", "ASCII letters"),
        ("a$", "ASCII letters"),
        (&long, "50 characters"),
        ("sessionId", "\"session_id\" is one that every table"),
        (
            "Event-Timestamp",
            "\"event_timestamp\" is one that every table",
        ),
        ("day", "\"day\" is one that every table"),
    ] {
        let errors = with(&[name]).unwrap_err();
        assert_eq!(errors.len(), 1, "{name}: {errors:?}");
        assert_eq!(errors[0].path, format!("/$defs/E/properties/{name}"));
        assert!(errors[0].message.contains(message), "{name}: {errors:?}");
    }
    let common = COMMON_COLUMNS.iter().map(|column| column.name);
    for name in common.chain([EXTRA_COLUMN]).chain(PARTITION_COLUMNS) {
        assert!(with(&[name]).is_err(), "{name}");
    }
    let errors = with(&["orderId", "other", "order_id"]).unwrap_err();
    assert_eq!(errors[0].path, "/$defs/E/properties/order_id");
    assert!(
        errors[0].message.contains("is that of \"orderId\""),
        "{errors:?}"
    );

    let names: Vec<_> = (0..41).map(|n| format!("f{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    assert!(with(&names[..40]).is_ok());
    let errors = with(&names).unwrap_err();
    assert_eq!(errors[0].path, "/$defs/E/properties");
    assert!(errors[0].message.contains("40 fields"), "{errors:?}");
}

#[test]
fn event_types_must_differ_on_the_wire_and_in_the_lake() {
    for (defs, path, message) in [
        (
            r#""A": {"type": "object", "x-event-name": "x"}, "B": {"type": "object", "x-event-name": "x"}"#,
            "/$defs/B",
            "\"x\" is the event name of \"A\" too",
        ),
        (
            r#""A": {"type": "object", "x-event-name": "B"}, "B": {"type": "object"}"#,
            "/$defs/B",
            "\"B\" is the event name of \"A\" too",
        ),
        (
            r#""SignUp": {"type": "object"}, "sign_up": {"type": "object"}"#,
            "/$defs/sign_up",
            "the table \"sign_up\" is that of \"SignUp\" too",
        ),
        (r#""a.b": {"type": "object"}"#, "/$defs/a.b", "x-event-name"),
        (
            r#""a b": {"type": "object"}"#,
            "/$defs/a b",
            "ASCII letters",
        ),
    ] {
        let errors = errors(&format!(r#"{{"$defs": {{{defs}}}}}"#));
        assert_eq!(errors.len(), 1, "{defs}: {errors:?}");
        assert_eq!(errors[0].path, path);
        assert!(errors[0].message.contains(message), "{errors:?}");
    }
    let types: Vec<_> = (0..1501)
        .map(|n| format!(r#""E{n}": {{"type": "object"}}"#))
        .collect();
    assert!(
        errors(&format!(r#"{{"$defs": {{{}}}}}"#, types.join(",")))[0]
            .message
            .contains("1500")
    );
}

#[test]
fn all_mistakes_are_listed_at_once() {
    let errors = errors(
        r#"{"x-version": "one", "extra": 1, "$defs": {
          "A": {"properties": {
            "f": {"type": "string", "pattern": "x", "minimum": 3, "minLength": -1},
            "g": {"type": "text", "maxLength": -1, "maximum": "1", "x-pii": 1, "enum": []}
          }},
          "B": {"type": "object", "required": ["g"], "properties": {"session_id": {"type": "object"}}}
        }}"#,
    );
    let mut paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    paths.sort_unstable();
    assert_eq!(
        paths,
        [
            "/$defs/A",
            "/$defs/A/properties/f/minLength",
            "/$defs/A/properties/f/minimum",
            "/$defs/A/properties/f/pattern",
            "/$defs/A/properties/g/enum",
            "/$defs/A/properties/g/maxLength",
            "/$defs/A/properties/g/maximum",
            "/$defs/A/properties/g/type",
            "/$defs/A/properties/g/x-pii",
            "/$defs/B/properties/session_id",
            "/$defs/B/properties/session_id/type",
            "/$defs/B/required/0",
            "/extra",
            "/x-version",
        ]
    );
}

#[test]
fn a_valid_event_names_its_schema() {
    let schema = Schema::parse(DEMO.as_bytes()).unwrap();
    let event = event(
        "SignInEvent",
        &[
            ("email", "ada@example.com"),
            ("id", "0b7dbd3c-5d5b-4f4a-8a56-6c1f1f0e2d3c"),
            ("is_test_user", "false"),
            ("user_type", "teacher"),
        ],
        &[],
    );
    assert_eq!(
        schema.validate(&event, Stage::Recorded).unwrap().name,
        "SignInEvent"
    );
}

#[test]
fn an_unknown_event_type_is_one_violation() {
    let schema = Schema::parse(DEMO.as_bytes()).unwrap();
    let found = schema
        .validate(&event("SignOutEvent", &[("a", "b")], &[]), Stage::Recorded)
        .unwrap_err();
    assert_eq!(
        found,
        [Violation {
            path: "EventType".to_owned(),
            rule: "eventType",
            expected: "one of SignUpEvent, SignInEvent, PiecePlayedEvent".to_owned(),
            actual: "an event type that is not in the schema".to_owned(),
        }]
    );
}

#[test]
fn every_violation_is_listed_in_the_order_of_the_schema() {
    let schema = Schema::parse(DEMO.as_bytes()).unwrap();
    let event = event(
        "PiecePlayedEvent",
        &[
            ("tempo", "fast"),
            ("started_at", "yesterday"),
            ("completed", "yes"),
            ("piece", ""),
            ("mistakes", "3"),
        ],
        &[("minutes", "0"), ("tempo_bpm", "120")],
    );
    let expected = [
        ("Attributes.piece", "minLength"),
        ("Metrics.minutes", "exclusiveMinimum"),
        ("Attributes.mistakes", "type"),
        ("Attributes.completed", "type"),
        ("Attributes.started_at", "format"),
        ("Attributes.tempo", "additionalProperties"),
        ("Metrics.tempo_bpm", "additionalProperties"),
    ]
    .map(|(path, rule)| (path.to_owned(), rule));
    assert_eq!(violations(&schema, &event), expected);
}

#[test]
fn a_violation_describes_the_value_without_repeating_it() {
    let schema = schema_of(
        r#""mail": {"type": "string", "format": "email", "maxLength": 10},
           "plan": {"enum": ["free", "pro"]},
           "age": {"type": "integer", "minimum": 18, "maximum": 99},
           "share": {"type": "number", "exclusiveMaximum": 0.50},
           "level": {"enum": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}"#,
    );
    let event = event(
        "E",
        &[
            ("mail", "secret-secret"),
            ("plan", "secret"),
            ("secret", "secret"),
        ],
        &[("age", "7777"), ("share", "7777"), ("level", "7777")],
    );
    let found = schema.validate(&event, Stage::Recorded).unwrap_err();
    let texts: Vec<_> = found
        .iter()
        .map(|v| (v.path.as_str(), v.expected.as_str(), v.actual.as_str()))
        .collect();
    assert_eq!(
        texts,
        [
            (
                "Attributes.mail",
                "an email address",
                "a string of another form"
            ),
            (
                "Attributes.mail",
                "at most 10 characters",
                "a string of 13 characters"
            ),
            ("Attributes.plan", "one of free, pro", "another string"),
            ("Metrics.age", "at most 99", "a larger number"),
            (
                "Metrics.share",
                "less than 0.50",
                "a number that is not below it"
            ),
            (
                "Metrics.level",
                "one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more",
                "another number"
            ),
            (
                "Attributes.secret",
                "a field of E",
                "a name that is not in the schema"
            ),
        ]
    );
    for violation in &found {
        assert!(!violation.actual.contains("secret") && !violation.actual.contains("7777"));
    }
}

#[test]
fn length_counts_code_points() {
    let field = r#"{"type": "string", "minLength": 2, "maxLength": 3}"#;
    assert_eq!(text(field, "é"), ["minLength"]);
    assert_eq!(text(field, "éé"), NONE);
    assert_eq!(text(field, "👩‍🎤"), NONE, "three code points");
    assert_eq!(text(field, "👩‍🎤é"), ["maxLength"]);
}

#[test]
fn what_the_wire_does_not_carry_is_a_violation_at_once() {
    let field = r#"{"type": "string"}"#;
    assert_eq!(text(field, &"é".repeat(200)), NONE);
    assert_eq!(text(field, &"é".repeat(201)), ["maxLength"]);

    let open = file_of(
        r#", "additionalProperties": true, "properties": {"f": {"type": ["number", "null"]}}"#,
    );
    let open = Schema::parse(open.as_bytes()).unwrap();
    let (long, name) = ("x".repeat(201), "n".repeat(51));
    let sent = event(
        "E",
        &[("a", "b"), ("long", &long)],
        &[("n", "1"), (&name, "1")],
    );
    assert_eq!(
        violations(&open, &sent),
        [
            ("Attributes.long".to_owned(), "maxLength"),
            (format!("Metrics.{}…", "n".repeat(50)), "propertyNames"),
        ]
    );

    let names: Vec<_> = (0..40).map(|n| format!("n{n}")).collect();
    let attributes: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    assert!(
        open.validate(&event("E", &attributes, &[]), Stage::Recorded)
            .is_ok()
    );
    let found = open
        .validate(&event("E", &attributes, &[("f", "1")]), Stage::Recorded)
        .unwrap_err();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].path.as_str(), found[0].rule),
        ("Attributes", "maxProperties")
    );
}

#[test]
fn of_what_is_not_known_no_more_is_named_than_an_event_may_have() {
    let names: Vec<_> = (0..1_000)
        .map(|n| format!("{n}{}", "n".repeat(60)))
        .collect();
    let texts: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), names[0].as_str()))
        .collect();
    for (more, most) in [("", 40), (r#", "additionalProperties": true"#, 41)] {
        let schema = file_of(&format!(r#"{more}, "properties": {{}}"#));
        let schema = Schema::parse(schema.as_bytes()).unwrap();
        let found = schema.validate(&event("E", &texts, &texts[..0]), Stage::Recorded);
        let found = found.unwrap_err();
        assert_eq!(found.len(), most, "{found:?}");
        let first = format!("Attributes.0{}…", "n".repeat(49));
        assert_eq!(found[0].path, first);
    }
}

#[test]
fn choices() {
    assert_eq!(text(r#"{"enum": ["a", "b"]}"#, "b"), NONE);
    assert_eq!(text(r#"{"enum": ["a", "b"]}"#, "A"), ["enum"]);
    assert_eq!(text(r#"{"const": "a"}"#, "b"), ["const"]);
    assert_eq!(number(r#"{"enum": [1, 2.5]}"#, "2.50"), NONE);
    assert_eq!(number(r#"{"enum": [1, 2.5]}"#, "2"), ["enum"]);
    assert_eq!(number(r#"{"const": 1}"#, "1e0"), NONE);
    assert_eq!(number(r#"{"const": 1}"#, "2"), ["const"]);
}

#[test]
fn booleans_are_true_or_false() {
    for value in ["true", "false"] {
        assert_eq!(text(r#"{"type": "boolean"}"#, value), NONE);
    }
    for value in ["True", "1", "", "null", "yes"] {
        assert_eq!(text(r#"{"type": "boolean"}"#, value), ["type"]);
    }
    assert_eq!(text(r#"{"const": true}"#, "true"), NONE);
    assert_eq!(text(r#"{"const": true}"#, "false"), ["const"]);
    assert_eq!(text(r#"{"enum": [false]}"#, "true"), ["const"]);
    assert_eq!(text(r#"{"enum": [false, true]}"#, "true"), NONE);
}

#[test]
fn integers_are_whole_numbers_of_64_bits() {
    for value in ["5", "5.0", "5e0", "-0", "9223372036854775807"] {
        assert_eq!(number(r#"{"type": "integer"}"#, value), NONE, "{value}");
    }
    for value in ["5.5", "1e-1", "9223372036854775808", "1e400"] {
        assert_eq!(number(r#"{"type": "integer"}"#, value), ["type"], "{value}");
    }
    assert_eq!(number(r#"{"type": "number"}"#, "1e400"), ["type"]);
}

#[test]
fn bounds() {
    let inclusive = r#"{"type": "number", "minimum": -1.5, "maximum": 2}"#;
    for value in ["-1.5", "2", "2.0", "0"] {
        assert_eq!(number(inclusive, value), NONE, "{value}");
    }
    assert_eq!(number(inclusive, "-1.51"), ["minimum"]);
    assert_eq!(number(inclusive, "2.01"), ["maximum"]);
    let exclusive = r#"{"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}"#;
    assert_eq!(number(exclusive, "0"), ["exclusiveMinimum"]);
    assert_eq!(number(exclusive, "1"), NONE);
    assert_eq!(number(exclusive, "3"), ["exclusiveMaximum"]);
}

#[test]
fn a_value_in_the_wrong_map_is_of_the_wrong_type() {
    assert_eq!(number(r#"{"type": "string"}"#, "1"), ["type"]);
    assert_eq!(number(r#"{"type": "boolean"}"#, "1"), ["type"]);
    assert_eq!(text(r#"{"type": "integer"}"#, "1"), ["type"]);
    assert_eq!(text(r#"{"type": "number"}"#, "1"), ["type"]);
    assert_eq!(broken(r#"{"type": "string"}"#, &["a"], &["1"]), ["type"]);

    // Required and misplaced is one violation, not two.
    let file = file_of(r#", "properties": {"n": {"type": "number"}}, "required": ["n"]"#);
    let schema = Schema::parse(file.as_bytes()).unwrap();
    let found = schema
        .validate(&event("E", &[("n", "1")], &[]), Stage::Recorded)
        .unwrap_err();
    assert_eq!(
        found,
        [Violation {
            path: "Attributes.n".to_owned(),
            rule: "type",
            expected: "a number in Metrics".to_owned(),
            actual: "a string in Attributes".to_owned(),
        }]
    );
}

#[test]
fn null_is_left_out_or_spelled_out_where_the_schema_allows_it() {
    for field in [
        r#"{"type": ["string", "null"], "format": "uuid"}"#,
        r#"{"type": ["boolean", "null"]}"#,
        r#"{"type": ["integer", "null"]}"#,
        r#"{"type": ["null", "number"], "minimum": 1}"#,
        r#"{"enum": ["a", null]}"#,
    ] {
        assert_eq!(text(field, "null"), NONE, "{field}");
        let required = format!(r#", "properties": {{"f": {field}}}, "required": ["f"]"#);
        let schema = Schema::parse(file_of(&required).as_bytes()).unwrap();
        assert!(
            schema
                .validate(&event("E", &[], &[]), Stage::Recorded)
                .is_ok(),
            "{field}"
        );
    }
    assert_eq!(
        text(r#"{"type": "string"}"#, "null"),
        NONE,
        "a string like any other"
    );
    assert_eq!(
        text(r#"{"type": "string", "format": "uuid"}"#, "null"),
        ["format"]
    );
    assert_eq!(text(r#"{"type": "integer"}"#, "null"), ["type"]);

    let schema = schema_of(r#""f": {"type": ["string", "null"]}, "g": {"type": "string"}"#);
    let sent = event("E", &[("f", "null"), ("g", "null")], &[]);
    let fields = &schema.event("E").unwrap().fields;
    assert_eq!(fields[0].attribute(&sent), None);
    assert_eq!(fields[1].attribute(&sent), Some("null"));
}

#[test]
fn what_is_required_must_be_there() {
    let file = file_of(
        r#", "properties": {"a": {"type": "string"}, "n": {"type": "integer"}}, "required": ["n", "a"]"#,
    );
    let schema = Schema::parse(file.as_bytes()).unwrap();
    assert_eq!(
        violations(&schema, &event("E", &[], &[])),
        [
            ("Attributes.a".to_owned(), "required"),
            ("Metrics.n".to_owned(), "required")
        ]
    );
    assert!(
        schema
            .validate(&event("E", &[("a", "")], &[("n", "0")]), Stage::Recorded)
            .is_ok()
    );
}

#[test]
fn formats() {
    let cases: [(&str, &[&str], &[&str]); 5] = [
        (
            "email",
            &[
                "a@b",
                "ada.lovelace+test@example.co.uk",
                "o'neil@x-y.example",
                "a@1.2.3.4",
            ],
            &[
                "",
                "@",
                "a@",
                "@b",
                "a b@c.de",
                "a@@b.de",
                ".a@b.de",
                "a.@b.de",
                "a..a@b.de",
                "a@b..de",
                "a@-b.de",
                "a@b-.de",
                "a@b_c.de",
                "a@b.de ",
                "ä@b.de",
            ],
        ),
        (
            "date-time",
            &[
                "2026-11-21T10:30:00Z",
                "2026-11-21t10:30:00.123456z",
                "2024-02-29T23:59:59-05:30",
            ],
            &[
                "",
                "2026-11-21",
                "2026-11-21T10:30:00",
                "2026-11-21 10:30:00Z",
                "2026-02-29T10:30:00Z",
                "2026-11-21T24:00:00Z",
                "2026-11-21T10:30Z",
                "2026-11-21T10:30:00+0100",
                "+002026-11-21T10:30:00Z",
                "0000-12-31T10:30:00Z",
                "9999-12-31T23:59:59-00:01",
                "1700000000000",
            ],
        ),
        (
            "date",
            &["2026-11-21", "2024-02-29", "0001-01-01", "9999-12-31"],
            &[
                "",
                "2026-11-2",
                "2026-11-31",
                "2026-02-29",
                "0000-01-01",
                "21.11.2026",
                "2026-11-21Z",
                "2026-11-21T10:30:00Z",
                "+2026-11-2",
            ],
        ),
        (
            "uuid",
            &[
                "0b7dbd3c-5d5b-4f4a-8a56-6c1f1f0e2d3c",
                "0B7DBD3C-5D5B-4F4A-8A56-6C1F1F0E2D3C",
                "00000000-0000-0000-0000-000000000000",
            ],
            &[
                "",
                "0b7dbd3c5d5b4f4a8a566c1f1f0e2d3c",
                "{0b7dbd3c-5d5b-4f4a-8a56-6c1f1f0e2d3c}",
                "0b7dbd3c-5d5b-4f4a-8a56-6c1f1f0e2d3g",
                "0b7dbd3c-5d5b-4f4a-8a56-6c1f1f0e2d3",
                "0b7dbd3-c5d5b-4f4a-8a56-6c1f1f0e2d3c",
            ],
        ),
        (
            "uri",
            &[
                "https://example.com/a/b?c=d&e=%20#f",
                "https://user:pw@example.com:8080/",
                "http://[2001:db8::1]:80/",
                "http://[v1.fe80:a]/",
                "urn:isbn:0451450523",
                "mailto:a@b.de",
                "file:///etc/hosts",
                "a:",
            ],
            &[
                "",
                "example.com",
                "/a/b",
                "//example.com",
                "1a:b",
                ":b",
                "http://a b",
                "http://a/%2",
                "http://a/%zz",
                "http://a:b/",
                "http://[::1/",
                "http://[2001adb8::1]/",
                "http://[::%31]/",
                "http://a]/",
                "http://a/#b#c",
                "http://a/?[",
                "http://a/\"",
                "http://ä/",
            ],
        ),
    ];
    for (format, valid, invalid) in cases {
        let field = format!(r#"{{"type": "string", "format": "{format}"}}"#);
        for value in valid {
            assert_eq!(text(&field, value), NONE, "{format} {value}");
        }
        for value in invalid {
            assert_eq!(text(&field, value), ["format"], "{format} {value}");
        }
    }
}
