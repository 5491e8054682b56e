// What the lake does with records, streams and signals, against a Kinesis and read back by DuckDB.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import {
  type KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  SplitShardCommand,
} from "@aws-sdk/client-kinesis";
import { kinesisClient } from "../support/kinesis.ts";
import { eventIds, filesBelow, query, rows } from "../support/lake.ts";
import { freePort, ROOT } from "../support/stack.ts";
import { until } from "../support/until.ts";
import {
  checkpoints,
  createStream,
  type Event,
  flushes,
  listing,
  type Program,
  putEvents,
  putRecords,
  REGION,
  record,
  rejected,
  runLake,
  startKinesis,
  startLake,
  untilRead,
} from "./lake-process.ts";

const DEMO_SCHEMA = join(ROOT, "demo-react/forebay.schema.json");

let kinesis: Program & { url: string };
let client: KinesisClient;
let folder: string;
let lake: string;
/** Programs of the test that runs. */
let programs: Program[];
let streams = 0;

before(async () => {
  kinesis = await startKinesis([]);
  client = kinesisClient({ kinesis: kinesis.url, region: REGION });
  folder = await mkdtemp(join(tmpdir(), "forebay-lake-"));
});

after(async () => {
  client.destroy();
  await kinesis.end("SIGKILL");
  await rm(folder, { recursive: true });
});

let stream: string;
beforeEach(async (context) => {
  streams += 1;
  stream = `events-${streams}`;
  lake = join(folder, stream);
  programs = [];
  await createStream(client, stream);
  // biome-ignore lint/suspicious/noExplicitAny: the type lacks what the context of a test has.
  (context as any).after(() => Promise.all(programs.map((program) => program.end("SIGKILL"))));
});

/** The lake, reading the test's stream. */
function consume(options: { schema?: string; maxRows?: number; maxSeconds?: number } = {}) {
  const program = startLake({ kinesis: kinesis.url, stream, lake, ...options });
  programs.push(program);
  return program;
}

function signUp(event_id: string, more: Partial<Event> = {}): Event {
  const attributes = { email: `${event_id}@example.com` };
  return { event_id, event_type: "SignUpEvent", attributes, ...more };
}

test("types, nulls, times to the millisecond and partitions are as DuckDB expects them", async () => {
  const at = Date.UTC(2026, 10, 20, 23, 59, 59, 999);
  const played = {
    event_id: "played",
    event_type: "PiecePlayedEvent",
    event_timestamp: at,
    attributes: {
      piece: "Gymnopédie",
      completed: "true",
      started_at: "2026-11-20T23:30:00.001+02:00",
    },
    metrics: { minutes: 12.125, mistakes: 3 },
  };
  const silent = {
    event_id: "silent",
    event_type: "PiecePlayedEvent",
    event_timestamp: at + 1,
    attributes: { piece: "4'33\"", completed: "false" },
    metrics: { minutes: 4.55 },
    more: { session: null, forebay: null },
  };
  consume();
  await putEvents(client, stream, [played, silent]);
  await untilRead(lake, 2);

  const [first, second] = await rows(lake, "piece_played_event");
  assert.equal(first.event_timestamp, "2026-11-20T23:59:59.999Z");
  assert.equal(first.started_at, "2026-11-20T21:30:00.001Z");
  assert.equal(first.session_start_timestamp, "2026-11-20T23:59:58.999Z");
  assert.equal(first.session_id, "session-1");
  assert.equal(first.minutes, 12.125);
  assert.equal(first.mistakes, 3n);
  assert.equal(first.completed, true);
  assert.equal(first.country, "SE");
  assert.equal(first.city, "Malmö");
  assert.equal(first.browser, "Chrome");
  assert.equal(first.schema_version, 1);
  assert.deepEqual([first.year, first.month, first.day], [2026n, 11n, 20n]);

  assert.equal(second.event_timestamp, "2026-11-21T00:00:00.000Z");
  assert.equal(second.completed, false);
  for (const name of ["mistakes", "started_at", "session_id", "country", "schema_version"]) {
    assert.equal(second[name], null, name);
  }
  // Without an id of its own it is known by its place, as Lambda names it.
  assert.match(String(second.event_id), /^shardId-000000000000:\d+$/);
  assert.deepEqual([second.year, second.month, second.day], [2026n, 11n, 21n]);

  const files = `${lake}/events/**/*.parquet`;
  const columns = await query(
    `SELECT DISTINCT name, type, converted_type FROM parquet_schema('${files}')
     WHERE name LIKE '%_timestamp' OR name = 'started_at' ORDER BY name`,
  );
  const millis = { type: "INT64", converted_type: "TIMESTAMP_MILLIS" };
  const names = [
    "arrival_timestamp",
    "event_timestamp",
    "original_event_timestamp",
    "session_start_timestamp",
    "started_at",
  ];
  assert.deepEqual(
    columns,
    names.map((name) => ({ name, ...millis })),
  );

  const days = await query(
    `SELECT count(*) AS events FROM read_parquet('${files}', hive_partitioning = true) WHERE day = 20`,
  );
  assert.deepEqual(days, [{ events: 1n }]);
});

test("what cannot be a row is kept with its bytes and the reason; neighbours are not harmed", async () => {
  const late = signUp("late", { event_timestamp: Date.now() + 3 * 86_400_000 });
  const records = [
    record(signUp("good")),
    "{ not a record",
    record(signUp("bad", { attributes: { email: "nobody" } })),
    record({ event_id: "unknown", event_type: "NobodyKnowsEvent" }),
    record(late),
    record(signUp("good")),
  ];
  const program = consume();
  await putRecords(
    client,
    stream,
    records.map((data) => ["client-1", data] as const),
  );
  const counts = await untilRead(lake, records.length);
  assert.deepEqual(counts, { records: 6, rows: 1, rejected: 4, duplicates: 1, missing: 0 });
  assert.deepEqual(await eventIds(lake), ["good"]);

  const entries = await rejected(lake);
  assert.deepEqual(
    entries.map((entry) => entry.reason),
    ["malformed_record", "schema_violation", "unknown_event_type", "implausible_time"],
  );
  assert.deepEqual(
    entries.map((entry) => Buffer.from(entry.data, "base64").toString()),
    records.slice(1, 5),
  );
  const [violation] = entries[1].violations;
  assert.equal(violation.path, "Attributes.email");
  assert.equal(violation.rule, "format");
  for (const entry of entries) {
    assert.equal(entry.shard, "shardId-000000000000");
    assert.match(entry.sequence_number, /^\d{56}$/);
    assert.ok(Math.abs(Date.parse(entry.arrival_timestamp) - Date.now()) < 60_000);
  }
  // What it says of its work holds numbers and no one's data.
  await program.end("SIGTERM");
  assert.doesNotMatch(program.log(), /example\.com|nobody|NobodyKnows/);
  const [{ total }] = flushes(program).slice(-1);
  assert.deepEqual(total, counts);
});

test("an event is a duplicate across batches and across restarts", async () => {
  consume();
  await putEvents(client, stream, [signUp("a"), signUp("b")]);
  await untilRead(lake, 2);
  await putEvents(client, stream, [signUp("a"), signUp("c")]);
  await untilRead(lake, 4);
  await programs[0].end("SIGKILL");
  const again = consume();
  await putEvents(client, stream, [signUp("b"), signUp("c"), signUp("d")]);
  const { rows, duplicates } = await untilRead(lake, 7);
  assert.deepEqual({ rows, duplicates }, { rows: 4, duplicates: 3 }, again.log());
  assert.deepEqual(await eventIds(lake), ["a", "b", "c", "d"]);
});

test("SIGTERM writes what was read, and ends", async () => {
  const program = consume({ maxRows: 3, maxSeconds: 3_600 });
  await putEvents(
    client,
    stream,
    ["a", "b", "c", "d", "e"].map((id) => signUp(id)),
  );
  // One answer held all five: three were cut off as a batch, two wait for more.
  await untilRead(lake, 3);
  assert.deepEqual(await eventIds(lake), ["a", "b", "c"]);
  const told = Date.now();
  assert.equal(await program.end("SIGTERM"), 0, program.log());
  assert.ok(Date.now() - told < 2_000);
  assert.deepEqual(await eventIds(lake), ["a", "b", "c", "d", "e"]);
  assert.deepEqual(
    flushes(program).map((flush) => flush.rows),
    [3, 2],
  );
});

test("SIGTERM leaves a batch of very many files to the next process, and ends at once", async () => {
  const port = await freePort();
  const words = ["consume", "--stream", stream, "--region", REGION, "--schema", DEMO_SCHEMA];
  words.push("--kinesis-endpoint", kinesis.url, "--lake", lake);
  const first = runLake([...words, "--max-seconds", "600", "--metrics", `127.0.0.1:${port}`]);
  programs.push(first);
  const day = (n: number) => ({ event_timestamp: Date.UTC(2020, 0, 1 + n) });
  const ids = Array.from({ length: 501 }, (_, n) => `e${n}`);
  await putEvents(
    client,
    stream,
    ids.map((id, n) => signUp(id, day(n))),
  );
  await until("all to be read", async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
    return /open_records\{.*\} 501\n/.test((await answer?.text()) ?? "");
  });
  assert.equal(await first.end("SIGTERM"), 0, first.log());
  assert.match(first.log(), /501 files would take long to write/);
  assert.deepEqual(await eventIds(lake), []);
  consume();
  await untilRead(lake, 501, 60_000);
  assert.deepEqual(await eventIds(lake), ids.toSorted());
});

test("a Kinesis that is not there and a stream that is not there are waited for", async () => {
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  const program = startLake({ kinesis: address, stream: "late", lake });
  programs.push(program);
  await until("a word about Kinesis", () => /cannot be reached/.test(program.log()));
  const there = await startKinesis([], port);
  programs.push(there);
  await until("a word about the stream", () => /ResourceNotFoundException/.test(program.log()));
  const late = kinesisClient({ kinesis: address, region: REGION });
  try {
    await createStream(late, "late");
    await putEvents(late, "late", [signUp("a")]);
    await untilRead(lake, 1);
    assert.deepEqual(await eventIds(lake), ["a"]);

    // Kinesis goes, and comes back with a stream of the same name that is another.
    await there.end("SIGKILL");
    // To kinesalite streams that were made in one second are one stream.
    const second = () => Math.floor(Date.now() / 1000);
    const before = second();
    await until("the next second", () => second() > before);
    const back = await startKinesis(["late:1"], port);
    programs.push(back);
    await putEvents(late, "late", [signUp("b")]);
    await until("the second event", async () => (await eventIds(lake)).length === 2);
    assert.equal(await program.end("SIGINT"), 0, program.log());
  } finally {
    late.destroy();
  }
});

test("shards that are split and merged are read to their end, and their children after them", async () => {
  const program = consume();
  const sent: string[] = [];
  const send = async (count: number) => {
    const ids = Array.from({ length: count }, () => randomUUID());
    sent.push(...ids);
    await putEvents(
      client,
      stream,
      ids.map((id) => signUp(id, { client_id: id })),
    );
  };
  const open = async () => {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }));
    return Shards.filter((shard) => !shard.SequenceNumberRange?.EndingSequenceNumber);
  };
  await send(40);
  await client.send(
    new SplitShardCommand({
      StreamName: stream,
      ShardToSplit: "shardId-000000000000",
      NewStartingHashKey: (2n ** 127n).toString(),
    }),
  );
  await until("two shards", async () => (await open()).length === 2);
  await send(40);
  const [left, right] = await open();
  await client.send(
    new MergeShardsCommand({
      StreamName: stream,
      ShardToMerge: left.ShardId,
      AdjacentShardToMerge: right.ShardId,
    }),
  );
  await until("one shard", async () => (await open()).length === 1);
  // Sent again after their clients have moved to other shards, twice.
  const again = sent.map((id) => signUp(id, { client_id: id }));
  await putEvents(client, stream, again);
  await send(40);

  const counts = await untilRead(lake, 200, 40_000);
  assert.deepEqual(counts, { records: 200, rows: 120, rejected: 0, duplicates: 80, missing: 0 });
  assert.deepEqual(await eventIds(lake), sent.toSorted(), program.log());
  const ended = Object.entries(await checkpoints(lake)).map(([id, { ended }]) => [id, ended]);
  assert.deepEqual(Object.fromEntries(ended), {
    "shardId-000000000000": true,
    "shardId-000000000001": true,
    "shardId-000000000002": true,
    "shardId-000000000003": false,
  });
});

test("who needs a lake alone does not write beside a process that reads into it", async () => {
  consume();
  await putEvents(client, stream, [signUp("a")]);
  await untilRead(lake, 1);
  const second = runLake(["replay", "--lake", lake, "--schema", DEMO_SCHEMA]);
  assert.equal(await second.ended, 1);
  assert.match(second.log(), /held by another forebay-lake/);
});

test("state that is damaged is not read over", async () => {
  consume();
  await putEvents(client, stream, [signUp("a")]);
  await untilRead(lake, 1);
  await programs[0].end("SIGTERM");
  const [checkpoint] = await filesBelow(join(lake, "_state"), ".json");
  await writeFile(checkpoint, "{");
  const program = consume();
  assert.equal(await program.ended, 1);
  assert.match(program.log(), /shardId-000000000000\.json is damaged/);
  assert.deepEqual(await eventIds(lake), ["a"]);
});

test("files are named after shard, day and first record, and nothing else is left", async () => {
  consume();
  await putEvents(client, stream, [signUp("a", { event_timestamp: Date.UTC(2026, 0, 5) })]);
  await untilRead(lake, 1);
  await programs[0].end("SIGTERM");
  const [data, ...rest] = (await listing(lake)).filter((file) => !file.startsWith("_state/"));
  assert.match(
    data,
    /^events\/sign_up_event\/year=2026\/month=01\/day=05\/shardId-000000000000-\d{56}\.parquet$/,
  );
  assert.deepEqual(rest, []);
});

test("mistakes in the command line are told, with exit code 2", async () => {
  const good = ["consume", "--stream", "s", "--region", REGION, "--lake", lake];
  const schema = join(folder, "mistaken.schema.json");
  await writeFile(schema, '{"$defs":{"A":{"type":"object","properties":{"a":{"pattern":"x"}}}}}');
  const cases: [string[], RegExp, NodeJS.ProcessEnv?][] = [
    [[], /a command is missing/],
    [["produce"], /produce/],
    [[...good], /--schema is missing/],
    [["consume", "--stream", "s", "--lake", lake], /--region is missing/, { AWS_REGION: "" }],
    [[...good, "--schema", DEMO_SCHEMA, "--speed", "9"], /--speed/],
    [[...good, "--schema", DEMO_SCHEMA, "--max-rows", "many"], /many/],
    [[...good, "--schema", DEMO_SCHEMA, "--max-rows", "0"], /must be more than 0/],
    [[...good, "--schema", DEMO_SCHEMA, "--max-seconds=-1"], /must be more than 0/],
    [[...good, "--schema", DEMO_SCHEMA, "--kinesis-endpoint", "ftp://a"], /ftp:\/\/a/],
    [[...good, "--schema", join(folder, "nowhere.json")], /nowhere\.json/],
    [[...good, "--schema", schema], /\/\$defs\/A\/properties\/a.*\n?.*pattern/],
    [[...good, "--schema", DEMO_SCHEMA], /AWS_ACCESS_KEY_ID/, { AWS_ACCESS_KEY_ID: "" }],
  ];
  for (const [words, expected, environment] of cases) {
    const program = runLake(words, environment);
    assert.equal(await program.ended, 2, words.join(" "));
    assert.match(program.log(), expected);
  }
});
