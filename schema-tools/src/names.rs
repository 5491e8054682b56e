//! What events are called in generated code.

use std::collections::HashMap;

use forebay_core::schema::{EventSchema, Schema, SchemaError, snake_case};

/// Types that generated code uses, and that therefore cannot be declared in it.
const TAKEN_TYPES: &[&str] = &[
    "CompiledSchema",
    "Date",
    "Exact",
    "ForebayEvent",
    "Given",
    "Record",
];

/// Names that no function of a module can have, and those that generated code has already.
const TAKEN_FUNCTIONS: &[&str] = &[
    "arguments",
    "await",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "createEvent",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "package",
    "private",
    "protected",
    "public",
    "return",
    "schema",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "undefined",
    "utcDay",
    "var",
    "void",
    "while",
    "with",
    "yield",
];

/// The names of one event type. They come from its key in `$defs`, word by word: `sign_up_event` and
/// `SignUpEvent` are the same. Where JavaScript or the generated file itself has a name already,
/// `Event` is added to all three: `Delete` has `DeleteEvent` and `deleteEvent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The type of the event, e.g. `SignUpEvent`.
    pub event: String,
    /// The type of its fields, e.g. `SignUpEventFields`.
    pub fields: String,
    /// The function that makes one, e.g. `signUpEvent`.
    pub creator: String,
}

impl Names {
    fn of(event: &EventSchema) -> Names {
        let words = snake_case(&event.name);
        let mut name = capitalized(&words);
        let mut creator = uncapitalized(&name);
        if TAKEN_TYPES.contains(&name.as_str()) || TAKEN_FUNCTIONS.contains(&creator.as_str()) {
            name.push_str("Event");
            creator.push_str("Event");
        }
        Names {
            fields: format!("{name}Fields"),
            event: name,
            creator,
        }
    }
}

/// The names of all event types, in their order.
///
/// # Errors
/// Event types that would have the same names, and fields that cannot be members of an object.
pub fn names(schema: &Schema) -> Result<Vec<Names>, Vec<SchemaError>> {
    let names: Vec<Names> = schema.events.iter().map(Names::of).collect();
    let mut errors = Vec::new();
    let mut types: HashMap<&str, &str> = HashMap::new();
    for (event, names) in schema.events.iter().zip(&names) {
        // The creators differ where the types do.
        let clash = [&names.event, &names.fields]
            .into_iter()
            .find_map(|name| Some((name, *types.get(name.as_str())?)));
        if let Some((name, other)) = clash {
            errors.push(clash_error(event, name, other));
        }
        types.entry(&names.event).or_insert(&event.name);
        types.entry(&names.fields).or_insert(&event.name);
        if event.fields.iter().any(|field| field.name == "__proto__") {
            errors.push(SchemaError {
                path: format!("/$defs/{}/properties/__proto__", event.name),
                message: "cannot be a member of an object in JavaScript; rename the field"
                    .to_owned(),
            });
        }
    }
    if errors.is_empty() {
        Ok(names)
    } else {
        Err(errors)
    }
}

fn clash_error(event: &EventSchema, name: &str, other: &str) -> SchemaError {
    SchemaError {
        path: format!("/$defs/{}", event.name),
        message: format!(
            "needs the name \"{name}\" in TypeScript, which \"{other}\" has already; rename the \
             entry in \"$defs\", and keep its name on the wire by \"x-event-name\": \"{}\"",
            event.event_type
        ),
    }
}

/// `sign_up` as `SignUp`.
fn capitalized(words: &str) -> String {
    let mut name = String::with_capacity(words.len());
    for word in words.split('_') {
        let mut characters = word.chars();
        name.extend(characters.next().map(|first| first.to_ascii_uppercase()));
        name.push_str(characters.as_str());
    }
    name
}

/// `SignUp` as `signUp`.
fn uncapitalized(name: &str) -> String {
    let mut characters = name.chars();
    let first = characters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(characters).collect()
}
