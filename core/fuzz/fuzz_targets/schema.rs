//! Any bytes: a schema that can be read names tables and columns that the lake can have, and every
//! mistake says what to do.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::schema::{COMMON_COLUMNS, Rules, Schema};

forebay_core_fuzz::target!(|text: &[u8]| {
    let schema = match Schema::parse(text) {
        Ok(schema) => schema,
        Err(errors) => {
            assert!(!errors.is_empty());
            assert!(errors.iter().all(|error| !error.message.is_empty()));
            return;
        }
    };
    assert_are_names(schema.events.iter().map(|event| event.table_name()));
    for event in &schema.events {
        assert!(schema.event(&event.event_type) == Some(event));
        assert_are_names(event.fields.iter().map(|field| field.column_name()));
        for field in &event.fields {
            let name = field.column_name();
            assert!(COMMON_COLUMNS.iter().all(|common| common.name != name));
        }
    }
    assert!(Rules::read(&schema.to_rules()).is_ok());
});

/// All are of small letters, digits and `_`, begin with a letter, and differ.
fn assert_are_names(names: impl Iterator<Item = String>) {
    let mut names: Vec<_> = names.collect();
    for name in &names {
        assert!(
            name.starts_with(|first: char| first.is_ascii_lowercase()),
            "{name}"
        );
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(name.bytes().all(allowed), "{name}");
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
