//! HTTP as the rest of the worker sees it: requests, answers and refusals as plain values.

pub mod cf;
pub mod cors;
pub mod errors;
pub mod gzip;
pub mod message;
pub mod percent;
pub mod router;
