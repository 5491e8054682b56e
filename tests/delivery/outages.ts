// What the network, the endpoint and clocks do to a page that stays open: nothing is lost by any of
// it.

import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import { type Endpoint, type Fault, results } from "../support/endpoint.ts";
import type { Ability } from "../support/engines/engine.ts";
import {
  arrived,
  assertBalanced,
  COUNT,
  configFor,
  configure,
  record,
  setClock,
} from "./support/numbered.ts";
import { type Scenario, scenario } from "./support/scenario.ts";

/** How long an outage takes, by the endpoint's side. */
const OUTAGE_MS = 15_000;
/** From one event to the next, so that they are recorded before, in and after an outage. */
const EVERY_MS = 85;
/** How long a busy browser may take to notice that an outage begins, or that it is over. */
const UNDER_WAY_MS = 5_000;
/** Page clocks and endpoint clocks are this far apart. */
const CLOCK_MS = 10 * 60_000;
/**
 * How far an event's time may be from when it was recorded, where clocks are ten minutes apart: `Date` has
 * whole seconds, and a busy browser takes some more to hear of it.
 */
const TIME_TOLERANCE_MS = 10_000;
/** How long a busy page may take from the end of an answer until it has read it. */
const HEARING_MS = 600;
/** How much later than the page hears an answer its endpoint may note that. */
const NOTING_MS = 100;

type Strike = (scenario: Scenario) => Promise<void>;

/** A scenario with an outage of the endpoint's after the first events have arrived. */
function outage(
  name: string,
  strike: Strike,
  check: (scenario: Scenario) => void | Promise<void> = () => {},
  needs: Ability[] = [],
): void {
  const run = async (scenario: Scenario, test: TestContext) => {
    const { endpoint, page } = scenario;
    await configure(page, endpoint);
    const [ids] = await Promise.all([
      record(page, { every: EVERY_MS }),
      endpoint.until(() => endpoint.accepted.length > 0).then(() => strikes(scenario, strike)),
    ]);
    await delivered(scenario, ids, test);
    await check(scenario);
  };
  scenario(name, run, needs);
}

/** And with one that is there before the page has sent anything, credentials included. */
function firstVisit(name: string, strike: Strike, needs: Ability[] = []): void {
  const run = async (scenario: Scenario, test: TestContext) => {
    const { endpoint, page } = scenario;
    const [ids] = await Promise.all([
      configure(page, endpoint).then(() => record(page)),
      strikes(scenario, strike),
    ]);
    await delivered(scenario, ids, test);
  };
  scenario(name, run, needs);
}

/** Lets an outage happen, and sees that it is one: nothing gets through in it. */
async function strikes(scenario: Scenario, strike: Strike): Promise<void> {
  const { endpoint } = scenario;
  const from = Date.now();
  await strike(scenario);
  const to = Date.now();
  const through = endpoint.batches.filter(
    ({ at, accepted, answeredAt }) =>
      at > from + UNDER_WAY_MS && at < to - UNDER_WAY_MS && answeredAt && accepted.length,
  );
  assert.deepEqual(through, [], "it is an outage");
}

/** What holds at the end of every scenario. */
async function delivered(
  { endpoint, page }: Pick<Scenario, "endpoint" | "page">,
  ids: string[],
  test: TestContext,
): Promise<void> {
  await arrived(endpoint, ids, test);
  await assertBalanced(page);
}

/** Fails everything but the preflight, so that the page can read the answer. */
function failing(status: number, headers?: Record<string, string>): Fault {
  return ({ operation }) => (operation === "preflight" ? undefined : { status, headers });
}

/** Registers these tests. */
export function outages(): void {
  const offline = async ({ page }: Scenario) => {
    await page.context().setOffline(true);
    await sleep(OUTAGE_MS);
    await page.context().setOffline(false);
  };
  const refused = async ({ endpoint }: Scenario) => {
    await endpoint.connections("refused");
    await sleep(OUTAGE_MS);
    await endpoint.connections("served");
  };
  const reset = async ({ endpoint }: Scenario) => {
    await endpoint.connections("reset");
    await sleep(OUTAGE_MS);
    await endpoint.connections("served");
  };
  const cut = ({ endpoint }: Scenario) => endpoint.faulty(OUTAGE_MS, () => "reset");
  const unavailable = ({ endpoint }: Scenario) => endpoint.faulty(OUTAGE_MS, failing(503));

  outage("15 s offline", offline, undefined, ["offline"]);
  outage("15 s of refused connections", refused);
  outage("15 s of connection resets", reset, ({ endpoint }) => {
    assert.ok(endpoint.resetConnections > 0);
  });
  outage("15 s of connection resets once a request has been read", cut, ({ endpoint }) => {
    assert.ok(endpoint.batches.some((batch) => batch.status === undefined));
  });
  outage("15 s of 503", unavailable, ({ endpoint }) => {
    assert.ok(endpoint.batches.some((batch) => batch.status === 503));
  });
  outage("15 s of 503 that the page cannot read, since the preflight fails too", ({ endpoint }) =>
    endpoint.faulty(OUTAGE_MS, () => ({ status: 503 })),
  );
  outage(
    "15 s of 503 with Retry-After",
    ({ endpoint }) => endpoint.faulty(OUTAGE_MS, failing(503, { "retry-after": "5" })),
    ({ endpoint, page }) => assertPatience(endpoint, page, 503, 5_000),
  );
  outage(
    "15 s of lost answers",
    ({ endpoint }) =>
      endpoint.faulty(OUTAGE_MS, ({ operation }) =>
        operation === "PutEvents" ? "lost" : undefined,
      ),
    ({ endpoint }) => {
      const lost = endpoint.batches.filter(({ accepted, status }) => accepted.length && !status);
      assert.ok(lost.length > 0);
    },
  );

  // A firewall, a captive portal, the body limit of nginx: what they answer is not the endpoint's.
  const proxies: [number, string, string][] = [
    [400, "a page", "<h1>400 Bad Request</h1>"],
    [413, "a page", "<h1>413 Request Entity Too Large</h1>"],
    [400, "JSON of its own", '{"error":"bad_request"}'],
    [413, "nothing", ""],
    [422, "a page", "<h1>Unprocessable</h1>"],
    [200, "a page", "<h1>Log in to the network</h1>"],
    [200, "JSON that is cut short", '{"Results":{"abc":{"EventsItemResponse":{"'],
    [202, "JSON of its own", '{"status":"accepted"}'],
    [302, "a page that does not exist", "<h1>302 Found</h1>"],
    [401, "a page", "<h1>Log in</h1>"],
    [403, "a page", "<h1>Request blocked</h1>"],
    [404, "a page", "<h1>404 Not Found</h1>"],
    [404, "JSON of its own", '{"message":"no Route matched with those values"}'],
    [511, "a page", "<h1>Network Authentication Required</h1>"],
  ];
  for (const [status, what, page] of proxies) {
    outage(`15 s of a proxy that answers ${status} with ${what}`, ({ endpoint }) =>
      endpoint.faulty(OUTAGE_MS, ({ operation }) =>
        operation === "preflight" ? undefined : { status, page, headers: { location: "/gone" } },
      ),
    );
  }

  scenario("a proxy that takes no more than 4 kB at once", async ({ endpoint, page }, test) => {
    endpoint.fault = ({ batch }) =>
      batch && JSON.stringify([...batch.events.values()]).length > 4_000
        ? { status: 413, page: "<h1>413 Request Entity Too Large</h1>" }
        : undefined;
    await configure(page, endpoint);
    await delivered({ endpoint, page }, await record(page), test);
  });

  scenario("a browser that says it is offline, and is not", async ({ endpoint, page }, test) => {
    await page.evaluate(() => Object.defineProperty(navigator, "onLine", { value: false }));
    await configure(page, endpoint);
    await delivered({ endpoint, page }, await record(page, { every: 5 }), test);
  });

  firstVisit("15 s offline on a first visit, before the module has loaded", offline, [
    "offline",
    "reimport",
  ]);
  firstVisit("15 s of refused connections on a first visit", refused);
  firstVisit("15 s of connection resets on a first visit", reset);
  firstVisit("15 s of connection resets once a request has been read, on a first visit", cut);
  firstVisit("15 s of 503 on a first visit", unavailable);
  firstVisit("15 s of lost answers on a first visit, of the identity pool too", ({ endpoint }) =>
    endpoint.faulty(OUTAGE_MS, ({ operation }) => (operation === "preflight" ? undefined : "lost")),
  );

  scenario("every second answer is 429 with Retry-After", async ({ endpoint, page }, test) => {
    endpoint.fault = ({ batch }) =>
      batch && endpoint.batches.length % 2 === 0
        ? { status: 429, headers: { "retry-after": "1" } }
        : undefined;
    await configure(page, endpoint, { flushSize: 20 });
    await delivered({ endpoint, page }, await record(page, { every: 20 }), test);
    const refused = endpoint.batches.filter((batch) => batch.status === 429);
    assert.ok(refused.length >= 3, "it happened");
    await assertPatience(endpoint, page, 429, 1_000);
  });

  scenario("a fifth of the events fail once inside a 202", async ({ endpoint, page }, test) => {
    const failed = new Map<string, number>();
    endpoint.fault = ({ batch }) =>
      batch &&
      results(batch, (event, id) => {
        const number = event.Metrics?.number ?? 0;
        if (number % 5 || failed.has(id)) return { StatusCode: 202, Message: "Accepted" };
        failed.set(id, batch.at);
        return number % 2
          ? { StatusCode: 500, Message: "the stream is busy" }
          : { StatusCode: 429, Message: "the shard takes no more" };
      });
    await configure(page, endpoint);
    await delivered({ endpoint, page }, await record(page, { every: 20 }), test);
    assert.equal(failed.size, COUNT / 5);
    const sent = endpoint.batches.flatMap((batch) => [...batch.events.keys()]);
    assert.equal(sent.length, COUNT + COUNT / 5, "those alone are sent again, and once");
  });

  // Each look at the clock takes 20 ms. That is more than the pace, and more than the slices of 10 ms in which a page hands
  // over what it records once its engine has loaded; and all looks during a request take less than the minute after which
  // it is given up.
  const step = 20;
  for (const [title, isLoaded] of [
    ["a page so busy that time passes between any two steps", false],
    ["a page so busy that each step takes more than a slice", true],
  ] as const) {
    scenario(title, async (scenario, test) => {
      const { endpoint, page } = scenario;
      endpoint.fault = ({ batch }) =>
        batch && endpoint.batches.length % 2 === 0 ? { status: 503 } : undefined;
      const config = configFor(endpoint, { flushSize: 10, flushInterval: 15 });
      if (isLoaded) {
        await configure(page, endpoint, config);
        await page.evaluate(() => forebay.validate({ name: "Numbered" }));
      }
      await page.evaluate((step) => {
        const { performance } = globalThis;
        const now = performance.now.bind(performance);
        let passed = 0;
        performance.now = () => {
          passed += step;
          return now() + passed;
        };
      }, step);
      await delivered(scenario, await record(page, isLoaded ? {} : { config }), test);
    });
  }

  scenario("every answer takes 2 s", async ({ endpoint, page }, test) => {
    endpoint.latency = 2_000;
    await configure(page, endpoint);
    await delivered({ endpoint, page }, await record(page, { every: 20 }), test);
  });

  scenario("credentials expire again and again", async ({ endpoint, page }, test) => {
    endpoint.credentialsLifetime = 3_000;
    await configure(page, endpoint);
    await delivered({ endpoint, page }, await record(page, { every: 60 }), test);
    const refused = endpoint.batches.filter((batch) => batch.status === 403);
    assert.ok(refused.length >= 3, "they did");
    const renewals = endpoint.identityCalls.length - 2;
    assert.ok(renewals <= refused.length, `${renewals} renewals for ${refused.length} refusals`);
  });

  for (const [name, ahead] of [
    ["ahead", CLOCK_MS],
    ["behind", -CLOCK_MS],
  ] as const) {
    scenario(`a page 10 minutes ${name}`, async ({ endpoint, page }, test) => {
      await setClock(page, ahead);
      endpoint.latency = 700;
      await slowCompression(page);
      await configure(page, endpoint);
      const ids = await record(page, { every: 20 });
      await delivered({ endpoint, page }, ids, test);
      await assertTimes(page, endpoint);
    });

    scenario(`an endpoint 10 minutes ${name}`, async ({ endpoint, page }, test) => {
      endpoint.clock = ahead;
      await configure(page, endpoint);
      const ids = await record(page, { every: 20 });
      await delivered({ endpoint, page }, ids, test);
      await assertTimes(page, endpoint);
    });

    scenario(
      `a page that jumps 10 minutes ${name} while events wait`,
      async ({ endpoint, page }, test) => {
        await configure(page, endpoint);
        const recording = record(page, { every: 40 });
        await endpoint.until(() => endpoint.accepted.length >= COUNT / 4);
        endpoint.fault = failing(503);
        await page.waitForFunction(() => forebay.stats().queued >= 50);
        await setClock(page, ahead);
        await page.waitForFunction(() => forebay.stats().queued >= 100);
        endpoint.fault = undefined;
        await delivered({ endpoint, page }, await recording, test);
        await assertTimes(page, endpoint);
      },
    );
  }
}

/** Makes all bodies but the first wait to be compressed, so that its answer comes in between. */
async function slowCompression(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { arrayBuffer } = Response.prototype;
    let wait = 0;
    Response.prototype.arrayBuffer = async function () {
      // What has no address was made here.
      if (!this.url) {
        const milliseconds = wait;
        wait = 1_500;
        await new Promise((resolve) => setTimeout(resolve, milliseconds));
      }
      return arrayBuffer.call(this);
    };
  });
}

/** Asserts that every event bears the time at which it was recorded, by the endpoint's clock. */
async function assertTimes(page: Page, endpoint: Endpoint): Promise<void> {
  const times = new Map(await page.evaluate(() => recorded));
  const wrong = endpoint.batches
    .filter((batch) => batch.status === 202)
    .flatMap((batch) => [...batch.events])
    .map(([id, { Timestamp }]) => Date.parse(Timestamp) - (times.get(id) ?? 0) - endpoint.clock)
    .filter((difference) => !(Math.abs(difference) <= TIME_TOLERANCE_MS));
  assert.deepEqual(wrong.slice(0, 3), [], `milliseconds off, of ${wrong.length} events`);
}

/**
 * Asserts that the page sends no events for so many milliseconds after it has an answer of this
 * status. By the page's own clock, since a request may be long on its way; by the endpoint's in WebKit, whose
 * pages are not told the status of what they asked for.
 */
async function assertPatience(
  endpoint: Endpoint,
  page: Page,
  status: number,
  milliseconds: number,
): Promise<void> {
  const told = await page.evaluate(() =>
    (performance.getEntriesByType("resource") as PerformanceResourceTiming[])
      .filter((entry) => entry.name.includes("/events"))
      .map(({ fetchStart, responseEnd, responseStatus }) => ({
        fetchStart,
        responseEnd,
        responseStatus,
      })),
  );
  const requests = told.some(({ responseStatus }) => responseStatus)
    ? told
    : endpoint.batches.map(({ at, answeredAt = 0, status }) => ({
        fetchStart: at,
        responseEnd: answeredAt,
        responseStatus: status,
      }));
  const refused = requests.filter(({ responseStatus }) => responseStatus === status);
  assert.ok(refused.length > 0, "the page was refused");
  // The endpoint writes its time down after the page may have heard.
  const until = requests === told ? milliseconds : milliseconds - NOTING_MS;
  for (const { responseEnd } of refused) {
    const early = requests.filter(
      ({ fetchStart }) => fetchStart > responseEnd + HEARING_MS && fetchStart < responseEnd + until,
    );
    assert.deepEqual(early, [], `none is sent after ${responseEnd}`);
  }
}
