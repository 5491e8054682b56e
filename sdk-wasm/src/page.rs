//! The one outbox of the page.

use core::cell::UnsafeCell;

use forebay_core::outbox::{Config, Outbox};

struct Page(UnsafeCell<Outbox>);

// SAFETY: a module without shared memory runs on one thread.
unsafe impl Sync for Page {}

static PAGE: Page = Page(UnsafeCell::new(Outbox::new(
    Config {
        batch_events: 0,
        batch_bytes: 0,
        queue_events: 0,
        queue_bytes: 0,
        max_age_ms: 0,
        interval_ms: 0,
        drop_newest: false,
        clock_offset: 0,
    },
    0,
)));

/// The outbox. It holds nothing until `start`.
#[allow(clippy::mut_from_ref, reason = "see SAFETY")]
pub fn outbox() -> &'static mut Outbox {
    // SAFETY: one thread, and no export calls another or lets JavaScript in while it holds this.
    unsafe { &mut *PAGE.0.get() }
}
