//! `POST /v1/events`: plain JSON of servers and `curl`, with an answer for each event in their order.
//! What becomes of an event is decided where it is for PutEvents.

use std::cell::RefCell;

use forebay_core::json::Writer;
use forebay_core::schema::Violation;
use forebay_core::wire::plain::Body;
use forebay_core::wire::put_events::{ItemResponse, Request, Response};

use super::put_events::{Answered, carry_out};
use crate::budget::Share;
use crate::config::{App, Config};
use crate::http::errors::RequestError;
use crate::http::message::{Answer, Head};
use crate::identity::authenticate::{Caller, Sender};
use crate::identity::server_key;
use crate::pipeline::Context;
use crate::pipeline::deduplication::DeduplicationWindow;
use crate::pipeline::plain::{PlainEvents, Prepared, State, endpoint_of_sender};
use crate::pipeline::plan::Plan;
use crate::platform::Platform;

/// The server that shows a bearer key; `None` where the request shows none, and is signed or nothing.
///
/// # Errors
/// [`RequestError::Unauthorized`] where it is no key of the configuration.
pub fn bearer<'a>(head: &Head, config: &'a Config) -> Result<Option<Caller<'a>>, RequestError> {
    const SCHEME: &str = "bearer ";
    let Some(authorization) = head.header("authorization") else {
        return match head.query.contains("X-Amz-Signature=") {
            true => Ok(None),
            false => Err(RequestError::Unauthorized),
        };
    };
    let is_bearer = |scheme: &str| scheme.eq_ignore_ascii_case(SCHEME);
    if !authorization.get(..SCHEME.len()).is_some_and(is_bearer) {
        return Ok(None);
    }
    let shown = authorization.get(SCHEME.len()..).unwrap_or_default().trim();
    let key = server_key::of_bearer(&config.server_keys, shown);
    Ok(Some(Caller {
        sender: Sender::Server(key.ok_or(RequestError::Unauthorized)?),
        // It says nothing of the sender's clock.
        signed: head.arrival,
        access_key_id: String::new(),
    }))
}

/// The application that a request is for: `?app=` names it, unless there is only one that it can be.
///
/// # Errors
/// What to do, where it does not say which, or is not for that one.
pub fn app<'a>(
    head: &Head,
    sender: &Sender<'_>,
    config: &'a Config,
) -> Result<&'a App, RequestError> {
    let named = head
        .query
        .split('&')
        .find_map(|parameter| parameter.strip_prefix("app="));
    let Some(app_id) = named else {
        let mut apps = config.apps.iter().filter(|app| sender.is_for(&app.app_id));
        return match (apps.next(), apps.next()) {
            (Some(app), None) => Ok(app),
            _ => {
                let advice = "Say which application: POST /v1/events?app=<app id>.";
                Err(RequestError::BadRequest(advice.to_owned()))
            }
        };
    };
    let app = config.app(app_id).ok_or(RequestError::UnknownApp)?;
    if sender.is_for(app_id) {
        Ok(app)
    } else {
        Err(RequestError::Forbidden("send to this application"))
    }
}

/// Answers a request. `share` grows by the copies that events get of what they share before any is
/// made; `body_bytes` is what it has for the body.
///
/// # Errors
/// [`RequestError::BadRequest`] where the body as a whole cannot be read, and [`RequestError::Busy`]
/// where there is no memory for its records.
pub async fn answer(
    context: &Context<'_>,
    body: &[u8],
    (share, body_bytes): (&Share<'_>, usize),
    window: &RefCell<DeduplicationWindow>,
    platform: &impl Platform,
) -> Result<Answered, RequestError> {
    let content_type = context.head.header("content-type").unwrap_or_default();
    let is_ndjson = ["ndjson", "jsonl", "json-seq"]
        .iter()
        .any(|name| content_type.contains(name));
    let body = Body::read(body, is_ndjson)?;
    let events = body.events.len();
    share.work_on(body_bytes, events, events * body.shared_bytes)?;
    let plain = PlainEvents::prepare(&body, context, platform);
    let plain = plain.map_err(|_| RequestError::Internal)?;
    let mut request = Request {
        batches: Vec::with_capacity(plain.requests.len()),
    };
    for body in &plain.requests {
        request
            .batches
            .extend(Request::decode(body.as_bytes())?.batches);
    }
    let endpoint_id = endpoint_of_sender(context);
    let mut plan = Plan::new(&request, context, &window.borrow());
    for event in &plain.events {
        if let State::Malformed { error, sent } = &event.state {
            plan.refuse(&endpoint_id, &event.event_id, error, *sent, context);
        }
    }
    let (response, carried) = carry_out(&plan, context, window, platform).await;
    Ok(Answered {
        answer: respond(&plain.events, &plan, &response),
        carried,
    })
}

/// The answer: each event's, in the order of the body. The status is that of all events, or 207 where
/// they differ.
fn respond(events: &[Prepared<'_>], plan: &Plan<'_>, response: &Response<'_>) -> Answer {
    // Every batch has one event; those of the refused come last.
    let mut refused = events
        .iter()
        .filter(|event| matches!(event.state, State::Ready(_)))
        .count();
    let mut places: Vec<usize> = Vec::with_capacity(events.len());
    for event in events {
        let place = match event.state {
            State::Ready(place) => place,
            State::SameAs(first) => places.get(first).copied().unwrap_or(usize::MAX),
            State::Malformed { .. } => {
                refused += 1;
                refused - 1
            }
        };
        places.push(place);
    }
    let mut statuses = Vec::with_capacity(events.len());
    let mut writer = Writer::new();
    writer.begin_object().name("results").begin_array();
    for (event, place) in events.iter().zip(places) {
        let lost = ItemResponse {
            status_code: 500,
            message: "The event could not be stored. Send it again.".into(),
        };
        let result = response.results.get(place).map(|(_, result)| result);
        let item = result
            .and_then(|result| result.events.first())
            .map_or(&lost, |(_, item)| item);
        writer.begin_object();
        if let Some(id) = &event.id {
            writer.name("id").string(id);
        }
        writer.name("event_id").string(&event.event_id);
        writer.name("status").integer(i64::from(item.status_code));
        writer.name("message").string(&item.message);
        if item.status_code == 400 {
            // In the words of dead letters.
            writer.name("reasons").begin_array();
            for Violation {
                path,
                rule,
                expected,
                actual,
            } in plan.reasons(place)
            {
                writer.begin_object().name("path").string(path);
                writer.name("rule").string(rule);
                writer.name("expected").string(expected);
                writer.name("actual").string(actual).end_object();
            }
            writer.end_array();
        }
        if let Some(endpoint) = result.map(|result| &result.endpoint)
            && endpoint.status_code != 202
        {
            writer.name("left_out").string(&endpoint.message);
        }
        writer.end_object();
        statuses.push(item.status_code);
    }
    writer.end_array().end_object();
    let first = statuses.first().copied().unwrap_or(500);
    let is_one = statuses.iter().all(|status| *status == first);
    let answer = Answer::json(if is_one { first } else { 207 }, writer.finish());
    match statuses.iter().any(|status| matches!(status, 429 | 500)) {
        true => answer.with_retry_after(RETRY_SECONDS),
        false => answer,
    }
}

/// When what the sinks did not take is worth another try.
const RETRY_SECONDS: u32 = 1;
