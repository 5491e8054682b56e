// The definitions of tables that `npx forebay ddl` writes, as tools that are not Forebay's read them.

import { join } from "node:path";
import { filesBelow } from "../support/lake.ts";
import { python } from "../support/python.ts";
import { TYPES, type Type } from "./columns.ts";

/** A table, whatever it is written in. */
export interface Definition {
  comment: string;
  /** Name, type and comment, in their order. */
  columns: [string, string, string][];
  /** Name and type. */
  partitions: [string, string][];
  /** `PARQUET`, or the class that reads the files. */
  format: string;
  location: string;
  parameters: Record<string, string>;
}

/** Definitions by the name of the table. */
export type Definitions = Record<string, Definition>;

/** What sqlglot understands of SQL for Athena. */
export interface Sql {
  databases: string[];
  tables: Definitions;
  /** Each as DuckDB's SQL, by its name, in their order. */
  views: Record<string, string>;
  /** What else there is, as DuckDB's SQL. */
  queries: string[];
}

const PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

/** @throws Error where sqlglot does not understand a statement */
export async function readSql(text: string): Promise<Sql> {
  const sql: Sql = { databases: [], tables: {}, views: {}, queries: [] };
  for (const statement of JSON.parse(await python("schema/ddl_sql.py", [], text))) {
    const { kind, database, name, duckdb, ...definition } = statement;
    if (kind === "DATABASE") sql.databases.push(name);
    else if (name === undefined) sql.queries.push(duckdb);
    else if (!sql.databases.includes(database)) throw new Error(`${name} is in no database`);
    else if (kind === "TABLE") sql.tables[name] = definition;
    else sql.views[name] = duckdb;
  }
  return sql;
}

/** What cfn-lint has against a template, and the tables in it, with its parameters' defaults. */
export async function readCloudFormation(text: string) {
  const read = JSON.parse(await python("schema/ddl_cloudformation.py", [], text));
  const { Parameters, Resources } = read.template;
  const substituted = ({ "Fn::Sub": template }: { "Fn::Sub": string }) =>
    template
      .replaceAll(/\$\{(\w+)\}/g, (_, name) => Parameters[name].Default)
      .replaceAll("${!", "${");
  // biome-ignore lint/suspicious/noExplicitAny: a template may hold anything.
  const resources = Object.values(Resources) as any[];
  const tables: Definitions = {};
  for (const { Type, Properties } of resources) {
    if (Type !== "AWS::Glue::Table") continue;
    const { Name, Description = "", Parameters, PartitionKeys, ...input } = Properties.TableInput;
    const { Columns, Location, ...storage } = input.StorageDescriptor;
    const { EXTERNAL, ...parameters } = Parameters;
    if (EXTERNAL !== "TRUE" || input.TableType !== "EXTERNAL_TABLE") throw new Error(`${Name}`);
    parameters["storage.location.template"] = substituted(parameters["storage.location.template"]);
    tables[Name] = {
      comment: Description,
      columns: Columns.map((column: Record<string, string>) => {
        return [column.Name, column.Type, column.Comment ?? ""];
      }),
      partitions: PartitionKeys.map((key: Record<string, string>) => [key.Name, key.Type]),
      format: format(storage.SerdeInfo.SerializationLibrary),
      location: substituted(Location),
      parameters,
    };
  }
  return { matches: read.matches as string[], tables, parameters: Parameters };
}

/** The tables that Terraform makes, with its variables' defaults, and columns of personal data. */
export async function readTerraform(text: string) {
  const { variable, resource } = JSON.parse(await python("schema/ddl_terraform.py", [], text));
  const variables = Object.assign({}, ...variable);
  const interpolated = (text: string) =>
    text
      .replaceAll(/(?<!\$)\$\{var\.(\w+)\}/g, (_, name) => variables[name].default)
      .replaceAll("$${", "${")
      .replaceAll("%%{", "%{");
  const tables: Definitions = {};
  const personal: Record<string, string[]> = {};
  for (const { aws_glue_catalog_table } of resource) {
    if (!aws_glue_catalog_table) continue;
    const [[id, table]] = Object.entries(aws_glue_catalog_table) as [string, never][];
    const { name, description = "", parameters, partition_keys, ...rest } = single(table);
    const { EXTERNAL, ...others } = parameters;
    if (id !== name || EXTERNAL !== "TRUE") throw new Error(`${id}`);
    const [{ location, columns, ser_de_info }] = rest.storage_descriptor;
    const values = Object.entries(others as Record<string, string>);
    tables[name] = {
      comment: interpolated(description),
      columns: columns.map((column: Record<string, string>) => {
        return [column.name, column.type, interpolated(column.comment ?? "")];
      }),
      partitions: partition_keys.map((key: Record<string, string>) => [key.name, key.type]),
      format: format(ser_de_info[0].serialization_library),
      location: interpolated(location),
      parameters: Object.fromEntries(values.map(([key, value]) => [key, interpolated(value)])),
    };
    const marked = columns.filter(
      (column: { parameters?: Record<string, string> }) =>
        column.parameters?.Classification === "PII",
    );
    personal[name] = marked.map((column: { name: string }) => column.name);
  }
  return { tables, personal };
}

/** python-hcl2 gives blocks of one name as a list, even where there is one. */
// biome-ignore lint/suspicious/noExplicitAny: a block may hold anything.
function single(block: any) {
  return Array.isArray(block) ? block[0] : block;
}

function format(library: string): string {
  return library === PARQUET ? "PARQUET" : library;
}

/** The folders that Athena looks into for the rows of a table, below the location of the lake. */
export function projected({ parameters }: Definition, location: string): Set<string> {
  const { "storage.location.template": template, ...rest } = parameters;
  if (rest["projection.enabled"] !== "true") throw new Error("no projection");
  if (!template.startsWith(`${location}/`)) throw new Error(template);
  let folders = [template.slice(location.length + 1)];
  for (const column of ["year", "month", "day"]) {
    const property = (name: string) => rest[`projection.${column}.${name}`];
    if (property("type") !== "integer") throw new Error(`${column} is ${property("type")}`);
    const [first, last] = property("range").split(",").map(Number);
    const numbers = Array.from({ length: last - first + 1 }, (_, at) => String(first + at));
    const values = numbers.map((number) => number.padStart(Number(property("digits")), "0"));
    folders = folders.flatMap((folder) =>
      values.map((value) => folder.replaceAll(`\${${column}}`, value)),
    );
  }
  return new Set(folders);
}

const PARTITIONS = { year: "INTEGER", month: "INTEGER", day: "INTEGER" };

/** What DuckDB calls a type of Athena. */
export function duckdbType(type: string): string {
  if (type === "binary") return "BLOB";
  const members = /^array<struct<(.*)>>$/.exec(type)?.[1];
  if (members === undefined) return TYPES[type as Type].duckdb;
  return `STRUCT(${members.replaceAll(":string", " VARCHAR")})[]`;
}

/** A table in DuckDB: over its files in a lake, or without rows where there are none. */
async function duckdbTable(name: string, definition: Definition, files: string): Promise<string> {
  const columns = definition.columns.map(([name, type]) => [name, duckdbType(type)]);
  const partitions = JSON.stringify(PARTITIONS).replaceAll('"', "'");
  let rows: string;
  if ((await filesBelow(files, "")).length === 0) {
    const all = [...columns, ...Object.entries(PARTITIONS)];
    rows = `SELECT ${all.map(([name, type]) => `NULL::${type} AS "${name}"`).join(", ")} WHERE false`;
  } else {
    rows = `SELECT * FROM read_parquet('${files}**/*.parquet', hive_types = ${partitions})`;
  }
  return `CREATE VIEW forebay."${name}" AS ${rows}`;
}

/** DuckDB's SQL for all tables and views over a lake in a folder. */
export async function overLake({ tables, views }: Sql, location: string, lake: string) {
  const sources = Object.entries(tables).map(([name, definition]) => {
    const files = join(lake, definition.location.slice(location.length + 1));
    return duckdbTable(name, definition, files);
  });
  const statements = [...(await Promise.all(sources)), ...Object.values(views)];
  return ["CREATE SCHEMA forebay", ...statements, ""].join(";\n");
}
