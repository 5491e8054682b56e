//! The outbox in a simulated world: tabs that share a disk and a lock, a lossy network, a faulty
//! endpoint, clocks that jump, tabs that crash. Every recorded event has to end in the endpoint's
//! ledger, or rejected or dropped with a counted reason, and the books have to balance at every step.
//!
//! A failure prints its seed; `FOREBAY_SEED=<seed> cargo test -p forebay-core --test simulation`
//! runs that one alone, and `FOREBAY_SEEDS=<number>` that many.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a simulation that goes wrong has to stop there and say where"
)]

mod on_panic;
mod plan;
mod random;
mod server;
mod tab;
mod world;

use on_panic::OnPanic;
use world::World;

/// Enough for a million events.
const SEEDS: u64 = 10_000;

/// What a run came to, and all runs together.
#[derive(Debug, Default)]
struct Summary {
    recorded: u64,
    delivered: u64,
    rejected: u64,
    dropped: u64,
    lost_in_crash: u64,
    requests: u64,
    repeated: u64,
    unauthorised: u64,
    crashes: u64,
    /// How often a module was thrown away while its page went on.
    traps: u64,
    /// Events that a fresh module was told the end of by an answer to the one before.
    ended_by_late_answer: u64,
    /// Answers of firewalls and proxies.
    foreign: u64,
    refused_descriptions: u64,
    /// Events that waited for a page with room for their identity.
    without_room: u64,
    /// How often the disk was read for what waits there alone.
    read: u64,
}

impl Summary {
    fn add(&mut self, other: &Summary) {
        self.recorded += other.recorded;
        self.delivered += other.delivered;
        self.rejected += other.rejected;
        self.dropped += other.dropped;
        self.lost_in_crash += other.lost_in_crash;
        self.requests += other.requests;
        self.repeated += other.repeated;
        self.unauthorised += other.unauthorised;
        self.crashes += other.crashes;
        self.traps += other.traps;
        self.ended_by_late_answer += other.ended_by_late_answer;
        self.foreign += other.foreign;
        self.refused_descriptions += other.refused_descriptions;
        self.without_room += other.without_room;
        self.read += other.read;
    }
}

fn run(seed: u64) -> Summary {
    let _on_panic = OnPanic(seed);
    World::new(seed).run()
}

#[test]
fn every_event_ends_delivered_or_counted() {
    if let Ok(seed) = std::env::var("FOREBAY_SEED") {
        println!("{:?}", run(seed.parse().expect("FOREBAY_SEED is a number")));
        return;
    }
    let seeds = std::env::var("FOREBAY_SEEDS").map_or(SEEDS, |number| {
        number.parse().expect("FOREBAY_SEEDS is a number")
    });
    let mut total = Summary::default();
    for seed in 0..seeds {
        total.add(&run(seed));
    }
    println!("{total:#?}");
    assert!(total.recorded >= 1_000_000);
    // A simulation in which nothing goes wrong shows nothing.
    assert!(total.delivered > total.recorded / 2);
    assert!(total.rejected > 1_000 && total.dropped > 1_000 && total.lost_in_crash > 1_000);
    assert!(total.repeated > 1_000 && total.crashes > 1_000 && total.unauthorised > 1_000);
    assert!(total.read > 1_000 && total.traps > 1_000 && total.foreign > 1_000);
    assert!(total.refused_descriptions > 500 && total.without_room > 1_000);
    assert!(total.ended_by_late_answer > 100);
    // Only what the disk did not take before its tab was gone.
    assert!(total.lost_in_crash < total.recorded / 20);
}
