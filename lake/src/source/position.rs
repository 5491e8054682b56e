//! A record of the stream, and where it stands there.

use std::cmp::Ordering;
use std::fmt;

use bytes::Bytes;
use forebay_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Longest sequence number of Kinesis, in digits (service model `kinesis/2013-12-02`).
const MAX_DIGITS: usize = 129;

/// Where a record stands in its shard: a decimal number, too long for any machine integer.
#[derive(Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SequenceNumber(String);

impl SequenceNumber {
    /// The digits, as Kinesis gave them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SequenceNumber {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        // Without leading zeros the longer number is the larger one.
        let is_plain = text == "0" || !text.starts_with('0');
        if is_number && is_plain && text.len() <= MAX_DIGITS {
            Ok(SequenceNumber(text))
        } else {
            Err("a sequence number of at most 129 digits was expected")
        }
    }
}

impl From<SequenceNumber> for String {
    fn from(number: SequenceNumber) -> String {
        number.0
    }
}

impl Clone for SequenceNumber {
    fn clone(&self) -> SequenceNumber {
        SequenceNumber(self.0.clone())
    }

    /// The number of the last record is overwritten with each record, in its own memory.
    fn clone_from(&mut self, other: &SequenceNumber) {
        self.0.clone_from(&other.0);
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One record, as the stream delivers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRecord {
    /// Rises along the shard.
    pub sequence_number: SequenceNumber,
    /// When the stream took it in, by the stream's clock.
    pub arrival: Timestamp,
    /// Its bytes.
    pub data: Bytes,
}

/// Where reading a shard goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Position {
    /// With the oldest record there is.
    TrimHorizon,
    /// With this record, or the next one that is still there.
    At(SequenceNumber),
    /// With what comes after this record.
    After(SequenceNumber),
    /// With the first record that the stream took in at this time, by its clock, or later.
    Time(Timestamp),
    /// With what comes from now on.
    Latest,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Result<SequenceNumber, &'static str> {
        SequenceNumber::try_from(text.to_owned())
    }

    #[test]
    fn numbers_compare_by_value_beyond_128_bits() {
        let long = "49590338271490256608559692538361571095921575989136588898";
        let longer = "149590338271490256608559692538361571095921575989136588898";
        assert!(number("9").unwrap() < number("10").unwrap());
        assert!(number(long).unwrap() < number(longer).unwrap());
        assert!(number("10").unwrap() < number("11").unwrap());
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        for text in ["", "01", "1a", "-1", "../1"] {
            assert!(number(text).is_err(), "{text}");
        }
        assert!(number(&"9".repeat(129)).is_ok());
        assert!(number(&"9".repeat(130)).is_err());
    }

    /// Records are passed over by this order: a wrong one would lose or double them.
    #[test]
    fn the_order_of_sequence_numbers_is_that_of_the_numbers() {
        let number = |value: u128| number(&value.to_string()).unwrap();
        bolero::check!()
            .with_type::<(u128, u128, u8)>()
            .with_iterations(20_000)
            .for_each(|(one, other, shift)| {
                // Of any length, and close to each other.
                let one = one >> (shift % 128);
                for other in [other >> (shift % 128), one, one.saturating_add(1)] {
                    assert_eq!(number(one).cmp(&number(other)), one.cmp(&other));
                }
            });
    }
}
