// A module that traps: a fault of Forebay's own, which costs no event.

import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { until } from "../support/until.ts";
import {
  arrived,
  assertBalanced,
  COUNT,
  configure,
  droppedBy,
  record,
} from "./support/numbered.ts";
import { scenario } from "./support/scenario.ts";

/** The name of an event that the module traps on each time. */
const POISON = "PoisonedEvent";

/**
 * Lets instances of the module trap: each at the call into it with its number in this list, those behind the
 * list never; and all of them as soon as they are handed an event of the name `POISON`.
 */
async function letTrap(page: Page, calls: number[]): Promise<void> {
  await page.evaluate(
    ({ calls, poison }) => {
      // A function that is nothing but `unreachable`.
      const code =
        "0061736d01000000" + "010401600000" + "03020100" + "07050101740000" + "0a05010300000b";
      const bytes = Uint8Array.from(code.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
      const trap = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.t as () => void;
      const { instantiate } = WebAssembly;
      const left = [...calls];
      Object.assign(WebAssembly, {
        async instantiate(module: WebAssembly.Module, imports: WebAssembly.Imports) {
          const { exports } = await instantiate(module, imports);
          const last = left.shift() ?? Number.POSITIVE_INFINITY;
          let count = 0;
          let isBroken = false;
          const memory = () =>
            new TextDecoder("latin1").decode((exports.memory as WebAssembly.Memory).buffer);
          const guarded = Object.entries(exports).map(([name, given]) => {
            if (typeof given !== "function") return [name, given];
            const call = (...values: number[]) => {
              isBroken ||= ++count > last || (!!poison && memory().includes(poison));
              if (isBroken) trap();
              return given(...values);
            };
            return [name, call];
          });
          return { exports: Object.fromEntries(guarded) };
        },
      });
    },
    { calls, poison: calls.length ? "" : POISON },
  );
}

/** What the page said on its console. */
function said(page: Page): string[] {
  const texts: string[] = [];
  page.on("console", (message) => texts.push(message.text()));
  return texts;
}

/** Registers these tests. */
export function traps(): void {
  for (const [name, calls, every] of [
    ["while it is handed events, all at once", [300], 0],
    ["while it is handed events, one after the other", [300], 5],
    ["as soon as it is started, twice", [1, 3], 5],
    ["again and again", [100, 333, 777], 5],
  ] as [string, number[], number][]) {
    scenario(`a module that traps ${name}`, async ({ endpoint, page }, test) => {
      const texts = said(page);
      await letTrap(page, calls);
      await configure(page, endpoint);
      const ids = await record(page, { every });
      // A batch under way as it traps is sent again: who sent it is not there to hear its answer.
      await arrived(endpoint, ids, test, () => true);
      await assertBalanced(page);
      assert.equal(await page.evaluate(() => forebay.stats().traps), calls.length);
      const told = () => texts.filter((text) => text.includes("WebAssembly module failed")).length;
      await until("the console says it", async () => told() > 0);
      assert.equal(told(), 1);
    });
  }

  scenario("a module that traps while nothing can be sent", async (all, test) => {
    const { endpoint, page } = all;
    endpoint.fault = () => ({ status: 503 });
    await letTrap(page, [600]);
    await configure(page, endpoint);
    const ids = await record(page, { every: 5 });
    await page.waitForFunction(() => forebay.stats().traps === 1);
    endpoint.fault = undefined;
    await arrived(endpoint, ids, test);
    await assertBalanced(page);
  });

  scenario("a module that traps on an event each time", async ({ endpoint, page }, test) => {
    await letTrap(page, []);
    await configure(page, endpoint);
    const ids = await record(page, { count: COUNT / 2 });
    const poisoned = page.evaluate((name) => forebay.record({ name }).settled, POISON);
    ids.push(...(await record(page, { from: COUNT / 2, count: COUNT / 2 })));
    const { state, reason } = await poisoned;
    assert.deepEqual([state, reason], ["dropped", "the WebAssembly module fails on it"]);
    await arrived(endpoint, ids, test, () => true);
    assert.deepEqual(await droppedBy(page), { [String(reason)]: 1 });
    assert.equal(await page.evaluate(() => forebay.stats().traps), 2);
  });
}
