// A first schema from what the code records and what a sample of the stream holds. The rules of the language are the
// tools': what they do not take is left out, with their reason.

import { SchemaError, typescript, Validator } from "../../tools.js";
import type { Observed } from "./events.js";
import { objectsIn, type StreamRecord, streamRecord } from "./sample.js";
import { isBooleanText, type Values } from "./values.js";

/** What is known of one attribute or metric of an event. */
interface Field {
  attributes: Values[];
  metrics: Values[];
  sample: { texts: number; booleans: number; nulls: number; numbers: number; wholes: number };
}

interface Event {
  name: string;
  files: Set<string>;
  fields: Map<string, Field>;
  /** Why it may have attributes and metrics that are not in its properties. */
  open: Set<string>;
}

/** An event type of a schema file. */
export interface EventType {
  "x-event-name"?: string;
  description?: string;
  type: "object";
  properties: Record<string, Record<string, unknown>>;
  additionalProperties?: true;
}

export interface Derived {
  /** By the keys of `$defs`. */
  types: Record<string, EventType>;
  /** Events that no schema can have, and why. */
  refused: { name: string; why: string }[];
  /** What else there is to know, in sentences. */
  notes: string[];
}

/** How a sample fits a schema. */
export interface SampleReport {
  file: string;
  records: number;
  fit: number;
  /** What is wrong, with how often, the most frequent first. */
  problems: { problem: string; times: number }[];
}

const MAX_EXAMPLES = 5;
const MAX_EXAMPLE_LENGTH = 100;
/** Most fields of an event type. */
const MAX_FIELDS = 40;
/** Most problems of a sample that are told apart. */
const MAX_PROBLEMS = 50;
const PERSONAL = /e-?mail|phone|(first|last|full|user)_?name|address|birth|passw/i;
const NO_NAME =
  "a name in a schema is of ASCII letters, digits, _, - and ., begins with a letter, and has 50 characters at most";
/** Events of Pinpoint's names that its clients record. */
const OF_APPS = /^_(session|userauth|monetization|inapp)\./;
/** A schema that has no events of anybody's, for what is built in. */
export const NOTHING = JSON.stringify({ $defs: { x_: { type: "object", properties: {} } } });

/** What a record of the stream needs at least. */
const RECORD = {
  event_timestamp: 1_700_000_000_000,
  arrival_timestamp: 1_700_000_000_000,
  application: { app_id: "a" },
  client: { client_id: "c" },
};

/** Collects events, and makes a schema of them. */
export class Deriver {
  readonly #events = new Map<string, Event>();
  readonly #builtIn = new Validator(NOTHING);

  /** Takes what the code records. */
  code(observed: Observed[]): void {
    for (const { name, file, attributes, metrics, open } of observed) {
      const event = this.#event(name);
      event.files.add(file);
      for (const place of open) event.open.add(`names that the code does not say at ${place}`);
      for (const [field, values] of attributes) fieldOf(event, field).attributes.push(...values);
      for (const [field, values] of metrics) fieldOf(event, field).metrics.push(...values);
    }
  }

  /** Takes a record of the stream. */
  record({ event_type, attributes, metrics }: StreamRecord): void {
    if (this.#isBuiltIn(event_type)) return;
    const event = this.#event(event_type);
    for (const [name, value] of Object.entries(attributes)) {
      const { sample } = fieldOf(event, name);
      sample.texts += 1;
      if (value === "true" || value === "false") sample.booleans += 1;
      if (value === "null") sample.nulls += 1;
    }
    for (const [name, value] of Object.entries(metrics)) {
      const { sample } = fieldOf(event, name);
      sample.numbers += 1;
      if (Number.isSafeInteger(value)) sample.wholes += 1;
    }
  }

  /** What Pinpoint wrote about its own messages needs no place in a schema; what apps record does. */
  #isBuiltIn(name: string): boolean {
    if (!name.startsWith("_") || OF_APPS.test(name)) return false;
    const record = { ...RECORD, event_type: name };
    return "ok" in this.#builtIn.check(JSON.stringify(record));
  }

  #event(name: string): Event {
    let event = this.#events.get(name);
    if (!event) {
      event = { name, files: new Set(), fields: new Map(), open: new Set() };
      this.#events.set(name, event);
    }
    return event;
  }

  /** Lets a field in without a type of its own: what the sample holds fits none. */
  loosen(name: string, field: string): boolean {
    const event = this.#events.get(name);
    if (!event?.fields.delete(field)) return false;
    event.open.add(`"${field}", whose values in the sample fit no type`);
    return true;
  }

  derive(): Derived {
    const notes: string[] = [];
    const refused: Derived["refused"] = [];
    const events = [...this.#events.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    const keys = new Map<string, Event>();
    for (const event of events) {
      const key = keyFor(event.name, keys);
      if (key !== undefined) keys.set(key, event);
      else refused.push({ name: event.name, why: NO_NAME });
    }
    const types: Record<string, EventType> = Object.create(null);
    for (const [key, event] of keys) types[key] = typeOf(key, event, notes);
    repair(types, keys, refused);
    for (const [key, type] of Object.entries(types)) {
      const reasons = keys.get(key)?.open;
      if (type.additionalProperties && reasons) {
        notes.push(
          `${keys.get(key)?.name}: takes any further field (additionalProperties), for ${[...reasons].join("; ")}`,
        );
      }
      for (const [field, { type: kind }] of Object.entries(type.properties)) {
        if (kind !== "string" || !PERSONAL.test(field)) continue;
        notes.push(
          `${keys.get(key)?.name}: ${field} may be personal data; see x-pii in docs/schema.md`,
        );
      }
    }
    return { types, refused, notes };
  }
}

function fieldOf(event: Event, name: string): Field {
  let field = event.fields.get(name);
  if (!field) {
    const sample = { texts: 0, booleans: 0, nulls: 0, numbers: 0, wholes: 0 };
    field = { attributes: [], metrics: [], sample };
    event.fields.set(name, field);
  }
  return field;
}

/** A key of `$defs` for an event's name: the name itself where it can be. */
function keyFor(name: string, taken: Map<string, unknown>): string | undefined {
  if (/^_*[A-Za-z]\w*$/.test(name) && !taken.has(name)) return name;
  const words = name.match(/[A-Za-z0-9]+/g) ?? [];
  const key = words.map((word) => word[0].toUpperCase() + word.slice(1)).join("");
  const fits = /^_*[A-Za-z][\w.-]*$/.test(name) && /^[A-Za-z]/.test(key);
  if (!fits) return undefined;
  return taken.has(key) ? `${key}Event` : key;
}

function typeOf(key: string, event: Event, notes: string[]): EventType {
  const { name, files, fields, open } = event;
  const shown = [...files].slice(0, 3).join(", ") + (files.size > 3 ? ", .." : "");
  const properties: EventType["properties"] = Object.create(null);
  const byUse = [...fields].sort(([, a], [, b]) => uses(b) - uses(a));
  const chosen = new Set(byUse.slice(0, MAX_FIELDS).map(([field]) => field));
  for (const [field, known] of fields) {
    const isAttribute = known.attributes.length + known.sample.texts > 0;
    const isMetric = known.metrics.length + known.sample.numbers > 0;
    if (isAttribute && isMetric) open.add(`"${field}", which is an attribute and a metric`);
    else if (!chosen.has(field)) open.add(`"${field}", the ${MAX_FIELDS} fields being full`);
    else properties[field] = isMetric ? metric(known) : attribute(known);
  }
  if (fields.size === 0 && open.size === 0 && files.size === 0)
    notes.push(`${name}: has no attributes in the sample`);
  return {
    ...(key !== name && { "x-event-name": name }),
    ...(files.size > 0 && { description: `Recorded in ${shown}.` }),
    type: "object",
    properties,
    ...(open.size > 0 && { additionalProperties: true as const }),
  };
}

function uses({ attributes, metrics, sample }: Field): number {
  return (attributes.length + metrics.length) * 1_000_000 + sample.texts + sample.numbers;
}

function metric({ metrics, sample }: Field): Record<string, unknown> {
  const isWhole =
    metrics.length > 0 &&
    metrics.every(
      ({ known, complete }) => complete && known.length > 0 && known.every(Number.isSafeInteger),
    ) &&
    sample.wholes === sample.numbers;
  return { type: isWhole ? "integer" : "number" };
}

function attribute({ attributes, sample }: Field): Record<string, unknown> {
  const { texts, booleans, nulls } = sample;
  const known = attributes.flatMap((values) => values.known);
  const isNullable = nulls > 0 || known.some((value) => value === null || value === "null");
  const saysBoolean =
    attributes.every((values) => isBooleanText(withoutNull(values)) || values.known.length === 0) &&
    (known.length > 0
      ? attributes.every(({ complete }) => complete) || booleans > 0
      : booleans > 0);
  const isBoolean = saysBoolean && booleans + nulls === texts && (booleans > 0 || known.length > 0);
  const kind = isBoolean ? "boolean" : "string";
  const type = isNullable ? [kind, "null"] : kind;
  if (isBoolean) return { type };
  const examples = [...new Set(known)]
    .filter(
      (value) =>
        typeof value === "string" && value !== "null" && value.length <= MAX_EXAMPLE_LENGTH,
    )
    .slice(0, MAX_EXAMPLES);
  return { type, ...(examples.length > 0 && { examples }) };
}

function withoutNull(values: Values): Values {
  return { ...values, known: values.known.filter((value) => value !== null && value !== "null") };
}

/** Takes out what the language of schemas does not take, and says why. */
function repair(
  types: Record<string, EventType>,
  keys: Map<string, Event>,
  refused: Derived["refused"],
): void {
  for (;;) {
    const mistakes = mistakesIn(types);
    if (mistakes.length === 0) return;
    let changed = false;
    for (const { path, message } of mistakes) {
      const [, key, , field] = path.slice(1).split("/").map(unescaped);
      const type = key === undefined ? undefined : types[key];
      const event = keys.get(key);
      if (!type || !event) continue;
      if (field !== undefined && field in type.properties) {
        delete type.properties[field];
        event.open.add(`"${field}": ${message}`);
        type.additionalProperties = true;
      } else if (!type["x-event-name"] && !types[`${key}Event`] && /name/.test(message)) {
        // Two keys that would have the same names in the generated code.
        delete types[key];
        types[`${key}Event`] = { "x-event-name": event.name, ...type };
        keys.set(`${key}Event`, event);
      } else {
        delete types[key];
        refused.push({ name: event.name, why: message });
      }
      changed = true;
    }
    if (!changed)
      throw new Error(`the derived schema is refused: ${mistakes[0].path} ${mistakes[0].message}`);
  }
}

function mistakesIn(types: Record<string, EventType>) {
  if (Object.keys(types).length === 0) return [];
  try {
    typescript(JSON.stringify({ $defs: types }));
    return [];
  } catch (error) {
    if (error instanceof SchemaError) return error.mistakes;
    throw error;
  }
}

/** A part of a JSON pointer. */
function unescaped(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}

function quote(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}..` : name);
}

/** The text of a schema file. */
export function schemaText({ types }: Derived): string {
  const whole = {
    $schema: "./node_modules/forebay/schema.json",
    title: "Events of our product",
    "x-version": 1,
    $defs: types,
  };
  const text = JSON.stringify(whole, undefined, 2);
  // Short lists and objects on one line, as people write them.
  const joined = text
    .replace(
      /\[\n\s+("[^"\n]*"(?:,\n\s+"[^"\n]*")*)\n\s+\]/g,
      (_, list) => `[${list.replace(/,\n\s+/g, ", ")}]`,
    )
    .replace(
      /\{\n\s+("[^{}]*?)\n\s+\}/g,
      (_, members) => `{ ${members.replace(/,\n\s+/g, ", ")} }`,
    );
  return `${joined}\n`;
}

/** Judges the records of a sample by a schema. Calls `onViolation` with the event and the path of each violation. */
export async function judge(
  file: string,
  schema: string,
  onViolation?: (event: string, path: string) => void,
): Promise<SampleReport> {
  const validator = new Validator(schema);
  const problems = new Map<string, number>();
  const report = { file, records: 0, fit: 0 };
  const note = (problem: string) => {
    const known =
      problems.has(problem) || problems.size < MAX_PROBLEMS ? problem : "other problems";
    problems.set(known, (problems.get(known) ?? 0) + 1);
  };
  for await (const found of objectsIn(file)) {
    report.records += 1;
    if ("broken" in found) {
      note(`${file}:${found.line}: ${found.broken}`);
      continue;
    }
    const record = streamRecord(found.text);
    if (!record) {
      note(`${file}:${found.line}: no record of Pinpoint's stream`);
      continue;
    }
    const verdict = validator.check(found.text.replaceAll(/[\r\n]+/g, " "));
    if ("ok" in verdict) report.fit += 1;
    else if ("malformed" in verdict) note(`${file}:${found.line}: ${verdict.malformed}`);
    else {
      for (const { path, rule, expected, actual } of verdict.violations) {
        note(`${quote(record.event_type)}: ${path}: expected ${expected}, got ${actual}`);
        // Too long is too long for any field.
        if (rule !== "maxLength") onViolation?.(record.event_type, path);
      }
    }
  }
  const sorted = [...problems].map(([problem, times]) => ({ problem, times }));
  return { ...report, problems: sorted.sort((a, b) => b.times - a.times) };
}

/** What a schema that is there has not, of what was derived. */
export interface Missing {
  events: Record<string, EventType>;
  /** Fields of events that it has, by the event's name. */
  fields: Record<string, EventType["properties"]>;
}

// biome-ignore lint/suspicious/noExplicitAny: a schema that the tools have taken.
export function missing(schema: Record<string, any>, { types }: Derived): Missing {
  const known = new Map(
    Object.entries(schema.$defs ?? {}).map(([key, type]) => [
      (type as EventType)["x-event-name"] ?? key,
      type as EventType,
    ]),
  );
  const found: Missing = { events: Object.create(null), fields: Object.create(null) };
  for (const [key, type] of Object.entries(types)) {
    const name = type["x-event-name"] ?? key;
    const there = known.get(name);
    if (!there) {
      found.events[key] = type;
      continue;
    }
    if (there.additionalProperties) continue;
    const fields = Object.entries(type.properties).filter(
      ([field]) => !Object.hasOwn(there.properties ?? {}, field),
    );
    if (fields.length > 0) found.fields[name] = Object.fromEntries(fields);
  }
  return found;
}
