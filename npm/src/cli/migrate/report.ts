// What `migrate` says besides the diff.

import { paint } from "../terminal.js";
import type { Migration } from "./migrate.js";
import { members } from "./modules.js";

/** A diff in the colours that Git has for one. */
export function coloured(diff: string): string {
  const line = (text: string) => {
    if (/^(---|\+\+\+) /.test(text)) return paint("bold", text);
    if (text.startsWith("@@")) return paint("dim", text);
    if (text.startsWith("+")) return paint("green", text);
    return text.startsWith("-") ? paint("red", text) : text;
  };
  return diff
    .split("\n")
    .map((text) => (text === "" ? text : line(text)))
    .join("\n");
}

/** The report, without a line break at its end. */
export function report(
  migration: Migration,
  written: boolean,
  read: (path: string) => string,
): string {
  const parts = [
    changes(migration, written),
    stays(migration),
    byHand(migration),
    skipped(migration),
    schema(migration, written),
    samples(migration),
    next(migration, written, read),
  ];
  return parts.filter(Boolean).join("\n\n");
}

function changes({ found, files, schema }: Migration, written: boolean): string {
  if (!found && files.length === 0) {
    return "no Amplify Analytics here: there is nothing to move";
  }
  const count = (number: number) => `${number} file${number === 1 ? "" : "s"}`;
  if (files.length === 0) return "nothing to change: what can be moved has been";
  const made = written && schema.state === "new" ? `, and wrote ${schema.file}` : "";
  return written
    ? `changed ${count(files.length)}${made}`
    : `${count(files.length)} would change; --write makes the changes`;
}

function stays({ others }: Migration): string {
  if (others.length === 0) return "";
  const places = others.map(({ file, line, what }) => `  ${file}:${line}: ${what}`);
  return `Amplify stays configured, for:\n${[...new Set(places)].join("\n")}`;
}

function byHand({ left }: Migration): string {
  if (left.length === 0) return "";
  const lines = left.map(
    ({ file, line, column, what, advice }) =>
      `  ${file}:${line}:${column}: ${what}\n      ${advice}`,
  );
  return `Left for you:\n${lines.join("\n")}`;
}

function skipped({ skipped: files }: Migration): string {
  if (files.length === 0) return "";
  const lines = files.map(({ file, line, column, why }) => {
    const place = line === undefined ? file : `${file}:${line}:${column}`;
    return `  ${place}: ${why}`;
  });
  return `Not looked at:\n${lines.join("\n")}`;
}

function schema({ schema: { file, state, missing, notes } }: Migration, written: boolean): string {
  const lines: string[] = [];
  if (state === "new")
    lines.push(`${file}: ${written ? "written" : "new"}, for you to make stricter`);
  if (state === "kept") {
    const events = Object.entries(missing?.events ?? {});
    const fields = Object.entries(missing?.fields ?? {});
    const isWhole = events.length + fields.length === 0;
    lines.push(`${file} stays as it is${isWhole ? ", and lacks nothing" : "; it lacks:"}`);
    for (const [key, type] of events) lines.push(`  "${key}": ${JSON.stringify(type)}`);
    for (const [event, missingFields] of fields) {
      for (const [name, type] of Object.entries(missingFields)) {
        lines.push(`  in the event ${event}: "${name}": ${JSON.stringify(type)}`);
      }
    }
  }
  lines.push(...notes.map((note) => `  ${note}`));
  return lines.join("\n");
}

function samples({ samples: all }: Migration): string {
  const lines = all.flatMap(({ file, records, fit, problems }) => [
    `${file}: ${fit} of ${records} records fit the schema`,
    ...problems.map(({ problem, times }) => `  ${times > 1 ? `${times} times: ` : ""}${problem}`),
  ]);
  return lines.join("\n");
}

function next(migration: Migration, written: boolean, read: (path: string) => string): string {
  const { found, files, schema, isPlaceholder, endpoint, others } = migration;
  if (!found && schema.state !== "new") return "";
  if (files.length === 0 && schema.state !== "new") return "";
  const steps: string[] = [];
  if (!written) steps.push("Read the diff, and run `npx forebay migrate --write`.");
  if (found && !hasForebay(read)) steps.push("`npm install forebay`");
  if (isPlaceholder)
    steps.push(`Put your worker's address in place of ${endpoint} (or say --endpoint).`);
  if (schema.state === "new")
    steps.push("`npx forebay codegen`, and pass its `schema` to configure().");
  if (found && others.length === 0)
    steps.push("`npm uninstall aws-amplify`, where nothing else imports it.");
  if (found) steps.push("docs/migrating.md says what is kept and what is different.");
  return `Next:\n${steps.map((step, at) => `  ${at + 1}. ${step}`).join("\n")}`;
}

function hasForebay(read: (path: string) => string): boolean {
  try {
    const { dependencies, devDependencies } = members(read("package.json")) as Record<
      string,
      object
    >;
    return "forebay" in { ...devDependencies, ...dependencies };
  } catch {
    return false;
  }
}
