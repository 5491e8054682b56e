//! Tables as Terraform resources, formatted as `terraform fmt` does.

use forebay_core::schema::{PARTITION_COLUMNS, Schema};

use super::{
    CLASSIFICATION, Column, DATABASE_DESCRIPTION, INPUT_FORMAT, OUTPUT_FORMAT, Options,
    SERIALIZATION_LIBRARY, Table, all_tables, partition_path,
};

/// The database and the tables. Its variables `database` and `location` are by default what the
/// options say.
pub fn terraform(schema: &Schema, options: &Options) -> String {
    let mut blocks = vec![
        variable("database", "The database to make.", &options.database),
        variable(
            "location",
            "Where the lake is, without a slash at the end.",
            &options.location,
        ),
        block(
            "resource \"aws_glue_catalog_database\" \"forebay\"",
            &attributes(&[
                ("name", "var.database".to_owned()),
                ("description", text(DATABASE_DESCRIPTION)),
            ]),
        ),
    ];
    let tables = all_tables(schema);
    blocks.extend(tables.iter().map(|table| resource(table, options)));
    let header = format!(
        "# The tables of a Forebay lake, made by \"npx forebay ddl\" from version {} of\n\
         # forebay.schema.json.\n\n",
        schema.version
    );
    header + &blocks.join("\n")
}

fn variable(name: &str, description: &str, default: &str) -> String {
    block(
        &format!("variable \"{name}\""),
        &attributes(&[
            ("description", text(description)),
            ("type", "string".to_owned()),
            ("default", text(default)),
        ]),
    )
}

fn resource(table: &Table, options: &Options) -> String {
    let mut head = vec![
        ("name", text(&table.name)),
        (
            "database_name",
            "aws_glue_catalog_database.forebay.name".to_owned(),
        ),
        ("table_type", text("EXTERNAL_TABLE")),
    ];
    if !table.description.is_empty() {
        head.push(("description", text(&table.description)));
    }
    let location = format!("${{var.location}}/{}/", table.folder);
    // "$$" keeps what is Athena's from being taken for Terraform's.
    let template = location.clone() + &partition_path(|column| format!("$${{{column}}}"));
    let mut parameters = vec![("EXTERNAL".to_owned(), text("TRUE"))];
    let others = table.parameters(options);
    parameters.extend(others.iter().map(|(name, value)| (text(name), text(value))));
    parameters.push((text("storage.location.template"), interpolated(&template)));
    let parameters: Vec<(&str, String)> = parameters
        .iter()
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let mut parts = vec![
        attributes(&head),
        block("parameters =", &attributes(&parameters)),
    ];
    parts.extend(PARTITION_COLUMNS.map(|column| {
        let key = [("name", text(column)), ("type", text("int"))];
        block("partition_keys", &attributes(&key))
    }));
    parts.push(storage_descriptor(table, &location));
    block(
        &format!("resource \"aws_glue_catalog_table\" \"{}\"", table.name),
        &parts.join("\n"),
    )
}

fn storage_descriptor(table: &Table, location: &str) -> String {
    let mut parts = vec![
        attributes(&[
            ("location", interpolated(location)),
            ("input_format", text(INPUT_FORMAT)),
            ("output_format", text(OUTPUT_FORMAT)),
        ]),
        block(
            "ser_de_info",
            &attributes(&[("serialization_library", text(SERIALIZATION_LIBRARY))]),
        ),
    ];
    parts.extend(table.columns.iter().map(column_block));
    block("storage_descriptor", &parts.join("\n"))
}

fn column_block(column: &Column) -> String {
    let mut lines = vec![
        ("name", text(&column.name)),
        ("type", text(column.type_name)),
    ];
    if !column.comment.is_empty() {
        lines.push(("comment", text(&column.comment)));
    }
    let mut content = attributes(&lines);
    if column.is_personal {
        let (name, value) = CLASSIFICATION;
        content.push('\n');
        content.push_str(&block("parameters =", &attributes(&[(name, text(value))])));
    }
    block("columns", &content)
}

/// A block, with what is in it indented.
fn block(head: &str, content: &str) -> String {
    let indented = content.lines().map(|line| match line {
        "" => "\n".to_owned(),
        _ => format!("  {line}\n"),
    });
    format!("{head} {{\n{}}}\n", indented.collect::<String>())
}

/// Lines `name = value`, with the equal signs below each other.
fn attributes(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = lines
        .iter()
        .map(|(name, value)| format!("{name:width$} = {value}\n"));
    lines.collect()
}

/// A string in which nothing is a template.
fn text(text: &str) -> String {
    interpolated(&text.replace("${", "$${").replace("%{", "%%{"))
}

/// A string with templates. Its escapes are JSON's.
fn interpolated(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
