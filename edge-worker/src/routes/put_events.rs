//! PutEvents: every event becomes a record, a dead letter, or an answer that has it sent again. 202 is
//! said of an event only when its sink has it, from this request or, where the event was sent before,
//! from an earlier one.

use std::cell::RefCell;
use std::collections::HashSet;

use forebay_core::event::Text;
use forebay_core::wire::put_events::{BatchResponse, ItemResponse, Request, Response};
use forebay_core::wire::update_endpoint::MAX_BODY_BYTES as MAX_ENDPOINT_BYTES;

use crate::budget::Share;
use crate::delivery::routing::Deliveries;
use crate::delivery::{Outcome, SinkError};
use crate::http::errors::RequestError;
use crate::http::message::Answer;
use crate::log::Counts;
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
    /// How many events there were of each kind.
    pub counts: Counts,
    /// Requests to sinks, those sent again included.
    pub sink_requests: u32,
    /// The last error of a sink, where there was one.
    pub sink_error: Option<SinkError>,
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

/// Delivers what a plan holds, and adds to the window what the sink has acknowledged of it. Of two
/// requests with the same event that are under way at once, both write it: whether the first will be
/// acknowledged is not known yet.
pub async fn carry_out<'p>(
    plan: &'p Plan<'_>,
    context: &Context<'_>,
    window: &RefCell<DeduplicationWindow>,
    platform: &impl Platform,
) -> (Response<'p>, Carried) {
    let sinks = &context.config.sinks;
    let delivered = sinks
        .deliver(&plan.records, &plan.dead_letters, platform)
        .await;
    plan.remember(&delivered.events.outcomes, &mut window.borrow_mut());
    let (response, counts) = respond(plan, &delivered);
    let Deliveries {
        events,
        filtered: _,
        dead_letters,
    } = delivered;
    let carried = Carried {
        counts,
        sink_requests: events.requests + dead_letters.requests,
        sink_error: events.error.or(dead_letters.error),
    };
    (response, carried)
}

/// The response, once the sinks have answered for each record and dead letter.
fn respond<'a>(plan: &'a Plan<'_>, delivered: &Deliveries) -> (Response<'a>, Counts) {
    let mut records = delivered.events.outcomes.iter();
    let mut dead_letters = delivered.dead_letters.outcomes.iter();
    let mut counts = Counts::default();
    let mut results = Vec::with_capacity(plan.batches.len());
    for batch in &plan.batches {
        let endpoint = match &batch.endpoint {
            Fate::DeadLetter(_) => dead_letters.next().copied(),
            Fate::Record | Fate::Duplicate => Some(Outcome::Accepted),
        };
        let endpoint = item_response(&batch.endpoint, endpoint.unwrap_or(Outcome::Failed));
        counts.invalid_endpoints += usize::from(endpoint.status_code == 400);
        let mut events = Vec::with_capacity(batch.events.len());
        let mut answered = HashSet::new();
        for (event_id, fate) in &batch.events {
            let outcome = match fate {
                Fate::Record => records.next().copied(),
                Fate::Duplicate => Some(Outcome::Accepted),
                Fate::DeadLetter(_) => dead_letters.next().copied(),
            };
            let item = item_response(fate, outcome.unwrap_or(Outcome::Failed));
            match fate {
                Fate::Duplicate => counts.duplicate += 1,
                _ => counts.add(item.status_code),
            }
            // Events that share an id share its answer: all of them are refused.
            if answered.insert(*event_id) {
                events.push((Text::from(*event_id), item));
            }
        }
        let endpoint_id = Text::from(batch.endpoint_id);
        results.push((endpoint_id, BatchResponse { endpoint, events }));
    }
    counts.accepted = counts.accepted.saturating_sub(delivered.filtered);
    counts.filtered = delivered.filtered;
    (Response { results }, counts)
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
