// What apps for Amplify v5 call, in a real browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import type { SentEvent } from "../support/endpoint.ts";
import { until } from "../support/until.ts";
import { endpoint, site } from "../support/visits.ts";

/** What the page says on its console about Forebay. */
function listening(page: Page): string[] {
  const said: string[] = [];
  page.on("console", (message) => {
    if (message.text().startsWith("Forebay")) said.push(message.text());
  });
  return said;
}

/** Runs code for Amplify v5 in a page, with `config` in the form of v5. Gives what it returns. */
async function run(page: Page, source: string): Promise<unknown> {
  const { appId, region, identityPoolId, flushInterval } = endpoint.config;
  const config = {
    endpoint: endpoint.url,
    Auth: { identityPoolId },
    Analytics: { autoSessionRecord: false, AWSPinpoint: { appId, region, flushInterval } },
  };
  return page.evaluate(
    `(async () => {
      const { Amplify, Analytics } = await import("/forebay/amplify-v5.js");
      const config = ${JSON.stringify(config)};
      ${source}
    })()`,
  );
}

const events = (): SentEvent[] => endpoint.batches.flatMap(({ events }) => [...events.values()]);

test("configure says more with each call, until the first event", async () => {
  const page = await site.open();
  const said = listening(page);
  const again = await run(
    page,
    `const { endpoint, Auth, Analytics: { AWSPinpoint } } = config;
    Amplify.configure({ endpoint, Auth, aws_mobile_analytics_app_id: "another" });
    Analytics.configure({ autoSessionRecord: false });
    Analytics.configure({ AWSPinpoint: { ...AWSPinpoint, flushInterval: undefined } });
    Analytics.configure({ AWSPinpoint: { flushInterval: AWSPinpoint.flushInterval } });
    await (await Analytics.record({ name: "Said" })).settled;
    // The same once more, and what the client cannot follow any more.
    Analytics.configure({ AWSPinpoint: { appId: AWSPinpoint.appId } });
    Analytics.configure({ AWSPinpoint: { flushSize: 3 } });
    return Amplify.configure().Analytics.AWSPinpoint.flushSize;`,
  );
  assert.equal(again, 3);
  await until("it is said", async () => said.length > 0);
  assert.deepEqual(
    events().map(({ EventType }) => EventType),
    ["Said"],
  );
  assert.deepEqual(said, [
    "Forebay is configured already, and with another flushSize. The first stays.",
  ]);
});

test("sessions are recorded by themselves, and not where a later call says so", async () => {
  for (const [source, expected] of [
    [
      `Amplify.configure(config); Analytics.configure({ autoSessionRecord: true });`,
      ["_session.start"],
    ],
    [
      `Amplify.configure({ ...config, Analytics: { ...config.Analytics, autoSessionRecord: true } });
      Analytics.configure({ autoSessionRecord: false });`,
      [],
    ],
  ] as const) {
    const from = events().length;
    const page = await site.open();
    await run(page, `${source} await (await Analytics.record({ name: "Seen" })).settled;`);
    await page.evaluate(() => import("/forebay/auto-track.js" as string));
    await run(page, `await (await Analytics.record({ name: "Seen" })).settled;`);
    const names = new Set(
      events()
        .slice(from)
        .map(({ EventType }) => EventType),
    );
    names.delete("Seen");
    assert.deepEqual([...names], expected);
  }
});

test("without an endpoint Amplify.configure() throws", async () => {
  const page = await site.open();
  const codes = await run(
    page,
    `const code = (configure, given) => { try { configure(given); return "taken"; } catch (error) { return error.code; } };
    const { endpoint, ...rest } = config;
    return [code(Analytics.configure, { disabled: false }), code(Amplify.configure, rest), code(Amplify.configure, config)];`,
  );
  assert.deepEqual(codes, ["taken", "InvalidConfig", "taken"]);
});

for (const [when, source] of [
  ["before", `Analytics.configure({ disabled: true }); Amplify.configure(config);`],
  ["after", `Amplify.configure(config); Analytics.configure({ disabled: true });`],
  [
    "long after",
    `Amplify.configure(config); await (await Analytics.record({ name: "First" })).settled;
    Analytics.configure({ disabled: true });`,
  ],
] as const) {
  test(`the opt-out ${when} Amplify.configure() holds, until it is taken back`, async () => {
    const page = await site.open();
    const said = listening(page);
    const states = await run(
      page,
      `${source}
      const refused = await (await Analytics.record({ name: "Refused" })).settled;
      Analytics.configure({ disabled: false });
      const taken = await (await Analytics.record({ name: "Taken" })).settled;
      return [refused.state, refused.reason, taken.state];`,
    );
    assert.deepEqual(states, ["dropped", "disabled", "delivered"]);
    assert.deepEqual(said, []);
  });
}

test("updateEndpoint says a part, and the rest stays", async () => {
  const page = await site.open();
  await run(
    page,
    `Amplify.configure(config);
    await Analytics.updateEndpoint({ userId: 7, attributes: { hobby: "chess" }, optOut: "NONE" });
    await Analytics.updateEndpoint({ userAttributes: { plan: "pro" }, attributes: { city: ["Oslo"] } });
    return Analytics.updateEndpoint({ attributes: { bio: "x".repeat(101) } }).catch(({ code }) => code);`,
  );
  await endpoint.until(() =>
    endpoint.endpointUpdates.some(({ body }) => JSON.stringify(body).includes("Oslo")),
  );
  const { EffectiveDate, RequestId, ...body } = endpoint.endpointUpdates.at(-1)?.body ?? {};
  assert.deepEqual(body, {
    Attributes: { hobby: ["chess"], city: ["Oslo"] },
    OptOut: "NONE",
    User: { UserId: "7", UserAttributes: { plan: ["pro"] } },
  });
});

test("calls for other providers say what to do, and leave no rejection behind", async () => {
  const page = await site.open();
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  const said = listening(page);
  const code = await run(
    page,
    `Amplify.configure(config);
    const data = { data: { a: 1 }, partitionKey: "p", streamName: "s" };
    // Nobody waits for these.
    for (const provider of ["AWSKinesis", "AWSKinesisFirehose", "AmazonPersonalize"]) {
      Analytics.record(data, provider);
    }
    Analytics.record(data);
    return Analytics.record(data, "AWSKinesis").catch(({ code }) => code);`,
  );
  assert.equal(code, "InvalidEvent");
  await until("all is said", async () => said.length >= 5);
  assert.match(said[0], /by the provider AWSKinesis\./);
  assert.match(said[3], /an event needs a name/);
  assert.deepEqual(errors, []);
});

test("record takes a name, attributes and metrics, and the provider's own name", async () => {
  const page = await site.open();
  await run(
    page,
    `Amplify.configure(config);
    await (await Analytics.record("Named", { a: "b" }, { n: 1 })).settled;
    await (await Analytics.record({ name: "Provided" }, "AWSPinpoint")).settled;`,
  );
  assert.deepEqual(
    events().map(({ EventType, Attributes, Metrics }) => [EventType, Attributes, Metrics]),
    [
      ["Named", { a: "b" }, { n: 1 }],
      ["Provided", undefined, undefined],
    ],
  );
});
