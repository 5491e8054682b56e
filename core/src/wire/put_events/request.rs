//! Decoding a request.

use alloc::string::String;

use super::{MAX_BODY_BYTES, MAX_EVENT_BYTES, MAX_EVENTS, MAX_ID_CHARS};
use crate::event::{Endpoint, Event, Map, Session};
use crate::json::{Limits, Number, Value, Writer};
use crate::wire::decode::{self, Node, message};
use crate::wire::{DecodeError, endpoint};

/// A decoded request: who sends, and what. An event that does not have the form of one is an `Err`
/// in its own place, so that its neighbours are unharmed. How many attributes and metrics an event
/// has, and how long their names and values are, is for
/// [`Schema::validate`](crate::schema::Schema::validate) to judge, as in the browser.
#[derive(Debug, PartialEq)]
pub struct Request<'a> {
    /// `BatchItem`: endpoint id -> batch.
    pub batches: Map<'a, Batch<'a>>,
}

/// `EventsBatch`: one endpoint and its events by event id.
#[derive(Debug, PartialEq)]
pub struct Batch<'a> {
    /// `Endpoint`
    pub endpoint: Endpoint<'a>,
    /// `Events`: event id -> event, or why it is not one together with what was sent.
    pub events: Map<'a, Result<Event<'a>, Malformed<'a>>>,
}

/// An event that could not be decoded.
#[derive(Debug, PartialEq)]
pub struct Malformed<'a> {
    /// Where in the event, e.g. `Attributes.plan`, and why.
    pub error: DecodeError,
    /// What was sent.
    pub sent: Value<'a>,
}

/// A hundred full events have about 6,000 values, and their endpoints some; an event whose
/// attributes are nested is to be refused by itself, so that depth leaves room for it.
const LIMITS: Limits = Limits {
    depth: 32,
    values: 64 * 1024,
};

impl<'a> Request<'a> {
    /// Decodes a request body. What one event has wrong is in its own place; the rest is the error.
    ///
    /// # Errors
    /// [`DecodeError`] where the whole request is not of PutEvents' form: not JSON, nested or sized
    /// beyond reason, `BatchItem` missing or not a map of batches, an endpoint or an id beyond what
    /// is allowed, more than [`MAX_EVENTS`] events.
    pub fn decode(body: &'a [u8]) -> Result<Request<'a>, DecodeError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(DecodeError {
                path: String::new(),
                reason: String::from("expected at most 4 MB"),
            });
        }
        // No event is larger than the body that holds it, so that few need to be measured.
        let measure = body.len() > MAX_EVENT_BYTES;
        message(body, LIMITS, |root| {
            let batch_item = root.member("BatchItem");
            batch_item.object();
            let batches = batch_item.map(|node| read_batch(node, measure));
            let events: usize = batches.iter().map(|(_, batch)| batch.events.len()).sum();
            if events > MAX_EVENTS {
                batch_item.refuse("expected at most 100 events in all batches together");
            }
            Request { batches }
        })
    }
}

fn read_batch<'a>(node: &Node<'_, 'a>, measure: bool) -> Batch<'a> {
    node.object();
    check_id(node);
    let endpoint = node.member("Endpoint");
    let events = node.member("Events");
    if events.object().len() > MAX_EVENTS {
        events.refuse("expected at most 100 events");
    }
    Batch {
        endpoint: endpoint::read_sent(&endpoint),
        events: events.map(|event| {
            check_id(event);
            read_event(event.value(), measure)
        }),
    }
}

/// Checks the id that an object stands under.
fn check_id(node: &Node<'_, '_>) {
    if node.name().is_empty() || node.name().chars().count() > MAX_ID_CHARS {
        node.refuse("expected an id of 1 to 256 characters");
    }
}

fn read_event<'a>(sent: &Value<'a>, measure: bool) -> Result<Event<'a>, Malformed<'a>> {
    decode::value(sent, |node| {
        check_size(node, measure);
        read_members(node)
    })
    .map_err(|error| Malformed {
        error,
        sent: sent.clone(),
    })
}

/// An event's size is that of its JSON without white space.
fn check_size(event: &Node<'_, '_>, measure: bool) {
    if measure {
        let mut writer = Writer::new();
        writer.value(event.value());
        if writer.byte_len() > MAX_EVENT_BYTES {
            event.refuse("expected an event of at most 1,000 KB");
        }
    }
}

fn read_members<'a>(node: &Node<'_, 'a>) -> Event<'a> {
    node.object();
    Event {
        event_type: node.member("EventType").text(),
        timestamp: node.member("Timestamp").iso8601(),
        app_package_name: node.member("AppPackageName").optional_text(),
        app_title: node.member("AppTitle").optional_text(),
        app_version_code: node.member("AppVersionCode").optional_text(),
        client_sdk_version: node.member("ClientSdkVersion").optional_text(),
        sdk_name: node.member("SdkName").optional_text(),
        attributes: node.member("Attributes").map(|node| node.text()),
        metrics: node.member("Metrics").map(read_metric),
        session: node.member("Session").optional(read_session),
    }
}

/// A metric is a double: a number beyond the range of doubles is none.
fn read_metric<'a>(node: &Node<'_, 'a>) -> Number<'a> {
    let number = node.number();
    if !number.is_in_double_range() {
        node.refuse("expected a number in the range of doubles");
    }
    number
}

fn read_session<'a>(node: &Node<'_, 'a>) -> Session<'a> {
    node.object();
    Session {
        id: node.member("Id").text(),
        start_timestamp: node.member("StartTimestamp").iso8601(),
        stop_timestamp: node.member("StopTimestamp").optional(|node| node.iso8601()),
        duration: node
            .member("Duration")
            .optional(|node| node.integer("expected whole milliseconds")),
    }
}
