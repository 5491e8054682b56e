// What `npx forebay` does, as functions: for build scripts, servers and tests. Node only.

import { readFileSync } from "node:fs";
import * as module from "#tools";
import type { CompiledSchema, Violation } from "./types.js";

export type { CompiledSchema, Violation } from "./types.js";

const bytes = readFileSync(new URL("./forebay_schema_tools_bg.wasm", import.meta.url));
module.initSync({ module: bytes });

/** A mistake in a schema file. */
export interface SchemaMistake {
  /** JSON pointer to its place, e.g. `/$defs/SignUpEvent/properties/email`. */
  path: string;
  /** What is wrong, and what to do. It reads on after `path`. */
  message: string;
  /** Line of that place in the text, from 1. */
  line: number;
  /** Column of that place in the text, from 1. */
  column: number;
  /** The text that the place is in, if there are several: with `compare` and with `LakeOptions`. */
  file?: "old" | "new" | "options";
}

/** A schema that cannot be used; `mistakes` holds all of them. */
export class SchemaError extends Error {
  override readonly name = "SchemaError";
  constructor(readonly mistakes: SchemaMistake[]) {
    super(
      mistakes.map(({ line, column, ...rest }) => `${line}:${column}: ${said(rest)}`).join("\n"),
    );
  }
}

/**
 * A mistake as a sentence, without its place in the text.
 *
 * @internal
 */
export function said({ path, message }: Pick<SchemaMistake, "path" | "message">): string {
  return path ? `${path} ${message}` : message;
}

/** A column of the lake, with its type in Athena. */
export interface Column {
  name: string;
  type: "string" | "timestamp" | "date" | "boolean" | "bigint" | "int" | "double";
  nullable: boolean;
  description?: string;
  pii?: "hash" | "mask";
}

/** The table of an event type. */
export interface Table {
  name: string;
  event_type: string;
  /** All columns; those that every table has come first. */
  columns: Column[];
}

/** Where the lake is, and which years its tables cover. */
export interface LakeOptions {
  /** The Glue database: small letters, digits and `_`. */
  database: string;
  /** `s3://bucket/folder`, without the `/events` below it. */
  location: string;
  /** From 2000 on. */
  first_year: number;
  /** At most 99 years later. */
  last_year: number;
}

/** A table as Glue's catalogue has it. */
export interface GlueTable {
  name: string;
  description: string;
  /** Below the location of the lake, such as `events/sign_up_event`. */
  folder: string;
  columns: {
    name: string;
    /** In Hive's words. */
    type: string;
    comment: string;
    /** Whether it identifies a person, or holds what `x-pii` marks. */
    is_personal: boolean;
  }[];
  /** All table parameters except `storage.location.template`. */
  parameters: Record<string, string>;
}

/** How dangerous a change is. */
export type ChangeClass = "safe" | "risky" | "breaking";

/** A difference between two versions of a schema, and whom it affects. */
export interface Change {
  /** JSON pointer to what has changed. */
  path: string;
  change: string;
  producers: ChangeClass;
  consumers: ChangeClass;
  lake: ChangeClass;
  /** What to do. */
  advice: string;
}

/** All differences between two versions of a schema. */
export interface Comparison {
  /** The class of the worst change. */
  class: ChangeClass;
  changes: Change[];
}

/** What a line holds: an event that is valid, one that is not, or something else. */
export type Verdict = { ok: true } | { violations: Violation[] } | { malformed: string };

/**
 * The compact rules of a schema file, for `configure({ schema })`.
 *
 * @throws SchemaError
 */
export function compile(schema: string): CompiledSchema {
  return answer(module.rules(schema));
}

/**
 * The TypeScript module that `npx forebay codegen` writes.
 *
 * @throws SchemaError
 */
export function typescript(schema: string): string {
  return answer(module.typescript(schema));
}

/**
 * The tables of the lake.
 *
 * @throws SchemaError
 */
export function tables(schema: string): Table[] {
  return answer(module.tables(schema));
}

/**
 * A catalogue of the events, in Markdown.
 *
 * @throws SchemaError
 */
export function catalogue(schema: string): string {
  return answer(module.catalogue(schema));
}

/**
 * `CREATE EXTERNAL TABLE` statements and views for Athena.
 *
 * @throws SchemaError; also for mistakes in the options
 */
export function athena(schema: string, options: LakeOptions): string {
  return answer(module.athena(schema, JSON.stringify(options)));
}

/**
 * Views for DuckDB over the files of a lake, whose location may be a folder.
 *
 * @param filled folders of tables that have files, such as `events/sign_up_event`; default: all. Engines refuse to read
 *   a folder without files.
 * @throws SchemaError; also for mistakes in the options
 */
export function duckdb(schema: string, options: LakeOptions, filled?: string[]): string {
  return answer(module.duckdb(schema, JSON.stringify(options), filled?.join("\n")));
}

/**
 * The same for Spark, as temporary views.
 *
 * @throws SchemaError; also for mistakes in the options
 */
export function spark(schema: string, options: LakeOptions, filled?: string[]): string {
  return answer(module.spark(schema, JSON.stringify(options), filled?.join("\n")));
}

/**
 * Glue tables as data, for templates of your own.
 *
 * @throws SchemaError; also for mistakes in the options
 */
export function glueTables(schema: string, options: LakeOptions): GlueTable[] {
  return answer(module.glue_tables(schema, JSON.stringify(options)));
}

/**
 * Glue tables as a CloudFormation template.
 *
 * @throws SchemaError; also for mistakes in the options
 */
export function cloudformation(schema: string, options: LakeOptions): string {
  return answer(module.cloudformation(schema, JSON.stringify(options)));
}

/**
 * Glue tables for Terraform.
 *
 * @throws SchemaError; also for mistakes in the options
 */
export function terraform(schema: string, options: LakeOptions): string {
  return answer(module.terraform(schema, JSON.stringify(options)));
}

/**
 * What has changed from `before` to `after`, the texts of two schema files.
 *
 * @throws SchemaError; each mistake says in which of the texts it is.
 */
export function compare(before: string, after: string): Comparison {
  return answer(module.compare(before, after));
}

/** Judges events by a schema, one line of NDJSON at a time. */
export class Validator {
  readonly #validator: module.Validator;

  /** @throws SchemaError */
  constructor(schema: string) {
    try {
      this.#validator = new module.Validator(schema);
    } catch (mistakes) {
      throw typeof mistakes === "string" ? new SchemaError(JSON.parse(mistakes).errors) : mistakes;
    }
  }

  check(line: string): Verdict {
    return JSON.parse(this.#validator.check_line(line));
  }
}

/** Reads the answer of a function of the module. */
function answer<T>(text: string): T {
  const { ok, errors } = JSON.parse(text) as { ok: T; errors?: SchemaMistake[] };
  if (errors) throw new SchemaError(errors);
  return ok;
}
