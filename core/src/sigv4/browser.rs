//! What a browser needs for a signature besides texts, which are JavaScript's strength: the hashes.

use alloc::vec::Vec;

use hmac::Mac;
use sha2::{Digest, Sha256};

use super::canonical::{ALGORITHM, keyed};

/// A hash in lower-case hexadecimal digits.
pub type HexDigest = [u8; 64];

/// The hash of a body, as a canonical request ends in it: SHA-256.
pub fn payload_hash(body: &[u8]) -> HexDigest {
    hex(&Sha256::digest(body))
}

/// The signature of a canonical request. `amz_date` is such as `20150830T123600Z`; `scope` is
/// `20150830/us-east-1/mobiletargeting/aws4_request`.
pub fn sign_canonical(
    canonical_request: &[u8],
    amz_date: &[u8],
    scope: &[u8],
    secret_access_key: &[u8],
) -> HexDigest {
    let mut key = Vec::from(*b"AWS4");
    key.extend_from_slice(secret_access_key);
    let mut mac = keyed(&key);
    for part in scope.split(|byte| *byte == b'/') {
        mac.update(part);
        mac = keyed(&mac.finalize().into_bytes());
    }
    mac.update(ALGORITHM.as_bytes());
    for part in [amz_date, scope, &payload_hash(canonical_request)] {
        mac.update(b"\n");
        mac.update(part);
    }
    hex(&mac.finalize().into_bytes())
}

fn hex(hash: &[u8]) -> HexDigest {
    let mut digits = [0; 64];
    for (digits, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(hash) {
        *digits = [digit(byte >> 4), digit(byte & 15)];
    }
    digits
}

fn digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'a' - 10 }
}
