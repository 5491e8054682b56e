//! The tables of a schema.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use forebay_core::schema::{COMMON_COLUMNS, Schema};
use forebay_schema_tools::tables::tables;
use serde_json::{Value, json};

const SCHEMA: &str = r#"{
    "$defs": {
        "SignUpEvent": {
            "type": "object",
            "properties": {
                "emailAddress": {
                    "title": "Email",
                    "description": "The account's.",
                    "type": "string",
                    "format": "email",
                    "x-pii": "hash"
                },
                "name": { "type": "string", "x-pii": "mask" },
                "phone": { "type": "string", "x-pii": "drop" },
                "born": { "type": "string", "format": "date" },
                "at": { "type": "string", "format": "date-time" },
                "due": { "type": "string", "format": "date-time", "x-pii": "hash" },
                "trial": { "type": "boolean" },
                "seats": { "type": "integer" },
                "price": { "type": "number" }
            },
            "additionalProperties": true
        },
        "Logout": { "type": "object", "x-event-name": "log-out" }
    }
}"#;

#[test]
fn a_table_has_the_common_columns_then_its_own_then_extra() {
    let schema = Schema::parse(SCHEMA.as_bytes()).unwrap();
    let tables = serde_json::to_value(tables(&schema)).unwrap();
    assert_eq!(tables[0]["name"], "sign_up_event");
    assert_eq!(tables[0]["event_type"], "SignUpEvent");
    assert_eq!(tables[1]["name"], "log_out");
    assert_eq!(tables[1]["event_type"], "log-out");

    let columns = tables[0]["columns"].as_array().unwrap();
    let (common, own) = columns.split_at(COMMON_COLUMNS.len());
    assert_eq!(tables[1]["columns"].as_array().unwrap(), common);
    assert_eq!(
        common[0],
        json!({ "name": "event_id", "type": "string", "nullable": false, "description": "The event's id." })
    );
    assert_eq!(common[22]["name"], "schema_version");
    assert_eq!(common[22]["type"], "int");

    assert_eq!(
        own[0],
        json!({
            "name": "email_address",
            "type": "string",
            "nullable": true,
            "description": "Email: The account's.",
            "pii": "hash"
        })
    );
    let types: Vec<Value> = own
        .iter()
        .map(|column| json!([column["name"], column["type"]]))
        .collect();
    assert_eq!(
        json!(types),
        json!([
            ["email_address", "string"],
            ["name", "string"],
            ["born", "date"],
            ["at", "timestamp"],
            ["due", "string"],
            ["trial", "boolean"],
            ["seats", "bigint"],
            ["price", "double"],
            ["extra", "string"]
        ])
    );
}
