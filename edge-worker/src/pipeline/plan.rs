//! What becomes of each event and endpoint of a request, before anything is written: a record, a dead
//! letter, or nothing, where an event was accepted before. No IO: the answers follow from the plan
//! and from what became of its records.

use std::borrow::Cow;

use forebay_core::event::Event;
use forebay_core::json::Value;
use forebay_core::plausible;
use forebay_core::schema::{Stage, Violation};
use forebay_core::wire::DecodeError;
use forebay_core::wire::event_stream;
use forebay_core::wire::put_events::{ReadEvent, Request, SentEndpoint, SentEvent};

use super::Context;
use super::dead_letter::{DeadLetter, Refused, Sent};
use super::deduplication::{DeduplicationWindow, EventKey, Sender};
use super::event_id::is_uuid;
use super::malformed;
use super::record::{RecordMaker, Shared};
use crate::delivery::{Outcome, Record};
use crate::metrics::tally::TypeId;

/// Where an event or an endpoint goes.
pub enum Fate {
    /// An event: to the sink of events. An endpoint: nowhere, its events hold it.
    Record,
    /// Nowhere: the sink has it from an earlier request.
    Duplicate,
    /// To the dead letters; answered with this message.
    DeadLetter(Message),
}

/// What an answer says of what was refused.
pub struct Message {
    /// In words.
    pub text: String,
    /// The same apart: so many as the words name.
    pub reasons: Vec<Violation>,
}

/// One endpoint and its events.
pub struct PlannedBatch<'a> {
    /// The endpoint id.
    pub endpoint_id: &'a str,
    /// What becomes of the endpoint.
    pub endpoint: Fate,
    /// Its events.
    pub events: Vec<PlannedEvent<'a>>,
}

/// One event.
pub struct PlannedEvent<'a> {
    /// The id that it was sent under.
    pub id: &'a str,
    /// Of which type it is.
    pub event_type: TypeId,
    /// What becomes of it.
    pub fate: Fate,
    /// The first rule that it broke, where it is refused.
    pub rule: Option<&'static str>,
}

/// What is to be written, and what to answer once it is. Records and dead letters stand in the
/// order of the batches: in each, the endpoint before its events.
#[derive(Default)]
pub struct Plan<'a> {
    /// The request's batches.
    pub batches: Vec<PlannedBatch<'a>>,
    /// For the sink of events.
    pub records: Vec<Record<'a>>,
    /// One for each record.
    record_keys: Vec<EventKey>,
    /// For the sink of dead letters.
    pub dead_letters: Vec<Record<'a>>,
}

struct Planner<'a> {
    context: &'a Context<'a>,
    maker: RecordMaker<'a>,
    window: &'a DeduplicationWindow,
    sender: Sender,
}

impl<'a> Planner<'a> {
    fn plan<'r>(&self, request: &'r Request<'_>) -> Plan<'r> {
        let mut plan = Plan::default();
        for batch in &request.batches {
            let endpoint_id = batch.endpoint_id.as_ref();
            let shared = self.maker.batch(endpoint_id, &batch.endpoint.endpoint);
            let planned = PlannedBatch {
                endpoint_id,
                endpoint: self.plan_endpoint(endpoint_id, &batch.endpoint, &mut plan),
                events: batch
                    .events
                    .iter()
                    .map(|event| self.plan_event(endpoint_id, event, &shared, &mut plan))
                    .collect(),
            };
            plan.batches.push(planned);
        }
        plan
    }

    /// What is wrong with an endpoint is kept as a dead letter; its events go on with the rest of it.
    fn plan_endpoint<'r>(
        &self,
        endpoint_id: &'r str,
        endpoint: &SentEndpoint<'_>,
        plan: &mut Plan<'r>,
    ) -> Fate {
        if endpoint.mistakes.is_empty() {
            return Fate::Record;
        }
        let violations: Vec<Violation> = endpoint.mistakes.iter().map(malformed::wire).collect();
        let value = endpoint.value();
        let refused = Refused::Endpoint(Sent::of(value.as_ref(), endpoint.bytes));
        let letter = self.dead_letter(endpoint_id, refused, &violations, plan);
        plan.dead_letters.push(letter);
        Fate::DeadLetter(Message::of(violations))
    }

    /// Reads an event, and forgets it again once its record or dead letter is made.
    fn plan_event<'r>(
        &self,
        endpoint_id: &'r str,
        sent: &'r SentEvent<'_>,
        shared: &Shared<'_>,
        plan: &mut Plan<'r>,
    ) -> PlannedEvent<'r> {
        let planned = |event_type, fate| PlannedEvent {
            id: sent.id.as_ref(),
            event_type,
            fate,
            rule: None,
        };
        // A UUID is known again before the event is read.
        let sent_key = is_uuid(&sent.id).then(|| self.sender.event(&sent.id));
        if sent_key.is_some_and(|key| self.window.contains(&key)) {
            return planned(TypeId::UNREAD, Fate::Duplicate);
        }
        let ReadEvent { event, sent: value } = sent.read();
        let id = match &event {
            Ok(event) if sent_key.is_none() => {
                let ids = &self.context.config.event_ids;
                ids.of(&sent.id, endpoint_id, event)
            }
            _ => Cow::Borrowed(sent.id.as_ref()),
        };
        let key = sent_key.unwrap_or_else(|| self.sender.event(&id));
        let event_type = self.event_type(&event, value.as_ref());
        let record = match &event {
            Ok(event) => self.record(endpoint_id, &id, event, shared),
            Err(error) => {
                let schema = &self.context.config.schema;
                Err(malformed::violations(error, value.as_ref(), schema))
            }
        };
        match record {
            Ok(_) if sent_key.is_none() && self.window.contains(&key) => {
                planned(event_type, Fate::Duplicate)
            }
            Ok(record) => {
                plan.records.push(record);
                plan.record_keys.push(key);
                planned(event_type, Fate::Record)
            }
            Err(violations) => {
                // The letter has the members that Pinpoint's API does not have, too: they may be the
                // mistake that someone looks for.
                let refused = Refused::Event {
                    id: &sent.id,
                    sent: Sent::of(value.as_ref(), sent.bytes),
                };
                let letter = self.dead_letter(endpoint_id, refused, &violations, plan);
                plan.dead_letters.push(letter);
                PlannedEvent {
                    rule: violations.first().map(|violation| violation.rule),
                    ..planned(event_type, Fate::DeadLetter(Message::of(violations)))
                }
            }
        }
    }

    /// Which type an event says it is of.
    fn event_type(
        &self,
        event: &Result<Event<'_>, DecodeError>,
        sent: Option<&Value<'_>>,
    ) -> TypeId {
        let name = match event {
            Ok(event) => Some(event.event_type.as_ref()),
            Err(_) => sent.and_then(|sent| sent.get("EventType")?.as_str()),
        };
        name.map_or(TypeId::OTHER, |name| {
            TypeId::of(name, &self.context.config.schema)
        })
    }

    /// The record of an event that keeps to its schema. What the schema marks as personal
    /// data is hashed, masked or taken out.
    fn record<'r>(
        &self,
        endpoint_id: &'r str,
        event_id: &str,
        event: &Event<'_>,
        shared: &Shared<'_>,
    ) -> Result<Record<'r>, Vec<Violation>> {
        let config = self.context.config;
        if !self.context.caller.sender.may_send(&event.event_type) {
            return Err(vec![Violation {
                path: "EventType".to_owned(),
                rule: "key",
                expected: "an event type that this key may send".to_owned(),
                actual: "another one".to_owned(),
            }]);
        }
        let schema = config.schema.validate(event, Stage::Recorded)?;
        let mut event = Cow::Borrowed(event);
        if schema.marks_personal_data() {
            schema.protect(event.to_mut(), config.pii_salt.as_ref());
        }
        let record = self.maker.record(shared, event_id, &event);
        let times = implausible_times(&record);
        if !times.is_empty() {
            return Err(times);
        }
        let record = Record {
            data: shared.encode(&record),
            partition_key: self.context.config.partition_keys.of(endpoint_id),
        };
        let max_bytes = config.sinks.max_record_bytes();
        if record.byte_len() > max_bytes {
            return Err(vec![Violation {
                path: String::new(),
                rule: "wire",
                expected: format!(
                    "an event and endpoint that fit into a record of {max_bytes} bytes"
                ),
                actual: format!("{} bytes", record.byte_len()),
            }]);
        }
        Ok(record)
    }

    fn dead_letter<'r>(
        &self,
        endpoint_id: &'r str,
        refused: Refused<'_>,
        violations: &[Violation],
        plan: &Plan<'_>,
    ) -> Record<'r> {
        let letter = DeadLetter {
            number: plan.dead_letters.len(),
            client_id: endpoint_id,
            violations,
            refused,
        };
        Record {
            data: letter.encode(self.context),
            partition_key: self.context.config.partition_keys.of(endpoint_id),
        }
    }
}

/// What is wrong with the times of a record, in the words of the event that it is of.
fn implausible_times(record: &event_stream::Record<'_>) -> Vec<Violation> {
    let session = record.session.as_ref();
    let start = session.and_then(|session| session.start_timestamp);
    let start = start.map(|start| ("Session.StartTimestamp", start));
    let stop = session.and_then(|session| session.stop_timestamp);
    let stop = stop.map(|stop| ("Session.StopTimestamp", stop));
    let arrival = record.arrival_timestamp;
    let event = plausible::event_time("Timestamp", record.event_timestamp, arrival);
    let of_session = [start, stop].into_iter().flatten();
    let of_session = of_session.filter_map(|(path, time)| plausible::session_time(path, time));
    event.into_iter().chain(of_session).collect()
}

impl Message {
    /// What is said of violations: all of them, unless they are very many.
    fn of(mut reasons: Vec<Violation>) -> Message {
        const MAX_NAMED: usize = 10;
        let more = reasons.len().saturating_sub(MAX_NAMED);
        reasons.truncate(MAX_NAMED);
        let mut text = String::with_capacity(64 * reasons.len());
        for reason in &reasons {
            if !text.is_empty() {
                text.push_str("; ");
            }
            if !reason.path.is_empty() {
                text.push_str(&reason.path);
                text.push_str(": ");
            }
            text.push_str("expected ");
            text.push_str(&reason.expected);
            text.push_str(", got ");
            text.push_str(&reason.actual);
        }
        if more > 0 {
            text.push_str(&format!("; and {more} more"));
        }
        Message { text, reasons }
    }
}

impl<'r> Plan<'r> {
    /// Plans a request. `window` holds what was accepted lately.
    pub fn new(
        request: &'r Request<'_>,
        context: &Context<'_>,
        window: &DeduplicationWindow,
    ) -> Plan<'r> {
        let Context { app, caller, .. } = context;
        let planner = Planner {
            context,
            maker: RecordMaker::new(context),
            window,
            sender: window.sender(&app.app_id, &caller.sender.id()),
        };
        planner.plan(request)
    }

    /// Adds, behind all others, an event that is none: it has a dead letter and a batch of its own.
    pub fn refuse(
        &mut self,
        endpoint_id: &'r str,
        event_id: &'r str,
        error: &DecodeError,
        sent: Sent<'_>,
        context: &Context<'_>,
    ) {
        let violations = vec![malformed::wire(error)];
        let letter = DeadLetter {
            number: self.dead_letters.len(),
            client_id: endpoint_id,
            violations: &violations,
            refused: Refused::Event { id: event_id, sent },
        };
        self.dead_letters.push(Record {
            data: letter.encode(context),
            partition_key: context.config.partition_keys.of(endpoint_id),
        });
        let event_type = sent.event_type();
        let event_type = event_type.map_or(TypeId::OTHER, |name| {
            TypeId::of(name, &context.config.schema)
        });
        self.batches.push(PlannedBatch {
            endpoint_id,
            endpoint: Fate::Record,
            events: vec![PlannedEvent {
                id: event_id,
                event_type,
                rule: violations.first().map(|violation| violation.rule),
                fate: Fate::DeadLetter(Message::of(violations)),
            }],
        });
    }

    /// Why the first event of a batch is refused; empty where it is not.
    pub fn reasons(&self, batch: usize) -> &[Violation] {
        let first = self
            .batches
            .get(batch)
            .and_then(|batch| batch.events.first());
        match first.map(|event| &event.fate) {
            Some(Fate::DeadLetter(message)) => &message.reasons,
            _ => &[],
        }
    }

    /// Adds to the window the events that the sink has acknowledged, and none of the others: they
    /// are to be sent again, and written then.
    pub fn remember(&self, records: &[Outcome], window: &mut DeduplicationWindow) {
        for (key, outcome) in self.record_keys.iter().zip(records) {
            if *outcome == Outcome::Accepted {
                window.insert(*key);
            }
        }
    }
}
