//! The client in a simulated world: a lossy network, a faulty endpoint, clocks that jump, pages that
//! crash. Every recorded valid event has to end in the endpoint's ledger, or rejected or dropped
//! with a counted reason, and the books have to balance at every step.
//!
//! A failure prints its seed; `FOREBAY_SEED=<seed> cargo test -p forebay-core --test simulation`
//! runs that one alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a simulation that goes wrong has to stop there and say where"
)]

mod events;
mod page;
mod plan;
mod random;
mod server;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};

use events::Summary;
use world::World;

const SEEDS: u64 = 10_000;

/// Says which seed it was when its run panics.
struct OnPanic(u64);

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the simulation failed with FOREBAY_SEED={}", self.0);
        }
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
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let summaries: Vec<Summary> = std::thread::scope(|scope| {
        let work = || {
            let mut total = Summary::default();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= SEEDS {
                    return total;
                }
                total.add(&run(seed));
            }
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a seed failed"))
            .collect()
    });
    let mut total = Summary::default();
    for summary in &summaries {
        total.add(summary);
    }
    println!("{total:#?}");
    // A simulation in which nothing goes wrong shows nothing.
    assert!(total.delivered > 100_000);
    assert!(total.rejected > 1_000 && total.dropped > 1_000 && total.invalid > 1_000);
    assert!(total.repeated > 1_000 && total.crashes > 1_000 && total.unauthorised > 1_000);
    assert!(total.lost_in_crash < total.recorded / 50);
}
