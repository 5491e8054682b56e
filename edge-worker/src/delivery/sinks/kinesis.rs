//! Kinesis Data Streams.

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

use crate::delivery::{CallLimits, Record, Sink, SinkError};
use crate::platform::{HttpRequest, HttpResponse, Platform, Unreachable};
use crate::text::hex;

/// Most records in one request.
const MAX_REQUEST_RECORDS: usize = 500;
/// Most bytes of data and partition keys in one request. Kinesis takes 10 MiB; it took 5 for years
/// and what stands in for it still does, and larger requests save nothing.
const MAX_REQUEST_BYTES: usize = 5 * 1024 * 1024;
/// Five hundred results, each with an error and its message, have some 200 KB.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// How long one request may take.
pub const CALL_TIME_OUT: Duration = Duration::from_secs(4);
/// Kinesis in a region, and the key that writes there.
#[derive(Clone)]
pub struct Kinesis {
    /// E.g. `https://kinesis.us-east-1.amazonaws.com`, without a slash at its end.
    pub endpoint: String,
    /// The region to sign for.
    pub region: String,
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token of short-lived credentials.
    pub session_token: Option<String>,
}

/// A stream.
pub struct KinesisStream {
    /// Where it is.
    pub kinesis: Kinesis,
    /// Its name.
    pub name: String,
}

impl Sink for KinesisStream {
    const LIMITS: CallLimits = CallLimits {
        records: MAX_REQUEST_RECORDS,
        bytes: MAX_REQUEST_BYTES,
    };

    async fn put(
        &self,
        records: &[&Record<'_>],
        platform: &impl Platform,
    ) -> Result<Vec<Result<(), SinkError>>, SinkError> {
        let body = encode(&self.name, records);
        let reply = call(platform, &self.kinesis, "PutRecords", body).await?;
        read_results(&reply, records.len())
    }
}

impl KinesisStream {
    /// Its status: `ACTIVE` or `UPDATING` where it takes records.
    ///
    /// # Errors
    /// [`SinkError`]
    pub async fn status(&self, platform: &impl Platform) -> Result<String, SinkError> {
        let mut writer = Writer::new();
        writer.begin_object().name("StreamName").string(&self.name);
        writer.end_object();
        let body = writer.finish();
        let reply = call(platform, &self.kinesis, "DescribeStreamSummary", body).await?;
        let output: DescribeStreamSummaryOutput =
            serde_json::from_slice(&reply.body).map_err(|_| SinkError::Unintelligible)?;
        Ok(output.stream_description_summary.stream_status)
    }
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
) -> Result<Vec<Result<(), SinkError>>, SinkError> {
    let output: PutRecordsOutput =
        serde_json::from_slice(&reply.body).map_err(|_| SinkError::Unintelligible)?;
    if output.records.len() != expected {
        return Err(SinkError::Unintelligible);
    }
    let result = |entry: PutRecordsResultEntry| match (entry.error_code, entry.sequence_number) {
        (Some(code), _) => Err(SinkError::Refused {
            status: reply.status,
            code,
        }),
        (None, Some(_)) => Ok(()),
        (None, None) => Err(SinkError::Unintelligible),
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
) -> Result<HttpResponse, SinkError> {
    let body_sha256 = hex(&platform.sha256(body.as_bytes()).await);
    let call = signed(kinesis, operation, body, body_sha256, platform.now())?;
    let reply = platform.send(call).await;
    let reply = reply.map_err(|Unreachable| SinkError::Unreachable)?;
    if reply.status == 200 {
        return Ok(reply);
    }
    let named = serde_json::from_slice::<ErrorOutput>(&reply.body).ok();
    Err(SinkError::Refused {
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
) -> Result<HttpRequest, SinkError> {
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
        .map_err(|_| SinkError::NotSigned)?
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
    .map_err(|_| SinkError::NotSigned)?;
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
