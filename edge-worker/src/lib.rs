//! Forebay's edge worker: the endpoint that browsers send their events to.
//!
//! It answers Pinpoint's PutEvents and UpdateEndpoint, plain JSON at `POST /v1/events` and, as an embedded
//! identity pool, Cognito Identity's GetId, GetCredentialsForIdentity and GetOpenIdToken. It authenticates
//! every request with events by its signature or bearer key. It validates every event against the schema,
//! enriches it, and delivers it to the sinks, or to the queue in front of them, as a Pinpoint event-stream
//! record before it answers 202.
//!
//! | room | what it does |
//! |---|---|
//! | [`http`] | requests and answers as values: paths, CORS, compression, refusals |
//! | [`routes`] | from a request to its answer: one file an operation |
//! | [`identity`] | who sends; who logs in |
//! | [`pipeline`] | what becomes of an event |
//! | [`delivery`] | where records go, and what became of each |
//! | [`config`], [`log`], [`metrics`], [`text`] | the bindings; a line a request; the sum of the lines; bytes as text |
//! | [`isolate`], [`recent`] | what is kept from one request to the next |
//! | [`budget`], [`rates`], [`quota`] | what requests may take: memory, how often, how much in a day |
//! | [`single_flight`] | one question at a time, for all who need its answer |
//! | [`platform`], [`workers`] | what all of it asks of the platform; Cloudflare Workers |

mod budget;
mod config;
mod delivery;
mod http;
mod identity;
mod isolate;
mod log;
mod metrics;
mod pipeline;
mod platform;
mod quota;
mod rates;
mod recent;
mod routes;
#[cfg(test)]
mod simulation;
mod single_flight;
mod text;
mod workers;

use web_sys::{Request, Response};
use worker::{Context, Env, Result, event};

// The queue's handler is `workers::queue::queue`: the platform's crate has no attempts of a message.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    workers::answer(request, &env, &context).await
}
