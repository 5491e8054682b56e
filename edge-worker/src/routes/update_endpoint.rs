//! UpdateEndpoint: the endpoint becomes a record of the stream; there is no other store of endpoints. The
//! worker answers 202 only once the sinks, or the queue in front of them, have the record.

use forebay_core::event::Event;
use forebay_core::wire::put_events::MAX_ID_CHARS;
use forebay_core::wire::update_endpoint::{self, EVENT_TYPE};

use super::put_events::{Answered, Carried};
use crate::delivery::{Outcome, Record};
use crate::http::errors::{RequestError, message_body};
use crate::http::message::Answer;
use crate::http::percent::decoded;
use crate::metrics::tally::{EventOutcome, Reason, Tally, TypeId};
use crate::pipeline::Context;
use crate::pipeline::record::RecordMaker;
use crate::platform::Platform;

/// Answers a request; `endpoint_id` is as it stands in the path. The event's id is the request's: two
/// updates that say the same are two, since another one may lie between them. Its time is that of the
/// arrival; the sender's is `EffectiveDate`.
///
/// # Errors
/// [`RequestError::BadRequest`] where the body is not of the operation's form, or the id is none.
pub async fn answer(
    context: &Context<'_>,
    endpoint_id: &str,
    body: &[u8],
    platform: &impl Platform,
) -> Result<Answered, RequestError> {
    let is_id = |id: &String| (1..=MAX_ID_CHARS).contains(&id.chars().count());
    let endpoint_id = decoded(endpoint_id).filter(is_id).ok_or_else(|| {
        let problem = "The endpoint id in the path has to have 1 to 256 characters, in UTF-8.";
        RequestError::BadRequest(problem.to_owned())
    })?;
    let endpoint = update_endpoint::decode(body)?;
    let head = context.head;
    let maker = RecordMaker::new(context);
    let event = Event::new(EVENT_TYPE, head.arrival);
    let shared = maker.batch(&endpoint_id, &endpoint);
    let mut record = maker.record(&shared, &head.request_id, &event);
    record.event_timestamp = head.arrival;
    if let Some(forebay) = &mut record.forebay {
        forebay.original_event_timestamp = None;
    }
    let records = [Record {
        data: shared.encode(&record),
        partition_key: context.config.partition_keys.of(&endpoint_id),
    }];
    let started = platform.now();
    let delivered = context.config.sinks.deliver(&records, &[], platform).await;
    let sinks_ms = platform.now().0 - started.0;
    let delivery = delivered.events;
    let outcome = delivery.outcomes.first();
    let answer = match outcome.copied().unwrap_or(Outcome::Failed) {
        Outcome::Accepted => Answer::json(202, message_body("Accepted", &head.request_id)),
        Outcome::Throttled => RequestError::StreamBusy.answer(&head.request_id),
        Outcome::Failed => RequestError::NotStored.answer(&head.request_id),
    };
    let outcome = match delivered.filtered.is_empty() {
        true => EventOutcome::of_status(answer.status),
        false => EventOutcome::Filtered,
    };
    let mut tally = Tally {
        received: 1,
        ..Tally::default()
    };
    let reason = delivery.sink.filter(|_| answer.status != 202);
    let reason = reason.map_or(Reason::None, Reason::Sink);
    tally.add(TypeId::ENDPOINT_UPDATE, outcome, reason);
    Ok(Answered {
        answer,
        carried: Carried::new(tally, delivery, delivered.dead_letters, sinks_ms),
    })
}
