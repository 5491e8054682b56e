//! The validator of pages without a schema, against the one that knows schemas.

use std::cell::Cell;

use forebay_core::schema::{Checker, Given, Limits, Rules};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

type Field = (Given, String, String);

/// Text around a limit, of characters of one to four bytes.
fn around(limit: usize) -> impl Strategy<Value = String> {
    let characters = select(vec!['a', 'é', '語', '😀']);
    vec(characters, limit - 1..=limit + 1).prop_map(|text| text.into_iter().collect())
}

/// As JavaScript's `String(number)` has it, but for the exponent's plus and where there is one.
fn numbers() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any::<i32>().prop_map(|number| number.to_string()),
        2 => prop::num::f64::ANY.prop_map(|number| match number {
            f64::INFINITY => "Infinity".to_owned(),
            f64::NEG_INFINITY => "-Infinity".to_owned(),
            number if number.is_nan() => "NaN".to_owned(),
            number => format!("{number:e}"),
        }),
        1 => select(vec![
            "0",
            "1e+21",
            "5e-324",
            "0.000001",
            "1.7976931348623157e+308",
            "-1.7976931348623157e+308",
        ])
        .prop_map(str::to_owned),
    ]
}

fn field() -> impl Strategy<Value = Field> {
    let names = || prop_oneof![20 => "[a-z]{0,3}", 1 => around(50)];
    let types = select(vec!["object", "boolean", "undefined", "null", "number", ""]);
    let texts = prop_oneof![20 => "\\PC{0,5}", 1 => around(200)];
    prop_oneof![
        8 => (Just(Given::Attribute), names(), texts),
        8 => (Just(Given::Metric), names(), numbers()),
        1 => (
            select(vec![Given::OtherAttribute, Given::OtherMetric]),
            names(),
            types.prop_map(str::to_owned),
        ),
    ]
}

/// Few fields, or as many as there may be, or about one more.
fn fields() -> impl Strategy<Value = Vec<Field>> {
    prop_oneof![3 => vec(field(), 0..4), 2 => vec(harmless(), 38..43), 1 => vec(field(), 38..43)]
}

fn harmless() -> impl Strategy<Value = Field> {
    "[a-z]{0,3}".prop_map(|name| (Given::Attribute, name.clone(), name))
}

#[test]
fn verdicts_are_those_of_a_validator_that_knows_no_event() {
    let mut runner = TestRunner::new(Config::with_cases(2_000));
    let valid = Cell::new(0);
    let names = select(vec!["", "E", "E", "E", "é", "語"]);
    runner
        .run(&(names, fields()), |(event_type, fields)| {
            let mut limits = Limits::new(event_type);
            let mut checker = Checker::<bool>::new(Rules::ANY, event_type);
            for (given, name, text) in &fields {
                let may_leave = checker.field(*given, name, text);
                prop_assert_eq!(limits.field(*given, name, text), may_leave);
            }
            let is_refused = limits.finish();
            prop_assert_eq!(is_refused, checker.finish());
            valid.set(valid.get() + u32::from(!is_refused));
            Ok(())
        })
        .unwrap();
    // Neither verdict is a rarity, or the agreement would say little.
    assert!(
        (400..1_600).contains(&valid.get()),
        "{valid:?} valid events"
    );
}
