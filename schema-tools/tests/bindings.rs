//! What JavaScript gets: one JSON text each, whatever goes in.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use forebay_schema_tools::bindings::{
    Validator, athena, catalogue, cloudformation, compare, rules, tables, terraform, typescript,
};
use serde_json::{Value, json};

const SCHEMA: &str = r#"{
  "$defs": {
    "SignUpEvent": { "type": "object", "properties": { "email": { "type": "string" } } }
  }
}"#;

const OPTIONS: &str =
    r#"{"database":"forebay","location":"s3://bucket/lake","first_year":2025,"last_year":2035}"#;

/// A schema with mistakes in two places.
const WRONG: &str = r#"{
  "$defs": {
    "SignUpEvent": {
      "type": "object",
      "properties": { "email": { "type": "string", "pattern": "@" } },
      "required": ["mail"]
    }
  }
}"#;

fn read(answer: &str) -> Value {
    serde_json::from_str(answer).unwrap()
}

/// Every function of a schema alone, and those that take options.
fn answers(schema: &str) -> Vec<Value> {
    let of_schema = [typescript, rules, tables, catalogue].map(|function| function(schema));
    let of_options = [athena, cloudformation, terraform].map(|function| function(schema, OPTIONS));
    let answers = of_schema.iter().chain(&of_options);
    answers.map(|answer| read(answer)).collect()
}

#[test]
fn a_good_schema_is_answered() {
    for answer in answers(SCHEMA) {
        assert!(
            answer["ok"].is_string() || answer["ok"].is_array(),
            "{answer}"
        );
        assert_eq!(answer["errors"], Value::Null);
    }
    let comparison = read(&compare(SCHEMA, SCHEMA));
    assert_eq!(
        comparison,
        json!({ "ok": { "class": "safe", "changes": [] } })
    );
}

#[test]
fn mistakes_are_told_with_line_and_column() {
    for answer in answers(WRONG) {
        let places: Vec<Value> = answer["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| json!([error["path"], error["line"], error["column"]]))
            .collect();
        assert_eq!(
            json!(places),
            json!([
                ["/$defs/SignUpEvent/required/0", 6, 20],
                ["/$defs/SignUpEvent/properties/email/pattern", 5, 52]
            ])
        );
        assert!(answer["errors"][0]["message"].is_string());
        assert_eq!(answer["errors"][0].get("file"), None);
    }
}

#[test]
fn mistakes_say_which_text_they_are_in() {
    let of = |answer: &str| {
        let errors = read(answer)["errors"].as_array().unwrap().clone();
        let files = errors.iter().map(|error| error["file"].clone());
        files.collect::<Vec<_>>()
    };
    assert_eq!(of(&compare(SCHEMA, "{")), ["new"]);
    assert_eq!(of(&compare(WRONG, "")), ["old", "old", "new"]);
    let options = OPTIONS.replace("s3:", "ftp:");
    let answer = read(&athena(SCHEMA, &options));
    assert_eq!(answer["errors"][0]["file"], "options");
    assert_eq!(answer["errors"][0]["path"], "/location");
    assert_eq!(of(&terraform(SCHEMA, "{")), ["options"]);
}

#[test]
fn names_that_clash_in_code_are_told_like_mistakes_in_the_file() {
    let schema = r#"{ "$defs": {
      "Step2": { "type": "object" },
      "Step_2": { "type": "object" }
    } }"#;
    let error = &read(&typescript(schema))["errors"][0];
    assert_eq!(error["path"], "/$defs/Step_2");
    assert_eq!((&error["line"], &error["column"]), (&json!(3), &json!(7)));
    assert!(read(&rules(schema))["ok"].is_string());
}

#[test]
fn a_validator_judges_lines() {
    let validator = Validator::new(SCHEMA).unwrap();
    let check = |line: &str| read(&validator.check_line(line));
    assert_eq!(check(r#"{"name":"SignUpEvent"}"#), json!({ "ok": true }));
    let violations = check(r#"{"name":"SignUpEvent","attributes":{"email":1}}"#);
    assert_eq!(
        violations["violations"][0],
        json!({
            "path": "Attributes.email",
            "rule": "type",
            "expected": "a string",
            "actual": "number"
        })
    );
    assert!(check("nothing")["malformed"].is_string());
}

#[test]
fn nothing_makes_it_panic() {
    let deep = "[".repeat(100_000);
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "{\"$defs\":{}}",
        "\u{feff}{}",
        "é",
        &deep,
    ] {
        for answer in answers(text) {
            let error = &answer["errors"][0];
            assert!(error["line"].as_u64() > Some(0), "{text:?}: {answer}");
            assert!(error["column"].as_u64() > Some(0), "{text:?}: {answer}");
        }
    }
}
