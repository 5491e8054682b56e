// One schema with every feature, a thousand events, right and wrong: the browser, the worker, the
// lake and the command line say the same of each.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { compile } from "forebay/tools";
import { putEvents as putIntoStream, record, rejected, untilRead } from "../faults/lake-process.ts";
import { kinesisClient, readStream } from "../support/kinesis.ts";
import { eventIds } from "../support/lake.ts";
import { Site } from "../support/page.ts";
import { guest, putEvents } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { Folder } from "./support/cli.ts";
import { type FieldSchema, type Made, makeEvents, type SchemaFile } from "./support/events.ts";

interface Violation {
  path: string;
  rule: string;
  expected: string;
  actual: string;
}

const FILE = new URL("everything.schema.json", import.meta.url).pathname;
const SEED = 20261121;
const COUNT = 1_000;
/** Most events of one request. */
const BATCH = 100;

/** Every rule that docs/schema.md lists, but for `x-pii`, which is for what the edge passes on. */
const RULES = [
  "eventType",
  "required",
  "type",
  "enum",
  "const",
  "minLength",
  "maxLength",
  "format",
  "minimum",
  "maximum",
  "exclusiveMinimum",
  "exclusiveMaximum",
  "additionalProperties",
  "propertyNames",
  "maxProperties",
];

let text: string;
let schema: SchemaFile;
let events: Made[];
let stack: Stack;
/** What the browser says of each. */
let said: Violation[][];

before(async () => {
  text = await readFile(FILE, "utf8");
  schema = JSON.parse(text);
  events = makeEvents(schema, SEED, COUNT);
  stack = await startStack({ schema: FILE });
  said = await inBrowser(
    events.map(({ name, attributes, metrics }) => ({ name, attributes, metrics })),
  );
});
after(() => stack?.stop());

/** What the browser says of events. */
async function inBrowser(events: object[]): Promise<Violation[][]> {
  const site = await Site.start();
  try {
    const page = await site.open();
    await page.evaluate((config) => forebay.configure(config), {
      endpoint: stack.edge,
      appId: stack.app_id,
      region: stack.region,
      identityPoolId: stack.identity_pool_id,
      schema: compile(text),
    });
    return await page.evaluate(
      (events) => Promise.all(events.map((event) => forebay.validate(event as never))),
      events,
    );
  } finally {
    await site.close();
  }
}

/** The events by the ids that they have on one way, e.g. `edge-17`. */
/** An event's id by way: a UUID, which the worker passes on as it is. */
const idOf = (way: string, index: number) => {
  const digits = Buffer.from(way.padEnd(4)).toString("hex") + index.toString(16).padStart(4, "0");
  return `00000000-0000-4000-8000-${digits}`;
};

test("the events break what they were made to break, and every rule there is", (context) => {
  for (const [index, violations] of said.entries()) {
    const found = violations.map(({ path, rule }) => `${path} ${rule}`).sort();
    assert.deepEqual(found, [...events[index].breaks].sort(), JSON.stringify(events[index]));
  }
  const broken = said.flat().map(({ rule }) => rule);
  const counts = RULES.map(
    (rule) => [rule, broken.filter((each) => each === rule).length] as const,
  );
  const valid = said.filter((violations) => violations.length === 0).length;
  context.diagnostic(`${valid} valid, ${COUNT - valid} invalid, by rule:`);
  context.diagnostic(counts.map(([rule, count]) => `${rule} ${count}`).join(", "));
  assert.ok(valid > COUNT / 5 && valid < (COUNT * 4) / 5);
  for (const [rule, count] of counts) assert.ok(count >= 10, `${rule} is broken ${count} times`);
  assert.deepEqual([...new Set(broken)].sort(), [...RULES].sort());
});

test("the worker says the same", async () => {
  const credentials = await guest(stack);
  const clientId = randomUUID();
  for (let from = 0; from < COUNT; from += BATCH) {
    const batch = events.slice(from, from + BATCH).map(({ name, attributes, metrics }, offset) => {
      const event = { EventType: name, Attributes: attributes, Metrics: metrics };
      return [idOf("edge", from + offset), event] as const;
    });
    const answers = await putEvents(stack, credentials, Object.fromEntries(batch), clientId);
    for (const [offset, [id]] of batch.entries()) {
      const violations = said[from + offset];
      const { StatusCode, Message } = answers[id];
      assert.equal(StatusCode, violations.length === 0 ? 202 : 400, id);
      assert.equal(Message, message(violations), id);
    }
  }
  const letters = await readStream(stack, stack.dead_letter_stream);
  const reasons = new Map(letters.map(({ json }) => [json.event_id, json.reasons]));
  for (const [index, violations] of said.entries()) {
    const expected = violations.length === 0 ? undefined : violations;
    assert.deepEqual(reasons.get(idOf("edge", index)), expected, idOf("edge", index));
  }
  assert.equal(reasons.size, said.filter((violations) => violations.length > 0).length);
});

/** What an answer says of violations: the first ten. */
function message(violations: Violation[]): string {
  if (violations.length === 0) return "Accepted";
  const named = violations.slice(0, 10);
  const sentences = named.map(({ path, expected, actual }) => {
    return `${path}: expected ${expected}, got ${actual}`;
  });
  const more = violations.length - named.length;
  return [...sentences, ...(more > 0 ? [`and ${more} more`] : [])].join("; ");
}

test("the lake says the same of what an edge would pass on", async () => {
  const delivered = events.map((event, index) => protect(event, said[index]));
  const { entries, rows } = await throughLake("lake", delivered);
  for (const [index, violations] of said.entries()) {
    const isValid = violations.length === 0;
    const id = idOf("lake", index);
    assert.deepEqual(entries.get(id), isValid ? undefined : violations, id);
    assert.equal(rows.has(id), isValid, id);
    // What the worker really passed on is a row too.
    assert.equal(rows.has(idOf("edge", index)), isValid, idOf("edge", index));
  }
  const valid = said.filter((violations) => violations.length === 0).length;
  assert.deepEqual([entries.size, rows.size], [COUNT - valid, 2 * valid]);
});

test("lake and command line refuse what was to be hashed and is not", async () => {
  const marked = schema.$defs.PersonalDataEvent.properties ?? {};
  const hashed = Object.keys(marked).filter((name) => marked[name]["x-pii"] === "hash");
  const some = events.filter(
    ({ name }, index) => name === "PersonalDataEvent" && said[index].length === 0,
  );
  const unhashed = (event: Made) => {
    const found = hashed.filter((name) => (event.attributes[name] ?? "null") !== "null");
    return found.map((name) => `Attributes.${name} x-pii`);
  };
  assert.ok(some.length > 50, `${some.length} events`);
  const { entries } = await throughLake("raw", some);
  const lines = some.map(({ name, attributes, metrics }, index) =>
    record({ event_id: idOf("raw", index), event_type: name, attributes, metrics }),
  );
  const told = await onCommandLine(lines);
  for (const [index, event] of some.entries()) {
    const found = entries.get(idOf("raw", index)) ?? [];
    assert.deepEqual(
      found.map(({ path, rule }) => `${path} ${rule}`),
      unhashed(event),
    );
    assert.deepEqual(told.get(index), found);
  }
});

/** Puts events into the stream; gives the lake's violations, and the ids of its rows. */
async function throughLake(way: string, some: Pick<Made, "name" | "attributes" | "metrics">[]) {
  const client = kinesisClient(stack);
  try {
    const before = (await readStream(stack)).length;
    const records = some.map(({ name, attributes, metrics }, index) => {
      return { event_id: idOf(way, index), event_type: name, attributes, metrics };
    });
    await putIntoStream(client, stack.stream, records);
    await untilRead(stack.lake, before + some.length, 60_000);
  } finally {
    client.destroy();
  }
  const entries = (await rejected(stack.lake)).map(({ data, violations }) => {
    const record = JSON.parse(Buffer.from(data, "base64").toString());
    return [record.forebay.event_id as string, violations as Violation[]] as const;
  });
  return { entries: new Map(entries), rows: new Set(await eventIds(stack.lake)) };
}

test("of values that are neither text nor number, browser and worker say the same", async () => {
  const known = { name: "PersonalDataEvent", attributes: { hashed_email: "ada@example.com" } };
  const values = [5, true, ["ada"], { a: 1 }, "text"];
  const events: object[] = values.flatMap((value) => [
    { ...known, attributes: { ...known.attributes, plain: value, dropped_text: value, more: 1 } },
    { ...known, metrics: { dropped_number: value, plain: value, [`${"n".repeat(60)}`]: "1" } },
    // To a browser, an array is an object like any other.
    ...(Array.isArray(value) ? [] : [{ ...known, attributes: value, metrics: value }]),
    { name: "Unknown", attributes: { a: value }, metrics: { b: value, d: "1" } },
  ]);
  const browser = await inBrowser(events);
  assert.ok(
    browser.every((violations) => violations.length > 0),
    "all are wrong",
  );

  const sent = events.map((event, index) => {
    const { name, attributes, metrics } = event as Made;
    return [`typed-${index}`, { EventType: name, Attributes: attributes, Metrics: metrics }];
  });
  const answers = await putEvents(stack, await guest(stack), Object.fromEntries(sent));
  const letters = await readStream(stack, stack.dead_letter_stream);
  for (const [index, violations] of browser.entries()) {
    const id = `typed-${index}`;
    assert.equal(answers[id].Message, message(violations), JSON.stringify(events[index]));
    const letter = letters.find(({ json }) => json.event_id === id);
    assert.deepEqual(letter?.json.reasons, violations, JSON.stringify(events[index]));
  }
});

test("the command line says the same", async () => {
  const told = await onCommandLine(events.map(({ breaks: _, ...event }) => JSON.stringify(event)));
  for (const [index, violations] of said.entries()) {
    const expected = violations.length === 0 ? undefined : violations;
    assert.deepEqual(told.get(index), expected, `event ${index}`);
  }
});

/** The violations that `forebay validate` tells of lines, by their index. */
async function onCommandLine(lines: string[]): Promise<Map<number, Violation[]>> {
  const folder = await Folder.make();
  try {
    await folder.write("events.ndjson", lines.map((line) => `${line.trimEnd()}\n`).join(""));
    const words = ["validate", "events.ndjson", "--schema", FILE, "--json"];
    const { code, stdout, stderr } = await folder.run(words);
    assert.equal(code, 1, stderr);
    const told = stdout.trimEnd().split("\n");
    return new Map(
      told.map((line) => JSON.parse(line)).map((each) => [each.line - 1, each.violations]),
    );
  } finally {
    await folder.remove();
  }
}

/** What the edge would make of an event: values that are valid become hashes and masks, or go. */
function protect(event: Made, violations: Violation[]) {
  const definition = Object.entries(schema.$defs).find(
    ([key, { "x-event-name": name = key }]) => name === event.name,
  )?.[1];
  const attributes = { ...event.attributes };
  const metrics = { ...event.metrics };
  for (const [name, field] of Object.entries(definition?.properties ?? {})) {
    const isBroken = (map: string) => violations.some(({ path }) => path === `${map}.${name}`);
    const pii = field["x-pii"];
    const value = attributes[name];
    if (pii === "drop") {
      if (!isBroken("Attributes")) delete attributes[name];
      if (!isBroken("Metrics")) delete metrics[name];
    } else if (pii && value !== undefined && value !== "null" && !isBroken("Attributes")) {
      attributes[name] = pii === "hash" ? hash(value) : mask(field, value);
    }
  }
  return { name: event.name, attributes, metrics };
}

const hash = (value: string) => createHmac("sha256", "any key").update(value).digest("hex");

/** As docs/schema.md has it. */
function mask({ format }: FieldSchema, value: string): string {
  switch (format) {
    case "email":
      return `***@${value.split("@")[1]}`;
    case "uri": {
      const { protocol, hostname } = new URL(value);
      return hostname ? `${protocol}//${hostname}/***` : `${protocol}***`;
    }
    case "uuid":
      return "00000000-0000-0000-0000-000000000000";
    case "date":
      return `${value.slice(0, 4)}-01-01`;
    case "date-time":
      return `${new Date(value).toISOString().slice(0, 4)}-01-01T00:00:00Z`;
    default:
      return value && `${[...value][0]}***`;
  }
}
