// What is said about the user goes with every batch, so that it must never be what the endpoint refuses.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { APP_ID, type Batch } from "../support/endpoint.ts";
import { delivered } from "../support/page.ts";
import { until } from "../support/until.ts";
import { endpoint, site } from "../support/visits.ts";

/** Calls `identifyUser` with what stands in this source, and gives the error's code and words. */
async function identify(page: Page, source: string): Promise<[code?: string, message?: string]> {
  return page.evaluate(
    `forebay.identifyUser(${source}).then(() => [], ({ code, message }) => [code, message])`,
  );
}

const described = () => endpoint.batches.at(-1)?.endpoint as Record<string, never>;

async function configured(page: Page): Promise<void> {
  await page.evaluate((config) => forebay.configure(config), endpoint.config);
}

/** Records an event, and gives the description that it left with. */
async function recorded(page: Page): Promise<Record<string, never>> {
  const id = await page.evaluate(() => forebay.record({ name: "Seen", immediate: true }).id);
  await endpoint.until(() => endpoint.accepted.includes(id));
  return described();
}

const TAKEN: [what: string, source: string, expected: object][] = [
  [
    "a single text in place of a list",
    `{ userId: "u", userProfile: { customProperties: { plan: "pro", beta: true, seats: 3 } } }`,
    {
      Attributes: { plan: ["pro"], beta: ["true"], seats: ["3"] },
      User: { UserId: "u" },
    },
  ],
  ["a number as user id", `{ userId: 42, userProfile: {} }`, { User: { UserId: "42" } }],
  [
    "a long number as user id",
    `{ userId: 2n ** 64n }`,
    { User: { UserId: "18446744073709551616" } },
  ],
  [
    "half an emoji",
    `{ userId: "u", userProfile: { name: "🎉🎉".slice(0, 3), customProperties: { ["\\ude00"]: "\\ud83d!" } } }`,
    { Attributes: { name: ["🎉\ufffd"], "\ufffd": ["\ufffd!"] }, User: { UserId: "u" } },
  ],
  [
    "numbers and dates among texts, and what is null",
    `{ userId: "u", userProfile: { email: null, plan: "",
      customProperties: { since: new Date(0), list: ["a", null, 1], none: undefined },
      demographic: { appVersion: 7, make: null, shoe: {} }, location: null, metrics: { age: null } } }`,
    {
      Attributes: { since: ["1970-01-01T00:00:00.000Z"], list: ["a", "1"] },
      Demographic: { AppVersion: "7" },
      User: { UserId: "u" },
    },
  ],
  [
    "100 emojis in a value, 50 in a name, 50 values",
    `{ userId: "u", options: { userAttributes: { ["😀".repeat(50)]: Array(50).fill("😀".repeat(20)), full: "😀".repeat(100) } } }`,
    {
      User: {
        UserId: "u",
        UserAttributes: {
          ["😀".repeat(50)]: Array(50).fill("😀".repeat(20)),
          full: ["😀".repeat(100)],
        },
      },
    },
  ],
];

for (const [what, source, expected] of TAKEN) {
  test(`identifyUser takes ${what}`, async () => {
    const page = await site.open();
    await configured(page);
    assert.deepEqual(await identify(page, source), []);
    const { EffectiveDate, RequestId, ...said } = await recorded(page);
    assert.deepEqual(said, expected);
    await endpoint.until(() => endpoint.endpointUpdates.length > 0);
  });
}

const REFUSED: [source: string, place: RegExp][] = [
  [`undefined`, /what describes a user has to be/],
  [`{ userId: {} }`, /userId has to be a string/],
  [`{ userId: Symbol("u") }`, /userId has to be a string/],
  [`{ userId: NaN }`, /userId has to be a string/],
  [`{ userId: "u", userProfile: "Ada" }`, /userProfile has to be an object/],
  [
    `{ userId: "u", options: { userAttributes: { bio: "x".repeat(101) } } }`,
    /options.userAttributes.bio has to be of at most 100 characters/,
  ],
  [
    `{ userId: "u", userProfile: { email: "x".repeat(101) } }`,
    /userProfile.email has to be of at most 100 characters/,
  ],
  [
    `{ userId: "u", userProfile: { customProperties: { ["x".repeat(51)]: "1" } } }`,
    /userProfile.customProperties has to be an object with names of at most 50 characters/,
  ],
  [
    `{ userId: "u", userProfile: { customProperties: { tags: Array(51).fill("1") } } }`,
    /userProfile.customProperties.tags has to be a list of at most 50/,
  ],
  [
    `{ userId: "u", userProfile: { customProperties: { address: { city: "Oslo" } } } }`,
    /userProfile.customProperties.address has to be a string/,
  ],
  [
    `{ userId: "u", userProfile: { customProperties: new Map([["plan", "pro"]]) } }`,
    /userProfile.customProperties has to be an object/,
  ],
  [
    `{ userId: "u", userProfile: { customProperties: ["pro"] } }`,
    /customProperties has to be an object/,
  ],
  [
    `{ userId: "u", userProfile: { location: { latitude: "51.5" } } }`,
    /userProfile.location.latitude has to be a finite number/,
  ],
  [
    `{ userId: "u", userProfile: { location: { longitude: NaN } } }`,
    /userProfile.location.longitude has to be a finite number/,
  ],
  [
    `{ userId: "u", userProfile: { metrics: { level: "7" } } }`,
    /userProfile.metrics.level has to be/,
  ],
  [
    `{ userId: "u", userProfile: { demographic: { make: ["Google"] } } }`,
    /demographic.make has to be/,
  ],
  [
    `{ userId: "u", options: { channelType: "email" } }`,
    /options.channelType has to be one of PUSH/,
  ],
  [`{ userId: "u", options: { optOut: true } }`, /options.optOut has to be one of ALL, NONE/],
  [
    `{ userId: "u", userProfile: { customProperties: Object.fromEntries(
      Array.from({ length: 200 }, (_, at) => ["p" + at, "é".repeat(50)])) } }`,
    /what describes a user has to be at most 15 KB/,
  ],
];

test("what no endpoint takes is refused by its place, and the description before it stays", async () => {
  const page = await site.open();
  await configured(page);
  assert.deepEqual(await identify(page, `{ userId: "before" }`), []);
  for (const [source, place] of REFUSED) {
    const [code, message] = await identify(page, source);
    assert.equal(code, "InvalidUser", source);
    assert.match(String(message), place);
  }
  assert.deepEqual((await recorded(page)).User, { UserId: "before" });
});

test("with merge, what is not said again stays, but nothing of another user's", async () => {
  const page = await site.open();
  await configured(page);
  const first = `{ userId: "u1", userProfile: { plan: "pro", metrics: { level: 7 }, location: { city: "Oslo" } },
    options: { userAttributes: { team: "blue" }, optOut: "NONE" } }`;
  assert.deepEqual(await identify(page, first), []);
  const more = `{ userProfile: { customProperties: { hobby: "chess" }, location: { country: "NO" } },
    options: { userAttributes: { role: "admin" }, merge: true } }`;
  assert.deepEqual(await identify(page, more), []);
  const { EffectiveDate, RequestId, ...said } = await recorded(page);
  assert.deepEqual(said, {
    Attributes: { plan: ["pro"], hobby: ["chess"] },
    Location: { City: "Oslo", Country: "NO" },
    Metrics: { level: 7 },
    OptOut: "NONE",
    User: { UserId: "u1", UserAttributes: { team: ["blue"], role: ["admin"] } },
  });
  assert.deepEqual(await identify(page, `{ userId: "u2", options: { merge: true } }`), []);
  assert.deepEqual((await recorded(page)).User, { UserId: "u2" });
});

const LEFT: [what: string, left: string, expected: object][] = [
  [
    "values that no endpoint takes",
    JSON.stringify({
      Attributes: {
        plan: "pro",
        tags: ["a", 1, null],
        long: ["x".repeat(101)],
        ["n".repeat(51)]: ["1"],
      },
      Demographic: { Make: 1, Platform: "web" },
      EffectiveDate: "2026-11-21T01:02:03.004Z",
      Location: { Latitude: "51.5", City: "London" },
      Metrics: { level: "7", age: 42 },
      OptOut: true,
      ChannelType: "email",
      User: { UserId: 42, UserAttributes: { name: ["\ud83d"] } },
    }),
    {
      Attributes: { plan: ["pro"], tags: ["a", "1"] },
      Demographic: { Make: "1", Platform: "web" },
      EffectiveDate: "2026-11-21T01:02:03.004Z",
      Location: { City: "London" },
      Metrics: { age: 42 },
      User: { UserId: "42", UserAttributes: { name: ["\ufffd"] } },
    },
  ],
  ["no JSON", `{"User":{"UserId":"u`, {}],
  ["a list", `[1]`, {}],
  ["too much", JSON.stringify({ Attributes: { a: ["x"] }, Address: "x".repeat(16_000) }), {}],
];

for (const [what, left, expected] of LEFT) {
  test(`a description heals that an earlier version kept: ${what}`, async () => {
    const page = await site.open();
    await page.evaluate(
      ([key, left]) => localStorage.setItem(key, left),
      [`forebay.endpoint.${APP_ID}`, left],
    );
    await configured(page);
    const { RequestId, ...said } = await recorded(page);
    assert.deepEqual(said, expected);
  });
}

test("what the endpoint says of the description ends no event, and is said once", async () => {
  const warnings: string[] = [];
  const page = await site.open();
  page.on("console", (message) => warnings.push(message.text()));
  await configured(page);
  endpoint.fault = ({ operation, batch }) => {
    if (operation === "UpdateEndpoint") {
      return { status: 400, body: { Message: "User: no such user." } };
    }
    return batch && answeredApart(batch);
  };
  await identify(page, `{ userId: "u" }`);
  await endpoint.until(() => endpoint.operations.includes("UpdateEndpoint"));
  await page.waitForFunction((id) => !localStorage[`forebay.user.${id}`], APP_ID);
  assert.deepEqual(await recorded(page), {});
  // The same once more, where the answer to a batch says it.
  await identify(page, `{ userId: "u" }`);
  await endpoint.until(
    () => endpoint.operations.filter((name) => name === "UpdateEndpoint").length > 1,
  );
  await page.evaluate(() =>
    Promise.all(Array.from({ length: 3 }, () => forebay.record({ name: "More" }).settled)),
  );
  await delivered(page, 4);
  const said = () => warnings.filter((text) => text.startsWith("Forebay"));
  await until("the words", () => said().length > 0);
  assert.equal(said().length, 1, said().join("\n"));
  assert.match(said()[0], /User: no such user/);
});

test("a description that makes the endpoint refuse a whole batch goes with no further one", async () => {
  const page = await site.open();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  // As another program could have left it there.
  await page.evaluate(
    ([key, left]) => localStorage.setItem(key, left),
    [`forebay.user.${APP_ID}`, `{"Attributes":{"plan":"pro"}}`],
  );
  let refused = 0;
  endpoint.fault = ({ batch }) => {
    if (!batch || Object.keys(batch.endpoint).length === 0) return undefined;
    refused++;
    const Message = `BatchItem.${batch.endpointId}.Endpoint.Attributes.plan: expected an array`;
    return {
      status: 400,
      headers: { "x-amzn-errortype": "BadRequestException" },
      body: { Message, RequestID: "r1" },
    };
  };
  await configured(page);
  for (const _ of [1, 2, 3]) assert.deepEqual(await recorded(page), {});
  assert.equal(refused, 1);
  const ours = () => said.filter((text) => text.startsWith("Forebay"));
  // The words are loaded only where they are needed.
  await until("the words", () => ours().length > 0);
  assert.equal(ours().length, 1, ours().join("\n"));
  assert.match(ours()[0], /Endpoint.Attributes.plan: expected an array/);
});

/** Takes the events and refuses the endpoint, where it is described. */
function answeredApart(batch: Batch) {
  const isDescribed = Object.keys(batch.endpoint).length > 0;
  const items = [...batch.events.keys()].map((id) => [
    id,
    { StatusCode: 202, Message: "Accepted" },
  ]);
  const refused = { StatusCode: 400, Message: "User: no such user." };
  const taken = { StatusCode: 202, Message: "Accepted" };
  return {
    status: 202,
    body: {
      Results: {
        [batch.endpointId]: {
          EndpointItemResponse: isDescribed ? refused : taken,
          EventsItemResponse: Object.fromEntries(items),
        },
      },
    },
  };
}
