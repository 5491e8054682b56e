// What an expression can be when it is evaluated, as far as the text tells.

import type { App, Place } from "./app.js";
import { importSource } from "./app.js";
import { type Binding, bare, keyOf, loadedModule, type Node, nameOf } from "./syntax.js";

/** What parameters stand for in a call that is looked at, by the binding. */
export type Arguments = Map<Binding, Located | undefined>;

/** An expression, where it is, and what the parameters around it stand for. */
export interface Located extends Place {
  given?: Arguments;
}

/** What an expression may be. */
export interface Values {
  /** Texts, numbers and booleans that stand in the code. */
  known: (string | number | boolean | null)[];
  /** Whether it can be nothing else. */
  complete: boolean;
  /** Parameters of functions around it that it depends on. */
  parameters: Parameter[];
}

/** A parameter; its place is that of the function. */
export interface Parameter extends Place {
  binding: Binding;
}

const MAX_STEPS = 16;
/** Most texts that the parts of one text are put together to. */
const MAX_JOINED = 100;
/** What a parameter is that a call does not give. */
const UNDEFINED = { type: "Identifier", name: "undefined" } as Node;

/** The expression that another one stands for: through variables, imports, members of constants and parameters. */
export function origin(app: App, at: Located, steps = 0): Located {
  const { script, node, given } = at;
  const here: Located = { ...at, node: bare(node) };
  if (steps > MAX_STEPS) return here;
  const follow = (next: Located | undefined) => (next ? origin(app, next, steps + 1) : here);
  if (here.node.type === "Identifier") {
    const binding = script.bindings.get(here.node);
    if (!binding) return here;
    if (given?.has(binding)) {
      return follow(given.get(binding) ?? defaultOf(here, binding) ?? { ...here, node: UNDEFINED });
    }
    const source = importSource(script, binding);
    if (source !== undefined) return follow(imported(app, here, binding, source));
    if (binding.node.type === "TSEnumDeclaration") return { ...here, node: binding.node };
    if (binding.node.type !== "VariableDeclarator" || !isConstant(here, binding)) return here;
    const { id, init } = binding.node;
    const whole: Located = { ...here, node: init as Node };
    if (id === binding.id) return follow(whole);
    const name = memberName(id, binding.id);
    if (name === undefined) return here;
    return follow(memberAt(app, origin(app, whole, steps + 1), name));
  }
  if (here.node.type === "MemberExpression" || here.node.type === "OptionalMemberExpression") {
    const name = keyOf(here.node) ?? computed(app, here, steps);
    const object = origin(app, { ...here, node: here.node.object }, steps + 1);
    return follow(name === undefined ? undefined : memberAt(app, object, name));
  }
  if (here.node.type === "CallExpression") {
    // Object.freeze({ .. })
    const callee = textOf(here, here.node.callee);
    const [first] = here.node.arguments;
    return callee === "Object.freeze" && first ? follow({ ...here, node: first }) : here;
  }
  return here;
}

/** The member that an object's pattern takes under a name; nothing where it takes no such one, or has something in its place. */
function memberName(pattern: Node, id: Node): string | undefined {
  if (pattern.type !== "ObjectPattern") return undefined;
  const taken = pattern.properties.find(
    (property) => property.type === "ObjectProperty" && property.value === id,
  );
  return taken && keyOf(taken);
}

function textOf({ file }: Place, { start, end }: Node): string {
  return file.text.slice(start as number, end as number);
}

/** Whether a variable keeps what it is declared with. */
function isConstant({ script }: Place, { node, references }: Binding): boolean {
  if (node.type !== "VariableDeclarator" || !node.init) return false;
  const declaration = script.parents.get(node);
  const isConst = declaration?.type === "VariableDeclaration" && declaration.kind === "const";
  // Of a component it may be a property, which others set.
  const isExported =
    declaration && script.parents.get(declaration)?.type === "ExportNamedDeclaration";
  if (isExported && !isConst) return false;
  return references.every((id) => {
    const parent = script.parents.get(id);
    const isTarget = parent?.type === "AssignmentExpression" && parent.left === id;
    return !isTarget && parent?.type !== "UpdateExpression";
  });
}

function defaultOf(at: Located, { id }: Binding): Located | undefined {
  const parent = at.script.parents.get(id);
  return parent?.type === "AssignmentPattern" && parent.left === id
    ? { ...at, node: parent.right }
    : undefined;
}

function imported(
  app: App,
  { file }: Place,
  { node }: Binding,
  source: string,
): Located | undefined {
  const other = app.resolve(file.path, source);
  if (!other || node.type === "ImportNamespaceSpecifier") return undefined;
  const name = node.type === "ImportSpecifier" ? nameOf(node.imported) : "default";
  const found = app.exported(other, name);
  return found && "node" in found ? found : undefined;
}

function computed(app: App, at: Located, steps: number): string | undefined {
  if (!("property" in at.node) || steps > MAX_STEPS) return undefined;
  const { node } = origin(app, { ...at, node: at.node.property as Node }, steps + 1);
  return node.type === "StringLiteral" ? node.value : undefined;
}

/** A member of an object literal, of an enum, or of a file that is imported as a whole. */
function memberAt(app: App, object: Located, name: string): Located | undefined {
  const { node, script, file } = object;
  if (node.type === "ObjectExpression") {
    const property = node.properties.find((one) => keyOf(one) === name);
    return property?.type === "ObjectProperty" ? { ...object, node: property.value } : undefined;
  }
  if (node.type === "TSEnumDeclaration") {
    const found = (node.body?.members ?? node.members).find(({ id }) => nameOf(id) === name);
    return found?.initializer ? { ...object, node: found.initializer } : undefined;
  }
  if (node.type === "ClassDeclaration") {
    const found = node.body.body.find(
      (one) => one.type === "ClassProperty" && one.static && keyOf(one) === name,
    );
    return found?.type === "ClassProperty" && found.value
      ? { ...object, node: found.value }
      : undefined;
  }
  const binding = node.type === "Identifier" ? script.bindings.get(node) : undefined;
  const isWhole = binding?.node.type === "ImportNamespaceSpecifier";
  const source = isWhole ? importSource(script, binding) : loadedModule(node);
  const other = source === undefined ? undefined : app.resolve(file.path, source);
  const exported = other && app.exported(other, name);
  return exported && "node" in exported ? exported : undefined;
}

/** All that an expression may be. */
export function valuesOf(app: App, at: Located, steps = 0): Values {
  const found = origin(app, at, steps);
  const { node } = found;
  const one = (value: string | number | boolean | null): Values => ({
    known: [value],
    complete: true,
    parameters: [],
  });
  const both = (...nodes: Node[]): Values => {
    const all = nodes.map((inner) => valuesOf(app, { ...found, node: inner }, steps + 1));
    return {
      known: all.flatMap(({ known }) => known),
      complete: all.every(({ complete }) => complete),
      parameters: all.flatMap(({ parameters }) => parameters),
    };
  };
  if (steps > MAX_STEPS) return { known: [], complete: false, parameters: [] };
  switch (node.type) {
    case "StringLiteral":
    case "NumericLiteral":
    case "BooleanLiteral":
      return one(node.value);
    case "NullLiteral":
      return one(null);
    case "TemplateLiteral":
      return joined(
        node.quasis.flatMap(({ value }, at) => {
          const next = node.expressions[at];
          return next ? [one(value.cooked ?? ""), both(next)] : [one(value.cooked ?? "")];
        }),
      );
    case "BinaryExpression":
      if (node.operator !== "+") return { known: [], complete: false, parameters: [] };
      return joined([both(node.left), both(node.right)]);
    case "UnaryExpression":
      if (node.operator === "-" && node.argument.type === "NumericLiteral")
        return one(-node.argument.value);
      return { known: [], complete: false, parameters: [] };
    case "ConditionalExpression":
      return both(node.consequent, node.alternate);
    case "LogicalExpression":
      return both(node.left, node.right);
    case "CallExpression": {
      const callee = textOf(found, node.callee);
      const [first] = node.arguments;
      if (callee === "String" && first) return texts(both(first));
      return { known: [], complete: false, parameters: [] };
    }
    case "Identifier": {
      if (node.name === "undefined") return { known: [], complete: true, parameters: [] };
      const parameter = parameterOf(found);
      return { known: [], complete: false, parameters: parameter ? [parameter] : [] };
    }
    default:
      return { known: [], complete: false, parameters: [] };
  }
}

/** The parameter that an expression is, unless it is known what it stands for. */
export function parameterOf({ node, file, script, given }: Located): Parameter | undefined {
  const binding = node.type === "Identifier" ? script.bindings.get(node) : undefined;
  if (!binding?.isParameter || given?.has(binding)) return undefined;
  return { file, script, node: binding.node, binding };
}

/** The texts that parts are one after the other, such as those of a template. */
function joined(parts: Values[]): Values {
  const parameters = parts.flatMap((part) => part.parameters);
  const count = parts.reduce((product, { known }) => product * known.length, 1);
  const isKnown = parts.every(({ complete }) => complete) && count > 0 && count <= MAX_JOINED;
  // A sum of numbers is none.
  const isText = parts.some(({ known }) => known.every((value) => typeof value === "string"));
  if (!isKnown || !isText) return { known: [], complete: false, parameters };
  let known = [""];
  for (const part of parts) known = known.flatMap((text) => part.known.map((one) => text + one));
  return { known, complete: true, parameters };
}

function texts(values: Values): Values {
  return { ...values, known: values.known.map((value) => `${value}`) };
}

/** Whether an expression is the text or the value of a boolean, and nothing else. */
export function isBooleanText({ known, complete }: Values): boolean {
  return complete && known.length > 0 && known.every((value) => /^(true|false)$/.test(`${value}`));
}
