// The events that an app records, as far as its code tells: names, attributes and metrics.

import { type App, importSource, type Place, position, type SourceFile } from "./app.js";
import { callsIn, exportsOf, stemOf, TEST } from "./calls.js";
import { elementsOf, PREFIX, TEXT, type Tracking } from "./elements.js";
import type { Left, Survey } from "./survey.js";
import {
  type Binding,
  bare,
  isFunction,
  keyOf,
  type Node,
  nameOf,
  patternNames,
} from "./syntax.js";
import {
  type Arguments,
  type Located,
  origin,
  type Parameter,
  parameterOf,
  type Values,
  valuesOf,
} from "./values.js";

/** An event that the code records at one place. */
export interface Observed {
  name: string;
  file: string;
  line: number;
  column: number;
  attributes: Map<string, Values[]>;
  metrics: Map<string, Values[]>;
  /** Where attributes or metrics come whose names the code does not say. */
  open: string[];
}

export interface Events {
  observed: Observed[];
  /** Records of events whose names the code does not say, and where somebody gets `record` who is not followed. */
  unnamed: Left[];
}

const SESSION = ["_session.start", "_session.stop"];
const UNNAMED = {
  what: "an event whose name the code does not say",
  advice: "Its call stays as it is. Add the event to the schema, by hand or by a sample (--from).",
};
const HANDED_ON = {
  what: "what records is handed on, and who calls it is not followed",
  advice: "It stays as it is. Add its events to the schema, by hand or by a sample (--from).",
};
/** Most functions between the one that knows an event's name and `record`. */
const MAX_WRAPPERS = 3;

/**
 * @param isOld whether a file is written for v5
 */
export function eventsOf(app: App, found: Survey, isOld: (file: SourceFile) => boolean): Events {
  const reader = new Reader(app);
  for (const begin of found.begins) {
    const { file, node } = begin;
    const text = file.text.slice(node.start as number, node.end as number);
    const isSilent = /\b(autoSessionRecord\s*:\s*false|disabled\s*:\s*true)/.test(text);
    if ((begin.of === "forebay" || isOld(file)) && !isSilent) reader.sessions(begin);
  }
  const calls = callsIn(app, found);
  for (const call of calls.sessions) reader.sessions(call);
  for (const call of calls.tracking) reader.autoTrack(call);
  for (const place of calls.handedOn) reader.leave(place, HANDED_ON);
  for (const call of calls.records) reader.read(call, 0);
  const elements = elementsOf(app.sources, reader.elements);
  for (const place of elements.unnamed) reader.unnamed.push({ ...place, ...UNNAMED });
  return { observed: [...reader.observed, ...elements.observed], unnamed: reader.unnamed };
}

class Reader {
  readonly observed: Observed[] = [];
  readonly unnamed: Left[] = [];
  readonly elements: Tracking = { prefixes: new Set([PREFIX]), attributes: new Map(), open: [] };

  constructor(readonly app: App) {}

  /**
   * Reads one call, with what is known of the parameters around it.
   *
   * @param by the call of the app's that leads to it
   */
  read(call: Located, depth: number, by: Place = call): void {
    const { app } = this;
    if (call.node.type !== "CallExpression" && call.node.type !== "OptionalCallExpression") return;
    const [first, second, third] = call.node.arguments.map((node): Located => ({ ...call, node }));
    if (!first) return;
    const event = origin(app, first);
    const parts = partsOf(event, first, second, third);
    if (!parts) {
      if (this.#isGenerated(event)) return;
      if (!this.#throughCallers(call, parameterOf(event), depth)) this.#unnamed(by);
      return;
    }
    const names = parts.name
      ? valuesOf(app, parts.name)
      : { known: [], complete: false, parameters: [] };
    const fields = [parts.attributes, parts.metrics].map(
      (part) => part && parameterOf(origin(app, part)),
    );
    const parameter = names.parameters[0] ?? fields.find(Boolean);
    if (parameter && this.#throughCallers(call, parameter, depth)) return;
    const known = names.known.filter((name) => typeof name === "string" && name !== "");
    for (const name of new Set(known)) this.#observe(`${name}`, by, parts);
    if (!names.complete || known.length === 0) this.#unnamed(by);
  }

  /** Whether an event is made by what `npx forebay codegen` writes: it is in a schema already. */
  #isGenerated({ node, script, file }: Located): boolean {
    const callee = node.type === "CallExpression" ? bare(node.callee) : undefined;
    const object = callee?.type === "MemberExpression" ? callee.object : callee;
    const binding = object?.type === "Identifier" ? script.bindings.get(object) : undefined;
    const source = binding && importSource(script, binding);
    const other = source === undefined ? undefined : this.app.resolve(file.path, source);
    return other?.text.includes("npx forebay codegen") === true;
  }

  #observe(name: string, call: Place, { attributes, metrics, isOpen }: Parts): void {
    const observed: Observed = {
      name,
      file: call.file.path,
      ...position(call),
      attributes: new Map(),
      metrics: new Map(),
      open: [],
    };
    if (isOpen) observed.open.push(shown(call));
    if (attributes) this.#fields(attributes, observed.attributes, observed.open, 0);
    if (metrics) this.#fields(metrics, observed.metrics, observed.open, 0);
    this.observed.push(observed);
  }

  #unnamed(call: Place): void {
    this.leave(call, UNNAMED);
  }

  /** Says once of a place what is to be done there. */
  leave(place: Place, said: typeof UNNAMED): void {
    const entry = { file: place.file.path, ...position(place), ...said };
    const isKnown = this.unnamed.some(
      ({ file, line, column }) =>
        file === entry.file && line === entry.line && column === entry.column,
    );
    if (!isKnown) this.unnamed.push(entry);
  }

  /** The members of an object of attributes or metrics. */
  #fields(at: Located, into: Map<string, Values[]>, open: string[], depth: number): void {
    const { app } = this;
    const found = origin(app, at);
    const { node } = found;
    const inner = (next: Node) => this.#fields({ ...found, node: next }, into, open, depth + 1);
    if (depth > MAX_WRAPPERS * 2) return void open.push(shown(at));
    switch (node.type) {
      case "Identifier":
        if (node.name !== "undefined") open.push(shown(at));
        return;
      case "NullLiteral":
      case "BooleanLiteral":
        return;
      case "ConditionalExpression":
        inner(node.consequent);
        inner(node.alternate);
        return;
      case "LogicalExpression":
        if (node.operator !== "&&") inner(node.left);
        inner(node.right);
        return;
      case "ObjectExpression":
        for (const property of node.properties) {
          if (property.type === "SpreadElement") {
            inner(property.argument);
          } else if (property.type === "ObjectProperty") {
            const name = keyOf(property);
            const names =
              name !== undefined ? [name] : this.#computed({ ...found, node: property.key }, open);
            for (const one of names) {
              const values = valuesOf(app, { ...found, node: property.value });
              into.set(one, [...(into.get(one) ?? []), values]);
            }
          }
        }
        return;
      default:
        open.push(shown(at));
    }
  }

  #computed(key: Located, open: string[]): string[] {
    const { known, complete } = valuesOf(this.app, key);
    if (!complete || known.length === 0) open.push(shown(key));
    return known.map((name) => `${name}`);
  }

  /**
   * Reads a call once for each call of the function around it whose parameter it depends on.
   *
   * @returns whether there is such a function, and somebody who calls it
   */
  #throughCallers(call: Located, parameter: Parameter | undefined, depth: number): boolean {
    if (!parameter || depth >= MAX_WRAPPERS || !isFunction(parameter.node)) return false;
    const callers = this.#callersOf(parameter);
    for (const caller of callers) {
      const given = this.#givenBy(caller, parameter, call.given);
      this.read({ ...call, given }, depth + 1, caller);
    }
    return callers.length > 0;
  }

  /** What the parameters of a function are in a call. */
  #givenBy(caller: Located, called: Place, outer: Arguments | undefined): Arguments {
    const given: Arguments = new Map(outer);
    const words = "arguments" in caller.node ? (caller.node.arguments as Node[]) : [];
    const parameters = ("params" in called.node ? called.node.params : []) as Node[];
    const give = (id: Node, value: Located | undefined) => {
      const binding = called.script.bindings.get(id);
      if (binding) given.set(binding, value);
    };
    parameters.forEach((parameter, at) => {
      const word = words[at];
      const located = word && word.type !== "SpreadElement" ? { ...caller, node: word } : undefined;
      const pattern = parameter.type === "AssignmentPattern" ? parameter.left : parameter;
      if (pattern.type === "Identifier") {
        give(pattern, located);
      } else if (pattern.type === "ObjectPattern" && located) {
        const object = origin(this.app, located);
        for (const property of pattern.properties) {
          if (property.type !== "ObjectProperty") continue;
          const { node } = object;
          const members = node.type === "ObjectExpression" ? node.properties : [];
          const member = members.find((one) => keyOf(one) === keyOf(property));
          const value =
            member?.type === "ObjectProperty" ? { ...object, node: member.value } : undefined;
          for (const id of patternNames(property.value)) give(id, value);
        }
      }
    });
    return given;
  }

  /** Calls of a function, by its name, in its file and in those that import it. */
  #callersOf({ file, script, node }: Place): Located[] {
    const { app } = this;
    const name = functionName({ file, script, node });
    if (!name) return [];
    const calls: Located[] = [];
    // A default export has any name where it is imported.
    const parts = exportsOf(file).includes("default")
      ? [name.text, stemOf(file.path)]
      : [name.text];
    for (const other of new Set(parts.flatMap((part) => app.filesWith(part)))) {
      if (TEST.test(other.path)) continue;
      app.visit(other, (place) => {
        const { node: call } = place;
        if (call.type !== "CallExpression" && call.type !== "OptionalCallExpression") return;
        const callee = bare(call.callee);
        const isIt =
          callee.type === "Identifier"
            ? this.#isNamed({ ...place, node: callee }, file, name)
            : keyOf(callee) === name.text && this.#knows(other, file);
        if (isIt) calls.push(place);
      });
    }
    return calls;
  }

  /** Whether an identifier is a function of `home` that has this name there. */
  #isNamed(place: Place, home: SourceFile, { text, binding }: FunctionName): boolean {
    const { app } = this;
    const { node, script, file } = place;
    const found = script.bindings.get(node);
    if (!found) return false;
    if (binding && found === binding) return true;
    const source = importSource(script, found);
    if (source !== undefined) {
      const other = app.resolve(file.path, source);
      const imported =
        found.node.type === "ImportSpecifier" ? nameOf(found.node.imported) : "default";
      const exported = other && app.exported(other, imported);
      if (!exported || !("node" in exported) || exported.file !== home) return false;
      const { node: target } = exported;
      if (target.type === "Identifier") return exported.script.bindings.get(target) === binding;
      return binding ? target === binding.node || target === initOf(binding) : imported === text;
    }
    // const { track } = useAnalytics()
    const { node: declared } = found;
    if (declared.type !== "VariableDeclarator" || declared.id.type !== "ObjectPattern")
      return false;
    const isTaken = declared.id.properties.some(
      (property) =>
        property.type === "ObjectProperty" &&
        property.value === found.id &&
        keyOf(property) === text,
    );
    return isTaken && this.#knows(file, home);
  }

  /** Whether a file imports another one, or is it. */
  #knows(file: SourceFile, home: SourceFile): boolean {
    if (file === home) return true;
    return file.script.program.body.some((statement) => {
      const source =
        statement.type === "ImportDeclaration"
          ? statement.source.value
          : /require\(["']([^"']+)/.exec(
              file.text.slice(statement.start ?? 0, statement.end ?? 0),
            )?.[1];
      const other = source === undefined ? undefined : this.app.resolve(file.path, source);
      return other === home || (other !== undefined && this.#passesOn(other, home));
    });
  }

  /** Whether a file exports what another one does. */
  #passesOn(file: SourceFile, home: SourceFile): boolean {
    return file.script.program.body.some(
      (statement) =>
        (statement.type === "ExportAllDeclaration" ||
          statement.type === "ExportNamedDeclaration") &&
        statement.source &&
        this.app.resolve(file.path, statement.source.value) === home,
    );
  }

  /** Events that Amplify records by itself, as it is told to. */
  autoTrack(place: Located): void {
    const { app } = this;
    if (place.node.type !== "CallExpression") return;
    const [first, second] = place.node.arguments.map((node): Located => ({ ...place, node }));
    const member = (of: Located | undefined, name: string): Located | undefined => {
      const at = of && origin(app, of);
      const members = at?.node.type === "ObjectExpression" ? at.node.properties : [];
      const found = members.find((one) => keyOf(one) === name);
      return at && found?.type === "ObjectProperty" ? { ...at, node: found.value } : undefined;
    };
    const type = second ? first : member(first, "type");
    const options = second ?? member(first, "options");
    const kinds = type && valuesOf(app, type);
    if (!kinds?.complete) this.#unnamed(place);
    for (const kind of kinds?.known ?? []) {
      if (kind === "session" || kind === "pageView") this.#automatic(place, kind, options, member);
      if (kind === "event") this.#ofElements(place, options, member);
    }
  }

  #automatic(
    place: Place,
    kind: "session" | "pageView",
    options: Located | undefined,
    member: (of: Located | undefined, name: string) => Located | undefined,
  ): void {
    const isSession = kind === "session";
    const named = isSession ? undefined : member(options, "eventName");
    const values = named && valuesOf(this.app, named);
    if (values && !values.complete) this.#unnamed(place);
    const attributes = member(options, "attributes");
    for (const name of isSession ? SESSION : (values?.known ?? ["pageView"])) {
      const observed: Observed = {
        ...{ name: `${name}`, file: place.file.path, ...position(place) },
        attributes: new Map(isSession ? [] : [["url", [TEXT]]]),
        metrics: new Map(),
        open: [],
      };
      if (attributes) this.#fields(attributes, observed.attributes, observed.open, 0);
      this.observed.push(observed);
    }
  }

  /** What the events of elements have in common. */
  #ofElements(
    place: Place,
    options: Located | undefined,
    member: (of: Located | undefined, name: string) => Located | undefined,
  ): void {
    const { prefixes, attributes, open } = this.elements;
    const prefix = member(options, "selectorPrefix");
    const values = prefix && valuesOf(this.app, prefix);
    if (values && !values.complete) this.#unnamed(place);
    for (const known of values?.known ?? []) if (known) prefixes.add(`${known}`);
    const more = member(options, "attributes");
    if (more) this.#fields(more, attributes, open, 0);
  }

  /** Events of sessions, which v5 records by itself. */
  sessions(place: Place): void {
    for (const name of SESSION) {
      const observed = { name, file: place.file.path, ...position(place) };
      this.observed.push({ ...observed, attributes: new Map(), metrics: new Map(), open: [] });
    }
  }
}

interface Parts {
  name?: Located;
  attributes?: Located;
  metrics?: Located;
  /** Whether more is spread into it than is known. */
  isOpen: boolean;
}

/** The parts of an event in any form that `record` takes; nothing where the event is made elsewhere. */
function partsOf(
  event: Located,
  first: Located,
  second?: Located,
  third?: Located,
): Parts | undefined {
  const { node } = event;
  if (node.type === "ObjectExpression") {
    const part = (name: string): Located | undefined => {
      const member = node.properties.find((one) => keyOf(one) === name);
      return member?.type === "ObjectProperty" ? { ...event, node: member.value } : undefined;
    };
    const isOpen = node.properties.some(({ type }) => type === "SpreadElement");
    // v6 has `{ input }` nowhere, and v5's first form had the event under `event`.
    return { name: part("name"), attributes: part("attributes"), metrics: part("metrics"), isOpen };
  }
  const isText =
    /^(StringLiteral|TemplateLiteral|BinaryExpression|ConditionalExpression|LogicalExpression)$/.test(
      node.type,
    );
  // Analytics.record("name", attributes, metrics)
  if (isText || second) return { name: first, attributes: second, metrics: third, isOpen: false };
  return undefined;
}

interface FunctionName {
  text: string;
  /** Of a function that is a variable, and no member. */
  binding?: Binding;
}

/** What a function is called by: a variable, or a member of a class or an object. */
function functionName({ script, node }: Place): FunctionName | undefined {
  if ((node.type === "FunctionDeclaration" || node.type === "FunctionExpression") && node.id) {
    return { text: node.id.name, binding: script.bindings.get(node.id) };
  }
  if (node.type === "ObjectMethod" || node.type === "ClassMethod") {
    const text = keyOf(node);
    return text === undefined || text === "constructor" ? undefined : { text };
  }
  let at = script.parents.get(node);
  // useCallback(() => .., [])
  if (at?.type === "CallExpression" && at.arguments[0] === node) at = script.parents.get(at);
  if (at?.type === "VariableDeclarator" && at.id.type === "Identifier") {
    return { text: at.id.name, binding: script.bindings.get(at.id) };
  }
  if (at?.type === "AssignmentExpression" && at.left.type === "MemberExpression") {
    const text = keyOf(at.left);
    return text === undefined ? undefined : { text };
  }
  if (at?.type !== "ObjectProperty" && at?.type !== "ClassProperty") return undefined;
  const text = keyOf(at);
  return text === undefined ? undefined : { text };
}

function initOf({ node }: Binding): Node | null | undefined {
  return node.type === "VariableDeclarator" ? node.init : undefined;
}

function shown(place: Place): string {
  return `${place.file.path}:${position(place).line}`;
}
