import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Endpoint } from "../support/endpoint.ts";
import { delivered, Site } from "../support/page.ts";

let site: Site;
let endpoint: Endpoint;

before(async () => {
  site = await Site.start();
  endpoint = await Endpoint.start();
});
after(async () => {
  await site.close();
  endpoint.close();
});

test("under StrictMode the provider configures once, before its children record", async () => {
  const page = await site.open();
  await page.evaluate(
    async ({ config, react, provider }) => {
      const { createElement: h, createRoot, StrictMode, useEffect, useState } = await import(react);
      const { ForebayProvider, useRecord } = await import(provider);
      const seen = new Set();
      function Form() {
        const record = useRecord();
        const [clicks, setClicks] = useState(0);
        seen.add(record);
        useEffect(() => {
          record({ name: "Mounted", immediate: true });
        }, [record]);
        const onClick = () => {
          setClicks(clicks + 1);
          record({ name: "Clicked", immediate: true });
        };
        return h("button", { onClick }, `${clicks} of ${seen.size}`);
      }
      createRoot(document.getElementById("root")).render(
        h(StrictMode, null, h(ForebayProvider, { config }, h(Form))),
      );
    },
    { config: endpoint.config, react: "react", provider: "forebay/react" },
  );
  const button = page.getByRole("button");
  await button.click();
  await button.click();
  assert.equal(await button.textContent(), "2 of 1", "useRecord gives one function for good");
  // StrictMode runs effects twice in development.
  await delivered(page, 4);

  const names = endpoint.batches.flatMap((batch) =>
    [...batch.events.values()].map((event) => event.EventType),
  );
  assert.deepEqual(names.toSorted(), ["Clicked", "Clicked", "Mounted", "Mounted"]);
  assert.deepEqual(
    endpoint.identityCalls.map((call) => call.operation),
    ["GetId", "GetCredentialsForIdentity"],
  );
});
