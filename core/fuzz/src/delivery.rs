//! The worker's room of this name, as far as it reads what comes from outside.

#[path = "../../../edge-worker/src/delivery/queue/message.rs"]
pub mod message;
#[path = "../../../edge-worker/src/delivery/pattern/mod.rs"]
pub mod pattern;
#[path = "../../../edge-worker/src/delivery/record.rs"]
mod record;

pub use record::Record;
