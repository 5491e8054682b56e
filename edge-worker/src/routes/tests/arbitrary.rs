//! Requests of any kind: whatever comes gets an answer.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Signed, so that it comes to be read: a body that was right until some of its bytes changed.
    #[test]
    fn a_body_of_any_kind_gets_an_answer(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
        is_endpoint in any::<bool>(),
    ) {
        let endpoint = json!({
            "ChannelType": "EMAIL",
            "EffectiveDate": "2026-11-21T01:02:03.004Z",
            "Attributes": { "a": ["b", "c"] },
            "Demographic": { "Locale": "sv_SE", "Platform": "web" },
            "Location": { "Latitude": 59.3, "Longitude": -1e2 },
            "User": { "UserId": "u1" },
        });
        let mut good = event(json!({ "email": "a\u{e5}\u{1f3b9}@example.com" }));
        good["Session"] = json!({ "Id": "s", "StartTimestamp": "2026-11-21T01:02:03+02:00", "Duration": 5 });
        good["Metrics"] = json!({ "m": -1.5e-7 });
        let mut body = match is_endpoint {
            true => endpoint.to_string(),
            false => json!({ "BatchItem": { "c": {
                "Endpoint": endpoint,
                "Events": { "a": good, "b": { "EventType": null } },
            } } }).to_string(),
        }.into_bytes();
        for (index, byte) in changes {
            let index = index.index(body.len());
            body[index] = byte;
        }
        if is_cut {
            body.truncate(cut.index(body.len()));
        }
        let config = config();
        let (method, path) = match is_endpoint {
            true => ("PUT", "/v1/apps/app-1/endpoints/e"),
            false => ("POST", EVENTS),
        };
        let head = signed(&config, method, path, &body, ARRIVAL);
        let (answer, _, _) = serve(&head, &config, &body, all_stored);
        prop_assert!(matches!(answer.status, 202 | 400), "{}", answer.body);
        prop_assert!(serde_json::from_str::<Value>(&answer.body).is_ok());
    }

    #[test]
    fn a_head_of_any_kind_gets_an_answer(
        method in "[A-Z]{1,8}|GET|POST|PUT|OPTIONS",
        path in "(/(v1|apps|events|endpoints|healthz|\\PC{0,8})){0,6}",
        query in "(X-Amz-[A-Za-z]{1,12}=\\PC{0,20}&?){0,8}|\\PC{0,40}",
        headers in proptest::collection::vec(
            (
                "authorization|x-amz-date|x-amz-security-token|x-amz-target|user-agent|sec-ch-ua|\
                 sec-ch-ua-platform|accept-language|access-control-request-headers|host",
                "(AWS4-HMAC-SHA256 Credential=A/\\PC{0,9}/us/s/aws4_request, SignedHeaders=host, \
                 Signature=[0-9a-f]{64})|\\PC{0,80}",
            ),
            0..10,
        ),
        body in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let config = config();
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut head = head(&method, &path, &headers);
        head.query = query;
        let (answer, _, calls) = serve(&head, &config, &body, all_stored);
        prop_assert!((200..=405).contains(&answer.status), "{} {}", answer.status, answer.body);
        prop_assert!(calls.is_empty());
        for (name, value) in answer.headers_for(&head.request_id, String::new()) {
            prop_assert!(value.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{name}: {value}");
        }
    }
}
