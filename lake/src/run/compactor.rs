//! Compaction beside reading: the process that writes the small files also merges them.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::compact::{CompactError, CompactSettings, Progress, compact};
use super::consume::{Consumer, note, stopped, wait};
use crate::compact::merge::Bounds;
use crate::source::kinesis::now;
use crate::store::StoreError;

/// Who compacts every few minutes would else write a file of the state three times for each late event.
const WAIT_FOR_LATE_MILLIS: i64 = 60 * 60 * 1_000;

/// Compacts until told to stop, each time so long after the last. An error is told, and ends nothing: the lake is whole without
/// compaction.
pub(super) async fn keep_compact(
    consumer: Arc<Consumer>,
    every: Duration,
    mut stop: watch::Receiver<bool>,
) {
    while wait(&mut stop, every).await.is_some() {
        let (consumer, stop) = (consumer.clone(), stop.clone());
        let runtime = Handle::current();
        // Sorting and encoding take a processor for seconds: not for a thread of the runtime.
        let work = move || runtime.block_on(once(&consumer, stop));
        let outcome = spawn_blocking(work).await;
        match outcome {
            // Another process that reads the stream compacts just now.
            Ok(Err(CompactError::Store(StoreError::Locked { .. }))) => {}
            Ok(Err(error)) => note(format_args!("the files were not compacted: {error}")),
            _ => {}
        }
    }
}

async fn once(consumer: &Consumer, mut stop: watch::Receiver<bool>) -> Result<(), CompactError> {
    let settings = CompactSettings {
        bounds: Bounds::default(),
        wait_for_late: WAIT_FOR_LATE_MILLIS,
        now,
    };
    let tell = |progress| match progress {
        Progress::Done(done) => {
            consumer
                .metrics
                .compacted(done.files_before, done.files_after);
            // Numbers and a path always have a JSON form.
            eprintln!("{}", serde_json::to_string(&done).unwrap_or_default());
        }
        // Only who forgets a person looks into rejected records.
        Progress::Rejected(_) => {}
        Progress::Failed(folder, error) => {
            consumer.metrics.compaction_failed();
            note(format_args!("{folder} was not compacted: {error}"));
        }
    };
    tokio::select! {
        biased;
        // Each step is whole, so a merge can be left in the middle.
        () = stopped(&mut stop) => Ok(()),
        outcome = compact(&consumer.store, &settings, tell) => outcome,
    }
}
