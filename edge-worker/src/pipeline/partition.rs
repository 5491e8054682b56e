//! The partition key of records: the endpoint id, so that what one client sends stays in order. With a
//! secret it is a MAC of the id: who sends chooses the id, and could choose many that all fall to one
//! shard, which then throttles whoever else is there.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::dead_letter::shortened;
use crate::text::hex;

/// Bytes of a secret at least.
pub const MIN_SECRET_BYTES: usize = 32;
/// Bytes of the MAC that are the key: as many as the hash has by which Kinesis chooses a shard.
const KEY_BYTES: usize = 16;

/// Makes partition keys.
#[derive(Default)]
pub struct PartitionKeys {
    secret: Option<Hmac<Sha256>>,
}

impl PartitionKeys {
    /// Keys that nobody foresees who does not have the secret; `None` where it is shorter than
    /// [`MIN_SECRET_BYTES`].
    pub fn hidden(secret: &[u8]) -> Option<PartitionKeys> {
        let mac = (secret.len() >= MIN_SECRET_BYTES).then(|| Hmac::new_from_slice(secret).ok())?;
        Some(PartitionKeys { secret: Some(mac?) })
    }

    /// The key of an endpoint: the same for the same id. An id may be one that could be no key.
    pub fn of<'a>(&self, endpoint_id: &'a str) -> Cow<'a, str> {
        match (&self.secret, shortened(endpoint_id)) {
            (Some(secret), _) => {
                let mac = secret.clone().chain_update(endpoint_id).finalize();
                let mac = mac.into_bytes();
                hex(mac.get(..KEY_BYTES).unwrap_or_default()).into()
            }
            (None, "") => "-".into(),
            (None, key) => key.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_secret_the_key_is_the_id_as_far_as_it_can_be_one() {
        let keys = PartitionKeys::default();
        assert_eq!(keys.of("client-1"), "client-1");
        assert_eq!(keys.of(""), "-");
        assert_eq!(keys.of(&"å".repeat(300)), "å".repeat(256));
    }

    #[test]
    fn with_a_secret_the_key_is_one_for_an_id_and_nobody_foresees_it() {
        let keys = PartitionKeys::hidden(&[7; 32]).unwrap();
        let other = PartitionKeys::hidden(&[8; 32]).unwrap();
        let key = keys.of("client-1");
        assert_eq!(key.len(), 32);
        assert_eq!(keys.of("client-1"), key);
        assert_ne!(keys.of("client-2"), key);
        assert_ne!(other.of("client-1"), key);
        // Beyond what a key may have, ids are told apart too.
        assert_ne!(keys.of(&"a".repeat(300)), keys.of(&"a".repeat(301)));
        assert!(PartitionKeys::hidden(&[7; 31]).is_none());
    }
}
