//! What a browser needs for a signature besides texts, which are JavaScript's strength: the hashes. Their
//! heart is a library's; padding and HMAC are by hand, in a tenth of the bytes of its generic ones.

use alloc::vec::Vec;

use sha2::block_api::compress256;

use super::canonical::ALGORITHM;

/// A hash in lower-case hexadecimal digits.
pub type HexDigest = [u8; 64];

/// The hash of a body, as a canonical request ends in it: SHA-256.
pub fn payload_hash(body: &[u8]) -> HexDigest {
    let mut hash = Vec::from(body);
    sha256(&mut hash);
    hex(&hash)
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
    for part in scope.split(|byte| *byte == b'/') {
        hmac(&mut key, &[part]);
    }
    let request = payload_hash(canonical_request);
    hmac(
        &mut key,
        &[
            ALGORITHM.as_bytes(),
            b"\n",
            amz_date,
            b"\n",
            scope,
            b"\n",
            &request,
        ],
    );
    hex(&key)
}

/// Replaces a key by the HMAC (RFC 2104) of a text, which is in parts.
fn hmac(key: &mut Vec<u8>, text: &[&[u8]]) {
    if key.len() > 64 {
        sha256(key);
    }
    key.resize(64, 0);
    let mut message = Vec::new();
    for byte in &mut *key {
        message.push(*byte ^ 0x36);
        *byte ^= 0x5c;
    }
    for part in text {
        message.extend_from_slice(part);
    }
    sha256(&mut message);
    key.append(&mut message);
    sha256(key);
}

/// The first hash value (FIPS 180-4).
const INITIAL: [u32; 8] = [
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
];

/// Replaces a message by its hash.
fn sha256(message: &mut Vec<u8>) {
    let bits = message.len() as u64 * 8;
    message.push(0x80);
    message.resize((message.len() + 8).next_multiple_of(64) - 8, 0);
    message.extend_from_slice(&bits.to_be_bytes());
    let mut state = INITIAL;
    compress256(&mut state, message.as_chunks().0);
    message.clear();
    for word in state {
        message.extend_from_slice(&word.to_be_bytes());
    }
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

#[cfg(test)]
mod tests {
    use std::iter::repeat_n;
    use std::vec;

    use hmac::Mac;
    use sha2::{Digest, Sha256};

    use super::super::canonical::keyed;
    use super::*;

    #[test]
    fn messages_of_every_length_have_the_hash_that_the_library_gives() {
        for length in 0..300 {
            let message: Vec<u8> = (0..length).map(|at| at as u8).collect();
            let mut hash = message.clone();
            sha256(&mut hash);
            assert_eq!(hash, Sha256::digest(&message).as_slice(), "{length}");
        }
    }

    #[test]
    fn keys_of_every_length_make_the_mac_that_the_library_gives() {
        for length in 0..200 {
            let key: Vec<u8> = repeat_n(length as u8, length).collect();
            let text = vec![b'x'; length * 7 % 150];
            let mut mac = keyed(&key);
            mac.update(&text);
            mac.update(b"y");
            let mut own = key;
            hmac(&mut own, &[&text, b"y"]);
            assert_eq!(own, mac.finalize().into_bytes().as_slice(), "{length}");
        }
    }
}
