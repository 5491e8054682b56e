//! What goes to each service, and what its answers say.

use std::cell::RefCell;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_aws_call::event_bridge;
use forebay_core::event::{Endpoint, User};
use forebay_core::json::Number;
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::{self, Application, Client, Device, Forebay, Session};
use forebay_core::wire::put_events::{Request, SentEvent};
use futures_executor::block_on;
use proptest::prelude::*;
use serde_json::json;

use super::kinesis::tests::access;
use super::*;
use crate::delivery::deadline::Deadline;
use crate::delivery::retry::{DELIVERY_TIME, deliver};
use crate::delivery::{Delivery, Outcome};
use crate::platform::simulated::Simulated;
use crate::platform::{Clock, HttpRequest, HttpResponse, Unreachable};

/// A record of an event with these ids.
pub(crate) fn record(client: &str, event: &str) -> Record<'static> {
    let record = event_stream::Record {
        event_type: "SignUpEvent".into(),
        event_timestamp: Timestamp(1_795_000_000_123),
        arrival_timestamp: Timestamp(1_795_000_001_000),
        application: Application {
            app_id: "app-1".into(),
            package_name: Some("package".into()),
            sdk_name: Some("forebay".into()),
            sdk_version: Some("1.0".into()),
            title: Some("title".into()),
            version_code: Some("7".into()),
            ..Application::default()
        },
        client: Client {
            client_id: client.into(),
            cognito_id: None,
        },
        device: Device::default(),
        session: Some(Session {
            session_id: "session".into(),
            start_timestamp: Some(Timestamp(1_795_000_000_000)),
            stop_timestamp: Some(Timestamp(1_795_000_000_500)),
        }),
        attributes: vec![("plan".into(), "\"pro\"".into())],
        metrics: vec![("seats".into(), Number::from_text("12.50".into()).unwrap())],
        endpoint: Endpoint {
            address: Some(client.to_owned().into()),
            user: Some(User {
                user_id: Some("u".into()),
                user_attributes: Vec::new(),
            }),
            ..Endpoint::default()
        },
        aws_account_id: None,
        forebay: Some(Forebay {
            event_id: event.into(),
            schema_version: 1,
            ..Forebay::default()
        }),
    };
    Record {
        data: record.encode(),
        partition_key: client.to_owned().into(),
    }
}

/// Delivers records; what became of them, and the calls.
fn put(
    sink: &impl Sink,
    records: &[Record<'_>],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Delivery, Vec<HttpRequest>) {
    let platform = Simulated::new(answering);
    let deadline = Deadline::after(DELIVERY_TIME, platform.now());
    let records: Vec<&Record<'_>> = records.iter().collect();
    let delivery = block_on(deliver(sink, &records, deadline, &platform));
    (delivery, platform.sent.take())
}

fn answer(status: u16, body: &serde_json::Value) -> HttpResponse {
    HttpResponse::new(status, body.to_string())
}

fn body(call: &HttpRequest) -> serde_json::Value {
    serde_json::from_str(&call.body).unwrap()
}

fn header<'c>(call: &'c HttpRequest, name: &str) -> &'c str {
    let mut headers = call.headers.iter();
    headers
        .find(|(other, _)| other == name)
        .map_or("", |(_, value)| value)
}

#[test]
fn firehose_gets_the_data_and_only_what_failed_again() {
    let sink = FirehoseStream {
        access: access("https://firehose.eu-north-1.amazonaws.com"),
        name: "delivery".into(),
    };
    let records: Vec<_> = (0..501).map(|at| record("c", &at.to_string())).collect();
    let answers = RefCell::new(0);
    let (delivery, calls) = put(&sink, &records, |call| {
        *answers.borrow_mut() += 1;
        let sent = body(call)["Records"].as_array().unwrap().len();
        let results: Vec<_> = (0..sent)
            .map(|at| match (at, *answers.borrow()) {
                (3, 1) => {
                    json!({ "ErrorCode": "ServiceUnavailableException", "ErrorMessage": "m" })
                }
                _ => json!({ "RecordId": "1" }),
            })
            .collect();
        Ok(answer(
            200,
            &json!({ "FailedPutCount": 0, "RequestResponses": results }),
        ))
    });
    assert_eq!(delivery.outcomes, vec![Outcome::Accepted; 501]);
    assert_eq!(
        header(&calls[0], "x-amz-target"),
        "Firehose_20150804.PutRecordBatch"
    );
    assert!(header(&calls[0], "authorization").contains("/eu-north-1/firehose/aws4_request"));
    let sent: Vec<usize> = calls
        .iter()
        .map(|call| body(call)["Records"].as_array().unwrap().len())
        .collect();
    assert_eq!(sent, [500, 1, 1]);
    let again = body(&calls[2])["Records"][0]["Data"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(STANDARD.decode(again).unwrap(), records[3].data.as_bytes());
}

#[test]
fn event_bridge_gets_ten_events_that_a_rule_can_match() {
    let sink = EventBus {
        access: access("https://events.eu-north-1.amazonaws.com"),
        name: Some("analytics".into()),
        source: "forebay".into(),
        detail_type: None,
        limits: event_bridge::LIMITS,
    };
    let records: Vec<_> = (0..12).map(|at| record("c", &at.to_string())).collect();
    let (delivery, calls) = put(&sink, &records, |call| {
        let entries = body(call)["Entries"].as_array().unwrap().len();
        let results: Vec<_> = (0..entries)
            .map(|at| match at {
                1 => json!({ "ErrorCode": "MalformedDetail", "ErrorMessage": "m" }),
                _ => json!({ "EventId": "1" }),
            })
            .collect();
        Ok(answer(
            200,
            &json!({ "FailedEntryCount": 1, "Entries": results }),
        ))
    });
    // What is wrong with an event stays wrong: it is not sent again.
    assert_eq!(calls.len(), 2);
    let failed: Vec<usize> = (0..12)
        .filter(|at| delivery.outcomes[*at] == Outcome::Failed)
        .collect();
    assert_eq!(failed, [1, 11]);
    assert_eq!(header(&calls[0], "x-amz-target"), "AWSEvents.PutEvents");
    let first = &body(&calls[0])["Entries"][0];
    let detail: serde_json::Value =
        serde_json::from_str(first["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(detail["event_type"], "SignUpEvent");
    assert_eq!(
        (
            &first["Source"],
            &first["DetailType"],
            &first["EventBusName"]
        ),
        (
            &json!("forebay"),
            &json!("SignUpEvent"),
            &json!("analytics")
        )
    );
    // 256 KB hold fewer of them.
    let mut large = record("c", "1");
    large.data = format!(
        "{{\"event_type\":\"A\",\"a\":\"{}\"}}\n",
        "x".repeat(100_000)
    );
    let (_, calls) = put(&sink, &vec![large; 5], |_| Err(Unreachable));
    assert_eq!(body(&calls[0])["Entries"].as_array().unwrap().len(), 2);
}

#[test]
fn pinpoint_gets_the_events_as_their_senders_wrote_them() {
    let sink = PinpointApp {
        access: access("https://other.example/base"),
        app_id: "app/2".into(),
    };
    let records = [
        record("c1", "a"),
        record("c2", "a"),
        record("c1", "b"),
        record("c1", "a"),
    ];
    let (delivery, calls) = put(&sink, &records, |_| {
        Ok(answer(
            202,
            &json!({ "Results": {
            "c1": { "EventsItemResponse": {
                "a": { "StatusCode": 202, "Message": "Accepted" },
                "b": { "StatusCode": 400, "Message": "no" },
            } },
            "c2": { "EventsItemResponse": { "a": { "StatusCode": 202, "Message": "Accepted" } } },
        } }),
        ))
    });
    let [call] = calls.as_slice() else {
        panic!("{} calls", calls.len())
    };
    assert_eq!(
        call.url,
        "https://other.example/base/v1/apps/app%2F2/events"
    );
    assert!(header(call, "authorization").contains("/mobiletargeting/aws4_request"));
    use Outcome::{Accepted, Failed};
    assert_eq!(delivery.outcomes, [Accepted, Accepted, Failed, Accepted]);
    let event = json!({
        "EventType": "SignUpEvent",
        "Timestamp": "2026-11-18T11:06:40.123Z",
        "AppPackageName": "package",
        "AppTitle": "title",
        "AppVersionCode": "7",
        "ClientSdkVersion": "1.0",
        "SdkName": "forebay",
        "Attributes": { "plan": "\"pro\"" },
        "Metrics": { "seats": 12.50 },
        "Session": {
            "Id": "session",
            "StartTimestamp": "2026-11-18T11:06:40.000Z",
            "StopTimestamp": "2026-11-18T11:06:40.500Z",
            "Duration": 500,
        },
    });
    let sent = &body(call)["BatchItem"];
    assert_eq!(sent["c1"]["Events"], json!({ "a": event, "b": event }));
    assert_eq!(sent["c2"]["Events"], json!({ "a": event }));
    assert_eq!(sent["c2"]["Endpoint"]["Address"], "c2");
    assert_eq!(sent["c2"]["Endpoint"]["User"]["UserId"], "u");
    // Forebay's own worker takes it, and finds the same in it.
    let request = Request::decode(call.body.as_bytes()).unwrap();
    assert_eq!(request.batches.len(), 2);
    assert!(
        request
            .batches
            .iter()
            .all(|batch| batch.events.iter().all(|event| event.read().event.is_ok()))
    );
}

proptest! {
    /// Each event has the answer that was given to it, whatever the order and the repetitions.
    #[test]
    fn pinpoints_answers_are_mapped_back(
        sent in proptest::collection::vec((0u8..4, 0u8..6), 1..40),
        refused in proptest::collection::btree_set((0u8..4, 0u8..6), 0..8),
    ) {
        let sink = PinpointApp { access: access("https://other.example"), app_id: "a".into() };
        let records: Vec<_> = sent
            .iter()
            .map(|(client, event)| record(&format!("c{client}"), &format!("e{event}")))
            .collect();
        let (delivery, _) = put(&sink, &records, |call| {
            let request = Request::decode(call.body.as_bytes()).unwrap();
            let mut results = json!({});
            for batch in &request.batches {
                let client = &batch.endpoint_id;
                for SentEvent { id: event, .. } in &batch.events {
                    let ids = (client[1..].parse().unwrap(), event[1..].parse().unwrap());
                    let status = if refused.contains(&ids) { 400 } else { 202 };
                    results[client.as_ref()]["EventsItemResponse"][event.as_ref()] =
                        json!({ "StatusCode": status, "Message": "m" });
                }
            }
            Ok(answer(202, &json!({ "Results": results })))
        });
        for (ids, outcome) in sent.iter().zip(delivery.outcomes) {
            let expected = if refused.contains(ids) { Outcome::Failed } else { Outcome::Accepted };
            prop_assert_eq!(outcome, expected);
        }
    }
}
