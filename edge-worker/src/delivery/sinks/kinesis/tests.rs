//! The sink against a Kinesis that answers as it likes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures_executor::block_on;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::platform::simulated::Simulated;

pub(crate) fn kinesis() -> Kinesis {
    Kinesis {
        endpoint: "https://kinesis.eu-north-1.amazonaws.com".into(),
        region: "eu-north-1".into(),
        stream: "events".into(),
        dead_letter_stream: "dead-letters".into(),
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "secret".into(),
        session_token: Some("token".into()),
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
    HttpResponse {
        status: 200,
        body: json!({ "Records": records }).to_string().into_bytes(),
    }
}

fn records(count: usize, bytes: usize) -> Vec<Record<'static>> {
    (0..count)
        .map(|index| Record {
            data: format!("{index:0bytes$}"),
            partition_key: "client",
        })
        .collect()
}

fn put(
    records: &[Record<'_>],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Delivery, Vec<HttpRequest>) {
    let platform = Simulated::new(answering);
    let delivery = block_on(put_records(&platform, &kinesis(), "events", records));
    let calls = platform.sent.take();
    (delivery, calls)
}

#[test]
fn a_call_is_what_kinesis_expects() {
    let one = [Record {
        data: "{}\n".into(),
        partition_key: "a\"b",
    }];
    let (delivery, calls) = put(&one, |_| Ok(answer([None])));
    assert_eq!(delivery.outcomes, [Outcome::Stored]);
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
fn only_what_failed_is_sent_again() {
    let answers = RefCell::new(vec![
        answer([None, None]),
        answer([
            Some("InternalFailure"),
            None,
            Some("ProvisionedThroughputExceededException"),
        ]),
        answer([
            None,
            Some("InternalFailure"),
            None,
            Some("InternalFailure"),
            Some("InternalFailure"),
        ]),
    ]);
    let (delivery, calls) = put(&records(5, 1), |call| {
        let reply = answers.borrow_mut().pop();
        Ok(reply.unwrap_or_else(|| answer(sent_records(call).iter().map(|_| None))))
    });
    assert_eq!(delivery.outcomes, [Outcome::Stored; 5]);
    let sent: Vec<_> = calls.iter().map(sent_records).collect();
    assert_eq!(
        sent,
        [
            vec!["0", "1", "2", "3", "4"],
            vec!["1", "3", "4"],
            vec!["1", "4"]
        ]
    );
    assert_eq!(delivery.requests, 3);
}

#[test]
fn what_keeps_failing_is_told_apart() {
    let (delivery, calls) = put(&records(3, 1), |call| {
        let error = |data: &String| match data.as_str() {
            "0" => None,
            "1" => Some("ProvisionedThroughputExceededException"),
            _ => Some("InternalFailure"),
        };
        Ok(answer(sent_records(call).iter().map(error)))
    });
    assert_eq!(
        delivery.outcomes,
        [Outcome::Stored, Outcome::Throttled, Outcome::Failed]
    );
    assert_eq!(calls.len(), MAX_TRIES as usize);
}

#[test]
fn what_sending_again_does_not_mend_is_not_sent_again() {
    for (status, code, requests) in [
        (400, "ResourceNotFoundException", 1),
        (400, "UnrecognizedClientException", 1),
        (400, "ProvisionedThroughputExceededException", MAX_TRIES),
        (500, "InternalFailure", MAX_TRIES),
        (503, "ServiceUnavailable", MAX_TRIES),
    ] {
        let body = json!({ "__type": format!("com.amazonaws.kinesis#{code}") }).to_string();
        let reply = HttpResponse {
            status,
            body: body.into_bytes(),
        };
        let (delivery, _) = put(&records(2, 1), |_| Ok(reply.clone()));
        assert_eq!(delivery.requests, requests, "{code}");
        assert!(!delivery.outcomes.contains(&Outcome::Stored), "{code}");
        assert_eq!(delivery.error.unwrap().to_string(), code);
    }
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
        let reply = HttpResponse {
            status: 200,
            body: body.into(),
        };
        let (delivery, _) = put(&records(2, 1), |_| Ok(reply.clone()));
        assert_eq!(delivery.outcomes, [Outcome::Failed; 2], "{body}");
    }
}

#[test]
fn a_stream_that_does_not_answer_is_given_up_within_the_budget() {
    let platform = Simulated::new(|_| Err(Unreachable));
    let started = platform.now.get();
    let delivery = block_on(put_records(&platform, &kinesis(), "events", &records(1, 1)));
    assert_eq!(delivery.outcomes, [Outcome::Failed]);
    assert_eq!(delivery.error, Some(KinesisError::Unreachable));
    let took = platform.now.get() - started;
    let longest = RETRY_BUDGET_MS + i64::try_from(CALL_TIME_OUT.as_millis()).unwrap() + 1_000;
    assert!(took <= longest, "{took} ms");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requests_keep_to_the_limits_and_hold_every_record_once(
        sizes in proptest::collection::vec(prop_oneof![0usize..2000, 0..MAX_RECORD_BYTES], 0..40),
        small in 0usize..1200,
    ) {
        let mut all: Vec<Record<'_>> = sizes
            .iter()
            .map(|size| Record { data: "x".repeat(*size), partition_key: "k" })
            .collect();
        all.extend(records(small, 1));
        let indices: Vec<usize> = (0..all.len()).collect();
        let requests = cut(&indices, &all);
        prop_assert_eq!(requests.concat(), indices.clone());
        for request in requests {
            let bytes: usize = request.iter().map(|index| all[*index].byte_len()).sum();
            prop_assert!(!request.is_empty() && request.len() <= MAX_REQUEST_RECORDS);
            prop_assert!(bytes <= MAX_REQUEST_BYTES);
        }
    }

    /// A Kinesis that stores, refuses and loses its answers as it likes.
    #[test]
    fn stored_is_said_of_what_the_stream_has_and_it_is_not_sent_again(
        count in 1usize..1100,
        moods in proptest::collection::vec(0u8..8, 1..40),
    ) {
        let stream = RefCell::new(BTreeSet::new());
        let mut told = BTreeSet::new();
        let mut mood = moods.iter().cycle();
        let (delivery, calls) = put(&records(count, 1), |call| {
            let data = sent_records(call);
            assert!(data.iter().all(|data| !told.contains(data)), "stored, and sent again");
            match mood.next() {
                Some(0) => return Err(Unreachable),
                Some(1) => {
                    stream.borrow_mut().extend(data);
                    return Err(Unreachable);
                }
                Some(2) => return Ok(HttpResponse { status: 500, body: b"oops".to_vec() }),
                _ => {}
            }
            let mut errors = Vec::new();
            for data in data {
                let fails = mood.next().is_some_and(|mood| *mood > 5);
                if !fails {
                    stream.borrow_mut().insert(data.clone());
                    told.insert(data);
                }
                errors.push(fails.then_some("InternalFailure"));
            }
            Ok(answer(errors))
        });
        let stored: BTreeSet<String> = (0..count)
            .filter(|index| delivery.outcomes[*index] == Outcome::Stored)
            .map(|index| index.to_string())
            .collect();
        prop_assert!(stored.is_subset(&stream.into_inner()));
        prop_assert_eq!(stored, told);
        let chunks = count.div_ceil(MAX_REQUEST_RECORDS);
        prop_assert!(calls.len() <= chunks * MAX_TRIES as usize);
    }
}
