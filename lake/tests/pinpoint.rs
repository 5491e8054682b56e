//! Records that Pinpoint itself wrote become rows of built-in event types.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::collections::BTreeSet;

use arrow::array::Array;
use forebay_core::schema::Schema;
use forebay_lake::table::Catalog;
use serde_json::{Value, json};
use support::{NOON, at, files_by, read_parquet, rejected, strings};

/// What messages of all channels have, as in AWS's examples.
fn message(event_type: &str, attributes: Value) -> Value {
    json!({
        "event_type": event_type,
        "event_timestamp": NOON,
        "arrival_timestamp": NOON + 645,
        "event_version": "3.1",
        "application": { "app_id": "a1b2c3d4e5f6g7h8i9j0k1l2m3n4o5p6", "sdk": {} },
        "client": { "client_id": "9a311b17-6f8e-4093-be61-4d0bbexample" },
        "device": { "platform": {} },
        "session": {},
        "attributes": attributes,
        "awsAccountId": "123456789012",
    })
}

fn with(mut record: Value, members: &Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

/// The only row of a record: the table, and the values of the columns.
fn row(catalog: &Catalog, record: &Value, columns: &[&str]) -> (String, Vec<Option<String>>) {
    let files = files_by(catalog, &[at(0, record.to_string())]);
    assert_eq!(rejected(&files), [Value::Null; 0], "{record}");
    let (path, bytes) = files.first_key_value().unwrap();
    let rows = read_parquet(bytes.clone());
    assert_eq!((files.len(), rows.num_rows()), (1, 1));
    let values = columns
        .iter()
        .map(|column| strings(&rows, column).remove(0));
    let table = path.split('/').nth(1).unwrap();
    (table.to_owned(), values.collect())
}

fn extra(catalog: &Catalog, record: &Value) -> Value {
    let (_, values) = row(catalog, record, &["extra"]);
    serde_json::from_str(values[0].as_ref().unwrap()).unwrap()
}

#[test]
fn what_pinpoint_wrote_of_messages_are_rows() {
    let catalog = support::catalog();
    let link = format!("https://example.com/?{}", "x".repeat(300));
    for (record, table, columns) in [
        (
            message(
                "_email.click",
                json!({ "feedback": link, "campaign_id": "c" }),
            ),
            "email_click",
            vec![
                ("feedback", Some(link.as_str())),
                ("campaign_id", Some("c")),
                ("journey_id", None),
            ],
        ),
        (
            message(
                "_SMS.SUCCESS",
                json!({ "record_status": "DELIVERED", "destination_phone_number": "+14255550199" }),
            ),
            "sms_success",
            vec![
                ("record_status", Some("DELIVERED")),
                ("destination_phone_number", Some("+14255550199")),
            ],
        ),
        (
            message(
                "_campaign.send",
                json!({ "campaign_send_status": "SUCCESS", "treatment_id": "0" }),
            ),
            "campaign_send",
            vec![
                ("campaign_send_status", Some("SUCCESS")),
                ("treatment_id", Some("0")),
            ],
        ),
        (
            message(
                "_journey.send",
                json!({ "journey_run_id": "r", "journey_send_status_code": "200" }),
            ),
            "journey_send",
            vec![
                ("journey_run_id", Some("r")),
                ("journey_send_status_code", Some("200")),
            ],
        ),
        (
            message("_session.start", json!({})),
            "session_start",
            vec![("session_id", None)],
        ),
    ] {
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        let (found, values) = row(&catalog, &record, &names);
        assert_eq!(found, table);
        let expected = columns.iter().map(|(_, value)| value.map(str::to_owned));
        assert_eq!(values, expected.collect::<Vec<_>>(), "{table}");
    }
}

#[test]
fn every_documented_type_has_a_table() {
    let catalog = support::catalog();
    let mut tables = BTreeSet::new();
    for event_type in [
        "_session.start _session.stop _session.pause _session.resume",
        "_userauth.sign_in _userauth.sign_up _userauth.auth_fail _monetization.purchase",
        "_campaign.send _campaign.opened_notification _campaign.received_foreground",
        "_campaign.received_background _journey.send _journey.opened_notification",
        "_email.send _email.delivered _email.rejected _email.hardbounce _email.softbounce",
        "_email.complaint _email.open _email.click _email.unsubscribe _email.rendering_failure",
        "_SMS.BUFFERED _SMS.SUCCESS _SMS.FAILURE _SMS.OPTOUT _endpoint.update",
    ]
    .into_iter()
    .flat_map(str::split_whitespace)
    {
        tables.insert(row(&catalog, &message(event_type, json!({})), &[]).0);
    }
    assert_eq!(tables.len(), 29);
}

#[test]
fn what_has_no_column_is_in_extra() {
    let catalog = support::catalog();
    let facets = json!({ "email_channel": { "mail_event": {
        "mail": { "destination": ["recipient@example.com"], "headers_truncated": false },
        "send": {},
    } } });
    let mail = with(
        message(
            "_email.send",
            json!({ "feedback": "received", "my_own": "x" }),
        ),
        &json!({ "facets": facets, "client_context": { "custom": { "legacy_identifier": "a1" } } }),
    );
    assert_eq!(
        extra(&catalog, &mail),
        json!({
            "event_version": "3.1",
            "attributes": { "my_own": "x" },
            "awsAccountId": "123456789012",
            "client_context": { "custom": { "legacy_identifier": "a1" } },
            "facets": { "email_channel": { "mail_event": { "mail": {
                "destination": ["recipient@example.com"], "headers_truncated": false,
            } } } },
        })
    );

    // A number where texts have a column is no value of that column, and the other way round.
    let sms = with(
        message("_SMS.FAILURE", json!({ "price_in_millicents_usd": "645" })),
        &json!({ "metrics": { "price_in_millicents_usd": 645.0, "message_id": 7 } }),
    );
    let rest = extra(&catalog, &sms);
    assert_eq!(
        rest["attributes"],
        json!({ "price_in_millicents_usd": "645" })
    );
    assert_eq!(rest["metrics"], json!({ "message_id": 7 }));
    let bare = message("_SMS.FAILURE", json!({}));
    assert_eq!(
        extra(&catalog, &bare),
        json!({ "event_version": "3.1", "awsAccountId": "123456789012" })
    );
}

#[test]
fn of_two_values_for_one_column_the_other_is_in_extra() {
    let catalog = support::catalog();
    let session = with(
        message("_session.stop", json!({})),
        &json!({
            "session": { "session_id": "s", "start_timestamp": NOON - 1, "stop_timestamp": NOON },
            "device": {
                "make": "Google",
                "locale": { "code": "en_US", "country": "US" },
                "platform": { "name": "android", "version": "9" },
            },
            "endpoint": {
                "Id": "9a311b17-6f8e-4093-be61-4d0bbexample",
                "Demographic": { "Platform": "Fuchsia", "PlatformVersion": "9", "Make": "Google" },
                "Location": { "Country": "USA", "PostalCode": "98101" },
                "User": { "UserId": "ada", "UserAttributes": { "plan": ["pro"] } },
                "CohortId": "13",
            },
        }),
    );
    let columns = [
        "session_id",
        "platform",
        "platform_version",
        "locale",
        "country",
        "user_id",
    ];
    let values = ["s", "android", "9", "en_US", "USA", "ada"];
    let (_, found) = row(&catalog, &session, &columns);
    assert_eq!(found, values.map(|value| Some(value.to_owned())));
    let rest = extra(&catalog, &session);
    assert_eq!(rest["session"], json!({ "stop_timestamp": NOON }));
    assert_eq!(
        rest["device"],
        json!({ "make": "Google", "locale": { "country": "US" } })
    );
    assert_eq!(
        rest["endpoint"],
        json!({
            "Demographic": { "Platform": "Fuchsia", "Make": "Google" },
            "Location": { "PostalCode": "98101" },
            "User": { "UserAttributes": { "plan": ["pro"] } },
            "CohortId": "13",
        })
    );
}

#[test]
fn parts_that_pinpoint_left_out_or_wrote_otherwise_cost_no_row() {
    let catalog = support::catalog();
    for members in [
        json!({ "session": { "session_id": "s" } }),
        json!({ "session": { "start_timestamp": NOON } }),
        json!({ "session": null, "device": null, "metrics": null, "endpoint": null, "attributes": null }),
        json!({ "session": { "session_id": 5 } }),
        json!({ "awsAccountId": 123_456_789_012_i64 }),
        json!({ "device": { "make": 5, "locale": "en_US", "platform": "android" } }),
        json!({ "endpoint": { "Metrics": { "a": "1" }, "Location": "SE" } }),
        json!({ "application": { "app_id": "app", "version_code": 12 } }),
    ] {
        let record = with(message("_email.open", json!({})), &members);
        let rest = extra(&catalog, &record);
        // Nothing of it is lost.
        for (name, value) in members.as_object().unwrap() {
            if !value.is_null() && rest.get(name).is_none() {
                assert_eq!(value, &json!({ "session_id": "s" }), "{record}");
            }
        }
    }
    let mut bare = message("_SMS.OPTOUT", json!({}));
    for name in [
        "device",
        "session",
        "attributes",
        "event_version",
        "awsAccountId",
    ] {
        bare.as_object_mut().unwrap().remove(name);
    }
    let (table, extra) = row(&catalog, &bare, &["extra"]);
    assert_eq!((table.as_str(), extra), ("sms_optout", vec![None]));
}

#[test]
fn a_number_that_no_column_can_hold_is_in_extra() {
    let price = json!({ "metrics": { "price_in_millicents_usd": 7 } });
    let text = with(message("_SMS.SUCCESS", json!({})), &price).to_string();
    let text = text.replace("_usd\":7", "_usd\":1e400");
    let files = files_by(&support::catalog(), &[at(0, text)]);
    let rows = read_parquet(files.values().next().unwrap().clone());
    let column = rows.column_by_name("price_in_millicents_usd").unwrap();
    assert_eq!(column.null_count(), 1);
    let extra = strings(&rows, "extra").remove(0).unwrap();
    assert!(extra.contains("_usd\":1e400"), "{extra}");
}

#[test]
fn records_of_event_types_of_the_schema_keep_the_rest_where_it_may_be_kept() {
    let played = with(
        message(
            "PiecePlayedEvent",
            json!({ "completed": "true", "mood": "good" }),
        ),
        &json!({ "device": { "make": "Google" }, "metrics": { "minutes": 5, "bars": 7 } }),
    );
    assert_eq!(
        extra(&support::catalog(), &played),
        json!({
            "event_version": "3.1",
            "device": { "make": "Google" },
            "attributes": { "mood": "good" },
            "metrics": { "bars": 7 },
            "awsAccountId": "123456789012",
        })
    );
}

#[test]
fn a_schema_may_have_its_own_type_in_place_of_a_built_in_one() {
    let catalog = |definitions: &str| {
        Catalog::new(
            Schema::parse(format!(r#"{{ "$defs": {{ {definitions} }} }}"#).as_bytes()).unwrap(),
        )
    };
    let record = message("_session.start", json!({ "plan": "pro" }));
    let own = catalog(
        r#""Begun": { "type": "object", "x-event-name": "_session.start",
        "properties": { "plan": { "enum": ["free"] } } }"#,
    );
    let refused = rejected(&files_by(&own, &[at(0, record.to_string())]));
    assert_eq!(refused[0]["reason"], "schema_violation");

    // The table can be that of one event type alone.
    let same_table = catalog(r#""SessionStart": { "type": "object" }"#);
    let refused = rejected(&files_by(&same_table, &[at(0, record.to_string())]));
    assert_eq!(refused[0]["reason"], "unknown_event_type");
    let tables = same_table
        .tables
        .iter()
        .filter(|table| table.name == "session_start");
    assert_eq!(tables.count(), 1);
}

#[test]
fn a_built_in_type_is_held_to_plausible_times_and_nothing_unknown_is_taken() {
    let catalog = support::catalog();
    for (record, reason) in [
        (
            with(
                message("_email.open", json!({})),
                &json!({ "event_timestamp": 0 }),
            ),
            "implausible_time",
        ),
        (message("_email.opened", json!({})), "unknown_event_type"),
        (message("_sms.success", json!({})), "unknown_event_type"),
    ] {
        let entries = rejected(&files_by(&catalog, &[at(0, record.to_string())]));
        assert_eq!(entries[0]["reason"], reason, "{record}");
    }
}
