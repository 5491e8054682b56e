//! `batch SCHEMA RECORDS.ndjson`: what records cost without stream, state and disk. For `cargo xtask bench lake`,
//! and for a profiler. Prints what they became, CPU seconds of this thread, and by how many MiB the most memory at a
//! time was more than the records themselves.
#![allow(clippy::expect_used, reason = "a bench that cannot go on has failed")]

use std::collections::VecDeque;
use std::sync::Arc;

use forebay_core::schema::Schema;
use forebay_core::time::Timestamp;
use forebay_lake::cut::{Limits, Shard};
use forebay_lake::record::Window;
use forebay_lake::source::{SequenceNumber, StreamRecord};
use forebay_lake::state::{Checkpoint, Segment, StatePaths};
use forebay_lake::table::Catalog;

/// The limits that are the default.
const LIMITS: Limits = Limits {
    records: 100_000,
    bytes: 67_108_864,
};
/// 2026-11-21T12:00:00.050Z
const ARRIVAL: Timestamp = Timestamp(1_795_262_400_050);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().expect("batch SCHEMA RECORDS.ndjson");
    let schema = std::fs::read(argument()).expect("the schema can be read");
    let catalog = Catalog::new(Schema::parse(&schema).expect("the schema is one"));
    let text = std::fs::read(argument()).expect("the records can be read");
    let lines = text.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty()).zip(1_u64..);
    let mut records: VecDeque<StreamRecord> = lines
        .map(|(line, number)| StreamRecord {
            sequence_number: SequenceNumber::try_from(format!("4959{number:024}"))
                .expect("digits are a number"),
            arrival: ARRIVAL,
            data: line.to_vec().into(),
        })
        .collect();
    drop(text);

    let (before, memory_before) = (cpu_seconds(), memory("VmRSS:"));
    let mut shard = Shard::new(
        "shardId-000000000000".to_owned(),
        Arc::new(catalog),
        LIMITS,
        StatePaths::new("stream", 1),
        Checkpoint::default(),
        Window::default(),
        Segment::default(),
    );
    let (mut bytes, mut count) = (0, 0);
    let mut cut = |shard: &mut Shard| {
        let encoded = shard.close().map(|batch| batch.encode().expect("encoded"));
        let flush = encoded.map(|batch| shard.flush(batch).expect("a flush"));
        let files = flush.into_iter().flat_map(|flush| flush.files);
        for file in files {
            bytes += file.bytes.len();
            count += 1;
        }
    };
    while shard.take(&mut records) {
        cut(&mut shard);
    }
    cut(&mut shard);
    let seconds = cpu_seconds() - before;
    let memory = memory("VmHWM:").saturating_sub(memory_before) / 1_024;
    let counts = shard.counts();
    let (records, rows) = (counts.records, counts.rows);
    println!(
        r#"{{"records":{records},"rows":{rows},"seconds":{seconds},"files":{count},"bytes":{bytes},"memory":{memory}}}"#
    );
}

/// A number of KiB that the system has of this process.
fn memory(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
    let number = lines.next().and_then(|rest| rest.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

/// CPU that this thread has had; it is the only one.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
