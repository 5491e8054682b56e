// Dead letters: where they go, their form, and how their events are sent again.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import { guest, putEvents } from "../support/requests.ts";
import { ROOT, type Stack, startStack } from "../support/stack.ts";
import { startService } from "./support/service.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const KEY = "replay-key";
const SERVER_KEYS = [
  { name: "replay", sha256: createHash("sha256").update(KEY).digest("hex"), may: ["*"] },
];

let stack: Stack;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "forebay-dead-letters-"));
  stack = await startStack({ withLake: false });
});
after(async () => {
  await stack?.stop();
  await rm(folder, { recursive: true });
});

/** Writes the stack's schema with another definition of one event type. */
async function schemaWith(event: object): Promise<string> {
  const schema = JSON.parse(await readFile(stack.schema, "utf8"));
  schema.$defs.SignUpEvent = event;
  const path = join(folder, `${randomUUID()}.schema.json`);
  await writeFile(path, JSON.stringify(schema));
  return path;
}

const TEXT = { type: "string" };
const signUp = (properties: object, required: string[] = []) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});

/** Runs `npx forebay-worker replay`; gives its exit status and what it printed. */
function replay(
  worker: Pick<Worker, "edge">,
  words: string[],
  input = "",
  key = KEY,
): Promise<{ status: number; output: string }> {
  const program = join(ROOT, "npm/worker/bin/forebay-worker.js");
  const all = [program, "replay", ...words, "--endpoint", worker.edge];
  return new Promise((resolve) => {
    const options = { env: { ...process.env, FOREBAY_KEY: key } };
    const child = execFile(process.execPath, all, options, (error, stdout, stderr) => {
      resolve({ status: error ? Number(error.code) : 0, output: stdout + stderr });
    });
    child.stdin?.end(input);
  });
}

test("dead letters need no Kinesis, and what they hold is sent again after a mend", async () => {
  const letters: string[] = [];
  const firehose = await startService((body, response) => {
    const records = body.Records as { Data: string }[];
    letters.push(...records.map(({ Data }) => Buffer.from(Data, "base64").toString()));
    const results = records.map(() => ({ RecordId: "1" }));
    response.end(JSON.stringify({ FailedPutCount: 0, RequestResponses: results }));
  });
  const options = {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    serverKeys: SERVER_KEYS,
    deadLetters: { type: "firehose", stream: "dead", endpoint: firehose.url },
  };
  const old = await schemaWith(signUp({ email: TEXT }, ["email"]));
  let worker = await startWorker({ ...stack, schema: old }, options);
  try {
    let at = { ...stack, edge: worker.edge };
    const event = (attributes: Record<string, string>) => ({
      EventType: "SignUpEvent",
      Attributes: { email: "a@example.com", ...attributes },
    });
    const [id, endpointId] = [randomUUID(), randomUUID()];
    const refused = { [id]: event({ plan: "pro" }), key1: event({ plan: "free" }) };
    const answers = await putEvents(at, await guest(at), refused, endpointId);
    assert.deepEqual([answers[id].StatusCode, answers.key1.StatusCode], [400, 400]);
    const plain = await fetch(`${worker.edge}/v1/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ name: "SignUpEvent", attributes: { email: "b", plan: "pro" } }),
    });
    assert.equal(plain.status, 400);
    const read = letters.map((letter) => JSON.parse(letter));
    assert.deepEqual(
      read.map(({ kind, event_type, format }) => [kind, event_type, format]),
      Array(3).fill(["event", "SignUpEvent", "put_events"]),
    );
    assert.equal(new Set(read.map((letter) => Object.keys(letter).join())).size, 1);
    assert.equal(read[0].dead_letter_id.length, `${randomUUID()}-0`.length);

    const file = join(folder, "letters.ndjson");
    // What is refused again leaves further letters.
    const first = letters.slice(0, 3);
    await writeFile(file, first.join(""));
    const again = await replay(worker, [file]);
    assert.equal(again.status, 1, again.output);
    assert.match(again.output, /3 dead letters: 0 accepted, 3 refused again/);
    assert.match(again.output, /3 {2}Attributes\.plan: expected a field of the event type/);
    assert.equal((await replay(worker, [file], "", "another")).status, 2);
    assert.deepEqual(await readStream(stack), []);

    await worker.stop();
    const mended = await schemaWith(signUp({ email: TEXT, plan: TEXT }, ["email"]));
    worker = await startWorker({ ...stack, schema: mended }, options);
    at = { ...stack, edge: worker.edge };
    const dry = await replay(worker, [file, "--dry-run"]);
    assert.match(dry.output, /3 would be sent/);
    // From a file, and once more from standard input with what cannot be sent between.
    const done = await replay(worker, [file]);
    assert.deepEqual([done.status, done.output], [0, "3 dead letters: 3 accepted\n"]);
    const endpoint = { ...read[0], kind: "endpoint", event: null, endpoint: { Address: 7 } };
    const mixed = [...first, `${JSON.stringify(endpoint)}\n`, "no letter\n"].join("\n");
    const mixedRun = await replay(worker, ["-"], mixed);
    assert.equal(mixedRun.status, 1);
    assert.match(mixedRun.output, /5 dead letters: 3 accepted, 1 skipped.*, 1 unreadable/);

    const records = await readStream(stack);
    const ids = records.map(({ json }) => json.forebay.event_id);
    assert.equal(new Set(ids).size, 3);
    const record = records.find(({ json }) => json.forebay.event_id === id)?.json;
    assert.equal(record.attributes.plan, "pro");
    assert.equal(record.client.client_id, endpointId);
    assert.equal(record.event_timestamp, Date.parse(read[0].event.Timestamp));
    assert.equal(record.session.session_id, read[0].event.Session.Id);
  } finally {
    await worker.stop();
    firehose.stop();
  }
});

test("what a rule for personal data took away is not sent again, nor made up", async () => {
  const email = { type: "string", format: "email", "x-pii": "hash" };
  const old = await schemaWith(signUp({ email, plan: TEXT }));
  const options = {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    piiSalt: randomBytes(32).toString("base64"),
    serverKeys: SERVER_KEYS,
  };
  let worker = await startWorker({ ...stack, schema: old }, options);
  try {
    const at = { ...stack, edge: worker.edge };
    const id = randomUUID();
    const Attributes = { email: "ada@example.com", plan: "pro" };
    const event = { EventType: "SignUpEvent", Attributes, Metrics: { seats: 2 } };
    const answers = await putEvents(at, await guest(at), { [id]: event });
    assert.equal(answers[id].StatusCode, 400);
    const all = await readStream(stack, stack.dead_letter_stream);
    const letter = all.find(({ json }) => json.event_id === id);
    assert.ok(letter && !letter.text.includes("ada@"));
    assert.deepEqual(letter.json.redacted.toSorted(), [
      "Attributes.email",
      "Metrics.seats",
      "Session",
    ]);
    await worker.stop();

    const mended = await schemaWith(signUp({ email, plan: TEXT, seats: { type: "integer" } }));
    worker = await startWorker({ ...stack, schema: mended }, options);
    const whole = await replay(worker, ["-"], letter.text);
    assert.equal(whole.status, 1);
    assert.match(whole.output, /1 dead letter: 0 accepted, 1 incomplete/);
    const without = await replay(worker, ["-", "--without-redacted"], letter.text);
    assert.deepEqual([without.status, without.output], [0, "1 dead letter: 1 accepted\n"]);
    const records = await readStream(stack);
    const record = records.find(({ json }) => json.forebay.event_id === id)?.json;
    assert.deepEqual([record.attributes, record.metrics], [{ plan: "pro" }, {}]);
  } finally {
    await worker.stop();
  }
});
