// Archives of what Firehose wrote become rows, and rejected records become rows after a correction.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { Bucket } from "../support/bucket.ts";
import { eventIds, query, rows } from "../support/lake.ts";
import { ROOT } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { REGION, record, rejected, runLake } from "./lake-process.ts";

const SCHEMA = join(ROOT, "demo-react/forebay.schema.json");
const EVENTS = 4_000;

let folder: string;
let bucket: Bucket;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "forebay-import-"));
  bucket = await Bucket.start("lakes");
});

after(async () => {
  bucket.close();
  await rm(folder, { recursive: true });
});

const signUp = (event_id: string) =>
  record({
    event_id,
    event_type: "SignUpEvent",
    attributes: { email: `${event_id}@example.com` },
  });

/** What Pinpoint wrote of an e-mail. */
const open = (number: number) =>
  JSON.stringify({
    event_type: "_email.open",
    event_timestamp: 1_764_400_000_000 + number,
    arrival_timestamp: 1_764_400_000_500 + number,
    application: { app_id: "app", sdk: {} },
    client: { client_id: "endpoint" },
    session: {},
    attributes: { feedback: "opened" },
    facets: { email_channel: { mail_event: { mail: { message_id: `m-${number}` } } } },
  });

/** Objects of an archive: NDJSON, and gzip of objects one after the other. */
function objects(): Map<string, Buffer> {
  const ids = Array.from({ length: EVENTS }, (_, number) => `e${number}`);
  const signUps = ids.map(signUp);
  const half = EVENTS / 2;
  const opened = Array.from({ length: 1_000 }, (_, number) => open(number));
  return new Map([
    ["2026/01/plain", Buffer.from(`${signUps.slice(0, half).join("")}{"event_type":"cut sh`)],
    ["2026/01/zipped.gz", gzipSync(signUps.slice(half).join("").replaceAll("\n", ""))],
    ["2026/02/pin point #2 [å] 50%~.gz", gzipSync(opened.join(""))],
  ]);
}

async function archive(name: string): Promise<string> {
  for (const [path, bytes] of objects()) {
    const file = join(folder, name, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes);
  }
  return join(folder, name);
}

async function run(words: string[], exitCode = 0): Promise<string> {
  const program = runLake(words);
  assert.equal(await program.ended, exitCode, program.log());
  return program.output();
}

async function holdsAll(lake: string) {
  const ids = await eventIds(lake);
  assert.equal(ids.length, EVENTS + 1_000);
  assert.equal(new Set(ids).size, EVENTS + 1_000);
  assert.equal((await rejected(lake)).length, 1);
  const opened = await query(
    `SELECT count(DISTINCT json_extract_string(extra, '$.facets.email_channel.mail_event.mail.message_id'))::INT
       AS messages FROM read_parquet('${lake}/events/email_open/**/*.parquet')`,
  );
  assert.deepEqual(opened, [{ messages: 1_000 }]);
}

test("an archive becomes rows once, however often the process is killed", async () => {
  const lake = join(folder, "lake");
  const words = ["import", "--archive", await archive("archive"), "--lake", lake];
  words.push("--schema", SCHEMA, "--max-rows", "700");
  for (let batches = 1; ; batches++) {
    const program = runLake(words);
    // Killed while the batch behind the next one is written.
    let code: number | null | undefined;
    program.ended.then((ended) => {
      code = ended;
    });
    await until("a batch", async () => code !== undefined || program.log().includes("\n"));
    if (code === 0) break;
    assert.equal(code, undefined, program.log());
    await program.end("SIGKILL");
    assert.ok(batches < 20, program.log());
  }
  await holdsAll(lake);
  const again = JSON.parse(await run(words));
  assert.deepEqual([again.read, again.counts.records], [0, 0]);
  await run(["verify", "--lake", lake]);
});

test("an archive that has the lake in it is refused", async () => {
  const place = ["--s3-endpoint", bucket.url, "--region", REGION, "--schema", SCHEMA];
  const within = join(await archive("around"), "lake");
  for (const [around, lake] of [
    [join(folder, "around"), within],
    ["s3://lakes/a", "s3://lakes/a/lake"],
    ["s3://lakes", "s3://lakes/lake"],
  ]) {
    await run(["import", "--archive", around, "--lake", lake, ...place], 2);
  }
});

test("an archive in a bucket is imported into a lake there", async () => {
  for (const [path, bytes] of objects()) {
    const etag = `"${createHash("md5").update(bytes).digest("hex")}"`;
    bucket.objects.set(`archive/${path}`, { bytes, etag });
  }
  // What the console makes for a folder.
  bucket.objects.set("archive/2026/02/", { bytes: Buffer.alloc(0), etag: '"0"' });
  const place = ["--s3-endpoint", bucket.url, "--region", REGION];
  const words = ["import", "--archive", "s3://lakes/archive", "--lake", "s3://lakes/lake"];
  const imported = JSON.parse(await run([...words, ...place, "--schema", SCHEMA]));
  assert.deepEqual([imported.objects, imported.problems], [4, []]);
  const copy = join(folder, "copy");
  await bucket.copyTo(copy, "lake/");
  await holdsAll(copy);
  const again = JSON.parse(await run([...words, ...place, "--schema", SCHEMA]));
  assert.equal(again.counts.records, 0);
});

test("rejected records are rows after the schema was corrected", async () => {
  const lake = join(folder, "replayed");
  const schema = JSON.parse(await readFile(SCHEMA, "utf8"));
  delete schema.$defs.SignUpEvent;
  const without = join(folder, "without.json");
  await writeFile(without, JSON.stringify(schema));
  const from = await archive("rejected");
  await run(["import", "--archive", from, "--lake", lake, "--schema", without]);
  assert.equal((await rejected(lake)).length, EVENTS + 1);
  const words = ["replay", "--lake", lake, "--schema", SCHEMA];
  const replayed = JSON.parse(await run(words));
  const { records, rows: found, rejected: left } = replayed.counts;
  assert.deepEqual([records, found, left], [EVENTS + 1, EVENTS, 1]);
  await holdsAll(lake);
  await run(["verify", "--lake", lake]);
  assert.equal(JSON.parse(await run(words)).counts.records, 0);
  const [row] = await rows(lake, "sign_up_event");
  assert.equal(row.email, `${row.event_id}@example.com`);
});
