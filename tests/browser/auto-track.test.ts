import assert from "node:assert/strict";
import { test } from "node:test";
import type { BrowserContext, Page } from "playwright-core";
import type { SentEvent } from "../support/endpoint.ts";
import { lacks } from "../support/engines/engine.ts";
import { delivered } from "../support/page.ts";
import { until } from "../support/until.ts";
import { endpoint, site } from "../support/visits.ts";

type Input = Parameters<typeof forebay.configureAutoTrack>[0];

/** Opens a page that records this by itself. */
async function tracking(
  input: Input,
  {
    sessions = "shared" as "shared" | "perTab",
    context,
  }: { sessions?: "shared" | "perTab"; context?: BrowserContext } = {},
): Promise<Page> {
  const page = await site.open({ context });
  await page.evaluate(
    ([config, input]) => {
      forebay.configure(config);
      forebay.configureAutoTrack(input);
    },
    [{ ...endpoint.config, sessions }, input] as const,
  );
  await page.evaluate(trackers);
  return page;
}

/** Resolves when the trackers that were asked for so far are there. */
async function trackers(): Promise<void> {
  await forebay.validate({ name: "Anything" });
  await import("/forebay/auto-track.js" as string);
}

/** Records an event that comes after all others, and gives those as they happened. */
async function recorded(page: Page): Promise<SentEvent[]> {
  const id = await page.evaluate(() => forebay.record({ name: "End", immediate: true }).id);
  await endpoint.until(() => endpoint.accepted.includes(id));
  // Batches may overtake each other.
  await page.waitForFunction(() => forebay.stats().queued === 0);
  return endpoint.batches
    .flatMap((batch) => [...batch.events.values()])
    .filter((event) => event.EventType !== "End")
    .sort((a, b) => Date.parse(a.Timestamp) - Date.parse(b.Timestamp));
}

test("page views are recorded as the address changes, each once", async () => {
  const page = await tracking({
    enable: true,
    type: "pageView",
    options: { attributes: { a: "b" } },
  });
  await page.evaluate(() => {
    history.pushState(null, "", "/pieces?tempo=slow#bar-7");
    history.replaceState(null, "", "/pieces?tempo=fast");
    history.pushState(null, "", "/pieces/1");
    history.back();
  });
  await delivered(page, 3);
  const views = await recorded(page);
  assert.deepEqual(
    views.map(({ EventType, Attributes }) => [EventType, Attributes]),
    ["pieces", "pieces/1", "pieces"].map((path) => ["pageView", { url: site.url + path, a: "b" }]),
  );
});

test("the first page view is recorded where that is asked for, but no reload", async () => {
  const context = await site.browser.newContext();
  const input: Input = {
    enable: true,
    type: "pageView",
    options: { first: true, eventName: "Seen" },
  };
  const page = await tracking(input, { context });
  await delivered(page, 1);
  await page.reload();
  await page.waitForFunction(() => globalThis.forebay);
  await page.evaluate(
    ([config, input]) => {
      forebay.configure(config);
      forebay.configureAutoTrack(input);
    },
    [endpoint.config, input] as const,
  );
  await page.evaluate(trackers);
  const views = await recorded(page);
  assert.deepEqual(
    views.map(({ EventType, Attributes }) => [EventType, Attributes?.url]),
    [["Seen", site.url]],
  );
});

test("a tracker ends, and begins anew with other options", async () => {
  const page = await tracking({ enable: true, type: "pageView" });
  await page.evaluate(async () => {
    history.pushState(null, "", "/1");
    forebay.configureAutoTrack({ enable: true, type: "pageView", options: { eventName: "Other" } });
  });
  await page.evaluate(trackers);
  await page.evaluate(() => {
    history.pushState(null, "", "/2");
    forebay.configureAutoTrack({ enable: false, type: "pageView" });
  });
  await page.evaluate(trackers);
  await page.evaluate(() => history.pushState(null, "", "/3"));
  const views = await recorded(page);
  assert.deepEqual(
    views.map(({ EventType, Attributes }) => [EventType, Attributes?.url]),
    [
      ["pageView", `${site.url}1`],
      ["Other", `${site.url}2`],
    ],
  );
});

const ELEMENTS = `
  <button id="play" data-amplify-analytics-on="click" data-amplify-analytics-name="Played"
    data-amplify-analytics-attrs="piece:Für Elise, link:https://example.com/1">
    <b>Play</b> <svg width="20" height="20"><rect width="20" height="20" /></svg>
  </button>
  <input id="tempo" data-amplify-analytics-on="change">
  <p>elsewhere</p>`;

async function useElements(page: Page): Promise<void> {
  await page.evaluate((html) => {
    document.body.innerHTML = html;
    document.body.addEventListener("click", (event) => event.stopPropagation(), true);
  }, ELEMENTS);
  await page.click("b");
  await page.click("rect");
  await page.click("#tempo");
  await page.click("p");
}

test("what happens to elements is recorded as Amplify v6 does", async () => {
  const page = await tracking({
    enable: true,
    type: "event",
    options: { attributes: { all: "1", piece: "none" } },
  });
  await useElements(page);
  const events = await recorded(page);
  assert.deepEqual(
    events.map(({ EventType, Attributes }) => [EventType, Attributes]),
    [
      [
        "Played",
        {
          type: "click",
          target: "button with id play",
          all: "1",
          piece: "Für Elise",
          link: "https",
        },
      ],
      ["event", { type: "click", target: "input with id tempo", all: "1", piece: "none" }],
    ],
  );
});

test("mended, SVG counts, values have colons, and elements say what of them is recorded", async () => {
  const page = await tracking({ enable: true, type: "event", options: { mended: true } });
  await useElements(page);
  const events = await recorded(page);
  assert.deepEqual(
    events.map(({ EventType, Attributes }) => [EventType, Attributes?.link]),
    [
      ["Played", "https://example.com/1"],
      ["Played", "https://example.com/1"],
    ],
  );
});

test("a shared session is announced once for all tabs and reloads", async () => {
  const context = await site.browser.newContext();
  const input: Input = { enable: true, type: "session", options: { attributes: { shop: "1" } } };
  const page = await tracking(input, { context });
  await delivered(page, 1);
  const other = await tracking(input, { context });
  await page.reload();
  const events = await recorded(other);
  assert.deepEqual(
    events.map(({ EventType, Attributes }) => [EventType, Attributes]),
    [["_session.start", { shop: "1" }]],
  );
});

test("a tab's own session ends when the page is hidden, and the next begins when it is seen", async () => {
  const page = await tracking({ enable: true, type: "session" }, { sessions: "perTab" });
  const show = (state: string) =>
    page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  await page.evaluate(() => forebay.record({ name: "Between" }));
  await show("hidden");
  await show("visible");
  const events = await recorded(page);
  assert.deepEqual(
    events.map((event) => event.EventType),
    ["_session.start", "Between", "_session.stop", "_session.start"],
  );
  const [first, between, stop, next] = events.map((event) => event.Session.Id);
  assert.deepEqual([between, stop], [first, first]);
  assert.notEqual(next, first);
});

test("what cannot be tracked is told on the console", async () => {
  const page = await site.open();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  await page.evaluate((config) => {
    forebay.configure(config);
    for (const type of ["scroll", Symbol("wheel")]) {
      forebay.configureAutoTrack({ enable: true, type: type as "event" });
    }
  }, endpoint.config);
  await until("both are told", async () => {
    // Some engines tell what was said with the next script.
    await page.evaluate(() => {});
    return said.length >= 2;
  });
  for (const type of ["scroll", "Symbol(wheel)"]) {
    assert.ok(
      said.some((text) => text.includes(`nothing to track of the type "${type}"`)),
      type,
    );
  }
});

test("what the page's own functions throw is reported, and reaches nobody who calls history", async () => {
  const page = await site.open();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.evaluate((config) => {
    forebay.configure(config);
    const attributes = () => {
      throw new Error("attributes");
    };
    forebay.configureAutoTrack({ enable: true, type: "pageView", options: { attributes } });
  }, endpoint.config);
  await page.evaluate(trackers);
  await page.evaluate(() => history.pushState(null, "", "/1"));
  await page.evaluate(() => {
    const attributes = () => Promise.reject(new Error("attributes later"));
    forebay.configureAutoTrack({ enable: true, type: "pageView", options: { attributes } });
  });
  await page.evaluate(trackers);
  await page.evaluate(() => history.replaceState(null, "", "/2"));
  await page.evaluate(() => {
    const urlProvider = () => {
      throw new Error("address");
    };
    forebay.configureAutoTrack({ enable: true, type: "pageView", options: { urlProvider } });
  });
  await page.evaluate(trackers);
  await page.evaluate(() => history.pushState(null, "", "/3"));
  // Of a page view is kept what can be.
  assert.deepEqual(
    (await recorded(page)).map(({ Attributes }) => Attributes),
    [{ url: `${site.url}1` }, { url: `${site.url}2` }],
  );
  assert.deepEqual([...new Set(errors)].sort(), ["address", "attributes", "attributes later"]);
});

test("attributes that come later are waited for, whatever kind of promise they come by", async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    // As zone.js does: what an async function gives is none of these.
    globalThis.Promise = class extends Promise<unknown> {} as PromiseConstructor;
    forebay.configure(config);
    const attributes = async () => ({ a: "b" });
    forebay.configureAutoTrack({ enable: true, type: "pageView", options: { attributes } });
  }, endpoint.config);
  await page.evaluate(trackers);
  await page.evaluate(() => history.pushState(null, "", "/1"));
  await delivered(page, 1);
  const [view] = await recorded(page);
  assert.deepEqual(view.Attributes, { url: `${site.url}1`, a: "b" });
});

test("navigations by the Navigation API count, each once", {
  skip: lacks("navigation"),
}, async () => {
  const page = await tracking({ enable: true, type: "pageView" });
  await page.evaluate(async () => {
    type Navigation = EventTarget & {
      navigate(url: string, options?: object): { finished: Promise<void> };
    };
    const { navigation } = globalThis as object as { navigation: Navigation };
    navigation.addEventListener("navigate", (event) =>
      (event as Event & { intercept(options: object): void }).intercept({
        handler: async () => {},
      }),
    );
    await navigation.navigate("/1").finished;
    await navigation.navigate("/2", { history: "replace" }).finished;
    history.pushState(null, "", "/3");
    const link = Object.assign(document.createElement("a"), { href: "/4" });
    document.body.append(link);
    link.click();
  });
  await delivered(page, 4);
  assert.deepEqual(
    (await recorded(page)).map(({ Attributes }) => Attributes?.url),
    ["1", "2", "3", "4"].map((path) => site.url + path),
  );
});

/** What a browser says when a page comes out of its back/forward cache. */
const restored = (page: Page) =>
  page.evaluate(() => {
    dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }));
  });

for (const appType of ["singlePage", "multiPage"] as const) {
  test(`a ${appType} that comes out of the back/forward cache is viewed once more`, async () => {
    const options = { appType, first: true };
    const page = await tracking({ enable: true, type: "pageView", options });
    await delivered(page, 1);
    await page.evaluate(() => {
      dispatchEvent(new PageTransitionEvent("pageshow"));
    });
    await restored(page);
    assert.deepEqual(
      (await recorded(page)).map(({ Attributes }) => Attributes?.url),
      [site.url, site.url],
    );
    await page.evaluate(() => forebay.configureAutoTrack({ enable: false, type: "pageView" }));
    await page.evaluate(trackers);
    await restored(page);
    assert.equal((await recorded(page)).length, 2);
  });
}

test("a page that is prerendered is viewed when it is shown, under its address of then", async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    Object.defineProperty(document, "prerendering", { value: true, configurable: true });
    forebay.configure(config);
    forebay.configureAutoTrack({ enable: true, type: "session" });
    forebay.configureAutoTrack({ enable: true, type: "pageView", options: { first: true } });
  }, endpoint.config);
  await page.evaluate(trackers);
  await page.evaluate(() => history.replaceState(null, "", "/shown"));
  assert.deepEqual(await recorded(page), []);
  await page.evaluate(() => {
    Object.defineProperty(document, "prerendering", { value: false, configurable: true });
    document.dispatchEvent(new Event("prerenderingchange"));
  });
  await delivered(page, 3);
  assert.deepEqual(
    Object.fromEntries(
      (await recorded(page)).map(({ EventType, Attributes }) => [EventType, Attributes?.url]),
    ),
    { "_session.start": undefined, pageView: `${site.url}shown` },
  );
});

test("own values that are too long are cut", async () => {
  const page = await tracking({ enable: true, type: "pageView" });
  await page.evaluate(() => {
    forebay.configureAutoTrack({ enable: true, type: "event" });
    history.pushState(null, "", `/${"x".repeat(220)}`);
    history.pushState(null, "", `/${"x".repeat(220)}y`);
  });
  await page.evaluate(trackers);
  await page.evaluate(() => {
    const options = { urlProvider: () => "🎹".repeat(220), first: true };
    forebay.configureAutoTrack({ enable: true, type: "pageView", options });
    document.body.innerHTML = `<button id="${"i".repeat(220)}" data-amplify-analytics-on="click">go</button>`;
  });
  await page.evaluate(trackers);
  await page.click("button");
  await delivered(page, 4);
  const cut = (text: string) => [...text].slice(0, 200).join("");
  const long = cut(`${site.url}${"x".repeat(220)}`);
  assert.deepEqual(
    (await recorded(page)).map(({ Attributes }) => Attributes?.url ?? Attributes?.target),
    [long, long, "🎹".repeat(200), cut(`button with id ${"i".repeat(220)}`)],
  );
});

test("what happens in open shadow roots is recorded, in nested ones too", async () => {
  const page = await tracking({ enable: true, type: "event" });
  await page.evaluate(() => {
    const named = (name: string) =>
      `data-amplify-analytics-on="click" data-amplify-analytics-name="${name}"`;
    document.body.innerHTML = `<section ${named("Outer")}><div id="host"></div></section>`;
    const host = document.getElementById("host") as HTMLElement;
    const inner = host.attachShadow({ mode: "open" });
    inner.innerHTML = `<p>bare</p><article></article>`;
    const nested = inner.querySelector("article") as HTMLElement;
    // A form's fields stand in the place of its own members.
    nested.attachShadow({
      mode: "open",
    }).innerHTML = `<form ${named("Inner")}><input name="id"><button type="button">go</button></form>`;
  });
  await page.click("button");
  await page.click("p");
  await delivered(page, 2);
  assert.deepEqual(
    (await recorded(page)).map(({ EventType, Attributes }) => [EventType, Attributes?.target]),
    [
      ["Inner", "form with id "],
      ["Outer", "section with id "],
    ],
  );
});

test("attributes that are no strings are said at configureAutoTrack()", async () => {
  const page = await site.open();
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  await page.evaluate((config) => {
    forebay.configure(config);
    const attributes = { shop: "1", floor: 2, open: true } as never;
    forebay.configureAutoTrack({ enable: true, type: "pageView", options: { attributes } });
  }, endpoint.config);
  await page.evaluate(trackers);
  assert.deepEqual(
    said.map((text) => /options\.attributes\.\w+/.exec(text)?.[0]),
    ["options.attributes.floor", "options.attributes.open"],
  );
});
