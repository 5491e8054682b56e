//! Damaged requests: what is wrong inside of one event costs no other.

use forebay_core::event::{Event, Text};
use forebay_core::json::{Limits, Value};
use forebay_core::wire::put_events::Request;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::arbitrary;
use crate::browser::event_text;

/// A request, and where in it the text of each event stands.
#[derive(Debug, Clone)]
struct Sent {
    body: Vec<u8>,
    /// Id, text, and place.
    events: Vec<(String, String, std::ops::Range<usize>)>,
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", " ", "\n\t"])
}

fn sent() -> impl Strategy<Value = Sent> {
    let event = (arbitrary::event(), arbitrary::timestamp()).prop_map(|(event, time)| {
        let text = event_text(&event);
        let members = text.strip_prefix('{').unwrap();
        format!(r#"{{"Timestamp":"{}",{members}"#, time.to_iso8601())
    });
    vec((vec((event, space()), 0..5), space()), 1..4).prop_map(|batches| {
        let mut sent = Sent {
            body: br#"{"Unknown":["}",{}],"BatchItem":{"#.to_vec(),
            events: Vec::new(),
        };
        for (at, (events, space)) in batches.into_iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let head = format!(r#"{comma}{space}"c{at}":{{"Endpoint":{{}},"Events":{{{space}"#);
            sent.body.extend(head.bytes());
            for (number, (text, space)) in events.into_iter().enumerate() {
                let id = format!("c{at}e{number}");
                let comma = if number == 0 { "" } else { "," };
                sent.body
                    .extend(format!(r#"{comma}"{id}"{space}:{space}"#).bytes());
                let start = sent.body.len();
                sent.body.extend(text.bytes());
                sent.events.push((id, text, start..sent.body.len()));
                sent.body.extend(space.bytes());
            }
            sent.body.extend(b"}}");
        }
        sent.body.extend(b"}}");
        sent
    })
}

/// What takes the place of a byte: often one that means something.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        3 => prop::sample::select(b"{}[],:\"\\ \n0NaN\xff\xc3\xed\x00".to_vec()),
        1 => any::<u8>(),
    ]
}

/// Whether a text ends where its first bracket is closed, and not before, whichever kind of bracket
/// closes which: all that can be told of an event without reading it.
fn is_closed(text: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (at, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth <= 0 {
            return depth == 0 && at > 0 && at + 1 == text.len();
        }
    }
    false
}

/// Every event of a request that can be read.
fn read(body: &[u8]) -> Vec<(String, Option<Event<'_>>)> {
    let request = Request::decode(body).unwrap_or(Request { batches: vec![] });
    let events = request.batches.into_iter().flat_map(|batch| batch.events);
    events
        .map(|event| (event.id.clone().into_owned(), event.read().event.ok()))
        .collect()
}

fn members<'a>(value: &Value<'a>) -> Vec<(Text<'a>, Value<'a>)> {
    match value {
        Value::Object(members) => members.clone(),
        _ => vec![],
    }
}

/// The same by a reader of the whole as JSON, which knows nothing of parting.
fn read_whole(body: &[u8]) -> Option<Vec<(String, String)>> {
    const LIMITS: Limits = Limits {
        depth: 128,
        values: 1_000_000,
    };
    let value = Value::parse(body, LIMITS).ok()?;
    let mut events = Vec::new();
    for (_, batch) in members(value.get("BatchItem")?) {
        for (id, event) in members(batch.get("Events").unwrap_or(&Value::Null)) {
            if event != Value::Null {
                let mut writer = forebay_core::json::Writer::new();
                writer.value(&event);
                events.push((id.into_owned(), writer.finish()));
            }
        }
    }
    Some(events)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn damage_inside_of_events_costs_no_other(
        sent in sent(),
        damages in vec((any::<Index>(), vec((any::<Index>(), byte()), 0..5)), 1..3),
        turned in vec(any::<Index>(), 0..3),
    ) {
        prop_assume!(!sent.events.is_empty());
        let mut body = sent.body.clone();
        let mut damaged = Vec::new();
        for (which, changes) in damages {
            let (id, _, place) = which.get(&sent.events);
            for (at, byte) in changes {
                body[place.start + at.index(place.len())] = byte;
            }
            // Brackets that close become those of the other kind.
            let closing = |at: &usize| matches!(sent.body[*at], b'}' | b']');
            let closing: Vec<usize> = place.clone().filter(closing).collect();
            for at in &turned {
                let at = *at.get(&closing);
                body[at] = if sent.body[at] == b'}' { b']' } else { b'}' };
            }
            damaged.push((id, place));
        }
        prop_assume!(damaged.iter().all(|(_, place)| is_closed(&body[(*place).clone()])));
        let found = read(&body);
        let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
        let expected: Vec<&str> = sent.events.iter().map(|(id, ..)| id.as_str()).collect();
        prop_assert_eq!(ids, expected, "{}", String::from_utf8_lossy(&body));
        let whole = read(&sent.body);
        for (found, whole) in found.iter().zip(&whole) {
            if !damaged.iter().any(|(id, _)| **id == found.0) {
                prop_assert!(found.1.is_some());
                prop_assert_eq!(found, whole);
            }
        }
    }

    #[test]
    fn what_is_json_is_parted_as_a_reader_of_json_has_it(
        sent in sent(),
        changes in vec((any::<Index>(), byte()), 0..4),
    ) {
        let mut body = sent.body.clone();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        if let Some(expected) = read_whole(&body) {
            let request = Request::decode(&body);
            prop_assert!(request.is_ok() || expected.is_empty(), "{request:?}");
            let found = request.map(|request| request.batches).unwrap_or_default();
            let found = found.iter().flat_map(|batch| &batch.events).map(|event| {
                let mut writer = forebay_core::json::Writer::new();
                writer.value(&event.read().sent.unwrap());
                (event.id.clone().into_owned(), writer.finish())
            });
            prop_assert_eq!(found.collect::<Vec<_>>(), expected);
        }
    }
}

/// Each is one event between two that are well: these are read, whatever it is.
#[test]
fn whatever_stands_between_two_events_they_are_read() {
    const GOOD: &str = r#"{"EventType":"A","Timestamp":"2026-11-21T01:02:03.004Z"}"#;
    for bad in [
        "NaN",
        "-Infinity",
        "undefined",
        "'text'",
        r#"{"a":NaN}"#,
        r#"{"a":[1}"#,
        r#"{"a":[{"b":1]}"#,
        r#"{"a":1]}"#,
        r#"{"a":[[[1}"#,
        r#"{"a":[1},"EventType":"A"}"#,
        r#"{"a":{"b":[1}},"EventType":"A"}"#,
        r#"{"a":{"b":[1},"Metrics":{}}"#,
        r#"{"a":{"b":1],"Metrics":{}}"#,
        r#"{"a":{"b":[1}},"Metrics":{}}"#,
        r#"{"EventType":"A","Attributes":{"b":[1}}}"#,
        r#"{"EventType":"A","Attributes":{"b":[1}}"#,
        r#"{"EventType":"A","Attributes":{"b":{"c":1]}}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":"\x"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a" 1}"#,
        r#"{"a":1 "b":2}"#,
        r#"{,}"#,
        r#"{"a"::1}"#,
        r#"{"a":1,"a":2}"#,
        r#"{"a":"\ud83d"}"#,
        "[1,2,3]",
        "\"text\"",
        "",
    ] {
        let body = format!(
            r#"{{"BatchItem":{{"c":{{"Endpoint":{{}},"Events":{{"x":{GOOD},"bad":{bad},"y":{GOOD}}}}}}}}}"#
        );
        let found = read(body.as_bytes());
        let well: Vec<&str> = found
            .iter()
            .filter(|(id, event)| id != "bad" && event.is_some())
            .map(|(id, _)| id.as_str())
            .collect();
        assert_eq!(well, ["x", "y"], "{bad}");
        let others: Vec<_> = found.iter().filter(|(id, _)| id == "bad").collect();
        assert!(
            matches!(others.as_slice(), [(_, None)]),
            "{bad}: {others:?}"
        );
    }
}

/// Two events that are damaged each in its own way.
#[test]
fn brackets_that_are_missing_and_brackets_that_are_wrong_may_come_together() {
    const GOOD: &str = r#"{"EventType":"A","Timestamp":"2026-11-21T01:02:03.004Z"}"#;
    let missing = r#"{"EventType":"A","Attributes":{"a":[1},"Metrics":{}}"#;
    let wrong = r#"{"EventType":"A","Attributes":{"a":[1}},"Metrics":{}}"#;
    for [one, other] in [[missing, wrong], [wrong, missing]] {
        let body = format!(
            r#"{{"BatchItem":{{"c":{{"Endpoint":{{}},"Events":{{"x":{GOOD},"one":{one},"y":{GOOD},"other":{other},"z":{GOOD}}}}}}}}}"#
        );
        let found = read(body.as_bytes());
        let read: Vec<bool> = found.iter().map(|(_, event)| event.is_some()).collect();
        assert_eq!(read, [true, false, true, false, true], "{body}");
    }
}

/// What is guessed about brackets is guessed a bounded number of times: without a bound this would
/// take hours.
#[test]
fn wrong_brackets_by_the_thousand_end_the_reading() {
    for member in [r#""x":[[1},"#, r#""x":[1},"#, r#""x":{1],"#, r#""x":{{1],"#] {
        let members = member.repeat(400_000);
        let body = format!(r#"{{"BatchItem":{{"c":{{{members}"Events":{{}}}}}}}}"#);
        let read = Request::decode(body.as_bytes());
        assert!(read.is_ok() || read.is_err_and(|error| !error.reason.is_empty()));
    }
}

/// Bytes that are not UTF-8, in a value, in a name and in the id.
#[test]
fn bytes_that_are_no_text_are_of_one_event() {
    const GOOD: &[u8] = br#"{"EventType":"A","Timestamp":"2026-11-21T01:02:03.004Z"}"#;
    for (id, bad) in [
        (&b"bad"[..], &b"{\"a\":\"\xff\"}"[..]),
        (b"bad", b"{\"\xc3\":1}"),
        (b"bad", b"\xed\xa0\xbd"),
        (b"b\xffd", GOOD),
        (b"bad\\q", GOOD),
    ] {
        let head = br#"{"BatchItem":{"c":{"Endpoint":{},"Events":{"x":"#;
        let body = [
            head, GOOD, b",\"", id, b"\":", bad, b",\"y\":", GOOD, b"}}}}",
        ]
        .concat();
        let found = read(&body);
        let read: Vec<bool> = found.iter().map(|(_, event)| event.is_some()).collect();
        assert_eq!(read, [true, false, true], "{}", bad.escape_ascii());
    }
}
