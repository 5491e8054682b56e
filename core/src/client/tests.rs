//! The client against canned answers. What it does over time under faults is in
//! `tests/simulation.rs`.

use std::borrow::Cow;
use std::format;
use std::string::{String, ToString};
use std::vec;
use std::vec::Vec;

use super::*;
use crate::event::Event;
use crate::json::Limits;
use crate::json::Value;
use crate::sigv4;

const START: Timestamp = Timestamp(1_795_000_000_000);
const SECRET: &str = "a secret key";

/// A page with a client in it, whose network is the test.
struct Page {
    client: Client,
    now: Now,
    fetches: Vec<HttpRequest>,
    others: Vec<Output>,
}

fn config() -> Config {
    Config {
        app_id: "a1b2".into(),
        region: "us-east-1".into(),
        identity_pool_id: "us-east-1:pool".into(),
        endpoint: "https://Collect.example:443".into(),
        identity_endpoint: "http://127.0.0.1:8787".into(),
        endpoint_id: "endpoint-1".into(),
        identity_id: None,
        schema: None,
        flush_interval_ms: 5_000,
        flush_size: 100,
        buffer_size: 10_000,
    }
}

fn event(event_type: &str, at: Timestamp) -> Event<'static> {
    Event {
        event_type: Cow::Owned(event_type.into()),
        timestamp: at,
        app_package_name: None,
        app_title: None,
        app_version_code: None,
        client_sdk_version: None,
        sdk_name: None,
        attributes: vec![("plan".into(), "free".into())],
        metrics: Vec::new(),
        session: None,
    }
}

impl Page {
    /// A page that leads, has loaded nothing, and has no credentials.
    fn new(config: Config) -> Page {
        let mut page = Page {
            client: Client::new(config, 7),
            now: Now {
                wall: START,
                monotonic: 1_000,
            },
            fetches: Vec::new(),
            others: Vec::new(),
        };
        page.give(Input::Loaded(Vec::new()));
        page.give(Input::Leader(true));
        page
    }

    /// A page that has credentials for an hour and nothing under way.
    fn ready() -> Page {
        let mut config = config();
        config.identity_id = Some("us-east-1:me".into());
        let mut page = Page::new(config);
        page.record("warm-up");
        page.answer_credentials(3_600);
        let request = page.fetch();
        page.accept(&request);
        page.pass(5_000);
        page.others.clear();
        page
    }

    fn give(&mut self, input: Input) {
        self.client.handle(input, self.now);
        while let Some(output) = self.client.poll() {
            match output {
                Output::Fetch(request) => self.fetches.push(request),
                output => self.others.push(output),
            }
        }
        let books = self.client.stats();
        assert_eq!(
            books.recorded,
            books.delivered + books.rejected + books.dropped + books.queued
        );
    }

    fn record(&mut self, id: &str) {
        let event = event("SignUpEvent", self.now.wall);
        self.give(Input::Record {
            id: id.into(),
            event,
            immediate: false,
        });
    }

    fn pass(&mut self, milliseconds: u64) {
        self.now.monotonic += milliseconds;
        self.now.wall.0 += milliseconds as i64;
        self.give(Input::Tick);
    }

    /// The one request that was made since the last look.
    fn fetch(&mut self) -> HttpRequest {
        assert_eq!(self.fetches.len(), 1, "{:?}", self.fetches);
        self.fetches.remove(0)
    }

    fn answer(&mut self, request: &HttpRequest, status: u16, headers: &[(&str, &str)], body: &str) {
        self.give(Input::Response {
            request: request.id,
            status,
            headers: headers
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            body: body.as_bytes().to_vec(),
        });
    }

    fn answer_credentials(&mut self, lifetime_seconds: i64) {
        let request = self.fetch();
        assert_eq!(operation(&request), "GetCredentialsForIdentity");
        let expiration = self.now.wall.0 / 1_000 + lifetime_seconds;
        let body = format!(
            r#"{{"IdentityId":"us-east-1:me","Credentials":{{"AccessKeyId":"AK","SecretKey":"{SECRET}","SessionToken":"token","Expiration":{expiration}}}}}"#
        );
        self.answer(&request, 200, &[], &body);
    }

    fn accept(&mut self, request: &HttpRequest) {
        self.answer_each(request, |_| Some((202, "Accepted")));
    }

    /// Answers 202 with a status and message for each event, or none.
    fn answer_each(
        &mut self,
        request: &HttpRequest,
        answer: impl Fn(&str) -> Option<(u16, &'static str)>,
    ) {
        let items: Vec<String> = event_ids(request)
            .iter()
            .filter_map(|id| {
                let (status, message) = answer(id)?;
                Some(format!(
                    r#""{id}":{{"StatusCode":{status},"Message":"{message}"}}"#
                ))
            })
            .collect();
        let body = format!(
            r#"{{"Results":{{"endpoint-1":{{"EndpointItemResponse":{{"StatusCode":202,"Message":"Accepted"}},"EventsItemResponse":{{{}}}}}}}}}"#,
            items.join(",")
        );
        self.answer(request, 202, &[], &body);
    }

    fn states(&self, event: &str) -> Vec<&State> {
        self.others
            .iter()
            .filter_map(|output| match output {
                Output::Receipt { id, state } if id == event => Some(state),
                _ => None,
            })
            .collect()
    }

    fn last_wake(&self) -> Option<u64> {
        self.others.iter().rev().find_map(|output| match output {
            Output::WakeAt(time) => Some(*time),
            _ => None,
        })
    }
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
    request
        .headers
        .iter()
        .find(|(header, _)| *header == name)
        .map_or("", |(_, value)| value)
}

fn operation(request: &HttpRequest) -> &str {
    header(request, "x-amz-target")
        .strip_prefix("AWSCognitoIdentityService.")
        .unwrap_or_default()
}

fn parsed(body: &str) -> Value<'_> {
    let limits = Limits {
        depth: 16,
        values: 100_000,
    };
    Value::parse(body.as_bytes(), limits).unwrap()
}

/// The events of a PutEvents request: id and `Timestamp`.
fn events(request: &HttpRequest) -> Vec<(String, Timestamp)> {
    let body = parsed(&request.body);
    let batch = body.get("BatchItem").unwrap().get("endpoint-1").unwrap();
    let Some(Value::Object(events)) = batch.get("Events") else {
        panic!("no events");
    };
    events
        .iter()
        .map(|(id, event)| {
            let at = event.get("Timestamp").and_then(Value::as_str).unwrap();
            (id.to_string(), Timestamp::parse_iso8601(at).unwrap())
        })
        .collect()
}

fn event_ids(request: &HttpRequest) -> Vec<String> {
    events(request).into_iter().map(|(id, _)| id).collect()
}

/// Whether the signature is right at this time by the endpoint's clock.
fn verify(request: &HttpRequest, at: Timestamp) -> Result<(), sigv4::VerifyError> {
    let rest = request.url.strip_prefix("https://Collect.example:443");
    let mut headers: Vec<(&str, &str)> = vec![("host", "collect.example")];
    headers.extend(
        request
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str())),
    );
    let signed = sigv4::Request {
        method: request.method,
        path: rest.unwrap(),
        query: "",
        headers: &headers,
        body: request.body.as_bytes(),
    };
    let scope = sigv4::Scope {
        region: "us-east-1",
        service: "mobiletargeting",
    };
    let claim = sigv4::read_claim(&signed)?;
    assert_eq!(claim.session_token.as_deref(), Some("token"));
    sigv4::verify(&signed, &claim, SECRET, &scope, at)
}

#[test]
fn first_visit_gets_an_identity_then_credentials_then_sends_a_signed_batch() {
    let mut page = Page::new(config());
    assert!(page.fetches.is_empty());
    page.record("e1");
    assert!(matches!(
        page.others.as_slice(),
        [
            Output::Receipt {
                state: State::Recorded,
                ..
            },
            Output::Store(_),
            ..
        ]
    ));

    let request = page.fetch();
    assert_eq!(operation(&request), "GetId");
    assert_eq!(request.url, "http://127.0.0.1:8787/");
    assert_eq!(
        header(&request, "content-type"),
        "application/x-amz-json-1.1"
    );
    assert_eq!(request.body, r#"{"IdentityPoolId":"us-east-1:pool"}"#);
    page.record("e2");
    page.answer(&request, 200, &[], r#"{"IdentityId":"us-east-1:me"}"#);
    assert!(
        page.others
            .contains(&Output::SaveIdentityId("us-east-1:me".into()))
    );

    page.answer_credentials(3_600);
    let request = page.fetch();
    assert_eq!(request.method, "POST");
    assert_eq!(
        request.url,
        "https://Collect.example:443/v1/apps/a1b2/events"
    );
    assert_eq!(event_ids(&request), ["e1", "e2"]);
    assert_eq!(verify(&request, START), Ok(()));

    page.accept(&request);
    assert_eq!(
        page.states("e1"),
        [&State::Recorded, &State::Sent, &State::Delivered]
    );
    assert!(
        page.others
            .contains(&Output::Delete(vec!["e1".into(), "e2".into()]))
    );
    assert_eq!(
        page.client.stats(),
        Stats {
            recorded: 2,
            delivered: 2,
            ..Stats::default()
        }
    );
}
