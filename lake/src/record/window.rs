//! The event ids a shard has seen lately, by which an event that was sent twice is told.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest, Sha256};

/// How many of the latest events of a shard are remembered: more than four minutes at the 1,000
/// records a second that a shard takes at most, seven hours at ten a second; 4 MiB on disk.
pub const WINDOW_EVENTS: usize = 262_144;

/// Bytes of one key on disk.
const KEY_BYTES: usize = 16;

/// Which event it is: 128 bits of a hash over its id. The edge makes ids unique, over all applications
/// and clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventKey([u8; KEY_BYTES]);

impl EventKey {
    /// The key of the event with this id.
    pub fn new(event_id: &str) -> EventKey {
        let mut key = [0; KEY_BYTES];
        key.copy_from_slice(&Sha256::digest(event_id)[..KEY_BYTES]);
        EventKey(key)
    }
}

/// The latest [`WINDOW_EVENTS`] keys of one shard, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Window {
    order: VecDeque<EventKey>,
    members: HashSet<EventKey>,
}

impl Window {
    /// Whether the event has been seen.
    pub fn contains(&self, key: EventKey) -> bool {
        self.members.contains(&key)
    }

    /// Whether nothing has been seen.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Adds the keys that are new, and forgets the oldest beyond [`WINDOW_EVENTS`].
    pub fn extend(&mut self, keys: impl IntoIterator<Item = EventKey>) {
        for key in keys {
            if self.members.insert(key) {
                self.order.push_back(key);
            }
            if self.order.len() > WINDOW_EVENTS
                && let Some(oldest) = self.order.pop_front()
            {
                self.members.remove(&oldest);
            }
        }
    }

    /// The keys, oldest first.
    pub fn keys(&self) -> impl Iterator<Item = EventKey> {
        self.order.iter().copied()
    }

    /// As it is kept on disk: the keys one after another, oldest first.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.order.iter().flat_map(|key| key.0).collect()
    }

    /// Reads [`Window::to_bytes`]. `None` where the bytes are not whole keys.
    pub fn from_bytes(bytes: &[u8]) -> Option<Window> {
        let (keys, rest) = bytes.as_chunks::<KEY_BYTES>();
        let mut window = Window::default();
        window.extend(keys.iter().map(|key| EventKey(*key)));
        rest.is_empty().then_some(window)
    }
}

#[cfg(test)]
mod tests {
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
    fn what_is_written_reads_back() {
        let mut window = Window::default();
        window.extend([key(1), key(2), key(1)]);
        let read = Window::from_bytes(&window.to_bytes()).unwrap();
        assert!(read.keys().eq([key(1), key(2)]));
        assert!(Window::from_bytes(&[0; 17]).is_none());
    }
}
