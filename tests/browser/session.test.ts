import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Sessions } from "../../npm/src/session.ts";

const MINUTE = 60_000;
const KEY = "forebay.session.app";

let stored: Map<string, string>;
let ids: number;
const newId = () => `00000000-0000-4000-8000-000000000${(ids++).toString(16)}0`;

/** A tab of this browser: all have one storage. */
function tab(): Sessions {
  return new Sessions(KEY, 30 * MINUTE, newId);
}

/** A tab that keeps its session to itself. */
function lonely(): Sessions {
  return new Sessions(undefined, 30 * MINUTE, newId);
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

test("tabs share a session, and it outlives a reload", () => {
  const first = tab();
  const { stamp, events } = first.of("A", 0);
  assert.deepEqual(events, []);
  assert.deepEqual(first.of("B", MINUTE).stamp, stamp);
  assert.deepEqual(tab().of("C", 2 * MINUTE).stamp, stamp);
  assert.notEqual(lonely().of("D", 2 * MINUTE).stamp.id, stamp.id);
});

test("a session ends after its time without an event, whichever tab had the last", () => {
  const [first, second] = [tab(), tab()];
  const { id } = first.of("A", 0).stamp;
  second.of("B", 25 * MINUTE);
  assert.equal(first.of("C", 50 * MINUTE).stamp.id, id);
  const next = second.of("D", 81 * MINUTE).stamp;
  assert.notEqual(next.id, id);
  assert.equal(next.start, 81 * MINUTE);
  assert.equal(first.of("E", 81 * MINUTE).stamp.id, next.id);
});

test("a clock that was put back far begins a session, and one that was put back little does not", () => {
  const sessions = tab();
  const { id } = sessions.of("A", 100 * MINUTE).stamp;
  assert.equal(sessions.of("B", 90 * MINUTE).stamp.id, id);
  assert.notEqual(sessions.of("C", 10 * MINUTE).stamp.id, id);
});

test("announced sessions are announced once, and their end is that of their last event", () => {
  const [first, second] = [tab(), tab()];
  first.announce(true);
  second.announce(true);
  const { stamp, events } = first.of("A", 5 * MINUTE);
  assert.deepEqual(
    events.map(({ name, at, id }) => [name, at, id]),
    [["_session.start", 5 * MINUTE, stamp.id]],
  );
  assert.deepEqual(second.of("B", 6 * MINUTE).events, []);
  const later = first.of("C", 60 * MINUTE);
  assert.deepEqual(
    later.events.map(({ name, at, session }) => [name, at, session]),
    [
      ["_session.stop", 6 * MINUTE, { ...stamp, stop: 6 * MINUTE }],
      ["_session.start", 60 * MINUTE, later.stamp],
    ],
  );
});

test("two tabs that notice the end at once say so under the same id", () => {
  const [first, second] = [tab(), tab()];
  for (const sessions of [first, second]) sessions.announce(true);
  first.of("A", 0);
  second.of("B", 0);
  const before = stored.get(KEY);
  const [stop] = first.of("C", 60 * MINUTE).events;
  stored.set(KEY, before as string);
  assert.equal(second.of("D", 60 * MINUTE).events[0].id, stop.id);
});

test("recorded starts and stops are obeyed, as with Amplify", () => {
  const sessions = lonely();
  const started = sessions.of("_session.start", 1000).stamp;
  assert.deepEqual(sessions.of("A", 2000).stamp, started);
  assert.deepEqual(sessions.of("_session.stop", 3000).stamp, { ...started, stop: 3000 });
  assert.notEqual(sessions.of("B", 4000).stamp.id, started.id);
});

test("what someone else left in storage is no session", () => {
  for (const text of [
    "",
    "null",
    "{}",
    '{"id":"","start":0,"last":0}',
    '{"id":7,"start":0,"last":0}',
  ]) {
    stored.set(KEY, text);
    assert.match(tab().of("A", 0).stamp.id, /^[0-9a-f-]{36}$/);
  }
});

test("without storage a session is the page's, and time ends it all the same", () => {
  Object.assign(globalThis, { localStorage: undefined });
  const sessions = tab();
  const { id } = sessions.of("A", 0).stamp;
  assert.equal(sessions.of("B", 10 * MINUTE).stamp.id, id);
  assert.notEqual(sessions.of("C", 50 * MINUTE).stamp.id, id);
});
