#!/usr/bin/env node
// The tables of a lake on AWS, as the template that template.yaml nests: `node tables.mjs DELIVERY > tables.json`, with
// forebay.schema.json here. For Terraform: `node tables.mjs DELIVERY terraform > terraform/tables.tf.json`. Who may read
// personal data: `node tables.mjs DELIVERY lake-formation > lake-formation.json`.
//
// DELIVERY is lambda, pipe, firehose-iceberg or firehose-parquet. The first two have the tables of `npx forebay ddl`.
// firehose-iceberg has Iceberg tables with the same columns, and firehose-parquet has one table more,
// forebay__rows, with all columns of all tables: Firehose writes its files by one table, whichever they are of.

import { readFileSync } from "node:fs";
import { glueTables } from "forebay/tools";
import { lakeFormation } from "./lake-formation.mjs";

const DELIVERIES = ["lambda", "pipe", "firehose-iceberg", "firehose-parquet"];
const FORMATS = {
  cloudformation: cloudFormation,
  terraform,
  "lake-formation": lakeFormation,
};
const ROWS = "forebay__rows";
const PARTITIONS = ["year", "month", "day"];
/** How Glue and Athena read Parquet. */
const INPUT_FORMAT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat";
const OUTPUT_FORMAT = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat";
const SERIALIZATION_LIBRARY = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";
/** What AWS does to an Iceberg table by itself, once it is told to. */
const OPTIMIZERS = ["compaction", "retention", "orphan_file_deletion"];

/** What can be said to whoever runs this, without where in the program it is. */
class Mistake extends Error {}

/** The tables of `npx forebay ddl`. */
function tablesOf(schema) {
  return glueTables(schema, {
    database: "forebay",
    // Both are parameters of the templates.
    location: "s3://bucket/lake",
    first_year: 2025,
    last_year: 2035,
  });
}

/** All columns of the tables of events, each once. */
function allColumns(tables) {
  const columns = new Map();
  for (const table of tables) {
    for (const column of table.columns) {
      const known = columns.get(column.name);
      if (known && known.type !== column.type) {
        throw new Mistake(
          `${column.name} is ${known.type} in one table and ${column.type} in ${table.name}: ` +
            "Firehose writes all by one table, so give one of the fields another name, or take another delivery",
        );
      }
      columns.set(column.name, { ...column, comment: undefined });
    }
  }
  return [...columns.values()];
}

function build(schema, delivery) {
  const tables = tablesOf(schema);
  const events = tables.filter((table) => table.folder.startsWith("events/"));
  // Firehose keeps what it could not deliver in the raw bucket, in a form of its own.
  if (delivery === "firehose-iceberg") return events.map((table) => ({ ...table, iceberg: true }));
  if (delivery === "firehose-parquet") {
    const rows = { ...events[0], name: ROWS, folder: "rows", columns: allColumns(events) };
    rows.description = "What Firehose writes by; its files are those of the other tables.";
    rows.parameters = { classification: "parquet" };
    return [...events, rows];
  }
  return tables;
}

const identifier = (name) => `Table${Buffer.from(name).toString("hex")}`;
const isPartitioned = (table) => !table.iceberg && table.name !== ROWS;

function cloudFormation(tables) {
  const resources = tables.flatMap((table) => {
    const id = identifier(table.name);
    const optimizers = (table.iceberg ? OPTIMIZERS : []).map((type) => [
      `${id}${type.replaceAll("_", "")}`,
      cloudFormationOptimizer(id, type),
    ]);
    return [[id, cloudFormationTable(table)], ...optimizers];
  });
  return {
    AWSTemplateFormatVersion: "2010-09-09",
    Description: "The tables of a Forebay lake, made by tables.mjs.",
    Parameters: {
      DatabaseName: { Type: "String", AllowedPattern: "[a-z][a-z0-9_]*" },
      Location: { Type: "String", AllowedPattern: "s3://.*[^/]" },
      ...(tables.some(({ iceberg }) => iceberg) && { OptimizerRoleArn: { Type: "String" } }),
    },
    Resources: {
      Database: {
        Type: "AWS::Glue::Database",
        Properties: {
          CatalogId: { Ref: "AWS::AccountId" },
          DatabaseInput: {
            Name: { Ref: "DatabaseName" },
            Description: "Product events, one table an event type.",
          },
        },
      },
      ...Object.fromEntries(resources),
    },
  };
}

function cloudFormationOptimizer(table, type) {
  return {
    Type: "AWS::Glue::TableOptimizer",
    Properties: {
      CatalogId: { Ref: "AWS::AccountId" },
      DatabaseName: { Ref: "Database" },
      TableName: { Ref: table },
      Type: type,
      TableOptimizerConfiguration: { Enabled: true, RoleArn: { Ref: "OptimizerRoleArn" } },
    },
  };
}

function cloudFormationTable(table) {
  const location = { "Fn::Sub": `\${Location}/${table.folder}/` };
  const folders = PARTITIONS.map((name) => `${name}=\${!${name}}/`).join("");
  const columns = table.columns.map(({ name, type, comment }) => ({
    Name: name,
    Type: type,
    ...(comment && { Comment: comment }),
  }));
  const hive = {
    Parameters: {
      EXTERNAL: "TRUE",
      ...table.parameters,
      ...(isPartitioned(table) && {
        "storage.location.template": { "Fn::Sub": `\${Location}/${table.folder}/${folders}` },
      }),
    },
    ...(isPartitioned(table) && {
      PartitionKeys: PARTITIONS.map((name) => ({ Name: name, Type: "int" })),
    }),
  };
  return {
    Type: "AWS::Glue::Table",
    Properties: {
      CatalogId: { Ref: "AWS::AccountId" },
      DatabaseName: { Ref: "Database" },
      ...(table.iceberg && {
        OpenTableFormatInput: { IcebergInput: { MetadataOperation: "CREATE", Version: "2" } },
      }),
      TableInput: {
        Name: table.name,
        ...(table.description && { Description: table.description }),
        TableType: "EXTERNAL_TABLE",
        ...(!table.iceberg && hive),
        StorageDescriptor: {
          Location: location,
          Columns: columns,
          ...(!table.iceberg && {
            InputFormat: INPUT_FORMAT,
            OutputFormat: OUTPUT_FORMAT,
            SerdeInfo: { SerializationLibrary: SERIALIZATION_LIBRARY },
          }),
        },
      },
    },
  };
}

/** In Terraform's JSON, as in its own language, this is what the expression gives. */
const expression = (text) => `\${${text}}`;

function terraform(tables) {
  const resources = tables.map((table) => [table.name, terraformTable(table)]);
  const optimizers = tables
    .filter(({ iceberg }) => iceberg)
    .flatMap(({ name }) =>
      OPTIMIZERS.map((type) => [`${name}_${type}`, terraformOptimizer(name, type)]),
    );
  return {
    resource: {
      ...(optimizers.length > 0 && {
        aws_glue_catalog_table_optimizer: Object.fromEntries(optimizers),
      }),
      aws_glue_catalog_database: {
        lake: {
          name: expression("var.database"),
          description: "Product events, one table an event type.",
        },
      },
      aws_glue_catalog_table: Object.fromEntries(resources),
      // Firehose waits for all of them.
      terraform_data: {
        tables: { depends_on: tables.map(({ name }) => `aws_glue_catalog_table.${name}`) },
      },
    },
  };
}

function terraformOptimizer(table, type) {
  return {
    catalog_id: expression("local.account"),
    database_name: expression("aws_glue_catalog_database.lake.name"),
    table_name: expression(`aws_glue_catalog_table.${table}.name`),
    type,
    configuration: { enabled: true, role_arn: expression("aws_iam_role.optimizer[0].arn") },
  };
}

function terraformTable(table) {
  const location = `\${local.location}/${table.folder}/`;
  const folders = PARTITIONS.map((name) => `${name}=$\${${name}}/`).join("");
  const plain = (text) => text.replaceAll("${", "$${").replaceAll("%{", "%%{");
  const hive = {
    parameters: {
      EXTERNAL: "TRUE",
      ...table.parameters,
      ...(isPartitioned(table) && { "storage.location.template": location + folders }),
    },
    ...(isPartitioned(table) && {
      partition_keys: PARTITIONS.map((name) => ({ name, type: "int" })),
    }),
  };
  return {
    name: table.name,
    database_name: expression("aws_glue_catalog_database.lake.name"),
    table_type: "EXTERNAL_TABLE",
    ...(table.description && { description: plain(table.description) }),
    ...(table.iceberg
      ? {
          open_table_format_input: {
            iceberg_input: { metadata_operation: "CREATE", version: "2" },
          },
        }
      : hive),
    storage_descriptor: {
      location,
      columns: table.columns.map(({ name, type, comment }) => ({
        name,
        type,
        ...(comment && { comment: plain(comment) }),
      })),
      ...(!table.iceberg && {
        input_format: INPUT_FORMAT,
        output_format: OUTPUT_FORMAT,
        ser_de_info: { serialization_library: SERIALIZATION_LIBRARY },
      }),
    },
  };
}

function main([delivery, format = "cloudformation", ...more]) {
  if (!DELIVERIES.includes(delivery) || !Object.hasOwn(FORMATS, format) || more.length > 0) {
    const formats = Object.keys(FORMATS).join("|");
    throw new Mistake(`node tables.mjs ${DELIVERIES.join("|")} [${formats}]`);
  }
  const tables = build(readFileSync("forebay.schema.json", "utf8"), delivery);
  process.stdout.write(`${JSON.stringify(FORMATS[format](tables), null, 2)}\n`);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  // A mistake in the schema file is one of whoever runs this, too.
  console.error(`tables.mjs: ${error.message}`);
  process.exitCode = 2;
}
