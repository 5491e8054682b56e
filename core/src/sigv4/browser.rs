//! What a browser needs for a signature besides texts, which are JavaScript's strength: the hashes. They are
//! by hand: a library's HMAC is ten times as large, and SHA-256's constants are 288 bytes that nothing
//! compresses, unless they are computed.

use super::canonical::ALGORITHM;

/// A hash in lower-case hexadecimal digits.
pub type HexDigest = [u8; 64];

/// The hash of a body, as a canonical request ends in it: SHA-256.
pub fn payload_hash(body: &[u8]) -> HexDigest {
    let mut hash = Sha256::new();
    hash.update(body);
    hex(&hash.finish())
}

/// The signature of a canonical request. `amz_date` is such as `20150830T123600Z`; `scope` is
/// `20150830/us-east-1/mobiletargeting/aws4_request`.
pub fn sign_canonical(
    canonical_request: &[u8],
    amz_date: &[u8],
    scope: &[u8],
    secret_access_key: &[u8],
) -> HexDigest {
    let mut hash = Sha256::new();
    hash.update(canonical_request);
    let request = hex(&hash.finish());
    hash.begin(secret_access_key);
    for byte in scope {
        if *byte == b'/' {
            hash.derive();
        } else {
            hash.push(*byte);
        }
    }
    hash.derive();
    hash.update(ALGORITHM.as_bytes());
    hash.line(amz_date);
    hash.line(scope);
    hash.line(&request);
    hash.derive();
    hex(&hash.key)
}

/// A key for HMAC, or a hash: its words, then zeros.
type Block = [u32; 16];

/// SHA-256 (FIPS 180-4), and HMAC (RFC 2104) by it.
struct Sha256 {
    constants: [u32; 64],
    /// The hash of nothing yet.
    initial: Block,
    state: Block,
    key: Block,
    /// A block, which begins with what is not hashed yet; and what it is expanded to.
    words: [u32; 64],
    /// How many bytes there were.
    length: usize,
}

impl Sha256 {
    fn new() -> Sha256 {
        let mut hash = Sha256 {
            constants: [0; 64],
            initial: [0; 16],
            state: [0; 16],
            key: [0; 16],
            words: [0; 64],
            length: 0,
        };
        let mut prime = 1;
        for at in 0..64 {
            // Of the 64 first primes, none is above 311, whose root is less.
            let mut divisor = prime.min(18);
            prime += 1;
            while divisor > 1 {
                if prime % divisor == 0 {
                    divisor = prime.min(18);
                    prime += 1;
                } else {
                    divisor -= 1;
                }
            }
            hash.constants[at] = fraction_of_root(prime, 3.0);
            if at < 8 {
                hash.initial[at] = fraction_of_root(prime, 2.0);
            }
        }
        hash.state = hash.initial;
        hash
    }

    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.push(*byte);
        }
    }

    fn line(&mut self, text: &[u8]) {
        self.push(b'\n');
        self.update(text);
    }

    fn push(&mut self, byte: u8) {
        let word = &mut self.words[self.length / 4 % 16];
        *word = *word << 8 | u32::from(byte);
        self.length += 1;
        if self.length.is_multiple_of(64) {
            self.compress();
        }
    }

    fn compress(&mut self) {
        let words = &mut self.words;
        for at in 16..64 {
            words[at] = words[at - 16]
                .wrapping_add(small(words[at - 15], 7, 18, 3))
                .wrapping_add(words[at - 7])
                .wrapping_add(small(words[at - 2], 17, 19, 10));
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h, ..] = self.state;
        for (word, constant) in words.iter().zip(&self.constants) {
            let of_e = large(e, 6, 11, 25).wrapping_add(g ^ e & (f ^ g));
            let of_a = large(a, 2, 13, 22).wrapping_add(a & b | c & (a | b));
            let added = h
                .wrapping_add(of_e)
                .wrapping_add(*constant)
                .wrapping_add(*word);
            (h, g, f, e) = (g, f, e, d.wrapping_add(added));
            (d, c, b, a) = (c, b, a, added.wrapping_add(of_a));
        }
        for (state, added) in self.state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *state = state.wrapping_add(added);
        }
    }

    /// Gives the hash, and begins anew.
    fn finish(&mut self) -> Block {
        let length = self.length;
        self.push(0x80);
        while self.length % 64 != 56 {
            self.push(0);
        }
        self.words[14] = (length >> 29) as u32;
        self.words[15] = (length << 3) as u32;
        self.compress();
        let hash = self.state;
        self.state = self.initial;
        self.length = 0;
        hash
    }

    /// Begins an HMAC whose key is `AWS4` and a secret.
    fn begin(&mut self, secret: &[u8]) {
        self.update(b"AWS4");
        self.update(secret);
        if self.length > 64 {
            self.key = self.finish();
        } else {
            while !self.length.is_multiple_of(64) {
                self.push(0);
            }
            self.key.copy_from_slice(&self.words[..16]);
            self.state = self.initial;
        }
        self.mask(0x36363636);
    }

    /// Ends an HMAC: it is the key of the next one, which begins.
    fn derive(&mut self) {
        let inner = self.finish();
        self.mask(0x5c5c5c5c);
        self.words[..16].copy_from_slice(&inner);
        self.length += 32;
        self.key = self.finish();
        self.mask(0x36363636);
    }

    /// Begins a hash with the key.
    fn mask(&mut self, mask: u32) {
        for (word, key) in self.words.iter_mut().zip(&self.key) {
            *word = key ^ mask;
        }
        self.length = 64;
        self.compress();
    }
}

/// The first 32 bits behind the point of a number's square root, degree 2, or cube root, degree 3: by
/// Newton's method, from above. The first primes' have all bits right after eleven steps.
fn fraction_of_root(number: u32, degree: f64) -> u32 {
    let number = f64::from(number);
    let mut root = 18.0;
    for _ in 0..16 {
        let others = if degree > 2.0 { root * root } else { root };
        root += (number / others - root) / degree;
    }
    (root * 4_294_967_296.0) as u64 as u32
}

fn large(word: u32, one: u32, two: u32, three: u32) -> u32 {
    word.rotate_right(one) ^ word.rotate_right(two) ^ word.rotate_right(three)
}

fn small(word: u32, one: u32, two: u32, shift: u32) -> u32 {
    word.rotate_right(one) ^ word.rotate_right(two) ^ word >> shift
}

fn hex(hash: &Block) -> HexDigest {
    let mut digits = [0; 64];
    for (at, digit) in digits.iter_mut().enumerate() {
        let value = (hash[at / 8] >> (28 - at % 8 * 4)) as u8 & 15;
        *digit = value + if value < 10 { b'0' } else { b'a' - 10 };
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::format;
    use std::iter::repeat_n;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    use hmac::Mac;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use sha2::Digest;

    use super::super::canonical::keyed;
    use super::*;

    /// As [`hex`] has it, by the library and by hand.
    fn hex_of(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn text(digits: HexDigest) -> String {
        String::from_utf8(digits.into()).unwrap()
    }

    #[test]
    fn messages_of_every_length_have_the_hash_that_the_library_gives() {
        for length in 0..300 {
            let message: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
            let expected = hex_of(&sha2::Sha256::digest(&message));
            assert_eq!(text(payload_hash(&message)), expected, "{length}");
        }
    }

    #[test]
    fn keys_of_every_length_make_the_mac_that_the_library_gives() {
        for length in 0..200 {
            let secret: Vec<u8> = repeat_n(length as u8, length).collect();
            let message = vec![b'x'; length * 7 % 150];
            let mut mac = keyed(&[b"AWS4", &secret[..]].concat());
            mac.update(&message);
            mac.update(b"y");
            let mut hash = Sha256::new();
            hash.begin(&secret);
            hash.update(&message);
            hash.push(b'y');
            hash.derive();
            assert_eq!(
                text(hex(&hash.key)),
                hex_of(&mac.finalize().into_bytes()),
                "{length}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_message_has_the_hash_that_the_library_gives(message in vec(any::<u8>(), 0..1_000)) {
            let expected = hex_of(&sha2::Sha256::digest(&message));
            prop_assert_eq!(text(payload_hash(&message)), expected);
        }
    }
}
