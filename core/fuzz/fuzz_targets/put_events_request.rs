//! Any bytes: what is read of a request keeps to the limits.
#![no_main]

use forebay_core::wire::put_events::{MAX_EVENTS, Request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(request) = Request::decode(body) else {
        return;
    };
    let events = request.batches.iter().map(|(_, batch)| batch.events.len());
    assert!(events.sum::<usize>() <= MAX_EVENTS);
});
