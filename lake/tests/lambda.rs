//! The functions of AWS Lambda, by the contracts of their event sources.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

use arrow::array::Array;
use arrow::array::cast::AsArray;
use arrow::array::types::{Float64Type, Int32Type, Int64Type, TimestampMillisecondType};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use forebay_core::time::Timestamp;
use forebay_lake::cut::Limits;
use forebay_lake::run::import::{Archive, import};
use forebay_lake::run::lambda::{
    Destination, REJECTED, STREAM_LIMITS, Streamed, Tally, Transformed, enrichment, stream,
    transform,
};
use forebay_lake::source::StreamRecord;
use forebay_lake::source::lambda_event::KinesisEvent;
use forebay_lake::store::{LeaseTimes, Store};
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::{Value, json};
use support::{DAY, NOON, at, attribute, metric, record, sequence_number, sign_up};

const SHARD: &str = "shardId-000000000000";

fn kinesis_event(records: &[(usize, Vec<u8>)]) -> KinesisEvent {
    let records = records.iter().map(|(number, data)| {
        let number = sequence_number(*number);
        json!({
            "eventID": format!("{SHARD}:{number}"),
            "eventName": "aws:kinesis:record",
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": "client",
                "sequenceNumber": number,
                "approximateArrivalTimestamp": NOON as f64 / 1_000.0,
                "data": BASE64_STANDARD.encode(data),
            },
        })
    });
    let records: Vec<_> = records.collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

async fn streamed(records: &[(usize, Vec<u8>)], objects: &Arc<dyn ObjectStore>) -> Streamed {
    limited(records, objects, STREAM_LIMITS).await
}

async fn limited(
    records: &[(usize, Vec<u8>)],
    objects: &Arc<dyn ObjectStore>,
    limits: Limits,
) -> Streamed {
    stream(kinesis_event(records), &support::catalog(), objects, limits).await
}

async fn paths(objects: &Arc<dyn ObjectStore>) -> BTreeSet<String> {
    let files = objects.list(None).map_ok(|file| file.location.to_string());
    files.try_collect().await.unwrap()
}

#[tokio::test]
async fn a_file_is_named_after_the_first_and_the_last_record_that_it_is_made_of() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let records = [
        (7, sign_up("a").encode().into_bytes()),
        (9, b"poison".to_vec()),
        (12, sign_up("a").encode().into_bytes()),
    ];
    let done = streamed(&records, &objects).await;
    assert!(done.answer.batch_item_failures.is_empty());
    let tally = Tally {
        records: 3,
        rows: 1,
        rejected: 1,
        duplicates: 1,
    };
    assert_eq!(done.tally, tally);
    let first = paths(&objects).await;
    let (from, to) = (sequence_number(7), sequence_number(12));
    let rows =
        format!("events/sign_up_event/year=2026/month=11/day=21/{SHARD}-{from}-{to}.parquet");
    assert!(first.contains(&rows), "{first:?}");
    // The same records again are the same files; fewer of them replace nothing.
    streamed(&records, &objects).await;
    assert_eq!(paths(&objects).await, first);
    streamed(&records[..1], &objects).await;
    assert!(paths(&objects).await.is_superset(&first));
}

#[tokio::test]
async fn what_is_not_written_comes_again_from_its_first_record_on() {
    // Entries cannot be written: a file lies where their folder would be.
    let folder = std::env::temp_dir().join(format!("forebay-stream-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("rejected"), "").unwrap();
    let objects = LocalFileSystem::new_with_prefix(&folder).unwrap();
    let objects: Arc<dyn ObjectStore> = Arc::new(objects);
    // A batch of three events: two records, the first of which holds two.
    let two = [sign_up("a").encode(), sign_up("a").encode()].concat();
    let records = [
        (1, two.into_bytes()),
        (2, sign_up("b").encode().into_bytes()),
        (6, sign_up("c").encode().into_bytes()),
        (7, b"poison".to_vec()),
    ];
    let limits = Limits {
        records: 3,
        ..STREAM_LIMITS
    };
    let done = limited(&records, &objects, limits).await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!((done.tally.rows, done.tally.duplicates), (2, 1));
    let answer = serde_json::to_value(&done.answer).unwrap();
    let failure = json!({ "itemIdentifier": sequence_number(6) });
    assert_eq!(answer, json!({ "batchItemFailures": [failure] }));
    assert!(done.error.is_some());
}

#[tokio::test]
async fn records_that_are_large_once_decompressed_are_several_batches() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let large = format!("{{\"event_type\":\"{}\"}}", "x".repeat(30_000));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(large.as_bytes()).unwrap();
    let data = encoder.finish().unwrap();
    let records: Vec<_> = (1..=4).map(|at| (at, data.clone())).collect();
    let limits = Limits {
        bytes: 50_000,
        ..STREAM_LIMITS
    };
    let done = limited(&records, &objects, limits).await;
    assert_eq!((done.tally.rejected, done.files), (4, 2));
}

fn transformed(records: &[Vec<u8>], destination: &Destination) -> Transformed {
    let records = records.iter().enumerate().map(|(number, data)| {
        let metadata = json!({ "sequenceNumber": sequence_number(number), "subsequenceNumber": 0 });
        (data.clone(), metadata)
    });
    transformed_from(&records.collect::<Vec<_>>(), destination)
}

/// Of records with their places in the shard.
fn transformed_from(records: &[(Vec<u8>, Value)], destination: &Destination) -> Transformed {
    let records = records.iter().enumerate().map(|(number, (data, place))| {
        let mut metadata = json!({
            "shardId": SHARD,
            "partitionKey": "client",
            "approximateArrivalTimestamp": NOON,
        });
        for (name, value) in place.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        json!({
            "recordId": format!("record-{number}"),
            "approximateArrivalTimestamp": NOON,
            "data": BASE64_STANDARD.encode(data),
            "kinesisRecordMetadata": metadata,
        })
    });
    let records: Vec<_> = records.collect();
    let event = json!({ "invocationId": "1", "records": records });
    let event = serde_json::from_value(event).unwrap();
    transform(event, &support::catalog(), destination).unwrap()
}

fn iceberg() -> Destination {
    Destination::Iceberg {
        database: "forebay".to_owned(),
    }
}

/// The results, with the data as JSON.
fn results(transformed: &Transformed) -> Vec<Value> {
    let results = transformed.answer.records.iter().map(|result| {
        let mut result = serde_json::to_value(result).unwrap();
        if let Some(data) = result["data"].as_str() {
            let text = String::from_utf8(BASE64_STANDARD.decode(data).unwrap()).unwrap();
            let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
            result["data"] = rows.collect::<Vec<Value>>().into();
        }
        result
    });
    results.collect()
}

#[test]
fn a_row_goes_to_the_iceberg_table_of_its_event_type() {
    let mut played = record("PiecePlayedEvent", "b");
    metric(&mut played, "minutes", "12.5");
    metric(&mut played, "mistakes", "3");
    attribute(&mut played, "completed", "true");
    attribute(&mut played, "started_at", "2026-11-21T13:00:00.5+01:00");
    attribute(&mut played, "mood", "good");
    let records = [
        sign_up("a").encode().into_bytes(),
        played.encode().into_bytes(),
    ];
    let done = transformed(&records, &iceberg());
    let [first, second] = &results(&done)[..] else {
        unreachable!("two records have two results");
    };
    assert_eq!(first["recordId"], "record-0");
    assert_eq!(first["result"], "Ok");
    let destination = json!({ "otfMetadata": {
        "destinationDatabaseName": "forebay",
        "destinationTableName": "sign_up_event",
        "operation": "insert",
    } });
    assert_eq!(first["metadata"], destination);
    let row = &first["data"][0];
    assert_eq!(row["event_id"], "a");
    assert_eq!(row["email"], "a@example.com");
    // Microseconds, and every column is there.
    assert_eq!(row["event_timestamp"], NOON * 1_000);
    assert_eq!(row["referrer"], Value::Null);
    assert!(row.as_object().unwrap().contains_key("referrer"));
    let row = &second["data"][0];
    assert_eq!(row["started_at"], (NOON + 500) * 1_000);
    assert_eq!(
        (&row["minutes"], &row["mistakes"]),
        (&json!(12.5), &json!(3))
    );
    assert_eq!(row["completed"], true);
    assert_eq!(row["extra"], r#"{"attributes":{"mood":"good"}}"#);
}

#[test]
fn a_row_for_parquet_has_the_keys_of_its_folders() {
    let mut late = sign_up("late");
    late.event_timestamp = Timestamp(NOON - 20 * DAY);
    let records = [late.encode().into_bytes()];
    let result = &results(&transformed(&records, &Destination::Parquet))[0];
    let keys = json!({ "partitionKeys": {
        "table": "sign_up_event", "year": "2026", "month": "11", "day": "01",
    } });
    assert_eq!(result["metadata"], keys);
    assert_eq!(
        result["data"][0]["event_timestamp"],
        "2026-11-01T12:00:00.000Z"
    );
}

#[test]
fn a_record_is_delivered_whole_or_kept_whole() {
    let both = |a: &str, b: &str| {
        [sign_up(a).encode(), sign_up(b).encode()]
            .concat()
            .into_bytes()
    };
    let spoilt = format!("{}{}", sign_up("c").encode(), r#"{"event_type":"Other"}"#).into_bytes();
    let records = [
        both("a", "b"),
        spoilt,
        // Not a duplicate of the event that was not delivered.
        sign_up("c").encode().into_bytes(),
        sign_up("a").encode().into_bytes(),
        b"poison".to_vec(),
        Vec::new(),
    ];
    let done = transformed(&records, &Destination::Parquet);
    let outcomes = |done: &Transformed| {
        let results = results(done).into_iter();
        results
            .map(|result| {
                (
                    result["result"].clone(),
                    result["data"].as_array().map_or(0, Vec::len),
                )
            })
            .collect::<Vec<_>>()
    };
    let failed = || (json!("ProcessingFailed"), 0);
    let expected = [
        (json!("Ok"), 2),
        failed(),
        (json!("Ok"), 1),
        (json!("Dropped"), 0),
        failed(),
        failed(),
    ];
    assert_eq!(outcomes(&done), expected);
    let tally = Tally {
        records: 8,
        rows: 3,
        rejected: 4,
        duplicates: 1,
    };
    assert_eq!(done.tally, tally);
    assert_eq!(done.failures.len(), 3);
    assert!(
        done.failures
            .iter()
            .all(|failure| !failure.violations.is_empty())
    );

    // A row of an Iceberg table is one object.
    let done = transformed(&[both("a", "b"), both("c", "c")], &iceberg());
    assert_eq!(outcomes(&done), [failed(), failed()]);
    // A prefix has one type and day.
    let mut other_day = sign_up("b");
    other_day.event_timestamp = Timestamp(NOON - DAY);
    let two_days = [sign_up("a").encode(), other_day.encode()]
        .concat()
        .into_bytes();
    let done = transformed(&[two_days], &Destination::Parquet);
    assert_eq!(outcomes(&done), [failed()]);
}

#[test]
fn an_answer_is_never_larger_than_lambda_takes() {
    // Rows are larger than their records: they have every column.
    let records: Vec<_> = (0..6_000)
        .map(|number| sign_up(&number.to_string()).encode().into_bytes())
        .collect();
    let done = transformed(&records, &iceberg());
    let answer = serde_json::to_vec(&done.answer).unwrap();
    assert!(
        (5_000_000..6_000_000).contains(&answer.len()),
        "{}",
        answer.len()
    );
    assert_eq!(done.answer.records.len(), records.len());
    assert_eq!(done.tally.rows + done.tally.rejected, 6_000);
    assert_eq!(done.failures.len() as u64, done.tally.rejected);
    assert!(done.tally.rejected > 0);
}

#[test]
fn a_pipe_gets_an_array_of_events_with_their_event_id() {
    let event_id = |number| format!("{SHARD}:{}", sequence_number(number));
    let several = [
        sign_up("b").encode(),
        sign_up("b").encode(),
        "poison".to_owned(),
    ]
    .concat();
    let decoded: Value = serde_json::from_str(&sign_up("c").encode()).unwrap();
    let records = json!([
        {
            "eventID": event_id(0),
            "approximateArrivalTimestamp": NOON as f64 / 1_000.0,
            "data": BASE64_STANDARD.encode(sign_up("a").encode()),
        },
        {
            "eventID": event_id(1),
            "approximateArrivalTimestamp": NOON as f64 / 1_000.0,
            "data": BASE64_STANDARD.encode(several),
        },
        // By the input template of the article.
        { "data": decoded },
    ]);
    let records: Vec<_> = serde_json::from_value(records).unwrap();
    let (events, tally) = enrichment(&records, &support::catalog(), Timestamp(NOON)).unwrap();
    let said: Vec<_> = events
        .iter()
        .map(|event| (event["eventID"].clone(), event["event_type"].clone()))
        .collect();
    let sign_up = json!("SignUpEvent");
    let expected = [
        (json!(event_id(0)), sign_up.clone()),
        (json!(event_id(1)), sign_up.clone()),
        (json!(event_id(1)), json!(REJECTED)),
        (Value::Null, sign_up),
    ];
    assert_eq!(said, expected);
    assert_eq!(events[0]["email"], "a@example.com");
    assert_eq!(events[0]["event_timestamp"], "2026-11-21T12:00:00.000Z");
    assert_eq!(events[2]["reason"], "malformed_record");
    assert_eq!(events[2]["data_base64"], BASE64_STANDARD.encode("poison"));
    let tally_expected = Tally {
        records: 5,
        rows: 3,
        rejected: 1,
        duplicates: 1,
    };
    assert_eq!(tally, tally_expected);
}

#[test]
fn events_of_a_pipe_without_any_id_are_told_by_what_they_are() {
    let of_client = |client: &str| {
        let mut record = sign_up("unused");
        record.forebay = None;
        record.client.client_id = client.to_owned().into();
        json!({ "data": serde_json::from_str::<Value>(&record.encode()).unwrap() })
    };
    let records = json!([of_client("a"), of_client("b"), of_client("a")]);
    let records: Vec<_> = serde_json::from_value(records).unwrap();
    let (events, tally) = enrichment(&records, &support::catalog(), Timestamp(NOON)).unwrap();
    assert_eq!((tally.rows, tally.duplicates), (2, 1));
    assert_ne!(events[0]["event_id"], events[1]["event_id"]);
}

/// The ids of the rows that a batch of the lake has of a record.
fn rows_of_a_batch(record: &StreamRecord) -> Vec<String> {
    let files = support::files_by(&support::catalog(), std::slice::from_ref(record));
    support::row_ids(&files)
}

#[test]
fn a_record_without_an_event_id_has_the_same_id_by_every_way() {
    let mut record = sign_up("a");
    record.forebay = None;
    let data = record.encode().into_bytes();
    let expected = rows_of_a_batch(&at(0, data.clone()));
    let row = &results(&transformed(&[data], &iceberg()))[0]["data"][0];
    assert_eq!(row["event_id"], expected[0].as_str());
}

#[test]
fn records_that_firehose_has_taken_apart_are_events_each() {
    let mut record = sign_up("a");
    record.forebay = None;
    let data = record.encode().into_bytes();
    // As they were put together in the stream.
    let together = rows_of_a_batch(&at(7, [data.clone(), data.clone(), data.clone()].concat()));
    let alone = rows_of_a_batch(&at(7, data.clone()));
    for form in [json!([0, 1, 2]), json!(["", "1", "2"])] {
        let records = form.as_array().unwrap().iter().map(|part| {
            let place = json!({ "sequenceNumber": sequence_number(7), "subsequenceNumber": part });
            (data.clone(), place)
        });
        let done = transformed_from(&records.collect::<Vec<_>>(), &iceberg());
        let ids: Vec<_> = results(&done)
            .iter()
            .map(|result| result["data"][0]["event_id"].clone())
            .collect();
        assert_eq!(
            ids,
            [&alone[0], &together[1], &together[2]].map(|id| json!(id))
        );
    }
}

/// What a set of records has become: rows by their event ids, and what was rejected, by event id and reason. An id that
/// was made of a record's place is left out, since that differs.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    rows: Vec<Value>,
    rejected: Vec<(String, String)>,
    tally: (u64, u64, u64, u64),
}

impl Outcome {
    fn of_files(files: &support::Files, tally: (u64, u64, u64, u64)) -> Outcome {
        let mut outcome = Outcome {
            tally,
            ..Outcome::default()
        };
        for (_, bytes) in files.iter().filter(|(path, _)| path.starts_with("events/")) {
            let rows = support::read_parquet(bytes.clone());
            outcome
                .rows
                .extend((0..rows.num_rows()).map(|row| json_of(&rows, row)));
        }
        for entry in support::rejected(files) {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            outcome.rejected.push((text("event_id"), text("reason")));
        }
        outcome.sorted()
    }

    fn sorted(mut self) -> Outcome {
        for row in &mut self.rows {
            let id = &mut row["event_id"];
            if id.as_str().is_some_and(|id| id.contains(':')) {
                *id = "(made of its place)".into();
            }
        }
        self.rows.sort_by_cached_key(ToString::to_string);
        self.rejected.sort_unstable();
        self
    }
}

/// A row of a file, as `transform` writes it for Parquet.
fn json_of(rows: &arrow::array::RecordBatch, row: usize) -> Value {
    let mut json = serde_json::Map::new();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let value: Value = if column.is_null(row) {
            Value::Null
        } else if let Some(texts) = column.as_string_opt::<i32>() {
            texts.value(row).into()
        } else if let Some(times) = column.as_primitive_opt::<TimestampMillisecondType>() {
            Timestamp(times.value(row)).to_iso8601().into()
        } else if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
            numbers.value(row).into()
        } else if let Some(numbers) = column.as_primitive_opt::<Int32Type>() {
            numbers.value(row).into()
        } else if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
            numbers.value(row).into()
        } else {
            column.as_boolean().value(row).into()
        };
        json.insert(field.name().clone(), value);
    }
    json.into()
}

async fn files_of(objects: &Arc<dyn ObjectStore>) -> support::Files {
    let mut files = support::Files::new();
    for path in paths(objects).await {
        let found = objects.get(&Path::from(path.as_str())).await.unwrap();
        files.insert(path, found.bytes().await.unwrap());
    }
    files
}

/// Valid and rejected records, duplicates, parts of all kinds, Pinpoint's own, an endpoint and a dead letter.
fn any_records() -> Vec<Vec<u8>> {
    let mut played = record("PiecePlayedEvent", "played");
    for (name, value) in [("minutes", "12.5"), ("mistakes", "3")] {
        metric(&mut played, name, value);
    }
    attribute(&mut played, "completed", "true");
    attribute(&mut played, "started_at", "2026-11-21T13:00:00.5+01:00");
    attribute(&mut played, "mood", "good");
    let mut invalid = record("PiecePlayedEvent", "invalid");
    attribute(&mut invalid, "completed", "perhaps");
    let mut late = sign_up("late");
    late.event_timestamp = Timestamp(NOON - 20 * DAY);
    let mut early = sign_up("early");
    early.event_timestamp = Timestamp(NOON + 20 * DAY);
    let mut placed = sign_up("placed");
    placed.aws_account_id = Some("1234".into());
    let built_in = |event_type: &str| {
        json!({
            "event_type": event_type, "event_timestamp": NOON, "arrival_timestamp": NOON,
            "application": { "app_id": "app", "sdk": {} }, "client": { "client_id": "c" },
            "device": { "platform": {} }, "session": {}, "attributes": { "feedback": "opened" },
            "metrics": {}, "facets": { "email_channel": { "id": 7 } },
        })
    };
    let mut update = built_in("_endpoint.update");
    update["forebay"] = json!({ "event_id": "update", "schema_version": 1, "amr": "server" });
    update["endpoint"] = json!({ "User": { "UserId": "ada" } });
    let gzip = |text: String| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let events = |ids: [&str; 2]| ids.map(|id| sign_up(id).encode().trim_end().to_owned());
    vec![
        sign_up("plain").encode().into_bytes(),
        played.encode().into_bytes(),
        late.encode().into_bytes(),
        placed.encode().into_bytes(),
        sign_up("plain").encode().into_bytes(),
        events(["one", "after"]).concat().into_bytes(),
        format!("[{}]", events(["in", "array"]).join(",")).into_bytes(),
        gzip(events(["zipped", "twice"]).join("\n")),
        sign_up("twice").encode().into_bytes(),
        built_in("_email.open").to_string().into_bytes(),
        built_in("_session.start").to_string().into_bytes(),
        update.to_string().into_bytes(),
        invalid.encode().into_bytes(),
        early.encode().into_bytes(),
        record("UnknownEvent", "unknown").encode().into_bytes(),
        b"{\"no\": \"record\"}".to_vec(),
    ]
}

/// Consume, stream, import and transform.
#[tokio::test]
async fn the_same_records_are_the_same_rows_by_every_way() {
    let records = any_records();
    let numbered: Vec<_> = records.iter().cloned().enumerate().collect();

    // consume
    let catalog = support::catalog();
    let stream: Vec<_> = numbered
        .iter()
        .map(|(number, data)| at(*number, data.clone()))
        .collect();
    let (files, counts) = support::taken_by(&catalog, &stream);
    let tally = (
        counts.records,
        counts.rows,
        counts.rejected,
        counts.duplicates,
    );
    let consumed = Outcome::of_files(&files, tally);
    assert_eq!(tally, (19, 13, 4, 2));

    // stream
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let done = streamed(&numbered, &objects).await;
    let Tally {
        records: all,
        rows,
        rejected,
        duplicates,
    } = done.tally;
    let by_stream = Outcome::of_files(&files_of(&objects).await, (all, rows, rejected, duplicates));
    assert_eq!(by_stream, consumed);

    // import, of an object for each record
    let archive = InMemory::new();
    for (number, data) in &numbered {
        let path = Path::from(format!("2026/11/21/12/{number:03}"));
        archive.put(&path, data.clone().into()).await.unwrap();
    }
    let archive = Archive {
        objects: Arc::new(archive),
        root: "/archive".to_owned(),
        has_checksums: false,
    };
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let lake = Store::open_objects(objects.clone(), LeaseTimes::default()).await;
    let limits = Limits {
        records: 5,
        bytes: u64::MAX,
    };
    let now = || Timestamp(NOON + 50);
    let catalog = Arc::new(catalog);
    let imported = import(
        &Arc::new(lake.unwrap()),
        catalog,
        &archive,
        limits,
        now,
        |_| {},
    )
    .await;
    let counts = imported.unwrap().counts;
    let tally = (
        counts.records,
        counts.rows,
        counts.rejected,
        counts.duplicates,
    );
    assert_eq!(
        Outcome::of_files(&files_of(&objects).await, tally),
        consumed
    );

    // transform, which keeps what it rejects in the failures
    let done = transformed(&records, &Destination::Parquet);
    let rows = results(&done)
        .into_iter()
        .filter(|result| result["result"] == "Ok");
    let rows = rows.flat_map(|result| result["data"].as_array().unwrap().clone());
    let Tally {
        records: all,
        rows: count,
        rejected,
        duplicates,
    } = done.tally;
    let by_transform = Outcome {
        rows: rows.collect(),
        rejected: Vec::new(),
        tally: (all, count, rejected, duplicates),
    };
    let mut reasons: Vec<&str> = done.failures.iter().map(|failure| failure.reason).collect();
    let mut expected: Vec<&str> = consumed
        .rejected
        .iter()
        .map(|(_, reason)| reason.as_str())
        .collect();
    reasons.sort_unstable();
    expected.sort_unstable();
    assert_eq!(reasons, expected, "{:?}", done.failures);
    let by_transform = by_transform.sorted();
    assert_eq!(
        (by_transform.rows, by_transform.tally),
        (consumed.rows, consumed.tally)
    );
}
