//! The functions of JavaScript that the module imports.

use forebay_core::schema::JavaScript;

pub struct Engine;

#[link(wasm_import_module = "js")]
unsafe extern "C" {
    fn number(text: *const u8, length: usize) -> f64;
    fn matches(pattern: *const u8, of_pattern: usize, text: *const u8, of_text: usize) -> bool;
}

impl JavaScript for Engine {
    fn number(text: &[u8]) -> f64 {
        // SAFETY: JavaScript reads so many bytes at this address, and keeps nothing of them.
        unsafe { number(text.as_ptr(), text.len()) }
    }

    fn matches(pattern: &[u8], text: &[u8]) -> bool {
        // SAFETY: as above.
        unsafe { matches(pattern.as_ptr(), pattern.len(), text.as_ptr(), text.len()) }
    }
}
