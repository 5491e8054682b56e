// A page in a real browser that imports the built package by its name, from a plain file server.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, BrowserContext, Page, Route } from "playwright-core";
import { APP_ID } from "./endpoint.ts";
import { engine } from "./engines/engine.ts";

declare global {
  /** What the page's module script leaves for `page.evaluate`. */
  var forebay: typeof import("forebay");
  var deliveries: import("forebay").Delivery[];
}

const DIST = fileURLToPath(new URL("../../npm/dist/", import.meta.url));

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** How a page is served to one who opens it. */
export interface PageOptions {
  /** Its Content-Security-Policy. */
  csp?: string;
  /** Runs in the page before anything else of it. */
  before?: () => void;
  /** A file of the package that never arrives. */
  stuck?: string;
  /** A file of the package that cannot be had. */
  broken?: string;
}

/** The page, as its address asks for it. */
function page(query: URLSearchParams): string {
  const [how, file] = [...query].find(([name]) => name === "stuck" || name === "broken") ?? [];
  const dist = how ? `/${how}:${file}` : "/forebay";
  const imports = {
    forebay: `${dist}/index.js`,
    "forebay/amplify-v5": `${dist}/amplify-v5.js`,
    "forebay/react": `${dist}/react.js`,
    react: "/react.js",
  };
  return `<!doctype html>
<meta charset="utf-8">
<title>Forebay</title>
<link rel="icon" href="data:,">
<script>
  // tsx names functions through a helper, which those that go to the page then call there.
  globalThis.__name = (named) => named;
  ${query.get("before") ?? ""}
</script>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
  const forebay = await import("forebay");
  globalThis.deliveries = [];
  forebay.onDelivery((delivery) => deliveries.push(delivery));
  globalThis.forebay = forebay;
</script>
<div id="root"></div>`;
}

/** Serves the page and npm/dist. Every server is an origin by itself, with its own storage. */
export class PageServer {
  private constructor(readonly server: Server) {}

  static async start(): Promise<PageServer> {
    const react = await reactModule();
    const server = createServer(async (request, response) => {
      const url = new URL(request.url ?? "", "http://127.0.0.1");
      const csp = url.searchParams.get("csp");
      if (csp) response.setHeader("content-security-policy", csp);
      try {
        const [, folder, file] =
          /^\/(forebay|stuck:[^/]+|broken:[^/]+)\/(.+)/.exec(url.pathname) ?? [];
        if (folder === `stuck:${file}`) return;
        if (folder === `broken:${file}`) request.socket.destroy();
        const body =
          url.pathname === "/"
            ? page(url.searchParams)
            : url.pathname === "/react.js"
              ? react
              : await readFile(join(DIST, file));
        response.setHeader("content-type", TYPES[extname(url.pathname) || ".html"] ?? "");
        response.end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new PageServer(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  /** Opens the page; resolves when it has loaded the package. */
  async open(
    context: BrowserContext,
    { csp, before, stuck, broken }: PageOptions = {},
  ): Promise<Page> {
    const query = new URLSearchParams();
    if (csp) query.set("csp", csp);
    if (before) query.set("before", `(${before})()`);
    if (stuck) query.set("stuck", stuck);
    if (broken) query.set("broken", broken);
    const page = await context.newPage();
    await page.goto(this.url + (query.size ? `?${query}` : ""));
    await page.waitForFunction(() => globalThis.forebay);
    return page;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** The page, and one browser to open it in. */
export class Site {
  private constructor(
    readonly browser: Browser,
    readonly pages: PageServer,
  ) {}

  static async start(): Promise<Site> {
    return new Site(await engine.launch(), await PageServer.start());
  }

  get url(): string {
    return this.pages.url;
  }

  /** A page of a visitor who was never here, unless `context` is one that was. */
  async open(options: { context?: BrowserContext } & PageOptions = {}): Promise<Page> {
    return this.pages.open(options.context ?? (await this.browser.newContext()), options);
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.pages.close();
  }
}

/** Resolves when the page has heard that so many events came to `state`. */
export async function delivered(page: Page, count: number, state = "delivered"): Promise<void> {
  await page.waitForFunction(
    ([state, count]) =>
      deliveries.filter((delivery) => delivery.state === state).length >= Number(count),
    [state, count],
    { timeout: 20_000 },
  );
}

/** The steps one event has gone through. */
export async function states(page: Page, id: string): Promise<string[]> {
  return page.evaluate(
    (id) => deliveries.filter((delivery) => delivery.id === id).map((delivery) => delivery.state),
    id,
  );
}

/** React as one module, since browsers cannot load it as it is published. */
async function reactModule(): Promise<string> {
  const names = "createElement, StrictMode, useEffect, useRef, useState, useSyncExternalStore";
  const { outputFiles } = await build({
    stdin: {
      contents: `import React from "react";
        export const { ${names} } = React;
        export { createRoot } from "react-dom/client";`,
      resolveDir: DIST,
    },
    bundle: true,
    format: "esm",
    define: { "process.env.NODE_ENV": '"development"' },
    write: false,
  });
  return outputFiles[0].text;
}

/** How many rows a store of the outbox's database holds, once the page has opened that. */
export async function countRows(page: Page, store: string): Promise<number> {
  return page.evaluate(
    ({ name, store }) =>
      new Promise<number>((resolve, reject) => {
        const opened = indexedDB.open(name);
        opened.onerror = () => reject(opened.error);
        opened.onsuccess = () => {
          const all = opened.result.transaction(store).objectStore(store).getAll();
          all.onerror = () => reject(all.error);
          // A record is a list of rows, or one of them.
          const counts = () => all.result.map(({ rows = [1] }) => rows.length);
          all.onsuccess = () => resolve(counts().reduce((sum, count) => sum + count, 0));
          opened.result.close();
        };
      }),
    { name: `forebay.${APP_ID}`, store },
  );
}

/** Puts rows into the outbox's database, and deletes others, as another program on this origin could. */
export async function changeRows(
  page: Page,
  rows: object[],
  deleted: string[] = [],
): Promise<void> {
  await page.evaluate(
    async ({ name, rows, deleted }) => {
      const done = <T>(request: IDBRequest<T>) =>
        new Promise<T>((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      const database = await done(indexedDB.open(name));
      const store = database.transaction("outbox", "readwrite").objectStore("outbox");
      await Promise.all(rows.map((row) => done(store.put(row))));
      const gone = new Set(deleted);
      const records: { id: string; rows?: { id: string }[] }[] = await done(store.getAll());
      for (const { id, rows = [] } of gone.size ? records : []) {
        const left = rows.filter((row) => !gone.has(row.id));
        if (left.length && left.length < rows.length) await done(store.put({ id, rows: left }));
        if (!left.length && (rows.length || gone.has(id))) await done(store.delete(id));
      }
      database.close();
    },
    { name: `forebay.${APP_ID}`, rows, deleted },
  );
}

/** Holds back requests of a page, all or so many, until what it gives is called. Then they `go`. */
export async function hold(
  page: Page,
  url: string,
  {
    go = (route) => route.continue(),
    times,
  }: { go?: (route: Route) => Promise<void>; times?: number } = {},
): Promise<() => void> {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const wait = async (route: Route) => {
    await held;
    await go(route);
  };
  await page.route(url, wait, { times });
  return release;
}
