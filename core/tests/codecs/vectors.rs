use std::borrow::Cow;
use std::fs;

use forebay_core::json::{Limits, Value, Writer};
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::{Application, Client, Device, Record};
use forebay_core::wire::put_events::{MAX_BODY_BYTES, Request, Response};
use forebay_core::wire::{DecodeError, cognito_identity, update_endpoint};

use crate::browser::{event_text, request_text};

const LIMITS: Limits = Limits {
    depth: 64,
    values: 100_000,
};

/// Reads a file of vectors and hands it to `check`, so that what it holds can borrow from it.
fn with_vectors(file: &str, check: impl Fn(&Value<'_>)) {
    let path = format!("{}/../tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let vectors = Value::parse(&text, LIMITS).unwrap_or_else(|error| panic!("{path}: {error}"));
    check(&vectors);
}

fn list<'v, 'a>(value: &'v Value<'a>, name: &str) -> &'v [Value<'a>] {
    match value.get(name) {
        Some(Value::Array(elements)) => {
            assert!(!elements.is_empty(), "{name} is empty");
            elements
        }
        _ => panic!("no list {name} in {value:?}"),
    }
}

fn text<'v>(value: &'v Value<'_>, name: &str) -> &'v str {
    value
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no text {name} in {value:?}"))
}

fn integer(value: &Value<'_>, name: &str) -> i64 {
    match value.get(name) {
        Some(Value::Number(number)) => number.to_i64().unwrap(),
        _ => panic!("no whole number {name} in {value:?}"),
    }
}

/// A message: the text itself, or a value's text without white space.
fn message(value: &Value<'_>) -> String {
    match value {
        Value::String(text) => text.clone().into_owned(),
        value => {
            let mut writer = Writer::new();
            writer.value(value);
            writer.finish()
        }
    }
}

/// Checks every case of a file: `decode` gives back the text of what it read from `input`.
fn check_cases(file: &str, decode: impl Fn(&Value<'_>, &[u8]) -> Result<String, DecodeError>) {
    with_vectors(file, |vectors| {
        for case in list(vectors, "cases") {
            let name = text(case, "name");
            let input = message(case.get("input").unwrap());
            match (decode(case, input.as_bytes()), case.get("error")) {
                (Ok(read), None) => {
                    assert_eq!(read, message(case.get("expected").unwrap()), "{name}");
                }
                (Err(error), Some(expected)) => {
                    assert_eq!(error.path, text(expected, "path"), "{name}");
                    assert_eq!(error.reason, text(expected, "reason"), "{name}");
                }
                (result, _) => panic!("{name}: {result:?}"),
            }
        }
    });
}

#[test]
fn json() {
    with_vectors("json.json", |vectors| {
        for case in list(vectors, "read") {
            let read = Value::parse(text(case, "text").as_bytes(), LIMITS);
            let mut writer = Writer::new();
            writer.value(&read.unwrap_or_else(|error| panic!("{case:?}: {error}")));
            assert_eq!(writer.finish(), text(case, "written"));
        }
        for refused in ["refused", "refused_though_grammatical"] {
            for case in list(vectors, refused) {
                let error = Value::parse(text(case, "text").as_bytes(), LIMITS).unwrap_err();
                assert_eq!(error.offset as i64, integer(case, "offset"), "{case:?}");
            }
        }
    });
}

#[test]
fn surrogates() {
    with_vectors("surrogates.json", |vectors| {
        for case in list(vectors, "cases") {
            let json = text(case, "json");
            let expected = Value::String(text(case, "text").into());
            assert_eq!(
                Value::parse(json.as_bytes(), LIMITS),
                Ok(expected),
                "{case:?}"
            );
            let units = list(case, "units").iter().map(|unit| match unit {
                Value::Number(unit) => unit.to_i64().unwrap() as u16,
                _ => panic!("{case:?}"),
            });
            let units: Vec<u16> = units.collect();
            assert_eq!(String::from_utf16_lossy(&units), text(case, "text"));
        }
    });
}

#[test]
fn timestamps() {
    type Read = fn(&str) -> Option<Timestamp>;
    type Write = fn(Timestamp) -> String;
    let forms: [(&str, Read, Option<Write>); 3] = [
        (
            "iso8601",
            Timestamp::parse_iso8601,
            Some(Timestamp::to_iso8601),
        ),
        (
            "amz_date",
            Timestamp::parse_amz_date,
            Some(Timestamp::to_amz_date),
        ),
        ("http_date", Timestamp::parse_http_date, None),
    ];
    with_vectors("timestamps.json", |vectors| {
        for (form, read, write) in forms {
            let vectors = vectors.get(form).unwrap();
            for case in list(vectors, "read") {
                let expected = Some(Timestamp(integer(case, "milliseconds")));
                assert_eq!(read(text(case, "text")), expected, "{case:?}");
            }
            for case in list(vectors, "refused") {
                assert_eq!(read(case.as_str().unwrap()), None, "{case:?}");
            }
            let Some(write) = write else { continue };
            for case in list(vectors, "written") {
                let timestamp = Timestamp(integer(case, "milliseconds"));
                assert_eq!(write(timestamp), text(case, "text"));
            }
        }
    });
}

/// What a browser is to write is written here too, and read again.
#[test]
fn put_events_encoding() {
    with_vectors("put_events_encoding.json", |vectors| {
        for case in list(vectors, "cases") {
            let endpoint = message(case.get("endpoint").unwrap());
            let Some(Value::Array(events)) = case.get("events") else {
                panic!("no events")
            };
            let time = |event: &Value<'_>| Timestamp(integer(event, "milliseconds"));
            let texts: Vec<_> = events
                .iter()
                .map(|event| {
                    let body = message(event.get("event").unwrap());
                    (text(event, "id"), time(event).to_iso8601(), body)
                })
                .collect();
            let expected = text(case, "expected");
            let body = request_text(text(case, "endpoint_id"), &endpoint, &texts);
            assert_eq!(body, expected);
            let request = Request::decode(expected.as_bytes()).unwrap();
            let batch = &request.batches[0];
            assert_eq!(batch.endpoint_id, text(case, "endpoint_id"));
            assert_eq!(batch.events.len(), events.len());
            for (sent, event) in batch.events.iter().zip(events) {
                let read = sent.read().event.unwrap();
                assert_eq!(
                    (sent.id.as_ref(), read.timestamp),
                    (text(event, "id"), time(event))
                );
                assert_eq!(event_text(&read), message(event.get("event").unwrap()));
            }
        }
    });
}

fn write_error(writer: &mut Writer, error: &DecodeError) {
    writer.begin_object();
    writer.name("path").string(&error.path);
    writer.name("reason").string(&error.reason);
    writer.end_object();
}

/// What was read from a request, in the form that the vectors have.
fn written(request: &Request<'_>) -> String {
    let mut writer = Writer::new();
    writer.begin_array();
    for batch in &request.batches {
        let endpoint = &batch.endpoint;
        writer.begin_object();
        writer.name("endpoint_id").string(&batch.endpoint_id);
        writer
            .name("endpoint")
            .string(&update_endpoint::encode(&endpoint.endpoint));
        if !endpoint.mistakes.is_empty() {
            writer.name("mistakes").begin_array();
            for mistake in &endpoint.mistakes {
                write_error(&mut writer, mistake);
            }
            writer.end_array();
        }
        writer.name("events").begin_array();
        for event in &batch.events {
            writer.begin_object().name("id").string(&event.id);
            match event.read().event {
                Ok(event) => {
                    writer.name("milliseconds").integer(event.timestamp.0);
                    writer.name("event").string(&event_text(&event));
                }
                Err(error) => write_error(writer.name("error"), &error),
            }
            writer.end_object();
        }
        writer.end_array().end_object();
    }
    writer.end_array();
    writer.finish()
}

/// Replaces the messages within what is expected of a request by their texts.
fn with_messages_as_texts(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Array(elements) => {
            Value::Array(elements.iter().map(with_messages_as_texts).collect())
        }
        Value::Object(members) => {
            let member = |(name, value): &(Cow<'_, str>, Value<'_>)| {
                let value = match name.as_ref() {
                    "endpoint" | "event" => Value::String(Cow::Owned(message(value))),
                    _ => with_messages_as_texts(value),
                };
                (Cow::Owned(name.clone().into_owned()), value)
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::String(text) => Value::String(Cow::Owned(text.clone().into_owned())),
        Value::Number(number) => Value::Number(number.to_i64().unwrap().into()),
        Value::Bool(value) => Value::Bool(*value),
        Value::Null => Value::Null,
    }
}

#[test]
fn put_events_request() {
    with_vectors("put_events_request.json", |vectors| {
        for case in list(vectors, "cases") {
            let name = text(case, "name");
            let input = message(case.get("input").unwrap());
            assert!(input.len() < MAX_BODY_BYTES);
            match (Request::decode(input.as_bytes()), case.get("error")) {
                (Ok(request), None) => {
                    let expected = with_messages_as_texts(case.get("expected").unwrap());
                    assert_eq!(written(&request), message(&expected), "{name}");
                }
                (Err(error), Some(expected)) => {
                    assert_eq!(error.path, text(expected, "path"), "{name}");
                    assert_eq!(error.reason, text(expected, "reason"), "{name}");
                }
                (result, _) => panic!("{name}: {result:?}"),
            }
        }
    });
}

#[test]
fn put_events_response() {
    check_cases("put_events_response.json", |_, body| {
        Response::decode(body).map(|response| response.encode())
    });
}

#[test]
fn update_endpoint() {
    check_cases("update_endpoint.json", |_, body| {
        update_endpoint::decode(body).map(|endpoint| update_endpoint::encode(&endpoint))
    });
}

#[test]
fn cognito_identity() {
    use cognito_identity::{
        ErrorResponse, GetCredentialsForIdentityRequest, GetCredentialsForIdentityResponse,
        GetIdRequest, GetIdResponse,
    };
    check_cases("cognito_identity.json", |case, body| {
        match text(case, "message") {
            "GetIdRequest" => GetIdRequest::decode(body).map(|message| message.encode()),
            "GetIdResponse" => GetIdResponse::decode(body).map(|message| message.encode()),
            "GetCredentialsForIdentityRequest" => {
                GetCredentialsForIdentityRequest::decode(body).map(|message| message.encode())
            }
            "GetCredentialsForIdentityResponse" => {
                GetCredentialsForIdentityResponse::decode(body).map(|message| message.encode())
            }
            "ErrorResponse" => ErrorResponse::decode(body).map(|message| message.encode()),
            other => panic!("no message {other}"),
        }
    });
}

/// A record without its closing newline, which every record has.
fn written_back(record: &[u8]) -> Result<String, DecodeError> {
    let mut text = Record::decode(record)?.encode();
    assert_eq!(text.pop(), Some('\n'));
    Ok(text)
}

#[test]
fn event_stream() {
    check_cases("event_stream.json", |_, record| written_back(record));
}

#[test]
fn locales_are_split() {
    with_vectors("event_stream.json", |vectors| {
        for case in list(vectors, "locales") {
            let record = Record {
                event_type: Cow::Borrowed("A"),
                event_timestamp: Timestamp(0),
                arrival_timestamp: Timestamp(0),
                application: Application::default(),
                client: Client::default(),
                device: Device {
                    locale: Some(Cow::Borrowed(text(case, "code"))),
                    ..Device::default()
                },
                session: None,
                attributes: Vec::new(),
                metrics: Vec::new(),
                endpoint: Default::default(),
                aws_account_id: None,
                forebay: None,
            }
            .encode();
            let record = Value::parse(record.as_bytes(), LIMITS).unwrap();
            let locale = record
                .get("device")
                .and_then(|device| device.get("locale"))
                .unwrap();
            for name in ["code", "language", "country"] {
                assert_eq!(locale.get(name), case.get(name), "{case:?}");
            }
        }
    });
}

/// Follows a consumer of Pinpoint's stream through a record: the members it reads are where it reads them, and the
/// date has the one form that its format string takes.
#[test]
fn pinpoint_consumer() {
    with_vectors("pinpoint_consumer.json", |vectors| {
        for case in list(vectors, "cases") {
            let input = message(case.get("input").unwrap());
            assert_eq!(
                written_back(input.as_bytes()).as_ref(),
                Ok(&input),
                "its own text"
            );

            let data = Value::parse(input.as_bytes(), LIMITS).unwrap();
            let Some(Value::Object(expected)) = case.get("expected") else {
                panic!("nothing expected")
            };
            for (name, value) in expected {
                let found = match name.as_ref() {
                    "event_type" => data.get("event_type"),
                    "datetime" => data.get("endpoint").and_then(|it| it.get("EffectiveDate")),
                    "session_id" => data.get("session").and_then(|it| it.get("session_id")),
                    name => data.get("attributes").and_then(|it| it.get(name)),
                };
                assert_eq!(found, Some(value), "{name}");
            }
            let date = text(case.get("expected").unwrap(), "datetime");
            let in_form = jiff::civil::DateTime::strptime("%Y-%m-%dT%H:%M:%S%.fZ", date);
            assert!(in_form.is_ok() && date.contains('.'), "{date}");
        }
    });
}
