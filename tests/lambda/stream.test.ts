// `stream`: every record of a shard is in the lake, whatever happens to the invocations that it is given to.
//
// FOREBAY_RECORDS=1000000 for as many records, FOREBAY_BOOTSTRAP=FILE for a release build.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Bucket } from "../support/bucket.ts";
import { filesBelow, query } from "../support/lake.ts";
import { LambdaFunction } from "./support/function.ts";
import { deliver } from "./support/mapping.ts";
import { eventOf, isPoison, kinesisRecord, sequenceNumber } from "./support/records.ts";

const RECORDS = Number(process.env.FOREBAY_RECORDS ?? 20_000);
const SEED = Number(process.env.FOREBAY_SEED ?? 13);
const SHARDS = ["shardId-000000000000", "shardId-000000000001"];

let bucket: Bucket;
let folder: string;

before(async () => {
  bucket = await Bucket.start("lakes");
  folder = await mkdtemp(join(tmpdir(), "forebay-lambda-"));
});

after(async () => {
  bucket.close();
  await rm(folder, { recursive: true });
});

const environment = (lake: string, more: NodeJS.ProcessEnv = {}) => ({
  FOREBAY_LAKE: `s3://lakes/${lake}`,
  AWS_ENDPOINT_URL_S3: bucket.url,
  ...more,
});

/** The files of a lake in the bucket, in a folder. */
async function copy(lake: string): Promise<string> {
  const path = join(folder, lake);
  await bucket.copyTo(path, `${lake}/`);
  return path;
}

const sql = (path: string) => `'${path.replaceAll("'", "''")}'`;

/** Reads the rejected entries, whichever form they have. */
async function rejectedTable(path: string): Promise<string> {
  const parquet = await filesBelow(join(path, "rejected"), ".parquet");
  if (parquet.length > 0) return `read_parquet(${sql(`${path}/rejected/**/*.parquet`)})`;
  return `read_ndjson_auto(${sql(`${path}/rejected/**/*.ndjson`)}, union_by_name = true)`;
}

test("rows, rejected entries and duplicates are the records, whatever is killed", async (context) => {
  const half = Math.ceil(RECORDS / 2);
  const shards = SHARDS.map((id, index) => ({
    id,
    from: index * half,
    to: Math.min((index + 1) * half, RECORDS),
  }));
  const started = Date.now();
  const troubles = await Promise.all(
    shards.map((shard, index) => deliver(shard, environment("killed"), bucket, SEED + index)),
  );
  const seconds = (Date.now() - started) / 1000;
  assert.deepEqual(bucket.refused, []);
  const path = await copy("killed");
  const rows = `read_parquet(${sql(`${path}/events/**/*.parquet`)}, union_by_name = true)`;
  const rejected = await rejectedTable(path);
  const [found] = await query(`
    SELECT (SELECT count(*) FROM ${rows})::INT AS rows,
      (SELECT count(DISTINCT event_id) FROM ${rows})::INT AS events,
      (SELECT count(DISTINCT sequence_number) FROM ${rejected})::INT AS rejected`);

  let events = 0;
  let poison = 0;
  let sentAgain = 0;
  for (let number = 0; number < RECORDS; number++) {
    if (isPoison(number)) poison++;
    else if (eventOf(number) === number) events++;
    else sentAgain++;
  }
  assert.equal(events + poison + sentAgain, RECORDS);
  assert.equal(found.events, events);
  assert.equal(found.rejected, poison);
  // And they are the very ones.
  const [wrong] = await query(`
    SELECT (SELECT count(*) FROM (SELECT DISTINCT event_id FROM ${rows})
      WHERE event_id[7:]::INT % 100 = 99 OR event_id[7:]::INT >= ${RECORDS})::INT AS rows,
    (SELECT count(*) FROM ${rejected} WHERE sequence_number[33:]::INT % 100 <> 99)::INT AS rejected`);
  assert.deepEqual(wrong, { rows: 0, rejected: 0 });

  const sum = (name: "invocations" | "killed" | "abandoned") =>
    troubles.reduce((total, trouble) => total + trouble[name], 0);
  assert.ok(sum("killed") > 0 && sum("abandoned") > 0, JSON.stringify(troubles));
  const files = await filesBelow(join(path, "events"), ".parquet");
  let bytes = 0;
  for (const { bytes: content } of bucket.objects.values()) bytes += content.length;
  const megabytes = Math.max(...troubles.map((trouble) => trouble.megabytes));
  context.diagnostic(
    `${RECORDS} records in ${seconds.toFixed(1)} s: ${sum("invocations")} invocations, ` +
      `${sum("killed")} killed, ${sum("abandoned")} given up; ${found.rows} rows of ` +
      `${found.events} events, ${found.rejected} rejected; ${files.length} files of ` +
      `${(bytes / 1e6).toFixed(1)} MB with the rejected; ${megabytes.toFixed(0)} MB of memory`,
  );
});

test("after compaction each event is one row, in few files", async (context) => {
  const before = await filesBelow(join(folder, "killed", "events"), ".parquet");
  const lambda = new LambdaFunction("compact", environment("killed"));
  let partitions = 0;
  for (let more = true; more; ) {
    assert.equal(await lambda.invoke({}), null);
    const found = lambda.log.match(/"partition":/g)?.length ?? 0;
    more = found > partitions;
    partitions = found;
  }
  lambda.kill();
  await rm(join(folder, "killed"), { recursive: true });
  const path = await copy("killed");
  const rows = `read_parquet(${sql(`${path}/events/**/*.parquet`)}, union_by_name = true)`;
  const [found] = await query(
    `SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS events FROM ${rows}`,
  );
  let events = 0;
  for (let number = 0; number < RECORDS; number++) {
    if (!isPoison(number) && eventOf(number) === number) events++;
  }
  assert.deepEqual(found, { rows: events, events });
  const after = await filesBelow(join(path, "events"), ".parquet");
  assert.ok(after.length < before.length / 4, `${before.length} files became ${after.length}`);
  context.diagnostic(
    `${before.length} files became ${after.length}; ${lambda.megabytes.toFixed(0)} MB of memory`,
  );
});

test("a bucket that denies has the records come again, and says why", async () => {
  const other = { AWS_SECRET_ACCESS_KEY: "another" };
  const lambda = new LambdaFunction("stream", environment("denied", other));
  const records = [0, 1, 2].map((number) => kinesisRecord(SHARDS[0], number));
  const answer = await lambda.invoke({ Records: records });
  const first = { itemIdentifier: sequenceNumber(0) };
  assert.deepEqual(answer, { batchItemFailures: [first] });
  lambda.kill();
  assert.match(lambda.log, /"error":"[^"]*(SignatureDoesNotMatch|403)/);
  assert.match(bucket.refused.join(), /SignatureDoesNotMatch/);
  assert.deepEqual(
    [...bucket.objects.keys()].filter((key) => key.startsWith("denied")),
    [],
  );
});

test("a setting that is missing ends the process with what to do", async () => {
  for (const [handler, set, says] of [
    ["stream", {}, /FOREBAY_LAKE is not set: it has to be s3:/],
    ["index.handler", {}, /_HANDLER is `index.handler`: it has to be stream, transform, en/],
    ["enrichment", { FOREBAY_SCHEMA: "/nowhere" }, /\/nowhere is not a schema Forebay can use/],
  ] as const) {
    const lambda = new LambdaFunction(handler, set);
    await assert.rejects(lambda.invoke({ Records: [] }), says);
    lambda.kill();
  }
});
