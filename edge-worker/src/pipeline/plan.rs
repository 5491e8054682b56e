//! What becomes of each event of a request, before anything is written: a record, a dead letter, or
//! nothing, where the event was accepted before. No IO: the answers follow from the plan and from
//! what became of its records.

use std::borrow::Cow;
use std::cell::OnceCell;

use forebay_core::event::{Endpoint, Event};
use forebay_core::json::{Limits, Value};
use forebay_core::schema::{Stage, Violation};
use forebay_core::wire::put_events::{Malformed, Request};

use super::Context;
use super::dead_letter::DeadLetter;
use super::deduplication::{DeduplicationWindow, EventKey};
use super::malformed;
use super::record::RecordMaker;
use crate::delivery::{MAX_RECORD_BYTES, Outcome, Record};

/// Where an event goes.
pub enum Fate {
    /// To the sink of events.
    Record,
    /// Nowhere: the sink has it from an earlier request.
    Duplicate,
    /// To the dead letters; answered with this message.
    DeadLetter(String),
}

/// What is to be written, and what to answer once it is. Records and dead letters stand in the
/// order of the events they are of.
#[derive(Default)]
pub struct Plan<'a> {
    /// Endpoint id -> event id -> fate.
    pub batches: Vec<(&'a str, Vec<(&'a str, Fate)>)>,
    pub records: Vec<Record<'a>>,
    /// One for each record; `None` where its event cannot be told by its id.
    record_keys: Vec<Option<EventKey>>,
    pub dead_letters: Vec<Record<'a>>,
}

struct Planner<'a> {
    context: &'a Context<'a>,
    maker: RecordMaker<'a>,
    body: &'a [u8],
    /// The body, read once more if an event must be kept as it was sent.
    sent: OnceCell<Value<'a>>,
}

impl<'a> Planner<'a> {
    fn new(context: &'a Context<'a>, body: &'a [u8]) -> Planner<'a> {
        Planner {
            context,
            maker: RecordMaker::new(context),
            body,
            sent: OnceCell::new(),
        }
    }

    fn plan<'r>(&self, request: &'r Request<'_>, window: &DeduplicationWindow) -> Plan<'r> {
        let Context { app, caller, .. } = self.context;
        let sender = window.sender(&app.app_id, &caller.sender.id());
        let mut plan = Plan::default();
        for (client_id, batch) in &request.batches {
            let mut fates = Vec::with_capacity(batch.events.len());
            for (event_id, event) in &batch.events {
                let key = sender.event(event_id);
                if key.is_some_and(|key| window.contains(&key)) {
                    fates.push((event_id.as_ref(), Fate::Duplicate));
                    continue;
                }
                let fate = match self.record(client_id, event_id, event, &batch.endpoint) {
                    Ok(record) => {
                        plan.records.push(record);
                        plan.record_keys.push(key);
                        Fate::Record
                    }
                    Err(violations) => {
                        let letter = self.dead_letter(client_id, event_id, event, &violations);
                        plan.dead_letters.push(letter);
                        Fate::DeadLetter(message(&violations))
                    }
                };
                fates.push((event_id.as_ref(), fate));
            }
            plan.batches.push((client_id.as_ref(), fates));
        }
        plan
    }

    /// The record of an event that is one and keeps to its schema. What the schema marks as personal
    /// data is hashed, masked or taken out.
    fn record<'r>(
        &self,
        client_id: &'r str,
        event_id: &str,
        event: &Result<Event<'_>, Malformed<'_>>,
        endpoint: &Endpoint<'_>,
    ) -> Result<Record<'r>, Vec<Violation>> {
        let config = self.context.config;
        let event = event
            .as_ref()
            .map_err(|malformed| malformed::violations(malformed, &config.schema))?;
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
        let record = Record {
            data: self
                .maker
                .record(client_id, event_id, &event, endpoint)
                .encode(),
            partition_key: client_id,
        };
        if record.byte_len() > MAX_RECORD_BYTES {
            return Err(vec![Violation {
                path: String::new(),
                rule: "wire",
                expected: "an event and endpoint that fit into a record of 1 MiB".to_owned(),
                actual: format!("{} bytes", record.byte_len()),
            }]);
        }
        Ok(record)
    }

    fn dead_letter<'r>(
        &self,
        client_id: &'r str,
        event_id: &str,
        event: &Result<Event<'_>, Malformed<'_>>,
        violations: &[Violation],
    ) -> Record<'r> {
        let letter = DeadLetter {
            event_id,
            client_id,
            violations,
            sent: match event {
                Err(malformed) => &malformed.sent,
                Ok(_) => self.sent(client_id, event_id),
            },
        };
        Record {
            data: letter.encode(self.context),
            partition_key: client_id,
        }
    }

    /// An event as it was sent. What was decoded from it has lost the members that Pinpoint's API
    /// does not have, and they may be the mistake that someone looks for.
    fn sent(&self, client_id: &str, event_id: &str) -> &Value<'a> {
        const LIMITS: Limits = Limits {
            depth: 64,
            values: 128 * 1024,
        };
        let body = self
            .sent
            .get_or_init(|| Value::parse_repetitive(self.body, LIMITS).unwrap_or(Value::Null));
        ["BatchItem", client_id, "Events", event_id]
            .into_iter()
            .try_fold(body, |value, name| value.get(name))
            .unwrap_or(&Value::Null)
    }
}

/// What an event's answer says of its violations: all of them, unless they are very many.
fn message(violations: &[Violation]) -> String {
    const MAX_NAMED: usize = 10;
    let mut message = String::new();
    for violation in violations.iter().take(MAX_NAMED) {
        let Violation {
            path,
            expected,
            actual,
            ..
        } = violation;
        if !message.is_empty() {
            message.push_str("; ");
        }
        if !path.is_empty() {
            message.push_str(path);
            message.push_str(": ");
        }
        message.push_str(&format!("expected {expected}, got {actual}"));
    }
    if violations.len() > MAX_NAMED {
        message.push_str(&format!("; and {} more", violations.len() - MAX_NAMED));
    }
    message
}

impl<'r> Plan<'r> {
    /// Plans a request. `body` is what it was decoded from, and `window` holds what was accepted
    /// lately.
    pub fn new(
        request: &'r Request<'_>,
        body: &[u8],
        context: &Context<'_>,
        window: &DeduplicationWindow,
    ) -> Plan<'r> {
        Planner::new(context, body).plan(request, window)
    }

    /// Adds to the window the events that the sink has acknowledged, and none of the others: they
    /// are to be sent again, and written then.
    pub fn remember(&self, records: &[Outcome], window: &mut DeduplicationWindow) {
        for (key, outcome) in self.record_keys.iter().zip(records) {
            if let (Some(key), Outcome::Accepted) = (key, outcome) {
                window.insert(*key);
            }
        }
    }
}
