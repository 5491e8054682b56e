use forebay_core::event::Endpoint;
use forebay_core::wire::update_endpoint::{MAX_BODY_BYTES, decode, encode};
use proptest::prelude::*;

use crate::arbitrary;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_endpoint_survives_its_text(endpoint in arbitrary::endpoint()) {
        let body = encode(&endpoint);
        prop_assert_eq!(decode(body.as_bytes()), Ok(endpoint));
    }
}

#[test]
fn a_body_has_most_bytes() {
    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    assert_eq!(
        decode(padded(MAX_BODY_BYTES).as_bytes()),
        Ok(Endpoint::default())
    );
    let error = decode(padded(MAX_BODY_BYTES + 1).as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "expected at most 15 KB, got more");
}

#[test]
fn attributes_have_limits() {
    let body = |name: usize, values: usize, value: usize| {
        let value = format!("\"{}\"", "é".repeat(value));
        let list = vec![value; values].join(",");
        format!(
            "{{\"User\":{{\"UserAttributes\":{{\"{}\":[{list}]}}}}}}",
            "n".repeat(name)
        )
    };
    assert!(decode(body(50, 50, 100).as_bytes()).is_ok());
    for (refused, expected) in [
        (
            body(51, 1, 1),
            "User.UserAttributes: expected names of at most 50 characters, got a longer one",
        ),
        (
            body(1, 51, 1),
            "User.UserAttributes.n: expected at most 50 values, got more",
        ),
        (
            body(1, 1, 101),
            "User.UserAttributes.n: expected values of at most 100 characters, got a longer one",
        ),
    ] {
        assert_eq!(
            decode(refused.as_bytes()).unwrap_err().to_string(),
            expected
        );
    }
}
