//! Random schemas.

use forebay_core::schema::{Schema, SchemaError};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

/// Reads a schema file.
pub fn parse(file: &Value) -> Result<Schema, Vec<SchemaError>> {
    Schema::parse(file.to_string().as_bytes())
}

/// Text for readers and for `enum`: what ends comments, strings, lines, scripts and table cells.
fn texts() -> impl Strategy<Value = String> {
    let parts = [
        "a",
        "Bc",
        " ",
        "*/",
        "/*",
        "//",
        "\n",
        "\r\n",
        "\u{2028}",
        "\u{0}",
        "\t",
        "\"",
        "'",
        "`",
        "``",
        "\\",
        "</script>",
        "<!--",
        "<b>",
        "|",
        "@param",
        "{@link x}",
        "${x}",
        "é",
        "😀",
        "\u{202e}",
        "# ",
        "- ",
        "1. ",
        "---",
        "null",
        "&amp;",
        "0123456789012345678901234567890123456789",
    ];
    vec(select(parts.to_vec()), 0..8).prop_map(|parts| parts.concat())
}

fn assemble(keywords: Vec<(&str, Option<Value>)>) -> Value {
    let given = keywords.into_iter();
    let given = given.filter_map(|(keyword, value)| Some((keyword.to_owned(), value?)));
    Value::Object(given.collect())
}

/// Keywords and values thrown together, few of which fit.
pub fn field() -> impl Strategy<Value = Value> {
    let formats = ["email", "date-time", "date", "uuid", "uri"];
    let types = json!([
        "string",
        ["string", "null"],
        "boolean",
        ["null", "boolean"],
        "integer",
        ["integer", "null"],
        "number"
    ]);
    let numbers = json!([-1, 0, 1, 2.5, 1e3, 1e21, 1e-9, 9007199254740992_u64]);
    let numbers = numbers.as_array().unwrap().clone();
    let bound = || option::weighted(0.2, select(numbers.clone()));
    let values = prop_oneof![
        vec(texts().prop_map(Value::String), 1..6),
        vec(
            prop_oneof![texts().prop_map(Value::String), Just(Value::Null)],
            1..6
        ),
        subsequence(numbers.clone(), 1..=4),
        Just(vec![json!(true)]),
    ];
    let text = (texts(), texts(), any::<bool>());
    (
        option::weighted(0.8, select(types.as_array().unwrap().clone())),
        option::weighted(0.3, select(formats.to_vec())),
        option::weighted(0.3, 0..201u32),
        option::weighted(0.3, 0..201u32),
        (bound(), bound(), bound(), bound()),
        option::weighted(0.2, values),
        option::weighted(0.3, select(vec!["hash", "mask", "drop"])),
        text,
    )
        .prop_map(
            |(kind, format, min, max, bounds, values, pii, (title, about, old))| {
                assemble(vec![
                    ("type", kind),
                    ("format", format.map(Value::from)),
                    ("minLength", min.map(Value::from)),
                    ("maxLength", max.map(Value::from)),
                    ("minimum", bounds.0),
                    ("maximum", bounds.1),
                    ("exclusiveMinimum", bounds.2),
                    ("exclusiveMaximum", bounds.3),
                    ("enum", values.map(Value::from)),
                    ("x-pii", pii.map(Value::from)),
                    ("title", Some(title.into())),
                    ("description", Some(about.into())),
                    ("deprecated", Some(old.into())),
                ])
            },
        )
}

/// Fields of any kind that the reader takes, few of which would be found by chance.
fn good_field() -> impl Strategy<Value = Value> {
    let is_good = |field: &Value| {
        let event = json!({ "type": "object", "properties": { "f": field } });
        parse(&json!({ "$defs": { "E": event } })).is_ok()
    };
    let repaired = field().prop_map(move |mut field| {
        // What does not fit together is taken away until the rest does.
        for keyword in [
            "format",
            "minLength",
            "maxLength",
            "minimum",
            "maximum",
            "exclusiveMinimum",
            "exclusiveMaximum",
            "x-pii",
            "enum",
        ] {
            if is_good(&field) {
                break;
            }
            field.as_object_mut().unwrap().remove(keyword);
        }
        field
    });
    repaired.prop_filter("a type is left", is_good)
}

/// Files that the reader takes.
pub fn files() -> impl Strategy<Value = Value> {
    let names = vec![
        "SignUpEvent",
        "sign_in",
        "Delete",
        "Schema",
        "A",
        "HTTPError",
    ];
    let event = (
        vec(
            (
                select(vec!["a", "b-c", "d.e", "class", "Fg"]),
                good_field(),
                any::<bool>(),
            ),
            0..4,
        ),
        any::<bool>(),
        texts(),
        texts(),
    );
    (subsequence(names, 1..=4), vec(event, 4)).prop_filter_map(
        "drop and required",
        |(names, events)| {
            let events = names.into_iter().zip(events);
            let events: Map<String, Value> = events
                .map(|(name, (fields, open, title, about))| {
                    let required: Vec<&str> = fields
                        .iter()
                        .filter(|(_, field, required)| *required && field["x-pii"] != "drop")
                        .map(|(name, ..)| *name)
                        .collect::<std::collections::BTreeSet<_>>()
                        .into_iter()
                        .collect();
                    let fields: Map<String, Value> = fields
                        .iter()
                        .map(|(name, field, _)| ((*name).to_owned(), field.clone()))
                        .collect();
                    let event = json!({
                        "type": "object",
                        "title": title,
                        "description": about,
                        "properties": fields,
                        "required": required,
                        "additionalProperties": open
                    });
                    (name.to_owned(), event)
                })
                .collect();
            let file = json!({ "$defs": events });
            parse(&file).is_ok().then_some(file)
        },
    )
}
