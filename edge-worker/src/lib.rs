//! Forebay's edge worker: the endpoint that browsers send their events to.
//!
//! Speaks Pinpoint's PutEvents and UpdateEndpoint and, as an embedded identity pool, Cognito
//! Identity's GetId and GetCredentialsForIdentity. Every event request is authenticated by its
//! signature; every event is validated against the schema, enriched, and written to a Kinesis
//! stream as a Pinpoint event-stream record before it is answered 202.
//!
//! | module | what it does |
//! |---|---|
//! | [`service`] | from a request to its answer |
//! | [`router`], [`http`], [`error`], [`log`] | paths, CORS, refusals, a line a request |
//! | [`authenticate`], [`session_token`] | who sends |
//! | [`cognito`], [`identity_id`], [`login`], [`jwks`] | the identity pool; who logs in |
//! | [`put_events`], [`record`], [`enrich`] | what becomes of an event |
//! | [`deduplication`] | of one that is sent again |
//! | [`malformed`], [`dead_letter`], [`redact`] | of one that is refused |
//! | [`update_endpoint`], [`health`] | the other operations |
//! | [`kinesis`] | PutRecords |
//! | [`config`], [`text`] | the bindings; bytes as text |
//! | [`platform`], [`workers`] | what all of it asks of the platform; Cloudflare Workers |

mod authenticate;
mod cognito;
mod config;
mod dead_letter;
mod deduplication;
mod enrich;
mod error;
mod gzip;
mod health;
mod http;
mod identity_id;
mod jwks;
mod kinesis;
mod log;
mod login;
mod malformed;
mod platform;
mod put_events;
mod record;
mod redact;
mod router;
mod service;
mod session_token;
mod text;
mod update_endpoint;
mod workers;

use worker::{Context, Env, Request, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    workers::answer(request, &env).await
}
