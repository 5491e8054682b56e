//! The deduplication window: which events the sink has acknowledged lately, so that one that is
//! sent again is answered without being written again.
//!
//! A page that goes away sends its last events in requests whose answers it never hears, and sends
//! them again on its next visit. The window holds what this isolate has accepted, and nothing else:
//! what it does not know is written again, and the lake keeps one row of it.

use std::collections::HashSet;
use std::hash::Hasher;
use std::mem;

use foldhash::fast::FixedState;
use siphasher::sip128::{Hasher128, SipHasher13};

/// Which event it is: a hash over application, identity and event id, with the window's secret as its key.
/// The identity is the one that the request was authenticated as, so that nobody can shadow the events
/// of another.
///
/// Two events with one key would be a loss: the second is answered and never written. With 200,000
/// keys in the window, a new event meets one of them by a chance of 200,000 in 2^128: at a thousand
/// million events a day, once in 10^21 years. With 64 bits it would be once in 250 years; 128 bits
/// cost 2 MB more, and nobody has to think of it. Nobody can look for such a pair either: SipHash is made for
/// a key that is secret, the key is random for each isolate, and no answer tells anything of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKey(u128);

/// Keys are hashes already.
type EventKeys = HashSet<EventKey, FixedState>;

/// Makes the keys of one identity's events in one application.
pub struct Sender(SipHasher13);

impl Sender {
    /// The key of an event. `event_id` is that of its record; ids are compared as they are written,
    /// as the lake does.
    pub fn event(&self, event_id: &str) -> EventKey {
        let mut hash = self.0;
        hash.write(event_id.as_bytes());
        EventKey(hash.finish128().as_u128())
    }
}

/// The keys of the latest events: of the last `size` all, and of no more than twice as many any.
///
/// Two generations instead of a queue: the older is forgotten as a whole when the younger is full,
/// and no order has to be kept.
pub struct DeduplicationWindow {
    secret: [u8; 16],
    size: usize,
    younger: EventKeys,
    older: EventKeys,
}

impl DeduplicationWindow {
    /// An empty window. `size` is in events, and none are remembered where it is 0; `secret` has to
    /// be random, and unknown outside.
    pub fn new(size: usize, secret: [u8; 16]) -> DeduplicationWindow {
        DeduplicationWindow {
            secret,
            size,
            younger: EventKeys::default(),
            older: EventKeys::default(),
        }
    }

    /// Who sends a request's events.
    pub fn sender(&self, app_id: &str, identity_id: &str) -> Sender {
        let mut hash = SipHasher13::new_with_key(&self.secret);
        for part in [app_id, identity_id] {
            hash.write(&part.len().to_le_bytes());
            hash.write(part.as_bytes());
        }
        Sender(hash)
    }

    /// Whether an event was added lately.
    pub fn contains(&self, key: &EventKey) -> bool {
        self.younger.contains(key) || self.older.contains(key)
    }

    /// Adds an event, which the sink must have acknowledged: what is in here is never written
    /// again.
    pub fn insert(&mut self, key: EventKey) {
        if self.size == 0 {
            return;
        }
        if self.younger.len() >= self.size {
            mem::swap(&mut self.younger, &mut self.older);
            // Keeps its memory for the next generation.
            self.younger.clear();
        }
        self.younger.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::uuid;

    fn id(number: u16) -> String {
        let mut random = [0; 16];
        random[..2].copy_from_slice(&number.to_le_bytes());
        uuid(random)
    }

    fn window(size: usize) -> DeduplicationWindow {
        DeduplicationWindow::new(size, [7; 16])
    }

    fn key(window: &DeduplicationWindow, number: u16) -> EventKey {
        window.sender("app", "identity").event(&id(number))
    }

    proptest! {
        #[test]
        fn the_last_are_known_and_no_others_than_were_added(
            size in 1_usize..20,
            numbers in prop::collection::vec(0_u16..60, 0..200),
        ) {
            let mut window = window(size);
            let keys: Vec<EventKey> = (0..60).map(|number| key(&window, number)).collect();
            for (index, number) in numbers.iter().enumerate() {
                window.insert(keys[usize::from(*number)]);
                let so_far = &numbers[..=index];
                let last = &so_far[so_far.len().saturating_sub(size)..];
                for (other, key) in (0..60).zip(&keys) {
                    let known = window.contains(key);
                    prop_assert!(known || !last.contains(&other), "{} is forgotten", other);
                    prop_assert!(!known || so_far.contains(&other), "{} was never added", other);
                }
                prop_assert!(window.younger.len() <= size && window.older.len() <= size);
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_the_old_is_forgotten() {
        const SIZE: u16 = 1_000;
        let mut window = window(usize::from(SIZE));
        let mut most = 0;
        for number in 0..20 * SIZE {
            let added = key(&window, number);
            window.insert(added);
            most = most.max(window.younger.capacity() + window.older.capacity());
        }
        // A table grows when it is 7/8 full, to twice its size.
        assert!(most <= 4 * usize::from(SIZE), "{most}");
        let known = |number| window.contains(&key(&window, number));
        assert!((19 * SIZE..20 * SIZE).all(known));
        assert!(!(0..18 * SIZE).any(known));
    }

    #[test]
    fn a_window_of_no_events_remembers_none() {
        let mut window = window(0);
        let added = key(&window, 1);
        window.insert(added);
        assert!(!window.contains(&added));
    }

    #[test]
    fn every_part_counts_and_none_runs_into_the_next() {
        let other_secret = DeduplicationWindow::new(1, [8; 16]);
        let window = window(1);
        let keys = [
            window.sender("a", "bc").event(&id(1)),
            window.sender("ab", "c").event(&id(1)),
            window.sender("a", "b").event(&id(1)),
            window.sender("a", "bc").event(&id(2)),
            other_secret.sender("a", "bc").event(&id(1)),
        ];
        let distinct: HashSet<EventKey> = keys.into_iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
