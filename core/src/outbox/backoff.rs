//! How long to wait before trying again.

/// Upper bound of the first delay.
const BASE_MS: u64 = 1_000;
/// Upper bound of every delay, unless the server states a longer one.
const CAP_MS: u64 = 30_000;
/// The longest `Retry-After` that is honoured in full: a mistaken one must not silence a page.
const LONGEST_STATED_MS: u64 = 3_600_000;

/// SplitMix64: spreads retries in time. Not fit for secrets.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number from 0 to `bound`, `bound` excluded unless it is 0. `bound` is below 2^32.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        ((mixed >> 32).wrapping_mul(bound)) >> 32
    }
}

/// Exponential back-off with full jitter: the n-th failure in a row is followed by a delay anywhere
/// between nothing and `min(30 s, 1 s * 2^(n-1))`. All times are monotonic milliseconds.
pub(super) struct Backoff {
    failures: u32,
    /// End of our own delay.
    until: u64,
    /// End of the silence the server asked for.
    stated_until: u64,
}

impl Backoff {
    pub(super) const NONE: Backoff = Backoff {
        failures: 0,
        until: 0,
        stated_until: 0,
    };

    /// The time before which nothing is to be tried; may be in the past.
    pub(super) fn until(&self) -> u64 {
        self.until.max(self.stated_until)
    }

    /// Whether the last try failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// A try failed, and the server asked for `retry_after` milliseconds of silence, if it did.
    ///
    /// A failure that arrives while the delay of another runs belongs to the same trouble, and does
    /// not lengthen it.
    pub(super) fn failed(&mut self, now: u64, retry_after: Option<u64>, random: &mut Random) {
        if self.failures == 0 || now >= self.until() {
            let bound = (BASE_MS << self.failures.min(5)).min(CAP_MS);
            self.until = self.until.max(now.saturating_add(random.below(bound)));
            self.failures = self.failures.saturating_add(1);
        }
        let stated = retry_after.unwrap_or(0).min(LONGEST_STATED_MS);
        self.stated_until = self.stated_until.max(now.saturating_add(stated));
    }

    /// A try succeeded. A delay that is under way still runs: the success may be older.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Waits up to a second without counting a failure.
    pub(super) fn pause(&mut self, now: u64, random: &mut Random) {
        self.until = self.until.max(now.saturating_add(random.below(BASE_MS)));
    }

    /// The cause is likely gone: ends the delay, but not the silence the server asked for.
    pub(super) fn forgive(&mut self) {
        self.failures = 0;
        self.until = 0;
    }
}
