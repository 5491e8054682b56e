//! Any bytes: read as serde_json reads them, and written back the same.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::json::{Limits, Value, Writer};

const LIMITS: Limits = Limits {
    depth: 100,
    values: 10_000,
};

forebay_core_fuzz::target!(|text: &[u8]| {
    let theirs = serde_json::from_slice::<serde_json::Value>(text);
    match (Value::parse(text, LIMITS), theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert!(same(&ours, &theirs));
            let mut writer = Writer::new();
            writer.value(&ours);
            let written = writer.finish();
            assert_eq!(Value::parse(written.as_bytes(), LIMITS), Ok(ours));
        }
        (Err(error), Ok(_)) => assert!(
            matches!(
                error.reason,
                "a name is repeated in this object"
                    | "nested deeper than allowed"
                    | "more values than allowed"
            ),
            "{error}"
        ),
        (Ok(_), Err(error)) => {
            // Half a surrogate pair is U+FFFD here.
            let refused = [
                "number out of range",
                "lone ",
                "unexpected end of hex escape",
            ];
            let error = error.to_string();
            assert!(refused.iter().any(|it| error.starts_with(it)), "{error}");
        }
        (Err(_), Err(_)) => {}
    }
});

fn same(ours: &Value<'_>, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(ours), serde_json::Value::Bool(theirs)) => ours == theirs,
        (Value::String(ours), serde_json::Value::String(theirs)) => ours == theirs,
        (Value::Number(ours), serde_json::Value::Number(theirs)) => {
            let integer = theirs.as_i64().is_none_or(|theirs| {
                ours.to_i64() == Some(theirs) || ours.as_text().contains(['.', 'e', 'E'])
            });
            let (ours, theirs) = (ours.to_f64(), theirs.as_f64().unwrap_or(f64::NAN));
            integer && (ours == theirs || ((ours - theirs) / theirs).abs() < 1e-14)
        }
        (Value::Array(ours), serde_json::Value::Array(theirs)) => {
            ours.len() == theirs.len()
                && ours
                    .iter()
                    .zip(theirs)
                    .all(|(ours, theirs)| same(ours, theirs))
        }
        (Value::Object(ours), serde_json::Value::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().all(|(name, value)| {
                    theirs
                        .get(name.as_ref())
                        .is_some_and(|theirs| same(value, theirs))
                })
        }
        _ => false,
    }
}
