// A lake in a bucket: who may write to it, and that a process which has lost the lease writes nothing more.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { KinesisClient } from "@aws-sdk/client-kinesis";
import { Bucket } from "../support/bucket.ts";
import { kinesisClient } from "../support/kinesis.ts";
import { eventIds } from "../support/lake.ts";
import { ROOT } from "../support/stack.ts";
import { until } from "../support/until.ts";
import {
  createStream,
  type Event,
  type Program,
  putEvents,
  REGION,
  runLake,
  startKinesis,
} from "./lake-process.ts";

const SCHEMA = join(ROOT, "demo-react/forebay.schema.json");

let kinesis: Program & { url: string };
let client: KinesisClient;
let bucket: Bucket;
let folder: string;

before(async () => {
  kinesis = await startKinesis([]);
  client = kinesisClient({ kinesis: kinesis.url, region: REGION });
  bucket = await Bucket.start("lakes");
  folder = await mkdtemp(join(tmpdir(), "forebay-bucket-"));
});

after(async () => {
  client.destroy();
  bucket.close();
  await kinesis.end("SIGKILL");
  await rm(folder, { recursive: true });
});

/** What stands before the paths of a lake: other programs look for just this. */
const prefix = (stream: string) => `å~1/${stream}`;

const place = (stream: string) => [
  "--lake",
  `s3://lakes/${prefix(stream)}`,
  "--s3-endpoint",
  bucket.url,
];

function consume(stream: string) {
  const words = ["consume", "--stream", stream, "--region", REGION, "--schema", SCHEMA];
  words.push("--kinesis-endpoint", kinesis.url, "--max-seconds", "0.2", ...place(stream));
  return runLake(words);
}

function signUps(...ids: string[]): Event[] {
  return ids.map((event_id) => ({
    event_id,
    event_type: "SignUpEvent",
    attributes: { email: `${event_id}@example.com` },
  }));
}

/** The event ids in the bucket, read by DuckDB from a copy of it. */
async function ids(stream: string): Promise<string[]> {
  const copy = join(folder, stream);
  await bucket.copyTo(copy, `${prefix(stream)}/`);
  return eventIds(copy);
}

const untilIds = (stream: string, count: number, timeout = 20_000) =>
  until(`${count} rows`, async () => (await ids(stream)).length >= count, { timeout });

test("a lake in a bucket goes on after a stop, and is verified there", async () => {
  await createStream(client, "plain");
  const first = consume("plain");
  await putEvents(client, "plain", signUps("a", "b"));
  await untilIds("plain", 2);
  const second = runLake(["replay", "--schema", SCHEMA, "--region", REGION, ...place("plain")]);
  assert.equal(await second.ended, 1, second.log());
  assert.match(second.log(), /held by another/);
  assert.equal(await first.end("SIGTERM"), 0, first.log());
  const third = consume("plain");
  await putEvents(client, "plain", signUps("a", "c"));
  // At once: the lease was given back.
  await untilIds("plain", 3, 8_000);
  assert.equal(await third.end("SIGTERM"), 0, third.log());
  assert.deepEqual(await ids("plain"), ["a", "b", "c"]);
  const verified = runLake(["verify", "--region", REGION, ...place("plain")]);
  assert.equal(await verified.ended, 0, verified.output());
  // What nobody has read yet is told from what is lost.
  await putEvents(client, "plain", signUps("d"));
  const accepted = join(folder, "accepted.txt");
  await writeFile(accepted, "a\nb\nc\nd\nlost\n");
  const words = ["reconcile", "--accepted", accepted, "--region", REGION, ...place("plain")];
  words.push("--stream", "plain", "--kinesis-endpoint", kinesis.url);
  const reconciled = runLake(words);
  assert.equal(await reconciled.ended, 1, reconciled.log());
  assert.match(reconciled.output(), /^unread: d\nmissing: lost\n/);
});

test("a process that slept loses the lake to another, and writes nothing more", async () => {
  await createStream(client, "zombie");
  const zombie = consume("zombie");
  await putEvents(client, "zombie", signUps("a"));
  await untilIds("zombie", 1);
  zombie.signal("SIGSTOP");
  const successor = consume("zombie");
  await putEvents(client, "zombie", signUps("b", "c"));
  await untilIds("zombie", 3, 40_000);
  zombie.signal("SIGCONT");
  await putEvents(client, "zombie", signUps("d"));
  assert.equal(await zombie.ended, 1, zombie.log());
  assert.match(zombie.log(), /the lease of this process is lost/);
  await untilIds("zombie", 4);
  assert.equal(await successor.end("SIGTERM"), 0, successor.log());
  assert.deepEqual(await ids("zombie"), ["a", "b", "c", "d"]);
});
