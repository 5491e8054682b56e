import { randomBytes, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Command, ExitCode, UsageError } from "../../src/cli/command.js";
import { SCHEMA_FILE } from "../../src/cli/config.js";
import { read } from "../../src/cli/files.js";
import { print } from "../../src/cli/terminal.js";
import { type Application, DEV_APPLICATION } from "./places.js";
import { readSchema } from "./schema.js";

/** Folders beside the program, each with the files of one way to run the worker. */
const TEMPLATES = new URL("./", import.meta.url);
/** The package's names for files that a package must not contain under their own names. */
const RENAMED: Record<string, string> = {
  dockerignore: ".dockerignore",
  gitignore: ".gitignore",
};

/** The file of each way that has the worker's configuration. */
const SETTINGS = { cloudflare: "wrangler.jsonc", "self-hosted": "forebay.json" } as const;

/** Files of everybody: without that configuration they are somebody else's. */
const COMMON = ["README.md", "main.js", "package.json"];

/** The marks of optional lines in the configuration. */
const OPTIONAL = ["queue", "analytics"] as const;

export const init: Command = {
  summary: "writes a folder to deploy the worker from",
  help: `npx forebay-worker init [FOLDER]

Writes what \`npx wrangler deploy\` takes, into FOLDER (forebay-worker): the worker, your schema, a
configuration with a new app id and identity pool id. Its README.md says what to do next. A second time it
writes the files that are gone, with the ids that the configuration has; the others stay as they are.

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
    const { region } = values;
    if (region !== undefined && !/^[a-z]{2,}(-[a-z0-9]+)+$/.test(region)) {
      throw new UsageError(`--region is no region, such as eu-central-1: ${region}`);
    }
    const schema = readSchema(values.schema).text;
    const template = values["self-hosted"] ? "self-hosted" : "cloudflare";
    if (values["self-hosted"] && (values.queue || values.analytics)) {
      throw new UsageError("--queue and --analytics are Cloudflare's: workerd has neither");
    }
    const marks = OPTIONAL.filter((name) => values[name]);
    const wrote = fill(folder, template, schema, applicationOf(folder, template, region), marks);
    await print(`${wrote.map((line) => `${line}\n`).join("")}
Next: ${join(folder, "README.md")} says how to deploy it.
`);
    return ExitCode.Fine;
  },
};

/**
 * The application of the folder, as its configuration has it, or else a new one.
 *
 * @param region as it was said
 * @throws UsageError where the folder is another's, or its application is in another region
 */
function applicationOf(
  folder: string,
  template: keyof typeof SETTINGS,
  region: string | undefined,
): Application {
  const has = (file: string) => existsSync(join(folder, file));
  const strange = Object.entries(SETTINGS).find(([way, file]) => way !== template && has(file));
  if (strange) {
    throw new UsageError(
      `${folder} has ${strange[1]}, to run the worker otherwise: name another folder`,
    );
  }
  const settings = SETTINGS[template];
  if (!has(settings)) {
    const own = COMMON.find(has);
    if (own) {
      const where = join(folder, own);
      throw new UsageError(
        `${where} is of something else: name a folder that is empty or not there`,
      );
    }
    const chosen = region ?? DEV_APPLICATION.region;
    return {
      appId: randomBytes(16).toString("hex"),
      identityPoolId: `${chosen}:${randomUUID()}`,
      region: chosen,
    };
  }
  const text = read(join(folder, settings));
  const member = (name: string) => new RegExp(`"${name}":\\s*"([^"]*)"`).exec(text)?.[1] ?? "";
  const known = {
    appId: member("app_id"),
    identityPoolId: member("identity_pool_id"),
    region: member("region"),
  };
  if (region !== undefined && region !== known.region) {
    throw new UsageError(
      `${join(folder, settings)} has the region ${known.region}: change it there`,
    );
  }
  return known;
}

/** Writes the files; gives a line about each. */
function fill(
  folder: string,
  template: string,
  schema: string,
  { appId, identityPoolId, region }: Application,
  marks: readonly string[],
): string[] {
  // An app and a pool of their own in place of those that every example has.
  const names = [
    [DEV_APPLICATION.appId, appId],
    [DEV_APPLICATION.identityPoolId, identityPoolId],
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
