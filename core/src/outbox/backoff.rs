//! How long to wait before trying again. Times are monotonic milliseconds.

/// Upper bound of the first delay.
const BASE_MS: f64 = 1_000.0;
/// Upper bound of every delay, unless the server states a longer one.
const CAP_MS: f64 = 30_000.0;
/// The longest `Retry-After` that is honoured in full: a mistaken one must not silence a page.
const LONGEST_STATED_MS: f64 = 3_600_000.0;

/// The later of two times; the second one if the first is NaN.
pub(super) fn later(one: f64, other: f64) -> f64 {
    if one > other { one } else { other }
}

/// A linear congruential generator, by the numbers of Knuth and Lewis: spreads retries in time. Not
/// fit for secrets.
pub(super) struct Random(pub(super) u32);

impl Random {
    /// A number from 0 to `bound`, `bound` excluded.
    fn below(&mut self, bound: f64) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0) / 4_294_967_296.0 * bound
    }
}

/// Exponential back-off with full jitter: the n-th failure in a row is followed by a delay anywhere
/// between nothing and `min(30 s, 1 s * 2^(n-1))`.
#[derive(Clone, Copy)]
pub(super) struct Backoff {
    /// Upper bound of the delay after the last failure; 0 if the last try did not fail.
    bound: f64,
    /// The time before which nothing is to be tried; may be in the past.
    pub until: f64,
    /// End of the silence that the server asked for; not after `until`.
    stated_until: f64,
}

impl Backoff {
    pub(super) const NONE: Backoff = Backoff {
        bound: 0.0,
        until: 0.0,
        stated_until: 0.0,
    };

    /// Whether the last try failed.
    pub(super) fn is_failing(&self) -> bool {
        self.bound > 0.0
    }

    /// A try failed, and the server asked for `retry_after` milliseconds of silence; NaN if it did
    /// not.
    ///
    /// A failure during the delay of an earlier one is taken for the same trouble, and does not lengthen the delay.
    pub(super) fn failed(&mut self, now: f64, retry_after: f64, random: &mut Random) {
        if !self.is_failing() || now >= self.until {
            self.bound = (self.bound * 2.0).clamp(BASE_MS, CAP_MS);
            self.delay(now, self.bound, random);
        }
        let stated = retry_after.clamp(0.0, LONGEST_STATED_MS);
        self.stated_until = later(now + stated, self.stated_until);
        self.until = later(self.until, self.stated_until);
    }

    /// A try succeeded. A delay that has begun still runs: the success may be older than the failure.
    pub(super) fn succeeded(&mut self) {
        self.bound = 0.0;
    }

    /// Waits up to a second without counting a failure.
    pub(super) fn pause(&mut self, now: f64, random: &mut Random) {
        self.delay(now, BASE_MS, random);
    }

    fn delay(&mut self, now: f64, bound: f64, random: &mut Random) {
        self.until = later(self.until, now + random.below(bound));
    }

    /// The cause is likely gone: ends the delay, but not the silence the server asked for.
    pub(super) fn forgive(&mut self) {
        self.bound = 0.0;
        self.until = self.stated_until;
    }
}
