// One run: a visitor's first page, on which so many events are recorded, until all is settled.

import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "../browser.ts";
import type { Collector } from "../peers/collector.ts";
import type { Sdk } from "../peers/sdks.ts";
import type { Site } from "../peers/site.ts";

/** How events come: so many, so many of them in each task, and at most so many waiting. */
export interface Case {
  name: string;
  says: string;
  events: number;
  inTask: number;
  /** Where given, the next task waits until fewer wait than this. */
  waiting?: number;
  /** Clients that cannot take part: they drop what a page records faster than they like, or more than they like. */
  without?: Sdk[];
}

/** What calls cost, until all is settled. */
export const CASES: Case[] = [
  { name: "burst", says: "5,000 calls in one task", events: 5000, inTask: 5000 },
  { name: "hundreds", says: "5,000 calls in tasks of 100", events: 5000, inTask: 100 },
  { name: "single", says: "5,000 calls, each in a task of its own", events: 5000, inTask: 1 },
  {
    name: "paced",
    says: "1,500 calls in tasks of 100, never more than 900 events waiting",
    events: 1500,
    inTask: 100,
    waiting: 900,
    without: ["posthog", "rum"],
  },
];

/** What a run took. Times in microseconds, of one event where nothing else is said. */
export interface Run {
  /** CPU of the page's main thread from the first call until the task after the last, per call. */
  calls: number;
  /** The same until all is settled. */
  settled: number;
  /** And that per event that was accepted. */
  delivered: number;
  /** CPU of all threads of the page's process until all is settled, per call. */
  process: number;
  /** The synchronous part of a call, by the page's clock of 5 us. */
  mean: number;
  p50: number;
  p99: number;
  /** Tasks of 50 ms and more, by the clock on the wall. */
  longTasks: number;
  /** Milliseconds of all of them, and of the longest. */
  longTotal: number;
  longest: number;
  /** Of the events, those that the collector took. */
  accepted: number;
  /** Bytes that came to the collector for each of them, heads of requests included. */
  wire: number;
  /** Bytes of JavaScript's heap in the end, after a garbage collection. */
  heap: number;
}

/** What a visitor's first event took. */
export interface First {
  /** From the navigation until the collector had the event, in milliseconds. */
  ms: number;
  /** Bytes of the scripts that the page fetched until then, by Brotli. */
  script: number;
  /** Bytes that came to the collector until then, of all that the SDK asks for. */
  wire: number;
}

/** What a page has in memory after so many calls, in bytes. */
export interface Memory {
  /** How many calls it made: as many as were asked for, or as it came to in the time that there is. */
  calls: number;
  before: number;
  after: number;
}

/** Longer than any SDK waits to send what is not yet a batch (5 s unless configured). */
const QUIET_MS = 6000;
/** How long the last request of a page that was closed may take. */
const CLOSED_MS = 500;
/** How long it may take until a first event has arrived, or the next of many. */
const TIMEOUT = { timeout: 60_000 };
/** How long the calls of a run may take: each call of Snowplow's writes the whole queue. */
const CALLS_MS = 300_000;
/** Calls of a run for memory, how many of them in a task, and how long all of them may take. */
const [MANY, IN_TASK, MANY_MS] = [100_000, 100, 120_000];

/** Opens a page that records one event as soon as it can, as the SDK is unless configured. */
export async function first(browser: Browser, site: Site, sdk: Sdk): Promise<First> {
  const { collector } = site;
  // Some SDKs send a last request when their page is closed.
  await quiet(() => collector.bytes, CLOSED_MS);
  const bytes = collector.bytes;
  site.fetched.clear();
  collector.firstAt = undefined;
  const page = await browser.visit(`${site.url}${sdk}/?first`);
  try {
    await collector.until(() => collector.firstAt !== undefined, TIMEOUT);
    const wire = collector.bytes - bytes;
    const begun: number = await page.evaluate("performance.timeOrigin");
    return { ms: Number(collector.firstAt) - begun, script: await site.fetchedBytes(), wire };
  } finally {
    await page.close();
  }
}

/** Records very many events in tasks of 100; says what the page has in memory then. */
export async function memory(browser: Browser, site: Site, sdk: Sdk): Promise<Memory> {
  const page = await warm(browser, site, sdk);
  try {
    const before = await inMemory(page);
    const deadline = Date.now() + MANY_MS;
    let calls = 0;
    for (; calls < MANY && Date.now() < deadline; calls += IN_TASK) {
      await page.evaluate(`calls(${IN_TASK}, ${IN_TASK})`);
    }
    return { calls, before, after: await inMemory(page) };
  } finally {
    await page.close();
  }
}

/** Bytes of JavaScript's heap after a garbage collection, with WebAssembly's memory and what is in buffers. */
async function inMemory(page: Page): Promise<number> {
  await page.send("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize = 0 } = await page.send("Runtime.getHeapUsage");
  return usedSize + backingStorageSize;
}

/** Runs a case with an SDK. The first event, and what only it needs, is over before. */
export async function measure(browser: Browser, site: Site, sdk: Sdk, how: Case): Promise<Run> {
  const page = await warm(browser, site, sdk);
  try {
    await page.send("Performance.enable", { timeDomain: "threadTicks" });
    await page.evaluate("longTasks.length = 0, measured()");
    const accepted = counter(site.collector);
    const bytes = site.collector.bytes;
    const before = await clocks(page);
    await record(page, site.collector, how, accepted);
    const called = await clocks(page);
    await quiet(accepted);
    const settled = await clocks(page);
    const wire = site.collector.bytes - bytes;
    const times: Pick<Run, "mean" | "p50" | "p99"> = await page.evaluate("measured()");
    const longTasks: number[] = await page.evaluate("longTasks");
    await page.send("HeapProfiler.collectGarbage");
    const { usedSize } = await page.send("Runtime.getHeapUsage");
    return {
      ...times,
      calls: (called.thread - before.thread) / how.events,
      settled: (settled.thread - before.thread) / how.events,
      delivered: (settled.thread - before.thread) / accepted(),
      process: (settled.process - before.process) / how.events,
      longTasks: longTasks.length,
      longTotal: longTasks.reduce((sum, time) => sum + time, 0),
      longest: Math.max(0, ...longTasks),
      accepted: accepted(),
      wire: wire / accepted(),
      heap: usedSize,
    };
  } finally {
    await page.close();
  }
}

/** A page from which one event has arrived: it has its SDK, credentials, and compiled code. */
export async function warm(browser: Browser, site: Site, sdk: Sdk): Promise<Page> {
  const { collector, url } = site;
  const page = await browser.visit(`${url}${sdk}/`);
  // There is no page to ask in the first moments.
  const is = (condition: string) => page.evaluate(`!!(${condition})`).catch(() => false);
  while (!(await is("globalThis.sdk?.isReady()"))) await sleep(50);
  if (!(await page.evaluate("crossOriginIsolated"))) throw new Error("the page's clock is coarse");
  const accepted = counter(collector);
  const described = () => collector.calls.get("endpoint") ?? 0;
  const before = described();
  await page.evaluate("call()");
  // Before it has described its endpoint Amplify's flush finds nothing.
  if (sdk === "amplify") {
    await collector.until(() => described() > before, TIMEOUT);
    await sleep(300);
  }
  await page.evaluate("sdk.flushEvents()");
  await collector.until(() => accepted() >= 1, TIMEOUT);
  await sleep(500);
  return page;
}

/** Records the events of a case. Resolves in the task after the last. */
export async function record(
  page: Page,
  collector: Collector,
  { events, inTask, waiting }: Case,
  accepted: () => number,
): Promise<void> {
  if (waiting === undefined) {
    await inTime(page.evaluate(`calls(${events}, ${inTask})`), `${events} calls`);
    return;
  }
  for (let recorded = 0; recorded < events; recorded += inTask) {
    await collector.until(() => recorded + inTask - accepted() <= waiting, TIMEOUT);
    await page.evaluate(`calls(${inTask}, ${inTask})`);
  }
}

async function inTime(done: Promise<unknown>, what: string): Promise<void> {
  const late = new AbortController();
  const timeout = sleep(CALLS_MS, undefined, { signal: late.signal }).then(() => {
    throw new Error(`${what} are not done after ${CALLS_MS / 1000} s`);
  });
  try {
    await Promise.race([done, timeout]);
  } finally {
    late.abort();
    timeout.catch(() => {});
  }
}

/** How many events the collector has accepted since. */
export function counter({ accepted }: Collector): () => number {
  const before = accepted.size;
  return () => accepted.size - before;
}

/** Resolves when what has arrived, by its number, has not grown for so many milliseconds. */
export async function quiet(arrived: () => number, milliseconds = QUIET_MS): Promise<void> {
  for (let last = -1, since = Date.now(); Date.now() - since < milliseconds; await sleep(50)) {
    if (arrived() === last) continue;
    last = arrived();
    since = Date.now();
  }
}

/**
 * Microseconds of CPU that the page's main thread and its process have taken. `ThreadTime` and not `TaskDuration`
 * or `ScriptDuration`: those leave out what happens between tasks and outside of scripts, such as microtasks
 * after a native callback, garbage collection, and messages to and from other processes.
 */
async function clocks(page: Page): Promise<{ thread: number; process: number }> {
  const { metrics } = await page.send("Performance.getMetrics");
  const seconds = (name: string) =>
    metrics.find((metric: { name: string }) => metric.name === name).value;
  return { thread: seconds("ThreadTime") * 1e6, process: seconds("ProcessTime") * 1e6 };
}
