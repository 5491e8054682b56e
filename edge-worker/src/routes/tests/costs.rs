//! What a request may cost before it is refused, in reads of its body and bytes in flight.

use std::cell::Cell;

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

    async fn read(self, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
        self.reads.set(self.reads.get() + 1);
        self.bytes.read(max_bytes).await
    }
}

/// The answer, and how often the body was read.
fn reads(head: &Head, config: &Config, body: &[u8]) -> (Answer, usize) {
    let platform = Simulated::new(all_stored);
    let reads = Cell::new(0);
    let service = Service {
        head,
        config: Ok(config),
        window: &no_window(),
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
    let four_mb = Allowance::millis(4 * 1024 * 1024);
    assert_eq!(Allowance::millis(0), 10_000);
    assert_eq!(Allowance::millis(32 * 1024), 11_000);
    assert_eq!(four_mb, 10_000 + 128_000);
    assert_eq!(Allowance::millis(usize::MAX), u32::MAX);
}
