//! AWS's test suite, at every stage, for signing and for verifying. None is skipped: botocore skips
//! `normalize-path/get-space`, whose request line its HTTP parser cannot read, and the three
//! `get-vanilla-query-order-*` that repeat a parameter, which its API cannot express.

use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::canonical::{canonical_headers, canonical_query, canonical_request, sha256_hex};
use super::*;

struct Case {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    session_token: Option<String>,
    canonical_request: String,
    string_to_sign: String,
    authorization: String,
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SCOPE: Scope<'static> = Scope {
    region: "us-east-1",
    service: "service",
};
const SIGNED_AT: Timestamp = Timestamp(1_440_938_160_000);

impl Case {
    fn read(case: &serde_json::Value) -> Case {
        let text = |name: &str| case[name].as_str().unwrap().to_string();
        let request = text("request");
        let (head, body) = request.split_once("\n\n").unwrap_or((&request, ""));
        let mut lines = head.lines();
        let request_line = lines.next().unwrap();
        let (method, target) = request_line.split_once(' ').unwrap();
        let target = target.strip_suffix(" HTTP/1.1").unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers: Vec<(String, String)> = Vec::new();
        for line in lines {
            match line.split_once(':') {
                Some((name, value)) if !line.starts_with(' ') => {
                    headers.push((name.to_string(), value.to_string()));
                }
                _ => {
                    let folded = headers.last_mut().unwrap();
                    folded.1.push(' ');
                    folded.1.push_str(line);
                }
            }
        }
        headers.retain(|(name, _)| name != "X-Amz-Date");
        let canonical_request = text("canonical_request");
        let token_line = canonical_request
            .lines()
            .find_map(|line| line.strip_prefix("x-amz-security-token:"));
        let sent = headers
            .iter()
            .position(|(name, _)| name.eq_ignore_ascii_case("x-amz-security-token"));
        if let Some(index) = sent {
            headers.remove(index);
        }
        Case {
            name: text("name"),
            method: method.to_string(),
            path: path.to_string(),
            query: query.to_string(),
            headers,
            body: body.to_string(),
            session_token: token_line.map(str::to_string),
            string_to_sign: text("string_to_sign"),
            authorization: text("authorization"),
            canonical_request,
        }
    }

    fn all() -> Vec<Case> {
        let file = include_str!("../../../tests/vectors/sigv4.json");
        let suite: serde_json::Value = serde_json::from_str(file).unwrap();
        let cases: Vec<Case> = suite["cases"]
            .as_array()
            .unwrap()
            .iter()
            .map(Case::read)
            .collect();
        assert_eq!(cases.len(), 34);
        cases
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: SECRET,
            session_token: self.session_token.as_deref(),
        }
    }

    fn headers(&self) -> Vec<(&str, &str)> {
        self.headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    fn request<'a>(&'a self, headers: &'a [(&'a str, &'a str)]) -> Request<'a> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers,
            body: self.body.as_bytes(),
        }
    }
}

#[test]
fn signing_gives_the_suites_results_at_every_stage() {
    for case in Case::all() {
        let headers = case.headers();
        let request = case.request(&headers);
        let added = sign(&request, &case.credentials(), &SCOPE, SIGNED_AT);
        let signed = headers.iter().copied().chain(
            added
                .iter()
                .filter(|h| h.0 != "authorization")
                .map(|(n, v)| (*n, v.as_str())),
        );
        let canonical = canonical_request(
            request.method,
            request.path,
            &canonical_query(request.query, None),
            &canonical_headers(signed),
            &sha256_hex(request.body),
        );
        assert_eq!(canonical, case.canonical_request, "{}", case.name);
        let to_sign = string_to_sign("20150830T123600Z", &SCOPE, &canonical);
        assert_eq!(to_sign, case.string_to_sign, "{}", case.name);
        assert_eq!(added.last().unwrap().1, case.authorization, "{}", case.name);
    }
}

#[test]
fn verifying_accepts_every_case_of_the_suite_and_none_that_was_changed() {
    for case in Case::all() {
        let mut headers = case.headers();
        headers.push(("X-Amz-Date", "20150830T123600Z"));
        headers.push(("Authorization", &case.authorization));
        if let Some(token) = &case.session_token {
            headers.push(("X-Amz-Security-Token", token));
        }
        let request = case.request(&headers);
        let claim = read_claim(&request).unwrap();
        let check = |request: &Request<'_>, secret: &str, now: i64| {
            verify(
                request,
                &claim,
                secret,
                &SCOPE,
                Timestamp(SIGNED_AT.0 + now),
            )
        };
        assert_eq!(check(&request, SECRET, 0), Ok(()), "{}", case.name);
        assert_eq!(check(&request, SECRET, MAX_SKEW_MS), Ok(()));
        assert_eq!(check(&request, SECRET, -MAX_SKEW_MS), Ok(()));
        assert_eq!(
            check(&request, SECRET, MAX_SKEW_MS + 1),
            Err(VerifyError::Expired)
        );
        assert_eq!(
            check(&request, SECRET, -MAX_SKEW_MS - 1),
            Err(VerifyError::NotYetValid)
        );
        let mismatch = Err(VerifyError::SignatureMismatch);
        assert_eq!(check(&request, "another", 0), mismatch);
        assert_eq!(
            check(
                &Request {
                    method: "PATCH",
                    ..request
                },
                SECRET,
                0
            ),
            mismatch
        );
        assert_eq!(
            check(
                &Request {
                    path: "/elsewhere",
                    ..request
                },
                SECRET,
                0
            ),
            mismatch
        );
        assert_eq!(
            check(
                &Request {
                    query: "a=b",
                    ..request
                },
                SECRET,
                0
            ),
            mismatch
        );
        assert_eq!(
            check(
                &Request {
                    body: b"changed",
                    ..request
                },
                SECRET,
                0
            ),
            mismatch
        );
    }
}

fn signed_headers(
    request: &Request<'_>,
    session_token: Option<&str>,
) -> Vec<(&'static str, String)> {
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE",
        secret_access_key: SECRET,
        session_token,
    };
    sign(request, &credentials, &SCOPE, SIGNED_AT)
}

const PLAIN: Request<'static> = Request {
    method: "POST",
    path: "/v1/apps/a/events",
    query: "",
    headers: &[("host", "localhost")],
    body: b"{}",
};

#[test]
fn a_request_without_a_signature_is_missing_one() {
    assert_eq!(read_claim(&PLAIN), Err(VerifyError::Missing));
}

#[test]
fn what_is_not_a_signature_is_malformed_and_never_a_panic() {
    let good = signed_headers(&PLAIN, None).pop().unwrap().1;
    let date = ("x-amz-date", "20150830T123600Z");
    let claim = |authorization: &str| {
        read_claim(&Request {
            headers: &[
                ("host", "localhost"),
                date,
                ("authorization", authorization),
            ],
            ..PLAIN
        })
    };
    assert!(claim(&good).is_ok());
    for (from, to) in [
        ("AWS4-HMAC-SHA256", "Bearer"),
        ("Credential=", "Cred="),
        ("/aws4_request", ""),
        ("20150830", "20150831"),
        ("SignedHeaders=host;", "SignedHeaders="),
        ("host;x-amz-date", "x-amz-date;host"),
        ("Signature=", "Signature=zz"),
        (", Signature=", ", Signatur="),
        (" Credential=AKIDEXAMPLE/", " Credential=/"),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good);
        let read = claim(&changed);
        assert!(
            matches!(read, Err(VerifyError::Malformed(_))),
            "{changed}: {read:?}"
        );
    }
    for length in 0..good.len() {
        assert!(claim(&good[..length]).is_err());
    }
}

#[test]
fn a_body_hash_that_is_sent_along_is_held_against_the_body() {
    let hash = sha256_hex(b"{}");
    let unsigned = [
        ("host", "localhost"),
        ("x-amz-content-sha256", hash.as_str()),
    ];
    let request = Request {
        headers: &unsigned,
        ..PLAIN
    };
    let added = signed_headers(&request, None);
    let mut headers = unsigned.to_vec();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
    let request = Request {
        headers: &headers,
        ..PLAIN
    };
    let claim = read_claim(&request).unwrap();
    assert_eq!(verify(&request, &claim, SECRET, &SCOPE, SIGNED_AT), Ok(()));
    let changed = Request {
        body: b"[]",
        ..request
    };
    let verdict = verify(&changed, &claim, SECRET, &SCOPE, SIGNED_AT);
    assert_eq!(verdict, Err(VerifyError::BodyMismatch));
}

#[test]
fn another_region_or_service_is_the_wrong_scope() {
    let added = signed_headers(&PLAIN, None);
    let mut headers = PLAIN.headers.to_vec();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
    let request = Request {
        headers: &headers,
        ..PLAIN
    };
    let claim = read_claim(&request).unwrap();
    for scope in [
        Scope {
            region: "eu-north-1",
            ..SCOPE
        },
        Scope {
            service: "mobiletargeting",
            ..SCOPE
        },
    ] {
        let verdict = verify(&request, &claim, SECRET, &scope, SIGNED_AT);
        assert_eq!(verdict, Err(VerifyError::WrongScope));
    }
}

#[test]
fn a_presigned_request_is_good_until_it_expires() {
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE",
        secret_access_key: SECRET,
        session_token: Some("token/with+signs="),
    };
    let query = presign(&PLAIN, &credentials, &SCOPE, SIGNED_AT, 900);
    let request = Request {
        query: &query,
        ..PLAIN
    };
    let claim = read_claim(&request).unwrap();
    assert_eq!(claim.session_token.as_deref(), Some("token/with+signs="));
    let at = |ms: i64| {
        verify(
            &request,
            &claim,
            SECRET,
            &SCOPE,
            Timestamp(SIGNED_AT.0 + ms),
        )
    };
    assert_eq!(at(0), Ok(()));
    assert_eq!(at(900_000), Ok(()));
    assert_eq!(at(900_001), Err(VerifyError::Expired));
    assert_eq!(at(-MAX_SKEW_MS - 1), Err(VerifyError::NotYetValid));
    let changed = Request {
        body: b"[]",
        ..request
    };
    let verdict = verify(&changed, &claim, SECRET, &SCOPE, SIGNED_AT);
    assert_eq!(verdict, Err(VerifyError::SignatureMismatch));
    let longer = query.replace("X-Amz-Expires=900", "X-Amz-Expires=901");
    let request = Request {
        query: &longer,
        ..PLAIN
    };
    let claim = read_claim(&request).unwrap();
    let verdict = verify(&request, &claim, SECRET, &SCOPE, SIGNED_AT);
    assert_eq!(verdict, Err(VerifyError::SignatureMismatch));
}

/// The Fetch standard joins what came more than once by a comma and a space.
#[test]
fn headers_that_the_platform_has_joined_are_genuine_and_others_are_not() {
    let verdict = |signed: &[(&str, &str)], arrived: &[(&str, &str)]| {
        let signed: Vec<_> = [("host", "localhost")]
            .iter()
            .chain(signed)
            .copied()
            .collect();
        let request = Request {
            headers: &signed,
            ..PLAIN
        };
        let added = signed_headers(&request, None);
        let added = added.iter().map(|(name, value)| (*name, value.as_str()));
        let headers = [("host", "localhost")]
            .into_iter()
            .chain(arrived.iter().copied());
        let headers: Vec<_> = headers.chain(added).collect();
        let request = Request {
            headers: &headers,
            ..PLAIN
        };
        let claim = read_claim(&request).unwrap();
        verify(&request, &claim, SECRET, &SCOPE, SIGNED_AT)
    };
    let many = ["a"; 500];
    let twice_500: Vec<_> = many.iter().map(|value| ("x-a", *value)).collect();
    for (signed, arrived) in [
        (vec![("x-a", "1"), ("x-a", "2")], vec![("x-a", "1, 2")]),
        (
            vec![("x-a", "1, 2"), ("x-a", "3")],
            vec![("x-a", "1, 2, 3")],
        ),
        (
            vec![("x-a", "1"), ("x-a", "2, 3")],
            vec![("x-a", "1, 2, 3")],
        ),
        (
            vec![("accept", "a, b"), ("x-a", "1"), ("x-a", "2")],
            vec![("accept", "a, b"), ("x-a", "1, 2")],
        ),
        (twice_500, vec![("x-a", many.join(", ").leak())]),
    ] {
        assert_eq!(verdict(&signed, &arrived), Ok(()));
        let mismatch = Err(VerifyError::SignatureMismatch);
        let mut changed = arrived.clone();
        changed.last_mut().unwrap().1 = "1, 4";
        assert_eq!(verdict(&signed, &changed), mismatch);
    }
    // One that came once is not taken apart.
    let mismatch = Err(VerifyError::SignatureMismatch);
    assert_eq!(
        verdict(&[("x-a", "1, 2")], &[("x-a", "1"), ("x-a", "2")]),
        mismatch
    );
}

/// A sender chooses how many commas there are: what is tried because of them is bounded.
#[test]
fn few_ways_are_tried_however_many_commas_there_are() {
    use super::canonical::canonical_headers;
    use super::verify::Joined;
    let ways = |headers: &[(&str, &str)]| {
        Joined::find(&canonical_headers(headers.iter().copied())).count()
    };
    let long = "a, ".repeat(5_000);
    assert_eq!(ways(&[("a", "b"), ("c", "d,e")]), 0);
    assert_eq!(ways(&[("a", "b, c")]), 1);
    assert_eq!(ways(&[("a", "b, c"), ("d", "e, f")]), 3);
    assert_eq!(ways(&[("a", "1, 2, 3, 4, 5")]), 15);
    assert_eq!(ways(&[("a", &long)]), 1);
    let names: Vec<String> = (0..500).map(|name| name.to_string()).collect();
    let headers: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), long.as_str()))
        .collect();
    assert_eq!(ways(&headers[..50]), 15);
}

#[test]
fn a_date_may_stand_in_any_of_the_places_that_aws_looks_at() {
    let date = |headers: &[(&str, &str)], query: &str| {
        let authorization = signed_headers(&PLAIN, None).pop().unwrap().1;
        let mut headers = headers.to_vec();
        headers.push(("authorization", &authorization));
        read_claim(&Request {
            headers: &headers,
            query,
            ..PLAIN
        })
        .map(|claim| claim.date)
    };
    let amz = ("X-Amz-Date", "20150830T123600Z");
    for (headers, query) in [
        (vec![amz], ""),
        (vec![], "X-Amz-Date=20150830T123600Z"),
        (vec![("Date", "20150830T123600Z")], ""),
        (vec![("Date", "Sun, 30 Aug 2015 12:36:00 GMT")], ""),
        (vec![("date", "30 Aug 2015 12:36:00 -0000")], ""),
        (vec![("Date", "Mon, 31 Aug 2015 00:00:00 GMT"), amz], ""),
    ] {
        assert_eq!(date(&headers, query), Ok(SIGNED_AT), "{headers:?}");
    }
    for headers in [
        vec![],
        vec![("Date", "yesterday")],
        vec![("Date", "2015-08-30T12:36:00Z")],
    ] {
        assert!(matches!(date(&headers, ""), Err(VerifyError::Malformed(_))));
    }
}

/// Without an end of its own, a presigned request is good for as long as one signed by headers.
#[test]
fn a_presigned_request_need_not_say_when_it_ends() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice%2Faws4_request\
        &X-Amz-Date=20150830T123600Z&X-Amz-SignedHeaders=host";
    let headers = canonical_headers(PLAIN.headers.iter().copied());
    let query_signed = canonical_query(query, None);
    let hash = sha256_hex(PLAIN.body);
    let canonical = canonical_request(PLAIN.method, PLAIN.path, &query_signed, &headers, &hash);
    let credentials = Credentials {
        access_key_id: "AKIDEXAMPLE",
        secret_access_key: SECRET,
        session_token: None,
    };
    let signature = signature(&credentials, "20150830T123600Z", &SCOPE, &canonical);
    let query = std::format!("{query}&X-Amz-Signature={signature}");
    let request = Request {
        query: &query,
        ..PLAIN
    };
    let claim = read_claim(&request).unwrap();
    assert!(claim.is_presigned && claim.expires_seconds.is_none());
    let at = |ms| {
        verify(
            &request,
            &claim,
            SECRET,
            &SCOPE,
            Timestamp(SIGNED_AT.0 + ms),
        )
    };
    assert_eq!(at(MAX_SKEW_MS), Ok(()));
    assert_eq!(at(MAX_SKEW_MS + 1), Err(VerifyError::Expired));
    assert_eq!(at(-MAX_SKEW_MS - 1), Err(VerifyError::NotYetValid));
}
