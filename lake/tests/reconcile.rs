//! What the edge has accepted against what is in the lake: each kind of difference is told, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use forebay_core::time::Timestamp;
use forebay_lake::cut::{File, Limits, Shard};
use forebay_lake::record::Window;
use forebay_lake::run::carry_out::{Write, carry_out};
use forebay_lake::run::load::load_shard;
use forebay_lake::run::reconcile::{Accepted, Difference, Reconciled, find_unread, reconcile};
use forebay_lake::run::repair::Stream;
use forebay_lake::source::{Position, SequenceNumber, StreamRecord};
use forebay_lake::state::StatePaths;
use forebay_lake::store::{Existing, LeaseTimes, Store, StoreError};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use support::{NOON, SHARD, at, attribute, record, sign_up};

/// Failures of a write or of its task.
#[derive(Debug)]
struct Failed;

impl From<tokio::task::JoinError> for Failed {
    fn from(_: tokio::task::JoinError) -> Failed {
        Failed
    }
}

impl From<StoreError> for Failed {
    fn from(_: StoreError) -> Failed {
        Failed
    }
}

async fn lake_of(records: &[StreamRecord]) -> Arc<Store> {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let store = Store::open_objects(objects, LeaseTimes::default()).await;
    let store = Arc::new(store.unwrap());
    let paths = StatePaths::new("stream", 1);
    let state = load_shard(&store, &paths, SHARD).await.unwrap();
    let limits = Limits {
        records: 4,
        bytes: u64::MAX,
    };
    let catalog = Arc::new(support::catalog());
    let (id, checkpoint, segment) = (SHARD.to_owned(), state.checkpoint, state.segment);
    let window = Window::default();
    let mut shard = Shard::new(id, catalog, limits, paths, checkpoint, window, segment);
    let mut queue = records.to_vec().into();
    loop {
        let is_full = shard.take(&mut queue);
        if let Some(batch) = shard.close() {
            let flush = shard.flush(batch.encode().unwrap()).unwrap();
            let write = |step: Write| {
                let store = store.clone();
                async move { Ok::<_, Failed>(step.to(&store).await?) }
            };
            carry_out(flush, write).await.unwrap();
        }
        if !is_full {
            return store;
        }
    }
}

/// `a` to `f` are rows, `a` came twice; `bad` is rejected.
fn records() -> Vec<StreamRecord> {
    let mut records: Vec<String> = ["a", "b", "c", "d", "e", "f", "a"]
        .map(|id| sign_up(id).encode())
        .into();
    let mut bad = record("PiecePlayedEvent", "bad");
    attribute(&mut bad, "completed", "perhaps");
    records.push(bad.encode());
    let numbered = records.into_iter().enumerate();
    numbered.map(|(number, data)| at(number, data)).collect()
}

/// A list of events that were answered at noon.
fn accepted(ids: &[&str]) -> Accepted {
    let time = Timestamp(NOON + 1_000).to_iso8601();
    let lines = ids.iter().map(|id| format!("{id} {time}\r\n"));
    let mut accepted = Accepted::default();
    // As programs of Windows write it.
    let text = format!("\u{feff}{}", lines.collect::<String>());
    accepted.add_ids("list", &text).unwrap();
    accepted
}

async fn compare(store: &Store, accepted: &Accepted) -> Reconciled {
    reconcile(store, accepted).await.unwrap()
}

#[tokio::test]
async fn a_lake_that_has_everything_once_differs_in_nothing() {
    let store = lake_of(&records()[..7]).await;
    let mut list = accepted(&["a", "b", "c", "d", "e", "f", "a"]);
    let text = "# TYPE forebay_events counter\n\
        forebay_events_total{app_id=\"app\",event_type=\"SignUpEvent\",outcome=\"accepted\",reason=\"\"} 7\n\
        forebay_events_total{app_id=\"app\",event_type=\"SignUpEvent\",outcome=\"invalid\",reason=\"type\"} 3\n";
    list.add_metrics("metrics", text).unwrap();
    let done = compare(&store, &list).await;
    assert_eq!(done.differences, []);
    assert_eq!((done.repeated, done.counts.duplicates), (1, 1));
    let hours: Vec<_> = done.hours.into_iter().collect();
    assert_eq!(hours.len(), 1);
    let (begin, hour) = hours[0];
    assert_eq!(begin, Some(Timestamp(NOON)));
    assert_eq!((hour.accepted, hour.rows, hour.missing), (6, 6, 0));
}

#[tokio::test]
async fn what_is_missing_doubled_rejected_and_not_accepted_is_listed() {
    let store = lake_of(&records()).await;
    // A copy of a file, and a file that is gone.
    let files = store.list("events").await.unwrap();
    let mut paths: Vec<String> = files.into_iter().map(|file| file.path).collect();
    paths.sort_unstable();
    let [first, second] = paths.as_slice() else {
        unreachable!("{paths:?}")
    };
    let bytes = store.read(first).await.unwrap().unwrap();
    let copy = File {
        path: first.replace(".parquet", "-copy.parquet"),
        bytes,
    };
    store.put(&copy, Existing::Replace).await.unwrap();
    store.delete(second).await.unwrap();

    // `f` is not in the list, but its row is gone as well; `d` is in no list.
    let list = accepted(&["a", "b", "c", "e", "bad", "lost"]);
    let done = compare(&store, &list).await;
    let doubled = |id: &str| Difference::Doubled(id.to_owned(), 2);
    let expected = [
        Difference::Missing("e".to_owned()),
        Difference::Missing("lost".to_owned()),
        doubled("a"),
        doubled("b"),
        doubled("c"),
        doubled("d"),
        Difference::Rejected("bad".to_owned()),
        Difference::NotAccepted("d".to_owned()),
    ];
    assert_eq!(done.differences, expected);
    let hour = done.hours[&Some(Timestamp(NOON))];
    assert_eq!((hour.missing, hour.doubled, hour.rejected), (2, 4, 1));
}

/// A shard of which the lake has read a part. Two records come at a time.
struct Shards(Vec<StreamRecord>);

impl Stream for Shards {
    type Error = std::convert::Infallible;

    async fn read(
        &self,
        shard: &str,
        from: &Position,
        _: Option<&SequenceNumber>,
    ) -> Result<Vec<StreamRecord>, Self::Error> {
        assert_eq!(shard, SHARD);
        let Position::After(last) = from else {
            unreachable!("{from:?}: the lake has read some")
        };
        let behind = self.0.iter();
        let behind = behind.filter(|record| record.sequence_number > *last);
        Ok(behind.take(2).cloned().collect())
    }
}

#[tokio::test]
async fn what_is_missing_and_still_in_the_stream_is_told() {
    let mut all = records();
    let store = lake_of(&all[..2]).await;
    let [d, e] = ["d", "e"].map(|id| sign_up(id).encode());
    all.push(at(20, d + &e));
    let list = accepted(&["a", "b", "c", "d", "e", "f", "lost"]);
    let mut done = compare(&store, &list).await;
    assert_eq!(done.differences.len(), 5);
    // Three records and what holds two more; the rest is not in it.
    let stream = Shards([&all[2..3], &all[6..]].concat());
    let paths = StatePaths::new("stream", 1);
    let until = Timestamp(NOON + 60_000);
    find_unread(&store, &paths, &[SHARD], &stream, until, &mut done)
        .await
        .unwrap();
    let unread = |id: &str| Difference::Unread(id.to_owned());
    let missing = |id: &str| Difference::Missing(id.to_owned());
    let expected = [
        unread("c"),
        unread("d"),
        unread("e"),
        missing("f"),
        missing("lost"),
    ];
    assert_eq!(done.differences, expected);
}

#[tokio::test]
async fn counters_that_differ_are_told_and_what_is_no_list_is_refused() {
    let store = lake_of(&records()).await;
    let mut counted = Accepted::default();
    let line = |event_type: &str, count: u64| {
        format!(
            "forebay_events_total{{app_id=\"a\",event_type=\"{event_type}\",outcome=\"accepted\",reason=\"\"}} {count}\n"
        )
    };
    let text = line("SignUpEvent", 4) + &line("PiecePlayedEvent", 1);
    counted.add_metrics("one", &text).unwrap();
    counted.add_metrics("two", &line("SignUpEvent", 6)).unwrap();
    let done = compare(&store, &counted).await;
    let (accepted, records) = (11, 8);
    assert_eq!(done.differences, [Difference::Counts { accepted, records }]);

    let mut wrong = Accepted::default();
    assert!(wrong.add_metrics("metrics", "<html>").is_err());
    assert!(wrong.add_ids("list", "id noon\n").is_err());
}
