// The source files of an app as syntax trees: which text in them is a script, and what each name in it refers to.

import type * as parser from "@babel/parser";
import type { File, Identifier, Node, Program } from "@babel/types";
import { mayHaveJsx, scriptsAlone, withCalls } from "./component.js";

export type { Node } from "@babel/types";

type Parse = typeof parser.parse;

/** A place where a name is declared. */
export interface Binding {
  name: string;
  /** What declares it: a specifier of an import, a declarator, a function, a class, an enum or a parameter. */
  node: Node;
  /** The identifier that is declared, in a pattern or not. */
  id: Node;
  isParameter: boolean;
  references: Identifier[];
}

/** A module's text, or the scripts of a component. */
export interface Script {
  program: Program;
  /** All of its nodes, parents first. */
  nodes: Node[];
  parents: Map<Node, Node>;
  /** What an identifier refers to; globals have none. */
  bindings: Map<Node, Binding>;
  /** Every name that is declared or referred to in it. */
  names: Set<string>;
}

/** Thrown where a text is no program, with its place in the file, from 1. */
export class Unparsable extends Error {
  constructor(
    message: string,
    readonly line: number,
    readonly column: number,
  ) {
    super(message);
  }
}

/** What bundlers take besides JavaScript. */
const PROPOSALS = [
  "decorators-legacy",
  "decoratorAutoAccessors",
  "deprecatedImportAssert",
  "explicitResourceManagement",
  "exportDefaultFrom",
] as const;
/** Members of nodes that hold no nodes of the program, or the same ones again. */
const NO_CHILDREN = new Set([
  "loc",
  "extra",
  "errors",
  "comments",
  "tokens",
  "leadingComments",
  "innerComments",
  "trailingComments",
]);

/**
 * Parses a file by what its name says it holds. All scripts of a component are one, as they share their names, and calls
 * in its markup of what its scripts declare belong to it.
 *
 * @throws Unparsable
 */
export function scriptOf(path: string, text: string, parse: Parse): Script {
  const isComponent = /\.(vue|svelte|astro)$/.test(path);
  const isTyped = isComponent || /\.[cm]?tsx?$/.test(path);
  // In a .ts file `<T>x` is an assertion, and a JSX element in no other file of TypeScript than .tsx.
  const hasJsx = isComponent ? mayHaveJsx(path, text) : !/\.[cm]?ts$/.test(path);
  const read = (text: string) => parsed(text, isTyped, hasJsx, parse);
  if (!isComponent) return script(read(text));
  const alone = scriptsAlone(path, text);
  const scripts = script(read(alone));
  const declared = [...scripts.bindings.values()].filter(({ isParameter }) => !isParameter);
  const names = new Set(declared.map(({ name }) => name));
  const isProgram = (part: string) => {
    try {
      return read(part).program.body.length === 1;
    } catch {
      return false;
    }
  };
  const whole = withCalls(text, alone, names, isProgram);
  return whole === alone ? scripts : script(read(whole));
}

function parsed(text: string, isTyped: boolean, hasJsx: boolean, parse: Parse): File {
  const jsx = hasJsx ? (["jsx"] as const) : [];
  try {
    const file = parse(text, {
      sourceType: "unambiguous",
      allowReturnOutsideFunction: true,
      allowAwaitOutsideFunction: true,
      allowUndeclaredExports: true,
      errorRecovery: true,
      plugins: [isTyped ? "typescript" : "flow", ...jsx, ...PROPOSALS],
    });
    // Both scripts of a component may import the same.
    const error = file.errors?.find(({ reasonCode }) => reasonCode !== "VarRedeclaration");
    if (error) throw error;
    return file;
  } catch (error) {
    const { loc, message } = error as { loc?: { line: number; column: number }; message: string };
    const words = message.replace(/\s*\(\d+:\d+\)$/, "");
    throw new Unparsable(words, loc?.line ?? 1, (loc?.column ?? 0) + 1);
  }
}

/** The nodes below a node, in the order of the text. */
export function children(node: Node): Node[] {
  const found: Node[] = [];
  for (const name in node) {
    const value = node[name as keyof Node] as unknown;
    if (value === null || typeof value !== "object" || NO_CHILDREN.has(name)) continue;
    for (const child of Array.isArray(value) ? value : [value as Node]) {
      if (child && typeof child.type === "string") found.push(child);
    }
  }
  return found;
}

/** Calls `visit` with a node and all below it, parents first. */
export function walk(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const child of children(node)) walk(child, visit);
}

interface Scope {
  parent?: Scope;
  isFunction: boolean;
  names: Map<string, Binding>;
}

function script({ program }: File): Script {
  const parents = new Map<Node, Node>();
  const names = new Set<string>();
  const nodes: Node[] = [];
  const found: { id: Identifier; scope: Scope }[] = [];
  const bindings = new Map<Node, Binding>();

  const enter = (node: Node, outer: Scope): void => {
    const scope = isScope(node)
      ? { parent: outer, isFunction: isFunction(node), names: new Map() }
      : outer;
    nodes.push(node);
    declare(node, outer, scope, bindings);
    for (const child of children(node)) {
      parents.set(child, node);
      if (child.type === "Identifier" && isReference(child, node)) {
        names.add(child.name);
        found.push({ id: child, scope });
      }
      enter(child, scope);
    }
  };
  enter(program, { isFunction: true, names: new Map() });
  for (const { name } of bindings.values()) names.add(name);
  for (const { id, scope } of found) {
    let at: Scope | undefined = scope;
    while (at && !at.names.has(id.name)) at = at.parent;
    const binding = at?.names.get(id.name);
    if (!binding || binding.id === id || bindings.get(id) === binding) continue;
    binding.references.push(id);
    bindings.set(id, binding);
  }
  return { program, nodes, parents, bindings, names };
}

export function isFunction(node: Node): boolean {
  return /^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression|ObjectMethod|ClassMethod|ClassPrivateMethod)$/.test(
    node.type,
  );
}

function isScope(node: Node): boolean {
  return (
    isFunction(node) ||
    /^(Program|BlockStatement|StaticBlock|CatchClause|SwitchStatement|TSModuleBlock|Class(Declaration|Expression)|For(In|Of)?Statement)$/.test(
      node.type,
    )
  );
}

/** Adds what `node` declares to the scope it belongs to. */
function declare(node: Node, outer: Scope, own: Scope, bindings: Map<Node, Binding>): void {
  const add = (scope: Scope, id: Node, isParameter = false) => {
    if (id.type !== "Identifier") return;
    const known = scope.names.get(id.name);
    // `var` twice, and overloads of a function: the first one stands for all.
    const binding = known ?? { name: id.name, node, id, isParameter, references: [] };
    scope.names.set(id.name, binding);
    bindings.set(id, binding);
  };
  switch (node.type) {
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
      add(outer, node.local);
      return;
    case "VariableDeclarator": {
      for (const id of patternNames(node.id)) add(outer, id);
      return;
    }
    case "FunctionDeclaration":
    case "ClassDeclaration":
      if (node.id) add(outer, node.id);
      break;
    case "FunctionExpression":
    case "ClassExpression":
      if (node.id) add(own, node.id);
      break;
    case "TSEnumDeclaration":
    case "TSImportEqualsDeclaration":
      add(outer, node.id);
      return;
    case "CatchClause":
      if (node.param) for (const id of patternNames(node.param)) add(own, id);
      return;
  }
  if (isFunction(node) && "params" in node && Array.isArray(node.params)) {
    for (const parameter of node.params as Node[]) {
      for (const id of patternNames(parameter)) add(own, id, true);
    }
  }
}

/** The identifiers that a pattern declares. */
export function patternNames(pattern: Node): Node[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern];
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        patternNames(property.type === "RestElement" ? property.argument : property.value),
      );
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element ? patternNames(element) : []));
    case "AssignmentPattern":
      return patternNames(pattern.left);
    case "RestElement":
      return patternNames(pattern.argument);
    case "TSParameterProperty":
      return patternNames(pattern.parameter);
    default:
      return [];
  }
}

/** Whether an identifier stands for a variable, and is no name of a member. */
function isReference(id: Identifier, parent: Node): boolean {
  switch (parent.type) {
    case "MemberExpression":
    case "OptionalMemberExpression":
      return parent.object === id || parent.computed;
    case "ObjectProperty":
      return parent.value === id || parent.computed;
    case "ObjectMethod":
    case "ClassMethod":
    case "ClassProperty":
      return parent.key !== id || parent.computed === true;
    case "ExportSpecifier":
      return parent.local === id;
    case "TSQualifiedName":
      return parent.left === id;
    case "ImportSpecifier":
    case "ImportDefaultSpecifier":
    case "ImportNamespaceSpecifier":
    case "ExportNamespaceSpecifier":
    case "ExportDefaultSpecifier":
    case "LabeledStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "TSPropertySignature":
    case "TSMethodSignature":
    case "TSEnumMember":
      return false;
    default:
      return true;
  }
}

/** An expression without what says nothing about its value: brackets, assertions of types, `await`. */
export function bare(node: Node): Node {
  switch (node.type) {
    case "ParenthesizedExpression":
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSNonNullExpression":
    case "TSTypeAssertion":
    case "TypeCastExpression":
      return bare(node.expression);
    case "AwaitExpression":
      return bare(node.argument);
    default:
      return node;
  }
}

/** The name of a member, of an object's or of a pattern's; nothing where it is computed. */
export function keyOf(node: Node): string | undefined {
  if ("computed" in node && node.computed) {
    const key = "key" in node ? node.key : "property" in node ? node.property : undefined;
    return key && typeof key === "object" && key.type === "StringLiteral" ? key.value : undefined;
  }
  const key = ("key" in node ? node.key : "property" in node ? node.property : undefined) as
    | Node
    | undefined;
  if (key?.type === "Identifier") return key.name;
  if (key?.type === "StringLiteral") return key.value;
  return key?.type === "NumericLiteral" ? String(key.value) : undefined;
}

/** The text of a name that may be quoted, as in `import { "a-b" as c }`. */
export function nameOf(node: Node): string {
  return node.type === "Identifier" ? node.name : node.type === "StringLiteral" ? node.value : "";
}

/** The module that `require("..")` or `import("..")` names. */
export function loadedModule(node: Node): string | undefined {
  if (node.type === "ImportExpression") {
    return node.source.type === "StringLiteral" ? node.source.value : undefined;
  }
  if (node.type !== "CallExpression" || node.arguments.length === 0) return undefined;
  const [source] = node.arguments;
  const isLoad =
    node.callee.type === "Import" ||
    (node.callee.type === "Identifier" && node.callee.name === "require");
  return isLoad && source.type === "StringLiteral" ? source.value : undefined;
}
