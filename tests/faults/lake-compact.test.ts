// Small files are merged while three engines read, and the process that merges is killed again and again:
// every read gives the same events.

import assert from "node:assert/strict";
import { randomInt, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { kinesisClient } from "../support/kinesis.ts";
import { eventIds, filesBelow, query } from "../support/lake.ts";
import { python } from "../support/python.ts";
import { until } from "../support/until.ts";
import {
  type Event,
  putEvents,
  REGION,
  runLake,
  startKinesis,
  startLake,
  untilRead,
} from "./lake-process.ts";

const EVENTS = 3_000;
const KILLS = 20;
const DAY = 86_400_000;
/** One for each of two days, and for each the last ones of two shards, which are left. */
const MERGED = 6;

test(`${KILLS} kills during compaction: DuckDB, pyarrow and Spark read the same at each moment`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "forebay-lake-"));
  const lake = join(folder, "lake");
  const table = join(lake, "events/piece_played_event");
  const kinesis = await startKinesis(["events:2"]);
  const client = kinesisClient({ kinesis: kinesis.url, region: REGION });
  try {
    const events = Array.from({ length: EVENTS }, (_, number) => played(number));
    const options = { kinesis: kinesis.url, stream: "events", lake };
    const reader = startLake({ ...options, maxRows: 40, compactSeconds: 0 });
    await putEvents(client, "events", events);
    await untilRead(lake, EVENTS, 60_000);
    assert.equal(await reader.end("SIGTERM"), 0, reader.log());
    const before = await size(table);
    const expected = await distinct(table);
    assert.equal(expected[0], EVENTS);

    const end = join(folder, "end");
    const script = (engine: string) => python("faults/read_distinct.py", [table, engine, end]);
    const engines = Promise.all([script("pyarrow"), script("spark")]);
    engines.catch(() => {});
    const isReading = () => ["pyarrow", "spark"].every((engine) => existsSync(`${end}.${engine}`));
    await Promise.race([until("the engines", isReading, { timeout: 60_000 }), engines]);
    let killed = 0;
    let reads = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const merging = runLake(["compact", "--lake", lake]);
      await sleep(randomInt(400));
      if ((await merging.end("SIGKILL")) === null) killed++;
      assert.deepEqual(await distinct(table), expected, `after kill ${kill + 1}`);
      reads++;
    }
    assert.ok(killed > 0, "no process was killed");
    // Undisturbed, until nothing is left to do.
    await until(
      "few files",
      async () => {
        const merging = runLake(["compact", "--lake", lake]);
        assert.equal(await merging.ended, 0, merging.log());
        assert.deepEqual(await distinct(table), expected);
        reads++;
        return (await size(table)).files <= MERGED;
      },
      { timeout: 60_000 },
    );
    await writeFile(end, "");
    for (const answer of await engines) {
      const { answers, reads, errors } = JSON.parse(answer);
      assert.deepEqual(answers, [expected]);
      assert.ok(reads > 1, `${reads} reads`);
      t.diagnostic(`${reads} reads, and ${errors} that met a file that was just deleted`);
    }
    // Each event is one row now, and the books balance.
    const ids = await eventIds(lake);
    assert.deepEqual(ids, events.map((event) => event.event_id).sort());
    const verify = runLake(["verify", "--lake", lake]);
    assert.equal(await verify.ended, 0, verify.output());
    const after = await size(table);
    t.diagnostic(
      `${killed} kills, ${reads} reads of DuckDB; ${before.files} files of ${before.bytes} bytes ` +
        `became ${after.files} of ${after.bytes}`,
    );
    assert.ok(after.bytes < before.bytes / 2);

    // The lake goes on where it was.
    const more = [played(EVENTS)];
    const again = startLake(options);
    await putEvents(client, "events", [...more, events[0]]);
    const counts = await untilRead(lake, EVENTS + 2);
    assert.equal(await again.end("SIGTERM"), 0, again.log());
    assert.equal(counts.rows, EVENTS + 1);
    assert.equal(counts.duplicates, 1);
  } finally {
    client.destroy();
    await kinesis.end("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
});

/** Events over two days that are over. */
function played(number: number): Event {
  return {
    event_id: randomUUID(),
    event_type: "PiecePlayedEvent",
    client_id: `client-${number % 20}`,
    event_timestamp: Date.now() - ((number % 2) + 2) * DAY - number,
    attributes: { piece: `Étude nº ${number}`, completed: "true" },
    metrics: { minutes: 1 + (number % 500), mistakes: 0 },
  };
}

/** Events and the sum of their minutes, each event once. */
async function distinct(table: string): Promise<number[]> {
  const [row] = await query(
    `SELECT count(*)::INTEGER AS events, sum(minutes)::DOUBLE AS minutes
     FROM (SELECT event_id, min(minutes) AS minutes FROM read_parquet('${table}/**/*.parquet') GROUP BY event_id)`,
  );
  return [Number(row.events), Number(row.minutes)];
}

async function size(table: string) {
  const files = await filesBelow(table, ".parquet");
  const sizes = await Promise.all(files.map((file) => stat(file)));
  return { files: files.length, bytes: sizes.reduce((sum, { size }) => sum + size, 0) };
}
