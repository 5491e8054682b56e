//! What one record of the stream holds: one event, or several that were put together on the way.
//!
//! Producers gather records to save calls: the Kinesis Producer Library by a format of its own, others
//! by gzip, by arrays, or by objects one after the other. Each event of such a record is a part, and
//! parts are numbered in their order.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;
use forebay_core::schema::Violation;
use md5::{Digest, Md5};

use super::row::{Reason, Rejection};

/// Most parts of a record. Each takes memory, however small it is.
pub const MAX_PARTS: usize = 10_000;
/// Most bytes that a record is decompressed to, all that is compressed in it together.
pub const MAX_BYTES: usize = 32 * 1_024 * 1_024;
/// Most wrappings within one another.
const MAX_DEPTH: u8 = 4;

const GZIP: &[u8] = &[0x1f, 0x8b];
const UTF8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const UTF16_MARKS: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];
/// How an aggregated record of the Kinesis Producer Library begins. Behind it come a message of
/// Protocol Buffers and the MD5 of that message (its `aggregation-format.md`).
const KPL: &[u8] = &[0xf3, 0x89, 0x9a, 0xc2];
const MD5_BYTES: usize = 16;

/// The parts of a record, each the bytes of what should be one event. At least one; where it is one,
/// the record is that event.
///
/// # Errors
/// [`Reason::MalformedRecord`] where a wrapping cannot be taken off, in words that say which.
pub fn parts(data: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, Rejection> {
    let mut taken = Taken {
        parts: Vec::new(),
        bytes_left: MAX_BYTES,
    };
    taken.take_apart(Cow::Borrowed(data), MAX_DEPTH)?;
    if taken.parts.iter().all(|part| part.is_empty()) {
        return Err(rejection("at least one event", "a record without any"));
    }
    Ok(taken.parts)
}

/// What was found of a record so far.
struct Taken<'a> {
    parts: Vec<Cow<'a, [u8]>>,
    /// How many bytes may still be decompressed. A record of a megabyte could hold many that are small
    /// compressed, and each of them large.
    bytes_left: usize,
}

fn rejection(expected: &str, actual: impl Into<String>) -> Rejection {
    Rejection {
        reason: Reason::MalformedRecord,
        violations: vec![Violation {
            path: String::new(),
            rule: "parts",
            expected: expected.to_owned(),
            actual: actual.into(),
        }],
    }
}

impl<'a> Taken<'a> {
    fn take_apart(&mut self, data: Cow<'a, [u8]>, depth: u8) -> Result<(), Rejection> {
        let wrapped = data.starts_with(KPL) || data.starts_with(GZIP);
        if wrapped && depth == 0 {
            return Err(rejection("events", "wrappings within wrappings"));
        }
        if data.starts_with(KPL) {
            for record in deaggregate(&data)? {
                let found = self.parts.len();
                self.take_apart(part(&data, record), depth - 1)?;
                if self.parts.len() == found {
                    // One without an event is a part that is none: it counts.
                    self.push(Cow::Borrowed(&[]))?;
                }
            }
            Ok(())
        } else if data.starts_with(GZIP) {
            let whole = Cow::Owned(self.decompress(&data)?);
            self.take_apart(whole, depth - 1)
        } else if UTF16_MARKS.iter().any(|mark| data.starts_with(mark)) {
            Err(rejection(
                "text in UTF-8",
                "text in UTF-16, by its byte order mark",
            ))
        } else {
            let mut ranges = split(&data).into_iter();
            ranges.try_for_each(|range| self.push(part(&data, range)))
        }
    }

    fn push(&mut self, part: Cow<'a, [u8]>) -> Result<(), Rejection> {
        if self.parts.len() == MAX_PARTS {
            let most = format!("at most {MAX_PARTS} events in a record");
            return Err(rejection(&most, "more"));
        }
        self.parts.push(part);
        Ok(())
    }

    fn decompress(&mut self, data: &[u8]) -> Result<Vec<u8>, Rejection> {
        let mut whole = Vec::new();
        let most = self.bytes_left as u64 + 1;
        let read = MultiGzDecoder::new(data).take(most).read_to_end(&mut whole);
        if read.is_err() {
            return Err(rejection(
                "data in gzip",
                "gzip that is damaged or cut short",
            ));
        }
        let left = self.bytes_left.checked_sub(whole.len());
        self.bytes_left = left.ok_or_else(|| {
            let most = format!("at most {MAX_BYTES} bytes after decompression");
            rejection(&most, "more")
        })?;
        Ok(whole)
    }
}

/// A range of bytes, copied only where they are not the record's own.
fn part<'a>(data: &Cow<'a, [u8]>, range: std::ops::Range<usize>) -> Cow<'a, [u8]> {
    match data {
        Cow::Borrowed(data) => Cow::Borrowed(data.get(range).unwrap_or_default()),
        Cow::Owned(data) => Cow::Owned(data.get(range).unwrap_or_default().to_vec()),
    }
}

/// Where in JSON text the events are: objects one after the other, and the elements of arrays. What is
/// no JSON is left whole from there on, for its reader to refuse.
fn split(data: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = next_mark(data, at) {
        let end = end_of_value(data, start).unwrap_or(data.len());
        match data.get(start) {
            Some(b'{') => found.push(start..end),
            Some(b'[') if is_whole(data, start..end) => elements(data, start..end, &mut found),
            _ => {
                found.push(start..data.len());
                return found;
            }
        }
        at = end;
        if found.len() > MAX_PARTS {
            return found;
        }
    }
    found
}

fn is_whole(data: &[u8], range: std::ops::Range<usize>) -> bool {
    range.len() > 1 && data.get(range.end - 1) == Some(&b']')
}

fn elements(data: &[u8], array: std::ops::Range<usize>, found: &mut Vec<std::ops::Range<usize>>) {
    let end = array.end - 1;
    let mut at = array.start + 1;
    while let Some(start) = next_mark(data, at).filter(|start| *start < end) {
        let stop = match data.get(start) {
            Some(b'{' | b'[') => end_of_value(data, start).unwrap_or(end).min(end),
            _ => data[start..end]
                .iter()
                .position(|byte| *byte == b',')
                .map_or(end, |comma| start + comma),
        };
        found.push(start..stop);
        if found.len() > MAX_PARTS {
            return;
        }
        at = match next_mark(data, stop) {
            Some(comma) if data.get(comma) == Some(&b',') => comma + 1,
            _ => stop,
        };
    }
}

/// Behind white space and byte order marks: texts that each begin with one may have been put together.
fn next_mark(data: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let rest = data.get(at..)?;
        at += match rest.first()? {
            b' ' | b'\t' | b'\r' | b'\n' => 1,
            _ if rest.starts_with(UTF8_MARK) => UTF8_MARK.len(),
            _ => return Some(at),
        };
    }
}

/// Behind the bracket that closes the one at `start`; `None` where none does.
fn end_of_value(data: &[u8], start: usize) -> Option<usize> {
    let mut open = 0_usize;
    let mut in_text = false;
    let mut escaped = false;
    for (at, byte) in data.iter().enumerate().skip(start) {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => open += 1,
            b'}' | b']' => {
                open = open.checked_sub(1)?;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// Where in an aggregated record the data of its records are.
fn deaggregate(data: &[u8]) -> Result<Vec<std::ops::Range<usize>>, Rejection> {
    const WHAT: &str = "an aggregated record of the Kinesis Producer Library";
    let end = data
        .len()
        .checked_sub(MD5_BYTES)
        .filter(|end| *end >= KPL.len());
    let end = end.ok_or_else(|| rejection(WHAT, "one that is cut short"))?;
    let message = KPL.len()..end;
    let digest = data.get(message.clone()).map(Md5::digest);
    if digest.as_ref().map(|digest| digest.as_slice()) != data.get(end..) {
        return Err(rejection(WHAT, "one whose checksum does not hold"));
    }
    let damaged = || rejection(WHAT, "one whose message is damaged");
    let mut records = Vec::new();
    for field in fields(data, message) {
        // AggregatedRecord.records
        if let (3, Field::Bytes(record)) = field.ok_or_else(damaged)? {
            let mut found = None;
            for field in fields(data, record) {
                // Record.data
                if let (3, Field::Bytes(range)) = field.ok_or_else(damaged)? {
                    found = Some(range);
                }
            }
            records.push(found.ok_or_else(damaged)?);
            if records.len() > MAX_PARTS {
                let most = format!("at most {MAX_PARTS} events in a record");
                return Err(rejection(&most, "more"));
            }
        }
    }
    Ok(records)
}

enum Field {
    Bytes(std::ops::Range<usize>),
    Other,
}

/// The fields of a message of Protocol Buffers: number and value; `None` for what is none, after which
/// nothing comes.
fn fields(
    data: &[u8],
    message: std::ops::Range<usize>,
) -> impl Iterator<Item = Option<(u64, Field)>> {
    let mut at = message.start;
    let mut failed = false;
    std::iter::from_fn(move || {
        if at >= message.end || failed {
            return None;
        }
        let field = read_field(data, &mut at, message.end);
        failed = field.is_none();
        Some(field)
    })
}

fn read_field(data: &[u8], at: &mut usize, end: usize) -> Option<(u64, Field)> {
    let key = varint(data, at, end)?;
    let skip = |at: &mut usize, bytes: usize| {
        let next = at.checked_add(bytes).filter(|next| *next <= end)?;
        let range = *at..next;
        *at = next;
        Some(range)
    };
    let field = match key & 7 {
        0 => {
            varint(data, at, end)?;
            Field::Other
        }
        1 => skip(at, 8).map(|_| Field::Other)?,
        2 => {
            let length = usize::try_from(varint(data, at, end)?).ok()?;
            Field::Bytes(skip(at, length)?)
        }
        5 => skip(at, 4).map(|_| Field::Other)?,
        _ => return None,
    };
    Some((key >> 3, field))
}

fn varint(data: &[u8], at: &mut usize, end: usize) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *data.get(*at).filter(|_| *at < end)?;
        *at += 1;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
