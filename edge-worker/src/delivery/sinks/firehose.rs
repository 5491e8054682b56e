//! Amazon Data Firehose.

use std::time::Duration;

use forebay_aws_call::Limits;
use forebay_aws_call::firehose::{LIMITS, PutRecordBatch};

use super::aws::Access;
use crate::delivery::{ItemResults, Record, Sink, SinkError};
use crate::platform::Platform;

/// A Firehose stream that takes records directly. A record keeps its newline, by which its
/// destination parts it from the next.
pub struct FirehoseStream {
    /// Where it is.
    pub access: Access,
    /// Its name.
    pub name: String,
}

impl Sink for FirehoseStream {
    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn put(
        &self,
        records: &[&Record<'_>],
        time_out: Duration,
        platform: &impl Platform,
    ) -> Result<ItemResults, SinkError> {
        let data: Vec<&[u8]> = records
            .iter()
            .map(|record| record.data.as_bytes())
            .collect();
        let operation = PutRecordBatch {
            delivery_stream: &self.name,
            records: &data,
        };
        self.access.call(&operation, time_out, platform).await
    }
}
