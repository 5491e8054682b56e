import assert from "node:assert/strict";
import { test } from "node:test";
import { delivered } from "../support/page.ts";
import { endpoint, site } from "../support/visits.ts";

/** What the one button of the page says. */
const label = () => document.querySelector("button")?.textContent;

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
  await page.click("button");
  await page.click("button");
  assert.equal(await page.evaluate(label), "2 of 1", "useRecord gives one function for good");
  // StrictMode runs effects twice in development.
  await delivered(page, 4);

  const names = endpoint.batches.flatMap((batch) =>
    [...batch.events.values()].map((event) => event.EventType),
  );
  assert.deepEqual(names.toSorted(), ["Clicked", "Clicked", "Mounted", "Mounted"]);
  assert.deepEqual(
    endpoint.identityCalls.map((call) => call.operation),
    ["GetId"],
  );
});

test("a receipt's state is rendered step by step, and page views are recorded once each", async () => {
  const earlier = endpoint.batches.length;
  const page = await site.open();
  await page.evaluate(
    async ({ config, react, provider }) => {
      const { createElement: h, createRoot, StrictMode, useState } = await import(react);
      const { ForebayProvider, usePageViews, useReceipt, useRecord } = await import(provider);
      const paths = ["/first", "/first?tab=2#top", "//second", "/first", "/third", "/"];
      // Where the page is by then, if the router says so: below what its paths leave out.
      const places: Record<number, string> = { 4: "/shop/third", 5: "/shop" };
      function Form() {
        const record = useRecord();
        const [receipt, setReceipt] = useState();
        const [clicks, setClicks] = useState(0);
        usePageViews(paths[clicks]);
        const state = useReceipt(receipt);
        const onClick = () => {
          const next = clicks + 1;
          if (places[next]) history.pushState(null, "", places[next]);
          setClicks(next);
          setReceipt(record({ name: "Clicked", immediate: true }));
        };
        return h("button", { onClick }, state ?? "nothing yet");
      }
      createRoot(document.getElementById("root")).render(
        h(StrictMode, null, h(ForebayProvider, { config }, h(Form))),
      );
    },
    { config: endpoint.config, react: "react", provider: "forebay/react" },
  );
  await page.waitForFunction(label);
  assert.equal(await page.evaluate(label), "nothing yet");
  // One view to begin with; then a click each time, and a view unless the query alone has changed.
  for (const events of [2, 4, 6, 8, 10]) {
    await page.click("button");
    await delivered(page, events);
    await page.waitForFunction(() => document.querySelector("button")?.textContent === "delivered");
  }
  const { origin } = new URL(site.url);
  const urls = endpoint.batches
    .slice(earlier)
    .flatMap((batch) =>
      [...batch.events.values()]
        .filter((event) => event.EventType === "pageView")
        .map((event) => event.Attributes?.url),
    );
  const viewed = ["/first", "//second", "/first", "/shop/third", "/shop"];
  assert.deepEqual(
    urls,
    viewed.map((path) => origin + path),
  );
});

test("a provider with another configuration keeps the first, and the console says so once", async () => {
  const page = await site.open();
  const said: string[] = [];
  page.on("console", (message) => {
    if (message.text().startsWith("Forebay")) said.push(message.text());
  });
  const pageErrors: Error[] = [];
  page.on("pageerror", (error) => pageErrors.push(error));
  await page.evaluate(
    async ({ config, react, provider }) => {
      const { createElement: h, createRoot, StrictMode, useState } = await import(react);
      const { ForebayProvider, useRecord } = await import(provider);
      function Form() {
        const record = useRecord();
        return h("button", { onClick: () => record({ name: "Clicked", immediate: true }) }, "go");
      }
      function App() {
        const [mounts, setMounts] = useState(0);
        // Mounted again with every click on the other one.
        const given = mounts ? { ...config, appId: `another${mounts}` } : config;
        return h(
          "div",
          null,
          h("a", { onClick: () => setMounts(mounts + 1) }, `mounted ${mounts}`),
          h(ForebayProvider, { config: given, key: mounts }, h(Form)),
        );
      }
      createRoot(document.getElementById("root")).render(h(StrictMode, null, h(App)));
    },
    { config: endpoint.config, react: "react", provider: "forebay/react" },
  );
  for (const mounts of [1, 2]) {
    await page.click("a");
    await page.waitForFunction(
      (text) => document.body.textContent?.includes(text),
      `mounted ${mounts}`,
    );
  }
  await page.click("button");
  await delivered(page, 1);
  assert.deepEqual(pageErrors, []);
  assert.equal(said.length, 1, said.join("\n"));
  assert.match(said[0], /a page has one configuration/i);
});

test("a page view of a long path is cut to what an attribute may hold", async () => {
  const page = await site.open();
  const from = endpoint.batches.length;
  await page.evaluate(
    async ({ config, react, provider }) => {
      const { createElement: h, createRoot } = await import(react);
      const { ForebayProvider, usePageViews } = await import(provider);
      function Views() {
        usePageViews(`/${"x".repeat(220)}`);
        return null;
      }
      createRoot(document.getElementById("root")).render(h(ForebayProvider, { config }, h(Views)));
    },
    { config: endpoint.config, react: "react", provider: "forebay/react" },
  );
  await delivered(page, 1);
  const [view] = endpoint.batches[from].events.values();
  assert.equal(view.Attributes?.url, `${site.url}${"x".repeat(220)}`.slice(0, 200));
});
