//! From a record to a row, or to the reason why it cannot be one.

mod dead_letter;
mod json;
mod parts;
mod read;
mod row;
mod window;

pub use parts::{MAX_BYTES, MAX_PARTS, parts};
pub use row::{Decoded, Reason, Rejection, Row};
pub use window::{EventKey, Keys, NextRun, Run, WINDOW_EVENTS, Window};
