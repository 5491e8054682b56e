// More events than memory holds: those that wait on disk alone are as good as any.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { Endpoint } from "../support/endpoint.ts";
import { changeRows } from "../support/page.ts";
import {
  assertBalanced,
  configure,
  droppedBy,
  numbers,
  record,
  revisit,
  safe,
  settled,
} from "./support/numbered.ts";
import { type Scenario, scenario } from "./support/scenario.ts";

const MANY = 5_000;
const AT_ONCE = 1_000;

declare global {
  /** Receipts of events that a test recorded in the page. */
  var receipts: import("forebay").Receipt[];
}

/** Records so many events a thousand at a time, and waits until they are on disk. Gives their ids. */
async function queue(page: Page, from = 0): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < MANY) {
    ids.push(...(await record(page, { from: from + ids.length, count: AT_ONCE })));
    await safe(page);
  }
  return ids;
}

/** Resolves when the page has read the disk, so that with what it finds there so many are queued. */
async function diskRead(page: Page, queued: number): Promise<void> {
  await page.waitForFunction((queued) => forebay.stats().queued === queued, queued);
}

/** There is an endpoint again, and the page is to send what waits. */
async function serve(endpoint: Endpoint, page: Page): Promise<void> {
  await endpoint.connections("served");
  await page.evaluate(() => forebay.flushEvents());
}

/** Configures a page that cannot send, and then another, which would not. Gives the other. */
async function beside({ site, endpoint, context, page }: Scenario): Promise<Page> {
  await endpoint.connections("refused");
  await configure(page, endpoint);
  await page.waitForFunction(() => forebay.stats().leader);
  return revisit(site, context, endpoint);
}

async function allArrive(endpoint: Endpoint, ids: string[]): Promise<void> {
  await endpoint.until(() => ids.every((id) => endpoint.distinct.has(id)), { timeout: 60_000 });
}

/** Registers these tests. */
export function backlog(): void {
  scenario("more than memory holds arrives, and its receipts tell", async ({ endpoint, page }) => {
    await endpoint.connections("refused");
    await configure(page, endpoint);
    await page.evaluate((count) => {
      // The disk cannot be read the first time, as where another page takes it away for a moment.
      const { getAll } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.getAll = function (...given) {
        IDBObjectStore.prototype.getAll = getAll;
        const asked = getAll.apply(this, given);
        this.transaction.abort();
        return asked;
      };
      const numbers = Array.from({ length: count }, (_, number) => number);
      globalThis.receipts = numbers.map((number) =>
        forebay.record({ name: "Numbered", metrics: { number } }),
      );
    }, MANY);
    await page.waitForFunction(() => receipts.every(({ state }) => state === "stored"));
    assert.equal(await page.evaluate(() => forebay.stats().queued), MANY);
    await serve(endpoint, page);
    const states = await page.evaluate(async () => {
      const settled = await Promise.all(receipts.map((receipt) => receipt.settled));
      return settled.map(({ state }) => state);
    });
    assert.deepEqual(new Set(states), new Set(["delivered"]));
    assert.equal(endpoint.accepted.length, MANY, "each once");
    await assertBalanced(page, MANY);
  });

  scenario(
    "more than memory holds, of which the oldest are dropped",
    async ({ endpoint, context, page }) => {
      const room = 3_000;
      await configure(page, endpoint, { bufferSize: room });
      await page.evaluate(() => forebay.validate({ name: "Anything" }));
      await context.setOffline(true);
      for (let from = 0; from < MANY; from += AT_ONCE) {
        await record(page, { from, count: AT_ONCE });
        await page.waitForFunction(
          (last) => deliveries.some(({ id, state }) => id === last && state === "stored"),
          await page.evaluate(() => recorded[recorded.length - 1][0]),
        );
      }
      const stats = await page.evaluate(() => forebay.stats());
      assert.deepEqual([stats.queued, stats.dropped], [room, MANY - room]);
      await context.setOffline(false);
      await settled(page);
      assert.deepEqual(
        numbers(endpoint),
        Array.from({ length: room }, (_, number) => MANY - room + number),
      );
    },
    ["offline"],
  );

  scenario(
    "more than memory holds is another tab's while the page is frozen, and in its books as that sends it",
    async (all) => {
      const { site, endpoint, context, page } = all;
      await endpoint.connections("refused");
      await configure(page, endpoint);
      const ids = await queue(page);
      await page.evaluate(() => document.dispatchEvent(new Event("freeze")));
      const other = await revisit(site, context, endpoint);
      await diskRead(other, MANY);
      await serve(endpoint, other);
      await allArrive(endpoint, ids);
      await settled(other);
      await page.evaluate(() => document.dispatchEvent(new Event("resume")));
      await assertBalanced(page, MANY);
      assert.equal(endpoint.accepted.length, MANY, "each once");
    },
  );

  scenario(
    "more than memory holds is left for the next visit",
    async ({ site, endpoint, context, page }) => {
      await endpoint.connections("refused");
      await configure(page, endpoint);
      const ids = await queue(page);
      // On disk, and in localStorage: a page that ends does not know whether the disk has them.
      const last = { from: MANY, count: 3 * AT_ONCE, leave: true };
      ids.push(...(await record(page, last)));
      await page.waitForURL("about:blank");
      await page.close();
      const next = await revisit(site, context, endpoint);
      await diskRead(next, ids.length);
      await serve(endpoint, next);
      await allArrive(endpoint, ids);
      assert.equal(endpoint.accepted.length, ids.length, "each once");
      await assertBalanced(next, ids.length);
    },
  );

  scenario("more than memory holds when the tab that sends is closed", async (scenario) => {
    const { endpoint, page } = scenario;
    const other = await beside(scenario);
    const ids = await queue(page);
    const others = await queue(other, MANY);
    await page.close();
    await other.waitForFunction(() => forebay.stats().leader);
    await serve(endpoint, other);
    await allArrive(endpoint, [...ids, ...others]);
    assert.equal(endpoint.accepted.length, 2 * MANY, "each once");
    await assertBalanced(other, 2 * MANY);
  });

  scenario(
    "more than memory holds, some of which is deleted",
    async ({ site, endpoint, context, page: earlier }) => {
      await endpoint.connections("refused");
      await configure(earlier, endpoint);
      await record(earlier, { from: MANY, count: 1 });
      await safe(earlier);
      await earlier.close();
      const page = await revisit(site, context, endpoint);
      await diskRead(page, 1);
      const ids = await queue(page);
      // Some of those that are in memory as well, and some that are not.
      const gone = ids.slice(2 * AT_ONCE, 4 * AT_ONCE);
      await changeRows(page, [], [...ids.slice(0, AT_ONCE / 2), ...gone]);
      await serve(endpoint, page);
      await settled(page);
      const others = Array.from({ length: MANY + 1 }, (_, number) => number);
      others.splice(2 * AT_ONCE, gone.length);
      assert.deepEqual(numbers(endpoint), others, "all else arrives, each once");
      assert.deepEqual(await droppedBy(page), { "not on disk any more": gone.length });
    },
  );

  scenario(
    "more than memory holds leaves it where it was recorded before the tab sends",
    async (scenario) => {
      const { endpoint, page } = scenario;
      const other = await beside(scenario);
      const ids = await queue(other);
      // The last one on disk: once the other page has read it, it has read all.
      await record(page, { from: MANY, count: 1 });
      await safe(page);
      await page.close();
      await diskRead(other, MANY + 1);
      const gone = ids.slice(-AT_ONCE);
      await changeRows(other, [], gone);
      await serve(endpoint, other);
      await settled(other);
      assert.equal(endpoint.accepted.length, MANY + 1 - gone.length, "all else arrives, each once");
      assert.deepEqual(await droppedBy(other), { "not on disk any more": gone.length });
    },
  );

  scenario("more than memory holds is forgotten", async ({ endpoint, page }) => {
    await endpoint.connections("refused");
    await configure(page, endpoint);
    await queue(page);
    await page.evaluate(() => forebay.forget());
    await endpoint.connections("served");
    const [id] = await record(page, { from: MANY, count: 1 });
    await allArrive(endpoint, [id]);
    assert.deepEqual(endpoint.accepted, [id]);
    await assertBalanced(page, 1);
  });
}
