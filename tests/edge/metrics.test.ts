// What the worker counts: the books balance, sinks and traps are in them, and data points say the same.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { KinesisProxy } from "../faults/kinesis-proxy.ts";
import { type Samples, scrape, sum } from "../support/metrics.ts";
import { guest, putEvents, send } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { PANICKING } from "./support/panicking.ts";
import { startService } from "./support/service.ts";
import { startWorker } from "./support/worker.ts";

const METRICS_KEY = "a key for the metrics";

let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

/** How many events there were of each outcome, as the answers said it. */
type Oracle = Record<string, number>;

function assertBooks(samples: Samples, oracle: Oracle): void {
  for (const [outcome, count] of Object.entries(oracle)) {
    assert.equal(sum(samples, "forebay_events_total", { outcome }), count, outcome);
  }
  const all = Object.values(oracle).reduce((sum, count) => sum + count, 0);
  assert.equal(sum(samples, "forebay_events_total"), all);
  assert.equal(sum(samples, "forebay_events_received_total"), all);
}

test("received is accepted, invalid, throttled and failed, whatever the stream does", async () => {
  const kinesis = await KinesisProxy.start(stack.stream);
  kinesis.upstream = stack.kinesis;
  const bus = await startService((_, response) => response.writeHead(400).end("{}"));
  const worker = await startWorker(stack, {
    kinesis: kinesis.url,
    masterSecret: randomBytes(32),
    sinks: [{ name: "bus", type: "event_bridge", endpoint: bus.url }],
    texts: { METRICS_KEY },
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const credentials = await guest(at);
    const oracle: Oracle = { accepted: 0, invalid: 0, throttled: 0, failed: 0 };
    const names: Record<number, string> = { 202: "accepted", 400: "invalid", 429: "throttled" };
    const visit = async () => {
      const events = Object.fromEntries(
        Array.from({ length: 30 }, (_, index) => {
          const email = index % 5 === 0 ? "nobody" : "a@example.com";
          const EventType = index % 7 === 0 ? `Unheard${randomUUID()}` : "SignUpEvent";
          return [randomUUID(), { EventType, Attributes: { email } }];
        }),
      );
      const answers = await putEvents(at, credentials, events);
      for (const { StatusCode } of Object.values(answers)) {
        oracle[names[StatusCode] ?? "failed"] += 1;
      }
    };
    await visit();
    const partly = (index: number) =>
      index % 2 ? "ProvisionedThroughputExceededException" : undefined;
    kinesis.fault = () => ({ kind: "partial", error: (_, index) => partly(index) });
    await visit();
    kinesis.fault = () => ({
      kind: "partial",
      error: () => "ProvisionedThroughputExceededException",
    });
    await visit();
    kinesis.fault = () => ({ kind: "refused", status: 400, error: "AccessDeniedException" });
    await visit();
    kinesis.fault = () => undefined;
    await visit();
    for (const outcome of Object.keys(oracle)) assert.ok(oracle[outcome] > 0, outcome);
    const later = async () => {
      const samples = await scrape(worker.edge, METRICS_KEY);
      const failed = sum(samples, "forebay_sink_records_total", { sink: "bus", outcome: "failed" });
      return failed === oracle.accepted && samples;
    };
    const samples = await until("the sink that no answer waits for", later);
    assertBooks(samples, oracle);
    assert.deepEqual(
      [...new Set(samples.map(({ labels }) => labels.event_type).filter(Boolean))].sort(),
      ["(other)", "SignUpEvent"],
    );
    const of = (name: string, labels: Record<string, string>) => sum(samples, name, labels);
    const sink = "kinesis";
    assert.equal(of("forebay_sink_records_total", { sink, outcome: "accepted" }), oracle.accepted);
    assert.equal(of("forebay_sink_records_total", { sink, outcome: "failed" }), oracle.failed);
    const stored = kinesis.passages.flatMap(({ stored }) => stored);
    assert.equal(stored.length, oracle.accepted);
    assert.equal(of("forebay_sink_requests_total", { sink }), kinesis.passages.length);
    assert.ok(of("forebay_sink_retries_total", { sink }) > 0);
    assert.ok(
      of("forebay_sink_bytes_total", { sink, outcome: "accepted" }) > oracle.accepted * 500,
    );
    const letters = { sink: "dead_letters", outcome: "accepted" };
    assert.equal(of("forebay_sink_records_total", letters), oracle.invalid);
    assert.equal(
      of("forebay_events_total", { outcome: "failed", reason: "kinesis" }),
      oracle.failed,
    );
    assert.ok(of("forebay_events_total", { outcome: "invalid", reason: "format" }) > 0);
    assert.ok(of("forebay_events_total", { outcome: "invalid", reason: "eventType" }) > 0);
  } finally {
    await worker.stop();
    bus.stop();
    kinesis.close();
  }
});

test("a sink whose breaker is open shows it, and answers say what they waited for", async () => {
  const dead = await startService((_, response) => response.writeHead(500).end());
  const worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    sinks: [{ name: "bus", type: "event_bridge", endpoint: dead.url, required: true }],
    texts: { METRICS_KEY },
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const credentials = await guest(at);
    const event = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
    const state = async () =>
      sum(await scrape(worker.edge, METRICS_KEY), "forebay_sink_breaker_state", { sink: "bus" });
    assert.equal(await state(), 0);
    for (let calls = 0; calls < 20; calls += 4) {
      await putEvents(at, credentials, { [randomUUID()]: event });
    }
    assert.equal(await state(), 2);
    const ready = await fetch(`${worker.edge}/readyz`);
    assert.equal(ready.status, 503);
    assert.deepEqual((await ready.json()).sinks, {
      kinesis: "ACTIVE",
      bus: "unreachable",
      dead_letters: "ACTIVE",
    });
    const answer = await send(at, credentials, {
      path: `/v1/apps/${stack.app_id}/events`,
      body: JSON.stringify({ BatchItem: {} }),
    });
    const timing = answer.headers.get("server-timing") ?? "";
    assert.match(timing, /^body;dur=\d+, sinks;dur=\d+, total;dur=\d+$/);
    // A request that is refused by its head has waited for nothing.
    const refused = await fetch(`${worker.edge}/v1/apps/x/events`, { method: "POST", body: "{}" });
    assert.match(refused.headers.get("server-timing") ?? "", /^total;dur=\d+$/);
  } finally {
    await worker.stop();
    dead.stop();
  }
});

test("traps are counted by worker.js, which outlives them", async () => {
  const worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    texts: { METRICS_KEY },
    front: PANICKING,
  });
  try {
    for (let traps = 1; traps <= 2; traps++) {
      await fetch(`${worker.edge}/healthz`, { headers: { "x-test-panic": "1" } });
      const samples = await scrape(worker.edge, METRICS_KEY);
      assert.equal(sum(samples, "forebay_traps_total"), traps);
    }
  } finally {
    await worker.stop();
  }
});

// A stand-in for Analytics Engine: it keeps what Cloudflare would, and refuses what Cloudflare refuses.
const ANALYTICS = `
import worker from "./main.js";
const points = [];
const dataset = {
  writeDataPoint({ indexes, blobs, doubles }) {
    if (indexes.length !== 1 || indexes[0].length > 96) throw new TypeError("one index of 96 bytes");
    if (blobs.length > 20 || doubles.length > 20) throw new TypeError("20 blobs and 20 doubles");
    if (!blobs.every((blob) => typeof blob === "string")) throw new TypeError("a blob is a text");
    points.push({ index: indexes[0], blobs, doubles });
  },
};
export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname === "/points") return Response.json(points);
    return worker.fetch(request, { ...env, ANALYTICS: dataset }, context);
  },
};
`;

test("data points add up to the counters", async () => {
  const worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    settings: { analytics: { binding: "ANALYTICS" } },
    texts: { METRICS_KEY },
    front: ANALYTICS,
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const credentials = await guest(at);
    const good = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
    const bad = { EventType: "SignUpEvent", Attributes: { email: "b" } };
    for (let round = 0; round < 3; round++) {
      await putEvents(at, credentials, { [randomUUID()]: good, [randomUUID()]: bad });
    }
    const samples = await scrape(worker.edge, METRICS_KEY);
    const points = (await (await fetch(`${worker.edge}/points`)).json()) as {
      index: string;
      blobs: string[];
      doubles: number[];
    }[];
    const total = (...blobs: string[]) =>
      points
        .filter((point) => blobs.every((blob, at) => point.blobs[at] === blob))
        .reduce((sum, { doubles }) => sum + doubles[0], 0);
    for (const outcome of ["accepted", "invalid"]) {
      assert.equal(total("event", "SignUpEvent", outcome), 3);
      assert.equal(sum(samples, "forebay_events_total", { outcome }), 3);
    }
    assert.equal(total("request", "PutEvents", "202"), 3);
    assert.equal(total("sink", "kinesis", "accepted"), 3);
    assert.equal(total("sink", "dead_letters", "accepted"), 3);
    const ofEvents = points.filter(({ blobs }) => blobs[0] === "event");
    assert.ok(ofEvents.every(({ index }) => index === stack.app_id));
  } finally {
    await worker.stop();
  }
});
