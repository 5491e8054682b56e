//! What a request may cost before it is refused, in reads of its body and bytes in flight.

use std::cell::Cell;

use futures_util::future::join_all;

use super::*;
use crate::platform::Allowance;

/// A body that counts how often it is read.
struct Counted<'a> {
    bytes: &'a [u8],
    announced: Option<usize>,
    reads: &'a Cell<usize>,
}

impl Body for Counted<'_> {
    fn announced(&self) -> Option<usize> {
        self.announced
    }

    fn leave(self) {}

    async fn read(self, max_bytes: usize, share: &Share<'_>) -> Result<Vec<u8>, BodyError> {
        self.reads.set(self.reads.get() + 1);
        self.bytes.read(max_bytes, share).await
    }
}

/// The answer, and how often the body was read.
fn reads(head: &Head, config: &Config, body: &[u8]) -> (Answer, usize) {
    let platform = Simulated::new(all_stored);
    let reads = Cell::new(0);
    let service = Service {
        head,
        config: Ok(config),
        isolate: &new_isolate(),
        platform: &platform,
    };
    let body = Counted {
        bytes: body,
        announced: Some(body.len()),
        reads: &reads,
    };
    let (answer, _) = block_on(service.answer(body));
    (answer, reads.get())
}

#[test]
fn what_the_head_refuses_is_refused_without_reading_the_body() {
    let config = config();
    let body = batch(json!({}));
    let good = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    let (answer, count) = reads(&good, &config, &body);
    assert_eq!((answer.status, count), (202, 1), "{}", answer.body);
    let with = |name: &str, value: &str| {
        let mut head = good.clone();
        for (found, kept) in &mut head.headers {
            if found == name {
                *kept = value.to_owned();
            }
        }
        head
    };
    let expired = config.master_secrets.issue(&Session {
        identity_id: IDENTITY.into(),
        amr: Amr::Unauthenticated,
        expiration: ARRIVAL,
    });
    let minutes = |minutes: i64| Timestamp(ARRIVAL.0 + minutes * 60_000);
    for (what, head) in [
        ("no signature", head("POST", EVENTS, &[])),
        (
            "half a signature",
            with("authorization", "AWS4-HMAC-SHA256 x"),
        ),
        (
            "a token of its own making",
            with("x-amz-security-token", "AAAA"),
        ),
        (
            "a token that has run out",
            signed_by(&expired, "POST", EVENTS, &body, ARRIVAL),
        ),
        (
            "signed 6 minutes ago",
            signed(&config, "POST", EVENTS, &body, minutes(-6)),
        ),
        (
            "signed in 6 minutes",
            signed(&config, "POST", EVENTS, &body, minutes(6)),
        ),
        (
            "another app",
            signed(&config, "POST", "/v1/apps/b/events", &body, ARRIVAL),
        ),
        ("no operation", super::head("POST", "/", &[])),
        ("no path", super::head("POST", "/x", &[])),
        ("another method", super::head("PUT", EVENTS, &[])),
    ] {
        let (answer, count) = reads(&head, &config, &body);
        assert!(
            (400..500).contains(&answer.status),
            "{what}: {}",
            answer.body
        );
        assert_eq!(count, 0, "{what}");
    }
}

#[test]
fn who_sends_slowly_has_time_and_who_stalls_has_not() {
    let at = |seconds: i64| Timestamp(seconds * 1_000);
    let mut allowance = Allowance::new(at(0));
    assert_eq!(allowance.left_ms(at(9)), 1_000);
    assert_eq!(allowance.left_ms(at(10)), 0);
    // As slow as may be, for two minutes.
    for second in 1..=120 {
        allowance.earn(32 * 1024, at(second));
        assert_eq!(allowance.left_ms(at(second)), 10_000);
    }
    // Much that came at once buys no more than a moment.
    allowance.earn(4 * 1024 * 1024, at(120));
    assert_eq!(allowance.left_ms(at(120)), 10_000);
    // A byte now and then buys nothing.
    for second in 121..130 {
        allowance.earn(1, at(second));
    }
    assert_eq!(allowance.left_ms(at(130)), 0);
}

/// Serves a request by an isolate that has other requests under way.
fn by(isolate: &Isolate, config: &Config, head: &Head, body: &[u8]) -> Answer {
    serve_with(isolate, head, config, body, all_stored).0
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    let mut headers = answer.headers.iter();
    let found = headers.find(|(found, _)| *found == name);
    found.map(|(_, value)| value.as_str())
}

fn is_too_many(answer: &Answer) -> bool {
    let seconds = header(answer, "retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
    answer.status == 429
        && header(answer, "x-amzn-errortype") == Some("TooManyRequestsException")
        && seconds.is_some_and(|seconds| seconds > 0)
}

#[test]
fn without_memory_a_request_is_refused_and_told_when_to_come_back() {
    let config = config();
    let isolate = new_isolate();
    let small = batch(json!({ "e1": event(json!({ "email": "a@example.com" })) }));
    let mut large = small.clone();
    large.resize(2 * 1024 * 1024, b' ');
    let serve = |body: &[u8]| {
        let head = signed(&config, "POST", EVENTS, body, ARRIVAL);
        by(&isolate, &config, &head, body)
    };
    let others = isolate.budget.take(ARRIVAL).unwrap();
    others.resize(40 * 1024 * 1024).unwrap();
    let taken = isolate.budget.taken();
    assert!(is_too_many(&serve(&large)));
    assert_eq!(serve(&small).status, 202);
    // However small it is compressed.
    assert!(is_too_many(&serve(&gzip(&large))));
    assert_eq!(isolate.budget.taken(), taken, "all is given back");
    drop(others);
    for body in [large.clone(), gzip(&large)] {
        assert_eq!(serve(&body).status, 202);
    }
    // What is refused for another reason gives back too.
    assert_eq!(serve(b"{").status, 400);
    assert_eq!(serve(&gzip(&large)[..100]).status, 400);
    assert_eq!(isolate.budget.taken(), 0);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_hundred_deep_health_checks_are_two_calls() {
    let config = config();
    let isolate = new_isolate();
    let platform = Simulated::new(|_| Err(Unreachable));
    let mut head = head("GET", "/healthz", &[]);
    head.query = "deep=1".into();
    let answers = join_all((0..60).map(|_| async {
        let service = Service {
            head: &head,
            config: Ok(&config),
            isolate: &isolate,
            platform: &platform,
        };
        service.answer(&b""[..]).await.0.status
    }));
    assert_eq!(block_on(answers), [503; 60]);
    assert_eq!(platform.sent.borrow().len(), 2);
}

/// A request to the identity pool from an address.
fn pool_head(operation: &str, address: &str) -> Head {
    let target = format!("AWSCognitoIdentityService.{operation}");
    let headers = [
        ("x-amz-target", target.as_str()),
        ("cf-connecting-ip", address),
    ];
    head("POST", "/", &headers)
}

const GET_ID: &[u8] = br#"{"IdentityPoolId":"eu-north-1:00000000-0000-4000-8000-00000000000a"}"#;

#[test]
fn networks_and_identities_may_ask_so_often_the_pool_and_put_events_apart() {
    let mut config = config();
    config.rate_limits = serde_json::from_value(json!({
        "identity_pool_per_network": { "requests": 2, "seconds": 60 },
        "identity_pool_per_identity": { "requests": 1, "seconds": 60 },
        "events_per_network": { "requests": 3, "seconds": 60 },
        "events_per_identity": { "requests": 2, "seconds": 60 },
    }))
    .unwrap();
    let isolate = new_isolate();
    let get_id = |address: &str| by(&isolate, &config, &pool_head("GetId", address), GET_ID);
    assert_eq!(get_id("192.0.2.1").status, 200);
    assert_eq!(get_id("192.0.2.1").status, 200);
    assert!(is_too_many(&get_id("192.0.2.1")));
    assert!(
        get_id("192.0.2.1")
            .body
            .contains(r#""__type":"TooManyRequestsException""#)
    );
    assert_eq!(get_id("192.0.2.2").status, 200);
    // A network of IPv6 is a household, whichever of its addresses asks.
    assert_eq!(get_id("2001:db8::1").status, 200);
    assert_eq!(get_id("2001:db8::2").status, 200);
    assert!(is_too_many(&get_id("2001:db8::ffff:3")));
    let credentials = |address: &str| {
        let body = json!({ "IdentityId": IDENTITY }).to_string();
        let head = pool_head("GetCredentialsForIdentity", address);
        by(&isolate, &config, &head, body.as_bytes())
    };
    assert_eq!(credentials("192.0.2.3").status, 200);
    assert!(is_too_many(&credentials("192.0.2.4")));

    let body = batch(json!({}));
    let put_events = |address: &str, identity: &str| {
        let issued = config.master_secrets.issue(&Session {
            identity_id: identity.into(),
            amr: Amr::Unauthenticated,
            expiration: Timestamp(ARRIVAL.0 + 3_600_000),
        });
        let mut head = signed_by(&issued, "POST", EVENTS, &body, ARRIVAL);
        head.headers
            .push(("cf-connecting-ip".into(), address.into()));
        by(&isolate, &config, &head, &body)
    };
    assert_eq!(put_events("192.0.2.1", "a").status, 202);
    assert_eq!(put_events("192.0.2.1", "a").status, 202);
    assert!(is_too_many(&put_events("192.0.2.2", "a")));
    assert_eq!(put_events("192.0.2.1", "b").status, 202);
    assert!(is_too_many(&put_events("192.0.2.1", "c")));
}

/// On every path that takes a key, a sender of many wrong keys is answered 429. Visitors and senders of right keys in
/// the same network are not refused.
#[test]
fn wrong_keys_are_limited_by_network_and_good_ones_are_not() {
    use crate::identity::server_key::tests::{ACCESS_KEY_ID, BEARER, SECRET_ACCESS_KEY, keys};
    let plain = br#"{"name":"SignUpEvent","attributes":{"email":"a@example.com"}}"#;
    let body = batch(json!({}));
    let from = |address: Option<&str>, mut head: Head| {
        let address = address.map(|address| ("cf-connecting-ip".to_owned(), address.to_owned()));
        head.headers.extend(address);
        head
    };
    let shown = |path: &str, key: &str| {
        let method = if path == "/metrics" { "GET" } else { "POST" };
        head(method, path, &[("authorization", &format!("Bearer {key}"))])
    };
    let signed_by = |access_key_id, secret_access_key, path: &str, body: &[u8]| {
        let keys = sigv4::Credentials {
            access_key_id,
            secret_access_key,
            session_token: None,
        };
        signed_with(&keys, "POST", path, body, ARRIVAL)
    };
    const SECRET: &str = "another secret of forty characters......";
    for (limits, most) in [
        (json!({}), 20),
        (
            json!({ "events_per_network": { "requests": 600, "seconds": 60 } }),
            20,
        ),
        (
            json!({ "events_per_network": { "requests": 3, "seconds": 60 } }),
            3,
        ),
        (
            json!({ "wrong_keys_per_network": { "requests": 5, "seconds": 60 } }),
            5,
        ),
    ] {
        let mut config = config();
        config.server_keys = keys(&["*"]);
        config.metrics_key = Some("the key of the metrics".to_owned());
        config.rate_limits = serde_json::from_value(limits).unwrap();
        let isolate = new_isolate();
        let by =
            |address, head: Head, body: &[u8]| by(&isolate, &config, &from(address, head), body);
        for (network, address) in [Some("192.0.2.1"), Some("2001:db8::1"), None]
            .iter()
            .enumerate()
        {
            let wrong = |at: usize| match (at + network) % 5 {
                0 => (shown("/v1/events", &format!("guess {at}")), &plain[..], 401),
                1 => (shown("/metrics", &format!("guess {at}")), &b""[..], 404),
                2 => (
                    signed_by("FBSERVER000000000009", SECRET, EVENTS, &body),
                    &body[..],
                    403,
                ),
                3 => (
                    signed_by(ACCESS_KEY_ID, SECRET, EVENTS, &body),
                    &body[..],
                    403,
                ),
                _ => (
                    signed_by(ACCESS_KEY_ID, SECRET, "/v1/events", plain),
                    &plain[..],
                    403,
                ),
            };
            for at in 0..most {
                let (head, body, status) = wrong(at);
                assert_eq!(by(*address, head, body).status, status, "guess {at}");
            }
            for at in 0..10 {
                let (head, body, _) = wrong(at);
                assert!(
                    is_too_many(&by(*address, head, body)),
                    "guess {at} of {most}"
                );
            }
            let good = [
                (shown("/v1/events", BEARER), &plain[..], 202),
                (shown("/metrics", "the key of the metrics"), &b""[..], 200),
                (
                    signed_by(ACCESS_KEY_ID, SECRET_ACCESS_KEY, EVENTS, &body),
                    &body[..],
                    202,
                ),
                (
                    signed_by(ACCESS_KEY_ID, SECRET_ACCESS_KEY, "/v1/events", plain),
                    &plain[..],
                    202,
                ),
                (
                    signed(&config, "POST", EVENTS, &body, ARRIVAL),
                    &body[..],
                    202,
                ),
                // Nothing is guessed where nothing is shown.
                (head("POST", "/v1/events", &[]), &plain[..], 401),
                (head("GET", "/metrics", &[]), &b""[..], 404),
            ];
            for (head, body, status) in good {
                let path = head.path.clone();
                assert_eq!(by(*address, head, body).status, status, "{path}");
            }
        }
    }
}

#[test]
fn a_binding_counts_where_there_is_one() {
    let mut config = config();
    config.rate_limits = serde_json::from_value(json!({
        "identity_pool_per_network": { "requests": 1, "seconds": 60, "binding": "POOL" },
    }))
    .unwrap();
    let isolate = new_isolate();
    let platform = Simulated::new(all_stored);
    let get_id = || {
        let head = pool_head("GetId", "192.0.2.1");
        let service = Service {
            head: &head,
            config: Ok(&config),
            isolate: &isolate,
            platform: &platform,
        };
        block_on(service.answer(GET_ID)).0
    };
    platform.bound.borrow_mut().insert("POOL".into(), 3);
    for _ in 0..3 {
        assert_eq!(get_id().status, 200);
    }
    assert!(is_too_many(&get_id()));
    platform.bound.borrow_mut().clear();
    assert_eq!(get_id().status, 200, "the isolate's own bucket is full");
    assert!(is_too_many(&get_id()));
}

#[test]
fn without_limits_nobody_is_refused() {
    let config = config();
    let isolate = new_isolate();
    for _ in 0..200 {
        let answer = by(&isolate, &config, &pool_head("GetId", "192.0.2.1"), GET_ID);
        assert_eq!(answer.status, 200);
    }
}

#[test]
fn a_revoked_identity_is_refused_before_its_hour_ends() {
    let isolate = new_isolate();
    let mut config = config();
    let body = batch(json!({}));
    let head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    assert_eq!(by(&isolate, &config, &head, &body).status, 202);
    config.revoked_identities.insert(IDENTITY.into());
    let (answer, reads) = reads(&head, &config, &body);
    assert_eq!((answer.status, reads), (403, 0));
    assert_eq!(
        header(&answer, "x-amzn-errortype"),
        Some("UnrecognizedClientException")
    );
    let ask = json!({ "IdentityId": IDENTITY }).to_string();
    let pool = pool_head("GetCredentialsForIdentity", "192.0.2.1");
    let answer = by(&isolate, &config, &pool, ask.as_bytes());
    assert_eq!(answer.status, 400);
    assert!(
        answer.body.contains("NotAuthorizedException"),
        "{}",
        answer.body
    );
    assert!(!answer.body.contains("SessionToken"));
}

#[test]
fn only_identities_of_a_region_and_a_uuid_are_issued() {
    let (isolate, config) = (new_isolate(), config());
    for id in [
        "eu-north-1:0",
        "eu-north-1:------------------------------------",
        "eu-north-1:6fb4c4f200004000800000000000000100",
        "eu-north-1:dead-beef",
        "eu-north-1:6fb4c4f2-0000-4000-8000-0000000000012",
    ] {
        let body = json!({ "IdentityId": id }).to_string();
        let pool = pool_head("GetCredentialsForIdentity", "192.0.2.1");
        let answer = by(&isolate, &config, &pool, body.as_bytes());
        assert_eq!(answer.status, 400, "{id}");
        assert!(
            answer.body.contains("ResourceNotFoundException"),
            "{}",
            answer.body
        );
    }
}

/// Bytes of the calls that a request makes.
fn written(endpoint: &Value, headers: &[(&str, &str)], events: usize) -> (usize, usize) {
    let config = config();
    let event = event(json!({ "email": "a@example.com" }));
    let events: serde_json::Map<String, Value> = (0..events)
        .map(|number| (format!("e{number}"), event.clone()))
        .collect();
    let body = json!({ "BatchItem": { "c": { "Endpoint": endpoint, "Events": events } } });
    let body = body.to_string().into_bytes();
    let mut head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    head.headers.extend(headers);
    let (_, _, calls) = serve(&head, &config, &body, all_stored);
    let bytes = calls.iter().map(|call| call.body.len()).sum();
    (body.len(), bytes)
}

#[test]
fn whatever_is_sent_once_is_not_written_a_hundred_times_beyond_the_limit_of_an_endpoint() {
    // Records are in base64, and have some 1 KB of their own.
    const MOST: usize = 100 * (15 * 1024 + 3 * 1024) / 3 * 4;
    let long = "x".repeat(1024 * 1024);
    let half = "x".repeat(7 * 1024);
    let header = "x".repeat(60 * 1024);
    let hints = [
        ("user-agent", header.as_str()),
        ("sec-ch-ua", &header),
        ("sec-ch-ua-model", &header),
        ("sec-ch-ua-platform", &header),
        ("sec-ch-ua-platform-version", &header),
        ("accept-language", &header),
    ];
    for endpoint in [
        json!({ "Address": long }),
        json!({ "Address": &long[..15_000] }),
        json!({ "RequestId": long, "EffectiveDate": long }),
        json!({ "Demographic": { "Model": long, "Make": long } }),
        json!({ "Demographic": { "Model": half, "AppVersion": half } }),
        json!({ "Demographic": { "Platform": half, "PlatformVersion": half } }),
        json!({ "Demographic": { "Locale": "x".repeat(14 * 1024) } }),
        json!({ "User": { "UserId": long } }),
        json!({ "Attributes": { "a": vec!["x"; 100_000] } }),
    ] {
        let (_, bytes) = written(&endpoint, &hints, 100);
        assert!(
            bytes <= MOST,
            "{bytes} bytes of {}",
            &endpoint.to_string()[..40]
        );
    }
}

#[test]
fn a_share_covers_what_a_request_writes() {
    let isolate = new_isolate();
    let config = config();
    let taken = std::cell::Cell::new(0);
    let endpoint = json!({ "Address": "x".repeat(15_000) });
    let event = event(json!({ "email": "a@example.com" }));
    let events: serde_json::Map<String, Value> = (0..100)
        .map(|number| (format!("e{number}"), event.clone()))
        .collect();
    let body = json!({ "BatchItem": { "c": { "Endpoint": endpoint, "Events": events } } });
    let body = gzip(body.to_string().as_bytes());
    let head = signed(&config, "POST", EVENTS, &body, ARRIVAL);
    let (answer, _, calls) = serve_with(&isolate, &head, &config, &body, |call| {
        taken.set(isolate.budget.taken());
        all_stored(call)
    });
    assert_eq!(answer.status, 202);
    let bytes: usize = calls.iter().map(|call| call.body.len()).sum();
    assert!(body.len() < 5 * 1024 && bytes > 1024 * 1024);
    // The records, the call that is made of them, and the platform's copy of that.
    assert!(taken.get() >= 2 * bytes, "{} for {bytes}", taken.get());
    assert_eq!(isolate.budget.taken(), 0);
}

#[test]
fn with_a_secret_nobody_foresees_which_shard_a_record_goes_to() {
    let keys_of = |config: &Config| {
        let body = batch(json!({
            "e1": event(json!({ "email": "a@example.com" })),
            "e2": event(json!({ "email": "b@example.com" })),
            "e3": event(json!({})),
        }));
        let head = signed(config, "POST", EVENTS, &body, ARRIVAL);
        let (_, _, calls) = serve(&head, config, &body, all_stored);
        let mut keys = Vec::new();
        for call in calls {
            let body: Value = serde_json::from_str(&call.body).unwrap();
            for record in body["Records"].as_array().unwrap() {
                keys.push(record["PartitionKey"].as_str().unwrap().to_owned());
            }
        }
        assert_eq!(keys.len(), 3);
        keys.dedup();
        assert_eq!(keys.len(), 1, "of one client all stay in order: {keys:?}");
        keys.remove(0)
    };
    let mut config = config();
    assert_eq!(keys_of(&config), "client-1");
    config.partition_keys = PartitionKeys::hidden(&[7; 32]).unwrap();
    let hidden = keys_of(&config);
    assert!(hidden.len() == 32 && hidden != keys_of(&super::config()));
}

/// All routes that write events count together, and stand still together.
#[test]
fn an_application_sends_no_more_in_a_day_than_its_quota() {
    use crate::identity::server_key::tests::{BEARER, keys};
    let sign_up = || event(json!({ "email": "a@example.com" }));
    for quota in [json!({ "events": 5 }), json!({ "bytes": 500 })] {
        let mut config = config();
        config.server_keys = keys(&["*"]);
        config.apps[0].daily_quota = serde_json::from_value(quota).unwrap();
        let isolate = new_isolate();
        let answer = |arrival: i64, path: &str, body: &[u8]| {
            let mut head = match path {
                "/v1/events" => {
                    let bearer = format!("Bearer {BEARER}");
                    head("POST", path, &[("authorization", &bearer)])
                }
                _ => signed(&config, "POST", path, body, ARRIVAL),
            };
            head.arrival = Timestamp(ARRIVAL.0 + arrival);
            serve_with(&isolate, &head, &config, body, all_stored).0
        };
        let plain = br#"{"name":"SignUpEvent","attributes":{"email":"a@example.com"}}"#;
        let endpoint = "/v1/apps/app-1/endpoints/e";
        // A valid and an invalid one, then so many that the quota is passed within a request.
        let two = batch(json!({ "a": sign_up(), "b": 1 }));
        let four = batch(json!({ "c": sign_up(), "d": sign_up(), "e": sign_up(), "f": sign_up() }));
        for (path, body, status) in [
            (EVENTS, &two[..], 202),
            ("/v1/events", plain, 202),
            (EVENTS, &four, 202),
            (EVENTS, &two, 429),
            ("/v1/events", plain, 429),
            (endpoint, b"{}", 429),
        ] {
            let answer = answer(0, path, body);
            assert_eq!(answer.status, status, "{path}: {}", answer.body);
            let retry_after = answer
                .headers
                .iter()
                .find(|(name, _)| *name == "retry-after");
            assert_eq!(retry_after.is_some(), status == 429, "{path}");
        }
        const DAY: i64 = 24 * 60 * 60 * 1_000;
        assert_eq!(answer(DAY, "/v1/events", plain).status, 202);
    }
}
