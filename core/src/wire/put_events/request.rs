//! Decoding a request.

use alloc::collections::{BTreeSet, BinaryHeap};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::part::{Reading, Scanner};
use super::{MAX_BODY_BYTES, MAX_ENDPOINTS, MAX_EVENT_BYTES, MAX_EVENTS, MAX_ID_CHARS};
use crate::event::{Endpoint, Event, Session, Text};
use crate::json::{Limits, Value, Writer};
use crate::wire::decode::{self, Node};
use crate::wire::{DecodeError, endpoint, update_endpoint};

/// A request that was parted: who sends, and what. Each event is read by itself, with
/// [`SentEvent::read`], so that none costs its neighbours anything, and few are in memory at once.
#[derive(Debug, PartialEq)]
pub struct Request<'a> {
    /// `BatchItem`: at most [`MAX_ENDPOINTS`] batches, each endpoint id once.
    pub batches: Vec<Batch<'a>>,
}

/// `EventsBatch`: one endpoint and its events.
#[derive(Debug, PartialEq)]
pub struct Batch<'a> {
    /// The endpoint id.
    pub endpoint_id: Text<'a>,
    /// `Endpoint`
    pub endpoint: SentEndpoint<'a>,
    /// `Events`, in their order.
    pub events: Vec<SentEvent<'a>>,
}

/// An endpoint as it was sent with events.
#[derive(Debug, PartialEq, Default)]
pub struct SentEndpoint<'a> {
    /// What Pinpoint would take of it. A member that is wrong is left out.
    pub endpoint: Endpoint<'a>,
    /// What is wrong, where in the endpoint, and why: the first [`MAX_MISTAKES`] mistakes.
    pub mistakes: Vec<DecodeError>,
    /// What was sent; empty where nothing was.
    pub bytes: &'a [u8],
}

/// Most mistakes that are told of an endpoint.
pub const MAX_MISTAKES: usize = 40;

/// An event as it was sent, and not read yet.
#[derive(Debug, PartialEq)]
pub struct SentEvent<'a> {
    /// The event id.
    pub id: Text<'a>,
    /// What was sent.
    pub bytes: &'a [u8],
    /// What is wrong with the ids that it stands under.
    id_mistake: Option<&'static str>,
}

/// An event that was read.
#[derive(Debug, PartialEq)]
pub struct ReadEvent<'a> {
    /// The event; or where in it, e.g. `Attributes.plan`, and why, it is none.
    pub event: Result<Event<'a>, DecodeError>,
    /// The JSON that was sent, unknown members included; `None` where it is not JSON.
    pub sent: Option<Value<'a>>,
}

/// An event whose attributes are nested is to be told so, which leaves room for some depth.
const EVENT_LIMITS: Limits = Limits {
    depth: 28,
    values: 64 * 1024,
};

const ID: &str = "expected an id of 1 to 256 characters, got none or more";
const ENDPOINT_ID: &str = "expected an endpoint id of 1 to 256 characters, got none or more";
const EVENT_ID_ONCE: &str = "expected each event id once, got one twice";

impl<'a> Request<'a> {
    /// Parts a request body into its endpoints and events.
    ///
    /// # Errors
    /// [`DecodeError`] where the whole request cannot be parted: brackets or strings that do not
    /// close, `BatchItem` missing, given twice or not a map; and where it holds more than
    /// [`MAX_BODY_BYTES`], [`MAX_ENDPOINTS`] or [`MAX_EVENTS`].
    pub fn decode(body: &'a [u8]) -> Result<Request<'a>, DecodeError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(refusal(String::new(), "expected at most 4 MB"));
        }
        // What is not exact is read by guesses about which brackets are wrong.
        for reading in [Reading::Exact, Reading::ByDepth, Reading::ByKind] {
            let mut parts = Parts::default();
            if parts.read(body, reading) {
                return Ok(Request {
                    batches: merged(&parts.batches),
                });
            }
            if let Some(refusal) = parts.refusal {
                return Err(refusal);
            }
        }
        Err(not_parted(body))
    }
}

fn refusal(path: String, reason: &str) -> DecodeError {
    DecodeError {
        path,
        reason: String::from(reason),
    }
}

/// Why a body cannot be parted: what a reader of JSON says, where it finds anything.
fn not_parted(body: &[u8]) -> DecodeError {
    const LIMITS: Limits = Limits {
        depth: 32,
        values: 64 * 1024,
    };
    match decode::parse(body, LIMITS) {
        Err(error) => error,
        Ok(value) => {
            let item = value.get("BatchItem").unwrap_or(&Value::Null);
            no_object("BatchItem", item.kind())
        }
    }
}

/// What was found so far, as text.
#[derive(Default)]
struct Parts<'a> {
    batches: Vec<Part<'a>>,
    events: usize,
    has_batch_item: bool,
    /// Why the whole request is refused, where that is not because it cannot be parted.
    refusal: Option<DecodeError>,
}

/// A batch: names with their quotes, and values.
struct Part<'a> {
    name: &'a [u8],
    /// What stands under `Endpoint`, each time it is given.
    endpoints: Vec<&'a [u8]>,
    events: Vec<(&'a [u8], &'a [u8])>,
    /// What is wrong with the batch beside its endpoint and events.
    mistake: Option<DecodeError>,
}

impl<'a> Parts<'a> {
    /// Whether the body can be parted, and is not refused.
    fn read(&mut self, body: &'a [u8], reading: Reading) -> bool {
        let mut scanner = Scanner::new(body, reading);
        let is_object = scanner.peek() == Some(b'{');
        let is_read = is_object && self.root(&mut scanner).is_some();
        is_read && scanner.is_at_end() && self.has_batch_item && self.refusal.is_none()
    }

    fn root(&mut self, scanner: &mut Scanner<'a>) -> Option<()> {
        scanner.object(|scanner, name| {
            if !is(name, "BatchItem") {
                return scanner.value().map(drop);
            }
            if self.has_batch_item {
                self.refusal = Some(refusal(
                    String::new(),
                    "expected each name once, got one twice",
                ));
                return None;
            }
            if scanner.peek() != Some(b'{') {
                return None;
            }
            self.has_batch_item = true;
            scanner.object(|scanner, name| self.batch(scanner, name))
        })
    }

    fn batch(&mut self, scanner: &mut Scanner<'a>, name: &'a [u8]) -> Option<()> {
        let mut part = Part {
            name,
            endpoints: Vec::new(),
            events: Vec::new(),
            mistake: None,
        };
        if scanner.peek() == Some(b'{') {
            let mut has_events = false;
            scanner.object(|scanner, name| {
                if is(name, "Endpoint") {
                    part.endpoints.push(scanner.value()?);
                } else if is(name, "Events") {
                    has_events = true;
                    return self.events(scanner, &mut part);
                } else {
                    scanner.value()?;
                }
                Some(())
            })?;
            if !has_events {
                part.mistake = Some(no_object("Events", Value::Null.kind()));
            }
        } else {
            // As everywhere on this wire, null is absent.
            let value = scanner.value()?;
            if value == b"null" {
                return Some(());
            }
            part.mistake = Some(no_object("", kind(value)));
        }
        if self.batches.len() == MAX_ENDPOINTS {
            let reason = "expected at most 100 endpoints";
            self.refusal = Some(refusal(String::from("BatchItem"), reason));
            return None;
        }
        self.batches.push(part);
        Some(())
    }

    fn events(&mut self, scanner: &mut Scanner<'a>, part: &mut Part<'a>) -> Option<()> {
        if scanner.peek() != Some(b'{') {
            part.mistake = Some(no_object("Events", kind(scanner.value()?)));
            return Some(());
        }
        scanner.object(|scanner, name| {
            let value = scanner.value()?;
            if value == b"null" {
                return Some(());
            }
            self.events += 1;
            part.events.push((name, value));
            if self.events <= MAX_EVENTS {
                return Some(());
            }
            self.refusal = Some(if part.events.len() > MAX_EVENTS {
                let path = ["BatchItem", &id(part.name).0, "Events"].join(".");
                refusal(path, "expected at most 100 events")
            } else {
                let reason = "expected at most 100 events in all batches together";
                refusal(String::from("BatchItem"), reason)
            });
            None
        })
    }
}

fn no_object(path: &str, kind: &str) -> DecodeError {
    refusal(
        String::from(path),
        &["expected an object, got ", kind].concat(),
    )
}

/// The type of a value in words. The first byte decides, since the rest may not be JSON.
fn kind(bytes: &[u8]) -> &'static str {
    match bytes.first() {
        Some(b'"') => "a string",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'-' | b'0'..=b'9') => "a number",
        Some(b'n') | None => "nothing",
        _ => "something else",
    }
}

/// Whether a name with its quotes is this one.
fn is(name: &[u8], expected: &str) -> bool {
    match text(name) {
        Some(text) => text == expected,
        None => false,
    }
}

/// The text of a string with its quotes; `None` where it is none of JSON's.
fn text(string: &[u8]) -> Option<Text<'_>> {
    const LIMITS: Limits = Limits {
        depth: 0,
        values: 1,
    };
    match Value::parse(string, LIMITS) {
        Ok(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// The id that stands between quotes, and whether it can be used.
fn id(name: &[u8]) -> (Text<'_>, bool) {
    match text(name) {
        Some(id) => {
            let can_be_used = !id.is_empty() && id.chars().count() <= MAX_ID_CHARS;
            (id, can_be_used)
        }
        None => {
            let bare = name.get(1..name.len() - 1).unwrap_or_default();
            (String::from_utf8_lossy(bare), false)
        }
    }
}

/// The batches, with those of one endpoint together.
fn merged<'a>(parts: &[Part<'a>]) -> Vec<Batch<'a>> {
    let mut batches: Vec<Batch<'a>> = Vec::with_capacity(parts.len());
    for part in parts {
        let (endpoint_id, can_be_used) = id(part.name);
        let events = part.events.iter().map(|(name, bytes)| {
            let (id, has_id) = id(name);
            let id_mistake = match (can_be_used, has_id) {
                (false, _) => Some(ENDPOINT_ID),
                (_, false) => Some(ID),
                _ => None,
            };
            SentEvent {
                id,
                bytes,
                id_mistake,
            }
        });
        let known = batches
            .iter_mut()
            .find(|batch| batch.endpoint_id == endpoint_id);
        match known {
            Some(batch) => {
                batch.events.extend(events);
                batch
                    .endpoint
                    .refuse("expected each endpoint id once, got one twice");
            }
            None => {
                let mut endpoint = part.endpoint();
                if !can_be_used {
                    endpoint.refuse(ID);
                }
                batches.push(Batch {
                    endpoint_id,
                    endpoint,
                    events: events.collect(),
                });
            }
        }
    }
    for batch in &mut batches {
        mark_repeated(&mut batch.events);
    }
    batches
}

/// An event id that stands for several events names none of them.
fn mark_repeated(events: &mut [SentEvent<'_>]) {
    // Few requests have any, which is found out without a copy of an id.
    let ids: BinaryHeap<&str> = events.iter().map(|event| event.id.as_ref()).collect();
    let ids = ids.into_sorted_vec();
    let repeated = ids.windows(2).filter_map(|pair| match pair {
        [one, next] if one == next => Some(String::from(*one)),
        _ => None,
    });
    let repeated: BTreeSet<String> = repeated.collect();
    if repeated.is_empty() {
        return;
    }
    for event in events {
        if repeated.contains(event.id.as_ref()) {
            event.id_mistake = event.id_mistake.or(Some(EVENT_ID_ONCE));
        }
    }
}

impl<'a> Part<'a> {
    fn endpoint(&self) -> SentEndpoint<'a> {
        let mut endpoint = match self.endpoints.as_slice() {
            [] => SentEndpoint::missing(),
            [bytes] => SentEndpoint::read(bytes),
            [first, ..] => {
                let mut endpoint = SentEndpoint {
                    bytes: first,
                    ..SentEndpoint::default()
                };
                endpoint.refuse("expected one Endpoint, got several");
                endpoint
            }
        };
        if let Some(mistake) = &self.mistake {
            endpoint.mistakes.insert(0, mistake.clone());
        }
        endpoint
    }
}

impl<'a> SentEndpoint<'a> {
    fn missing() -> SentEndpoint<'a> {
        let mut endpoint = SentEndpoint::default();
        endpoint.refuse("expected an object, got nothing");
        endpoint
    }

    /// What was sent; `None` where that is not JSON, or not within the limits of an endpoint.
    pub fn value(&self) -> Option<Value<'a>> {
        update_endpoint::parse(self.bytes).ok()
    }

    /// Nothing of it can be used.
    fn refuse(&mut self, reason: &str) {
        self.endpoint = Endpoint::default();
        self.mistakes = vec![refusal(String::new(), reason)];
    }

    fn read(bytes: &'a [u8]) -> SentEndpoint<'a> {
        if bytes == b"null" {
            return SentEndpoint::missing();
        }
        let read = update_endpoint::parse(bytes).map(|value| endpoint::read_sent(&value));
        let (endpoint, mut mistakes) =
            read.unwrap_or_else(|error| (Endpoint::default(), vec![error]));
        mistakes.truncate(MAX_MISTAKES);
        SentEndpoint {
            endpoint,
            mistakes,
            bytes,
        }
    }
}

impl<'a> SentEvent<'a> {
    /// Reads the event. How many attributes and metrics it has, and how long their names and values
    /// are, is for [`Schema::validate`](crate::schema::Schema::validate) to judge, as in the browser.
    /// Without an id to be told apart by it is none.
    pub fn read(&self) -> ReadEvent<'a> {
        let mut read = read_event(self.bytes);
        if let Some(reason) = self.id_mistake {
            read.event = Err(refusal(String::new(), reason));
        }
        read
    }

    /// Whether it stands under the same id as another event of its endpoint.
    pub fn shares_its_id(&self) -> bool {
        self.id_mistake == Some(EVENT_ID_ONCE)
    }
}

/// Reads one event.
pub fn read_event(bytes: &[u8]) -> ReadEvent<'_> {
    let sent = match decode::parse(bytes, EVENT_LIMITS) {
        Ok(sent) => sent,
        Err(error) => {
            return ReadEvent {
                event: Err(error),
                sent: None,
            };
        }
    };
    let event = decode::value(&sent, |node| {
        // No event is larger than the text that holds it, so that few need to be measured.
        if bytes.len() > MAX_EVENT_BYTES {
            check_size(node);
        }
        read_members(node)
    });
    ReadEvent {
        event,
        sent: Some(sent),
    }
}

/// An event's size is that of its JSON without white space.
fn check_size(event: &Node<'_, '_>) {
    let mut writer = Writer::new();
    writer.value(event.value());
    if writer.byte_len() > MAX_EVENT_BYTES {
        event.refuse("expected an event of at most 1,000 KB, got a larger one");
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
        metrics: node
            .member("Metrics")
            .map(|node| node.number_in_double_range()),
        session: node.member("Session").optional(read_session),
    }
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
