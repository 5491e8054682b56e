//! What browsers say, whose engine compares doubles and tries patterns, against what all others say, who compare
//! digits and read formats by hand.

use std::cell::Cell;

use forebay_core::json::Number;
use forebay_core::schema::{Checker, Given, Rules, Verdict, Violation};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use crate::engine::Engine;
use crate::support::*;

/// Texts at the edges of each format, on both sides.
const TEXTS: [(&str, &[&str]); 5] = [
    (
        "email",
        &[
            "a.b@c.de",
            "!#$%&'*+-/=?^_`{|}~@x-y.zz",
            "1234567890123456789012345678901234567890123456789012345678901234@a.b",
            "a@123456789012345678901234567890123456789012345678901234567890123.c",
        ],
    ),
    (
        "date-time",
        &[
            "2024-02-29T23:59:59.123Z",
            "1900-02-28t00:00:00+23:59",
            "0001-01-01T00:00:00+00:00",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:00",
            "9999-12-31T00:00:00-10:00",
            "2000-02-29T12:00:00z",
        ],
    ),
    (
        "date",
        &[
            "2024-02-29",
            "2000-02-29",
            "0001-01-01",
            "9999-12-31",
            "2023-11-30",
        ],
    ),
    ("uuid", &["f0e1d2c3-0000-4000-8000-00000000000A"]),
    (
        "uri",
        &[
            "https://user:pass@example.com:8080/a/b;c=d?e=f&g#h/i?j",
            "http://[2001:db8::1]:80/%7Eada",
            "urn:isbn:0-451-45052-3",
            "file:///etc/hosts",
            "a://b@c:",
            "mailto:a@b.c?subject=x%20y",
        ],
    ),
];

/// What is in one of these texts, or is not and has a meaning to patterns.
fn character() -> impl Strategy<Value = char> {
    let all = "09123456789aAbBfFgGzZtT@.-_~!$&'()*+,;=:/?#[]%{}|^`\\\"< \n\0\u{feff}é語";
    select(all.chars().collect::<Vec<_>>())
}

/// A text with a few characters replaced, put in or taken out.
fn damaged(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    let change = (any::<Index>(), 0..=1_usize, option::of(character()));
    (select(texts), vec(change, 0..4)).prop_map(|(text, changes)| {
        let mut characters: Vec<char> = text.chars().collect();
        for (place, removed, put) in changes {
            let at = place.index(characters.len() + 1);
            let end = (at + removed).min(characters.len());
            characters.splice(at..end, put);
        }
        characters.into_iter().collect()
    })
}

/// What both say of one field of an event, which is the same.
fn is_valid(rules: &str, given: Given, text: &str) -> Result<bool, TestCaseError> {
    let rules = Rules::read(rules).unwrap();
    let mut checker: Checker<'_, Vec<Violation>> = Checker::new(rules, "E");
    let mut verdict: Checker<'_, Verdict<Engine>> = Checker::new(rules, "E");
    checker.field(given, "f", text);
    verdict.field(given, "f", text);
    let violations = checker.finish();
    let is_valid = verdict.is_valid();
    prop_assert_eq!(
        is_valid,
        violations.is_empty(),
        "{:?} {:?}",
        text,
        violations
    );
    Ok(is_valid)
}

/// Neither verdict is a rarity, or the agreement would say little.
fn assert_are_both(valid: u32, of: u32) {
    assert!(
        (of / 20..of / 20 * 19).contains(&valid),
        "{valid} of {of} are valid"
    );
}

#[test]
fn formats_are_the_same_by_hand_and_by_pattern() {
    const CASES: u32 = 10_000;
    for (format, texts) in TEXTS {
        let schema = schema_of(&format!(
            r#""f": {{"type": "string", "format": "{format}"}}"#
        ));
        let rules = schema.to_rules();
        let valid = Cell::new(0);
        TestRunner::new(Config::with_cases(CASES))
            .run(&damaged(texts), |text| {
                let is_valid = is_valid(&rules, Given::Attribute, &text)?;
                valid.set(valid.get() + u32::from(is_valid));
                Ok(())
            })
            .unwrap();
        assert_are_both(valid.get(), CASES);
    }
}

/// A number as JavaScript has it, most of them near others.
fn number() -> impl Strategy<Value = Number<'static>> {
    let edges = vec![
        0.0,
        0.1,
        1.0,
        100.0,
        9_007_199_254_740_992.0,
        9_223_372_036_854_775_808.0,
    ];
    let near = (select(edges), -3..=3_i64, any::<bool>()).prop_map(|(edge, away, negative)| {
        let bits = (f64::to_bits(edge) as i64).saturating_add(away).max(0);
        let number = f64::from_bits(bits as u64);
        if negative { -number } else { number }
    });
    let small = (-20..20_i32).prop_map(|quarters| f64::from(quarters) / 4.0);
    prop_oneof![4 => near, 2 => small, 1 => any::<f64>()]
        .prop_filter_map("a number of JSON", Number::from_f64)
}

fn range() -> impl Strategy<Value = String> {
    let bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]
        .map(|keyword| option::weighted(0.25, number().prop_map(move |at| (keyword, at))));
    (bounds, any::<bool>(), option::weighted(0.2, number())).prop_map(
        |(bounds, whole, constant)| {
            let kind = if whole { "integer" } else { "number" };
            let mut field = format!(r#""f": {{"type": "{kind}""#);
            let constant = constant.map(|constant| ("const", constant));
            for (keyword, at) in bounds.into_iter().chain([constant]).flatten() {
                field += &format!(r#", "{keyword}": {}"#, at.as_text());
            }
            field + "}"
        },
    )
}

#[test]
fn numbers_are_the_same_by_digits_and_as_doubles() {
    const CASES: u32 = 20_000;
    let (valid, tried) = (Cell::new(0), Cell::new(0));
    TestRunner::new(Config::with_cases(CASES))
        .run(&(range(), vec(number(), 1..4)), |(field, numbers)| {
            let file = file_of(&format!(r#", "properties": {{{field}}}"#));
            // Bounds that leave no number are no schema's.
            let Ok(schema) = forebay_core::schema::Schema::parse(file.as_bytes()) else {
                return Ok(());
            };
            let rules = schema.to_rules();
            for number in &numbers {
                let is_valid = is_valid(&rules, Given::Metric, number.as_text())?;
                valid.set(valid.get() + u32::from(is_valid));
                tried.set(tried.get() + 1);
            }
            Ok(())
        })
        .unwrap();
    assert!(tried.get() > CASES / 4);
    assert_are_both(valid.get(), tried.get());
}
