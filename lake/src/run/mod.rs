//! The commands.

pub mod compact;
mod compactor;
mod consume;
mod cursor;
pub mod import;
pub mod lambda;
pub mod load;
mod lookup;
pub mod metrics;
mod reader;
pub mod repair;
mod survey;
pub mod verify;

pub use consume::{ConsumeError, Settings, Start, consume};
