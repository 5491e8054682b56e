//! Archives become rows exactly once, however often an import runs or is killed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use forebay_core::time::Timestamp;
use forebay_lake::cut::Limits;
use forebay_lake::run::import::{Archive, Imported, import};
use forebay_lake::run::verify::verify;
use forebay_lake::store::{LeaseTimes, Store};
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::json;
use support::chance::Chance;
use support::dying::Dying;
use support::{Files, NOON, record, rejected, row_ids, sign_up};

fn now() -> Timestamp {
    Timestamp(NOON + 3_600_000)
}

const LIMITS: Limits = Limits {
    records: 7,
    bytes: 1 << 20,
};

async fn archive(objects: &[(&str, Vec<u8>)]) -> Archive {
    let storage = InMemory::new();
    for (path, bytes) in objects {
        let bytes = bytes.clone().into();
        storage
            .put(&Path::parse(path).unwrap(), bytes)
            .await
            .unwrap();
    }
    Archive {
        objects: Arc::new(storage),
        root: "/archive".to_owned(),
        has_checksums: false,
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Runs an import whose process is killed after so many writes.
async fn run(lake: &Arc<InMemory>, archive: &Archive, writes: usize) -> Option<Imported> {
    // Of a process that was killed; else its lease would have to run out first.
    let _ = lake.delete(&Path::from("_state/lock")).await;
    let dying = Dying::after(writes, lake.clone());
    let store = Store::open_objects(dying, LeaseTimes::default())
        .await
        .ok()?;
    let store = Arc::new(store);
    let catalog = Arc::new(support::catalog());
    let outcome = import(&store, catalog, archive, LIMITS, now, |_| {}).await;
    store.close().await;
    outcome.ok()
}

async fn files(lake: &InMemory) -> Files {
    let found: Vec<_> = lake.list(None).try_collect().await.unwrap();
    let mut files = BTreeMap::new();
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
    let store = Store::read_objects(lake.clone());
    let verified = verify(&store).await.unwrap();
    verified.findings.iter().map(ToString::to_string).collect()
}

/// Objects in all the forms that Firehose writes, with so many events of each kind.
fn objects() -> Vec<(&'static str, Vec<u8>)> {
    let text = |ids: &[&str], between: &str| {
        let events = ids
            .iter()
            .map(|id| sign_up(id).encode().trim_end().to_owned());
        events
            .map(|event| event + between)
            .collect::<String>()
            .into_bytes()
    };
    let pinpoint = format!(
        r#"{{"event_type":"_email.open","event_timestamp":{NOON},"arrival_timestamp":{NOON},"application":{{"app_id":"app","sdk":{{}}}},"client":{{"client_id":"c"}},"session":{{}}}}"#
    );
    let mut cut_short = gzip(&text(&["g1", "g2", "g3"], "\n"));
    cut_short.truncate(cut_short.len() - 6);
    let two_members = [gzip(&text(&["m1"], "")), gzip(&text(&["m2"], ""))].concat();
    vec![
        ("2026/11/21/00/a", text(&["a1", "a2", "a3"], "\n")),
        (
            "2026/11/21/00/b #2 [50%] ~å?.gz",
            gzip(&text(&["b1", "b2"], "")),
        ),
        (
            "2026/11/21/01/array",
            [b"[", text(&["c1"], "").as_slice(), b"]"].concat(),
        ),
        (
            "2026/11/21/01/bad",
            [
                text(&["d1"], "\n"),
                b"no JSON\n{\"event_type\":\n".to_vec(),
                text(&["d2"], "\n"),
            ]
            .concat(),
        ),
        ("2026/11/21/01/empty", Vec::new()),
        ("2026/11/21/02/again", text(&["a1", "b1"], "\n")),
        ("2026/11/21/02/cut.gz", cut_short),
        ("2026/11/21/02/members.gz", two_members),
        (
            "2026/11/21/03/pinpoint",
            format!("{pinpoint}\n{pinpoint}\n").into_bytes(),
        ),
        (
            "2026/11/21/03/unknown",
            record("Unknown", "u1").encode().into_bytes(),
        ),
    ]
}

const ROWS: [&str; 13] = [
    "a1", "a2", "a3", "b1", "b2", "c1", "d1", "d2", "g1", "g2", "g3", "m1", "m2",
];

fn check(files: &Files, context: &str) {
    let ids = row_ids(files);
    let (own, events): (Vec<_>, Vec<_>) = ids.iter().partition(|id| id.starts_with("import:"));
    assert_eq!(events, ROWS, "{context}");
    assert_eq!(own.len(), 2, "{context}");
    let entries = rejected(files);
    // A line that is no JSON, a value that is cut short, the end of the damaged gzip, an unknown type.
    assert_eq!(entries.len(), 4, "{context}: {entries:?}");
}

#[tokio::test]
async fn every_object_becomes_rows_and_entries_once() {
    let lake = Arc::new(InMemory::new());
    let archive = archive(&objects()).await;
    let imported = run(&lake, &archive, usize::MAX).await.unwrap();
    // One of them is empty.
    assert_eq!((imported.objects, imported.read), (10, 9));
    assert_eq!(imported.problems, [""; 0]);
    let counts = imported.counts;
    assert_eq!(
        (
            counts.records,
            counts.rows,
            counts.rejected,
            counts.duplicates
        ),
        (21, 15, 4, 2)
    );
    check(&files(&lake).await, "first");
    assert_eq!(findings(&lake).await, [""; 0]);

    // Again, and with one object more.
    let before = files(&lake).await;
    let again = run(&lake, &archive, usize::MAX).await.unwrap();
    assert_eq!((again.counts.records, again.read), (0, 0));
    let data = |files: &Files| -> Vec<_> {
        files
            .keys()
            .filter(|path| !path.starts_with("_state"))
            .cloned()
            .collect()
    };
    assert_eq!(data(&before), data(&files(&lake).await));
    let more = sign_up("z1").encode().into_bytes();
    archive
        .objects
        .put(&Path::from("2026/11/20/23/late"), more.into())
        .await
        .unwrap();
    let more = run(&lake, &archive, usize::MAX).await.unwrap();
    assert_eq!((more.counts.records, more.counts.rows), (1, 1));
    assert_eq!(findings(&lake).await, [""; 0]);
}

#[tokio::test]
async fn an_object_that_has_changed_is_told_and_not_imported_again() {
    let lake = Arc::new(InMemory::new());
    let archive = archive(&objects()[..1]).await;
    run(&lake, &archive, usize::MAX).await.unwrap();
    let path = Path::from("2026/11/21/00/a");
    // Written again as it was: another time, the same checksum.
    let same = objects().remove(0).1;
    archive.objects.put(&path, same.into()).await.unwrap();
    assert_eq!(
        run(&lake, &archive, usize::MAX).await.unwrap().problems,
        [""; 0]
    );
    let other = sign_up("x1").encode().into_bytes();
    archive.objects.put(&path, other.into()).await.unwrap();
    let imported = run(&lake, &archive, usize::MAX).await.unwrap();
    assert_eq!(imported.problems.len(), 1);
    assert_eq!(row_ids(&files(&lake).await), ["a1", "a2", "a3"]);
}

#[tokio::test]
async fn an_object_that_was_empty_is_imported_once_it_has_records() {
    let lake = Arc::new(InMemory::new());
    let archive = archive(&[("2026/a", Vec::new())]).await;
    let imported = run(&lake, &archive, usize::MAX).await.unwrap();
    assert_eq!((imported.objects, imported.read), (1, 0));
    let event = sign_up("a1").encode().into_bytes();
    archive
        .objects
        .put(&Path::from("2026/a"), event.into())
        .await
        .unwrap();
    let imported = run(&lake, &archive, usize::MAX).await.unwrap();
    assert_eq!((imported.read, imported.counts.rows), (1, 1));
    assert_eq!(imported.problems, [""; 0]);
}

#[tokio::test]
async fn what_aws_could_not_deliver_is_taken_out_of_its_report() {
    let lake = Arc::new(InMemory::new());
    let base64 = |id: &str| BASE64_STANDARD.encode(sign_up(id).encode());
    // By Firehose's guide: one object a record, without newlines.
    let failed = |id: &str| {
        format!(
            r#"{{"attemptsMade":4,"arrivalTimestamp":{NOON},"errorCode":"Lambda.FunctionError","rawData":"{}"}}"#,
            base64(id)
        )
    };
    // By Lambda's guide, for an event source of Kinesis.
    let record = |id: &str| {
        json!({
            "eventID": "shardId-000000000000:7", "eventName": "aws:kinesis:record",
            "kinesis": {
                "sequenceNumber": "7", "data": base64(id),
                "approximateArrivalTimestamp": NOON as f64 / 1_000.0,
            },
        })
    };
    let payload = json!({ "Records": [record("l1"), record("l2")] }).to_string();
    let batch = format!(
        r#"{{ "requestContext": {{"condition": "RetryAttemptsExhausted"}}, "version": "1.0", "payload": {} }}"#,
        json!(payload)
    );
    let archive = archive(&[
        (
            "failed/processing-failed/a",
            (failed("f1") + &failed("f2")).into_bytes(),
        ),
        ("aws/lambda/b", batch.into_bytes()),
        ("aws/lambda/other", b"{\"requestContext\":{}}".to_vec()),
    ])
    .await;
    let imported = run(&lake, &archive, usize::MAX).await.unwrap();
    assert_eq!((imported.counts.rows, imported.counts.rejected), (4, 1));
    assert_eq!(row_ids(&files(&lake).await), ["f1", "f2", "l1", "l2"]);
}

#[tokio::test]
async fn an_object_of_another_format_is_one_entry() {
    let lake = Arc::new(InMemory::new());
    let formats: [(&str, &[u8]); 6] = [
        ("bzip2", b"BZh91AY&SY\n\n"),
        ("hadoop-snappy", b"\0\0\x01\0\n{}\n{}\n"),
        ("parquet", b"PAR1\n\n\n"),
        ("snappy", b"\xff\x06\0\0sNaPpY\n\n"),
        ("zip", b"PK\x03\x04\n\n\n"),
        ("zstd", b"\x28\xb5\x2f\xfd\n{}\n"),
    ];
    let objects = formats.map(|(name, head)| (name, [head, b"a\nb\n"].concat()));
    let text = sign_up("a1").encode().into_bytes();
    let archive = archive(&[&objects[..], &[("text", text)]].concat()).await;
    let imported = run(&lake, &archive, usize::MAX).await.unwrap();
    assert_eq!((imported.counts.rejected, imported.counts.rows), (6, 1));
}

#[tokio::test]
async fn an_import_that_was_stopped_is_ended_before_another_begins() {
    let lake = Arc::new(InMemory::new());
    let first = archive(&objects()).await;
    assert_eq!(run(&lake, &first, 9).await, None);
    let other = Archive {
        root: "/other".to_owned(),
        ..archive(&objects()).await
    };
    assert_eq!(run(&lake, &other, usize::MAX).await, None);
    run(&lake, &first, usize::MAX).await.unwrap();
    check(&files(&lake).await, "after the end");
    run(&lake, &other, usize::MAX).await.unwrap();
}

#[tokio::test]
async fn killed_after_any_write_an_import_loses_and_doubles_nothing() {
    let archive = archive(&objects()).await;
    let mut chance = Chance(1);
    for first in 0..40 {
        let lake = Arc::new(InMemory::new());
        let mut writes = vec![first];
        // And killed again on the way.
        while run(&lake, &archive, *writes.last().unwrap())
            .await
            .is_none()
        {
            writes.push(match writes.len() {
                8 => usize::MAX,
                _ => chance.within(0..12),
            });
        }
        let context = format!("killed after {writes:?}");
        check(&files(&lake).await, &context);
        assert_eq!(findings(&lake).await, [""; 0], "{context}");
    }
}
