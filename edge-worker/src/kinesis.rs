//! Writing records to a Kinesis stream with PutRecords: what fits into one request, which records
//! to send again, and what became of each.

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

pub use forebay_aws_call::CallError as KinesisError;
use forebay_aws_call::kinesis::{DescribeStreamSummary, PutRecords, PutRecordsEntry};
use forebay_aws_call::{Answer, Credentials, Operation, Signer};

use crate::config::Kinesis;
use crate::platform::{Call, Platform, Unreachable};
use crate::text::hex;

/// Most records in one request.
const MAX_REQUEST_RECORDS: usize = 500;
/// Most bytes of data and partition keys in one request. Kinesis takes 10 MiB; it took 5 for years
/// and what stands in for it still does, and larger requests save nothing.
const MAX_REQUEST_BYTES: usize = 5 * 1024 * 1024;
/// Most bytes of data and partition key in one record, unless the stream was made to take more.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;

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

    fn entry(&self) -> PutRecordsEntry<'_> {
        PutRecordsEntry {
            data: self.data.as_bytes(),
            partition_key: self.partition_key,
        }
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

fn outcome(error: &KinesisError) -> Outcome {
    if error.is_throttling() {
        Outcome::Throttled
    } else {
        Outcome::Failed
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
            let chosen: Vec<PutRecordsEntry<'_>> = request
                .iter()
                .filter_map(|index| records.get(*index))
                .map(Record::entry)
                .collect();
            let operation = PutRecords {
                stream,
                records: &chosen,
            };
            delivery.requests += 1;
            let results = call(platform, kinesis, &operation).await;
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
                let outcome = outcome(&error);
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
fn back_off(platform: &impl Platform, attempt: u32) -> Duration {
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

/// Makes a signed call.
async fn call<O: Operation>(
    platform: &impl Platform,
    kinesis: &Kinesis,
    operation: &O,
) -> Result<O::Output, KinesisError> {
    let call = operation.call();
    let body_sha256 = hex(&platform.sha256(call.body().as_bytes()).await);
    let credentials = Credentials::new(
        &kinesis.access_key_id,
        &kinesis.secret_access_key,
        kinesis.session_token.clone(),
        None,
        "forebay",
    );
    let signer = Signer {
        endpoint: &kinesis.endpoint,
        region: &kinesis.region,
        credentials: &credentials,
    };
    let request = signer.sign(call, Some(body_sha256), platform.now())?;
    let call = Call {
        url: request.url,
        headers: request.headers,
        body: request.body,
        time_out: CALL_TIME_OUT,
    };
    let reply = platform.post(call).await;
    let reply = reply.map_err(|Unreachable| KinesisError::Unreachable(String::new()))?;
    operation.read(&Answer {
        status: reply.status,
        error_type: None,
        retry_after: None,
        body: &reply.body,
        arrived: platform.now(),
    })
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
    let summary = call(platform, kinesis, &DescribeStreamSummary { stream }).await?;
    Ok(summary.stream_status)
}
