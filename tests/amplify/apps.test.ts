// Apps that were written for Amplify, in the browser of someone who used them then: with the imports
// changed and the endpoint added they send what they sent, under the ids that Amplify left.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { APP_ID, IDENTITY_POOL_ID, type SentEvent } from "../support/endpoint.ts";
import { endpoint, site } from "../support/visits.ts";

const ENDPOINT_ID = "2b7f0f1c-6a51-4c8e-9d52-0c7a6f3f9e10";
const IDENTITY_ID = "us-east-1:5d1f6f0e-1d3a-4a59-8d0c-2c1f1f0b7c11";

/** What each changes in its source. */
const MIGRATIONS = {
  v6: [
    [/import { Amplify } from "aws-amplify";/, 'import * as Amplify from "forebay";'],
    [/"aws-amplify\/analytics"/, '"forebay"'],
  ],
  v5: [[/"aws-amplify"/, '"forebay/amplify-v5"']],
} as const;

/** What each left in localStorage: an item of its cache, and the guest's identity. */
const LEFT_BEHIND = {
  v6: {
    [`aws-amplify-cacheAnalytics:pinpoint:${APP_ID}`]: cacheItem(`Analytics:pinpoint:${APP_ID}`),
    [`com.amplify.Cognito.${IDENTITY_POOL_ID}.identityId`]: IDENTITY_ID,
  },
  v5: {
    [`aws-amplify-cacheAWSPinpoint_${APP_ID}`]: cacheItem(`AWSPinpoint_${APP_ID}`),
    [`CognitoIdentityId-${IDENTITY_POOL_ID}`]: IDENTITY_ID,
  },
};

const BUTTONS = ["visit", "profile", "quiet", "open", "flush", "session"];
const PAGE = `${BUTTONS.map((id) => `<button id="${id}">${id}</button>`).join("\n")}
<button id="like" data-amplify-analytics-on="click" data-amplify-analytics-name="like"
  data-amplify-analytics-attrs="album:7,genre:baroque">like</button>`;

test("an app for Amplify v6 goes on with its imports changed and the endpoint added", async () => {
  const page = await open("v6");
  await page.click("#visit");
  await page.click("#like");
  await page.click("#quiet");
  await page.click("#open");
  await page.click("#flush");
  await page.click("#profile");
  await endpoint.until(() => events().length >= 4 && endpoint.endpointUpdates.length >= 1);

  const url = `${site.url}albums/7`;
  assert.deepEqual(said(), {
    "_session.start": { shop: "north" },
    albumVisit: { genre: "baroque", artist: "Bach" },
    like: { type: "click", target: "button with id like", album: "7", genre: "baroque" },
    pageView: { shop: "north", url },
  });
  assert.deepEqual(event("albumVisit").Metrics, { minutesListened: 30 });
  const { Attributes, Demographic, User } = endpoint.endpointUpdates[0].body;
  assert.deepEqual(
    { Attributes, Demographic, User },
    {
      Attributes: {
        email: ["ada@example.com"],
        name: ["Ada"],
        plan: ["pro"],
        hobbies: ["piano", "chess"],
      },
      Demographic: { Platform: "web", Locale: "en_GB" },
      User: { UserId: "user-1", UserAttributes: { interests: ["music"] } },
    },
  );
  keepsIds();
});

test("an app for Amplify v5 goes on with its import changed and the endpoint added", async () => {
  const page = await open("v5");
  await page.click("#visit");
  await page.click("#like");
  await page.click("#quiet");
  await page.click("#open");
  await page.click("#profile");
  await page.click("#session");
  await endpoint.until(() => events().length >= 7 && endpoint.endpointUpdates.length >= 1);

  assert.deepEqual(said(), {
    "_session.start": {},
    "_session.stop": {},
    albumVisit: { genre: "baroque", artist: "Bach" },
    like: { type: "click", target: "button with id like", album: "7", genre: "baroque" },
    pageView: { shop: "north", url: `${site.url}albums/7` },
  });
  const views = events().filter(({ EventType }) => EventType === "pageView");
  assert.deepEqual(
    views.map(({ Attributes }) => Attributes?.url),
    [site.url, `${site.url}albums/7`],
  );
  const starts = events().filter(({ EventType }) => EventType === "_session.start");
  assert.equal(new Set(starts.map(({ Session }) => Session.Id)).size, 2);
  const { Id, StartTimestamp, ...stopped } = event("_session.stop").Session;
  assert.deepEqual([Id, StartTimestamp], Object.values(starts[0].Session));
  const { StopTimestamp, Duration } = stopped as { StopTimestamp: string; Duration: number };
  assert.equal(Date.parse(StopTimestamp) - Date.parse(StartTimestamp), Duration);
  const { EffectiveDate, RequestId, ...body } = endpoint.endpointUpdates[0].body;
  assert.deepEqual(body, {
    Address: "ada@example.com",
    ChannelType: "EMAIL",
    Attributes: { hobbies: ["piano", "chess"] },
    Demographic: { Platform: "web", Locale: "en_GB" },
    Location: { City: "London", PostalCode: "W1" },
    Metrics: { logins: 3 },
    OptOut: "NONE",
    User: { UserId: "user-1", UserAttributes: { interests: ["music"] } },
  });
  keepsIds();
});

/** Opens an app, migrated, in a browser where Amplify was before. */
async function open(version: "v5" | "v6"): Promise<Page> {
  let source = await readFile(new URL(`apps/${version}.js`, import.meta.url), "utf8");
  const endpointAdded = `Amplify.configure({ endpoint: "${endpoint.url}",`;
  for (const [line, replaced] of [
    ...MIGRATIONS[version],
    [/Amplify\.configure\({/, endpointAdded] as const,
  ]) {
    assert.match(source, line);
    source = source.replace(line, replaced);
  }
  const page = await site.open();
  await page.evaluate(
    async ({ items, html, source }) => {
      for (const [key, value] of Object.entries(items)) localStorage.setItem(key, value);
      document.body.innerHTML = html;
      await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    },
    { items: LEFT_BEHIND[version], html: PAGE, source },
  );
  // Trackers come with a chunk of their own.
  await page.evaluate(() => import("/forebay/auto-track.js" as string));
  await endpoint.until(() => events().length >= 1);
  return page;
}

/** An item as Amplify's cache has it. */
function cacheItem(key: string): string {
  const now = Date.now();
  return JSON.stringify({
    key: `aws-amplify-cache${key}`,
    data: ENDPOINT_ID,
    timestamp: now,
    visitedTime: now,
    priority: 1,
    expires: now + 31_536_000_000,
    type: "string",
    byteSize: 250,
  });
}

function events(): SentEvent[] {
  return endpoint.batches.flatMap((batch) => [...batch.events.values()]);
}

function event(name: string): SentEvent {
  const found = events().find((event) => event.EventType === name);
  assert.ok(found, name);
  return found;
}

/** What the last event of each name says. */
function said(): Record<string, object> {
  return Object.fromEntries(
    events().map(({ EventType, Attributes }) => [EventType, Attributes ?? {}]),
  );
}

function keepsIds(): void {
  assert.deepEqual([...new Set(endpoint.batches.map((batch) => batch.endpointId))], [ENDPOINT_ID]);
  assert.equal(endpoint.endpointUpdates[0].id, ENDPOINT_ID);
  const identities = endpoint.identityCalls.map(({ body }) => body.IdentityId);
  assert.deepEqual([...new Set(identities)], [IDENTITY_ID]);
}
