//! Only the holder of the lease writes to a lake.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use forebay_lake::compact::merge::Bounds;
use forebay_lake::cut::File;
use forebay_lake::run::compact::{CompactError, CompactSettings, compact};
use forebay_lake::source::kinesis::now;
use forebay_lake::store::{Existing, LeaseTimes, Role, Store, StoreError};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use support::dying::Dying;

const SHORT: LeaseTimes = LeaseTimes {
    life: Duration::from_millis(200),
    renewal: Duration::from_millis(20),
};
/// Of a process that does not notice that its lease is over.
const STUCK: LeaseTimes = LeaseTimes {
    life: Duration::from_secs(3_600),
    renewal: Duration::from_secs(3_600),
};

fn file(path: &str, text: &'static str) -> File {
    File {
        path: path.to_owned(),
        bytes: text.into(),
    }
}

async fn text(bucket: &Arc<InMemory>, path: &str) -> String {
    let found = bucket.get(&Path::from(path)).await.unwrap();
    String::from_utf8(found.bytes().await.unwrap().to_vec()).unwrap()
}

async fn open(bucket: &Arc<InMemory>, times: LeaseTimes) -> Result<Store, StoreError> {
    let bucket: Arc<dyn ObjectStore> = bucket.clone();
    Store::open_objects(bucket, times).await
}

#[tokio::test]
async fn a_lease_that_is_renewed_keeps_others_out_and_one_that_is_not_is_taken() {
    let bucket = Arc::new(InMemory::new());
    let first = open(&bucket, SHORT).await.unwrap();
    let second = open(&bucket, SHORT).await;
    assert!(matches!(second, Err(StoreError::Locked { .. })));
    first
        .put(&file("events/a", "1"), Existing::Replace)
        .await
        .unwrap();
    // Dies without a word.
    drop(first);
    let second = open(&bucket, SHORT).await.unwrap();
    assert_eq!(second.epoch(), 2);
    second.close().await;
    let third = open(&bucket, STUCK).await.unwrap();
    assert_eq!(third.epoch(), 3);
}

#[tokio::test]
async fn a_lease_that_was_given_back_is_taken_at_once() {
    let bucket = Arc::new(InMemory::new());
    open(&bucket, STUCK).await.unwrap().close().await;
    let second = open(&bucket, STUCK);
    let second = tokio::time::timeout(Duration::from_secs(60), second).await;
    assert_eq!(second.unwrap().unwrap().epoch(), 2);
}

#[tokio::test]
async fn a_zombie_writes_neither_state_nor_over_the_files_of_its_successor() {
    let bucket = Arc::new(InMemory::new());
    let zombie = open(&bucket, STUCK).await.unwrap();
    let (state, data) = ("_state/s/shard.json", "events/t/a.parquet");
    zombie
        .put(&file(state, "1"), Existing::Replace)
        .await
        .unwrap();

    let successor = open(&bucket, SHORT).await.unwrap();
    assert_eq!(
        successor.read_to_replace(state).await.unwrap().unwrap(),
        "1"
    );
    successor
        .put(&file(state, "2"), Existing::Replace)
        .await
        .unwrap();
    successor
        .put(&file(data, "two"), Existing::Replace)
        .await
        .unwrap();

    let lost = |outcome| matches!(outcome, Err(StoreError::LeaseLost { .. }));
    assert!(lost(zombie.put(&file(state, "z"), Existing::Replace).await));
    assert!(lost(
        zombie.put(&file(data, "zombie"), Existing::Replace).await
    ));
    assert_eq!(text(&bucket, state).await, "2");
    assert_eq!(text(&bucket, data).await, "two");
    // The holder itself replaces what a life before it has left.
    successor
        .put(&file(data, "three"), Existing::Replace)
        .await
        .unwrap();
    successor
        .put(&file(data, "four"), Existing::Keep)
        .await
        .unwrap();
    assert_eq!(text(&bucket, data).await, "three");
    successor
        .put(&file(state, "3"), Existing::Replace)
        .await
        .unwrap();
}

#[tokio::test]
async fn an_answer_that_was_lost_is_no_other_writer() {
    let bucket = Arc::new(InMemory::new());
    let store = open(&bucket, STUCK).await.unwrap();
    let state = file("_state/s/shard.json", "1");
    store.put(&state, Existing::Replace).await.unwrap();
    // Written behind its back, as by a request of its own that was given up.
    let path = Path::from("_state/s/shard.json");
    bucket.put(&path, "2".into()).await.unwrap();
    store
        .put(&file("_state/s/shard.json", "2"), Existing::Replace)
        .await
        .unwrap();
    store
        .put(&file("_state/s/shard.json", "3"), Existing::Replace)
        .await
        .unwrap();
    assert_eq!(text(&bucket, "_state/s/shard.json").await, "3");
}

/// Else compaction could delete it, by the time of its first write, before the last try of that write has arrived.
#[tokio::test]
async fn a_file_of_rows_that_is_there_already_is_as_old_as_its_last_write() {
    let bucket = Arc::new(InMemory::new());
    let store = open(&bucket, STUCK).await.unwrap();
    let path = Path::from("events/a");
    let version = async || bucket.head(&path).await.unwrap().e_tag.unwrap();
    let mut before = String::new();
    for (bytes, existing, after) in [
        ("1", Existing::Replace, "1"),
        ("1", Existing::Replace, "1"),
        ("2", Existing::Keep, "1"),
        ("2", Existing::Replace, "2"),
    ] {
        store.put(&file("events/a", bytes), existing).await.unwrap();
        assert_eq!(text(&bucket, "events/a").await, after);
        let now = version().await;
        assert_ne!(now, before);
        before = now;
    }
}

#[tokio::test]
async fn a_folder_whose_lock_was_deleted_is_written_to_by_one_process_alone() {
    let folder = std::env::temp_dir().join(format!("forebay-store-{}", std::process::id()));
    let first = Store::open_folder(&folder).unwrap();
    let second = Store::open_folder(&folder);
    assert!(matches!(second, Err(StoreError::Locked { .. })));
    first
        .put(&file("events/a", "1"), Existing::Replace)
        .await
        .unwrap();
    std::fs::remove_file(folder.join("_state/lock")).unwrap();
    let second = Store::open_folder(&folder).unwrap();
    let outcome = first.put(&file("events/a", "2"), Existing::Replace).await;
    assert!(matches!(outcome, Err(StoreError::LeaseLost { .. })));
    second
        .put(&file("events/a", "3"), Existing::Replace)
        .await
        .unwrap();
    let written = std::fs::read_to_string(folder.join("events/a")).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(written, "3");
}

async fn join(bucket: &Arc<InMemory>, times: LeaseTimes) -> Result<Store, StoreError> {
    let bucket: Arc<dyn ObjectStore> = bucket.clone();
    Store::join_objects(bucket, times, Role::Consume).await
}

#[tokio::test]
async fn processes_join_a_bucket_that_nobody_has_alone_and_a_claim_is_held_by_one() {
    let bucket = Arc::new(InMemory::new());
    let first = join(&bucket, SHORT).await.unwrap();
    let second = join(&bucket, SHORT).await.unwrap();
    let claim = first.claim("a/shard").await.unwrap().unwrap();
    assert_eq!(claim.epoch(), 1);
    assert!(second.claim("a/shard").await.unwrap().is_none());
    assert_eq!(second.consumers().await.unwrap(), 2);
    let alone = open(&bucket, SHORT).await;
    assert!(matches!(alone, Err(StoreError::Locked { .. })));
    claim.give_up().await;
    assert_eq!(second.claim("a/shard").await.unwrap().unwrap().epoch(), 2);
    // Dies without a word.
    drop(second);
    while first.consumers().await.unwrap() > 1 {
        tokio::time::sleep(SHORT.renewal).await;
    }
    assert_eq!(first.claim("a/shard").await.unwrap().unwrap().epoch(), 3);
    first.close().await;
    let alone = open(&bucket, SHORT).await.unwrap();
    let joined = join(&bucket, SHORT).await;
    assert!(matches!(joined, Err(StoreError::Locked { .. })));
    alone.close().await;
}

#[tokio::test]
async fn a_process_that_was_ended_by_another_notices_at_its_next_write() {
    let bucket = Arc::new(InMemory::new());
    let zombie = join(&bucket, STUCK).await.unwrap();
    let _claim = zombie.claim("a/shard").await.unwrap().unwrap();
    let checkpoint = "_state/a/shard.json";
    zombie
        .put(&file(checkpoint, "1"), Existing::Replace)
        .await
        .unwrap();
    let successor = join(&bucket, SHORT).await.unwrap();
    while successor.claim("a/shard").await.unwrap().is_none() {
        successor.consumers().await.unwrap();
        tokio::time::sleep(SHORT.renewal).await;
    }
    successor.read_to_replace(checkpoint).await.unwrap();
    successor
        .put(&file(checkpoint, "2"), Existing::Replace)
        .await
        .unwrap();
    // A merge may have taken the rows of this file, and deleted it.
    let late = zombie.put(&file("events/a", "z"), Existing::Replace).await;
    assert!(matches!(late, Err(StoreError::LeaseLost { .. })));
    assert!(successor.read("events/a").await.unwrap().is_none());
    // What others write may be read at any time, and makes no write possible.
    zombie.read(checkpoint).await.unwrap();
    let outcome = zombie.put(&file(checkpoint, "z"), Existing::Replace).await;
    assert!(matches!(outcome, Err(StoreError::LeaseLost { .. })));
    let lost = zombie.check_lease().await;
    assert!(matches!(lost, Err(StoreError::LeaseLost { .. })));
    assert_eq!(text(&bucket, checkpoint).await, "2");
}

/// Else nobody would read a shard for as long as both processes live.
#[tokio::test]
async fn a_claim_is_free_although_the_storage_failed_as_it_was_given_up() {
    let bucket = Arc::new(InMemory::new());
    let failing = Dying::after(usize::MAX, bucket.clone());
    let join_failing = Store::join_objects(failing.clone(), STUCK, Role::Consume);
    let first = join_failing.await.unwrap();
    let second = join(&bucket, STUCK).await.unwrap();
    let claim = first.claim("a/shard").await.unwrap().unwrap();
    failing.writes_left.store(0, Ordering::SeqCst);
    claim.give_up().await;
    assert!(second.claim("a/shard").await.unwrap().is_none());
    failing.writes_left.store(usize::MAX, Ordering::SeqCst);
    first.consumers().await.unwrap();
    assert!(second.claim("a/shard").await.unwrap().is_some());
}

/// As on AWS Lambda, where no process reads the stream that would notice.
#[tokio::test]
async fn a_process_that_was_killed_as_it_compacted_keeps_no_other_from_it() {
    let bucket = Arc::new(InMemory::new());
    let compactor = async || {
        let bucket: Arc<dyn ObjectStore> = bucket.clone();
        Store::join_objects(bucket, SHORT, Role::Compact).await
    };
    let settings = CompactSettings {
        bounds: Bounds::default(),
        wait_for_late: 0,
        now,
    };
    let first = compactor().await.unwrap();
    let _claim = first.claim("compaction").await.unwrap().unwrap();
    let second = compactor().await.unwrap();
    let outcome = compact(&second, &settings, |_| {}).await;
    let is_locked = |error| matches!(error, CompactError::Store(StoreError::Locked { .. }));
    assert!(outcome.is_err_and(is_locked));
    // Dies without a word.
    drop(first);
    compact(&second, &settings, |_| {}).await.unwrap();
}

#[tokio::test]
async fn processes_join_a_folder_and_one_that_ends_leaves_its_claims() {
    let folder = std::env::temp_dir().join(format!("forebay-joined-{}", std::process::id()));
    let first = Store::join_folder(&folder, Role::Consume).unwrap();
    let second = Store::join_folder(&folder, Role::Consume).unwrap();
    let third = Store::join_folder(&folder, Role::Compact).unwrap();
    assert_eq!(first.consumers().await.unwrap(), 2);
    let claim = second.claim("a/shard").await.unwrap().unwrap();
    assert!(first.claim("a/shard").await.unwrap().is_none());
    let alone = Store::open_folder(&folder);
    assert!(matches!(alone, Err(StoreError::Locked { .. })));
    drop((claim, second, third));
    assert_eq!(first.consumers().await.unwrap(), 1);
    let claim = first.claim("a/shard").await.unwrap().unwrap();
    assert_eq!(claim.epoch(), 2);
    // The file of a lock that somebody deletes keeps nobody out.
    std::fs::remove_file(folder.join("_state/leases/a/shard")).unwrap();
    assert!(claim.check().is_err());
    std::fs::remove_file(folder.join("_state/lock")).unwrap();
    let outcome = first.put(&file("events/a", "1"), Existing::Replace).await;
    assert!(matches!(outcome, Err(StoreError::LeaseLost { .. })));
    std::fs::remove_dir_all(&folder).unwrap();
}
