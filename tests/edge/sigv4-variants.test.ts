// What botocore signs, in every way that AWS takes a signature, as workerd hands it on.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { python } from "../support/python.ts";
import { guest } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";

let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

test("every way that AWS takes a signature is taken, and nothing beside it", async () => {
  const { edge, region, app_id } = stack;
  const { accessKeyId, secretAccessKey, sessionToken } = await guest(stack);
  const given = JSON.stringify({
    edge,
    region,
    app_id,
    access_key_id: accessKeyId,
    secret_access_key: secretAccessKey,
    session_token: sessionToken,
  });
  const { taken, refused } = JSON.parse(await python("edge/sigv4_variants.py", [], given));
  const accepted = Object.keys(taken).map((name) => [name, [202, [202]]]);
  assert.deepEqual(taken, Object.fromEntries(accepted));
  assert.ok(accepted.length > 30);
  for (const [name, [status]] of Object.entries<[number]>(refused)) {
    assert.equal(status, 403, name);
  }
});
