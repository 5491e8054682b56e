// For a file of tests: one browser, and an endpoint for each of them.

import { after, afterEach, before, beforeEach } from "node:test";
import { Endpoint } from "./endpoint.ts";
import { Site } from "./page.ts";

export let site: Site;
export let endpoint: Endpoint;

before(async () => {
  site = await Site.start();
});
after(() => site.close());
beforeEach(async () => {
  endpoint = await Endpoint.start();
});
afterEach(() => endpoint.close());
