// The packed package in apps as its users build them: each builds, and what is recorded on its page
// arrives.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { compile } from "forebay/tools";
import type { Browser } from "playwright-core";
import { launchChromium } from "../support/chromium.ts";
import { Endpoint } from "../support/endpoint.ts";
import { ROOT } from "../support/stack.ts";
import { App, pack, type Served } from "./support/app.ts";

let packed: string;
let browser: Browser;

before(async () => {
  packed = await pack();
  browser = await launchChromium();
});
after(() => browser.close());

/**
 * Clicks the page's button and waits for the receipt. Gives the names of the events that the endpoint
 * accepted. A page that says or throws an error fails the test.
 */
async function use(url: string): Promise<string[]> {
  const endpoint = await Endpoint.start();
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) errors.push(message.text());
  });
  try {
    await page.goto(`${url}?config=${encodeURIComponent(JSON.stringify(endpoint.config))}`);
    await page.getByRole("button", { name: "Record" }).click();
    await page.getByRole("status").getByText("delivered").waitFor({ timeout: 20_000 });
    assert.deepEqual(errors, []);
    return endpoint.batches.flatMap(({ accepted, events }) =>
      accepted.map((id) => events.get(id)?.EventType ?? ""),
    );
  } catch (error) {
    throw new Error(`on the page: ${errors.join("\n") || "no errors"}`, { cause: error });
  } finally {
    await page.close();
    endpoint.close();
  }
}

/** A schema without the events of the apps. */
const ANOTHER = JSON.stringify({
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $defs: { Another: { type: "object", properties: {} } },
});

/** Records on the page what is not valid, and waits for the console to say what is wrong with it. */
async function misuse(url: string): Promise<void> {
  const endpoint = await Endpoint.start();
  const page = await browser.newPage();
  const config = { ...endpoint.config, debug: true, schema: compile(ANOTHER) };
  try {
    await page.goto(`${url}?config=${encodeURIComponent(JSON.stringify(config))}`);
    const said = page.waitForEvent("console", {
      predicate: (message) => message.text().startsWith("Forebay: EventType has to be"),
      timeout: 20_000,
    });
    await page.getByRole("button", { name: "Record" }).click();
    await said;
  } finally {
    await page.close();
    endpoint.close();
  }
}

/** A page of Vite's that goes on with nothing where a script does not come. */
async function prevent(url: string): Promise<void> {
  const endpoint = await Endpoint.start();
  const page = await browser.newPage();
  const errors: Error[] = [];
  page.on("pageerror", (error) => errors.push(error));
  await page.addInitScript(() => {
    addEventListener("vite:preloadError", (event) => event.preventDefault());
  });
  await page.route("**/mistakes-*.js", (route) => route.abort());
  // That script would say what is wrong with the event.
  const config = { ...endpoint.config, schema: "none" };
  try {
    const failed = page.waitForEvent("requestfailed", { timeout: 20_000 });
    await page.goto(`${url}?config=${encodeURIComponent(JSON.stringify(config))}`);
    await failed;
    await endpoint.until(() => endpoint.accepted.length > 0);
    assert.deepEqual(errors, []);
  } finally {
    await page.close();
    endpoint.close();
  }
}

/** Both with what is served, and then no longer. */
async function useAndStop(served: Served, path = ""): Promise<string[]> {
  try {
    await misuse(served.url + path);
    return await use(served.url + path);
  } finally {
    served.stop();
  }
}

const REACT_19 = {
  react: "19.3.1",
  "react-dom": "19.3.1",
  "@types/react": "19.3.0",
  "@types/react-dom": "19.3.0",
};
const REACT_18 = {
  react: "18.3.1",
  "react-dom": "18.3.1",
  "@types/react": "18.3.31",
  "@types/react-dom": "18.3.7",
};

/** How WebAssembly begins (`\0asm`, version 1) as the package writes modules into scripts. */
const MODULE = "$ * < 6%$$$";

/**
 * Looks for modules in what a bundler wrote into a folder: those in scripts, of which there are two, the one
 * that every page loads and the one that says what is wrong with an event; and files, for who wants files.
 */
async function modules(app: App, folder: string): Promise<[inScripts: number, files: number]> {
  const files = await readdir(join(app.folder, folder), { recursive: true });
  const scripts = files.filter((file) => /\.js$/.test(file));
  const texts = await Promise.all(
    scripts.map((file) => readFile(join(app.folder, folder, file), "utf8")),
  );
  const found = texts.reduce((sum, text) => sum + text.split(MODULE).length - 1, 0);
  return [found, files.filter((file) => file.endsWith(".wasm")).length];
}

const TESTED = {
  react: "19.3.1",
  "react-dom": "19.3.1",
  "@testing-library/react": "16.3.3",
  "@testing-library/dom": "10.4.2",
};
const VITEST = { ...TESTED, vitest: "5.1.2", jsdom: "26.1.0", "happy-dom": "21.0.4" };

for (const [name, packages] of Object.entries({
  "vite-8-react-19": { ...REACT_19, vite: "8.3.8", "@vitejs/plugin-react": "6.3.0" },
  "vite-7-react-18": { ...REACT_18, vite: "7.3.8", "@vitejs/plugin-react": "5.2.0" },
})) {
  test(name, async (t) => {
    const app = await App.install(name, "vite", packages, packed);
    await t.test("its types fit", async () => {
      // The compiler of this workspace; it looks for types in the app alone.
      const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
      const options = ["--noEmit", "--strict", "--jsx", "react-jsx", "--target", "es2022"];
      const modules = ["--module", "esnext", "--moduleResolution", "bundler", "--types", "react"];
      await app.run("node", tsc, ...options, ...modules, "main.tsx");
    });
    await t.test("its build records", async () => {
      await app.run("vite", "build", "--logLevel", "warn");
      const served = await app.files("dist");
      await prevent(served.url);
      assert.deepEqual(await useAndStop(served), ["pageView", "Clicked"]);
      assert.deepEqual(await useAndStop(await app.files("dist"), "slim.html"), ["Clicked"]);
      // The file is the other page's.
      assert.deepEqual(await modules(app, "dist"), [2, 1]);
    });
    await t.test(
      "its development server records, under StrictMode that does things twice",
      async () => {
        const words = (port: string) => ["--host", "127.0.0.1", "--port", port, "--strictPort"];
        assert.deepEqual(await useAndStop(await app.server("vite", words)), [
          "pageView",
          "Clicked",
        ]);
      },
    );
  });
}

test("next", async (t) => {
  const packages = { next: "16.4.6", react: "19.3.1", "react-dom": "19.3.1" };
  const app = await App.install("next", "next", packages, packed);
  await t.test("its build records", async () => {
    await app.run("next", "build");
    const server = await app.server("next", (port) => ["start", "-H", "127.0.0.1", "-p", port]);
    assert.deepEqual(await useAndStop(server), ["pageView", "Clicked"]);
    assert.deepEqual(await modules(app, ".next/static"), [2, 0]);
  });
  await t.test("its development server records", async () => {
    const server = await app.server("next", (port) => ["dev", "-H", "127.0.0.1", "-p", port]);
    assert.deepEqual(await useAndStop(server), ["pageView", "Clicked"]);
  });
});

test("webpack", async (t) => {
  const packages = { webpack: "5.112.2", "webpack-cli": "7.3.1" };
  const app = await App.install("webpack", "webpack", packages, packed);
  await app.run("webpack");
  for (const entry of ["default", "inline", "slim", "worker"]) {
    await t.test(entry, async () => {
      assert.deepEqual(await useAndStop(await app.files(), `${entry}.html`), ["Clicked"]);
    });
  }
  assert.deepEqual(await modules(app, "dist"), [2, 1]);
});

test("webpack 4, which knows neither exports nor modern syntax", async () => {
  const packages = { webpack: "4.47.0", "webpack-cli": "3.3.12", react: "18.3.1" };
  const app = await App.install("webpack-4", "webpack-4", packages, packed);
  await app.run("webpack", "--config", "webpack.config.cjs");
  assert.deepEqual(await useAndStop(await app.files()), ["Clicked"]);
});

test("parcel, which reads `main`", async () => {
  const app = await App.install(
    "parcel",
    "webpack-4",
    { parcel: "2.16.4", react: "19.3.1" },
    packed,
  );
  // Unless told otherwise it writes into the folder above that has a lock file.
  const cache = ["--no-cache", "--cache-dir", "node_modules/.parcel-cache"];
  await app.run("parcel", "build", "main.js", "--public-url", "/dist/", ...cache);
  assert.deepEqual(await useAndStop(await app.files()), ["Clicked"]);
  assert.deepEqual(await modules(app, "dist"), [2, 0]);
});

for (const environment of ["jsdom", "happy-dom"]) {
  test(`vitest with ${environment}`, async () => {
    const app = await App.install("vitest", "vitest", VITEST, packed);
    await app.run("vitest", "run", "--environment", environment);
  });
}

test("jest, where modules are CommonJS", async () => {
  const packages = { ...TESTED, jest: "30.5.2", "jest-environment-jsdom": "30.5.2" };
  const app = await App.install("jest", "jest", packages, packed);
  await app.run("jest", "--env", "jsdom");
});

for (const [typescript, resolution, module, file] of [
  ["5.9.3", "node10", "commonjs", "main.ts"],
  ["5.9.3", "node16", "node16", "main.cts"],
  ["5.9.3", "nodenext", "nodenext", "main.cts"],
  ["5.9.3", "nodenext", "nodenext", "main.ts"],
  ["5.9.3", "bundler", "esnext", "main.ts"],
  ["5.0.4", "node16", "node16", "main.cts"],
]) {
  test(`TypeScript ${typescript} with moduleResolution ${resolution} takes ${file}`, async () => {
    const packages = { typescript, react: "19.3.1", "@types/react": "19.3.0" };
    const app = await App.install(`types-${typescript}`, "types", packages, packed);
    const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes"];
    options.push("--target", "es2022", "--types", "react");
    await app.run("tsc", ...options, "--moduleResolution", resolution, "--module", module, file);
  });
}

for (const [form, options] of [
  ["a classic script", []],
  ["a minified classic script for older browsers", ["--minify", "--target=es2018"]],
  ["modules", ["--format=esm", "--splitting", "--minify"]],
  ["CommonJS in a function", ["--format=cjs", "--banner:js=(() => {", "--footer:js=})()"]],
] as const) {
  test(`esbuild, to ${form}`, async () => {
    const app = await App.install("esbuild", "esbuild", { esbuild: "0.28.2" }, packed);
    const words = ["--bundle", "main.js", "--outdir=dist", "--log-level=warning"];
    await app.run("esbuild", ...words, ...options);
    const page = form === "modules" ? "module.html" : "index.html";
    assert.deepEqual(await useAndStop(await app.files(), page), ["Clicked"]);
    assert.deepEqual(await modules(app, "dist"), [2, 0]);
  });
}

test("pages without a bundler", async (t) => {
  const app = await App.install("html", "html", {}, packed);
  for (const way of ["script", "module"]) {
    await t.test(way, async () => {
      assert.deepEqual(await useAndStop(await app.files(), `${way}.html`), ["Clicked"]);
    });
  }
});

test("node", async () => {
  const app = await App.install("node", "node", { react: "19.3.1" }, packed);
  assert.deepEqual((await app.run("node", "main.mjs")).trim().split("\n"), [
    "forebay 36 0",
    "forebay/inline 36 0",
    "forebay/slim 36 0",
    "forebay/react ForebayProvider usePageViews useReceipt useRecord",
    "forebay/node invalid Attributes.n",
    "forebay/node invalid Attributes.n",
    "forebay/segment 36",
  ]);
});
