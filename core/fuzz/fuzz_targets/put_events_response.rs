//! Any bytes: a response that can be read says the same when it is written again.
#![cfg_attr(fuzzing, no_main)]

use forebay_core::wire::put_events::Response;

forebay_core_fuzz::target!(|body: &[u8]| {
    if let Ok(response) = Response::decode(body) {
        let body = response.encode();
        assert_eq!(Response::decode(body.as_bytes()), Ok(response));
    }
});
