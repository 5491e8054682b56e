//! Any text as rules, any fields: validating comes to an end, a violation is complete, and what is to stay in
//! the browser is the same for browser and edge.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::schema::{Checker, Given, JavaScript, Rules, Verdict, Violation};

/// Patterns that are no schema's may take any time, so that none is tried.
struct Engine;

impl JavaScript for Engine {
    fn number(text: &[u8]) -> f64 {
        let text = std::str::from_utf8(text).unwrap_or_default();
        text.parse().unwrap_or(f64::NAN)
    }

    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        pattern.len() < text.len()
    }
}

forebay_core_fuzz::target!(|input: (&str, &str, Vec<(u8, &str, &str)>)| {
    let (rules, event_type, fields) = input;
    let text = ["3:", rules].concat();
    let Ok(rules) = Rules::read(&text) else {
        return;
    };
    let mut told: Checker<'_, Vec<Violation>> = Checker::new(rules, event_type);
    let mut verdict: Checker<'_, Verdict<Engine>> = Checker::new(rules, event_type);
    for (given, name, value) in fields {
        let given = match given % 4 {
            0 => Given::Attribute,
            1 => Given::Metric,
            2 => Given::OtherAttribute,
            _ => Given::OtherMetric,
        };
        assert_eq!(
            told.field(given, name, value),
            verdict.field(given, name, value)
        );
    }
    verdict.is_valid();
    for violation in told.finish() {
        assert!(!violation.path.is_empty() && !violation.rule.is_empty());
    }
});
