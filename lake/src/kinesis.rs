//! The part of Kinesis Data Streams' API that a consumer needs (service model
//! `kinesis/2013-12-02`: JSON 1.1 over POST, signed by SigV4).

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use forebay_core::time::Timestamp;
use reqwest::Url;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use thiserror::Error;

use crate::stream::{Position, SequenceNumber, StreamRecord};

/// Most records of one answer: Kinesis's own maximum.
const MAX_RECORDS: u32 = 10_000;
/// Largest answer that is read: 10 MB of data in base64, with what stands around 10,000 records.
const MAX_ANSWER_BYTES: usize = 32 * 1_024 * 1_024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// One stream of Kinesis.
#[derive(Debug)]
pub struct Kinesis {
    http: reqwest::Client,
    endpoint: Url,
    region: String,
    stream: String,
    credentials: Credentials,
}

/// What may go wrong with a call.
#[derive(Debug, Error)]
pub enum KinesisError {
    /// No answer.
    #[error("Kinesis cannot be reached at {endpoint}: {reason}")]
    Unreachable {
        /// The endpoint's address.
        endpoint: Url,
        /// The innermost cause.
        reason: String,
    },
    /// An answer that is an error, e.g. `ResourceNotFoundException`.
    #[error("Kinesis answered {code}: {message}")]
    Refused {
        /// The error's name, or the HTTP status where it has none.
        code: String,
        /// Kinesis's own words.
        message: String,
    },
    /// An answer that is not of the API's form.
    #[error("the answer is not Kinesis's: {0}; check the endpoint")]
    Answer(String),
    /// The request could not be signed.
    #[error("the request cannot be signed: {0}; check the credentials")]
    Signing(String),
}

impl KinesisError {
    /// Whether Kinesis answered with this error.
    pub fn is(&self, name: &str) -> bool {
        matches!(self, KinesisError::Refused { code, .. } if code == name)
    }
}

/// The answer of DescribeStreamSummary.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StreamSummary {
    /// `CREATING`, `ACTIVE`, `UPDATING` or `DELETING`.
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

/// The answer of GetRecords.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Records {
    /// In the order of the shard. May be empty although more follow.
    pub records: Vec<StreamRecord>,
    /// What to read on with; `None` at the end of a closed shard.
    pub next_shard_iterator: Option<String>,
    /// How far this answer lies behind the newest record.
    #[serde(default)]
    pub millis_behind_latest: u64,
}

impl<'de> Deserialize<'de> for StreamRecord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Wire {
            sequence_number: SequenceNumber,
            approximate_arrival_timestamp: f64,
            data: String,
        }
        let wire = Wire::deserialize(deserializer)?;
        let data = BASE64_STANDARD
            .decode(wire.data)
            .map_err(|_| D::Error::custom("Data is not base64"))?;
        Ok(StreamRecord {
            sequence_number: wire.sequence_number,
            // Seconds with three digits behind the point; the cast is saturating.
            #[allow(clippy::cast_possible_truncation)]
            arrival: Timestamp((wire.approximate_arrival_timestamp * 1_000.0).round() as i64),
            data,
        })
    }
}

impl Kinesis {
    /// A client for `stream` in `region`, reached at `endpoint`.
    ///
    /// # Errors
    /// Where the system's certificates cannot be used.
    pub fn new(
        endpoint: Url,
        region: String,
        stream: String,
        credentials: Credentials,
    ) -> Result<Kinesis, reqwest::Error> {
        // A second call finds the first one's provider in place, which is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .user_agent(concat!("forebay-lake/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Kinesis {
            http,
            endpoint,
            region,
            stream,
            credentials,
        })
    }

    /// The stream's name.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// DescribeStreamSummary.
    ///
    /// # Errors
    /// [`KinesisError`]; `ResourceNotFoundException` where there is no such stream.
    pub async fn describe(&self) -> Result<StreamSummary, KinesisError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            stream_description_summary: StreamSummary,
        }
        let request = json!({ "StreamName": self.stream });
        let answer: Answer = self.call("DescribeStreamSummary", &request).await?;
        Ok(answer.stream_description_summary)
    }

    /// ListShards, all pages.
    ///
    /// # Errors
    /// [`KinesisError`]
    pub async fn shards(&self) -> Result<Vec<ShardDescription>, KinesisError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            shards: Vec<ShardDescription>,
            next_token: Option<String>,
        }
        let mut shards = Vec::new();
        let mut request = json!({ "StreamName": self.stream });
        loop {
            let answer: Answer = self.call("ListShards", &request).await?;
            shards.extend(answer.shards);
            match answer.next_token {
                Some(token) => request = json!({ "NextToken": token }),
                None => return Ok(shards),
            }
        }
    }

    /// GetShardIterator.
    ///
    /// # Errors
    /// [`KinesisError`]; `InvalidArgumentException` where the position is not one of this shard.
    pub async fn iterator(&self, shard: &str, position: &Position) -> Result<String, KinesisError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            shard_iterator: String,
        }
        let (kind, number) = match position {
            Position::TrimHorizon => ("TRIM_HORIZON", None),
            Position::At(number) => ("AT_SEQUENCE_NUMBER", Some(number)),
            Position::After(number) => ("AFTER_SEQUENCE_NUMBER", Some(number)),
        };
        let mut request = json!({
            "StreamName": self.stream,
            "ShardId": shard,
            "ShardIteratorType": kind,
        });
        if let Some(number) = number {
            request["StartingSequenceNumber"] = number.as_str().into();
        }
        let answer: Answer = self.call("GetShardIterator", &request).await?;
        Ok(answer.shard_iterator)
    }

    /// GetRecords.
    ///
    /// # Errors
    /// [`KinesisError`]; `ExpiredIteratorException` for an iterator older than five minutes,
    /// `ProvisionedThroughputExceededException` when read too fast.
    pub async fn records(&self, iterator: &str) -> Result<Records, KinesisError> {
        let request = json!({ "ShardIterator": iterator, "Limit": MAX_RECORDS });
        self.call("GetRecords", &request).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        operation: &str,
        request: &Value,
    ) -> Result<T, KinesisError> {
        let target = format!("Kinesis_20131202.{operation}");
        let body = request.to_string();
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target.as_str()),
        ];
        let signature = self.sign(&headers, body.as_bytes())?;
        let mut post = self.http.post(self.endpoint.clone()).body(body);
        for (name, value) in headers {
            post = post.header(name, value);
        }
        for (name, value) in &signature {
            post = post.header(name, value);
        }
        let answer = post
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let body = self.body(answer).await?;
        if status.is_success() {
            serde_json::from_slice(&body).map_err(|error| KinesisError::Answer(error.to_string()))
        } else {
            Err(refusal(status.as_u16(), &body))
        }
    }

    /// The headers that sign a request.
    fn sign(
        &self,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<(String, String)>, KinesisError> {
        let failed = |error: &dyn std::error::Error| KinesisError::Signing(error.to_string());
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("kinesis")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let headers = headers.iter().copied();
        let body = SignableBody::Bytes(body);
        let request = SignableRequest::new("POST", self.endpoint.as_str(), headers, body)
            .map_err(|error| failed(&error))?;
        let (signed, _) = sign(request, &parameters)
            .map_err(|error| failed(&error))?
            .into_parts();
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Ok(signed.headers().map(owned).collect())
    }

    async fn body(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, KinesisError> {
        let mut body = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| self.unreachable(&error))?
        {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                let reason = format!("it is longer than {MAX_ANSWER_BYTES} bytes");
                return Err(KinesisError::Answer(reason));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn unreachable(&self, error: &reqwest::Error) -> KinesisError {
        // The outer errors only say that a request failed; the innermost says why.
        let mut cause: &dyn std::error::Error = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        KinesisError::Unreachable {
            endpoint: self.endpoint.clone(),
            reason: cause.to_string(),
        }
    }
}

/// An error answer: `{"__type": "..#ResourceNotFoundException", "message": ".."}`.
fn refusal(status: u16, body: &[u8]) -> KinesisError {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let code = text("__type").and_then(|name| name.rsplit('#').next());
    let message = text("message").or_else(|| text("Message"));
    KinesisError::Refused {
        code: code.map_or_else(|| format!("HTTP status {status}"), str::to_owned),
        message: message.unwrap_or("no reason given").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_the_service_model_has_them() {
        let answer = r#"{"MillisBehindLatest":7,"NextShardIterator":"AAA","ChildShards":[],
            "Records":[{"Data":"eyJhIjoxfQo=","PartitionKey":"c","SequenceNumber":"495",
            "ApproximateArrivalTimestamp":1763687345.678}]}"#;
        let records: Records = serde_json::from_str(answer).unwrap();
        assert_eq!(records.millis_behind_latest, 7);
        assert_eq!(records.next_shard_iterator.as_deref(), Some("AAA"));
        let record = &records.records[0];
        assert_eq!(record.data, b"{\"a\":1}\n");
        assert_eq!(record.arrival, Timestamp(1_763_687_345_678));
        assert_eq!(record.sequence_number.as_str(), "495");
    }

    #[test]
    fn the_end_of_a_closed_shard_has_no_next_iterator() {
        let records: Records = serde_json::from_str(r#"{"Records":[]}"#).unwrap();
        assert_eq!(records.next_shard_iterator, None);
    }

    #[test]
    fn errors_are_known_by_name() {
        let body = br#"{"__type":"com.amazonaws.kinesis#ExpiredIteratorException","message":"m"}"#;
        assert!(refusal(400, body).is("ExpiredIteratorException"));
        let html = refusal(502, b"<html>").to_string();
        assert_eq!(html, "Kinesis answered HTTP status 502: no reason given");
    }
}
