//! Any bytes: what is read of a request keeps to the limits.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::wire::put_events::{MAX_ENDPOINTS, MAX_EVENTS, Request};

forebay_core_fuzz::target!(|body: &[u8]| {
    let Ok(request) = Request::decode(body) else {
        return;
    };
    let events = request.batches.iter().flat_map(|batch| &batch.events);
    assert!(events.clone().count() <= MAX_EVENTS);
    assert!(request.batches.len() <= MAX_ENDPOINTS);
    for event in events {
        let _ = event.read();
    }
});
