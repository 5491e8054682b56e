// PII_SALT: when it is needed, and what hashes are made with it.

import assert from "node:assert/strict";
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import { guest, putEvents, send } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { startWorker } from "./support/worker.ts";

const email = { type: "string", format: "email", "x-pii": "hash" };
const SCHEMA = {
  $defs: {
    SignUpEvent: {
      type: "object",
      properties: { email, name: { type: "string", "x-pii": "mask" } },
    },
    OrderEvent: { type: "object", properties: { buyer: email } },
  },
};

let stack: Stack;
let folder: string;
let schema: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "forebay-personal-"));
  schema = join(folder, "forebay.schema.json");
  await writeFile(schema, JSON.stringify(SCHEMA));
  stack = await startStack({ withLake: false });
});
after(async () => {
  await stack?.stop();
  await rm(folder, { recursive: true });
});

/** The worker with that schema and this salt. */
async function start(piiSalt?: string) {
  const options = { kinesis: stack.kinesis, masterSecret: randomBytes(32), piiSalt };
  const worker = await startWorker({ ...stack, schema }, options);
  return { worker, at: { ...stack, edge: worker.edge } };
}

test("without a salt that can be used, nothing is taken, and no salt is repeated", async () => {
  for (const salt of [undefined, "", "hunter2", Buffer.from("hunter2").toString("base64")]) {
    const { worker, at } = await start(salt);
    try {
      const health = await fetch(`${worker.edge}/readyz`);
      assert.equal(health.status, 503);
      const { configuration } = await health.json();
      assert.equal(configuration.length, 1);
      assert.match(
        configuration[0],
        salt ? /^PII_SALT: is not base64 of 32 / : /^PII_SALT: is mis/,
      );
      await assert.rejects(guest(at), / answered 500: /);
      const said = `${configuration}${worker.log()}`;
      assert.match(said, /PII_SALT/);
      if (salt) assert.ok(!said.includes(salt), said);
    } finally {
      await worker.stop();
    }
  }
});

test("a hash is the HMAC of the text, the same in all event types and after a restart", async () => {
  const salt = randomBytes(48);
  const address = `${randomUUID()}@example.com`;
  const hash = createHmac("sha256", salt).update(address).digest("hex");
  for (let run = 0; run < 2; run++) {
    const { worker, at } = await start(salt.toString("base64"));
    try {
      const [signUp, order, wrong] = [randomUUID(), randomUUID(), randomUUID()];
      const answers = await putEvents(at, await guest(at), {
        [signUp]: { EventType: "SignUpEvent", Attributes: { email: address, name: "Åsa" } },
        [order]: { EventType: "OrderEvent", Attributes: { buyer: address } },
        [wrong]: { EventType: "OrderEvent", Attributes: { buyer: address, email: address } },
      });
      assert.equal(answers[signUp].StatusCode, 202, answers[signUp].Message);
      const records = await readStream(stack);
      const attributes = (id: string) =>
        records.find(({ json }) => json.forebay.event_id === id)?.json.attributes;
      assert.deepEqual(attributes(signUp), { email: hash, name: "Å***" });
      assert.deepEqual(attributes(order), { buyer: hash });
      const letters = await readStream(stack, stack.dead_letter_stream);
      const letter = letters.find(({ json }) => json.event_id === wrong);
      const described = `a string of ${address.length} characters`;
      assert.deepEqual(letter?.json.event.Attributes, { buyer: hash, email: described });
      assert.ok(!worker.log().includes(address));
    } finally {
      await worker.stop();
    }
  }
});

test("no way to refuse a request puts anything of it into the log", async () => {
  const { worker, at } = await start(randomBytes(32).toString("base64"));
  try {
    const secret = randomUUID();
    const credentials = await guest(at);
    const event = { EventType: secret, Attributes: { email: secret, [secret]: secret } };
    const put = (body: string, more: object = {}) =>
      send(at, credentials, { path: `/v1/apps/${stack.app_id}/events`, body, ...more });
    const item = (event: unknown) => ({ Endpoint: {}, Events: { [randomUUID()]: event } });
    const statuses: number[] = [];
    for (const [body, more] of [
      [JSON.stringify({ BatchItem: { [secret]: item(event) } })],
      [JSON.stringify({ BatchItem: { [secret]: secret } })],
      [JSON.stringify({ BatchItem: { [secret]: { ...item(event), Endpoint: secret } } })],
      [`{"${secret}":"\\${secret}`],
      [JSON.stringify({ BatchItem: { [secret.padEnd(300, "x")]: item(event) } })],
      [JSON.stringify({ BatchItem: { e: item(event) } }), { path: `/v1/apps/${secret}/events` }],
      [
        JSON.stringify({ Address: secret, ChannelType: secret }),
        { path: `/v1/apps/${stack.app_id}/endpoints/${secret}`, method: "PUT" },
      ],
      [secret, { path: `/${secret}` }],
      [JSON.stringify({ BatchItem: { e: item(event) } }), { date: new Date(0) }],
    ] as const) {
      statuses.push((await put(body, more)).status);
    }
    assert.deepEqual(statuses, [202, 202, 202, 400, 202, 404, 400, 404, 403]);
    const lines = worker
      .log()
      .split("\n")
      .filter((line) => line.includes('"request_id"'));
    assert.ok(lines.length >= statuses.length, worker.log());
    assert.ok(!worker.log().includes(secret), worker.log());
  } finally {
    await worker.stop();
  }
});
