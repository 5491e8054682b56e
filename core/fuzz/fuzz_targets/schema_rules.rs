//! Any text: rules that can be read are written back to what is read the same.
#![no_main]

use forebay_core::schema::Schema;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(schema) = Schema::from_rules(text) else {
        return;
    };
    assert_eq!(Schema::from_rules(&schema.to_rules()), Ok(schema));
});
