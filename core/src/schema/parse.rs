//! Reading `forebay.schema.json`: the file as a whole and its event types.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::built_in;
use super::columns::is_reserved;
use super::names;
use super::validate::decimal;
use super::{Docs, EventSchema, Field, MAX_EVENT_TYPES, Schema, SchemaError, snake_case};
use crate::json::{Limits, ParseError, Value};
use crate::wire::put_events::MAX_KEYS;

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
/// How the place of the package's meta-schema ends, which editors check the file by.
const META_SCHEMA: &str = "/forebay/schema.json";

const FILE_KEYWORDS: &[&str] = &[
    "$schema",
    "$id",
    "$comment",
    "title",
    "description",
    "x-version",
    "$defs",
];
const EVENT_KEYWORDS: &[&str] = &[
    "type",
    "$comment",
    "title",
    "description",
    "deprecated",
    "properties",
    "required",
    "additionalProperties",
    "x-event-name",
];

/// The subset needs a depth of 6. What goes deeper is read so that the keyword that opens it can be
/// named.
const LIMITS: Limits = Limits {
    depth: 64,
    values: 500_000,
};

impl Schema {
    /// Reads a schema file.
    ///
    /// # Errors
    /// Every mistake in it: not JSON, a keyword outside the subset, constraints that conflict, a
    /// name that is reserved, too long, or the same as another after snake_case.
    pub fn parse(text: &[u8]) -> Result<Schema, Vec<SchemaError>> {
        let file = Value::parse(text, LIMITS).map_err(|error| vec![not_json(text, &error)])?;
        let mut reader = Reader::default();
        let (version, events) = reader.file(&file);
        if reader.errors.is_empty() {
            Ok(Schema::new(version, events))
        } else {
            Err(reader.errors)
        }
    }
}

fn is_dialect(dialect: &str) -> bool {
    dialect == DIALECT || dialect.ends_with(META_SCHEMA)
}

fn not_json(text: &[u8], error: &ParseError) -> SchemaError {
    let before = text.get(..error.offset).unwrap_or(text);
    let line_breaks = before.iter().filter(|byte| **byte == b'\n').count();
    let column = before
        .iter()
        .rev()
        .take_while(|byte| **byte != b'\n')
        .count()
        + 1;
    let message = [
        "the file is not JSON that can be read; see line ",
        &decimal(line_breaks + 1),
        ", byte ",
        &decimal(column),
        ": ",
        error.reason,
    ];
    SchemaError {
        path: String::new(),
        message: message.concat(),
    }
}

/// Walks the file with the JSON pointer of where it is, and collects every mistake on the way. What
/// it returns is of use only when there were none.
#[derive(Default)]
pub(super) struct Reader {
    pointer: String,
    pub(super) errors: Vec<SchemaError>,
}

impl Reader {
    /// Records a mistake here.
    pub(super) fn error(&mut self, message: &[&str]) {
        self.errors.push(SchemaError {
            path: self.pointer.clone(),
            message: message.concat(),
        });
    }

    /// Records a mistake in a member of what is here.
    pub(super) fn error_in(&mut self, member: &str, message: &[&str]) {
        self.within(member, |reader| reader.error(message));
    }

    /// Goes into a member and back out.
    pub(super) fn within<T>(&mut self, member: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.pointer.len();
        self.pointer.push('/');
        for character in member.chars() {
            match character {
                '~' => self.pointer.push_str("~0"),
                '/' => self.pointer.push_str("~1"),
                _ => self.pointer.push(character),
            }
        }
        let result = read(self);
        self.pointer.truncate(outer);
        result
    }

    /// Whether `value` is an object; what it holds beyond `keywords` is a mistake each.
    pub(super) fn is_object(&mut self, value: &Value<'_>, what: &str, keywords: &[&str]) -> bool {
        let Value::Object(members) = value else {
            self.error(&[what, " must be a JSON object"]);
            return false;
        };
        for (name, _) in members {
            if !keywords.contains(&name.as_ref()) {
                let known = keywords.join(", ");
                self.error_in(
                    name,
                    &["is not supported; remove it. ", what, " may have: ", &known],
                );
            }
        }
        true
    }

    /// A member that must be a string where it is there.
    pub(super) fn text(&mut self, object: &Value<'_>, keyword: &str) -> Option<String> {
        let value = object.get(keyword)?;
        if value.as_str().is_none() {
            self.error_in(keyword, &["must be a string"]);
        }
        value.as_str().map(String::from)
    }

    /// What an event type or field says for readers, its examples aside.
    pub(super) fn docs(&mut self, value: &Value<'_>) -> Docs {
        self.text(value, "$comment");
        let deprecated = match value.get("deprecated") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(_) => {
                self.error_in("deprecated", &["must be true or false"]);
                false
            }
        };
        Docs {
            title: self.text(value, "title"),
            description: self.text(value, "description"),
            deprecated,
            examples: Vec::new(),
        }
    }

    /// The version and the event types.
    fn file(&mut self, file: &Value<'_>) -> (u32, Vec<EventSchema>) {
        let (mut version, mut all) = (1, Vec::new());
        if !self.is_object(file, "a schema file", FILE_KEYWORDS) {
            return (version, all);
        }
        for keyword in ["$id", "$comment", "title", "description"] {
            self.text(file, keyword);
        }
        if file
            .get("$schema")
            .is_some_and(|dialect| !dialect.as_str().is_some_and(is_dialect))
        {
            let package = "\" or \"./node_modules";
            self.error_in(
                "$schema",
                &["must be \"", DIALECT, package, META_SCHEMA, "\""],
            );
        }
        if let Some(value) = file.get("x-version") {
            version = self.version(value);
        }
        match file.get("$defs") {
            Some(Value::Object(events)) if !events.is_empty() => {
                all = self.within("$defs", |reader| reader.events(events));
            }
            Some(_) => self.error_in(
                "$defs",
                &["must be an object with one member an event type"],
            ),
            None => self.error(&["\"$defs\" is missing; add it, with one member an event type"]),
        }
        (version, all)
    }

    /// The lake keeps it in a column of 32 bits.
    fn version(&mut self, value: &Value<'_>) -> u32 {
        let version = match value {
            Value::Number(number) => number.to_i64(),
            _ => None,
        };
        match version {
            Some(version @ 1..=0x7fff_ffff) => version.unsigned_abs() as u32,
            _ => {
                self.error_in(
                    "x-version",
                    &["must be a whole number from 1 to 2147483647"],
                );
                1
            }
        }
    }

    fn events(&mut self, members: &[(Cow<'_, str>, Value<'_>)]) -> Vec<EventSchema> {
        if members.len() > MAX_EVENT_TYPES {
            self.error(&[
                "has more than ",
                &decimal(MAX_EVENT_TYPES),
                " event types; tell events of one type apart by a field",
            ]);
            return Vec::new();
        }
        let mut events: Vec<EventSchema> = Vec::new();
        for (name, value) in members {
            let event = self.within(name, |reader| {
                let event = reader.event(name, value)?;
                reader.check_clash(&event, &events);
                Some(event)
            });
            events.extend(event);
        }
        events
    }

    /// Two event types of one name would be one to the wire, and of one table name one to the lake.
    fn check_clash(&mut self, event: &EventSchema, earlier: &[EventSchema]) {
        let table = event.table_name();
        if built_in::is_reserved(&table) {
            self.error(&[
                "the table \"",
                &table,
                "\" is Forebay's own; rename the event type",
            ]);
        }
        for other in earlier {
            if other.event_type == event.event_type {
                let of = [
                    "\"",
                    &event.event_type,
                    "\" is the event name of \"",
                    &other.name,
                ];
                self.error(&[
                    &of.concat(),
                    "\" too; give one of them another \"x-event-name\"",
                ]);
            } else if other.table_name() == table {
                let of = ["the table \"", &table, "\" is that of \"", &other.name];
                self.error(&[&of.concat(), "\" too; rename one of them"]);
            }
        }
    }

    fn event(&mut self, name: &str, value: &Value<'_>) -> Option<EventSchema> {
        if !self.is_object(value, "an event type", EVENT_KEYWORDS) {
            return None;
        }
        if let Some(fault) = names::fault(name) {
            self.error(&["the name \"", name, "\" ", fault]);
        } else if name.contains(['-', '.']) {
            let advice = "put it in \"x-event-name\" and take letters, digits and \"_\" here";
            self.error(&[
                "the name \"",
                name,
                "\" cannot name a type in code; ",
                advice,
            ]);
        }
        let event_name = self.text(value, "x-event-name");
        if let Some(fault) = event_name.as_deref().and_then(names::fault) {
            self.error_in("x-event-name", &[fault]);
        }
        match value.get("type") {
            Some(kind) if kind.as_str() == Some("object") => {}
            Some(_) => self.error_in("type", &["must be \"object\""]),
            None => self.error(&["\"type\" is missing; add \"type\": \"object\""]),
        }
        let additional_properties = match value.get("additionalProperties") {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(_) => {
                self.error_in("additionalProperties", &["must be true or false"]);
                false
            }
        };
        Some(EventSchema {
            name: name.into(),
            event_type: event_name.unwrap_or_else(|| name.into()),
            docs: self.docs(value),
            fields: self.fields(value),
            additional_properties,
        })
    }

    fn fields(&mut self, event: &Value<'_>) -> Vec<Field> {
        let members = match event.get("properties") {
            None => &[],
            Some(Value::Object(members)) => members.as_slice(),
            Some(_) => {
                self.error_in("properties", &["must be an object with one member a field"]);
                return Vec::new();
            }
        };
        let required = match event.get("required") {
            None => Vec::new(),
            Some(required) => self.within("required", |reader| reader.required(required, members)),
        };
        self.within("properties", |reader| {
            if members.len() > MAX_KEYS {
                let limit = decimal(MAX_KEYS);
                reader.error(&[
                    "has more than the ",
                    &limit,
                    " fields that fit the wire; split the event",
                ]);
            }
            let mut fields: Vec<Field> = Vec::new();
            for (name, value) in members {
                let is_required = required.contains(&name.as_ref());
                let field = reader.within(name, |reader| {
                    reader.check_field_name(name, &fields);
                    reader.field(name, value, is_required)
                });
                fields.extend(field);
            }
            fields
        })
    }

    fn required<'v>(
        &mut self,
        value: &'v Value<'_>,
        members: &[(Cow<'_, str>, Value<'_>)],
    ) -> Vec<&'v str> {
        let mut names = Vec::new();
        let Value::Array(elements) = value else {
            self.error(&["must be an array of field names"]);
            return names;
        };
        if elements.len() > MAX_KEYS {
            self.error(&[
                "has more names than the ",
                &decimal(MAX_KEYS),
                " fields that fit the wire",
            ]);
            return names;
        }
        for (at, element) in elements.iter().enumerate() {
            self.within(&decimal(at), |reader| match element.as_str() {
                None => reader.error(&["must be the name of a field"]),
                Some(name) if names.contains(&name) => {
                    reader.error(&["\"", name, "\" is named twice; remove one"]);
                }
                Some(name) if members.iter().all(|(member, _)| member != name) => reader.error(&[
                    "\"",
                    name,
                    "\" is not in \"properties\"; define it there or remove it here",
                ]),
                Some(name) => names.push(name),
            });
        }
        names
    }

    fn check_field_name(&mut self, name: &str, earlier: &[Field]) {
        if let Some(fault) = names::fault(name) {
            return self.error(&["the name \"", name, "\" ", fault]);
        }
        let column = snake_case(name);
        if is_reserved(&column) {
            let taken = "\" is one that every table of the lake has; rename the field";
            self.error(&["the column \"", &column, taken]);
        }
        // More fields than the wire carries are a mistake already: no need to compare them all.
        let clash = earlier
            .iter()
            .take(MAX_KEYS)
            .find(|other| other.column_name() == column);
        if let Some(other) = clash {
            let of = ["the column \"", &column, "\" is that of \"", &other.name];
            self.error(&[&of.concat(), "\" too; rename one of them"]);
        }
    }
}
