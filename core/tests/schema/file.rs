//! What is read from a file, and every mistake it is refused for.

use forebay_core::schema::{
    COMMON_COLUMNS, ColumnType, EXTRA_COLUMN, Field, Format, Kind, PARTITION_COLUMNS, Pii, Schema,
    SchemaError,
};

use crate::support::*;

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
        (
            r#""A": {"type": "object", "x-event-name": "_endpoint.update"}"#,
            "/$defs/A",
            "the table \"endpoint_update\" is Forebay's own",
        ),
        (
            r#""EndpointUpdate": {"type": "object"}"#,
            "/$defs/EndpointUpdate",
            "the table \"endpoint_update\" is Forebay's own",
        ),
        (
            r#""DeadLetter": {"type": "object"}"#,
            "/$defs/DeadLetter",
            "the table \"dead_letter\" is Forebay's own",
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
            r#"{"type": "number", "maximum": 9007199254740993}"#,
            "/maximum",
            "the nearest that it has is 9007199254740992",
        ),
        (
            r#"{"type": "integer", "minimum": -9223372036854775807}"#,
            "/minimum",
            "a number that JavaScript does not have",
        ),
        (
            r#"{"enum": [0.1, 0.10000000000000000001]}"#,
            "/enum/1",
            "the nearest that it has is 0.1",
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
