//! The module's state, for its page.

use alloc::vec::Vec;
use core::cell::UnsafeCell;

#[cfg(not(feature = "violations"))]
use forebay_core::outbox::{Now, Outbox};
use forebay_core::schema::Rules;

/// What the page is told about an event.
#[cfg(not(feature = "violations"))]
type Judge = forebay_core::schema::Verdict<crate::engine::Engine>;
#[cfg(feature = "violations")]
type Judge = Vec<forebay_core::schema::Violation>;

/// Validates an event.
pub type Checker = forebay_core::schema::Checker<'static, Judge>;

pub struct Page {
    #[cfg(not(feature = "violations"))]
    pub outbox: Outbox,
    /// The time.
    #[cfg(not(feature = "violations"))]
    pub now: Now,
    /// Texts on their way in or out.
    pub buffer: Vec<u8>,
    /// The rules that events are validated against.
    pub rules: Rules<'static>,
    /// The event that is being validated.
    pub checker: Option<Checker>,
}

#[cfg(feature = "violations")]
impl Page {
    /// Puts a text into the buffer for JavaScript. Gives its length.
    pub fn give(&mut self, text: &[u8]) -> usize {
        self.buffer.clear();
        put(&mut self.buffer, text);
        text.len()
    }
}

/// Adds bytes to the buffer, in fewer of the module's than `Vec` does.
pub fn put(buffer: &mut Vec<u8>, bytes: &[u8]) {
    let at = buffer.len();
    buffer.resize(at + bytes.len(), 0);
    buffer[at..].copy_from_slice(bytes);
}

/// Bytes up to a place, and those behind it.
pub fn parted(bytes: &[u8], at: usize) -> (&[u8], &[u8]) {
    bytes.split_at(at.min(bytes.len()))
}

struct OneThread(UnsafeCell<Page>);

// SAFETY: a module without shared memory runs on one thread.
unsafe impl Sync for OneThread {}

static PAGE: OneThread = OneThread(UnsafeCell::new(Page {
    #[cfg(not(feature = "violations"))]
    outbox: Outbox::EMPTY,
    #[cfg(not(feature = "violations"))]
    now: Now {
        wall: 0.0,
        monotonic: 0.0,
    },
    buffer: Vec::new(),
    rules: Rules::ANY,
    checker: None,
}));

/// The module's state. Its outbox takes no events until `start`.
#[allow(clippy::mut_from_ref, reason = "see SAFETY")]
pub fn page() -> &'static mut Page {
    // SAFETY: one thread, and no export calls another while it holds this. Nor does JavaScript in a function that the
    // module imports.
    unsafe { &mut *PAGE.0.get() }
}
