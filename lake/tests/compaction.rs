//! Small files become few, each event stays once, and readers miss nothing meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::cast::AsArray;
use arrow::array::types::TimestampMillisecondType;
use forebay_core::time::Timestamp;
use forebay_lake::compact::merge::{Bounds, Person};
use forebay_lake::cut::{Limits, Shard};
use forebay_lake::record::Window;
use forebay_lake::run::compact::{
    CompactError, CompactSettings, Compacted, Progress, compact, forget,
};
use forebay_lake::run::load::check_files;
use forebay_lake::run::verify::verify;
use forebay_lake::source::StreamRecord;
use forebay_lake::state::{Checkpoint, Segment, StatePaths};
use forebay_lake::store::{Existing, LeaseTimes, Store};
use forebay_lake::table::Catalog;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use support::chance::Chance;
use support::dying::Dying;
use support::{DAY, Files, NOON, at, sign_up};

const SHARD: &str = "shardId-000000000000";

/// When the days of all events are over.
fn later() -> Timestamp {
    Timestamp(forebay_lake::source::kinesis::now().0.max(NOON) + 10 * DAY)
}

/// While the day of the events lasts.
fn meanwhile() -> Timestamp {
    Timestamp(NOON + 1_000)
}

const SMALL: Bounds = Bounds {
    file_bytes: 1,
    slice_rows: 3,
    slice_bytes: u64::MAX,
    ids: 4,
    fetch_bytes: 0,
};

fn settings() -> CompactSettings {
    CompactSettings {
        bounds: SMALL,
        wait_for_late: 0,
        now: later,
    }
}

/// Merges into one file.
fn whole() -> CompactSettings {
    CompactSettings {
        bounds: Bounds {
            file_bytes: usize::MAX,
            ..SMALL
        },
        ..settings()
    }
}

async fn open(bucket: &Arc<InMemory>) -> Store {
    let bucket: Arc<dyn ObjectStore> = bucket.clone();
    let opened = Store::open_objects(bucket, LeaseTimes::default()).await;
    opened.unwrap()
}

async fn files(bucket: &Arc<InMemory>) -> Files {
    let mut files = Files::new();
    let found: Vec<_> = bucket.list(None).try_collect().await.unwrap();
    for file in found {
        let found = bucket.get(&file.location).await.unwrap();
        files.insert(file.location.to_string(), found.bytes().await.unwrap());
    }
    files
}

/// Reads records into a lake, so many to a batch.
async fn read_into(bucket: &Arc<InMemory>, catalog: Catalog, records: &[StreamRecord], size: u64) {
    read_shard(bucket, SHARD, catalog, records, size).await;
}

async fn read_shard(
    bucket: &Arc<InMemory>,
    shard: &str,
    catalog: Catalog,
    records: &[StreamRecord],
    size: u64,
) {
    let store = open(bucket).await;
    let limits = Limits {
        records: size,
        bytes: u64::MAX,
    };
    let mut shard = Shard::new(
        shard.to_owned(),
        Arc::new(catalog),
        limits,
        StatePaths::new("stream", 1),
        Checkpoint::default(),
        Window::default(),
        Segment::default(),
    );
    let mut queue: VecDeque<_> = records.to_vec().into();
    loop {
        let is_last = !shard.take(&mut queue);
        if let Some(batch) = shard.close() {
            let flush = shard.flush(batch.encode().unwrap()).unwrap();
            let state = [flush.window, Some(flush.manifest), Some(flush.commit)];
            for file in flush.files.into_iter().chain(state.into_iter().flatten()) {
                store.put(&file, Existing::Replace).await.unwrap();
            }
        }
        if is_last {
            break;
        }
    }
    store.close().await;
}

/// Sign-ups, one a second, in any order.
fn sign_ups(count: usize) -> Vec<StreamRecord> {
    let mut chance = Chance(3);
    let ids: Vec<String> = (0..count).map(|number| format!("e{number}")).collect();
    let records = ids.iter().enumerate().map(|(number, id)| {
        let mut event = sign_up(id);
        event.event_timestamp = Timestamp(NOON + 1_000 * (chance.next() % 3_600) as i64);
        event.client.client_id = format!("client-{}", number % 3).into();
        at(number, event.encode())
    });
    records.collect()
}

async fn run(store: &Store, settings: &CompactSettings) -> Vec<Compacted> {
    let mut done = Vec::new();
    let tell = |progress| match progress {
        Progress::Done(compacted) => done.push(compacted),
        other => panic!("{other:?}"),
    };
    compact(store, settings, tell).await.unwrap();
    done
}

/// Takes the rows of one client out. Gives how many there were.
async fn forget_client(store: &Store) -> Result<u64, CompactError> {
    let person = Person {
        clients: ["client-1".to_owned()].into(),
        ..Person::default()
    };
    let mut forgotten = 0;
    let tell = |progress| {
        if let Progress::Done(done) = progress {
            forgotten += done.forgotten;
        }
    };
    forget(store, &settings(), &person, tell).await?;
    Ok(forgotten)
}

async fn findings(store: &Store) -> Vec<String> {
    let verified = verify(store).await.unwrap();
    verified.findings.iter().map(ToString::to_string).collect()
}

fn merged(files: &Files) -> Vec<&String> {
    let names = files.keys().filter(|path| path.contains("/merged."));
    names.collect()
}

#[tokio::test]
async fn files_of_a_day_that_is_over_become_few_and_are_sorted_by_time() {
    let bucket = Arc::new(InMemory::new());
    let records = sign_ups(100);
    read_into(&bucket, support::catalog(), &records, 7).await;
    let before = support::row_ids(&files(&bucket).await);
    let store = open(&bucket).await;
    let large = whole();
    let done = run(&store, &large).await;
    assert_eq!(done.len(), 1);
    // 15 batches, of which the last is left for who has lost the checkpoint.
    assert_eq!((done[0].files_before, done[0].files_after), (14, 1));
    assert_eq!((done[0].rows, done[0].duplicates), (98, 0));
    let after = files(&bucket).await;
    assert_eq!(support::row_ids(&after), before);
    let rows = support::read_parquet(after[merged(&after)[0]].clone());
    let times = rows.column_by_name("event_timestamp").unwrap();
    let times = times.as_primitive::<TimestampMillisecondType>().values();
    assert!(times.is_sorted());
    assert_eq!(findings(&store).await, [""; 0]);
    check_files(&store).await.unwrap();
    // There is nothing left to do.
    assert_eq!(run(&store, &large).await.len(), 0);
    store.close().await;
}

#[tokio::test]
async fn few_files_of_a_day_that_is_not_over_are_left() {
    let bucket = Arc::new(InMemory::new());
    read_into(&bucket, support::catalog(), &sign_ups(20), 4).await;
    let store = open(&bucket).await;
    let now = CompactSettings {
        now: meanwhile,
        ..settings()
    };
    assert_eq!(run(&store, &now).await.len(), 0);
    store.close().await;
}

#[tokio::test]
async fn a_day_that_is_over_waits_for_more_late_events_after_its_latest_file() {
    const LONG: i64 = 100 * 365 * DAY;
    let bucket = Arc::new(InMemory::new());
    read_into(&bucket, support::catalog(), &sign_ups(20), 4).await;
    let store = open(&bucket).await;
    let waiting = CompactSettings {
        wait_for_late: LONG,
        ..whole()
    };
    assert_eq!(run(&store, &waiting).await.len(), 0);
    assert_eq!(run(&store, &whole()).await.len(), 1);
    // It does not wait where it has many.
    let bucket = Arc::new(InMemory::new());
    read_into(&bucket, support::catalog(), &sign_ups(20), 1).await;
    let store = open(&bucket).await;
    assert_eq!(run(&store, &waiting).await.len(), 1);
    store.close().await;
}

/// Killed after each number of writes, and started again: rows are never missing, and once all is done, never
/// double.
#[tokio::test]
async fn a_merge_that_is_killed_at_any_point_loses_and_doubles_nothing() {
    let mut kills = 0;
    for writes in 0..12 {
        let bucket = Arc::new(InMemory::new());
        read_into(&bucket, support::catalog(), &sign_ups(16), 4).await;
        let all = support::row_ids(&files(&bucket).await);
        let dying = Dying::after(usize::MAX, bucket.clone());
        let objects: Arc<dyn ObjectStore> = dying.clone();
        let store = Store::open_objects(objects, LeaseTimes::default())
            .await
            .unwrap();
        dying.writes_left.store(writes, Ordering::SeqCst);
        let mut failed = false;
        let settings = settings();
        let outcome = compact(&store, &settings, |progress| {
            failed |= matches!(progress, Progress::Failed(..));
        });
        let killed = outcome.await.is_err() || failed;
        kills += usize::from(killed);
        dying.writes_left.store(usize::MAX, Ordering::SeqCst);
        let during = support::row_ids(&files(&bucket).await);
        let distinct: BTreeSet<&String> = during.iter().collect();
        assert!(distinct.iter().copied().eq(&all), "after {writes} writes");
        assert_eq!(findings(&store).await, [""; 0], "after {writes} writes");
        run(&store, &settings).await;
        run(&store, &settings).await;
        assert_eq!(
            support::row_ids(&files(&bucket).await),
            all,
            "after {writes} writes"
        );
        assert_eq!(findings(&store).await, [""; 0], "after {writes} writes");
        store.close().await;
    }
    assert!(kills >= 10, "only {kills}");
}

/// A function of AWS Lambda has no memory of what it wrote: the same events come in several files.
#[tokio::test]
async fn an_event_of_several_files_is_one_row_and_the_one_that_arrived_first() {
    let bucket = Arc::new(InMemory::new());
    let mut second = sign_ups(10);
    for record in &mut second {
        let json = String::from_utf8(record.data.to_vec()).unwrap();
        let arrival = (NOON + 40).to_string();
        let later = (NOON + 90).to_string();
        assert!(json.contains(&arrival));
        record.data = json.replace(&arrival, &later).into();
    }
    // The later copies are written first.
    let last = at(1_000, support::record("PiecePlayedEvent", "last").encode());
    for (shard, size, records) in [(1, 5, &second), (2, 2, &sign_ups(10)), (3, 1, &second)] {
        let records: Vec<_> = records.iter().chain([&last]).cloned().collect();
        let shard = format!("shardId-00000000000{shard}");
        read_shard(&bucket, &shard, support::catalog(), &records, size).await;
        forget_state(&bucket).await;
    }
    let store = open(&bucket).await;
    let done = run(&store, &in_a_year()).await;
    let duplicates: u64 = done.iter().map(|done| done.duplicates).sum();
    assert_eq!(
        duplicates,
        20 + 2,
        "ten events and the last one, each three times"
    );
    let after = files(&bucket).await;
    let ids: BTreeSet<String> = support::row_ids(&after).into_iter().collect();
    assert_eq!(support::row_ids(&after).len(), ids.len());
    assert_eq!(ids.len(), 11);
    for path in merged(&after) {
        let rows = support::read_parquet(after[path].clone());
        let arrivals = rows.column_by_name("arrival_timestamp").unwrap();
        let arrivals = arrivals.as_primitive::<TimestampMillisecondType>();
        assert!(arrivals.values().iter().all(|time| *time == NOON + 40));
    }
    store.close().await;
}

/// As a function that is invoked again with other boundaries writes them: beside a file that is much larger.
#[tokio::test]
async fn what_a_merged_file_has_goes_out_of_a_small_file_that_stays_beside_it() {
    let bucket = Arc::new(InMemory::new());
    let records = sign_ups(100);
    read_into(&bucket, support::catalog(), &records, 20).await;
    forget_state(&bucket).await;
    let store = open(&bucket).await;
    let large = CompactSettings {
        bounds: whole().bounds,
        ..in_a_year()
    };
    assert_eq!(run(&store, &large).await.len(), 1);
    store.close().await;
    let second = [&records[7..9], &[at(100, sign_up("late").encode())]].concat();
    read_shard(
        &bucket,
        "shardId-000000000009",
        support::catalog(),
        &second,
        3,
    )
    .await;
    forget_state(&bucket).await;
    let store = open(&bucket).await;
    // More late events may come, to be merged with.
    let soon = CompactSettings {
        now: || Timestamp(forebay_lake::source::kinesis::now().0 + DAY / 2 + 3_600_000),
        ..large
    };
    assert_eq!(run(&store, &soon).await.len(), 0);
    let done = run(&store, &large).await;
    let [done] = done.as_slice() else {
        panic!("{done:?}")
    };
    assert_eq!((done.files_before, done.rows, done.duplicates), (1, 1, 2));
    let ids = support::row_ids(&files(&bucket).await);
    assert_eq!(ids.len(), 101);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 101);
    assert_eq!(findings(&store).await, [""; 0]);
    // Not again and again.
    assert_eq!(run(&store, &large).await.len(), 0);
    store.close().await;
}

/// The storage in memory says that files are as old as the test.
fn in_a_year() -> CompactSettings {
    CompactSettings {
        now: || Timestamp(forebay_lake::source::kinesis::now().0 + 365 * DAY),
        ..settings()
    }
}

/// As if who wrote the files had no memory of it.
async fn forget_state(bucket: &Arc<InMemory>) {
    for path in files(bucket).await.keys() {
        if path.starts_with("_state/stream") {
            bucket.delete(&Path::from(path.as_str())).await.unwrap();
        }
    }
}

#[tokio::test]
async fn files_of_an_older_schema_are_merged_and_what_they_lack_is_null() {
    let bucket = Arc::new(InMemory::new());
    let records = sign_ups(20);
    read_into(&bucket, support::catalog(), &records[..8], 4).await;
    forget_state(&bucket).await;
    read_into(&bucket, support::catalog_with_plan(), &records[8..], 4).await;
    let store = open(&bucket).await;
    let large = CompactSettings {
        bounds: Bounds::default(),
        ..settings()
    };
    assert_eq!(run(&store, &large).await.len(), 1);
    let after = files(&bucket).await;
    let rows = support::read_parquet(after[merged(&after)[0]].clone());
    assert_eq!(rows.num_rows(), 16);
    assert_eq!(rows.column_by_name("plan").unwrap().null_count(), 16);
    assert_eq!(rows.column_by_name("email").unwrap().null_count(), 0);
    store.close().await;
}

#[tokio::test]
async fn a_person_is_taken_out_of_every_file() {
    let bucket = Arc::new(InMemory::new());
    read_into(&bucket, support::catalog(), &sign_ups(30), 4).await;
    let store = open(&bucket).await;
    let forgotten = forget_client(&store).await.unwrap();
    assert_eq!(forgotten, 10);
    let after = files(&bucket).await;
    assert_eq!(support::row_ids(&after).len(), 20);
    for (path, bytes) in after.iter().filter(|(path, _)| path.ends_with(".parquet")) {
        let rows = support::read_parquet(bytes.clone());
        let clients = support::strings(&rows, "client_id");
        assert!(!clients.contains(&Some("client-1".to_owned())), "{path}");
    }
    assert_eq!(findings(&store).await, [""; 0]);
    // Once more: nobody is left.
    assert_eq!(forget_client(&store).await.unwrap(), 0);
    store.close().await;
}

#[tokio::test]
async fn a_person_in_rejected_records_is_told_of_and_nobody_else() {
    let bucket = Arc::new(InMemory::new());
    // A schema that has lost the event type: all records are rejected.
    read_into(&bucket, support::catalog_without_sign_up(), &sign_ups(6), 3).await;
    let store = open(&bucket).await;
    let mut told = Vec::new();
    for client in ["client-1", "client"] {
        let person = Person {
            clients: [client.to_owned()].into(),
            ..Person::default()
        };
        let tell = |progress| match progress {
            Progress::Rejected(of) => told.push((client, of.entries)),
            other => panic!("{other:?}"),
        };
        forget(&store, &settings(), &person, tell).await.unwrap();
    }
    assert_eq!(told, [("client-1", 1), ("client-1", 1)]);
    store.close().await;
}

/// A field had another type once, so that the files cannot be merged with each other.
#[tokio::test]
async fn a_person_is_taken_out_of_files_that_disagree_about_a_column() {
    let bucket = Arc::new(InMemory::new());
    let records = sign_ups(12);
    read_into(&bucket, support::catalog(), &records[..6], 3).await;
    forget_state(&bucket).await;
    read_into(&bucket, support::catalog_with_dates(), &records[6..], 3).await;
    let store = open(&bucket).await;
    let forgotten = forget_client(&store).await.unwrap();
    assert_eq!(forgotten, 4);
    assert_eq!(support::row_ids(&files(&bucket).await).len(), 8);
    store.close().await;
}

#[tokio::test]
async fn nobody_is_forgotten_who_would_come_back() {
    let bucket = Arc::new(InMemory::new());
    read_into(&bucket, support::catalog(), &sign_ups(8), 4).await;
    let store = open(&bucket).await;
    let paths = StatePaths::new("stream", 1);
    let bytes = store
        .read_to_replace(&paths.checkpoint(SHARD))
        .await
        .unwrap()
        .unwrap();
    let mut checkpoint = Checkpoint::from_bytes(&bytes).unwrap();
    let names = files(&bucket).await;
    let names = names.keys().filter(|path| path.starts_with("events/"));
    checkpoint.pending = Some(forebay_lake::state::Cut {
        first: support::sequence_number(4),
        last: support::sequence_number(7),
        records: 4,
        files: names.cloned().collect(),
    });
    let file = forebay_lake::cut::File {
        path: paths.checkpoint(SHARD),
        bytes: checkpoint.to_bytes().unwrap().into(),
    };
    store.put(&file, Existing::Replace).await.unwrap();
    let outcome = forget_client(&store).await;
    assert!(
        matches!(outcome, Err(CompactError::UnderWay { .. })),
        "{outcome:?}"
    );
    assert_eq!(
        run(&store, &settings()).await.len(),
        0,
        "nor are they merged"
    );
    store.close().await;
}

/// Any bytes, or a file that is cut short, cost their own partition.
#[tokio::test]
async fn a_damaged_file_is_named_and_nothing_is_lost() {
    let bucket = Arc::new(InMemory::new());
    read_into(&bucket, support::catalog(), &sign_ups(20), 4).await;
    let before = files(&bucket).await;
    let first = before
        .keys()
        .find(|path| path.starts_with("events/"))
        .unwrap();
    for end in [0, 3, 100, before[first].len() - 1] {
        let bytes = before[first].slice(..end);
        bucket
            .put(&Path::from(first.as_str()), bytes.into())
            .await
            .unwrap();
        let store = open(&bucket).await;
        let mut told = Vec::new();
        compact(&store, &settings(), |progress| match progress {
            Progress::Failed(_, error) => told.push(error.to_string()),
            other => panic!("{other:?}"),
        })
        .await
        .unwrap();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains(first.as_str()), "{told:?}");
        assert!(
            before
                .keys()
                .all(|path| path.starts_with("_state") || path.contains("sign_up"))
        );
        store.close().await;
        assert_eq!(merged(&files(&bucket).await), [""; 0]);
    }
}
