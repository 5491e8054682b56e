// Sinks that throttle, take a half, break, hang and are down: an event that was answered 202 is in all of them, and the
// books balance. `FOREBAY_EVENTS=200000 FOREBAY_DOWN_MS=60000` make it long. With a queue in front of the sinks:
// tests/packaging/queue-volume.ts.

import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { type Stack, startStack } from "../support/stack.ts";
import { FaultySinks } from "./support/volume.ts";
import { startWorker } from "./support/worker.ts";

const EVENTS = Number(process.env.FOREBAY_EVENTS ?? 3_000);
const DOWN_MS = Number(process.env.FOREBAY_DOWN_MS ?? 3_000);
const METRICS_KEY = "a key for the metrics";

let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

test(`of ${EVENTS} events each that was answered 202 is in every required sink`, {
  timeout: 3_600_000,
}, async (context) => {
  const sinks = await FaultySinks.start();
  const worker = await startWorker(stack, {
    kinesis: sinks.url("kinesis"),
    masterSecret: randomBytes(32),
    sinks: sinks.sinks,
    sinkKeys: FaultySinks.keys,
    texts: { METRICS_KEY },
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const { accepted, answered, requests } = await sinks.send(at, EVENTS, DOWN_MS);
    for (const faults of sinks.check(accepted)) context.diagnostic(faults);
    context.diagnostic(`answers: ${JSON.stringify(answered)}, requests: ${requests}`);
    await sinks.checkBooks(worker.edge, METRICS_KEY, answered);
  } finally {
    await worker.stop();
    sinks.stop();
  }
});
