//! The hashes that a signature takes.

use forebay_core::sigv4;

use crate::page::page;

/// Replaces the bytes in the buffer by their hash, [`sigv4::payload_hash`]. Gives its length.
#[unsafe(no_mangle)]
pub extern "C" fn payloadHash() -> usize {
    let page = page();
    page.give(&sigv4::payload_hash(&page.buffer))
}

/// Replaces the texts in the buffer, which are a canonical request, a date, a scope and the secret
/// access key, by [`sigv4::sign_canonical`]. Gives its length.
#[unsafe(no_mangle)]
pub extern "C" fn signCanonical(canonical: usize, date: usize, scope: usize) -> usize {
    let page = page();
    let (canonical, rest) = split(&page.buffer, canonical);
    let (date, rest) = split(rest, date);
    let (scope, secret) = split(rest, scope);
    page.give(&sigv4::sign_canonical(canonical, date, scope, secret))
}

fn split(bytes: &[u8], length: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(length).unwrap_or((bytes, &[]))
}
