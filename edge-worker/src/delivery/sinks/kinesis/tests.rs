//! What goes to Kinesis, and what its answers say.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_aws_call::{Credentials, Endpoint};
use futures_executor::block_on;
use serde_json::{Value, json};

use super::*;
use crate::delivery::deadline::Deadline;
use crate::delivery::retry::{DELIVERY_TIME, deliver};
use crate::delivery::{Delivery, Outcome};
use crate::platform::simulated::Simulated;
use crate::platform::{Clock, HttpRequest, HttpResponse, Unreachable};

/// A service at this URL, and a key.
pub(crate) fn access(url: &str) -> Access {
    Access {
        endpoint: Endpoint::parse(url).unwrap(),
        region: "eu-north-1".into(),
        credentials: Credentials::new("AKIDEXAMPLE", "secret", Some("token".into()), None, "test"),
    }
}

pub(crate) fn stream(name: &str) -> KinesisStream {
    KinesisStream {
        access: access("https://kinesis.eu-north-1.amazonaws.com"),
        name: name.into(),
    }
}

/// The data of the records in a PutRecords call.
pub(crate) fn sent_records(call: &HttpRequest) -> Vec<String> {
    let body: Value = serde_json::from_str(&call.body).unwrap();
    let data = |record: &Value| STANDARD.decode(record["Data"].as_str().unwrap()).unwrap();
    let records = body["Records"].as_array().unwrap();
    records
        .iter()
        .map(|record| String::from_utf8(data(record)).unwrap())
        .collect()
}

/// An answer to PutRecords: for each record nothing, or an error code.
pub(crate) fn answer<'a>(errors: impl IntoIterator<Item = Option<&'a str>>) -> HttpResponse {
    let records: Vec<Value> = errors
        .into_iter()
        .map(|error| match error {
            None => json!({ "SequenceNumber": "1", "ShardId": "shardId-000000000000" }),
            Some(code) => json!({ "ErrorCode": code, "ErrorMessage": "no" }),
        })
        .collect();
    HttpResponse::new(200, json!({ "Records": records }).to_string())
}

pub(crate) fn records(count: usize, bytes: usize) -> Vec<Record<'static>> {
    (0..count)
        .map(|index| Record {
            data: format!("{index:0bytes$}"),
            partition_key: "client".into(),
        })
        .collect()
}

pub(crate) fn put(
    records: &[Record<'_>],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Delivery, Vec<HttpRequest>) {
    let platform = Simulated::new(answering);
    let deadline = Deadline::after(DELIVERY_TIME, platform.now());
    let records: Vec<&Record<'_>> = records.iter().collect();
    let delivery = block_on(deliver(&stream("events"), &records, deadline, &platform));
    let calls = platform.sent.take();
    (delivery, calls)
}

#[test]
fn a_call_is_what_kinesis_expects() {
    let one = [Record {
        data: "{}\n".into(),
        partition_key: "a\"b".into(),
    }];
    let (delivery, calls) = put(&one, |_| Ok(answer([None])));
    assert_eq!(delivery.outcomes, [Outcome::Accepted]);
    let [call] = calls.as_slice() else {
        panic!("{} calls", calls.len())
    };
    assert_eq!(call.url, "https://kinesis.eu-north-1.amazonaws.com/");
    assert_eq!(
        call.body,
        r#"{"StreamName":"events","Records":[{"Data":"e30K","PartitionKey":"a\"b"}]}"#
    );
    let headers: BTreeMap<_, _> = call.headers.iter().cloned().collect();
    assert_eq!(headers["x-amz-target"], "Kinesis_20131202.PutRecords");
    assert_eq!(headers["content-type"], "application/x-amz-json-1.1");
    assert_eq!(headers["x-amz-security-token"], "token");
    let authorization = &headers["authorization"];
    assert!(
        authorization.contains("/eu-north-1/kinesis/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,"),
        "{authorization}"
    );
}

#[test]
fn an_answer_that_does_not_say_what_became_of_each_record_proves_nothing() {
    for body in [
        "",
        "{}",
        r#"{"Records":[]}"#,
        r#"{"Records":[{"SequenceNumber":"1"}]}"#,
        r#"{"Records":[{},{}]}"#,
    ] {
        let reply = HttpResponse::new(200, body);
        let (delivery, _) = put(&records(2, 1), |_| Ok(reply.clone()));
        assert_eq!(delivery.outcomes, [Outcome::Failed; 2], "{body}");
    }
}
