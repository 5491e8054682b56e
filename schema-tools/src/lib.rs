//! What is generated from `forebay.schema.json`: pure functions from text to text, run by
//! `npx forebay` as a WebAssembly module.

pub mod bindings;
pub mod catalogue;
mod comment;
pub mod compatibility;
pub mod ddl;
mod javascript;
pub mod locate;
mod markdown;
pub mod names;
pub mod ndjson;
pub mod samples;
pub mod tables;
pub mod typescript;
mod wording;
