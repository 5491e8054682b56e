//! Any answer to any call: an error is short and of one class, and each item that was sent has one result.
#![cfg_attr(fuzzing, no_main)]

use forebay_aws_call::event_bridge::{self, Entry};
use forebay_aws_call::firehose::PutRecordBatch;
use forebay_aws_call::kinesis::{
    DescribeStreamSummary, GetRecords, ListShards, PutRecords, PutRecordsEntry,
};
use forebay_aws_call::{Answer, CallError, Operation, ServiceError, Timestamp, pinpoint};

forebay_core_fuzz::target!(|input: (u16, Option<&str>, Option<&str>, i64, &[u8])| {
    let (status, error_type, retry_after, arrived, body) = input;
    let answer = Answer {
        status,
        error_type,
        retry_after,
        body,
        arrived: Timestamp(arrived),
    };
    let error = ServiceError::decode(&answer);
    assert!((1..=128).contains(&error.code.len()) && error.message.len() <= 1_024);
    error.fault();

    let told = |results: Result<Vec<Result<(), CallError>>, CallError>| {
        if let Ok(results) = results {
            assert_eq!(results.len(), 2);
        }
    };
    let record = PutRecordsEntry {
        data: b"{}\n",
        partition_key: "k",
    };
    let put_records = PutRecords {
        stream: "s",
        records: &[record; 2],
    };
    told(put_records.read(&answer));
    let put_record_batch = PutRecordBatch {
        delivery_stream: "s",
        records: &[b"{}\n".as_slice(); 2],
    };
    told(put_record_batch.read(&answer));
    let entry = Entry {
        event_bus: None,
        source: "s",
        detail_type: "t",
        detail: "{}",
    };
    let put_events = event_bridge::PutEvents {
        entries: &[entry; 2],
    };
    told(put_events.read(&answer));
    let put_events = pinpoint::PutEvents {
        app_id: "a",
        body: "{}",
        events: &[("e", "1"), ("e", "2")],
    };
    told(put_events.read(&answer));
    let _ = GetRecords { iterator: "i" }.read(&answer);
    let _ = ListShards::First("s").read(&answer);
    let _ = DescribeStreamSummary { stream: "s" }.read(&answer);
});
