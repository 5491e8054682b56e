// What goes wrong behind the worker and inside it, and how far that reaches.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import { cognito, guest, putEvents, putEventsBody, send } from "../support/requests.ts";
import { freePort, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { PANICKING } from "./support/panicking.ts";
import { startWorker } from "./support/worker.ts";

const EVENT = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
const INVALID = { EventType: "SignUpEvent", Attributes: { email: "nobody" } };

let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

test("with Kinesis down, every event is to be sent again and nothing is claimed", async () => {
  const kinesisUrl = `http://127.0.0.1:${await freePort()}`;
  const cut = await startStack({ withLake: false, kinesisUrl });
  try {
    const ids = [randomUUID(), randomUUID(), randomUUID()];
    const events = Object.fromEntries(ids.map((id, index) => [id, index < 2 ? EVENT : INVALID]));
    const answers = await putEvents(cut, await guest(cut), events);
    for (const id of ids) assert.equal(answers[id].StatusCode, 500, answers[id].Message);
    assert.deepEqual(await readStream(cut), []);
    assert.equal((await fetch(`${cut.edge}/healthz`)).status, 200);
    const deep = await fetch(`${cut.edge}/healthz?deep=1`);
    assert.equal(deep.status, 503);
    const { status, sinks } = await deep.json();
    assert.equal(status, "error");
    assert.deepEqual(sinks, { kinesis: "unreachable", dead_letters: "unreachable" });
  } finally {
    await cut.stop();
  }
});

test("a stream that is not there is no reason to drop events", async () => {
  const masterSecret = randomBytes(32);
  const worker = await startWorker(
    { ...stack, stream: "no-such-stream" },
    { kinesis: stack.kinesis, masterSecret },
  );
  try {
    const at = { ...stack, edge: worker.edge };
    const [valid, invalid] = [randomUUID(), randomUUID()];
    const events = { [valid]: EVENT, [invalid]: INVALID };
    const answers = await putEvents(at, await guest(at), events);
    assert.equal(answers[valid].StatusCode, 500);
    // The stream of dead letters is there.
    assert.equal(answers[invalid].StatusCode, 400);
    assert.match(worker.log(), /"sink_error":"ResourceNotFoundException","sink":"kinesis"/);
  } finally {
    await worker.stop();
  }
});

test("a Kinesis that never answers is not waited for without end", async () => {
  const kinesis = createServer(() => {});
  kinesis.listen(0, "127.0.0.1");
  await once(kinesis, "listening");
  const { port } = kinesis.address() as AddressInfo;
  const worker = await startWorker(stack, {
    kinesis: `http://127.0.0.1:${port}`,
    masterSecret: randomBytes(32),
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const credentials = await guest(at);
    const id = randomUUID();
    const asked = Date.now();
    const answers = await putEvents(at, credentials, { [id]: EVENT });
    assert.equal(answers[id].StatusCode, 500);
    // Sent twice, four seconds each.
    assert.ok(Date.now() - asked < 15_000, `${Date.now() - asked} ms`);
    assert.match(worker.log(), /"sink_requests":2,"sink_error":"unreachable"/);
  } finally {
    await worker.stop();
    kinesis.closeAllConnections();
    kinesis.close();
  }
});

test("a panic costs one request", async () => {
  const worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    front: PANICKING,
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const credentials = await guest(at);
    for (let panics = 1; panics <= 3; panics++) {
      const hit = await fetch(`${worker.edge}/healthz`, { headers: { "x-test-panic": "1" } });
      assert.equal(hit.status, 500);
      assert.equal(hit.headers.get("x-amzn-errortype"), "InternalServerErrorException");
      assert.equal(hit.headers.get("access-control-allow-origin"), "*");
      assert.ok(Math.abs(Date.parse(hit.headers.get("date") ?? "") - Date.now()) < 60_000);
      assert.match(hit.headers.get("access-control-expose-headers") ?? "", /\bDate\b/);
      assert.deepEqual(Object.keys(await hit.json()), ["Message", "RequestID"]);
      assert.equal(worker.log().match(/Rust panic/g)?.length, panics);
      // The next request is answered, and by an instance that can do everything.
      const id = randomUUID();
      const answers = await putEvents(at, credentials, { [id]: EVENT });
      assert.deepEqual(answers[id], { Message: "Accepted", StatusCode: 202 });
    }
  } finally {
    await worker.stop();
  }
});

test("what is under way beside a panic is answered at once, so that it can be sent again", async () => {
  const held: ServerResponse[] = [];
  const kinesis: Server = createServer((_, response) => held.push(response));
  kinesis.listen(0, "127.0.0.1");
  await once(kinesis, "listening");
  const { port } = kinesis.address() as AddressInfo;
  const worker = await startWorker(stack, {
    kinesis: `http://127.0.0.1:${port}`,
    masterSecret: randomBytes(32),
    front: PANICKING,
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const credentials = await guest(at);
    const path = `/v1/apps/${at.app_id}/events`;
    const body = () => JSON.stringify(putEventsBody({ [randomUUID()]: EVENT }));
    const beside = [1, 2].map(() => send(at, credentials, { path, body: body() }));
    await until("the events to reach Kinesis", () => held.length === 2);
    const hit = await fetch(`${worker.edge}/healthz`, { headers: { "x-test-panic": "1" } });
    // The request that ran is at fault; those beside it are not, and are told when to come back.
    assert.equal(hit.status, 500);
    assert.equal(hit.headers.has("retry-after"), false);
    for (const response of await Promise.all(beside)) {
      assert.equal(response.status, 503);
      assert.equal(response.headers.get("x-amzn-errortype"), "ServiceUnavailableException");
      assert.equal(response.headers.get("retry-after"), "1");
      assert.match(await response.text(), /Send it again/);
    }
    const said = /^.*?({"trap":.*})/m.exec(worker.log())?.[1] ?? "";
    const { trap, frames, method, beside: others } = JSON.parse(said);
    assert.match(trap, /^RuntimeError: unreachable/);
    assert.ok(frames.length > 0 && method === "GET" && others === 2, said);
    // Kinesis answers now, to an instance that is gone: that must not hurt the new one.
    for (const response of held) response.end("{}");
    for (let count = 0; count < 5; count++) {
      const answer = await cognito(at, "GetId", { IdentityPoolId: at.identity_pool_id });
      assert.equal(answer.status, 200);
    }
  } finally {
    await worker.stop();
    kinesis.closeAllConnections();
    kinesis.close();
  }
});
