// Numbered events, and the books of what became of them.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import type { Endpoint } from "../../support/endpoint.ts";
import type { Site } from "../../support/page.ts";

/** How many events a scenario records. */
export const COUNT = 200;

/** A page that got an answer may end this much later without its disk having noted it. */
const NOTING_MS = 3_000;

declare global {
  /** Ids of the events that `record` recorded in the page, and when it did, by a clock of its own. */
  var recorded: [id: string, at: number][];
}

/** What the SDK is configured with to send to the endpoint. */
export function configFor(endpoint: Endpoint, more: object = {}): Endpoint["config"] {
  return { ...endpoint.config, flushInterval: 200, ...more };
}

/** Configures the SDK in the page to send to the endpoint. */
export async function configure(page: Page, endpoint: Endpoint, more: object = {}): Promise<void> {
  await page.evaluate((config) => forebay.configure(config), configFor(endpoint, more));
}

/** Puts the page's wall clock so many milliseconds ahead; its timers go on as they were. */
export async function setClock(page: Page, ahead: number): Promise<void> {
  await page.evaluate((ahead) => {
    const RealDate = Date;
    globalThis.Date = class extends RealDate {
      constructor(...given: [] | [number]) {
        super(...((given.length ? given : [RealDate.now() + ahead]) as [number]));
      }
      static now() {
        return RealDate.now() + ahead;
      }
    } as DateConstructor;
  }, ahead);
}

export interface Recording {
  /** What the SDK is configured with in the task of the first one: it has no engine yet. */
  config?: Endpoint["config"];
  /** The first one's number. */
  from?: number;
  count?: number;
  /** Milliseconds from one to the next; all at once unless given. */
  every?: number;
  /** Bytes of text in each. */
  bulk?: number;
  /** Whether the page follows a link in the task of the last one. */
  leave?: boolean;
}

/** Records numbered events in the page; gives their ids when the last one is recorded. */
export async function record(
  page: Page,
  { config, from = 0, count = COUNT, every = 0, bulk = 0, leave = false }: Recording = {},
): Promise<string[]> {
  return page.evaluate(
    async ({ config, from, count, every, bulk, leave }) => {
      if (config) forebay.configure(config);
      // A value may be 200 characters long.
      const texts = Array.from({ length: bulk / 200 }, (_, at) => [`text${at}`, "x".repeat(200)]);
      const attributes = Object.fromEntries(texts);
      globalThis.recorded ??= [];
      const ids: string[] = [];
      for (let number = from; number < from + count; number++) {
        ids.push(forebay.record({ name: "Numbered", attributes, metrics: { number } }).id);
        recorded.push([ids[ids.length - 1], performance.timeOrigin + performance.now()]);
        if (every) await new Promise((resolve) => setTimeout(resolve, every));
      }
      if (leave) location.href = "about:blank";
      return ids;
    },
    { config, from, count, every, bulk, leave },
  );
}

/** Opens the page once more in the browser context of a visitor who was here before. */
export async function revisit(
  site: Site,
  context: BrowserContext,
  endpoint: Endpoint,
  more: object = {},
): Promise<Page> {
  const page = await site.open({ context });
  await configure(page, endpoint, more);
  return page;
}

/**
 * Resolves when all that was recorded there is on disk, or has arrived: at once, but where many pages keep
 * one disk busy.
 */
export async function safe(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const safe = deliveries.filter(({ state }) => state === "stored" || state === "delivered");
    const ids = new Set(safe.map(({ id }) => id));
    return globalThis.recorded?.every(([id]) => ids.has(id));
  });
}

/** Resolves when nothing is queued in the page any more. */
export async function settled(page: Page, timeout = 60_000): Promise<void> {
  await page.waitForFunction(() => forebay.stats().queued === 0, undefined, { timeout });
}

/** How many events were given up for which reason. */
export function droppedBy(page: Page): Promise<Record<string, number>> {
  return page.evaluate(() => forebay.stats().droppedBy);
}

/** The numbers of the events that the endpoint has, in order. */
export function numbers(endpoint: Endpoint): (number | undefined)[] {
  return endpoint.batches
    .filter(({ accepted }) => accepted.length > 0)
    .flatMap(({ events }) => [...events.values()].map(({ Metrics }) => Metrics?.number))
    .sort((a, b) => Number(a) - Number(b));
}

/** Of one scenario: how many events the endpoint has, has not, and has more than once. */
export interface Account {
  accepted: number;
  lost: string[];
  /** Ids of events that were accepted again, once for every time. */
  repeated: string[];
}

/** Compares what was recorded, by its ids, with what the endpoint accepted. */
export function books(endpoint: Endpoint, ids: string[]): Account {
  const seen = new Set<string>();
  const repeated: string[] = [];
  for (const id of endpoint.accepted) {
    if (seen.has(id)) repeated.push(id);
    seen.add(id);
  }
  const lost = ids.filter((id) => !seen.has(id));
  return { accepted: ids.length - lost.length, lost, repeated };
}

/** Says in the test's output what the books hold. */
export function tell(context: TestContext, { accepted, lost, repeated }: Account): void {
  context.diagnostic(`accepted ${accepted}, lost ${lost.length}, repeated ${repeated.length}`);
}

/**
 * Asserts what is promised in any scenario: every event is accepted, as it was recorded; the endpoint
 * has none that was not; and none is accepted again unless every answer about it before was lost, or
 * `unavoidable` names it.
 */
export function assertDelivered(endpoint: Endpoint, ids: string[], unavoidable?: Unheard): void {
  assert.equal(new Set(ids).size, COUNT, "every event has an id of its own");
  const { lost, repeated } = books(endpoint, ids);
  const numbers = new Map(ids.map((id, number) => [id, number]));
  const missing = lost.map((id) => numbers.get(id));
  assert.deepEqual(missing, [], `${lost.length} are lost`);
  const heard = new Map<string, number>();
  for (const { events, accepted, answeredAt } of endpoint.batches) {
    for (const [id, event] of events) {
      assert.equal(event.EventType, "Numbered");
      assert.equal(event.Metrics?.number, numbers.get(id), "it is what was recorded under its id");
      const most = unavoidable?.(id) ? 1 : 0;
      assert.ok((heard.get(id) ?? 0) <= most, "none is sent again once it is accepted");
    }
    if (answeredAt) for (const id of accepted) heard.set(id, (heard.get(id) ?? 0) + 1);
  }
  if (!unavoidable) assert.ok(repeated.every((id) => heard.has(id)));
}

/** Whether it is unavoidable that an event is sent once more. */
export type Unheard = (id: string) => boolean;

/**
 * Tells events whose first answer a page may not have heard, or not have noted, when it ended at
 * `end`. Its last requests may arrive later than that.
 */
export function unheard(endpoint: Endpoint, end: number): Unheard {
  return (id) => {
    const first = endpoint.batches.find(({ accepted }) => accepted.includes(id));
    return (first?.answeredAt ?? Number.POSITIVE_INFINITY) > end - NOTING_MS;
  };
}

/** Resolves when all of them were accepted, or fails with what is lost. */
export async function arrived(
  endpoint: Endpoint,
  ids: string[],
  context: TestContext,
  unavoidable?: Unheard,
): Promise<void> {
  const all = () => ids.every((id) => endpoint.distinct.has(id));
  await endpoint.until(all, { timeout: 80_000 }).catch(() => {});
  tell(context, books(endpoint, ids));
  assertDelivered(endpoint, ids, unavoidable);
}

/** Asserts that the page's books are closed: all that it recorded was delivered. */
export async function assertBalanced(page: Page, count = COUNT): Promise<void> {
  await settled(page);
  const stats = await page.evaluate(() => forebay.stats());
  const { recorded, invalid, delivered, rejected, dropped, queued } = stats;
  assert.deepEqual(
    { recorded, invalid, delivered, rejected, dropped, queued },
    { recorded: count, invalid: 0, delivered: count, rejected: 0, dropped: 0, queued: 0 },
  );
}
