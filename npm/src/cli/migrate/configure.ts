// Calls of `configure`: Forebay's gets the endpoint, and Amplify's stays where the app needs it.

import { FOREBAY, FOREBAY_V5 } from "./amplify.js";
import { importSource, type Place } from "./app.js";
import { indentAt, newLine } from "./draft.js";
import type { Rewriter } from "./rewrite.js";
import { leave, type Survey } from "./survey.js";
import { bare, keyOf, type Node, walk } from "./syntax.js";

const V5_AMPLIFY = { module: FOREBAY_V5, imported: "Amplify" };
const V6_CONFIGURE = { module: FOREBAY, imported: "configure" };
const V6_TYPE = { module: FOREBAY, imported: "type AmplifyConfig" };

/** Members of an object literal that Forebay reads, in whatever form it is. */
const READ = /^(Analytics|Auth|analytics|auth|aws_.*|endpoint)$/;

/**
 * Gives every configuration of analytics the endpoint.
 *
 * @returns whether there was one to give it to
 */
export function configurations(rewriter: Rewriter, found: Survey, endpoint: string): boolean {
  const ofAmplify = found.configurations.filter(({ of }) => of === "Amplify");
  const all = ofAmplify.length > 0 ? ofAmplify : found.configurations;
  const calls = all.filter((call) => !isForAmplifyAlone(call));
  // Forebay takes one configuration, which has all of it.
  const completed = calls.map((call) => complete(rewriter, found, call, calls));
  for (const call of calls) {
    if (completed.includes(call)) continue;
    if (call.of === "Amplify" && rewriter.keeps) beside(rewriter, found, call, endpoint);
    else inPlace(rewriter, call, endpoint);
  }
  return all.length > 0;
}

/**
 * Where v6 is configured in parts, `{ ...Amplify.getConfig(), Analytics }`, puts the first part into the last one, if
 * Forebay alone is configured: Amplify gives both.
 *
 * @returns the call that had the first part
 */
function complete<Call extends Place>(
  rewriter: Rewriter,
  found: Survey,
  call: Call,
  calls: Call[],
): Call | undefined {
  const at = bare(argumentOf(call)?.inner ?? call.node);
  const members = at.type === "ObjectExpression" ? at.properties : [];
  const known = members.find((member) => isKnownConfig(call, member));
  if (rewriter.version(call.file) === 5 || known?.type !== "SpreadElement") return undefined;
  const blockOf = ({ script, node }: Place) => {
    const statement = script.parents.get(node);
    return statement?.type === "ExpressionStatement" ? script.parents.get(statement) : undefined;
  };
  const isBefore = (other: Call) => (other.node.start as number) < (call.node.start as number);
  const first = calls.findLast(
    (other) => other.file === call.file && isBefore(other) && blockOf(other) === blockOf(call),
  );
  if (!first || !blockOf(call)) {
    const advice = "Forebay takes one configuration: put what this one adds into the first.";
    leave(found, call, "Amplify is configured in parts", advice);
    return undefined;
  }
  if (rewriter.keeps) return first;
  const { file, script } = call;
  const { start, end } = known.argument;
  rewriter.edit(
    file,
    start as number,
    end as number,
    textOf(first, argumentOf(first)?.inner ?? at),
  );
  const statement = script.parents.get(first.node) as Node;
  const from = (statement.start as number) - indentAt(file.text, statement.start as number).length;
  const line = newLine(file.text);
  const to = statement.end as number;
  rewriter.edit(file, from, to + (file.text.startsWith(line, to) ? line.length : 0), "");
  return first;
}

/** `...Amplify.getConfig()`, or a variable with that. */
function isKnownConfig(place: Place, member: Node): boolean {
  if (member.type !== "SpreadElement") return false;
  const at = bare(member.argument);
  const declared = place.script.bindings.get(at)?.node;
  const init = declared?.type === "VariableDeclarator" ? declared.init : undefined;
  return /getConfig\(\)$/.test(textOf(place, bare(init ?? at)));
}

interface Argument {
  node: Node & { start: number; end: number };
  /** Without `parseAmplifyConfig(..)` around it, whose work Forebay does by itself. */
  inner: Node & { start: number; end: number };
}

function argumentOf({ node }: Place): Argument | undefined {
  if (node.type !== "CallExpression" || !node.arguments[0]) return undefined;
  const [argument] = node.arguments;
  return { node: argument as Argument["node"], inner: unparsed(argument) as Argument["inner"] };
}

function unparsed(node: Node): Node {
  const isParse =
    node.type === "CallExpression" &&
    node.callee.type === "Identifier" &&
    node.callee.name === "parseAmplifyConfig" &&
    node.arguments.length === 1;
  return isParse ? node.arguments[0] : node;
}

/** `Amplify.configure()` asks, and `{ ...Amplify.getConfig(), API }` adds what is none of analytics'. */
function isForAmplifyAlone(place: Place): boolean {
  const argument = argumentOf(place);
  if (!argument) return true;
  const at = bare(argument.inner);
  if (at.type !== "ObjectExpression") return false;
  const adds = at.properties.some((member) => isKnownConfig(place, member));
  return adds && !at.properties.some((member) => READ.test(keyOf(member) ?? ""));
}

function textOf({ file }: Place, { start, end }: Node): string {
  return file.text.slice(start as number, end as number);
}

/** Nothing but the endpoint is added, and the call goes to Forebay by its import. */
function inPlace(rewriter: Rewriter, place: Place, endpoint: string): void {
  const { file, node } = place;
  const argument = argumentOf(place) as Argument;
  if (node.type !== "CallExpression") return;
  unwrapParsers(rewriter, place);
  addEndpoint(rewriter, place, argument, endpoint);
  // Amplify's second argument is about its own parts.
  if (node.arguments.length > 1) {
    const last = node.arguments.at(-1) as Node;
    rewriter.edit(file, argument.node.end, last.end as number, "");
  }
  const object = node.callee.type === "MemberExpression" ? bare(node.callee.object) : undefined;
  if (object?.type !== "Identifier" || !needsCast(rewriter, place, argument.inner)) return;
  const { end } = argument.node;
  rewriter.edit(file, end, end, ` as ${object.name}.AmplifyConfig`);
}

/** Whether an argument has, as far as one sees, a type that says less than Forebay asks for. */
function needsCast(rewriter: Rewriter, place: Place, node: Node): boolean {
  const { file, script } = place;
  if (!/\.[cm]?tsx?$/.test(file.path) || rewriter.version(file) === 5) return false;
  if (node.type === "ObjectExpression")
    return node.properties.some((member) => isKnownConfig(place, member));
  if (node.type === "CallExpression") return true;
  const binding = node.type === "Identifier" ? script.bindings.get(node) : undefined;
  if (!binding) return false;
  const source = importSource(script, binding);
  if (source !== undefined) return !source.endsWith(".json");
  return binding.id.type === "Identifier" && Boolean(binding.id.typeAnnotation);
}

/** Takes `parseAmplifyConfig` off, and its import where nothing else uses it. */
function unwrapParsers(rewriter: Rewriter, place: Place): void {
  const { file, script, node } = place;
  const gone = new Set<Node>();
  walk(node, (at) => {
    const inner = unparsed(at);
    if (inner === at || at.type !== "CallExpression") return;
    rewriter.edit(file, at.start as number, inner.start as number, "");
    rewriter.edit(file, inner.end as number, at.end as number, "");
    gone.add(at.callee);
  });
  const [first] = gone;
  const binding = first && script.bindings.get(first);
  const declaration = binding && script.parents.get(binding.node);
  if (!binding || binding.references.some((id) => !gone.has(id))) return;
  if (declaration?.type !== "ImportDeclaration" || declaration.specifiers.length > 1) return;
  const end = declaration.end as number;
  const line = newLine(file.text);
  const rest = file.text.startsWith(line, end) ? line.length : 0;
  rewriter.edit(file, declaration.start as number, end + rest, "");
}

/** Adds `endpoint` to an object literal, or spreads what is another expression into a new one. */
function addEndpoint(
  rewriter: Rewriter,
  place: Place,
  { inner }: Argument,
  endpoint: string,
): void {
  const at = bare(inner);
  const member = `endpoint: ${quoted(place, endpoint)}`;
  if (at.type === "ObjectExpression") {
    if (!at.properties.some((property) => keyOf(property) === "endpoint")) {
      insertMember(rewriter, place, at, member);
    }
    return;
  }
  rewriter.edit(place.file, inner.start, inner.start, "{ ...");
  rewriter.edit(place.file, inner.end, inner.end, `, ${member} }`);
}

/** Puts a member first, on a line of its own where the others have one. */
function insertMember(
  rewriter: Rewriter,
  { file }: Place,
  object: Node & { properties: Node[] },
  member: string,
): void {
  const start = (object.start as number) + 1;
  const [first] = object.properties;
  if (!first) {
    rewriter.edit(file, start, (object.end as number) - 1, ` ${member} `);
    return;
  }
  const between = file.text.slice(start, first.start as number);
  const isBroken = between.includes("\n");
  const indent = indentAt(file.text, first.start as number);
  const text = isBroken ? `${newLine(file.text)}${indent}${member},` : ` ${member},`;
  rewriter.edit(file, start, start, text);
}

/** A text in the quotes that the file's imports have. */
function quoted({ file }: Place, text: string): string {
  const quote = /\b(?:from|import|require\()\s*(["'])/.exec(file.text)?.[1] ?? '"';
  return quote + text + quote;
}

/** A second configuration, of Forebay, behind Amplify's. */
function beside(rewriter: Rewriter, found: Survey, place: Place, endpoint: string): void {
  const { file, script, node } = place;
  if (found.configured.has(file)) return;
  const argument = argumentOf(place) as Argument;
  const statement = script.parents.get(node);
  if (statement?.type !== "ExpressionStatement") {
    const what = "Amplify is configured inside an expression";
    const advice = `Call configure({ .., endpoint: "${endpoint}" }) of "${FOREBAY}" beside it.`;
    leave(found, place, what, advice);
    return;
  }
  const isOld = rewriter.version(file) === 5;
  const local = isOld
    ? rewriter.import(file, script, V5_AMPLIFY, ["Forebay", "ForebayAmplify"])
    : rewriter.import(file, script, V6_CONFIGURE, ["configure", "configureForebay"]);
  const end = statement.end as number;
  const indent = indentAt(file.text, statement.start as number);
  const cast = needsCast(rewriter, place, argument.inner)
    ? ` as ${rewriter.import(file, script, V6_TYPE, ["AmplifyConfig", "ForebayConfig"])}`
    : "";
  const configured = besideArgument(place, argument, endpoint, indent) + cast;
  const semicolon = file.text[end - 1] === ";" ? ";" : "";
  const call = `${isOld ? `${local}.configure` : local}(${configured})${semicolon}`;
  if (isOld) quiet(rewriter, found, place, argument);
  rewriter.edit(file, end, end, `${newLine(file.text)}${indent}${call}`);
}

/** What Forebay is configured with beside Amplify: of a literal no more than Forebay reads. */
function besideArgument(
  place: Place,
  { inner }: Argument,
  endpoint: string,
  indent: string,
): string {
  const { file } = place;
  const at = bare(inner);
  const member = `endpoint: ${quoted(place, endpoint)}`;
  if (at.type !== "ObjectExpression") return `{ ...${textOf(place, inner)}, ${member} }`;
  const isRead = (property: Node) =>
    property.type === "SpreadElement" || READ.test(keyOf(property) ?? "");
  const read = at.properties.filter(isRead).map((property) => {
    const inside = property.type === "SpreadElement" ? unparsed(property.argument) : undefined;
    return inside ? `...${textOf(place, inside)}` : textOf(place, property);
  });
  const all = [member, ...read];
  const [first] = at.properties;
  const isBroken = first && file.text.slice(at.start ?? 0, first.start ?? 0).includes("\n");
  if (!isBroken) return `{ ${all.join(", ")} }`;
  const line = newLine(file.text);
  // As far to the left as the statement is.
  const surplus = indentAt(file.text, at.end as number).length - indent.length;
  const moved = (text: string) =>
    surplus > 0 ? text.replaceAll(new RegExp(`\\n[ \\t]{${surplus}}`, "g"), "\n") : text;
  const inside = indentAt(file.text, first.start as number).slice(Math.max(0, surplus));
  return `{${line}${all.map((one) => `${inside}${moved(one)},${line}`).join("")}${indent}}`;
}

/** Amplify v5 goes on recording by itself what it is configured for, unless it is told not to. */
function quiet(rewriter: Rewriter, found: Survey, place: Place, { inner }: Argument): void {
  const { file, script } = place;
  // Providers that stay need it enabled, without its own sessions.
  const word = found.stays.size > 0 ? "autoSessionRecord: false" : "disabled: true";
  const at = bare(inner);
  if (at.type !== "ObjectExpression") {
    const declared = script.bindings.get(at)?.node;
    const init = declared?.type === "VariableDeclarator" ? declared.init : undefined;
    const has =
      init?.type === "ObjectExpression" &&
      init.properties.some((one) => keyOf(one) === "Analytics");
    const rest = has && found.stays.size > 0 ? `...${textOf(place, inner)}.Analytics, ` : "";
    rewriter.edit(file, inner.start, inner.start, "{ ...");
    rewriter.edit(file, inner.end, inner.end, `, Analytics: { ${rest}${word} } }`);
    return;
  }
  const member = at.properties.find((property) => keyOf(property) === "Analytics");
  if (member?.type !== "ObjectProperty") {
    const last = at.properties.at(-1);
    // Last, since what is spread before it may have the same.
    if (last)
      rewriter.edit(file, last.end as number, last.end as number, `, Analytics: { ${word} }`);
    else insertMember(rewriter, place, at, `Analytics: { ${word} }`);
    return;
  }
  const { value } = member;
  if (found.stays.size === 0) {
    rewriter.edit(file, value.start as number, value.end as number, `{ ${word} }`);
  } else if (value.type === "ObjectExpression") {
    const old = value.properties.find((property) => keyOf(property) === "autoSessionRecord");
    if (old) rewriter.edit(file, old.start as number, old.end as number, word);
    else insertMember(rewriter, place, value, word);
  } else {
    rewriter.edit(
      file,
      member.start as number,
      member.end as number,
      `Analytics: { ...${textOf(place, value)}, ${word} }`,
    );
  }
}
