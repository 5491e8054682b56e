//! Every way an event can break its schema.

use forebay_core::schema::{Schema, Stage, Violation};

use crate::support::*;

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
fn every_violation_is_listed_in_the_order_of_the_event() {
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
        ("Attributes.tempo", "additionalProperties"),
        ("Attributes.started_at", "format"),
        ("Attributes.completed", "type"),
        ("Attributes.piece", "minLength"),
        ("Attributes.mistakes", "type"),
        ("Metrics.minutes", "exclusiveMinimum"),
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
            (
                "Attributes.secret",
                "a field of the event type",
                "a name that is not in the schema"
            ),
            ("Metrics.age", "at most 99", "another number"),
            ("Metrics.share", "less than 0.50", "another number"),
            (
                "Metrics.level",
                "one of 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more",
                "another number"
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
    for more in ["", r#", "additionalProperties": true"#] {
        let schema = file_of(&format!(r#"{more}, "properties": {{}}"#));
        let schema = Schema::parse(schema.as_bytes()).unwrap();
        let found = schema.validate(&event("E", &texts, &texts[..0]), Stage::Recorded);
        let found = found.unwrap_err();
        assert_eq!(found.len(), 41, "{found:?}");
        assert_eq!(found[40].rule, "maxProperties");
        let first = format!("Attributes.0{}…", "n".repeat(49));
        assert_eq!(found[0].path, first);
    }
}

#[test]
fn choices() {
    assert_eq!(text(r#"{"enum": ["a", "b"]}"#, "b"), NONE);
    assert_eq!(text(r#"{"enum": ["a", "b"]}"#, "A"), ["enum"]);
    assert_eq!(text(r#"{"const": "a"}"#, "b"), ["const"]);
    // Characters that mean something in rules.
    let odd = r#"{"enum": ["a:b", "??", "", "<A1", "é=;@", "a"]}"#;
    for value in ["a:b", "??", "", "<A1", "é=;@", "a"] {
        assert_eq!(text(odd, value), NONE, "{value}");
    }
    for value in ["a:", "a:bc", "?", "???", "<A", "é=;", ":b", "A1"] {
        assert_eq!(text(odd, value), ["enum"], "{value}");
    }
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
                "+900-02-28",
                "-900-02-28",
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
                "http://[::ffff:1.2.3.4]",
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
                "http://[::1]a/",
                "http://[::%31]/",
                "http://[::1]:a/",
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
