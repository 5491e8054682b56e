//! Events as plain JSON: the body of `POST /v1/events`, for servers and `curl`.
//!
//! An event is what the browser's `record()` takes, `{name, attributes, metrics}`, with what a browser
//! adds by itself: id, time, session, user, app, device. Each event is turned into a PutEvents request
//! of its own, so that all that follows is the same for both.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use super::DecodeError;
use super::decode::{Node, parse, value};
use super::put_events::MAX_ID_CHARS;
use crate::event::Text;
use crate::json::{Limits, Value, Writer};
use crate::time::Timestamp;

/// Most events of one body.
pub const MAX_EVENTS: usize = 500;
/// Most bytes of one body.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// Most bytes of what the events of a body share: as for an endpoint by itself.
const MAX_SHARED_BYTES: usize = super::update_endpoint::MAX_BODY_BYTES;

/// Five hundred full events have about 30,000 values.
const LIMITS: Limits = Limits {
    depth: 32,
    values: 64 * 1024,
};

/// The events of a body.
#[derive(Debug, PartialEq)]
pub struct Body<'a> {
    /// Each event, or a line of NDJSON that is none.
    pub events: Vec<Result<Value<'a>, Unreadable<'a>>>,
    /// What holds for all events that do not say it themselves; null where there is nothing.
    pub shared: Value<'a>,
    /// How long that is, as JSON: each event gets a copy.
    pub shared_bytes: usize,
}

/// A line of NDJSON that is no JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable<'a> {
    /// Why.
    pub error: DecodeError,
    /// As it was sent.
    pub line: &'a [u8],
}

impl<'a> Body<'a> {
    /// Reads a body: one event, an array of events, an object with `events` and what they share, or
    /// NDJSON, which has one event a line. `is_ndjson` says that the sender calls it NDJSON; otherwise
    /// what it is shows in the body itself.
    ///
    /// # Errors
    /// [`DecodeError`] where the body is none of them, holds more than [`MAX_BODY_BYTES`] or
    /// [`MAX_EVENTS`], no event at all, or more than 15 KB that all events share.
    pub fn read(body: &'a [u8], is_ndjson: bool) -> Result<Body<'a>, DecodeError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(whole("expected at most 4 MB"));
        }
        // PowerShell and .NET begin a file with a byte order mark.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut read = if is_ndjson || has_lines(body) {
            lines(body)
        } else {
            parse(body, LIMITS).map(Body::of)?
        };
        let mut shared = Writer::new();
        shared.value(&read.shared);
        read.shared_bytes = shared.byte_len();
        if read.shared_bytes > MAX_SHARED_BYTES {
            return Err(whole("expected at most 15 KB beside `events`"));
        }
        match read.events.len() {
            0 => Err(whole("expected at least one event")),
            1..=MAX_EVENTS => Ok(read),
            _ => Err(whole(
                "expected at most 500 events; send the rest in another request",
            )),
        }
    }

    fn of(body: Value<'a>) -> Body<'a> {
        let all = |events: Vec<Value<'a>>| events.into_iter().map(Ok).collect();
        match body {
            Value::Array(events) => Body {
                events: all(events),
                shared: Value::Null,
                shared_bytes: 0,
            },
            Value::Object(mut members) if !members.iter().any(|(name, _)| name == "name") => {
                let at = members
                    .iter()
                    .position(|(name, value)| name == "events" && matches!(value, Value::Array(_)));
                match at.map(|at| members.remove(at)) {
                    Some((_, Value::Array(events))) => Body {
                        events: all(events),
                        shared: Value::Object(members),
                        shared_bytes: 0,
                    },
                    _ => Body {
                        events: Vec::from([Ok(Value::Object(members))]),
                        shared: Value::Null,
                        shared_bytes: 0,
                    },
                }
            }
            event => Body {
                events: Vec::from([Ok(event)]),
                shared: Value::Null,
                shared_bytes: 0,
            },
        }
    }
}

fn whole(reason: &str) -> DecodeError {
    DecodeError {
        path: String::new(),
        reason: String::from(reason),
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Whether the first line is a JSON object by itself, and more follows.
fn has_lines(body: &[u8]) -> bool {
    let mut lines = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !is_blank(line));
    let first = lines.next().unwrap_or_default();
    let is_object = first.trim_ascii_start().starts_with(b"{");
    is_object && lines.next().is_some() && Value::parse_repetitive(first, LIMITS).is_ok()
}

/// NDJSON: a line that cannot be read costs its own event.
fn lines(body: &[u8]) -> Body<'_> {
    let lines = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !is_blank(line));
    Body {
        // One more than allowed is enough to be refused by.
        events: lines
            .take(MAX_EVENTS + 1)
            .map(|line| parse(line, LIMITS).map_err(|error| Unreadable { error, line }))
            .collect(),
        shared: Value::Null,
        shared_bytes: 0,
    }
}

/// An event, ready to become a PutEvents request.
#[derive(Debug, PartialEq)]
pub struct PlainEvent<'a> {
    /// `id`
    pub id: Option<Text<'a>>,
    /// `endpoint_id`
    pub endpoint_id: Option<Text<'a>>,
    /// `user.id`
    pub user_id: Option<Text<'a>>,
    /// Whether the sender said when it happened.
    pub has_timestamp: bool,
    /// `Endpoint` of PutEvents, as JSON.
    endpoint: String,
    /// `Event` of PutEvents, as JSON.
    event: String,
}

/// How a member is called here and by PutEvents, and what it has to be.
type Member = (&'static str, &'static str, Kind);

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Text,
    Number,
    Time,
}

const EVENT: [&str; 12] = [
    "id",
    "name",
    "timestamp",
    "attributes",
    "metrics",
    "endpoint_id",
    "user",
    "session",
    "app",
    "device",
    "sdk",
    "location",
];
const USER: [&str; 2] = ["id", "attributes"];
const SESSION: [Member; 3] = [
    ("id", "Id", Kind::Text),
    ("start", "StartTimestamp", Kind::Time),
    ("stop", "StopTimestamp", Kind::Time),
];
const APP: [Member; 3] = [
    ("title", "AppTitle", Kind::Text),
    ("package_name", "AppPackageName", Kind::Text),
    ("version_code", "AppVersionCode", Kind::Text),
];
/// In `Demographic`, where PutEvents has it.
const APP_VERSION: Member = ("version_name", "AppVersion", Kind::Text);
const SDK: [Member; 2] = [
    ("name", "SdkName", Kind::Text),
    ("version", "ClientSdkVersion", Kind::Text),
];
const DEVICE: [Member; 7] = [
    ("make", "Make", Kind::Text),
    ("model", "Model", Kind::Text),
    ("model_version", "ModelVersion", Kind::Text),
    ("platform", "Platform", Kind::Text),
    ("platform_version", "PlatformVersion", Kind::Text),
    ("locale", "Locale", Kind::Text),
    ("timezone", "Timezone", Kind::Text),
];
const LOCATION: [Member; 6] = [
    ("country", "Country", Kind::Text),
    ("region", "Region", Kind::Text),
    ("city", "City", Kind::Text),
    ("postal_code", "PostalCode", Kind::Text),
    ("latitude", "Latitude", Kind::Number),
    ("longitude", "Longitude", Kind::Number),
];

impl<'a> PlainEvent<'a> {
    /// Reads an event. What it does not say itself is taken from `shared`, which is [`Body::shared`];
    /// `arrival` stands for a time that is not said.
    ///
    /// Attributes and metrics are taken as they are, for the schema to judge, as in the browser; a
    /// boolean attribute is written as the wire writes it.
    ///
    /// # Errors
    /// [`DecodeError`] with the first member that is not known, not of its type, or missing.
    pub fn read(
        sent: &Value<'a>,
        shared: &Value<'a>,
        arrival: Timestamp,
    ) -> Result<PlainEvent<'a>, DecodeError> {
        value(&merged(sent, shared), |root| read_event(root, arrival))
    }

    /// A PutEvents request of this one event.
    pub fn to_put_events(&self, endpoint_id: &str, event_id: &str) -> String {
        let mut writer = Writer::new();
        writer.begin_object().name("BatchItem").begin_object();
        writer.name(endpoint_id).begin_object();
        writer.name("Endpoint").raw(&self.endpoint);
        writer.name("Events").begin_object();
        writer.name(event_id).raw(&self.event).end_object();
        writer.end_object().end_object().end_object();
        writer.finish()
    }
}

/// An event with the members of `shared` that it has not itself.
fn merged<'v, 'a>(sent: &'v Value<'a>, shared: &Value<'a>) -> Cow<'v, Value<'a>> {
    let (Value::Object(own), Value::Object(shared)) = (sent, shared) else {
        return Cow::Borrowed(sent);
    };
    let is_own = |name: &str| own.iter().any(|(own, _)| own == name);
    let added = shared.iter().filter(|(name, _)| !is_own(name));
    let all = own.iter().chain(added).cloned();
    Cow::Owned(Value::Object(all.collect()))
}

fn read_event<'a>(root: &Node<'_, 'a>, arrival: Timestamp) -> PlainEvent<'a> {
    known(root, &EVENT);
    let id = root.member("id").optional(read_id);
    let endpoint_id = root.member("endpoint_id").optional(read_id);
    let timestamp = root.member("timestamp").optional(read_time);
    let at = timestamp.unwrap_or(arrival);
    let user = root.member("user");
    let app = root.member("app");
    let mut event = Writer::new();
    event.begin_object();
    event.name("EventType").string(&root.member("name").text());
    event.name("Timestamp").string(&at.to_iso8601());
    write_attributes(&mut event, &root.member("attributes"));
    if !root.member("metrics").is_absent() {
        event.name("Metrics").value(root.member("metrics").value());
    }
    write_members(&mut event, &app, &APP, &[APP_VERSION.0]);
    write_members(&mut event, &root.member("sdk"), &SDK, &[]);
    let session = root.member("session");
    if !session.is_absent() {
        known(&session, &SESSION.map(|(name, ..)| name));
        session.member("id").text();
        // A session that does not say when it began has begun with the event.
        event.name("Session").begin_object();
        if session.member("start").is_absent() {
            event.name("StartTimestamp").string(&at.to_iso8601());
        }
        write_members(&mut event, &session, &SESSION, &[]);
        event.end_object();
    }
    event.end_object();
    PlainEvent {
        id,
        endpoint_id,
        user_id: user
            .optional(|user| user.member("id").optional_text())
            .flatten(),
        has_timestamp: timestamp.is_some(),
        endpoint: read_endpoint(root),
        event: event.finish(),
    }
}

fn read_endpoint(root: &Node<'_, '_>) -> String {
    let mut endpoint = Writer::new();
    endpoint.begin_object();
    let (app, device) = (root.member("app"), root.member("device"));
    if !app.member(APP_VERSION.0).is_absent() || !device.is_absent() {
        endpoint.name("Demographic").begin_object();
        write_member(&mut endpoint, &app, APP_VERSION);
        write_members(&mut endpoint, &device, &DEVICE, &[]);
        endpoint.end_object();
    }
    let location = root.member("location");
    if !location.is_absent() {
        endpoint.name("Location").begin_object();
        write_members(&mut endpoint, &location, &LOCATION, &[]);
        endpoint.end_object();
    }
    let user = root.member("user");
    if !user.is_absent() {
        known(&user, &USER);
        endpoint.name("User").begin_object();
        write_member(&mut endpoint, &user, ("id", "UserId", Kind::Text));
        write_user_attributes(&mut endpoint, &user.member("attributes"));
        endpoint.end_object();
    }
    endpoint.end_object();
    endpoint.finish()
}

/// Refuses what is no object, and a member that nobody would read: it is a mistake in its name.
fn known(node: &Node<'_, '_>, names: &[&str]) {
    for (name, _) in node.object() {
        if !names.contains(&&**name) {
            let names = names.join(", ");
            let reason = ["expected one of ", &names, ", got another name"].concat();
            node.member(name).refuse(&reason);
        }
    }
}

fn read_id<'a>(node: &Node<'_, 'a>) -> Text<'a> {
    let id = node.text();
    if id.is_empty() || id.chars().count() > MAX_ID_CHARS {
        node.refuse("expected 1 to 256 characters, got none or more");
    }
    id
}

/// ISO 8601, or milliseconds since the epoch.
fn read_time(node: &Node<'_, '_>) -> Timestamp {
    match node.value() {
        Value::Number(_) => node.epoch_millis(),
        _ => node.iso8601(),
    }
}

/// Writes the members that are there under PutEvents' names, into an object that is open. `others`
/// are known, and written elsewhere.
fn write_members(writer: &mut Writer, node: &Node<'_, '_>, members: &[Member], others: &[&str]) {
    if node.is_absent() {
        return;
    }
    let names = members.iter().map(|(name, ..)| *name);
    let names: Vec<&str> = names.chain(others.iter().copied()).collect();
    known(node, &names);
    for member in members {
        write_member(writer, node, *member);
    }
}

fn write_member(writer: &mut Writer, node: &Node<'_, '_>, (name, wire_name, kind): Member) {
    let member = node.member(name);
    if member.is_absent() {
        return;
    }
    writer.name(wire_name);
    match kind {
        Kind::Text => writer.string(&member.text()),
        Kind::Number => writer.number(&member.number()),
        Kind::Time => writer.string(&read_time(&member).to_iso8601()),
    };
}

fn write_attributes(writer: &mut Writer, attributes: &Node<'_, '_>) {
    if attributes.is_absent() {
        return;
    }
    writer.name("Attributes");
    let Value::Object(members) = attributes.value() else {
        writer.value(attributes.value());
        return;
    };
    writer.begin_object();
    for (name, value) in members {
        writer.name(name);
        match value {
            Value::Bool(true) => writer.string("true"),
            Value::Bool(false) => writer.string("false"),
            other => writer.value(other),
        };
    }
    writer.end_object();
}

/// Each attribute of a user has a list of values; a single text is a list of one.
fn write_user_attributes(writer: &mut Writer, attributes: &Node<'_, '_>) {
    if attributes.is_absent() {
        return;
    }
    writer.name("UserAttributes").begin_object();
    for (name, value) in attributes.object() {
        writer.name(name);
        match value {
            Value::String(text) => writer.begin_array().string(text).end_array(),
            other => writer.value(other),
        };
    }
    writer.end_object();
}
