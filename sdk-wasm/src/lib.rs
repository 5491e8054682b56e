//! Forebay's outbox and validator as a WebAssembly module: one of each, those of the page that loads it. Numbers cross the boundary, and texts through one [`page_buffer`]; what becomes of them is
//! decided in the core. The doing (fetch, timers, storage) and the texts of events are JavaScript's.
//!
//! The functions here and the core's `outbox::Action` are the contract between the two sides. The TypeScript side
//! of it, `npm/src/module/contract.ts`, is written from them; see `contract.rs`.
//!
//! There are two builds. What every page loads has no words for what is wrong with an event: it says whether it
//! is valid. With the feature `violations` the module is the validator alone, and says what is wrong; it is
//! loaded once an event is not valid.
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

/// Makes the buffer so many bytes long. Gives its address, which holds until the next call into the module.
#[unsafe(no_mangle)]
pub extern "C" fn page_buffer(length: usize) -> usize {
    let buffer = &mut page().buffer;
    buffer.resize(length, 0);
    buffer.as_ptr() as usize
}
