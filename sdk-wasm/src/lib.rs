//! Forebay's outbox, validator and signer as a WebAssembly module: one of each, those of the page that
//! loads it. Numbers cross the boundary, and texts through one [`buffer`]; what becomes of them is
//! decided in the core. The doing (fetch, timers, storage) and the texts of events are JavaScript's.
//! `npm/src/wasm.ts` is the other side of this.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![allow(non_snake_case, reason = "exports have JavaScript's names")]

extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod memory;
mod outbox;
mod page;
mod validator;

use forebay_core::sigv4;

use page::page;

/// Makes the buffer this long. Gives its address, which holds until the next call into the module.
#[unsafe(no_mangle)]
pub extern "C" fn buffer(length: usize) -> usize {
    let buffer = &mut page().buffer;
    buffer.resize(length, 0);
    buffer.as_ptr() as usize
}

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
