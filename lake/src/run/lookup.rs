//! Reads a Kinesis stream for a repair, and for what `reconcile` misses.

use std::time::Duration;

use tokio::time::sleep;

use super::repair::Stream;
use crate::source::kinesis::{Kinesis, KinesisError};
use crate::source::{Position, SequenceNumber, StreamRecord};

/// Kinesis takes five GetRecords a second for each shard.
const READ_INTERVAL: Duration = Duration::from_millis(200);
/// How often an error that may pass is tried again.
const TRIES: u32 = 8;

impl Stream for Kinesis {
    type Error = KinesisError;

    async fn read(
        &self,
        shard: &str,
        from: &Position,
        last: Option<&SequenceNumber>,
    ) -> Result<Vec<StreamRecord>, KinesisError> {
        let mut found: Vec<StreamRecord> = Vec::new();
        let Some(mut iterator) = self.start(shard, from).await? else {
            return Ok(found);
        };
        // Where a position is not the stream's own, reading begins with the oldest record.
        let is_asked = |record: &StreamRecord| match from {
            Position::TrimHorizon | Position::Time(_) | Position::Latest => true,
            Position::At(first) => record.sequence_number >= *first,
            Position::After(before) => record.sequence_number > *before,
        };
        loop {
            let answer = tried(async || self.records(&iterator).await).await?;
            let is_empty = answer.records.is_empty();
            found.extend(answer.records.into_iter().filter(is_asked));
            let is_enough = match (last, found.last()) {
                (Some(last), Some(record)) => record.sequence_number >= *last,
                (None, Some(_)) => true,
                (_, None) => false,
            };
            let is_tip = is_empty && answer.millis_behind_latest == 0;
            match answer.next_shard_iterator {
                Some(next) if !is_enough && !is_tip => iterator = next,
                _ => break,
            }
            sleep(READ_INTERVAL).await;
        }
        if let Some(last) = last {
            found.retain(|record| record.sequence_number <= *last);
        }
        Ok(found)
    }
}

impl Kinesis {
    /// An iterator; `None` where there is no such stream or shard.
    async fn start(&self, shard: &str, from: &Position) -> Result<Option<String>, KinesisError> {
        let asked = tried(async || self.iterator(shard, from).await).await;
        let asked = match asked {
            Err(error) if error.is("InvalidArgumentException") => {
                let oldest = &Position::TrimHorizon;
                tried(async || self.iterator(shard, oldest).await).await
            }
            asked => asked,
        };
        match asked {
            Err(error) if error.is("ResourceNotFoundException") => Ok(None),
            asked => asked.map(Some),
        }
    }
}

/// Calls again after errors that may pass, some times.
async fn tried<T>(
    mut call: impl AsyncFnMut() -> Result<T, KinesisError>,
) -> Result<T, KinesisError> {
    let mut pause = READ_INTERVAL;
    for _ in 1..TRIES {
        match call().await {
            Err(error) if error.may_pass() => sleep(pause).await,
            answer => return answer,
        }
        pause *= 2;
    }
    call().await
}
