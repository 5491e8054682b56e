// What the worker does not take: each refusal has the status, the name and the form that AWS gives
// it, and nothing of it reaches a stream.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import {
  type Credentials,
  guest,
  putEvents,
  putEventsBody,
  type SignedRequest,
  send,
  signed,
} from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { mint } from "./support/session-token.ts";
import { startUpload, type Upload } from "./support/upload.ts";
import { startWorker } from "./support/worker.ts";

const EVENT = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
const MINUTE_MS = 60_000;

let stack: Stack;
let credentials: Credentials;
let path: string;
let body: string;

before(async () => {
  stack = await startStack({ withLake: false });
  credentials = await guest(stack);
  path = `/v1/apps/${stack.app_id}/events`;
  body = JSON.stringify(putEventsBody({ [randomUUID()]: EVENT }));
});
after(() => stack?.stop());

async function refused(response: Response, status: number, code: string, message: RegExp) {
  const text = await response.text();
  assert.equal(response.status, status, text);
  assert.equal(response.headers.get("x-amzn-errortype"), code);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(response.headers.get("access-control-allow-origin"), "*");
  const answer = JSON.parse(text);
  assert.deepEqual(Object.keys(answer), ["Message", "RequestID"]);
  assert.equal(answer.RequestID, response.headers.get("x-amzn-requestid"));
  assert.match(answer.Message, message);
}

const events = (request: Partial<SignedRequest>, by = credentials) =>
  send(stack, by, { path, body, ...request });

describe("a request that is refused", () => {
  test("without a signature", async () => {
    const response = await fetch(stack.edge + path, { method: "POST", body });
    await refused(response, 403, "MissingAuthenticationTokenException", /Missing Authentication/);
  });

  test("with a signature that is cut off", async () => {
    const { url, init } = await signed(stack, credentials, { path, body });
    init.headers.authorization = init.headers.authorization.slice(0, -1);
    await refused(await fetch(url, init), 403, "IncompleteSignatureException", /Signature is not/);
  });

  test("with another secret", async () => {
    const other = { ...credentials, secretAccessKey: "x".repeat(40) };
    await refused(await events({}, other), 403, "InvalidSignatureException", /does not match/);
  });

  test("with another body", async () => {
    const { url, init } = await signed(stack, credentials, { path, body });
    const changed = body.replace("a@example.com", "b@example.com");
    const response = await fetch(url, { ...init, body: changed });
    await refused(response, 403, "InvalidSignatureException", /does not match/);
    // The same where the body's hash is not sent along, as Amplify does it.
    const { "x-amz-content-sha256": _, ...headers } = init.headers;
    const unhashed = await fetch(url, { ...init, headers, body: changed });
    await refused(unhashed, 403, "InvalidSignatureException", /does not match/);
  });

  test("at another path", async () => {
    const { url, init } = await signed(stack, credentials, { path: `${path}/legacy`, body });
    const response = await fetch(url.replace("/legacy", ""), init);
    await refused(response, 403, "InvalidSignatureException", /does not match/);
  });

  test("for another region or service", async () => {
    const elsewhere = await send({ ...stack, region: "eu-west-1" }, credentials, { path, body });
    await refused(elsewhere, 403, "InvalidSignatureException", /scoped to region 'us-east-1'/);
  });

  test("six minutes old", async () => {
    const response = await events({ date: new Date(Date.now() - 6 * MINUTE_MS) });
    await refused(
      response,
      403,
      "InvalidSignatureException",
      /^Signature expired: \d{8}T\d{6}Z is/,
    );
  });

  test("six minutes ahead", async () => {
    const response = await events({ date: new Date(Date.now() + 6 * MINUTE_MS) });
    await refused(response, 403, "InvalidSignatureException", /^Signature not yet current: /);
  });

  test("with a session token that was not issued here", async () => {
    const sessionToken = randomBytes(120).toString("base64url");
    const response = await events({}, { ...credentials, sessionToken });
    await refused(response, 403, "UnrecognizedClientException", /token .* is invalid/);
  });

  test("with the access key id of another guest", async () => {
    const { accessKeyId } = await guest(stack);
    const response = await events({}, { ...credentials, accessKeyId });
    await refused(response, 403, "UnrecognizedClientException", /token .* is invalid/);
  });

  test("with credentials that have run out", async () => {
    const masterSecret = randomBytes(32);
    const worker = await startWorker(stack, { kinesis: stack.kinesis, masterSecret });
    try {
      const now = Math.floor(Date.now() / 1000);
      const at = { ...stack, edge: worker.edge };
      const expired = mint(masterSecret, credentials.identityId, now - 1);
      const response = await send(at, expired, { path, body });
      await refused(response, 403, "ExpiredTokenException", /token .* is expired/);
      // Made in the same way, but good for another minute: that it is expired is all that is wrong.
      const fresh = mint(masterSecret, credentials.identityId, now + 60);
      const empty = JSON.stringify({ BatchItem: {} });
      assert.equal((await send(at, fresh, { path, body: empty })).status, 202);
    } finally {
      await worker.stop();
    }
  });

  test("for an app that is not configured", async () => {
    const response = await events({ path: "/v1/apps/00000000000000000000000000000000/events" });
    await refused(response, 404, "NotFoundException", /no application/);
  });

  test("with 101 events", async () => {
    const many = Array.from({ length: 101 }, (_, index) => [`e${index}`, EVENT]);
    const response = await events({
      body: JSON.stringify(putEventsBody(Object.fromEntries(many))),
    });
    await refused(response, 400, "BadRequestException", /at most 100 events/);
  });

  test("with more than 4 MB", async () => {
    // Over a bare connection: one that is still sending when it is refused may be cut off.
    const { url, init } = await signed(stack, credentials, { path, body });
    const isRefused = async (upload: Upload) => {
      const { status, text } = await upload.answered();
      upload.cut();
      assert.equal(status, 413, text);
      assert.match(text, /x-amzn-errortype: PayloadTooLargeException/i);
      assert.match(text, /larger than 4194304 bytes/);
    };
    const length = String(4 * 1024 * 1024 + 1);
    // Where it is announced, nothing needs to come.
    await isRefused(
      await startUpload(url, { headers: { ...init.headers, "content-length": length } }),
    );
    const unannounced = await startUpload(url, {
      headers: { ...init.headers, "transfer-encoding": "chunked" },
    });
    unannounced.write(
      `${(4 * 1024 * 1024 + 1).toString(16)}\r\n${"x".repeat(4 * 1024 * 1024 + 1)}\r\n`,
    );
    await isRefused(unannounced);
  });

  for (const [what, malformed, message] of [
    ["JSON that breaks off", '{"BatchItem":{"a":', /not readable as JSON at byte 18/],
    ["no JSON", "EventType=SignUpEvent", /not readable as JSON at byte 0/],
    ["no body", "", /not readable as JSON/],
    ["a name twice", '{"BatchItem":{},"BatchItem":{}}', /each name once/],
    ["bytes that are no text", '{"BatchItem":"\u0000"}', /not readable as JSON/],
    ["no batches", "{}", /BatchItem/],
    ["batches that are a list", '{"BatchItem":[]}', /BatchItem/],
    ["deep nesting", `{"BatchItem":${"[".repeat(100_000)}`, /not readable as JSON/],
    ["deep nesting of objects", '{"BatchItem":'.repeat(50_000), /not readable as JSON/],
  ] as const) {
    test(`with ${what}`, async () => {
      await refused(await events({ body: malformed }), 400, "BadRequestException", message);
    });
  }

  test("as an endpoint of more than 15 KB", async () => {
    const request = { method: "PUT", path: `/v1/apps/${stack.app_id}/endpoints/e1` };
    const large = await events({ ...request, body: "{}".padEnd(15 * 1024 + 1) });
    await refused(large, 413, "PayloadTooLargeException", /larger than 15360 bytes/);
    const wrong = await events({ ...request, body: '{"OptOut":"MAYBE"}' });
    await refused(wrong, 400, "BadRequestException", /OptOut/);
  });

  test("leaves nothing in the streams, where an event that is taken leaves one record", async () => {
    assert.deepEqual(await readStream(stack), []);
    assert.deepEqual(await readStream(stack, stack.dead_letter_stream), []);
    const id = randomUUID();
    const answers = await putEvents(stack, credentials, { [id]: EVENT });
    assert.deepEqual(answers[id], { Message: "Accepted", StatusCode: 202 });
    assert.equal((await readStream(stack)).length, 1);
  });
});
