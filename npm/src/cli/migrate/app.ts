// The app as a whole: its files as syntax trees, read when they are asked for, and what names refer to across them.

import type * as parser from "@babel/parser";
import { type Entity, memberOf, moduleEntity } from "./amplify.js";
import { Modules } from "./modules.js";
import type { Skipped, Sources } from "./sources.js";
import {
  type Binding,
  bare,
  keyOf,
  loadedModule,
  type Node,
  nameOf,
  type Script,
  scriptOf,
  Unparsable,
} from "./syntax.js";

/** A file that could be parsed. */
export interface SourceFile {
  path: string;
  text: string;
  script: Script;
}

/** A node and the script it is in. */
export interface Place {
  file: SourceFile;
  script: Script;
  node: Node;
}

/** Most steps from a name to what it refers to. */
const MAX_STEPS = 12;

export class App {
  readonly #files = new Map<string, SourceFile | undefined>();
  readonly #modules: Modules;

  constructor(
    readonly sources: Sources,
    private readonly parse: typeof parser.parse,
  ) {
    this.#modules = new Modules(sources, parse);
  }

  /** Files in whose text `part` stands; those that are no programs are skipped. */
  filesWith(part: string): SourceFile[] {
    const found = [];
    for (const [path, text] of this.sources.texts) {
      const file = text.includes(part) ? this.file(path) : undefined;
      if (file) found.push(file);
    }
    return found;
  }

  file(path: string): SourceFile | undefined {
    if (this.#files.has(path)) return this.#files.get(path);
    const text = this.sources.texts.get(path);
    let file: SourceFile | undefined;
    try {
      if (text !== undefined) file = { path, text, script: scriptOf(path, text, this.parse) };
    } catch (error) {
      if (!(error instanceof Unparsable)) throw error;
      const { line, column, message } = error;
      const skipped: Skipped = { file: path, line, column, why: `cannot be parsed: ${message}` };
      this.sources.skipped.push(skipped);
    }
    this.#files.set(path, file);
    return file;
  }

  /** The file of the app that an import in another one names. */
  resolve(from: string, source: string): SourceFile | undefined {
    const path = this.#modules.path(from, source);
    return path === undefined ? undefined : this.file(path);
  }

  /** What of Amplify's or Forebay's an expression is. */
  entityOf({ file, script, node }: Place, steps = 0): Entity | undefined {
    if (steps > MAX_STEPS) return undefined;
    const at = bare(node);
    const source = loadedModule(at);
    if (source !== undefined) return moduleEntity(source);
    if (at.type === "Identifier") {
      const binding = script.bindings.get(at);
      return binding && this.#entityOfBinding(file, script, binding, steps + 1);
    }
    if (at.type === "MemberExpression" || at.type === "OptionalMemberExpression") {
      const name = keyOf(at);
      if (name === undefined) return undefined;
      const object = { file, script, node: at.object };
      return (
        memberOf(this.entityOf(object, steps + 1), name) ?? this.#memberOfFile(object, name, steps)
      );
    }
    return undefined;
  }

  /** What a file of the app, imported as a whole, has under a name. */
  #memberOfFile({ file, script, node }: Place, name: string, steps: number): Entity | undefined {
    const at = bare(node);
    const binding = at.type === "Identifier" ? script.bindings.get(at) : undefined;
    if (binding?.node.type !== "ImportNamespaceSpecifier") return undefined;
    const source = importSource(script, binding);
    const other = source === undefined ? undefined : this.resolve(file.path, source);
    return other && this.exportedEntity(other, name, steps + 1);
  }

  #entityOfBinding(
    file: SourceFile,
    script: Script,
    binding: Binding,
    steps: number,
  ): Entity | undefined {
    const { node } = binding;
    const source = importSource(script, binding);
    if (source !== undefined) {
      const module = moduleEntity(source);
      if (node.type === "ImportNamespaceSpecifier") return module;
      const name = node.type === "ImportSpecifier" ? nameOf(node.imported) : "default";
      if (module) return memberOf(module, name);
      const other = this.resolve(file.path, source);
      return other && this.exportedEntity(other, name, steps);
    }
    if (node.type === "VariableDeclarator" && node.init) {
      return this.#entityOfPattern(file, script, binding, node.id, node.init, steps);
    }
    if (binding.isParameter) {
      // import("..").then(({ record }) => ..)
      const call = script.parents.get(node);
      if (call?.type !== "CallExpression" || call.callee.type !== "MemberExpression")
        return undefined;
      if (keyOf(call.callee) !== "then" || !("params" in node)) return undefined;
      const [parameter] = node.params as Node[];
      return this.#entityOfPattern(file, script, binding, parameter, call.callee.object, steps);
    }
    return undefined;
  }

  #entityOfPattern(
    file: SourceFile,
    script: Script,
    binding: Binding,
    pattern: Node,
    init: Node,
    steps: number,
  ): Entity | undefined {
    const whole = this.entityOf({ file, script, node: init }, steps);
    if (pattern === binding.id) return whole;
    if (pattern.type !== "ObjectPattern") return undefined;
    for (const property of pattern.properties) {
      if (property.type !== "ObjectProperty") continue;
      const { value } = property;
      const target = value.type === "AssignmentPattern" ? value.left : value;
      if (target !== binding.id) continue;
      const name = keyOf(property) ?? "";
      const source = loadedModule(bare(init));
      const other = source === undefined ? undefined : this.resolve(file.path, source);
      if (other) return this.exportedEntity(other, name, steps);
      return memberOf(whole, name);
    }
    return undefined;
  }

  /** What of Amplify's or Forebay's a file exports under a name. */
  exportedEntity(file: SourceFile, name: string, steps = 0): Entity | undefined {
    if (steps > MAX_STEPS) return undefined;
    const target = this.exported(file, name, steps);
    if (!target) return undefined;
    if ("entity" in target) return target.entity;
    return this.entityOf(target, steps + 1);
  }

  /** The expression or declaration that a file exports under a name, wherever it is written. */
  exported(file: SourceFile, name: string, steps = 0): Place | { entity: Entity } | undefined {
    if (steps > MAX_STEPS) return undefined;
    const { script } = file;
    for (const node of script.program.body) {
      const found = this.#exportedBy({ file, script, node }, name, steps + 1);
      if (found) return found;
    }
    return undefined;
  }

  #exportedBy(place: Place, name: string, steps: number): ReturnType<App["exported"]> {
    const { file, script, node } = place;
    const at = (found: Node | null | undefined) => found && { file, script, node: found };
    const from = (source: string, imported: string) => {
      const entity = memberOf(moduleEntity(source), imported);
      if (entity) return { entity };
      const other = this.resolve(file.path, source);
      return other && this.exported(other, imported, steps);
    };
    switch (node.type) {
      case "ExportDefaultDeclaration":
        return name === "default" ? at(node.declaration) || undefined : undefined;
      case "ExportAllDeclaration":
        return from(node.source.value, name);
      case "ExportNamedDeclaration": {
        for (const specifier of node.specifiers) {
          if (nameOf(specifier.exported as Node) !== name) continue;
          if (specifier.type === "ExportNamespaceSpecifier") {
            const entity = node.source ? moduleEntity(node.source.value) : undefined;
            return entity && { entity };
          }
          if (specifier.type !== "ExportSpecifier") continue;
          return node.source
            ? from(node.source.value, nameOf(specifier.local))
            : at(specifier.local) || undefined;
        }
        const { declaration } = node;
        if (declaration?.type === "VariableDeclaration") {
          for (const { id, init } of declaration.declarations) {
            if (id.type === "Identifier" && id.name === name) return at(init ?? id) || undefined;
          }
        } else if (declaration && "id" in declaration && declaration.id?.type === "Identifier") {
          return declaration.id.name === name ? at(declaration) || undefined : undefined;
        }
        return undefined;
      }
      case "ExpressionStatement": {
        // module.exports = { .. } and exports.name = ..
        const { expression } = node;
        if (expression.type !== "AssignmentExpression") return undefined;
        const target = file.text.slice(expression.left.start ?? 0, expression.left.end ?? 0);
        if (target === `exports.${name}` || target === `module.exports.${name}`) {
          return at(expression.right) || undefined;
        }
        if (target !== "module.exports") return undefined;
        const source = loadedModule(expression.right);
        if (source !== undefined) return from(source, name);
        if (expression.right.type !== "ObjectExpression") return undefined;
        const property = expression.right.properties.find((member) => keyOf(member) === name);
        return at(property?.type === "ObjectProperty" ? property.value : property) || undefined;
      }
    }
    return undefined;
  }

  /** Calls `visit` with every node of a file. */
  visit(file: SourceFile, visit: (place: Place) => void): void {
    const { script } = file;
    for (const node of script.nodes) visit({ file, script, node });
  }
}

/** The module that a binding is imported from. */
export function importSource(script: Script, { node }: Binding): string | undefined {
  const declaration = script.parents.get(node);
  return declaration?.type === "ImportDeclaration" ? declaration.source.value : undefined;
}

/** Line and column of a node, from 1. */
export function position({ node }: { node: Node }): { line: number; column: number } {
  const { line = 1, column = 0 } = node.loc?.start ?? {};
  return { line, column: column + 1 };
}
