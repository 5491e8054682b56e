//! Any request: only a signature that core itself made is accepted, and such a signature always is.
#![cfg_attr(fuzzing, no_main)]

use arbitrary::Arbitrary;
use forebay_core::sigv4::{Credentials, Request, Scope, read_claim, sign, verify};
use forebay_core::time::Timestamp;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
    token: Option<&'a str>,
}

const SCOPE: Scope<'_> = Scope {
    region: "us-east-1",
    service: "mobiletargeting",
};
const NOW: Timestamp = Timestamp(1_796_000_000_000);
const SECRET: &str = "a secret that no input holds";

forebay_core_fuzz::target!(|input: Input<'_>| {
    let request = Request {
        method: input.method,
        path: input.path,
        query: input.query,
        headers: &input.headers,
        body: input.body,
    };
    if let Ok(claim) = read_claim(&request) {
        assert!(verify(&request, &claim, SECRET, &SCOPE, NOW).is_err());
    }
    // This leaves out a header that is given twice, or that signing adds: which one counts is the
    // sender's mistake.
    let is_plain = |(name, value): &&(&str, &str)| {
        let name = name.to_ascii_lowercase();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let is_text = |byte: u8| (0x20..0x7f).contains(&byte);
        let is_ours = name.starts_with("x-amz-") || name == "authorization" || name == "date";
        !name.is_empty() && name.bytes().all(is_token) && value.bytes().all(is_text) && !is_ours
    };
    let mut headers: Vec<(&str, &str)> = input.headers.iter().filter(is_plain).copied().collect();
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
    headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    headers.dedup_by_key(|(name, _)| name.to_ascii_lowercase());
    headers.push(("host", "edge.example"));
    let is_path = input.path.starts_with('/') && input.path.bytes().all(|byte| byte > 0x20);
    let is_token =
        |token: &&str| !token.is_empty() && token.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    if !is_path || input.query.contains("X-Amz-") {
        return;
    }
    let request = Request {
        headers: &headers,
        ..request
    };
    let credentials = Credentials {
        access_key_id: "ASIAEXAMPLE",
        secret_access_key: SECRET,
        session_token: input.token.filter(is_token),
    };
    let added = sign(&request, &credentials, &SCOPE, NOW);
    let added = added.iter().map(|(name, value)| (*name, value.as_str()));
    let signed: Vec<(&str, &str)> = headers.iter().copied().chain(added).collect();
    let request = Request {
        headers: &signed,
        ..request
    };
    let claim = read_claim(&request).expect("a signature");
    assert_eq!(verify(&request, &claim, SECRET, &SCOPE, NOW), Ok(()));
});
