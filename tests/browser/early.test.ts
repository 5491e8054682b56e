// What is recorded before the engine has loaded, on a page that ends before it has.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { hold } from "../support/page.ts";
import { until } from "../support/until.ts";
import { endpoint, site } from "../support/visits.ts";

const EARLY = "forebay.early.";

/** A page whose engine does not come. */
async function withoutEngine(context = site.browser.newContext()): Promise<Page> {
  const page = await site.open({ context: await context });
  await page.route("**/engine.js", (route) => route.abort());
  await page.evaluate((config) => forebay.configure(config), endpoint.config);
  return page;
}

/** The page ends; gives what the next one of that visitor says of the events, once none is queued. */
async function nextVisit(page: Page) {
  await page.goto("about:blank");
  const next = await site.open({ context: page.context() });
  const said: string[] = [];
  next.on("console", (message) => said.push(message.text()));
  await next.evaluate((config) => forebay.configure(config), endpoint.config);
  const stats = await until("all of them to end", async () => {
    const stats = await next.evaluate(() => forebay.stats());
    return stats.leader && stats.recorded + stats.invalid > 0 && !stats.queued && stats;
  });
  return { ...stats, said };
}

test("one event that cannot be written as JSON costs no other", async () => {
  const page = await withoutEngine();
  const ids = await page.evaluate(() => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const element = Object.assign(document.createElement("p"), { cycle });
    const throwing = {
      toJSON() {
        throw new Error("never");
      },
    };
    const bad = [1n, cycle, element, throwing, [1n], new Map([[cycle, 1]]), { deep: { of: 2n } }];
    // What is not of the event is not written at all.
    const beside = forebay.record({ name: "Mixed", cycle } as { name: string });
    return ["first", ...bad, "last"]
      .flatMap((value) => {
        const { id } = forebay.record({ name: "Mixed", attributes: { value: value as string } });
        return typeof value === "string" ? id : [];
      })
      .concat(beside.id);
  });
  const { invalid, delivered, recorded } = await nextVisit(page);
  assert.deepEqual([recorded, delivered, invalid], [3, 3, 7]);
  assert.deepEqual(endpoint.accepted.toSorted(), ids.toSorted());
});

for (const [what, free, count, atLeast] of [
  ["a localStorage that is nearly full", 100_000, 500, 40],
  ["a localStorage without any room", 0, 20, 0],
  ["more than localStorage holds", 5_000_000, 5000, 2000],
] as const) {
  test(`${what} keeps as many as fit, and counts the others`, { timeout: 120_000 }, async () => {
    const page = await withoutEngine();
    const said: string[] = [];
    page.on("console", (message) => said.push(message.text()));
    await page.evaluate(
      ({ free, count }) => {
        // Characters: a browser gives about five million. The last few are found one by one.
        for (let size = 2 ** 22, all = ""; size >= 1; size /= 2) {
          try {
            localStorage.setItem("other", all + "x".repeat(size));
            all += "x".repeat(size);
          } catch {}
        }
        const all = localStorage.getItem("other") ?? "";
        localStorage.setItem("other", all.slice(0, Math.max(0, all.length - free)));
        // Larger than all of them, and the first: it must not cost the others.
        if (free) forebay.record({ name: "Huge", attributes: { text: "z".repeat(6_000_000) } });
        const texts = Object.entries("abcdefghij").map(([, name]) => [name, name.repeat(190)]);
        const attributes = Object.fromEntries(texts);
        for (let n = 0; n < count; n++)
          forebay.record({ name: "Large", attributes, metrics: { n } });
      },
      { free, count },
    );
    const all = free ? count + 1 : count;
    await page.evaluate(() => dispatchEvent(new Event("pagehide")));
    assert.match(said.find((text) => /no room/.test(text)) ?? "", new RegExp(`of ${all} events`));
    if (!free) return;
    // The page is left by another way now, so that what it kept is what is found.
    const { recorded, delivered, dropped, droppedBy, invalid } = await nextVisit(page);
    assert.ok(delivered >= atLeast, `${delivered} were kept`);
    assert.equal(invalid, 0);
    assert.deepEqual(
      [recorded, delivered + dropped, droppedBy],
      [all, all, { "no room to keep": dropped }],
    );
  });
}

test("each write of what fits has all of it: Firefox may lose those that follow as a page ends", async () => {
  const page = await withoutEngine();
  const written = await page.evaluate((EARLY) => {
    const written: string[] = [];
    const { setItem } = Storage.prototype;
    Storage.prototype.setItem = function (key, text) {
      if (key.startsWith(EARLY)) written.push(text);
      setItem.call(this, key, text);
    };
    for (let n = 0; n < 20; n++) forebay.record({ name: "Early", metrics: { n } });
    for (const type of ["beforeunload", "pagehide"]) dispatchEvent(new Event(type));
    return written;
  }, EARLY);
  const kept = written.map((text) => JSON.parse(text).filter(({ id }: { id?: string }) => id));
  assert.deepEqual(
    kept.map(({ length }) => length),
    [20, 20],
  );
});

test("a page that is seen again leaves nothing, and one that is hidden does", async () => {
  const page = await withoutEngine();
  const left = (state: string) =>
    page.evaluate(
      ({ state, EARLY }) => {
        Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
        return Object.keys(localStorage).filter((key) => key.startsWith(EARLY)).length;
      },
      { state, EARLY },
    );
  await page.evaluate(() => {
    // Another app of the same origin was told disable().
    localStorage.setItem("forebay.enabled.another", "false");
    forebay.record({ name: "Early" });
  });
  assert.equal(await left("visible"), 0);
  assert.equal(await left("hidden"), 1);
});

test("what a living page has left is not another's: once the engine comes it sends it itself", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  const letThrough = await hold(page, "**/engine.js");
  await page.evaluate((config) => {
    forebay.configure(config);
    for (let n = 0; n < 20; n++) forebay.record({ name: "Early", metrics: { n } });
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  }, endpoint.config);
  const other = await site.open({ context });
  await other.evaluate((config) => forebay.configure(config), endpoint.config);
  await other.waitForFunction(() => forebay.stats().leader);
  await other.evaluate(() => forebay.record({ name: "Other" }).settled);
  assert.equal(endpoint.accepted.length, 1);

  letThrough();
  await page.waitForFunction(() => forebay.stats().delivered === 20);
  assert.equal(endpoint.accepted.length, 21);
  assert.equal(
    await page.evaluate(() => Object.keys(localStorage).filter((key) => /early/.test(key)).length),
    0,
  );
});
