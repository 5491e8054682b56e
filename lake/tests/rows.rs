//! Records become typed rows, or entries that say why not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use arrow::array::Array;
use arrow::array::cast::AsArray;
use arrow::array::types::{
    Date32Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};
use forebay_core::event::{Demographic, Endpoint, Location, User};
use forebay_core::schema::COMMON_COLUMNS;
use forebay_core::time::Timestamp;
use forebay_core::wire::event_stream::{Bot, Campaign, Record};
use forebay_lake::cut::Batch;
use forebay_lake::record::Window;
use forebay_lake::source::StreamRecord;
use support::{
    DAY, Files, NOON, SHARD, at, attribute, metric, record, sequence_number, sign_up, strings,
};

/// A batch of the records, and its files.
fn files(records: &[StreamRecord]) -> Files {
    support::files_by(&support::catalog(), records)
}

fn files_of(records: &[Record<'_>]) -> Files {
    let numbered = records.iter().enumerate();
    let records: Vec<_> = numbered
        .map(|(number, record)| at(number, record.encode()))
        .collect();
    files(&records)
}

fn only_rows(files: &Files) -> arrow::array::RecordBatch {
    assert_eq!(files.len(), 1, "{:?}", files.keys());
    support::read_parquet(files.values().next().unwrap().clone())
}

/// The reason and the violated paths of the only entry.
fn refusal(record: &Record<'_>) -> (String, Vec<String>) {
    let files = files_of(std::slice::from_ref(record));
    assert_eq!(support::row_ids(&files), [""; 0]);
    let entries = support::rejected(&files);
    assert_eq!(entries.len(), 1);
    let violations = entries[0]["violations"].as_array().unwrap().iter();
    let paths = violations.map(|violation| violation["path"].as_str().unwrap().to_owned());
    let reason = entries[0]["reason"].as_str().unwrap().to_owned();
    (reason, paths.collect())
}

#[test]
fn columns_are_typed_and_in_the_documented_order() {
    let mut played = record("PiecePlayedEvent", "e1");
    metric(&mut played, "minutes", "12.5");
    metric(&mut played, "mistakes", "9007199254740993");
    attribute(&mut played, "completed", "false");
    attribute(&mut played, "started_at", "2026-11-21T13:00:00.123+02:00");
    let rows = only_rows(&files_of(&[played]));

    let names: Vec<_> = rows
        .schema()
        .fields()
        .iter()
        .map(|f| f.name().clone())
        .collect();
    let documented = "event_id event_type event_timestamp arrival_timestamp session_id \
        session_start_timestamp client_id cognito_id user_id app_id country region city timezone \
        platform platform_version browser browser_version device_category locale sdk_name \
        sdk_version schema_version place_source original_event_timestamp clock_offset amr network_asn \
        network_organization is_bot bot_name bot_category bot_verified page_utm_source page_utm_medium page_utm_campaign \
        page_utm_term page_utm_content page_utm_id page_click_id page_click_id_type page_referrer_host minutes mistakes completed started_at extra";
    assert_eq!(names.join(" "), documented);

    let column = |name: &str| rows.column_by_name(name).unwrap();
    let time = |name: &str| column(name).as_primitive::<TimestampMillisecondType>();
    assert_eq!(time("event_timestamp").timezone(), Some("UTC"));
    assert_eq!(time("event_timestamp").value(0), NOON);
    assert_eq!(time("arrival_timestamp").value(0), NOON + 40);
    assert_eq!(time("session_start_timestamp").value(0), NOON - 60_000);
    assert_eq!(time("started_at").value(0), NOON - 3_600_000 + 123);
    assert_eq!(
        column("minutes").as_primitive::<Float64Type>().value(0),
        12.5
    );
    // One more than a double holds.
    let mistakes = column("mistakes").as_primitive::<Int64Type>().value(0);
    assert_eq!(mistakes, 9_007_199_254_740_993);
    assert!(!column("completed").as_boolean().value(0));
    assert_eq!(
        column("schema_version")
            .as_primitive::<Int32Type>()
            .value(0),
        1
    );
    assert_eq!(strings(&rows, "session_id"), [Some("session".to_owned())]);
}

#[test]
fn what_is_missing_or_null_is_null() {
    let mut played = record("PiecePlayedEvent", "e1");
    played.session = None;
    let rows = only_rows(&files_of(&[played]));
    for name in [
        "session_id",
        "session_start_timestamp",
        "user_id",
        "country",
        "sdk_name",
    ] {
        assert!(rows.column_by_name(name).unwrap().is_null(0), "{name}");
    }
    for name in ["minutes", "mistakes", "completed", "started_at", "extra"] {
        assert!(rows.column_by_name(name).unwrap().is_null(0), "{name}");
    }

    let (mut null, mut text) = (sign_up("e1"), sign_up("e2"));
    attribute(&mut null, "referrer", "null");
    attribute(&mut text, "referrer", "nullified");
    let rows = only_rows(&files_of(&[null, text, sign_up("e3")]));
    let expected = [None, Some("nullified".to_owned()), None];
    assert_eq!(strings(&rows, "referrer"), expected);
}

#[test]
fn the_edge_is_believed_before_the_sender() {
    let mut seen = sign_up("e1");
    seen.endpoint.location = Some(Location {
        country: Some("USA".into()),
        city: Some("Boston".into()),
        ..Location::default()
    });
    seen.endpoint.demographic = Some(Demographic {
        timezone: Some("America/New_York".into()),
        ..Demographic::default()
    });
    seen.endpoint.user = Some(User {
        user_id: Some("u1".into()),
        ..User::default()
    });
    if let Some(forebay) = &mut seen.forebay {
        forebay.geo.country = Some("SE".into());
    }
    let rows = only_rows(&files_of(&[seen]));
    let value = |name| strings(&rows, name)[0].clone().unwrap();
    assert_eq!(value("country"), "SE");
    assert_eq!(value("user_id"), "u1");
    assert_eq!(value("place_source"), "request");
    assert_eq!(strings(&rows, "city"), [None]);
    assert_eq!(strings(&rows, "timezone"), [None]);
}

#[test]
fn a_place_that_only_the_sender_knows_is_stated() {
    let mut said = sign_up("e1");
    said.endpoint.location = Some(Location {
        city: Some("Boston".into()),
        ..Location::default()
    });
    let mut zone = sign_up("e2");
    zone.endpoint.demographic = Some(Demographic {
        timezone: Some("America/New_York".into()),
        ..Demographic::default()
    });
    let rows = only_rows(&files_of(&[said, zone, sign_up("e3")]));
    let stated = || Some("stated".to_owned());
    assert_eq!(strings(&rows, "place_source"), [stated(), stated(), None]);
    assert_eq!(
        strings(&rows, "city"),
        [Some("Boston".to_owned()), None, None]
    );
    let zone = Some("America/New_York".to_owned());
    assert_eq!(strings(&rows, "timezone"), [None, zone, None]);
}

#[test]
fn what_the_edge_knows_of_sender_and_visit_has_columns() {
    let mut seen = sign_up("e1");
    if let Some(forebay) = &mut seen.forebay {
        forebay.geo.source = Some("stated".into());
        forebay.original_event_timestamp = Some(Timestamp(NOON + 5_000));
        forebay.clock_offset = Some(-5_000);
        forebay.network.asn = Some(4_294_967_295);
        forebay.network.organization = Some("Example Net".into());
        forebay.bot = Some(Bot {
            name: Some("Googlebot".into()),
            category: "Search Engine Crawler".into(),
            is_verified: true,
        });
        forebay.campaign = Campaign {
            source: Some("news".into()),
            medium: Some("email".into()),
            name: Some("spring".into()),
            term: Some("term".into()),
            content: Some("content".into()),
            id: Some("id".into()),
            click_id: Some("click".into()),
            click_id_type: Some("gclid".into()),
        };
        forebay.referrer_host = Some("example.org".into());
    }
    let mut far = sign_up("e2");
    if let Some(forebay) = &mut far.forebay {
        forebay.original_event_timestamp = Some(Timestamp(i64::MAX));
    }
    let mut pinpoint = sign_up("e3");
    pinpoint.forebay = None;
    let rows = only_rows(&files_of(&[seen, far, pinpoint]));
    for (column, value) in [
        ("place_source", "stated"),
        ("amr", "unauthenticated"),
        ("network_organization", "Example Net"),
        ("bot_name", "Googlebot"),
        ("bot_category", "Search Engine Crawler"),
        ("page_utm_source", "news"),
        ("page_utm_medium", "email"),
        ("page_utm_campaign", "spring"),
        ("page_utm_term", "term"),
        ("page_utm_content", "content"),
        ("page_utm_id", "id"),
        ("page_click_id", "click"),
        ("page_click_id_type", "gclid"),
        ("page_referrer_host", "example.org"),
    ] {
        assert_eq!(
            strings(&rows, column)[0].as_deref(),
            Some(value),
            "{column}"
        );
    }
    let column = |name: &str| rows.column_by_name(name).unwrap();
    let originals = column("original_event_timestamp");
    let originals = originals.as_primitive::<TimestampMillisecondType>();
    assert_eq!(
        originals.iter().collect::<Vec<_>>(),
        [Some(NOON + 5_000), None, None]
    );
    let integers = |name| column(name).as_primitive::<Int64Type>().value(0);
    assert_eq!(
        (integers("clock_offset"), integers("network_asn")),
        (-5_000, 4_294_967_295)
    );
    let booleans = |name| column(name).as_boolean().iter().collect::<Vec<_>>();
    assert_eq!(booleans("is_bot"), [Some(true), Some(false), None]);
    assert_eq!(booleans("bot_verified"), [Some(true), None, None]);
}

/// Where the edge names the source of a place, nothing of another is added to it.
#[test]
fn a_place_is_of_the_source_that_the_edge_names() {
    let mut seen = sign_up("e1");
    seen.endpoint.location = Some(Location {
        city: Some("Boston".into()),
        ..Location::default()
    });
    seen.endpoint.demographic = Some(Demographic {
        timezone: Some("America/New_York".into()),
        ..Demographic::default()
    });
    if let Some(forebay) = &mut seen.forebay {
        forebay.geo.source = Some("request".into());
        forebay.geo.country = Some("SE".into());
    }
    let rows = only_rows(&files_of(&[seen]));
    assert_eq!(strings(&rows, "country"), [Some("SE".to_owned())]);
    assert_eq!(strings(&rows, "city"), [None]);
    assert_eq!(strings(&rows, "timezone"), [None]);
}

#[test]
fn additional_properties_are_kept_as_json() {
    let mut played = record("PiecePlayedEvent", "e1");
    attribute(&mut played, "completed", "true");
    attribute(&mut played, "mood", "\"calm\"");
    metric(&mut played, "tempo", "1.50");
    let rows = only_rows(&files_of(&[played]));
    let extra = r#"{"attributes":{"mood":"\"calm\""},"metrics":{"tempo":1.50}}"#;
    assert_eq!(strings(&rows, "extra"), [Some(extra.to_owned())]);
}

/// What stands for every value.
const HASH: &str = "cf2f093f9c4c3f3969cc06a6934eecd490c3b8da3b0ac8b452de4b574a9e49e9";

#[test]
fn personal_data_is_kept_as_the_edge_leaves_it() {
    let mut protected = record("PersonalEvent", "e1");
    attribute(&mut protected, "hashed", HASH);
    attribute(&mut protected, "masked", "***@example.com");
    attribute(&mut protected, "born", "1985-01-01");
    attribute(&mut protected, "seen_at", "2026-01-01T00:00:00Z");
    // From another program than the edge.
    let mut raw = record("PersonalEvent", "e2");
    attribute(&mut raw, "masked", "ada@example.com");
    attribute(&mut raw, "born", "1985-04-12");
    attribute(&mut raw, "seen_at", "2026-01-01T00:30:00+01:00");
    attribute(&mut raw, "dropped", "ada");
    metric(&mut raw, "dropped_number", "36");
    let rows = only_rows(&files_of(&[protected, raw]));

    assert_eq!(strings(&rows, "hashed"), [Some(HASH.to_owned()), None]);
    let masked = Some("***@example.com".to_owned());
    assert_eq!(strings(&rows, "masked"), [masked.clone(), masked]);
    let column = |name: &str| rows.column_by_name(name).unwrap();
    // 1985-01-01
    let born = column("born").as_primitive::<Date32Type>();
    assert_eq!(born.values().as_ref(), [5_479, 5_479]);
    let seen = column("seen_at").as_primitive::<TimestampMillisecondType>();
    let years = [1_767_225_600_000, 1_735_689_600_000];
    assert_eq!(seen.values().as_ref(), years);
    let names: Vec<_> = rows
        .schema()
        .fields()
        .iter()
        .skip(COMMON_COLUMNS.len())
        .cloned()
        .collect();
    let names: Vec<_> = names.iter().map(|field| field.name().as_str()).collect();
    let own = [
        "hashed", "masked", "born", "seen_at", "flag", "count", "size", "extra",
    ];
    assert_eq!(names, own);
    assert_eq!(strings(&rows, "extra"), [None, None]);
}

#[test]
fn what_should_have_been_hashed_is_not_let_in() {
    let mut raw = record("PersonalEvent", "e1");
    attribute(&mut raw, "hashed", "ada@example.com");
    let files = files_of(&[raw]);
    assert_eq!(support::row_ids(&files), [""; 0]);
    let entry = &support::rejected(&files)[0];
    assert_eq!(entry["reason"], "schema_violation");
    let violation = &entry["violations"][0];
    assert_eq!(violation["path"], "Attributes.hashed");
    assert_eq!(violation["rule"], "x-pii");
    assert!(!entry["violations"].to_string().contains("ada"));
}

#[test]
fn the_text_null_is_null_whatever_the_field_is() {
    let names = ["born", "seen_at", "flag", "count", "size", "dropped_number"];
    let mut null = record("PersonalEvent", "e1");
    for name in names {
        attribute(&mut null, name, "null");
    }
    let rows = only_rows(&files_of(&[null]));
    for name in &names[..5] {
        assert!(rows.column_by_name(name).unwrap().is_null(0), "{name}");
    }
    assert!(rows.column_by_name("extra").unwrap().is_null(0));
}

#[test]
fn files_are_parted_by_event_type_and_utc_day() {
    let mut evening = sign_up("e2");
    evening.event_timestamp = Timestamp(NOON - DAY / 2 - 1);
    let files = files_of(&[sign_up("e1"), evening, record("PiecePlayedEvent", "e3")]);
    let name = format!("{SHARD}-{}.parquet", sequence_number(0));
    let paths: Vec<_> = files.keys().cloned().collect();
    assert_eq!(
        paths,
        [
            format!("events/piece_played_event/year=2026/month=11/day=21/{name}"),
            format!("events/sign_up_event/year=2026/month=11/day=20/{name}"),
            format!("events/sign_up_event/year=2026/month=11/day=21/{name}"),
        ]
    );
}

#[test]
fn the_same_batch_gives_the_same_bytes() {
    let records = [sign_up("e1"), sign_up("e2"), record("Unknown", "e3")];
    assert_eq!(files_of(&records), files_of(&records));
}

#[test]
fn what_cannot_be_read_is_kept_as_it_came() {
    let bytes = b"{\"event_type\":\xff";
    let files = files(&[at(0, bytes.as_slice())]);
    let path = format!(
        "rejected/year=2026/month=11/day=21/{SHARD}-{}.parquet",
        sequence_number(0)
    );
    assert_eq!(files.keys().collect::<Vec<_>>(), [&path]);
    let entry = &support::rejected(&files)[0];
    assert_eq!(entry["shard"], SHARD);
    assert_eq!(entry["sequence_number"], sequence_number(0).as_str());
    assert_eq!(entry["arrival_timestamp"], "2026-11-21T12:00:00.050Z");
    assert_eq!(entry["reason"], "malformed_record");
    assert_eq!(entry["data"], hex(bytes));
    assert_eq!(entry.get("event_type"), None);
}

/// Bytes as Arrow writes them in JSON.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_can_be_read_of_a_rejected_record_has_columns() {
    let mut late = sign_up("e1");
    late.event_timestamp = Timestamp(NOON + 2 * DAY);
    let text = late.encode();
    let entry = &support::rejected(&files(&[at(0, text.as_str())]))[0];
    assert_eq!(entry["reason"], "implausible_time");
    assert_eq!(entry["violations"][0]["path"], "event_timestamp");
    assert_eq!(entry["violations"][0]["rule"], "time");
    assert_eq!(entry["event_id"], "e1");
    assert_eq!(entry["event_type"], "SignUpEvent");
    assert_eq!(entry["event_timestamp"], "2026-11-23T12:00:00.000Z");
    assert_eq!(entry["app_id"], "app");
    assert_eq!(entry["client_id"], "client");
    assert_eq!(entry["data"], hex(text.as_bytes()));

    // Of what is no record, too, and nothing that no table can hold.
    let text = r#"{"event_type":"A","event_timestamp":9e18,"client":{"client_id":5},"application":{"app_id":"app"}}"#;
    let entry = &support::rejected(&files(&[at(0, text)]))[0];
    assert_eq!(entry["reason"], "malformed_record");
    assert_eq!(
        (&entry["event_type"], &entry["app_id"]),
        (&"A".into(), &"app".into())
    );
    for column in ["event_timestamp", "client_id", "event_id"] {
        assert_eq!(entry.get(column), None, "{column}");
    }
}

#[test]
fn each_reason_is_told() {
    let reason = |record: &Record<'_>| refusal(record).0;
    assert_eq!(reason(&record("Unknown", "e1")), "unknown_event_type");

    let mut flag = record("PiecePlayedEvent", "e1");
    attribute(&mut flag, "completed", "yes");
    let expected = (
        "schema_violation".to_owned(),
        vec!["Attributes.completed".to_owned()],
    );
    assert_eq!(refusal(&flag), expected);

    let mut fraction = record("PiecePlayedEvent", "e1");
    metric(&mut fraction, "mistakes", "1.5");
    assert_eq!(reason(&fraction), "schema_violation");

    let mut extra = sign_up("e1");
    attribute(&mut extra, "color", "red");
    assert_eq!(reason(&extra), "schema_violation");
}

#[test]
fn times_must_be_plausible() {
    let event = |timestamp| {
        let mut event = sign_up("e1");
        event.event_timestamp = Timestamp(timestamp);
        event
    };
    let taken = |record: Record<'_>| support::row_ids(&files_of(&[record])).len() == 1;
    // The stream takes in at NOON + 50.
    assert!(taken(event(946_684_800_000)));
    assert!(taken(event(NOON + 50 + DAY)));
    for timestamp in [946_684_799_999, NOON + 51 + DAY, 0, i64::MIN, i64::MAX] {
        let (reason, paths) = refusal(&event(timestamp));
        assert_eq!(reason, "implausible_time");
        assert_eq!(paths, ["event_timestamp"]);
    }

    let mut session = sign_up("e1");
    if let Some(session) = &mut session.session {
        session.start_timestamp = Some(Timestamp(i64::MAX));
    }
    let expected = (
        "implausible_time".into(),
        vec!["session.start_timestamp".into()],
    );
    assert_eq!(refusal(&session), expected);
}

/// What becomes of records, one after the other.
fn counts(records: &[Record<'_>]) -> (u64, u64, u64) {
    let catalog = support::catalog();
    let mut batch = Batch::default();
    for (number, record) in records.iter().enumerate() {
        let record = at(number, record.encode());
        batch.take(&catalog, SHARD, &Window::default(), &record);
    }
    assert_eq!(batch.counts.records, records.len() as u64);
    let counts = batch.counts;
    (counts.rows, counts.rejected, counts.duplicates)
}

#[test]
fn an_event_is_known_again_by_its_id_alone() {
    let mut again = sign_up("e1");
    again.arrival_timestamp = Timestamp(NOON + 9_000);
    let mut other_client = sign_up("e1");
    other_client.client.client_id = "another".into();
    let mut other_app = sign_up("e1");
    other_app.application.app_id = "another".into();
    let other_type = record("PiecePlayedEvent", "e1");
    let records = [sign_up("e1"), again, other_client, other_app, other_type];
    assert_eq!(counts(&records), (1, 0, 4));
    assert_eq!(counts(&[sign_up("e1"), sign_up("e2")]), (2, 0, 0));
}

#[test]
fn a_rejected_event_is_not_remembered_as_seen() {
    let mut broken = sign_up("e1");
    attribute(&mut broken, "color", "red");
    let records = [broken.clone(), sign_up("e1"), broken.clone(), sign_up("e1")];
    // What was mended is a row. Once it is one, every copy is a duplicate.
    assert_eq!(counts(&records), (1, 1, 2));
    assert_eq!(counts(&[broken.clone(), broken]), (0, 2, 0));
}

#[test]
fn records_that_pinpoint_wrote_are_told_by_their_place() {
    let mut own = sign_up("unused");
    own.forebay = None;
    let ids = [0, 1].map(|number| format!("{SHARD}:{}", sequence_number(number)));
    let files = files_of(&[own.clone(), own.clone()]);
    assert_eq!(support::row_ids(&files), ids);
    // An id without a character is none, whoever wrote it.
    own.forebay = sign_up("").forebay;
    let files = files_of(&[own.clone(), own]);
    assert_eq!(support::row_ids(&files), ids);
}

#[test]
fn half_a_surrogate_pair_is_a_character() {
    let path = format!(
        "{}/../tests/vectors/surrogates.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let text = record("PiecePlayedEvent", "e1").encode();
        let session = |id: &str| format!(r#""session_id":{id}"#);
        let with = session(case["json"].as_str().unwrap());
        let sent = text.replace(&session(r#""session""#), &with);
        assert!(sent.contains(&with));
        let rows = only_rows(&files(&[at(0, sent)]));
        let expected = case["text"].as_str().unwrap().to_owned();
        assert_eq!(strings(&rows, "session_id"), [Some(expected)]);
    }
}

#[test]
fn what_update_endpoint_says_is_a_row_of_a_table_that_no_schema_names() {
    let mut full = record("_endpoint.update", "u1");
    full.session = None;
    full.endpoint = Endpoint {
        address: Some("ada@example.com".into()),
        channel_type: Some("EMAIL".into()),
        effective_date: Some("2026-11-20T01:02:03+02:00".into()),
        endpoint_status: Some("ACTIVE".into()),
        opt_out: Some("NONE".into()),
        attributes: vec![("tags".into(), vec!["a".into(), "b".into()])],
        demographic: Some(Demographic {
            make: Some("Apple".into()),
            ..Demographic::default()
        }),
        location: Some(Location {
            country: Some("SE".into()),
            ..Location::default()
        }),
        user: Some(User {
            user_id: Some("user".into()),
            user_attributes: vec![("plan".into(), vec!["pro".into()])],
        }),
        ..Endpoint::default()
    };
    let bare = record("_endpoint.update", "u2");
    let files = files_of(&[full, bare]);
    let (path, _) = files.first_key_value().unwrap();
    assert!(
        path.starts_with("events/endpoint_update/year=2026/month=11/day=21/"),
        "{path}"
    );
    let rows = only_rows(&files);
    let texts = |column: &str| strings(&rows, column);
    for (column, expected) in [
        ("client_id", [Some("client"), Some("client")]),
        ("user_id", [Some("user"), None]),
        ("address", [Some("ada@example.com"), None]),
        ("channel_type", [Some("EMAIL"), None]),
        ("endpoint_status", [Some("ACTIVE"), None]),
        ("opt_out", [Some("NONE"), None]),
        ("user_attributes", [Some(r#"{"plan":["pro"]}"#), None]),
        ("attributes", [Some(r#"{"tags":["a","b"]}"#), None]),
        ("metrics", [None, None]),
        ("demographic", [Some(r#"{"Make":"Apple"}"#), None]),
        ("location", [Some(r#"{"Country":"SE"}"#), None]),
    ] {
        let expected = expected.map(|text| text.map(str::to_owned));
        assert_eq!(texts(column), expected, "{column}");
    }
    let dates = rows.column_by_name("effective_date").unwrap();
    let dates = dates.as_primitive::<TimestampMillisecondType>();
    // 2026-11-19T23:02:03Z; where the sender names none, the edge writes when the update arrived.
    assert_eq!(dates.value(0), 1_795_129_323_000);
    assert_eq!(dates.value(1), NOON + 40);
}

#[test]
fn an_update_of_another_time_is_rejected_like_any_event() {
    let mut early = record("_endpoint.update", "u1");
    early.event_timestamp = Timestamp(0);
    let (reason, paths) = refusal(&early);
    assert_eq!(reason, "implausible_time");
    assert_eq!(paths, ["event_timestamp"]);
}

#[test]
fn a_dead_letter_is_a_row_of_its_table() {
    let letter = |number: u32, more: &str| {
        format!(
            r#"{{"dead_letter_version":1,"dead_letter_id":"req-{number}","arrival_timestamp":{NOON},
            "app_id":"app","client_id":"client","kind":"event","event_id":"key","event_type":"SignUpEvent",
            "schema_version":3,"reasons":[{{"path":"Attributes.email","rule":"format","expected":"a","actual":"b"}}],
            "format":"put_events","event":{{"EventType":"SignUpEvent"}},"endpoint":null,"redacted":[]{more}}}
            "#
        )
    };
    let records = [
        at(0, letter(1, "")),
        at(1, letter(2, r#","later":"x""#)),
        at(2, letter(1, "")),
    ];
    let files = files(&records);
    let path = files.keys().next().unwrap();
    assert!(
        path.starts_with("events/dead_letter/year=2026/month=11/day=21/"),
        "{path}"
    );
    let rows = only_rows(&files);
    for (column, expected) in [
        ("event_id", [Some("req-1"), Some("req-2")]),
        ("event_type", [Some("_dead_letter"); 2]),
        ("app_id", [Some("app"); 2]),
        ("client_id", [Some("client"); 2]),
        ("kind", [Some("event"); 2]),
        ("refused_event_id", [Some("key"); 2]),
        ("refused_event_type", [Some("SignUpEvent"); 2]),
        ("checked_version", [Some("3"); 2]),
        ("format", [Some("put_events"); 2]),
        ("event", [Some(r#"{"EventType":"SignUpEvent"}"#); 2]),
        ("endpoint", [None; 2]),
        ("redacted", [Some("[]"); 2]),
        ("extra", [None, Some(r#"{"later":"x"}"#)]),
    ] {
        let expected = expected.map(|text| text.map(str::to_owned));
        assert_eq!(strings(&rows, column), expected, "{column}");
    }
    let reasons = strings(&rows, "reasons").remove(0).unwrap();
    assert!(
        reasons.starts_with(r#"[{"path":"Attributes.email","rule":"format""#),
        "{reasons}"
    );

    // One that lacks a member is no letter.
    let cut = letter(3, "").replace(r#""client_id":"client","#, "");
    let entry = &support::rejected(&support::files_by(&support::catalog(), &[at(0, cut)]))[0];
    assert_eq!(entry["reason"], "malformed_record");
}
