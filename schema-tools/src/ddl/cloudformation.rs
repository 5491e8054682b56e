//! Tables as a CloudFormation template, in YAML.

use std::fmt::Write;

use forebay_core::schema::{PARTITION_COLUMNS, Schema};

use super::{
    Column, DATABASE_DESCRIPTION, INPUT_FORMAT, OUTPUT_FORMAT, Options, SERIALIZATION_LIBRARY,
    Table, all_tables, partition_path,
};

/// What CloudFormation takes in one template.
const MAX_RESOURCES: usize = 500;
const MAX_BYTES: usize = 1_000_000;

/// The template would be more than CloudFormation takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the template would have {resources} resources and {bytes} bytes; CloudFormation takes at most {MAX_RESOURCES} and {MAX_BYTES}: make the tables by SQL or Terraform"
)]
pub struct TemplateTooLarge {
    /// Resources it would have.
    pub resources: usize,
    /// Bytes it would have.
    pub bytes: usize,
}

/// The database and the tables. Its parameters `DatabaseName` and `Location` are by default what the
/// options say.
///
/// # Errors
/// A schema of more event types than fit one template.
pub fn cloudformation(schema: &Schema, options: &Options) -> Result<String, TemplateTooLarge> {
    let tables = all_tables(schema);
    let mut template = header(schema, options);
    for table in &tables {
        let id = if table.folder == "rejected" {
            "RejectedRecords".to_owned()
        } else {
            logical_id(&table.name)
        };
        // Writing to a string cannot fail.
        let _ = write_table(&mut template, &id, table, options);
    }
    let resources = tables.len() + 1;
    if resources > MAX_RESOURCES || template.len() > MAX_BYTES {
        return Err(TemplateTooLarge {
            resources,
            bytes: template.len(),
        });
    }
    Ok(template)
}

fn header(schema: &Schema, options: &Options) -> String {
    format!(
        r#"AWSTemplateFormatVersion: "2010-09-09"
Description: The tables of a Forebay lake, made by "npx forebay ddl" from version {} of forebay.schema.json.
Parameters:
  DatabaseName:
    Type: String
    Default: {}
    AllowedPattern: "[a-z][a-z0-9_]*"
    Description: The database to make.
  Location:
    Type: String
    Default: {}
    AllowedPattern: "s3://.*[^/]"
    Description: Where the lake is, without a slash at the end.
Resources:
  Database:
    Type: AWS::Glue::Database
    Properties:
      CatalogId: !Ref AWS::AccountId
      DatabaseInput:
        Name: !Ref DatabaseName
        Description: {}
"#,
        schema.version,
        text(&options.database),
        text(&options.location),
        text(DATABASE_DESCRIPTION),
    )
}

fn write_table(
    yaml: &mut String,
    id: &str,
    table: &Table,
    options: &Options,
) -> Result<(), std::fmt::Error> {
    writeln!(yaml, "  {id}:")?;
    writeln!(yaml, "    Type: AWS::Glue::Table")?;
    writeln!(yaml, "    Properties:")?;
    writeln!(yaml, "      CatalogId: !Ref AWS::AccountId")?;
    writeln!(yaml, "      DatabaseName: !Ref Database")?;
    writeln!(yaml, "      TableInput:")?;
    writeln!(yaml, "        Name: {}", text(&table.name))?;
    if !table.description.is_empty() {
        writeln!(yaml, "        Description: {}", text(&table.description))?;
    }
    let location = format!("${{Location}}/{}/", table.folder);
    // "!" keeps what is Athena's from being taken for a parameter.
    let template = location.clone() + &partition_path(|column| format!("${{!{column}}}"));
    writeln!(yaml, "        TableType: EXTERNAL_TABLE")?;
    writeln!(yaml, "        Parameters:")?;
    writeln!(yaml, "          EXTERNAL: \"TRUE\"")?;
    for (name, value) in table.parameters(options) {
        writeln!(yaml, "          {name}: {}", text(&value))?;
    }
    let template = text(&template);
    writeln!(yaml, "          storage.location.template: !Sub {template}")?;
    writeln!(yaml, "        PartitionKeys:")?;
    for column in PARTITION_COLUMNS {
        writeln!(yaml, "          - Name: {column}\n            Type: int")?;
    }
    writeln!(yaml, "        StorageDescriptor:")?;
    writeln!(yaml, "          Location: !Sub {}", text(&location))?;
    writeln!(yaml, "          InputFormat: {INPUT_FORMAT}")?;
    writeln!(yaml, "          OutputFormat: {OUTPUT_FORMAT}")?;
    writeln!(yaml, "          SerdeInfo:")?;
    writeln!(
        yaml,
        "            SerializationLibrary: {SERIALIZATION_LIBRARY}"
    )?;
    writeln!(yaml, "          Columns:")?;
    for column in &table.columns {
        write_column(yaml, column)?;
    }
    Ok(())
}

fn write_column(yaml: &mut String, column: &Column) -> Result<(), std::fmt::Error> {
    writeln!(yaml, "            - Name: {}", text(&column.name))?;
    writeln!(yaml, "              Type: {}", text(column.type_name))?;
    if !column.comment.is_empty() {
        writeln!(yaml, "              Comment: {}", text(&column.comment))?;
    }
    Ok(())
}

/// An id of letters and digits alone, another for every table: `sign_up_event` is
/// `SignUpEventTable`. Where a word begins with a digit, its beginning could not be seen, and the
/// words keep their small letters, with `U` between them.
fn logical_id(table: &str) -> String {
    let words = || table.split('_');
    let begins_with_digit = |word: &str| word.starts_with(|first: char| first.is_ascii_digit());
    if words().any(begins_with_digit) {
        return words().collect::<Vec<_>>().join("U") + "Table";
    }
    let capitalized = words().filter_map(|word| word.split_at_checked(1));
    let mut id: String = capitalized
        .flat_map(|(first, rest)| [first.to_ascii_uppercase(), rest.to_owned()])
        .collect();
    id.push_str("Table");
    id
}

/// A YAML string in double quotes. JSON's strings are such, as long as they hold no control
/// characters, which table and column texts do not.
fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
