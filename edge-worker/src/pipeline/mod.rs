//! What becomes of an event.

pub mod dead_letter;
pub mod deduplication;
pub mod enrich;
pub mod malformed;
pub mod record;
pub mod redact;
