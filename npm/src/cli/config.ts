import { existsSync } from "node:fs";
import type { LakeOptions } from "../tools.js";
import { UsageError } from "./command.js";
import { read } from "./files.js";

/** Where `forebay` looks for its configuration: the folder it is started in. */
export const CONFIG_FILE = "forebay.config.json";

/** The default schema file. */
export const SCHEMA_FILE = "forebay.schema.json";

/** The content of `forebay.config.json`. Paths are relative to its folder. */
export interface Config {
  /** The schema file. */
  schema: string;
  /** The file that codegen writes. */
  output: string;
  /** Options of `ddl`. */
  lake: Omit<LakeOptions, "location"> & { location?: string };
}

const MEMBERS: Record<string, (value: unknown) => string | undefined> = {
  schema: text,
  output: text,
  database: text,
  location: text,
  first_year: year,
  last_year: year,
};

/**
 * Reads the configuration. Members that it does not have, or all without such a file, have defaults.
 *
 * @param options members from the command line, which win
 * @throws UsageError that names the member to correct
 */
export function readConfig(options: Record<string, unknown> = {}): Config {
  const members = existsSync(CONFIG_FILE) ? parse(read(CONFIG_FILE)) : {};
  for (const [name, value] of Object.entries(members))
    check(`${CONFIG_FILE}: "${name}"`, name, value);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    check(`--${name.replace("_", "-")}`, name, value);
    members[name] = value;
  }
  const { schema, output, ...lake } = members;
  return {
    schema: schema ?? SCHEMA_FILE,
    output: output ?? defaultOutput(),
    lake: { database: "forebay", first_year: 2025, last_year: 2035, ...lake },
  };
}

/** The file that codegen writes by default. */
export function defaultOutput(): string {
  return existsSync("src") ? "src/forebay.gen.ts" : "forebay.gen.ts";
}

// biome-ignore lint/suspicious/noExplicitAny: every member is checked.
function parse(text: string): Record<string, any> {
  let members: unknown;
  try {
    members = JSON.parse(text);
  } catch (error) {
    throw new UsageError(`${CONFIG_FILE}: not JSON: ${(error as Error).message}`);
  }
  if (members === null || typeof members !== "object" || Array.isArray(members)) {
    throw new UsageError(`${CONFIG_FILE}: must be a JSON object`);
  }
  return { ...members };
}

function check(where: string, name: string, value: unknown): void {
  if (!Object.hasOwn(MEMBERS, name)) {
    const known = Object.keys(MEMBERS).join(", ");
    throw new UsageError(`${where} is not known; there are: ${known}`);
  }
  const rule = MEMBERS[name](value);
  if (rule) throw new UsageError(`${where} must be ${rule}`);
}

function text(value: unknown): string | undefined {
  return value && typeof value === "string" ? undefined : "a string that is not empty";
}

function year(value: unknown): string | undefined {
  return Number.isInteger(value) ? undefined : "a year, such as 2026";
}
