//! One schema with everything in it, and what is generated from it, to the letter. With
//! `UPDATE_GOLDEN=1` the files are written anew; look at the difference.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use forebay_core::schema::Schema;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn everything() -> Schema {
    Schema::parse(&std::fs::read(path("everything.schema.json")).unwrap()).unwrap()
}

fn compare(name: &str, generated: &str) {
    let path = path(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    let differing = expected
        .lines()
        .zip(generated.lines())
        .enumerate()
        .find(|(_, (expected, generated))| expected != generated);
    assert_eq!(
        differing, None,
        "{name} differs, first in this line, counted from 0"
    );
    assert_eq!(expected.len(), generated.len(), "{name} differs at its end");
}

#[test]
fn typescript() {
    let module = forebay_schema_tools::typescript::typescript(&everything()).unwrap();
    compare("everything.gen.ts", &module);
}

#[test]
fn catalogue() {
    let catalogue = forebay_schema_tools::catalogue::catalogue(&everything()).unwrap();
    compare("everything.md", &catalogue);
}
