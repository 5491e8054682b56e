// forebay/node against the real worker: what is recorded arrives once, whatever stands in the way.

import assert from "node:assert/strict";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { type Client, type ClientOptions, createClient } from "forebay/node";
import { compile } from "forebay/tools";
import { startWorker, type Worker } from "../edge/support/worker.ts";
import { readStream } from "../support/kinesis.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { Front } from "./support/front.ts";
import { Recorder } from "./support/recorder.ts";
import { temporaryFolder } from "./support/temporary.ts";

const KEY = randomBytes(24).toString("base64url");

let stack: Stack;
let worker: Worker;
let front: Front;
let clients: Client[];

before(async () => {
  stack = await startStack({ withLake: false });
  worker = await start();
});
after(async () => {
  await worker?.stop();
  await stack?.stop();
});
beforeEach(async () => {
  front = await Front.start(worker.edge);
  clients = [];
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.close({ timeout: 0 })));
  front.stop();
});

async function start(): Promise<Worker> {
  const sha256 = createHash("sha256").update(KEY).digest("hex");
  return startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    serverKeys: [{ name: "tests", sha256, may: ["*"] }],
  });
}

function client(options: Partial<ClientOptions> = {}): Client {
  const own = { endpoint: front.url, key: KEY, appId: stack.app_id, flushInterval: 20 };
  const made = createClient({ ...own, ...options });
  clients.push(made);
  return made;
}

const signUp = (referrer = "a friend") => ({
  name: "SignUpEvent",
  attributes: { email: "ada@example.com", referrer },
});

/** How often each of these events is in the stream. */
async function inStream(ids: string[]): Promise<number[]> {
  const stored = (await readStream(stack)).map(({ json }) => json.forebay.event_id);
  return ids.map((id) => stored.filter((found) => found === id).length);
}

/** The same, which has to be once. */
async function onceInStream(ids: string[]): Promise<void> {
  assert.deepEqual(new Set(await inStream(ids)), new Set([1]));
}

test("an event arrives with what is known of it", async () => {
  const sender = client({ context: { app: { packageName: "shop", versionName: "2.1" } } });
  const endpointId = randomUUID();
  const receipt = await sender
    .with({ user: { id: "u1", attributes: { plan: "pro" } }, endpointId })
    .record(signUp(), {
      timestamp: new Date("2026-11-21T01:02:03Z"),
      session: { id: "s1", start: 1_795_200_000_000 },
      device: { platformVersion: "26.1", platform: "ios" },
      location: { country: "NO", postalCode: "0150" },
    });
  assert.equal((await receipt.settled).state, "delivered");
  assert.equal(receipt.state, "delivered");
  const record = (await readStream(stack))
    .map(({ json }) => json)
    .find((json) => json.forebay.event_id === receipt.id);
  assert.equal(record.event_timestamp, Date.parse("2026-11-21T01:02:03Z"));
  assert.equal(record.client.client_id, endpointId);
  assert.equal(record.session.session_id, "s1");
  assert.equal(record.application.package_name, "shop");
  assert.equal(record.application.version_name, "2.1");
  assert.equal(record.application.sdk.name, "forebay-node");
  assert.equal(record.attributes.referrer, "a friend");
  const text = JSON.stringify(record);
  for (const said of ['"u1"', '"pro"', '"26.1"', '"NO"', '"0150"']) {
    assert.ok(text.includes(said), `${said} in ${text}`);
  }
  assert.equal(front.seen[0].authorization, `Bearer ${KEY}`);
});

test("events leave together, in gzip, in the order that they were recorded in", async () => {
  const sender = client({ flushSize: 40 });
  const receipts = await Promise.all(
    Array.from({ length: 100 }, (_, n) => sender.record(signUp(`number ${n}`))),
  );
  const ids = receipts.map(({ id }) => id);
  await sender.flush();
  assert.deepEqual(
    front.seen.map(({ events }) => events.length),
    [40, 40, 20],
  );
  assert.ok(front.seen.every(({ isCompressed }) => isCompressed));
  assert.deepEqual(front.ids(), ids);
  await onceInStream(ids);
  const { recorded, delivered, queued, durable } = sender.stats();
  assert.deepEqual([recorded, delivered, queued, durable], [100, 100, 0, false]);
});

test("each event has its own answer", async () => {
  const sender = client();
  const [good, unknown, wrong] = await Promise.all([
    sender.record(signUp()),
    sender.record({ name: "Unknown" }),
    sender.record(signUp(), { device: { make: 7 as never } }),
  ]);
  assert.equal((await good.settled).state, "delivered");
  const refused = await unknown.settled;
  assert.equal(refused.state, "rejected");
  assert.equal(refused.violations?.[0].path, "EventType");
  assert.equal((await wrong.settled).violations?.[0].path, "device.make");
  const { delivered, rejected, dropped } = sender.stats();
  assert.deepEqual([delivered, rejected, dropped], [1, 2, 0]);
});

test("an event that is not what the schema asks for never leaves", async () => {
  const schema = compile(JSON.stringify(SCHEMA));
  const sender = client({ schema });
  const invalid = await sender.record({ name: "SignUpEvent", attributes: { email: "ada" } });
  assert.equal(invalid.state, "invalid");
  assert.deepEqual(
    (await invalid.settled).violations?.map(({ path, rule }) => [path, rule]),
    [["Attributes.email", "format"]],
  );
  const listed = await sender.record({ name: "SignUpEvent", attributes: ["x"] as never });
  assert.equal(listed.state, "invalid");
  const cyclic: Record<string, unknown> = {};
  cyclic.attributes = cyclic;
  const unsayable = await sender.record(signUp(), { user: cyclic });
  assert.equal(unsayable.state, "invalid");
  // What is to be dropped is validated, and stays here.
  const kept = await sender.record({
    name: "SignUpEvent",
    attributes: { email: "ada@example.com", referrer: "a friend", password: "hunter2" },
  });
  assert.equal((await kept.settled).state, "delivered");
  assert.ok(!JSON.stringify(front.seen).includes("hunter2"));
  assert.throws(() => sender.record({ name: "" }), { code: "InvalidEvent" });
  const { recorded, invalid: count } = sender.stats();
  assert.deepEqual([recorded, count], [1, 3]);
});

const SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $defs: {
    SignUpEvent: {
      type: "object",
      properties: {
        email: { type: "string", format: "email" },
        referrer: { type: "string" },
        password: { type: "string", "x-pii": "drop" },
      },
      required: ["email"],
    },
  },
};

test("the same id is the same event", async () => {
  const sender = client();
  const id = `order-${randomUUID()}`;
  const timestamp = 1_795_200_000_017;
  const [first, again] = await Promise.all([
    sender.record(signUp(), { id, timestamp }),
    sender.record(signUp(), { id, timestamp }),
  ]);
  assert.equal(first, again);
  await first.settled;
  const later = await sender.record(signUp(), { id, timestamp });
  assert.equal((await later.settled).state, "delivered");
  const records = (await readStream(stack)).filter(({ text }) => text.includes(String(timestamp)));
  assert.equal(records.length, 1);
});

test("what the worker does not take while it is down arrives when it is back", async () => {
  const sender = client();
  const first = await sender.record(signUp());
  await first.settled;
  await worker.stop();
  const receipts = await Promise.all(Array.from({ length: 20 }, () => sender.record(signUp())));
  await sender.flush();
  assert.equal(sender.stats().queued, 20);
  worker = await start();
  front.worker = worker.edge;
  await Promise.all(receipts.map(({ settled }) => settled));
  await onceInStream(receipts.map(({ id }) => id));
  assert.deepEqual(sender.stats().droppedBy, {});
});

test("an answer that is lost costs no second record", async () => {
  const sender = client();
  let losses = 1;
  front.script = () => (losses-- > 0 ? "lost" : undefined);
  const receipt = await sender.record(signUp());
  assert.equal((await receipt.settled).state, "delivered");
  assert.equal(front.seen.length, 2);
  await onceInStream([receipt.id]);
});

test("Retry-After is kept to, in seconds and as a date, by flush() too", async () => {
  // A date has whole seconds.
  const headers = [() => "1", () => new Date(Date.now() + 2_000).toUTCString()];
  const cases = headers.map(async (header) => {
    const own = await Front.start(worker.edge);
    own.script = () =>
      own.seen.length === 1 ? { status: 429, headers: { "retry-after": header() } } : undefined;
    const sender = client({ endpoint: own.url });
    const receipt = await sender.record(signUp());
    await sender.flush();
    await sender.flush();
    const tried = own.seen.length;
    const { state } = await receipt.settled;
    own.stop();
    return { tried, state, waited: own.seen[1].at - own.seen[0].at };
  });
  for (const { tried, state, waited } of await Promise.all(cases)) {
    assert.deepEqual([tried, state], [1, "delivered"]);
    assert.ok(waited >= 950, `${waited} ms`);
  }
});

test("a clock that is set back holds nothing up", async (t) => {
  const { now } = Date;
  t.after(() => {
    Date.now = now;
  });
  front.script = () => {
    if (front.seen.length > 1) return undefined;
    // Behind it lie the wait for others, and the wait after a failure.
    Date.now = () => now() - 3_600_000;
    return "reset";
  };
  const sender = client({ flushInterval: 200 });
  const first = await sender.record(signUp());
  const { settled } = first;
  const late = new Promise((resolve) => setTimeout(resolve, 10_000, { state: "late" }).unref());
  assert.equal(((await Promise.race([settled, late])) as { state: string }).state, "delivered");
  const second = await sender.record(signUp());
  Date.now = () => now() - 7_200_000;
  const end = (await Promise.race([second.settled, late])) as { state: string };
  assert.equal(end.state, "delivered");
});

test("of a batch that is partly throttled those events alone are sent again", async () => {
  const sender = client();
  front.script = ({ events }) => {
    if (front.seen.length > 1) return undefined;
    const results = events.map(({ id }, n) => ({
      id,
      status: [202, 429, 500][n % 3],
      message: "",
    }));
    return { status: 207, body: JSON.stringify({ results }) };
  };
  const receipts = await Promise.all(Array.from({ length: 6 }, () => sender.record(signUp())));
  const ends = await Promise.all(receipts.map(({ settled }) => settled));
  assert.ok(ends.every(({ state }) => state === "delivered"));
  const again = front.seen.slice(1).flatMap(({ events }) => events.map(({ id }) => id));
  const expected = receipts.filter((_, n) => n % 3 > 0).map(({ id }) => id);
  assert.deepEqual(again.toSorted(), expected.toSorted());
  const { throttled, failed } = sender.stats();
  assert.deepEqual([throttled, failed], [2, 2]);
});

const OK = (results: unknown) => ({ status: 202, body: JSON.stringify({ results }) });

const NO_ANSWERS = [
  ["an error of a proxy", { status: 502, body: "<html>" }],
  ["a captive portal", { status: 200, body: "<html>" }],
  ["a firewall", { status: 400, body: "{}" }],
  ["no JSON", { status: 202, body: '{"results":' }],
  ["null", { status: 202, body: "null" }],
  ["no results", OK([])],
  ["too many results", OK([{ status: 202 }, { status: 202 }])],
  ["results of something else", OK([{ id: "another", status: 202 }])],
  ["a result without a status", OK([{ status: "202" }])],
  ["results that are none", OK([null])],
  ["a key that is not known", { status: 401, body: "{}" }],
  ["an application that is not known", { status: 404, body: "{}" }],
  ["a reset", "reset" as const],
] as const;

test("no event ends by what is not the worker's answer to it", async () => {
  const cases = NO_ANSWERS.map(async ([what, answer]) => {
    const own = await Front.start(worker.edge);
    own.script = () => (own.seen.length === 1 ? answer : undefined);
    const sender = client({ endpoint: own.url });
    const receipt = await sender.record(signUp());
    const { state } = await receipt.settled;
    own.stop();
    return [what, state, own.seen.length, sender.stats().failed];
  });
  assert.deepEqual(
    await Promise.all(cases),
    NO_ANSWERS.map(([what]) => [what, "delivered", 2, 1]),
  );
});

test("the key and the events go to no other address", async () => {
  const elsewhere = await Front.start();
  const headers = { location: `${elsewhere.url}/v1/events` };
  front.script = () => (front.seen.length === 1 ? { status: 307, headers } : undefined);
  const receipt = await client().record(signUp());
  assert.equal((await receipt.settled).state, "delivered");
  elsewhere.stop();
  assert.deepEqual([front.seen.length, elsewhere.seen.length], [2, 0]);
});

test("batches that are too large for a proxy become smaller", async () => {
  const most = 3;
  front.script = ({ events }) => (events.length > most ? { status: 413, body: "" } : undefined);
  const sender = client();
  const receipts = await Promise.all(Array.from({ length: 25 }, () => sender.record(signUp())));
  await sender.flush();
  assert.deepEqual(
    receipts.map(({ state }) => state),
    receipts.map(() => "delivered"),
  );
  await onceInStream(receipts.map(({ id }) => id));
});

test("an event that is too large by itself is dropped, and the others arrive", async () => {
  const isLarge = JSON.stringify({ referrer: "large" }).slice(1, -1);
  front.script = ({ events }) =>
    JSON.stringify(events).includes(isLarge) ? { status: 413, body: "" } : undefined;
  const sender = client();
  const [small, large, other] = await Promise.all([
    sender.record(signUp()),
    sender.record(signUp("large")),
    sender.record(signUp()),
  ]);
  assert.equal((await small.settled).state, "delivered");
  assert.equal((await other.settled).state, "delivered");
  const end = await large.settled;
  assert.deepEqual(
    [end.state, end.reason],
    ["dropped", "too large for what stands before the endpoint"],
  );
  const huge = await sender.record(signUp(), {
    user: { id: "u", attributes: { a: "x".repeat(1e6) } },
  });
  assert.deepEqual([huge.state, (await huge.settled).reason], ["dropped", "too large"]);
});

test("memory is bounded: what there is no room for is dropped at once", async () => {
  front.script = () => "reset";
  const sender = client({ bufferSize: 10 });
  const receipts = await Promise.all(Array.from({ length: 15 }, () => sender.record(signUp())));
  const states = receipts.map(({ state }) => state);
  assert.equal(states.filter((state) => state === "dropped").length, 5);
  assert.deepEqual(states.slice(10), Array(5).fill("dropped"));
  const stats = await sender.close({ timeout: 50 });
  assert.deepEqual(stats.droppedBy, {
    "too many events are waiting": 5,
    "the client is closed": 10,
  });
  assert.deepEqual([stats.recorded, stats.queued], [15, 0]);
  assert.equal((await sender.record(signUp())).state, "dropped");
});

test("close() sends what waits, and waits no longer than it is told", async (t) => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => warnings.push(warning);
  process.on("warning", warned);
  t.after(() => process.off("warning", warned));
  const sender = client({ flushInterval: 60_000 });
  const receipts = await Promise.all([sender.record(signUp()), sender.record(signUp())]);
  const { delivered, queued } = await sender.close({ timeout: Number.POSITIVE_INFINITY });
  assert.deepEqual([delivered, queued], [2, 0]);
  assert.deepEqual(warnings, []);
  await onceInStream(receipts.map(({ id }) => id));

  front.script = () => ({ status: 429, headers: { "retry-after": "60" } });
  const held = client();
  await held.record(signUp());
  const began = Date.now();
  await held.close({ timeout: 10_000 });
  assert.ok(Date.now() - began < 5_000);
});

test("settings that cannot work are refused, and the key is not repeated", () => {
  const secret = "not a header\n";
  for (const [options, place] of [
    [{ key: secret }, /key must be/],
    [{ key: "" }, /key must be/],
    [{ endpoint: "events.example.com" }, /endpoint must be/],
    [{ endpoint: undefined as never }, /endpoint must be/],
    [{ flushSize: 0 }, /flushSize must be/],
    [{ bufferSize: Number.NaN }, /bufferSize must be/],
    [{ schema: "7" as never }, /schema. cannot be read/],
  ] as const) {
    assert.throws(
      () => client(options),
      (error: Error & { code: string }) => {
        assert.equal(error.code, "InvalidConfig");
        assert.match(error.message, place);
        assert.ok(!error.message.includes("not a header"));
        return true;
      },
    );
  }
});

test("what a killed process had stored is sent by the next one, once", async () => {
  const spool = await temporaryFolder();
  // Events arrive while it records, so that it is killed between a request and its answer.
  const options = { endpoint: front.url, key: KEY, appId: stack.app_id, spool, flushInterval: 10 };
  const recorder = Recorder.start({ options, count: 2_000, pause: 5 });
  await until("it is in the middle", () => recorder.stored.length >= 300 && front.ids().length > 0);
  await recorder.kill();
  const killed = recorder.stored;
  assert.ok(front.ids().length < killed.length, "all has arrived before the process was killed");
  // Its last request arrives, and nobody hears the answer.
  await until("it is answered", () => front.seen.every(({ status }) => status !== undefined));
  const next = client({ spool });
  await until("all that was stored has arrived", async () => {
    const arrived = new Set(front.ids());
    return killed.every((id) => arrived.has(id));
  });
  await until("the books are closed", () => next.stats().queued === 0);
  await onceInStream(killed);
  const { recorded, delivered, dropped } = next.stats();
  assert.deepEqual([delivered, dropped], [recorded, 0]);
  // Of what had arrived the next process sends no more than the request that was under way.
  assert.ok(recorded < killed.length, `${recorded} of ${killed.length} were sent again`);
});

test("a process ends by itself while its client is open", async () => {
  const options = { endpoint: front.url, key: KEY, appId: stack.app_id, flushInterval: 10 };
  const recorder = Recorder.start({ options: { ...options, flushInterval: 60_000 }, count: 3 });
  assert.equal(await recorder.exit, 0);
  assert.equal(recorder.states.get("recorded")?.length, 3);
  const spool = await temporaryFolder();
  const spooling = Recorder.start({ options: { ...options, spool }, count: 3, close: true });
  assert.equal(await spooling.exit, 0, spooling.errors());
  assert.equal(spooling.stats().delivered, 3);
  assert.equal(spooling.errors(), "");
});

test("what goes wrong is said once, without the key and without the events", async () => {
  const recorder = Recorder.start({
    options: { endpoint: front.url, key: "wrong-key-of-server", appId: stack.app_id },
    count: 3,
    close: true,
  });
  assert.equal(await recorder.exit, 0);
  const said = recorder.errors();
  assert.equal(said.match(/ForebayWarning/g)?.length, 1, said);
  assert.match(said, /401 \(UnauthorizedException\)/);
  assert.ok(!said.includes("wrong-key-of-server") && !said.includes("ada@example.com"));
});
