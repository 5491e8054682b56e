//! What the module holds for its page.

use alloc::vec::Vec;
use core::cell::UnsafeCell;

#[cfg(not(feature = "violations"))]
use forebay_core::outbox::Outbox;
#[cfg(feature = "schema")]
use forebay_core::schema::Rules;

/// Validates an event, and says what it is asked for.
#[cfg(not(feature = "schema"))]
pub type Checker = forebay_core::schema::Limits;
#[cfg(all(feature = "schema", not(feature = "violations")))]
pub type Checker = forebay_core::schema::Checker<'static, bool>;
#[cfg(feature = "violations")]
pub type Checker = forebay_core::schema::Checker<'static, Vec<forebay_core::schema::Violation>>;

pub struct Page {
    #[cfg(not(feature = "violations"))]
    pub outbox: Outbox,
    /// Texts on their way in or out.
    pub buffer: Vec<u8>,
    /// What the answer to come says about each event.
    #[cfg(not(feature = "violations"))]
    pub verdicts: Vec<u16>,
    /// What events are validated against.
    #[cfg(feature = "schema")]
    pub rules: Rules<'static>,
    /// The event that is being validated.
    pub checker: Option<Checker>,
}

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

struct OneThread(UnsafeCell<Page>);

// SAFETY: a module without shared memory runs on one thread.
unsafe impl Sync for OneThread {}

static PAGE: OneThread = OneThread(UnsafeCell::new(Page {
    #[cfg(not(feature = "violations"))]
    outbox: Outbox::EMPTY,
    buffer: Vec::new(),
    #[cfg(not(feature = "violations"))]
    verdicts: Vec::new(),
    #[cfg(feature = "schema")]
    rules: Rules::ANY,
    checker: None,
}));

/// What the module holds. Its outbox takes no events until `start`.
#[allow(clippy::mut_from_ref, reason = "see SAFETY")]
pub fn page() -> &'static mut Page {
    // SAFETY: one thread, and no export calls another or lets JavaScript in while it holds this.
    unsafe { &mut *PAGE.0.get() }
}
