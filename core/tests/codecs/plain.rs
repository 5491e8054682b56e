use forebay_core::json::{Limits, Value};
use forebay_core::time::Timestamp;
use forebay_core::wire::plain::{Body, MAX_BODY_BYTES, MAX_EVENTS, PlainEvent};
use forebay_core::wire::put_events::Request;
use proptest::prelude::*;

const ARRIVAL: Timestamp = Timestamp(1_795_000_000_000);
const LIMITS: Limits = Limits {
    depth: 32,
    values: 1_000,
};

fn read_with<'a>(event: &'a str, shared: &'a str) -> Result<PlainEvent<'a>, String> {
    let value = |text: &'a str| Value::parse_repetitive(text.as_bytes(), LIMITS).unwrap();
    PlainEvent::read(&value(event), &value(shared), ARRIVAL).map_err(|error| error.to_string())
}

fn put_events(event: &str) -> String {
    read_with(event, "null").unwrap().to_put_events("c", "e")
}

fn refusal(event: &str) -> String {
    read_with(event, "null").unwrap_err()
}

#[test]
fn an_event_of_everything_has_a_place_for_all_of_it_in_put_events() {
    let event = r#"{
        "id": "order-17", "name": "OrderEvent", "timestamp": "2026-11-21T01:02:03+02:00",
        "attributes": {"plan": "pro", "is_trial": true, "note": null},
        "metrics": {"total": 12.50},
        "endpoint_id": "c1",
        "user": {"id": "u1", "attributes": {"tier": "gold", "roles": ["a", "b"]}},
        "session": {"id": "s1", "start": 1795000000000, "stop": "2026-11-21T01:02:04Z"},
        "app": {"title": "Shop", "package_name": "com.example", "version_name": "2.1", "version_code": "21"},
        "device": {"make": "Apple", "model": "iPhone", "model_version": "17", "platform": "ios",
                   "platform_version": "26.1", "locale": "sv_SE", "timezone": "Europe/Stockholm"},
        "sdk": {"name": "shop-ios", "version": "3"},
        "location": {"country": "SE", "region": "AB", "city": "Stockholm", "postal_code": "111 20",
                     "latitude": 59.3, "longitude": 18.1}
    }"#;
    let read = read_with(event, "null").unwrap();
    assert_eq!(read.id.as_deref(), Some("order-17"));
    assert_eq!(read.endpoint_id.as_deref(), Some("c1"));
    assert_eq!(read.user_id.as_deref(), Some("u1"));
    assert!(read.has_timestamp);
    let expected = concat!(
        r#"{"BatchItem":{"c":{"Endpoint":{"Demographic":{"AppVersion":"2.1","Make":"Apple","#,
        r#""Model":"iPhone","ModelVersion":"17","Platform":"ios","PlatformVersion":"26.1","#,
        r#""Locale":"sv_SE","Timezone":"Europe/Stockholm"},"#,
        r#""Location":{"Country":"SE","Region":"AB","City":"Stockholm","PostalCode":"111 20","#,
        r#""Latitude":59.3,"Longitude":18.1},"#,
        r#""User":{"UserId":"u1","UserAttributes":{"tier":["gold"],"roles":["a","b"]}}},"#,
        r#""Events":{"e":{"EventType":"OrderEvent","Timestamp":"2026-11-20T23:02:03.000Z","#,
        r#""Attributes":{"plan":"pro","is_trial":"true","note":null},"Metrics":{"total":12.50},"#,
        r#""AppTitle":"Shop","AppPackageName":"com.example","AppVersionCode":"21","#,
        r#""SdkName":"shop-ios","ClientSdkVersion":"3","#,
        r#""Session":{"Id":"s1","StartTimestamp":"2026-11-18T11:06:40.000Z","#,
        r#""StopTimestamp":"2026-11-21T01:02:04.000Z"}}}}}}"#,
    );
    let body = read.to_put_events("c", "e");
    assert_eq!(body, expected);
    assert!(Request::decode(body.as_bytes()).is_ok());
}

#[test]
fn an_event_needs_no_more_than_a_name() {
    let read = read_with(r#"{"name":"A"}"#, "null").unwrap();
    assert_eq!((read.id.as_deref(), read.has_timestamp), (None, false));
    let body = read.to_put_events("c", "e");
    assert!(
        body.contains(r#"{"EventType":"A","Timestamp":"2026-11-18T11:06:40.000Z"}"#),
        "{body}"
    );
    assert!(body.contains(r#""Endpoint":{}"#), "{body}");
}

#[test]
fn what_is_wrong_is_said_in_the_names_of_this_wire() {
    for (event, expected) in [
        ("[]", "expected an object, got an array"),
        ("{}", "name: expected a string, got nothing"),
        (r#"{"name":5}"#, "name: expected a string, got a number"),
        (
            r#"{"name":"A","id":""}"#,
            "id: expected 1 to 256 characters, got none or more",
        ),
        (r#"{"name":"A","id":5}"#, "id: expected a string"),
        (
            r#"{"name":"A","timestamp":"today"}"#,
            "timestamp: expected a date and time",
        ),
        (
            r#"{"name":"A","timestamp":1.5}"#,
            "timestamp: expected whole milliseconds since 1970-01-01T00:00:00Z, got another number",
        ),
        (
            r#"{"name":"A","attribute":{}}"#,
            "attribute: expected one of id, name, timestamp, attributes, metrics, endpoint_id, user, session, \
             app, device, sdk, location, got another name",
        ),
        (
            r#"{"name":"A","session":{}}"#,
            "session.id: expected a string",
        ),
        (
            r#"{"name":"A","session":"s"}"#,
            "session: expected an object",
        ),
        (
            r#"{"name":"A","device":{"os":"ios"}}"#,
            "device.os: expected one of make",
        ),
        (
            r#"{"name":"A","app":{"version":"1"}}"#,
            "app.version: expected one of title, package_name, version_code, version_name, got another name",
        ),
        (
            r#"{"name":"A","app":{"version_name":1}}"#,
            "app.version_name: expected a string",
        ),
        (
            r#"{"name":"A","location":{"latitude":"1"}}"#,
            "location.latitude: expected a number",
        ),
        (r#"{"name":"A","user":"u1"}"#, "user: expected an object"),
        (
            r#"{"name":"A","user":{"attributes":[]}}"#,
            "user.attributes: expected an object",
        ),
        (
            r#"{"name":"A","name":"B"}"#,
            "expected each name once, got one twice",
        ),
    ] {
        assert!(
            refusal(event).starts_with(expected),
            "{event}: {}",
            refusal(event)
        );
    }
}

/// PowerShell and .NET begin what they write with it.
#[test]
fn a_byte_order_mark_is_no_part_of_a_body() {
    for (body, count) in [
        ("\u{feff}{\"name\":\"A\"}", 1),
        ("\u{feff}[{\"name\":\"A\"},{\"name\":\"B\"}]", 2),
        ("\u{feff}{\"name\":\"A\"}\n{\"name\":\"B\"}\n", 2),
    ] {
        let events = Body::read(body.as_bytes(), false).unwrap().events;
        assert_eq!(events.len(), count, "{body}");
        assert!(events.iter().all(Result::is_ok), "{body}");
    }
}

#[test]
fn what_events_share_is_of_those_that_do_not_say_it() {
    let shared = r#"{"endpoint_id":"c1","user":{"id":"u1"}}"#;
    let read = read_with(r#"{"name":"A","user":{"id":"u2"}}"#, shared).unwrap();
    assert_eq!(read.endpoint_id.as_deref(), Some("c1"));
    assert_eq!(read.user_id.as_deref(), Some("u2"));
    let mistake = read_with(r#"{"name":"A"}"#, r#"{"endpoint":"c1"}"#).unwrap_err();
    assert!(
        mistake.starts_with("endpoint: expected one of id, name"),
        "{mistake}"
    );
}

#[test]
fn a_body_has_one_event_or_many() {
    let count = |body: &str, is_ndjson| {
        let read = Body::read(body.as_bytes(), is_ndjson).map_err(|error| error.to_string())?;
        let good = read.events.iter().filter(|event| event.is_ok()).count();
        Ok::<_, String>((read.events.len(), good, read.shared != Value::Null))
    };
    for (body, is_ndjson, expected) in [
        (r#"{"name":"A"}"#, false, (1, 1, false)),
        ("{\n \"name\": \"A\"\n}", false, (1, 1, false)),
        (r#"[{"name":"A"},5]"#, false, (2, 2, false)),
        (
            r#"{"events":[{"name":"A"}],"endpoint_id":"c"}"#,
            false,
            (1, 1, true),
        ),
        ("{\"name\":\"A\"}\n{\"name\":\"B\"}\n", false, (2, 2, false)),
        (
            "{\"name\":\"A\"}\r\n\r\n{\"name\":\r\n",
            false,
            (2, 1, false),
        ),
        ("{\"name\":\n{\"name\":\"B\"}", true, (2, 1, false)),
        (r#"{"name":"A"}"#, true, (1, 1, false)),
    ] {
        assert_eq!(count(body, is_ndjson), Ok(expected), "{body}");
    }
    let many = |count: usize| "{\"name\":\"A\"}\n".repeat(count);
    assert_eq!(count(&many(MAX_EVENTS), false), Ok((500, 500, false)));
    for (body, expected) in [
        ("", "not readable as JSON"),
        ("\n \n", "not readable as JSON"),
        ("[]", "expected at least one event"),
        (r#"{"name":"A"} {"name":"A"}"#, "not readable as JSON"),
        (&many(MAX_EVENTS + 1), "expected at most 500 events"),
        (&" ".repeat(MAX_BODY_BYTES + 1), "expected at most 4 MB"),
        (
            &format!(
                r#"{{"events":[{{"name":"A"}}],"user":{{"id":"{}"}}}}"#,
                "x".repeat(15_360)
            ),
            "expected at most 15 KB beside `events`",
        ),
    ] {
        let error = count(body, false).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_body_is_read_or_refused(body in any::<Vec<u8>>(), is_ndjson in any::<bool>()) {
        if let Ok(body) = Body::read(&body, is_ndjson) {
            prop_assert!((1..=MAX_EVENTS).contains(&body.events.len()));
        }
    }

    #[test]
    fn what_was_read_is_a_put_events_request(
        name in "\\PC{0,8}", id in proptest::option::of("\\PC{1,8}"), value in "\\PC{0,8}", flag: bool,
    ) {
        let json = |text: &str| serde_json::to_string(text).unwrap();
        let id = id.map_or(String::new(), |id| format!(r#""id":{},"#, json(&id)));
        let event = format!(
            r#"{{{id}"name":{0},"attributes":{{{1}:{1},"b{2}":{flag}}},"user":{{"id":{1}}}}}"#,
            json(&name), json(&value), value.len(),
        );
        let body = put_events(&event);
        prop_assert!(Request::decode(body.as_bytes()).is_ok(), "{}", body);
    }
}
