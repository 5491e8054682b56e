// What an outsider can do to the worker, and what it may cost: in bytes, calls and answers, never in
// time. One `describe` for each kind of attack.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { type Credentials, guest, putEvents, putEventsBody, signed } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { mint } from "./support/session-token.ts";
import { startUpload } from "./support/upload.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const EVENT = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
const MASTER_SECRET = randomBytes(32);
const MEGABYTE = 1024 * 1024;

let stack: Stack;
let worker: Worker;
let at: Stack;
let credentials: Credentials;
let path: string;

before(async () => {
  stack = await startStack({ withLake: false });
  worker = await startWorker(stack, { kinesis: stack.kinesis, masterSecret: MASTER_SECRET });
  at = { ...stack, edge: worker.edge };
  credentials = await guest(at);
  path = `/v1/apps/${stack.app_id}/events`;
});
after(async () => {
  await worker?.stop();
  await stack?.stop();
});

const body = () => JSON.stringify(putEventsBody({ [randomUUID()]: EVENT }));

/** The head of a signed request that announces a body. */
async function head(by = credentials, place = at, options: { path?: string; date?: Date } = {}) {
  const { url, init } = await signed(place, by, { path, body: body(), ...options });
  return { url, headers: { ...init.headers, "content-length": String(MEGABYTE) } };
}

async function stillServes() {
  const id = randomUUID();
  const answers = await putEvents(at, credentials, { [id]: EVENT });
  assert.equal(answers[id].StatusCode, 202);
}

describe("a request that its head refuses is answered before a byte of its body has come", () => {
  const announced = { "content-length": String(20 * MEGABYTE) };
  const target = (operation: string) => ({
    ...announced,
    "x-amz-target": `AWSCognitoIdentityService.${operation}`,
  });
  const now = () => Math.floor(Date.now() / 1000);
  const heads: [string, () => Promise<{ url: string; headers: Record<string, string> }>, RegExp][] =
    [
      ["no signature", async () => ({ url: at.edge + path, headers: announced }), /MissingAuth/],
      [
        "a token of its own making",
        () => head({ ...credentials, sessionToken: randomBytes(120).toString("base64url") }),
        /UnrecognizedClient/,
      ],
      [
        "credentials that have run out",
        () => head(mint(MASTER_SECRET, credentials.identityId, now() - 1)),
        /ExpiredToken/,
      ],
      [
        "a date of six minutes ago",
        () => head(credentials, at, { date: new Date(Date.now() - 360_000) }),
        /InvalidSignature/,
      ],
      [
        "a date in six minutes",
        () => head(credentials, at, { date: new Date(Date.now() + 360_000) }),
        /InvalidSignature/,
      ],
      [
        "another region",
        () => head(credentials, { ...at, region: "eu-west-1" }),
        /InvalidSignature/,
      ],
      [
        "another app",
        () => head(credentials, at, { path: "/v1/apps/nobody/events" }),
        /NotFoundException/,
      ],
      [
        "more than an operation takes",
        async () => {
          const { url, headers } = await head();
          return { url, headers: { ...headers, ...announced } };
        },
        /PayloadTooLarge/,
      ],
      [
        "no operation",
        async () => ({ url: at.edge, headers: target("Nothing") }),
        /UnknownOperation/,
      ],
      [
        "more than the identity pool takes",
        async () => ({ url: at.edge, headers: target("GetId") }),
        /PayloadTooLarge/,
      ],
      ["no route", async () => ({ url: `${at.edge}/nowhere`, headers: announced }), /NotFound/],
    ];
  for (const [what, made, expected] of heads) {
    test(what, async () => {
      const { url, headers } = await made();
      const upload = await startUpload(url, { headers });
      try {
        const { text } = await upload.answered();
        assert.match(text, expected);
      } finally {
        upload.cut();
      }
    });
  }

  test("and serves on while what it refused is thrown away", async () => {
    const megabyte = new Uint8Array(MEGABYTE);
    for (let count = 0; count < 20; count++) {
      const upload = await startUpload(at.edge + path, { headers: announced });
      for (let sent = 0; sent < 20; sent++) upload.write(megabyte);
      // Whoever goes on sending may find the connection cut.
      await upload.answered().catch(() => {});
      upload.cut();
    }
    await stillServes();
  });
});

describe("an upload that stalls", () => {
  test("is ended, whatever of it has come, and holds up nobody", async () => {
    const { url, headers } = await head();
    const { "content-length": _, ...unannounced } = headers;
    const uploads = await Promise.all([
      startUpload(url, { headers }),
      startUpload(url, { headers: { ...headers, "content-length": "100" } }),
      startUpload(url, { headers: { ...unannounced, "transfer-encoding": "chunked" } }),
    ]);
    uploads[0].write(new Uint8Array(100_000));
    uploads[1].write("{");
    uploads[2].write("5\r\n{    \r\n");
    await stillServes();
    for (const upload of uploads) {
      const { status, text } = await upload.answered();
      assert.equal(status, 408, text);
      assert.match(text, /x-amzn-errortype: RequestTimeoutException/i);
      upload.cut();
    }
    await stillServes();
  });
});
