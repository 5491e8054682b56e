//! Kinesis Data Streams.

#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use forebay_aws_call::Limits;
use forebay_aws_call::kinesis::{DescribeStreamSummary, LIMITS, PutRecords, PutRecordsEntry};

use super::aws::Access;
use crate::delivery::{ItemResults, Record, Sink, SinkError};
use crate::platform::Platform;

/// How long the question for a stream's status may take.
const STATUS_TIME_OUT: Duration = Duration::from_secs(4);

/// A stream.
pub struct KinesisStream {
    /// Where it is.
    pub access: Access,
    /// Its name.
    pub name: String,
}

impl Sink for KinesisStream {
    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn put(
        &self,
        records: &[&Record<'_>],
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<ItemResults, SinkError> {
        let entries: Vec<PutRecordsEntry<'_>> = records
            .iter()
            .map(|record| PutRecordsEntry {
                data: record.data.as_bytes(),
                partition_key: &record.partition_key,
            })
            .collect();
        let operation = PutRecords {
            stream: &self.name,
            records: &entries,
        };
        self.access.call(&operation, time_out, platform).await
    }
}

impl KinesisStream {
    /// Its status: `ACTIVE` or `UPDATING` where it takes records.
    ///
    /// # Errors
    /// [`SinkError`]
    pub async fn status(&self, platform: &impl Platform) -> Result<String, SinkError> {
        let operation = DescribeStreamSummary { stream: &self.name };
        let summary = self.access.call(&operation, STATUS_TIME_OUT, platform);
        Ok(summary.await?.stream_status)
    }
}
