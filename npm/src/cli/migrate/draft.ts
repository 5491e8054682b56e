// Edits of an app's files as they are collected, and the imports that they need.

import type { SourceFile } from "./app.js";
import type { Edit } from "./edits.js";
import type { Node, Script } from "./syntax.js";

/** Where a name is to come from. */
export interface Target {
  module: string;
  /** Its name there; `*` for all of the module. */
  imported: string;
}

/** Files, and what is to change in each. */
export class Draft {
  readonly edits = new Map<SourceFile, Edit[]>();
  /** Names by which scripts have what was imported here. */
  readonly #locals = new Map<Script, Map<string, string>>();
  /** Adds a name, as it stands in a list, to what a script imports from a module. */
  readonly #lists = new Map<Script, Map<string, (name: string) => void>>();

  /** Puts a text in the place of what stands from `start` to `end`. */
  edit(file: SourceFile, start: number, end: number, text: string): void {
    this.#add(file, { start, end, text });
  }

  #add(file: SourceFile, edit: Edit): void {
    const edits = this.edits.get(file) ?? [];
    edits.push(edit);
    this.edits.set(file, edits);
  }

  /**
   * Imports a name, once, in the form that the file has imports in.
   *
   * @param wanted what to call it, the first of them that nothing else is called
   * @param after the statement to put it after; the last import where it is not said
   * @returns what it is called
   */
  import(
    file: SourceFile,
    script: Script,
    { module, imported }: Target,
    wanted: string[],
    after?: Node,
  ): string {
    const locals = this.#locals.get(script) ?? new Map<string, string>();
    this.#locals.set(script, locals);
    const key = `${module} ${imported}`;
    const known = locals.get(key);
    if (known !== undefined) return known;
    const local = unused(script, wanted);
    locals.set(key, local);
    this.#importAs(file, script, { module, imported }, local, after);
    return local;
  }

  #importAs(
    file: SourceFile,
    script: Script,
    { module, imported }: Target,
    local: string,
    after?: Node,
  ): void {
    const { body, directives, sourceType } = script.program;
    let statement = after;
    while (statement && script.parents.get(statement) !== script.program) {
      statement = script.parents.get(statement);
    }
    const isImport = ({ type }: Node) => type === "ImportDeclaration";
    const isLoad = (node: Node) =>
      node.type === "VariableDeclaration" &&
      node.declarations.some(({ init }) =>
        /^require\(/.test(file.text.slice(init?.start ?? 0, init?.end ?? 0)),
      );
    const usesImports = sourceType === "module" || !body.some(isLoad);
    const before = statement ?? body.findLast(usesImports ? isImport : isLoad) ?? directives.at(-1);
    const like = before ? file.text.slice(before.start ?? 0, before.end ?? 0) : "";
    const quote = /(["'])[^"']*["']\)?;?\s*$/.exec(like)?.[1] ?? '"';
    const end = like === "" || like.endsWith(";") ? ";" : "";
    const source = quote + module + quote;
    const name =
      imported.replace("type ", "") === local
        ? imported
        : `${imported}${usesImports ? " as" : ":"} ${local}`;
    const add = imported === "*" ? undefined : this.#lists.get(script)?.get(module);
    if (add) {
      add(name);
      return;
    }
    const text = usesImports
      ? `import ${imported === "*" ? name : `{ ${name} }`} from ${source}${end}`
      : `const ${imported === "*" ? local : `{ ${name} }`} = require(${source})${end}`;
    const line = newLine(file.text);
    const indent = before ? indentAt(file.text, before.start as number) : "";
    const at = (before?.end ?? body[0]?.start ?? 0) as number;
    const edit = { start: at, end: at, text: before ? line + indent + text : text + line };
    this.#add(file, edit);
    this.list(script, module, (more) => {
      edit.text = edit.text.replace(" }", `, ${more} }`);
    });
  }

  /** Says how a name is added to what a script imports from a module already. */
  list(script: Script, module: string, add: (name: string) => void): void {
    const lists = this.#lists.get(script) ?? new Map();
    lists.set(module, add);
    this.#lists.set(script, lists);
  }
}

/** The first of these names that a script does not have. */
export function unused({ names }: Script, wanted: string[]): string {
  return wanted.find((name) => !names.has(name)) ?? `${wanted[0]}${names.size}`;
}

/** The line break of a text. */
export function newLine(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}

/** The white space that the line of a place begins with. */
export function indentAt(text: string, at: number): string {
  const start = text.lastIndexOf("\n", at - 1) + 1;
  return /^[ \t]*/.exec(text.slice(start, at))?.[0] ?? "";
}
