//! The response, in both directions.

use alloc::string::String;

use crate::event::{Map, Text};
use crate::json::{Limits, Writer};
use crate::wire::DecodeError;
use crate::wire::decode::{Node, message};
use crate::wire::encode::map;

/// What became of one event: `EventItemResponse`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemResponse<'a> {
    /// `StatusCode`: 202 accepted, 400 refused for good; anything else may be sent again.
    pub status_code: u16,
    /// `Message`: `Accepted`, or why not. Empty where absent.
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
    /// `EndpointItemResponse`. Where absent it is read as 202: the events have statuses of their
    /// own, and an answer about them is not thrown away for want of one about the endpoint.
    pub endpoint: ItemResponse<'a>,
    /// `EventsItemResponse`: event id -> what became of it.
    pub events: Map<'a, ItemResponse<'a>>,
}

/// An answer about a hundred events has about 300 values.
const LIMITS: Limits = Limits {
    depth: 16,
    values: 4 * 1024,
};

impl<'a> Response<'a> {
    /// Encodes the body.
    pub fn encode(&self) -> String {
        let mut writer = Writer::new();
        writer.begin_object();
        map(&mut writer, "Results", &self.results, |writer, batch| {
            writer.begin_object().name("EndpointItemResponse");
            write_item(writer, &batch.endpoint);
            map(writer, "EventsItemResponse", &batch.events, write_item);
            writer.end_object();
        });
        writer.end_object();
        writer.finish()
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// [`DecodeError`] where it is not of PutEvents' form.
    pub fn decode(body: &'a [u8]) -> Result<Response<'a>, DecodeError> {
        message(body, LIMITS, |root| {
            let results = root.member("Results");
            results.object();
            Response {
                results: results.map(read_batch),
            }
        })
    }
}

fn write_item(writer: &mut Writer, item: &ItemResponse<'_>) {
    writer.begin_object().name("Message").string(&item.message);
    writer
        .name("StatusCode")
        .integer(i64::from(item.status_code));
    writer.end_object();
}

fn read_batch<'a>(node: &Node<'_, 'a>) -> BatchResponse<'a> {
    node.object();
    let endpoint = node.member("EndpointItemResponse").optional(read_item);
    BatchResponse {
        endpoint: endpoint.unwrap_or(ItemResponse {
            status_code: 202,
            message: Text::Borrowed(""),
        }),
        events: node.member("EventsItemResponse").map(read_item),
    }
}

fn read_item<'a>(node: &Node<'_, 'a>) -> ItemResponse<'a> {
    ItemResponse {
        status_code: node.member("StatusCode").integer("expected an HTTP status"),
        message: node.member("Message").optional_text().unwrap_or_default(),
    }
}
