// The pages that are measured: one for each SDK, alike in all but the SDK, and the endpoint that all send to.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { extname, join, resolve } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { APP_ID, Endpoint, IDENTITY_POOL_ID, REGION } from "../support/endpoint.ts";

/** `amplify`, or a build of Forebay. */
export type Sdk = string;

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const AMPLIFY = "6.22.1";
/** What is measured is kept here, and Amplify as the apps of the packaging tests are. */
export const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target");
const APP = join(TARGET, "apps/bench-sdk");
/** Where Forebay sends; Chromium is told that this and Amazon's hosts are the endpoint. */
const HOST = "events.example.com";

const FOREBAY = `
  import { configure, flushEvents, record, stats } from "./index.js";
  configure({ endpoint: "https://${HOST}", appId: "${APP_ID}", region: "${REGION}",
    identityPoolId: "${IDENTITY_POOL_ID}" });
  globalThis.sdk = { record, flushEvents, isReady: () => stats().leader };`;

const WITH_AMPLIFY = `
  import { Amplify } from "aws-amplify";
  import { flushEvents, record } from "aws-amplify/analytics";
  Amplify.configure({
    Analytics: { Pinpoint: { appId: "${APP_ID}", region: "${REGION}" } },
    Auth: { Cognito: { identityPoolId: "${IDENTITY_POOL_ID}", allowGuestAccess: true } },
  });
  globalThis.sdk = { record, flushEvents, isReady: () => true };`;

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
  function call() {
    const event = {
      name: "checkout_step",
      attributes: { page: "/checkout/payment", plan: "pro", button: "Continue", variant: "B" },
      metrics: { number: next++, total: 129.95 },
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

/** Servers for pages and events, until it is closed. */
export class Bench {
  private constructor(
    readonly endpoint: Endpoint,
    /** What tells Chromium where the endpoint's hosts are. */
    readonly args: string[],
    readonly url: string,
    readonly close: () => void,
  ) {}

  /** `builds`: folders with builds of Forebay, by what they are called. */
  static async start(builds: Record<Sdk, string>): Promise<Bench> {
    const amplify = await bundledAmplify();
    const endpoint = await Endpoint.start();
    const tls = await overTls(Number(new URL(endpoint.url).port));
    const body = async (sdk: Sdk, file: string) => {
      if (!file) return PAGE;
      if (sdk === "amplify") return amplify;
      return file === "sdk.js" ? FOREBAY : readFile(join(builds[sdk], file));
    };
    const server = createServer(async (request, response) => {
      const [, sdk, file] = request.url?.split("/") ?? [];
      try {
        const content = await body(sdk, file);
        response.writeHead(200, {
          "content-type": TYPES[extname(file) || ".html"] ?? "",
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
    return new Bench(
      endpoint,
      [
        `--host-resolver-rules=MAP ${HOST} ${to}, MAP *.amazonaws.com ${to}`,
        "--ignore-certificate-errors",
      ],
      `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      () => {
        for (const one of [server, tls]) one.close();
        server.closeAllConnections();
        endpoint.close();
      },
    );
  }
}

/** Amplify as an app bundles it. The hosts that it sends to are written into it. */
async function bundledAmplify(): Promise<string> {
  await installAmplify();
  const { outputFiles } = await build({
    stdin: { contents: WITH_AMPLIFY, resolveDir: APP },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
  });
  return outputFiles[0].text;
}

async function installAmplify(): Promise<void> {
  // Written last: not there where the last attempt was cut short.
  const installed = join(APP, "node_modules/.installed");
  if ((await readFile(installed, "utf8").catch(() => "")) === AMPLIFY) return;
  await mkdir(APP, { recursive: true });
  const dependencies = { "aws-amplify": AMPLIFY };
  await writeFile(join(APP, "package.json"), JSON.stringify({ private: true, dependencies }));
  const words = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
  await promisify(execFile)("npm", words, { cwd: APP });
  await writeFile(installed, AMPLIFY);
}

/** Takes TLS for a port that speaks plainly. */
async function overTls(port: number) {
  // Nobody looks at the certificate. One of a package that is here anyway does.
  const file = (name: string) => readFileSync(join(ROOT, "node_modules/kinesalite/ssl", name));
  const tls = createTlsServer(
    { key: file("server-key.pem"), cert: file("server-crt.pem") },
    (secure) => {
      const plain = connect(port, "127.0.0.1");
      secure.on("error", () => plain.destroy()).pipe(plain);
      plain.on("error", () => secure.destroy()).pipe(secure);
    },
  );
  tls.listen(0, "127.0.0.1");
  await once(tls, "listening");
  return tls;
}
