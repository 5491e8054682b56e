//! The endpoint and its identity pool: they verify, they keep a ledger, and they fail on purpose.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::client::HttpRequest;
use forebay_core::outbox::StoredEvent;
use forebay_core::sigv4::{self, Scope, VerifyError};
use forebay_core::time::Timestamp;
use forebay_core::wire::cognito_identity::{
    Credentials, ErrorResponse, GetCredentialsForIdentityRequest,
    GetCredentialsForIdentityResponse, GetIdRequest, GetIdResponse,
};
use forebay_core::wire::put_events::{
    BatchResponse, ItemResponse, MAX_BODY_BYTES, MAX_EVENTS, Request, RequestEncoder, Response,
};
use forebay_core::wire::update_endpoint;

use crate::random::Random;

pub(crate) const ENDPOINT: &str = "https://collect.example";
pub(crate) const IDENTITY_ENDPOINT: &str = "https://identity.example";
pub(crate) const POOL: &str = "us-east-1:pool";
pub(crate) const APP: &str = "app";

/// How often things fail, in percent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// An error status for the whole request.
    pub status: u64,
    /// One event of a batch fails, or its answer is missing.
    pub item: u64,
    /// The events are taken, but the answer's body is cut off.
    pub garbled: u64,
    /// All credentials are revoked, and identities forgotten.
    pub revocation: u64,
    /// All that events and endpoint updates are answered with.
    pub only: Option<u16>,
    /// More events than this in a request are too many.
    pub max_events: Option<usize>,
}

pub(crate) struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// `Retry-After` in milliseconds, for the world to check that it is kept.
    pub silence: Option<u64>,
}

/// An event that was accepted.
pub(crate) struct Accepted {
    pub event_type: String,
    pub number: String,
    pub timestamp: Timestamp,
}

struct Key {
    secret: String,
    token: String,
    expires: i64,
}

pub(crate) struct Server {
    pub faults: Faults,
    /// Whether browsers may read `Date`.
    pub shows_date: bool,
    pub credential_lifetime_ms: i64,
    pub ledger: BTreeMap<String, Accepted>,
    pub endpoint: String,
    pub repeated: u64,
    pub unauthorised: u64,
    /// How often each stubborn event was turned away.
    turned_away: BTreeMap<String, u32>,
    keys: BTreeMap<String, Key>,
    identities: BTreeSet<String>,
    issued: u64,
}

impl Server {
    pub(crate) fn new() -> Server {
        Server {
            faults: Faults::default(),
            shows_date: true,
            credential_lifetime_ms: 3_600_000,
            ledger: BTreeMap::new(),
            endpoint: String::from("{}"),
            repeated: 0,
            unauthorised: 0,
            turned_away: BTreeMap::new(),
            keys: BTreeMap::new(),
            identities: BTreeSet::new(),
            issued: 0,
        }
    }

    pub(crate) fn handle(
        &mut self,
        request: &HttpRequest,
        now: Timestamp,
        random: &mut Random,
    ) -> Reply {
        let mut reply = if random.percent(self.faults.status) {
            fault(now, random)
        } else if request.url.starts_with(IDENTITY_ENDPOINT) {
            self.identity(request, now, random)
        } else if let Some(status) = self.faults.only {
            reply(status, String::from("<html>outage</html>"))
        } else {
            self.authorised(request, now, random)
        };
        if self.shows_date {
            reply.headers.push(("date".into(), http_date(now)));
        }
        reply
    }

    fn identity(&mut self, request: &HttpRequest, now: Timestamp, random: &mut Random) -> Reply {
        if random.percent(self.faults.revocation) {
            self.identities.clear();
            self.keys.clear();
        }
        self.issued += 1;
        let body = request.body.as_bytes();
        let target = header(request, "x-amz-target").expect("x-amz-target");
        if target.ends_with(".GetId") {
            let read = GetIdRequest::decode(body).expect("GetId");
            assert_eq!(read.identity_pool_id, POOL);
            let id = format!("us-east-1:{}", self.issued);
            self.identities.insert(id.clone());
            return reply(
                200,
                GetIdResponse {
                    identity_id: id.into(),
                }
                .encode(),
            );
        }
        let read = GetCredentialsForIdentityRequest::decode(body).expect("GetCredentials");
        if !self.identities.contains(read.identity_id.as_ref()) {
            let error = ErrorResponse {
                error_type: "ResourceNotFoundException".into(),
                message: "no such identity".into(),
            };
            return reply(400, error.encode());
        }
        let key = Key {
            secret: format!("secret{}", random.next()),
            token: format!("token{}", random.next()),
            expires: (now.0 + self.credential_lifetime_ms) / 1_000 * 1_000,
        };
        let answer = GetCredentialsForIdentityResponse {
            identity_id: read.identity_id,
            credentials: Credentials {
                access_key_id: format!("key{}", self.issued).into(),
                secret_key: key.secret.clone().into(),
                session_token: key.token.clone().into(),
                expiration: Timestamp(key.expires),
            },
        };
        let reply = reply(200, answer.encode());
        self.keys.insert(format!("key{}", self.issued), key);
        reply
    }

    fn authorised(&mut self, request: &HttpRequest, now: Timestamp, random: &mut Random) -> Reply {
        if random.percent(self.faults.revocation) {
            self.keys.clear();
        }
        if let Err(code) = self.verify(request, now) {
            self.unauthorised += 1;
            let mut reply = reply(403, r#"{"Message":"no"}"#.into());
            reply.headers.push(("x-amzn-errortype".into(), code.into()));
            return reply;
        }
        if request.method == "PUT" {
            assert!(update_endpoint::decode(request.body.as_bytes()).is_ok());
            self.endpoint.clone_from(&request.body);
            return reply(202, r#"{"Message":"Accepted","RequestID":"r"}"#.into());
        }
        self.put_events(request, random)
    }

    fn verify(&self, request: &HttpRequest, now: Timestamp) -> Result<(), &'static str> {
        let path = request.url.strip_prefix(ENDPOINT).expect("the endpoint");
        let mut headers = vec![("host", "collect.example")];
        headers.extend(
            request
                .headers
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        let signed = sigv4::Request {
            method: request.method,
            path,
            query: "",
            headers: &headers,
            body: request.body.as_bytes(),
        };
        let scope = Scope {
            region: "us-east-1",
            service: "mobiletargeting",
        };
        let claim = sigv4::read_claim(&signed).expect("a signature");
        let Some(key) = self.keys.get(claim.access_key_id.as_str()) else {
            return Err("UnrecognizedClientException");
        };
        assert_eq!(claim.session_token.as_deref(), Some(key.token.as_str()));
        if now.0 >= key.expires {
            return Err("ExpiredTokenException");
        }
        match sigv4::verify(&signed, &claim, &key.secret, &scope, now) {
            Ok(()) => Ok(()),
            Err(VerifyError::Expired | VerifyError::NotYetValid) => {
                Err("InvalidSignatureException")
            }
            Err(error) => panic!("a signature that is wrong: {error:?}"),
        }
    }

    fn put_events(&mut self, request: &HttpRequest, random: &mut Random) -> Reply {
        assert!(request.url.ends_with("/v1/apps/app/events"));
        assert!(request.body.len() <= MAX_BODY_BYTES);
        let read = Request::decode(request.body.as_bytes()).expect("PutEvents");
        let [(endpoint_id, batch)] = read.batches.as_slice() else {
            panic!("not one batch");
        };
        assert!(!batch.events.is_empty() && batch.events.len() <= MAX_EVENTS);
        if self
            .faults
            .max_events
            .is_some_and(|max| batch.events.len() > max)
        {
            return reply(413, r#"{"Message":"too large"}"#.into());
        }
        let fates = batch
            .events
            .iter()
            .map(|(_, event)| attribute(event, "fate"));
        if fates.into_iter().any(|fate| fate == "poison") {
            return reply(400, r#"{"Message":"poison"}"#.into());
        }
        let mut items = Vec::new();
        for (id, event) in &batch.events {
            let status_code = match attribute(event, "fate") {
                "refused" => 400,
                "stubborn" if self.turns_away(id) => 500,
                _ if random.percent(self.faults.item) => random.pick(&[429, 500, 503, 0]),
                _ => 202,
            };
            if status_code == 202 {
                self.accept(id, event.as_ref().expect("an event"));
            }
            if status_code != 0 {
                let message = if status_code == 202 { "Accepted" } else { "no" };
                let item = ItemResponse {
                    status_code,
                    message: message.into(),
                };
                items.push((id.clone(), item));
            }
        }
        let answer = Response {
            results: vec![(
                endpoint_id.clone(),
                BatchResponse {
                    endpoint: ItemResponse {
                        status_code: 202,
                        message: "Accepted".into(),
                    },
                    events: items,
                },
            )],
        };
        let mut body = answer.encode();
        if random.percent(self.faults.garbled) {
            body.truncate(body.len() / 2);
        }
        reply(202, body)
    }

    /// Takes events from storage as another tab would send them, whose clock is `skew` ahead. Gives
    /// the ids of those accepted.
    pub(crate) fn accept_stored(&mut self, events: &[StoredEvent], skew: i64) -> BTreeSet<String> {
        let mut accepted = BTreeSet::new();
        for stored in events {
            let mut encoder = RequestEncoder::new("endpoint", "{}", MAX_BODY_BYTES);
            let at = Timestamp(stored.recorded_at.0 - skew);
            encoder.push(&stored.id, at, &stored.body);
            let body = encoder.finish();
            let read = Request::decode(body.as_bytes()).expect("a stored event");
            let [(_, batch)] = read.batches.as_slice() else {
                continue;
            };
            for (id, event) in &batch.events {
                if attribute(event, "fate") == "good" {
                    self.accept(id, event.as_ref().expect("an event"));
                    accepted.insert(id.to_string());
                }
            }
        }
        accepted
    }

    fn turns_away(&mut self, id: &str) -> bool {
        let times = self.turned_away.entry(id.into()).or_default();
        *times += 1;
        *times <= 5
    }

    fn accept(&mut self, id: &str, event: &forebay_core::event::Event<'_>) {
        let number = event.attributes.iter().find(|(name, _)| name == "number");
        let accepted = Accepted {
            event_type: event.event_type.to_string(),
            number: number.expect("number").1.to_string(),
            timestamp: event.timestamp,
        };
        if let Some(earlier) = self.ledger.insert(id.into(), accepted) {
            self.repeated += 1;
            let accepted = self.ledger.get(id).expect("just inserted");
            assert_eq!(earlier.number, accepted.number, "an id has two events");
            assert_eq!(earlier.event_type, accepted.event_type);
        }
    }
}

fn attribute<'e>(
    event: &'e Result<
        forebay_core::event::Event<'_>,
        forebay_core::wire::put_events::Malformed<'_>,
    >,
    name: &str,
) -> &'e str {
    let event = event.as_ref().expect("an event");
    let found = event.attributes.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value.as_ref())
}

pub(crate) fn header<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let found = request.headers.iter().find(|(header, _)| *header == name);
    found.map(|(_, value)| value.as_str())
}

fn reply(status: u16, body: String) -> Reply {
    Reply {
        status,
        headers: Vec::new(),
        body: body.into_bytes(),
        silence: None,
    }
}

fn fault(now: Timestamp, random: &mut Random) -> Reply {
    let status = random.pick(&[403, 404, 408, 429, 429, 500, 502, 503, 503, 504]);
    let mut reply = reply(status, String::from("<html>trouble</html>"));
    if (status == 429 || status == 503) && random.percent(60) {
        let seconds = random.between(0, 90);
        let value = if random.percent(70) {
            seconds.to_string()
        } else {
            http_date(Timestamp(now.0 + seconds as i64 * 1_000))
        };
        reply.silence = Some(seconds * 1_000);
        reply.headers.push(("retry-after".into(), value));
    }
    reply
}

/// RFC 9110's IMF-fixdate.
fn http_date(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let date = at.date();
    let seconds = at.0.div_euclid(1_000);
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        DAYS[seconds.div_euclid(86_400).rem_euclid(7) as usize],
        date.day,
        MONTHS[usize::from(date.month) - 1],
        date.year,
        seconds.rem_euclid(86_400) / 3_600,
        seconds.rem_euclid(3_600) / 60,
        seconds.rem_euclid(60),
    )
}
