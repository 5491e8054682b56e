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
use crate::schema::{Rules, Schema};
use crate::sigv4;

const START: Timestamp = Timestamp(1_795_000_000_000);
const SECRET: &str = "a secret key";

fn rules(schema: &[u8]) -> Rules<'static> {
    Rules::read(Schema::parse(schema).unwrap().to_rules().leak()).unwrap()
}

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

    /// Records an event that is not held up by the pace.
    fn record_now(&mut self, id: &str) -> HttpRequest {
        let event = event("SignUpEvent", self.now.wall);
        self.give(Input::Record {
            id: id.into(),
            event,
            immediate: true,
        });
        self.fetch()
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

    /// Gives ticks where they are asked for until a request is made.
    fn wait_for_fetch(&mut self) -> HttpRequest {
        while self.fetches.is_empty() {
            let next = self.last_wake().unwrap();
            self.pass(next - self.now.monotonic);
        }
        self.fetch()
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

// Identity and credentials.

#[test]
fn kept_identity_is_not_asked_for_again() {
    let mut page = Page::new(Config {
        identity_id: Some("us-east-1:kept".into()),
        ..config()
    });
    page.record("e1");
    let request = page.fetch();
    assert_eq!(operation(&request), "GetCredentialsForIdentity");
    assert_eq!(request.body, r#"{"IdentityId":"us-east-1:kept"}"#);
}

#[test]
fn identity_is_asked_for_when_there_is_something_to_send() {
    let mut page = Page::new(config());
    page.pass(60_000);
    page.give(Input::Flush);
    page.give(Input::PageHidden);
    assert!(page.fetches.is_empty());
}

#[test]
fn identity_that_the_pool_does_not_know_is_replaced() {
    let mut page = Page::new(Config {
        identity_id: Some("us-east-1:gone".into()),
        ..config()
    });
    page.record("e1");
    let request = page.fetch();
    let error = r#"{"__type":"ResourceNotFoundException","message":"no such identity"}"#;
    page.answer(&request, 400, &[], error);
    let request = page.wait_for_fetch();
    assert_eq!(operation(&request), "GetId");
    page.answer(&request, 200, &[], r#"{"IdentityId":"us-east-1:me"}"#);
    assert!(
        page.others
            .contains(&Output::SaveIdentityId("us-east-1:me".into()))
    );
}

#[test]
fn pool_that_gives_ids_but_no_credentials_is_asked_ever_more_slowly() {
    let mut page = Page::new(config());
    page.record("e1");
    let mut requests = 0;
    while page.now.monotonic < 600_000 {
        let request = page.wait_for_fetch();
        requests += 1;
        if operation(&request) == "GetId" {
            page.answer(&request, 200, &[], r#"{"IdentityId":"us-east-1:me"}"#);
        } else {
            page.answer(&request, 400, &[], r#"{"__type":"NotAuthorizedException"}"#);
        }
    }
    assert!(requests < 140, "{requests} requests in ten minutes");
}

#[test]
fn credentials_are_renewed_before_they_expire_while_events_go_on() {
    let mut page = Page::ready();
    page.pass(54 * 60_000);
    page.record("early");
    let request = page.fetch();
    page.accept(&request);

    page.pass(2 * 60_000);
    page.record("late");
    assert_eq!(page.fetches.len(), 2);
    assert_eq!(operation(&page.fetches[0]), "GetCredentialsForIdentity");
    assert_eq!(event_ids(&page.fetches[1]), ["late"]);
}

#[test]
fn expired_credentials_are_not_used() {
    let mut page = Page::ready();
    page.pass(3_600_000);
    page.record("e1");
    page.answer_credentials(3_600);
    let request = page.fetch();
    assert_eq!(event_ids(&request), ["e1"]);
}

#[test]
fn credentials_that_seem_expired_on_arrival_are_used_for_a_while() {
    let mut page = Page::new(Config {
        identity_id: Some("us-east-1:me".into()),
        ..config()
    });
    page.record("e1");
    page.answer_credentials(-86_400);
    assert_eq!(event_ids(&page.fetch()), ["e1"]);
}

#[test]
fn refused_credentials_are_replaced_once_for_all_requests_under_way() {
    let mut page = Page::ready();
    for id in 0..200 {
        page.record(&id.to_string());
    }
    let (first, second) = (page.fetches.remove(0), page.fetches.remove(0));
    let code = [("x-amzn-errortype", "ExpiredTokenException")];
    page.answer(&first, 403, &code, "{}");
    let request = page.fetch();
    assert_eq!(operation(&request), "GetCredentialsForIdentity");
    page.answer(&second, 403, &code, "{}");
    assert!(page.fetches.is_empty(), "one renewal is enough");

    page.fetches.push(request);
    page.answer_credentials(3_600);
    let mut ids = event_ids(&page.fetches.remove(0));
    ids.extend(event_ids(&page.fetches.remove(0)));
    for id in event_ids(&first).iter().chain(&event_ids(&second)) {
        assert!(ids.contains(id), "{id} is not sent again");
    }
}

#[test]
fn aws_json_services_say_it_with_400() {
    let mut page = Page::ready();
    let request = page.record_now("e1");
    let code = [("x-amzn-errortype", "ExpiredTokenException:http://internal")];
    page.answer(&request, 400, &code, "{}");
    assert_eq!(operation(&page.fetch()), "GetCredentialsForIdentity");
}

#[test]
fn endpoint_that_forbids_everything_is_asked_ever_more_slowly() {
    let mut page = Page::ready();
    page.record("e1");
    let start = page.now.monotonic;
    let mut requests = 0;
    while page.now.monotonic < start + 600_000 {
        let request = page.wait_for_fetch();
        requests += 1;
        if operation(&request).is_empty() {
            page.answer(&request, 403, &[], "{}");
        } else {
            page.fetches.push(request);
            page.answer_credentials(3_600);
        }
    }
    assert!(requests < 140, "{requests} requests in ten minutes");
    assert_eq!(page.client.stats().queued, 1);
}

// The clock.

/// Ten minutes after `START`.
const IN_TEN_MINUTES: &str = "Wed, 18 Nov 2026 11:16:40 GMT";

#[test]
fn wrong_clock_is_learned_from_the_answer_and_corrects_signatures_and_times() {
    let mut page = Page::ready();
    page.now.wall = START;
    let request = page.record_now("e1");
    let server_time = Timestamp(START.0 + 600_000);
    assert_eq!(
        verify(&request, server_time),
        Err(sigv4::VerifyError::Expired)
    );
    let headers = [
        ("x-amzn-errortype", "InvalidSignatureException"),
        ("date", IN_TEN_MINUTES),
    ];
    page.answer(&request, 403, &headers, "{}");
    let again = page.fetch();
    assert_eq!(verify(&again, server_time), Ok(()));
    assert_eq!(
        events(&again),
        [("e1".into(), Timestamp(START.0 + 600_500))]
    );
    let stored = page.others.iter().find_map(|output| match output {
        Output::Store(events) => events.first(),
        _ => None,
    });
    assert_eq!(stored.unwrap().recorded_at, START, "kept as recorded");
}

#[test]
fn clock_of_the_identity_pool_saves_a_refused_request() {
    let mut page = Page::new(config());
    page.record("e1");
    let request = page.fetch();
    let id = r#"{"IdentityId":"us-east-1:me"}"#;
    page.answer(&request, 200, &[("date", IN_TEN_MINUTES)], id);
    page.answer_credentials(3_600);
    let request = page.fetch();
    assert_eq!(verify(&request, Timestamp(START.0 + 600_000)), Ok(()));
}

#[test]
fn answer_of_the_same_minute_does_not_move_the_clock() {
    let mut page = Page::ready();
    page.now.wall = START;
    let request = page.record_now("e1");
    page.answer(
        &request,
        503,
        &[("date", "Wed, 18 Nov 2026 11:07:05 GMT")],
        "",
    );
    let again = page.wait_for_fetch();
    assert_eq!(events(&again), [("e1".into(), START)]);
}

#[test]
fn jumps_of_the_wall_clock_do_not_move_waits() {
    let mut page = Page::ready();
    let request = page.record_now("e1");
    page.answer(&request, 503, &[("retry-after", "20")], "");
    page.now.wall.0 -= 400 * 86_400_000;
    page.pass(19_999);
    assert!(page.fetches.is_empty());
    page.now.wall.0 += 800 * 86_400_000;
    page.pass(1);
    assert_eq!(event_ids(&page.fetch()), ["e1"]);
}

// Answers.

#[test]
fn failures_are_tried_again_with_the_same_ids() {
    for status in [404, 405, 408, 429, 500, 502, 503, 504] {
        let mut page = Page::ready();
        page.record("e1");
        page.record("e2");
        let request = page.fetch();
        page.answer(&request, status, &[], "<html>");
        assert!(page.wait_for_fetch().body.contains("e1"), "{status}");
    }
    let mut page = Page::ready();
    let request = page.record_now("e1");
    page.give(Input::NetworkError {
        request: request.id,
    });
    assert_eq!(event_ids(&page.wait_for_fetch()), ["e1"]);
}

#[test]
fn retry_after_is_read_as_seconds_and_as_a_date() {
    let date = ("date", "Wed, 18 Nov 2026 11:16:10 GMT");
    for headers in [
        vec![("retry-after", "30")],
        vec![date, ("retry-after", IN_TEN_MINUTES)],
    ] {
        let mut page = Page::ready();
        let request = page.record_now("e1");
        page.answer(&request, 429, &headers, "");
        page.give(Input::Flush);
        page.pass(29_999);
        assert!(page.fetches.is_empty(), "{headers:?}");
        page.pass(1);
        assert_eq!(event_ids(&page.fetch()), ["e1"]);
    }
}

#[test]
fn retry_after_that_makes_no_sense_is_passed_over() {
    for value in ["soon", "-5", "Thu, 01 Jan 1970 00:00:00 GMT", ""] {
        let mut page = Page::ready();
        let request = page.record_now("e1");
        page.answer(&request, 503, &[("retry-after", value)], "");
        page.pass(1_000);
        assert_eq!(event_ids(&page.fetch()), ["e1"], "{value}");
    }
}

#[test]
fn only_the_events_without_a_final_answer_are_sent_again() {
    let mut page = Page::ready();
    for id in ["a", "b", "c", "d"] {
        page.record(id);
    }
    // The pace lets `a` go by itself.
    let request = page.fetch();
    page.accept(&request);
    page.give(Input::Flush);
    let request = page.fetch();
    page.answer_each(&request, |id| match id {
        "b" => Some((400, "Attributes.plan: unknown")),
        "c" => Some((503, "throttled")),
        _ => None,
    });
    assert_eq!(
        page.states("b").last(),
        Some(&&State::Rejected("Attributes.plan: unknown".into()))
    );
    assert_eq!(event_ids(&page.wait_for_fetch()), ["c", "d"]);
}

#[test]
fn accepted_answer_that_cannot_be_read_is_asked_for_again() {
    let mut page = Page::ready();
    let request = page.record_now("e1");
    page.answer(&request, 202, &[], "{\"Results\":");
    assert_eq!(event_ids(&page.wait_for_fetch()), ["e1"]);
}

#[test]
fn requests_that_are_too_large_or_bad_are_halved_and_a_single_event_is_rejected() {
    for status in [400, 413] {
        let mut page = Page::ready();
        let request = page.record_now("e1");
        page.accept(&request);
        page.record("a");
        page.record("b");
        page.give(Input::Flush);
        let request = page.fetch();
        assert_eq!(event_ids(&request), ["a", "b"]);
        page.answer(&request, status, &[], r#"{"Message":"not you"}"#);
        let request = page.wait_for_fetch();
        assert_eq!(event_ids(&request), ["a"]);
        page.answer(&request, status, &[], r#"{"Message":"not you"}"#);
        let rejected = State::Rejected("not you".into());
        assert_eq!(page.states("a").last(), Some(&&rejected));
        let request = page.wait_for_fetch();
        assert_eq!(event_ids(&request), ["b"]);
        page.accept(&request);
        assert_eq!(page.states("b").last(), Some(&&State::Delivered));
    }
}

#[test]
fn request_without_an_answer_is_given_up_and_a_late_answer_passed_over() {
    let mut page = Page::ready();
    let request = page.record_now("e1");
    page.pass(59_999);
    assert!(page.fetches.is_empty());
    let again = page.wait_for_fetch();
    assert_eq!(event_ids(&again), ["e1"]);
    page.accept(&request);
    assert_eq!(page.client.stats().queued, 1);
    page.accept(&again);
    assert_eq!(page.client.stats().delivered, 2);
}

#[test]
fn timer_that_goes_off_early_is_set_again() {
    let mut page = Page::ready();
    let request = page.record_now("e1");
    page.accept(&request);
    page.record("e2");
    let due = page.last_wake().unwrap();
    page.pass(due - page.now.monotonic - 1);
    assert_eq!(page.others.last(), Some(&Output::WakeAt(due)));
}

// The page and its surroundings.

#[test]
fn hidden_page_sends_the_newest_events_that_fit_by_a_request_that_outlives_it() {
    let mut page = Page::ready();
    let record = |page: &mut Page, id: String, immediate| {
        let mut event = event("SignUpEvent", page.now.wall);
        for name in 0..4 {
            let (name, value) = (format!("a{name}"), "v".repeat(200));
            event.attributes.push((name.into(), value.into()));
        }
        page.give(Input::Record {
            id,
            event,
            immediate,
        });
    };
    record(&mut page, "first".into(), true);
    let request = page.fetch();
    page.answer(&request, 503, &[("retry-after", "60")], "");
    for id in 0..99 {
        record(&mut page, format!("event {id}"), false);
    }
    assert!(page.fetches.is_empty());
    page.give(Input::PageHidden);
    let request = page.fetch();
    assert!(request.keepalive);
    assert!((60_000..=64 * 1024).contains(&request.body.len()));
    assert_eq!(verify(&request, page.now.wall), Ok(()));
    let ids = event_ids(&request);
    assert_eq!(ids.last().unwrap(), "event 98");
    assert!(!ids.contains(&"first".into()));
    assert_eq!(page.client.stats().queued, 100, "the rest stays");

    page.give(Input::PageHidden);
    assert!(page.fetches.is_empty(), "browsers allow 64 KiB altogether");
    page.accept(&request);
    page.give(Input::PageHidden);
    assert!(event_ids(&page.fetch()).contains(&"first".into()));
}

#[test]
fn small_requests_outlive_the_page_unless_there_is_trouble() {
    let mut page = Page::ready();
    let request = page.record_now("e1");
    assert!(request.keepalive);
    page.give(Input::NetworkError {
        request: request.id,
    });
    assert!(!page.wait_for_fetch().keepalive);
}

#[test]
fn offline_page_asks_for_nothing_and_goes_on_at_once_when_online() {
    let mut page = Page::new(config());
    page.give(Input::Offline);
    page.record("e1");
    page.give(Input::UpdateEndpoint("{}".into()));
    page.pass(600_000);
    page.give(Input::PageHidden);
    assert!(page.fetches.is_empty());
    page.give(Input::Online);
    assert_eq!(operation(&page.fetch()), "GetId");
}

#[test]
fn tab_that_hands_over_sends_nothing_more_and_may_take_over_again() {
    let mut page = Page::ready();
    let request = page.record_now("e1");
    page.record("e2");
    page.give(Input::Leader(false));
    page.give(Input::Flush);
    page.pass(600_000);
    page.give(Input::PageHidden);
    assert!(page.fetches.is_empty());
    assert_eq!(
        page.client.stats().queued,
        2,
        "given up, and not sent again"
    );
    page.accept(&request);
    page.give(Input::Leader(true));
    assert_eq!(event_ids(&page.wait_for_fetch()), ["e1", "e2"]);
}

// Endpoint updates.

const ENDPOINT: &str = r#"{"User":{"UserId":"u1"}}"#;

#[test]
fn endpoint_update_goes_ahead_of_events_and_then_along_with_them() {
    let mut page = Page::ready();
    page.give(Input::UpdateEndpoint(ENDPOINT.into()));
    let request = page.fetch();
    assert_eq!(request.method, "PUT");
    assert_eq!(
        request.url,
        "https://Collect.example:443/v1/apps/a1b2/endpoints/endpoint-1"
    );
    assert_eq!(request.body, ENDPOINT);
    assert_eq!(verify(&request, page.now.wall), Ok(()));
    page.record("e1");
    assert!(page.fetches.is_empty(), "the update is not answered yet");
    page.answer(&request, 202, &[], "{}");
    let request = page.fetch();
    assert!(request.body.contains(&format!(r#""Endpoint":{ENDPOINT},"#)));
}

#[test]
fn endpoint_update_in_trouble_does_not_hold_up_events_and_is_tried_again() {
    let mut page = Page::ready();
    page.give(Input::UpdateEndpoint(ENDPOINT.into()));
    let update = page.fetch();
    page.record("e1");
    page.answer(&update, 503, &[("retry-after", "20")], "");
    let request = page.fetch();
    assert_eq!(event_ids(&request), ["e1"]);
    page.accept(&request);
    let again = page.wait_for_fetch();
    assert_eq!((again.method, again.body.as_str()), ("PUT", ENDPOINT));
}

#[test]
fn refused_endpoint_does_not_go_along_with_events() {
    let mut page = Page::ready();
    page.give(Input::UpdateEndpoint(ENDPOINT.into()));
    let request = page.fetch();
    page.answer(&request, 400, &[], "{}");
    let request = page.record_now("e1");
    assert!(request.body.contains(r#""Endpoint":{},"#));
}

#[test]
fn later_endpoint_update_replaces_one_that_failed() {
    let mut page = Page::ready();
    page.give(Input::UpdateEndpoint(ENDPOINT.into()));
    let first = page.fetch();
    page.give(Input::UpdateEndpoint("{}".into()));
    assert!(page.fetches.is_empty(), "one at a time");
    page.answer(&first, 500, &[], "");
    assert_eq!(page.wait_for_fetch().body, "{}");
}

// Validation, books and secrets.

#[test]
fn invalid_event_never_leaves_and_says_why() {
    let schema = br#"{"$defs":{"SignUpEvent":{"type":"object","properties":{"plan":{"type":"string","enum":["pro"]}}}}}"#;
    let mut page = Page::new(Config {
        schema: Some(rules(schema)),
        ..config()
    });
    page.record("e1");
    let states = page.states("e1");
    let [State::Invalid(violations)] = states.as_slice() else {
        panic!("{states:?}");
    };
    assert_eq!(violations[0].path, "Attributes.plan");
    assert!(page.fetches.is_empty());
    let books = page.client.stats();
    assert_eq!((books.invalid, books.recorded), (1, 0));
}

#[test]
fn what_is_to_be_dropped_is_checked_and_never_leaves() {
    let schema = br#"{"$defs":{"SignUpEvent":{"type":"object","properties":{
        "plan":{"type":"string","maxLength":6,"x-pii":"drop"},
        "age":{"type":"integer","x-pii":"drop"}}}}}"#;
    let mut page = Page::new(Config {
        schema: Some(rules(schema)),
        identity_id: Some("us-east-1:me".into()),
        ..config()
    });
    let mut signed_up = event("SignUpEvent", START);
    signed_up.attributes = vec![("plan".into(), "secret".into())];
    signed_up.metrics = vec![("age".into(), 36u32.into())];
    let mut too_long = signed_up.clone();
    too_long.attributes = vec![("plan".into(), "secrets".into())];
    for (id, event) in [("e1", signed_up), ("e2", too_long)] {
        page.give(Input::Record {
            id: id.into(),
            event,
            immediate: true,
        });
    }
    page.answer_credentials(3_600);
    let request = page.fetch();
    assert_eq!(event_ids(&request), ["e1"]);
    assert!(!request.body.contains("secret") && !request.body.contains("age"));
    let [State::Invalid(violations)] = page.states("e2")[..] else {
        panic!("{:?}", page.states("e2"));
    };
    assert_eq!(violations[0].rule, "maxLength");
    let stored = page.others.iter().filter_map(|output| match output {
        Output::Store(events) => Some(events),
        _ => None,
    });
    let bodies: Vec<_> = stored.flatten().map(|event| event.body.as_str()).collect();
    assert_eq!(bodies.len(), 1);
    assert!(!bodies[0].contains("secret") && !bodies[0].contains("age"));
}

#[test]
fn without_a_schema_the_limits_of_the_wire_hold() {
    let page = Page::new(config());
    let broken = |change: fn(&mut Event<'static>)| {
        let mut event = event("SignUpEvent", START);
        change(&mut event);
        page.client.validate(&event)
    };
    assert_eq!(broken(|_| {}), []);
    assert_eq!(broken(|event| event.event_type = "".into()).len(), 1);
    let long_value = broken(|event| {
        event.attributes.push(("a".into(), "v".repeat(201).into()));
    });
    assert_eq!(long_value[0].path, "Attributes.a");
    let many = broken(|event| {
        for name in 0..40 {
            event.attributes.push((name.to_string().into(), "".into()));
        }
    });
    assert_eq!(many.len(), 1);
}

#[test]
fn event_that_the_shell_found_invalid_is_counted() {
    let mut page = Page::new(config());
    let violations = vec![Violation {
        path: "Metrics.price".into(),
        rule: "type",
        expected: "a finite number".into(),
        actual: "NaN or infinity".into(),
    }];
    page.give(Input::Invalid {
        id: "e1".into(),
        violations: violations.clone(),
    });
    assert_eq!(page.states("e1"), [&State::Invalid(violations)]);
    assert_eq!(page.client.stats().invalid, 1);
}

#[test]
fn debug_output_holds_no_secrets_and_no_event_values() {
    let mut page = Page::ready();
    page.record("e1");
    let request = page.fetch();
    let response = Input::Response {
        request: 1,
        status: 200,
        headers: Vec::new(),
        body: SECRET.into(),
    };
    let shown = format!("{request:?} {response:?} {:?}", page.others);
    for hidden in [SECRET, "token", "AWS4-HMAC", "free"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    assert!(header(&request, "authorization").contains("AWS4-HMAC"));
}

/// Broken configuration and broken answers are answered with retries, and never with a panic.
#[test]
fn nonsense_from_outside_is_survived() {
    let nonsense = [
        "",
        "null",
        "[]",
        "{}",
        "{\"Results\":{\"e\":7}}",
        "\u{0}",
        "<html>",
    ];
    let mut page = Page::new(Config {
        app_id: "å/?#".into(),
        region: String::new(),
        identity_pool_id: String::new(),
        endpoint: "//".into(),
        identity_endpoint: String::new(),
        endpoint_id: "\"\\".into(),
        identity_id: Some(String::new()),
        schema: None,
        flush_interval_ms: 0,
        flush_size: 0,
        buffer_size: 0,
    });
    page.record("");
    page.record("e1");
    page.record("e1");
    page.give(Input::Loaded(vec![StoredEvent {
        id: "\"".into(),
        event_type: String::new(),
        recorded_at: Timestamp(i64::MIN),
        body: "}{".into(),
    }]));
    for round in 0..60 {
        let body = nonsense[round % nonsense.len()];
        page.pass(40_000);
        for request in core::mem::take(&mut page.fetches) {
            let headers = [("date", "never"), ("retry-after", "99999999999999999999")];
            page.answer(&request, [200, 202, 400, 0, 999][round % 5], &headers, body);
        }
    }
    page.now.monotonic = u64::MAX;
    page.now.wall = Timestamp(i64::MAX);
    page.give(Input::Tick);
    page.give(Input::Flush);
}
