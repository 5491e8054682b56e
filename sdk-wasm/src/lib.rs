//! Forebay's outbox and validator as a WebAssembly module: one of each for the page that loads it. Numbers cross the
//! boundary directly, and texts through one [`page_buffer`]. The core decides; JavaScript has the texts of events, and
//! does everything else: fetch, timers, storage.
//!
//! The functions here and the core's `outbox::Action` are the contract between the two sides. The TypeScript side
//! of it, `npm/src/module/contract.ts`, is written from them; see `contract.rs`.
//!
//! There are two builds. The one that every page loads says only whether an event is valid. With the feature
//! `violations` the module is the validator alone, and says what is wrong; a page loads it for its first event that is
//! not valid.
#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

#[cfg(test)]
mod contract;
#[cfg(not(feature = "violations"))]
mod engine;
#[cfg(target_arch = "wasm32")]
mod memory;
#[cfg(not(feature = "violations"))]
mod outbox;
mod page;
mod validator;

use page::page;

/// Makes the buffer `length` bytes long. Gives its address, which is valid until the next call into the module.
#[unsafe(no_mangle)]
pub extern "C" fn page_buffer(length: usize) -> usize {
    let buffer = &mut page().buffer;
    buffer.resize(length, 0);
    buffer.as_ptr() as usize
}
