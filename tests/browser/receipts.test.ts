import assert from "node:assert/strict";
import { test } from "node:test";
import { results } from "../support/endpoint.ts";
import { engine, lacks } from "../support/engines/engine.ts";
import { delivered } from "../support/page.ts";
import { endpoint, site } from "../support/visits.ts";

test("a receipt tells how far its event has come, and what became of it", async () => {
  endpoint.next((batch) =>
    results(batch, ({ EventType }) =>
      EventType === "Bad"
        ? { StatusCode: 400, Message: "no such event type" }
        : { StatusCode: 202, Message: "Accepted" },
    ),
  );
  const page = await site.open();
  const [early, settled, late] = await page.evaluate(async (config) => {
    const before = (event: { name: string }) => (event.name === "Vetoed" ? null : event);
    forebay.configure({ ...config, before });
    const good = forebay.record({ name: "Good" });
    const others = [
      forebay.record({ name: "Bad" }),
      forebay.record({ name: "Vetoed" }),
      forebay.record({ name: "Odd", metrics: { n: "text" as never } }),
    ];
    const early = good.state;
    const settled = await Promise.all(others.map((receipt) => receipt.settled));
    // Looked at for the first time when all is over.
    const { state } = await good.settled;
    return [early, settled, [good.state, state]] as const;
  }, endpoint.config);

  assert.equal(early, "recorded");
  assert.deepEqual(
    settled.map(({ name, state, reason }) => [name, state, reason]),
    [
      ["Bad", "rejected", "no such event type"],
      ["Vetoed", "dropped", "vetoed by before()"],
      ["Odd", "invalid", undefined],
    ],
  );
  assert.equal(settled[2].violations?.[0].path, "Metrics.n");
  assert.deepEqual(late, ["delivered", "delivered"]);
});

test("a promise settles though nobody kept its receipt", {
  skip: lacks("garbage"),
}, async () => {
  const page = await site.open();
  await endpoint.connections("refused");
  await page.evaluate((config) => {
    forebay.configure(config);
    const { settled } = forebay.record({ name: "Kept" });
    Object.assign(window, { settled });
  }, endpoint.config);
  await engine.collectGarbage(page);
  await endpoint.connections("served");
  assert.equal(await page.evaluate("settled.then(({ state }) => state)"), "delivered");
});

test("the hook, global properties and sampling decide what leaves", async () => {
  const page = await site.open();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.evaluate((config) => {
    // Chromium 94 has none.
    Reflect.deleteProperty(globalThis, "reportError");
    forebay.configure({
      ...config,
      globalProperties: { attributes: { release: "7" } },
      before(event) {
        if (event.name === "Broken") throw new Error("the hook's own");
        return { ...event, attributes: { ...event.attributes, amended: "true" } };
      },
    });
    forebay.record({ name: "Broken" });
    forebay.record({ name: "Opened", attributes: { own: "1" } });
  }, endpoint.config);
  await delivered(page, 1);
  const sent = [...endpoint.batches[0].events.values()];
  assert.deepEqual(
    sent.map((event) => event.Attributes),
    [{ release: "7", own: "1", amended: "true" }],
  );
  assert.deepEqual(errors, ["the hook's own"]);
  const { droppedBy } = await page.evaluate(() => forebay.stats());
  assert.deepEqual(droppedBy, { "before() threw": 1 });

  const unsampled = await site.open();
  const end = await unsampled.evaluate((config) => {
    forebay.configure({ ...config, sampleRate: 0 });
    return forebay.record({ name: "Unsampled" }).settled;
  }, endpoint.config);
  assert.deepEqual([end.state, end.reason], ["dropped", "not sampled"]);
});

test("debug explains every step on the console, and tells no value", async () => {
  const page = await site.open();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  await page.evaluate((config) => {
    forebay.configure({ ...config, debug: true });
    forebay.record({ name: "Explained", attributes: { secret: "hush" } });
    return forebay.record({ name: "Odd", metrics: { n: "hush" as never } }).settled;
  }, endpoint.config);
  await delivered(page, 1);
  const [first, ...others] = said.filter((line) => line.startsWith("Forebay: Explained"));
  assert.match(first, /^Forebay: Explained [0-9a-f-]{36} is valid, and waits to be sent\.$/);
  assert.match(others.at(-1) ?? "", / has arrived\.$/);
  assert.ok(
    said.some((line) => /^Forebay: Metrics\.n has to be .*number.*/.test(line)),
    `${said}`,
  );
  assert.ok(!said.join().includes("hush"));
});

test("sessions are shared by tabs and reloads, or are a tab's own", async () => {
  for (const [sessions, count] of [
    ["shared", 1],
    ["perTab", 3],
  ] as const) {
    const context = await site.browser.newContext();
    const seen = new Set();
    for (let visit = 0; visit < 3; visit++) {
      const page = await site.open({ context });
      await page.evaluate(
        (config) => {
          forebay.configure(config);
          forebay.record({ name: "Visited" });
        },
        { ...endpoint.config, sessions },
      );
      await delivered(page, 1);
      seen.add([...(endpoint.batches.at(-1)?.events.values() ?? [])][0].Session.Id);
    }
    assert.equal(seen.size, count, sessions);
  }
});

for (const [which, isSecure] of [
  ["a page", true],
  ["a page that is not secure", false],
] as const) {
  test(`on ${which} ids are UUIDs that begin with the time`, async () => {
    const page = await site.open();
    const [before, ids, after] = await page.evaluate(
      ({ config, isSecure }) => {
        if (!isSecure) Object.defineProperty(crypto, "randomUUID", { value: undefined });
        forebay.configure(config);
        const before = Date.now();
        const ids = Array.from({ length: 1_000 }, () => forebay.record({ name: "Named" }).id);
        return [before, ids, Date.now()] as const;
      },
      { config: endpoint.config, isSecure },
    );
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ids) {
      assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      const time = Number.parseInt(id.slice(0, 13).replace("-", ""), 16);
      assert.ok(before <= time && time <= after, id);
    }
  });
}
