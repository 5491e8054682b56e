//! Fields handed in one by one, as the browser does.

use forebay_core::schema::{Checker, Given, Rules, Schema, Verdict, Violation};

use crate::engine::Engine;
use crate::support::*;

/// Each violation as its path, rule, expectation and what came. That there are any is known without them,
/// too.
fn check(rules: &str, event_type: &str, fields: &[(Given, &str, &str)]) -> Vec<[String; 4]> {
    let rules = Rules::read(rules).unwrap_or_default();
    let mut checker: Checker<'_, Vec<Violation>> = Checker::new(rules, event_type);
    let mut verdict: Checker<'_, Verdict<Engine>> = Checker::new(rules, event_type);
    for (given, name, text) in fields {
        assert!(checker.field(*given, name, text));
        assert!(verdict.field(*given, name, text));
    }
    let violations = checker.finish();
    assert_eq!(verdict.is_valid(), violations.is_empty());
    let parts = |violation: Violation| {
        let Violation {
            path,
            rule,
            expected,
            actual,
        } = violation;
        [path, rule.to_owned(), expected, actual]
    };
    violations.into_iter().map(parts).collect()
}

#[test]
fn violations_are_told_in_words() {
    let file = file_of(
        r#", "required": ["seats", "mail"], "properties": {
            "mail": {"type": "string", "format": "email"},
            "plan": {"enum": ["free", "a:b"]},
            "code": {"type": "string", "minLength": 1, "maxLength": 3},
            "seats": {"type": "integer", "exclusiveMaximum": 10},
            "paid": {"const": true}}"#,
    );
    let rules = Schema::parse(file.as_bytes()).unwrap().to_rules();
    let sent = [
        (Given::Attribute, "plan", "pro"),
        (Given::Attribute, "code", "äöüß"),
        (Given::Metric, "seats", "10"),
        (Given::Attribute, "paid", "false"),
        (Given::Metric, "age", "7"),
    ];
    assert_eq!(
        check(&rules, "E", &sent),
        [
            [
                "Attributes.plan",
                "enum",
                "one of free, a:b",
                "another string"
            ],
            [
                "Attributes.code",
                "maxLength",
                "at most 3 characters",
                "a string of 4 characters"
            ],
            [
                "Metrics.seats",
                "exclusiveMaximum",
                "less than 10",
                "another number"
            ],
            ["Attributes.paid", "const", "true", "another string"],
            [
                "Metrics.age",
                "additionalProperties",
                "a field of the event type",
                "a name that is not in the schema"
            ],
            [
                "Attributes.mail",
                "required",
                "a string in Attributes",
                "nothing"
            ],
        ]
    );
    let unknown = "an event type that is not in the schema";
    assert_eq!(
        check(&rules, "F", &[]),
        [["EventType", "eventType", "one of E", unknown]]
    );
    let empty = check(&rules, "E", &[(Given::Attribute, "code", "")]);
    assert_eq!(
        empty[0][2..],
        ["at least 1 character", "a string of 0 characters"]
    );
}

#[test]
fn what_is_neither_string_nor_number_is_of_the_wrong_type() {
    let file = file_of(
        r#", "additionalProperties": true, "properties": {
            "text": {"type": "string"}, "maybe": {"type": ["string", "null"]},
            "number": {"type": "number"}, "maybe_number": {"type": ["integer", "null"]}}"#,
    );
    let rules = Schema::parse(file.as_bytes()).unwrap().to_rules();
    let (text, number) = ("a string in Attributes", "a number in Metrics");
    let cases = [
        (Given::OtherAttribute, "text", "number", Some(text)),
        (Given::OtherAttribute, "text", "null", Some(text)),
        (Given::OtherAttribute, "maybe", "null", None),
        (Given::OtherAttribute, "maybe", "object", Some(text)),
        (Given::OtherAttribute, "other", "null", Some(text)),
        (Given::Metric, "number", "1e+21", None),
        (Given::Metric, "number", "1.5e-7", None),
        (Given::Metric, "number", "NaN", Some(number)),
        (Given::Metric, "number", "-Infinity", Some(number)),
        (Given::OtherMetric, "number", "string", Some(number)),
        (Given::OtherMetric, "maybe_number", "null", None),
        (Given::OtherMetric, "other", "boolean", Some(number)),
        (Given::Metric, "other", "Infinity", Some(number)),
    ];
    for (given, name, value, expected) in cases {
        let found = check(&rules, "E", &[(given, name, value)]);
        let wrong = expected.map(|expected| ("type", expected, value));
        let found: Vec<_> = found
            .iter()
            .map(|[_, rule, expected, actual]| (rule.as_str(), expected.as_str(), actual.as_str()))
            .collect();
        assert_eq!(found, Vec::from_iter(wrong), "{given:?} {name} {value}");
    }
}

#[test]
fn without_a_schema_the_limits_of_the_wire_hold() {
    let (long, name) = ("x".repeat(201), "n".repeat(51));
    let sent = [
        (Given::Attribute, "a", "b"),
        (Given::Attribute, "long", &long),
        (Given::Metric, &name, "1"),
    ];
    let rules = |found: Vec<[String; 4]>| -> Vec<String> {
        found.into_iter().map(|[_, rule, ..]| rule).collect()
    };
    assert_eq!(
        rules(check("", "Any", &sent)),
        ["maxLength", "propertyNames"]
    );
    assert_eq!(rules(check("", "", &[])), ["required"]);
    let full = [(Given::Metric, "n", "1"); 40];
    assert_eq!(rules(check("", "Any", &full)), NONE);
    let more = [(Given::Metric, "n", "1"); 41];
    let found = check("", "Any", &more);
    assert_eq!(
        found,
        [[
            "Attributes",
            "maxProperties",
            "at most 40 attributes and metrics",
            "41 attributes and metrics"
        ]]
    );
}

#[test]
fn what_is_to_be_dropped_is_told() {
    let schema = schema_of(
        r#""a": {"type": "string", "x-pii": "drop"}, "b": {"type": ["integer", "null"], "x-pii": "drop"},
           "c": {"type": "string", "x-pii": "hash"}"#,
    );
    let rules = schema.to_rules();
    let rules = Rules::read(&rules).unwrap();
    let mut checker: Checker<'_, Verdict<Engine>> = Checker::new(rules, "E");
    assert!(!checker.field(Given::Attribute, "a", "x"));
    assert!(!checker.field(Given::OtherMetric, "b", "null"));
    assert!(checker.field(Given::Attribute, "c", "x"));
    assert!(checker.is_valid());
}
