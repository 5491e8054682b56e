//! What Forebay's browser SDK, edge worker and lake agree on, with no IO.
//!
//! Time and randomness come in as arguments, bytes come in and go out; nothing here reads a
//! clock, opens a socket or touches storage. The same code therefore runs in a browser, in a
//! worker at the edge, in a native process, and in a simulation that covers years in seconds.
//!
//! | module | what it holds |
//! |---|---|
//! | [`event`] | the event, session and endpoint model, as Pinpoint's wire names it |
//! | [`wire`] | PutEvents, UpdateEndpoint, Cognito Identity and event-stream records, both directions |
//! | [`sigv4`] | AWS Signature Version 4: sign, presign, verify |
//! | [`schema`] | `forebay.schema.json`: parse it, validate events against it, derive columns from it |
//! | [`outbox`] | the machine that gets every recorded event delivered, or dropped with a reason |
//! | [`json`] | the JSON reader and writer under all of the above |
//! | [`plausible`] | which times an event may have |
//! | [`time`] | milliseconds since the epoch, and the text forms AWS uses |
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod event;
pub mod json;
pub mod outbox;
pub mod plausible;
pub mod schema;
pub mod sigv4;
pub mod time;
pub mod wire;
