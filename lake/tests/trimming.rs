//! Which records a shard takes: up to the limits of a batch, and when it is read again, each one behind what is
//! committed, once, up to the end of a batch that was cut before. Of the latter all short streams are tried, in any
//! order and with repetitions.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::VecDeque;
use std::sync::Arc;

use bolero::{check, produce};
use forebay_core::time::Timestamp;
use forebay_lake::cut::{Limits, Shard};
use forebay_lake::state::{Checkpoint, Cut, StatePaths};
use forebay_lake::table::Catalog;
use support::{NOON, at, catalog, sequence_number, sign_up};

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
            let mut shard = shard(&catalog, limits, checkpoint);
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

fn shard(catalog: &Arc<Catalog>, limits: Limits, checkpoint: Checkpoint) -> Shard {
    let (window, segment) = Default::default();
    Shard::new(
        "shard".into(),
        Arc::clone(catalog),
        limits,
        StatePaths::new("stream", 1),
        checkpoint,
        window,
        segment,
    )
}

/// As after days on which many phones were offline: the events of a batch are of many days.
#[test]
fn a_batch_of_many_small_files_takes_four_times_as_many_records() {
    let catalog = Arc::new(catalog());
    let taken = |days: usize, records: u64, bytes: u64| {
        let mut shard = shard(&catalog, Limits { records, bytes }, Checkpoint::default());
        for number in 0.. {
            let id = format!("e{number:09}");
            let mut event = sign_up(&id);
            event.event_timestamp = Timestamp(NOON - (number % days) as i64 * 86_400_000);
            if shard.take(&mut VecDeque::from([at(number, event.encode())])) {
                break;
            }
        }
        (shard.open_records(), shard.open_bytes())
    };
    let unlimited = u64::MAX;
    assert_eq!(taken(999, 2_000, unlimited).0, 2_000);
    assert_eq!(taken(1_000, 2_000, unlimited).0, 8_000);
    let bytes = taken(1_000, unlimited, 1_000_000).1;
    assert!((4_000_000..4_001_000).contains(&bytes), "{bytes} bytes");
    // Until its files are small ones no more.
    assert_eq!(taken(1_000, 10_000, unlimited).0, 32_000);
    assert_eq!(taken(1_000, 40_000, unlimited).0, 40_000);
}
