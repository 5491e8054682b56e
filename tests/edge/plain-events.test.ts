// POST /v1/events: plain JSON of servers and curl, and what UpdateEndpoint says, on to the lake's table.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { readStream } from "../support/kinesis.ts";
import { rows } from "../support/lake.ts";
import { guest, send } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const KEY = randomBytes(24).toString("base64url");
const sha256 = createHash("sha256").update(KEY).digest("hex");

let stack: Stack;
let worker: Worker;

before(async () => {
  stack = await startStack();
  worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    serverKeys: [
      { name: "cron", sha256, may: ["*"] },
      {
        name: "orders",
        access_key_id: "FBSERVER000000000001",
        secret_access_key: KEY.padEnd(40, "x"),
        may: ["*"],
      },
    ],
  });
});
after(async () => {
  await worker?.stop();
  await stack?.stop();
});

interface Result {
  id?: string;
  event_id: string;
  status: number;
  message: string;
}

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<{ status: number; results: Result[] }> {
  const response = await fetch(`${worker.edge}/v1/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, ...headers },
    body,
  });
  const answer = (await response.json()) as { results: Result[] };
  return { status: response.status, results: answer.results };
}

const signUp = (more: object = {}) => ({
  name: "SignUpEvent",
  attributes: { email: "a@example.com" },
  ...more,
});

async function recordsOf(eventId: string) {
  const stored = await readStream(stack);
  const records = stored.map(({ json }) => json);
  return records.filter((record) => record.forebay.event_id === eventId);
}

test("an event of a server becomes a row of the lake", async () => {
  const { status, results } = await post(
    JSON.stringify(signUp({ user: { id: "u1" }, device: { platform: "server" } })),
  );
  assert.equal(status, 202);
  const row = await until("the row", async () => {
    const all = await rows(stack.lake, "sign_up_event");
    return all.find((found) => found.event_id === results[0].event_id);
  });
  assert.equal(row.user_id, "u1");
  assert.equal(row.platform, "server");
  assert.equal(row.cognito_id, null);
});

test("NDJSON is answered line by line, and gzip is taken", async () => {
  const id = randomUUID();
  const lines = [signUp({ id }), { name: "Unknown" }, signUp({ id: "order-17" })];
  const body = lines.map((line) => JSON.stringify(line)).join("\n");
  const { status, results } = await post(gzipSync(body), {
    "content-type": "application/x-ndjson",
  });
  assert.equal(status, 207);
  assert.deepEqual(
    results.map((result) => [result.id, result.status]),
    [
      [id, 202],
      [undefined, 400],
      ["order-17", 202],
    ],
  );
  assert.equal((await recordsOf(id)).length, 1);
});

test("an event that is sent again is in the stream once", async () => {
  const body = JSON.stringify(signUp({ id: `order-${randomUUID()}` }));
  const first = await post(body);
  const again = await post(body);
  assert.deepEqual(again, first);
  assert.equal((await recordsOf(first.results[0].event_id)).length, 1);
});

test("curl sends with a key, and with a signature", async () => {
  const run = promisify(execFile);
  const curl = async (...options: string[]) => {
    const url = `${worker.edge}/v1/events`;
    const body = JSON.stringify(signUp());
    const { stdout } = await run("curl", ["--silent", ...options, "--data", body, url]);
    return JSON.parse(stdout);
  };
  const shown = await curl("--header", `Authorization: Bearer ${KEY}`);
  assert.equal(shown.results?.[0].status, 202, JSON.stringify(shown));
  const signed = await curl(
    ...["--aws-sigv4", `aws:amz:${worker.region}:mobiletargeting`],
    ...["--user", `FBSERVER000000000001:${KEY.padEnd(40, "x")}`],
  );
  assert.equal(signed.results?.[0].status, 202, JSON.stringify(signed));
  const refused = await curl("--header", "Authorization: Bearer wrong");
  assert.match(refused.Message, /Authorization: Bearer <key>.*SERVER_KEYS/);
});

test("a page is told that it may not", async () => {
  const response = await fetch(`${worker.edge}/v1/events`, {
    method: "OPTIONS",
    headers: {
      origin: "https://shop.example",
      "access-control-request-method": "POST",
      "access-control-request-headers": "authorization",
    },
  });
  assert.equal(response.status, 403);
  assert.match(await response.text(), /a key in a page is everybody's/);
  assert.equal(response.headers.get("access-control-allow-headers"), null);
});

test("what UpdateEndpoint says becomes a row of endpoint_update", async () => {
  const endpointId = `an endpoint/${randomUUID()}`;
  const answer = await send(stack, await guest(stack), {
    method: "PUT",
    path: `/v1/apps/${stack.app_id}/endpoints/${encodeURIComponent(endpointId)}`,
    body: JSON.stringify({
      Address: "ada@example.com",
      ChannelType: "EMAIL",
      User: { UserId: "u1", UserAttributes: { plan: ["pro"] } },
    }),
  });
  assert.equal(answer.status, 202, await answer.clone().text());
  const { RequestID } = (await answer.json()) as { RequestID: string };
  const row = await until("the row", async () => (await rows(stack.lake, "endpoint_update"))[0]);
  assert.equal(row.event_id, RequestID);
  assert.equal(row.client_id, endpointId);
  assert.equal(row.user_id, "u1");
  assert.equal(row.address, "ada@example.com");
  assert.equal(row.channel_type, "EMAIL");
  assert.equal(row.user_attributes, '{"plan":["pro"]}');
  assert.equal(row.demographic, null);
});
