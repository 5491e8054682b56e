// What tabs tell each other, also where they have loaded different versions of the package.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { BrowserContext, Page } from "playwright-core";
import { APP_ID, results } from "../support/endpoint.ts";
import { delivered, hold, states } from "../support/page.ts";
import { endpoint, site } from "../support/visits.ts";

const CHANNEL = `forebay.${APP_ID}`;
const SOURCE = fileURLToPath(new URL("../../npm/src/", import.meta.url));
const TARGET =
  process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));

declare global {
  /** What came over the channel. */
  var heard: { version?: unknown; ended?: { id: string; state: string; reason?: string }[] }[];
}

/** A page of the same origin that listens to what tabs tell each other, and can say something itself. */
async function listener(context: BrowserContext): Promise<Page> {
  const page = await site.open({ context });
  await page.evaluate((name) => {
    globalThis.heard = [];
    const channel = new BroadcastChannel(name);
    channel.onmessage = ({ data }) => heard.push(data);
    Object.assign(globalThis, { say: (message: object) => channel.postMessage(message) });
    channel.postMessage({ version: 1, ping: true });
  }, CHANNEL);
  return page;
}

const say = (page: Page, message: object) =>
  page.evaluate(
    (message) => (globalThis as never as { say(m: object): void }).say(message),
    message,
  );

async function configured(context: BrowserContext): Promise<Page> {
  const page = await site.open({ context });
  await page.evaluate((config) => forebay.configure(config), endpoint.config);
  return page;
}

test("the tab that sends tells by names and a version how events ended, and once more when asked", async () => {
  const context = await site.browser.newContext();
  const page = await configured(context);
  await page.waitForFunction(() => forebay.stats().leader);
  const other = await listener(context);
  await other.waitForFunction(() => heard.length > 0);
  const id = await page.evaluate(() => forebay.record({ name: "A" }).id);
  await delivered(page, 1);
  const ended = [{ id, state: "delivered" }];
  const tells = (count: number) =>
    other.waitForFunction((count) => heard.filter(({ ended }) => ended).length === count, count);
  await tells(1);
  // As a tab does that had recorded it, and did not hear of its end.
  const row = {
    id,
    at: Date.now(),
    name: "A",
    body: '{"EventType":"A"}',
    who: "",
    checked: true,
    v: 1,
  };
  await say(other, { version: 1, events: [{ row, immediate: false }] });
  await tells(2);
  const messages = await other.evaluate(() => heard.filter(({ ended }) => ended));
  assert.deepEqual(messages, [
    { version: 1, ended },
    { version: 1, ended },
  ]);
  assert.equal(endpoint.accepted.length, 1, "it is not sent again");
  await context.close();
});

test("messages of another version, and what is none, are passed over", async () => {
  const context = await site.browser.newContext();
  const page = await configured(context);
  await page.waitForFunction(() => forebay.stats().leader);
  const other = await listener(context);
  await endpoint.connections("refused");
  const id = await page.evaluate(() => forebay.record({ name: "A" }).id);
  await page.waitForFunction(() => deliveries.some(({ state }) => state === "stored"));
  for (const message of [
    "text",
    [],
    { ended: [{ id, state: "rejected" }] },
    { version: 2, ended: [{ id, state: "rejected" }], forget: true },
    { version: 1, events: [{}, { row: null }, { row: { id: 7 } }], unknown: true },
  ]) {
    await say(other, message as object);
  }
  await endpoint.connections("served");
  await delivered(page, 1);
  assert.deepEqual(await states(page, id), ["recorded", "stored", "sent", "delivered"]);
  await context.close();
});

test("what a hidden page recorded before it had its engine is its own as long as it lives", async () => {
  const context = await site.browser.newContext();
  const page = await site.open({ context });
  const release = await hold(page, "**/engine.js");
  await page.evaluate(recordEarly, endpoint.config);
  await page.evaluate(hidden);
  const other = await configured(context);
  const id = await other.evaluate(() => forebay.record({ name: "Other" }).id);
  await delivered(other, 1);
  assert.deepEqual([...endpoint.distinct], [id], "they are not the other's to send");
  release();
  await page.waitForFunction(() => forebay.stats().delivered === 200);
  await endpoint.until(() => endpoint.distinct.size === 201);
  assert.equal(endpoint.accepted.length, 201, "each is sent once");
  await context.close();
});

for (const [when, hide] of [
  ["hidden before another opens", true],
  ["ended while another is open", false],
] as const) {
  test(`what a page without its engine recorded is sent by another once it has ended: ${when}`, async () => {
    const context = await site.browser.newContext();
    const page = await site.open({ context, stuck: "engine.js" });
    await page.evaluate(recordEarly, endpoint.config);
    if (hide) await page.evaluate(hidden);
    const other = await configured(context);
    await other.evaluate(() => forebay.record({ name: "Other" }));
    await delivered(other, 1);
    assert.equal(endpoint.distinct.size, 1);
    await page.close({ runBeforeUnload: true });
    await endpoint.until(() => endpoint.distinct.size === 201);
    await context.close();
  });
}

function recordEarly(config: typeof endpoint.config): void {
  forebay.configure(config);
  for (let number = 0; number < 200; number++) forebay.record({ name: "Early" });
}

/** Tells the page that it is hidden. */
function hidden(): void {
  Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}

/** The package as one script, from its sources, with other numbers of actions and books on both sides. */
async function renumbered(): Promise<string> {
  const contract = await readFile(`${SOURCE}module/contract.ts`, "utf8");
  const shift = 20;
  const changed = contract.replace(
    /^export const (SEND_\w+|GET_\w+|LOAD|DELIVERED|REJECTED|DROPPED_\w+) = (\d+);/gm,
    (_, name, number) => `export const ${name} = ${Number(number) + shift};`,
  );
  assert.notEqual(changed, contract);
  const wasm = await readFile(`${TARGET}/sdk-wasm/forebay_wasm_bg/forebay_wasm_bg.wasm`);
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { configure as configureClient } from "./client.js";
        import { start } from "./engine.js";
        export * from "./client.js";
        const bytes = Uint8Array.from(atob("${wasm.toString("base64")}"), (byte) => byte.charCodeAt(0));
        const { instantiate } = WebAssembly;
        WebAssembly.instantiate = async (module, imports) => {
          const { exports } = await instantiate(module, imports);
          const per = 2 ** 32;
          return { exports: {
            ...exports,
            outbox_poll() {
              const next = exports.outbox_poll();
              return next && next + ${shift} * per;
            },
            outbox_ended_elsewhere: (event, end) => exports.outbox_ended_elsewhere(event, end - ${shift}),
          } };
        };
        export const configure = (config) =>
          configureClient(config, async () => ({ start: (page) => start(() => WebAssembly.compile(bytes), page) }));
      `,
      resolveDir: SOURCE,
      loader: "js",
    },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "renumbered",
    define: { VERSION: '"0.2.0"' },
    external: ["#*"],
    plugins: [
      {
        name: "renumbered",
        setup({ onLoad }) {
          onLoad({ filter: /module\/contract\.ts$/ }, () => ({ contents: changed, loader: "ts" }));
        },
      },
    ],
  });
  return outputFiles[0].text;
}

for (const leads of ["this", "the other"]) {
  test(`tabs of two versions whose numbers differ agree, and ${leads} version sends`, async () => {
    const context = await site.browser.newContext();
    const script = await renumbered();
    const open = async (isOther: boolean) => {
      const page = await site.open({ context });
      if (isOther) {
        await page.addScriptTag({ content: script });
        await page.evaluate(() => {
          globalThis.forebay = (globalThis as never as { renumbered: typeof forebay }).renumbered;
          forebay.onDelivery((delivery) => deliveries.push(delivery));
        });
      }
      await page.evaluate((config) => forebay.configure(config), endpoint.config);
      return page;
    };
    const leader = await open(leads !== "this");
    await leader.waitForFunction(() => forebay.stats().leader);
    const follower = await open(leads === "this");
    endpoint.fault = ({ batch }) =>
      batch &&
      results(batch, ({ EventType }) =>
        EventType === "Refused"
          ? { StatusCode: 400, Message: "no such event type" }
          : { StatusCode: 202, Message: "Accepted" },
      );
    const ends = await follower.evaluate(() => {
      const names = Array.from({ length: 20 }, (_, at) => (at === 7 ? "Refused" : "Taken"));
      return Promise.all(names.map((name) => forebay.record({ name }).settled));
    });
    const told = ends.map(({ state, reason }) => [state, reason]);
    const expected = Array.from({ length: 20 }, () => ["delivered", undefined]);
    expected[7] = ["rejected", "no such event type"];
    assert.deepEqual(told, expected);
    assert.equal(await follower.evaluate(() => forebay.stats().leader), false);
    const stats = await follower.evaluate(() => forebay.stats());
    assert.deepEqual([stats.delivered, stats.rejected, stats.queued], [19, 1, 0]);
    assert.equal(endpoint.accepted.length, 19);
    await context.close();
  });
}
