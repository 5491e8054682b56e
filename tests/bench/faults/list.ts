// What goes wrong: of the network, of what stands in front of an endpoint, of pages and of browsers.

import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, Page } from "../browser.ts";
import type { Fault as Misbehaviour } from "../peers/collector.ts";
import type { Site } from "../peers/site.ts";

/** Where a fault happens. */
export interface Place {
  site: Site;
  browser: Browser;
  /** Not there once it has ended. */
  page: Page | undefined;
  /** Starts the browser, each time with the same profile. */
  start(): Promise<Browser>;
}

export interface Fault {
  name: string;
  says: string;
  /** Runs in each page before anything else. */
  before?: string;
  /** Begins while events are recorded. */
  begin?(place: Place): unknown;
  /** Ends some time later; where the page ends, after that. */
  end?(place: Place): unknown;
  /** Ends the page, or what it holds, after the last event is recorded. */
  leave?(place: Place): Promise<void>;
}

/** From the last event to the end of its page: less than any SDK waits to send what is not a batch. */
const LEAVING_MS = 50;
/** How long a slow endpoint takes: longer than an SDK's time-out may be. */
const SLOW_MS = 7_000;

/** Does so instead of answering while it lasts. */
function answers(name: string, says: string, misbehaviour: Misbehaviour): Fault {
  return {
    name,
    says,
    begin: ({ site }) => {
      site.collector.fault = misbehaviour;
    },
    end: ({ site }) => {
      site.collector.fault = undefined;
    },
  };
}

/** As AWS answers: without a body and a type Amplify would fail to read it, and not decide what to do about it. */
function error(status: number, type: string, headers: Record<string, string> = {}) {
  const own = { "content-type": "application/json", "x-amzn-errortype": type };
  return { status, headers: { ...own, ...headers }, body: JSON.stringify({ message: type }) };
}

function page(status: number, words: string) {
  const headers = { "content-type": "text/html" };
  return { status, headers, body: `<!doctype html><title>${words}</title><h1>${words}</h1>` };
}

const offline = (offline: boolean) => {
  const conditions = { offline, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
  return async ({ page }: Place) => {
    await page?.send("Network.enable");
    await page?.send("Network.emulateNetworkConditions", conditions);
  };
};

const unavailable = answers("503", "503 for 15 s", () => error(503, "ServiceUnavailableException"));

/** Closes the tab as its visitor does. */
async function close(place: Place): Promise<void> {
  await sleep(LEAVING_MS);
  await place.page?.send("Page.close");
  place.page = undefined;
}

async function kill(place: Place): Promise<void> {
  await sleep(LEAVING_MS);
  await place.browser.kill();
  place.page = undefined;
  place.browser = await place.start();
}

const insecure = "throw new DOMException('The operation is insecure.', 'SecurityError')";

export const FAULTS: Fault[] = [
  { name: "none", says: "nothing goes wrong" },
  { name: "offline", says: "15 s offline", begin: offline(true), end: offline(false) },
  answers("reset", "connections break for 15 s, before a request is taken", () => "reset"),
  unavailable,
  answers("429", "429 with Retry-After: 5 for 15 s", () =>
    error(429, "TooManyRequestsException", { "retry-after": "5" }),
  ),
  answers("lost", "answers are lost for 15 s, after a request is taken", (operation) =>
    operation === "events" ? "lost" : undefined,
  ),
  answers("hangs", "no answer for 15 s, then a reset", () => "hangs"),
  {
    name: "slow",
    says: "answers take 7 s, for 15 s",
    begin: ({ site }) => {
      site.collector.latency = SLOW_MS;
    },
    end: ({ site }) => {
      site.collector.latency = 0;
    },
  },
  answers("html200", "a portal answers 200 with a page for 15 s", () => page(200, "Sign in")),
  answers("html413", "a proxy answers 413 with a page for 15 s", () => page(413, "Too large")),
  answers("403", "403 with a page for 15 s, as of a firewall", () => page(403, "Forbidden")),
  {
    ...unavailable,
    name: "reload",
    says: "the page is reloaded, and the endpoint is back from 503 after 3 s",
    async leave({ page }) {
      await sleep(LEAVING_MS);
      await page?.send("Page.reload");
    },
  },
  { name: "closed", says: "the tab is closed 50 ms after the last event", leave: close },
  {
    ...unavailable,
    name: "closed-503",
    says: "the tab is closed, and the endpoint is back from 503 after 3 s",
    leave: close,
  },
  { name: "killed", says: "the browser is killed 50 ms after the last event", leave: kill },
  {
    ...unavailable,
    name: "killed-503",
    says: "the browser is killed, and the endpoint is back from 503 after 3 s",
    leave: kill,
  },
  {
    name: "no-localstorage",
    says: "localStorage may not be used, and the endpoint answers 503 for 15 s",
    ...without("localStorage"),
  },
  {
    name: "no-indexeddb",
    says: "IndexedDB may not be used, and the endpoint answers 503 for 15 s",
    ...without("indexedDB"),
  },
];

function without(name: string): Pick<Fault, "before" | "begin" | "end"> {
  const before = `Object.defineProperty(globalThis, "${name}", { get() { ${insecure}; } });`;
  return { before, begin: unavailable.begin, end: unavailable.end };
}
