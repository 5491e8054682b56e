// Hostile requests, many of them: the worker's memory does not grow.
// `FOREBAY_HOSTILE=50000` makes it long.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { cognito, guest, putEvents, putEventsBody, send } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { residentMegabytes } from "./support/memory.ts";
import { startWorker } from "./support/worker.ts";

const REQUESTS = Number(process.env.FOREBAY_HOSTILE ?? 2_000);
/** Requests under way at a time. */
const SENDERS = 4;
/** A page of WebAssembly has 64 KiB; more than a few more is more than the shape of the heap takes. */
const MOST_MORE_MEGABYTES = 1;
/** The process. V8 takes some 300 MB before it collects what requests leave on its own heap. */
const MOST_RESIDENT_MEGABYTES = 450;
/** Says how large the memory of the worker's instance is, and hands everything else on. */
const FRONT = `
  import worker from "./main.js";
  import { instanceMemory } from "./index.js";
  export default {
    fetch(request, env, context) {
      if (!request.url.endsWith("/memory")) return worker.fetch(request, env, context);
      return new Response(String(instanceMemory().buffer.byteLength));
    },
  };
`;
const EVENT = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };

let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

/** A stream that takes everything, and remembers nothing. */
async function startStream() {
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    const { Records } = JSON.parse(text);
    const stored = Records.map(() => ({ SequenceNumber: "1", ShardId: "s" }));
    response.end(JSON.stringify({ Records: stored }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

test(`after ${REQUESTS} hostile requests memory is where it was`, {
  timeout: 3_600_000,
}, async (context) => {
  const stream = await startStream();
  const worker = await startWorker(stack, {
    kinesis: stream.url,
    masterSecret: randomBytes(32),
    serverKeys: [{ name: "server", may: ["*"], sha256: "00".repeat(32) }],
    deduplicationWindow: 1_000,
    front: FRONT,
  });
  try {
    const at = { ...stack, edge: worker.edge };
    const credentials = await guest(at);
    const path = `/v1/apps/${stack.app_id}/events`;
    const random = (length: number) => randomBytes(length).toString("base64url");
    const batch = (event: string) =>
      `{"BatchItem":{"${random(6)}":{"Endpoint":{},"Events":{"${randomUUID()}":${event}}}}}`;
    const event = (members: string) =>
      `{"EventType":"SignUpEvent","Timestamp":"${new Date().toISOString()}",${members}}`;
    const put = (body: string, headers = {}) => send(at, credentials, { path, body, headers });
    const post = (
      path: string,
      headers: Record<string, string>,
      body: string | Uint8Array<ArrayBuffer>,
    ) => fetch(at.edge + path, { method: "POST", headers, body });
    const of = putEventsBody;
    const kinds: ((number: number) => Promise<Response>)[] = [
      () => post(path, {}, random(20_000)),
      () => post(`/${random(2_000)}`, {}, random(20_000)),
      () => post("/v1/events", { authorization: `Bearer ${random(40)}` }, "{}"),
      () => post(path, { "content-encoding": "gzip" }, gzipSync(Buffer.alloc(200_000))),
      () => put(random(3_000)),
      () => put(`${'{"a":['.repeat(2_000)}`),
      () => put(batch(event(`"Attributes":{"email":"${"\\ud800".repeat(300)}"}`))),
      () => put(batch(event(`"Metrics":{"minutes":1e${"9".repeat(400)}}`))),
      () => put(batch(event('"Attributes":{"email":NaN}'))),
      () =>
        put(
          batch(event(`"Attributes":{${Array.from({ length: 200 }, (_, at) => `"a${at}":"b"`)}}`)),
        ),
      () => put(batch(event('"Attributes":{"a":"b","a":"c"}'))),
      (number) => put(batch(`{"EventType":"Unheard${number}","Timestamp":"0"}`)),
      () =>
        put(
          JSON.stringify({
            BatchItem: { a: { Endpoint: { Address: random(20_000) }, Events: {} } },
          }),
        ),
      () =>
        put(
          JSON.stringify(
            of(Object.fromEntries(Array.from({ length: 101 }, () => [random(9), EVENT]))),
          ),
        ),
      (number) => put(JSON.stringify(of({ [`key${number}`]: EVENT }))),
      () => put(JSON.stringify(of({ [randomUUID()]: EVENT })), { "user-agent": random(4_000) }),
      () => cognito(at, "GetId", { IdentityPoolId: random(50) }),
      () =>
        cognito(at, "GetId", {
          IdentityPoolId: at.identity_pool_id,
          Logins: { [random(20)]: random(900) },
        }),
      () => cognito(at, "GetCredentialsForIdentity", { IdentityId: `us-east-1:${randomUUID()}` }),
      () => send(at, { ...credentials, sessionToken: random(300) }, { path, body: "{}" }),
      () => send(at, { ...credentials, secretAccessKey: random(30) }, { path, body: "{}" }),
      () => fetch(at.edge + path, { method: "DELETE" }),
      () => fetch(`${at.edge}/metrics`, { headers: { authorization: `Bearer ${random(40)}` } }),
    ];
    const memory = async () => {
      const answer = await fetch(`${at.edge}/memory`);
      return Number(await answer.text()) / 1024 / 1024;
    };
    const statuses: Record<number, number> = {};
    const run = async (count: number) => {
      let next = 0;
      const sender = async () => {
        while (next < count) {
          const number = next++;
          const answer = await kinds[number % kinds.length](number);
          await answer.arrayBuffer();
          statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
          assert.ok(answer.status < 500, `kind ${number % kinds.length}: ${answer.status}`);
        }
      };
      await Promise.all(Array.from({ length: SENDERS }, sender));
    };
    // What caches need, they have after this.
    await run(REQUESTS / 4);
    const before = await memory();
    await run(REQUESTS);
    const after = await memory();
    const resident = await residentMegabytes(worker.pid);
    context.diagnostic(
      `${before.toFixed(1)} MB before, ${after.toFixed(1)} after, ${resident.toFixed()} in the process; ${JSON.stringify(statuses)}`,
    );
    assert.ok(resident < MOST_RESIDENT_MEGABYTES, `the process has ${resident} MB`);
    assert.ok(after - before < MOST_MORE_MEGABYTES, `from ${before} to ${after} MB`);
    const id = randomUUID();
    assert.equal((await putEvents(at, credentials, { [id]: EVENT }))[id].StatusCode, 202);
  } finally {
    await worker.stop();
    stream.stop();
  }
});
