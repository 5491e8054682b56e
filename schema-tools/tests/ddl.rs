//! Tables for Athena: their names, what they are told, and what fits. That other tools understand
//! them is seen in `tests/schema/ddl.test.ts`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use forebay_core::schema::Schema;
use forebay_schema_tools::ddl::{Options, OptionsError, athena, cloudformation, terraform};
use proptest::prelude::*;
use serde_json::{Value, json};

fn schema(defs: &Value) -> Schema {
    Schema::parse(json!({"$defs": defs}).to_string().as_bytes()).unwrap()
}

fn read(changes: &Value) -> Result<Options, OptionsError> {
    Options::read(&changed(changes))
}

fn changed(changes: &Value) -> String {
    let mut options = json!({
        "database": "forebay",
        "location": "s3://bucket/lake",
        "first_year": 2025,
        "last_year": 2035,
    });
    for (name, value) in changes.as_object().unwrap() {
        options[name] = value.clone();
    }
    options.to_string()
}

fn options() -> Options {
    read(&json!({})).unwrap()
}

#[test]
fn options_are_taken_or_refused_with_their_place() {
    for taken in [
        json!({"database": "a"}),
        json!({"database": "lake_2"}),
        json!({"location": "s3://bucket"}),
        json!({"location": "s3://my.bucket-1/a/b_c/d=e.f/"}),
        json!({"first_year": 2000, "last_year": 2099}),
        json!({"first_year": 2026, "last_year": 2026}),
    ] {
        assert!(read(&taken).is_ok(), "{taken}");
    }
    for (refused, path) in [
        (json!({"database": ""}), "/database"),
        (json!({"database": "Lake"}), "/database"),
        (json!({"database": "my-lake"}), "/database"),
        (json!({"database": "1lake"}), "/database"),
        (json!({"database": "a`; DROP"}), "/database"),
        (json!({"database": "a".repeat(256)}), "/database"),
        (json!({"location": "s3://"}), "/location"),
        (json!({"location": "s3://ab/x"}), "/location"),
        (json!({"location": "s3://Bucket/x"}), "/location"),
        (json!({"location": "s3://bucket//x"}), "/location"),
        (json!({"location": "s3://bucket/x//"}), "/location"),
        (json!({"location": "s3://bucket/../x"}), "/location"),
        (json!({"location": "s3://bucket/${x}"}), "/location"),
        (json!({"location": "s3://bucket/it's"}), "/location"),
        (json!({"location": "https://bucket/x"}), "/location"),
        (json!({"location": "s3a://bucket/x"}), "/location"),
        (
            json!({"location": format!("s3://bucket/{}", "a".repeat(700))}),
            "/location",
        ),
        (json!({"first_year": 1999}), "/first_year"),
        (json!({"first_year": 2036}), "/first_year"),
        (
            json!({"first_year": 2000, "last_year": 2100}),
            "/first_year",
        ),
        (json!({"first_year": "2025"}), ""),
        (json!({"last_year": 1e9}), ""),
        (json!({"other": 1}), ""),
    ] {
        let error = read(&refused).unwrap_err();
        assert_eq!(error.path(), path, "{refused}: {error}");
    }
    assert_eq!(
        read(&json!({"location": "s3://bucket/lake/"})),
        Ok(options())
    );
}

#[test]
fn an_engine_that_reads_files_takes_folders_and_hadoops_name_for_s3() {
    let read = |location| Options::of_folder(&changed(&json!({ "location": location })));
    for taken in ["s3://bucket/lake", "s3a://bucket/lake", "./lake", "/lake"] {
        assert!(read(taken).is_ok(), "{taken}");
    }
    for refused in ["s3a://ab/x", "s3a://bucket/it's", "gs://bucket/x", "", "a*"] {
        assert_eq!(read(refused).unwrap_err().path(), "/location", "{refused}");
    }
}

#[test]
fn an_event_type_may_have_the_name_of_a_view() {
    let empty = json!({"type": "object"});
    let names = ["Rejected", "Events", "A", "ADistinct", "AnonymousEvents"]
        .map(|name| (name.to_owned(), empty.clone()));
    let sql = athena(
        &schema(&Value::Object(names.into_iter().collect())),
        &options(),
    );
    let created: Vec<&str> = sql
        .lines()
        .filter_map(|line| line.strip_prefix("CREATE ")?.rsplit_once('.'))
        .map(|(_, name)| {
            name.trim_end_matches([' ', '(', 'A', 'S'])
                .trim_matches(['"', '`'])
        })
        .collect();
    let distinct: BTreeSet<&str> = created.iter().copied().collect();
    assert_eq!(created.len(), distinct.len(), "{created:?}");
    for name in [
        "rejected",
        "forebay__rejected",
        "endpoint_update",
        "events",
        "forebay__events",
        "a_distinct",
        "forebay__a_distinct",
        "sessions",
    ] {
        assert!(distinct.contains(name), "{name} in {created:?}");
    }
    assert!(sql.contains("FROM \"forebay\".\"forebay__events\"\nWHERE \"session_id\""));
}

/// The keys of a template's resources.
fn logical_ids(template: &str) -> Vec<&str> {
    let (_, resources) = template.split_once("\nResources:\n").unwrap();
    let ids = resources.lines().filter(|line| !line.starts_with("   "));
    ids.map(|line| line.trim().trim_end_matches(':')).collect()
}

#[test]
fn resources_of_a_template_have_ids_of_their_own() {
    let empty = json!({"type": "object"});
    let names = [
        "a_b1",
        "a_b_1",
        "ab1",
        "ab_1",
        "aUb",
        "Database",
        "Rejected",
        "Mp3Played",
    ];
    let events = names.map(|name| (name.to_owned(), empty.clone()));
    let schema = schema(&Value::Object(events.into_iter().collect()));
    let template = cloudformation(&schema, &options()).unwrap();
    let ids = logical_ids(&template);
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    // And the database, the built-in event types and what was rejected.
    assert_eq!(ids.len(), names.len() + schema.built_in().len() + 2);
    assert_eq!(ids.len(), distinct.len(), "{ids:?}");
    assert!(ids.contains(&"Mp3PlayedTable"), "{ids:?}");
    let is_id = |id: &&str| id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    assert!(ids.iter().all(is_id), "{ids:?}");
}

#[test]
fn a_template_that_cloudformation_would_not_take_is_an_error() {
    let events = |count: usize| {
        let events = (0..count).map(|at| (format!("E{at}"), json!({"type": "object"})));
        schema(&Value::Object(events.collect()))
    };
    let others = events(1).built_in().len() + 2;
    assert!(cloudformation(&events(100), &options()).is_ok());
    let error = cloudformation(&events(501 - others), &options()).unwrap_err();
    assert_eq!(error.resources, 501);
    assert!(error.to_string().contains("Terraform"));
    assert!(
        terraform(&events(498), &options())
            .contains("resource \"aws_glue_catalog_table\" \"e497\"")
    );
}

#[test]
fn built_in_event_types_have_tables_unless_the_schema_has_them() {
    let definitions = json!({
        "Begun": {"type": "object", "x-event-name": "_session.start"},
        "EmailOpen": {"type": "object"},
    });
    let sql = athena(&schema(&definitions), &options());
    let count = |table: &str| sql.matches(&format!("`forebay`.`{table}` (")).count();
    for table in [
        "session_start",
        "email_open",
        "session_stop",
        "sms_success",
        "endpoint_update",
    ] {
        assert_eq!(count(table), 1, "{table}");
    }
    let marked =
        "'forebay.personal_data' = 'client_id,cognito_id,user_id,destination_phone_number,extra'";
    assert!(sql.contains(marked));
    assert!(sql.contains("`price_in_millicents_usd` double"));
}

#[test]
fn what_is_dropped_is_nowhere() {
    let schema = schema(&json!({"E": {"type": "object", "properties": {
        "dropped_field": {"type": "string", "description": "Nobody sees it.", "x-pii": "drop"},
        "old": {"type": "string", "description": "Not used.", "deprecated": true, "x-pii": "hash"},
    }}}));
    let options = options();
    let texts = [
        athena(&schema, &options),
        cloudformation(&schema, &options).unwrap(),
        terraform(&schema, &options),
    ];
    for text in texts {
        assert!(!text.contains("dropped_field") && !text.contains("Nobody sees it."));
        assert!(text.contains("Deprecated. Not used. Personal data, hashed."));
    }
}

/// The values of a member in a file of Terraform.
fn values(hcl: &str, member: &str) -> Vec<String> {
    let lines = hcl.lines().filter_map(|line| {
        let (name, value) = line.trim().split_once('=')?;
        (name.trim() == member).then(|| serde_json::from_str(value.trim()).unwrap())
    });
    lines.collect()
}

/// What Glue or YAML does not take in a line of text.
fn is_refused(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{fffe}' | '\u{10ffff}')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn comments_fit_the_catalogue(text in "(?s).{0,400}|[a-zé…\u{85}\u{2028}\u{fffe}\u{10ffff}$%{}\\\\'\"; \n]{0,3000}") {
        let schema = schema(&json!({"E": {"type": "object", "description": text, "properties": {
            "f": {"type": "string", "description": text, "deprecated": true, "x-pii": "mask"},
        }}}));
        let options = options();
        let hcl = terraform(&schema, &options);
        let comments = values(&hcl, "comment");
        let descriptions = values(&hcl, "description");
        let ours = comments.iter().find(|comment| comment.starts_with("Deprecated.")).unwrap();
        prop_assert!(ours.ends_with("Personal data, masked."));
        for (texts, max) in [(comments, 255), (descriptions, 2_048)] {
            for text in texts {
                let text = text.replace("$${", "${").replace("%%{", "%{");
                prop_assert!(text.len() <= max, "{} bytes", text.len());
                prop_assert!(!text.contains(is_refused), "{:?}", text);
            }
        }
        // A statement ends where a line ends in ";", and nowhere else.
        let sql = athena(&schema, &options);
        let statements = sql.split(";\n").map(str::trim).filter(|statement| !statement.is_empty());
        let kinds: Vec<&str> = statements.map(|statement| statement.split_at(9).0).collect();
        let tables = schema.events.len() + schema.built_in().len() + 1;
        let count = |kind: &str| kinds.iter().filter(|found| **found == kind).count();
        prop_assert_eq!([count("CREATE DA"), count("CREATE EX"), count("CREATE OR")], [1, tables, 11]);
        prop_assert_eq!(kinds.len(), tables + 12);
    }
}
