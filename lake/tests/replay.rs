//! Rejected records become rows after the schema was corrected, each once, whenever a replay is killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::sync::Arc;

use forebay_core::time::Timestamp;
use forebay_lake::cut::Limits;
use forebay_lake::run::dead_letters::dead_letters;
use forebay_lake::run::import::{Archive, import};
use forebay_lake::run::replay::{Replayed, replay};
use forebay_lake::run::verify::verify;
use forebay_lake::store::{LeaseTimes, Store};
use forebay_lake::table::Catalog;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use support::chance::Chance;
use support::dying::Dying;
use support::{DAY, Files, NOON, record, rejected, row_ids, sign_up};

fn now() -> Timestamp {
    Timestamp(NOON + 3_600_000)
}

const SMALL: Limits = Limits {
    records: 5,
    bytes: 1 << 20,
};

async fn open(lake: &Arc<InMemory>, writes: usize) -> Option<Arc<Store>> {
    // Of a process that was killed; else its lease would have to run out first.
    let _ = lake.delete(&Path::from("_state/lock")).await;
    let dying = Dying::after(writes, lake.clone());
    let store = Store::open_objects(dying, LeaseTimes::default()).await;
    store.ok().map(Arc::new)
}

/// Takes records into the lake, by a schema.
async fn take_in(lake: &Arc<InMemory>, catalog: Catalog, object: &str, records: &[String]) {
    let objects = Arc::new(InMemory::new());
    objects
        .put(&Path::from(object), records.concat().into())
        .await
        .unwrap();
    let archive = Archive {
        objects,
        root: "/archive".to_owned(),
        has_checksums: false,
    };
    let store = open(lake, usize::MAX).await.unwrap();
    import(&store, Arc::new(catalog), &archive, SMALL, now, |_| {})
        .await
        .unwrap();
    store.close().await;
}

/// Runs a replay whose process is killed after so many writes.
async fn run(lake: &Arc<InMemory>, catalog: Catalog, writes: usize) -> Option<Replayed> {
    let store = open(lake, writes).await?;
    let outcome = replay(&store, Arc::new(catalog), SMALL, now, |_| {}).await;
    store.close().await;
    outcome.ok()
}

async fn files(lake: &InMemory) -> Files {
    let found: Vec<_> = lake.list(None).try_collect().await.unwrap();
    let mut files = Files::new();
    for object in found {
        let bytes = lake
            .get(&object.location)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        files.insert(object.location.to_string(), bytes);
    }
    files
}

async fn findings(lake: &Arc<InMemory>) -> Vec<String> {
    let verified = verify(&Store::read_objects(lake.clone())).await.unwrap();
    verified.findings.iter().map(ToString::to_string).collect()
}

/// A lake whose schema did not know sign-ups: of 24 records 16 are rejected for that, and 4 for good.
async fn with_rejected() -> Arc<InMemory> {
    let lake = Arc::new(InMemory::new());
    let mut records = Vec::new();
    for number in 0..4 {
        for sign in 0..4 {
            let id = format!("s{number}{sign}");
            let mut event = sign_up(&id);
            event.event_timestamp = Timestamp(NOON - DAY * (sign % 2));
            records.push(event.encode());
        }
        records.push(record("PiecePlayedEvent", &format!("p{number}")).encode());
        records.push("no JSON\n".to_owned());
    }
    take_in(&lake, support::catalog_without_sign_up(), "a", &records).await;
    let files = files(&lake).await;
    assert_eq!((row_ids(&files).len(), rejected(&files).len()), (4, 20));
    lake
}

fn ids() -> Vec<String> {
    let signs = (0..4).flat_map(|number| (0..4).map(move |sign| format!("s{number}{sign}")));
    let played = (0..4).map(|number| format!("p{number}"));
    played.chain(signs).collect()
}

#[tokio::test]
async fn what_was_rejected_is_rows_after_a_correction() {
    let lake = with_rejected().await;
    // Nothing has changed: nothing is written.
    let before = files(&lake).await;
    let idle = run(&lake, support::catalog_without_sign_up(), usize::MAX)
        .await
        .unwrap();
    assert_eq!((idle.replaced, idle.counts.records), (0, 0));
    let data = |files: &Files| {
        files
            .keys()
            .filter(|path| !path.starts_with("_state"))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(data(&files(&lake).await), data(&before));

    let original = rejected(&before)
        .into_iter()
        .find(|entry| entry["reason"] == "malformed_record")
        .unwrap();
    let done = run(&lake, support::catalog(), usize::MAX).await.unwrap();
    assert_eq!(
        (done.counts.records, done.counts.rows, done.counts.rejected),
        (20, 16, 4)
    );
    let after = files(&lake).await;
    assert_eq!(row_ids(&after), ids());
    // What is rejected again is the same entry.
    let entries = rejected(&after);
    assert_eq!(entries.len(), 4);
    assert!(entries.contains(&original), "{original} in {entries:?}");
    assert_eq!(findings(&lake).await, [""; 0]);

    let again = run(&lake, support::catalog(), usize::MAX).await.unwrap();
    assert_eq!((again.replaced, again.counts.records), (0, 0));
    assert_eq!(data(&files(&lake).await), data(&after));
}

#[tokio::test]
async fn an_event_that_was_sent_again_meanwhile_is_no_second_row() {
    let lake = with_rejected().await;
    let again: Vec<_> = ["s00", "s11"]
        .map(|id| {
            let mut event = sign_up(id);
            event.event_timestamp = Timestamp(NOON - DAY * i64::from(id == "s11"));
            event.encode()
        })
        .into();
    take_in(&lake, support::catalog(), "b", &again).await;
    let done = run(&lake, support::catalog(), usize::MAX).await.unwrap();
    let counts = done.counts;
    assert_eq!(
        (counts.rows, counts.duplicates, counts.rejected),
        (14, 2, 4)
    );
    assert_eq!(row_ids(&files(&lake).await), ids());
    assert_eq!(findings(&lake).await, [""; 0]);
}

#[tokio::test]
async fn killed_after_any_write_a_replay_loses_and_doubles_nothing() {
    let mut chance = Chance(1);
    for first in 0..24 {
        let lake = with_rejected().await;
        let mut writes = vec![first];
        while run(&lake, support::catalog(), *writes.last().unwrap())
            .await
            .is_none()
        {
            let context = format!("killed after {writes:?}");
            // At each moment every record is somewhere.
            let now = files(&lake).await;
            let mut there = row_ids(&now);
            let entries = rejected(&now);
            there.extend(
                entries
                    .iter()
                    .filter_map(|entry| Some(entry["event_id"].as_str()?.to_owned())),
            );
            there.sort_unstable();
            there.dedup();
            assert_eq!(there, ids(), "{context}");
            writes.push(match writes.len() {
                8 => usize::MAX,
                _ => chance.within(0..14),
            });
        }
        let context = format!("killed after {writes:?}");
        let after = files(&lake).await;
        assert_eq!(row_ids(&after), ids(), "{context}");
        assert_eq!(rejected(&after).len(), 4, "{context}");
        assert_eq!(findings(&lake).await, [""; 0], "{context}");
    }
}

#[tokio::test]
async fn a_schema_that_changes_while_a_replay_is_killed_loses_nothing() {
    for first in 0..16 {
        let lake = with_rejected().await;
        if run(&lake, support::catalog(), first).await.is_some() {
            continue;
        }
        // Back to the schema that does not know them, and forward again.
        run(&lake, support::catalog_without_sign_up(), usize::MAX)
            .await
            .unwrap();
        assert_eq!(findings(&lake).await, [""; 0], "{first}");
        run(&lake, support::catalog(), usize::MAX).await.unwrap();
        let after = files(&lake).await;
        assert_eq!(row_ids(&after), ids(), "{first}");
        assert_eq!(rejected(&after).len(), 4, "{first}");
        assert_eq!(findings(&lake).await, [""; 0], "{first}");
    }
}

#[tokio::test]
async fn dead_letters_come_out_as_they_went_in() {
    let letter = |number: u32, members: &str| {
        format!(
            r#"{{"dead_letter_version":1,"dead_letter_id":"r-{number}","arrival_timestamp":{NOON},"app_id":"app","client_id":"é","schema_version":7,"reasons":[{{"path":"a","rule":"b","expected":"c","actual":"d"}}],{members}}}"#
        )
    };
    let sent = [
        letter(
            1,
            r#""kind":"event","event_id":"k","event_type":"A","format":"put_events","event":{"EventType":"A","Metrics":{"m":1.50}},"endpoint":null,"redacted":["Attributes.email"]"#,
        ),
        letter(
            2,
            r#""kind":"event","event_id":"k","event_type":null,"format":"text","event":"{\"EventType\":","endpoint":null,"redacted":[]"#,
        ),
        letter(
            3,
            r#""kind":"endpoint","event_id":null,"event_type":null,"format":"put_events","event":null,"endpoint":{"OptOut":"x"},"redacted":[]"#,
        ),
        letter(
            4,
            r#""kind":"event","event_id":"k","event_type":null,"format":"plain","event":"null","endpoint":null,"redacted":[]"#,
        ),
    ];
    let lake = Arc::new(InMemory::new());
    let lines: Vec<_> = sent.iter().map(|letter| format!("{letter}\n")).collect();
    take_in(&lake, support::catalog(), "letters", &lines).await;
    let mut found: Vec<serde_json::Value> = Vec::new();
    let store = Store::read_objects(lake.clone());
    let write = |letter: &str| found.push(serde_json::from_str(letter).unwrap());
    assert_eq!(dead_letters(&store, write).await.unwrap(), 4);
    let sent = sent
        .iter()
        .map(|letter| serde_json::from_str(letter).unwrap());
    assert_eq!(found, sent.collect::<Vec<serde_json::Value>>());
}
