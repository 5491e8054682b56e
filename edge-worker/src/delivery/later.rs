//! What waits for the sinks that no answer waits for.

use std::borrow::Cow;
use std::cell::RefCell;

use super::{Delivery, Record};

/// Most bytes that wait, or are on their way: of the 128 MB that an isolate has.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// What became of the records of a sink that is not required.
pub struct LaterDelivery<'a> {
    /// The sink's name.
    pub sink: &'a str,
    /// What became of each record.
    pub delivery: Delivery,
    /// How many were not even tried: more waited than there is room for.
    pub dropped: usize,
}

/// Records for after the answer.
#[derive(Default)]
pub(super) struct Later(RefCell<State>);

#[derive(Default)]
struct State {
    /// What each target is to get.
    waiting: Vec<ForTarget>,
    /// Of the records that wait, and of those that were taken and are on their way.
    bytes: usize,
}

/// What one target is to get.
#[derive(Default)]
pub(super) struct ForTarget {
    pub(super) records: Vec<Record<'static>>,
    /// How many there was no room for.
    pub(super) dropped: usize,
}

/// What was taken. While it is there, its bytes count.
pub(super) struct Taken<'l> {
    later: &'l Later,
    bytes: usize,
    /// By the index of the target.
    pub(super) targets: Vec<ForTarget>,
}

impl Later {
    /// Keeps a record for the target of this index, or counts that there was no room.
    pub(super) fn keep(&self, target: usize, record: &Record<'_>) {
        let mut state = self.0.borrow_mut();
        let bytes = record.byte_len();
        let has_room = state.bytes + bytes <= MAX_BYTES;
        if state.waiting.len() <= target {
            state.waiting.resize_with(target + 1, ForTarget::default);
        }
        let Some(of_target) = state.waiting.get_mut(target) else {
            return;
        };
        if has_room {
            of_target.records.push(Record {
                data: record.data.clone(),
                partition_key: Cow::Owned(record.partition_key.clone().into_owned()),
            });
            state.bytes += bytes;
        } else {
            of_target.dropped += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().waiting.is_empty()
    }

    /// Takes what waits.
    pub(super) fn take(&self) -> Taken<'_> {
        let targets = std::mem::take(&mut self.0.borrow_mut().waiting);
        let records = targets.iter().flat_map(|target| &target.records);
        Taken {
            later: self,
            bytes: records.map(Record::byte_len).sum(),
            targets,
        }
    }
}

impl Drop for Taken<'_> {
    /// Also where the platform ends the delivery before its time.
    fn drop(&mut self) {
        let mut state = self.later.0.borrow_mut();
        state.bytes = state.bytes.saturating_sub(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: usize) -> Record<'static> {
        Record {
            data: "x".repeat(bytes),
            partition_key: Cow::Borrowed(""),
        }
    }

    #[test]
    fn what_is_on_its_way_takes_room_until_it_has_ended() {
        let later = Later::default();
        later.keep(1, &record(MAX_BYTES));
        let taken = later.take();
        assert!(later.is_empty());
        assert_eq!(taken.targets[1].records.len(), 1);
        later.keep(0, &record(1));
        drop(taken);
        later.keep(0, &record(1));
        let taken = later.take();
        assert_eq!(
            (taken.targets[0].records.len(), taken.targets[0].dropped),
            (1, 1)
        );
    }
}
