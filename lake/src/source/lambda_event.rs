//! What AWS invokes functions with, and what they answer: the event source of Kinesis, Firehose's data
//! transformation, and the enrichment of an EventBridge pipe.
//!
//! The shapes are those of AWS's documentation (Lambda developer guide "Using AWS Lambda with Amazon Kinesis",
//! Firehose developer guide "Transform source data", EventBridge user guide "Event enrichment in Pipes").

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use forebay_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{SequenceNumber, StreamRecord};
use crate::state::sha256;

/// Records of a shard, as the event source mapping gives them.
#[derive(Debug, Deserialize)]
pub struct KinesisEvent {
    /// The records, in the order of their sequence numbers.
    #[serde(rename = "Records")]
    pub records: Vec<KinesisEventRecord>,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub struct KinesisEventRecord {
    /// `<shard>:<sequence number>`.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// The record itself.
    pub kinesis: KinesisData,
}

/// A record as Kinesis has it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KinesisData {
    /// Rises along the shard.
    pub sequence_number: SequenceNumber,
    /// When the stream took it in, in seconds since 1970.
    pub approximate_arrival_timestamp: f64,
    /// Its bytes in base64.
    pub data: String,
}

impl KinesisEventRecord {
    /// The shard that it is of.
    pub fn shard(&self) -> &str {
        shard(&self.event_id)
    }

    /// The record as every source of the lake gives it.
    pub fn into_stream_record(self) -> StreamRecord {
        StreamRecord {
            arrival: from_seconds(self.kinesis.approximate_arrival_timestamp),
            data: decode(self.kinesis.data).into(),
            sequence_number: self.kinesis.sequence_number,
        }
    }
}

/// What a function answers to the event source mapping with `ReportBatchItemFailures`.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    /// At most one: the first record that was not taken. It and all after it come again.
    pub batch_item_failures: Vec<ItemFailure>,
}

/// A record that was not taken.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    /// Its sequence number.
    pub item_identifier: SequenceNumber,
}

/// Records on their way through Firehose.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseEvent {
    /// The records.
    pub records: Vec<FirehoseRecord>,
}

/// One of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseRecord {
    /// How Firehose knows the answer's record.
    pub record_id: String,
    /// When Firehose, or the stream before it, took it in, in milliseconds since 1970.
    pub approximate_arrival_timestamp: i64,
    /// Its bytes in base64.
    pub data: String,
    /// Where it stands in the stream, where Firehose reads one.
    pub kinesis_record_metadata: Option<KinesisMetadata>,
}

/// A record's place in the stream that Firehose reads.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KinesisMetadata {
    /// The shard.
    pub shard_id: String,
    /// Rises along the shard.
    pub sequence_number: String,
    /// Which one it is of the records that the Kinesis Producer Library put together in one: Firehose takes them
    /// apart, and all have the same sequence number. A number, 0 for a record that was alone; AWS's examples have
    /// an empty text.
    #[serde(default)]
    pub subsequence_number: serde_json::Value,
}

impl KinesisMetadata {
    /// As the lake numbers the parts of a record. The first of several is not told from one that was alone.
    fn place(&self) -> Cow<'_, str> {
        let number = &self.subsequence_number;
        let text = number.as_str().and_then(|text| text.parse().ok());
        match number.as_u64().or(text) {
            None | Some(0) => Cow::Borrowed(&self.sequence_number),
            Some(part) => Cow::Owned(format!("{}/{part}", self.sequence_number)),
        }
    }
}

impl FirehoseRecord {
    /// Shard and place in it. Records that a producer put into Firehose itself have none: the record's id
    /// stands for it.
    pub fn place(&self) -> (&str, Cow<'_, str>) {
        match &self.kinesis_record_metadata {
            Some(metadata) => (&metadata.shard_id, metadata.place()),
            None => ("firehose", Cow::Borrowed(&self.record_id)),
        }
    }

    /// When it arrived.
    pub fn arrival(&self) -> Timestamp {
        Timestamp(self.approximate_arrival_timestamp)
    }
}

/// What a function answers to Firehose: each record of the event, once.
#[derive(Debug, Default, Serialize)]
pub struct FirehoseAnswer {
    /// The records, in the event's order.
    pub records: Vec<FirehoseResult>,
}

/// What became of a record.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FirehoseResult {
    /// The id that Firehose gave it.
    pub record_id: String,
    /// What became of it.
    pub result: FirehoseOutcome,
    /// The row in base64; with [`FirehoseOutcome::Ok`] alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// Where the row goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<FirehoseMetadata>,
}

/// What Firehose does with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum FirehoseOutcome {
    /// It delivers the row.
    Ok,
    /// It forgets the record: an event that another record of the same event has.
    Dropped,
    /// It keeps the record, as it came, below the error prefix.
    ProcessingFailed,
}

/// Where a row goes: a table, or folders.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FirehoseMetadata {
    /// A table in an open table format.
    OtfMetadata(TableDestination),
    /// Keys for the prefix in S3: `!{partitionKeyFromLambda:table}` and so on.
    PartitionKeys(PartitionKeys),
}

/// A table, and what to do with the row there.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableDestination {
    /// The database in Glue.
    pub destination_database_name: String,
    /// The table.
    pub destination_table_name: String,
    /// `insert`.
    pub operation: &'static str,
}

/// The folders of a row.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct PartitionKeys {
    /// The table.
    pub table: String,
    /// Four digits.
    pub year: String,
    /// Two digits.
    pub month: String,
    /// Two digits.
    pub day: String,
}

/// A record as an EventBridge pipe gives it to its enrichment.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PipeRecord {
    /// `<shard>:<sequence number>`; missing where the pipe's input template leaves it out.
    #[serde(rename = "eventID")]
    pub event_id: Option<String>,
    /// When the stream took it in, in seconds since 1970; missing where the template leaves it out.
    pub approximate_arrival_timestamp: Option<f64>,
    /// The record: base64 of its bytes, or JSON where a template (`<$.data>`) had the pipe decode it.
    pub data: serde_json::Value,
}

impl PipeRecord {
    /// Shard and place in it. Where the template leaves the `eventID` out, the checksum of the record's bytes
    /// stands for it: all records would have the same place, and of those without an event id one would be left.
    pub fn place(&self, data: &[u8]) -> (&str, Cow<'_, str>) {
        match self.event_id.as_deref() {
            Some(event_id) => {
                let (shard, number) = event_id.split_once(':').unwrap_or(("pipe", event_id));
                (shard, Cow::Borrowed(number))
            }
            None => ("pipe", Cow::Owned(sha256(data))),
        }
    }

    /// When the stream took it in, where the pipe says so.
    pub fn arrival(&self) -> Option<Timestamp> {
        self.approximate_arrival_timestamp.map(from_seconds)
    }

    /// Its bytes, and whether the pipe has them in base64.
    pub fn bytes(&self) -> Vec<u8> {
        match &self.data {
            // A pipe gives base64. JSON text of a record never is base64: it begins with a bracket.
            serde_json::Value::String(text) => decode(text.clone()),
            value => value.to_string().into_bytes(),
        }
    }
}

/// What stands before the sequence number of an `eventID`.
fn shard(event_id: &str) -> &str {
    event_id
        .split_once(':')
        .map_or(event_id, |(shard, _)| shard)
}

/// Bytes from base64. AWS gives nothing else; what is none is taken as it stands, to be rejected as a
/// record instead of failing all others.
pub fn decode(text: String) -> Vec<u8> {
    BASE64_STANDARD
        .decode(&text)
        .unwrap_or_else(|_| text.into_bytes())
}

/// AWS's JSON has times in seconds with a fraction of milliseconds.
fn from_seconds(seconds: f64) -> Timestamp {
    // A float that no integer holds becomes the nearest one that there is.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp((seconds * 1_000.0).round() as i64)
}
