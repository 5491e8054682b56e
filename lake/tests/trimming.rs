//! Which records a shard takes that is read again: each one behind what is committed, once, up to the end of a batch
//! that was cut before. All short streams are tried, in any order and with repetitions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::VecDeque;
use std::sync::Arc;

use bolero::{check, produce};
use forebay_lake::cut::{Limits, Shard};
use forebay_lake::state::{Checkpoint, Cut, StatePaths};
use support::{at, catalog, sequence_number};

#[test]
fn each_record_is_taken_once() {
    let catalog = Arc::new(catalog());
    let numbers = produce::<Vec<usize>>()
        .with()
        .len(0usize..=5)
        .values(1usize..=4);
    check!()
        .exhaustive()
        .with_generator((0usize..=3, 0usize..=3, numbers))
        .for_each(|(committed, pending, numbers)| {
            let last = (*pending > 0).then_some(committed + pending);
            let checkpoint = Checkpoint {
                committed: (*committed > 0).then(|| sequence_number(*committed)),
                pending: last.map(|last| Cut {
                    first: sequence_number(committed + 1),
                    last: sequence_number(last),
                    records: *pending as u64,
                    files: Vec::new(),
                }),
                ..Checkpoint::default()
            };
            let limits = Limits {
                records: 100,
                bytes: 1_000_000,
            };
            let paths = StatePaths::new("stream", 1);
            let (window, segment) = Default::default();
            let mut shard = Shard::new(
                "shard".into(),
                Arc::clone(&catalog),
                limits,
                paths,
                checkpoint,
                window,
                segment,
            );
            let mut records: VecDeque<_> =
                numbers.iter().map(|number| at(*number, *b"{}")).collect();
            let is_full = shard.take(&mut records);

            let (mut newest, mut expected, mut is_cut) = (*committed, 0, false);
            for number in numbers {
                is_cut |= last.is_some_and(|last| *number > last || newest >= last);
                if !is_cut && *number > newest {
                    newest = *number;
                    expected += 1;
                }
            }
            is_cut |= last.is_some_and(|last| newest >= last);
            assert_eq!(shard.open_records(), expected);
            assert_eq!(is_full, is_cut);
        });
}
