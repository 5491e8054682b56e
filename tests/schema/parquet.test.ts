// Parquet files of a schema with every feature, read by three engines: the documented types, the
// values that were sent, and null where nothing was.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  createStream,
  type Program,
  putRecords,
  REGION,
  record,
  rejected,
  startKinesis,
  startLake,
  untilRead,
} from "../faults/lake-process.ts";
import { kinesisClient } from "../support/kinesis.ts";
import { ROOT } from "../support/stack.ts";
import { COMMON, type Columns, NEVER_NULL, TYPES } from "./columns.ts";
import {
  readWithDuckdb,
  readWithPyarrow,
  readWithSpark,
  type Table,
  type Value,
} from "./engines.ts";

const CAN_BE_NULL = Object.keys(COMMON).filter((name) => !NEVER_NULL.includes(name));

const EVERYTHING: Columns = {
  text: "string",
  short_text: "string",
  choice: "string",
  channel: "string",
  email: "string",
  website: "string",
  reference: "string",
  on_date: "date",
  at_time: "timestamp",
  flag: "boolean",
  always_true: "boolean",
  whole: "bigint",
  level: "bigint",
  step: "bigint",
  amount: "double",
  ratio: "double",
  factor: "double",
  nullable_text: "string",
  nullable_choice: "string",
  nullable_email: "string",
  nullable_uri: "string",
  nullable_uuid: "string",
  nullable_date: "date",
  nullable_date_time: "timestamp",
  nullable_flag: "boolean",
  nullable_integer: "bigint",
  nullable_step: "bigint",
  nullable_number: "double",
  required_nullable: "string",
  old_name: "string",
  camel_case: "string",
  http_status: "bigint",
  kebab_case: "string",
  dotted_name: "double",
  order: "boolean",
};
const PERSONAL: Columns = {
  plain: "string",
  hashed_text: "string",
  hashed_email: "string",
  hashed_date: "string",
  hashed_choice: "string",
  masked_text: "string",
  masked_email: "string",
  masked_uri: "string",
  masked_uuid: "string",
  masked_date: "date",
  masked_date_time: "timestamp",
};
const OPEN: Columns = { known: "string", extra: "string" };

/** The own columns of each table. */
const TABLES: Record<string, Columns> = {
  everything_event: EVERYTHING,
  personal_data_event: PERSONAL,
  open_event: OPEN,
  empty_event: {},
};

/** What a field is sent as, and what its column then holds. */
interface Sent {
  map: "attributes" | "metrics";
  sent: string;
  value: Value;
}

const text = (sent: string, value: Value = sent): Sent => ({ map: "attributes", sent, value });
/** A number by its digits, since JavaScript's numbers do not hold 64 bits. */
const number = (sent: string, value: Value): Sent => ({ map: "metrics", sent, value });

interface Case {
  table: string;
  event_type: string;
  /** By the names of the schema; columns that are not named hold null. */
  fields: Record<string, Sent>;
  /** What common columns hold, where that differs from other events. */
  common?: Record<string, Value>;
  /** What the record has beside its attributes and metrics, where it differs. */
  more?: Record<string, unknown>;
}

const EVENT_TIME = Date.UTC(2026, 10, 20, 23, 59, 59, 999);
const ARRIVAL = EVENT_TIME + 1;
const FIRST_MILLISECOND = Date.parse("0001-01-01T00:00:00.000Z");
const LAST_MILLISECOND = Date.parse("9999-12-31T23:59:59.999Z");
const HASH = "cf2f093f9c4c3f3969cc06a6934eecd490c3b8da3b0ac8b452de4b574a9e49e9";

/** What every event of the first type must have. */
const LEAST = {
  text: text(""),
  flag: text("false", false),
  whole: number("0", "0"),
  amount: number("0", 0),
};

function everything(fields: Record<string, Sent>, more: Partial<Case> = {}): Case {
  const all = { ...LEAST, ...fields };
  return { table: "everything_event", event_type: "EverythingEvent", fields: all, ...more };
}

/** By event id. */
const CASES: Record<string, Case> = {
  "every field": everything({
    text: text("Gymnopédie № 1 \u{1f3b9} \u0000\t\n\"'\\ \u202e"),
    short_text: text("\u{1f468}\u200d\u{1f469}\u200d\u{1f467}"),
    choice: text("blå"),
    channel: text("web"),
    email: text("ada+news@example.co.uk"),
    website: text("https://example.com/a?b=c%20d#e"),
    reference: text("F0E1D2C3-0000-4000-8000-00000000000a"),
    on_date: text("2024-02-29"),
    at_time: text("2026-11-21T10:30:00.123Z", Date.UTC(2026, 10, 21, 10, 30, 0, 123)),
    flag: text("true", true),
    always_true: text("true", true),
    whole: number("9007199254740993", "9007199254740993"),
    level: number("7.0", "7"),
    step: number("-1", "-1"),
    amount: number("0.1", 0.1),
    ratio: number("0.5", 0.5),
    factor: number("1.50", 1.5),
    nullable_text: text("nullified"),
    nullable_choice: text("two"),
    nullable_email: text("a@b"),
    nullable_uri: text("urn:isbn:0451450523"),
    nullable_uuid: text("00000000-0000-0000-0000-000000000000"),
    nullable_date: text("2026-11-21"),
    nullable_date_time: text("2026-03-08t02:30:00z", Date.UTC(2026, 2, 8, 2, 30)),
    nullable_flag: text("false", false),
    nullable_integer: number("-1", "-1"),
    nullable_step: number("2", "2"),
    nullable_number: number("-1.5e-7", -1.5e-7),
    required_nullable: text("there"),
    old_name: text("old"),
    camelCase: text("camel"),
    HTTPStatus: number("404", "404"),
    "kebab-case": text("kebab"),
    "dotted.name": number("1e2", 100),
    order: text("true", true),
  }),
  "the least": everything(
    {},
    {
      common: {
        ...Object.fromEntries(CAN_BE_NULL.map((name) => [name, null])),
        schema_version: "7",
        amr: "unauthenticated",
        is_bot: false,
      },
      more: {
        application: { app_id: "app" },
        client: { client_id: "client-1" },
        device: {},
        session: null,
        forebay: { event_id: "the least", schema_version: 7, amr: "unauthenticated" },
      },
    },
  ),
  "the lowest": everything(
    {
      short_text: text("a"),
      choice: text(""),
      on_date: text("0001-01-01"),
      at_time: text("0001-01-01T00:00:00Z", FIRST_MILLISECOND),
      nullable_date_time: text("0001-01-01T00:00:00+00:00", FIRST_MILLISECOND),
      whole: number("-9223372036854775808", "-9223372036854775808"),
      level: number("1", "1"),
      amount: number("-1.7976931348623157e308", -Number.MAX_VALUE),
      ratio: number("5e-324", Number.MIN_VALUE),
      nullable_text: text(""),
    },
    {
      common: {
        event_timestamp: Date.UTC(2000, 0, 1),
        arrival_timestamp: Date.UTC(2000, 0, 1),
        session_start_timestamp: FIRST_MILLISECOND,
      },
    },
  ),
  "the highest": everything(
    {
      text: text("\u{10ffff}".repeat(200)),
      short_text: text("\u{1f3b9}".repeat(5)),
      on_date: text("9999-12-31"),
      at_time: text("9999-12-31T23:59:59.9999999Z", LAST_MILLISECOND),
      nullable_date_time: text("9999-12-30T23:59:00.000-23:59", Date.UTC(9999, 11, 31, 23, 58)),
      whole: number("9223372036854775807", "9223372036854775807"),
      level: number("1e1", "10"),
      amount: number("1.7976931348623157e308", Number.MAX_VALUE),
      ratio: number("0.9999999999999999", 0.9999999999999999),
      nullable_number: number("-0.0", -0),
    },
    { common: { session_start_timestamp: LAST_MILLISECOND } },
  ),
  "before 1970": everything({
    on_date: text("1969-12-31"),
    nullable_date: text("1900-02-28"),
    at_time: text("1969-12-31T23:59:59.9999Z", -1),
    nullable_date_time: text(
      "1883-11-18T12:03:58.5-04:56",
      Date.UTC(1883, 10, 18, 16, 59, 58, 500),
    ),
  }),
  // Between the calendars: where some engines count days otherwise.
  "before 1582": everything({
    on_date: text("1582-10-10"),
    nullable_date: text("0004-02-29"),
    at_time: text("1582-10-10T00:00:00.001Z", Date.UTC(1582, 9, 10, 0, 0, 0, 1)),
    nullable_date_time: text("1000-02-28T23:59:59.999Z", Date.parse("1000-02-28T23:59:59.999Z")),
  }),
  "finer than a millisecond": everything({
    at_time: text("2026-11-21T00:30:00.1239999+14:00", Date.UTC(2026, 10, 20, 10, 30, 0, 123)),
    nullable_date_time: text("2026-11-21T00:30:00.000999999Z", Date.UTC(2026, 10, 21, 0, 30, 0, 0)),
  }),
  // Amplify's clients write `null` as text.
  "nulls of old clients": everything({
    text: text("null"),
    nullable_text: text("null", null),
    nullable_choice: text("null", null),
    nullable_email: text("null", null),
    nullable_uri: text("null", null),
    nullable_uuid: text("null", null),
    nullable_date: text("null", null),
    nullable_date_time: text("null", null),
    nullable_flag: text("null", null),
    nullable_integer: text("null", null),
    nullable_step: text("null", null),
    nullable_number: text("null", null),
    required_nullable: text("null", null),
  }),
  "personal data": {
    table: "personal_data_event",
    event_type: "PersonalDataEvent",
    fields: {
      plain: text("plain"),
      hashed_text: text(HASH),
      hashed_email: text(HASH),
      hashed_date: text(HASH),
      hashed_choice: text(HASH),
      masked_text: text("A***"),
      masked_email: text("***@example.com"),
      masked_uri: text("https://example.com/***"),
      masked_uuid: text("00000000-0000-0000-0000-000000000000"),
      masked_date: text("1985-01-01"),
      masked_date_time: text("0001-01-01T00:00:00Z", FIRST_MILLISECOND),
    },
  },
  // From a program that is not the edge.
  "personal data as it was": {
    table: "personal_data_event",
    event_type: "PersonalDataEvent",
    fields: {
      hashed_email: text(HASH),
      hashed_date: text("null", null),
      masked_text: text("Ada Lovelace", "A***"),
      masked_email: text("ada@example.com", "***@example.com"),
      masked_uri: text("https://ada@example.com/ada", "https://example.com/***"),
      masked_uuid: text(
        "f0e1d2c3-0000-4000-8000-000000000001",
        "00000000-0000-0000-0000-000000000000",
      ),
      masked_date: text("1985-04-12", "1985-01-01"),
      masked_date_time: text("1985-01-01T00:30:00+01:00", Date.UTC(1984, 0, 1)),
      dropped_text: text("Ada"),
      dropped_flag: text("true"),
      dropped_number: number("36", null),
    },
  },
  "anything else": {
    table: "open_event",
    event_type: "_open.event",
    fields: {
      known: text("known"),
      secret: text("Ada"),
      mood: text('"calm"'),
      tempo: number("1.50", null),
    },
    common: { extra: '{"attributes":{"mood":"\\"calm\\""},"metrics":{"tempo":1.50}}' },
  },
  "nothing else": { table: "open_event", event_type: "_open.event", fields: {} },
  "nothing at all": { table: "empty_event", event_type: "EmptyEvent", fields: {} },
};

/** The record of an event, with its numbers as they are written. */
function recordOf(event_id: string, { event_type, fields, common = {}, more }: Case): string {
  const sent = (map: Sent["map"], write: (sent: string) => string) =>
    Object.fromEntries(
      Object.entries(fields)
        .filter(([, field]) => field.map === map)
        .map(([name, field]) => [name, write(field.sent)]),
    );
  const start_timestamp = common.session_start_timestamp ?? EVENT_TIME - 1_000;
  const written = record({
    event_id,
    event_type,
    event_timestamp: Number(common.event_timestamp ?? EVENT_TIME),
    attributes: sent("attributes", (sent) => sent),
    more: {
      arrival_timestamp: common.arrival_timestamp ?? ARRIVAL,
      session: { session_id: "session-1", start_timestamp },
      metrics: sent("metrics", (sent) => `#${sent}#`),
      ...more,
    },
  });
  return written.replace(/"#([^"]*)#"/g, "$1");
}

/** What every row holds. */
const COMMON_VALUES: Record<string, Value> = {
  event_timestamp: EVENT_TIME,
  arrival_timestamp: ARRIVAL,
  session_id: "session-1",
  session_start_timestamp: EVENT_TIME - 1_000,
  client_id: "client-1",
  cognito_id: "us-east-1:guest",
  user_id: null,
  app_id: "app",
  country: "SE",
  region: "Skåne",
  city: "Malmö",
  timezone: "Europe/Stockholm",
  platform: "macos",
  platform_version: "26.1",
  browser: "Chrome",
  browser_version: "142.0",
  device_category: "desktop",
  locale: "en_US",
  sdk_name: "forebay",
  sdk_version: "0.1.0",
  schema_version: "1",
  place_source: "request",
  amr: "unauthenticated",
  is_bot: false,
};

/** Columns whose names are not those of their fields. */
const COLUMN_NAMES: Record<string, string> = {
  camelCase: "camel_case",
  HTTPStatus: "http_status",
  "kebab-case": "kebab_case",
  "dotted.name": "dotted_name",
};

/** What the row of an event holds, by column. */
function rowOf(event_id: string, { table, event_type, fields, common }: Case) {
  const own = Object.entries(fields).map(([name, { value }]) => [
    COLUMN_NAMES[name] ?? name,
    value,
  ]);
  const row: Record<string, Value> = {
    ...COMMON_VALUES,
    event_type,
    event_id,
    ...Object.fromEntries(own),
    ...common,
  };
  const columns = Object.keys({ ...COMMON, ...TABLES[table] });
  return Object.fromEntries(columns.map((name) => [name, row[name] ?? null]));
}

let folder: string;
let kinesis: Program & { url: string };
let program: Program;
let lake: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "forebay-parquet-"));
  lake = join(folder, "lake");
  kinesis = await startKinesis([]);
  const client = kinesisClient({ kinesis: kinesis.url, region: REGION });
  await createStream(client, "events");
  const records = Object.entries(CASES).map(([id, it]) => ["client-1", recordOf(id, it)] as const);
  await putRecords(client, "events", records);
  client.destroy();
  const schema = join(ROOT, "tests/schema/everything.schema.json");
  program = startLake({ kinesis: kinesis.url, stream: "events", lake, schema });
  const { rows } = await untilRead(lake, records.length);
  assert.equal(rows, records.length, JSON.stringify(await rejected(lake)));
  assert.equal(await program.end("SIGTERM"), 0, program.log());
});

after(async () => {
  await program?.end("SIGKILL");
  await kinesis?.end("SIGKILL");
  await rm(folder, { recursive: true });
});

/** Time zones of sessions: the instants are the same in all of them. */
const TIME_ZONES = ["UTC", "America/New_York", "Asia/Kathmandu"];

const tables = Object.keys(TABLES);
const folderOf = (table: string) => join(lake, "events", table);

/** Holds what an engine read of a table against what was sent. */
function check(engine: "arrow" | "duckdb" | "spark", table: string, read: Table): void {
  const declared = Object.entries({ ...COMMON, ...TABLES[table] });
  const types = declared.map(([name, type]) => [name, TYPES[type][engine]]);
  assert.deepEqual(read.columns.slice(0, types.length), types);
  // The others are the names of folders.
  const others = read.columns.slice(types.length).map(([name]) => name);
  assert.deepEqual(others.sort(), ["day", "month", "year"]);

  const sent = Object.entries(CASES).filter(([, event]) => event.table === table);
  const expected = sent.map(([id, event]) => rowOf(id, event));
  expected.sort((a, b) => (String(a.event_id) < String(b.event_id) ? -1 : 1));
  const rows = read.rows.map((row) =>
    Object.fromEntries(declared.map(([name], at) => [name, row[at]])),
  );
  assert.deepEqual(rows, expected);
}

test("pyarrow reads the types that are documented, and the values that were sent", async () => {
  const read = await readWithPyarrow(tables.map(folderOf));
  for (const [at, table] of tables.entries()) {
    check("arrow", table, read[at]);
    const columns = Object.entries({ ...COMMON, ...TABLES[table] });
    const expected = columns.map(([name, type]) => {
      return [name, ...TYPES[type].parquet, !NEVER_NULL.includes(name)];
    });
    assert.deepEqual(read[at].parquet, expected);
  }
});

test("DuckDB reads the same, in the time zone of any session", async () => {
  for (const zone of TIME_ZONES) {
    for (const table of tables) check("duckdb", table, await readWithDuckdb(folderOf(table), zone));
  }
});

test("Spark reads the same, in the time zone of any session", async () => {
  const asked = TIME_ZONES.flatMap((time_zone) => tables.map((table) => ({ time_zone, table })));
  const read = await readWithSpark(
    asked.map(({ time_zone, table }) => ({ time_zone, folder: folderOf(table) })),
  );
  for (const [at, { table }] of asked.entries()) check("spark", table, read[at]);
});
