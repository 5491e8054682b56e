import assert from "node:assert/strict";
import { test } from "node:test";
import type { AnalyticsEvent } from "forebay";
import { preparation, share } from "../../npm/src/queue/prepare.ts";

const fail = (_: string, message: string): never => {
  throw new Error(message);
};

type Wishes = Parameters<typeof preparation>[0];

/** What comes of an event in a browser that is among those whose events are sent. */
function prepared(event: AnalyticsEvent, wishes: { globalProperties?: object; before?: unknown }) {
  return preparation({ sampleRate: 1, ...wishes } as Wishes, fail)(event, "any");
}

test("an event has the global properties that it does not have itself", () => {
  const globalProperties = { attributes: { release: "7", theme: "dark" }, metrics: { width: 640 } };
  const { event } = prepared(
    { name: "Opened", attributes: { theme: "light" } },
    { globalProperties, before: undefined },
  ) as { event: object };
  assert.deepEqual(event, {
    name: "Opened",
    attributes: { release: "7", theme: "light" },
    metrics: { width: 640 },
  });
  // What is no object the validator judges.
  for (const attributes of ["text", 7]) {
    const odd = { name: "Odd", attributes: attributes as never };
    const taken = prepared(odd, { globalProperties, before: undefined });
    assert.deepEqual(taken, { event: { ...odd, metrics: { width: 640 } } });
  }
});

test("before() changes an event, or vetoes it", () => {
  const through = (before: (event: { name: string }) => unknown) =>
    prepared({ name: "Opened" }, { globalProperties: undefined, before: before as never });
  assert.deepEqual(
    through((event) => ({ ...event, name: "Changed" })),
    { event: { name: "Changed" } },
  );
  for (const nothing of [null, undefined, {}, "text", { name: "" }]) {
    assert.deepEqual(
      through(() => nothing),
      { reason: "vetoed by before()" },
    );
  }
});

test("global properties that stand in no place are said", (test) => {
  const warn = test.mock.method(console, "warn", () => {});
  const flat = { release: "7", attributes: { theme: "dark" } };
  prepared({ name: "Opened" }, { globalProperties: flat });
  assert.equal(warn.mock.callCount(), 1);
  assert.match(warn.mock.calls[0].arguments[0], /globalProperties\.release is not read/);
});

test("what before() does to one event holds for that one alone", () => {
  const globalProperties = { attributes: { release: "7" }, metrics: { width: 640 } };
  const marks = (event: { attributes: Record<string, string> }) => {
    event.attributes.seen = "1";
    return event;
  };
  prepared({ name: "Marked" }, { globalProperties, before: marks });
  const taken = prepared({ name: "Opened" }, { globalProperties });
  assert.deepEqual(taken, { event: { name: "Opened", ...globalProperties } });
  assert.deepEqual(globalProperties, { attributes: { release: "7" }, metrics: { width: 640 } });
  // Those of sessions are the same object each time.
  const attributes = {};
  prepared({ name: "_session.start", attributes }, { before: marks });
  assert.deepEqual(attributes, {});

  const template = { name: "Filled", attributes: { piece: "" } };
  const fills = ({ name }: { name: string }) => {
    template.attributes.piece = name;
    return template;
  };
  const all = ["Prelude", "Fugue"].map((name) => prepared({ name }, { before: fills }));
  assert.deepEqual(
    all,
    ["Prelude", "Fugue"].map((piece) => ({ event: { name: "Filled", attributes: { piece } } })),
  );
  class Renamed {
    get name() {
      return "Renamed";
    }
  }
  const renamed = prepared({ name: "Opened" }, { before: () => new Renamed() });
  assert.deepEqual(renamed, { event: { name: "Renamed" } });
});

test("ids are shared out evenly, and the same way each time", () => {
  const ids = Array.from({ length: 10_000 }, (_, n) => `0b1c2d3e-0000-4000-8000-${n + 1e11}`);
  const shares = ids.map(share);
  assert.deepEqual(ids.map(share), shares);
  for (let tenth = 0; tenth < 10; tenth++) {
    const inside = shares.filter((share) => Math.floor(share * 10) === tenth).length;
    assert.ok(inside > 850 && inside < 1150, `${inside} of 10000 in tenth ${tenth}`);
  }
});
