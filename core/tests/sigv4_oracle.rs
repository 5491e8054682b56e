//! Core's signer against `aws-sigv4`, AWS's own, on requests nobody thought of.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    sign as aws_sign,
};
use aws_sigv4::sign::v4;
use forebay_core::sigv4::{Credentials, Request, Scope, presign, read_claim, sign, verify};
use forebay_core::time::Timestamp;
use proptest::prelude::*;

/// How long a presigned request is good for, in seconds.
const EXPIRES: u32 = 900;

#[derive(Debug, Clone)]
struct Case {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    access_key_id: String,
    secret: String,
    token: Option<String>,
    region: String,
    service: String,
    /// Seconds since the epoch, 1970 to 2099.
    time: i64,
}

impl Case {
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
            body: &self.body,
        }
    }

    fn credentials(&self) -> Credentials<'_> {
        Credentials {
            access_key_id: &self.access_key_id,
            secret_access_key: &self.secret,
            session_token: self.token.as_deref(),
        }
    }

    fn scope(&self) -> Scope<'_> {
        Scope {
            region: &self.region,
            service: &self.service,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp(self.time * 1000)
    }

    /// The signature, the added headers and the added query parameters of AWS's signer.
    fn signed_by_aws(&self, location: SignatureLocation) -> (String, Vec<(String, String)>) {
        let identity = AwsCredentials::new(
            self.access_key_id.clone(),
            self.secret.clone(),
            self.token.clone(),
            None,
            "test",
        )
        .into();
        let mut settings = SigningSettings::default();
        settings.signature_location = location;
        settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
        settings.expires_in = Some(Duration::from_secs(EXPIRES.into()));
        settings.excluded_headers = None;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.service)
            .time(UNIX_EPOCH + Duration::from_secs(self.time.unsigned_abs()))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let question = if self.query.is_empty() { "" } else { "?" };
        let uri = format!("https://example.com{}{question}{}", self.path, self.query);
        let request = SignableRequest::new(
            &self.method,
            uri,
            self.headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(&self.body),
        )
        .unwrap();
        let (instructions, signature) = aws_sign(request, &params).unwrap().into_parts();
        let (headers, _) = instructions.into_parts();
        let headers = headers
            .iter()
            .map(|h| (h.name().to_string(), h.value().to_string()))
            .collect();
        (signature, headers)
    }
}

fn encoded(bytes: Vec<u8>) -> String {
    bytes.iter().fold(String::new(), |mut out, &byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// Percent-encoded text that is UTF-8 when decoded, dots and dot segments among it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9._~-]{1,8}",
        1 => Just(".".to_string()),
        1 => Just("..".to_string()),
        2 => "\\PC{1,4}".prop_map(|text| encoded(text.into_bytes())),
    ]
}

fn path() -> impl Strategy<Value = String> {
    (
        prop::collection::vec(text(), 0..6),
        prop_oneof![Just("/"), Just("//"), Just("/./")],
        any::<bool>(),
    )
        .prop_map(|(segments, separator, folder)| {
            let mut path = String::from("/");
            path.push_str(&segments.join(separator));
            if folder {
                path.push('/');
            }
            path
        })
}

fn case() -> impl Strategy<Value = Case> {
    let query = prop::collection::vec((text(), text()), 0..5).prop_map(|parameters| {
        let pairs: Vec<String> = parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join("&")
    });
    let headers = prop::collection::btree_map(
        "x-[a-z]{1,8}(-[a-z]{1,4})?",
        "[!-~]( {0,3}[!-~]){0,8}",
        0..5,
    );
    (
        (
            prop_oneof![Just("GET"), Just("POST"), Just("PUT")],
            path(),
            query,
            headers,
        ),
        (
            prop::collection::vec(any::<u8>(), 0..100),
            "[A-Z0-9]{16,20}",
            "[a-zA-Z0-9/+]{40}",
            prop::option::of("[a-zA-Z0-9/+=]{1,60}"),
            "[a-z]{2}-[a-z]{4,9}-[1-9]",
            prop_oneof![
                Just("mobiletargeting"),
                Just("kinesis"),
                Just("execute-api")
            ],
            0..4_100_000_000_i64,
        ),
    )
        .prop_map(|((method, path, query, headers), rest)| {
            let (body, access_key_id, secret, token, region, service, time) = rest;
            let mut headers: Vec<(String, String)> = headers.into_iter().collect();
            headers.push(("host".to_string(), "example.com".to_string()));
            Case {
                method: method.to_string(),
                path,
                query,
                headers,
                body,
                access_key_id,
                secret,
                token,
                region,
                service: service.to_string(),
                time,
            }
        })
}

/// See `tests/vectors/README.md`: computed by another implementation.
#[test]
fn what_browsers_send_verifies() {
    let file = include_str!("../../tests/vectors/sigv4_browser.json");
    let vectors: serde_json::Value = serde_json::from_str(file).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() > 4);
    for case in cases {
        let text = |name: &str| case[name].as_str().unwrap();
        let (date, token) = (text("amz_date"), text("session_token"));
        let authorization = case["sends"]["authorization"].as_str();
        let query = case["sends"]["query"].as_str();
        let mut headers = vec![("host", text("host"))];
        if let Some(authorization) = authorization {
            headers.push(("x-amz-date", date));
            headers.push(("x-amz-security-token", token));
            headers.push(("authorization", authorization));
        }
        let request = Request {
            method: text("method"),
            path: text("path"),
            query: query.unwrap_or_default(),
            headers: &headers,
            body: text("body").as_bytes(),
        };
        let claim = read_claim(&request).unwrap();
        assert_eq!(claim.session_token.as_deref(), Some(token));
        let scope = Scope {
            region: text("region"),
            service: "mobiletargeting",
        };
        let now = Timestamp::parse_amz_date(date).unwrap();
        let verified = verify(&request, &claim, text("secret_access_key"), &scope, now);
        assert_eq!(verified, Ok(()), "{}", text("name"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn signing_by_headers_agrees_with_aws_and_verifies(case in case()) {
        let headers = case.headers();
        let request = case.request(&headers);
        let added = sign(&request, &case.credentials(), &case.scope(), case.now());
        let (signature, aws_headers) = case.signed_by_aws(SignatureLocation::Headers);
        let authorization = &added.last().unwrap().1;
        prop_assert!(authorization.ends_with(&signature), "{authorization}\n{signature}");
        for (name, value) in &added {
            let theirs = aws_headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
            prop_assert_eq!(theirs.map(|(_, v)| v), Some(value));
        }
        let mut all = headers.clone();
        all.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
        let request = case.request(&all);
        let claim = read_claim(&request).unwrap();
        prop_assert_eq!(&claim.access_key_id, &case.access_key_id);
        prop_assert_eq!(&claim.session_token, &case.token);
        prop_assert_eq!(verify(&request, &claim, &case.secret, &case.scope(), case.now()), Ok(()));
    }

    #[test]
    fn presigning_agrees_with_aws_and_verifies(case in case()) {
        let headers = case.headers();
        let request = case.request(&headers);
        let query = presign(&request, &case.credentials(), &case.scope(), case.now(), EXPIRES);
        let (signature, _) = case.signed_by_aws(SignatureLocation::QueryParams);
        prop_assert!(query.ends_with(&signature), "{query}\n{signature}");
        let request = Request { query: &query, ..request };
        let claim = read_claim(&request).unwrap();
        prop_assert_eq!(&claim.session_token, &case.token);
        prop_assert_eq!(verify(&request, &claim, &case.secret, &case.scope(), case.now()), Ok(()));
    }

    #[test]
    fn no_header_or_query_makes_the_reader_panic(
        authorization in ".{0,200}",
        query in "(X-Amz-(Algorithm|Credential|Date|Expires|SignedHeaders|Signature)=[ -~]{0,20}&?){0,6}",
    ) {
        let headers = [("authorization", authorization.as_str()), ("x-amz-date", "20150830T123600Z")];
        let request = Request { method: "GET", path: "/", query: &query, headers: &headers, body: b"" };
        prop_assert!(read_claim(&request).is_err());
        let _ = read_claim(&Request { headers: &[], ..request });
    }
}
