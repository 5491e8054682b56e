//! Until when a delivery may take, whatever hangs.

use std::time::Duration;

use forebay_core::time::Timestamp;

/// The end of a time that rounds, calls and waits share: each asks what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    started: Timestamp,
    total: Duration,
}

impl Deadline {
    /// The end of a time that begins now.
    pub fn after(total: Duration, now: Timestamp) -> Deadline {
        Deadline {
            started: now,
            total,
        }
    }

    /// What is left; `None` at the end. What the clock goes back counts as spent: a clock that
    /// jumps must not make the time longer.
    pub fn left(&self, now: Timestamp) -> Option<Duration> {
        let spent = Duration::from_millis(now.0.abs_diff(self.started.0));
        self.total.checked_sub(spent).filter(|left| !left.is_zero())
    }

    /// What a call that takes at most `longest` may take; `None` at the end.
    pub fn within(&self, longest: Duration, now: Timestamp) -> Option<Duration> {
        self.left(now).map(|left| left.min(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_never_grows_beyond_the_whole() {
        let deadline = Deadline::after(Duration::from_secs(8), Timestamp(1_000));
        for (now, left) in [
            (1_000, Some(8_000)),
            (1_001, Some(7_999)),
            (8_999, Some(1)),
            (9_000, None),
            (i64::MAX, None),
            // A clock that was put back.
            (995, Some(7_995)),
            (i64::MIN, None),
        ] {
            let left = left.map(Duration::from_millis);
            assert_eq!(deadline.left(Timestamp(now)), left, "{now}");
        }
    }

    #[test]
    fn a_call_takes_no_longer_than_itself_or_what_is_left() {
        let deadline = Deadline::after(Duration::from_secs(8), Timestamp(0));
        let longest = Duration::from_secs(4);
        assert_eq!(deadline.within(longest, Timestamp(0)), Some(longest));
        assert_eq!(
            deadline.within(longest, Timestamp(7_000)),
            Some(Duration::from_secs(1))
        );
        assert_eq!(deadline.within(longest, Timestamp(8_000)), None);
    }
}
