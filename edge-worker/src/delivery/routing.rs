//! Which records go to which sinks, and what an answer depends on.

use forebay_core::json::Value;
use futures_util::future::{join, join_all};

use super::deadline::Deadline;
use super::later::{Later, LaterDelivery};
use super::queue::Queue;
use super::queue::message::fits;
use super::retry::DELIVERY_TIME;
use super::target::Target;
use super::{Delivery, MAX_RECORD_BYTES, Outcome, RECORD_LIMITS, Record, SinkError, SinkId};
use crate::platform::Platform;

/// The ids of what stands beside the sinks of events.
const DEAD_LETTERS: SinkId = SinkId(usize::MAX);
const QUEUE: SinkId = SinkId(usize::MAX - 1);
const QUEUE_OF_LETTERS: SinkId = SinkId(usize::MAX - 2);

/// Where the worker writes.
pub struct Sinks {
    /// Take the records of valid events. At least one is required.
    pub targets: Vec<Target>,
    /// Takes what was refused.
    pub dead_letters: Target,
    /// Stands in front of the required sinks and the sink of dead letters, where there is one.
    pub queue: Option<Queue>,
    /// Records that wait for the sinks that are not required.
    later: Later,
}

/// What became of records and dead letters.
pub struct Deliveries {
    /// Of the records: of each the worst that a required sink gave.
    pub events: Delivery,
    /// Which of the records no sink's filter takes; they count as accepted.
    pub filtered: Vec<usize>,
    /// Of the dead letters.
    pub dead_letters: Delivery,
}

impl Sinks {
    /// Sinks of these targets, at least one of them required, and of the sink of dead letters.
    pub fn new(targets: Vec<Target>, dead_letters: Target) -> Sinks {
        Sinks {
            targets,
            dead_letters,
            queue: None,
            later: Later::default(),
        }
    }

    /// The same, with a queue in front.
    pub fn behind(self, queue: Option<Queue>) -> Sinks {
        Sinks { queue, ..self }
    }

    /// Most bytes of a record that every required sink takes.
    pub fn max_record_bytes(&self) -> usize {
        let required = self.targets.iter().filter(|target| target.is_required);
        let most = required.map(Target::max_record_bytes).min();
        most.unwrap_or(MAX_RECORD_BYTES)
    }

    /// Delivers records to the required sinks and dead letters to theirs, side by side, within
    /// [`DELIVERY_TIME`]; where there is a queue, to that instead. What an answer waits for and has
    /// arrived is kept for the sinks that are not required, which [`Sinks::deliver_later`] delivers to.
    pub async fn deliver(
        &self,
        events: &[Record<'_>],
        dead_letters: &[Record<'_>],
        platform: &impl Platform,
    ) -> Deliveries {
        let deadline = Deadline::after(DELIVERY_TIME, platform.now());
        let routes = self.routes(events);
        let (merged, dead_letters) = join(
            self.deliver_events(events, &routes, deadline, platform),
            self.deliver_letters(dead_letters, deadline, platform),
        )
        .await;
        self.keep_for_later(events, &routes, &merged.outcomes);
        let is_taken = |index: &usize| {
            routes
                .iter()
                .any(|route| route.len() == events.len() || route.binary_search(index).is_ok())
        };
        Deliveries {
            events: merged,
            filtered: (0..events.len()).filter(|index| !is_taken(index)).collect(),
            dead_letters,
        }
    }

    /// Delivers records to the queue, or to the required sinks where there is none. A record that is too
    /// large for the queue goes to the sinks directly.
    async fn deliver_events(
        &self,
        events: &[Record<'_>],
        routes: &[Vec<usize>],
        deadline: Deadline,
        platform: &impl Platform,
    ) -> Delivery {
        let Some(queue) = &self.queue else {
            return self
                .deliver_routed(events, routes, deadline, platform)
                .await;
        };
        let required = self.targets.iter().zip(routes);
        let mut wanted = vec![false; events.len()];
        for (_, route) in required.filter(|(target, _)| target.is_required) {
            for index in route {
                wanted[*index] = true;
            }
        }
        let is_queued = |index: &usize| events.get(*index).is_some_and(fits);
        let queued: Vec<usize> = (0..events.len())
            .filter(|index| wanted[*index] && is_queued(index))
            .collect();
        let direct: Vec<Vec<usize>> = routes
            .iter()
            .map(|route| {
                let direct = route.iter().copied();
                direct.filter(|index| !is_queued(index)).collect()
            })
            .collect();
        let records = chosen(events, &queued);
        let (of_queue, mut merged) = join(
            self.deliver_to(QUEUE, &queue.events, &records, deadline, platform),
            self.deliver_routed(events, &direct, deadline, platform),
        )
        .await;
        merged.add(&queued, of_queue);
        merged
    }

    async fn deliver_letters(
        &self,
        letters: &[Record<'_>],
        deadline: Deadline,
        platform: &impl Platform,
    ) -> Delivery {
        let queue = self.queue.as_ref();
        let mut merged = Delivery {
            outcomes: vec![Outcome::Accepted; letters.len()],
            ..Delivery::default()
        };
        let is_queued = |index: &usize| queue.is_some() && letters.get(*index).is_some_and(fits);
        let (queued, direct): (Vec<usize>, Vec<usize>) =
            (0..letters.len()).partition(|index| is_queued(index));
        let (id, to) = match queue {
            Some(queue) => (QUEUE_OF_LETTERS, &queue.dead_letters),
            None => (DEAD_LETTERS, &self.dead_letters),
        };
        let (for_queue, for_sink) = (chosen(letters, &queued), chosen(letters, &direct));
        let (of_queue, of_sink) = join(
            self.deliver_to(id, to, &for_queue, deadline, platform),
            self.deliver_to_letters(&for_sink, deadline, platform),
        )
        .await;
        merged.add(&queued, of_queue);
        merged.add(&direct, of_sink);
        merged
    }

    /// Delivers records to the required sinks that take them, whatever stands in front of these.
    pub async fn deliver_to_required(
        &self,
        records: &[Record<'_>],
        deadline: Deadline,
        platform: &impl Platform,
    ) -> Delivery {
        let routes = self.routes(records);
        self.deliver_routed(records, &routes, deadline, platform)
            .await
    }

    async fn deliver_routed(
        &self,
        records: &[Record<'_>],
        routes: &[Vec<usize>],
        deadline: Deadline,
        platform: &impl Platform,
    ) -> Delivery {
        let required = self.targets.iter().zip(routes).enumerate();
        let required = required.filter(|(_, (target, _))| target.is_required);
        let deliveries = required.map(async |(at, (target, route))| {
            let chosen = chosen(records, route);
            let delivery = self.deliver_to(SinkId(at), target, &chosen, deadline, platform);
            (route, delivery.await)
        });
        let deliveries = join_all(deliveries).await;
        let mut merged = Delivery {
            outcomes: vec![Outcome::Accepted; records.len()],
            ..Delivery::default()
        };
        for (route, delivery) in deliveries {
            merged.add(route, delivery);
        }
        merged
    }

    /// Delivers dead letters to their sink, whatever stands in front of it.
    pub async fn deliver_to_letters(
        &self,
        letters: &[&Record<'_>],
        deadline: Deadline,
        platform: &impl Platform,
    ) -> Delivery {
        self.deliver_to(
            DEAD_LETTERS,
            &self.dead_letters,
            letters,
            deadline,
            platform,
        )
        .await
    }

    async fn deliver_to(
        &self,
        id: SinkId,
        target: &Target,
        records: &[&Record<'_>],
        deadline: Deadline,
        platform: &impl Platform,
    ) -> Delivery {
        let delivery = target.deliver(records, deadline, platform).await;
        let sink = delivery.error.is_some().then_some(id);
        Delivery { sink, ..delivery }
    }

    /// The name of a sink.
    pub fn name(&self, id: SinkId) -> &str {
        match id {
            DEAD_LETTERS => &self.dead_letters.name,
            QUEUE => Queue::NAME,
            QUEUE_OF_LETTERS => Queue::NAME_OF_LETTERS,
            SinkId(at) => self.targets.get(at).map_or("", |target| &target.name),
        }
    }

    /// All that takes records: the sinks of events, that of dead letters, and the queue before them.
    pub fn all(&self) -> impl Iterator<Item = &Target> {
        let queue = self.queue.iter();
        let queue = queue.flat_map(|queue| [&queue.events, &queue.dead_letters]);
        self.targets.iter().chain([&self.dead_letters]).chain(queue)
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
            target.note_dropped(waiting.dropped);
            LaterDelivery {
                sink: &target.name,
                delivery: target.deliver(&records, deadline, platform).await,
                dropped: waiting.dropped,
            }
        });
        let mut deliveries = join_all(deliveries).await;
        deliveries.retain(|it| !it.delivery.outcomes.is_empty() || it.dropped > 0);
        deliveries
    }

    /// The [status](Target::status) of each sink that an answer waits for, by its name: of the queue, where
    /// there is one.
    pub async fn statuses(
        &self,
        platform: &impl Platform,
    ) -> Vec<(String, Result<String, SinkError>)> {
        let targets: Vec<&Target> = match &self.queue {
            Some(queue) => vec![&queue.events],
            None => {
                let required = self.targets.iter().filter(|target| target.is_required);
                required.chain([&self.dead_letters]).collect()
            }
        };
        let statuses = targets.into_iter().map(async |target| {
            let status = target.status(platform).await;
            (target.name.clone(), status)
        });
        join_all(statuses).await
    }
}

/// The records at these places.
fn chosen<'r, 'a>(records: &'r [Record<'a>], route: &[usize]) -> Vec<&'r Record<'a>> {
    route
        .iter()
        .filter_map(|index| records.get(*index))
        .collect()
}
