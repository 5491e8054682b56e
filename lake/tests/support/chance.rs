//! Chance, and streams of records that come of it.

use std::collections::BTreeSet;
use std::ops::Range;

use forebay_core::time::Timestamp;
use forebay_lake::source::StreamRecord;
use forebay_lake::state::Counts;

use super::{DAY, NOON, at, attribute, record, sign_up};

/// Chance that comes out the same for the same seed (Steele, Lea, Flood: SplitMix64).
#[derive(Debug)]
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub fn within(&mut self, range: Range<usize>) -> usize {
        range.start + usize::try_from(self.next() % range.len() as u64).unwrap()
    }

    /// True once in `times` on average.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.within(0..times) == 0
    }
}

/// What a stream holds, and what must become of it.
#[derive(Default)]
pub struct Expected {
    pub stream: Vec<StreamRecord>,
    pub rows: BTreeSet<String>,
    pub rejected_events: BTreeSet<String>,
    pub counts: Counts,
}

impl Expected {
    /// Any.
    pub fn any(chance: &mut Chance) -> Expected {
        let mut expected = Expected::default();
        let mut sent: Vec<(String, bool)> = Vec::new();
        for number in 0..chance.within(1..60) {
            expected.counts.records += 1;
            let data = match chance.within(0..20) {
                0 => {
                    expected.counts.rejected += 1;
                    "not a record".to_owned()
                }
                1..5 if !sent.is_empty() => {
                    let (id, valid) = &sent[chance.within(0..sent.len())];
                    if *valid {
                        expected.counts.duplicates += 1;
                    } else {
                        expected.counts.rejected += 1;
                    }
                    encode(id, *valid, NOON + 5_000)
                }
                roll => {
                    let (id, valid) = (format!("e{number}"), roll > 6);
                    if valid {
                        expected.counts.rows += 1;
                        expected.rows.insert(id.clone());
                    } else {
                        expected.counts.rejected += 1;
                        expected.rejected_events.insert(id.clone());
                    }
                    sent.push((id.clone(), valid));
                    encode(&id, valid, NOON)
                }
            };
            expected.stream.push(at(number, data));
        }
        expected
    }
}

/// The same event for the same id: type and day follow from it.
pub fn encode(id: &str, valid: bool, arrival: i64) -> String {
    let number: i64 = id[1..].parse().unwrap();
    let mut event = if number % 2 == 0 {
        sign_up(id)
    } else {
        record("PiecePlayedEvent", id)
    };
    event.event_timestamp = Timestamp(NOON - number % 3 * DAY);
    event.arrival_timestamp = Timestamp(arrival);
    if !valid {
        attribute(&mut event, "completed", "perhaps");
    }
    event.encode()
}
