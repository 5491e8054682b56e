//! The commands.

mod consume;
pub mod load;
mod lookup;
mod reader;
pub mod repair;
mod survey;
pub mod verify;

pub use consume::{ConsumeError, Settings, consume};
