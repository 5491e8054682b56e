//! Pinpoint's PutEvents, for any endpoint that speaks it (service model `pinpoint/2016-12-01`:
//! REST-JSON).

use std::collections::HashMap;

use forebay_core::wire::put_events::{ItemResponse, Response};

use crate::answer::{CallError, ServiceError};
use crate::request::{Call, Operation, Service, path_segment};

/// Amazon Pinpoint.
pub const PINPOINT: Service = Service {
    host: "pinpoint",
    signing_name: "mobiletargeting",
    target_prefix: "",
    is_fips_in_us_gov: false,
};

/// Hands on a body of PutEvents, as another sender.
#[derive(Debug, Clone, Copy)]
pub struct PutEvents<'a> {
    /// The application's id there.
    pub app_id: &'a str,
    /// The body, as `forebay_core::wire::put_events::Request` writes it.
    pub body: &'a str,
    /// Endpoint id and event id of each event in it, at most 100.
    pub events: &'a [(&'a str, &'a str)],
}

impl Operation for PutEvents<'_> {
    /// The outcome of each event, in the order of [`PutEvents::events`].
    type Output = Vec<Result<(), CallError>>;

    fn call(&self) -> Call {
        let path = format!("/v1/apps/{}/events", path_segment(self.app_id));
        Call::rest(&PINPOINT, "POST", path, self.body.to_owned())
    }

    fn output(&self, body: &[u8]) -> Result<Self::Output, CallError> {
        let response =
            Response::decode(body).map_err(|error| CallError::Unintelligible(error.to_string()))?;
        let batches = response.results.iter();
        let items: HashMap<(&str, &str), &ItemResponse<'_>> = batches
            .flat_map(|(endpoint, batch)| {
                let events = batch.events.iter();
                events.map(move |(event, item)| ((endpoint.as_ref(), event.as_ref()), item))
            })
            .collect();
        let result = |event: &(&str, &str)| match items.get(event) {
            Some(item) => read_item(item),
            None => {
                let problem = "it does not tell what became of an event";
                Err(CallError::Unintelligible(problem.to_owned()))
            }
        };
        Ok(self.events.iter().map(result).collect())
    }
}

/// Pinpoint gives the items of an answer a status and no name.
fn read_item(item: &ItemResponse<'_>) -> Result<(), CallError> {
    match item.status_code {
        202 => Ok(()),
        status => Err(CallError::Refused(ServiceError::unnamed(
            status,
            &item.message,
        ))),
    }
}
