//! The client of Kinesis Data Streams: calls of `forebay_aws_call`, sent by reqwest.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use forebay_aws_call::kinesis::{
    DescribeStreamSummary, GetRecords, GetShardIterator, ListShards, Record, ShardDescription,
    StartingPosition, StreamSummary,
};
use forebay_aws_call::{
    Answer, CallError, Credentials, Endpoint, Fault, Operation, Request, Signer, Timestamp,
};
use futures_util::future::BoxFuture;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use thiserror::Error;

use crate::source::credentials::Identity;
use crate::source::{Position, SequenceNumber, StreamRecord};

/// Largest answer that is read: 10 MB of data in base64, with what stands around 10,000 records.
const MAX_ANSWER_BYTES: usize = 32 * 1_024 * 1_024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// What carries signed requests to Kinesis.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends a request, and gives the whole answer.
    ///
    /// # Errors
    /// [`CallError::Unreachable`] where no answer came, [`CallError::Unintelligible`] where it is too long.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, CallError>>;
}

/// An answer, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The header `x-amzn-errortype`.
    pub error_type: Option<String>,
    /// The header `retry-after`.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// One stream of Kinesis.
#[derive(Debug)]
pub struct Kinesis {
    transport: Box<dyn Transport>,
    endpoint: Endpoint,
    region: String,
    stream: String,
    identity: Arc<Identity>,
}

/// What went wrong with a call, in words for the operator.
#[derive(Debug, Error)]
pub struct KinesisError {
    endpoint: Endpoint,
    #[source]
    error: CallError,
}

impl KinesisError {
    /// Whether Kinesis answered with this error.
    pub fn is(&self, name: &str) -> bool {
        self.error.is(name)
    }
}

impl KinesisError {
    /// Whether the same call may do better at a later time.
    pub fn may_pass(&self) -> bool {
        self.error.may_pass()
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.error.fault()
    }

    /// How long Kinesis asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        self.error.retry_after()
    }

    /// Its name for metrics: Kinesis's own, or one of ours.
    pub fn code(&self) -> &str {
        match &self.error {
            CallError::Unreachable(_) => "unreachable",
            CallError::Refused(error) => &error.code,
            CallError::Unintelligible(_) => "unintelligible",
            CallError::NotSigned(_) => "not_signed",
        }
    }
}

impl fmt::Display for KinesisError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            CallError::Unreachable(reason) => {
                let endpoint = &self.endpoint;
                write!(
                    formatter,
                    "Kinesis cannot be reached at {endpoint}: {reason}"
                )
            }
            CallError::Refused(error) => {
                write!(formatter, "Kinesis answered {error}")?;
                match error.fault() {
                    Fault::Credentials => formatter.write_str(
                        "; check that the credentials hold, and allow kinesis:DescribeStreamSummary, \
                         ListShards, GetShardIterator and GetRecords (kms:Decrypt for an encrypted \
                         stream)",
                    ),
                    _ => Ok(()),
                }
            }
            CallError::Unintelligible(reason) => write!(
                formatter,
                "the answer is not Kinesis's: {reason}; check the endpoint"
            ),
            CallError::NotSigned(reason) => write!(
                formatter,
                "the request cannot be signed: {reason}; check the credentials"
            ),
        }
    }
}

/// The answer of GetRecords.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// In the order of the shard. May be empty although more follow.
    pub records: Vec<StreamRecord>,
    /// What to read on with; `None` at the end of a closed shard.
    pub next_shard_iterator: Option<String>,
    /// How far this answer lies behind the newest record.
    pub millis_behind_latest: u64,
}

impl TryFrom<Record> for StreamRecord {
    type Error = &'static str;

    fn try_from(record: Record) -> Result<StreamRecord, Self::Error> {
        Ok(StreamRecord {
            sequence_number: SequenceNumber::try_from(record.sequence_number)?,
            arrival: record.arrival,
            data: record.data,
        })
    }
}

impl Kinesis {
    /// A client for `stream` in `region`, reached at `endpoint`.
    ///
    /// # Errors
    /// Where the system's certificates cannot be used.
    pub fn new(
        endpoint: Endpoint,
        region: String,
        stream: String,
        identity: Arc<Identity>,
    ) -> Result<Kinesis, reqwest::Error> {
        let http = http(CONNECT_TIMEOUT, REQUEST_TIMEOUT)?;
        let transport = Box::new(http);
        Ok(Kinesis::over(transport, endpoint, region, stream, identity))
    }

    /// The same over another transport.
    pub fn over(
        transport: Box<dyn Transport>,
        endpoint: Endpoint,
        region: String,
        stream: String,
        identity: Arc<Identity>,
    ) -> Kinesis {
        Kinesis {
            transport,
            endpoint,
            region,
            stream,
            identity,
        }
    }

    /// Credentials as the environment gives them, which a call will be signed with.
    ///
    /// # Errors
    /// [`KinesisError`] where there are none.
    pub async fn check_credentials(&self) -> Result<(), KinesisError> {
        let asked = self.identity.credentials().await;
        asked.map(drop).map_err(|error| self.error(error))
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
        let stream = &self.stream;
        self.call(&DescribeStreamSummary { stream }).await
    }

    /// ListShards, all pages.
    ///
    /// # Errors
    /// [`KinesisError`]
    pub async fn shards(&self) -> Result<Vec<ShardDescription>, KinesisError> {
        let mut page = self.call(&ListShards::First(&self.stream)).await?;
        let mut shards = page.shards;
        while let Some(token) = page.next_token {
            page = self.call(&ListShards::Next(&token)).await?;
            shards.append(&mut page.shards);
        }
        Ok(shards)
    }

    /// GetShardIterator.
    ///
    /// # Errors
    /// [`KinesisError`]; `InvalidArgumentException` where the position is not one of this shard.
    pub async fn iterator(&self, shard: &str, position: &Position) -> Result<String, KinesisError> {
        let from = match position {
            Position::TrimHorizon => StartingPosition::TrimHorizon,
            Position::At(number) => StartingPosition::AtSequenceNumber(number.as_str()),
            Position::After(number) => StartingPosition::AfterSequenceNumber(number.as_str()),
            Position::Time(time) => StartingPosition::AtTimestamp(*time),
            Position::Latest => StartingPosition::Latest,
        };
        let stream = &self.stream;
        self.call(&GetShardIterator {
            stream,
            shard,
            from,
        })
        .await
    }

    /// GetRecords.
    ///
    /// # Errors
    /// [`KinesisError`]; `ExpiredIteratorException` for an iterator older than five minutes,
    /// `ProvisionedThroughputExceededException` when read too fast.
    pub async fn records(&self, iterator: &str) -> Result<Records, KinesisError> {
        let answer = self.call(&GetRecords { iterator }).await?;
        let records = answer.records.into_iter().map(StreamRecord::try_from);
        let records: Result<Vec<StreamRecord>, &str> = records.collect();
        Ok(Records {
            records: records
                .map_err(|problem| self.error(CallError::Unintelligible(problem.to_owned())))?,
            next_shard_iterator: answer.next_shard_iterator,
            millis_behind_latest: answer.millis_behind_latest,
        })
    }

    async fn call<O: Operation>(&self, operation: &O) -> Result<O::Output, KinesisError> {
        let outcome = async {
            let credentials = self.identity.credentials().await?;
            match self.signed(operation, &credentials).await {
                // They may have been changed, or taken back, before their time.
                Err(error) if error.fault() == Fault::Credentials => {
                    let renewed = self.identity.renewed().await?;
                    if renewed.access_key_id() == credentials.access_key_id()
                        && renewed.session_token() == credentials.session_token()
                    {
                        return Err(error);
                    }
                    self.signed(operation, &renewed).await
                }
                answer => answer,
            }
        };
        outcome.await.map_err(|error| self.error(error))
    }

    async fn signed<O: Operation>(
        &self,
        operation: &O,
        credentials: &Credentials,
    ) -> Result<O::Output, CallError> {
        let signer = Signer {
            endpoint: &self.endpoint,
            region: &self.region,
            credentials,
        };
        let request = signer.sign(operation.call(), None, now())?;
        let response = self.transport.send(request).await?;
        operation.read(&Answer {
            status: response.status,
            error_type: response.error_type.as_deref(),
            retry_after: response.retry_after.as_deref(),
            body: &response.body,
            arrived: now(),
        })
    }

    fn error(&self, error: CallError) -> KinesisError {
        let endpoint = self.endpoint.clone();
        KinesisError { endpoint, error }
    }
}

/// A client of HTTP that follows no redirects.
///
/// # Errors
/// Where the system's certificates cannot be used.
pub fn http(connect: Duration, whole: Duration) -> Result<reqwest::Client, reqwest::Error> {
    // A second call finds the first one's provider in place, which is the same.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(connect)
        .timeout(whole)
        .user_agent(concat!("forebay-lake/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

/// By the system's clock; one before 1970 counts as 1970.
pub fn now() -> Timestamp {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

impl Transport for reqwest::Client {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, CallError>> {
        let mut post = self.post(request.url).body(request.body);
        for (name, value) in &request.headers {
            post = post.header(name, value);
        }
        Box::pin(async move {
            let answer = post.send().await.map_err(|error| unreachable(&error))?;
            Ok(Response {
                status: answer.status().as_u16(),
                error_type: text(answer.headers(), "x-amzn-errortype"),
                retry_after: text(answer.headers(), RETRY_AFTER.as_str()),
                body: read_body(answer).await?,
            })
        })
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

async fn read_body(mut answer: reqwest::Response) -> Result<Vec<u8>, CallError> {
    // Of an answer without a length, or with one that is no truth, the room grows.
    let length = answer.content_length().unwrap_or_default();
    let length = usize::try_from(length).map_or(0, |length| length.min(MAX_ANSWER_BYTES));
    let mut body = Vec::with_capacity(length);
    while let Some(chunk) = answer.chunk().await.map_err(|error| unreachable(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            let problem = format!("it is longer than {MAX_ANSWER_BYTES} bytes");
            return Err(CallError::Unintelligible(problem));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(error: &reqwest::Error) -> CallError {
    // The outer errors only say that a request failed; the innermost says why.
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    CallError::Unreachable(cause.to_string())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn an_error_says_what_kinesis_said_and_where() {
        let said = |error| {
            let endpoint = Endpoint::parse("http://127.0.0.1:4567/").unwrap();
            KinesisError { endpoint, error }.to_string()
        };
        let unreachable = CallError::Unreachable("connection refused".to_owned());
        assert_eq!(
            said(unreachable),
            "Kinesis cannot be reached at http://127.0.0.1:4567: connection refused"
        );
        let html = forebay_aws_call::ServiceError::decode(&Answer {
            status: 502,
            error_type: None,
            retry_after: None,
            body: b"<html>",
            arrived: Timestamp(0),
        });
        assert_eq!(
            said(CallError::Refused(html)),
            "Kinesis answered HTTP 502: no reason given"
        );
    }

    #[test]
    fn a_sequence_number_that_is_none_is_not_kinesis() {
        let record = |number: &str| Record {
            sequence_number: number.to_owned(),
            arrival: Timestamp(0),
            data: Bytes::new(),
        };
        assert!(StreamRecord::try_from(record("495")).is_ok());
        assert!(StreamRecord::try_from(record("../495")).is_err());
    }
}
