import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { compile } from "forebay/tools";
import type { ConsoleMessage, Page } from "playwright-core";
import type { Batch } from "../support/endpoint.ts";
import { delivered, hold } from "../support/page.ts";
import { until } from "../support/until.ts";
import { endpoint, site } from "../support/visits.ts";

/** What the package says of the files that browsers load. */
const { browserFiles } = JSON.parse(
  await readFile(new URL("../../npm/package.json", import.meta.url), "utf8"),
);

/** The names of files of the package, in order. */
const named = (files: string[]) => files.map((file) => file.split("/").at(-1)).toSorted();

/** As `npx forebay codegen` writes it. */
const schema = compile(
  JSON.stringify({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $defs: { Opened: { type: "object", properties: {} } },
  }),
);

test("nothing is loaded before configure, and nothing more than is used by it", async () => {
  const page = await site.open();
  const { beforeFirstRecord, afterwards, whereUsed } = browserFiles;
  const loaded = () =>
    page.evaluate(() =>
      performance.getEntriesByType("resource").map((entry) => entry.name.split("/").at(-1)),
    );
  assert.deepEqual((await loaded()).toSorted(), named(beforeFirstRecord));
  await page.evaluate((config) => forebay.configure(config), { ...endpoint.config, schema });
  await page.evaluate(() => forebay.validate({ name: "Opened" }));
  // For a configuration with more than it needs, here a schema.
  const used = "dist/options.js";
  assert.deepEqual((await loaded()).toSorted(), named([...beforeFirstRecord, ...afterwards, used]));
  assert.ok(whereUsed.includes(used));
  assert.deepEqual(endpoint.identityCalls, [], "nobody is asked for before there is an event");
  await page.evaluate(() => forebay.record({ name: "Opened" }).settled);
  const arrived = await loaded();
  for (const used of whereUsed) {
    const name = used.split("/").at(-1) as string;
    assert.equal(arrived.includes(name), name === "options.js", `${name}, for the first event`);
  }
});

test("what an earlier visit left is sent once the script for it has come", async () => {
  const context = await site.browser.newContext();
  const first = await site.open({ context });
  await endpoint.connections("reset");
  await first.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Left" });
  }, endpoint.config);
  await first.waitForFunction(() => deliveries.some(({ state }) => state === "stored"));
  await first.close();
  await endpoint.connections("served");
  const next = await site.open({ context });
  let tries = 0;
  await next.route("**/others.js", (route) => (tries++ ? route.continue() : route.abort()));
  await next.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Own" });
  }, endpoint.config);
  await endpoint.until(() => endpoint.distinct.size === 2);
  assert.equal(tries, 2);
  assert.equal(endpoint.accepted.length, 2, "each is sent once");
  await context.close();
});

test("scripts that do not come at first are asked for again: of roles, of users and of auto-track", async () => {
  const page = await site.open();
  await page.clock.install();
  const tries: Record<string, number> = {};
  await page.route(/(identify|auto-track)\.js$/, (route) => {
    const name = route.request().url().split("/").at(-1) as string;
    tries[name] = (tries[name] ?? 0) + 1;
    return tries[name] > 2 ? route.continue() : route.abort();
  });
  await page.evaluate(
    (config) => {
      forebay.configure(config);
      forebay.configureAutoTrack({
        enable: true,
        type: "pageView",
        options: { appType: "singlePage", first: true },
      });
      forebay.record({ name: "OfGuest" });
      forebay.signIn({ logins: { "login.example.com": "a token" } }).then(() => {
        forebay.record({ name: "OfUser" });
      });
    },
    { ...endpoint.config, guestRoleArn: "arn:aws:iam::1:role/Guest", stsEndpoint: endpoint.url },
  );
  const arrived = () =>
    endpoint.batches.flatMap(({ events }) => [...events.values()].map((event) => event.EventType));
  const asksForRole = () =>
    endpoint.identityCalls.some(({ operation }) => operation === "GetOpenIdToken");
  await until("all have come", async () => {
    await page.clock.runFor(1_000);
    return ["OfUser", "pageView"].every((name) => arrived().includes(name)) && asksForRole();
  });
});

/** In a page: seconds of patience last a fiftieth of them. */
function impatient(): void {
  const { setTimeout: later } = globalThis;
  const soon = (run: () => void, pause = 0) => later(run, pause < 1000 ? pause : pause / 50);
  globalThis.setTimeout = soon as typeof later;
}

test("what is to be tracked is, once script and engine have come, however late", async () => {
  const page = await site.open({ before: impatient });
  const tries: Record<string, number> = { "auto-track": 0, engine: 0 };
  for (const name of Object.keys(tries)) {
    // The engine comes after those who waited were told that it did not.
    const missing = name === "engine" ? 5 : 1;
    await page.route(`**/${name}.js`, (route) =>
      tries[name]++ < missing ? route.abort() : route.continue(),
    );
  }
  await page.evaluate((config) => {
    forebay.configure(config);
    const options = { first: true, eventName: "Viewed" };
    forebay.configureAutoTrack({ enable: true, type: "pageView", options });
  }, endpoint.config);
  await endpoint.until(() => endpoint.distinct.size === 1);
  assert.deepEqual(tries, { "auto-track": 2, engine: 6 });
  await page.close();
});

test("a tab whose script for others is gone neither holds them up nor waits for them", async () => {
  const context = await site.browser.newContext();
  const names = ({ events }: Batch) => [...events.values()].map((event) => event.EventType);
  const record = async (page: Page, name: string) => {
    await page.evaluate((name) => void forebay.record({ name }), name);
    await endpoint.until(() => endpoint.batches.some((batch) => names(batch).includes(name)));
  };
  const pages = [];
  for (const name of ["Old", "New"]) {
    const page = await site.open({ context, before: impatient });
    // A deploy has removed it meanwhile.
    if (name === "Old") await page.route("**/others.js", (route) => route.fulfill({ status: 404 }));
    await page.evaluate((config) => forebay.configure(config), endpoint.config);
    await record(page, name);
    pages.push(page);
  }
  for (const name of ["OldAgain", "NewAgain"]) {
    await record(pages[name === "OldAgain" ? 0 : 1], name);
  }
  assert.equal(endpoint.accepted.length, 4, "each is sent once");
  await context.close();
});

test("what is recorded before the module arrives keeps its id and its time", async () => {
  const page = await site.open();
  const letThrough = await hold(page, "**/engine.js");
  const early = await page.evaluate((config) => {
    forebay.configure(config);
    const { id } = forebay.record({ name: "Early", attributes: { a: "b" } });
    return { id, at: Date.now() };
  }, endpoint.config);
  const stats = await page.evaluate(() => forebay.stats());
  assert.deepEqual([stats.recorded, stats.queued, stats.delivered], [1, 1, 0]);
  assert.equal(endpoint.batches.length, 0);
  letThrough();
  await delivered(page, 1);

  const event = endpoint.batches[0].events.get(early.id);
  assert.equal(event?.EventType, "Early");
  assert.deepEqual(event?.Attributes, { a: "b" });
  assert.ok(Date.parse(event?.Timestamp ?? "") <= early.at);
});

test("what is recorded in the moment in which the module begins to run is not lost", async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    const { instantiate } = WebAssembly;
    const record = (left: number) => {
      forebay.record({ name: "Between" });
      // Each is handed over in a microtask of its own: before, while and after the module is given what there is.
      if (left > 1) queueMicrotask(() => record(left - 1));
    };
    Object.assign(WebAssembly, {
      async instantiate(...given: Parameters<typeof instantiate>) {
        const instance = await instantiate(...given);
        record(50);
        return instance;
      },
    });
    forebay.configure(config);
  }, endpoint.config);
  await page.waitForFunction(() => forebay.stats().queued === 0 && forebay.stats().leader);
  await delivered(page, 50);
  assert.equal(endpoint.distinct.size, 50);
});

test("a module that does not come at first is asked for again", async () => {
  const page = await site.open();
  let tries = 0;
  await page.route("**/engine.js", (route) => {
    tries++;
    return tries <= 2 ? route.abort() : route.continue();
  });
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Patient" });
  }, endpoint.config);
  await delivered(page, 1);
  assert.ok(tries > 2);
  assert.equal(endpoint.accepted.length, 1);
});

test("where nothing loads it is told once, what is awaited ends, and tries become rare", async () => {
  const page = await site.open();
  const said: string[] = [];
  page.on("console", (message) => {
    if (message.text().startsWith("Forebay")) said.push(message.text());
  });
  let tries = 0;
  await page.route("**/engine.js", (route) => {
    tries++;
    return route.abort();
  });
  const codes = await page.evaluate(async (config) => {
    forebay.configure(config);
    forebay.record({ name: "Waits" });
    const code = (error: { code: string }) => error.code;
    return Promise.all([
      forebay.validate({ name: "Waits" }).catch(code),
      forebay.identifyUser({ userId: "u", userProfile: {} }).catch(code),
      forebay.forget().catch(code),
    ]);
  }, endpoint.config);
  assert.deepEqual(codes, ["NotLoaded", "NotLoaded", "NotLoaded"]);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0], /did not load/);
  assert.equal(tries, 4);
  assert.equal(await page.evaluate(() => forebay.stats().queued), 1);

  // At once where the browser says that there is a network again.
  await page.unroute("**/engine.js");
  await page.evaluate(() => dispatchEvent(new Event("online")));
  await delivered(page, 1);
  assert.deepEqual(await page.evaluate(() => forebay.validate({ name: "Works" })), []);
});

test("what the browser has not cannot be loaded by trying again", async () => {
  const page = await site.open();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  const codes = await page.evaluate(async (config) => {
    Reflect.deleteProperty(globalThis, "TextEncoder");
    forebay.configure(config);
    const { state } = forebay.record({ name: "Stays" });
    const code = await forebay.validate({ name: "Stays" }).catch((error) => error.code);
    return [state, code, forebay.stats().queued];
  }, endpoint.config);
  assert.deepEqual(codes, ["recorded", "NotLoaded", 1]);
  assert.equal(said.length, 1);
  assert.match(said[0], /^Forebay did not load: ReferenceError: TextEncoder/);
});

/** What a page, or the browser it runs in, may have taken away or put in the place of what there was. */
const MISSING: Record<string, string> = {
  "no FinalizationRegistry and no WeakRef":
    "delete globalThis.FinalizationRegistry; delete globalThis.WeakRef",
  "no crypto.randomUUID": "Crypto.prototype.randomUUID = undefined",
  "no crypto.getRandomValues": "Crypto.prototype.getRandomValues = undefined",
  "no AbortSignal.timeout": "AbortSignal.timeout = undefined",
  "another Response": "globalThis.Response = class {}",
  "another Response, and another fetch":
    "const { fetch } = globalThis; globalThis.Response = class {}; globalThis.fetch = (...all) => fetch(...all)",
  "no DecompressionStream and no Blob.stream":
    "delete globalThis.DecompressionStream; delete Blob.prototype.stream",
  "no CompressionStream": "delete globalThis.CompressionStream",
  "no reportError": "delete globalThis.reportError",
  "no BroadcastChannel": "delete globalThis.BroadcastChannel",
  "no locks": "Object.defineProperty(navigator, 'locks', { value: undefined })",
  "no indexedDB": "Object.defineProperty(globalThis, 'indexedDB', { value: undefined })",
  "no localStorage": "Object.defineProperty(globalThis, 'localStorage', { value: undefined })",
  "no performance.now that tells": "performance.now = () => 0",
  "lists as Prototype.js has them":
    "Array.from = (all) => [...all]; Array.prototype.entries = function () { return [...this] }",
};
for (const [what, code] of Object.entries(MISSING)) {
  test(`a page with ${what} records and sends`, { timeout: 20_000 }, async () => {
    const page = await site.open();
    const ids = await page.evaluate(
      async ({ config, code }) => {
        new Function(code)();
        const thrown: string[] = [];
        addEventListener("error", ({ message }) => thrown.push(message));
        forebay.configure(config);
        const all: import("forebay").Receipt[] = [];
        for (let n = 0; n < 2500; n++) {
          all.push(forebay.record({ name: "Works", metrics: { n } }));
        }
        forebay.flushEvents();
        const { state } = await all[2499].settled;
        return { state, thrown, ids: new Set(all.map(({ id }) => id)).size };
      },
      { config: endpoint.config, code },
    );
    assert.deepEqual(ids, { state: "delivered", thrown: [], ids: 2500 });
  });
}

test("a browser that says it is offline, and is not, is not believed for ever", async () => {
  const page = await site.open();
  await page.clock.install();
  await page.evaluate((config) => {
    Object.defineProperty(navigator, "onLine", { value: false });
    forebay.configure(config);
    // More than memory holds: a script is loaded for the others.
    for (let n = 0; n < 2_500; n++) forebay.record({ name: "Online" });
  }, endpoint.config);
  await page.waitForFunction(() => forebay.stats().leader);
  await page.clock.runFor(120_000);
  await delivered(page, 2_500);
});

test("ids are of version 7, differ, and count up within a millisecond", async () => {
  const page = await site.open();
  await page.evaluate((config) => forebay.configure(config), endpoint.config);
  const ids = await page.evaluate(() => {
    const now = Date.now();
    Date.now = () => now;
    // As many as one random part is for, and some more.
    return Array.from({ length: 9000 }, () => forebay.record({ name: "Many" }).id);
  });
  assert.equal(new Set(ids).size, 9000);
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.deepEqual(
    ids.filter((id) => !form.test(id)),
    [],
  );
  const some = ids.slice(0, 4000);
  assert.deepEqual(some.toSorted(), some);
});

test("a page that forbids WebAssembly hears of it, and keeps its events up to the cap", async () => {
  const page = await site.open({ csp: "script-src 'self' 'unsafe-inline'" });
  const said: ConsoleMessage[] = [];
  page.on("console", (message) => said.push(message));
  const code = await page.evaluate(async (config) => {
    forebay.configure(config);
    for (let n = 0; n <= 10_000; n++) forebay.record({ name: "Stuck", metrics: { n } });
    return forebay.validate({ name: "Stuck" }).then(
      () => "none",
      (error) => error.code,
    );
  }, endpoint.config);

  assert.equal(code, "WasmBlocked");
  const errors = said.filter((message) => message.text().startsWith("Forebay"));
  assert.equal(errors.length, 1);
  assert.equal(errors[0].type(), "error");
  assert.match(errors[0].text(), /'wasm-unsafe-eval'/);
  await page.waitForFunction(() => forebay.stats().durable);
  assert.deepEqual(await page.evaluate(() => forebay.stats()), {
    recorded: 10_001,
    invalid: 0,
    delivered: 0,
    rejected: 0,
    dropped: 1,
    droppedBy: { "too many events are waiting": 1 },
    queued: 10_000,
    aside: 0,
    durable: true,
    leader: false,
    traps: 0,
  });
  const dropped = await page.evaluate(() => deliveries.map(({ state, reason }) => [state, reason]));
  assert.deepEqual(dropped, [["dropped", "too many events are waiting"]]);
});

test("a configuration that cannot be used is told on the console, and where it is awaited", async () => {
  const page = await site.open();
  const said: ConsoleMessage[] = [];
  page.on("console", (message) => said.push(message));
  const [code, state] = await page.evaluate(async (config) => {
    forebay.configure({ ...config, region: "" });
    const { state } = forebay.record({ name: "Early" });
    const code = await forebay.identifyUser({ userId: "u", userProfile: {} }).catch((e) => e.code);
    return [code, state];
  }, endpoint.config);
  assert.deepEqual([code, state], ["InvalidConfig", "recorded"]);
  assert.deepEqual(
    said.map((message) => message.text()),
    ["Forebay configuration: region must be a string that is not empty, without white space."],
  );
});

test("what a page kept that forbids WebAssembly leaves on a visit that allows it", async () => {
  const context = await site.browser.newContext();
  const forbidding = await site.open({ context, csp: "script-src 'self' 'unsafe-inline'" });
  const id = await forbidding.evaluate((config) => {
    forebay.configure(config);
    return forebay.record({ name: "Stuck" }).id;
  }, endpoint.config);
  const kept = await forbidding.evaluate(async ({ appId }) => {
    await forebay.validate({ name: "Stuck" }).catch(() => {});
    const database = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open(`forebay.${appId}`);
      request.onsuccess = () => resolve(request.result);
    });
    // Answered after what was written before.
    const rows = database.transaction("outbox").objectStore("outbox").getAllKeys();
    return new Promise((resolve) => {
      rows.onsuccess = () => resolve(rows.result);
    });
  }, endpoint.config);
  assert.deepEqual(kept, [id]);
  await forbidding.close();

  const page = await site.open({ context });
  await page.evaluate((config) => forebay.configure(config), endpoint.config);
  await endpoint.until(() => endpoint.accepted.includes(id));
});

test("a page with the one source that WebAssembly needs is enough", async () => {
  const page = await site.open({ csp: "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'" });
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Allowed" });
  }, endpoint.config);
  await delivered(page, 1);
});

test("a page may connect to its endpoint alone: the module is in a script", async () => {
  const scripts = "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'";
  const page = await site.open({ csp: `${scripts}; connect-src ${endpoint.url}` });
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Allowed" });
  }, endpoint.config);
  await delivered(page, 1);
});

const GIVEN = {
  response: 'fetch("/forebay/forebay_wasm_bg.wasm")',
  bytes: 'fetch("/forebay/forebay_wasm_bg.wasm").then((response) => response.arrayBuffer())',
  module: 'WebAssembly.compileStreaming(fetch("/forebay/forebay_wasm_bg.wasm"))',
};
for (const [what, code] of Object.entries(GIVEN)) {
  for (const [way, given] of [
    [`a ${what}`, `await ${code}`],
    [`the promise of a ${what}`, code],
    [`a function that gets a ${what}`, `() => ${code}`],
  ]) {
    test(`slim takes ${way}`, async () => {
      const page = await site.open();
      await page.evaluate(`(async () => {
        const { configure, record } = await import("/forebay/slim.js");
        configure(${JSON.stringify(endpoint.config)}, ${given});
        record({ name: "Slim" });
      })()`);
      await delivered(page, 1);
    });
  }
}

test("what slim is told to get is got again where it failed", async () => {
  const page = await site.open();
  await page.evaluate(
    async ({ config, entry }) => {
      const { configure, record } = await import(entry);
      let tries = 0;
      const wasm = () => fetch(tries++ ? "/forebay/forebay_wasm_bg.wasm" : "/nothing.wasm");
      configure(config, wasm);
      record({ name: "Slim" });
    },
    { config: endpoint.config, entry: "/forebay/slim.js" },
  );
  await delivered(page, 1);
});

test("the entries of the package share one client, and a second copy of it is refused", async () => {
  const page = await site.open();
  await page.evaluate(
    async ({ config, entry }) => {
      const { configure } = await import(entry);
      configure(config);
      forebay.configure(config);
      forebay.record({ name: "Shared" });
    },
    { config: endpoint.config, entry: "/forebay/inline.js" },
  );
  await delivered(page, 1);
  await page.addScriptTag({ url: "/forebay/forebay.script.js" });
  const code = await page.evaluate((config) => {
    try {
      forebay.configure(config);
    } catch (error) {
      return (error as { code: string }).code;
    }
  }, endpoint.config);
  assert.equal(code, "AlreadyConfigured");
});
