//! The endpoint's clock, as answers tell it.

/// An answer's `Date` corrects the offset only if it differs by more than this. No request takes longer, so that a slow
/// answer is not taken for a wrong clock.
const TOLERANCE_MS: f64 = 60_000.0;
/// If the wall clock advances by more or less than the monotonic one, and the difference is greater than this, it has
/// jumped: someone set it, or the machine slept.
const JUMP_MS: f64 = 2_000.0;

/// The time, as the shell reads it, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Now {
    /// The wall clock, since the epoch, which dates events and signatures. It may be wrong, and may jump.
    pub wall: f64,
    /// The monotonic clock, from any origin, which measures delays.
    pub monotonic: f64,
}

/// The clock offset: what to add to the wall clock.
pub(super) struct Clock {
    /// The best guess at the offset, in milliseconds.
    pub offset: f64,
    /// Whether an answer has confirmed the offset since the clock jumped last.
    pub is_known: bool,
    /// Whether any answer has ever confirmed an offset. After a jump that offset is the best guess until the next
    /// answer.
    was_known: bool,
    /// Wall clock minus monotonic clock, at the last look.
    drift: f64,
}

impl Clock {
    pub const fn new(offset: f64) -> Clock {
        Clock {
            offset,
            is_known: false,
            was_known: false,
            drift: 0.0,
        }
    }

    /// Looks at the clocks. Gives whether the wall clock jumped since an answer first told of it.
    pub fn look(&mut self, now: Now) -> bool {
        let before = self.drift;
        self.drift = now.wall - now.monotonic;
        let jumped = self.was_known && (self.drift - before).abs() > JUMP_MS;
        self.is_known &= !jumped;
        jumped
    }

    /// An answer came that was sent at `date` by the endpoint's clock; NaN if it does not say. Gives whether that
    /// corrects the offset.
    pub fn learn(&mut self, date: f64, now: Now) -> bool {
        self.is_known |= !date.is_nan();
        self.was_known |= self.is_known;
        // `Date` has whole seconds: on average it is half a second behind.
        let offset = date + 500.0 - now.wall;
        let corrects = (offset - self.offset).abs() > TOLERANCE_MS;
        if corrects {
            self.offset = offset;
        }
        corrects
    }
}
