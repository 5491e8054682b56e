//! The events of the outbox, in the order in which they are to be sent.

use alloc::vec::Vec;

/// [`Entry::request`] of an event that is in no request.
pub(super) const NONE: u32 = 0;
/// Ended events keep their places until there are this many more of them than others; then the others move up.
const COMPACT_AT: usize = 512;

/// One event, without its text, which the shell keeps.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// The shell's number for it.
    pub event: u32,
    /// Bytes that it takes in a request.
    pub bytes: usize,
    /// The identity whose credentials it is sent with.
    pub who: u32,
    /// The request it is in.
    pub request: u32,
    /// Whether it has ended or moved back. It keeps its place until its request is answered, since an answer has the
    /// order of the batch.
    pub is_over: bool,
    /// When it was recorded, by the browser's clock: milliseconds since the epoch.
    pub at: f64,
    /// The clock offset when it was recorded; NaN until that is known.
    pub offset: f64,
}

impl Entry {
    pub fn is_waiting(&self) -> bool {
        self.request == NONE && !self.is_over
    }

    fn is_settled(&self) -> bool {
        self.request == NONE && self.is_over
    }

    /// The clock offset when it was recorded; `now`, the present one, if that is not known.
    pub fn offset(&self, now: f64) -> f64 {
        if self.offset.is_nan() {
            now
        } else {
            self.offset
        }
    }
}

/// Events in order. Those in flight keep their places, so that an event which comes back is where it was.
pub(super) struct Queue {
    pub entries: Vec<Entry>,
    /// Events that [`Queue::merge`] puts before them.
    pub earlier: Vec<Entry>,
    /// How many events wait in memory or are in flight.
    pub resident: usize,
    /// The bytes of events that wait, also on disk alone, or are in flight.
    pub bytes: usize,
    /// The place of the event that was found last: the next search mostly is for the event behind it.
    found_at: usize,
}

impl Queue {
    pub const EMPTY: Queue = Queue {
        entries: Vec::new(),
        earlier: Vec::new(),
        resident: 0,
        bytes: 0,
        found_at: 0,
    };

    /// Forgets all events.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.earlier.clear();
        self.resident = 0;
        self.bytes = 0;
    }

    /// The place of an event that waits or is in flight.
    pub fn find(&mut self, event: u32) -> Option<usize> {
        let length = self.entries.len();
        let mut places = (0..length).map(|step| (self.found_at + step) % length);
        let at = places.find(|at| {
            let entry = &self.entries[*at];
            entry.event == event && !entry.is_over
        })?;
        self.found_at = at;
        Some(at)
    }

    /// How many events of the same identity wait before the one at a place.
    pub fn ahead(&self, at: usize) -> usize {
        let (before, from) = self.entries.split_at(at);
        let who = from.first().map(|entry| entry.who);
        let is_ahead = |entry: &&Entry| entry.is_waiting() && Some(entry.who) == who;
        before.iter().filter(is_ahead).count()
    }

    /// Takes waiting events of an identity into a request, as long as `count` and `bytes` last.
    /// `newest`: from the end, without those that do not fit. Gives how many events and bytes it took.
    pub fn take(
        &mut self,
        who: u32,
        request: u32,
        count: usize,
        bytes: usize,
        newest: bool,
    ) -> (usize, usize) {
        let (mut taken, mut size) = (0, 0);
        let length = self.entries.len();
        for step in 0..length {
            let at = if newest { length - 1 - step } else { step };
            let Some(entry) = self.entries.get_mut(at) else {
                break;
            };
            if !entry.is_waiting() || entry.who != who {
                continue;
            }
            let with = size + entry.bytes;
            if with > bytes && (taken > 0 || newest) {
                if newest {
                    continue;
                }
                break;
            }
            entry.request = request;
            taken += 1;
            size = with;
            if taken == count {
                break;
            }
        }
        (taken, size)
    }

    /// Lets the others move up when ended events take many more places than they do: seldom enough to cost nothing for
    /// each event, and soon enough that the list does not grow.
    pub fn compact(&mut self) {
        if self.entries.len() > 2 * self.resident + COMPACT_AT {
            self.entries.retain(|entry| !entry.is_settled());
        }
    }

    /// Puts the earlier events before all others.
    pub fn merge(&mut self) {
        for entry in &self.entries {
            self.earlier.push(*entry);
        }
        core::mem::swap(&mut self.entries, &mut self.earlier);
        self.earlier.clear();
    }
}
