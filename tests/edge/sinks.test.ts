// Several sinks at once: who gets which events, and what the answer depends on.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import { guest, putEvents } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { startService } from "./support/service.ts";
import { startWorker } from "./support/worker.ts";

const EVENT = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };

let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

const list = (body: Record<string, unknown>, name: string) => body[name] as unknown[];

test("the answer waits for required sinks, and the others get what these have", async () => {
  const firehose = await startService((body, response) => {
    const results = list(body, "Records").map(() => ({ RecordId: "1" }));
    response.end(JSON.stringify({ FailedPutCount: 0, RequestResponses: results }));
  });
  const bus = await startService((body, response) => {
    const results = list(body, "Entries").map(() => ({ EventId: "1" }));
    response.end(JSON.stringify({ FailedEntryCount: 0, Entries: results }));
  });
  const dead = await startService((_, response) => response.writeHead(500).end());
  const worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    sinks: [
      { name: "lake", type: "firehose", stream: "f", endpoint: firehose.url, required: true },
      {
        name: "bus",
        type: "event_bridge",
        bus: "analytics",
        endpoint: bus.url,
        filter: { attributes: { email: [{ suffix: "@example.com" }] } },
      },
      { name: "dead", type: "firehose", stream: "f", endpoint: dead.url },
    ],
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const other = { ...EVENT, Attributes: { email: "b@example.org" } };
    const [one, two] = [randomUUID(), randomUUID()];
    const answers = await putEvents(at, await guest(at), { [one]: EVENT, [two]: other });
    assert.deepEqual([answers[one].StatusCode, answers[two].StatusCode], [202, 202]);
    const [put] = firehose.calls;
    assert.equal(put.target, "Firehose_20150804.PutRecordBatch");
    assert.equal(put.scope, `${stack.region}/firehose/aws4_request`);
    assert.equal(list(put.body, "Records").length, 2);

    await until("the event on the bus", () => bus.calls.length === 1);
    const [entry, ...more] = list(bus.calls[0].body, "Entries") as Record<string, string>[];
    assert.deepEqual(more, []);
    assert.equal(bus.calls[0].scope, `${stack.region}/events/aws4_request`);
    const { Source, DetailType, EventBusName, Detail } = entry;
    assert.deepEqual(
      { Source, DetailType, EventBusName },
      { Source: "forebay", DetailType: "SignUpEvent", EventBusName: "analytics" },
    );
    assert.equal(JSON.parse(Detail).forebay.event_id, one);
    const lines = () => worker.log().match(/\{"operation":"deliver_later".*\}/g) ?? [];
    await until("a line of each sink", () => lines().length === 2);
    const [delivered, failed] = lines().map((line) => JSON.parse(line));
    assert.deepEqual(delivered, {
      operation: "deliver_later",
      sink: "bus",
      accepted: 1,
      throttled: 0,
      failed: 0,
      dropped: 0,
      sink_requests: 1,
    });
    assert.deepEqual([failed.sink, failed.failed, failed.sink_error], ["dead", 2, "HTTP 500"]);
    const stored = await readStream(stack);
    const ids = stored.map(({ json }) => json.forebay.event_id);
    assert.ok([one, two].every((id) => ids.includes(id)));
  } finally {
    await worker.stop();
    for (const service of [firehose, bus, dead]) service.stop();
  }
});

test("a required sink that fails is answered so that the event is sent again", async () => {
  const firehose = await startService((_, response) => response.writeHead(400).end("{}"));
  const worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    sinks: [
      { name: "lake", type: "firehose", stream: "f", endpoint: firehose.url, required: true },
    ],
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const id = randomUUID();
    const answers = await putEvents(at, await guest(at), { [id]: EVENT });
    assert.equal(answers[id].StatusCode, 500);
  } finally {
    await worker.stop();
    firehose.stop();
  }
});

test("a sink that hangs keeps nothing from the others, and the answer is given in time", async () => {
  const hanging = await startService(() => {});
  const worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    sinks: [{ name: "lake", type: "firehose", stream: "f", endpoint: hanging.url, required: true }],
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const credentials = await guest(at);
    const id = randomUUID();
    let answered = false;
    const answers = putEvents(at, credentials, { [id]: EVENT }).finally(() => {
      answered = true;
    });
    const isStored = async () => (await readStream(stack)).some(({ text }) => text.includes(id));
    await until("the event in the stream", isStored);
    assert.equal(answered, false);
    assert.equal((await answers)[id].StatusCode, 500);
    // Sent twice: the second call had what was left of eight seconds.
    assert.equal(hanging.calls.length, 2);
  } finally {
    await worker.stop();
    hanging.stop();
  }
});

test("another endpoint of PutEvents gets the events, signed with a key of its own", async () => {
  const { accessKeyId, secretAccessKey, sessionToken } = await guest(stack);
  const worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    withoutStream: true,
    sinks: [
      { name: "old", type: "pinpoint", app_id: stack.app_id, endpoint: stack.edge, required: true },
    ],
    sinkKeys: {
      old: {
        access_key_id: accessKeyId,
        secret_access_key: secretAccessKey,
        session_token: sessionToken,
      },
    },
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const [valid, invalid] = [randomUUID(), randomUUID()];
    const events = {
      [valid]: { ...EVENT, Session: { Id: "s", StartTimestamp: "2026-11-30T00:00:00.000Z" } },
      [invalid]: { EventType: "SignUpEvent", Attributes: { email: "nobody" } },
    };
    const answers = await putEvents(at, await guest(at), events);
    assert.deepEqual([answers[valid].StatusCode, answers[invalid].StatusCode], [202, 400]);
    const stored = await readStream(stack);
    const record = stored.find(({ text }) => text.includes(valid))?.json;
    assert.equal(record.attributes.email, "a@example.com");
    assert.equal(record.session.session_id, "s");
  } finally {
    await worker.stop();
  }
});

test("a mistake in a sink is told by readyz, and nothing is claimed", async () => {
  const worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    sinks: [{ name: "bus", type: "event_bridge", filter: { a: [{ prefx: "b" }] } }],
  });
  try {
    assert.equal((await fetch(`${worker.edge}/healthz`)).status, 200);
    const answer = await fetch(`${worker.edge}/readyz`);
    assert.equal(answer.status, 503);
    const { configuration } = await answer.json();
    assert.match(
      configuration[0],
      /`sinks`, `bus`: `filter`: \$\.a\[0\]\.prefx: `prefx` is no operator/,
    );
  } finally {
    await worker.stop();
  }
});
