//! A circuit breaker: a sink that keeps failing is left alone for a while, so that whoever waits
//! for it does not wait for nothing. It has no clock; each call takes the time.
//!
//! ```text
//!             enough calls failed              cool-down over
//!   closed ------------------------> open ------------------------> half-open
//!     ^                               ^                                | one call, the probe
//!     |                               +-------- it failed, or is lost -+
//!     +---------------------------------------- it was answered -------+
//! ```

#[cfg(test)]
mod tests;

use forebay_aws_call::Fault;
use forebay_core::time::Timestamp;

use super::SinkError;

/// The parts that the window is counted in: as one begins, the oldest is forgotten.
const SLOTS: usize = 10;

/// When a breaker opens, and for how long. Times are in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// How far back calls count; at least ten.
    pub window_ms: i64,
    /// Fewer calls than this say nothing.
    pub least_calls: u32,
    /// Of a hundred calls, how many have to fail.
    pub failing_percent: u32,
    /// How long the sink is left alone.
    pub cool_down_ms: i64,
    /// After this long without a result a probe is lost, and another may go: its request may have
    /// been cancelled.
    pub probe_ms: i64,
}

impl BreakerPolicy {
    /// What sinks have unless said otherwise.
    pub const DEFAULT: BreakerPolicy = BreakerPolicy {
        window_ms: 30_000,
        least_calls: 20,
        failing_percent: 50,
        cool_down_ms: 5_000,
        probe_ms: 10_000,
    };
}

/// Whether calls go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// All of them.
    Closed,
    /// None.
    Open,
    /// One, to see how the sink is.
    HalfOpen,
}

/// Leave to make one call. Its result is told to the breaker.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "tell the breaker what became of the call"]
pub struct Permit {
    /// In which period of the breaker it was given: a result that comes late says nothing of a
    /// later one.
    period: u64,
}

/// How a call went, as far as it tells of the sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallResult {
    /// The sink answered; a refusal is an answer, too.
    Answered,
    /// It is not there, or does not work.
    Failed,
}

impl<T> From<&Result<T, SinkError>> for CallResult {
    /// What is the sender's fault, or only too much, does not tell of a sink that is down.
    fn from(result: &Result<T, SinkError>) -> CallResult {
        match result {
            Err(error) if error.fault() == Fault::Service => CallResult::Failed,
            _ => CallResult::Answered,
        }
    }
}

/// A breaker of one sink.
#[derive(Debug)]
pub struct Breaker {
    policy: BreakerPolicy,
    phase: Phase,
    period: u64,
}

#[derive(Debug)]
enum Phase {
    Closed(Window),
    Open { since: Timestamp },
    Probing { since: Timestamp },
}

impl Breaker {
    /// A closed one.
    pub fn new(policy: BreakerPolicy) -> Breaker {
        Breaker {
            policy,
            phase: Phase::Closed(Window::default()),
            period: 0,
        }
    }

    /// Whether a call may be made now. `None`: not now.
    pub fn admit(&mut self, now: Timestamp) -> Option<Permit> {
        let is_due = match &mut self.phase {
            Phase::Closed(_) => true,
            Phase::Open { since } => is_over(since, self.policy.cool_down_ms, now),
            Phase::Probing { since } => is_over(since, self.policy.probe_ms, now),
        };
        if !is_due {
            return None;
        }
        if !matches!(self.phase, Phase::Closed(_)) {
            self.enter(Phase::Probing { since: now });
        }
        Some(Permit {
            period: self.period,
        })
    }

    /// Takes in how a call went.
    pub fn note(&mut self, permit: Permit, result: CallResult, now: Timestamp) {
        if permit.period != self.period {
            return;
        }
        match (&mut self.phase, result) {
            (Phase::Closed(window), result) => {
                window.add(result, now, self.policy.window_ms);
                if window.is_failing(&self.policy) {
                    self.enter(Phase::Open { since: now });
                }
            }
            (Phase::Probing { .. }, CallResult::Answered) => {
                self.enter(Phase::Closed(Window::default()));
            }
            (Phase::Probing { .. } | Phase::Open { .. }, _) => {
                self.enter(Phase::Open { since: now });
            }
        }
    }

    /// Whether calls go through.
    pub fn state(&self) -> BreakerState {
        match self.phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { .. } => BreakerState::Open,
            Phase::Probing { .. } => BreakerState::HalfOpen,
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.period += 1;
    }
}

/// Whether so much time has passed. After a clock that has gone back the time begins anew: else it
/// might take hours.
fn is_over(since: &mut Timestamp, time_ms: i64, now: Timestamp) -> bool {
    *since = (*since).min(now);
    now.0.saturating_sub(since.0) >= time_ms
}

/// Results of late, in slots of equal length.
#[derive(Debug, Default)]
struct Window {
    slots: [Slot; SLOTS],
    /// The number of the newest slot, counted since 1970.
    newest: i64,
}

#[derive(Debug, Default, Clone, Copy)]
struct Slot {
    calls: u32,
    failed: u32,
}

impl Window {
    fn add(&mut self, result: CallResult, now: Timestamp, window_ms: i64) {
        const COUNT: i64 = SLOTS as i64;
        let number = now.0.div_euclid((window_ms / COUNT).max(1));
        let passed = number.saturating_sub(self.newest);
        if (0..COUNT).contains(&passed) {
            for number in self.newest + 1..=number {
                self.slots[index(number)] = Slot::default();
            }
        } else {
            // A pause, or a clock that has jumped.
            self.slots = [Slot::default(); SLOTS];
        }
        self.newest = number;
        let slot = &mut self.slots[index(number)];
        slot.calls = slot.calls.saturating_add(1);
        if result == CallResult::Failed {
            slot.failed = slot.failed.saturating_add(1);
        }
    }

    fn is_failing(&self, policy: &BreakerPolicy) -> bool {
        let sum =
            |count: fn(&Slot) -> u32| self.slots.iter().map(count).map(u64::from).sum::<u64>();
        let (calls, failed) = (sum(|slot| slot.calls), sum(|slot| slot.failed));
        calls >= u64::from(policy.least_calls)
            && failed > 0
            && failed * 100 >= calls * u64::from(policy.failing_percent)
    }
}

fn index(number: i64) -> usize {
    // Below SLOTS, and not below zero.
    usize::try_from(number.rem_euclid(SLOTS as i64)).unwrap_or_default()
}
