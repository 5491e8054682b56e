// The lake as a reader of Kinesis: how often it asks, what it does on each error, where it begins, and
// its metrics.

import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { DeleteStreamCommand, type KinesisClient } from "@aws-sdk/client-kinesis";
import { kinesisClient } from "../support/kinesis.ts";
import { eventIds } from "../support/lake.ts";
import { freePort, ROOT } from "../support/stack.ts";
import { until } from "../support/until.ts";
import {
  checkpoints,
  createStream,
  type Event,
  type Program,
  putEvents,
  REGION,
  runLake,
  startKinesis,
  untilRead,
} from "./lake-process.ts";

const SCHEMA = join(ROOT, "demo-react/forebay.schema.json");

interface Call {
  operation: string;
  // biome-ignore lint/suspicious/noExplicitAny: a request of any operation.
  body: any;
  /** The access key id it was signed with. */
  key: string;
  at: number;
}

type Reply = { status: number; body: object };

const refusal = (name: string, status = 400): Reply => ({
  status,
  body: { __type: name, message: "injected" },
});

let kinesis: Program & { url: string };
let client: KinesisClient;
let folder: string;
let lake: string;
let stream: string;
let streams = 0;
let programs: Program[];
let calls: Call[];
/** What a call is answered with instead of by Kinesis. */
let meddle: (call: Call) => Reply | undefined;

const proxy = createServer((request, response) => {
  handle(request, response).catch(() => request.socket.destroy());
});

async function handle(request: IncomingMessage, response: ServerResponse) {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const call = {
    operation: String(request.headers["x-amz-target"]).replace(/^.*\./, ""),
    body: JSON.parse(text),
    key: /Credential=([^/]+)/.exec(String(request.headers.authorization))?.[1] ?? "",
    at: Date.now(),
  };
  calls.push(call);
  const type = { "content-type": "application/x-amz-json-1.1" };
  const reply = meddle(call);
  if (reply) {
    response.writeHead(reply.status, type).end(JSON.stringify(reply.body));
    return;
  }
  const headers: Record<string, string> = {};
  for (const name of ["authorization", "content-type", "x-amz-date", "x-amz-target"]) {
    headers[name] = String(request.headers[name]);
  }
  const answer = await fetch(kinesis.url, { method: "POST", headers, body: text });
  response.writeHead(answer.status, type).end(await answer.text());
}

before(async () => {
  kinesis = await startKinesis([]);
  client = kinesisClient({ kinesis: kinesis.url, region: REGION });
  folder = await mkdtemp(join(tmpdir(), "forebay-reader-"));
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
});

after(async () => {
  client.destroy();
  proxy.close();
  proxy.closeAllConnections();
  await kinesis.end("SIGKILL");
  await rm(folder, { recursive: true });
});

beforeEach(async (context) => {
  streams += 1;
  stream = `reader-${streams}`;
  lake = join(folder, stream);
  programs = [];
  calls = [];
  meddle = () => undefined;
  await createStream(client, stream);
  // biome-ignore lint/suspicious/noExplicitAny: the type lacks what the context of a test has.
  (context as any).after(async () => {
    await Promise.all(programs.map((program) => program.end("SIGKILL")));
    await client.send(new DeleteStreamCommand({ StreamName: stream }));
  });
});

function consume(more: string[] = [], environment: NodeJS.ProcessEnv = {}) {
  const { port } = proxy.address() as AddressInfo;
  const words = ["consume", "--region", REGION, "--schema", SCHEMA, "--stream", stream];
  words.push("--kinesis-endpoint", `http://127.0.0.1:${port}`, "--lake", lake);
  const program = runLake([...words, "--max-seconds", "0.2", ...more], environment);
  programs.push(program);
  return program;
}

function signUp(event_id: string): Event {
  const attributes = { email: `${event_id}@example.com` };
  return { event_id, event_type: "SignUpEvent", attributes };
}

const of = (operation: string) => calls.filter((call) => call.operation === operation);

/** How many milliseconds lie between the reads of an idle shard, at least. */
async function pace(): Promise<number> {
  await until("the first read", () => of("GetRecords").length > 0);
  const from = of("GetRecords").length;
  await until("more reads", () => of("GetRecords").length >= from + 5);
  const reads = of("GetRecords").slice(from - 1);
  return (reads[5].at - reads[0].at) / 5;
}

test("an idle shard is read twice a second, or as often as is said", async () => {
  consume();
  assert.ok((await pace()) >= 490);
  await programs[0].end("SIGTERM");
  calls = [];
  consume(["--reads-per-second", "5"]);
  const often = await pace();
  assert.ok(often >= 195 && often < 400, String(often));
  await programs[1].end("SIGTERM");
  calls = [];
  consume(["--reads-per-second", "1"]);
  assert.ok((await pace()) >= 990);
});

test("a throttle does not cost the iterator", async () => {
  let refused = 0;
  meddle = (call) => {
    if (call.operation !== "GetRecords" || refused === 3) return undefined;
    refused += 1;
    return refusal("ProvisionedThroughputExceededException");
  };
  const program = consume();
  await putEvents(client, stream, [signUp("a")]);
  await untilRead(lake, 1);
  assert.equal(refused, 3);
  assert.equal(of("GetShardIterator").length, 1);
  assert.match(program.log(), /ProvisionedThroughputExceededException/);
});

test("an iterator that has expired is replaced, and one that always has is told of", async () => {
  let expired = 0;
  meddle = (call) => {
    if (call.operation !== "GetRecords" || expired === 1) return undefined;
    expired += 1;
    return refusal("ExpiredIteratorException");
  };
  const quiet = consume();
  await putEvents(client, stream, [signUp("a")]);
  await untilRead(lake, 1);
  assert.doesNotMatch(quiet.log(), /Expired/);
  await quiet.end("SIGTERM");

  meddle = (call) =>
    call.operation === "GetRecords" ? refusal("ExpiredIteratorException") : undefined;
  const stuck = consume(["--give-up-seconds", "1"]);
  assert.equal(await stuck.ended, 1);
  assert.match(stuck.log(), /ExpiredIteratorException.*trying again/);
  assert.match(stuck.log(), /for 1 s|for 2 s|for 3 s/);
});

test("empty answers on the way to the newest record are read once each", async () => {
  meddle = (call) => {
    if (call.operation === "GetShardIterator") {
      return { status: 200, body: { ShardIterator: "0" } };
    }
    if (call.operation !== "GetRecords") return undefined;
    const at = Number(call.body.ShardIterator);
    const behind = Math.max(0, 10 - at) * 1_000;
    const next = String(at + 1);
    return {
      status: 200,
      body: { Records: [], NextShardIterator: next, MillisBehindLatest: behind },
    };
  };
  consume();
  const read = () => of("GetRecords").map((call) => Number(call.body.ShardIterator));
  await until("the tip", () => read().includes(10));
  assert.deepEqual(read().slice(0, 11), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

for (const [operation, error, status] of [
  ["GetRecords", "AccessDeniedException", 400],
  ["GetRecords", "ExpiredTokenException", 400],
  ["GetShardIterator", "AccessDeniedException", 400],
  ["DescribeStreamSummary", "UnrecognizedClientException", 400],
  ["ListShards", "InvalidSignatureException", 403],
  ["GetRecords", "KMSAccessDeniedException", 400],
  ["GetRecords", "KMSDisabledException", 400],
  ["GetRecords", "ValidationException", 400],
] as const) {
  test(`${error} of ${operation} ends the process, with what to do`, async () => {
    meddle = (call) => (call.operation === operation ? refusal(error, status) : undefined);
    const program = consume();
    assert.equal(await program.ended, 1);
    assert.ok(program.log().includes(error), program.log());
    assert.equal(of(operation).length, 1, "it was tried again");
    if (!/Validation|Disabled/.test(error)) {
      assert.match(program.log(), /check that the credentials hold/);
    }
  });
}

for (const [error, status] of [
  ["InternalFailure", 500],
  ["ServiceUnavailable", 503],
  ["KMSThrottlingException", 400],
  ["LimitExceededException", 400],
] as const) {
  test(`${error} passes`, async () => {
    const failed = new Set<string>();
    meddle = (call) => {
      if (failed.has(call.operation)) return undefined;
      failed.add(call.operation);
      return refusal(error, status);
    };
    consume();
    await putEvents(client, stream, [signUp("a")]);
    await untilRead(lake, 1);
    assert.equal(failed.size, 4);
  });
}

test("errors that stay end the process after the time that is said", async () => {
  const program = runLake([
    ...["consume", "--region", REGION, "--schema", SCHEMA, "--stream", stream, "--lake", lake],
    ...["--kinesis-endpoint", `http://127.0.0.1:${await freePort()}`, "--give-up-seconds", "1"],
  ]);
  assert.equal(await program.ended, 1);
  assert.match(program.log(), /cannot be reached.*--give-up-seconds/);
});

test("credentials come from a profile, and are renewed when Kinesis says that they are over", async () => {
  const config = join(folder, "config");
  const script = join(folder, "credentials.mjs");
  const count = JSON.stringify(join(folder, "count"));
  await writeFile(
    script,
    `#!${process.execPath}
     import { appendFileSync, readFileSync } from "node:fs";
     appendFileSync(${count}, "x");
     const AccessKeyId = "KEY" + readFileSync(${count}, "utf8").length;
     console.log(JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey: "s" }));`,
  );
  await chmod(script, 0o755);
  await writeFile(config, `[profile lake]\ncredential_process = ${script}\n`);
  meddle = (call) =>
    call.operation === "GetRecords" && call.key === "KEY1"
      ? refusal("ExpiredTokenException")
      : undefined;
  const none = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
  consume([], { ...none, AWS_CONFIG_FILE: config, AWS_PROFILE: "lake" });
  await putEvents(client, stream, [signUp("a")]);
  await untilRead(lake, 1);
  assert.equal(calls[0].key, "KEY1");
  assert.ok(of("GetRecords").some((call) => call.key === "KEY2"));
});

test("a stream is begun with what comes from now on, and not again after a restart", async () => {
  await putEvents(client, stream, [signUp("old")]);
  const program = consume(["--start", "latest"]);
  await until("a read", () => of("GetRecords").length > 0);
  await putEvents(client, stream, [signUp("new")]);
  await untilRead(lake, 1);
  assert.deepEqual(await eventIds(lake), ["new"]);
  await program.end("SIGTERM");
  await putEvents(client, stream, [signUp("newer")]);
  consume(["--start", "latest"]);
  await untilRead(lake, 2);
  assert.deepEqual(await eventIds(lake), ["new", "newer"]);
});

test("a start that was killed before its first record does not lose what came since", async () => {
  const program = consume(["--start", "latest"]);
  await until("a read", () => of("GetRecords").length > 0);
  await program.end("SIGKILL");
  await putEvents(client, stream, [signUp("between")]);
  consume(["--start", "latest"]);
  await untilRead(lake, 1);
  assert.deepEqual(await eventIds(lake), ["between"]);
});

test("a stream is begun with a time", async () => {
  await putEvents(client, stream, [signUp("old")]);
  // Kinesis's times have milliseconds, kinesalite's too.
  const old = Date.now();
  await until("the next moment", () => Date.now() > old + 5);
  const since = new Date().toISOString();
  await putEvents(client, stream, [signUp("new")]);
  consume(["--start", since]);
  await untilRead(lake, 1);
  assert.deepEqual(await eventIds(lake), ["new"]);
  assert.ok(Object.keys(await checkpoints(lake)).length === 1);
});

test("metrics and readiness", async () => {
  const port = await freePort();
  const at = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  meddle = (call) =>
    call.operation === "GetRecords" ? refusal("InternalFailure", 500) : undefined;
  const program = consume(["--metrics", `127.0.0.1:${port}`]);
  const answers = async () => (await at("/healthz").catch(() => undefined))?.status === 200;
  await until("the server", answers);
  await until("an error", () => /InternalFailure/.test(program.log()));
  const early = await at("/readyz");
  assert.equal(early.status, 503);
  assert.match(await early.text(), /not answered|no shard/);
  meddle = () => undefined;
  await putEvents(client, stream, [signUp("a"), signUp("a"), { ...signUp("b"), attributes: {} }]);
  await untilRead(lake, 3);
  await until("readiness", async () => (await at("/readyz")).status === 200);
  const answer = await at("/metrics");
  assert.match(String(answer.headers.get("content-type")), /^application\/openmetrics-text/);
  const text = await answer.text();
  const shard = 'shard="shardId-000000000000"';
  for (const line of [
    "forebay_lake_ready 1",
    `forebay_lake_records_total{${shard},outcome="row"} 1`,
    `forebay_lake_records_total{${shard},outcome="rejected"} 1`,
    `forebay_lake_records_total{${shard},outcome="duplicate"} 1`,
    `forebay_lake_behind_seconds{${shard}} 0`,
    `forebay_lake_open_records{${shard}} 0`,
    `forebay_lake_files_total{${shard}} 2`,
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line}\n${text}`);
  }
  assert.match(text, /forebay_lake_kinesis_errors_total\{code="InternalFailure"\} [1-9]/);
  assert.match(text, /forebay_lake_last_commit_timestamp_seconds\{.*\} 1\d{9}/);
  assert.ok(text.endsWith("# EOF\n"));
  assert.equal((await at("/other")).status, 404);
});
