//! What is generated from any schema: names that code can have, values that fit, and texts that hold
//! whatever the schema says.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../core/tests/schema/engine.rs"]
mod engine;
mod support;

use engine::Engine;
use forebay_core::event::Event;
use forebay_core::json::Number;
use forebay_core::schema::{Checker, EventSchema, Given, Kind, Rules, Schema, Stage, Verdict};
use forebay_schema_tools::catalogue::catalogue;
use forebay_schema_tools::names::{Names, names};
use forebay_schema_tools::samples::{empty_event, insert, sample};
use forebay_schema_tools::typescript::typescript;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use support::{files, parse};

/// A schema of event types without fields.
fn of_names(names: &[&str]) -> Schema {
    let event = |name: &&str| {
        let event_name = format!("wire-{name}");
        (
            (*name).to_owned(),
            json!({ "type": "object", "x-event-name": event_name }),
        )
    };
    let events: Map<String, Value> = names.iter().map(event).collect();
    parse(&json!({ "$defs": events })).unwrap()
}

#[test]
fn names_come_from_the_words_of_the_key() {
    for (key, event, creator) in [
        ("SignUpEvent", "SignUpEvent", "signUpEvent"),
        ("SignUp", "SignUp", "signUp"),
        ("sign_up_event", "SignUpEvent", "signUpEvent"),
        ("_session_start", "SessionStart", "sessionStart"),
        ("HTTPError500", "HttpError500", "httpError500"),
        // Words that JavaScript has, and names that the generated file has.
        ("Delete", "DeleteEvent", "deleteEvent"),
        ("class", "ClassEvent", "classEvent"),
        ("Schema", "SchemaEvent", "schemaEvent"),
        ("CreateEvent", "CreateEventEvent", "createEventEvent"),
        ("Record", "RecordEvent", "recordEvent"),
        ("Forebay_event", "ForebayEventEvent", "forebayEventEvent"),
        ("date", "DateEvent", "dateEvent"),
    ] {
        let expected = Names {
            event: event.to_owned(),
            fields: format!("{event}Fields"),
            creator: creator.to_owned(),
        };
        assert_eq!(names(&of_names(&[key])).unwrap(), [expected], "{key}");
    }
}

#[test]
fn names_that_clash_are_mistakes_with_advice() {
    for (keys, path, name) in [
        (["Step2", "Step_2"], "/$defs/Step_2", "Step2"),
        (
            ["SignUp", "SignUpFields"],
            "/$defs/SignUpFields",
            "SignUpFields",
        ),
        (["DeleteEvent", "delete"], "/$defs/delete", "DeleteEvent"),
    ] {
        let schema = of_names(&keys);
        let errors = typescript(&schema).unwrap_err();
        assert_eq!(catalogue(&schema).unwrap_err(), errors);
        let [error] = errors.as_slice() else {
            panic!("{errors:?}");
        };
        assert_eq!(error.path, path);
        let other = keys.iter().find(|key| !path.ends_with(*key)).unwrap();
        for part in [
            &format!("\"{name}\""),
            &format!("\"{other}\""),
            &format!("\"x-event-name\": \"wire-{}\"", keys[1]),
        ] {
            assert!(error.message.contains(part), "{error:?}");
        }
    }
}

#[test]
fn a_field_that_objects_cannot_have_is_a_mistake() {
    let event = json!({ "type": "object", "properties": { "__proto__": { "type": "string" } } });
    let schema = parse(&json!({ "$defs": { "E": event } })).unwrap();
    let errors = typescript(&schema).unwrap_err();
    assert_eq!(errors[0].path, "/$defs/E/properties/__proto__");
}

fn schemas() -> impl Strategy<Value = Schema> {
    files().prop_map(|file| parse(&file).unwrap())
}

/// An event with a made-up value in every field.
fn made_up(schema: &EventSchema) -> Event<'static> {
    let mut event = empty_event(&schema.event_type);
    for field in &schema.fields {
        insert(&mut event, &field.name, &sample(field));
    }
    event
}

/// The event in versions that may be wrong: each value put elsewhere, changed or left out.
fn damaged(event: &Event<'static>) -> Vec<Event<'static>> {
    let mut versions = vec![event.clone()];
    for at in 0..event.attributes.len() {
        for text in ["", "null", "true", "ada@example.com", "2026-02-30"] {
            let mut version = event.clone();
            version.attributes[at].1 = text.into();
            versions.push(version);
        }
        let mut version = event.clone();
        let (name, _) = version.attributes.remove(at);
        version.metrics.push((name, Number::from(1_u32)));
        versions.push(version);
    }
    for at in 0..event.metrics.len() {
        for text in ["-5", "0.5", "1e300", "1e400"] {
            let mut version = event.clone();
            version.metrics[at].1 = Number::from_text(text.into()).unwrap();
            versions.push(version);
        }
        let mut version = event.clone();
        version.metrics.remove(at);
        versions.push(version);
    }
    versions
}

/// Whether JavaScript has it.
fn is_double(number: &Number<'_>) -> bool {
    let nearest = Number::from_f64(number.to_f64());
    nearest.is_some_and(|nearest| nearest.compare(number).is_eq())
}

/// A length of 21 characters is one that no date and time has.
fn is_impossible(schema: &EventSchema) -> bool {
    schema.fields.iter().any(|field| match &field.kind {
        Kind::String {
            format: Some(_),
            min_length,
            max_length,
            one_of: None,
        } => *min_length == Some(21) && *max_length == Some(21),
        _ => false,
    })
}

/// Outside of its comments and strings, what the module is made of.
fn without_comments_and_strings(module: &str) -> Result<String, String> {
    let mut code = String::new();
    let mut rest = module;
    while let Some(character) = rest.chars().next() {
        if rest.starts_with("/*") {
            let end = rest.find("*/").ok_or("a comment without an end")?;
            rest = &rest[end + 2..];
        } else if rest.starts_with("//") {
            rest = &rest[rest.find('\n').ok_or("a line without an end")?..];
        } else if matches!(character, '"' | '\'') {
            let mut end = 1;
            while !rest[end..].starts_with(character) {
                if rest[end..].starts_with(['\n', '\r', '\u{2028}']) {
                    return Err(format!("a string without an end: {rest}"));
                }
                let escape = usize::from(rest[end..].starts_with('\\'));
                let next = rest[end + escape..].chars().next();
                end += escape + next.ok_or("a string without an end")?.len_utf8();
            }
            code.push_str("\"\"");
            rest = &rest[end + 1..];
        } else {
            code.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    Ok(code)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_module_holds_whatever_the_schema_says(schema in schemas()) {
        let module = typescript(&schema).unwrap();
        prop_assert_eq!(&module, &typescript(&schema).unwrap());
        let code = without_comments_and_strings(&module).map_err(TestCaseError::fail)?;
        let known = |character: char| character.is_ascii_alphanumeric()
            || "\n _{}[]()<>|?:;,.=-&!\"".contains(character);
        prop_assert_eq!(code.chars().find(|character| !known(*character)), None, "{}", code);
        let dangerous = ["</script", "<!--", "\u{2028}", "\u{202e}", "\u{0}"];
        prop_assert_eq!(dangerous.iter().find(|text| module.contains(**text)), None);
        for (open, close) in [("{", "}"), ("(", ")"), ("[", "]")] {
            prop_assert_eq!(code.matches(open).count(), code.matches(close).count());
        }
    }

    #[test]
    fn the_rules_judge_as_the_schema_does(schema in schemas()) {
        let rules = schema.to_rules();
        let rules = Rules::read(&rules).unwrap();
        for event in schema.events.iter().flat_map(|event| damaged(&made_up(event))) {
            let violations = schema.validate(&event, Stage::Recorded).err();
            let mut checker: Checker<'_, Vec<_>> = Checker::new(rules, &event.event_type);
            let mut verdict: Checker<'_, Verdict<Engine>> = Checker::new(rules, &event.event_type);
            for (name, text) in &event.attributes {
                checker.field(Given::Attribute, name, text);
                verdict.field(Given::Attribute, name, text);
            }
            for (name, number) in &event.metrics {
                checker.field(Given::Metric, name, number.as_text());
                verdict.field(Given::Metric, name, number.as_text());
            }
            if event.metrics.iter().all(|(_, number)| is_double(number)) {
                prop_assert_eq!(verdict.is_valid(), violations.is_none());
            }
            prop_assert_eq!(checker.finish(), violations.unwrap_or_default());
        }
    }

    #[test]
    fn made_up_values_fit(schema in schemas()) {
        for event in schema.events.iter().filter(|event| !is_impossible(event)) {
            let verdict = schema.validate(&made_up(event), Stage::Recorded);
            prop_assert_eq!(verdict.map(|_| ()), Ok(()), "{:?}", event.fields);
        }
    }

    #[test]
    fn the_catalogue_keeps_its_form(schema in schemas()) {
        let catalogue = catalogue(&schema).unwrap();
        let headings = catalogue.lines().filter(|line| line.starts_with("## ")).count();
        prop_assert_eq!(headings, schema.events.len());
        // A title without words must not become a line across the page.
        prop_assert!(!catalogue.contains("****"));
        let cells = |line: &str| line.replace("\\|", "").matches('|').count();
        for line in catalogue.lines().filter(|line| line.starts_with("| ")) {
            prop_assert_eq!(cells(line), 8, "{}", line);
        }
    }
}
