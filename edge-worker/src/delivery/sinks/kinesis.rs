//! Kinesis Data Streams.

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use forebay_aws_call::kinesis::{DescribeStreamSummary, PutRecords, PutRecordsEntry};
use forebay_aws_call::{Answer, Credentials, Endpoint, Operation, Signer};

use crate::delivery::{CallLimits, Record, Sink, SinkError};
use crate::platform::{HttpRequest, Platform, Unreachable};
use crate::text::hex;

/// Most records in one request.
const MAX_REQUEST_RECORDS: usize = 500;
/// Most bytes of data and partition keys in one request. Kinesis takes 10 MiB; it took 5 for years
/// and what stands in for it still does, and larger requests save nothing.
const MAX_REQUEST_BYTES: usize = 5 * 1024 * 1024;
/// Five hundred results, each with an error and its message, have some 200 KB.
const MAX_RESPONSE_BYTES: usize = 1024 * 1024;

/// How long the question for a stream's status may take.
const STATUS_TIME_OUT: Duration = Duration::from_secs(4);

/// Kinesis in a region, and the key that writes there.
#[derive(Clone)]
pub struct Kinesis {
    /// E.g. `https://kinesis.us-east-1.amazonaws.com`.
    pub endpoint: Endpoint,
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
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<Vec<Result<(), SinkError>>, SinkError> {
        let entries: Vec<PutRecordsEntry<'_>> = records
            .iter()
            .map(|record| PutRecordsEntry {
                data: record.data.as_bytes(),
                partition_key: record.partition_key,
            })
            .collect();
        let operation = PutRecords {
            stream: &self.name,
            records: &entries,
        };
        self.kinesis.call(&operation, time_out, platform).await
    }
}

impl KinesisStream {
    /// Its status: `ACTIVE` or `UPDATING` where it takes records.
    ///
    /// # Errors
    /// [`SinkError`]
    pub async fn status(&self, platform: &impl Platform) -> Result<String, SinkError> {
        let operation = DescribeStreamSummary { stream: &self.name };
        let summary = self.kinesis.call(&operation, STATUS_TIME_OUT, platform);
        let summary = summary.await?;
        Ok(summary.stream_status)
    }
}

impl Kinesis {
    /// Makes a signed call.
    async fn call<O: Operation>(
        &self,
        operation: &O,
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<O::Output, SinkError> {
        let call = operation.call();
        let body_sha256 = hex(&platform.sha256(call.body().as_bytes()).await);
        let credentials = Credentials::new(
            &self.access_key_id,
            &self.secret_access_key,
            self.session_token.clone(),
            None,
            "forebay",
        );
        let signer = Signer {
            endpoint: &self.endpoint,
            region: &self.region,
            credentials: &credentials,
        };
        let request = signer.sign(call, Some(body_sha256), platform.now())?;
        let response = platform.send(HttpRequest {
            method: "POST",
            url: request.url,
            headers: request.headers,
            body: request.body,
            time_out,
            max_response_bytes: MAX_RESPONSE_BYTES,
        });
        let response = response
            .await
            .map_err(|Unreachable| SinkError::Unreachable(String::new()))?;
        operation.read(&Answer {
            status: response.status,
            error_type: None,
            retry_after: None,
            body: &response.body,
            arrived: platform.now(),
        })
    }
}
