//! The commands.

mod consume;
mod reader;

pub use consume::{ConsumeError, Settings, consume};
