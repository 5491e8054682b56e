//! What JavaScript calls. Every function takes texts and gives one JSON text: `{"ok": ..}`, or
//! `{"errors": [{"path", "message", "line", "column"}]}` with the mistakes in the schema file and
//! where they are in its text.

use forebay_core::schema::{Schema, SchemaError};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::locate::locate;
use crate::ndjson::check_line;
use crate::{catalogue, compatibility, ddl, tables, typescript};

/// What a function gives.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Answer<'t, T> {
    Ok(T),
    Errors(Vec<Mistake<'t>>),
}

/// A [`SchemaError`] and where it is.
#[derive(Serialize)]
struct Mistake<'t> {
    path: String,
    message: String,
    line: u32,
    column: u32,
    /// Which of several texts it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'t str>,
}

fn mistakes<'t>(text: &str, errors: Vec<SchemaError>, file: Option<&'t str>) -> Vec<Mistake<'t>> {
    let pointers: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    let places = locate(text, &pointers);
    let located = errors.into_iter().zip(places);
    located
        .map(|(SchemaError { path, message }, place)| Mistake {
            path,
            message,
            line: place.line,
            column: place.column,
            file,
        })
        .collect()
}

fn json(value: &impl Serialize) -> String {
    // Texts, numbers and lists of them always have a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}

/// Reads a schema and gives what `make` makes of it.
fn answer<T: Serialize>(
    text: &str,
    make: impl FnOnce(&Schema) -> Result<T, Vec<SchemaError>>,
) -> String {
    let made = Schema::parse(text.as_bytes()).and_then(|schema| make(&schema));
    json(&match made {
        Ok(value) => Answer::Ok(value),
        Err(errors) => Answer::Errors(mistakes(text, errors, None)),
    })
}

/// The TypeScript module of a schema.
#[wasm_bindgen]
pub fn typescript(schema: &str) -> String {
    answer(schema, typescript::typescript)
}

/// The compact rules of a schema.
#[wasm_bindgen]
pub fn rules(schema: &str) -> String {
    answer(schema, |schema| Ok(schema.to_rules()))
}

/// The tables of a schema: `[{name, event_type, columns}]`.
#[wasm_bindgen]
pub fn tables(schema: &str) -> String {
    answer(schema, |schema| Ok(tables::tables(schema)))
}

/// The catalogue of a schema's events, in Markdown.
#[wasm_bindgen]
pub fn catalogue(schema: &str) -> String {
    answer(schema, catalogue::catalogue)
}

/// Tables and views for Athena, as SQL. `options` is JSON: [`ddl::Options`].
#[wasm_bindgen]
pub fn athena(schema: &str, options: &str) -> String {
    with_options(schema, options, ddl::Options::read, |schema, options| {
        Ok(ddl::athena(schema, options))
    })
}

/// Tables and views for DuckDB, as SQL. `options` is JSON: [`ddl::Options`], whose location may be any folder;
/// `filled` are the folders of tables that have files, a line each; all where it is not said.
#[wasm_bindgen]
pub fn duckdb(schema: &str, options: &str, filled: Option<String>) -> String {
    let filled = filled.as_deref().map(|filled| filled.lines().collect());
    with_options(
        schema,
        options,
        ddl::Options::of_folder,
        |schema, options| Ok(ddl::duckdb(schema, options, filled)),
    )
}

/// The same for Spark.
#[wasm_bindgen]
pub fn spark(schema: &str, options: &str, filled: Option<String>) -> String {
    let filled = filled.as_deref().map(|filled| filled.lines().collect());
    with_options(
        schema,
        options,
        ddl::Options::of_folder,
        |schema, options| Ok(ddl::spark(schema, options, filled)),
    )
}

/// Tables as Glue's catalogue has them: `[{name, description, folder, columns, parameters}]`. `options` is JSON:
/// [`ddl::Options`].
#[wasm_bindgen]
pub fn glue_tables(schema: &str, options: &str) -> String {
    with_options(schema, options, ddl::Options::read, |schema, options| {
        Ok(ddl::glue_tables(schema, options))
    })
}

/// Tables as a CloudFormation template. `options` is JSON: [`ddl::Options`].
#[wasm_bindgen]
pub fn cloudformation(schema: &str, options: &str) -> String {
    with_options(schema, options, ddl::Options::read, |schema, options| {
        ddl::cloudformation(schema, options).map_err(|error| {
            vec![SchemaError {
                path: String::new(),
                message: error.to_string(),
            }]
        })
    })
}

/// Tables for Terraform. `options` is JSON: [`ddl::Options`].
#[wasm_bindgen]
pub fn terraform(schema: &str, options: &str) -> String {
    with_options(schema, options, ddl::Options::read, |schema, options| {
        Ok(ddl::terraform(schema, options))
    })
}

/// Mistakes in the options have `"file":"options"`.
fn with_options<T: Serialize>(
    schema: &str,
    options: &str,
    read: impl FnOnce(&str) -> Result<ddl::Options, ddl::OptionsError>,
    write: impl FnOnce(&Schema, &ddl::Options) -> Result<T, Vec<SchemaError>>,
) -> String {
    match read(options) {
        Ok(options) => answer(schema, |schema| write(schema, &options)),
        Err(error) => {
            let error = SchemaError {
                path: error.path().to_owned(),
                message: error.to_string(),
            };
            let mistakes = mistakes(options, vec![error], Some("options"));
            json(&Answer::<()>::Errors(mistakes))
        }
    }
}

/// What has changed from one schema to another: `{"class", "changes": [..]}`. Mistakes say which
/// text they are in: `"file":"old"` or `"file":"new"`.
#[wasm_bindgen]
pub fn compare(old: &str, new: &str) -> String {
    let parse = |text: &str, file: &'static str| {
        Schema::parse(text.as_bytes()).map_err(|errors| mistakes(text, errors, Some(file)))
    };
    json(&match (parse(old, "old"), parse(new, "new")) {
        (Ok(old), Ok(new)) => Answer::Ok(compatibility::compare(&old, &new)),
        (old, new) => {
            let mistakes = [old.err(), new.err()].into_iter().flatten();
            Answer::Errors(mistakes.flatten().collect())
        }
    })
}

/// Judges events by a schema.
#[wasm_bindgen]
pub struct Validator {
    schema: Schema,
}

#[wasm_bindgen]
impl Validator {
    /// # Errors
    /// Throws a string: the mistakes in the schema, as `{"errors": [..]}`.
    #[wasm_bindgen(constructor)]
    pub fn new(schema: &str) -> Result<Validator, JsValue> {
        match Schema::parse(schema.as_bytes()) {
            Ok(schema) => Ok(Validator { schema }),
            Err(errors) => {
                let errors = Answer::<()>::Errors(mistakes(schema, errors, None));
                Err(JsValue::from_str(&json(&errors)))
            }
        }
    }

    /// Judges a line of NDJSON: `{"ok":true}`, `{"violations":[..]}` or `{"malformed":"why"}`.
    pub fn check_line(&self, line: &str) -> String {
        json(&check_line(&self.schema, line))
    }
}
