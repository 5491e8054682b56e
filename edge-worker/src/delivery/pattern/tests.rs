//! What AWS documents, what is refused, and random patterns against a matcher that tries everything.

mod documented;
mod mistakes;
mod naive;
mod random;

use forebay_core::json::{Limits, Value};

use super::Pattern;

const LIMITS: Limits = Limits {
    depth: 128,
    values: 100_000,
};

fn matches(pattern: &serde_json::Value, record: &serde_json::Value) -> bool {
    let pattern = Pattern::parse(&pattern.to_string()).unwrap();
    let record = record.to_string();
    pattern.matches(&Value::parse(record.as_bytes(), LIMITS).unwrap())
}
