// What is configured twice, and what a page can ask about its configuration and its ids.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { until } from "../support/until.ts";
import { endpoint, site } from "../support/visits.ts";

/** What the page has said on its console about Forebay. */
function listening(page: Page): string[] {
  const said: string[] = [];
  page.on("console", (message) => {
    if (message.text().startsWith("Forebay")) said.push(message.text());
  });
  return said;
}

test("the same again is what is read alike, whatever its form and whatever else is in it", async () => {
  const page = await site.open();
  const said = listening(page);
  const codes = await page.evaluate(async (config) => {
    const { endpoint, appId, region, identityPoolId, flushInterval } = config;
    const whole = {
      ...config,
      before: (event: object) => event,
      globalProperties: { attributes: { a: "1", b: "2" } },
    };
    const cycle: Record<string, unknown> = { big: 7n };
    cycle.self = cycle;
    const more = {
      before: (event: object) => event,
      globalProperties: { attributes: { b: "2", a: "1" } },
    };
    const Pinpoint = { appId, region, flushInterval };
    const others = [
      { ...whole },
      Object.fromEntries(Object.entries(whole).reverse()),
      { ...whole, Storage: cycle, element: document.body },
      { ...whole, endpoint: `${endpoint}/`, disabled: undefined },
      { endpoint, ...more, Analytics: { Pinpoint }, Auth: { Cognito: { identityPoolId } } },
      { endpoint, ...more, Analytics: { AWSPinpoint: Pinpoint }, Auth: { identityPoolId, cycle } },
    ];
    const codes: string[] = [];
    for (const given of [whole, ...others] as never[]) {
      try {
        forebay.configure(given);
      } catch (error) {
        codes.push(String(error));
      }
    }
    await forebay.validate({ name: "Anything" });
    forebay.configure({ ...whole, flushSize: 7 } as never);
    return codes;
  }, endpoint.config);
  assert.deepEqual(codes, []);
  // The last one is another, which is known once it is read: nothing was said of those before.
  await until("it is said", async () => said.length > 0);
  assert.deepEqual(said, [
    "Forebay is configured already, and with another flushSize. The first stays.",
  ]);
});

test("another application or endpoint is refused at once, in every form", async () => {
  const page = await site.open();
  const codes = await page.evaluate((config) => {
    const { endpoint, appId, region, identityPoolId } = config;
    const Auth = { identityPoolId };
    forebay.configure({ endpoint, Analytics: { AWSPinpoint: { appId, region } }, Auth });
    const others = [
      { ...config, appId: "other" },
      { ...config, endpoint: "https://other.example.com" },
      { endpoint, Analytics: { Pinpoint: { appId: "other", region } }, Auth },
      { endpoint, aws_mobile_analytics_app_id: "other" },
      { endpoint, analytics: { amazon_pinpoint: { app_id: "other" } } },
    ] as never[];
    return others.map((given) => {
      try {
        forebay.configure(given);
        return "taken";
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
  }, endpoint.config);
  assert.deepEqual(codes, Array(5).fill("AlreadyConfigured"));
});

test("getConfig gives what was configured, to be configured again with more", async () => {
  const page = await site.open();
  const said = listening(page);
  const [before, after] = await page.evaluate(async (config) => {
    const before = forebay.getConfig();
    forebay.configure(config);
    const after = forebay.getConfig();
    forebay.configure({ ...forebay.getConfig(), Storage: { S3: { bucket: "photos" } } });
    await forebay.record({ name: "Seen" }).settled;
    return [before, after];
  }, endpoint.config);
  assert.deepEqual([before, after], [{}, endpoint.config]);
  assert.deepEqual(said, []);
});

test("identifiers are those that events carry", async () => {
  const page = await site.open();
  const [before, during, later] = await page.evaluate(async (config) => {
    forebay.configure({ ...config, sessionTimeout: 50 });
    const before = await forebay.identifiers();
    const { settled } = forebay.record({ name: "Seen" });
    const during = await forebay.identifiers();
    await settled;
    let later = during;
    while (later.sessionId) later = await forebay.identifiers();
    return [before, during, later];
  }, endpoint.config);
  const { endpointId, events } = endpoint.batches[0];
  const sessionId = [...events.values()][0].Session.Id;
  const none = { endpointId, sessionId: undefined };
  assert.deepEqual([before, during, later], [none, { endpointId, sessionId }, none]);
});

for (const [member, values, place] of [
  ["attributes", { release: 7 }, "globalProperties.attributes.release must be a string"],
  ["attributes", { beta: true }, "globalProperties.attributes.beta must be a string"],
  ["attributes", ["a"], "globalProperties.attributes must be an object"],
  ["metrics", { level: "7" }, "globalProperties.metrics.level must be a finite number"],
  ["metrics", { level: Number.NaN }, "globalProperties.metrics.level must be a finite number"],
] as const) {
  test(`${JSON.stringify(values)}: ${place} is said at configure()`, async () => {
    const page = await site.open();
    const said = listening(page);
    const code = await page.evaluate(
      ([config, globalProperties]) => {
        forebay.configure({ ...config, globalProperties } as never);
        return forebay.validate({ name: "Anything" }).catch(({ code }) => code);
      },
      [endpoint.config, { [member]: values }] as const,
    );
    assert.equal(code, "InvalidConfig");
    assert.deepEqual(said, [`Forebay configuration: ${place}.`]);
  });
}

test("a hook that is async is said, once, and its events are dropped with that reason", async () => {
  const page = await site.open();
  const said = listening(page);
  const reasons = await page.evaluate(async (config) => {
    const before = async (event: object) => event;
    forebay.configure({ ...config, before } as never);
    const ended = [1, 2].map(() => forebay.record({ name: "Seen" }).settled);
    return (await Promise.all(ended)).map(({ state, reason }) => `${state}: ${reason}`);
  }, endpoint.config);
  const reason = "before() gave a promise, and has to give the event at once";
  assert.deepEqual(reasons, [`dropped: ${reason}`, `dropped: ${reason}`]);
  assert.deepEqual(said, [`Forebay: ${reason}.`]);
});
