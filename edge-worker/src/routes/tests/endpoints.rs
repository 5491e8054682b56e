//! UpdateEndpoint.

use super::*;

#[test]
fn update_endpoint_is_validated_and_acknowledged() {
    let config = config();
    let path = "/v1/apps/app-1/endpoints/client-1";
    for (method, body, status) in [
        ("PUT", r#"{"User":{"UserId":"u1"}}"#, 202),
        ("POST", r#"{"User":{"UserId":"u1"}}"#, 202),
        ("PUT", r#"{"ChannelType":"PIGEON"}"#, 400),
        ("PUT", "[]", 400),
    ] {
        let head = signed(&config, method, path, body.as_bytes(), ARRIVAL);
        let (answer, _, calls) = serve(&head, &config, body.as_bytes(), all_stored);
        assert_eq!(answer.status, status, "{body}: {}", answer.body);
        assert!(calls.is_empty());
    }
    let large = vec![b' '; 15 * 1024 + 1];
    let head = signed(&config, "PUT", path, &large, ARRIVAL);
    assert_eq!(serve(&head, &config, &large, all_stored).0.status, 413);
}
