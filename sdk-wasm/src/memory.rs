//! What std would bring along: an allocator and what happens on a panic. Without std the module is
//! about 8 KB smaller, which is half of what a visitor may be asked to download.

use core::panic::PanicInfo;

use lol_alloc::{AssumeSingleThreaded, FreeListAllocator};

#[global_allocator]
// SAFETY: a module without shared memory runs on one thread.
static ALLOCATOR: AssumeSingleThreaded<FreeListAllocator> =
    unsafe { AssumeSingleThreaded::new(FreeListAllocator::new()) };

/// Traps: JavaScript sees a `WebAssembly.RuntimeError`. The message is left out on purpose; the code
/// that formats it would be a fifth of the module.
#[panic_handler]
fn trap(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
