//! PutEvents: `POST /v1/apps/{application-id}/events`, answered 202 with a status per event.

use alloc::string::String;

use super::DecodeError;
use crate::event::{Endpoint, Event, Map, Text};
use crate::json::Value;

/// Most events one request may carry.
pub const MAX_EVENTS: usize = 100;
/// Most bytes one request body may have.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;
/// Most bytes one event may have.
pub const MAX_EVENT_BYTES: usize = 1000 * 1024;
/// Most attributes and metrics together in one event.
pub const MAX_KEYS: usize = 40;
/// Most characters in the name of an attribute or metric.
pub const MAX_KEY_CHARS: usize = 50;
/// Most characters in the value of an attribute.
pub const MAX_VALUE_CHARS: usize = 200;

/// A decoded request: who sends, and what. An event that does not have the form of one is an `Err`
/// in its own place, so that its neighbours are unharmed.
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
    /// Where and why.
    pub error: DecodeError,
    /// What was sent.
    pub sent: Value<'a>,
}

impl<'a> Request<'a> {
    /// Decodes a request body.
    ///
    /// # Errors
    /// [`DecodeError`] where the whole request is not of PutEvents' form: not JSON, nested or sized
    /// beyond reason, `BatchItem` missing or not a map of batches, more than [`MAX_EVENTS`] events.
    pub fn decode(_body: &'a [u8]) -> Result<Request<'a>, DecodeError> {
        todo!()
    }
}

/// Encodes an event without its `Timestamp`: the form an outbox stores, so that the time sent can be
/// corrected for the clock's offset when the offset is known, without reading the event again.
pub fn encode_event(_event: &Event<'_>) -> String {
    todo!()
}

/// Encodes a request body from stored events.
pub struct RequestEncoder {
    _private: (),
}

/// What became of one event: `EventItemResponse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemResponse<'a> {
    /// `StatusCode`: 202 accepted, 400 refused for good; anything else may be sent again.
    pub status_code: u16,
    /// `Message`: `Accepted`, or why not.
    pub message: Text<'a>,
}

/// A response body: `{"Results": {endpoint id: {EndpointItemResponse, EventsItemResponse}}}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response<'a> {
    /// Endpoint id -> results.
    pub results: Map<'a, BatchResponse<'a>>,
}

/// `ItemResponse` of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchResponse<'a> {
    /// `EndpointItemResponse`
    pub endpoint: ItemResponse<'a>,
    /// `EventsItemResponse`: event id -> what became of it.
    pub events: Map<'a, ItemResponse<'a>>,
}

impl<'a> Response<'a> {
    /// Encodes the body.
    pub fn encode(&self) -> String {
        todo!()
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// [`DecodeError`] where it is not of PutEvents' form.
    pub fn decode(_body: &'a [u8]) -> Result<Response<'a>, DecodeError> {
        todo!()
    }
}
