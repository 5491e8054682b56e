//! From a record to a row, or to the reason why it cannot be one.

mod row;
mod window;

pub use row::{Decoded, Reason, Rejection, Row};
pub use window::{EventKey, WINDOW_EVENTS, Window};
