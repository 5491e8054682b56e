//! The endpoint's clock, as far as answers tell of it.

/// How far an answer's `Date` may be from what is known without correcting it. A request lives no
/// longer, so that a slow answer is not taken for a wrong clock.
const TOLERANCE_MS: f64 = 60_000.0;
/// How much more or less time may pass by the wall clock than by the monotonic one before that is
/// taken for a jump: someone set the clock, or the machine slept.
const JUMP_MS: f64 = 2_000.0;

/// The time, as the shell reads it, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Now {
    /// The wall clock, since the epoch: what events and signatures are dated by. May be wrong, and
    /// may jump.
    pub wall: f64,
    /// A clock that never goes back, from any origin: what waiting is measured by.
    pub monotonic: f64,
}

/// What to add to the wall clock.
pub(super) struct Clock {
    /// The best guess at what the endpoint's clock is ahead by, in milliseconds.
    pub offset: f64,
    /// Whether an answer said so since the clock jumped last.
    pub is_known: bool,
    /// Whether any answer ever said so. If the clock jumps before the next answer, that one is still the best guess.
    was_known: bool,
    /// Wall clock without monotonic clock, as of the last look.
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

    /// An answer came that was sent at `date` by the endpoint's clock; NaN where it does not say.
    /// Gives whether that corrects what was known.
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
