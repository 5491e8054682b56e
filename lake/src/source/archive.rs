//! Archives: objects of what Firehose wrote, as a stream of records. No IO.
//!
//! Every object that is to be imported gets a number, which is written down before the object is read. A
//! record's place is the object's number and its own number within the object, so that all objects together
//! are one shard, and everything that makes a shard exact holds for archives.

use std::io::{self, Write};
use std::mem::take;

use forebay_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lambda_event::{KinesisEvent, decode};
use super::{SequenceNumber, StreamRecord};
use crate::state::{Damage, seal, unseal};

/// The shard that archives are.
pub const IMPORT_SHARD: &str = "import";
/// Digits of a record's number within its object.
const PLACE_DIGITS: usize = 10;
/// Most bytes of one record: many times what Firehose takes. What is longer is cut.
const MAX_RECORD_BYTES: usize = 8 * 1_024 * 1_024;
/// Deepest nesting that is followed; what is deeper is no record.
const MAX_DEPTH: usize = 256;

/// An object of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveObject {
    /// Its place among all objects that were ever imported into the lake, from 1.
    pub number: u64,
    /// Where it is: an absolute path, or `s3://BUCKET/KEY`.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// When it was written, in milliseconds since the epoch, by the storage's clock.
    pub modified: i64,
    /// The checksum by which it is known again: the ETag of S3, or SHA-256.
    pub checksum: String,
    /// When the import first saw it, in milliseconds since the epoch: the arrival of its records.
    pub seen: i64,
}

/// Objects as a part of the ledger: one sealed line each.
///
/// # Errors
/// Where JSON cannot be written; not known to happen.
pub fn write_objects(objects: &[ArchiveObject]) -> Result<String, serde_json::Error> {
    let lines = objects.iter().map(serde_json::to_string);
    lines.map(|line| Ok(seal(&line?))).collect()
}

/// Reads [`write_objects`].
///
/// # Errors
/// [`Damage`]
pub fn read_objects(bytes: &[u8]) -> Result<Vec<ArchiveObject>, Damage> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let object = serde_json::from_str(&unseal(line)?);
            object.map_err(|error| Damage::Senseless(error.to_string()))
        })
        .collect()
}

impl ArchiveObject {
    /// The place of one of its records, which are numbered from 0.
    pub fn place(&self, record: u64) -> Result<SequenceNumber, &'static str> {
        SequenceNumber::try_from(format!("{}{record:0PLACE_DIGITS$}", self.number))
    }

    /// One of its records.
    pub fn record(&self, number: u64, data: Vec<u8>) -> Result<StreamRecord, &'static str> {
        Ok(StreamRecord {
            sequence_number: self.place(number)?,
            arrival: Timestamp(self.seen),
            data: data.into(),
        })
    }
}

/// The number of the object that a place is in.
pub fn object_of(place: &SequenceNumber) -> Option<u64> {
    let digits = place.as_str();
    let end = digits.len().checked_sub(PLACE_DIGITS)?;
    digits.get(..end)?.parse().ok()
}

/// What AWS writes about records that it could not deliver, with the records.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Undelivered {
    /// Of Firehose: the record in base64.
    raw_data: Option<String>,
    /// Of an event source of Lambda: what it invoked the function with, or the JSON text of it.
    payload: Option<Value>,
}

/// The records in an entry of what Firehose keeps below its error prefix, or Lambda in the destination of failed
/// batches; `None` for any other record. (Firehose developer guide "Data transformation failure handling"; Lambda
/// developer guide "Retain discarded batch records".)
pub fn undelivered(entry: &[u8]) -> Option<Vec<Vec<u8>>> {
    let members = entry.strip_prefix(b"{")?.trim_ascii_start();
    let firsts: [&[u8]; 2] = [b"\"attemptsMade\"", b"\"requestContext\""];
    if !firsts.iter().any(|first| members.starts_with(first)) {
        return None;
    }
    let entry: Undelivered = serde_json::from_slice(entry).ok()?;
    if let Some(data) = entry.raw_data {
        return Some(vec![decode(data)]);
    }
    let event: KinesisEvent = match entry.payload? {
        Value::String(text) => serde_json::from_str(&text).ok()?,
        value => serde_json::from_value(value).ok()?,
    };
    let records = event.records.into_iter();
    Some(records.map(|record| decode(record.kinesis.data)).collect())
}

/// Takes an object apart: JSON values one after the other, with or without newlines, and the elements of arrays,
/// however many these are. What is damaged costs the record that it is in: where a text, a line or a bracket shows
/// that a value cannot go on, another begins.
#[derive(Debug, Default)]
pub struct Splitter {
    /// Of the record at hand.
    bytes: Vec<u8>,
    /// Brackets that are open.
    open: Vec<u8>,
    in_text: bool,
    escaped: bool,
    /// The last byte outside of texts that is no white space.
    last: u8,
    /// Whether the last byte ended a line.
    is_line_start: bool,
    /// Whether no value has begun here: the rest of the line, or of the element, is passed on as it is.
    is_junk: bool,
    /// Whether an array was begun whose elements are records.
    in_array: bool,
    records: Vec<Vec<u8>>,
}

const UTF8_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

impl Splitter {
    /// The records that are complete.
    pub fn records(&mut self) -> Vec<Vec<u8>> {
        take(&mut self.records)
    }

    /// Ends the object: what is left is a record, too.
    pub fn end(&mut self) -> Vec<Vec<u8>> {
        self.complete();
        self.records()
    }

    fn complete(&mut self) {
        let mut bytes = take(&mut self.bytes);
        while bytes.last().is_some_and(u8::is_ascii_whitespace) {
            bytes.pop();
        }
        if !bytes.is_empty() {
            self.records.push(bytes);
        }
        self.open.clear();
        (self.in_text, self.escaped, self.is_junk) = (false, false, false);
        self.last = 0;
    }

    fn push(&mut self, byte: u8) {
        if self.bytes.len() >= MAX_RECORD_BYTES || self.open.len() > MAX_DEPTH {
            self.complete();
            self.is_junk = true;
        }
        if self.is_junk {
            if byte == b'\n' || self.in_array && byte == b',' {
                return self.complete();
            }
            self.bytes.push(byte);
            // Files that each begin with a byte order mark may have been put together.
            if self.bytes == UTF8_MARK {
                self.bytes.clear();
                self.is_junk = false;
            }
            return;
        }
        if self.in_text {
            // No text of JSON goes over the end of a line.
            if byte == b'\n' {
                return self.complete();
            }
            self.bytes.push(byte);
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            self.last = byte;
            return;
        }
        if byte.is_ascii_whitespace() {
            self.is_line_start = byte == b'\n';
            if !self.bytes.is_empty() {
                self.bytes.push(byte);
            }
            return;
        }
        match byte {
            b'[' if self.open.is_empty() && !self.in_array => self.in_array = true,
            b',' | b']' if self.open.is_empty() && self.in_array => self.in_array = byte == b',',
            b'{' | b'[' => {
                if !self.may_begin(byte) {
                    self.complete();
                }
                self.bytes.push(byte);
                self.open.push(byte);
            }
            b'}' | b']' => {
                self.bytes.push(byte);
                let opened = self.open.pop();
                let is_pair = matches!((opened, byte), (Some(b'{'), b'}') | (Some(b'['), b']'));
                if !is_pair || self.open.is_empty() {
                    self.complete();
                    return;
                }
            }
            _ => {
                self.bytes.push(byte);
                self.is_junk = self.open.is_empty();
                self.in_text = byte == b'"';
            }
        }
        self.last = byte;
        self.is_line_start = false;
    }

    /// Whether a value may begin here. An object at the start of a line is the next record: what is nested is
    /// indented where it stands in a line of its own.
    fn may_begin(&self, byte: u8) -> bool {
        let is_record = byte == b'{' && self.is_line_start;
        match (self.open.last(), self.last) {
            (Some(_), _) if is_record => false,
            (None, _) | (Some(b'{'), b':') | (Some(b'['), b'[' | b',') => true,
            _ => false,
        }
    }
}

impl Write for Splitter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.push(*byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        let mut splitter = Splitter::default();
        splitter.write_all(text.as_bytes()).unwrap();
        let records = splitter.end().into_iter();
        records
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .collect()
    }

    #[test]
    fn objects_are_found_with_and_without_newlines() {
        assert_eq!(split(""), [""; 0]);
        assert_eq!(split(" \n\r\n"), [""; 0]);
        assert_eq!(
            split("{\"a\":1}\n{\"b\":[{\"c\":\"}\\\"{\"}]}\n"),
            ["{\"a\":1}", "{\"b\":[{\"c\":\"}\\\"{\"}]}"]
        );
        assert_eq!(split("\u{feff}{}\n{}"), ["{}", "{}"]);
        assert_eq!(
            split("\u{feff}{}\n\u{feff}{\n\"a\":1}\u{feff}{}"),
            ["{}", "{\n\"a\":1}", "{}"]
        );
        assert_eq!(
            split("{\"a\":1}{\"b\":2} {}"),
            ["{\"a\":1}", "{\"b\":2}", "{}"]
        );
        assert_eq!(
            split("{\n  \"a\": {\n \"b\": 1 }\n}\n[{},\n{}]"),
            ["{\n  \"a\": {\n \"b\": 1 }\n}", "{}", "{}"]
        );
    }

    #[test]
    fn elements_of_an_array_are_records_however_many_they_are() {
        assert_eq!(
            split("[ ] [{\"a\":[1,[2]]} ,\r\n{\"b\":2},7,{}]{\"c\":3}\n"),
            ["{\"a\":[1,[2]]}", "{\"b\":2}", "7", "{}", "{\"c\":3}"]
        );
        let many = format!("[{}]", vec!["{\"a\":1}"; 20_000].join(","));
        assert_eq!(split(&many), vec!["{\"a\":1}"; 20_000]);
    }

    #[test]
    fn damage_costs_the_record_that_it_is_in() {
        for damaged in [
            "{\"a\":1,\"b\":",
            "{\"a\":\"x",
            "{\"a\":\"x\\",
            "{\"a\":[1,",
            "{\"a\":1,",
            "{\"a\":1]",
            "{",
            "}",
            "no JSON at all",
            "\"a text\"",
            "5",
            "[",
            "[[",
            "[[[",
            "[{",
            "[{},",
            "[1,\"{",
        ] {
            let good = "{\"event_type\":\"a\"}";
            let found = split(&format!("{good}\n{damaged}\n{good}\n{good}\n"));
            let whole = found.iter().filter(|record| *record == good).count();
            assert_eq!(whole, 3, "{damaged}: {found:?}");
        }
        let deep = "[".repeat(10_000);
        assert_eq!(
            split(&format!("{deep}\n{{}}")).last().map(String::as_str),
            Some("{}")
        );
    }

    #[test]
    fn places_rise_with_objects_and_records() {
        let object = |number| ArchiveObject {
            number,
            path: "/a".to_owned(),
            bytes: 1,
            modified: 0,
            checksum: String::new(),
            seen: 0,
        };
        let places = [(1, 0), (1, 9), (1, 1_000_000), (2, 0), (10, 0)];
        let places = places.map(|(number, record)| object(number).place(record).unwrap());
        assert!(places.is_sorted());
        assert_eq!(
            places.map(|place| object_of(&place)),
            [1, 1, 1, 2, 10].map(Some)
        );
    }
}
