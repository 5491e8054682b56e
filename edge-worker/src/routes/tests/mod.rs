//! Whole requests, through all modules, on a simulated platform. One file for each thing that is
//! tested; here is what they share.

mod arbitrary;
mod costs;
mod dead_letters;
mod duplicates;
mod endpoints;
mod enrichment;
mod events;
mod health;
mod identity_pool;
mod metrics;
mod operation;
mod personal_data;
mod plain_events;
mod proxies;
mod records;
mod server_keys;
mod times;

use std::cell::RefCell;
use std::collections::BTreeSet;

use forebay_core::schema::Schema;
use forebay_core::sigv4::{self, Scope};
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream;
use futures_executor::block_on;
use serde_json::{Value, json};

use super::*;
use crate::config::App;
use crate::delivery::routing::Sinks;
use crate::delivery::sinks::kinesis::tests::{answer, sent_records};
use crate::delivery::tests::kinesis;
use crate::http::message::tests::head;
use crate::identity::session_token::tests::secrets;
use crate::identity::session_token::{Amr, IssuedCredentials, Session};
use crate::pipeline::enrich::Enrichment;
use crate::pipeline::event_id::EventIds;
use crate::pipeline::partition::PartitionKeys;
use crate::platform::simulated::Simulated;
use crate::platform::{HttpRequest, HttpResponse, Unreachable};
use crate::quota::Quota;
use crate::rates::RateSettings;

const ARRIVAL: Timestamp = Timestamp(1_795_000_000_000);
pub(crate) const EVENTS: &str = "/v1/apps/app-1/events";
const SCOPE: Scope<'_> = Scope {
    region: "eu-north-1",
    service: "mobiletargeting",
};
const IDENTITY: &str = "eu-north-1:6fb4c4f2-0000-4000-8000-000000000001";

pub(crate) fn config() -> Config {
    let schema = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "x-version": 7,
        "$defs": {
            "SignUpEvent": {
                "type": "object",
                "properties": { "email": { "type": "string", "format": "email" } },
                "required": ["email"],
                "additionalProperties": false
            }
        }
    }"#;
    let schema = Schema::parse(schema.as_bytes()).unwrap();
    let master_secrets = secrets(&["1"]);
    Config {
        event_ids: EventIds::new(&schema, None, &master_secrets),
        region: "eu-north-1".into(),
        apps: vec![App {
            app_id: "app-1".into(),
            identity_pool_id: "eu-north-1:00000000-0000-4000-8000-00000000000a".into(),
            daily_quota: Quota::default(),
        }],
        issuers: Vec::new(),
        sinks: Sinks::new(vec![kinesis("events")], kinesis("dead-letters")),
        analytics: None,
        base_path: String::new(),
        deduplication_window: 0,
        enrichment: Enrichment::default(),
        memory_budget: 64 * 1024 * 1024,
        rate_limits: RateSettings::default(),
        revoked_identities: BTreeSet::new(),
        aws_account_id: Some("123456789012".into()),
        master_secrets,
        schema,
        pii_salt: None,
        openid: None,
        metrics_key: None,
        server_keys: Vec::new(),
        partition_keys: PartitionKeys::default(),
    }
}

fn credentials(config: &Config) -> IssuedCredentials {
    config.master_secrets.issue(&Session {
        identity_id: IDENTITY.into(),
        amr: Amr::Unauthenticated,
        expiration: Timestamp(ARRIVAL.0 + 3_600_000),
    })
}

/// A signed request; `signed` is the sender's clock.
fn signed(config: &Config, method: &str, path: &str, body: &[u8], signed: Timestamp) -> Head {
    signed_by(&credentials(config), method, path, body, signed)
}

fn signed_by(
    issued: &IssuedCredentials,
    method: &str,
    path: &str,
    body: &[u8],
    signed: Timestamp,
) -> Head {
    signed_with(&keys(issued), method, path, body, signed)
}

/// The keys of credentials that the pool has issued.
pub(crate) fn keys(issued: &IssuedCredentials) -> sigv4::Credentials<'_> {
    sigv4::Credentials {
        access_key_id: &issued.access_key_id,
        secret_access_key: &issued.secret_access_key,
        session_token: Some(&issued.session_token),
    }
}

pub(crate) fn signed_with(
    keys: &sigv4::Credentials<'_>,
    method: &str,
    path: &str,
    body: &[u8],
    signed: Timestamp,
) -> Head {
    let host = [("host", "edge.example")];
    let request = sigv4::Request {
        method,
        path,
        query: "",
        headers: &host,
        body,
    };
    let added = sigv4::sign(&request, keys, &SCOPE, signed);
    let added = added.iter().map(|(name, value)| (*name, value.as_str()));
    let headers: Vec<(&str, &str)> = host.into_iter().chain(added).collect();
    head(method, path, &headers)
}

/// An isolate that has memory for requests and remembers no events.
fn new_isolate() -> Isolate {
    Isolate::new(Some(&config()), Some([0; 16]), ARRIVAL)
}

/// The answer, the log's line, and what was sent to Kinesis.
fn serve(
    head: &Head,
    config: &Config,
    body: &[u8],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Answer, String, Vec<HttpRequest>) {
    serve_with(&new_isolate(), head, config, body, answering)
}

/// The same by a worker that has answered other requests.
fn serve_with(
    isolate: &Isolate,
    head: &Head,
    config: &Config,
    body: &[u8],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Answer, String, Vec<HttpRequest>) {
    let platform = Simulated::new(answering);
    let service = Service {
        head,
        config: Ok(config),
        isolate,
        platform: &platform,
    };
    let (answer, line) = block_on(service.answer(body));
    let calls = platform.sent.take();
    (answer, line.encode(), calls)
}

fn all_stored(call: &HttpRequest) -> Result<HttpResponse, Unreachable> {
    Ok(answer(sent_records(call).iter().map(|_| None)))
}

fn event(attributes: Value) -> Value {
    json!({
        "EventType": "SignUpEvent",
        "Timestamp": Timestamp(ARRIVAL.0 - 1_000).to_iso8601(),
        "Attributes": attributes,
    })
}

fn batch(events: Value) -> Vec<u8> {
    json!({ "BatchItem": { "client-1": { "Endpoint": {}, "Events": events } } })
        .to_string()
        .into_bytes()
}

fn items(answer: &Answer) -> Value {
    assert_eq!(answer.status, 202, "{}", answer.body);
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    body["Results"]["client-1"]["EventsItemResponse"].clone()
}

fn put_events(
    body: &[u8],
    answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable>,
) -> (Value, Vec<HttpRequest>) {
    let config = config();
    let head = signed(&config, "POST", EVENTS, body, ARRIVAL);
    let (answer, _, calls) = serve(&head, &config, body, answering);
    (items(&answer), calls)
}

fn stream_of(call: &HttpRequest) -> String {
    let body: Value = serde_json::from_str(&call.body).unwrap();
    body["StreamName"].as_str().unwrap().to_owned()
}
