// Tables and views for Athena: what other tools understand of them, whether they are where and what
// the lake writes, and what the views give.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { athena, cloudformation, duckdb, type LakeOptions, spark, terraform } from "forebay/tools";
import {
  type Event,
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
import { filesBelow, query, type Row } from "../support/lake.ts";
import { python } from "../support/python.ts";
import { ROOT } from "../support/stack.ts";
import {
  duckdbType,
  overLake,
  projected,
  readCloudFormation,
  readSql,
  readTerraform,
  type Sql,
} from "./ddl.ts";

const OPTIONS: LakeOptions = {
  database: "forebay",
  location: "s3://bucket/lake",
  first_year: 2025,
  last_year: 2034,
};

test("SQL, CloudFormation and Terraform are understood, and say the same", async () => {
  const schema = await readFile(join(ROOT, "tests/schema/everything.schema.json"), "utf8");
  const sql = await readSql(athena(schema, OPTIONS));
  assert.deepEqual(sql.databases, ["forebay"]);
  const names = ["everything_event", "personal_data_event", "open_event", "empty_event"];
  const tables = Object.keys(sql.tables);
  assert.deepEqual(tables.slice(0, names.length + 1), [...names, "endpoint_update"]);
  assert.equal(tables.at(-1), "rejected");
  for (const table of [
    "session_stop",
    "campaign_send",
    "journey_send",
    "email_open",
    "sms_failure",
  ]) {
    assert.ok(tables.includes(table), table);
  }
  assert.deepEqual(Object.keys(sql.views), [
    ...names.flatMap((name) => [`${name}_distinct`, `${name}_anonymous`]),
    ...["events", "events_per_day", "anonymous_events", "sessions", "last_hour"],
    ...["funnel", "retention_by_week", "users", "events_with_users"],
  ]);

  const template = await readCloudFormation(cloudformation(schema, OPTIONS));
  assert.deepEqual(template.matches, []);
  assert.deepEqual(template.tables, sql.tables);
  assert.equal(template.parameters.DatabaseName.Default, "forebay");
  const resources = await readTerraform(terraform(schema, OPTIONS));
  assert.deepEqual(resources.tables, sql.tables);

  // Texts of readers, whatever they hold.
  const { comment, columns } = sql.tables.everything_event;
  assert.equal(
    comment,
    'Everything: A field of each kind. The second line ends a comment: */ and has "quotes", ' +
      "'apostrophes', `ticks`, a | and a \\.",
  );
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it must be taken for what it is.
  const text = "Text: Any text, up to what the wire carries: ${text} */ 'ü' | 100 %.";
  assert.deepEqual(
    columns.find(([name]) => name === "text"),
    ["text", "string", text],
  );

  // Personal data: what is dropped has no column, a hash is a string, and all of it is marked.
  const personal = sql.tables.personal_data_event;
  const types = Object.fromEntries(personal.columns);
  assert.equal(types.hashed_date, "string");
  assert.equal(types.masked_date_time, "timestamp");
  assert.ok(!Object.keys(types).some((name) => name.startsWith("dropped")));
  const marked = Object.keys(types).filter((name) => /^(hashed|masked)/.test(name));
  const expected = ["client_id", "cognito_id", "user_id", ...marked];
  assert.equal(personal.parameters["forebay.personal_data"], expected.join(","));
  assert.deepEqual(resources.personal.personal_data_event, expected);
  const endpoints = ["client_id", "cognito_id", "user_id", "address", "user_attributes"];
  const others = ["attributes", "location", "extra"];
  assert.deepEqual(resources.personal.endpoint_update, [...endpoints, ...others]);
});

test("what cannot be a name, a place or a range is refused with what to do", () => {
  const schema = JSON.stringify({ $defs: { E: { type: "object" } } });
  for (const [wrong, message] of [
    [{ database: "my-lake" }, /small letters, digits and "_"/],
    [{ location: "bucket/lake" }, /s3:\/\/bucket\/lake/],
    [{ location: "s3://bucket/it's" }, /s3:\/\/bucket\/lake/],
    [{ first_year: 2026, last_year: 2025 }, /range/],
    [{ first_year: 1999 }, /2000/],
    [{ table: "x" }, /unknown field/],
  ] as const) {
    const options = { ...OPTIONS, ...wrong } as LakeOptions;
    for (const write of [athena, cloudformation, terraform]) {
      assert.throws(() => write(schema, options), message);
    }
  }
  const slash = { ...OPTIONS, location: "s3://bucket/lake/" };
  assert.equal(athena(schema, slash), athena(schema, OPTIONS));
});

test("the queries of docs/athena.md are understood", async () => {
  const schema = await readFile(join(ROOT, "demo-react/forebay.schema.json"), "utf8");
  const text = await readFile(join(ROOT, "docs/athena.md"), "utf8");
  const blocks = [...text.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql);
  const sql = await readSql([athena(schema, OPTIONS), ...blocks].join("\n"));
  // DuckDB adds columns in words of its own.
  const queries = sql.queries.filter((query) => !query.startsWith("ALTER"));
  assert.ok(queries.length > 5, queries.join());
  const tables = await overLake(sql, OPTIONS.location, "no lake");
  for (const text of queries) await query(`${tables}${text}`);
});

test("the queries of docs/queries.md run in DuckDB", async () => {
  const schema = await readFile(join(ROOT, "demo-react/forebay.schema.json"), "utf8");
  const text = await readFile(join(ROOT, "docs/queries.md"), "utf8");
  const blocks = [...text.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql);
  const views = duckdb(schema, { ...OPTIONS, location: "no lake" }, []);
  assert.ok(blocks.length > 5);
  const folder = await mkdtemp(join(tmpdir(), "forebay-queries-"));
  try {
    const [files, copy] = ["files", "copy"].map((name) => join(folder, `${name}.parquet`));
    await query(`${views}COPY (SELECT * FROM forebay.sign_up_event) TO '${files}'`);
    for (const block of blocks) {
      const here = block
        .replace(/'lake\/[^']*'/, `'${files}'`)
        .replace(/'by-client\/[^']*'/, `'${copy}'`);
      await query(`${views}${here}`);
    }
    assert.deepEqual(await query(`SELECT count(*) AS rows FROM '${copy}'`), [{ rows: 0n }]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe("with files of the lake", () => {
  // Words of SQL as names of a table and a column, and an event type with the name of a view.
  const SCHEMA = JSON.stringify({
    $defs: {
      VisitEvent: {
        type: "object",
        properties: {
          order: { type: "integer" },
          email: { type: "string", format: "email", "x-pii": "mask" },
          phone: { type: "string", "x-pii": "drop" },
          due: { type: "string", format: "date" },
          url: { type: "string" },
        },
        additionalProperties: true,
      },
      OrderEvent: {
        type: "object",
        properties: {
          amount: { type: "number" },
          is_gift: { type: "boolean" },
          sent_at: { type: "string", format: "date-time" },
        },
        "x-event-name": "order",
      },
      Sessions: { type: "object" },
      NeverSentEvent: { type: "object" },
    },
  });
  const NIGHT = Date.UTC(2026, 0, 31, 23, 58);
  const MINUTE = 60_000;

  const session = (session_id: string, start_timestamp: number) => ({
    session: { session_id, start_timestamp },
  });
  const user = (UserId: string) => ({ endpoint: { User: { UserId } } });
  const one = session("one", NIGHT - MINUTE);
  const visit: Event = {
    event_id: "visit",
    event_type: "VisitEvent",
    event_timestamp: NIGHT,
    attributes: { email: "***@example.com", due: "2026-12-24", other: "o", url: "/start" },
    metrics: { order: 3 },
    more: one,
  };
  const WRONG: Event = {
    event_id: "wrong",
    event_type: "order",
    attributes: { amount: "much" },
  };
  const EVENTS: Event[] = [
    visit,
    {
      event_id: "order",
      event_type: "order",
      event_timestamp: NIGHT + 3 * MINUTE + 500,
      attributes: { is_gift: "true", sent_at: "2026-02-01T00:00:00Z" },
      metrics: { amount: 12.5 },
      more: { ...one, ...user("ada") },
    },
    {
      event_id: "end",
      event_type: "Sessions",
      event_timestamp: NIGHT + 4 * MINUTE,
      more: one,
    },
    {
      event_id: "visit of the end",
      event_type: "VisitEvent",
      event_timestamp: NIGHT + 4 * MINUTE - 1_000,
      attributes: { url: "/end" },
      more: one,
    },
    {
      event_id: "second visit",
      event_type: "VisitEvent",
      event_timestamp: NIGHT,
      client_id: "client-2",
      more: session("two", NIGHT),
    },
    ...[-10, -70, 30].map((minutes) => ({
      event_id: `at ${minutes}`,
      event_type: "order",
      event_timestamp: Date.now() + minutes * MINUTE,
      more: { session: null },
    })),
    WRONG,
  ];

  const update = (event_id: string, minutes: number, User: object): Event => ({
    event_id,
    event_type: "_endpoint.update",
    event_timestamp: NIGHT + minutes * MINUTE,
    more: {
      session: null,
      endpoint: { EffectiveDate: new Date(NIGHT + minutes * MINUTE).toISOString(), User },
    },
  });
  // The second one says nothing of the plan, so that the first one holds on.
  const UPDATES = [
    update("plan", -1, { UserId: "guest", UserAttributes: { plan: ["free"] } }),
    update("sign-in", 2, { UserId: "ada" }),
    update("upgrade", 10, { UserAttributes: { plan: ["pro"] } }),
  ];

  let folder: string;
  let lake: string;
  let kinesis: Program & { url: string };
  let program: Program;
  let sql: Sql;
  /** DuckDB's SQL for them all. */
  let tables: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "forebay-ddl-"));
    lake = join(folder, "lake");
    const schema = join(folder, "forebay.schema.json");
    await writeFile(schema, SCHEMA);
    // Partition keys of one shard and of the other, which do not know each other's events: a copy in
    // the other is what an event that is sent again long after is, a second row.
    const sent = [...EVENTS, ...UPDATES];
    const records: [string, string][] = sent.map((event) => ["a", record(event)]);
    records.push(["b", record(visit)]);
    kinesis = await startKinesis(["events:2"]);
    const client = kinesisClient({ kinesis: kinesis.url, region: REGION });
    await putRecords(client, "events", records);
    client.destroy();
    program = startLake({ kinesis: kinesis.url, stream: "events", lake, schema });
    const counts = await untilRead(lake, records.length);
    const rejected = 1;
    const rows = records.length - rejected;
    assert.deepEqual(counts, {
      records: records.length,
      rows,
      rejected,
      duplicates: 0,
      missing: 0,
    });
    sql = await readSql(athena(SCHEMA, OPTIONS));
    tables = await overLake(sql, OPTIONS.location, lake);
  });

  after(async () => {
    await program?.end("SIGKILL");
    await kinesis?.end("SIGKILL");
    await rm(folder, { recursive: true });
  });

  function select(what: string): Promise<Row[]> {
    return query(`${tables}${what}`);
  }

  test("the folders are those that Athena looks into", async () => {
    const files = await filesBelow(lake, ".parquet");
    const folders = new Set(
      files.map((file) => `${relative(lake, file).replace(/\/[^/]*$/, "")}/`),
    );
    const projections = Object.values(sql.tables).map((table) => {
      assert.equal(table.location.endsWith("/"), true);
      return [table, projected(table, OPTIONS.location)] as const;
    });
    for (const folder of folders) {
      const found = projections.filter(([, folders]) => folders.has(folder));
      assert.equal(found.length, 1, folder);
      const [[{ location }]] = found;
      assert.ok(`${OPTIONS.location}/${folder}`.startsWith(location), folder);
    }
    assert.ok(folders.has("events/order/year=2026/month=02/day=01/"), [...folders].join());
    assert.ok([...folders].some((folder) => folder.startsWith("rejected/")));
    // 31 days of each month: those that do not exist have no folder.
    assert.equal(projections[0][1].size, 10 * 12 * 31);
  });

  test("the columns are those of the files", async () => {
    for (const name of ["visit_event", "order", "sessions"]) {
      const described = await select(`DESCRIBE forebay."${name}"`);
      const { columns, partitions } = sql.tables[name];
      assert.deepEqual(
        described.slice(0, columns.length).map((row) => [row.column_name, row.column_type]),
        columns.map(([name, type]) => [name, duckdbType(type)]),
      );
      assert.deepEqual(partitions, [
        ["year", "int"],
        ["month", "int"],
        ["day", "int"],
      ]);
    }
  });

  test("so are those of what was rejected", async () => {
    const entries = await rejected(lake);
    assert.deepEqual(
      sql.tables.rejected.columns.map(([name]) => name),
      Object.keys(entries[0]),
    );
    const asked = await select(
      `SELECT reason, violations[1].path AS path, event_type, decode(data) AS data FROM forebay.rejected`,
    );
    const expected = entries.map(({ reason, violations, event_type, data }) => {
      const text = Buffer.from(data, "base64").toString();
      return { reason, path: violations[0].path, event_type: event_type ?? null, data: text };
    });
    assert.deepEqual(asked, expected);
    const described = await select("DESCRIBE forebay.rejected");
    const { columns } = sql.tables.rejected;
    const plain = (type: unknown) => String(type).replaceAll('"', "").replaceAll(", ", ",");
    assert.deepEqual(
      described.slice(0, columns.length).map((row) => [row.column_name, plain(row.column_type)]),
      columns.map(([name, type]) => [name, plain(duckdbType(type))]),
    );
  });

  test("an event that was sent twice is there once", async () => {
    const [{ rows, events }] = await select(
      `SELECT (SELECT count(*) FROM forebay.visit_event) AS rows,
              (SELECT count(*) FROM forebay.visit_event_distinct) AS events`,
    );
    assert.deepEqual([rows, events], [4n, 3n]);
    const [first] = await select(
      `SELECT * FROM forebay.visit_event_distinct WHERE event_id = 'visit'`,
    );
    assert.equal(first.order, 3n);
    assert.equal(first.extra, '{"attributes":{"other":"o"}}');
    const ids = await select("SELECT event_id FROM forebay.events ORDER BY event_id");
    const sent = EVENTS.filter((event) => event !== WRONG).map((event) => event.event_id);
    assert.deepEqual(
      ids.map((row) => row.event_id),
      sent.sort(),
    );
  });

  test("events per day", async () => {
    const days = await select(
      `SELECT date::VARCHAR AS date, event_type, events, clients, users, year, month, day
       FROM forebay.events_per_day WHERE year = 2026 AND month <= 2 ORDER BY date, event_type`,
    );
    assert.deepEqual(
      days.map((row) => Object.values(row).map(String)),
      [
        ["2026-01-31", "VisitEvent", "2", "2", "0", "2026", "1", "31"],
        ["2026-02-01", "Sessions", "1", "1", "0", "2026", "2", "1"],
        ["2026-02-01", "VisitEvent", "1", "1", "0", "2026", "2", "1"],
        ["2026-02-01", "order", "1", "1", "1", "2026", "2", "1"],
      ],
    );
  });

  test("sessions, by a name that is not a table's", async () => {
    const sessions = await select("SELECT * FROM forebay.forebay__sessions ORDER BY session_id");
    assert.equal(sessions.length, 2);
    const [one, two] = sessions;
    const expected: Row = {
      app_id: "app",
      client_id: "client-1",
      session_id: "one",
      started_at: "2026-01-31T23:57:00.000Z",
      ended_at: "2026-02-01T00:02:00.000Z",
      duration_seconds: 300,
      events: 4n,
      first_event_type: "VisitEvent",
      last_event_type: "Sessions",
      entry_page: "/start",
      exit_page: "/end",
      user_id: "ada",
      country: "SE",
      city: "Malmö",
      browser: "Chrome",
    };
    const known = Object.keys(expected).map((name) => [name, one[name]]);
    assert.deepEqual(Object.fromEntries(known), expected);
    assert.equal(two.duration_seconds, 0);
    assert.equal(two.user_id, null);
    assert.deepEqual([two.entry_page, two.exit_page], [null, null]);
  });

  test("nothing of a person is in the anonymous views", async () => {
    const visits = await select(
      `SELECT * FROM forebay.visit_event_anonymous ORDER BY hour, "order" NULLS LAST`,
    );
    assert.equal(visits.length, 3);
    const [first] = visits;
    assert.equal(first.hour, "2026-01-31T23:00:00.000Z");
    assert.deepEqual([first.order, first.url, first.country], [3n, "/start", "SE"]);
    const all = await select("SELECT * FROM forebay.anonymous_events");
    assert.equal(all.length, EVENTS.length - 1);
    const ids = ["client_id", "user_id", "cognito_id", "session_id", "event_id", "event_timestamp"];
    for (const row of [...visits, ...all]) {
      const personal = ["email", "city", "extra", "page_click_id", "network_asn", ...ids];
      assert.deepEqual(
        personal.filter((name) => name in row),
        [],
      );
      assert.doesNotMatch(Object.values(row).join(), /client-|ada|example\.com|Malm/);
    }
  });

  test("the last hour", async () => {
    const last = await select("SELECT event_id FROM forebay.last_hour");
    assert.deepEqual(last, [{ event_id: "at -10" }]);
  });

  /** How many files a query reads, and how DuckDB goes about it. */
  async function filesRead(what: string) {
    const [{ explain_value }] = await select(`EXPLAIN ANALYZE ${what}`);
    const plan = String(explain_value);
    const counts = [...plan.matchAll(/Total Files Read: (\d+)/g)].map(([, count]) => Number(count));
    return { files: counts.reduce((sum, count) => sum + count, 0), plan };
  }

  test("a filter on the day and the event type reaches the files", async () => {
    const { files, plan } = await filesRead(
      `SELECT count(*) FROM forebay.events
       WHERE event_type = 'order' AND year = 2026 AND month = 2 AND day = 1`,
    );
    assert.equal(files, 1, plan);
    assert.doesNotMatch(plan, /visit_event|sessions/);
  });

  test("the last hour reads the files of its days alone", async () => {
    const day = (time = 0) => new Date(time).toISOString().slice(0, 10);
    const now = Date.now();
    const days = [day(now - 60 * MINUTE), day(now)];
    const written = EVENTS.filter((event) => event.event_type === "order" && event !== WRONG);
    const found = new Set(written.map((event) => day(event.event_timestamp)));
    const { files, plan } = await filesRead("SELECT event_id FROM forebay.last_hour");
    assert.equal(files, [...found].filter((day) => days.includes(day)).length, plan);
    assert.ok(files < found.size, plan);
  });

  test("the funnel counts who had the one and then the other", async () => {
    const pairs = await select(
      `SELECT from_event_type, to_event_type, clients, converted FROM forebay.funnel
       WHERE from_event_type <> 'order' OR to_event_type <> 'order'
       ORDER BY from_event_type, to_event_type`,
    );
    assert.deepEqual(
      pairs.map((row) => Object.values(row).map(String)),
      [
        ["Sessions", "VisitEvent", "1", "0"],
        ["Sessions", "order", "1", "1"],
        ["VisitEvent", "Sessions", "2", "1"],
        ["VisitEvent", "order", "2", "1"],
        ["order", "Sessions", "1", "1"],
        ["order", "VisitEvent", "1", "1"],
      ],
    );
  });

  test("retention counts clients by the week of their first event", async () => {
    const weeks = await select(
      `SELECT first_week::VARCHAR AS week, weeks_later, clients FROM forebay.retention_by_week
       ORDER BY weeks_later`,
    );
    // The Monday before Saturday, 2026-01-31. One client has orders around now.
    assert.deepEqual(Object.values(weeks[0]).map(String), ["2026-01-26", "0", "2"]);
    const now = Math.floor((Date.now() - Date.UTC(2026, 0, 26)) / (7 * 24 * 60 * MINUTE));
    assert.ok(weeks.some((week) => Number(week.weeks_later) === now && Number(week.clients) === 1));
  });

  test("an event has the user that its endpoint had when it happened", async () => {
    const events = await select(
      `SELECT event_id, known_user_id, user_attributes FROM forebay.events_with_users
       WHERE year = 2026 AND month <= 2 ORDER BY event_id`,
    );
    const free = '{"plan":["free"]}';
    assert.deepEqual(
      events.map((row) => Object.values(row)),
      [
        ["end", "ada", free],
        ["order", "ada", free],
        ["second visit", null, null],
        ["visit", "guest", free],
        ["visit of the end", "ada", free],
      ],
    );
    const users = await select(
      `SELECT user_id, user_attributes, known_until IS NULL AS is_current FROM forebay.users
       ORDER BY known_from`,
    );
    assert.deepEqual(
      users.map((row) => Object.values(row)),
      [
        ["guest", free, false],
        ["ada", free, false],
        ["ada", '{"plan":["pro"]}', true],
      ],
    );
  });

  test("DuckDB and Spark have the same answers by views of their own", async () => {
    const options = { ...OPTIONS, location: lake };
    const folders = ["visit_event", "order", "sessions", "endpoint_update"];
    const filled = [...folders.map((name) => `events/${name}`), "rejected"];
    const columns = {
      visit_event_distinct: "event_id, email, due, extra, year, month, day",
      events: "event_type, event_id, client_id, user_id, browser",
      events_per_day: "date, event_type, events, clients, users, year, month, day",
      forebay__sessions:
        "session_id, duration_seconds, events, first_event_type, last_event_type, user_id, city, " +
        "entry_page, exit_page",
      visit_event_anonymous: "url, country, year, month, day",
      anonymous_events: "event_type, browser, day",
      last_hour: "event_id",
      funnel: "from_event_type, to_event_type, clients, converted",
      retention_by_week: "first_week, weeks_later, clients",
      users: "user_id, user_attributes, known_until IS NULL AS is_current",
      events_with_users: "event_id, known_user_id, user_attributes",
      rejected: "reason, event_id, event_type",
      never_sent_event: "event_id",
    };
    const asText = (rows: unknown[][]) =>
      rows
        .map((row) => row.map((value) => `${value ?? null}`.replace(/T00:00:00.000Z$/, "")))
        .sort();
    const own = `${duckdb(SCHEMA, options, filled)}\n`;
    const queries = Object.entries(columns).map(([view, what]) => [view, what] as const);
    const script = spark(SCHEMA, options, filled);
    const inSpark = JSON.parse(
      await python(
        "schema/run_spark.py",
        [],
        JSON.stringify({
          script,
          queries: queries.map(([view, what]) => `SELECT ${what} FROM ${view}`),
        }),
      ),
    );
    for (const [at, [view, what]] of queries.entries()) {
      const select = `SELECT ${what} FROM forebay.${view}`;
      const values = (rows: Row[]) => asText(rows.map((row) => Object.values(row)));
      const expected = values(await query(`${tables}${select}`));
      assert.deepEqual(values(await query(`${own}${select}`)), expected, `${view} in DuckDB`);
      assert.deepEqual(asText(inSpark[at]), expected, `${view} in Spark`);
      assert.equal(expected.length > 0, view !== "never_sent_event", view);
    }
  });
});
