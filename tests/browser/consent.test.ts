import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { APP_ID, IDENTITY_POOL_ID } from "../support/endpoint.ts";
import { changeRows, countRows, delivered, hold } from "../support/page.ts";
import { until } from "../support/until.ts";
import { endpoint, site } from "../support/visits.ts";

test("after disable() events are dropped, on later visits too, until enable()", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Before" });
  }, endpoint.config);
  await delivered(page, 1);
  await page.evaluate(() => {
    forebay.disable();
    forebay.record({ name: "Refused" });
  });
  await delivered(page, 1, "dropped");

  const later = await site.open({ context });
  await later.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Refused" });
  }, endpoint.config);
  await delivered(later, 1, "dropped");
  const { droppedBy, recorded } = await later.evaluate(() => forebay.stats());
  assert.deepEqual([recorded, droppedBy], [1, { disabled: 1 }]);
  await later.evaluate(() => {
    forebay.enable();
    forebay.record({ name: "After" });
  });
  await delivered(later, 1);
  assert.deepEqual(names(), ["Before", "After"]);
});

test("disable() before configure() lets nothing leave, not even a request for credentials", async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    forebay.disable();
    forebay.configure(config);
    forebay.record({ name: "Refused" });
    return forebay.validate({ name: "Refused" });
  }, endpoint.config);
  await delivered(page, 1, "dropped");
  assert.deepEqual([names(), endpoint.identityCalls], [[], []]);
});

test("nothing is kept of a browser before its consent, and its id from then on", async () => {
  const page = await site.open();
  const before = await page.evaluate(async (config) => {
    forebay.configure({ ...config, disabled: true });
    await forebay.identifyUser({ userId: "u", userProfile: { email: "ada@example.com" } });
    await forebay.record({ name: "Refused" }).settled;
    return Object.keys(localStorage);
  }, endpoint.config);
  assert.deepEqual(before, []);
  const kept = await page.evaluate(async (appId) => {
    forebay.enable();
    await forebay.record({ name: "Allowed" }).settled;
    return ["endpointId", "user"].map((what) => localStorage.getItem(`forebay.${what}.${appId}`));
  }, APP_ID);
  const [{ endpointId, endpoint: described }] = endpoint.batches;
  assert.deepEqual([kept[0], JSON.parse(kept[1] ?? "")], [endpointId, described]);
});

test("what is said while localStorage is full holds, here and on later visits", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  await page.evaluate(async (config) => {
    forebay.configure(config);
    forebay.enable();
    await forebay.identifyUser({ userId: "first", userProfile: {} });
    Storage.prototype.setItem = () => {
      throw new DOMException("It is full.", "QuotaExceededError");
    };
    await forebay.identifyUser({ userId: "second", userProfile: {} });
    await forebay.record({ name: "Described" }).settled;
    forebay.disable();
    forebay.record({ name: "Refused" });
  }, endpoint.config);
  await delivered(page, 1, "dropped");
  assert.deepEqual(Object(endpoint.batches[0].endpoint).User, { UserId: "second" });

  const later = await site.open({ context });
  await later.evaluate(
    (config) => {
      forebay.configure(config);
      forebay.record({ name: "Refused" });
    },
    { ...endpoint.config, disabled: true },
  );
  await delivered(later, 1, "dropped");
  assert.deepEqual(names(), ["Described"]);
});

test("what a page said that ended before it had its engine holds on the next visit", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context, stuck: "engine.js" });
  const { appId, ...rest } = endpoint.config;
  // In a form of Amplify's, too.
  const config = { ...rest, Analytics: { Pinpoint: { appId } } };
  await page.evaluate((config) => {
    forebay.configure(config as never);
    forebay.disable();
  }, config);
  await page.goto("about:blank");
  await page.goto(site.url);
  await page.waitForFunction(() => globalThis.forebay);
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Refused" });
  }, endpoint.config);
  await delivered(page, 1, "dropped");
  assert.deepEqual(names(), []);
});

test("what waits is held by disable(), and leaves after enable()", async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    forebay.configure({ ...config, flushInterval: 600_000 });
    forebay.record({ name: "First" });
  }, endpoint.config);
  await delivered(page, 1);
  await page.evaluate(() => {
    forebay.record({ name: "Held" });
    forebay.disable();
    forebay.flushEvents();
  });
  await delivered(page, 2, "recorded");
  const held = await page.evaluate(async () => {
    await forebay.validate({ name: "Anything" });
    return forebay.stats().queued;
  });
  assert.deepEqual([held, names()], [1, ["First"]]);
  await page.evaluate(() => {
    forebay.enable();
    forebay.flushEvents();
  });
  await delivered(page, 2);
  assert.deepEqual(names(), ["First", "Held"]);
});

test("what another tab says holds here, too", async () => {
  const context = await site.browser.newContext();
  const [one, other] = [await site.open({ context }), await site.open({ context })];
  for (const page of [one, other]) {
    await page.evaluate(async (config) => {
      forebay.configure(config);
      await forebay.validate({ name: "Anything" });
    }, endpoint.config);
  }
  await other.evaluate(() => forebay.disable());
  // It takes a moment from one process to another.
  await one.waitForFunction(() => Object.values(localStorage).includes("false"));
  await one.evaluate(() => forebay.record({ name: "Refused" }));
  await delivered(one, 1, "dropped");
  assert.deepEqual(names(), []);
});

test("privacy signals are respected where that is asked for", async () => {
  for (const [signal, value] of [
    ["globalPrivacyControl", true],
    ["doNotTrack", "1"],
  ]) {
    for (const respectPrivacySignals of [true, false]) {
      const page = await site.open();
      await page.evaluate(
        ({ config, signal, value }) => {
          Object.defineProperty(navigator, signal, { value });
          forebay.configure(config);
          forebay.record({ name: config.respectPrivacySignals ? "Private" : "Open" });
        },
        { config: { ...endpoint.config, respectPrivacySignals }, signal: String(signal), value },
      );
      await delivered(page, 1, respectPrivacySignals ? "dropped" : "delivered");
    }
  }
  assert.deepEqual(names(), ["Open", "Open"]);
});

test("forget() deletes what waits and all that is kept, and a newcomer goes on", async () => {
  const page = await site.open();
  await page.evaluate(
    ([app, pool]) => {
      localStorage.setItem(`aws-amplify-cacheAnalytics:pinpoint:${app}`, '{"data":"amplify-v6"}');
      localStorage.setItem(`com.amplify.Cognito.${pool}.identityId`, "us-east-1:amplify");
      localStorage.setItem("theirs", "stays");
      // The credentials of a user who signed in on an earlier visit.
      localStorage.setItem(`forebay.credentials.${pool}.us-east-1:user`, "{}");
    },
    [APP_ID, IDENTITY_POOL_ID],
  );
  await page.evaluate((config) => {
    forebay.configure({ ...config, flushInterval: 600_000 });
    forebay.record({ name: "First" });
  }, endpoint.config);
  await delivered(page, 1);
  assert.deepEqual(asked(), ["GetCredentialsForIdentity"]);
  const [keys, state, stats] = await page.evaluate(async () => {
    const receipt = forebay.record({ name: "Forgotten" });
    await forebay.forget();
    const { state, reason } = await receipt.settled;
    return [Object.keys(localStorage), `${state}: ${reason}`, forebay.stats()] as const;
  });
  assert.equal(state, "dropped: forgotten");
  assert.deepEqual([stats.recorded, stats.queued], [0, 0]);
  assert.deepEqual(
    keys.filter((key) => !key.startsWith("forebay.") || key.includes("credentials")),
    ["theirs"],
  );
  await page.evaluate(() => forebay.record({ name: "Newcomer", immediate: true }));
  await delivered(page, 2);

  const [old, fresh] = endpoint.batches;
  assert.deepEqual(names(), ["First", "Newcomer"]);
  assert.equal(old.endpointId, "amplify-v6");
  assert.match(fresh.endpointId, /^[0-9a-f-]{36}$/);
  const sessions = [old, fresh].map((batch) => [...batch.events.values()][0].Session.Id);
  assert.notEqual(sessions[0], sessions[1]);
  assert.ok(asked().includes("GetId"), "the newcomer is another guest");
});

test("forget() deletes what earlier visits left, even before the disk has opened", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  endpoint.fault = () => ({ status: 503 });
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Left" });
  }, endpoint.config);
  await delivered(page, 1, "stored");
  await changeRows(page, [{ id: "later", name: "Later", v: 99 }]);
  await page.reload();
  await page.waitForFunction(() => globalThis.forebay);
  // A page that had no engine left it.
  await page.evaluate(
    ({ config, early }) => {
      const left = { id: "early", at: Date.now(), event: { name: "Early" } };
      localStorage.setItem(`${early}any`, JSON.stringify([left]));
      forebay.configure(config);
      return forebay.forget();
    },
    { config: endpoint.config, early: `forebay.early.${endpoint.url}.${APP_ID}.` },
  );
  endpoint.fault = undefined;
  await page.evaluate(() => forebay.record({ name: "Newcomer" }).settled);
  assert.deepEqual(
    endpoint.batches.filter(({ accepted }) => accepted.length).map(({ events }) => events.size),
    [1],
  );
  assert.equal(await countRows(page, "aside"), 0);
  await until("the disk is empty", async () => (await countRows(page, "outbox")) === 0);
  const kept = await page.evaluate(() => Object.keys(localStorage));
  assert.deepEqual(
    kept.filter((key) => key.startsWith("forebay.early.")),
    [],
  );
});

test("an identity that comes after forget() was asked for before it, and is not kept", async () => {
  const page = await site.open();
  const identities = "**/?X-Amz-Target=*";
  const answer = await hold(page, identities, { times: 1 });
  const asking = page.waitForRequest(identities);
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Forgotten" });
  }, endpoint.config);
  const first = await asking;
  await page.evaluate(async () => {
    // Its script has not come yet.
    const identified = forebay.identifyUser({ userId: "forgotten", userProfile: {} });
    await forebay.forget();
    await identified;
    forebay.record({ name: "Newcomer" });
  });
  await delivered(page, 1);
  assert.deepEqual(endpoint.endpointUpdates, []);
  const kept = () =>
    page.evaluate(() =>
      Object.entries(localStorage).filter(([key]) => /identityId|credentials|user/.test(key)),
    );
  const newcomers = await kept();
  assert.equal(newcomers.length, 2);
  answer();
  await (await first.response())?.finished();
  // What is asked for after that is answered after that.
  await page.evaluate(() => fetch("/"));
  assert.deepEqual(await kept(), newcomers);
});

test("forget() in one tab makes one newcomer of all tabs, again and again", async () => {
  const context = await site.browser.newContext();
  const open = async () => {
    const page = await site.open({ context });
    await page.evaluate((config) => forebay.configure(config), endpoint.config);
    return page;
  };
  const tabs = [await open(), await open(), await open()];
  const seen = new Set<string>();
  for (const tab of [...tabs, ...tabs]) {
    for (const busy of tabs) await busy.evaluate(() => void forebay.record({ name: "Recorded" }));
    const id = await tab.evaluate(async () => {
      await forebay.forget();
      return (await forebay.identifiers()).endpointId;
    });
    assert.ok(!seen.has(id), "it is a new one");
    seen.add(id);
    const named = (other: Page) =>
      other.evaluate(async () => (await forebay.identifiers()).endpointId);
    for (const other of tabs) {
      await until("it has heard of that", async () => (await named(other)) === id);
    }
    for (const other of tabs) assert.equal(await named(other), id);
  }
  await context.close();
});

test("a worker that sends for pages goes by what they keep, and by what is said there", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  await page.evaluate((config) => {
    forebay.configure(config);
    return forebay.record({ name: "First" }).settled;
  }, endpoint.config);
  await page.reload();
  await page.waitForFunction(() => globalThis.forebay);
  await page.evaluate(async (config) => {
    const code = `import { configure, record, stats } from "${location.origin}/forebay/index.js";
      configure(${JSON.stringify(config)});
      onmessage = async () => postMessage((await record({ name: "InWorker" }).settled).state);
      const look = setInterval(() => stats().leader && postMessage(clearInterval(look)), 10);`;
    const file = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    const worker = new Worker(file, { type: "module" });
    const answer = () => new Promise((answer) => (worker.onmessage = ({ data }) => answer(data)));
    await answer();
    const recordInWorker = () => {
      worker.postMessage("record");
      return answer();
    };
    Object.assign(globalThis, { recordInWorker });
    forebay.configure(config);
    await forebay.record({ name: "Second" }).settled;
  }, endpoint.config);
  const [first, ...others] = endpoint.batches.map(({ endpointId }) => endpointId);
  assert.deepEqual(new Set(others), new Set([first]));
  assert.equal(await page.evaluate(() => forebay.stats().leader), false);

  const inWorker = () =>
    page.evaluate(() => (globalThis as never as { recordInWorker(): unknown }).recordInWorker());
  await page.evaluate(() => forebay.disable());
  await until("it drops its events", async () => (await inWorker()) === "dropped");
  await page.evaluate(() => forebay.enable());
  await until("it sends its events", async () => (await inWorker()) === "delivered");
});

test("forget() does not undo disable()", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  await page.evaluate(async (config) => {
    forebay.configure(config);
    forebay.disable();
    await forebay.forget();
  }, endpoint.config);
  const later = await site.open({ context });
  await later.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Refused" });
  }, endpoint.config);
  await delivered(later, 1, "dropped");
});

/** What the endpoint was asked for about identities. */
function asked(): string[] {
  return endpoint.identityCalls.map((call) => call.operation);
}

function names(): string[] {
  return endpoint.batches.flatMap((batch) =>
    [...batch.events.values()].map((event) => event.EventType),
  );
}
