//! What became of a request's events, counted by what an operator asks for: event type, outcome, reason. The
//! schema, the rules and the configured sinks are all that these can name, so nobody outside can make up
//! further ones.

use forebay_core::schema::Schema;
use forebay_core::wire::update_endpoint;

use crate::delivery::SinkId;

/// An event type of the schema, or what stands for all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TypeId(u16);

impl TypeId {
    /// Not looked at: the event is known by its id.
    pub const UNREAD: TypeId = TypeId(u16::MAX);
    /// Of no type that the schema has.
    pub const OTHER: TypeId = TypeId(u16::MAX - 1);
    /// Of UpdateEndpoint.
    pub const ENDPOINT_UPDATE: TypeId = TypeId(u16::MAX - 2);

    /// That of an event type's name; [`TypeId::OTHER`] where the schema does not have it.
    pub fn of(name: &str, schema: &Schema) -> TypeId {
        let at = schema.events.iter().position(|event| event.name == name);
        let id = at.and_then(|at| u16::try_from(at).ok());
        id.filter(|id| *id < TypeId::ENDPOINT_UPDATE.0)
            .map_or(TypeId::OTHER, TypeId)
    }

    /// Its name. What stands for others is in brackets, as no event type is.
    pub fn name(self, schema: &Schema) -> &str {
        match self {
            TypeId::UNREAD => "(unread)",
            TypeId::ENDPOINT_UPDATE => update_endpoint::EVENT_TYPE,
            TypeId(id) => {
                let event = schema.events.get(usize::from(id));
                event.map_or("(other)", |event| &event.name)
            }
        }
    }
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventOutcome {
    /// Answered 202: the sinks, or the queue before them, have it.
    Accepted,
    /// Answered 202 without being written: the sinks have it from an earlier request.
    Duplicate,
    /// Answered 202 without being written: no sink's filter takes it.
    Filtered,
    /// Answered 400: the dead letters have it.
    Invalid,
    /// Answered 429: to be sent again.
    Throttled,
    /// Answered 500: to be sent again.
    Failed,
}

impl EventOutcome {
    /// As log and metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            EventOutcome::Accepted => "accepted",
            EventOutcome::Duplicate => "duplicate",
            EventOutcome::Filtered => "filtered",
            EventOutcome::Invalid => "invalid",
            EventOutcome::Throttled => "throttled",
            EventOutcome::Failed => "failed",
        }
    }

    /// That of an event which was answered so.
    pub fn of_status(status_code: u16) -> EventOutcome {
        match status_code {
            202 => EventOutcome::Accepted,
            400 => EventOutcome::Invalid,
            429 => EventOutcome::Throttled,
            _ => EventOutcome::Failed,
        }
    }
}

/// Why an event was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// It was, or nothing more is known.
    None,
    /// The rule of the schema or of the wire that it broke; of several, the first.
    Rule(&'static str),
    /// The sink that did not take it or its dead letter; of several, one.
    Sink(SinkId),
}

/// Events with the same fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tallied {
    /// Of which type.
    pub event_type: TypeId,
    /// What became of them.
    pub outcome: EventOutcome,
    /// Why.
    pub reason: Reason,
    /// How many.
    pub count: u32,
}

/// What became of the events and endpoints of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many events came.
    pub received: usize,
    /// What became of them: each fate once.
    pub events: Vec<Tallied>,
    /// What became of the endpoints they came with, by [`EventOutcome`].
    pub endpoints: Vec<(EventOutcome, u32)>,
}

impl Tally {
    /// Counts an event.
    pub fn add(&mut self, event_type: TypeId, outcome: EventOutcome, reason: Reason) {
        let is_same = |it: &&mut Tallied| {
            (it.event_type, it.outcome, it.reason) == (event_type, outcome, reason)
        };
        // A request has few types, and most of its events one fate.
        match self.events.iter_mut().rev().find(is_same) {
            Some(tallied) => tallied.count += 1,
            None => self.events.push(Tallied {
                event_type,
                outcome,
                reason,
                count: 1,
            }),
        }
    }

    /// Counts an endpoint.
    pub fn add_endpoint(&mut self, outcome: EventOutcome) {
        match self.endpoints.iter_mut().find(|(it, _)| *it == outcome) {
            Some((_, count)) => *count += 1,
            None => self.endpoints.push((outcome, 1)),
        }
    }

    /// How many events had this outcome.
    pub fn events_with(&self, outcome: EventOutcome) -> usize {
        let events = self.events.iter().filter(|it| it.outcome == outcome);
        events.map(|it| it.count as usize).sum()
    }

    /// How many endpoints had this outcome.
    pub fn endpoints_with(&self, outcome: EventOutcome) -> usize {
        let endpoints = self.endpoints.iter().filter(|(it, _)| *it == outcome);
        endpoints.map(|(_, count)| *count as usize).sum()
    }
}
