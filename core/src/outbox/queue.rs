//! The events of the outbox, in the order in which they are to be sent.

use alloc::vec::Vec;

/// [`Entry::request`] of an event that waits.
pub(super) const WAITING: u32 = 0;
/// [`Entry::request`] of an event that is done with. Its place is reused in time.
const SETTLED: u32 = u32::MAX;
/// How many more settled events than others are kept before the others move up.
const COMPACT_AT: usize = 512;

/// One event, without its text, which the shell keeps.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// The shell's number of it.
    pub event: u32,
    /// What it takes in a request.
    pub bytes: u32,
    /// Whose credentials it is sent with.
    pub who: u32,
    /// The request it is in.
    pub request: u32,
    /// When it was recorded, by the browser's clock: milliseconds since the epoch.
    pub at: i64,
    /// What the endpoint's clock was ahead by when it was recorded, once that is known.
    pub offset: Option<i64>,
}

/// Events in order. Those under way keep their places, so that one which comes back stands where it
/// stood.
pub(super) struct Queue {
    entries: Vec<Entry>,
    /// Before it, all are settled.
    head: usize,
    /// How many there are, waiting or under way.
    pub len: usize,
    /// Their bytes.
    pub bytes: usize,
}

impl Queue {
    pub const EMPTY: Queue = Queue {
        entries: Vec::new(),
        head: 0,
        len: 0,
        bytes: 0,
    };

    /// Puts an event behind all others.
    pub fn push(&mut self, entry: Entry) {
        self.len += 1;
        self.bytes += entry.bytes as usize;
        self.entries.push(entry);
    }

    /// Puts events before all others.
    pub fn prepend(&mut self, mut earlier: Vec<Entry>) {
        for entry in &earlier {
            self.len += 1;
            self.bytes += entry.bytes as usize;
        }
        earlier.extend_from_slice(self.entries());
        self.entries = earlier;
        self.head = 0;
    }

    /// All events and, between them, some that are settled.
    fn entries(&self) -> &[Entry] {
        self.entries.get(self.head..).unwrap_or_default()
    }

    /// Calls `visit` with every event of a request.
    pub fn each(&mut self, request: u32, visit: &mut dyn FnMut(&mut Entry)) {
        for entry in self.entries.iter_mut().skip(self.head) {
            if entry.request == request {
                visit(entry);
            }
        }
    }

    /// Keeps this offset with every event that has none.
    pub fn pin(&mut self, offset: i64) {
        for entry in &mut self.entries {
            entry.offset.get_or_insert(offset);
        }
    }

    /// Takes waiting events of an identity into a request, as long as `count` and `bytes` last.
    /// `newest`: from the end, passing over what does not fit. Gives how many events and bytes.
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
        for step in self.head..length {
            let at = if newest {
                length - 1 - (step - self.head)
            } else {
                step
            };
            let Some(entry) = self.entries.get_mut(at) else {
                break;
            };
            if entry.request != WAITING || entry.who != who {
                continue;
            }
            let with = size + entry.bytes as usize;
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

    /// Removes the first event for which `is_it` holds.
    pub fn remove(&mut self, is_it: &dyn Fn(&Entry) -> bool) -> Option<Entry> {
        let found = self
            .entries
            .iter_mut()
            .skip(self.head)
            .find(|entry| entry.request != SETTLED && is_it(entry))?;
        let removed = *found;
        found.request = SETTLED;
        self.len -= 1;
        self.bytes -= removed.bytes as usize;
        self.compact();
        Some(removed)
    }

    fn compact(&mut self) {
        while self
            .entries
            .get(self.head)
            .is_some_and(|entry| entry.request == SETTLED)
        {
            self.head += 1;
        }
        // Seldom enough to cost nothing by the event.
        if self.entries.len() > 2 * self.len + COMPACT_AT {
            self.entries.retain(|entry| entry.request != SETTLED);
            self.head = 0;
        }
    }
}
