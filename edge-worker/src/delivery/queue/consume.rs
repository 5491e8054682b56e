//! From the queue to the sinks. The queue delivers messages of many visitors in one batch, and their records go
//! to the sinks in full calls. Each message is then acknowledged by itself, or delivered again after a while.
//!
//! The queue itself gives up: it counts how often it has delivered a message, and moves it to its dead-letter
//! queue after the configured number of tries. It can do so when no sink can be reached. The worker cannot,
//! since it could only write to a sink.

use std::time::Duration;

use super::Kind;
use super::message::unpacked;
use crate::delivery::deadline::Deadline;
use crate::delivery::routing::Sinks;
use crate::delivery::{Delivery, Outcome, Record};
use crate::platform::{Platform, Random};

/// How long the delivery of a batch may take. Nobody waits for it.
const CONSUME_TIME: Duration = Duration::from_secs(30);
/// How long a message waits after its first try; after each further one, twice as long.
const FIRST_DELAY: Duration = Duration::from_secs(5);
/// The longest that it waits. With the 100 retries that Cloudflare allows, a message is tried for 8 to 16 hours.
const LONGEST_DELAY: Duration = Duration::from_secs(600);

/// A message that the queue delivers.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// Its body; empty where that is no text.
    pub body: &'a str,
    /// How often it was delivered, this time included.
    pub attempts: u32,
}

/// What the worker tells the queue about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The sinks have all of it.
    Acknowledge,
    /// The queue is to deliver it again, after so long.
    Retry(Duration),
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Consumed {
    /// One for each message, in their order.
    pub verdicts: Vec<Verdict>,
    /// How many messages the worker did not write. They are retried too, until the queue gives up on them.
    pub unreadable: usize,
    /// What became of the records of events: of each the worst that a required sink gave.
    pub events: Delivery,
    /// What became of the dead letters.
    pub dead_letters: Delivery,
}

impl Sinks {
    /// Delivers the records of a batch of messages to the sinks behind the queue.
    pub async fn consume(&self, messages: &[Received<'_>], platform: &impl Platform) -> Consumed {
        let (mut events, mut letters) = (Batch::default(), Batch::default());
        let mut is_delivered = vec![true; messages.len()];
        let mut unreadable = 0;
        for (index, message) in messages.iter().enumerate() {
            match unpacked(message.body) {
                Some((Kind::Events, records)) => events.add(index, records),
                Some((Kind::DeadLetters, records)) => letters.add(index, records),
                None => {
                    unreadable += 1;
                    is_delivered[index] = false;
                }
            }
        }
        let deadline = Deadline::after(CONSUME_TIME, platform.now());
        let of_letters: Vec<&Record<'_>> = letters.records.iter().collect();
        let (of_events, of_letters) = futures_util::future::join(
            self.deliver_to_required(&events.records, deadline, platform),
            self.deliver_to_letters(&of_letters, deadline, platform),
        )
        .await;
        events.note(&of_events, &mut is_delivered);
        letters.note(&of_letters, &mut is_delivered);
        let verdicts = messages.iter().zip(is_delivered);
        Consumed {
            verdicts: verdicts
                .map(|(message, is_delivered)| match is_delivered {
                    true => Verdict::Acknowledge,
                    false => Verdict::Retry(delay(message.attempts, platform)),
                })
                .collect(),
            unreadable,
            events: of_events,
            dead_letters: of_letters,
        }
    }
}

/// The records of one kind, and which message each is of.
#[derive(Default)]
struct Batch<'a> {
    records: Vec<Record<'a>>,
    owners: Vec<usize>,
}

impl<'a> Batch<'a> {
    fn add(&mut self, message: usize, records: Vec<Record<'a>>) {
        self.owners
            .resize(self.owners.len() + records.len(), message);
        self.records.extend(records);
    }

    /// A message is delivered once all its records are.
    fn note(&self, delivery: &Delivery, is_delivered: &mut [bool]) {
        for (owner, outcome) in self.owners.iter().zip(&delivery.outcomes) {
            if *outcome != Outcome::Accepted
                && let Some(is_delivered) = is_delivered.get_mut(*owner)
            {
                *is_delivered = false;
            }
        }
    }
}

/// How long a message waits that was delivered so often: between half and all of a time that doubles, so
/// that messages that failed together do not come back together.
fn delay(attempts: u32, platform: &impl Random) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let longest = (FIRST_DELAY * (1 << doublings)).min(LONGEST_DELAY);
    let mut random = [0; 1];
    // Without randomness the wait is only less well spread.
    let _ = platform.randomize(&mut random);
    longest / 2 + longest / 2 * u32::from(random[0]) / 255
}
