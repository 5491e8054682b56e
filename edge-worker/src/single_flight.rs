//! One question at a time: whoever needs the same answer meanwhile waits for the one that was asked.
//!
//! They do not wait for its promise. On Cloudflare a promise belongs to the request that made it: other
//! requests may not wait for it, and when that request ends, be it that its client went away, it
//! never settles. So the answer is kept as a plain value, and each request that waits looks at it
//! on a timer of its own. Whoever asks says until when; after that it is taken for lost, and the
//! next one asks.

use std::cell::Cell;
use std::time::Duration;

use forebay_core::time::Timestamp;

use crate::platform::Clock;

/// How often a request that waits looks whether the answer has come.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Requests that may wait at once: each holds memory and a timer.
const MAX_WAITING: usize = 64;

/// Whether someone asks.
#[derive(Debug, Default)]
pub struct Flight {
    ends_by: Cell<Option<Timestamp>>,
    waiting: Cell<usize>,
}

/// What a request is to do that needs an answer which is not there.
pub enum Turn<'a> {
    /// It asks, keeps the answer where the others look for it, and drops this.
    Ask(Landing<'a>),
    /// It looks again: another has asked.
    Look,
    /// It gives up: too many wait.
    GiveUp,
}

/// That one's own question is under way; it is no more when this is dropped.
pub struct Landing<'a>(&'a Flight);

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        self.0.ends_by.set(None);
    }
}

struct Waiting<'a>(&'a Flight);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
    }
}

impl Flight {
    /// Whether someone asks now.
    pub fn is_under_way(&self, now: Timestamp) -> bool {
        self.ends_by.get().is_some_and(|end| now < end)
    }

    /// Whose turn it is, once whoever asks has the answer; at once where nobody does. A question
    /// takes no longer than `longest`.
    pub async fn turn(&self, longest: Duration, platform: &impl Clock) -> Turn<'_> {
        let mut waiting = None;
        while self.is_under_way(platform.now()) {
            if waiting.is_none() {
                if self.waiting.get() >= MAX_WAITING {
                    return Turn::GiveUp;
                }
                self.waiting.set(self.waiting.get() + 1);
                waiting = Some(Waiting(self));
            }
            platform.wait(LOOK_AGAIN).await;
        }
        // Landed, and not only given up as lost.
        if waiting.is_some() && self.ends_by.get().is_none() {
            return Turn::Look;
        }
        let longest = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX);
        let end = platform.now().0.saturating_add(longest);
        self.ends_by.set(Some(Timestamp(end)));
        Turn::Ask(Landing(self))
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;
    use futures_util::future::{join, join_all};

    use super::*;
    use crate::platform::Unreachable;
    use crate::platform::simulated::Simulated;

    const LONGEST: Duration = Duration::from_secs(5);

    fn platform() -> Simulated<'static> {
        Simulated::new(|_| Err(Unreachable))
    }

    #[test]
    fn of_many_one_asks_some_wait_and_the_rest_give_up() {
        let (flight, platform) = (Flight::default(), platform());
        let (asked, looked, gave_up) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let count = |cell: &Cell<usize>| cell.set(cell.get() + 1);
        let request = async || match flight.turn(LONGEST, &platform).await {
            Turn::Ask(_landing) => {
                count(&asked);
                platform.wait(Duration::from_secs(2)).await;
            }
            Turn::Look => count(&looked),
            Turn::GiveUp => count(&gave_up),
        };
        block_on(join_all((0..200).map(|_| request())));
        assert_eq!(
            (asked.get(), looked.get(), gave_up.get()),
            (1, MAX_WAITING, 199 - MAX_WAITING)
        );
        assert_eq!(flight.waiting.get(), 0);
    }

    #[test]
    fn one_who_never_comes_back_is_waited_for_no_longer_than_it_said() {
        let (flight, platform) = (Flight::default(), platform());
        let lost = async {
            let Turn::Ask(landing) = flight.turn(LONGEST, &platform).await else {
                panic!("nobody else asks");
            };
            // As a request whose client went away: nothing of it is dropped.
            std::mem::forget(landing);
        };
        let started = platform.now.get();
        let next = async {
            let turn = flight.turn(LONGEST, &platform).await;
            assert!(matches!(turn, Turn::Ask(_)));
            platform.now.get() - started
        };
        let ((), waited) = block_on(join(lost, next));
        assert!((5_000..5_100).contains(&waited), "{waited}");
    }
}
