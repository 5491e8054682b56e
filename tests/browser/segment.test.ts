// What apps for Segment's analytics.js call, in a real browser.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { compile } from "forebay/tools";
import type { Page } from "playwright-core";
import type { SentEvent } from "../support/endpoint.ts";
import { endpoint, site } from "../support/visits.ts";

/** Runs code of an app that has loaded `analytics`. Gives what it returns. */
async function run(page: Page, source: string, config: object = {}): Promise<unknown> {
  return page.evaluate(
    `(async () => {
      const { analytics } = await import("/forebay/segment.js");
      if (!globalThis.isLoaded) analytics.load(${JSON.stringify({ ...endpoint.config, ...config })});
      globalThis.isLoaded = true;
      ${source}
    })()`,
  );
}

const events = (): SentEvent[] => endpoint.batches.flatMap(({ events }) => [...events.values()]);
/** Without what nobody has said. */
const said = ({ EventType, Attributes, Metrics }: SentEvent) =>
  JSON.parse(JSON.stringify({ name: EventType, ...Attributes, ...Metrics }));

/** What was last said of the endpoint. */
async function described(isSaid: (body: object) => boolean): Promise<Record<string, unknown>> {
  const found = () => endpoint.endpointUpdates.findLast(({ body }) => isSaid(body));
  await endpoint.until(() => !!found());
  const { EffectiveDate, RequestId, ...body } = found()?.body ?? {};
  return body;
}

test("track takes its arguments in every order, and properties become attributes and metrics", async () => {
  const page = await site.open();
  await run(
    page,
    `const ended = async (receipt) => (await receipt).settled;
    await ended(analytics.track("Order Completed", {
      total: 12.5, coupon: null, isGift: true, at: new Date(0), "Plan Type": "pro",
      address: { city: "Oslo", geo: { lat: 59.9 } }, tags: ["a", 1], link: new URL("https://a.example/x"),
    }));
    await ended(analytics.track("signed_up"));
    await ended(analytics.track("Café opened", undefined, { integrations: { All: true } }));
    await ended(analytics.track("Called back", () => { globalThis.called = 1; }));
    await ended(analytics.track("Called back", { n: 1 }, {}, () => { globalThis.called++; }));`,
  );
  await page.waitForFunction(() => (globalThis as { called?: number }).called === 2);
  assert.deepEqual(events().map(said), [
    {
      name: "OrderCompleted",
      total: 12.5,
      isGift: "true",
      at: "1970-01-01T00:00:00.000Z",
      Plan_Type: "pro",
      address_city: "Oslo",
      address_geo_lat: 59.9,
      tags: '["a",1]',
      link: "https://a.example/x",
    },
    { name: "signed_up" },
    { name: "CafeOpened" },
    { name: "CalledBack" },
    { name: "CalledBack", n: 1 },
  ]);
});

test("track and page take every form of analytics.js, and what JSON has no value for is left out", async () => {
  const page = await site.open();
  await run(
    page,
    `const ended = async (receipt) => (await receipt).settled;
    analytics.on("track", () => { throw new Error("a listener's own"); });
    await ended(analytics.track({ event: "Whole One", properties: { n: 1 } }, { integrations: {} }));
    await ended(analytics.track("Listed", ["a"]));
    await ended(analytics.track("Texted", "abc"));
    await ended(analytics.track("Odd", { none: NaN, all: Infinity, big: 12n, call() {}, mark: Symbol(),
      when: new Date(NaN), map: new Map([[1, 2]]), element: document.body, left: 1 }));
    await ended(analytics.page("Home", null));
    await ended(analytics.page("Home", undefined, {}));`,
  );
  assert.deepEqual(events().slice(0, 4).map(said), [
    { name: "WholeOne", n: 1 },
    { name: "Listed" },
    { name: "Texted" },
    { name: "Odd", big: "12", left: 1 },
  ]);
  const pages = events().slice(4);
  assert.deepEqual(
    pages.map(({ Attributes }) => [Attributes?.category, Attributes?.name]),
    [
      [undefined, "Home"],
      [undefined, "Home"],
    ],
  );
});

test("what is called before load is done then, in its order", async () => {
  const page = await site.open();
  const ids = await page.evaluate(
    `(async () => {
      const { analytics } = await import("/forebay/segment.js");
      const ready = new Promise((ready) => analytics.ready(ready));
      const first = analytics.track("First", { n: 1 });
      const known = analytics.identify("u1", { plan: "pro" });
      const second = analytics.track("Second");
      await new Promise((soon) => setTimeout(soon));
      analytics.load(${JSON.stringify(endpoint.config)});
      const third = analytics.track("Third");
      await Promise.all([ready, known]);
      for (const receipt of [first, second, third]) await (await receipt).settled;
      return [analytics.user().id(), typeof analytics.user().anonymousId()];
    })()`,
  );
  assert.deepEqual(ids, ["u1", "string"]);
  assert.deepEqual(
    events().map(({ EventType }) => EventType),
    ["First", "Second", "Third"],
  );
  const { User } = await described((body) => JSON.stringify(body).includes("u1"));
  assert.deepEqual(User, { UserId: "u1", UserAttributes: { plan: ["pro"] } });
});

test("a list that is too long is left out and named, and what is endless ends", async () => {
  const page = await site.open();
  const words: string[] = [];
  page.on("console", (message) => words.push(message.text()));
  await run(
    page,
    `const cycle = { depth: 1 }; cycle.self = cycle;
    const products = Array(50).fill({ sku: "x" });
    await (await analytics.track("Listed", { products, cycle: [cycle], total: 1 })).settled;
    await (await analytics.track("Listed", { products, total: 2 })).settled;
    await (await analytics.track("Cyclic", { cycle })).settled;`,
  );
  const [first, second, cyclic] = events().map(said);
  assert.deepEqual(
    [first, second],
    [1, 2].map((total) => ({ name: "Listed", total })),
  );
  assert.equal(cyclic.cycle_self_depth, 1);
  assert.deepEqual(
    words.map((text) => text.split(",")[0]),
    ["products", "cycle", "cycle_self_self_self_self_self"].map(
      (name) => `Forebay: ${name} is left out`,
    ),
  );
});

test("page records pageView with the campaign and without the rest of the query", async () => {
  const page = await site.open();
  await page.evaluate(() =>
    history.replaceState(null, "", "/?token=s3cret&utm_source=news&gclid=7#top"),
  );
  await run(
    page,
    `const ended = async (receipt) => (await receipt).settled;
    document.title = "Shop";
    await ended(analytics.page());
    await ended(analytics.page("Home"));
    await ended(analytics.page("Docs", "Index", { depth: 2 }));
    await ended(analytics.page(null, "Index"));
    await ended(analytics.page({ title: "Own" }, { context: {
      page: { url: "https://a.example/?q=1", path: "/own" }, campaign: { name: "spring", source: "ads" } } }));`,
  );
  const url = `${site.url}?utm_source=news&gclid=7`;
  const known = { name: "pageView", url, path: "/", title: "Shop" };
  // The event's own name hides the page's in what `said` gives.
  const names = events().map(({ Attributes }) => Attributes?.name);
  assert.deepEqual(names, [undefined, "Home", "Index", "Index", undefined]);
  const all = events().map(({ EventType, Attributes: { name, ...rest } = {}, Metrics }) => ({
    name: EventType,
    ...rest,
    ...Metrics,
  }));
  assert.deepEqual(all, [
    known,
    known,
    { ...known, category: "Docs", depth: 2 },
    known,
    {
      name: "pageView",
      url: "https://a.example/?q=1&utm_campaign=spring&utm_source=ads",
      path: "/own",
      title: "Own",
    },
  ]);
});

test("identify, group and alias say who the user is, and reset forgets it", async () => {
  const page = await site.open();
  const anonymous = await run(
    page,
    `await new Promise((ready) => analytics.ready(ready));
    return analytics.user().anonymousId();`,
  );
  await run(
    page,
    `await analytics.identify({ plan: "free" });
    await analytics.identify(42, { email: "ada@example.com", age: 36, address: { city: "Oslo" }, tags: ["a", "b"], bio: "x".repeat(101),
      company: { name: "Acme" }, since: new Date(0), gone: null }, {}, () => {});
    await analytics.group("acme", { plan: "enterprise", seats: 3 });`,
  );
  const body = await described((body) => JSON.stringify(body).includes("acme"));
  assert.deepEqual(body, {
    User: {
      UserId: "42",
      UserAttributes: {
        email: ["ada@example.com"],
        age: ["36"],
        address_city: ["Oslo"],
        company_name: ["Acme"],
        since: ["1970-01-01T00:00:00.000Z"],
        tags: ['["a","b"]'],
        group_id: ["acme"],
        group_plan: ["enterprise"],
        group_seats: ["3"],
      },
    },
  });
  await run(page, `await analytics.alias("ada"); globalThis.id = analytics.user().id();`);
  assert.deepEqual(await described((body) => JSON.stringify(body).includes("previous_id")), {
    User: { UserId: "ada", UserAttributes: { previous_id: ["42"] } },
  });
  const ids = await run(
    page,
    `const before = analytics.user().id();
    await analytics.reset();
    await (await analytics.track("Left")).settled;
    await analytics.alias("grace");
    return [before, analytics.user().id(), analytics.user().anonymousId()];`,
  );
  assert.deepEqual(ids, ["ada", "grace", anonymous]);
  const left = endpoint.batches.find(({ events }) => [...events.values()][0].EventType === "Left");
  assert.ok(left && !("User" in left.endpoint));
  const { User } = await described((body) => JSON.stringify(body).includes("grace"));
  assert.deepEqual(User, { UserId: "grace", UserAttributes: { previous_id: [anonymous] } });
});

test("the ids that analytics.js has left go on, until reset", async () => {
  const page = await site.open({
    before: () => {
      localStorage.setItem("ajs_anonymous_id", '"0b5e0e0c-1f6e-4a57-9d5e-3f1c0a2b4c6d"');
      localStorage.setItem("ajs_user_id", '"u7"');
    },
  });
  const user = await run(
    page,
    `await (await analytics.track("Seen")).settled;
    await new Promise((ready) => analytics.ready(ready));
    return analytics.user().id();`,
  );
  assert.equal(user, "u7");
  assert.equal(endpoint.batches[0].endpointId, "0b5e0e0c-1f6e-4a57-9d5e-3f1c0a2b4c6d");
  assert.deepEqual((await described(() => true)).User, { UserId: "u7" });
  const keys = await run(
    page,
    `await analytics.reset();
    return [analytics.user().id(), ...Object.keys(localStorage).filter((key) => key.startsWith("ajs"))];`,
  );
  assert.deepEqual(keys, [null]);
});

test("listeners hear each call, and nothing throws where a call makes no sense", async () => {
  const page = await site.open();
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  const heard = await run(
    page,
    `const heard = [];
    for (const method of ["track", "page", "identify"]) analytics.on(method, (...given) => heard.push([method, ...given]));
    analytics.track("A b", { n: 1 });
    analytics.page("Home");
    analytics.identify("u", { email: "a@example.com" });
    analytics.track();
    analytics.track(null, null, null);
    analytics.identify(Symbol.iterator);
    analytics.identify("u", { bio: "x".repeat(500) });
    const before = analytics.user().id();
    analytics.alias();
    analytics.alias(null, "u");
    analytics.track("Getter", { get bad() { throw new Error("own"); } });
    if (analytics.user().id() !== before) heard.unshift("alias() has forgotten the user");
    await new Promise((soon) => setTimeout(soon));
    return JSON.stringify(heard.slice(0, 3));`,
  );
  assert.deepEqual(JSON.parse(String(heard)), [
    ["track", "A b", { n: 1 }, null],
    ["page", null, "Home", null, null],
    ["identify", "u", { email: "a@example.com" }, null],
  ]);
  assert.deepEqual(errors, []);
});

test("the schema of docs/migrating.md takes what its calls record", async () => {
  const text = await readFile(new URL("../../docs/migrating.md", import.meta.url), "utf8");
  const segment = text.slice(text.indexOf("## From Segment"));
  const [schema] = /(?<=```json\n)[^`]*/.exec(segment) ?? [""];
  const [calls] = /(?<=```js\n)[^`]*/.exec(segment) ?? [""];
  const page = await site.open();
  await run(
    page,
    `${calls.replace(/^import.*|^analytics\.load.*/gm, "")}
    await new Promise((done) => analytics.page({}, {}, done));`,
    { schema: compile(schema) },
  );
  await endpoint.until(() => events().length >= 3);
  const { invalid, rejected, dropped } = await page.evaluate(() => forebay.stats());
  assert.deepEqual([invalid, rejected, dropped], [0, 0, 0]);
  assert.deepEqual([...new Set(events().map(({ EventType }) => EventType))].toSorted(), [
    "OrderCompleted",
    "pageView",
  ]);
});
