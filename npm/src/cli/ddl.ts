import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { athena, cloudformation, duckdb, type LakeOptions, spark, terraform } from "../tools.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { CONFIG_FILE, type Config, readConfig } from "./config.js";
import { withSchema } from "./files.js";
import { deliver } from "./output.js";
import { printError } from "./terminal.js";

type Format = (schema: string, options: LakeOptions, filled?: string[]) => string;

/** Formats for which `--location` may be a folder. */
const OF_FOLDERS: Record<string, Format> = { duckdb, spark };
const FORMATS: Record<string, Format> = { athena, cloudformation, terraform, ...OF_FOLDERS };

/** If the lake is in a folder, the folders of tables that have files: engines refuse to read the others. */
function filledFolders({ location }: LakeOptions): string[] | undefined {
  if (/^s3a?:/.test(location)) return undefined;
  const events = join(location, "events");
  const names = existsSync(events) ? readdirSync(events) : [];
  const folders = [...names.map((name) => `events/${name}`), "rejected"];
  return folders.filter((folder) => hasFile(join(location, folder)));
}

function hasFile(folder: string): boolean {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true }) : [];
  return names.some((name) => String(name).endsWith(".parquet"));
}

export const ddl: Command = {
  summary: "tables and views for Athena, DuckDB or Spark",
  help: `npx forebay ddl [--format FORMAT] [--location s3://BUCKET/FOLDER]

Prints the tables of the lake, and views ready to use.

  --format FORMAT      athena: SQL, with partition projection (default)
                       cloudformation, terraform: the same tables, without the views
                       duckdb, spark: SQL over the files, also of a lake in a folder
  --schema FILE        (default: forebay.schema.json)
  --database NAME      (default: forebay)
  --location ADDRESS   where the lake is, as s3://BUCKET/FOLDER; for duckdb and spark also a folder,
                       or s3a://BUCKET/FOLDER
  --first-year YEAR    the first year that queries look for (default: 2025)
  --last-year YEAR     the last one (default: 2035)
  --out FILE           write it there

All but --format and --out may stand in ${CONFIG_FILE}, with _ for -.
`,
  async run(words) {
    const { values } = parseArgs({
      args: words,
      options: {
        format: { type: "string", default: "athena" },
        schema: { type: "string" },
        database: { type: "string" },
        location: { type: "string" },
        "first-year": { type: "string" },
        "last-year": { type: "string" },
        out: { type: "string" },
      },
    });
    const { format, out, "first-year": firstYear, "last-year": lastYear, ...options } = values;
    if (!Object.hasOwn(FORMATS, format)) {
      throw new UsageError(`--format must be one of: ${Object.keys(FORMATS).join(", ")}`);
    }
    const config = readConfig({
      ...options,
      first_year: firstYear && Number(firstYear),
      last_year: lastYear && Number(lastYear),
    });
    const lake = located(config);
    const filled = Object.hasOwn(OF_FOLDERS, format) ? filledFolders(lake) : undefined;
    const text = withSchema(config.schema, (schema) => FORMATS[format](schema, lake, filled));
    if (filled?.length === 0) {
      printError(`${lake.location} has no files of a lake yet: the tables will be empty`);
    }
    await deliver(text, out);
    return ExitCode.Fine;
  },
};

function located({ lake }: Config): LakeOptions {
  const { location } = lake;
  if (location === undefined) {
    throw new UsageError(
      "where is the lake? Say --location s3://BUCKET/FOLDER, or put " +
        `"location": "s3://BUCKET/FOLDER" into ${CONFIG_FILE}`,
    );
  }
  return { ...lake, location };
}
