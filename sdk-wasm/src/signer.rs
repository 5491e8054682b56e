//! The hashes that a signature takes.

use forebay_core::sigv4;

use crate::page::{page, parted};

/// Replaces the bytes in the buffer by their hash, [`sigv4::payload_hash`]. Gives its length.
#[unsafe(no_mangle)]
pub extern "C" fn signer_payload_hash() -> usize {
    let page = page();
    page.give(&sigv4::payload_hash(&page.buffer))
}

/// Replaces the texts in the buffer, which are a canonical request, a date and a scope, of so many bytes, and
/// the secret access key, by [`sigv4::sign_canonical`]. Gives its length.
#[unsafe(no_mangle)]
pub extern "C" fn signer_sign_canonical(request: usize, date: usize, scope: usize) -> usize {
    let page = page();
    let mut rest = &page.buffer[..];
    let mut next = |length: usize| {
        let (text, others) = parted(rest, length);
        rest = others;
        text
    };
    let (request, date, scope) = (next(request), next(date), next(scope));
    let signature = sigv4::sign_canonical(request, date, scope, rest);
    page.give(&signature)
}
