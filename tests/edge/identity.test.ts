// The identity pool as a page on another origin uses it: no request costs a CORS preflight, and the
// first visit needs one.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, mock, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import { guest, putEvents, putEventsBody, send, sendPresigned } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { askAsPage, credentialsIn } from "./support/pages.ts";

const EVENT = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
const MINUTE_MS = 60_000;

let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

const ask = (operation: string, body: unknown) => askAsPage(stack.edge, operation, body);

const newGuest = async () =>
  credentialsIn(await ask("GetId", { IdentityPoolId: stack.identity_pool_id }));

test("one request gives a guest an identity and credentials that its first event is taken with", async () => {
  const asked = Date.now();
  const credentials = await newGuest();
  const lifetime = credentials.expiration * 1000 - asked;
  assert.ok(lifetime > 3_599_000 && lifetime < 3_660_000, `${lifetime} ms`);
  const id = randomUUID();
  const response = await sendPresigned(stack, credentials, {
    path: `/v1/apps/${stack.app_id}/events`,
    body: new TextEncoder().encode(JSON.stringify(putEventsBody({ [id]: EVENT }))),
  });
  assert.equal(response.status, 202);
  const record = (await readStream(stack)).find(({ json }) => json.forebay.event_id === id);
  assert.equal(record?.json.client.cognito_id, credentials.identityId);
});

test("an identity gets further credentials, and keeps who it is", async () => {
  const { identityId } = await newGuest();
  const later = await credentialsIn(
    await ask("GetCredentialsForIdentity", { IdentityId: identityId }),
  );
  assert.equal(later.identityId, identityId);
  const id = randomUUID();
  assert.equal((await putEvents(stack, later, { [id]: EVENT }))[id].StatusCode, 202);
  const record = (await readStream(stack)).find(({ json }) => json.forebay.event_id === id);
  assert.equal(record?.json.client.cognito_id, identityId);
});

test("credentials that come with an identity are good for no other", async () => {
  const [one, two] = [await newGuest(), await guest(stack)];
  assert.notEqual(one.identityId, two.identityId);
  const body = JSON.stringify(putEventsBody({ [randomUUID()]: EVENT }));
  const path = `/v1/apps/${stack.app_id}/events`;
  for (const [mixed, code] of [
    [{ ...one, sessionToken: two.sessionToken }, "UnrecognizedClientException"],
    [{ ...one, secretAccessKey: two.secretAccessKey }, "InvalidSignatureException"],
  ] as const) {
    const response = await send(stack, mixed, { path, body });
    assert.equal(response.status, 403);
    assert.equal(response.headers.get("x-amzn-errortype"), code);
  }
});

test("a refusal can be read as well", async () => {
  for (const [operation, body, code] of [
    ["GetId", { IdentityPoolId: "us-east-1:00000000-dead" }, "ResourceNotFoundException"],
    ["GetCredentialsForIdentity", { IdentityId: "nobody" }, "ValidationException"],
    ["DescribeIdentity", {}, "UnknownOperationException"],
  ] as const) {
    const response = await ask(operation, body);
    assert.equal(response.status, 400);
    assert.equal(response.headers.get("x-amzn-errortype"), code);
    assert.equal((await response.json()).__type, code);
  }
});

test("a client whose clock is wrong learns the time from the refusal, and is taken then", async (t) => {
  const credentials = await newGuest();
  const id = randomUUID();
  const body = new TextEncoder().encode(JSON.stringify(putEventsBody({ [id]: EVENT })));
  const request = { path: `/v1/apps/${stack.app_id}/events`, body };
  t.after(() => mock.timers.reset());
  const sentAt = async (now: number) => {
    mock.timers.enable({ apis: ["Date"], now });
    try {
      return await sendPresigned(stack, credentials, request);
    } finally {
      mock.timers.reset();
    }
  };
  for (const minutes of [10, -70]) {
    const refused = await sentAt(Date.now() + minutes * MINUTE_MS);
    assert.equal(refused.status, 403);
    assert.equal(refused.headers.get("x-amzn-errortype"), "InvalidSignatureException");
    assert.equal(refused.headers.get("access-control-allow-origin"), "*");
    assert.match(refused.headers.get("access-control-expose-headers") ?? "", /\bDate\b/);
    const date = Date.parse(refused.headers.get("date") ?? "");
    assert.ok(Math.abs(date - Date.now()) < MINUTE_MS, `${date}`);
    assert.equal((await sentAt(date)).status, 202);
  }
});
