//! Which records go to which sinks, and what an answer depends on.

use forebay_core::json::Value;
use futures_util::future::{join, join_all};

use super::deadline::Deadline;
use super::later::{Later, LaterDelivery};
use super::retry::{self, DELIVERY_TIME};
use super::sinks::Service;
use super::target::{Target, left_alone};
use super::{Delivery, MAX_RECORD_BYTES, Outcome, RECORD_LIMITS, Record, Sink, SinkError};
use crate::platform::Platform;

/// Where the worker writes.
pub struct Sinks {
    /// Take the records of valid events. At least one is required.
    pub targets: Vec<Target>,
    /// Takes what was refused.
    pub dead_letters: Target,
    /// What the sinks that are not required are to get.
    later: Later,
}

/// What became of records and dead letters.
pub struct Deliveries {
    /// Of the records: of each the worst that a required sink gave.
    pub events: Delivery,
    /// How many of the records no sink's filter takes; they count as accepted.
    pub filtered: usize,
    /// Of the dead letters.
    pub dead_letters: Delivery,
}

impl Sinks {
    /// Of these targets, one of them required, and the sink of dead letters.
    pub fn new(targets: Vec<Target>, dead_letters: Target) -> Sinks {
        Sinks {
            targets,
            dead_letters,
            later: Later::default(),
        }
    }

    /// Most bytes of a record that every required sink takes.
    pub fn max_record_bytes(&self) -> usize {
        let required = self.targets.iter().filter(|target| target.is_required);
        let most = required.map(Target::max_record_bytes).min();
        most.unwrap_or(MAX_RECORD_BYTES)
    }

    /// Delivers records to the required sinks and dead letters to theirs, side by side, within
    /// [`DELIVERY_TIME`]. What all required sinks have is kept for the others, which
    /// [`Sinks::deliver_later`] delivers to.
    pub async fn deliver(
        &self,
        events: &[Record<'_>],
        dead_letters: &[Record<'_>],
        platform: &impl Platform,
    ) -> Deliveries {
        let deadline = Deadline::after(DELIVERY_TIME, platform.now());
        let routes = self.routes(events);
        let required = self.targets.iter().zip(&routes);
        let required = required.filter(|(target, _)| target.is_required);
        let deliveries = required.map(async |(target, route)| {
            let records: Vec<&Record<'_>> = route
                .iter()
                .filter_map(|index| events.get(*index))
                .collect();
            (
                route,
                retry::deliver(target, &records, deadline, platform).await,
            )
        });
        let letters: Vec<&Record<'_>> = dead_letters.iter().collect();
        let (deliveries, dead_letters) = join(
            join_all(deliveries),
            retry::deliver(&self.dead_letters, &letters, deadline, platform),
        )
        .await;
        let mut merged = Delivery {
            outcomes: vec![Outcome::Accepted; events.len()],
            ..Delivery::default()
        };
        for (route, delivery) in deliveries {
            merged.add(route, delivery);
        }
        self.keep_for_later(events, &routes, &merged.outcomes);
        let is_taken = |index: &usize| {
            routes
                .iter()
                .any(|route| route.binary_search(index).is_ok())
        };
        Deliveries {
            events: merged,
            filtered: (0..events.len()).filter(|index| !is_taken(index)).count(),
            dead_letters,
        }
    }

    /// The indices of the records that each target takes.
    fn routes(&self, records: &[Record<'_>]) -> Vec<Vec<usize>> {
        let mut routes = vec![Vec::new(); self.targets.len()];
        let any_filter = self.targets.iter().any(|target| target.filter.is_some());
        for (index, record) in records.iter().enumerate() {
            let value = if any_filter {
                Value::parse(record.data.as_bytes(), RECORD_LIMITS)
            } else {
                Ok(Value::Null)
            };
            let value = value.unwrap_or(Value::Null);
            for (target, route) in self.targets.iter().zip(&mut routes) {
                if target.takes(&value) {
                    route.push(index);
                }
            }
        }
        routes
    }

    fn keep_for_later(&self, records: &[Record<'_>], routes: &[Vec<usize>], outcomes: &[Outcome]) {
        for (at, (target, route)) in self.targets.iter().zip(routes).enumerate() {
            for index in route.iter().filter(|_| !target.is_required) {
                if let (Some(record), Some(Outcome::Accepted)) =
                    (records.get(*index), outcomes.get(*index))
                {
                    self.later.keep(at, record);
                }
            }
        }
    }

    /// Whether there is something for [`Sinks::deliver_later`] to do.
    pub fn has_later(&self) -> bool {
        !self.later.is_empty()
    }

    /// Delivers to the sinks that are not required. To be called once the answer is on its way.
    pub async fn deliver_later(&self, platform: &impl Platform) -> Vec<LaterDelivery<'_>> {
        let taken = self.later.take();
        let deadline = Deadline::after(DELIVERY_TIME, platform.now());
        let of_targets = self.targets.iter().zip(&taken.targets);
        let deliveries = of_targets.map(async |(target, waiting)| {
            let records: Vec<&Record<'_>> = waiting.records.iter().collect();
            LaterDelivery {
                sink: &target.name,
                delivery: retry::deliver(target, &records, deadline, platform).await,
                dropped: waiting.dropped,
            }
        });
        let mut deliveries = join_all(deliveries).await;
        deliveries.retain(|it| !it.delivery.outcomes.is_empty() || it.dropped > 0);
        deliveries
    }

    /// The status of the sinks of events, and of that of dead letters: `ACTIVE` or `UPDATING` where
    /// they take records. Kinesis is asked; of other services their calls tell.
    pub async fn statuses(&self, platform: &impl Platform) -> [Result<String, SinkError>; 2] {
        let required = || self.targets.iter().filter(|target| target.is_required);
        let stream = required().find(|target| matches!(target.service, Service::Kinesis(_)));
        let events = match stream {
            _ if required().any(Sink::is_left_alone) => Err(left_alone()),
            Some(target) => target.status(platform).await,
            None => Ok("ACTIVE".to_owned()),
        };
        [events, self.dead_letters.status(platform).await]
    }
}
