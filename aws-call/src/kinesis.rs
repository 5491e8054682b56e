//! Kinesis Data Streams: PutRecords, and what a consumer needs (service model
//! `kinesis/2013-12-02`: JSON 1.1).

mod records;

use std::borrow::Cow;

use base64_simd::STANDARD as BASE64;
use bytes::Bytes;
use forebay_core::time::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::answer::{CallError, from_json};
use crate::batch::{Batch, Limits, item_results, quoted};
use crate::request::{Call, Operation, Service};

/// Kinesis Data Streams.
pub const KINESIS: Service = Service {
    host: "kinesis",
    signing_name: "kinesis",
    target_prefix: "Kinesis_20131202",
    is_fips_in_us_gov: true,
};

/// The limits of one call of PutRecords, in bytes of data and partition keys. Kinesis takes 10 MiB in
/// a call. The limit here is 5 MiB: that was Kinesis's limit for years, its stand-ins still have it, and
/// larger calls save nothing. A record may have 1 MiB, unless the stream is configured for more.
pub const LIMITS: Limits = Limits {
    items: 500,
    bytes: 5 * 1024 * 1024,
    item_bytes: 1024 * 1024,
};

/// Most records of one answer to GetRecords: Kinesis's own maximum.
const MAX_RECORDS: u32 = 10_000;

/// Writes records to a stream.
#[derive(Debug, Clone, Copy)]
pub struct PutRecords<'a> {
    /// The stream's name.
    pub stream: &'a str,
    /// The records, within [`LIMITS`].
    pub records: &'a [PutRecordsEntry<'a>],
}

/// One record of [`PutRecords`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutRecordsEntry<'a> {
    /// The data.
    pub data: &'a [u8],
    /// 1 to 256 characters: records with the same key keep their order.
    pub partition_key: &'a str,
}

impl Operation for PutRecords<'_> {
    /// The outcome of each record, in their order.
    type Output = Vec<Result<(), CallError>>;

    fn call(&self) -> Call {
        let bytes = |record: &PutRecordsEntry<'_>| record.data.len() + record.partition_key.len();
        let bytes: usize = self.records.iter().map(bytes).sum();
        let mut body = String::with_capacity(bytes * 4 / 3 + self.records.len() * 64 + 256);
        body.push_str(r#"{"StreamName":"#);
        body.push_str(&quoted(self.stream));
        body.push_str(r#","Records":["#);
        for (index, record) in self.records.iter().enumerate() {
            body.push_str(if index == 0 { "" } else { "," });
            body.push_str(r#"{"Data":""#);
            // Straight to where it belongs: these bytes are nearly all of the body.
            BASE64.encode_append(record.data, &mut body);
            body.push_str(r#"","PartitionKey":"#);
            body.push_str(&quoted(record.partition_key));
            body.push('}');
        }
        body.push_str("]}");
        Call::json(&KINESIS, "PutRecords", body)
    }

    fn output(&self, body: &[u8]) -> Result<Self::Output, CallError> {
        let form = Batch {
            items: "Records",
            id: "SequenceNumber",
            item_status: 200,
        };
        item_results(body, &form, self.records.len())
    }
}

/// Asks for a stream's state. Refused with `ResourceNotFoundException` where there is no such
/// stream.
#[derive(Debug, Clone, Copy)]
pub struct DescribeStreamSummary<'a> {
    /// The stream's name.
    pub stream: &'a str,
}

/// The answer to [`DescribeStreamSummary`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamSummary {
    /// `CREATING`, `ACTIVE`, `UPDATING` or `DELETING`; it takes records while it is `ACTIVE` or
    /// `UPDATING`.
    pub stream_status: String,
    /// When the stream was created, in seconds since the epoch.
    pub stream_creation_timestamp: f64,
}

impl StreamSummary {
    /// When the stream was created, in whole seconds since the epoch.
    pub fn created_seconds(&self) -> i64 {
        // The cast is saturating.
        #[allow(clippy::cast_possible_truncation)]
        let seconds = self.stream_creation_timestamp.floor() as i64;
        seconds
    }
}

impl Operation for DescribeStreamSummary<'_> {
    type Output = StreamSummary;

    fn call(&self) -> Call {
        let body = json!({ "StreamName": self.stream }).to_string();
        Call::json(&KINESIS, "DescribeStreamSummary", body)
    }

    fn output(&self, body: &[u8]) -> Result<StreamSummary, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Wire {
            stream_description_summary: StreamSummary,
        }
        from_json::<Wire>(body).map(|wire| wire.stream_description_summary)
    }
}

/// Asks for the shards of a stream, page by page.
#[derive(Debug, Clone, Copy)]
pub enum ListShards<'a> {
    /// The first page, of the stream of this name.
    First(&'a str),
    /// The page that the answer before named by this token.
    Next(&'a str),
}

/// The answer to [`ListShards`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShardPage {
    /// Some of the shards.
    pub shards: Vec<ShardDescription>,
    /// The token that the request for the next page passes on; `None` on the last page.
    pub next_token: Option<String>,
}

/// A shard as ListShards knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ShardDescription {
    /// Its id, e.g. `shardId-000000000000`.
    pub shard_id: String,
    /// The shard it was split off from, or one of two it was merged from.
    pub parent_shard_id: Option<String>,
    /// The other of the two it was merged from.
    pub adjacent_parent_shard_id: Option<String>,
}

impl ShardDescription {
    /// The shards whose hash keys it took over.
    pub fn parents(&self) -> impl Iterator<Item = &str> {
        let parents = [&self.parent_shard_id, &self.adjacent_parent_shard_id];
        parents.into_iter().filter_map(|parent| parent.as_deref())
    }
}

impl Operation for ListShards<'_> {
    type Output = ShardPage;

    fn call(&self) -> Call {
        let body = match self {
            ListShards::First(stream) => json!({ "StreamName": stream }),
            ListShards::Next(token) => json!({ "NextToken": token }),
        };
        Call::json(&KINESIS, "ListShards", body.to_string())
    }

    fn output(&self, body: &[u8]) -> Result<ShardPage, CallError> {
        from_json(body)
    }
}

/// Asks for an iterator, with which [`GetRecords`] reads. Refused with
/// `InvalidArgumentException` where the position is not one of this shard.
#[derive(Debug, Clone, Copy)]
pub struct GetShardIterator<'a> {
    /// The stream's name.
    pub stream: &'a str,
    /// The shard's id.
    pub shard: &'a str,
    /// Where to begin.
    pub from: StartingPosition<'a>,
}

/// Where reading a shard begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartingPosition<'a> {
    /// With the oldest record there is.
    TrimHorizon,
    /// With the record of this sequence number, or the next one that is still there.
    AtSequenceNumber(&'a str),
    /// With what comes after the record of this sequence number.
    AfterSequenceNumber(&'a str),
    /// With the first record that the stream took in at this time, by its clock, or later. Not a time to
    /// come.
    AtTimestamp(Timestamp),
    /// With what comes from now on.
    Latest,
}

impl Operation for GetShardIterator<'_> {
    /// The iterator; it lives for five minutes.
    type Output = String;

    fn call(&self) -> Call {
        let (kind, number) = match self.from {
            StartingPosition::Latest => ("LATEST", None),
            StartingPosition::AtTimestamp(_) => ("AT_TIMESTAMP", None),
            StartingPosition::TrimHorizon => ("TRIM_HORIZON", None),
            StartingPosition::AtSequenceNumber(number) => ("AT_SEQUENCE_NUMBER", Some(number)),
            StartingPosition::AfterSequenceNumber(number) => {
                ("AFTER_SEQUENCE_NUMBER", Some(number))
            }
        };
        let mut body = json!({
            "StreamName": self.stream,
            "ShardId": self.shard,
            "ShardIteratorType": kind,
        });
        if let Some(number) = number {
            body["StartingSequenceNumber"] = number.into();
        }
        if let StartingPosition::AtTimestamp(time) = self.from {
            // Seconds, with three digits behind the point.
            #[allow(clippy::cast_precision_loss)]
            let seconds = time.0 as f64 / 1_000.0;
            body["Timestamp"] = seconds.into();
        }
        Call::json(&KINESIS, "GetShardIterator", body.to_string())
    }

    fn output(&self, body: &[u8]) -> Result<String, CallError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Wire {
            shard_iterator: String,
        }
        from_json::<Wire>(body).map(|wire| wire.shard_iterator)
    }
}

/// Reads on from an iterator. Refused with `ExpiredIteratorException` where it is older than five
/// minutes, and with `ProvisionedThroughputExceededException` when read too fast.
#[derive(Debug, Clone, Copy)]
pub struct GetRecords<'a> {
    /// The iterator.
    pub iterator: &'a str,
}

/// The answer to [`GetRecords`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Records {
    /// In the order of the shard. May be empty although more follow.
    pub records: Vec<Record>,
    /// What to read on with; `None` at the end of a closed shard.
    pub next_shard_iterator: Option<String>,
    /// How far this answer lies behind the newest record, in milliseconds.
    #[serde(default)]
    pub millis_behind_latest: u64,
}

/// A record of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// A decimal number of up to 129 digits, which rises along the shard.
    pub sequence_number: String,
    /// When the stream took it in, by the stream's clock.
    pub arrival: Timestamp,
    /// Its bytes: a part of one buffer for all records of an answer.
    pub data: Bytes,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Record, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Wire<'a> {
            sequence_number: String,
            approximate_arrival_timestamp: f64,
            #[serde(borrow)]
            data: Cow<'a, str>,
        }
        let wire = Wire::deserialize(deserializer)?;
        let data = BASE64
            .decode_to_vec(wire.data.as_bytes())
            .map_err(|_| D::Error::custom("Data is not base64"))?;
        Ok(Record {
            sequence_number: wire.sequence_number,
            arrival: arrival(wire.approximate_arrival_timestamp),
            data: data.into(),
        })
    }
}

/// The time of an arrival in seconds, which has three digits behind the point.
fn arrival(seconds: f64) -> Timestamp {
    // The cast is saturating.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp((seconds * 1_000.0).round() as i64)
}

impl Operation for GetRecords<'_> {
    type Output = Records;

    fn call(&self) -> Call {
        let body = json!({ "ShardIterator": self.iterator, "Limit": MAX_RECORDS });
        Call::json(&KINESIS, "GetRecords", body.to_string())
    }

    fn output(&self, body: &[u8]) -> Result<Records, CallError> {
        records::read(body).map_or_else(|| from_json(body), Ok)
    }
}
