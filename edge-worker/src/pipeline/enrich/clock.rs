//! When an event happened, by a clock that can be trusted. The worker corrects only what it knows to be
//! wrong: a sender whose date of signature is later than the arrival has a clock that is ahead. An earlier
//! date proves nothing, since the request may have been slow.

use forebay_core::time::Timestamp;

use crate::http::message::Head;
use crate::identity::authenticate::{Caller, Sender};
use crate::recent::Recent;

/// The least that a clock is taken to be ahead by. Below this, only times after the arrival are corrected.
const MIN_AHEAD_MS: i64 = 1_000;
/// A signature's date is cut to whole seconds, so two dates of one clock can be off by so much.
const GRAIN_MS: i64 = 1_000;
/// No request that is answered was on its way for longer. So an earlier date means that the clock was set.
const MAX_TRANSIT_MS: i64 = 60_000;
/// How long a clock is taken to be as far ahead as it was seen to be.
const REMEMBERED_MS: i64 = 5 * 60 * 1_000;
/// A hundred years: no clock is further off.
const MAX_OFFSET_MS: i64 = 100 * 366 * 24 * 60 * 60 * 1_000;

/// Corrects times that were taken by the sender's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockCorrection {
    arrival: Timestamp,
    /// How far the sender's clock is ahead at least; `None` where nothing is to be corrected.
    ahead_ms: Option<i64>,
    /// The clock offset that the sender says it has added to its own clock already, in milliseconds.
    pub offset_ms: Option<i64>,
}

impl ClockCorrection {
    /// One that leaves every time as it was sent.
    pub fn none(arrival: Timestamp) -> ClockCorrection {
        ClockCorrection {
            arrival,
            ahead_ms: None,
            offset_ms: None,
        }
    }

    /// A time by the worker's clock, as far as that is known; never later than the arrival.
    pub fn correct(&self, time: Timestamp) -> Timestamp {
        match self.ahead_ms {
            None => time,
            Some(ahead) => Timestamp(time.0.saturating_sub(ahead)).min(self.arrival),
        }
    }
}

/// How far the clocks of those who sent lately are ahead: the batches of one device keep their order
/// only if they are all corrected alike, however long each was on its way.
#[derive(Debug, Default)]
pub struct Clocks(Recent<Ahead>);

#[derive(Debug, Clone, Copy)]
struct Ahead {
    by_ms: i64,
    /// When it was last seen to be so far ahead.
    seen: Timestamp,
}

impl Clocks {
    /// The correction of a request's times.
    pub fn correction(&mut self, head: &Head, caller: &Caller<'_>) -> ClockCorrection {
        let arrival = head.arrival;
        let ahead = caller.signed.0 - arrival.0;
        let ahead = match &caller.sender {
            // Whoever has logged in may have several devices; each has credentials of its own.
            Sender::Identity(_) => self.of(&caller.access_key_id, ahead, arrival),
            // Many machines share a server's key.
            Sender::Server(_) => at_least(ahead),
        };
        ClockCorrection {
            arrival,
            ahead_ms: Some(ahead),
            offset_ms: said_offset(&head.query),
        }
    }

    /// How far the clock of `who` is ahead, where a request of theirs says `ahead`.
    fn of(&mut self, who: &str, ahead: i64, arrival: Timestamp) -> i64 {
        let known = self.0.get(who).filter(|known| {
            arrival.0 - known.seen.0 <= REMEMBERED_MS && ahead >= known.by_ms - MAX_TRANSIT_MS
        });
        let by_ms = match known {
            Some(known) if ahead <= known.by_ms + GRAIN_MS => known.by_ms,
            _ => at_least(ahead),
        };
        if by_ms > 0 && ahead >= by_ms - GRAIN_MS {
            let seen = arrival;
            self.0.set(who, Ahead { by_ms, seen });
        }
        by_ms
    }
}

fn at_least(ahead: i64) -> i64 {
    if ahead >= MIN_AHEAD_MS { ahead } else { 0 }
}

/// The clock offset, `offset` of the query: Forebay's own client sends times by the worker's clock, as far
/// as it knows that, and says what it has added to its own clock.
fn said_offset(query: &str) -> Option<i64> {
    let mut parameters = query.split('&');
    let said = parameters.find_map(|parameter| parameter.strip_prefix("offset="))?;
    let offset = said.parse().ok()?;
    (-MAX_OFFSET_MS..=MAX_OFFSET_MS)
        .contains(&offset)
        .then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::tests::head;
    use crate::identity::session_token::{Amr, Session};

    const START: i64 = 1_795_000_000_000;

    /// Requests of one sender: each arrives so many milliseconds after the start, and says that it was
    /// signed at another time; gives what a time becomes that was taken at the start.
    fn corrected(requests: &[(i64, i64)]) -> Vec<i64> {
        let mut clocks = Clocks::default();
        let correct = |(arrival, signed): &(i64, i64)| {
            let mut head = head("POST", "/", &[]);
            head.arrival = Timestamp(START + arrival);
            let caller = Caller {
                sender: Sender::Identity(Session {
                    identity_id: "eu-north-1:6fb4c4f2-0000-4000-8000-000000000001".into(),
                    amr: Amr::Unauthenticated,
                    expiration: Timestamp(i64::MAX),
                }),
                signed: Timestamp(START + signed),
                access_key_id: "ASIAQ".into(),
            };
            let correction = clocks.correction(&head, &caller);
            correction.correct(Timestamp(START)).0 - START
        };
        requests.iter().map(correct).collect()
    }

    #[test]
    fn a_request_that_was_long_on_its_way_is_not_corrected() {
        for transit in [0, 999, 2_000, 20_000, 60_000, 299_999, 7 * 24 * 3_600_000] {
            assert_eq!(corrected(&[(transit, 0)]), [0], "{transit}");
        }
    }

    #[test]
    fn a_sender_ahead_of_the_arrival_is_corrected_by_what_is_known() {
        assert_eq!(corrected(&[(0, 999)]), [0]);
        assert_eq!(corrected(&[(0, 1_000)]), [-1_000]);
        assert_eq!(corrected(&[(0, 299_000)]), [-299_000]);
        // Never later than the arrival.
        assert_eq!(corrected(&[(-400, 0)]), [-400]);
        assert_eq!(corrected(&[(-86_000_000, -86_000_000)]), [-86_000_000]);
    }

    /// A clock that is 30 s ahead: whatever the way of each request, what happened first stays first.
    #[test]
    fn the_batches_of_a_sender_keep_their_order() {
        let all_alike = [-30_000; 4];
        assert_eq!(
            corrected(&[
                (0, 30_000),
                (900, 30_000),
                (21_000, 31_000),
                (1_100, 31_100)
            ]),
            all_alike
        );
        // The better of two guesses is kept.
        assert_eq!(
            corrected(&[(20_000, 30_000), (5_000, 35_000), (25_000, 35_000)]),
            [-10_000, -30_000, -30_000]
        );
    }

    #[test]
    fn a_clock_that_was_set_is_believed() {
        assert_eq!(corrected(&[(0, 200_000), (1_000, 1_000)]), [-200_000, 0]);
        assert_eq!(
            corrected(&[(0, 30_000), (REMEMBERED_MS + 1, REMEMBERED_MS + 1)]),
            [-30_000, 0]
        );
    }

    #[test]
    fn an_offset_is_what_the_sender_says() {
        for (query, expected) in [
            (
                "X-Amz-Date=1&offset=-61500&X-Amz-Signature=2",
                Some(-61_500),
            ),
            ("offset=0", Some(0)),
            ("", None),
            ("offset=", None),
            ("offset=1.5", None),
            ("offset=NaN", None),
            ("offset=9223372036854775807", None),
            ("my-offset=1", None),
        ] {
            assert_eq!(said_offset(query), expected, "{query}");
        }
    }
}
