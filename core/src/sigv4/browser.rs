//! What a browser needs for a signature besides texts, which are JavaScript's strength: the hashes.

use alloc::string::String;

use hmac::Mac;
use sha2::{Digest, Sha256};

use super::canonical::{ALGORITHM, keyed, sha256_hex, to_hex};

/// The hash of a body, as a canonical request ends in it: SHA-256 in lower-case hex.
pub fn payload_hash(body: &[u8]) -> String {
    to_hex(&Sha256::digest(body))
}

/// The signature of a canonical request, in lower-case hex. `amz_date` is such as `20150830T123600Z`;
/// `scope` is `20150830/us-east-1/mobiletargeting/aws4_request`.
pub fn sign_canonical(
    canonical_request: &str,
    amz_date: &str,
    scope: &str,
    secret_access_key: &str,
) -> String {
    let mut to_sign = String::new();
    for part in [ALGORITHM, "\n", amz_date, "\n", scope, "\n"] {
        to_sign.push_str(part);
    }
    to_sign.push_str(&sha256_hex(canonical_request.as_bytes()));
    let mut key = String::from("AWS4");
    key.push_str(secret_access_key);
    let mut mac = keyed(key.as_bytes());
    for part in scope.as_bytes().split(|byte| *byte == b'/') {
        mac.update(part);
        mac = keyed(&mac.finalize().into_bytes());
    }
    mac.update(to_sign.as_bytes());
    to_hex(&mac.finalize().into_bytes())
}
