//! Random patterns on random records.

use forebay_core::json::Value;
use proptest::prelude::*;
use serde_json::json;

use super::{LIMITS, naive};
use crate::delivery::pattern::Pattern;
use crate::delivery::pattern::parse::Problem;

/// Few names and values, so that they meet.
fn leaf() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        "[abAB]{0,3}".prop_map(serde_json::Value::from),
        (-2i64..3).prop_map(serde_json::Value::from),
        (-2i64..3).prop_map(|half| json!(half as f64 / 2.0)),
        any::<bool>().prop_map(serde_json::Value::from),
        Just(json!(null)),
        (0u8..4).prop_map(|last| json!(format!("10.0.0.{last}"))),
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-c]"
}

/// Records of these values, many of them in arrays.
fn record(leaf: BoxedStrategy<serde_json::Value>) -> impl Strategy<Value = serde_json::Value> {
    let value = leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            proptest::collection::btree_map(name(), inner, 0..4).prop_map(|map| json!(map)),
        ]
    });
    proptest::collection::btree_map(name(), value, 0..4).prop_map(|map| json!(map))
}

fn test() -> impl Strategy<Value = serde_json::Value> {
    let text = "[abAB]{0,2}";
    let texts = proptest::collection::vec(text, 1..3);
    prop_oneof![
        4 => leaf(),
        1 => text.prop_map(|text| json!({ "prefix": text })),
        1 => text.prop_map(|text| json!({ "suffix": text })),
        1 => text.prop_map(|text| json!({ "equals-ignore-case": text })),
        1 => text.prop_map(|text| json!({ "prefix": { "equals-ignore-case": text } })),
        1 => text.prop_map(|text| json!({ "suffix": { "equals-ignore-case": text } })),
        1 => "\\*?([ab]\\*?){0,3}".prop_map(|text| json!({ "wildcard": text })),
        1 => (0u8..4, 29u8..33).prop_map(|(last, length)| json!({ "cidr": format!("10.0.0.{last}/{length}") })),
        2 => any::<bool>().prop_map(|exists| json!({ "exists": exists })),
        1 => (prop::sample::select(vec![">", ">=", "<", "<=", "="]), -2i64..3)
            .prop_map(|(comparison, number)| json!({ "numeric": [comparison, number] })),
        1 => (-2i64..0, 0i64..3).prop_map(|(bottom, top)| json!({ "numeric": [">", bottom, "<=", top] })),
        1 => text.prop_map(|text| json!({ "anything-but": text })),
        1 => texts.clone().prop_map(|texts| json!({ "anything-but": texts })),
        1 => (-2i64..3).prop_map(|number| json!({ "anything-but": [number, 7] })),
        1 => (prop::sample::select(vec!["prefix", "suffix", "equals-ignore-case", "wildcard"]), texts)
            .prop_map(|(operator, texts)| json!({ "anything-but": { operator: texts } })),
    ]
}

fn tests() -> BoxedStrategy<serde_json::Value> {
    let tests = proptest::collection::vec(test(), 1..3);
    tests.prop_map(serde_json::Value::from).boxed()
}

/// Patterns of these lists of tests.
fn pattern(field: BoxedStrategy<serde_json::Value>) -> impl Strategy<Value = serde_json::Value> {
    let fields =
        proptest::collection::btree_map(name(), field.clone(), 1..3).prop_map(|map| json!(map));
    fields.prop_recursive(4, 24, 3, move |inner| {
        let member = prop_oneof![field.clone(), inner.clone()];
        let plain = proptest::collection::btree_map(name(), member, 1..3);
        (
            plain,
            proptest::option::of(proptest::collection::vec(inner, 2..4)),
        )
            .prop_map(|(fields, alternatives)| {
                let mut fields = json!(fields);
                if let Some(alternatives) = alternatives {
                    fields["$or"] = json!(alternatives);
                }
                fields
            })
    })
}

/// Reads a pattern, unless it requires a field twice or has too many alternatives, and compares what both say of each record.
fn compare(
    pattern: &serde_json::Value,
    records: &[serde_json::Value],
) -> Result<(), TestCaseError> {
    let read = match Pattern::parse(&pattern.to_string()) {
        Ok(read) => read,
        Err(error) => {
            let refused = [Problem::RequiredTwice, Problem::TooManyCombinations];
            prop_assert!(refused.contains(&error.problem), "{}", error.problem);
            return Ok(());
        }
    };
    for record in records {
        let text = record.to_string();
        let value = Value::parse(text.as_bytes(), LIMITS).unwrap();
        let expected = naive::matches(pattern, record);
        prop_assert_eq!(read.matches(&value), expected, "{} on {}", pattern, record);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_operator_says_what_a_matcher_that_tries_everything_says(
        pattern in pattern(tests()),
        records in proptest::collection::vec(record(leaf().boxed()), 1..6),
    ) {
        compare(&pattern, &records)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_048))]

    /// Two names and two values, so that most of it is about arrays, alternatives and what is not there.
    #[test]
    fn every_form_says_what_a_matcher_that_tries_everything_says(
        pattern in pattern(prop::sample::select(vec![
            json!([1]), json!([2]), json!([{ "exists": true }]), json!([{ "exists": false }]),
            json!([1, { "exists": false }]),
        ]).boxed()),
        records in proptest::collection::vec(
            record(prop::sample::select(vec![json!(1), json!(2)]).boxed()), 1..6,
        ),
    ) {
        compare(&pattern, &records)?;
    }
}

proptest! {
    /// Whatever is read, it is read within its limits, and matching it ends.
    #[test]
    fn any_text_is_a_pattern_or_a_mistake_with_a_place(text in "\\PC{0,60}|[\\[\\]{}\",:$orab0-9]{0,60}") {
        match Pattern::parse(&text) {
            Ok(pattern) => {
                pattern.matches(&Value::Null);
            }
            Err(error) => prop_assert!(error.path.starts_with('$')),
        }
    }
}
