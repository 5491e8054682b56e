//! When an event happened, by a clock that can be trusted.

use forebay_core::sigv4::MAX_SKEW_MS;
use forebay_core::time::Timestamp;

/// Corrects times that were taken by the sender's clock.
#[derive(Debug, Clone, Copy)]
pub struct ClockCorrection {
    arrival: Timestamp,
    offset_ms: i64,
}

/// Below this, the whole second that a signature's date is cut to and the way of the request
/// explain the difference.
const MIN_SKEW_MS: i64 = 2_000;

impl ClockCorrection {
    /// `signed` is when the sender signed the request by its own clock. What differs from the
    /// arrival by 2 s or more is taken for its clock's error; by more than a signature may be off,
    /// for a presigned request that was kept.
    pub fn new(arrival: Timestamp, signed: Timestamp) -> ClockCorrection {
        let offset_ms = arrival.0 - signed.0;
        let is_skew = (MIN_SKEW_MS..=MAX_SKEW_MS).contains(&offset_ms.abs());
        ClockCorrection {
            arrival,
            offset_ms: if is_skew { offset_ms } else { 0 },
        }
    }

    /// A time by the worker's clock; never later than the arrival.
    pub fn correct(&self, time: Timestamp) -> Timestamp {
        Timestamp(time.0.saturating_add(self.offset_ms)).min(self.arrival)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_corrected_by_the_skew_and_never_lie_in_the_future() {
        let arrival = Timestamp(1_000_000);
        let corrected = |signed: i64, time: i64| {
            ClockCorrection::new(arrival, Timestamp(signed))
                .correct(Timestamp(time))
                .0
        };
        // Within the grain of the date and the way of the request: as it is.
        assert_eq!(corrected(998_001, 990_000), 990_000);
        assert_eq!(corrected(1_001_999, 990_000), 990_000);
        // A clock that is behind, and one that is ahead.
        assert_eq!(corrected(998_000, 990_000), 992_000);
        assert_eq!(corrected(1_060_000, 1_050_000), 990_000);
        // Never later than the arrival.
        assert_eq!(corrected(1_000_000, 1_000_500), 1_000_000);
        assert_eq!(corrected(0, i64::MAX), 1_000_000);
        // Presigned and kept for longer than any clock may be off: no skew.
        assert_eq!(corrected(1_000_000 - MAX_SKEW_MS - 1, 990_000), 990_000);
    }
}
