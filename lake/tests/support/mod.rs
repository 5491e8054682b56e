//! What the tests of the lake share: a schema, records for it, and reading files back.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

pub mod chance;
pub mod dying;
pub mod fleet;
pub mod gate;

use std::collections::BTreeMap;

use arrow::array::cast::AsArray;
use arrow::array::types::TimestampMillisecondType;
use arrow::array::{Array, RecordBatch};
use bytes::Bytes;
use forebay_core::event::Text;
use forebay_core::json::Number;
use forebay_core::schema::Schema;
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::{Application, Client, Device, Forebay, Record, Session};
use forebay_lake::cut::{Batch, ClosedBatch, Content, EncodedBatch};
use forebay_lake::record::Window;
use forebay_lake::source::{SequenceNumber, StreamRecord};
use forebay_lake::state::Counts;
use forebay_lake::table::Catalog;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// 2026-11-21T12:00:00.000Z
pub const NOON: i64 = 1_795_262_400_000;
/// A day in milliseconds.
pub const DAY: i64 = 86_400_000;

const SIGN_UP: &str = r#""SignUpEvent": {
    "type": "object",
    "properties": {
        "email": { "type": "string", "format": "email" },
        "referrer": { "type": ["string", "null"] }
    },
    "required": ["email"]
}"#;

const PLAYED: &str = r#""PiecePlayedEvent": {
    "type": "object",
    "properties": {
        "minutes": { "type": "number" },
        "mistakes": { "type": "integer" },
        "completed": { "type": "boolean" },
        "started_at": { "type": "string", "format": "date-time" }
    },
    "additionalProperties": true
}"#;

const PERSONAL: &str = r#""PersonalEvent": {
    "type": "object",
    "properties": {
        "hashed": { "type": "string", "format": "email", "x-pii": "hash" },
        "masked": { "type": "string", "format": "email", "x-pii": "mask" },
        "born": { "type": ["string", "null"], "format": "date", "x-pii": "mask" },
        "seen_at": { "type": ["string", "null"], "format": "date-time", "x-pii": "mask" },
        "dropped": { "type": "string", "x-pii": "drop" },
        "dropped_number": { "type": ["number", "null"], "x-pii": "drop" },
        "flag": { "type": ["boolean", "null"] },
        "count": { "type": ["integer", "null"] },
        "size": { "type": ["number", "null"] }
    },
    "additionalProperties": true
}"#;

fn catalog_of(definitions: &[&str]) -> Catalog {
    let definitions = definitions.join(",");
    let text = format!(
        r#"{{ "$schema": "https://json-schema.org/draft/2020-12/schema",
             "$defs": {{ {definitions} }} }}"#
    );
    Catalog::new(Schema::parse(text.as_bytes()).unwrap())
}

/// Three event types.
pub fn catalog() -> Catalog {
    catalog_of(&[SIGN_UP, PLAYED, PERSONAL])
}

/// A schema that has lost one of them.
pub fn catalog_without_sign_up() -> Catalog {
    catalog_of(&[PLAYED])
}

/// A schema whose sign-ups have one more field.
pub fn catalog_with_plan() -> Catalog {
    let with_plan = SIGN_UP.replace(
        r#""referrer":"#,
        r#""plan": { "type": "string" }, "referrer":"#,
    );
    catalog_of(&[&with_plan])
}

/// A schema by which one field of sign-ups is a date.
pub fn catalog_with_dates() -> Catalog {
    let with_dates = SIGN_UP.replace(
        r#""referrer": { "type": ["string", "null"] }"#,
        r#""referrer": { "type": ["string", "null"], "format": "date" }"#,
    );
    catalog_of(&[&with_dates])
}

/// A record with the members that every record has.
pub fn record<'a>(event_type: &'a str, event_id: &'a str) -> Record<'a> {
    Record {
        event_type: event_type.into(),
        event_timestamp: Timestamp(NOON),
        arrival_timestamp: Timestamp(NOON + 40),
        application: Application {
            app_id: "app".into(),
            ..Application::default()
        },
        client: Client {
            client_id: "client".into(),
            cognito_id: None,
        },
        device: Device::default(),
        session: Some(Session {
            session_id: "session".into(),
            start_timestamp: Some(Timestamp(NOON - 60_000)),
            stop_timestamp: None,
        }),
        attributes: Vec::new(),
        metrics: Vec::new(),
        endpoint: forebay_core::event::Endpoint::default(),
        aws_account_id: None,
        forebay: Some(Forebay {
            event_id: event_id.into(),
            schema_version: 1,
            amr: "unauthenticated".into(),
            ..Forebay::default()
        }),
    }
}

/// A sign-up by `<event id>@example.com`.
pub fn sign_up(event_id: &str) -> Record<'_> {
    let mut record = record("SignUpEvent", event_id);
    let email = format!("{event_id}@example.com");
    record.attributes.push(("email".into(), email.into()));
    record
}

/// An attribute.
pub fn attribute<'a>(record: &mut Record<'a>, name: &'a str, value: &'a str) {
    record.attributes.push((name.into(), value.into()));
}

/// A metric.
pub fn metric<'a>(record: &mut Record<'a>, name: &'a str, value: &'a str) {
    let number = Number::from_text(Text::Borrowed(value)).unwrap();
    record.metrics.push((name.into(), number));
}

/// A sequence number, as long as Kinesis's.
pub fn sequence_number(number: usize) -> SequenceNumber {
    SequenceNumber::try_from(format!("49590338271490256608559692538361{number:024}")).unwrap()
}

/// Bytes at their place in the stream.
pub fn at(number: usize, data: impl Into<Vec<u8>>) -> StreamRecord {
    StreamRecord {
        sequence_number: sequence_number(number),
        arrival: Timestamp(NOON + 50),
        data: data.into().into(),
    }
}

/// The rows of a Parquet file.
pub fn read_parquet(bytes: Bytes) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1, "the tests' files hold one batch");
    batches.into_iter().next().unwrap()
}

/// A column of strings.
pub fn strings(rows: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let column = rows.column_by_name(column).unwrap();
    let strings = column.as_string::<i32>();
    (0..strings.len())
        .map(|row| strings.is_valid(row).then(|| strings.value(row).to_owned()))
        .collect()
}

/// Files by their paths. In place of Parquet, with the ids alone where [`encode`] has written them.
pub type Files = BTreeMap<String, Bytes>;

/// Encodes a batch without Parquet, which simulations would spend nearly all of their time on: a
/// table is a line for each event id.
pub fn encode(batch: ClosedBatch) -> EncodedBatch {
    let encoded = batch.encode_with(|content| match content {
        Content::Rows(table) => {
            let ids = strings(&table.finish()?, "event_id").into_iter().flatten();
            Ok(ids.map(|id| id + "\n").collect::<String>().into_bytes())
        }
        Content::Rejected(entries) => {
            let places = strings(&entries.finish()?, "sequence_number").into_iter();
            let places = places.flatten().map(|place| place + "\n");
            Ok(places.collect::<String>().into_bytes())
        }
    });
    encoded.unwrap()
}

/// The shard of [`files_by`].
pub const SHARD: &str = "shardId-000000000000";

/// The files of a batch of the records.
pub fn files_by(catalog: &Catalog, records: &[StreamRecord]) -> Files {
    taken_by(catalog, records).0
}

/// The same, and what became of the records.
pub fn taken_by(catalog: &Catalog, records: &[StreamRecord]) -> (Files, Counts) {
    let mut batch = Batch::default();
    for record in records {
        batch.take(catalog, SHARD, &Window::default(), record);
    }
    let first = sequence_number(0);
    let closed = ClosedBatch {
        range: (first.clone(), first.clone()),
        counts: batch.counts,
        keys: batch.keys.iter().collect(),
        drafts: batch.drafts(catalog, SHARD, &first),
    };
    let files = closed.encode().unwrap().files.into_iter();
    (
        files.map(|file| (file.path, file.bytes)).collect(),
        batch.counts,
    )
}

/// The event ids in all tables, each as often as it is there.
pub fn row_ids(files: &Files) -> Vec<String> {
    let mut ids = Vec::new();
    let tables = files.iter().filter(|(path, _)| path.starts_with("events/"));
    for (_, bytes) in tables {
        if bytes.starts_with(b"PAR1") {
            let rows = read_parquet(bytes.clone());
            ids.extend(strings(&rows, "event_id").into_iter().flatten());
        } else {
            let text = std::str::from_utf8(bytes).unwrap();
            ids.extend(text.lines().map(str::to_owned));
        }
    }
    ids.sort_unstable();
    ids
}

/// An entry: text, times as ISO 8601, bytes in hexadecimal digits.
fn rejected_entry(rows: &RecordBatch, row: usize) -> serde_json::Value {
    let mut entry = serde_json::Map::new();
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        let value = if column.is_null(row) {
            continue;
        } else if let Some(texts) = column.as_string_opt::<i32>() {
            texts.value(row).into()
        } else if let Some(bytes) = column.as_binary_opt::<i32>() {
            let digits = bytes.value(row).iter().map(|byte| format!("{byte:02x}"));
            digits.collect::<String>().into()
        } else if let Some(violations) = column.as_list_opt::<i32>() {
            let violations = violations.value(row);
            let members = violations.as_struct();
            let violation = |row| {
                let names = members.column_names().into_iter().zip(members.columns());
                let texts = names.map(|(name, column)| {
                    (name.to_owned(), column.as_string::<i32>().value(row).into())
                });
                serde_json::Value::Object(texts.collect())
            };
            (0..members.len()).map(violation).collect()
        } else {
            let times = column.as_primitive::<TimestampMillisecondType>();
            Timestamp(times.value(row)).to_iso8601().into()
        };
        entry.insert(field.name().clone(), value);
    }
    entry.into()
}

/// The entries of all rejected files. Of those that [`encode`] has written, the sequence numbers alone.
pub fn rejected(files: &Files) -> Vec<serde_json::Value> {
    let mut entries = Vec::new();
    let files = files
        .iter()
        .filter(|(path, _)| path.starts_with("rejected/"));
    for (_, bytes) in files {
        if !bytes.starts_with(b"PAR1") {
            let places = std::str::from_utf8(bytes).unwrap().lines();
            entries.extend(places.map(|place| serde_json::json!({ "sequence_number": place })));
            continue;
        }
        let rows = read_parquet(bytes.clone());
        entries.extend((0..rows.num_rows()).map(|row| rejected_entry(&rows, row)));
    }
    entries
}
