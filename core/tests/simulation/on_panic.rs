//! The seed of a run that fails.

/// Says which seed it was when its run panics.
pub struct OnPanic(pub u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the simulation failed with FOREBAY_SEED={}", self.0);
        }
    }
}
