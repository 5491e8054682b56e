import { parseArgs } from "node:util";
import { athena, cloudformation, type LakeOptions, terraform } from "../tools.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { CONFIG_FILE, type Config, readConfig } from "./config.js";
import { withSchema } from "./files.js";
import { deliver } from "./output.js";

const FORMATS: Record<string, (schema: string, options: LakeOptions) => string> = {
  athena,
  cloudformation,
  terraform,
};

export const ddl: Command = {
  summary: "tables and views for Athena: SQL, CloudFormation or Terraform",
  help: `npx forebay ddl [--format FORMAT] [--location s3://BUCKET/FOLDER]

Prints the tables of the lake, with partition projection, and views ready to use.

  --format FORMAT      athena, cloudformation or terraform (default: athena)
  --schema FILE        (default: forebay.schema.json)
  --database NAME      (default: forebay)
  --location ADDRESS   where the lake is, as s3://BUCKET/FOLDER
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
    await deliver(
      withSchema(config.schema, (schema) => FORMATS[format](schema, lake)),
      out,
    );
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
