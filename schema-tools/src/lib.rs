//! What is generated from `forebay.schema.json`: pure functions from text to text, run by
//! `npx forebay` as a WebAssembly module.

pub mod bindings;
pub mod catalogue;
pub mod compatibility;
pub mod ddl;
pub mod locate;
pub mod ndjson;
pub mod tables;
pub mod typescript;
