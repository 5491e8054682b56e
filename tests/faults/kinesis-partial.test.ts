// Kinesis that stores a part of a batch, or none, or all without saying so: only what failed is
// sent again, and every event is in the lake once.

import assert from "node:assert/strict";
import { randomInt, randomUUID } from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import { eventIds } from "../support/lake.ts";
import { type Credentials, guest, putEvents, type TestEvent } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { type Fault, KinesisProxy } from "./kinesis-proxy.ts";

const THROTTLED = "ProvisionedThroughputExceededException";
const INTERNAL = "InternalFailure";
/** What a client sends again; 400 would make it give the event up. */
const RETRYABLE = [429, 500, 503];

let proxy: KinesisProxy;
let stack: Stack;
let credentials: Credentials;
/** Every event that was answered 202. */
const accepted: string[] = [];

before(async () => {
  proxy = await KinesisProxy.start("forebay-events");
  stack = await startStack({ kinesisUrl: proxy.url });
  proxy.upstream = stack.kinesis;
  credentials = await guest(stack);
});
after(async () => {
  await stack?.stop();
  proxy?.close();
});
beforeEach(() => {
  proxy.next();
  proxy.passages.length = 0;
});

function events(count: number): Record<string, TestEvent> {
  const event = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
  return Object.fromEntries(Array.from({ length: count }, () => [randomUUID(), event]));
}

/** Sends events as one client; gives the ids by what each was answered. */
async function sent(batch: Record<string, TestEvent>, client = randomUUID()) {
  const answers = await putEvents(stack, credentials, batch, client);
  assert.deepEqual(Object.keys(answers).sort(), Object.keys(batch).sort());
  const ids = Object.keys(answers);
  const stored = ids.filter((id) => answers[id].StatusCode === 202);
  const again = ids.filter((id) => RETRYABLE.includes(answers[id].StatusCode));
  assert.equal(stored.length + again.length, ids.length, JSON.stringify(answers));
  accepted.push(...stored);
  return { stored, again };
}

/** Waits until the lake holds each accepted event, and holds nothing twice and nothing else. */
async function assertLakeBalances(): Promise<void> {
  const wanted = [...accepted].sort();
  let found: string[] = [];
  const isComplete = async () => {
    found = await eventIds(stack.lake);
    return new Set(found).size >= wanted.length;
  };
  await until("every accepted event to be in the lake", isComplete, { timeout: 30_000 });
  // The lake writes every second: a row too many would be written by the time a later event is.
  const last = await sent(events(1), randomUUID());
  assert.equal(last.stored.length, 1);
  await until("a later event to be in the lake", async () =>
    (await eventIds(stack.lake)).includes(last.stored[0]),
  );
  assert.deepEqual(await eventIds(stack.lake), [...accepted].sort());
}

test("records that failed are sent again, and no others", async () => {
  const errors = [
    (_: string, index: number) => (index % 3 === 0 ? THROTTLED : undefined),
    (_: string, index: number) => (index % 2 === 1 ? INTERNAL : undefined),
  ];
  proxy.next(...errors.map((error): Fault => ({ kind: "partial", error })));
  const { stored } = await sent(events(60));
  assert.equal(stored.length, 60);

  const [first, second, third, ...more] = proxy.passages.map((passage) => passage.came);
  assert.equal(first.length, 60);
  assert.deepEqual(
    second,
    first.filter((_, index) => index % 3 === 0),
  );
  assert.deepEqual(
    third,
    second.filter((_, index) => index % 2 === 1),
  );
  assert.deepEqual(more, []);
  const inStream = (await readStream(stack)).map((record) => record.json.forebay.event_id);
  for (const id of stored) assert.equal(inStream.filter((other) => other === id).length, 1, id);
  await assertLakeBalances();
});

test("an event that Kinesis keeps refusing is answered so, and its neighbours are stored", async () => {
  const batch = events(10);
  const refused = new Set(Object.keys(batch).slice(3, 6));
  proxy.fault = () => ({
    kind: "partial",
    error: (id) => (refused.has(id) ? THROTTLED : undefined),
  });
  const { stored, again } = await sent(batch);
  assert.deepEqual(new Set(again), refused);
  assert.equal(stored.length, 7);
  const repeated = proxy.passages.slice(1).flatMap((passage) => passage.came);
  assert.ok(repeated.length >= refused.size);
  assert.deepEqual(new Set(repeated), refused);

  // The client sends just those again.
  proxy.next();
  const rest = Object.fromEntries([...refused].map((id) => [id, batch[id]]));
  assert.equal((await sent(rest)).stored.length, refused.size);
  await assertLakeBalances();
});

/** Longer than the worker waits for an answer, in milliseconds. */
const TOO_LATE = 6_000;

const FAULTS: Fault[] = [
  { kind: "refused", status: 400, error: THROTTLED },
  { kind: "refused", status: 500, error: INTERNAL },
  { kind: "reset" },
  { kind: "answer lost" },
  { kind: "answer late", delay: TOO_LATE },
];

for (const fault of FAULTS) {
  const name = fault.kind === "refused" ? `status ${fault.status}` : fault.kind;
  test(`a whole request that fails is sent again: ${name}`, async () => {
    proxy.next(fault);
    const { stored } = await sent(events(20));
    assert.equal(stored.length, 20);
    const [first, second, ...more] = proxy.passages.map((passage) => passage.came);
    assert.deepEqual(second, first);
    assert.deepEqual(more, []);
    await assertLakeBalances();
  });
}

test("a storm of faults: what is accepted is in the lake once, what is not is sent again", async () => {
  const clients = 8;
  const batches = 4;
  const size = 40;
  const kinds = new Set<string>();
  proxy.fault = () => {
    const fault = anyFault();
    kinds.add(fault?.kind ?? "none");
    return fault;
  };
  let resent = 0;
  const client = async () => {
    const id = randomUUID();
    for (let count = 0; count < batches; count++) {
      let batch = events(size);
      // What a client does: keep what was not accepted, and send it until it is.
      for (let tries = 0; Object.keys(batch).length > 0; tries++) {
        assert.ok(tries < 50, "the storm never lets this batch through");
        const { again } = await sent(batch, id);
        resent += again.length;
        batch = Object.fromEntries(again.map((event) => [event, batch[event]]));
      }
    }
  };
  const before = accepted.length;
  await Promise.all(Array.from({ length: clients }, client));
  assert.equal(accepted.length - before, clients * batches * size);
  assert.ok(kinds.size >= 4, `the storm was ${[...kinds].join(", ")} only`);

  // Nothing was called stored that is not, and what Kinesis had acknowledged was not sent again.
  const acknowledged = proxy.passages.flatMap((passage) => passage.acknowledged);
  assert.equal(new Set(acknowledged).size, acknowledged.length);
  const stored = new Set(proxy.passages.flatMap((passage) => passage.stored));
  for (const id of accepted.slice(before)) assert.ok(stored.has(id), id);
  proxy.next();
  await assertLakeBalances();
  console.log(`${proxy.passages.length} requests, ${resent} events sent again by clients`);
});

/** Any fault but one that takes seconds, or none. */
function anyFault(): Fault | undefined {
  switch (randomInt(8)) {
    case 0:
      return { kind: "refused", status: 400, error: THROTTLED };
    case 1:
      return { kind: "refused", status: 500, error: INTERNAL };
    case 2:
      return { kind: "reset" };
    case 3:
      return { kind: "answer lost" };
    case 4:
    case 5:
      return { kind: "partial", error: () => (randomInt(2) ? THROTTLED : undefined) };
    default:
      return undefined;
  }
}
