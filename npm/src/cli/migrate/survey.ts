// What an app has of Amplify: modules, calls of `configure`, and what cannot be moved.

import {
  amplifyModule,
  BUILD_ONLY,
  type Entity,
  elsewhere,
  HARMLESS,
  METHODS,
  moduleEntity,
  OTHER_PROVIDERS,
  PROVIDER_ADVICE,
} from "./amplify.js";
import { type App, type Place, position, type SourceFile } from "./app.js";
import { isGiven } from "./calls.js";
import { members } from "./modules.js";
import { serverReason } from "./server.js";
import { bare, keyOf, loadedModule, type Node, nameOf } from "./syntax.js";

/** Something that a person has to do, or to know. */
export interface Left {
  file: string;
  line: number;
  column: number;
  what: string;
  advice: string;
}

/** A place where a module is named. */
export interface Site extends Place {
  source: string;
  /** The text in quotes. */
  literal: Node & { start: number; end: number };
  by: "import" | "export" | "load" | "type" | "mock";
}

export interface Survey {
  /** Modules that have Analytics or `Amplify`. */
  sites: Site[];
  /** Calls of `Amplify.configure`, and of v5's `Analytics.configure`. */
  configurations: (Place & { of: "Amplify" | "Analytics" })[];
  /** Calls of `Amplify.configure`, of either's: v5 records sessions from there on. */
  begins: (Place & { of: Entity["of"] })[];
  /** Mentions of v5's `Analytics` that cannot be moved, by the node of the object. */
  stays: Set<Node>;
  left: Left[];
  /** What else the app has of Amplify, for which Amplify stays configured. */
  others: Left[];
  /** Whether Amplify's Analytics are in use. */
  usesAnalytics: boolean;
  /** Files that configure Forebay. */
  configured: Set<SourceFile>;
}

export function survey(app: App): Survey {
  const found: Survey = {
    sites: [],
    configurations: [],
    begins: [],
    stays: new Set(),
    left: [],
    others: [],
    usesAnalytics: false,
    configured: new Set(),
  };
  const files = new Set(
    ["mplify", "forebay", "client-pinpoint"].flatMap((part) => app.filesWith(part)),
  );
  // Whoever imports them from a file of the app.
  for (const name of ["Analytics", "Amplify"]) {
    for (const file of files.size > 0 ? app.filesWith(name) : []) files.add(file);
  }
  for (const file of files) lookAt(app, file, found);
  reactNative(app, found);
  return found;
}

function lookAt(app: App, file: SourceFile, found: Survey): void {
  let isTold = false;
  app.visit(file, (place) => {
    const { node } = place;
    const site = siteOf(place);
    if (site) module(site, found);
    if (node.type === "MemberExpression" || node.type === "OptionalMemberExpression") {
      member(app, place, node, found);
    } else if (node.type === "CallExpression") {
      if (!isTold) isTold = onServer(app, place, found);
      hub(place, found);
    } else if (node.type === "Identifier") {
      givenAsWhole(app, place, found);
    } else if (node.type === "VariableDeclarator") {
      takenApart(app, place, found);
    } else if (node.type === "ClassDeclaration") {
      for (const { expression } of (node.implements ?? []) as { expression?: Node }[]) {
        if (expression?.type !== "Identifier" || expression.name !== "AnalyticsProvider") continue;
        leave(found, place, "a provider of your own for Amplify Analytics", OWN_PROVIDER);
      }
    }
  });
}

const OWN_PROVIDER =
  "There are no providers. Change events in `before` of the configuration, or give the worker another sink.";

export function leave(
  { left }: Pick<Survey, "left">,
  place: Place,
  what: string,
  advice: string,
): void {
  left.push({ file: place.file.path, ...position(place), what, advice });
}

/** The module that a node names. */
function siteOf(place: Place): Site | undefined {
  const { node, file, script } = place;
  const site = (by: Site["by"], literal: Node): Site | undefined =>
    literal.type === "StringLiteral"
      ? { file, script, node, by, source: literal.value, literal: literal as Site["literal"] }
      : undefined;
  switch (node.type) {
    case "ImportDeclaration":
      return site("import", node.source);
    case "ExportAllDeclaration":
      return site("export", node.source);
    case "ExportNamedDeclaration":
      return node.source ? site("export", node.source) : undefined;
    case "TSImportType":
      return site("type", node.argument as Node);
    case "TSExternalModuleReference":
      return site("load", node.expression);
    case "CallExpression": {
      if (loadedModule(node) !== undefined) return site("load", node.arguments[0]);
      const { callee } = node;
      if (callee.type !== "MemberExpression" || callee.object.type !== "Identifier")
        return undefined;
      if (!/^(jest|vi|vitest)$/.test(callee.object.name) || !node.arguments[0]) return undefined;
      return site("mock", node.arguments[0]);
    }
    default:
      return undefined;
  }
}

/** Names that an import or the like takes from its module; nothing where it takes the whole. */
export function namesAt({ node, script }: Site): string[] | undefined {
  if (node.type === "ImportDeclaration") {
    if (node.importKind === "type" || node.importKind === "typeof") return [];
    const names = node.specifiers.map((specifier) =>
      specifier.type === "ImportSpecifier"
        ? specifier.importKind === "type"
          ? "default"
          : nameOf(specifier.imported)
        : specifier.type === "ImportDefaultSpecifier"
          ? "default"
          : undefined,
    );
    return names.includes(undefined) ? undefined : (names as string[]);
  }
  if (node.type === "ExportNamedDeclaration") {
    const names = node.specifiers.map((one) =>
      one.type === "ExportSpecifier" ? nameOf(one.local) : undefined,
    );
    return names.includes(undefined) ? undefined : (names as string[]);
  }
  let value: Node = node;
  let parent = script.parents.get(value);
  while (parent && bare(parent) === node && parent !== node) {
    value = parent;
    parent = script.parents.get(value);
  }
  if (parent?.type === "VariableDeclarator" && parent.id.type === "ObjectPattern") {
    const names = parent.id.properties.map((property) => keyOf(property as Node));
    return names.includes(undefined) ? undefined : (names as string[]);
  }
  if (parent?.type === "MemberExpression") {
    const name = keyOf(parent);
    return name === undefined || name === "then" ? undefined : [name];
  }
  return undefined;
}

function module(site: Site, found: Survey): void {
  const { source } = site;
  const kind = amplifyModule(source);
  const names = namesAt(site);
  if (kind) {
    found.sites.push(site);
    if (kind === "functions") found.usesAnalytics = true;
    if (kind === "either") found.usesAnalytics = true;
    if (names?.includes("Analytics")) found.usesAnalytics = true;
  }
  const forebay = moduleEntity(source)?.of === "forebay";
  if (forebay && names?.some((name) => name === "configure" || name === "Amplify")) {
    found.configured.add(site.file);
  }
  if (forebay && !names && site.by === "import") found.configured.add(site.file);
  if (forebay || site.by === "type") return;

  const whole = elsewhere(source);
  if (whole) leave(found, site, whole.what, whole.advice);
  if (!/^@?aws-amplify\b/.test(source) && !/^@aws-amplify\//.test(source)) return;
  if (BUILD_ONLY.test(source)) return;
  for (const name of names ?? []) {
    const one = whole ? undefined : elsewhere(source, name);
    if (one) leave(found, site, `${one.what} (${name})`, one.advice);
  }
  const strange = kind
    ? kind === "root"
      ? (names ?? []).filter((name) => !HARMLESS.includes(name))
      : (names ?? []).filter((name) => /Provider$/.test(name))
    : source === "aws-amplify/utils"
      ? (names ?? ["everything"]).filter((name) => !HARMLESS.includes(name))
      : [source];
  if (
    strange.length === 0 ||
    (site.node.type === "ImportDeclaration" && names?.length === 0 && !isBare(site))
  )
    return;
  other(found, site, strange.join(", "));
}

/** `import "module"`. */
function isBare({ node }: Site): boolean {
  return node.type === "ImportDeclaration" && node.specifiers.length === 0;
}

function other(found: Survey, place: Place, what: string): void {
  const advice = "It stays with Amplify, which stays configured for it.";
  found.others.push({ file: place.file.path, ...position(place), what, advice });
}

function member(app: App, place: Place, node: Node & { object: Node }, found: Survey): void {
  const entity = app.entityOf({ ...place, node: node.object });
  const name = keyOf(node);
  if (entity?.of === "forebay" && name === "configure") found.configured.add(place.file);
  const parent = place.script.parents.get(node);
  const call = parent?.type === "CallExpression" && parent.callee === node ? parent : undefined;
  if (entity?.kind === "Amplify" && name === "configure" && call) {
    found.begins.push({ ...place, node: call, of: entity.of });
  }
  if (entity?.of !== "amplify" || name === undefined) return;
  if (entity.kind === "Amplify") {
    if (name === "configure" && call)
      found.configurations.push({ ...place, node: call, of: "Amplify" });
    else if (!["configure", "getConfig"].includes(name)) other(found, place, `Amplify.${name}`);
    if (name === "addPluggable")
      leave(found, place, "a provider that is added to Amplify", OWN_PROVIDER);
  } else if (entity.kind === "Analytics") {
    found.usesAnalytics = true;
    const reason = call ? unmovable({ ...place, node: call }, name) : undefined;
    if (reason || !METHODS.includes(name)) {
      found.stays.add(node.object);
      const [what, advice] = reason ?? [`Analytics.${name}`, OWN_PROVIDER];
      leave(found, place, what, advice);
      other(found, place, what);
    } else if (name === "configure" && call) {
      found.configurations.push({ ...place, node: call, of: "Analytics" });
    }
  } else if (entity.kind === "module") {
    part(found, place, entity, name);
  }
}

/** A name that is taken from a module that the app has as a whole. */
function part(found: Survey, place: Place, { module }: Entity & { kind: "module" }, name: string) {
  if (name === "Analytics") found.usesAnalytics = true;
  const isPromise = ["then", "catch", "finally"].includes(name);
  if (module !== "root" || isPromise || HARMLESS.includes(name)) return;
  const away = elsewhere("aws-amplify", name);
  if (away) leave(found, place, `${away.what} (${name})`, away.advice);
  other(found, place, name);
}

/** `const { Auth } = AWS`, where that is a module. */
function takenApart(app: App, place: Place, found: Survey): void {
  const { node } = place;
  if (node.type !== "VariableDeclarator" || node.id.type !== "ObjectPattern" || !node.init) return;
  // What is loaded here is read where the module is named.
  if (loadedModule(bare(node.init)) !== undefined) return;
  const entity = app.entityOf({ ...place, node: node.init });
  if (entity?.of !== "amplify" || entity.kind !== "module") return;
  for (const property of node.id.properties) {
    part(found, place, entity, keyOf(property as Node) ?? "all of aws-amplify");
  }
}

/** A module that somebody gets who may use all of it. */
function givenAsWhole(app: App, place: Place, found: Survey): void {
  const parent = place.script.parents.get(place.node);
  if (!parent || !isGiven(place.node, parent)) return;
  const entity = app.entityOf(place);
  if (entity?.of === "amplify" && entity.kind === "module" && entity.module === "root") {
    other(found, place, "all of aws-amplify");
  }
}

/** Why a call of a method of v5's `Analytics` has to stay with Amplify, and what to do. */
function unmovable(place: Place, method: string): [string, string] | undefined {
  const { node } = place;
  if (node.type !== "CallExpression") return undefined;
  const [first, second] = node.arguments;
  const at = first && bare(first);
  const has = (name: string) =>
    at?.type === "ObjectExpression" && at.properties.some((property) => keyOf(property) === name);
  if (method === "configure" && !has("AWSPinpoint")) {
    const provider = OTHER_PROVIDERS.find(has);
    return provider ? [`the configuration of ${provider}`, PROVIDER_ADVICE[provider]] : undefined;
  }
  const provider = second ? constant(place, second) : undefined;
  if (method === "record" && provider !== undefined && provider !== "AWSPinpoint") {
    const advice = PROVIDER_ADVICE[provider] ?? OWN_PROVIDER;
    return [`a record for the provider ${provider}`, advice];
  }
  if (method !== "record" || !has("streamName")) return undefined;
  return ["a record for a stream of Amplify's", PROVIDER_ADVICE.AWSKinesis];
}

/** The text that an expression is, or a constant of the same file. */
function constant({ script }: Place, node: Node): string | undefined {
  const at = bare(node);
  if (at.type === "StringLiteral") return at.value;
  if (at.type !== "Identifier") return undefined;
  const declared = script.bindings.get(at)?.node;
  const init = declared?.type === "VariableDeclarator" ? declared.init : undefined;
  return init?.type === "StringLiteral" ? init.value : undefined;
}

/** Says that a call records where there is no browser; gives whether it does. */
function onServer(app: App, place: Place, found: Survey): boolean {
  const { node } = place;
  if (node.type !== "CallExpression") return false;
  const { callee } = node;
  const called = app.entityOf({ ...place, node: callee });
  const object =
    callee.type === "MemberExpression"
      ? app.entityOf({ ...place, node: callee.object })
      : undefined;
  if (called?.kind !== "function" && object?.kind !== "Analytics") return false;
  const reason = serverReason(app, place);
  if (!reason) return false;
  leave(
    found,
    place,
    `analytics on a server (${reason})`,
    "On a server record() does nothing. Send the event to POST /v1/events with a server key (docs/clients.md).",
  );
  return true;
}

/** `Hub.listen("analytics", ..)`. */
function hub(place: Place, found: Survey): void {
  const { node } = place;
  if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return;
  const { object } = node.callee;
  if (object.type !== "Identifier" || object.name !== "Hub") return;
  const [channel] = node.arguments;
  if (channel?.type !== "StringLiteral" || channel.value !== "analytics") return;
  leave(
    found,
    place,
    "Hub's channel of analytics",
    "Forebay sends nothing to Hub. onDelivery(listener) tells what becomes of every event.",
  );
}

/** Packages for React Native, where Forebay does not run. */
function reactNative(app: App, found: Survey): void {
  for (const [file, text] of app.sources.packages) {
    const { dependencies } = members(text) as { dependencies?: Record<string, string> };
    const isNative = dependencies && Object.hasOwn(dependencies, "react-native");
    if (!isNative || !Object.keys(dependencies).some((name) => /aws-amplify/.test(name))) continue;
    const line = text.slice(0, text.indexOf('"react-native"')).split("\n").length;
    const advice =
      "Forebay runs in browsers. Send the events of an app to POST /v1/events (docs/clients.md).";
    found.left.push({ file, line, column: 1, what: "an app for React Native", advice });
  }
}
