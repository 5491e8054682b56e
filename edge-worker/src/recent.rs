//! What is remembered of whoever asked lately, however many there are.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

/// Keys in one generation: of whole numbers, two generations have at most about 1 MB.
pub const GENERATION: usize = 10_000;

type Key = [u8; 16];

/// A value for each key, for the latest keys: two generations, of which the older is forgotten as a
/// whole when the younger is full, so that no flood of new keys takes more memory.
#[derive(Debug)]
pub struct Recent<V> {
    younger: BTreeMap<Key, V>,
    older: BTreeMap<Key, V>,
}

impl<V> Default for Recent<V> {
    fn default() -> Recent<V> {
        Recent {
            younger: BTreeMap::new(),
            older: BTreeMap::new(),
        }
    }
}

impl<V: Copy> Recent<V> {
    /// What is remembered of `who`.
    pub fn get(&self, who: &str) -> Option<V> {
        if self.younger.is_empty() && self.older.is_empty() {
            return None;
        }
        let key = key(who);
        let found = self.younger.get(&key).or_else(|| self.older.get(&key));
        found.copied()
    }

    /// Remembers a value of `who`.
    pub fn set(&mut self, who: &str, value: V) {
        if self.younger.len() >= GENERATION {
            self.older = std::mem::take(&mut self.younger);
        }
        self.younger.insert(key(who), value);
    }
}

fn key(who: &str) -> Key {
    let digest = Sha256::digest(who);
    let mut key = Key::default();
    key.copy_from_slice(&digest[..16]);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_no_more_memory_however_many_there_are() {
        let mut recent = Recent::default();
        for who in 0..5 * GENERATION {
            recent.set(&who.to_string(), who);
            assert!(recent.younger.len() + recent.older.len() <= 2 * GENERATION);
            assert_eq!(recent.get(&who.to_string()), Some(who));
        }
        assert_eq!(recent.get("0"), None);
        let earlier = 5 * GENERATION - GENERATION / 2;
        assert_eq!(recent.get(&earlier.to_string()), Some(earlier));
    }
}
