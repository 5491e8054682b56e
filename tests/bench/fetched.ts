// node --import tsx fetched.ts
//
// Bundles the least of an app with esbuild and with Vite, opens what they made in Chromium, and waits until its
// event has arrived. Prints JSON, a list: the `bundler`, and the paths of the files that the page had `before` it
// recorded, fetched `afterwards`, and left `unused`; and the first file of an app that has a chunk of its own and
// `bare` else: what a bundler adds to any app.

import { once } from "node:events";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import * as vite from "vite";
import { Endpoint } from "../support/endpoint.ts";
import { Browser } from "./browser.ts";
import { TARGET } from "./peers/site.ts";

const APP = fileURLToPath(new URL("app/", import.meta.url));
const TYPES: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

const BUNDLERS: { bundler: string; bundle(app: string, folder: string): Promise<unknown> }[] = [
  {
    bundler: `esbuild ${esbuild.version}`,
    async bundle(app, folder) {
      await cp(join(app, "index.html"), join(folder, "index.html"));
      await esbuild.build({
        entryPoints: [join(app, "main.js")],
        outdir: folder,
        bundle: true,
        splitting: true,
        minify: true,
        format: "esm",
        target: "es2022",
        logLevel: "error",
      });
    },
  },
  {
    bundler: `Vite ${vite.version}`,
    bundle: (app, folder) =>
      vite.build({
        root: app,
        base: "./",
        configFile: false,
        logLevel: "error",
        build: { outDir: folder, emptyOutDir: true, target: "es2022" },
      }),
  },
];

interface Fetched {
  bundler: string;
  /** Paths of files. */
  before: string[];
  afterwards: string[];
  unused: string[];
  bare: string;
}

/** Whether a bundler's output has it for pages. */
const isForPages = (file: string) => [".js", ".css", ".wasm"].includes(extname(file));

/** An app without the package, and with a chunk, as it has one with it. */
async function bareApp(): Promise<string> {
  const folder = join(TARGET, "bench/bare");
  await mkdir(folder, { recursive: true });
  await cp(join(APP, "index.html"), join(folder, "index.html"));
  await writeFile(join(folder, "main.js"), 'import("./chunk.js").then(({ start }) => start());');
  await writeFile(join(folder, "chunk.js"), "export const start = () => console.log(location);");
  return folder;
}

async function fetchedBy(
  { bundler, bundle }: (typeof BUNDLERS)[number],
  browser: Browser,
): Promise<Fetched> {
  const folder = join(TARGET, "bench/fetched", bundler.replace(" ", "-"));
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await bundle(APP, folder);
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://127.0.0.1");
    try {
      const body = await readFile(join(folder, pathname === "/" ? "index.html" : pathname));
      response.setHeader("content-type", TYPES[extname(pathname) || ".html"] ?? "");
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = await Endpoint.start();
  try {
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // The least there is: what a page asks for besides is in files of its own.
    const { flushInterval: _, ...least } = endpoint.config;
    const config = encodeURIComponent(JSON.stringify(least));
    const page = await browser.visit(`${origin}/#${config}`);
    await endpoint.until(() => endpoint.distinct.size === 1, { timeout: 60_000 });
    const found: { name: string; isBefore: boolean }[] = await page.evaluate(`(() => {
      const [loaded] = performance.getEntriesByName("forebay");
      return performance.getEntriesByType("resource")
        .filter(({ responseStatus }) => responseStatus === 200)
        .map(({ name, startTime }) => ({ name, isBefore: startTime < loaded.startTime }));
    })()`);
    await page.close();
    const files = found
      .filter(({ name }) => name.startsWith(`${origin}/`))
      .map(({ name, isBefore }) => ({ file: new URL(name).pathname.slice(1), isBefore }));
    const all = await readdir(folder, { recursive: true });
    const fetched = new Set(files.map(({ file }) => file));
    const paths = (names: string[]) => names.map((file) => join(folder, file));
    const bare = `${folder}-bare`;
    await bundle(await bareApp(), bare);
    const [first] = (await readdir(bare, { recursive: true })).filter((file) =>
      /(main|index).*\.js$/.test(file),
    );
    return {
      bundler,
      bare: join(bare, first),
      before: paths(files.filter(({ isBefore }) => isBefore).map(({ file }) => file)),
      afterwards: paths(files.filter(({ isBefore }) => !isBefore).map(({ file }) => file)),
      unused: paths(all.filter((file) => isForPages(file) && !fetched.has(file))),
    };
  } finally {
    endpoint.close();
    server.close();
    server.closeAllConnections();
  }
}

const browser = await Browser.launch([]);
try {
  const all: Fetched[] = [];
  for (const one of BUNDLERS) all.push(await fetchedBy(one, browser));
  console.log(JSON.stringify(all));
} finally {
  await browser.close();
}
