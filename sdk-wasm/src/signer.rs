//! The hashes that a signature takes.

use forebay_core::sigv4;

use crate::page::page;

/// Replaces the bytes in the buffer by their hash, [`sigv4::payload_hash`]. Gives its length.
#[unsafe(no_mangle)]
pub extern "C" fn signer_payload_hash() -> usize {
    let page = page();
    page.give(&sigv4::payload_hash(&page.buffer))
}

/// Replaces the texts in the buffer, which are a canonical request, a date, a scope and the secret
/// access key, with U+0000 between them, by [`sigv4::sign_canonical`]. Gives its length.
#[unsafe(no_mangle)]
pub extern "C" fn signer_sign_canonical() -> usize {
    let page = page();
    let mut texts = page.buffer.split(|byte| *byte == 0);
    let mut next = || texts.next().unwrap_or_default();
    let signature = sigv4::sign_canonical(next(), next(), next(), next());
    page.give(&signature)
}
