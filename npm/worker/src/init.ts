import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Command, ExitCode, UsageError } from "../../src/cli/command.js";
import { SCHEMA_FILE } from "../../src/cli/config.js";
import { print } from "../../src/cli/terminal.js";
import { DEV_APPLICATION } from "./places.js";
import { readSchema } from "./schema.js";

/** Folders beside the program, each with the files of one way to run the worker. */
const TEMPLATES = new URL("./", import.meta.url);
/** The package's names for files that a package must not contain under their own names. */
const RENAMED: Record<string, string> = { gitignore: ".gitignore" };

/** The marks of optional lines in the configuration. */
const OPTIONAL = ["queue", "analytics"] as const;

export const init: Command = {
  summary: "writes a folder to deploy the worker from",
  help: `npx forebay-worker init [FOLDER]

Writes what \`npx wrangler deploy\` takes, into FOLDER (forebay-worker): the worker, your schema, a
configuration with a new app id and identity pool id. Its README.md says what to do next. A file that is
there already stays as it is.

  --queue           Cloudflare Queues in front of the streams: events are taken while these are down
  --analytics       counts go to Cloudflare's Analytics Engine
  --self-hosted     for a machine of your own instead: workerd, a systemd unit, a Dockerfile
  --schema FILE     copied into it (${SCHEMA_FILE}; without one there, the schema of \`npx forebay init\`)
  --region REGION   of the stream, and of what clients sign for (us-east-1)
`,
  async run(words) {
    const { values, positionals } = parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        "self-hosted": { type: "boolean" },
        queue: { type: "boolean" },
        analytics: { type: "boolean" },
        schema: { type: "string" },
        region: { type: "string" },
      },
    });
    const [folder = "forebay-worker", ...others] = positionals;
    if (others.length) throw new UsageError(`name one folder\n\n${init.help.trimEnd()}`);
    const region = values.region ?? DEV_APPLICATION.region;
    if (!/^[a-z]{2,}(-[a-z0-9]+)+$/.test(region)) {
      throw new UsageError(`--region is no region, such as eu-central-1: ${region}`);
    }
    const schema = readSchema(values.schema).text;
    const template = values["self-hosted"] ? "self-hosted" : "cloudflare";
    if (values["self-hosted"] && (values.queue || values.analytics)) {
      throw new UsageError("--queue and --analytics are Cloudflare's: workerd has neither");
    }
    const marks = OPTIONAL.filter((name) => values[name]);
    const wrote = fill(folder, template, schema, region, marks);
    await print(`${wrote.map((line) => `${line}\n`).join("")}
Next: ${join(folder, "README.md")} says how to deploy it.
`);
    return ExitCode.Fine;
  },
};

/** Writes the files; gives a line about each. */
function fill(
  folder: string,
  template: string,
  schema: string,
  region: string,
  marks: readonly string[],
): string[] {
  // An app and a pool of their own in place of those that every example has.
  const names = [
    [DEV_APPLICATION.appId, randomBytes(16).toString("hex")],
    [DEV_APPLICATION.identityPoolId, `${region}:${randomUUID()}`],
    [DEV_APPLICATION.region, region],
  ];
  const filled = (text: string) =>
    marks.reduce(
      (text, mark) => text.replaceAll(`//${mark} `, ""),
      names.reduce((text, [example, own]) => text.replaceAll(example, own), text),
    );
  const source = fileURLToPath(new URL(template, TEMPLATES));
  try {
    mkdirSync(folder, { recursive: true });
    const wrote = readdirSync(source).map((file) =>
      create(join(folder, RENAMED[file] ?? file), filled(readFileSync(join(source, file), "utf8"))),
    );
    return [...wrote, create(join(folder, SCHEMA_FILE), schema)];
  } catch (error) {
    throw new UsageError(`${folder}: cannot be written: ${(error as Error).message}`);
  }
}

function create(path: string, text: string): string {
  if (existsSync(path)) return `${path} is there already, and stays as it is`;
  writeFileSync(path, text);
  return `wrote ${path}`;
}
