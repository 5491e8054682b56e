//! What std would provide: an allocator and a panic handler. Without std the module is about 8 KB smaller, which is
//! half of the budget for what a page loads.

use core::panic::PanicInfo;

use lol_alloc::AssumeSingleThreaded;
#[cfg(feature = "violations")]
use lol_alloc::FreeListAllocator as Allocator;
/// Frees nothing, which halves the code. The outbox and the buffer keep their memory. When they grow, the old memory is
/// lost; all of it together is less than what they grow to.
#[cfg(not(feature = "violations"))]
use lol_alloc::LeakingAllocator as Allocator;

#[global_allocator]
// SAFETY: a module without shared memory runs on one thread.
static ALLOCATOR: AssumeSingleThreaded<Allocator> =
    unsafe { AssumeSingleThreaded::new(Allocator::new()) };

/// Traps: JavaScript sees a `WebAssembly.RuntimeError`. The message is left out on purpose; the code
/// that formats it would be a fifth of the module.
#[panic_handler]
fn trap(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
