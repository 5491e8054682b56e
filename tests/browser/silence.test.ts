// What keeps events from arriving is said on the console, once, with what was answered and what to do: without
// `debug`, and without somebody who listens.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page, Route } from "playwright-core";
import { type Answer, results } from "../support/endpoint.ts";
import { until } from "../support/until.ts";
import { endpoint, site } from "../support/visits.ts";

declare global {
  /** How often the page has asked something. */
  var fetched: number;
}

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

/** Ways in which nothing that the endpoint says ever arrives, each with what is said of it. */
const UNREACHED: [string, () => Promise<Page>, RegExp][] = [
  [
    "an address where nobody listens",
    async () => {
      await endpoint.connections("refused");
      return site.open();
    },
    /does not answer, so that events wait\. Is the address right/,
  ],
  [
    "an address that the page's policy does not allow",
    () => site.open({ csp: "connect-src 'self'" }),
    /does not answer.* Content-Security-Policy, whose connect-src has to allow/,
  ],
  [
    "an address that an extension blocks",
    async () => {
      const page = await site.open();
      await page.route(`${endpoint.url}/**`, (route: Route) => route.abort("blockedbyclient"));
      return page;
    },
    /does not answer.* extension that blocks requests/,
  ],
  [
    "an address that takes no requests of other origins",
    async () => {
      forEach({ status: 200, headers: { "access-control-allow-origin": "null" }, body: {} });
      return site.open();
    },
    /does not answer.* \(CORS\)/,
  ],
  [
    "an address where requests hang",
    async () => {
      forEach({ status: 200 });
      endpoint.latency = 2_000;
      // In place of a minute.
      return site.open({
        before: () => {
          const { timeout } = AbortSignal;
          AbortSignal.timeout = () => timeout.call(AbortSignal, 200);
        },
      });
    },
    /does not answer, so that events wait/,
  ],
  [
    "an address where a web server gives its page for everything",
    async () => {
      forEach({ status: 200, page: "<!doctype html><title>Shop</title>" });
      return site.open();
    },
    /answered 200\. That is no answer of Forebay's worker.* Is the address right/,
  ],
  [
    "a proxy that reaches no endpoint",
    async () => {
      forEach({ status: 502, page: "<html><h1>502 Bad Gateway</h1></html>" });
      return site.open();
    },
    /answered 502\. That is no answer of Forebay's worker.* A web server, a proxy/,
  ],
];

/** Answers each request like this. */
function forEach(answer: Answer): void {
  endpoint.fault = () => answer;
}

for (const [what, open, words] of UNREACHED) {
  test(what, async () => {
    const page = await open();
    const said = listening(page);
    await page.evaluate((config) => {
      const { fetch } = globalThis;
      globalThis.fetched = 0;
      globalThis.fetch = (...given) => {
        fetched++;
        return fetch(...given);
      };
      forebay.configure(config);
      for (let count = 0; count < 3; count++) forebay.record({ name: "Seen", immediate: true });
    }, endpoint.config);
    await until("it is said", () => said.length > 0, { timeout: 60_000 });
    const before = await page.evaluate(() => fetched);
    // Tries at once, and again without an answer: that is not said once more.
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.waitForFunction((before) => fetched > before + 1, before, { timeout: 60_000 });
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(said[0], words);
    assert.ok(said[0].includes(endpoint.url), "the address that is meant");
    assert.doesNotMatch(said[0], /X-Amz/, "and nothing that signs");
    assert.equal(await page.evaluate(() => forebay.stats().queued), 3, "events wait");
  });
}

test("an endpoint that fails for good reasons for a while is nobody's mistake", async () => {
  const faults = [
    { status: 503, page: "<html></html>" },
    { status: 500, body: { Message: "busy" } },
    { status: 504, page: "<html></html>" },
    { status: 503, body: { Message: "busy" } },
  ];
  endpoint.fault = ({ operation }) => (operation === "PutEvents" ? faults.shift() : undefined);
  const said = await recording();
  await endpoint.until(() => endpoint.batches.length >= 5, { timeout: 60_000 });
  await endpoint.until(() => endpoint.accepted.length > 0);
  assert.deepEqual(said, []);
});

test("without a network nothing is said of the address", async () => {
  const page = await site.open({
    before: () => {
      // Only the engine's question whether to try at all hears that there is one.
      let asked = 0;
      Object.defineProperty(navigator, "onLine", { get: () => asked++ === 0 });
    },
  });
  const said = listening(page);
  let requests = 0;
  await page.route(`${endpoint.url}/**`, (route: Route) => {
    requests++;
    return route.abort("internetdisconnected");
  });
  await page.clock.install();
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Seen", immediate: true });
  }, endpoint.config);
  await until("it is tried", async () => {
    await page.clock.runFor(1_000);
    return requests > 6;
  });
  assert.deepEqual(said, []);
});
