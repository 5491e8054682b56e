//! How much each application may send in a day, as this isolate counts it.

use std::collections::BTreeMap;

use forebay_core::time::Timestamp;
use serde::Deserialize;

use crate::log::Counts;
use crate::rates::TooMany;

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Whoever is refused comes back after an hour at the latest: the quota may have been raised.
const MOST_SECONDS: i64 = 3_600;

/// `daily_quota` of an application. What is missing is not limited. A day is one of UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Events that are stored: valid ones, and those that are refused and kept as dead letters.
    pub events: Option<u64>,
    /// Bytes of requests with events, decompressed.
    pub bytes: Option<u64>,
}

impl Quota {
    /// Checks the settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), &'static str> {
        match [self.events, self.bytes].contains(&Some(0)) {
            true => Err("a `daily_quota` has 0 `events` or 0 `bytes`"),
            false => Ok(()),
        }
    }
}

/// What each application has used of its day.
#[derive(Debug, Default)]
pub struct Used(BTreeMap<String, OfDay>);

#[derive(Debug, Default, Clone, Copy)]
struct OfDay {
    /// Since the epoch.
    day: i64,
    events: u64,
    bytes: u64,
}

impl Used {
    /// Whether an application may send one more request: what it has used is less than its quota. A
    /// request that may come is taken whole.
    ///
    /// # Errors
    /// [`TooMany`] until the day is over.
    pub fn check(&self, app_id: &str, quota: &Quota, now: Timestamp) -> Result<(), TooMany> {
        let day = now.0.div_euclid(DAY_MS);
        let Some(used) = self.0.get(app_id).filter(|used| used.day == day) else {
            return Ok(());
        };
        let is_used_up = |used: u64, quota: Option<u64>| quota.is_some_and(|quota| used >= quota);
        if !is_used_up(used.events, quota.events) && !is_used_up(used.bytes, quota.bytes) {
            return Ok(());
        }
        let left = (DAY_MS - now.0.rem_euclid(DAY_MS)).div_euclid(1_000) + 1;
        Err(TooMany {
            retry_after_seconds: u32::try_from(left.min(MOST_SECONDS)).unwrap_or(u32::MAX),
        })
    }

    /// Counts the bytes of a request of an application of the configuration.
    pub fn add_bytes(&mut self, app_id: &str, bytes: usize, now: Timestamp) {
        let used = self.of(app_id, now);
        used.bytes = used.bytes.saturating_add(bytes as u64);
    }

    /// Counts the events of a request, once it is known what became of them. One that is to be sent
    /// again is counted then.
    pub fn add_events(&mut self, app_id: &str, counts: &Counts, now: Timestamp) {
        let stored = counts.accepted + counts.filtered + counts.invalid;
        let used = self.of(app_id, now);
        used.events = used.events.saturating_add(stored as u64);
    }

    fn of(&mut self, app_id: &str, now: Timestamp) -> &mut OfDay {
        let day = now.0.div_euclid(DAY_MS);
        let used = self.0.entry(app_id.to_owned()).or_default();
        // A request that arrived before midnight may end after it.
        if used.day < day {
            *used = OfDay {
                day,
                ..OfDay::default()
            };
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(20_775 * DAY_MS + DAY_MS / 2);

    fn counts(accepted: usize, invalid: usize, failed: usize) -> Counts {
        Counts {
            accepted,
            invalid,
            failed,
            ..Counts::default()
        }
    }

    fn after(seconds: i64) -> Timestamp {
        Timestamp(NOON.0 + seconds * 1_000)
    }

    #[test]
    fn a_day_has_so_many_events_and_bytes_and_the_next_has_as_many() {
        let quota = Quota {
            events: Some(10),
            bytes: Some(1_000),
        };
        let mut used = Used::default();
        let check = |used: &Used, at| {
            used.check("a", &quota, at)
                .map_err(|e| e.retry_after_seconds)
        };
        assert_eq!(check(&used, NOON), Ok(()));
        // What is to be sent again is not stored.
        used.add_events("a", &counts(5, 4, 100), NOON);
        used.add_bytes("a", 999, NOON);
        assert_eq!(check(&used, NOON), Ok(()));
        used.add_events("a", &counts(1, 0, 0), NOON);
        assert_eq!(check(&used, NOON), Err(3_600));
        assert_eq!(check(&used, after(12 * 3_600 - 10)), Err(11));
        assert_eq!(check(&used, after(12 * 3_600)), Ok(()));
        assert_eq!(used.check("b", &quota, NOON), Ok(()));
        used.add_bytes("a", 1_000, after(12 * 3_600));
        assert_eq!(check(&used, after(13 * 3_600)), Err(3_600));
        let unlimited = Quota::default();
        assert_eq!(used.check("a", &unlimited, after(13 * 3_600)), Ok(()));
    }
}
