// A schema that grows while files of its earlier version stay: what is new reads as null in them.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  createStream,
  type Event,
  type Program,
  putEvents,
  REGION,
  rejected,
  startKinesis,
  startLake,
  untilRead,
} from "../faults/lake-process.ts";
import { kinesisClient } from "../support/kinesis.ts";
import { filesBelow } from "../support/lake.ts";
import { COMMON, type Columns, TYPES } from "./columns.ts";
import { readWithDuckdb, readWithSpark, type Table, type Value } from "./engines.ts";

const FIRST = {
  item: { type: "string" },
  size: { enum: ["small", "large"] },
};
const SECOND = {
  item: { type: "string" },
  size: { enum: ["small", "large", "huge"] },
  coupon: { type: "string" },
  amount: { type: ["number", "null"] },
  pieces: { type: "integer" },
  is_gift: { type: ["boolean", "null"] },
  wanted_on: { type: "string", format: "date" },
  sent_at: { type: ["string", "null"], format: "date-time" },
};

const FIRST_COLUMNS: Columns = { item: "string", size: "string" };
const SECOND_COLUMNS: Columns = {
  ...FIRST_COLUMNS,
  coupon: "string",
  amount: "double",
  pieces: "bigint",
  is_gift: "boolean",
  wanted_on: "date",
  sent_at: "timestamp",
};

const NOTHING_NEW = {
  coupon: null,
  amount: null,
  pieces: null,
  is_gift: null,
  wanted_on: null,
  sent_at: null,
};
/** What the columns hold, by event id. */
const EXPECTED: Record<string, Record<string, Value>> = {
  "1 before": { item: "tea", size: "small", ...NOTHING_NEW },
  "2 before": { item: null, size: null, ...NOTHING_NEW },
  "3 after": {
    item: "cake",
    size: "huge",
    coupon: "SPRING",
    amount: 2.5,
    pieces: "2",
    is_gift: true,
    wanted_on: "2026-12-24",
    sent_at: Date.UTC(2026, 10, 21, 10, 30, 0, 123),
  },
  // A client that does not know of the second version, and one that writes null as text.
  "4 after": { item: "tea", size: "small", ...NOTHING_NEW },
  "5 after": { item: null, size: null, ...NOTHING_NEW },
};

const TIME = Date.UTC(2026, 10, 20);

function order(event_id: string, attributes = {}, metrics = {}): Event {
  return { event_id, event_type: "OrderEvent", event_timestamp: TIME, attributes, metrics };
}

const NEW_ORDER = order(
  "3 after",
  {
    item: "cake",
    size: "huge",
    coupon: "SPRING",
    is_gift: "true",
    wanted_on: "2026-12-24",
    sent_at: "2026-11-21T11:30:00.1239+01:00",
  },
  { amount: 2.5, pieces: 2 },
);

let folder: string;
let table: string;
let kinesis: Program & { url: string };
const programs: Program[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "forebay-evolution-"));
  const lake = join(folder, "lake");
  table = join(lake, "events/order_event");
  kinesis = await startKinesis([]);
  const client = kinesisClient({ kinesis: kinesis.url, region: REGION });
  await createStream(client, "events");

  /** Runs the lake with a version of the schema until all `records` of the stream are read. */
  const consume = async (version: number, properties: object, records: number) => {
    const schema = join(folder, `version-${version}.json`);
    const OrderEvent = { type: "object", properties };
    await writeFile(schema, JSON.stringify({ "x-version": version, $defs: { OrderEvent } }));
    const program = startLake({ kinesis: kinesis.url, stream: "events", lake, schema });
    programs.push(program);
    await untilRead(lake, records);
    assert.equal(await program.end("SIGTERM"), 0, program.log());
  };

  await putEvents(client, "events", [
    order("1 before", { item: "tea", size: "small" }),
    order("2 before"),
    { ...NEW_ORDER, event_id: "too early" },
  ]);
  await consume(1, FIRST, 3);
  const nulls = { amount: "null", is_gift: "null", sent_at: "null" };
  await putEvents(client, "events", [
    NEW_ORDER,
    order("4 after", { item: "tea", size: "small" }),
    order("5 after", nulls),
  ]);
  await consume(2, SECOND, 6);
  client.destroy();

  // What follows is about files of both versions beside each other.
  const files = await filesBelow(table, ".parquet");
  assert.equal(files.length, 2, files.join(" "));
  const entries = await rejected(lake);
  assert.deepEqual(
    entries.map((entry) => entry.reason),
    ["schema_violation"],
  );
});

after(async () => {
  await Promise.all(programs.map((program) => program.end("SIGKILL")));
  await kinesis?.end("SIGKILL");
  await rm(folder, { recursive: true });
});

/** Holds the columns after the common ones, and their rows, against what was sent. */
function check(engine: "duckdb" | "spark", own: Columns, read: Table): void {
  const declared = Object.entries({ ...COMMON, ...own });
  assert.deepEqual(
    read.columns.slice(0, declared.length),
    declared.map(([name, type]) => [name, TYPES[type][engine]]),
  );
  const names = read.columns.map(([name]) => name);
  const rows = read.rows.map((row) => {
    const value = (name: string) => row[names.indexOf(name)];
    return [value("event_id"), Object.keys(own).map(value)];
  });
  const expected = Object.entries(EXPECTED).map(([id, values]) => {
    return [id, Object.keys(own).map((name) => values[name])];
  });
  assert.deepEqual(rows, expected);
}

test("DuckDB reads null where the file is older than the field", async () => {
  check("duckdb", SECOND_COLUMNS, await readWithDuckdb(table));
});

test("Spark reads null where the file is older than the field", async () => {
  const declare = (own: Columns) =>
    Object.entries({ ...COMMON, ...own })
      .map(([name, type]) => `\`${name}\` ${TYPES[type].spark}`)
      .join(", ");
  const [merged, declared, unchanged] = await readWithSpark([
    { folder: table, merge_schema: true },
    // As a table of Athena declares its columns.
    { folder: table, schema: declare(SECOND_COLUMNS) },
    { folder: table, schema: declare(FIRST_COLUMNS) },
  ]);
  check("spark", SECOND_COLUMNS, merged);
  check("spark", SECOND_COLUMNS, declared);
  check("spark", FIRST_COLUMNS, unchanged);
});
