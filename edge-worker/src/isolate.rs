//! What an isolate keeps from one request to the next, beside its configuration.

use std::cell::RefCell;

use forebay_core::time::Timestamp;

use crate::budget::Budget;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::pipeline::deduplication::DeduplicationWindow;
use crate::pipeline::enrich::clock::Clocks;
use crate::quota::Used;
use crate::rates::Buckets;

/// An isolate's memory of its requests.
pub struct Isolate {
    /// The events that were accepted lately.
    pub window: RefCell<DeduplicationWindow>,
    /// The memory that requests in flight may take.
    pub budget: Budget,
    /// What was counted since the isolate started.
    pub metrics: RefCell<Metrics>,
    /// How often each network and identity has asked lately.
    pub buckets: RefCell<Buckets>,
    /// What applications have used of their daily quotas.
    pub quotas: RefCell<Used>,
    /// How far the clocks of those who sent lately are ahead.
    pub clocks: RefCell<Clocks>,
}

impl Isolate {
    /// What an isolate begins with. `secret` has to be random; without one, no events are
    /// remembered: keys that could be foreseen might be made to collide. Without a configuration
    /// no request is served, and none is remembered.
    pub fn new(config: Option<&Config>, secret: Option<[u8; 16]>, now: Timestamp) -> Isolate {
        let window = config.map_or(0, |config| config.deduplication_window);
        let window = match secret {
            Some(secret) => DeduplicationWindow::new(window, secret),
            None => DeduplicationWindow::new(0, [0; 16]),
        };
        Isolate {
            window: RefCell::new(window),
            budget: Budget::new(config.map_or(0, |config| config.memory_budget)),
            metrics: RefCell::new(Metrics::new(now)),
            buckets: RefCell::default(),
            quotas: RefCell::default(),
            clocks: RefCell::default(),
        }
    }
}
