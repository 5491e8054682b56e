//! Endpoints and signatures, against what botocore makes of the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use forebay_aws_call::event_bridge::EVENT_BRIDGE;
use forebay_aws_call::firehose::FIREHOSE;
use forebay_aws_call::kinesis::KINESIS;
use forebay_aws_call::pinpoint::PINPOINT;
use forebay_aws_call::{
    Call, CallError, Credentials, Endpoint, EndpointError, Partition, Service, Signer, Timestamp,
};
use serde_json::Value;

const SERVICES: [&Service; 4] = [&KINESIS, &FIREHOSE, &EVENT_BRIDGE, &PINPOINT];

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_region_of_every_partition_has_the_hosts_that_botocore_gives() {
    let vectors = read(include_str!("../../tests/vectors/aws_endpoints.json"));
    let regions = vectors["regions"].as_array().unwrap();
    let mut partitions: Vec<&str> = Vec::new();
    for expected in regions {
        let region = expected["region"].as_str().unwrap();
        let partition = Partition::of_region(region);
        assert_eq!(partition.id(), expected["partition"], "{region}");
        partitions.push(partition.id());
        for service in SERVICES {
            for (fips, url) in [false, true]
                .into_iter()
                .zip(expected[service.host].as_array().unwrap())
            {
                let endpoint = Endpoint::of_region(service, region, fips).unwrap();
                assert_eq!(endpoint.as_str(), url, "{region} {fips}");
            }
        }
    }
    partitions.dedup();
    assert!(partitions.len() >= 8, "{partitions:?}");
}

#[test]
fn a_region_that_would_change_the_host_is_refused() {
    for region in [
        "",
        "evil.example/",
        "us-east-1.evil.example",
        "us east 1",
        "US-EAST-1",
        "-a",
        "a-",
        "us-east-1\n",
        "ö",
        &"a".repeat(64),
    ] {
        let endpoint = Endpoint::of_region(&KINESIS, region, false);
        assert_eq!(endpoint, Err(EndpointError::NotARegion), "{region:?}");
    }
}

#[test]
fn a_url_is_an_endpoint_if_a_request_can_be_sent_there() {
    for (url, kept) in [
        ("http://127.0.0.1:4567/", "http://127.0.0.1:4567"),
        (
            "https://proxy.example/kinesis/",
            "https://proxy.example/kinesis",
        ),
        ("http://[::1]:80", "http://[::1]:80"),
    ] {
        assert_eq!(Endpoint::parse(url).unwrap().as_str(), kept);
    }
    for url in [
        "",
        "kinesis",
        "/kinesis",
        "ftp://a.example",
        "http://",
        "https:///a",
        "https://user:secret@a.example",
        "https://a.example@b.example",
        "https://a.example?b",
        "https://a.example#b",
        "https://a.example\\b",
        "https://a b",
        "https://a.example:port",
    ] {
        assert_eq!(
            Endpoint::parse(url),
            Err(EndpointError::NotAnUrl),
            "{url:?}"
        );
    }
}

#[test]
fn a_call_has_the_signature_that_botocore_gives() {
    let vectors = read(include_str!("../../tests/vectors/aws_calls.json"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let now = Timestamp(vectors["now_ms"].as_i64().unwrap());
    for case in vectors["cases"].as_array().unwrap() {
        let name = text(&case["name"]);
        let signing_name = text(&case["service"]);
        let service = SERVICES
            .into_iter()
            .find(|service| service.signing_name == signing_name)
            .unwrap();
        let body = text(&case["body"]);
        let call = || match case["target"].as_str() {
            Some(target) => {
                let operation = target.strip_prefix(service.target_prefix).unwrap();
                Call::json(service, &operation[1..], body.clone())
            }
            None if case["method"] == "PUT" => {
                Call::rest(service, "PUT", text(&case["path"]), body.clone())
            }
            None => Call::rest(service, "POST", text(&case["path"]), body.clone()),
        };
        let credentials = Credentials::new(
            text(&vectors["access_key_id"]),
            text(&vectors["secret_access_key"]),
            case["session_token"].as_str().map(str::to_owned),
            None,
            "test",
        );
        let endpoint = Endpoint::parse(&text(&case["endpoint"])).unwrap();
        let signer = Signer {
            endpoint: &endpoint,
            region: case["region"].as_str().unwrap(),
            credentials: &credentials,
        };
        let request = signer.sign(call(), None, now).unwrap();
        let header = |name: &str| {
            let mut headers = request.headers.iter();
            headers
                .find(|(header, _)| header == name)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(
            header("authorization"),
            case["authorization"].as_str(),
            "{name}"
        );
        assert_eq!(header("x-amz-date"), case["x_amz_date"].as_str(), "{name}");
        assert_eq!(header("x-amz-target"), case["target"].as_str(), "{name}");
        assert_eq!(
            header("x-amz-security-token"),
            case["session_token"].as_str(),
            "{name}"
        );
        assert_eq!(request.method, case["method"], "{name}");
        let path = case["path"].as_str().unwrap();
        assert_eq!(request.url, format!("{endpoint}{path}"), "{name}");
        assert_eq!(request.body, body, "{name}");

        // A digest that the caller made is the same digest.
        let mut digest = sha256(&body);
        assert_eq!(
            signer.sign(call(), Some(digest.clone()), now).unwrap(),
            request,
            "{name}"
        );
        digest.replace_range(0..1, "g");
        assert_ne!(
            signer.sign(call(), Some(digest), now).unwrap(),
            request,
            "{name}"
        );
    }
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_path_segment_holds_no_other_segment() {
    use forebay_aws_call::request::path_segment;
    assert_eq!(path_segment("aZ09-._~"), "aZ09-._~");
    assert_eq!(path_segment("a/b?c#d%e é"), "a%2Fb%3Fc%23d%25e%20%C3%A9");
}

#[test]
fn keys_that_no_header_can_hold_are_an_error() {
    let endpoint = Endpoint::parse("http://127.0.0.1:4567").unwrap();
    let credentials = Credentials::new("AKID\n", "secret", None, None, "test");
    let signer = Signer {
        endpoint: &endpoint,
        region: "us-east-1",
        credentials: &credentials,
    };
    let call = Call::json(&KINESIS, "PutRecords", String::new());
    let signed = signer.sign(call, None, Timestamp(0));
    let Err(error @ CallError::NotSigned(_)) = signed else {
        panic!("{signed:?}")
    };
    assert!(!error.may_pass());
}
