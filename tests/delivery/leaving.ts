// Pages, browsers and tabs that end while events wait: what was recorded arrives by the next visit
// at the latest.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import type { ProfileBrowser } from "../support/chromium.ts";
import { Endpoint, type Fault } from "../support/endpoint.ts";
import { type Ability, engine, lacks } from "../support/engines/engine.ts";
import { PageServer } from "../support/page.ts";
import {
  arrived,
  assertBalanced,
  COUNT,
  configure,
  type Recording,
  record,
  revisit,
  safe,
  settled,
  unheard,
} from "./support/numbered.ts";
import { type Scenario, scenario } from "./support/scenario.ts";

/** From one event to the next, so that some are on disk, some under way and some neither. */
const EVERY_MS = 5;
/** From the last event to the end of the page. */
const CLOSED_AFTER_MS = 50;
const KILLED_AFTER_MS = 300;
/** Longer than tabs wait for the one that sends to answer, shorter than they wait for a test. */
const HANGING_MS = 15_000;

const unavailable: Fault = ({ operation }) =>
  operation === "preflight" ? undefined : { status: 503 };

/** A visit that `end` ends after the last event, and one that delivers what it left. */
function visit(
  name: string,
  end: (page: Page) => Promise<void>,
  recording: Recording = { every: EVERY_MS },
  needs: Ability[] = [],
): void {
  for (const reachable of [true, false]) {
    const where = reachable ? "" : ", with an endpoint that took nothing";
    const run = async ({ site, endpoint, context, page }: Scenario, test: TestContext) => {
      if (!reachable) endpoint.fault = unavailable;
      await configure(page, endpoint);
      await page.waitForFunction(() => forebay.stats().durable);
      const ids = await record(page, recording);
      // Before, since a busy browser may take its time to say that it has done it.
      const unavoidable = unheard(endpoint, Date.now());
      await end(page);
      endpoint.fault = undefined;
      const next = await revisit(site, context, endpoint);
      await arrived(endpoint, ids, test, reachable ? unavoidable : undefined);
      await settled(next);
    };
    scenario(name + where, run, needs);
  }
}

/** Closes the tab as its user does. */
async function close(page: Page): Promise<void> {
  const closed = page.waitForEvent("close");
  await page.close({ runBeforeUnload: true });
  await closed;
}

/** Registers these tests. */
export function leaving(): void {
  visit(`a tab closed ${CLOSED_AFTER_MS} ms after the last event`, async (page) => {
    await sleep(CLOSED_AFTER_MS);
    await close(page);
  });

  visit("a link followed with the last event", async (page) => {
    await page.goto("about:blank");
    await page.close();
  });

  visit(
    "a link followed in the task of all events, which are more than fit into last requests",
    async (page) => {
      await page.waitForURL("about:blank");
      await page.close();
    },
    { bulk: 2_000, leave: true },
  );

  visit("a page reloaded with the last event", async (page) => {
    await page.reload();
    await page.close();
  });

  visit(
    `a renderer killed ${KILLED_AFTER_MS} ms after the last event`,
    async (page) => {
      await sleep(KILLED_AFTER_MS);
      await safe(page);
      await engine.crash(page);
    },
    { every: EVERY_MS },
    ["crash"],
  );

  scenario(
    "a page that records as it is frozen, and is killed then",
    async ({ site, endpoint, context, page }, test) => {
      await configure(page, endpoint);
      const ids = await record(page, { count: COUNT - 1 });
      await settled(page);
      const last = await page.evaluate(
        (number) =>
          new Promise<string>((resolve) => {
            document.addEventListener("freeze", () => {
              resolve(forebay.record({ name: "Numbered", metrics: { number } }).id);
            });
            document.dispatchEvent(new Event("freeze"));
          }),
        COUNT - 1,
      );
      await engine.crash(page);
      await revisit(site, context, endpoint);
      await arrived(endpoint, [...ids, last], test);
    },
    ["crash"],
  );

  for (const [what, options] of [
    ["has its engine", { stuck: "engine.js" }],
    ["has its engine, which could not be loaded", { broken: "engine.js" }],
  ] as const) {
    scenario(`a page that ends before it ${what}`, async (all, test) => {
      const { site, endpoint, context } = all;
      const page = await site.open({ context, ...options });
      await configure(page, endpoint);
      const ids = await record(page);
      await page.goto("about:blank");
      await page.close();
      const next = await revisit(site, context, endpoint);
      await arrived(endpoint, ids, test);
      await assertBalanced(next);
      const left = () => Object.keys(localStorage).filter((key) => key.includes("early"));
      assert.deepEqual(await next.evaluate(left), []);
    });
  }

  scenario("pages that are left while they open their disk", async ({ endpoint, page }, test) => {
    endpoint.fault = unavailable;
    await configure(page, endpoint);
    const ids = await record(page, { count: COUNT / 2 });
    const after = [0, 1, 2, 5, 10, 20, 40, 80];
    for (const [visit, milliseconds] of after.entries()) {
      await page.evaluate(
        ({ visit, milliseconds }) => {
          setTimeout(() => location.assign(`/?${visit}`), milliseconds);
        },
        { visit, milliseconds },
      );
      await page.waitForFunction(
        (search) => location.search === search && globalThis.forebay,
        `?${visit}`,
      );
      await configure(page, endpoint);
    }
    const rest = await record(page, { from: COUNT / 2, count: COUNT / 2 });
    await page.waitForFunction(() => forebay.stats().durable);
    await safe(page);
    endpoint.fault = undefined;
    await arrived(endpoint, [...ids, ...rest], test);
    await settled(page);
  });

  test(
    "a page that comes back out of the back/forward cache",
    { timeout: 120_000, skip: lacks("cache") },
    backAndForth,
  );

  for (const reachable of [true, false]) {
    const where = reachable ? "" : ", with an endpoint that took nothing";
    test(
      `a browser killed ${KILLED_AFTER_MS} ms after the last event, and opened again${where}`,
      { timeout: 120_000, skip: lacks("profile") },
      (test) => killedBrowser(test, reachable ? undefined : unavailable),
    );
  }
}

interface Visitor {
  pages: PageServer;
  endpoint: Endpoint;
  /** Starts the visitor's browser. */
  launch(): Promise<ProfileBrowser>;
}

/** A visitor with a browser to themself, whose profile outlives it. */
async function inProfile(run: (visitor: Visitor) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "forebay-profile-"));
  const pages = await PageServer.start();
  const endpoint = await Endpoint.start();
  const browsers: ProfileBrowser[] = [];
  const launch = async () => {
    const browser = await engine.launchProfile(folder);
    browsers.push(browser);
    return browser;
  };
  try {
    await run({ pages, endpoint, launch });
  } finally {
    for (const { kill } of browsers) await kill();
    endpoint.close();
    pages.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** In a browser as users have it: with a back/forward cache, which Playwright's own have not. */
async function backAndForth(test: TestContext): Promise<void> {
  await inProfile(async ({ pages, endpoint, launch }) => {
    endpoint.fault = unavailable;
    const page = await pages.open((await launch()).context);
    await configure(page, endpoint);
    const first = await record(page, { count: COUNT / 2, every: EVERY_MS });
    // Another site, as far as the browser can tell.
    await page.goto(pages.url.replace("127.0.0.1", "localhost"));
    endpoint.fault = undefined;
    await page.evaluate(() => void setTimeout(() => history.back()));
    await page.waitForFunction(
      (count) => globalThis.recorded?.length === count && forebay.stats().leader,
      COUNT / 2,
    );
    const rest = await record(page, { from: COUNT / 2, count: COUNT / 2, every: EVERY_MS });
    await arrived(endpoint, [...first, ...rest], test);
    await assertBalanced(page);
  });
}

async function killedBrowser(test: TestContext, fault: Fault | undefined): Promise<void> {
  await inProfile(async ({ pages, endpoint, launch }) => {
    endpoint.fault = fault;
    const first = await launch();
    const page = await pages.open(first.context);
    await configure(page, endpoint);
    const ids = await record(page, { every: EVERY_MS });
    await sleep(KILLED_AFTER_MS);
    await safe(page);
    const unavoidable = unheard(endpoint, Date.now());
    await first.kill();
    endpoint.fault = undefined;
    const second = await launch();
    await configure(await pages.open(second.context), endpoint);
    await arrived(endpoint, ids, test, fault ? undefined : unavoidable);
  });
}

/** Two tabs of one visitor, of which the first sends for both. */
function tabs(
  name: string,
  run: (tabs: Tabs, test: TestContext) => Promise<void>,
  needs: Ability[] = [],
): void {
  const both = async (scenario: Scenario, test: TestContext) => {
    const { site, context, endpoint, page: leader } = scenario;
    await configure(leader, endpoint);
    await leader.waitForFunction(() => forebay.stats().leader);
    const follower = await revisit(site, context, endpoint);
    await run({ ...scenario, leader, follower }, test);
  };
  scenario(name, both, needs);
}

declare global {
  /** What a page says on its console. */
  var said: string[];
}

interface Tabs extends Scenario {
  leader: Page;
  follower: Page;
}

/** Registers these tests. */
export function twoTabs(): void {
  tabs("two tabs, of which one sends for both", async ({ endpoint, leader, follower }, test) => {
    const halves = await Promise.all([
      record(leader, { count: COUNT / 2, every: EVERY_MS }),
      record(follower, { from: COUNT / 2, count: COUNT / 2, every: EVERY_MS }),
    ]);
    await arrived(endpoint, halves.flat(), test);
    assert.equal(await follower.evaluate(() => forebay.stats().leader), false);
    assert.equal(endpoint.identityCalls.length, 1, "and asks for credentials once");
    await Promise.all([settled(leader), settled(follower)]);
    const heard = () =>
      follower.evaluate(() => deliveries.filter(({ state }) => state === "delivered").length);
    assert.equal(await heard(), COUNT / 2, "each hears of its own");
  });

  // Both give the time.
  const killed = async (page: Page) => {
    await sleep(KILLED_AFTER_MS);
    await safe(page);
    const at = Date.now();
    await engine.crash(page);
    return at;
  };
  const closed = async (page: Page) => {
    await sleep(CLOSED_AFTER_MS);
    const at = Date.now();
    await close(page);
    return at;
  };
  for (const [how, end, needs] of [
    ["closed", closed, []],
    ["killed", killed, ["crash"]],
  ] as [string, typeof closed, Ability[]][]) {
    tabs(
      `two tabs, and the one that sends is ${how}`,
      async ({ endpoint, leader, follower }, test) => {
        const rest = record(follower, { from: COUNT / 2, count: COUNT / 2, every: 20 });
        const first = await record(leader, { count: COUNT / 2, every: EVERY_MS });
        const closing = await end(leader);
        await follower.waitForFunction(() => forebay.stats().leader);
        await arrived(endpoint, [...first, ...(await rest)], test, unheard(endpoint, closing));
        await settled(follower);
      },
      needs,
    );

    tabs(
      `two tabs, and the one that sends is ${how} with all events of both still waiting`,
      async ({ endpoint, leader, follower }, test) => {
        endpoint.fault = unavailable;
        const halves = await Promise.all([
          record(leader, { count: COUNT / 2, every: EVERY_MS }),
          record(follower, { from: COUNT / 2, count: COUNT / 2, every: EVERY_MS }),
        ]);
        await end(leader);
        endpoint.fault = undefined;
        await arrived(endpoint, halves.flat(), test);
        await settled(follower);
      },
      needs,
    );
  }

  tabs(
    "two tabs, and the one that sends hangs",
    async (all, test) => {
      const { endpoint, leader, follower } = all;
      await follower.evaluate(() => {
        globalThis.said = [];
        console.warn = (...words) => said.push(words.join(" "));
      });
      await leader.evaluate((time) => {
        setTimeout(() => {
          const end = performance.now() + time;
          while (performance.now() < end);
        });
      }, HANGING_MS);
      const ids = await record(follower, { every: EVERY_MS });
      await arrived(endpoint, ids, test);
      assert.equal(await follower.evaluate(() => forebay.stats().leader), true);
      if (engine.name === "chromium") {
        // The words are loaded only where they are needed.
        await follower.waitForFunction(() => said.length > 0);
        const words = await follower.evaluate(() => said);
        assert.equal(words.length, 1, words.join("\n"));
        assert.match(words[0], /the tab that sends for this one does not answer.* a long task/);
      }
      // It does not take the lock back.
      await leader.waitForFunction(() => !forebay.stats().leader);
      await settled(leader);
      await leader.evaluate(() => forebay.record({ name: "Numbered" }));
      await endpoint.until(() => endpoint.distinct.size === COUNT + 1);
      await Promise.all([settled(leader), settled(follower)]);
    },
    ["processes"],
  );

  tabs(
    "two tabs, and the one that sends is frozen, and goes on",
    async ({ endpoint, leader, follower }, test) => {
      endpoint.fault = unavailable;
      const first = await record(leader, { count: COUNT / 2, every: EVERY_MS });
      // No page that is automated is ever frozen: it is told so, and goes on.
      const tell = (type: string) =>
        leader.evaluate((type) => document.dispatchEvent(new Event(type)), type);
      await tell("freeze");
      await follower.waitForFunction(() => forebay.stats().leader);
      endpoint.fault = undefined;
      await endpoint.until(() => first.every((id) => endpoint.distinct.has(id)));
      await tell("resume");
      const rest = await record(leader, { from: COUNT / 2, count: COUNT / 2, every: EVERY_MS });
      await arrived(endpoint, [...first, ...rest], test);
      assert.equal(await leader.evaluate(() => forebay.stats().leader), false);
      await Promise.all([settled(leader), settled(follower)]);
      await close(follower);
      await leader.waitForFunction(() => forebay.stats().leader);
    },
  );

  scenario(
    "a tab that is frozen before another opens hears what becomes of its events",
    async ({ site, context, endpoint, page }, test) => {
      await configure(page, endpoint);
      endpoint.fault = unavailable;
      const ids = await record(page);
      await safe(page);
      await page.evaluate(() => document.dispatchEvent(new Event("freeze")));
      endpoint.fault = undefined;
      const second = await revisit(site, context, endpoint);
      await arrived(endpoint, ids, test);
      await Promise.all([settled(page), settled(second)]);
      const { delivered } = await page.evaluate(() => forebay.stats());
      assert.equal(delivered, ids.length);
    },
  );
}
