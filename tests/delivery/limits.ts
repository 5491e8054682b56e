// More events than there is room for: the books say which were given up and why, and the others
// arrive.

import assert from "node:assert/strict";
import {
  COUNT,
  configure,
  droppedBy,
  numbers,
  record,
  revisit,
  settled,
} from "./support/numbered.ts";
import { scenario } from "./support/scenario.ts";

const ROOM = 50;

const from = (first: number) => Array.from({ length: ROOM }, (_, number) => first + number);

/** Registers these tests. */
export function limits(): void {
  for (const [dropPolicy, kept] of [
    ["oldest", from(COUNT - ROOM)],
    ["newest", from(0)],
  ] as const) {
    scenario(
      `more events than may wait, of which the ${dropPolicy} are dropped`,
      async ({ endpoint, page }) => {
        await endpoint.connections("refused");
        await configure(page, endpoint, { bufferSize: ROOM, dropPolicy });
        await page.evaluate(() => forebay.validate({ name: "Anything" }));
        await record(page);
        await page.waitForFunction((count) => forebay.stats().dropped === count, COUNT - ROOM);
        await endpoint.connections("served");
        await settled(page);
        assert.deepEqual(numbers(endpoint), kept);
        const reasons = Object.entries(await droppedBy(page));
        assert.deepEqual(
          reasons.map(([, count]) => count),
          [COUNT - ROOM],
          "all for one reason",
        );
        const told = await page.evaluate(() =>
          deliveries.filter(({ state }) => state === "dropped").map(({ reason }) => reason),
        );
        assert.deepEqual(new Set(told), new Set(reasons.map(([reason]) => reason)));
      },
    );
  }

  scenario("what an earlier visit left too long ago", async ({ site, endpoint, context, page }) => {
    await endpoint.connections("refused");
    await configure(page, endpoint);
    await page.evaluate(() => forebay.validate({ name: "Anything" }));
    await record(page);
    await page.waitForFunction(
      (count) => deliveries.filter(({ state }) => state === "stored").length === count,
      COUNT,
    );
    await page.close();
    await endpoint.connections("served");
    const next = await revisit(site, context, endpoint, { maxAge: 1, flushSize: 10 });
    await next.waitForFunction((count) => forebay.stats().recorded === count, COUNT);
    await settled(next);
    const [reason, ...more] = Object.entries(await droppedBy(next));
    assert.deepEqual(more, [], "all for one reason");
    // The endpoint's first answer tells what time it is; until then nothing is too old.
    assert.equal(endpoint.distinct.size + reason[1], COUNT);
    assert.ok(reason[1] >= COUNT / 2, `${reason}`);
  });
}
