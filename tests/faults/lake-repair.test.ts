// Damaged state and files: the lake refuses to go on, `verify` finds them, and `repair` repairs them.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { DeleteStreamCommand, type KinesisClient } from "@aws-sdk/client-kinesis";
import { kinesisClient } from "../support/kinesis.ts";
import { eventIds, filesBelow } from "../support/lake.ts";
import { ROOT } from "../support/stack.ts";
import {
  checkpoints,
  createStream,
  type Event,
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

const SCHEMA = join(ROOT, "demo-react/forebay.schema.json");
const SHARD = "shardId-000000000000";

let kinesis: Program & { url: string };
let client: KinesisClient;
let folder: string;
let lake: string;
let stream: string;
let streams = 0;
let programs: Program[];

before(async () => {
  kinesis = await startKinesis([]);
  client = kinesisClient({ kinesis: kinesis.url, region: REGION });
  folder = await mkdtemp(join(tmpdir(), "forebay-repair-"));
});

after(async () => {
  client.destroy();
  await kinesis.end("SIGKILL");
  await rm(folder, { recursive: true });
});

beforeEach(async (context) => {
  streams += 1;
  stream = `repair-${streams}`;
  lake = join(folder, stream);
  programs = [];
  await createStream(client, stream);
  // biome-ignore lint/suspicious/noExplicitAny: the type lacks what the context of a test has.
  (context as any).after(async () => {
    await Promise.all(programs.map((program) => program.end("SIGKILL")));
    // A Kinesis has ten shards at most.
    await client.send(new DeleteStreamCommand({ StreamName: stream }));
  });
});

function consume() {
  const program = startLake({ kinesis: kinesis.url, stream, lake, maxRows: 4 });
  programs.push(program);
  return program;
}

/** What a command prints, and how it ends. */
async function run(words: string[]): Promise<{ code: number | null; text: string; log: string }> {
  const program = runLake(words);
  const code = await program.ended;
  return { code, text: program.output(), log: program.log() };
}

const verify = () => run(["verify", "--lake", lake]);

const repair = () =>
  run([
    ...["repair", "--lake", lake, "--stream", stream, "--region", REGION],
    ...["--kinesis-endpoint", kinesis.url, "--schema", SCHEMA],
  ]);

const DAY = 86_400_000;

/** Sign-ups of two days. */
function signUps(from: number, to: number): Event[] {
  return Array.from({ length: to - from }, (_, index) => ({
    event_id: `e${from + index}`,
    event_type: "SignUpEvent",
    event_timestamp: Date.now() - (index % 2) * DAY,
    attributes: { email: `e${from + index}@example.com` },
  }));
}

const ids = (count: number) => Array.from({ length: count }, (_, index) => `e${index}`).sort();

/** 20 rows and two rejected entries, by a lake that has ended. */
async function written() {
  const program = consume();
  await putEvents(client, stream, signUps(0, 20));
  const broken = ["{", record({ event_id: "unknown", event_type: "NobodyKnowsEvent" })];
  await putRecords(
    client,
    stream,
    broken.map((data) => ["client-1", data] as const),
  );
  await untilRead(lake, 22);
  assert.equal(await program.end("SIGTERM"), 0, program.log());
  const { code, text } = await verify();
  assert.equal(code, 0, text);
}

/** The lake goes on, and in the end has every event once. */
async function goesOn() {
  const program = consume();
  // The first of them once more, which must not be a second row.
  await putEvents(client, stream, [...signUps(0, 3), ...signUps(20, 30)]);
  await Promise.race([
    untilRead(lake, 35, 15_000).catch(() => {}),
    program.ended.then(() => assert.fail(program.log())),
  ]);
  assert.equal(await program.end("SIGTERM"), 0, program.log());
  assert.deepEqual(await eventIds(lake), ids(30), program.log());
  assert.equal((await rejected(lake)).length, 2);
  const { code, text } = await verify();
  assert.equal(code, 0, text);
}

const checkpoint = async () => (await filesBelow(join(lake, "_state"), ".json"))[0];

async function flip(file: string) {
  const bytes = await readFile(file);
  bytes[bytes.length >> 1] ^= 0x04;
  await writeFile(file, bytes);
}

const cutShort = async (file: string) => truncate(file, (await readFile(file)).length >> 1);

const STATE_DAMAGES: Record<string, () => Promise<void>> = {
  "a checkpoint that is cut short": async () => cutShort(await checkpoint()),
  "an empty checkpoint": async () => writeFile(await checkpoint(), ""),
  "a checkpoint with a changed digit": async () => {
    const file = await checkpoint();
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace(/"rows":20/, '"rows":21'));
  },
  "a deleted checkpoint": async () => rm(await checkpoint()),
  "event ids with a flipped bit": async () => {
    for (const file of await filesBelow(join(lake, "_state"), ".ids")) await flip(file);
  },
  "event ids that are cut short": async () => {
    for (const file of await filesBelow(join(lake, "_state"), ".ids")) await cutShort(file);
  },
  "deleted event ids": async () => {
    for (const file of await filesBelow(join(lake, "_state"), ".ids")) await rm(file);
  },
  "a manifest with a flipped bit": async () => {
    for (const file of await filesBelow(join(lake, "_state"), ".cuts")) await flip(file);
  },
  "a deleted manifest": async () => {
    for (const file of await filesBelow(join(lake, "_state"), ".cuts")) await rm(file);
  },
  "no state at all": () => rm(join(lake, "_state"), { recursive: true }),
};

for (const [what, damage] of Object.entries(STATE_DAMAGES)) {
  test(`${what}: refused, found, and repaired`, async () => {
    await written();
    await damage();
    const refused = consume();
    assert.equal(await refused.ended, 1, refused.log());
    assert.match(refused.log(), /forebay-lake repair/);
    assert.deepEqual(await eventIds(lake), ids(20));
    assert.equal((await verify()).code, 1);
    const { code, text, log } = await repair();
    assert.equal(code, 0, log);
    assert.doesNotMatch(text, /lost/);
    assert.equal((await verify()).code, 0, text);
    await goesOn();
  });
}

test("a position beyond the shard's end is an error, and no record is passed over", async () => {
  await written();
  const file = await checkpoint();
  const { sha256: _, ...state } = JSON.parse(await readFile(file, "utf8"));
  // As another program might write it: the checksum is right.
  state.committed = String(BigInt(state.committed) + 10n ** 20n);
  const open = JSON.stringify(state).slice(0, -1);
  const sha256 = createHash("sha256").update(open).digest("hex");
  await writeFile(file, `${open},"sha256":"${sha256}"}\n`);
  const refused = consume();
  assert.equal(await refused.ended, 1, refused.log());
  assert.match(refused.log(), /beyond its end/);
  assert.equal((await repair()).code, 0);
  await goesOn();
});

for (const [what, damage] of [
  ["deleted", rm],
  ["cut short", cutShort],
  ["changed", flip],
] as const) {
  for (const folder of ["events", "rejected"]) {
    test(`a file of ${folder} that is ${what} is found, and made again from the stream`, async () => {
      await written();
      const [file] = await filesBelow(join(lake, folder), ".parquet");
      const bytes = await readFile(file);
      await damage(file);
      const found = await verify();
      assert.equal(found.code, 1);
      assert.ok(found.text.includes(file.slice(lake.length + 1)), found.text);
      const { code, text } = await repair();
      assert.equal(code, 0, text);
      assert.deepEqual(await readFile(file), bytes, text);
      await goesOn();
    });
  }
}

test("files that no state knows of are read over only when told so", async () => {
  await written();
  await rm(await checkpoint());
  const words = ["--lake", lake, "--stream", stream, "--region", REGION, "--schema", SCHEMA];
  const told = [...words, "--kinesis-endpoint", kinesis.url, "--files-without-state", "ignore"];
  const program = runLake(["consume", "--max-seconds", "0.2", ...told]);
  programs.push(program);
  await untilRead(lake, 22);
  assert.equal(await program.end("SIGTERM"), 0);
});

test("what writes that were cut short have left is removed", async () => {
  await written();
  const [data] = await filesBelow(join(lake, "events"), ".parquet");
  for (const name of [`${data}#1`, `${await checkpoint()}#17`]) await writeFile(name, "half");
  const mine = join(lake, "events/notes#1");
  await writeFile(mine, "of somebody else");
  await goesOn();
  const left = (await listing(lake)).filter((file) => file.includes("#"));
  assert.deepEqual(left, ["events/notes#1"]);
  assert.ok((await checkpoints(lake))[SHARD]);
});
