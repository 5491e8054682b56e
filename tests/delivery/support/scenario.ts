// One browser a file of tests; every scenario has an endpoint and a visitor of its own in it.

import { after, before, type TestContext, test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import { Endpoint } from "../../support/endpoint.ts";
import { type Ability, lacks } from "../../support/engines/engine.ts";
import { Site } from "../../support/page.ts";

export interface Scenario {
  site: Site;
  endpoint: Endpoint;
  context: BrowserContext;
  /** The first page of a new visitor, who has not configured the SDK yet. */
  page: Page;
}

let site: Site;

before(async () => {
  site = await Site.start();
});
after(() => site.close());

/** A test with an endpoint and a page by itself, where the engine can do what it `needs`. */
export function scenario(
  name: string,
  run: (scenario: Scenario, test: TestContext) => Promise<void>,
  needs: Ability[] = [],
): void {
  test(name, { timeout: 120_000, skip: lacks(...needs) }, async (test) => {
    const endpoint = await Endpoint.start();
    const page = await site.open();
    const context = page.context();
    try {
      await run({ site, endpoint, context, page }, test);
    } finally {
      await context.close();
      endpoint.close();
    }
  });
}
