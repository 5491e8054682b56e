//! What std would bring along: an allocator and what happens on a panic. Without std the module is
//! about 8 KB smaller, which is half of what a visitor may be asked to download.

use core::panic::PanicInfo;

#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// Traps: JavaScript sees a `WebAssembly.RuntimeError`. The message is left out on purpose; the code
/// that formats it would be a fifth of the module.
#[panic_handler]
fn trap(_: &PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
