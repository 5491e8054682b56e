import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { Validator } from "../../tools.js";
import { type Command, ExitCode, UsageError } from "../command.js";
import { readConfig } from "../config.js";
import { read, withSchema, write } from "../files.js";
import { print, printError } from "../terminal.js";
import { App } from "./app.js";
import { configurations } from "./configure.js";
import { creation, diff, edited } from "./edits.js";
import { eventsOf } from "./events.js";
import { coloured, report } from "./report.js";
import { Rewriter } from "./rewrite.js";
import { objectsIn, streamRecord } from "./sample.js";
import {
  type Derived,
  Deriver,
  judge,
  type Missing,
  missing,
  NOTHING,
  type SampleReport,
  schemaText,
} from "./schema.js";
import { type Settings, settingsOf } from "./settings.js";
import { type Skipped, sourcesIn, uncommitted } from "./sources.js";
import { type Left, type Survey, survey } from "./survey.js";

/** The address in the configuration until somebody has one. */
const PLACEHOLDER = "https://events.example.com";

/** What `migrate` has found and does. */
export interface Migration {
  /** Files that change. */
  files: { file: string; diff: string; text: string }[];
  /** Whether Amplify's Analytics are in use. */
  found: boolean;
  endpoint: string;
  isPlaceholder: boolean;
  settings: Settings[];
  /** What Amplify stays configured for. */
  others: Left[];
  /** What a person has to do. */
  left: Left[];
  skipped: Skipped[];
  schema: {
    file: string;
    /** `new`: it is made. `kept`: it was there, and `missing` says what it has not. `none`: there are no events. */
    state: "new" | "kept" | "none";
    text?: string;
    missing?: Missing;
    notes: string[];
  };
  samples: SampleReport[];
}

export const migrate: Command = {
  summary: "an app from Amplify Analytics to Forebay, and a first schema",
  help: `npx forebay migrate [--write] [--from FILE]

Looks for Amplify Analytics v5 and v6 in this folder, and shows as a diff what has to change: imports,
and the endpoint in the configuration. Derives a first schema from the events that the code records, and
lists what cannot be moved. Nothing is written without --write. A second run changes nothing.

  --write           make the changes, and write the schema where there is none
  --force           write although Git has changes that are not committed
  --endpoint URL    where your worker answers (default: ${PLACEHOLDER})
  --from FILE       a sample of Pinpoint's stream records, for the schema: JSON objects on lines or one
                    after the other, gzip or not; may be given more than once
  --schema FILE     (default: forebay.schema.json)
  --json            print it for programs

The diff goes to standard output, all else to standard error.

Exit status: 0 fine, 1 something is left to do by hand, 2 where a file cannot be used.
`,
  async run(words) {
    const { values } = parseArgs({
      args: words,
      options: {
        write: { type: "boolean" },
        force: { type: "boolean" },
        endpoint: { type: "string" },
        from: { type: "string", multiple: true },
        schema: { type: "string" },
        json: { type: "boolean" },
      },
    });
    const { endpoint = PLACEHOLDER, from = [], schema } = values;
    if (!/^(https?:\/\/[^\s"'\\]+|\/[^\s"'\\]*)$/.test(endpoint)) {
      throw new UsageError(
        "--endpoint must be an address, such as https://events.example.com, or a path",
      );
    }
    const migration = await planned(endpoint, from, readConfig({ schema }).schema);
    if (values.write) carryOut(migration, values.force === true);
    await told(migration, values.write === true, values.json === true);
    const isFine =
      migration.left.length === 0 &&
      migration.skipped.length === 0 &&
      migration.samples.every(({ records, fit }) => records === fit);
    return isFine ? ExitCode.Fine : ExitCode.Found;
  },
};

async function planned(endpoint: string, from: string[], schema: string): Promise<Migration> {
  const { parse } = await import("./parser.js");
  const sources = sourcesIn(".");
  const app = new App(sources, parse);
  const found = survey(app);
  const settings = settingsOf(app, found);
  const rewriter = new Rewriter(app, found, found.others.length > 0);
  const isUsed = found.usesAnalytics || isConfigured(found, settings, rewriter);
  if (isUsed) {
    rewriter.imports();
    const has = configurations(rewriter, found, endpoint);
    if (!has && found.configured.size === 0) unconfigured(found, rewriter);
  }
  const events = eventsOf(app, found, (file) => rewriter.version(file) === 5);
  const deriver = new Deriver();
  deriver.code(events.observed);
  const { refused, ...result } = await withSamples(deriver, from, schema);
  const files = [...rewriter.edits]
    .map(([{ path, text }, edits]) => {
      const lines = diff(path, text, edits);
      return {
        file: path,
        diff: lines.map((line) => `${line}\n`).join(""),
        text: edited(text, edits),
      };
    })
    .filter((change) => change.diff !== "")
    .sort((a, b) => (a.file < b.file ? -1 : 1));
  const impossible = events.observed.flatMap(({ name, file, line, column }): Left[] => {
    const why = refused.find((one) => one.name === name)?.why;
    const what = `the event ${JSON.stringify(name)} has no place in a schema`;
    return why === undefined
      ? []
      : [{ file, line, column, what, advice: `Record it under another name: ${why}.` }];
  });
  for (const { name, why } of refused) {
    if (events.observed.some((event) => event.name === name)) continue;
    result.schema.notes.push(`${JSON.stringify(name)} has no place in a schema: ${why}`);
  }
  const left = [...(isUsed ? found.left : []), ...events.unnamed, ...impossible];
  return {
    files,
    found: isUsed,
    endpoint,
    isPlaceholder: endpoint === PLACEHOLDER && isUsed,
    settings,
    others: isUsed ? found.others : [],
    left: sorted(left),
    skipped: sources.skipped.toSorted((a, b) => (a.file < b.file ? -1 : 1)),
    ...result,
  };
}

/** Amplify v5 records sessions by itself where Analytics are configured. */
function isConfigured(
  { configurations }: Survey,
  settings: Settings[],
  rewriter: Rewriter,
): boolean {
  return configurations.some(({ file, node }) => {
    if (rewriter.version(file) === 6) return false;
    const text = file.text.slice(node.start as number, node.end as number);
    return (
      /\b(AWSPinpoint|Pinpoint|amazon_pinpoint|aws_mobile_analytics)/.test(text) ||
      settings.length > 0
    );
  });
}

function unconfigured(found: Survey, { app }: Rewriter): void {
  const [site] = found.sites;
  const place = site ?? { file: app.filesWith("mplify")[0] };
  found.left.push({
    file: place.file.path,
    line: 1,
    column: 1,
    what: "no call of Amplify.configure was found",
    advice:
      "Call configure({ endpoint, region, appId, identityPoolId }) of forebay before the first event.",
  });
}

function sorted(left: Left[]): Left[] {
  const key = ({ file, line }: Left) => `${file}\0${`${line}`.padStart(9, "0")}`;
  return left.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
}

/** The schema of what the code and the samples have, and how the samples fit it. */
async function withSamples(
  deriver: Deriver,
  from: string[],
  file: string,
): Promise<Pick<Migration, "schema" | "samples"> & Pick<Derived, "refused">> {
  for (const sample of from) {
    for await (const found of objectsIn(sample)) {
      const record = "text" in found ? streamRecord(found.text) : undefined;
      if (record) deriver.record(record);
    }
  }
  const fitted = async (text: string, onViolation?: (event: string, path: string) => void) => {
    const reports = [];
    for (const sample of from) reports.push(await judge(sample, text, onViolation));
    return reports;
  };
  if (existsSync(file)) {
    const text = withSchema(file, (text) => {
      new Validator(text);
      return text;
    });
    const derived = deriver.derive();
    const lacks = missing(JSON.parse(text), derived);
    const schema = { file, state: "kept" as const, missing: lacks, notes: [] };
    return { schema, samples: await fitted(text), refused: derived.refused };
  }
  let derived: Derived = deriver.derive();
  if (Object.keys(derived.types).length === 0) {
    const { notes, refused } = derived;
    return { schema: { file, state: "none", notes }, samples: await fitted(NOTHING), refused };
  }
  const loose = new Set<string>();
  let samples = await fitted(schemaText(derived), (event, path) =>
    loose.add(`${event}\0${path.replace(/^\w+\./, "")}`),
  );
  const loosened = [...loose].filter((entry) => {
    const [event, field] = entry.split("\0");
    return deriver.loosen(event, field);
  });
  if (loosened.length > 0) {
    derived = deriver.derive();
    samples = await fitted(schemaText(derived));
  }
  const { notes, refused } = derived;
  return { schema: { file, state: "new", text: schemaText(derived), notes }, samples, refused };
}

function carryOut({ files, schema }: Migration, force: boolean): void {
  const changing = files.map(({ file }) => file);
  const dirty = changing.length > 0 && !force ? uncommitted(".", changing) : [];
  if (dirty.length > 0) {
    const some = dirty.slice(0, 5).join(", ") + (dirty.length > 5 ? ", .." : "");
    throw new UsageError(
      `Git has changes that are not committed (${some}): commit them, so that you see what migrate changes, or say --force`,
    );
  }
  for (const { file, text } of files) write(file, text);
  if (schema.state === "new" && schema.text) write(schema.file, schema.text);
}

async function told(migration: Migration, written: boolean, json: boolean): Promise<void> {
  const { files, schema } = migration;
  if (json) {
    const { files, ...rest } = migration;
    const changes = files.map(({ file, diff }) => ({ file, diff }));
    await print(`${JSON.stringify({ written, files: changes, ...rest }, undefined, 2)}\n`);
    return;
  }
  for (const { diff } of files) await print(coloured(diff));
  if (schema.state === "new" && schema.text) {
    await print(
      coloured(
        creation(schema.file, schema.text)
          .map((line) => `${line}\n`)
          .join(""),
      ),
    );
  }
  printError(report(migration, written, read));
}
