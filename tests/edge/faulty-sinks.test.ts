// Sinks that throttle, take a half, break, hang and are down: an event that was answered 202 is in all of them, and the
// books balance. `FOREBAY_EVENTS=200000 FOREBAY_DOWN_MS=60000` make it long.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { scrape, sum } from "../support/metrics.ts";
import { guest, putEvents, type TestEvent } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { EVENT_BRIDGE, FaultyService, FIREHOSE, KINESIS, PINPOINT } from "./support/faulty.ts";
import { startWorker } from "./support/worker.ts";

const EVENTS = Number(process.env.FOREBAY_EVENTS ?? 3_000);
const DOWN_MS = Number(process.env.FOREBAY_DOWN_MS ?? 3_000);
/** Requests under way at a time. */
const SENDERS = 8;
const METRICS_KEY = "a key for the metrics";

let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

/** Events of mixed sizes. */
function event(number: number): TestEvent {
  const piece = `${number} ${"x".repeat((number * 37) % 180)}`;
  const started_at = new Date().toISOString();
  const attributes = { piece, completed: String(number % 2 === 0), started_at };
  return number % 3
    ? { EventType: "SignUpEvent", Attributes: { email: `${number}@example.com` } }
    : {
        EventType: "PiecePlayedEvent",
        Attributes: attributes,
        Metrics: { minutes: 12.5, mistakes: number },
      };
}

test(`of ${EVENTS} events each that was answered 202 is in every required sink`, {
  timeout: 3_600_000,
}, async (context) => {
  const protocols = { kinesis: KINESIS, hose: FIREHOSE, bus: EVENT_BRIDGE, old: PINPOINT };
  const services = new Map<string, FaultyService>();
  for (const [name, protocol] of Object.entries(protocols)) {
    services.set(name, await FaultyService.start(protocol, services.size + 1));
  }
  const url = (name: string) => services.get(name)?.url as string;
  const worker = await startWorker(stack, {
    kinesis: url("kinesis"),
    masterSecret: randomBytes(32),
    sinks: [
      { name: "hose", type: "firehose", stream: "f", endpoint: url("hose"), required: true },
      { name: "bus", type: "event_bridge", endpoint: url("bus"), required: true },
      { name: "old", type: "pinpoint", app_id: "a", endpoint: url("old"), required: true },
    ],
    sinkKeys: { old: { access_key_id: "local", secret_access_key: "local" } },
    // One address sends it all.
    rateLimits: { events: { per_network: null, per_identity: null } },
    texts: { METRICS_KEY },
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const credentials = await guest(at);
    const answered: Record<string, number> = { accepted: 0, throttled: 0, failed: 0, invalid: 0 };
    const outcomes: Record<number, string> = { 202: "accepted", 400: "invalid", 429: "throttled" };
    const accepted: string[] = [];
    const waiting = Array.from({ length: EVENTS }, (_, number) => number);
    let requests = 0;
    const sender = async () => {
      for (;;) {
        const numbers = waiting.splice(0, 1 + ((requests++ * 31) % 100));
        if (!numbers.length) return;
        const ids = new Map(numbers.map((number) => [randomUUID() as string, number]));
        const events = [...ids].map(([id, number]) => [id, event(number)]);
        const answers = await putEvents(at, credentials, Object.fromEntries(events));
        for (const [id, { StatusCode }] of Object.entries(answers)) {
          answered[outcomes[StatusCode] ?? "failed"] += 1;
          if (StatusCode === 202) accepted.push(id);
          else waiting.push(ids.get(id) as number);
        }
      }
    };
    const outage = async () => {
      while (accepted.length < EVENTS / 3) await sleep(50);
      const service = services.get("hose") as FaultyService;
      service.isDown = true;
      await sleep(DOWN_MS);
      service.isDown = false;
    };
    await Promise.all([outage(), ...Array.from({ length: SENDERS }, sender)]);
    assert.equal(accepted.length, EVENTS);
    for (const [name, { stored, faults }] of services) {
      const missing = accepted.filter((id) => !stored.has(id));
      assert.deepEqual(missing.slice(0, 5), [], `${name} has not ${missing.length}`);
      context.diagnostic(`${name}: ${JSON.stringify(faults)}`);
    }
    context.diagnostic(`answers: ${JSON.stringify(answered)}, requests: ${requests}`);
    assert.equal(answered.invalid, 0);
    const samples = await scrape(worker.edge, METRICS_KEY);
    for (const [outcome, count] of Object.entries(answered)) {
      assert.equal(sum(samples, "forebay_events_total", { outcome }), count, outcome);
    }
    assert.equal(
      sum(samples, "forebay_events_received_total"),
      Object.values(answered).reduce((sum, count) => sum + count),
    );
    for (const [sink, { acknowledged }] of services) {
      const labels = { sink, outcome: "accepted" };
      assert.equal(sum(samples, "forebay_sink_records_total", labels), acknowledged, sink);
    }
  } finally {
    await worker.stop();
    for (const service of services.values()) service.stop();
  }
});
