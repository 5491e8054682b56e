// What the first events of a visit cost: requests, preflights and waiting.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { Endpoint } from "../support/endpoint.ts";
import { delivered } from "../support/page.ts";
import { revisit, setClock } from "./support/numbered.ts";
import { type Scenario, scenario } from "./support/scenario.ts";

/** Longer than any test: what leaves does not leave by the interval. */
const NEVER = 600_000;

/** Configures the SDK and records one event, as a page does that was just opened. */
async function first(page: Page, endpoint: Endpoint, more: object = {}): Promise<void> {
  const config = { ...endpoint.config, flushInterval: NEVER, ...more };
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "First" });
  }, config);
  await delivered(page, 1);
}

/** Visits the page once, and then once more. */
async function twoVisits(
  { site, endpoint, context, page }: Scenario,
  more: object = {},
): Promise<void> {
  await first(page, endpoint, more);
  await page.close();
  await first(await site.open({ context }), endpoint, more);
}

/** Registers these tests. */
export function cold(): void {
  scenario(
    "the first event ever takes two requests, on a later visit one, and no preflight",
    async (scenario) => {
      await twoVisits(scenario);
      const { operations, batches } = scenario.endpoint;
      assert.deepEqual(operations, ["GetId", "PutEvents", "PutEvents"]);
      assert.deepEqual(
        batches.map(({ signed }) => signed),
        [true, true],
      );
      assert.equal(batches[0].identityId, batches[1].identityId);
      assert.match(String(batches[0].headers["content-type"]), /^text\/plain/);
    },
  );

  for (const [wire, method, preflights] of [
    ["forebay", "POST", 0],
    ["pinpoint", "PUT", 1],
  ] as const) {
    scenario(
      `what ${wire} is told about the user costs ${preflights} preflights`,
      async (visit) => {
        const { endpoint, page } = visit;
        await first(page, endpoint, { wire });
        const before = endpoint.operations.length;
        await page.evaluate(() => forebay.identifyUser({ userId: "user-1", userProfile: {} }));
        await endpoint.until(() => endpoint.endpointUpdates.length > 0);
        assert.deepEqual(endpoint.operations.slice(before), [
          ...Array(preflights).fill("preflight"),
          "UpdateEndpoint",
        ]);
        const [update] = endpoint.endpointUpdates;
        assert.equal(update.method, method);
        assert.ok(update.signed);
      },
    );
  }

  scenario("credentials that have ended since cost one request more", async (scenario) => {
    const { site, context, endpoint, page } = scenario;
    await first(page, endpoint);
    await page.close();
    const next = await site.open({ context });
    endpoint.clock = 2 * endpoint.credentialsLifetime;
    await setClock(next, endpoint.clock);
    await first(next, endpoint);
    assert.deepEqual(endpoint.operations, [
      "GetId",
      "PutEvents",
      "GetCredentialsForIdentity",
      "PutEvents",
    ]);
    const [before, after] = [endpoint.batches[0], endpoint.batches.at(-1)];
    assert.equal(before.identityId, after?.identityId);
  });

  scenario("credentials that are not to be kept are asked for again", async (scenario) => {
    await twoVisits(scenario, { keepCredentials: false });
    const asked = scenario.endpoint.operations.filter((operation) => operation !== "preflight");
    assert.equal(asked.at(-2), "GetCredentialsForIdentity");
    const page = await scenario.site.open({ context: scenario.context });
    const kept = await page.evaluate(() => JSON.stringify({ ...localStorage }));
    assert.ok(!kept.includes("wJalrXUtnFEMI"), "nor is there a key in storage");
  });

  scenario(
    "a pool that gives no credentials with an identity is asked for them",
    async (scenario) => {
      scenario.endpoint.credentialsWithIdentity = false;
      await twoVisits(scenario);
      assert.deepEqual(scenario.endpoint.operations, [
        "GetId",
        "GetCredentialsForIdentity",
        "PutEvents",
        "PutEvents",
      ]);
    },
  );

  scenario("another endpoint of PutEvents has the header form", async (scenario) => {
    scenario.endpoint.credentialsWithIdentity = false;
    await twoVisits(scenario, { wire: "pinpoint" });
    for (const { signed, headers, compressed } of scenario.endpoint.batches) {
      assert.ok(signed);
      assert.ok(headers.authorization?.startsWith("AWS4-HMAC-SHA256 "));
      assert.equal(headers["content-type"], "application/json");
      assert.equal(compressed, false);
    }
  });

  scenario("large bodies leave compressed, small ones as they are", async ({ endpoint, page }) => {
    await first(page, endpoint);
    await page.evaluate(() => {
      for (let number = 0; number < 100; number++) {
        forebay.record({ name: "Numbered", attributes: { text: "much the same text" } });
      }
      forebay.flushEvents();
    });
    await delivered(page, 101);
    assert.equal(endpoint.batches[0].compressed, false);
    assert.ok(
      endpoint.batches.slice(1).every(({ events, compressed }) => events.size < 10 || compressed),
    );
    assert.ok(endpoint.batches.some(({ compressed }) => compressed));
  });

  scenario(
    "the first event does not wait for the interval, what follows does",
    async (scenario) => {
      const { endpoint, page } = scenario;
      await first(page, endpoint);
      await page.evaluate(async () => {
        forebay.record({ name: "Second" });
        // Leaves at once: whatever else does not wait is there before it.
        await forebay.identifyUser({ userId: "user-1", userProfile: {} });
      });
      await endpoint.until(() => endpoint.endpointUpdates.length > 0);
      await page.evaluate(() => {
        forebay.record({ name: "Third" });
        forebay.flushEvents();
      });
      await delivered(page, 3);
      const names = endpoint.batches.map(({ events }) =>
        [...events.values()].map((e) => e.EventType),
      );
      assert.deepEqual(names, [["First"], ["Second", "Third"]]);
    },
  );

  scenario(
    "what an earlier visit left leaves with the next event, and keeps its time",
    async ({ site, endpoint, context, page }) => {
      await endpoint.connections("refused");
      await page.evaluate((config) => {
        forebay.configure(config);
        forebay.record({ name: "Left" });
      }, endpoint.config);
      await delivered(page, 1, "stored");
      await page.close();
      await endpoint.connections("served");
      const next = await revisit(site, context, endpoint);
      await next.evaluate(() => {
        forebay.record({ name: "Next" });
      });
      await endpoint.until(() => endpoint.accepted.length === 2);
      const times = new Map(
        endpoint.batches
          .flatMap((batch) => [...batch.events.values()])
          .map(({ EventType, Timestamp }) => [EventType, Date.parse(Timestamp)]),
      );
      assert.equal(times.size, 2);
      assert.ok(Number(times.get("Left")) < Number(times.get("Next")));
    },
  );
}
