//! Any bytes: an endpoint that can be read says the same when it is written again.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::wire::update_endpoint::{MAX_BODY_BYTES, decode, encode};

forebay_core_fuzz::target!(|body: &[u8]| {
    if let Ok(endpoint) = decode(body) {
        let body = encode(&endpoint);
        if body.len() <= MAX_BODY_BYTES {
            assert_eq!(decode(body.as_bytes()), Ok(endpoint));
        }
    }
});
