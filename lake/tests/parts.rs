//! Records that hold several events are taken apart, however they were put together.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use forebay_lake::cut::Batch;
use forebay_lake::record::{MAX_PARTS, Window, parts};
use md5::{Digest, Md5};
use proptest::prelude::*;
use support::{Files, at, sequence_number, sign_up};

const SHARD: &str = "shardId-000000000000";

/// A record of bytes: the files, and the counts of records, rows and rejected entries.
fn taken(data: impl Into<Vec<u8>>) -> (Files, (u64, u64, u64)) {
    let catalog = support::catalog();
    let (files, counts) = support::taken_by(&catalog, &[at(7, data)]);
    assert!(counts.add_up());
    (files, (counts.records, counts.rows, counts.rejected))
}

fn rows(data: impl Into<Vec<u8>>) -> Vec<String> {
    let (files, (records, rows, _)) = taken(data);
    assert_eq!(records, rows, "{:?}", support::rejected(&files));
    support::row_ids(&files)
}

/// What the only entry says was there.
fn actual(data: impl Into<Vec<u8>>) -> String {
    let (files, counts) = taken(data);
    assert_eq!(counts, (1, 0, 1));
    let entry = &support::rejected(&files)[0];
    assert_eq!(entry["reason"], "malformed_record");
    entry["violations"][0]["actual"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        bytes.push(if value > 0 { low | 0x80 } else { low });
        if value == 0 {
            return bytes;
        }
    }
}

fn field(number: u8, data: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(data.len()), data.to_vec()].concat()
}

/// As the Kinesis Producer Library aggregates: `aggregation-format.md`.
fn aggregate(records: &[Vec<u8>]) -> Vec<u8> {
    let mut message = [field(1, b"client-1"), field(1, b"client-2")].concat();
    for (record, index) in records.iter().zip(0_usize..) {
        let record = [vec![1 << 3], varint(index % 2), field(3, record)].concat();
        message.extend(field(3, &record));
    }
    let digest = Md5::digest(&message);
    [&[0xf3, 0x89, 0x9a, 0xc2][..], &message, &digest].concat()
}

fn events(count: usize) -> Vec<Vec<u8>> {
    let event = |number: usize| sign_up(&format!("e{number}")).encode().into_bytes();
    (0..count).map(event).collect()
}

fn array(events: &[Vec<u8>]) -> Vec<u8> {
    let text: Vec<String> = events
        .iter()
        .map(|event| String::from_utf8(event.clone()).unwrap())
        .collect();
    format!("[ {}\n]\n", text.join(" ,")).into_bytes()
}

fn ids(count: usize) -> Vec<String> {
    let mut ids: Vec<String> = (0..count).map(|number| format!("e{number}")).collect();
    ids.sort();
    ids
}

#[test]
fn each_way_of_putting_events_together_is_undone() {
    let events = events(3);
    let bare: Vec<Vec<u8>> = events
        .iter()
        .map(|event| event.trim_ascii().to_vec())
        .collect();
    let mark = |text: &[u8]| [&[0xef, 0xbb, 0xbf][..], text].concat();
    let marked = mark(&events.concat());
    let each_marked = || events.iter().map(|event| mark(event));
    for whole in [
        events.concat(),
        bare.concat(),
        bare.join(&b"\r\n\r\n"[..]),
        array(&events),
        marked,
        each_marked().collect::<Vec<_>>().concat(),
        each_marked().flat_map(|event| gzip(&event)).collect(),
        gzip(&events.concat()),
        gzip(&array(&events)),
        // Members of gzip one after the other are one text.
        events.iter().flat_map(|event| gzip(event)).collect(),
        gzip(&gzip(&events.concat())),
        aggregate(&events),
        aggregate(&[gzip(&events[..2].concat()), events[2].clone()]),
        gzip(&aggregate(&events)),
        aggregate(&[aggregate(&events)]),
    ] {
        assert_eq!(
            rows(whole.clone()),
            ids(3),
            "{:?}",
            String::from_utf8_lossy(&whole)
        );
    }
}

#[test]
fn a_part_without_an_event_id_is_known_by_its_place_in_the_record() {
    let mut own = sign_up("unused");
    own.forebay = None;
    let own = own.encode().into_bytes();
    let place = format!("{SHARD}:{}", sequence_number(7));
    assert_eq!(rows(own.clone()), std::slice::from_ref(&place));
    let expected = [0, 1].map(|number| format!("{place}/{number}"));
    assert_eq!(rows(aggregate(&[own.clone(), own.clone()])), expected);
    assert_eq!(rows(array(&[own.clone(), own.clone()])), expected);
    // One event in a wrapping is the record.
    assert_eq!(rows(gzip(&own)), [place]);
}

#[test]
fn a_part_that_is_no_event_harms_no_other() {
    let events = events(2);
    let broken = b"{\"event_type\": 1}".to_vec();
    for whole in [
        [events[0].clone(), broken.clone(), events[1].clone()].concat(),
        array(&[events[0].clone(), broken.clone(), events[1].clone()]),
        aggregate(&[events[0].clone(), broken.clone(), events[1].clone()]),
        aggregate(&[events[0].clone(), Vec::new(), events[1].clone()]),
        array(&[events[0].clone(), b"7".to_vec(), events[1].clone()]),
        [events.concat(), b"{\"event_type\":".to_vec()].concat(),
        [events.concat(), b"no JSON {}".to_vec()].concat(),
    ] {
        let (files, counts) = taken(whole.clone());
        assert_eq!(counts, (3, 2, 1), "{:?}", String::from_utf8_lossy(&whole));
        assert_eq!(support::row_ids(&files), ids(2));
        let entry = &support::rejected(&files)[0];
        let number = entry["sequence_number"].as_str().unwrap();
        assert!(
            number.starts_with(&format!("{}/", sequence_number(7))),
            "{number}"
        );
    }
}

#[test]
fn what_cannot_be_taken_apart_is_rejected_by_what_it_is() {
    let events = events(2);
    let whole = aggregate(&events);
    let mut changed = whole.clone();
    changed[20] ^= 1;
    assert!(actual(changed).contains("checksum does not hold"));
    assert!(actual(whole[..10].to_vec()).contains("cut short"));
    let lying = {
        let message = [vec![3 << 3 | 2], varint(1_000)].concat();
        let digest = Md5::digest(&message);
        [&[0xf3, 0x89, 0x9a, 0xc2][..], &message, &digest].concat()
    };
    assert!(actual(lying).contains("message is damaged"));
    assert!(actual(aggregate(&[])).contains("without any"));
    let packed = gzip(&events.concat());
    assert!(actual(packed[..packed.len() / 2].to_vec()).contains("gzip that is damaged"));
    assert!(actual(gzip(&vec![b' '; 33 << 20])).contains("more"));
    // What is small enough by itself is not where there is much of it.
    let large = gzip(format!("{{\"a\":\"{}\"}}", "x".repeat(12 << 20)).as_bytes());
    assert!(actual(aggregate(&[large.clone(), large.clone(), large])).contains("more"));
    assert!(actual(aggregate(&[Vec::new(), b" ".to_vec()])).contains("without any"));
    assert!(actual([&[0xff, 0xfe][..], b"{\0}\0"].concat()).contains("UTF-16"));
    for empty in [&b""[..], b" \n", b"[]", b"[ ]\n", b"\xef\xbb\xbf"] {
        assert!(actual(empty).contains("without any"), "{empty:?}");
    }
    assert!(actual("{}".repeat(MAX_PARTS + 1)).contains("more"));
    let mut deep = events.concat();
    for _ in 0..6 {
        deep = gzip(&deep);
    }
    assert!(actual(deep).contains("wrappings within wrappings"));
}

#[test]
fn a_record_that_holds_several_counts_as_so_many_and_repeats_are_told() {
    let events = events(2);
    let twice = [events.concat(), events.concat()].concat();
    let catalog = support::catalog();
    let mut batch = Batch::default();
    batch.take(&catalog, SHARD, &Window::default(), &at(0, twice));
    let counts = batch.counts;
    assert_eq!((counts.records, counts.rows, counts.duplicates), (4, 2, 2));
}

proptest! {
    #[test]
    fn any_bytes_are_parts_or_a_reason(
        bytes: Vec<u8>, text in r#"[\[\]{},":\\ a1\n]{0,80}"#, head in 0..5_usize,
    ) {
        let heads: [&[u8]; 5] =
            [b"", &[0x1f, 0x8b], &[0xf3, 0x89, 0x9a, 0xc2], &[0xef, 0xbb, 0xbf], b"["];
        for tail in [bytes, text.into_bytes()] {
            let data = [heads[head], &tail].concat();
            let Ok(found) = parts(&data) else {
                continue;
            };
            prop_assert!(!found.is_empty());
            // Of text, nothing but what separates is left out.
            if found.iter().all(|part| matches!(part, std::borrow::Cow::Borrowed(_))) {
                let kept: usize = found.iter().map(|part| part.len()).sum();
                prop_assert!(kept <= data.len());
            }
        }
    }

    #[test]
    fn what_is_aggregated_comes_back(records in prop::collection::vec(r#"\{"a":"[^"\\]{0,9}"\}"#, 1..9)) {
        let records: Vec<Vec<u8>> = records.into_iter().map(String::into_bytes).collect();
        for whole in [aggregate(&records), records.concat(), array(&records), gzip(&records.concat())] {
            let found = parts(&whole).unwrap();
            let found: Vec<&[u8]> = found.iter().map(AsRef::as_ref).collect();
            prop_assert_eq!(found, records.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_flipped_bit_in_an_aggregate_is_noticed(at: prop::sample::Index, bit in 0..8_u8) {
        let mut whole = aggregate(&events(2));
        let at = 4 + at.index(whole.len() - 4);
        whole[at] ^= 1 << bit;
        prop_assert!(parts(&whole).is_err());
    }
}
