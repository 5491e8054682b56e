//! The event ids that a shard has seen lately, by which the lake recognises an event that was sent twice.

use std::collections::{HashSet, VecDeque};

use sha2::{Digest, Sha256};

use crate::state::{Damage, sha256};

/// How many of the latest events of a shard are remembered: more than four minutes at the 1,000
/// records a second that a shard takes at most, seven hours at ten a second; 4 MiB on disk.
pub const WINDOW_EVENTS: usize = 262_144;

/// Bytes of one key on disk.
const KEY_BYTES: usize = 16;
/// How a file of keys begins.
const MAGIC: &str = "forebay-ids 1";

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

    /// The checksum of its keys.
    pub fn sha256(&self) -> String {
        sha256(&self.key_bytes())
    }

    fn key_bytes(&self) -> Vec<u8> {
        self.order.iter().flat_map(|key| key.0).collect()
    }

    /// As it is kept on disk: a line with the number of keys and their checksum, and the keys one after
    /// another, oldest first. Gives the checksum, too.
    pub fn to_bytes(&self) -> (Vec<u8>, String) {
        let keys = self.key_bytes();
        let checksum = sha256(&keys);
        let mut bytes = format!("{MAGIC} {} {checksum}\n", self.order.len()).into_bytes();
        bytes.extend(keys);
        (bytes, checksum)
    }

    /// Reads [`Window::to_bytes`]. `checksum` is that of the window that is expected.
    ///
    /// # Errors
    /// [`Damage`]
    pub fn from_bytes(bytes: &[u8], checksum: &str) -> Result<Window, Damage> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, keys) = bytes.split_at(end.ok_or(Damage::CutShort)?);
        let keys = &keys[1..];
        let (keys_read, rest) = keys.as_chunks::<KEY_BYTES>();
        let found = sha256(keys);
        if line != format!("{MAGIC} {} {found}", keys_read.len()).as_bytes() {
            return Err(Damage::Changed);
        }
        if !rest.is_empty() || found != checksum {
            let other = "it belongs to another checkpoint".to_owned();
            return Err(Damage::Senseless(other));
        }
        let mut window = Window::default();
        window.extend(keys_read.iter().map(|key| EventKey(*key)));
        Ok(window)
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
        let (bytes, checksum) = window.to_bytes();
        let read = Window::from_bytes(&bytes, &checksum).unwrap();
        assert!(read.keys().eq([key(1), key(2)]));
        assert!(Window::from_bytes(&bytes, &sha256(b"")).is_err());
        for end in 0..bytes.len() {
            assert!(
                Window::from_bytes(&bytes[..end], &checksum).is_err(),
                "{end}"
            );
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                assert!(Window::from_bytes(&bytes, &checksum).is_err(), "{at}.{bit}");
            }
        }
    }
}
