// Which file of the app the name of a module stands for, as bundlers and TypeScript have it.

import { posix } from "node:path";
import type * as parser from "@babel/parser";
import type { Sources } from "./sources.js";
import { keyOf, type Node } from "./syntax.js";

const EXTENSIONS = [
  "",
  ".ts",
  ".tsx",
  ".mts",
  ".cts",
  ".js",
  ".jsx",
  ".mjs",
  ".cjs",
  ".vue",
  ".svelte",
];

/** A name, with `*` for any text, and the paths that it may stand for. */
interface Alias {
  pattern: string;
  paths: string[];
}

/** The modules of an app. */
export class Modules {
  /** What is above a file counts for it, by folders. */
  readonly #above = new Map<string, Alias[]>();
  /** Packages of the app, whose names count everywhere. */
  readonly #everywhere: Alias[] = [];

  constructor(
    readonly sources: Sources,
    parse: typeof parser.parse,
  ) {
    for (const [path, text] of sources.compilers) {
      const folder = posix.dirname(path);
      this.#add(folder, compilerAliases(folder, commented(text, parse)));
    }
    for (const [path, text] of sources.packages) {
      const folder = posix.dirname(path);
      const { name, main, module, imports, exports } = members(text);
      this.#add(folder, [...mapped(folder, "", imports), ...shortForms(folder)]);
      if (typeof name !== "string") continue;
      const entries = textsIn([module, main]);
      const inside = [posix.join(folder, "src"), folder];
      const isMap = Object.keys(object(exports)).some((key) => key.startsWith("."));
      this.#everywhere.push(
        ...mapped(folder, name, isMap ? exports : { ".": exports }),
        {
          pattern: name,
          paths: [inside[0], ...entries.map((entry) => posix.join(folder, entry)), folder],
        },
        { pattern: `${name}/*`, paths: inside.map((home) => posix.join(home, "*")) },
      );
    }
  }

  #add(folder: string, aliases: Alias[]): void {
    this.#above.set(folder, [...(this.#above.get(folder) ?? []), ...aliases]);
  }

  /** The path of the file that an import in another one names; nothing where it is no file of the app. */
  path(from: string, source: string): string | undefined {
    for (const base of this.#bases(from, source)) {
      for (const stem of [base, base.replace(/\.[cm]?jsx?$/, ""), posix.join(base, "index")]) {
        for (const extension of EXTENSIONS) {
          if (this.sources.texts.has(stem + extension)) return stem + extension;
        }
      }
    }
    return undefined;
  }

  *#bases(from: string, source: string): Generator<string> {
    if (source.startsWith(".")) {
      yield posix.join(posix.dirname(from), source);
      return;
    }
    for (const folder of foldersAbove(from)) {
      yield* (this.#above.get(folder) ?? []).flatMap((alias) => standsFor(alias, source));
    }
    // An app may have no package.json in its folder.
    if (!this.sources.packages.has("package.json")) {
      yield* shortForms(".").flatMap((alias) => standsFor(alias, source));
    }
    yield* this.#everywhere.flatMap((alias) => standsFor(alias, source));
  }
}

/** The usual short forms of a package's folder, and of its sources. */
function shortForms(folder: string): Alias[] {
  const paths = [posix.join(folder, "src", "*"), posix.join(folder, "*")];
  const short = ["@/*", "~/*", "src/*"].map((pattern) => ({ pattern, paths }));
  return [...short, { pattern: "$lib/*", paths: [posix.join(folder, "src", "lib", "*")] }];
}

/** `paths` and `baseUrl` of TypeScript's configuration. */
function compilerAliases(folder: string, config: unknown): Alias[] {
  const { baseUrl, paths } = object(object(config).compilerOptions);
  const home = typeof baseUrl === "string" ? posix.join(folder, baseUrl) : folder;
  const aliases = mapped(home, "", paths);
  if (typeof baseUrl === "string") aliases.push({ pattern: "*", paths: [posix.join(home, "*")] });
  return aliases;
}

/** Names and what they stand for, by an object such as `paths`, or `exports` of the package `name`. The longest first. */
function mapped(folder: string, name: string, names: unknown): Alias[] {
  return Object.entries(object(names))
    .map(([key, value]) => ({
      pattern: name === "" ? key : posix.join(name, key),
      paths: textsIn(value).map((path) =>
        posix.join(folder, path.replace(/^\$\{configDir\}\//, "")),
      ),
    }))
    .sort((a, b) => b.pattern.length - a.pattern.length);
}

/** All texts of a value: the paths of an alias, whatever the conditions. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return value !== null && typeof value === "object" ? Object.values(value).flatMap(textsIn) : [];
}

function standsFor({ pattern, paths }: Alias, source: string): string[] {
  const [start, end] = pattern.split("*");
  if (end === undefined) return source === pattern ? paths : [];
  const fits =
    source.length >= start.length + end.length && source.startsWith(start) && source.endsWith(end);
  if (!fits) return [];
  const part = source.slice(start.length, source.length - end.length);
  return paths.map((path) => path.replaceAll("*", () => part));
}

/** The folders that a file is in, the nearest first. */
function foldersAbove(path: string): string[] {
  const folders = [posix.dirname(path)];
  while (folders[folders.length - 1] !== ".") {
    folders.push(posix.dirname(folders[folders.length - 1]));
  }
  return folders;
}

/** The nearest `package.json` above a file: its members. */
export function packageOf({ packages }: Sources, path: string): Record<string, unknown> {
  for (const folder of foldersAbove(path)) {
    const text = packages.get(posix.join(folder, "package.json"));
    if (text !== undefined) return members(text);
  }
  return {};
}

/** The members of a JSON object; none where it is no such text. */
export function members(text: string): Record<string, unknown> {
  try {
    return object(JSON.parse(text));
  } catch {
    return {};
  }
}

function object(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
}

/** JSON with comments and commas at the end of lists: an expression of JavaScript. Nothing where it is none. */
function commented(text: string, parse: typeof parser.parse): unknown {
  try {
    const [statement] = parse(`(${text}\n)`).program.body;
    return statement.type === "ExpressionStatement" ? literal(statement.expression) : undefined;
  } catch {
    return undefined;
  }
}

function literal(node: Node): unknown {
  if (node.type === "StringLiteral") return node.value;
  if (node.type === "ArrayExpression") return node.elements.map((one) => one && literal(one));
  if (node.type !== "ObjectExpression") return undefined;
  return Object.fromEntries(
    node.properties.flatMap((property) =>
      property.type === "ObjectProperty" ? [[keyOf(property) ?? "", literal(property.value)]] : [],
    ),
  );
}
