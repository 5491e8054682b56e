// The files of an app: those that may hold code for Amplify, and Amplify's configuration files.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { unreadable } from "../files.js";

/** A file that was not looked at, and why. */
export interface Skipped {
  file: string;
  line?: number;
  column?: number;
  why: string;
}

/** What is below a folder, by paths relative to it, with `/`. */
export interface Sources {
  /** Texts of scripts and components. */
  texts: Map<string, string>;
  /** Texts of `package.json`. */
  packages: Map<string, string>;
  /** Texts of TypeScript's configuration: JSON with comments. */
  compilers: Map<string, string>;
  /** Texts of templates that stand beside their components. */
  templates: Map<string, string>;
  /** Paths of Amplify's configuration files that are JSON. */
  configurations: Map<string, string>;
  skipped: Skipped[];
}

const SCRIPT = /\.([cm]?[jt]sx?|vue|svelte|astro)$/;
const TEMPLATE = /\.html$/;
const COMPILER = /^(ts|js)config(\..*)?\.json$/;
const CONFIGURATION = /^(amplifyconfiguration|amplify_outputs|aws-exports)\.json$/;
/** Dependencies, and what is made of the sources. */
const PASSED_OVER = /^(\..*|node_modules|bower_components|dist|build|out|coverage|vendor|target)$/;
/** Most bytes of a file that a person wrote. */
const MAX_BYTES = 1024 * 1024;
/** Most bytes in which Amplify's name is looked for. */
const MAX_LOOKED_AT = 64 * MAX_BYTES;
const MENTIONS = "amplify";

/** @throws UsageError where the folder cannot be read. */
export function sourcesIn(root: string): Sources {
  const sources: Sources = {
    texts: new Map(),
    packages: new Map(),
    compilers: new Map(),
    templates: new Map(),
    configurations: new Map(),
    skipped: [],
  };
  // Git knows what is made and not written. Amplify's own files are in none of its lists.
  const ignored = ignoredByGit(root);
  const visit = (folder: string) => {
    for (const entry of entriesOf(join(root, folder), folder || ".", sources)) {
      const path = folder ? `${folder}/${entry.name}` : entry.name;
      const isScript = SCRIPT.test(entry.name) && !entry.name.endsWith(".d.ts");
      if (entry.isSymbolicLink()) {
        if (isScript)
          sources.skipped.push({
            file: path,
            why: "a symbolic link; its target is looked at where it lies",
          });
      } else if (entry.isDirectory()) {
        if (!PASSED_OVER.test(entry.name) && !ignored.has(`${path}/`)) visit(path);
      } else if (!entry.isFile()) {
      } else if (entry.name === "package.json") {
        take(root, path, sources.packages, sources);
      } else if (COMPILER.test(entry.name)) {
        take(root, path, sources.compilers, sources);
      } else if (TEMPLATE.test(entry.name) && !ignored.has(path)) {
        take(root, path, sources.templates, sources);
      } else if (CONFIGURATION.test(entry.name)) {
        take(root, path, sources.configurations, sources);
      } else if (isScript && (!ignored.has(path) || /^aws-exports\./.test(entry.name))) {
        take(root, path, sources.texts, sources);
      }
    }
  };
  visit("");
  return sources;
}

function entriesOf(path: string, shown: string, { skipped }: Sources) {
  try {
    return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (shown === ".") throw unreadable(path, error);
    skipped.push({ file: shown, why: `cannot be read: ${(error as Error).message}` });
    return [];
  }
}

/** Reads a file that is a text of a size that people write; what else it is matters only where Amplify is in it. */
function take(root: string, path: string, into: Map<string, string>, { skipped }: Sources): void {
  const skip = (why: string) => skipped.push({ file: path, why });
  let matters = true;
  try {
    const { size } = statSync(join(root, path));
    if (size > MAX_LOOKED_AT)
      return void skip(`${Math.round(size / MAX_BYTES)} MiB, too large to be looked at`);
    const bytes = readFileSync(join(root, path));
    matters = bytes.includes(MENTIONS);
    if (bytes.includes(0)) return void (matters && skip("not a text"));
    if (size > MAX_BYTES) {
      return void (matters && skip("larger than 1 MiB, so taken for one that a bundler has made"));
    }
    // The mark of the byte order stays in the text, and so in the file.
    into.set(path, new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ERR_ENCODING_INVALID_ENCODED_DATA") skip(`cannot be read: ${message}`);
    else if (matters) skip("not UTF-8");
  }
}

/** Paths that Git ignores, folders with a slash at the end; none without Git. */
function ignoredByGit(root: string): Set<string> {
  const listed = git(
    root,
    "ls-files",
    "-z",
    "--others",
    "--ignored",
    "--exclude-standard",
    "--directory",
  );
  return new Set(listed?.split("\0").filter(Boolean));
}

/**
 * The files in `changing` that Git cannot give back as they are, because they or others have changes that are not
 * committed. Nothing where the folder is in no repository.
 */
export function uncommitted(root: string, changing: string[]): string[] {
  const status = git(
    root,
    "status",
    "--porcelain",
    "-z",
    "--untracked-files=all",
    "--no-renames",
    ".",
  );
  const prefix = git(root, "rev-parse", "--show-prefix")?.trim() ?? "";
  const entries = status?.split("\0").filter(Boolean) ?? [];
  return entries
    .map((entry) => ({ isNew: entry.startsWith("??"), path: entry.slice(3 + prefix.length) }))
    .filter(({ isNew, path }) => !isNew || changing.includes(path))
    .map(({ path }) => path);
}

/** What Git prints; nothing where there is no Git, or no repository. */
function git(root: string, ...words: string[]): string | undefined {
  try {
    return execFileSync("git", words, {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      maxBuffer: 256 * MAX_BYTES,
    });
  } catch {
    return undefined;
  }
}
