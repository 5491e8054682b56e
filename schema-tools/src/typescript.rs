//! The TypeScript module of a schema: for each event type a type of its fields, a type of the event
//! as it is recorded and a function that makes one; the union of all events; and the compact rules.
//! Equal schemas give equal modules, formatted as Biome and Prettier format them.

use forebay_core::schema::{Docs, EventSchema, Field, Format, Kind, Schema, SchemaError};

use crate::comment::{Comment, WIDTH};
use crate::javascript::{member, member_name, number, string};
use crate::names::{Names, names};
use crate::wording::{constraints, personal_data};

const HEADER: &str = "\
// Written by `npx forebay codegen` from forebay.schema.json. Do not edit: change the schema and run
// it again.

";

/// What turns a `Date` into what `format: date` asks for. Only files that need it have it.
const UTC_DAY: &str = "
/** A `Date` as the day that it is in UTC, e.g. `2026-11-21`; anything else as it is. */
function utcDay<Given>(date: Given): Given | string {
  return date instanceof Date && !Number.isNaN(date.getTime())
    ? date.toISOString().slice(0, 10)
    : date;
}
";

/// The module as source text.
///
/// # Errors
/// Event types that would have the same names in code: see [`names`].
pub fn typescript(schema: &Schema) -> Result<String, Vec<SchemaError>> {
    let names = names(schema)?;
    let events = || schema.events.iter().zip(&names);
    let mut module = String::from(HEADER);
    module.push_str(import(events().any(|(event, _)| takes_fields(event))));
    for (event, names) in events() {
        module.push_str(&fields_type(event, names));
        module.push_str(&event_type(event, names));
        module.push_str(&creator(event, names));
    }
    module.push_str("/** Every event of the schema; `name` tells them apart. */\n");
    let types: Vec<String> = names.iter().map(|names| names.event.clone()).collect();
    module.push_str(&alternatives("export type ForebayEvent =", 2, &types));
    module.push_str(&rules(schema));
    if schema
        .events
        .iter()
        .any(|event| days(event).next().is_some())
    {
        module.push_str(UTC_DAY);
    }
    Ok(module)
}

fn rules(schema: &Schema) -> String {
    let comment = "/** The rules of the schema, for `configure({ schema })`. */";
    let start = "export const schema =";
    let rules = format!("{} as CompiledSchema;", string(&schema.to_rules()));
    let fits = start.len() + 1 + rules.chars().count() <= WIDTH;
    let space = if fits { " " } else { "\n  " };
    format!("\n{comment}\n{start}{space}{rules}\n")
}

fn import(exact: bool) -> &'static str {
    if exact {
        "import { type CompiledSchema, createEvent, type Exact } from \"forebay\";\n\n"
    } else {
        "import { type CompiledSchema, createEvent } from \"forebay\";\n\n"
    }
}

fn takes_fields(event: &EventSchema) -> bool {
    event.additional_properties || !event.fields.is_empty()
}

/// Whether a field may be left out by whoever records the event.
fn is_optional(field: &Field) -> bool {
    !field.required
}

fn fields_type(event: &EventSchema, names: &Names) -> String {
    if !takes_fields(event) {
        return String::new();
    }
    let mut comment = Comment::default();
    comment.text(&format!("What {{@link {}}} takes.", names.creator));
    deprecate(&mut comment, &event.docs);
    let mut source = comment.write(0);
    source.push_str(&format!("export interface {} {{\n", names.fields));
    for field in &event.fields {
        source.push_str(&field_comment(field).write(2));
        let mark = if is_optional(field) { "?" } else { "" };
        let name = format!("{}{mark}:", member_name(&field.name));
        source.push_str(&alternatives(&format!("  {name}"), 4, &given_types(field)));
    }
    if event.additional_properties {
        // The type of all members: a name may be that of any of them.
        let null = event.fields.iter().any(|field| field.nullable);
        let null = if null { " | null" } else { "" };
        source.push_str(&format!(
            "  [name: string]: string | number | boolean | Date{null} | undefined;\n"
        ));
    }
    source.push_str("}\n\n");
    source
}

/// The types that a field takes, each an alternative.
fn given_types(field: &Field) -> Vec<String> {
    let mut types = match &field.kind {
        Kind::String {
            one_of: Some(texts),
            ..
        } => texts.iter().map(|text| string(text)).collect(),
        Kind::String {
            format: Some(Format::DateTime | Format::Date),
            ..
        } => vec!["string".to_owned(), "Date".to_owned()],
        Kind::String { .. } => vec!["string".to_owned()],
        Kind::Boolean { constant } => {
            vec![constant.map_or_else(|| "boolean".to_owned(), |value| value.to_string())]
        }
        Kind::Integer(_) | Kind::Number(_) => numbers(field),
    };
    if field.nullable {
        types.push("null".to_owned());
    }
    types
}

/// The numbers of an `enum`, each once: two may be the same double.
fn numbers(field: &Field) -> Vec<String> {
    let (Kind::Integer(range) | Kind::Number(range)) = &field.kind else {
        return Vec::new();
    };
    let Some(values) = &range.one_of else {
        return vec!["number".to_owned()];
    };
    let mut literals: Vec<String> = Vec::with_capacity(values.len());
    for literal in values.iter().map(number) {
        if !literals.contains(&literal) {
            literals.push(literal);
        }
    }
    literals
}

/// The texts that an attribute may be; `None` for a metric.
fn attribute_types(field: &Field) -> Option<Vec<String>> {
    match &field.kind {
        Kind::String {
            one_of: Some(texts),
            ..
        } => Some(texts.iter().map(|text| string(text)).collect()),
        Kind::String { .. } => Some(vec!["string".to_owned()]),
        Kind::Boolean { constant } => {
            let values = constant.map_or(vec![true, false], |value| vec![value]);
            Some(values.iter().map(|value| format!("\"{value}\"")).collect())
        }
        Kind::Integer(_) | Kind::Number(_) => None,
    }
}

fn event_type(event: &EventSchema, names: &Names) -> String {
    let mut source = event_comment(event).write(0);
    source.push_str(&format!("export type {} = {{\n", names.event));
    source.push_str(&format!("  name: {};\n", string(&event.event_type)));
    let attributes = |field: &Field| attribute_types(field);
    let metrics = |field: &Field| match field.kind {
        Kind::Integer(_) | Kind::Number(_) => Some(numbers(field)),
        Kind::String { .. } | Kind::Boolean { .. } => None,
    };
    source.push_str(&map_type(event, "attributes", "string", attributes));
    source.push_str(&map_type(event, "metrics", "number", metrics));
    source.push_str("};\n\n");
    source
}

/// The type of `attributes` or `metrics`. Null is left out where an event is recorded, so that what
/// may be null may be missing.
fn map_type(
    event: &EventSchema,
    map: &str,
    of: &str,
    types: impl Fn(&Field) -> Option<Vec<String>>,
) -> String {
    let mut members = String::new();
    for field in &event.fields {
        if let Some(types) = types(field) {
            let mark = if is_optional(field) || field.nullable {
                "?"
            } else {
                ""
            };
            let name = format!("    {}{mark}:", member_name(&field.name));
            members.push_str(&alternatives(&name, 6, &types));
        }
    }
    match (members.is_empty(), event.additional_properties) {
        (true, false) => format!("  {map}: Record<string, never>;\n"),
        (true, true) => format!("  {map}: Record<string, {of} | undefined>;\n"),
        (false, false) => format!("  {map}: {{\n{members}  }};\n"),
        (false, true) => {
            format!("  {map}: {{\n{members}    [name: string]: {of} | undefined;\n  }};\n")
        }
    }
}

fn creator(event: &EventSchema, names: &Names) -> String {
    let mut source = event_comment(event).write(0);
    source.push_str(&signature(event, names));
    source.push_str(&format!(
        "  return createEvent({}, {});\n}}\n\n",
        string(&event.event_type),
        fields_argument(event)
    ));
    source
}

/// The first lines of a creator, broken where they are too long.
fn signature(event: &EventSchema, names: &Names) -> String {
    let Names {
        event: event_name,
        fields,
        creator,
    } = names;
    if !takes_fields(event) {
        return format!("export function {creator}(): {event_name} {{\n");
    }
    let mark = if event.fields.iter().all(is_optional) {
        "?"
    } else {
        ""
    };
    let constraint = format!("Given extends {fields}");
    let parameter = format!("fields{mark}: Exact<{fields}, Given>");
    let start = format!("export function {creator}<{constraint}>(");
    let broken_parameter = format!("\n  {parameter},\n): {event_name} {{\n");
    let end = format!("{parameter}): {event_name} {{\n");
    // All of these names are ASCII; the line break at the end is no column.
    if start.len() + end.len() - 1 <= WIDTH {
        return start + &end;
    }
    if start.len() <= WIDTH {
        return start + &broken_parameter;
    }
    let start = format!("export function {creator}<\n  {constraint},\n>(");
    if ">(".len() + end.len() - 1 <= WIDTH {
        start + &end
    } else {
        start + &broken_parameter
    }
}

/// What a creator hands on: the fields, with dates as days where the schema asks for days.
fn fields_argument(event: &EventSchema) -> String {
    let optional = event.fields.iter().all(is_optional);
    let mut days = days(event).peekable();
    if !takes_fields(event) {
        return "{}".to_owned();
    }
    if days.peek().is_none() {
        return if optional { "fields ?? {}" } else { "fields" }.to_owned();
    }
    let object = if optional { "fields?" } else { "fields" };
    let mut argument = String::from("{\n    ...fields,\n");
    for day in days {
        let (name, value) = (member_name(&day.name), member(object, &day.name));
        argument.push_str(&format!("    {name}: utcDay({value}),\n"));
    }
    argument.push_str("  }");
    argument
}

/// The fields that take a `Date` for a day.
fn days(event: &EventSchema) -> impl Iterator<Item = &Field> {
    event.fields.iter().filter(|field| {
        matches!(
            field.kind,
            Kind::String {
                format: Some(Format::Date),
                one_of: None,
                ..
            }
        )
    })
}

/// `start` and a union, on one line or one line an alternative.
fn alternatives(start: &str, indent: usize, types: &[String]) -> String {
    let line = format!("{start} {};\n", types.join(" | "));
    if types.len() < 2 || line.trim_end().chars().count() <= WIDTH {
        return line;
    }
    let separator = format!("\n{}| ", " ".repeat(indent));
    format!("{start}{separator}{};\n", types.join(&separator))
}

fn event_comment(event: &EventSchema) -> Comment {
    let mut comment = Comment::default();
    comment.text(event.docs.title.as_deref().unwrap_or_default());
    comment.text(event.docs.description.as_deref().unwrap_or_default());
    deprecate(&mut comment, &event.docs);
    comment
}

fn field_comment(field: &Field) -> Comment {
    let mut comment = Comment::default();
    comment.text(field.docs.title.as_deref().unwrap_or_default());
    comment.text(field.docs.description.as_deref().unwrap_or_default());
    let personal_data = personal_data(field).map(|text| format!("Personal data: {text}."));
    let sentences = constraints(field).into_iter().chain(personal_data);
    comment.text(&sentences.collect::<Vec<_>>().join(" "));
    for example in &field.docs.examples {
        comment.tag("example", example);
    }
    deprecate(&mut comment, &field.docs);
    comment
}

fn deprecate(comment: &mut Comment, docs: &Docs) {
    if docs.deprecated {
        comment.tag("deprecated", "");
    }
}
