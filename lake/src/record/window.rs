//! The event ids that a shard has seen lately, by which the lake recognises an event that was sent twice.

use std::collections::VecDeque;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use sha2::{Digest, Sha256};

use crate::state::{Damage, WindowRef, sha256};

/// How many of the latest events of a shard are remembered: more than four minutes at the 1,000
/// records a second that a shard takes at most, seven hours at ten a second; 4 MiB on disk, 6.5 MiB in memory.
pub const WINDOW_EVENTS: usize = 262_144;

/// Bytes of one key on disk.
const KEY_BYTES: usize = 16;
/// How a run begins.
const MAGIC: &str = "forebay-ids 2";
/// So many runs of one size become one of the next. Then each key is written once for each power of this
/// between a cut and the window: four times where a cut has 500.
const FAN_OUT: usize = 8;

/// Which event it is: 128 bits of a hash over its id. The id is a UUID of the client, or one that the edge has
/// derived from the event: it is meant to be unique over all applications and clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKey([u8; KEY_BYTES]);

impl EventKey {
    /// The key of the event with this id.
    pub fn new(event_id: &str) -> EventKey {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(&Sha256::digest(event_id)[..KEY_BYTES]);
        EventKey(key)
    }

    /// Where it belongs in a table. It is a hash already, and nobody can choose it: another hash of it would
    /// say no more.
    fn bucket(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// Keys in the order in which they came, each once.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    order: VecDeque<EventKey>,
    /// The number of each key, which is its place in `order` counted from `first` on. The keys themselves
    /// are in `order` alone: a set of them would take three times the memory.
    numbers: HashTable<u32>,
    first: u32,
}

impl Keys {
    /// Whether the key is among them.
    pub fn contains(&self, key: EventKey) -> bool {
        let Keys { order, first, .. } = self;
        let is_key = |number: &u32| at(order, *first, *number) == Some(&key);
        self.numbers.find(key.bucket(), is_key).is_some()
    }

    /// Adds a key. Returns whether it is new.
    pub fn insert(&mut self, key: EventKey) -> bool {
        // A window has far fewer than 2^32 keys, and the numbers may wrap around.
        #[allow(clippy::cast_possible_truncation)]
        let number = self.first.wrapping_add(self.order.len() as u32);
        let Keys { order, first, .. } = self;
        let is_key = |number: &u32| at(order, *first, *number) == Some(&key);
        let bucket_of = |number: &u32| at(order, *first, *number).map_or(0, |key| key.bucket());
        let entry = self.numbers.entry(key.bucket(), is_key, bucket_of);
        let Entry::Vacant(place) = entry else {
            return false;
        };
        place.insert(number);
        order.push_back(key);
        true
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.order.front() else {
            return;
        };
        let first = self.first;
        if let Ok(found) = self
            .numbers
            .find_entry(oldest.bucket(), |number| *number == first)
        {
            found.remove();
        }
        self.order.pop_front();
        self.first = self.first.wrapping_add(1);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = EventKey> + ExactSizeIterator {
        self.order.iter().copied()
    }
}

fn at(order: &VecDeque<EventKey>, first: u32, number: u32) -> Option<&EventKey> {
    order.get(usize::try_from(number.wrapping_sub(first)).ok()?)
}

/// The latest keys of one shard, [`WINDOW_EVENTS`] unless it was made smaller, oldest first.
///
/// On disk they are in runs, which are files that never change. A cut writes one more, with the keys that are
/// new; with them go the keys of the latest runs where there are [`FAN_OUT`] of a size, and these runs are not
/// used any more. The runs in their order hold the keys in their order, and at least as many as the window.
#[derive(Debug, Clone)]
pub struct Window {
    keys: Keys,
    most: usize,
    /// How many of the latest keys are in no run.
    unwritten: usize,
    /// Oldest first.
    runs: Vec<WrittenRun>,
}

#[derive(Debug, Clone)]
struct WrittenRun {
    number: u64,
    keys: usize,
    sha256: String,
}

/// A file of keys.
#[derive(Debug, Clone)]
pub struct Run {
    keys: Vec<EventKey>,
    written: WrittenRun,
}

/// A run that is to be written.
#[derive(Debug)]
pub struct NextRun {
    /// Its number, which no run of the shard had before.
    pub number: u64,
    /// What the file holds.
    pub bytes: Vec<u8>,
    /// The window as the checkpoint names it, once the file is written.
    pub window: WindowRef,
}

impl Default for Window {
    fn default() -> Window {
        Window::of(WINDOW_EVENTS)
    }
}

impl Window {
    /// A window without keys that remembers at most so many.
    pub fn of(most: usize) -> Window {
        Window {
            keys: Keys::default(),
            most,
            unwritten: 0,
            runs: Vec::new(),
        }
    }

    /// Whether the event has been seen.
    pub fn contains(&self, key: EventKey) -> bool {
        self.keys.contains(key)
    }

    /// Adds the keys that are new, and forgets the oldest beyond its limit.
    pub fn extend(&mut self, keys: impl IntoIterator<Item = EventKey>) {
        for key in keys {
            self.unwritten += usize::from(self.push(key));
        }
        self.unwritten = self.unwritten.min(self.keys.len());
    }

    fn push(&mut self, key: EventKey) -> bool {
        if self.contains(key) {
            return false;
        }
        if self.keys.len() >= self.most {
            self.keys.forget_oldest();
        }
        self.keys.insert(key)
    }

    /// The keys, oldest first.
    pub fn keys(&self) -> impl Iterator<Item = EventKey> {
        self.keys.iter()
    }

    /// The next run, with the keys that are in none. `None` where there are no such keys. From here on the
    /// window is as if the run had been written.
    pub fn next_run(&mut self) -> Option<NextRun> {
        let last = self.runs.last().map_or(0, |run| run.number);
        (self.unwritten > 0).then(|| self.run_after(last))
    }

    /// One run with all the keys, whose number is higher than this one.
    pub fn whole_run(mut self, number: u64) -> NextRun {
        self.unwritten = self.keys.len();
        self.runs.clear();
        self.run_after(number)
    }

    fn run_after(&mut self, last: u64) -> NextRun {
        let (kept, size) = self.merge();
        let mut replaced: Vec<u64> = self.runs.drain(kept..).map(|run| run.number).collect();
        let number = last + 1;
        // What the window has forgotten meanwhile is not written again.
        let size = size.min(self.keys.len());
        let keys = self.keys.iter().skip(self.keys.len() - size);
        let (run, bytes) = encode(number, keys);
        self.runs.push(run);
        self.unwritten = 0;

        let mut beyond: usize = self.runs.iter().map(|run| run.keys).sum();
        let old = self.runs.iter().take_while(|run| {
            beyond -= run.keys;
            beyond >= self.most
        });
        let old = old.count();
        replaced.extend(self.runs.drain(..old).map(|run| run.number));
        NextRun {
            number,
            bytes,
            window: WindowRef {
                runs: self.runs.iter().map(|run| run.number).collect(),
                sha256: checksum(&self.runs),
                replaced,
            },
        }
    }

    /// How many of the oldest runs stay, and how many keys the next run has with those of the others.
    fn merge(&self) -> (usize, usize) {
        let (mut kept, mut size) = (self.runs.len(), self.unwritten);
        loop {
            let of_a_size = self.runs[..kept].iter().rev();
            let of_a_size = of_a_size.take_while(|run| level(run.keys) <= level(size));
            let of_a_size = of_a_size.count();
            if of_a_size + 1 < FAN_OUT {
                return (kept, size);
            }
            kept -= of_a_size;
            let merged = self.runs[kept..kept + of_a_size].iter();
            size += merged.map(|run| run.keys).sum::<usize>();
        }
    }

    /// The window that a checkpoint names, from its runs, oldest first.
    ///
    /// # Errors
    /// [`Damage`]
    pub fn from_runs(runs: Vec<Run>, named: &WindowRef) -> Result<Window, Damage> {
        let mut window = Window::default();
        window.fill(runs, named)?;
        Ok(window)
    }

    /// [`Window::from_runs`] for a window that was made smaller, and is empty.
    ///
    /// # Errors
    /// [`Damage`]
    pub fn fill(&mut self, runs: Vec<Run>, named: &WindowRef) -> Result<(), Damage> {
        self.runs = runs.iter().map(|run| run.written.clone()).collect();
        let numbers = self.runs.iter().map(|run| &run.number);
        if !numbers.eq(&named.runs) || checksum(&self.runs) != named.sha256 {
            let other = "it belongs to another checkpoint".to_owned();
            return Err(Damage::Senseless(other));
        }
        // The window had forgotten what comes before; the same key may have come again since.
        let all: usize = self.runs.iter().map(|run| run.keys).sum();
        let keys = runs.into_iter().flat_map(|run| run.keys);
        for key in keys.skip(all.saturating_sub(self.most)) {
            self.push(key);
        }
        Ok(())
    }
}

/// Runs of one level are of a size.
fn level(keys: usize) -> u32 {
    keys.max(1).ilog(FAN_OUT)
}

fn checksum(runs: &[WrittenRun]) -> String {
    let all: String = runs.iter().map(|run| run.sha256.as_str()).collect();
    sha256(all.as_bytes())
}

/// A run as it is kept on disk: a line with its number, the number of keys and their checksum, and the keys one
/// after another, oldest first.
fn encode(number: u64, keys: impl ExactSizeIterator<Item = EventKey>) -> (WrittenRun, Vec<u8>) {
    let run = |sha256| WrittenRun {
        number,
        keys: keys.len(),
        sha256,
    };
    let head = run(sha256(&[])).head();
    let (start, written) = (head.len(), run(String::new()));
    let mut bytes = head;
    bytes.reserve_exact(keys.len() * KEY_BYTES);
    for key in keys {
        bytes.extend(key.0);
    }
    let run = WrittenRun {
        sha256: sha256(&bytes[start..]),
        ..written
    };
    bytes[..start].copy_from_slice(&run.head());
    (run, bytes)
}

impl WrittenRun {
    fn head(&self) -> Vec<u8> {
        let WrittenRun {
            number,
            keys,
            sha256,
        } = self;
        format!("{MAGIC} {number} {keys} {sha256}\n").into_bytes()
    }
}

impl Run {
    /// Reads the file of the run with this number.
    ///
    /// # Errors
    /// [`Damage`]
    pub fn from_bytes(number: u64, bytes: &[u8]) -> Result<Run, Damage> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (head, keys) = bytes.split_at(end.ok_or(Damage::CutShort)? + 1);
        let (keys_read, rest) = keys.as_chunks::<KEY_BYTES>();
        let written = WrittenRun {
            number,
            keys: keys_read.len(),
            sha256: sha256(keys),
        };
        if !rest.is_empty() || head != written.head() {
            return Err(Damage::Changed);
        }
        Ok(Run {
            keys: keys_read.iter().map(|key| EventKey(*key)).collect(),
            written,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(number: usize) -> EventKey {
        EventKey::new(&number.to_string())
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut window = Window::default();
        window.extend((0..=WINDOW_EVENTS).map(key));
        assert!(!window.contains(key(0)));
        assert!(window.contains(key(1)));
        assert_eq!(window.keys().count(), WINDOW_EVENTS);
    }

    #[test]
    fn a_run_that_is_not_what_was_written_is_not_believed() {
        let mut window = Window::default();
        window.extend([key(1), key(2), key(1)]);
        let run = window.next_run().unwrap();
        let read = Run::from_bytes(1, &run.bytes).unwrap();
        let read = Window::from_runs(vec![read], &run.window).unwrap();
        assert!(read.keys().eq([key(1), key(2)]));
        assert!(Run::from_bytes(2, &run.bytes).is_err());
        for end in 0..run.bytes.len() {
            assert!(Run::from_bytes(1, &run.bytes[..end]).is_err(), "{end}");
        }
        for at in 0..run.bytes.len() {
            for bit in 0..8 {
                let mut bytes = run.bytes.clone();
                bytes[at] ^= 1 << bit;
                assert!(Run::from_bytes(1, &bytes).is_err(), "{at}.{bit}");
            }
        }
    }

    #[test]
    fn runs_of_another_checkpoint_are_no_window() {
        let mut window = Window::default();
        window.extend([key(1)]);
        let first = window.next_run().unwrap();
        window.extend([key(2)]);
        let second = window.next_run().unwrap();
        let run = |run: &NextRun| Run::from_bytes(run.number, &run.bytes).unwrap();
        let both = || vec![run(&first), run(&second)];
        assert!(Window::from_runs(both(), &second.window).is_ok());
        assert!(Window::from_runs(both(), &first.window).is_err());
        assert!(Window::from_runs(vec![run(&second)], &second.window).is_err());
        let swapped = vec![run(&second), run(&first)];
        assert!(Window::from_runs(swapped, &second.window).is_err());
    }

    #[test]
    fn a_key_is_written_a_few_times_and_runs_stay_few() {
        let (mut window, mut written, mut most_runs) = (Window::default(), 0, 0);
        const CUT: usize = 500;
        for cut in 0..WINDOW_EVENTS / CUT * 3 / 2 {
            window.extend((cut * CUT..(cut + 1) * CUT).map(key));
            let run = window.next_run().unwrap();
            written += run.bytes.len();
            most_runs = most_runs.max(run.window.runs.len());
        }
        let keys = WINDOW_EVENTS / CUT * 3 / 2 * CUT;
        let times = written as f64 / (keys * KEY_BYTES) as f64;
        assert!(times < 5.0, "each key was written {times} times");
        assert!(most_runs <= 32, "{most_runs} runs");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However cuts fall: what is read back is what was in memory, and that is the latest keys.
        #[test]
        fn runs_hold_the_latest_keys(
            most in 1_usize..200,
            cuts in prop::collection::vec(prop::collection::vec(0_usize..300, 0..40), 1..60),
        ) {
            let keys: Vec<EventKey> = (0..300).map(key).collect();
            let mut window = Window::of(most);
            let mut files = BTreeMap::new();
            let mut named = None;
            let mut latest: Vec<EventKey> = Vec::new();
            for cut in cuts {
                for key in cut.iter().map(|number| keys[*number]) {
                    if !latest[latest.len().saturating_sub(most)..].contains(&key) {
                        latest.push(key);
                    }
                }
                window.extend(cut.iter().map(|number| keys[*number]));
                if let Some(run) = window.next_run() {
                    prop_assert!(files.keys().all(|number| *number < run.number));
                    files.insert(run.number, run.bytes);
                    for number in &run.window.replaced {
                        prop_assert!(files.remove(number).is_some());
                    }
                    prop_assert!(files.keys().eq(&run.window.runs));
                    named = Some(run.window);
                }
                let mut read = Window::of(most);
                if let Some(named) = &named {
                    let runs = files.iter();
                    let runs = runs.map(|(number, bytes)| Run::from_bytes(*number, bytes).unwrap());
                    read.fill(runs.collect(), named).unwrap();
                }
                let start = latest.len().saturating_sub(most);
                prop_assert!(window.keys().eq(latest[start..].iter().copied()));
                prop_assert!(read.keys().eq(window.keys()));
                for key in &keys {
                    prop_assert_eq!(read.contains(*key), latest[start..].contains(key));
                }
                // A process that was killed goes on like one that was not.
                window = read;
            }
        }
    }
}
