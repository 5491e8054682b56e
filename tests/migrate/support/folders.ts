// Folders with apps in them, and what `migrate` prints of them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after } from "node:test";
import { promisify } from "node:util";
import { Folder } from "../../schema/support/cli.ts";

const folders: Folder[] = [];
after(() => Promise.all(folders.map((folder) => folder.remove())));

/** A folder with these files, until the tests end. */
export async function folderOf(
  files: Record<string, string | Uint8Array | object>,
): Promise<Folder> {
  const folder = await Folder.make();
  folders.push(folder);
  await Promise.all(Object.entries(files).map(([path, text]) => folder.write(path, text)));
  return folder;
}

export const V5 = { "package.json": '{ "dependencies": { "aws-amplify": "^5.3.0" } }' };
export const V6 = { "package.json": '{ "dependencies": { "aws-amplify": "^6.0.0" } }' };

/** One file a form: its text, and what becomes of it; what stays is not named. */
export type Forms = Record<string, [before: string, after?: string]>;

/** Moves files, and looks at what became of each. */
export async function becomes(project: object, forms: Forms): Promise<void> {
  const files = Object.entries(forms).map(([path, [before]]) => [path, before]);
  const folder = await folderOf({ ...project, ...Object.fromEntries(files) });
  await folder.run(["migrate", "--write", "--endpoint", "/ingest"]);
  for (const [path, [before, after = before]] of Object.entries(forms)) {
    assert.equal(await folder.read(path), after, path);
  }
  const again = await folder.run(["migrate"]);
  assert.equal(again.stdout, "", "a second run changes something");
}

/** Runs Git in a folder. */
export async function git(folder: Folder, ...words: string[]): Promise<void> {
  const as = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "core.autocrlf=false"];
  await promisify(execFile)("git", [...as, ...words], { cwd: folder.path });
}

/** The lines that a diff takes out and puts in, by file. */
export function changes(diff: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  let lines: string[] = [];
  for (const line of diff.split("\n")) {
    const file = /^\+\+\+ b\/(.*)$/.exec(line)?.[1];
    if (file) {
      lines = [];
      found[file] = lines;
    } else if (/^[-+]/.test(line) && !line.startsWith("--- ")) lines.push(line.replace(/\r$/, ""));
  }
  return found;
}

/** The places of what is left, and what it is, as the report has them. */
export function left(report: string): string[] {
  return section(report, "Left for you:");
}

/** The first lines of the entries below a headline of the report. */
export function section(report: string, headline: string): string[] {
  const part = report.split(/\n\n/).find((one) => one.startsWith(headline)) ?? "";
  return part.split("\n").flatMap((line) => /^ {2}(\S.*)$/.exec(line)?.[1] ?? []);
}

/** A schema file, as far as it is looked at here. */
interface Schema {
  $defs: Record<
    string,
    { "x-event-name"?: string; properties: Record<string, { type: string | string[] }> }
  >;
}

/** Event types of a schema file, by the names of the events, with the types of their fields. */
export function fields(text: string): Record<string, Record<string, string>> {
  const { $defs } = JSON.parse(text) as Schema;
  return Object.fromEntries(
    Object.entries($defs).map(([key, { "x-event-name": name = key, properties }]) => [
      name,
      Object.fromEntries(Object.entries(properties).map(([field, { type }]) => [field, `${type}`])),
    ]),
  );
}
