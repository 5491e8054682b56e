// What keeps events from arriving is said on the console, once, with what was answered and what to do: without
// `debug`, and without somebody who listens.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { results } from "../support/endpoint.ts";
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

/** A page that records an event with this configuration besides what the endpoint's is. */
async function recording(more: object = {}): Promise<string[]> {
  const page = await site.open();
  const said = listening(page);
  await page.evaluate(
    (config) => {
      forebay.configure(config);
      forebay.record({ name: "Seen", immediate: true });
    },
    { ...endpoint.config, ...more },
  );
  return said;
}

const tries = (operation: string) =>
  endpoint.operations.filter((name) => name === operation).length;

/** Resolves when so many requests have come for it. */
const tried = (operation: string, times: number) =>
  endpoint.until(() => tries(operation) >= times, { timeout: 60_000 });

test("a pool that the endpoint does not have", async () => {
  endpoint.fault = ({ operation }) =>
    operation === "GetId"
      ? {
          status: 400,
          headers: { "x-amzn-errortype": "ResourceNotFoundException" },
          body: {
            __type: "ResourceNotFoundException",
            message: "IdentityPool 'us-east-1:gone' not found.",
          },
        }
      : undefined;
  const said = await recording({ identityPoolId: "us-east-1:gone" });
  await until("it is said", async () => said.length > 0);
  await tried("GetId", 4);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(
    said[0],
    /answered 400 ResourceNotFoundException IdentityPool 'us-east-1:gone' not found/,
  );
  assert.match(said[0], /Does it have the identity pool us-east-1:gone/);
});

test("a pool that guests may not use", async () => {
  endpoint.credentialsWithIdentity = false;
  endpoint.fault = ({ operation }) =>
    operation === "GetCredentialsForIdentity"
      ? {
          status: 400,
          body: {
            __type: "x#NotAuthorizedException",
            message: "Unauthenticated access is not supported.",
          },
        }
      : undefined;
  const said = await recording();
  await until("it is said", async () => said.length > 0);
  await tried("GetCredentialsForIdentity", 4);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0], /400 NotAuthorizedException Unauthenticated access/);
});

test("an application that the endpoint does not have", async () => {
  const said = await recording({ appId: "0123456789abcdef" });
  await until("it is said", async () => said.length > 0);
  assert.match(said[0], /answered 404 not found/);
  assert.match(said[0], /Does it have the application 0123456789abcdef/);
});

test("a region that is not the endpoint's", async () => {
  const said = await recording({ region: "eu-west-1" });
  await until("it is said", async () => said.length > 0);
  await tried("PutEvents", 4);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0], /answered 403 InvalidSignatureException/);
  assert.match(said[0], /Is its region eu-west-1/);
});

test("a role that may not send events", async () => {
  endpoint.fault = ({ operation }) =>
    operation === "PutEvents"
      ? {
          status: 403,
          headers: { "x-amzn-errortype": "AccessDeniedException" },
          body: { Message: "User is not authorized to perform: mobiletargeting:PutEvents" },
        }
      : undefined;
  const said = await recording();
  await until("it is said", async () => said.length > 0);
  await tried("PutEvents", 4);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0], /not authorized to perform/);
  assert.match(said[0], /role of the identity pool's guests needs mobiletargeting:PutEvents/);
});

test("a clock that is wrong, and credentials that have ended, are nobody's mistake", async () => {
  endpoint.clock = 600_000;
  const said = await recording();
  await endpoint.until(() => endpoint.accepted.length === 1);
  assert.ok(tries("PutEvents") > 1);
  assert.deepEqual(said, []);
});

test("events that are all invalid", async () => {
  const page = await site.open();
  const said = listening(page);
  await page.evaluate(async (config) => {
    forebay.configure(config);
    const given = [{ seats: 1 }, { seats: 2 }, { seats: 3 }] as never[];
    await Promise.all(
      given.map((attributes) => forebay.record({ name: "Bought", attributes }).settled),
    );
  }, endpoint.config);
  await until("it is said", async () => said.length > 0);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(
    said[0],
    /the event Bought is not valid, and is not sent: Attributes.seats has to be a string/,
  );
});

test("events that the endpoint refuses for what is in them", async () => {
  const page = await site.open();
  const said = listening(page);
  const refuse = () => ({ StatusCode: 400, Message: "EventType: unknown." });
  endpoint.fault = ({ batch }) => batch && results(batch, refuse);
  const states = await page.evaluate(async (config) => {
    forebay.configure(config);
    const ended = [1, 2, 3].map(() => forebay.record({ name: "Unheard" }).settled);
    return (await Promise.all(ended)).map(({ state, reason }) => `${state}: ${reason}`);
  }, endpoint.config);
  assert.deepEqual(states, Array(3).fill("rejected: EventType: unknown."));
  await until("it is said", async () => said.length > 0);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0], /refuses the event Unheard: EventType: unknown\./);
});
