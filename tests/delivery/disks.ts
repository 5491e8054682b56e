// A disk that is full, closed to the page, or holds what Forebay did not write: events are sent all
// the same, and the books say what is not safe.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Page } from "playwright-core";
import { APP_ID, type Endpoint } from "../support/endpoint.ts";
import { engine } from "../support/engines/engine.ts";
import { changeRows, countRows } from "../support/page.ts";
import { until } from "../support/until.ts";
import {
  arrived,
  assertBalanced,
  COUNT,
  configure,
  record,
  revisit,
  safe,
  settled,
} from "./support/numbered.ts";
import { type Scenario, scenario } from "./support/scenario.ts";

const DATABASE = `forebay.${APP_ID}`;

/** Rows that an outbox cannot hold: of another program, of another version, spoilt. */
const FOREIGN_ROWS: object[] = [
  { id: "no-row" },
  { id: "another-program", greeting: "hello" },
  { id: 7, at: Date.now(), name: "Number", body: "{}", who: "", checked: true, v: 1 },
  { id: "later", at: Date.now(), name: "Later", body: "{}", who: "", checked: true, v: 99 },
  { id: "no-time", at: "yesterday", name: "NoTime", body: "{}", who: "", checked: true, v: 1 },
  { id: "no-body", at: Date.now(), name: "NoBody", who: "", checked: true, v: 1 },
  {
    id: "no-json",
    at: Date.now(),
    name: "NoJson",
    body: '{"EventType',
    who: "",
    checked: true,
    v: 1,
  },
  { id: "a-list", at: Date.now(), name: "List", body: "[1,2]", who: "", checked: true, v: 1 },
];

/** Makes the database one of a later version, with a store more, as another program could. */
async function upgrade(page: Page): Promise<void> {
  await page.evaluate(async (name) => {
    const { version = 6 } =
      (await indexedDB.databases()).find((found) => found.name === name) ?? {};
    await new Promise<void>((resolve, reject) => {
      const opened = indexedDB.open(name, version + 1);
      opened.onupgradeneeded = () => opened.result.createObjectStore(`elsewhere${version}`);
      opened.onblocked = () => reject(new Error("a page keeps it open"));
      opened.onerror = () => reject(opened.error);
      opened.onsuccess = () => {
        opened.result.close();
        resolve();
      };
    });
  }, DATABASE);
}

/** The keys under which pages that ended left events. */
async function leftKeys(page: Page): Promise<string[]> {
  return page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("leaving")));
}

/** Records while there is no endpoint, until all of it is on disk. Gives the ids. */
async function recordToDisk(page: Page, endpoint: Endpoint): Promise<string[]> {
  await endpoint.connections("refused");
  await configure(page, endpoint);
  const ids = await record(page);
  await page.waitForFunction(
    (count) => deliveries.filter(({ state }) => state === "stored").length === count,
    COUNT,
  );
  return ids;
}

/** Registers these tests. */
export function disks(): void {
  scenario(
    "a disk that holds what waits, and nothing once it has arrived",
    async ({ endpoint, page }, test) => {
      const ids = await recordToDisk(page, endpoint);
      assert.equal(await countRows(page, "outbox"), COUNT);
      await endpoint.connections("served");
      await arrived(endpoint, ids, test);
      await assertBalanced(page);
      assert.equal(await page.evaluate(() => forebay.stats().durable), true);
      assert.equal(await countRows(page, "outbox"), 0);
    },
  );

  const full = async ({ endpoint, page }: Scenario, test: TestContext) => {
    await engine.fillDisk(page);
    await configure(page, endpoint);
    const ids = await record(page, { every: 5 });
    await arrived(endpoint, ids, test);
    await assertBalanced(page);
    assert.equal(await page.evaluate(() => forebay.stats().durable), false);
  };
  scenario("a disk that is full", full, ["quota"]);

  scenario(
    "a disk that becomes full half-way, and has room again",
    async ({ endpoint, page }, test) => {
      await configure(page, endpoint);
      const ids = await record(page, { count: COUNT / 2 });
      await safe(page);
      await page.evaluate(() => {
        const { add, put } = IDBObjectStore.prototype;
        const full = () => {
          throw new DOMException("The disk is full.", "QuotaExceededError");
        };
        Object.assign(IDBObjectStore.prototype, { add: full, put: full });
        Object.assign(globalThis, {
          makeRoom: () => Object.assign(IDBObjectStore.prototype, { add, put }),
        });
      });
      endpoint.fault = () => ({ status: 503 });
      ids.push(...(await record(page, { from: COUNT / 2, count: COUNT / 4 })));
      await page.waitForFunction(() => !forebay.stats().durable);
      await page.evaluate("void makeRoom()");
      ids.push(...(await record(page, { from: (COUNT * 3) / 4, count: COUNT / 4 })));
      endpoint.fault = undefined;
      await arrived(endpoint, ids, test);
      await assertBalanced(page);
    },
  );

  scenario("a disk that becomes full, and a tab that closes", async (all, test) => {
    const { site, endpoint, context, page } = all;
    const texts: string[] = [];
    page.on("console", (message) => texts.push(message.text()));
    endpoint.fault = () => ({ status: 503 });
    await configure(page, endpoint);
    const ids = await record(page, { count: COUNT / 2 });
    await safe(page);
    await page.evaluate(() => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException("The disk is full.", "QuotaExceededError");
      };
    });
    ids.push(...(await record(page, { from: COUNT / 2, count: COUNT / 2, every: 5 })));
    await page.waitForFunction(() => !forebay.stats().durable);
    const told = () => texts.filter((text) => text.includes("the disk does not take events"));
    await until("the console to say so", async () => {
      // What a page says is heard when something is asked of it.
      await page.evaluate("0");
      return told().length > 0;
    });
    assert.equal(told().length, 1);
    await page.goto("about:blank");
    await page.close();
    endpoint.fault = undefined;
    const next = await revisit(site, context, endpoint);
    await arrived(endpoint, ids, test);
    await settled(next);
    await until("nothing is left", async () => (await leftKeys(next)).length === 0);
  });

  scenario("a disk and a localStorage that are nearly full", async (all, test) => {
    const { site, endpoint, context, page } = all;
    endpoint.fault = () => ({ status: 503 });
    await configure(page, endpoint);
    await page.waitForFunction(() => forebay.stats().durable);
    const room = await page.evaluate(() => {
      IDBObjectStore.prototype.put = () => {
        throw new DOMException("The disk is full.", "QuotaExceededError");
      };
      // All of localStorage but 40 kB.
      for (let size = 2 ** 22; size > 1000; size /= 2) {
        try {
          localStorage.setItem("filler", (localStorage.getItem("filler") ?? "") + "x".repeat(size));
        } catch {}
      }
      const filler = localStorage.getItem("filler") ?? "";
      localStorage.setItem("filler", filler.slice(0, filler.length - 40_000));
      return filler.length;
    });
    assert.ok(room > 1_000_000);
    const ids = await record(page);
    await page.goto("about:blank");
    await page.close();
    endpoint.fault = undefined;
    const next = await revisit(site, context, endpoint);
    await endpoint.until(() => endpoint.distinct.size > 60);
    await settled(next);
    const arrivals = ids.filter((id) => endpoint.distinct.has(id)).length;
    test.diagnostic(`${arrivals} of ${COUNT} were kept in 40 kB`);
  });

  scenario("a database that is deleted while events wait", async (all, test) => {
    const { site, endpoint, context, page } = all;
    const ids = await recordToDisk(page, endpoint);
    // It makes a new one first.
    const other = await revisit(site, context, endpoint);
    await other.waitForFunction(() => forebay.stats().durable);
    await page.evaluate(
      (name) =>
        new Promise((resolve, reject) => {
          // Chromium ends what opens the database anew while all data of a site is cleared.
          const { open } = IDBFactory.prototype;
          IDBFactory.prototype.open = () => {
            IDBFactory.prototype.open = open;
            throw new DOMException("The connection was closed.", "AbortError");
          };
          const request = indexedDB.deleteDatabase(name);
          request.onsuccess = resolve;
          request.onerror = reject;
          request.onblocked = () => reject(new Error("the page keeps it"));
        }),
      DATABASE,
    );
    await page.waitForFunction(() => forebay.stats().durable);
    await until("all are on disk again", async () => (await countRows(page, "outbox")) === COUNT);
    assert.equal(await page.evaluate(() => forebay.stats().durable), true);
    await page.close();
    await endpoint.connections("served");
    await revisit(site, context, endpoint);
    await arrived(endpoint, ids, test);
  });

  scenario(
    "a disk that holds rows that are no events",
    async ({ site, endpoint, context, page }, test) => {
      await configure(page, endpoint);
      await page.waitForFunction(() => forebay.stats().durable);
      await page.close();
      // From the same origin, with the SDK loaded and not started.
      const other = await site.open({ context });
      await changeRows(other, FOREIGN_ROWS);
      await other.close();

      const next = await revisit(site, context, endpoint);
      const ids = await record(next, { every: 5 });
      await arrived(endpoint, ids, test);
      await settled(next);
      assert.equal(await next.evaluate(() => forebay.stats().aside), FOREIGN_ROWS.length);
      assert.equal(await countRows(next, "aside"), FOREIGN_ROWS.length);
      assert.equal(await countRows(next, "outbox"), 0);
    },
  );

  scenario(
    "a disk that a later version upgrades while events wait",
    async ({ site, endpoint, context, page }, test) => {
      const ids = await recordToDisk(page, endpoint);
      const other = await site.open({ context });
      await upgrade(other);
      assert.equal(await countRows(other, "outbox"), COUNT);
      await endpoint.connections("served");
      await arrived(endpoint, ids, test);
      await assertBalanced(page);
      await page.close();

      // And whoever comes next finds what it can read, and nothing of what has arrived.
      await upgrade(other);
      await configure(other, endpoint);
      await other.waitForFunction(() => forebay.stats().leader && forebay.stats().durable);
      await settled(other);
      assert.equal(await countRows(other, "outbox"), 0);
      assert.deepEqual(endpoint.accepted.length, COUNT);
    },
  );

  scenario(
    "a disk that holds a database of that name that is another program's",
    async ({ endpoint, page }, test) => {
      await upgrade(page);
      await configure(page, endpoint);
      const ids = await record(page, { every: 5 });
      await arrived(endpoint, ids, test);
      await assertBalanced(page);
      assert.equal(await page.evaluate(() => forebay.stats().durable), false);
    },
  );

  for (const [name, take] of Object.entries({
    "a disk that is closed to the page": () => {
      Object.defineProperty(globalThis, "indexedDB", {
        get() {
          throw new DOMException("The operation is insecure.", "SecurityError");
        },
      });
    },
    "a disk that is not there": () => {
      Object.defineProperty(globalThis, "indexedDB", { value: undefined });
    },
    "a disk that never answers": () => {
      IDBFactory.prototype.open = () => ({}) as IDBOpenDBRequest;
    },
  })) {
    scenario(name, async ({ endpoint, page }, test) => {
      await page.evaluate(take);
      await configure(page, endpoint);
      const ids = await record(page, { every: 5 });
      await arrived(endpoint, ids, test);
      await assertBalanced(page);
      assert.equal(await page.evaluate(() => forebay.stats().durable), false);
    });
  }

  scenario("a disk that is slow to say what it holds", async ({ endpoint, page }, test) => {
    await page.evaluate(() => {
      const { getAll } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.getAll = function (...given: Parameters<typeof getAll>) {
        const request = getAll.apply(this, given);
        const slow = { result: undefined as unknown, onsuccess: () => {} };
        request.onsuccess = () => {
          slow.result = request.result;
          // By then what it holds has been sent, and is gone from it.
          setTimeout(() => slow.onsuccess(), 2_000);
        };
        return slow as unknown as typeof request;
      };
    });
    await configure(page, endpoint);
    const ids = await record(page, { every: 20 });
    await arrived(endpoint, ids, test);
    await assertBalanced(page);
  });

  scenario("a page that ends before its disk has opened", async (all, test) => {
    const { site, endpoint, context, page } = all;
    endpoint.fault = ({ operation }) => (operation === "preflight" ? undefined : { status: 503 });
    await page.evaluate(() => {
      // Says nothing, now or later.
      IDBFactory.prototype.open = () => ({}) as IDBOpenDBRequest;
    });
    await configure(page, endpoint);
    const ids = await record(page);
    await page.waitForFunction((count) => forebay.stats().queued === count, COUNT);
    await page.goto("about:blank");
    endpoint.fault = undefined;
    const next = await revisit(site, context, endpoint);
    await arrived(endpoint, ids, test);
    await settled(next);
    assert.deepEqual(await leftKeys(next), [], "on disk they are not kept twice");
  });

  scenario("a page that ends while its disk forgets what has arrived", async (all) => {
    const { site, endpoint, context, page } = all;
    await recordToDisk(page, endpoint);
    await page.evaluate(() => {
      const { delete: remove } = IDBObjectStore.prototype;
      IDBTransaction.prototype.commit = () => {};
      IDBObjectStore.prototype.delete = function (id) {
        // As long as something is asked for, nothing is done for good.
        const again = () => {
          this.get("any").onsuccess = again;
        };
        again();
        return remove.call(this, id);
      };
    });
    await endpoint.connections("served");
    await assertBalanced(page);
    await page.goto("about:blank");
    await page.close();
    const next = await revisit(site, context, endpoint);
    await next.waitForFunction(() => forebay.stats().leader && forebay.stats().durable);
    await next.evaluate(() => forebay.record({ name: "Last" }));
    await endpoint.until(() => endpoint.distinct.size === COUNT + 1);
    await settled(next);
    assert.equal(endpoint.accepted.length, COUNT + 1, "none is sent again");
    assert.equal(await countRows(next, "outbox"), 0);
  });

  scenario("a page that ends after another one looked for what it left", async (all, test) => {
    const { site, endpoint, context, page } = all;
    await configure(page, endpoint);
    await page.waitForFunction(() => forebay.stats().leader);
    const other = await site.open({ context });
    const ids = await other.evaluate(
      ({ key, count }) => {
        const row = (number: number) => ({
          id: crypto.randomUUID(),
          at: Date.now(),
          name: "Numbered",
          body: JSON.stringify({ EventType: "Numbered", Metrics: { number } }),
          who: "",
          checked: false,
          v: 1,
        });
        const rows = Array.from({ length: count }, (_, number) => row(number));
        localStorage.setItem(key, JSON.stringify(rows));
        return rows.map(({ id }) => id);
      },
      { key: `${DATABASE}.leaving.other`, count: COUNT },
    );
    await arrived(endpoint, ids, test);
    await settled(page);
    assert.deepEqual(await leftKeys(page), []);
  });

  scenario("a disk and no locks", async ({ site, endpoint, context, page }, test) => {
    const unlocked = () => Object.defineProperty(navigator, "locks", { value: undefined });
    await page.evaluate(unlocked);
    await configure(page, endpoint);
    const other = await site.open({ context, before: unlocked });
    await configure(other, endpoint);
    const halves = await Promise.all([
      record(page, { count: COUNT / 2, every: 5 }),
      record(other, { from: COUNT / 2, count: COUNT / 2, every: 5 }),
    ]);
    const ids = halves.flat();
    // Nobody can tell whether the tab that recorded what is on disk still lives.
    await arrived(endpoint, ids, test, () => true);
    await Promise.all([settled(page), settled(other)]);
  });
}
