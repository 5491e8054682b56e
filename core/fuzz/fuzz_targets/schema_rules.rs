//! Any text as rules, any fields: validating comes to an end, a violation is complete, and the verdict goes
//! with the violations.
#![no_main]

use forebay_core::schema::{Checker, Given, Rules, Violation};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str, Vec<(u8, &str, &str)>)| {
    let (rules, event_type, fields) = input;
    let text = ["2:", rules].concat();
    let Ok(rules) = Rules::read(&text) else {
        return;
    };
    let mut told: Checker<'_, Vec<Violation>> = Checker::new(rules, event_type);
    let mut verdict: Checker<'_, bool> = Checker::new(rules, event_type);
    for (given, name, value) in fields {
        let given = match given % 4 {
            0 => Given::Attribute,
            1 => Given::Metric,
            2 => Given::OtherAttribute,
            _ => Given::OtherMetric,
        };
        assert_eq!(told.field(given, name, value), verdict.field(given, name, value));
    }
    let violations = told.finish();
    assert_eq!(verdict.finish(), !violations.is_empty());
    for violation in violations {
        assert!(!violation.path.is_empty() && !violation.rule.is_empty());
    }
});
