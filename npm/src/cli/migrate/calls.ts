// Where an app calls what records, under whatever names it has that.

import type { App, Place, SourceFile } from "./app.js";
import type { Survey } from "./survey.js";
import { bare, keyOf, type Node, nameOf } from "./syntax.js";

/** Calls of Amplify's functions, or of Forebay's. */
export interface Calls {
  records: Place[];
  tracking: Place[];
  sessions: Place[];
  /** Where `record`, v5's `Analytics`, or a module that has them is given to somebody who may call it. */
  handedOn: Place[];
}

/** Files in which tests record what nobody sends. */
export const TEST = /(^|\/)__(tests|mocks)__\/|\.(test|spec|stories|cy)\.[cm]?[jt]sx?$/;

export function callsIn(app: App, found: Survey): Calls {
  const calls: Calls = { records: [], tracking: [], sessions: [], handedOn: [] };
  const isCall = (place: Place, name: string) => isCallOf(app, found, place, name);
  for (const file of filesThatMayCall(app)) {
    if (TEST.test(file.path)) continue;
    app.visit(file, (place) => {
      if (isCall(place, "record")) calls.records.push(place);
      else if (isCall(place, "startSession")) calls.sessions.push(place);
      else if (isCall(place, "configureAutoTrack") || isCall(place, "autoTrack")) {
        calls.tracking.push(place);
      } else if (isHandedOn(app, place)) calls.handedOn.push(place);
    });
  }
  return calls;
}

/** Files with a name in their text under which some file of the app has Amplify's functions. */
function filesThatMayCall(app: App): Set<SourceFile> {
  const files = new Set<SourceFile>();
  const names = new Set<string>();
  const look = (name: string) => {
    if (names.has(name)) return;
    names.add(name);
    for (const file of app.filesWith(name)) add(file);
  };
  const add = (file: SourceFile) => {
    if (files.has(file)) return;
    files.add(file);
    for (const name of exportsOf(file)) {
      if (app.exportedEntity(file, name)?.kind !== "function") continue;
      look(name === "default" ? stemOf(file.path) : name);
    }
  };
  for (const part of ["mplify", "forebay"]) look(part);
  if (files.size > 0) for (const name of ["record", "autoTrack", "AutoTrack"]) look(name);
  return files;
}

function isCallOf(app: App, found: Survey, place: Place, name: string): boolean {
  const { node } = place;
  if (node.type !== "CallExpression" && node.type !== "OptionalCallExpression") return false;
  const callee = bare(node.callee);
  const isMember = callee.type === "MemberExpression" || callee.type === "OptionalMemberExpression";
  if (isMember && found.stays.has(callee.object)) return false;
  const called = app.entityOf({ ...place, node: callee });
  if (called?.kind === "function") return called.name === name;
  if (!isMember || keyOf(callee) !== name) return false;
  return app.entityOf({ ...place, node: callee.object })?.kind === "Analytics";
}

function isHandedOn(app: App, place: Place): boolean {
  const { node, script, file } = place;
  const parent = script.parents.get(node);
  if (!parent) return false;
  // record.bind(..): a function has no member that is of Amplify.
  const isBound = parent.type === "MemberExpression" && parent.object === node;
  if (!isBound && !isGiven(node, parent)) return false;
  if (parent.type === "ArrayExpression" && isHook(script.parents.get(parent))) return false;
  if (parent.type === "ObjectProperty") {
    const object = script.parents.get(parent) as Node;
    const at = script.parents.get(object);
    // What is taken out of it, and what a module exports, are followed.
    if (object.type === "ObjectPattern") return false;
    if (at?.type === "AssignmentExpression" && textOf(file, at.left) === "module.exports")
      return false;
  }
  const entity = app.entityOf(place);
  if (entity?.kind === "function") return entity.name === "record";
  if (isBound) return false;
  return entity?.kind === "Analytics" || (entity?.kind === "module" && entity.module !== "root");
}

/** Whether this is a call such as `useCallback(.., [record])`, which says what a function depends on. */
function isHook(node: Node | undefined): boolean {
  if (node?.type !== "CallExpression") return false;
  const name = keyOf(node.callee) ?? nameOf(node.callee);
  return /^use[A-Z]/.test(name);
}

/** Whether an expression is a value that somebody else gets: an argument, a member, a property of an element. */
export function isGiven(node: Node, parent: Node): boolean {
  switch (parent.type) {
    case "CallExpression":
    case "OptionalCallExpression":
    case "NewExpression":
      return parent.callee !== node;
    case "ObjectProperty":
    case "ClassProperty":
      return parent.value === node;
    case "AssignmentExpression":
      return (
        parent.right === node &&
        parent.left.type === "MemberExpression" &&
        !(parent.left.object.type === "Identifier" && parent.left.object.name === "exports")
      );
    case "ArrowFunctionExpression":
      return parent.body === node;
    case "ArrayExpression":
    case "ConditionalExpression":
    case "JSXExpressionContainer":
    case "LogicalExpression":
    case "ReturnStatement":
      return true;
    default:
      return false;
  }
}

/** Names under which a file exports something. */
export function exportsOf(file: SourceFile): string[] {
  return file.script.program.body.flatMap((statement): string[] => {
    switch (statement.type) {
      case "ExportDefaultDeclaration":
        return ["default"];
      case "ExportNamedDeclaration": {
        const { declaration, specifiers } = statement;
        const declared =
          declaration?.type === "VariableDeclaration" ? declaration.declarations : [];
        return [
          ...specifiers.map(({ exported }) => nameOf(exported as Node)),
          ...declared.map(({ id }) => nameOf(id)),
        ];
      }
      case "ExpressionStatement": {
        const { expression } = statement;
        if (expression.type !== "AssignmentExpression") return [];
        const { left, right } = expression;
        const target = textOf(file, left);
        const name = /^(?:module\.)?exports\.(\w+)$/.exec(target)?.[1];
        if (name) return [name];
        if (target !== "module.exports" || right.type !== "ObjectExpression") return [];
        return right.properties.map((member) => keyOf(member) ?? "");
      }
      default:
        return [];
    }
  });
}

/** What an import of a file has in its text, unless it is by an alias. */
export function stemOf(path: string): string {
  return /([^/]+?)(\/index)?\.\w+$/.exec(path)?.[1] ?? path;
}

function textOf({ text }: SourceFile, { start, end }: Node): string {
  return text.slice(start as number, end as number);
}
