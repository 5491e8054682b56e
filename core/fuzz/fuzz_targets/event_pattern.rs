//! Any text as a pattern, any JSON as a record: both forms of a pattern that mean the same say the same.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::json::{Limits, Value};
use forebay_core_fuzz::delivery::pattern::Pattern;

const LIMITS: Limits = Limits {
    depth: 100,
    values: 10_000,
};

forebay_core_fuzz::target!(|input: (&str, &str)| {
    let (text, record) = input;
    let pattern = match Pattern::parse(text) {
        Ok(pattern) => pattern,
        Err(error) => {
            assert!(error.path.starts_with('$') && !error.problem.to_string().is_empty());
            return;
        }
    };
    let Ok(value) = Value::parse(record.as_bytes(), LIMITS) else {
        return;
    };
    let matches = pattern.matches(&value);
    let says = |text: String, record: String| {
        let pattern = Pattern::parse(&text).ok()?;
        let value = Value::parse(record.as_bytes(), LIMITS).ok()?;
        Some(pattern.matches(&value))
    };
    // Twice the same alternative; one field deeper, within an array.
    let either = says(format!(r#"{{"$or":[{text},{text}]}}"#), record.to_owned());
    assert!(either.is_none_or(|either| either == matches));
    if matches!(value, Value::Object(_)) {
        let deeper = says(
            format!(r#"{{"a":{text}}}"#),
            format!(r#"{{"a":[[{record}]]}}"#),
        );
        assert!(deeper.is_none_or(|deeper| deeper == matches));
    }
});
