//! How records travel in a message: a line that says what the message holds, and then of each record a line
//! with the lengths of its partition key and its data in bytes, the key, and the data.
//!
//! ```text
//! forebay-queue/1 events
//! 36 1234
//! c232ab00-9414-11ec-b3c8-9f6bdeced846{"event_type":"SignUpEvent", .. }
//! ```
//!
//! It is text, so that an operator can read it in the queue. It has lengths, so that nothing is escaped twice
//! and a message holds as many records as possible.

use std::borrow::Cow;
use std::fmt::Write;

use crate::delivery::Record;

/// What Cloudflare counts for each message beside its body: about 100 bytes.
const METADATA_BYTES: usize = 256;
/// Most bytes of a message: 128,000 with what Cloudflare adds.
pub const MAX_MESSAGE_BYTES: usize = 128_000 - METADATA_BYTES;
/// Most bytes of the records of one sendBatch: 256,000 with what Cloudflare and the lines add. Two
/// messages in a row exceed the limit of one together, so that there are never more than five.
pub const MAX_SEND_BYTES: usize = 256_000 - 5 * (METADATA_BYTES + HEADER_BYTES);
/// More than the line of lengths of any record has.
pub const ENTRY_BYTES: usize = 16;
/// More than the first line has.
const HEADER_BYTES: usize = 32;

const EVENTS: &str = "forebay-queue/1 events\n";
const DEAD_LETTERS: &str = "forebay-queue/1 dead_letters\n";

/// The kind of records in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Records of events.
    Events,
    /// Dead letters.
    DeadLetters,
}

impl Kind {
    fn header(self) -> &'static str {
        match self {
            Kind::Events => EVENTS,
            Kind::DeadLetters => DEAD_LETTERS,
        }
    }
}

/// Whether a record fits into a message.
pub fn fits(record: &Record<'_>) -> bool {
    HEADER_BYTES + ENTRY_BYTES + record.byte_len() <= MAX_MESSAGE_BYTES
}

/// Packs records into messages, in their order and each as full as that allows. A record that does not
/// fit is a message of its own, which the queue refuses.
pub fn packed(records: &[&Record<'_>], kind: Kind) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for record in records {
        let bytes = ENTRY_BYTES + record.byte_len();
        let has_room = |last: &&mut String| last.len() + bytes <= MAX_MESSAGE_BYTES;
        let entry = |message: &mut String| {
            let Record {
                data,
                partition_key,
            } = record;
            // Writing to a string does not fail.
            let _ = writeln!(message, "{} {}", partition_key.len(), data.len());
            message.push_str(partition_key);
            message.push_str(data);
        };
        match messages.last_mut().filter(has_room) {
            Some(last) => entry(last),
            None => {
                let mut message = String::from(kind.header());
                entry(&mut message);
                messages.push(message);
            }
        }
    }
    messages
}

/// The records of a message, and their kind; `None` where the worker did not write it.
pub fn unpacked(message: &str) -> Option<(Kind, Vec<Record<'_>>)> {
    let (kind, mut rest) = match (
        message.strip_prefix(EVENTS),
        message.strip_prefix(DEAD_LETTERS),
    ) {
        (Some(rest), _) => (Kind::Events, rest),
        (None, Some(rest)) => (Kind::DeadLetters, rest),
        (None, None) => return None,
    };
    let mut records = Vec::new();
    while !rest.is_empty() {
        let (lengths, entry) = rest.split_once('\n')?;
        let (key, data) = lengths.split_once(' ')?;
        let (key, data): (usize, usize) = (key.parse().ok()?, data.parse().ok()?);
        let end = key.checked_add(data)?;
        records.push(Record {
            data: entry.get(key..end)?.to_owned(),
            partition_key: Cow::Borrowed(entry.get(..key)?),
        });
        rest = entry.get(end..)?;
    }
    Some((kind, records))
}
