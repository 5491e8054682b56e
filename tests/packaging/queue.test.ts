// The worker behind a queue of Cloudflare's, as miniflare has it: in the runtime of Cloudflare, with the queue's
// batches, delays, tries and dead-letter queue. miniflare keeps messages in memory alone, so a queue that is killed
// with its messages cannot be tried here; a consumer that ends before it has acknowledged any can.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { type Fault, KinesisProxy } from "../faults/kinesis-proxy.ts";
import { readStream } from "../support/kinesis.ts";
import { scrape, sum } from "../support/metrics.ts";
import { guest, putEvents } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import type { App } from "./support/app.ts";
import {
  type Cloudflare,
  type Consumer,
  installWorker,
  KEY,
  METRICS_KEY,
  startQueued,
} from "./support/queued.ts";

let app: App;
let stack: Stack;
before(async () => {
  app = await installWorker();
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

/** Starts the shipped worker with these consumers. `main` is its entry. */
function start(
  kinesis: string,
  consumers: Record<string, Consumer>,
  main?: string,
): Promise<Cloudflare> {
  return startQueued(app, stack, { kinesis, consumers, main });
}

/** The ids of the events that the stream has. */
async function stored(): Promise<string[]> {
  return (await readStream(stack)).map(({ json }) => json.forebay.event_id);
}

/** Sends events of a visitor of their own; gives the ids of those that were answered 202. */
async function visit(at: Cloudflare, count: number): Promise<string[]> {
  const place = { ...stack, edge: at.edge };
  const ids = Array.from({ length: count }, () => randomUUID());
  const event = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
  const events = Object.fromEntries(ids.map((id) => [id, event]));
  const answers = await putEvents(place, await guest(place), events);
  return ids.filter((id) => answers[id].StatusCode === 202);
}

test("what is answered 202 arrives, whatever happens to the stream and the consumer", async (context) => {
  const kinesis = await KinesisProxy.start(stack.stream);
  context.after(() => kinesis.close());
  kinesis.upstream = stack.kinesis;
  // The first batches are delivered by a consumer that ends before it has said so.
  const main = `import { worker } from "./worker.js";
const inner = worker(SCHEMA);
let batches = 0;
export default {
  fetch: inner.fetch,
  async queue(batch, env, context) {
    batches += 1;
    if (batches > 2) return inner.queue(batch, env, context);
    const messages = batch.messages.map(({ body, attempts }) => ({ body, attempts, ack() {}, retry() {} }));
    await inner.queue({ messages, retryAll() {} }, env, context);
    throw new Error("the consumer ends");
  },
};`;
  const consumer = { maxBatchSize: 20, maxBatchTimeout: 0.2, maxRetries: 100 };
  const cloudflare = await start(kinesis.url, { events: consumer }, main);
  try {
    const accepted: string[] = [];
    const visits = async (rounds: number) => {
      for (let round = 0; round < rounds; round++) {
        const all = await Promise.all([5, 20, 50].map((count) => visit(cloudflare, count)));
        accepted.push(...all.flat());
      }
    };
    await visits(4);
    // The stream is down in each of the ways that it can be; nobody who sends notices.
    const down = async (
      rounds: number,
      fault: Fault,
      condition: () => Promise<boolean> | boolean,
    ) => {
      kinesis.fault = () => fault;
      await visits(rounds);
      await until(`a try that was ${fault.kind}`, condition);
      // Back for a while: each further try of a message waits twice as long.
      kinesis.fault = () => undefined;
      await visits(1);
    };
    const has = (outcome: string) => async () => {
      const samples = await scrape(cloudflare.edge, METRICS_KEY);
      return sum(samples, "forebay_queue_messages_total", { outcome }) > 0;
    };
    const tried = (kind: Fault["kind"]) => () =>
      kinesis.passages.some((passage) => passage.kind === kind);
    // So long that messages come again.
    const refused: Fault = { kind: "refused", status: 500, error: "InternalFailure" };
    await down(2, refused, has("retried"));
    await down(2, { kind: "reset" }, tried("reset"));
    await down(1, { kind: "answer lost" }, tried("answer lost"));
    const isThrottled = (index: number) =>
      index % 3 === 0 ? "ProvisionedThroughputExceededException" : undefined;
    const partial: Fault = { kind: "partial", error: (_, index) => isThrottled(index) };
    await down(1, partial, tried("partial"));
    assert.equal(accepted.length, 14 * 75);
    await until(
      "all that was accepted",
      async () => {
        const there = new Set(await stored());
        return accepted.every((id) => there.has(id));
      },
      { timeout: 180_000 },
    );
    // Records of several visitors share a call.
    const full = kinesis.passages.filter(({ came }) => came.length > 75);
    assert.ok(full.length > 0, "no call had the records of more than one visitor");
    const samples = await scrape(cloudflare.edge, METRICS_KEY);
    const queued = { sink: "queue", outcome: "accepted" };
    assert.equal(sum(samples, "forebay_sink_records_total", queued), accepted.length);
    assert.ok(await has("acknowledged")());
  } finally {
    await cloudflare.stop();
  }
});

test("dead letters and updates of endpoints go through the queue too", async () => {
  const consumer = { maxBatchSize: 20, maxBatchTimeout: 0.2, maxRetries: 100 };
  const cloudflare = await start(stack.kinesis, { events: consumer });
  try {
    const answer = await fetch(`${cloudflare.edge}/v1/events`, {
      method: "POST",
      headers: { authorization: `Bearer ${KEY}` },
      body: JSON.stringify({ id: "queue-1", name: "SignUpEvent" }),
    });
    assert.equal(answer.status, 400);
    const [{ event_id }] = (await answer.json()).results;
    const letters = () => readStream(stack, stack.dead_letter_stream);
    await until("the dead letter", async () =>
      (await letters()).some(({ json }) => json.event_id === event_id),
    );
  } finally {
    await cloudflare.stop();
  }
});

test("what is given up is in the queue's dead-letter queue, and comes from there when that is consumed", async (context) => {
  const kinesis = await KinesisProxy.start(stack.stream);
  context.after(() => kinesis.close());
  kinesis.upstream = stack.kinesis;
  kinesis.fault = () => ({ kind: "refused", status: 400, error: "ResourceNotFoundException" });
  const consumer = {
    maxBatchSize: 10,
    maxBatchTimeout: 0.1,
    maxRetries: 0,
    deadLetterQueue: "dead",
  };
  // The same worker consumes the dead-letter queue.
  const dead = { maxBatchSize: 10, maxBatchTimeout: 0.1, maxRetries: 100 };
  const cloudflare = await start(kinesis.url, { events: consumer, dead });
  try {
    const accepted = await visit(cloudflare, 10);
    assert.equal(accepted.length, 10);
    await until("a try from each queue", () => kinesis.passages.length >= 2);
    kinesis.fault = () => undefined;
    await until(
      "all that was given up",
      async () => {
        const there = new Set(await stored());
        return accepted.every((id) => there.has(id));
      },
      { timeout: 60_000 },
    );
  } finally {
    await cloudflare.stop();
  }
});

test("a queue that is not bound is told by name, and nothing is claimed", async () => {
  const main = `import { worker } from "./worker.js";
const inner = worker(SCHEMA);
export default { fetch: (request, { QUEUE, ...env }, context) => inner.fetch(request, env, context) };`;
  const cloudflare = await start(stack.kinesis, {}, main);
  try {
    const answer = await fetch(`${cloudflare.edge}/readyz`);
    assert.equal(answer.status, 503);
    assert.match((await answer.json()).configuration[0], /`queue`: there is no binding `QUEUE`/);
  } finally {
    await cloudflare.stop();
  }
});
