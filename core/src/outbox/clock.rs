//! The endpoint's clock, as far as answers tell of it.

/// How far an answer's `Date` may be from what is known without correcting it. A request lives no
/// longer, so that a slow answer is not taken for a wrong clock.
const TOLERANCE_MS: u64 = 60_000;
/// How much more or less time may pass by the wall clock than by the monotonic one before that is
/// taken for a jump: someone set the clock, or the machine slept.
const JUMP_MS: u64 = 2_000;

/// The time, as the shell reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The wall clock, in milliseconds since the epoch: what events and signatures are dated by. May
    /// be wrong, and may jump.
    pub wall: i64,
    /// A clock that never goes back, in milliseconds from any origin: what waiting is measured by.
    pub monotonic: u64,
}

/// What to add to the wall clock.
pub(super) struct Clock {
    /// The best guess at what the endpoint's clock is ahead by, in milliseconds.
    pub offset: i64,
    /// Whether an answer said so since the clock jumped last.
    pub is_known: bool,
    /// Wall clock without monotonic clock.
    drift: Option<i64>,
}

impl Clock {
    pub const fn new(offset: i64) -> Clock {
        Clock {
            offset,
            is_known: false,
            drift: None,
        }
    }

    /// Looks at the clocks. Gives whether the wall clock jumped since they were looked at before.
    pub fn look(&mut self, now: Now) -> bool {
        let drift = now.wall.wrapping_sub(now.monotonic.cast_signed());
        let before = self.drift.replace(drift).unwrap_or(drift);
        drift.abs_diff(before) > JUMP_MS
    }

    /// An answer came that was sent at `date` by the endpoint's clock. Gives whether that corrects
    /// what was known.
    pub fn learn(&mut self, date: i64, now: Now) -> bool {
        self.is_known = true;
        // `Date` has whole seconds: on average it is half a second behind.
        let offset = date.saturating_add(500).saturating_sub(now.wall);
        let corrects = offset.abs_diff(self.offset) > TOLERANCE_MS;
        if corrects {
            self.offset = offset;
        }
        corrects
    }

    /// A wall clock's time by the endpoint's clock.
    pub fn corrected(&self, wall: i64) -> i64 {
        wall.saturating_add(self.offset)
    }
}
