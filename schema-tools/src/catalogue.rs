//! A catalogue of the events for a wiki, in Markdown: what each means, what it holds, how it is
//! recorded and how it is queried.

use forebay_core::json::Writer;
use forebay_core::schema::{
    EXTRA_COLUMN, EventSchema, Field, Kind, Pii, Range, Schema, SchemaError,
};

use crate::javascript::{member_name, string};
use crate::markdown::{code, code_block, paragraphs, row, text};
use crate::names::{Names, names};
use crate::samples::{SAMPLE_TIME, Sample, empty_event, insert, sample};
use crate::wording::{limits, personal_data, type_name};

/// Most values of an `enum` that are listed.
const MAX_LISTED: usize = 50;

/// The catalogue as Markdown.
///
/// # Errors
/// Event types that would have the same names in code: see [`names`].
pub fn catalogue(schema: &Schema) -> Result<String, Vec<SchemaError>> {
    let names = names(schema)?;
    let count = match schema.events.len() {
        1 => "1 event type".to_owned(),
        count => format!("{count} event types"),
    };
    let mut catalogue = format!(
        "# Catalogue of events\n\nVersion {} of the schema, {count}. Written by `npx forebay docs` \
         from `forebay.schema.json`.\n\n",
        schema.version
    );
    catalogue.push_str(&contents(schema));
    for (event, names) in schema.events.iter().zip(&names) {
        catalogue.push('\n');
        catalogue.push_str(&entry(event, names));
    }
    Ok(catalogue)
}

/// A link to each entry. Headings that differ in capitals alone have the same anchor, but for a number.
fn contents(schema: &Schema) -> String {
    let mut contents = String::new();
    let mut anchors: Vec<String> = Vec::new();
    for event in &schema.events {
        let heading = event.name.to_ascii_lowercase();
        let same = anchors.iter().filter(|anchor| **anchor == heading).count();
        let number = if same == 0 {
            String::new()
        } else {
            format!("-{same}")
        };
        let about = given(&event.docs.title).or(given(&event.docs.description));
        let about = about.map_or_else(String::new, |about| format!(": {about}"));
        let deprecated = if event.docs.deprecated {
            " (deprecated)"
        } else {
            ""
        };
        contents.push_str(&format!(
            "- [{}](#{heading}{number}){about}{deprecated}\n",
            text(&event.name)
        ));
        anchors.push(heading);
    }
    contents
}

/// A title or description as Markdown on one line; `None` where there is nothing to read.
fn given(words: &Option<String>) -> Option<String> {
    let words = words.as_deref().map(text);
    words.filter(|words| !words.is_empty())
}

fn entry(event: &EventSchema, names: &Names) -> String {
    let mut parts = vec![format!("## {}\n", text(&event.name))];
    if event.docs.deprecated {
        parts.push("**Deprecated**: not to be recorded by new code.\n".to_owned());
    }
    parts.extend(given(&event.docs.title).map(|title| format!("**{title}**\n")));
    let description = paragraphs(event.docs.description.as_deref().unwrap_or_default());
    if !description.is_empty() {
        parts.push(description + "\n");
    }
    parts.push(format!(
        "Name on the wire: {}. Table: {}.\n",
        code(&event.event_type),
        code(&event.table_name())
    ));
    if !event.fields.is_empty() {
        parts.push(fields(event));
    }
    if event.additional_properties {
        parts.push(format!(
            "Further fields are allowed; they are kept together in the column {}, as JSON.\n",
            code(EXTRA_COLUMN)
        ));
    } else if event.fields.is_empty() {
        parts.push("It has no fields.\n".to_owned());
    }
    parts.push("To record one:\n".to_owned());
    parts.push(code_block("ts", &recording(event, names)));
    parts.push("As it is sent:\n".to_owned());
    parts.push(code_block("json", &sent(event)));
    parts.push("To query a day:\n".to_owned());
    parts.push(code_block("sql", &query(event)));
    parts.join("\n")
}

fn fields(event: &EventSchema) -> String {
    let head = [
        "field",
        "type",
        "required",
        "constraints",
        "personal data",
        "description",
        "examples",
    ];
    let rule = head.map(|_| "---".to_owned());
    let mut table = row(&head.map(str::to_owned)) + &row(&rule);
    for field in &event.fields {
        table.push_str(&row(&[
            code(&field.name),
            kind(field),
            if field.required { "yes" } else { "no" }.to_owned(),
            allowed(field),
            personal_data(field).unwrap_or_default(),
            description(field),
            examples(field),
        ]));
    }
    table
}

fn kind(field: &Field) -> String {
    let null = if field.nullable { ", or null" } else { "" };
    format!("{}{null}", type_name(field))
}

/// The limits, or the values allowed.
fn allowed(field: &Field) -> String {
    let values: Vec<&str> = match &field.kind {
        Kind::String {
            one_of: Some(texts),
            ..
        } => texts.iter().map(String::as_str).collect(),
        Kind::Boolean { constant } => match constant {
            Some(true) => vec!["true"],
            Some(false) => vec!["false"],
            None => Vec::new(),
        },
        Kind::Integer(Range {
            one_of: Some(numbers),
            ..
        })
        | Kind::Number(Range {
            one_of: Some(numbers),
            ..
        }) => numbers.iter().map(|number| number.as_text()).collect(),
        _ => Vec::new(),
    };
    if values.is_empty() {
        return limits(field).join(", ");
    }
    let listed: Vec<String> = values
        .iter()
        .take(MAX_LISTED)
        .map(|value| code(value))
        .collect();
    let of = if values.len() == 1 {
        "always "
    } else {
        "one of "
    };
    let rest = match values.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        rest => format!(" and {rest} more"),
    };
    format!("{of}{}{rest}", listed.join(", "))
}

fn description(field: &Field) -> String {
    let deprecated = field.docs.deprecated.then(|| "**Deprecated.**".to_owned());
    let title = given(&field.docs.title).map(|title| format!("**{title}**"));
    let description = given(&field.docs.description);
    let parts = [deprecated, title, description].into_iter().flatten();
    parts.collect::<Vec<_>>().join("<br>")
}

fn examples(field: &Field) -> String {
    let examples = field.docs.examples.iter().map(|example| code(example));
    examples.collect::<Vec<_>>().join(", ")
}

/// The fields of an example, each with a value that fits.
fn example(event: &EventSchema) -> impl Iterator<Item = (&Field, Sample)> {
    let fields = event.fields.iter();
    let shown = fields.filter(|field| field.required || !field.docs.deprecated);
    shown.map(|field| (field, sample(field)))
}

fn recording(event: &EventSchema, names: &Names) -> String {
    let creator = &names.creator;
    let imports = format!(
        "import {{ record }} from \"forebay\";\nimport {{ {creator} }} from \"./forebay.gen\";\n"
    );
    let members: Vec<String> = example(event)
        .map(|(field, sample)| {
            let value = match sample {
                Sample::Text(text) => string(&text),
                Sample::Number(number) => crate::javascript::number(&number),
                Sample::Boolean(value) => value.to_string(),
            };
            format!("    {}: {value},\n", member_name(&field.name))
        })
        .collect();
    if members.is_empty() {
        return format!("{imports}\nrecord({creator}());");
    }
    format!(
        "{imports}\nrecord(\n  {creator}({{\n{}  }}),\n);",
        members.concat()
    )
}

/// The example as the body of a request has it, one member a line.
fn sent(event: &EventSchema) -> String {
    let mut sent = empty_event(&event.event_type);
    for (field, sample) in example(event) {
        if field.pii != Some(Pii::Drop) {
            insert(&mut sent, &field.name, &sample);
        }
    }
    let member = |name: &str, value: &str| {
        let mut writer = Writer::new();
        writer.string(name);
        format!("{}: {value}", writer.finish())
    };
    let json_text = |text: &str| {
        let mut writer = Writer::new();
        writer.string(text);
        writer.finish()
    };
    let attributes = sent.attributes.iter();
    let attributes: Vec<String> = attributes
        .map(|(name, text)| member(name, &json_text(text)))
        .collect();
    let metrics = sent.metrics.iter();
    let metrics: Vec<String> = metrics
        .map(|(name, number)| member(name, number.as_text()))
        .collect();
    let map = |members: &[String]| format!("{{\n    {}\n  }}", members.join(",\n    "));
    let mut members = vec![
        member("EventType", &json_text(&event.event_type)),
        member("Timestamp", &json_text(&SAMPLE_TIME.to_iso8601())),
    ];
    if !attributes.is_empty() {
        members.push(member("Attributes", &map(&attributes)));
    }
    if !metrics.is_empty() {
        members.push(member("Metrics", &map(&metrics)));
    }
    format!("{{\n  {}\n}}", members.join(",\n  "))
}

fn query(event: &EventSchema) -> String {
    let own = event
        .fields
        .iter()
        .filter(|field| field.column_type().is_some());
    let own = own.map(|field| field.column_name());
    let extra = event.additional_properties.then(|| EXTRA_COLUMN.to_owned());
    let common = ["event_timestamp", "user_id"].map(str::to_owned);
    let columns: Vec<String> = common
        .into_iter()
        .chain(own)
        .chain(extra)
        .map(|column| format!("\"{column}\""))
        .collect();
    format!(
        "SELECT {}\nFROM \"{}\"\nWHERE \"year\" = 2026 AND \"month\" = 11 AND \"day\" = 21\n\
         ORDER BY \"event_timestamp\" DESC\nLIMIT 100;",
        columns.join(", "),
        event.table_name()
    )
}
