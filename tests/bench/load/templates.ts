// Events made from a schema: for each of its event types, values that fit every field.

import { readFile } from "node:fs/promises";
import type { TestEvent } from "../../support/requests.ts";

/** Numbers from 0 to below 1. */
export type Random = () => number;

/** A field of forebay.schema.json: what docs/schema.md describes. */
interface Field {
  type?: string | string[];
  enum?: Value[];
  const?: Value;
  examples?: Value[];
  format?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  "x-pii"?: "drop" | "hash" | "mask";
}

type Value = string | number | boolean | null;

interface EventType {
  "x-event-name"?: string;
  properties?: Record<string, Field>;
  required?: string[];
}

/** How often a field is left out that may be. */
const LEFT_OUT = 0.3;
/** Characters of a text of no format, where the schema allows it. */
const TEXT = { least: 8, most: 24 };
/** How far numbers go where the schema sets no bounds. */
const SPAN = 1_000;
const DAY_MS = 86_400_000;
const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/**
 * Reads a schema file.
 *
 * @returns what makes an event of any of its types, each as often as the others; `now` is in milliseconds since the epoch.
 * @throws Error where the file cannot be read, or has no event type.
 */
export async function templates(file: string): Promise<(random: Random, now: number) => TestEvent> {
  const { $defs = {} } = JSON.parse(await readFile(file, "utf8"));
  const types = Object.entries<EventType>($defs);
  if (types.length === 0) throw new Error(`${file} has no event type`);
  return (random, now) => {
    const [name, type] = one(types, random);
    return event(type["x-event-name"] ?? name, type, random, now);
  };
}

function event(
  EventType: string,
  { properties = {}, required = [] }: EventType,
  random: Random,
  now: number,
): TestEvent {
  const Attributes: Record<string, string> = {};
  const Metrics: Record<string, number> = {};
  for (const [name, field] of Object.entries(properties)) {
    const mayBeAbsent = !required.includes(name) || isNullable(field);
    // What is never to leave the browser is not sent.
    if (field["x-pii"] === "drop" || (mayBeAbsent && random() < LEFT_OUT)) continue;
    const made = value(field, random, now);
    if (typeof made === "number") Metrics[name] = made;
    else if (made !== null) Attributes[name] = String(made);
  }
  return { EventType, Attributes, Metrics };
}

function isNullable({ type, enum: values }: Field): boolean {
  return (Array.isArray(type) && type.includes("null")) || values?.includes(null) === true;
}

function value(field: Field, random: Random, now: number): Value {
  if (field.const !== undefined) return field.const;
  const given = field.enum ?? field.examples;
  if (given) return one(given, random);
  const types = [field.type ?? "string"].flat().filter((type) => type !== "null");
  switch (types[0]) {
    case "boolean":
      return random() < 0.5;
    case "integer":
      return whole(field, random);
    case "number":
      return between(field, random);
    default:
      return text(field, random, now);
  }
}

/** A number within the bounds, and not one that is excluded. */
function between(field: Field, random: Random): number {
  const { exclusiveMinimum: above, exclusiveMaximum: below } = field;
  const [least, most] = bounds(field.minimum ?? above, field.maximum ?? below);
  // Never 0 or 1, so that no bound itself is met.
  return least + (most - least) * (0.001 + 0.998 * random());
}

function whole(field: Field, random: Random): number {
  const { exclusiveMinimum: above, exclusiveMaximum: below } = field;
  const least = above === undefined ? undefined : Math.floor(above) + 1;
  const most = below === undefined ? undefined : Math.ceil(below) - 1;
  const [from, to] = bounds(larger(field.minimum, least), smaller(field.maximum, most));
  return Math.ceil(from) + Math.floor(random() * (Math.floor(to) - Math.ceil(from) + 1));
}

const larger = (a?: number, b?: number) => (a === undefined ? b : Math.max(a, b ?? a));
const smaller = (a?: number, b?: number) => (a === undefined ? b : Math.min(a, b ?? a));

function bounds(least?: number, most?: number): [number, number] {
  if (least !== undefined) return [least, most ?? least + SPAN];
  return most === undefined ? [0, SPAN] : [most - SPAN, most];
}

function text(field: Field, random: Random, now: number): string {
  const { format, minLength = 0, maxLength = 200 } = field;
  const digits = () => Math.floor(random() * 1e6);
  // Some time of the last day.
  const at = () => new Date(now - random() * DAY_MS).toISOString();
  const fitting = (before: string, after: string) => {
    const longest = Math.max(1, maxLength - before.length - after.length);
    const padding = Math.max(0, minLength - before.length - after.length);
    return before + String(digits()).slice(0, longest).padStart(padding, "0") + after;
  };
  switch (format) {
    case "email":
      return fitting("", maxLength < 20 ? "@a.b" : "@example.com");
    case "uri":
      return fitting(maxLength < 30 ? "a:" : "https://example.com/", "");
    case "uuid":
      return uuid(random);
    case "date":
      return at().slice(0, 10);
    case "date-time":
      return at();
  }
  const least = Math.max(minLength, Math.min(TEXT.least, maxLength));
  const most = Math.max(least, Math.min(maxLength, TEXT.most));
  const length = least + Math.floor(random() * (most - least + 1));
  return Array.from({ length }, () => one([...LETTERS], random)).join("");
}

function uuid(random: Random): string {
  return "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx".replaceAll("x", () =>
    Math.floor(random() * 16).toString(16),
  );
}

function one<T>(all: T[], random: Random): T {
  return all[Math.floor(random() * all.length)];
}
