//! PutEvents: every event becomes a record, a dead letter, or an answer that asks the client to send it
//! again. An event is answered 202 only when its sinks, or the queue in front of them, have it, from this
//! request or from an earlier one.

use std::cell::RefCell;
use std::collections::HashSet;

use forebay_core::event::Text;
use forebay_core::wire::put_events::{BatchResponse, ItemResponse, Request, Response};
use forebay_core::wire::update_endpoint::MAX_BODY_BYTES as MAX_ENDPOINT_BYTES;

use crate::budget::Share;
use crate::delivery::routing::Deliveries;
use crate::delivery::{Delivery, Outcome, SinkError, SinkId};
use crate::http::errors::RequestError;
use crate::http::message::Answer;
use crate::metrics::tally::{EventOutcome, Reason, Tally};
use crate::pipeline::Context;
use crate::pipeline::deduplication::DeduplicationWindow;
use crate::pipeline::plan::{Fate, Plan};
use crate::platform::Platform;

/// What became of a request's events.
pub struct Answered {
    /// An answer for each event.
    pub answer: Answer,
    /// For the log.
    pub carried: Carried,
}

/// What carrying out a plan has come to.
#[derive(Default)]
pub struct Carried {
    /// What became of the events.
    pub tally: Tally,
    /// Requests to sinks, those sent again included.
    pub sink_requests: u32,
    /// The last error of a sink, where there was one.
    pub sink_error: Option<SinkError>,
    /// The sink that it is of.
    pub sink: Option<SinkId>,
    /// How long the sinks were waited for, in milliseconds.
    pub sinks_ms: i64,
}

impl Carried {
    /// Adds up two deliveries, which took so long together.
    pub fn new(tally: Tally, events: Delivery, dead_letters: Delivery, sinks_ms: i64) -> Carried {
        Carried {
            tally,
            sink_requests: events.requests + dead_letters.requests,
            sink: events.sink.or(dead_letters.sink),
            sink_error: events.error.or(dead_letters.error),
            sinks_ms,
        }
    }
}

/// Reads a request. Every event has its endpoint in its record: `share` grows by these copies
/// before any is made. `body_bytes` is what the share has for the body.
///
/// # Errors
/// [`RequestError::BadRequest`] where the body as a whole is not of PutEvents' form, and
/// [`RequestError::Busy`] where there is no memory for its records.
pub fn decode<'a>(
    body: &'a [u8],
    share: &Share<'_>,
    body_bytes: usize,
) -> Result<Request<'a>, RequestError> {
    let request = Request::decode(body)?;
    let (mut events, mut copies) = (0, 0);
    for batch in &request.batches {
        events += batch.events.len();
        copies += batch.events.len() * batch.endpoint.bytes.len().min(MAX_ENDPOINT_BYTES);
    }
    share.work_on(body_bytes, events, copies)?;
    Ok(request)
}

/// Answers a request.
pub async fn answer(
    context: &Context<'_>,
    request: &Request<'_>,
    window: &RefCell<DeduplicationWindow>,
    platform: &impl Platform,
) -> Answered {
    let plan = Plan::new(request, context, &window.borrow());
    let (response, carried) = carry_out(&plan, context, window, platform).await;
    Answered {
        answer: Answer::json(202, response.encode()),
        carried,
    }
}

/// Delivers what a plan holds, and adds to the window what the sink has acknowledged of it. Two
/// requests in flight with the same event both write it: whether the first will be acknowledged is not known
/// yet.
pub async fn carry_out<'p>(
    plan: &'p Plan<'_>,
    context: &Context<'_>,
    window: &RefCell<DeduplicationWindow>,
    platform: &impl Platform,
) -> (Response<'p>, Carried) {
    let sinks = &context.config.sinks;
    let started = platform.now();
    let delivered = sinks
        .deliver(&plan.records, &plan.dead_letters, platform)
        .await;
    let sinks_ms = platform.now().0 - started.0;
    plan.remember(&delivered.events.outcomes, &mut window.borrow_mut());
    let (response, tally) = respond(plan, &delivered);
    let Deliveries {
        events,
        filtered: _,
        dead_letters,
    } = delivered;
    (
        response,
        Carried::new(tally, events, dead_letters, sinks_ms),
    )
}

/// The response, once the sinks have answered for each record and dead letter.
fn respond<'a>(plan: &'a Plan<'_>, delivered: &Deliveries) -> (Response<'a>, Tally) {
    let mut records = delivered.events.outcomes.iter().enumerate();
    let mut dead_letters = delivered.dead_letters.outcomes.iter();
    let mut tally = Tally::default();
    let mut results = Vec::with_capacity(plan.batches.len());
    for batch in &plan.batches {
        let endpoint = match &batch.endpoint {
            Fate::DeadLetter(_) => dead_letters.next().copied(),
            Fate::Record | Fate::Duplicate => Some(Outcome::Accepted),
        };
        let endpoint = item_response(&batch.endpoint, endpoint.unwrap_or(Outcome::Failed));
        tally.add_endpoint(EventOutcome::of_status(endpoint.status_code));
        tally.received += batch.events.len();
        let mut events = Vec::with_capacity(batch.events.len());
        let mut answered = HashSet::new();
        for event in &batch.events {
            let mut is_filtered = false;
            let (outcome, sink) = match &event.fate {
                Fate::Record => {
                    let record = records.next();
                    is_filtered =
                        record.is_some_and(|(at, _)| delivered.filtered.binary_search(&at).is_ok());
                    (record.map(|(_, outcome)| *outcome), delivered.events.sink)
                }
                Fate::Duplicate => (Some(Outcome::Accepted), None),
                Fate::DeadLetter(_) => (dead_letters.next().copied(), delivered.dead_letters.sink),
            };
            let item = item_response(&event.fate, outcome.unwrap_or(Outcome::Failed));
            let outcome = match &event.fate {
                Fate::Duplicate => EventOutcome::Duplicate,
                Fate::Record if is_filtered => EventOutcome::Filtered,
                _ => EventOutcome::of_status(item.status_code),
            };
            let reason = match outcome {
                EventOutcome::Invalid => event.rule.map_or(Reason::None, Reason::Rule),
                EventOutcome::Throttled | EventOutcome::Failed => {
                    sink.map_or(Reason::None, Reason::Sink)
                }
                _ => Reason::None,
            };
            tally.add(event.event_type, outcome, reason);
            // Events that share an id share its answer: all of them are refused.
            if answered.insert(event.id) {
                events.push((Text::from(event.id), item));
            }
        }
        let endpoint_id = Text::from(batch.endpoint_id);
        results.push((endpoint_id, BatchResponse { endpoint, events }));
    }
    (Response { results }, tally)
}

/// The answer to an event or an endpoint. 400 is said only once its dead letter is kept.
fn item_response(fate: &Fate, outcome: Outcome) -> ItemResponse<'_> {
    let (status_code, message) = match (outcome, fate) {
        (Outcome::Accepted, Fate::Record | Fate::Duplicate) => (202, "Accepted"),
        (Outcome::Accepted, Fate::DeadLetter(message)) => (400, message.text.as_str()),
        (Outcome::Throttled, _) => (429, "The stream is busy. Send the event again later."),
        (Outcome::Failed, _) => (500, "The event could not be stored. Send it again."),
    };
    ItemResponse {
        status_code,
        message: message.into(),
    }
}
