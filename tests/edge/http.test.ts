// What stands around the operations: health, CORS, paths and methods.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ROOT, type Stack, startStack } from "../support/stack.ts";

const { version } = JSON.parse(await readFile(join(ROOT, "npm/worker/package.json"), "utf8"));

let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

test("healthz says that the worker is well, and on request that its sinks are", async () => {
  const shallow = await fetch(`${stack.edge}/healthz`);
  assert.equal(shallow.status, 200);
  const health = { version, configuration: "ok", schema_version: 1 };
  assert.deepEqual(await shallow.json(), { ...health, status: "ok" });
  const deep = await fetch(`${stack.edge}/healthz?deep=1`);
  assert.equal(deep.status, 200);
  const sinks = { kinesis: "ACTIVE", dead_letters: "ACTIVE" };
  assert.deepEqual(await deep.json(), { ...health, sinks, status: "ok" });
  const head = await fetch(`${stack.edge}/healthz`, { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
});

test("a preflight allows whatever a client signs", async () => {
  // What Amplify and the AWS SDKs send, from any origin, to any operation.
  const headers = [
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "content-type",
    "x-amz-content-sha256",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-target",
    "x-amz-user-agent",
  ];
  const app = `/v1/apps/${stack.app_id}`;
  for (const [path, method] of [
    ["/", "POST"],
    [`${app}/events`, "POST"],
    [`${app}/events/legacy`, "POST"],
    [`${app}/endpoints/e1`, "PUT"],
  ]) {
    const response = await fetch(stack.edge + path, {
      method: "OPTIONS",
      headers: {
        origin: "https://app.example",
        "access-control-request-method": method,
        "access-control-request-headers": headers.join(","),
      },
    });
    assert.equal(response.status, 204);
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    const listed = (name: string) => response.headers.get(name)?.split(/, */) ?? [];
    assert.ok(listed("access-control-allow-methods").includes(method));
    const allowed = listed("access-control-allow-headers");
    assert.deepEqual(
      headers.filter((header) => !allowed.includes(header)),
      [],
    );
    assert.ok(Number(response.headers.get("access-control-max-age")) > 0);
  }
});

test("every answer lets the page read what it needs to try again", async () => {
  for (const [path, method] of [
    ["/healthz", "GET"],
    [`/v1/apps/${stack.app_id}/events`, "POST"],
    ["/nowhere", "GET"],
  ]) {
    const { headers } = await fetch(stack.edge + path, { method });
    const exposed = headers.get("access-control-expose-headers")?.toLowerCase().split(", ");
    for (const name of ["date", "retry-after", "x-amzn-requestid", "x-amzn-errortype"]) {
      assert.ok(exposed?.includes(name), `${name} at ${path}`);
    }
    assert.ok(Math.abs(Date.parse(headers.get("date") ?? "") - Date.now()) < 60_000);
    assert.match(headers.get("x-amzn-requestid") ?? "", /^[0-9a-f-]{36}$/);
  }
});

test("paths that are none and methods that do not fit are refused as AWS does", async () => {
  for (const [method, path, status, code] of [
    ["GET", "/", 405, "MethodNotAllowedException"],
    ["GET", `/v1/apps/${stack.app_id}/events`, 405, "MethodNotAllowedException"],
    ["DELETE", `/v1/apps/${stack.app_id}/endpoints/e1`, 405, "MethodNotAllowedException"],
    ["POST", "/healthz", 405, "MethodNotAllowedException"],
    ["GET", "/favicon.ico", 404, "NotFoundException"],
    ["POST", "/v1/apps", 404, "NotFoundException"],
    ["POST", `/v1/apps/${stack.app_id}/campaigns`, 404, "NotFoundException"],
  ] as const) {
    const response = await fetch(stack.edge + path, { method });
    assert.equal(response.status, status, `${method} ${path}`);
    assert.equal(response.headers.get("x-amzn-errortype"), code);
    assert.equal(response.headers.has("allow"), status === 405);
    assert.deepEqual(Object.keys(await response.json()), ["Message", "RequestID"]);
  }
});
