//! Which records go into one call, and which are sent again, when and how often.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::deadline::Deadline;
use super::{Delivery, ItemResults, Outcome, Record, Sink, SinkError};
use crate::platform::{Platform, Random};

/// How many times a record is sent before its sender is told to come back later.
const MAX_TRIES: u32 = 4;
/// How long a delivery may take with all its calls and waits: whoever waits for the answer has a
/// time-out of its own.
pub const DELIVERY_TIME: Duration = Duration::from_secs(8);
/// The first wait before sending again; each further one is twice as long.
const FIRST_BACK_OFF_MS: u64 = 100;

/// Delivers all records, sending those that fail again a few times, until the deadline. A record
/// whose call has not begun by then counts as [`Outcome::Failed`], as does one whose call has not
/// ended.
pub async fn deliver<S: Sink>(
    sink: &S,
    records: &[&Record<'_>],
    deadline: Deadline,
    platform: &impl Platform,
) -> Delivery {
    let mut delivery = Delivery {
        outcomes: vec![Outcome::Failed; records.len()],
        ..Delivery::default()
    };
    let mut waiting: Vec<usize> = (0..records.len()).collect();
    for attempt in 0..MAX_TRIES {
        if attempt > 0 {
            let again = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
            delivery.retried = delivery.retried.saturating_add(again);
        }
        let mut round = Round::default();
        let byte_len = |index: &usize| records.get(*index).map_or(0, |it| sink.byte_len(it));
        for call in sink.limits().cut(&waiting, byte_len) {
            let Some(time_out) = deadline.within(S::CALL_TIME_OUT, platform.now()) else {
                return delivery;
            };
            let chosen: Vec<&Record<'_>> = call
                .iter()
                .filter_map(|index| records.get(*index).copied())
                .collect();
            delivery.requests += 1;
            let results = sink.put(&chosen, time_out, platform).await;
            settle(call, results, &mut delivery, &mut round);
        }
        waiting = round.again;
        let wait = back_off(platform, attempt).max(round.asked_to_wait);
        let is_in_time = deadline
            .left(platform.now())
            .is_some_and(|left| wait < left);
        let is_over = waiting.is_empty() || attempt + 1 == MAX_TRIES || !is_in_time;
        if is_over || sink.is_left_alone() {
            break;
        }
        platform.wait(wait).await;
    }
    delivery
}

/// What a round of calls leaves to do.
#[derive(Default)]
struct Round {
    /// Which records to send again.
    again: Vec<usize>,
    /// The longest wait that the sink has asked for.
    asked_to_wait: Duration,
}

/// Notes what became of the records of one request, and which of them to send again.
fn settle(
    request: &[usize],
    results: Result<ItemResults, SinkError>,
    delivery: &mut Delivery,
    round: &mut Round,
) {
    let results = results.unwrap_or_else(|error| vec![Err(error); request.len()]);
    for (index, result) in request.iter().zip(results) {
        let outcome = match result {
            Ok(()) => Outcome::Accepted,
            Err(error) => {
                if error.may_pass() {
                    round.again.push(*index);
                }
                let asked = error.retry_after().unwrap_or_default();
                round.asked_to_wait = round.asked_to_wait.max(asked);
                let outcome = Outcome::from(&error);
                delivery.error = Some(error);
                outcome
            }
        };
        if let Some(slot) = delivery.outcomes.get_mut(*index) {
            *slot = outcome;
        }
    }
}

/// Between half and all of a time that doubles with each attempt, so that workers that failed
/// together do not come back together.
fn back_off(platform: &impl Random, attempt: u32) -> Duration {
    let longest = FIRST_BACK_OFF_MS << attempt;
    let mut random = [0; 1];
    // Without randomness the wait is only less well spread.
    let _ = platform.randomize(&mut random);
    Duration::from_millis(longest / 2 + longest / 2 * u64::from(random[0]) / 255)
}
