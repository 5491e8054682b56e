import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import type { SentEvent } from "../support/endpoint.ts";
import { delivered } from "../support/page.ts";
import { endpoint, site } from "../support/visits.ts";

/** Types of the events that arrived, by the identity they did under. */
function byIdentity(): string[][] {
  const found = new Map<string | undefined, string[]>();
  for (const { identityId, events } of endpoint.batches.filter(({ accepted }) => accepted.length)) {
    const names = [...events.values()].map((event) => event.EventType);
    found.set(identityId, [...(found.get(identityId) ?? []), ...names]);
  }
  return [...found.values()];
}

test("events are delivered under the identity that they were recorded under", async () => {
  const page = await site.open();
  await page.evaluate(async (config) => {
    forebay.configure(config);
    forebay.record({ name: "AsGuest" });
    forebay.record({ name: "AsGuest" });
    await forebay.signIn({ logins: { "login.example.com": "a token" } });
    forebay.record({ name: "AsUser" });
    await forebay.signOut();
    forebay.record({ name: "AsGuestAgain" });
  }, endpoint.config);
  await delivered(page, 5);

  assert.deepEqual(
    byIdentity()
      .map((names) => names.toSorted())
      .toSorted(),
    [
      ["AsGuest", "AsGuest", "AsGuestAgain"],
      ["AsUser", "_identity.link"],
    ],
  );
  const sent = endpoint.batches.flatMap((batch) => [...batch.events.values()]);
  const link = sent.find((event) => event.EventType === "_identity.link");
  const ids = new Set(endpoint.batches.map(({ identityId }) => identityId));
  assert.deepEqual(new Set(Object.values(link?.Attributes ?? {})), ids);
  const sessions = new Map(sent.map((event) => [event.EventType, event.Session.Id]));
  sessions.delete("_identity.link");
  assert.equal(new Set(sessions.values()).size, 3, "the session changes with whoever goes on");
  const renewal = endpoint.identityCalls.find(({ body }) => body.Logins && body.IdentityId);
  assert.deepEqual(renewal?.body.Logins, { "login.example.com": "a token" });
});

test("the last sign-in or sign-out holds, and whoever goes on keeps the session", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  await page.evaluate(async (config) => {
    forebay.configure(config);
    await forebay.record({ name: "AsGuest" }).settled;
  }, endpoint.config);
  // The pool knows who that is at the second try only.
  const tries: string[] = [];
  endpoint.nextIdentity = "us-east-1:a-user";
  endpoint.fault = ({ operation }) => (tries.push(operation) === 1 ? { status: 503 } : undefined);
  await page.evaluate(async () => {
    const logins = { "login.example.com": "a token" };
    const late = forebay.signIn({ logins });
    await forebay.signOut();
    await late;
    forebay.record({ name: "StillGuest" });
    await forebay.signIn({ logins });
    forebay.record({ name: "AsUser" });
    await forebay.signIn({ logins: { "login.example.com": "a newer token" } });
    forebay.record({ name: "StillUser" });
  });
  await delivered(page, 5);
  // A page does not know who is signed in until it says so.
  await page.reload();
  await page.waitForFunction(() => globalThis.forebay);
  await page.evaluate(async (config) => {
    forebay.configure(config);
    await forebay.signIn({ logins: { "login.example.com": "a token" } });
    forebay.record({ name: "UserAgain" });
  }, endpoint.config);
  await delivered(page, 2);
  const sent = endpoint.batches.flatMap(({ identityId, events }) =>
    [...events.values()].map(({ EventType, Session }) => ({ EventType, identityId, Session })),
  );
  const [guest, user] = [/Guest/, /User/].map((name) => {
    const own = sent.filter(({ EventType }) => name.test(EventType));
    return new Set(own.map(({ identityId, Session }) => `${identityId} ${Session.Id}`));
  });
  assert.deepEqual([guest.size, user.size], [1, 1], JSON.stringify(sent));
  assert.notDeepEqual(guest, user);
  const links = sent.filter(({ EventType }) => EventType === "_identity.link");
  assert.equal(links.length, 2, "once a page");
});

test("the tokens are asked for whenever credentials are renewed", async () => {
  endpoint.credentialsLifetime = 1_000;
  const page = await site.open();
  await page.evaluate(async (config) => {
    forebay.configure(config);
    let token = 0;
    await forebay.signIn({ logins: async () => ({ "login.example.com": `token ${++token}` }) });
    forebay.record({ name: "First" });
  }, endpoint.config);
  await delivered(page, 1);
  endpoint.clock = 60_000;
  await page.evaluate(() => forebay.record({ name: "Second", immediate: true }));
  await delivered(page, 2);
  const tokens = endpoint.identityCalls.flatMap(({ body }) => Object.values(body.Logins ?? {}));
  assert.ok(tokens.length >= 3 && new Set(tokens).size === tokens.length, tokens.join());
});

/** The next requests so many are answered as where their credentials have ended. */
function endCredentials(requests: number): void {
  const ended = { "x-amzn-errortype": "ExpiredTokenException" };
  for (let n = 0; n < requests; n++) endpoint.next(() => ({ status: 403, headers: ended }));
}

test("the tab that sends signs for who signed in in another tab", async () => {
  const context = await site.browser.newContext();
  const config = { ...endpoint.config, keepCredentials: false };
  const open = async () => {
    const page = await site.open({ context });
    await page.evaluate((config) => {
      forebay.configure(config);
      return forebay.record({ name: "AsGuest" }).settled;
    }, config);
    return page;
  };
  const [, second] = [await open(), await open()];
  const record = () => second.evaluate(() => forebay.record({ name: "AsUser" }).settled);
  await second.evaluate(() => forebay.signIn({ logins: { "login.example.com": "a token" } }));
  assert.equal((await record()).state, "delivered");
  endCredentials(1);
  assert.equal((await record()).state, "delivered");
  assert.equal(await second.evaluate(() => forebay.stats().leader), false);
  const kinds = byIdentity().map((names) => names.toSorted());
  assert.deepEqual(kinds, [
    ["AsGuest", "AsGuest"],
    ["AsUser", "AsUser", "_identity.link"],
  ]);
  await context.close();
});

test("a guest stays the same one as credentials end, where nothing can be kept", async () => {
  const page = await site.open();
  const record = () => page.evaluate(() => forebay.record({ name: "AsGuest" }).settled);
  await page.evaluate((config) => {
    Storage.prototype.setItem = () => {
      throw new DOMException("It is full.", "QuotaExceededError");
    };
    forebay.configure(config);
  }, endpoint.config);
  await record();
  endCredentials(1);
  await record();
  assert.deepEqual(byIdentity(), [["AsGuest", "AsGuest"]]);
  assert.equal(endpoint.identityCalls.length, 2);
});

test("what a user left waits on disk until that user signs in again", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  const isLeft = (event: SentEvent) => event.EventType === "Left";
  endpoint.fault = ({ batch }) =>
    [...(batch?.events.values() ?? [])].some(isLeft) ? { status: 503 } : undefined;
  const config = { ...endpoint.config, keepCredentials: false };
  await page.evaluate(async (config) => {
    forebay.configure(config);
    await forebay.signIn({ logins: { "login.example.com": "a token" } });
    forebay.record({ name: "Left" });
  }, config);
  await delivered(page, 1, "stored");
  await endpoint.until(() => endpoint.batches.length > 0);
  await page.close();
  const user = endpoint.identityCalls.find(({ body }) => body.Logins && body.IdentityId)?.body
    .IdentityId as string;

  const later = await site.open({ context });
  await later.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "AsGuest" });
  }, config);
  await delivered(later, 1);
  assert.deepEqual(byIdentity(), [["AsGuest"]]);
  endpoint.nextIdentity = user;
  endpoint.fault = undefined;
  await later.evaluate(() => forebay.signIn({ logins: { "login.example.com": "another token" } }));
  await delivered(later, 3);
  assert.deepEqual(byIdentity()[1].toSorted(), ["Left", "_identity.link"]);
});

test("seventy identities in one page: each event arrives under its own, none under the guest's", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Guest" });
  }, endpoint.config);
  await delivered(page, 1);
  const guest = endpoint.batches[0].identityId;

  // Events cannot leave, and people come and go.
  endpoint.fault = ({ batch }) => (batch ? "reset" : undefined);
  const users = Array.from({ length: 70 }, (_, at) => `us-east-1:user-${at}`);
  for (const [at, user] of users.entries()) {
    endpoint.nextIdentity = user;
    await page.evaluate(async (at) => {
      await forebay.signIn({ logins: { "login.example.com": `token ${at}` } });
      forebay.record({ name: "User", metrics: { at } });
    }, at);
  }
  await page.evaluate(() => forebay.signOut());
  await page.waitForFunction(
    () =>
      deliveries.filter(({ state, name }) => state === "stored" && name === "User").length >= 63,
  );
  endpoint.fault = undefined;
  await page.evaluate(() => dispatchEvent(new Event("online")));

  /** Under which identities the events of each user have arrived. */
  const arrived = () => {
    const found = new Map<string, string[]>();
    for (const { identityId = "none", events } of endpoint.batches.filter(
      (batch) => batch.status,
    )) {
      for (const { EventType, Attributes, Metrics } of events.values()) {
        if (EventType === "Guest") continue;
        const user = EventType === "User" ? users[Number(Metrics?.at)] : String(Attributes?.user);
        found.set(user, [...(found.get(user) ?? []), `${EventType} by ${identityId}`].toSorted());
      }
    }
    return found;
  };
  const own = (user: string) => ["User", "_identity.link"].map((name) => `${name} by ${user}`);
  const expected = (some: string[]) => new Map(some.map((user) => [user, own(user)]));
  // One page knows 64 identities, and the guest's is one. The others wait on disk.
  await endpoint.until(() => endpoint.distinct.size === 1 + 2 * 63);
  assert.deepEqual(arrived(), expected(users.slice(0, 63)));
  // The answers reach the page after the endpoint has counted.
  await page.waitForFunction(async () => (await forebay.stats()).queued <= 14);
  const { queued, recorded } = await page.evaluate(() => forebay.stats());
  assert.deepEqual({ queued, recorded }, { queued: 14, recorded: 141 });
  await page.close();

  const later = await site.open({ context });
  await later.evaluate((config) => forebay.configure(config), endpoint.config);
  for (const [at, user] of [...users.entries()].slice(63)) {
    endpoint.nextIdentity = user;
    await later.evaluate(
      (at) => forebay.signIn({ logins: { "login.example.com": `token ${at}` } }),
      at,
    );
  }
  await endpoint.until(() => endpoint.distinct.size >= 1 + 2 * 70 + 7);
  const all = arrived();
  // Who signs in again is linked again.
  for (const user of users.slice(63)) all.get(user)?.pop();
  assert.deepEqual(all, expected(users));
  assert.ok(!users.includes(String(guest)));
  await context.close();
});

test("a pool that does not take the tokens is named", async () => {
  const page = await site.open();
  endpoint.fault = ({ operation }) =>
    operation === "GetId"
      ? { status: 400, headers: { "x-amzn-errortype": "NotAuthorizedException" }, body: {} }
      : undefined;
  const [code, message] = await page.evaluate(async (config) => {
    forebay.configure(config);
    return forebay.signIn({ logins: { "login.example.com": "stale" } }).then(
      () => [],
      (error) => [error.code, error.message],
    );
  }, endpoint.config);
  assert.equal(code, "NotSignedIn");
  assert.match(message, /NotAuthorizedException/);
});

test("a sign-in without a token makes no user of a guest", async () => {
  const page = await site.open();
  const codes = await page.evaluate(async (config) => {
    forebay.configure(config);
    await forebay.record({ name: "AsGuest" }).settled;
    const absent = undefined as unknown as string;
    const inputs: unknown[] = [
      undefined,
      null,
      {},
      { logins: undefined },
      { logins: {} },
      { logins: { "login.example.com": absent } },
      { logins: { "login.example.com": "" } },
      { logins: () => ({ "login.example.com": null }) },
      { logins: async () => undefined },
      { logins: { "login.example.com": absent }, roleArn: "arn:aws:iam::1:role/user" },
    ];
    const signIn = (input: unknown) => forebay.signIn(input as { logins: Record<string, string> });
    return Promise.all(
      inputs.map((input) =>
        signIn(input).then(
          () => "signed in",
          (error) => `${error.code}: ${error.message}`,
        ),
      ),
    );
  }, endpoint.config);
  for (const code of codes) assert.match(code, /^NotSignedIn: .* needs a token/);
  await page.evaluate(() => forebay.record({ name: "StillGuest" }).settled);
  assert.deepEqual(byIdentity(), [["AsGuest", "StillGuest"]]);
});

test("by the classic flow STS gives the credentials, for a role", async () => {
  const asked: URLSearchParams[] = [];
  const sts = createServer(async (request, response) => {
    asked.push(new URLSearchParams(await text(request)));
    response.setHeader("access-control-allow-origin", "*");
    response.end(await assumedRole());
  });
  sts.listen(0, "127.0.0.1");
  await once(sts, "listening");
  try {
    endpoint.fault = ({ operation }) =>
      operation === "GetOpenIdToken"
        ? { status: 200, body: { Token: "an OpenID token" } }
        : undefined;
    const { port } = sts.address() as AddressInfo;
    const page = await site.open();
    await page.evaluate(
      async (config) => {
        forebay.configure(config);
        forebay.record({ name: "AsGuest" });
        const logins = { "login.example.com": "a token" };
        await forebay.signIn({ logins, roleArn: "arn:aws:iam::123456789012:role/User" });
        forebay.record({ name: "AsUser" });
      },
      {
        ...endpoint.config,
        stsEndpoint: `http://127.0.0.1:${port}`,
        guestRoleArn: "arn:aws:iam::123456789012:role/Guest",
      },
    );
    await delivered(page, 3);
    assert.ok(endpoint.batches.every(({ signed }) => signed));
    assert.deepEqual(
      asked
        .map((query) => ["Action", "RoleArn", "WebIdentityToken"].map((name) => query.get(name)))
        .toSorted(),
      ["Guest", "User"].map((role) => [
        "AssumeRoleWithWebIdentity",
        `arn:aws:iam::123456789012:role/${role}`,
        "an OpenID token",
      ]),
    );
  } finally {
    sts.close();
    sts.closeAllConnections();
  }
});

/** An answer of STS, with credentials that the endpoint takes. */
async function assumedRole(): Promise<string> {
  const issued = await fetch(`${endpoint.url}/?X-Amz-Target=AWSCognitoIdentityService.GetId`, {
    method: "POST",
    body: "{}",
  });
  const { AccessKeyId, SecretKey, SessionToken, Expiration } = (await issued.json()).Credentials;
  return `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
    <AssumeRoleWithWebIdentityResult><Credentials>
      <AccessKeyId>${AccessKeyId}</AccessKeyId>
      <SecretAccessKey>${SecretKey}</SecretAccessKey>
      <SessionToken>${SessionToken}</SessionToken>
      <Expiration>${new Date(Expiration * 1000).toISOString()}</Expiration>
    </Credentials></AssumeRoleWithWebIdentityResult>
  </AssumeRoleWithWebIdentityResponse>`;
}
