//! PutEvents: every event becomes a record in the stream, a dead letter, or an answer that has it
//! sent again. 202 is said of an event only when the stream has it, from this request or, where the
//! event was sent before, from an earlier one.

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};

use forebay_core::event::{Endpoint, Event, Text};
use forebay_core::json::{Limits, Value};
use forebay_core::schema::{Stage, Violation};
use forebay_core::wire::put_events::{BatchResponse, ItemResponse, Malformed, Request, Response};
use futures_util::future::join;

use crate::delivery::sinks::kinesis::{self, KinesisError, MAX_RECORD_BYTES, Outcome, Record};
use crate::http::errors::RequestError;
use crate::http::message::Answer;
use crate::log::Counts;
use crate::pipeline::dead_letter::DeadLetter;
use crate::pipeline::deduplication::{DeduplicationWindow, EventKey};
use crate::pipeline::malformed;
use crate::pipeline::record::{Context, RecordMaker};
use crate::platform::Platform;

/// What became of a request's events.
pub struct Answered {
    /// An answer for each event.
    pub answer: Answer,
    /// How many there were of each kind.
    pub counts: Counts,
    /// Requests to Kinesis, those sent again included.
    pub kinesis_requests: u32,
    /// The last error of Kinesis, where there was one.
    pub kinesis_error: Option<KinesisError>,
}

/// Answers a request, and adds to the window what the stream has acknowledged of it. Of two requests
/// with the same event that are under way at once, both write it: whether the first will be
/// acknowledged is not known yet.
///
/// # Errors
/// [`RequestError::BadRequest`] where the body as a whole is not of PutEvents' form.
pub async fn answer(
    context: &Context<'_>,
    body: &[u8],
    window: &RefCell<DeduplicationWindow>,
    platform: &impl Platform,
) -> Result<Answered, RequestError> {
    let request = Request::decode(body)?;
    let plan = Planner::new(context, body).plan(&request, &window.borrow());
    let kinesis = &context.config.kinesis;
    let (records, dead_letters) = join(
        kinesis::put_records(platform, kinesis, &kinesis.stream, &plan.records),
        kinesis::put_records(
            platform,
            kinesis,
            &kinesis.dead_letter_stream,
            &plan.dead_letters,
        ),
    )
    .await;
    plan.remember(&records.outcomes, &mut window.borrow_mut());
    let (response, counts) = plan.respond(&records.outcomes, &dead_letters.outcomes);
    Ok(Answered {
        answer: Answer::json(202, response.encode()),
        counts,
        kinesis_requests: records.requests + dead_letters.requests,
        kinesis_error: records.error.or(dead_letters.error),
    })
}

/// Where an event goes.
enum Fate {
    /// To the stream.
    Record,
    /// Nowhere: the stream has it.
    Duplicate,
    /// To the dead letters; answered with this message.
    DeadLetter(String),
}

/// What is to be written, and what to answer once it is. Records and dead letters stand in the
/// order of the events they are of.
#[derive(Default)]
struct Plan<'a> {
    /// Endpoint id -> event id -> fate.
    batches: Vec<(&'a str, Vec<(&'a str, Fate)>)>,
    records: Vec<Record<'a>>,
    /// One for each record; `None` where its event cannot be told by its id.
    record_keys: Vec<Option<EventKey>>,
    dead_letters: Vec<Record<'a>>,
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
        let sender = window.sender(&app.app_id, &caller.session.identity_id);
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

impl Plan<'_> {
    /// Adds to the window the events that the stream has acknowledged, and none of the others: they
    /// are to be sent again, and written then.
    fn remember(&self, records: &[Outcome], window: &mut DeduplicationWindow) {
        for (key, outcome) in self.record_keys.iter().zip(records) {
            if let (Some(key), Outcome::Stored) = (key, outcome) {
                window.insert(*key);
            }
        }
    }

    /// The response, once the streams have answered for each record and dead letter.
    fn respond(&self, records: &[Outcome], dead_letters: &[Outcome]) -> (Response<'_>, Counts) {
        let (mut records, mut dead_letters) = (records.iter(), dead_letters.iter());
        let mut counts = Counts::default();
        let mut results = Vec::with_capacity(self.batches.len());
        for (client_id, fates) in &self.batches {
            let mut events = Vec::with_capacity(fates.len());
            for (event_id, fate) in fates {
                let outcome = match fate {
                    Fate::Record => records.next(),
                    Fate::Duplicate => Some(&Outcome::Stored),
                    Fate::DeadLetter(_) => dead_letters.next(),
                };
                let item = item_response(fate, outcome.copied().unwrap_or(Outcome::Failed));
                match fate {
                    Fate::Duplicate => counts.duplicate += 1,
                    _ => counts.add(item.status_code),
                }
                events.push((Text::from(*event_id), item));
            }
            let endpoint = ItemResponse {
                status_code: 202,
                message: "Accepted".into(),
            };
            results.push((Text::from(*client_id), BatchResponse { endpoint, events }));
        }
        (Response { results }, counts)
    }
}

/// An event's answer. 400 is said only once its dead letter is kept.
fn item_response(fate: &Fate, outcome: Outcome) -> ItemResponse<'_> {
    let (status_code, message) = match (outcome, fate) {
        (Outcome::Stored, Fate::Record | Fate::Duplicate) => (202, "Accepted"),
        (Outcome::Stored, Fate::DeadLetter(message)) => (400, message.as_str()),
        (Outcome::Throttled, _) => (429, "The stream is busy. Send the event again later."),
        (Outcome::Failed, _) => (500, "The event could not be stored. Send it again."),
    };
    ItemResponse {
        status_code,
        message: message.into(),
    }
}
