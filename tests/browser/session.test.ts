import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type * as Copy from "../../npm/src/identity/session.ts";
import { setUp } from "../../npm/src/setup.ts";

const MINUTE = 60_000;
const KEY = "forebay.session.app";

let stored: Map<string, string>;
let ids: number;
let tabs = 0;

/** A tab of this browser, which has a copy of the module as any page has: all have one storage. */
async function tab(sessions = "shared") {
  const copy: typeof Copy = await import(`../../npm/src/identity/session.ts?tab=${tabs++}`);
  const settings = { appId: "app", sessions, sessionTimeout: 30 * MINUTE };
  const uuid = () => `00000000-0000-4000-8000-000000000${(ids++).toString(16)}0`;
  setUp(settings as never, { uuid } as never);
  copy.openSessions();
  return {
    announce: copy.announce,
    /** In a task of its own, as in a tab. */
    async of(name: string, at: number) {
      await Promise.resolve();
      const [stamp, events] = copy.sessionOf(name, at);
      return { stamp, events };
    },
  };
}

beforeEach(() => {
  stored = new Map();
  ids = 16;
  Object.assign(globalThis, {
    localStorage: {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => stored.set(key, value),
      removeItem: (key: string) => stored.delete(key),
    },
  });
});

test("tabs share a session, and it outlives a reload", async () => {
  const first = await tab();
  const { stamp, events } = await first.of("A", 0);
  assert.deepEqual(events, []);
  assert.deepEqual((await first.of("B", MINUTE)).stamp, stamp);
  assert.deepEqual((await (await tab()).of("C", 2 * MINUTE)).stamp, stamp);
  assert.notEqual((await (await tab("perTab")).of("D", 2 * MINUTE)).stamp.id, stamp.id);
});

test("a session ends after its time without an event, whichever tab had the last", async () => {
  const [first, second] = [await tab(), await tab()];
  const { id } = (await first.of("A", 0)).stamp;
  await second.of("B", 25 * MINUTE);
  assert.equal((await first.of("C", 50 * MINUTE)).stamp.id, id);
  const next = (await second.of("D", 81 * MINUTE)).stamp;
  assert.notEqual(next.id, id);
  assert.equal(next.start, 81 * MINUTE);
  assert.equal((await first.of("E", 81 * MINUTE)).stamp.id, next.id);
});

test("a clock that was put back far begins a session, and one that was put back little does not", async () => {
  const sessions = await tab();
  const { id } = (await sessions.of("A", 100 * MINUTE)).stamp;
  assert.equal((await sessions.of("B", 90 * MINUTE)).stamp.id, id);
  assert.notEqual((await sessions.of("C", 10 * MINUTE)).stamp.id, id);
});

test("announced sessions are announced once, and their end is that of their last event", async () => {
  const [first, second] = [await tab(), await tab()];
  first.announce(true);
  second.announce(true);
  const { stamp, events } = await first.of("A", 5 * MINUTE);
  assert.deepEqual(
    events.map(({ name, at, id }) => [name, at, id]),
    [["_session.start", 5 * MINUTE, stamp.id]],
  );
  assert.deepEqual((await second.of("B", 6 * MINUTE)).events, []);
  const later = await first.of("C", 60 * MINUTE);
  assert.deepEqual(
    later.events.map(({ name, at, session }) => [name, at, session]),
    [
      ["_session.stop", 6 * MINUTE, { ...stamp, stop: 6 * MINUTE }],
      ["_session.start", 60 * MINUTE, later.stamp],
    ],
  );
});

test("two tabs that notice the end at once say so under the same id", async () => {
  const [first, second] = [await tab(), await tab()];
  for (const sessions of [first, second]) sessions.announce(true);
  await first.of("A", 0);
  await second.of("B", 0);
  const before = stored.get(KEY);
  const [stop] = (await first.of("C", 60 * MINUTE)).events;
  stored.set(KEY, before as string);
  assert.equal((await second.of("D", 60 * MINUTE)).events[0].id, stop.id);
});

test("recorded starts and stops are obeyed, as with Amplify", async () => {
  const sessions = await tab("perTab");
  const started = (await sessions.of("_session.start", 1000)).stamp;
  assert.deepEqual((await sessions.of("A", 2000)).stamp, started);
  assert.deepEqual((await sessions.of("_session.stop", 3000)).stamp, { ...started, stop: 3000 });
  assert.notEqual((await sessions.of("B", 4000)).stamp.id, started.id);
});

test("what someone else left in storage is no session", async () => {
  for (const text of [
    "",
    "null",
    "{}",
    '{"id":"","start":0,"last":0}',
    '{"id":7,"start":0,"last":0}',
  ]) {
    stored.set(KEY, text);
    assert.match((await (await tab()).of("A", 0)).stamp.id, /^[0-9a-f-]{36}$/);
  }
});

test("without storage a session is the page's, and time ends it all the same", async () => {
  Object.assign(globalThis, { localStorage: undefined });
  const sessions = await tab();
  const { id } = (await sessions.of("A", 0)).stamp;
  assert.equal((await sessions.of("B", 10 * MINUTE)).stamp.id, id);
  assert.notEqual((await sessions.of("C", 50 * MINUTE)).stamp.id, id);
});
