//! What is read of answers, and of errors above all.

use std::time::Duration;

use forebay_aws_call::event_bridge::{self, Entry};
use forebay_aws_call::firehose::PutRecordBatch;
use forebay_aws_call::kinesis::{
    DescribeStreamSummary, GetRecords, GetShardIterator, ListShards, PutRecords, PutRecordsEntry,
    StartingPosition,
};
use forebay_aws_call::{
    Answer, CallError, Fault, Limits, Operation, ServiceError, Timestamp, pinpoint,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// 2026-11-21T01:02:03Z.
const ARRIVED: Timestamp = Timestamp(1_795_222_923_000);

fn answer(status: u16, body: &[u8]) -> Answer<'_> {
    Answer {
        status,
        error_type: None,
        retry_after: None,
        body,
        arrived: ARRIVED,
    }
}

fn error(status: u16, body: &str) -> ServiceError {
    ServiceError::decode(&answer(status, body.as_bytes()))
}

#[test]
fn an_error_is_known_by_its_name_wherever_it_stands() {
    let named = |header, body: &str| {
        let answer = Answer {
            error_type: header,
            ..answer(400, body.as_bytes())
        };
        ServiceError::decode(&answer).code
    };
    for (header, body, code) in [
        (
            None,
            r#"{"__type":"ValidationException"}"#,
            "ValidationException",
        ),
        (
            None,
            r#"{"__type":"com.amazonaws.kinesis#ExpiredIteratorException"}"#,
            "ExpiredIteratorException",
        ),
        (None, r#"{"code":"FooError"}"#, "FooError"),
        (
            None,
            r#"{"__type":"aws.protocoltests#FooError:http://internal.amazon.com/a#b"}"#,
            "FooError",
        ),
        (Some("FooError"), "", "FooError"),
        (
            Some("FooError:http://internal.amazon.com/coral/a/"),
            "{}",
            "FooError",
        ),
        (Some("ns#FooError"), r#"{"__type":"Other"}"#, "FooError"),
        // What is no name names nothing.
        (Some(""), r#"{"__type":"Other"}"#, "Other"),
        (Some("<b>"), r#"{"__type":"a b"}"#, "HTTP 400"),
        (None, "<html>", "HTTP 400"),
        (None, "", "HTTP 400"),
        (None, "[]", "HTTP 400"),
        (None, r#"{"__type":7}"#, "HTTP 400"),
        (None, r#"{"__type":"namespace#"}"#, "HTTP 400"),
    ] {
        assert_eq!(named(header, body), code, "{header:?} {body}");
    }
    assert_eq!(named(Some(&"a".repeat(129)), ""), "HTTP 400");
}

#[test]
fn an_error_says_what_the_service_said() {
    for (body, message) in [
        (r#"{"message":"m"}"#, "m"),
        (r#"{"Message":"m"}"#, "m"),
        (r#"{"errorMessage":"m"}"#, "m"),
        (r#"{"message":7}"#, ""),
        ("m", ""),
    ] {
        assert_eq!(error(400, body).message, message, "{body}");
    }
    let long = json!({ "message": "é".repeat(600) }).to_string();
    assert_eq!(error(400, &long).message, "é".repeat(512));
    assert_eq!(
        error(502, "<html>").to_string(),
        "HTTP 502: no reason given"
    );
    let refused = CallError::Refused(error(400, r#"{"__type":"A","message":"account 1"}"#));
    assert_eq!(
        refused.to_string(),
        "A",
        "a log has no word of the service's"
    );
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let wait = |text| {
        let answer = Answer {
            retry_after: Some(text),
            ..answer(503, b"")
        };
        ServiceError::decode(&answer).retry_after
    };
    assert_eq!(wait("0"), Some(Duration::ZERO));
    assert_eq!(wait(" 120 "), Some(Duration::from_secs(120)));
    assert_eq!(
        wait("Sat, 21 Nov 2026 01:02:33 GMT"),
        Some(Duration::from_secs(30))
    );
    assert_eq!(wait("Sat, 21 Nov 2026 01:02:02 GMT"), Some(Duration::ZERO));
    for text in ["", "-1", "1.5", "soon", "99999999999999999999"] {
        assert_eq!(wait(text), None, "{text}");
    }
}

#[test]
fn whose_fault_it_is_decides_whether_a_later_try_can_help() {
    for (status, code, fault) in [
        (
            400,
            "ProvisionedThroughputExceededException",
            Fault::Throttling,
        ),
        (400, "ThrottlingException", Fault::Throttling),
        (400, "KMSThrottlingException", Fault::Throttling),
        (400, "LimitExceededException", Fault::Throttling),
        (400, "TooManyRequestsException", Fault::Throttling),
        (429, "Anything", Fault::Throttling),
        (503, "SlowDown", Fault::Throttling),
        (500, "InternalFailure", Fault::Service),
        (400, "InternalFailure", Fault::Service),
        (503, "ServiceUnavailableException", Fault::Service),
        (502, "", Fault::Service),
        (408, "", Fault::Service),
        (400, "ExpiredTokenException", Fault::Credentials),
        (400, "UnrecognizedClientException", Fault::Credentials),
        (400, "AccessDeniedException", Fault::Credentials),
        (400, "KMSAccessDeniedException", Fault::Credentials),
        (403, "", Fault::Credentials),
        (400, "ResourceNotFoundException", Fault::Request),
        (400, "ValidationException", Fault::Request),
        (413, "", Fault::Request),
    ] {
        let body = json!({ "__type": code }).to_string();
        let error = error(status, &body);
        assert_eq!(error.fault(), fault, "{status} {code}");
        let may_pass = matches!(fault, Fault::Throttling | Fault::Service);
        assert_eq!(
            CallError::Refused(error).may_pass(),
            may_pass,
            "{status} {code}"
        );
    }
}

/// Each operation that writes, with two items, and the names of its answer.
fn batches() -> Vec<(&'static str, String, Reading)> {
    vec![
        ("Records", "SequenceNumber".to_owned(), |body| {
            let record = PutRecordsEntry {
                data: b"{}\n",
                partition_key: "k",
            };
            let records = [record; 2];
            let operation = PutRecords {
                stream: "events",
                records: &records,
            };
            operation.read(&answer(200, body))
        }),
        ("RequestResponses", "RecordId".to_owned(), |body| {
            let operation = PutRecordBatch {
                delivery_stream: "events",
                records: &[b"{}\n", b"{}\n"],
            };
            operation.read(&answer(200, body))
        }),
        ("Entries", "EventId".to_owned(), |body| {
            let entry = Entry {
                event_bus: None,
                source: "s",
                detail_type: "t",
                detail: "{}",
            };
            let entries = [entry; 2];
            let operation = event_bridge::PutEvents { entries: &entries };
            operation.read(&answer(200, body))
        }),
    ]
}

type Reading = fn(&[u8]) -> Result<Vec<Result<(), CallError>>, CallError>;

#[test]
fn each_item_is_told_of_in_its_place() {
    for (items, id, read) in batches() {
        let good = json!({ &id: "1" });
        let bad = json!({ "ErrorCode": "InternalFailure", "ErrorMessage": "m" });
        let body = json!({ items: [bad, good], "FailedRecordCount": 1 });
        let results = read(body.to_string().as_bytes()).unwrap();
        assert_eq!(results[1], Ok(()), "{items}");
        let Err(error) = &results[0] else {
            panic!("{items}: a failure is told as a success")
        };
        assert!(error.is("InternalFailure") && error.may_pass(), "{items}");
    }
}

#[test]
fn an_answer_that_does_not_say_what_became_of_each_item_proves_nothing() {
    for (items, id, read) in batches() {
        let of = |list: Value| json!({ items: list }).to_string();
        for body in [
            String::new(),
            "{}".to_owned(),
            "null".to_owned(),
            of(json!([])),
            of(json!([{ &id: "1" }])),
            of(json!([{ &id: "1" }, { &id: "2" }, { &id: "3" }])),
            of(json!({})),
        ] {
            let error = read(body.as_bytes()).unwrap_err();
            assert!(
                matches!(error, CallError::Unintelligible(_)),
                "{items}: {body}"
            );
            assert!(error.may_pass());
        }
        // One item of many: the others' fate is known.
        for item in [
            json!({}),
            json!(null),
            json!([]),
            json!({ &id: 1 }),
            json!({ &id: null, "ErrorCode": null }),
            json!({ &id: "1", "ErrorCode": 7 }),
            json!({ &id: "1", "ErrorCode": "InternalFailure" }),
        ] {
            let body = of(json!([{ &id: "1" }, item]));
            let results = read(body.as_bytes()).unwrap();
            assert_eq!(results[0], Ok(()), "{items}: {body}");
            assert!(results[1].is_err(), "{items}: {body}");
        }
    }
}

#[test]
fn of_event_bridge_only_two_errors_pass() {
    let (items, _, read) = batches().pop().unwrap();
    for (code, passes) in [
        ("InternalFailure", true),
        ("ThrottlingException", true),
        ("AccessDeniedException", false),
        ("InvalidAccountIdException", false),
        ("InvalidArgument", false),
        ("MalformedDetail", false),
        ("RedactionFailure", false),
        ("NotAuthorizedForSourceException", false),
        ("NotAuthorizedForDetailTypeException", false),
    ] {
        let item = json!({ "ErrorCode": code });
        let body = json!({ items: [item, item] }).to_string();
        for result in read(body.as_bytes()).unwrap() {
            assert_eq!(result.unwrap_err().may_pass(), passes, "{code}");
        }
    }
}

#[test]
fn pinpoint_tells_of_each_event_by_its_endpoint_and_id() {
    let events = [
        ("e1", "a"),
        ("e2", "a"),
        ("e1", "b"),
        ("e1", "c"),
        ("e3", "a"),
    ];
    let operation = pinpoint::PutEvents {
        app_id: "an/app",
        body: "{}",
        events: &events,
    };
    let body = json!({ "Results": {
        "e1": {
            "EndpointItemResponse": { "StatusCode": 202, "Message": "Accepted" },
            "EventsItemResponse": {
                "a": { "StatusCode": 202, "Message": "Accepted" },
                "b": { "StatusCode": 400, "Message": "no" },
            },
        },
        "e2": { "EventsItemResponse": { "a": { "StatusCode": 500, "Message": "" } } },
    } })
    .to_string();
    let results = operation.read(&answer(202, body.as_bytes())).unwrap();
    let passes: Vec<_> = results
        .iter()
        .map(|result| result.as_ref().map_err(CallError::may_pass).copied())
        .collect();
    assert_eq!(
        passes,
        [Ok(()), Err(true), Err(false), Err(true), Err(true)]
    );
    assert_eq!(results[2].as_ref().unwrap_err().to_string(), "HTTP 400");
    for body in ["", "{}", "[]"] {
        let error = operation.read(&answer(202, body.as_bytes())).unwrap_err();
        assert!(matches!(error, CallError::Unintelligible(_)), "{body}");
    }
}

#[test]
fn what_a_consumer_reads_is_of_the_service_models_form() {
    let body = br#"{"MillisBehindLatest":7,"NextShardIterator":"AAA","ChildShards":[],
        "Records":[{"Data":"eyJhIjoxfQo=","PartitionKey":"c","SequenceNumber":"495",
        "ApproximateArrivalTimestamp":1763687345.678}]}"#;
    let read = |body| GetRecords { iterator: "i" }.read(&answer(200, body));
    let records = read(body).unwrap();
    assert_eq!(records.millis_behind_latest, 7);
    assert_eq!(records.next_shard_iterator.as_deref(), Some("AAA"));
    let record = &records.records[0];
    assert_eq!(record.data, b"{\"a\":1}\n"[..]);
    assert_eq!(record.arrival, Timestamp(1_763_687_345_678));
    assert_eq!(record.sequence_number, "495");
    // At the end of a closed shard there is no iterator.
    assert_eq!(
        read(br#"{"Records":[]}"#).unwrap().next_shard_iterator,
        None
    );
    for body in [
        &b"{}"[..],
        br#"{"Records":[{}]}"#,
        br#"{"Records":[{"Data":"?","SequenceNumber":"1","ApproximateArrivalTimestamp":1}]}"#,
    ] {
        assert!(matches!(read(body), Err(CallError::Unintelligible(_))));
    }

    let summary =
        br#"{"StreamDescriptionSummary":{"StreamStatus":"ACTIVE","StreamCreationTimestamp":1.9}}"#;
    let summary = DescribeStreamSummary { stream: "s" }.read(&answer(200, summary));
    assert_eq!(summary.unwrap().created_seconds(), 1);

    let page = br#"{"Shards":[{"ShardId":"c","ParentShardId":"a","AdjacentParentShardId":"b"}],"NextToken":"t"}"#;
    let page = ListShards::First("s").read(&answer(200, page)).unwrap();
    assert_eq!(page.shards[0].parents().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(page.next_token.as_deref(), Some("t"));

    let iterator = GetShardIterator {
        stream: "s",
        shard: "c",
        from: StartingPosition::TrimHorizon,
    };
    let read = iterator.read(&answer(200, br#"{"ShardIterator":"i"}"#));
    assert_eq!(read.unwrap(), "i");
}

#[test]
fn calls_are_what_the_service_models_say() {
    let body = |call: forebay_aws_call::Call| call.body().to_owned();
    let records = [
        PutRecordsEntry {
            data: b"{}\n",
            partition_key: "a\"b",
        },
        PutRecordsEntry {
            data: b"",
            partition_key: "k",
        },
    ];
    assert_eq!(
        body(
            PutRecords {
                stream: "events",
                records: &records
            }
            .call()
        ),
        r#"{"StreamName":"events","Records":[{"Data":"e30K","PartitionKey":"a\"b"},{"Data":"","PartitionKey":"k"}]}"#
    );
    let batch = PutRecordBatch {
        delivery_stream: "f",
        records: &[b"{}\n", b"\xff"],
    };
    assert_eq!(
        body(batch.call()),
        r#"{"DeliveryStreamName":"f","Records":[{"Data":"e30K"},{"Data":"/w=="}]}"#
    );
    let entry = Entry {
        event_bus: Some("b"),
        source: "s",
        detail_type: "t",
        detail: r#"{"a":1}"#,
    };
    let bare = Entry {
        event_bus: None,
        ..entry
    };
    assert_eq!(
        body(
            event_bridge::PutEvents {
                entries: &[entry, bare]
            }
            .call()
        ),
        r#"{"Entries":[{"Source":"s","DetailType":"t","Detail":"{\"a\":1}","EventBusName":"b"},{"Source":"s","DetailType":"t","Detail":"{\"a\":1}"}]}"#
    );
    assert_eq!(body(ListShards::Next("t").call()), r#"{"NextToken":"t"}"#);
    let iterator = |from| {
        let call = GetShardIterator {
            stream: "s",
            shard: "c",
            from,
        }
        .call();
        serde_json::from_str::<Value>(call.body()).unwrap()
    };
    assert_eq!(
        iterator(StartingPosition::AfterSequenceNumber("7")),
        json!({ "StreamName": "s", "ShardId": "c", "ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": "7" })
    );
    assert_eq!(
        iterator(StartingPosition::AtSequenceNumber("7"))["ShardIteratorType"],
        "AT_SEQUENCE_NUMBER"
    );
    assert_eq!(
        iterator(StartingPosition::TrimHorizon),
        json!({ "StreamName": "s", "ShardId": "c", "ShardIteratorType": "TRIM_HORIZON" })
    );
}

proptest! {
    /// Whatever comes, it is read, short, and of one class.
    #[test]
    fn any_answer_has_an_error_to_read(
        status in 300u16..600,
        header in proptest::option::of("\\PC{0,200}"),
        retry_after in proptest::option::of("\\PC{0,40}"),
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            ("\\PC{0,200}", "\\PC{0,2000}").prop_map(|(code, message)| {
                json!({ "__type": code, "message": message }).to_string().into_bytes()
            }),
        ],
    ) {
        let error = ServiceError::decode(&Answer {
            status,
            error_type: header.as_deref(),
            retry_after: retry_after.as_deref(),
            body: &body,
            arrived: ARRIVED,
        });
        prop_assert!((1..=128).contains(&error.code.len()));
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._- ".contains(&byte);
        prop_assert!(error.code.bytes().all(is_allowed), "{}", error.code);
        prop_assert!(error.message.len() <= 1_024);
        prop_assert_eq!(error.status, status);
        let _ = error.fault();
    }

    /// The name is found again whatever stands around it.
    #[test]
    fn a_name_is_read_without_what_stands_around_it(
        namespace in "([a-z.]{1,20}#)?",
        name in "[A-Z][A-Za-z0-9._-]{0,60}",
        after in "(:\\PC{0,40})?",
        in_header in any::<bool>(),
    ) {
        let text = format!("{namespace}{name}{after}");
        let body = json!({ "__type": if in_header { "Other" } else { &text } }).to_string();
        let error = ServiceError::decode(&Answer {
            error_type: in_header.then_some(text.as_str()),
            ..answer(400, body.as_bytes())
        });
        prop_assert_eq!(error.code, name);
    }

    /// Each item in its place, as many as were sent.
    #[test]
    fn results_are_in_the_order_of_the_items(codes in proptest::collection::vec(
        proptest::option::of("[A-Z][A-Za-z]{0,20}"), 0..200,
    )) {
        let records = vec![PutRecordsEntry { data: b"", partition_key: "k" }; codes.len()];
        let operation = PutRecords { stream: "s", records: &records };
        let items: Vec<Value> = codes
            .iter()
            .map(|code| match code {
                Some(code) => json!({ "ErrorCode": code, "ErrorMessage": "m" }),
                None => json!({ "SequenceNumber": "1", "ShardId": "s" }),
            })
            .collect();
        let body = json!({ "Records": items }).to_string();
        let results = operation.read(&answer(200, body.as_bytes())).unwrap();
        let told: Vec<Option<String>> = results
            .into_iter()
            .map(|result| result.err().map(|error| error.to_string()))
            .collect();
        prop_assert_eq!(told, codes);
    }

    #[test]
    fn a_list_is_cut_into_calls_within_the_limits_each_as_full_as_can_be(
        sizes in proptest::collection::vec(prop_oneof![0usize..20, 0usize..200], 0..80),
        items in 1usize..12,
        bytes in 1usize..150,
    ) {
        let limits = Limits { items, bytes, item_bytes: bytes };
        let calls = limits.cut(&sizes, |size| *size);
        prop_assert_eq!(calls.concat(), sizes.clone());
        let total = |call: &[usize]| call.iter().sum::<usize>();
        for call in &calls {
            prop_assert!(!call.is_empty() && call.len() <= items);
            prop_assert!(total(call) <= bytes || call.len() == 1);
        }
        for pair in calls.windows(2) {
            let next = pair[1][0];
            prop_assert!(pair[0].len() == items || total(pair[0]) + next > bytes);
        }
    }
}
