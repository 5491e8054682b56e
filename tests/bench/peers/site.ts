// The pages of the SDKs that are compared: one for each, alike in all but the SDK, as an app bundles it.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { extname, join, resolve } from "node:path";
import { createServer as createTlsServer, type Server as TlsServer } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompressSync } from "node:zlib";
import { build } from "esbuild";
import { Collector } from "./collector.ts";
import { forebay, PEERS, type Sdk, type SetUp } from "./sdks.ts";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
/** What is measured is kept here, and the peers as the apps of the packaging tests are. */
export const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target");
const APP = join(TARGET, "apps/bench-sdk");

/**
 * What the page does when it is told to. Calls are timed one by one, with a clock of 5 us, which pages have that
 * are isolated from others.
 */
const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Bench</title>
<link rel="icon" href="data:,">
<script>
  const longTasks = [];
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longTasks.push(duration);
  }).observe({ type: "longtask" });

  let next = 0;
  let took = [];
  function call(number = next++) {
    const event = {
      name: "checkout_step",
      attributes: { page: "/checkout/payment", plan: "pro", button: "Continue", variant: "B" },
      metrics: { number, total: 129.95 },
    };
    const from = performance.now();
    sdk.record(event);
    took.push(performance.now() - from);
  }

  /** So many calls, so many of them in each task. Resolves in the task after the last. */
  function calls(count, inTask) {
    return new Promise((done) => {
      const { port1, port2 } = new MessageChannel();
      let left = count;
      port1.onmessage = () => {
        if (!left) {
          port1.close();
          return done();
        }
        for (const end = Math.max(0, left - inTask); left > end; left--) call();
        port2.postMessage(0);
      };
      port2.postMessage(0);
    });
  }

  /** So many calls, one every so many milliseconds. Resolves with the last. */
  async function evenly(count, every) {
    const start = performance.now();
    for (let made = 0; made < count; made++) {
      await new Promise((due) => setTimeout(due, start + made * every - performance.now()));
      call();
    }
  }

  /** Microseconds that the calls took since this was asked last. */
  function measured() {
    const times = took.map((time) => time * 1000).sort((a, b) => a - b);
    took = [];
    const at = (part) => times[Math.floor(part * (times.length - 1))];
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
    return { mean, p50: at(0.5), p99: at(0.99) };
  }
</script>
<script type="module" src="sdk.js"></script>`;

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Records one event as soon as the SDK is set up, where the page is asked to. */
const FIRST = '\nif (location.search === "?first") call();';

/** Folders with what a page of each SDK loads, by the SDKs' names. */
export type Apps = Map<Sdk, string>;

export interface Bundling extends SetUp {
  /** Functions keep their names. */
  readable?: boolean;
}

/**
 * Bundles every SDK: the peers, and builds of Forebay, which are folders by what they are called. Each bench has a
 * `folder` of its own, since two may run at a time.
 */
export async function bundled(
  folder: string,
  builds: Record<Sdk, string>,
  { readable = false, ...setUp }: Bundling = {},
): Promise<Apps> {
  await installPeers();
  const sources = [
    ...Object.entries(builds).map(([name, folder]) => [name, forebay(), folder]),
    ...Object.entries(PEERS).map(([name, peer]) => [name, peer.setUp(setUp), APP]),
  ];
  const apps: Apps = new Map();
  for (const [name, contents, resolveDir] of sources) {
    const outdir = join(TARGET, "bench", folder, name);
    await rm(outdir, { recursive: true, force: true });
    await build({
      stdin: { contents: contents + FIRST, resolveDir },
      outdir,
      entryNames: "sdk",
      bundle: true,
      splitting: true,
      minify: !readable,
      // Texts that the package's build puts in, of which a readable build loads none.
      external: readable ? ["#*"] : [],
      format: "esm",
      target: "es2022",
      logLevel: "error",
    });
    apps.set(name, outdir);
  }
  return apps;
}

async function installPeers(): Promise<void> {
  const dependencies = Object.fromEntries(
    Object.values(PEERS).map(({ package: name, version }) => [name, version]),
  );
  const wanted = JSON.stringify({ private: true, dependencies });
  // Written last: not there where the last attempt was cut short.
  const installed = join(APP, "node_modules/.installed");
  if ((await readFile(installed, "utf8").catch(() => "")) === wanted) return;
  await mkdir(APP, { recursive: true });
  await writeFile(join(APP, "package.json"), wanted);
  const words = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
  // Nothing of a package but its files.
  await promisify(execFile)("npm", [...words, "--ignore-scripts"], { cwd: APP });
  await writeFile(installed, wanted);
}

/** Servers for pages and events, until it is closed. */
export class Site {
  /** Files that pages have fetched since this was emptied. */
  readonly fetched = new Set<string>();

  private constructor(
    readonly collector: Collector,
    /** What tells Chromium where the SDKs' hosts are. */
    readonly args: string[],
    readonly url: string,
    readonly close: () => void,
  ) {}

  /** `folders`: where files are that the bundles only refer to, by the sdks' names. */
  static async start(apps: Apps, folders: Record<Sdk, string> = {}): Promise<Site> {
    const collector = await Collector.start();
    const tls = await overTls(collector.port);
    const server = createServer(async (request, response) => {
      const { pathname } = new URL(request.url ?? "", "http://127.0.0.1");
      const [, sdk, name] = pathname.split("/");
      try {
        const file = join(apps.get(sdk) ?? "", name || "index.html");
        const content = name
          ? await readFile(file).catch(() => readFile(join(folders[sdk] ?? "", name)))
          : PAGE;
        if (name) site.fetched.add(file);
        response.writeHead(200, {
          "content-type": TYPES[extname(file)] ?? "",
          "cross-origin-opener-policy": "same-origin",
          "cross-origin-embedder-policy": "require-corp",
        });
        response.end(content);
      } catch {
        response.writeHead(404).end();
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const to = `127.0.0.1:${(tls.address() as AddressInfo).port}`;
    const hosts = ["*.example.com", "*.amazonaws.com", "*.posthog.com"];
    const site = new Site(
      collector,
      [
        `--host-resolver-rules=${hosts.map((host) => `MAP ${host} ${to}`).join(", ")}`,
        "--ignore-certificate-errors",
      ],
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      () => {
        for (const one of [server, tls]) one.close();
        server.closeAllConnections();
        collector.close();
      },
    );
    return site;
  }

  /** Bytes of what pages have fetched, by Brotli. */
  async fetchedBytes(): Promise<number> {
    const files = await Promise.all([...this.fetched].map((file) => readFile(file)));
    return files.reduce((sum, file) => sum + brotliCompressSync(file).byteLength, 0);
  }
}

/** Takes TLS for a port that speaks plainly. */
async function overTls(port: number): Promise<TlsServer> {
  // Nobody looks at the certificate. One of a package that is here anyway does.
  const file = (name: string) => readFileSync(join(ROOT, "node_modules/kinesalite/ssl", name));
  const tls = createTlsServer(
    { key: file("server-key.pem"), cert: file("server-crt.pem") },
    (secure) => {
      const plain = connect(port, "127.0.0.1");
      // What ends one side ends the other: a reset has to reach the page.
      secure.on("error", () => plain.destroy()).pipe(plain);
      plain.on("error", () => secure.destroy()).pipe(secure);
    },
  );
  tls.listen(0, "127.0.0.1");
  await once(tls, "listening");
  return tls;
}
