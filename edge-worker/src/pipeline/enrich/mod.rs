//! What the worker adds to an event: where it came from, on what device, and when by a clock that
//! can be trusted.

pub mod clock;
pub mod device;
pub mod place;
