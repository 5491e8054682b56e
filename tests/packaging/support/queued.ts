// The shipped worker behind a queue of Cloudflare's, as miniflare has it.

import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT, type StackDescription } from "../../support/stack.ts";
import { App, pack } from "./app.ts";

const MINIFLARE = "5.20261117.0-beta";
/** A bearer key. */
export const KEY = "server";
export const METRICS_KEY = "a key for the metrics";

/** An app that has the packed worker, and miniflare. */
export async function installWorker(): Promise<App> {
  const { dependencies } = JSON.parse(
    await readFile(join(ROOT, "npm/worker/package.json"), "utf8"),
  ) as { dependencies: Record<string, string> };
  const { forebay: _, ...fromRegistry } = dependencies;
  const packages = { ...fromRegistry, miniflare: MINIFLARE };
  return App.install("worker-queue", "worker", packages, await pack(), await pack("npm/worker"));
}

/** How the queue hands messages over: the settings of a consumer in wrangler.jsonc. */
export interface Consumer {
  maxBatchSize: number;
  maxBatchTimeout: number;
  maxRetries: number;
  deadLetterQueue?: string;
}

export interface Cloudflare {
  edge: string;
  stop(): Promise<void>;
}

const MAIN = 'import { worker } from "./worker.js"; export default worker(SCHEMA);';

export interface Options {
  /** What it takes for Kinesis. */
  kinesis: string;
  consumers: Record<string, Consumer>;
  /** Its entry. */
  main?: string;
  /** `sinks` of the configuration. */
  sinks?: object[];
  /** The binding `SINK_KEYS`. */
  sinkKeys?: object;
}

/**
 * Starts the shipped worker, with a queue in front of its sinks.
 *
 * @throws Error with what the runtime printed, where it does not start.
 */
export async function startQueued(
  app: App,
  stack: StackDescription,
  { kinesis, consumers, main = MAIN, sinks, sinkKeys }: Options,
): Promise<Cloudflare> {
  const module = join(app.folder, "node_modules/miniflare/dist/src/index.js");
  const { Miniflare, convertV4MiniflareOptions } = await import(pathToFileURL(module).href);
  const dist = join(app.folder, "node_modules/forebay-worker/dist");
  const schema = await readFile(stack.schema, "utf8");
  const { app_id, identity_pool_id, region, stream, dead_letter_stream } = stack;
  const options = {
    modules: [
      { type: "ESModule", path: "main.js", contents: main.replace("SCHEMA", () => schema) },
      { type: "ESModule", path: "worker.js", contents: await readFile(join(dist, "worker.js")) },
      {
        type: "CompiledWasm",
        path: "forebay.wasm",
        contents: await readFile(join(dist, "forebay.wasm")),
      },
    ],
    compatibilityDate: "2026-10-01",
    bindings: {
      FOREBAY: {
        region,
        apps: [{ app_id, identity_pool_id }],
        kinesis: { endpoint: kinesis, stream, dead_letter_stream },
        // A member that is undefined is no JSON.
        ...(sinks && { sinks }),
        queue: { binding: "QUEUE" },
        analytics: { binding: "ANALYTICS" },
      },
      MASTER_SECRETS: JSON.stringify([{ id: "1", secret: randomBytes(32).toString("base64") }]),
      SERVER_KEYS: JSON.stringify([
        {
          name: "server",
          sha256: createHash("sha256").update(KEY).digest("hex"),
          apps: [app_id],
          may: ["*"],
        },
      ]),
      METRICS_KEY,
      ...(sinkKeys && { SINK_KEYS: JSON.stringify(sinkKeys) }),
      KINESIS_ACCESS_KEY_ID: "local",
      KINESIS_SECRET_ACCESS_KEY: "local",
    },
    analyticsEngineDatasets: { ANALYTICS: { dataset: "forebay" } },
    queueProducers: { QUEUE: "events" },
    queueConsumers: consumers,
  };
  const miniflare = new Miniflare(convertV4MiniflareOptions(options));
  const url: URL = await miniflare.ready.catch(async (error: Error) => {
    // What it has begun would go on, and the tests with it.
    await miniflare.dispose().catch(() => {});
    throw error;
  });
  return { edge: url.origin, stop: () => miniflare.dispose() };
}
