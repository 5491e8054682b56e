//! Writing records to a Kinesis stream with PutRecords: what fits into one request, which records
//! to send again, and what became of each.

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_core::json::Writer;
use forebay_core::time::Timestamp;
use serde::Deserialize;

use crate::config::Kinesis;
use crate::platform::{HttpRequest, HttpResponse, Platform, Random, Unreachable};
use crate::text::hex;

/// Most records in one request.
const MAX_REQUEST_RECORDS: usize = 500;
/// Most bytes of data and partition keys in one request. Kinesis takes 10 MiB; it took 5 for years
/// and what stands in for it still does, and larger requests save nothing.
const MAX_REQUEST_BYTES: usize = 5 * 1024 * 1024;
/// Most bytes of data and partition key in one record, unless the stream was made to take more.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

/// Five hundred results, each with an error and its message, have some 200 KB.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// How long one request may take.
const CALL_TIME_OUT: Duration = Duration::from_secs(4);
/// How many times a record is sent before its sender is told to come back later.
const MAX_TRIES: u32 = 4;
/// After this long nothing is sent again: whoever waits for the answer has its own time-out.
const RETRY_BUDGET_MS: i64 = 8_000;
/// The first wait before sending again; each further one is twice as long.
const FIRST_BACK_OFF_MS: u64 = 100;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'a> {
    /// The data.
    pub data: String,
    /// 1 to 256 characters: records with the same key keep their order.
    pub partition_key: &'a str,
}

impl Record<'_> {
    /// Its size as Kinesis counts it.
    pub fn byte_len(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The stream has it.
    Stored,
    /// The stream has more to do than it can: later.
    Throttled,
    /// It is not known to be in the stream.
    Failed,
}

/// What became of all records.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// One for each record, in their order.
    pub outcomes: Vec<Outcome>,
    /// How many requests were sent.
    pub requests: u32,
    /// The last error there was.
    pub error: Option<KinesisError>,
}

/// Why a call, or a record within one, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KinesisError {
    /// No answer came.
    #[error("unreachable")]
    Unreachable,
    /// It was refused; the name is Kinesis's own, e.g. `ResourceNotFoundException`.
    #[error("{code}")]
    Refused {
        /// HTTP status of the whole call; 200 where only a record was refused.
        status: u16,
        /// The error's name.
        code: String,
    },
    /// The answer is not one that Kinesis gives.
    #[error("the answer is not of Kinesis's form")]
    Unintelligible,
    /// The call could not be signed: the endpoint is no URL, or a key holds what no header can.
    #[error("the call could not be signed: check the endpoint and the keys")]
    NotSigned,
}

impl KinesisError {
    fn is_throttling(&self) -> bool {
        matches!(self, KinesisError::Refused { code, .. }
            if code.contains("Throttling") || code.contains("ThroughputExceeded"))
    }

    /// Whether the same call may do better. A key or a stream that is wrong stays so.
    fn may_pass(&self) -> bool {
        match self {
            KinesisError::Unreachable | KinesisError::Unintelligible => true,
            KinesisError::Refused { status, .. } => {
                self.is_throttling() || !(400..500).contains(status)
            }
            KinesisError::NotSigned => false,
        }
    }

    fn outcome(&self) -> Outcome {
        if self.is_throttling() {
            Outcome::Throttled
        } else {
            Outcome::Failed
        }
    }
}

/// Writes all records, sending those that fail again a few times.
pub async fn put_records(
    platform: &impl Platform,
    kinesis: &Kinesis,
    stream: &str,
    records: &[Record<'_>],
) -> Delivery {
    let mut delivery = Delivery {
        outcomes: vec![Outcome::Failed; records.len()],
        ..Delivery::default()
    };
    let started = platform.now();
    let mut waiting: Vec<usize> = (0..records.len()).collect();
    for attempt in 0..MAX_TRIES {
        let mut again = Vec::new();
        for request in cut(&waiting, records) {
            let chosen: Vec<&Record<'_>> = request
                .iter()
                .filter_map(|index| records.get(*index))
                .collect();
            let body = encode(stream, &chosen);
            delivery.requests += 1;
            let reply = call(platform, kinesis, "PutRecords", body).await;
            let results = reply.and_then(|reply| read_results(&reply, request.len()));
            settle(request, results, &mut delivery, &mut again);
        }
        waiting = again;
        let spent_ms = platform.now().0 - started.0;
        if waiting.is_empty() || attempt + 1 == MAX_TRIES || spent_ms >= RETRY_BUDGET_MS {
            break;
        }
        platform.wait(back_off(platform, attempt)).await;
    }
    delivery
}

/// Notes what became of the records of one request, and which of them to send again.
fn settle(
    request: &[usize],
    results: Result<Vec<Result<(), KinesisError>>, KinesisError>,
    delivery: &mut Delivery,
    again: &mut Vec<usize>,
) {
    let results = results.unwrap_or_else(|error| vec![Err(error); request.len()]);
    for (index, result) in request.iter().zip(results) {
        let outcome = match result {
            Ok(()) => Outcome::Stored,
            Err(error) => {
                if error.may_pass() {
                    again.push(*index);
                }
                let outcome = error.outcome();
                delivery.error = Some(error);
                outcome
            }
        };
        if let Some(slot) = delivery.outcomes.get_mut(*index) {
            *slot = outcome;
        }
    }
}

/// Between half and all of a time that doubles with each attempt, so that workers that failed
/// together do not come back together.
fn back_off(platform: &impl Random, attempt: u32) -> Duration {
    let longest = FIRST_BACK_OFF_MS << attempt;
    let mut random = [0; 1];
    // Without randomness the wait is only less well spread.
    let _ = platform.randomize(&mut random);
    Duration::from_millis(longest / 2 + longest / 2 * u64::from(random[0]) / 255)
}

/// Cuts a list of records, by their index, into requests within Kinesis's limits.
fn cut<'i>(indices: &'i [usize], records: &[Record<'_>]) -> Vec<&'i [usize]> {
    let mut requests = Vec::new();
    let mut rest = indices;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest
            .iter()
            .take(MAX_REQUEST_RECORDS)
            .take_while(|index| {
                bytes += records.get(**index).map_or(0, Record::byte_len);
                bytes <= MAX_REQUEST_BYTES
            })
            .count();
        // A record that is too large by itself still has to go somewhere, to be refused there.
        let (request, after) = rest.split_at(fitting.max(1));
        requests.push(request);
        rest = after;
    }
    requests
}

/// The body of PutRecords.
fn encode(stream: &str, records: &[&Record<'_>]) -> String {
    let bytes: usize = records.iter().map(|record| record.byte_len()).sum();
    let mut body = String::with_capacity(bytes * 4 / 3 + records.len() * 64 + 256);
    body.push_str(r#"{"StreamName":"#);
    body.push_str(&quoted(stream));
    body.push_str(r#","Records":"#);
    let mut before = '[';
    for record in records {
        body.push(before);
        body.push_str(r#"{"Data":""#);
        // Straight to where it belongs: these bytes are nearly all of the body.
        STANDARD.encode_string(&record.data, &mut body);
        body.push_str(r#"","PartitionKey":"#);
        body.push_str(&quoted(record.partition_key));
        body.push('}');
        before = ',';
    }
    body.push_str("]}");
    body
}

/// A JSON string.
fn quoted(text: &str) -> String {
    let mut writer = Writer::new();
    writer.string(text);
    writer.finish()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordsOutput {
    records: Vec<PutRecordsResultEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRecordsResultEntry {
    sequence_number: Option<String>,
    error_code: Option<String>,
}

/// What became of each record of a request, in the request's order.
fn read_results(
    reply: &HttpResponse,
    expected: usize,
) -> Result<Vec<Result<(), KinesisError>>, KinesisError> {
    let output: PutRecordsOutput =
        serde_json::from_slice(&reply.body).map_err(|_| KinesisError::Unintelligible)?;
    if output.records.len() != expected {
        return Err(KinesisError::Unintelligible);
    }
    let result = |entry: PutRecordsResultEntry| match (entry.error_code, entry.sequence_number) {
        (Some(code), _) => Err(KinesisError::Refused {
            status: reply.status,
            code,
        }),
        (None, Some(_)) => Ok(()),
        (None, None) => Err(KinesisError::Unintelligible),
    };
    Ok(output.records.into_iter().map(result).collect())
}

#[derive(Deserialize)]
struct ErrorOutput {
    #[serde(rename = "__type")]
    error_type: String,
}

/// Makes a signed call; the reply's status is 200.
async fn call(
    platform: &impl Platform,
    kinesis: &Kinesis,
    operation: &str,
    body: String,
) -> Result<HttpResponse, KinesisError> {
    let body_sha256 = hex(&platform.sha256(body.as_bytes()).await);
    let call = signed(kinesis, operation, body, body_sha256, platform.now())?;
    let reply = platform.send(call).await;
    let reply = reply.map_err(|Unreachable| KinesisError::Unreachable)?;
    if reply.status == 200 {
        return Ok(reply);
    }
    let named = serde_json::from_slice::<ErrorOutput>(&reply.body).ok();
    Err(KinesisError::Refused {
        status: reply.status,
        // A namespace may stand before the name.
        code: named.map_or_else(
            || format!("HTTP {}", reply.status),
            |error| {
                error
                    .error_type
                    .rsplit('#')
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            },
        ),
    })
}

fn signed(
    kinesis: &Kinesis,
    operation: &str,
    body: String,
    body_sha256: String,
    now: Timestamp,
) -> Result<HttpRequest, KinesisError> {
    let url = format!("{}/", kinesis.endpoint);
    let target = format!("Kinesis_20131202.{operation}");
    let mut headers = vec![
        (
            "content-type".to_owned(),
            "application/x-amz-json-1.1".to_owned(),
        ),
        ("x-amz-target".to_owned(), target),
    ];
    let identity = Credentials::new(
        &kinesis.access_key_id,
        &kinesis.secret_access_key,
        kinesis.session_token.clone(),
        None,
        "forebay",
    )
    .into();
    let since_epoch = Duration::from_millis(u64::try_from(now.0).unwrap_or_default());
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&kinesis.region)
        .name("kinesis")
        .time(std::time::SystemTime::UNIX_EPOCH + since_epoch)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| KinesisError::NotSigned)?
        .into();
    let to_sign = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let signature = SignableRequest::new(
        "POST",
        &url,
        to_sign,
        SignableBody::Precomputed(body_sha256),
    )
    .and_then(|request| sign(request, &params))
    .map_err(|_| KinesisError::NotSigned)?;
    let (instructions, _) = signature.into_parts();
    headers.extend(
        instructions
            .headers()
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    Ok(HttpRequest {
        method: "POST",
        url,
        headers,
        body,
        time_out: CALL_TIME_OUT,
        max_response_bytes: MAX_RESPONSE_BYTES,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeStreamSummaryOutput {
    stream_description_summary: StreamDescriptionSummary,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StreamDescriptionSummary {
    stream_status: String,
}

/// The status of a stream: `ACTIVE` or `UPDATING` where it takes records.
///
/// # Errors
/// [`KinesisError`]
pub async fn stream_status(
    platform: &impl Platform,
    kinesis: &Kinesis,
    stream: &str,
) -> Result<String, KinesisError> {
    let mut writer = Writer::new();
    writer.begin_object().name("StreamName").string(stream);
    writer.end_object();
    let reply = call(platform, kinesis, "DescribeStreamSummary", writer.finish()).await?;
    let output: DescribeStreamSummaryOutput =
        serde_json::from_slice(&reply.body).map_err(|_| KinesisError::Unintelligible)?;
    Ok(output.stream_description_summary.stream_status)
}
