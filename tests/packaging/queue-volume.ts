// Many events through the queue, as miniflare has it, into sinks that throttle, take a half, break, hang and are down, by
// the oracle of tests/edge/faulty-sinks.test.ts. It is long, and no part of the suite:
//
//     node --import tsx --test tests/packaging/queue-volume.ts
//
// `FOREBAY_EVENTS` and `FOREBAY_DOWN_MS` make it shorter. `cargo xtask build worker` builds what it tries.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FaultySinks } from "../edge/support/volume.ts";
import { sum } from "../support/metrics.ts";
import { startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { installWorker, METRICS_KEY, startQueued } from "./support/queued.ts";

const EVENTS = Number(process.env.FOREBAY_EVENTS ?? 200_000);
const DOWN_MS = Number(process.env.FOREBAY_DOWN_MS ?? 60_000);
/** How long the queue may take once all is sent. */
const MOST_MS = 1_800_000;

test(`of ${EVENTS} events each that the queue took reaches every required sink`, {
  timeout: 2 * MOST_MS,
}, async (context) => {
  const app = await installWorker();
  const stack = await startStack({ withLake: false });
  context.after(() => stack.stop());
  const sinks = await FaultySinks.start();
  context.after(() => sinks.stop());
  const cloudflare = await startQueued(app, stack, {
    kinesis: sinks.url("kinesis"),
    consumers: { events: { maxBatchSize: 20, maxBatchTimeout: 0.2, maxRetries: 100 } },
    sinks: sinks.sinks,
    sinkKeys: FaultySinks.keys,
  });
  try {
    const begun = Date.now();
    const seconds = () => Math.round((Date.now() - begun) / 1_000);
    const at = { ...stack, edge: cloudflare.edge };
    const { accepted, answered, requests } = await sinks.send(at, EVENTS, DOWN_MS);
    context.diagnostic(`sent in ${seconds()} s: ${JSON.stringify(answered)}, ${requests} requests`);
    await sinks.have(accepted, MOST_MS);
    context.diagnostic(`all there after ${seconds()} s`);
    for (const faults of sinks.check(accepted)) context.diagnostic(faults);
    const books = () => sinks.checkBooks(cloudflare.edge, METRICS_KEY, answered);
    // A message that a sink took in part comes again, as a whole.
    const balance = () =>
      books().then(
        () => true,
        () => false,
      );
    await until("the queue to be empty", balance, { timeout: MOST_MS }).catch(() => {});
    context.diagnostic(`the queue was empty after ${seconds()} s`);
    const samples = await books();
    const outcome = "accepted";
    const queued = sum(samples, "forebay_sink_records_total", { sink: "queue", outcome });
    assert.equal(queued, accepted.length);
    for (const outcome of ["acknowledged", "retried"]) {
      const messages = sum(samples, "forebay_queue_messages_total", { outcome });
      context.diagnostic(`${messages} messages ${outcome}`);
    }
  } finally {
    await cloudflare.stop();
  }
});
