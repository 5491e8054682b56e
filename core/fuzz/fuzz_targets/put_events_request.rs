//! Any bytes: what can be read of a request says the same when it is sent again.
#![no_main]

use forebay_core::wire::put_events::{Request, RequestEncoder, encode_event};
use forebay_core::wire::update_endpoint;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(request) = Request::decode(body) else {
        return;
    };
    for (endpoint_id, batch) in &request.batches {
        let endpoint = update_endpoint::encode(&batch.endpoint);
        let mut encoder = RequestEncoder::new(endpoint_id, &endpoint, usize::MAX);
        let mut sent = Vec::new();
        for (id, event) in &batch.events {
            if let Ok(event) = event {
                assert!(encoder.push(id, event.timestamp, &encode_event(event)));
                sent.push((id, event));
            }
        }
        let byte_len = encoder.byte_len();
        let body = encoder.finish();
        assert_eq!(byte_len, body.len());
        let again = Request::decode(body.as_bytes()).expect("what was encoded decodes");
        let (again_id, again) = &again.batches[0];
        assert_eq!((again_id, &again.endpoint), (endpoint_id, &batch.endpoint));
        let received: Vec<_> = again
            .events
            .iter()
            .map(|(id, event)| (id, event.as_ref().expect("what was encoded decodes")))
            .collect();
        assert_eq!(received, sent);
    }
});
