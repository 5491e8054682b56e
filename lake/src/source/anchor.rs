//! Whether the record that a shard was read up to is in the stream. No IO.

use super::{Position, SequenceNumber, StreamRecord};

/// Checks that the stream has the committed position. Read on after a record that the stream has not come
/// to yet, the shard would give nothing, and new records would be skipped without an error.
///
/// Reading goes on with the committed record itself. Where it comes, or a later one, all is well: older
/// ones may be past the retention. Where nothing comes, the shard is looked through from its oldest
/// record: if there are older ones than the committed one and not that one, it lies beyond the end.
#[derive(Debug, Default)]
pub struct Anchor {
    /// The committed record, as long as it is in doubt.
    committed: Option<SequenceNumber>,
    from_oldest: bool,
    older_seen: bool,
}

/// What is to be done after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchored {
    /// Go on.
    Fine,
    /// Read from the oldest record, with a new iterator.
    FromOldest,
    /// The position is not one of this shard.
    BeyondEnd,
}

impl Anchor {
    /// For a shard that is read on at `position`.
    pub fn new(position: &Position) -> Anchor {
        let committed = match position {
            Position::After(committed) => Some(committed.clone()),
            _ => None,
        };
        Anchor {
            committed,
            ..Anchor::default()
        }
    }

    /// Where to read, for a shard that is to be read on at `position`.
    pub fn position(&self, position: Position) -> Position {
        match &self.committed {
            Some(_) if self.from_oldest => Position::TrimHorizon,
            Some(committed) if position == Position::After(committed.clone()) => {
                Position::At(committed.clone())
            }
            _ => position,
        }
    }

    /// The stream has refused the position.
    pub fn refused(&mut self) {
        self.from_oldest = true;
    }

    /// Looks at an answer. `is_tip`: there is nothing behind it yet.
    pub fn observe(&mut self, records: &[StreamRecord], is_tip: bool) -> Anchored {
        let Some(committed) = &self.committed else {
            return Anchored::Fine;
        };
        if let Some(last) = records.last() {
            if last.sequence_number >= *committed {
                self.committed = None;
                return Anchored::Fine;
            }
            self.older_seen = true;
        }
        match (is_tip, self.from_oldest, self.older_seen) {
            (true, false, _) => {
                self.from_oldest = true;
                Anchored::FromOldest
            }
            (true, true, true) => Anchored::BeyondEnd,
            _ => Anchored::Fine,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use forebay_core::time::Timestamp;

    use super::*;

    fn number(number: u64) -> SequenceNumber {
        SequenceNumber::try_from(number.to_string()).unwrap()
    }

    fn records(numbers: &[u64]) -> Vec<StreamRecord> {
        let record = |sequence: &u64| StreamRecord {
            sequence_number: number(*sequence),
            arrival: Timestamp(0),
            data: Bytes::new(),
        };
        numbers.iter().map(record).collect()
    }

    /// What comes of a committed position, in a shard with these records.
    fn outcome(committed: u64, shard: &[u64]) -> Anchored {
        let position = Position::After(number(committed));
        let mut anchor = Anchor::new(&position);
        for _ in 0..3 {
            let from = match anchor.position(position.clone()) {
                Position::At(from) => from,
                _ => number(0),
            };
            let here: Vec<_> = shard
                .iter()
                .copied()
                .filter(|sequence| number(*sequence) >= from)
                .collect();
            // An answer with what there is, and then empty ones.
            for answer in [here, Vec::new()] {
                match anchor.observe(&records(&answer), answer.is_empty()) {
                    Anchored::Fine => {}
                    Anchored::FromOldest => break,
                    Anchored::BeyondEnd => return Anchored::BeyondEnd,
                }
            }
        }
        if anchor.from_oldest && !shard.is_empty() {
            assert!(anchor.committed.is_none(), "still in doubt");
        }
        Anchored::Fine
    }

    #[test]
    fn a_position_is_in_the_shard_forgotten_or_beyond_its_end() {
        assert_eq!(outcome(3, &[1, 2, 3]), Anchored::Fine);
        assert_eq!(outcome(3, &[1, 2, 3, 4]), Anchored::Fine);
        assert_eq!(outcome(3, &[5, 6]), Anchored::Fine);
        assert_eq!(outcome(3, &[]), Anchored::Fine);
        assert_eq!(outcome(9, &[1, 2, 3]), Anchored::BeyondEnd);
        assert_eq!(outcome(1_000, &[999]), Anchored::BeyondEnd);
    }

    #[test]
    fn a_shard_that_was_empty_at_first_is_looked_through_as_it_fills() {
        let mut anchor = Anchor::new(&Position::After(number(9)));
        assert_eq!(anchor.observe(&[], true), Anchored::FromOldest);
        assert_eq!(anchor.observe(&[], true), Anchored::Fine);
        assert_eq!(anchor.observe(&records(&[3]), true), Anchored::BeyondEnd);
    }
}
