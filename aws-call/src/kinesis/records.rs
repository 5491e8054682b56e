//! The answer of GetRecords, read as fast as its bytes can be looked at: nearly all of them are base64.
//!
//! It knows no errors: what is not in the form that Kinesis writes is left to `serde_json`.

use std::ops::Range;

use base64_simd::STANDARD as BASE64;
use bytes::Bytes;
use forebay_core::json::Number;
use forebay_core::time::Timestamp;
use memchr::memchr2;

use super::{Record, Records};

/// The answer in these bytes; `None` where `serde_json` must look.
pub(super) fn read(body: &[u8]) -> Option<Records> {
    let data = Vec::with_capacity(body.len() / 4 * 3);
    let mut reader = Reader { body, at: 0, data };
    let (mut records, mut next, mut behind) = (None, None, None);
    let mut is_first = true;
    while let Some(name) = reader.name(&mut is_first)? {
        let is_new = match name {
            b"Records" => records.replace(reader.records()?).is_none(),
            b"NextShardIterator" => next.replace(reader.text_or_null()?).is_none(),
            b"MillisBehindLatest" => behind.replace(reader.number()?.parse().ok()?).is_none(),
            _ => return None,
        };
        if !is_new {
            return None;
        }
    }
    reader.space();
    if reader.at != body.len() {
        return None;
    }
    let data = Bytes::from(reader.data);
    let records = records?.into_iter().map(|found| Record {
        sequence_number: found.sequence_number.to_owned(),
        arrival: found.arrival,
        data: data.slice(found.data),
    });
    Some(Records {
        records: records.collect(),
        next_shard_iterator: next.flatten(),
        millis_behind_latest: behind.unwrap_or_default(),
    })
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
    /// The data of all records, one after the other: a buffer for each would be the dearest thing about them.
    data: Vec<u8>,
}

/// A record, and where in `data` its own is.
struct Found<'a> {
    sequence_number: &'a str,
    arrival: Timestamp,
    data: Range<usize>,
}

impl<'a> Reader<'a> {
    fn byte(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    /// Passes over a byte, and the white space before it.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.byte()? == byte).then(|| self.at += 1)
    }

    /// The next name of an object, up to its value; `None` at the end of the object.
    fn name(&mut self, is_first: &mut bool) -> Option<Option<&'a [u8]>> {
        if std::mem::take(is_first) {
            self.take(b'{')?;
            self.space();
            if self.byte()? == b'}' {
                self.at += 1;
                return Some(None);
            }
        } else {
            self.space();
            let byte = self.byte()?;
            self.at += 1;
            match byte {
                b',' => {}
                b'}' => return Some(None),
                _ => return None,
            }
        }
        let name = self.text()?;
        self.take(b':')?;
        Some(Some(name))
    }

    /// The bytes of a text without escapes. Who takes them has to look whether they are any that JSON allows.
    fn text(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let rest = self.body.get(self.at..)?;
        let end = memchr2(b'"', b'\\', rest)?;
        self.at += end;
        self.take(b'"')?;
        rest.get(..end)
    }

    /// A text of characters that stand for themselves.
    fn plain(&mut self) -> Option<&'a str> {
        let text = std::str::from_utf8(self.text()?).ok()?;
        (!text.bytes().any(|byte| byte < 0x20)).then_some(text)
    }

    fn text_or_null(&mut self) -> Option<Option<String>> {
        self.space();
        if self.byte()? != b'n' {
            return Some(Some(self.plain()?.to_owned()));
        }
        let is_null = self.body.get(self.at..)?.starts_with(b"null");
        self.at += 4;
        is_null.then_some(None)
    }

    fn number(&mut self) -> Option<&'a str> {
        self.space();
        let start = self.at;
        while let Some(b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-') = self.byte() {
            self.at += 1;
        }
        let number = std::str::from_utf8(self.body.get(start..self.at)?).ok()?;
        Number::from_text(number.into())?;
        Some(number)
    }

    fn records(&mut self) -> Option<Vec<Found<'a>>> {
        let mut records = Vec::new();
        self.take(b'[')?;
        self.space();
        if self.byte()? != b']' {
            loop {
                records.push(self.record()?);
                self.space();
                match self.byte()? {
                    b',' => self.at += 1,
                    _ => break,
                }
            }
        }
        self.take(b']')?;
        Some(records)
    }

    fn record(&mut self) -> Option<Found<'a>> {
        let (mut number, mut arrival, mut data) = (None, None, None);
        let mut is_first = true;
        while let Some(name) = self.name(&mut is_first)? {
            let is_new = match name {
                b"SequenceNumber" => number.replace(self.plain()?).is_none(),
                b"ApproximateArrivalTimestamp" => {
                    let seconds: f64 = self.number()?.parse().ok()?;
                    if !seconds.is_finite() {
                        return None;
                    }
                    arrival.replace(super::arrival(seconds)).is_none()
                }
                b"Data" => {
                    let (text, start) = (self.text()?, self.data.len());
                    BASE64.decode_append(text, &mut self.data).ok()?;
                    data.replace(start..self.data.len()).is_none()
                }
                b"PartitionKey" | b"EncryptionType" => self.plain().is_some(),
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(Found {
            sequence_number: number?,
            arrival: arrival?,
            data: data?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = r#"{"MillisBehindLatest":1200,"NextShardIterator":"AAA=","Records":[
        {"ApproximateArrivalTimestamp":1.79526240005E9,"Data":"eyJhIjoxfQo=","PartitionKey":"c","SequenceNumber":"495"},
        {"SequenceNumber":"496", "Data":"", "PartitionKey":"å", "ApproximateArrivalTimestamp":1795262400.05},
        {"SequenceNumber":"497","Data":"YQ==","PartitionKey":"k","EncryptionType":"KMS",
         "ApproximateArrivalTimestamp":1795262400}]}"#;

    fn by_serde(body: &[u8]) -> Option<Records> {
        serde_json::from_slice(body).ok()
    }

    #[test]
    fn an_answer_as_kinesis_writes_it_is_taken() {
        assert!(read(ANSWER.as_bytes()).is_some());
        assert_eq!(read(ANSWER.as_bytes()), by_serde(ANSWER.as_bytes()));
        let empty = r#"{"Records":[],"NextShardIterator":null}"#;
        assert!(read(empty.as_bytes()).is_some());
        assert_eq!(read(empty.as_bytes()), by_serde(empty.as_bytes()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8_000))]

        #[test]
        fn what_is_taken_is_what_serde_reads(
            at: prop::sample::Index, end: prop::sample::Index, put in "[\\x00-\\x21\",:{}\\[\\]\\\\0-9.eE=A-Cn]{0,3}",
        ) {
            let (at, end) = (at.index(ANSWER.len()), end.index(4));
            let mut changed = ANSWER.as_bytes().to_vec();
            changed.splice(at..(at + end).min(ANSWER.len()), put.bytes());
            if let Some(records) = read(&changed) {
                prop_assert_eq!(Some(records), by_serde(&changed));
            }
        }
    }
}
