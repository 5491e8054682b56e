// Events that are sent again though the stream has them: answered, and not written a second time.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { KinesisProxy } from "../faults/kinesis-proxy.ts";
import { readStream } from "../support/kinesis.ts";
import { Site } from "../support/page.ts";
import { guest, putEvents, send } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const EVENT = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
const INVALID = { EventType: "SignUpEvent", Attributes: { email: "nobody" } };

let proxy: KinesisProxy;
let stack: Stack;
let worker: Worker;
/** The stack, with the worker that stands behind the proxy. */
let at: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
  proxy = await KinesisProxy.start(stack.stream);
  proxy.upstream = stack.kinesis;
  worker = await start();
  at = { ...stack, edge: worker.edge };
});
after(async () => {
  await worker?.stop();
  proxy?.close();
  await stack?.stop();
});
beforeEach(() => proxy.next());

function start(deduplicationWindow?: number): Promise<Worker> {
  return startWorker(stack, {
    kinesis: proxy.url,
    masterSecret: randomBytes(32),
    piiSalt: randomBytes(32).toString("base64"),
    deduplicationWindow,
  });
}

/** How often each event stands in the stream. */
async function times(ids: string[]): Promise<number[]> {
  const stored = (await readStream(stack)).map(({ json }) => json.forebay.event_id);
  return ids.map((id) => stored.filter((other) => other === id).length);
}

test("an event that the stream has is answered 202, and stays there once", async () => {
  const credentials = await guest(at);
  const ids = Array.from({ length: 50 }, () => randomUUID());
  const events = Object.fromEntries(ids.map((id) => [id, EVENT]));
  const endpointId = randomUUID();
  const added = [randomUUID(), randomUUID(), randomUUID()];
  for (const id of added) {
    const answers = await putEvents(at, credentials, { ...events, [id]: EVENT }, endpointId);
    for (const answered of [...ids, id]) {
      assert.deepEqual(answers[answered], { StatusCode: 202, Message: "Accepted" });
    }
  }
  assert.deepEqual(await times([...ids, ...added]), Array(53).fill(1));
  assert.match(worker.log(), /"accepted":1,"duplicate":50,"invalid":0/);
});

test("an id of another identity is of another event", async () => {
  const id = randomUUID();
  const endpointId = randomUUID();
  for (const credentials of [await guest(at), await guest(at)]) {
    const answers = await putEvents(at, credentials, { [id]: EVENT }, endpointId);
    assert.equal(answers[id].StatusCode, 202);
  }
  const records = await readStream(stack);
  const senders = records
    .filter(({ json }) => json.forebay.event_id === id)
    .map(({ json }) => json.client.cognito_id);
  assert.equal(new Set(senders).size, 2);
});

test("an event that failed or was invalid is written when it comes again", async () => {
  const credentials = await guest(at);
  const [stored, throttled, failed, mended] = Array.from({ length: 4 }, () => randomUUID());
  const errors: Record<string, string> = {
    [throttled]: "ProvisionedThroughputExceededException",
    [failed]: "InternalFailure",
  };
  proxy.fault = () => ({ kind: "partial", error: (id) => errors[id] });
  const events = { [stored]: EVENT, [throttled]: EVENT, [failed]: EVENT, [mended]: EVENT };
  const first = await putEvents(at, credentials, { ...events, [mended]: INVALID });
  assert.deepEqual(
    [stored, throttled, failed, mended].map((id) => first[id].StatusCode),
    [202, 429, 500, 400],
  );
  proxy.next();
  const second = await putEvents(at, credentials, events);
  for (const id of Object.keys(events)) assert.equal(second[id].StatusCode, 202, id);
  assert.deepEqual(await times([stored, throttled, failed, mended]), [1, 1, 1, 1]);
});

test("events under one key that is no UUID are told apart by what they say", async () => {
  const credentials = await guest(at);
  const endpointId = randomUUID();
  const path = `/v1/apps/${stack.app_id}/events`;
  const now = Date.now();
  const record = async (number: number) => {
    const Timestamp = new Date(now - number).toISOString();
    const Events = { registration_success: { ...EVENT, Timestamp } };
    const body = JSON.stringify({ BatchItem: { [endpointId]: { Endpoint: {}, Events } } });
    const response = await send(at, credentials, { path, body });
    const { Results } = await response.json();
    const { EventsItemResponse } = Results[endpointId];
    assert.equal(EventsItemResponse.registration_success.StatusCode, 202);
  };
  for (let number = 0; number < 5; number++) await record(number);
  // The same one once more.
  await record(3);
  const records = await readStream(stack);
  const own = records.filter(({ json }) => json.client.client_id === endpointId);
  const ids = own.map(({ json }) => json.forebay.event_id);
  assert.equal(ids.length, 5);
  assert.equal(new Set(ids).size, 5);
  for (const id of ids)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-/);
});

test("without a window, an event is written as often as it comes", async () => {
  const without = await start(0);
  try {
    const place = { ...stack, edge: without.edge };
    const credentials = await guest(place);
    const [id, endpointId] = [randomUUID(), randomUUID()];
    await putEvents(place, credentials, { [id]: EVENT }, endpointId);
    await putEvents(place, credentials, { [id]: EVENT }, endpointId);
    assert.deepEqual(await times([id]), [2]);
    const records = (await readStream(stack)).filter(({ json }) => json.forebay.event_id === id);
    assert.equal(records[0].shard, records[1].shard);
  } finally {
    await without.stop();
  }
});

test("what a page sends as it is closed is not written again on its next visit", async () => {
  const site = await Site.start();
  try {
    const context = await site.browser.newContext();
    const config = {
      endpoint: worker.edge,
      appId: stack.app_id,
      region: stack.region,
      identityPoolId: stack.identity_pool_id,
    };
    const page = await site.open({ context });
    await page.evaluate(async (config) => {
      // What follows the first event waits for longer than the page lives.
      forebay.configure({ ...config, flushInterval: 600_000 });
      const attributes = { email: "ada@example.com" };
      await forebay.record({ name: "SignUpEvent", attributes }).settled;
    }, config);
    const ids = await page.evaluate(() => {
      const attributes = { email: "ada@example.com" };
      const receipts = Array.from({ length: 50 }, () =>
        forebay.record({ name: "SignUpEvent", attributes }),
      );
      return receipts.map(({ id }) => id);
    });
    await page.waitForFunction(
      (ids) => ids.every((id) => deliveries.some((it) => it.id === id && it.state === "stored")),
      ids,
    );
    const closed = page.waitForEvent("close");
    await page.close({ runBeforeUnload: true });
    await closed;
    await until("the stream to have what the page sent last", async () =>
      (await times(ids)).every((count) => count > 0),
    );
    const heard = worker.log().length;

    const next = await site.open({ context });
    await next.evaluate((config) => {
      forebay.configure(config);
      // It makes the engine load, where nothing else does.
      forebay.record({ name: "SignUpEvent", attributes: { email: "ada@example.com" } });
    }, config);
    await next.waitForFunction(() => {
      const { recorded, queued } = forebay.stats();
      return recorded > 0 && queued === 0;
    });
    // They did come again: otherwise this shows nothing.
    const duplicates = [
      ...worker
        .log()
        .slice(heard)
        .matchAll(/"duplicate":(\d+)/g),
    ];
    assert.equal(
      duplicates.reduce((sum, [, count]) => sum + Number(count), 0),
      ids.length,
    );
    assert.deepEqual(
      await times(ids),
      ids.map(() => 1),
    );
  } finally {
    await site.close();
  }
});
