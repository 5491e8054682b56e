//! The whole way of events, from clients to rows, in one seeded run: `record()`ed events go through the core's
//! outbox, a network, the worker, a stream and the lake, and at the end each event that the worker answered 202 is
//! one row.
//!
//! | part | what runs |
//! |---|---|
//! | clients | the core's outbox with a disk; requests and answers are lost and repeated, clients crash |
//! | worker | all of it behind the platform's traits: routes, signatures, pipeline, delivery, breakers; isolates die |
//! | stream | a stand-in of Kinesis's API, which throttles records, loses answers, and splits and merges its shards |
//! | lake | two processes of `consume` with leases, cuts and compaction over a bucket in memory, which are killed and paused between any two writes, also for so long that another has taken what they held |
//!
//! Not run: the shells. The engine of the browser stands around the outbox in [`client`] in few words, Cloudflare's
//! runtime (`workers/`) is [`edge`], and HTTP to Kinesis and to the bucket is a call. Nor is the queue in front.
//!
//! There are no sockets, and the only clock is tokio's, which stands still but for waits. A failure prints its seed;
//! `FOREBAY_SEED=<seed> cargo test -p forebay-edge-worker simulation` runs that one alone, and
//! `FOREBAY_SEEDS=<number>` that many.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "a simulation that goes wrong has to stop there and say where"
)]

mod client;
mod edge;
mod kinesis;
mod lake;
#[path = "../../../core/tests/simulation/on_panic.rs"]
mod on_panic;
#[path = "../../../core/tests/simulation/random.rs"]
mod random;
mod storage;
mod world;

use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use forebay_core::schema::Schema;

use crate::config::Config;
use crate::delivery::routing::Sinks;
use crate::delivery::tests::kinesis as stream;
use crate::identity::session_token::tests::secrets;
use crate::pipeline::event_id::EventIds;
use crate::routes::tests::config as any_config;
use on_panic::OnPanic;
use world::Summary;

/// When every run starts.
const START: i64 = 1_795_000_000_000;
/// When the stream was created, in seconds.
const CREATED: i64 = 1;
const EVENTS: &str = "events";
const DEAD_LETTERS: &str = "dead-letters";
const SEEDS: u64 = 100;

fn schema() -> Schema {
    let schema = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": {
            "SignUpEvent": {
                "type": "object",
                "properties": { "email": { "type": "string", "format": "email" } },
                "required": ["email"]
            },
            "PiecePlayedEvent": {
                "type": "object",
                "properties": { "minutes": { "type": "integer", "minimum": 0 } },
                "required": ["minutes"]
            }
        }
    }"#;
    Schema::parse(schema.as_bytes()).unwrap()
}

/// The worker's configuration. Isolates differ in how many events they remember.
fn config(deduplication_window: usize) -> Config {
    let schema = schema();
    Config {
        event_ids: EventIds::new(&schema, None, &secrets(&["1"])),
        schema,
        sinks: Sinks::new(vec![stream(EVENTS)], stream(DEAD_LETTERS)),
        deduplication_window,
        ..any_config()
    }
}

fn run(seed: u64) -> Summary {
    let _on_panic = OnPanic(seed);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, world::run(seed))
}

#[test]
fn each_accepted_event_is_one_row() {
    if let Ok(seed) = std::env::var("FOREBAY_SEED") {
        println!("{:#?}", run(seed.parse().unwrap()));
        return;
    }
    let asked = std::env::var("FOREBAY_SEEDS").ok();
    let seeds = asked.map_or(SEEDS, |seeds| seeds.parse().unwrap());
    let next = AtomicU64::new(0);
    let total = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    let summary = run(seed);
                    total.lock().unwrap().add(&summary);
                }
            });
        }
    });
    let total = total.into_inner().unwrap();
    println!("{total:#?}");
    // A simulation in which nothing goes wrong shows nothing.
    if seeds >= SEEDS {
        assert!(total.duplicates > 300 && total.again > 100 && total.refused > 300);
        assert!(total.kills > 100 && total.pauses > 100 && total.fenced > 200);
        assert!(total.reshardings > 150 && total.merges > 30);
    }
}

#[test]
fn a_seed_is_one_run() {
    assert_eq!(run(7).trace, run(7).trace);
}
