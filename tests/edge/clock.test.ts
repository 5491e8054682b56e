// A page whose clock is off, against the real worker: its events have the time at which they happened, and the
// record has the page's clock offset.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setClock } from "../delivery/support/numbered.ts";
import { readStream } from "../support/kinesis.ts";
import { Site } from "../support/page.ts";
import { type Stack, startStack } from "../support/stack.ts";

let stack: Stack;
let site: Site;
before(async () => {
  stack = await startStack({ withLake: false });
  site = await Site.start();
});
after(async () => {
  await site?.close();
  await stack?.stop();
});

for (const [name, ahead] of [
  ["ahead", 10 * 60_000],
  ["behind", -10 * 60_000],
] as const) {
  test(`a page 10 minutes ${name}`, async () => {
    const page = await site.open();
    await setClock(page, ahead);
    const happened = Date.now();
    const { id, state } = await page.evaluate(
      async (config) => {
        forebay.configure(config);
        const attributes = { email: "ada@example.com" };
        const receipt = forebay.record({ name: "SignUpEvent", attributes });
        return { id: receipt.id, state: (await receipt.settled).state };
      },
      {
        endpoint: stack.edge,
        appId: stack.app_id,
        region: stack.region,
        identityPoolId: stack.identity_pool_id,
      },
    );
    assert.equal(state, "delivered");
    const stored = await readStream(stack);
    const record = stored.find(({ json }) => json.forebay.event_id === id)?.json;
    const off = record.event_timestamp - happened;
    // `Date` has whole seconds, and the page and this test are on one slow machine.
    assert.ok(off > -3_000 && off < 10_000, `${off} ms off`);
    const { clock_offset } = record.forebay;
    assert.ok(Math.abs(clock_offset + ahead) < 10_000, `${clock_offset}`);
  });
}
