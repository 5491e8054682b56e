// The built worker in workerd by itself, where a test has to choose what the stack does not let it:
// the master secrets, and what stands around the worker.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { ROOT, type StackDescription } from "../../support/stack.ts";

/** What the worker is built to. */
const BUILT = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "edge-worker");
const WORKERD = join(ROOT, "node_modules/workerd/bin/workerd");

export interface WorkerOptions {
  /** What it takes for Kinesis. */
  kinesis: string;
  /** 32 bytes or more. */
  masterSecret: Buffer;
  /** The binding `PII_SALT`, as it is; none where it is not said. */
  piiSalt?: string;
  /** Whose tokens are logins: `issuers` of the configuration. */
  issuers?: { issuer: string; audiences: string[]; jwks_uri: string }[];
  /** `openid_issuer` of the configuration. */
  openidIssuer?: string;
  /** The binding `OPENID_KEYS`; none where it is not said. */
  openidKeys?: object[];
  /** `base_path` of the configuration. */
  basePath?: string;
  /** `deduplication_window` of the configuration. */
  deduplicationWindow?: number;
  /** The binding `SERVER_KEYS`, of which each key is for the app of the stack. */
  serverKeys?: { name: string; may: string[]; [key: string]: unknown }[];
  /** `memory_budget` of the configuration. */
  memoryBudget?: number;
  /** `rate_limits` of the configuration. */
  rateLimits?: object;
  /** `revoked_identities` of the configuration. */
  revokedIdentities?: string[];
  /** `sinks` of the configuration. */
  sinks?: { name: string; type: string; [setting: string]: unknown }[];
  /** `dead_letters` of the configuration; the stack's stream where it is not said. */
  deadLetters?: { type: string; [setting: string]: unknown };
  /** The binding `SINK_KEYS`; none where it is not said. */
  sinkKeys?: Record<string, unknown>;
  /** Whether `kinesis.stream` is left out, so that the stream is no sink. */
  withoutStream?: boolean;
  /** Further members of the configuration. */
  settings?: Record<string, unknown>;
  /** Further bindings that are texts. */
  texts?: Record<string, string>;
  /** A module that stands before `main.js` and hands requests on to it. */
  front?: string;
}

export interface Worker extends Pick<StackDescription, "edge" | "region"> {
  /** Its process. */
  pid: number;
  /** What it has written to its log. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts the worker for the apps of `stack`. */
export async function startWorker(
  stack: StackDescription,
  options: WorkerOptions,
): Promise<Worker> {
  const folder = await mkdtemp(join(tmpdir(), "forebay-worker-"));
  await cp(BUILT, folder, { recursive: true });
  await cp(stack.schema, join(folder, "forebay.schema.json"));
  const main = options.front === undefined ? "main.js" : "front.js";
  if (options.front !== undefined) await writeFile(join(folder, main), options.front);
  await writeFile(join(folder, "config.capnp"), await config(folder, main, stack, options));
  const child = spawn(WORKERD, ["serve", "config.capnp", "--control-fd=1"], { cwd: folder });
  const stopWithTests = () => child.kill();
  process.once("exit", stopWithTests);
  let log = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
  }
  const port = await listening(child, () => log);
  return {
    edge: `http://127.0.0.1:${port}`,
    region: stack.region,
    pid: child.pid as number,
    log: () => log,
    async stop() {
      process.off("exit", stopWithTests);
      const ended = once(child, "exit");
      child.kill();
      // It waits for requests and connections that a test has left open.
      const force = setTimeout(() => child.kill("SIGKILL"), 5_000);
      await ended;
      clearTimeout(force);
      await rm(folder, { recursive: true });
    },
  };
}

async function listening(child: ChildProcess, log: () => string): Promise<number> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`workerd ended with ${code}:\n${log()}`);
  });
  ended.catch(() => {});
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const listens = (async () => {
    for await (const line of lines) {
      if (line.includes('"listen"')) return JSON.parse(line).port as number;
    }
    return ended;
  })();
  return Promise.race([listens, ended]);
}

async function config(
  folder: string,
  main: string,
  stack: StackDescription,
  options: WorkerOptions,
): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const modules = names.filter((name) => /\.(js|wasm|json)$/.test(name));
  modules.sort((a, b) => Number(b === main) - Number(a === main));
  const kind = (name: string) =>
    name.endsWith(".wasm") ? "wasm" : name.endsWith(".json") ? "text" : "esModule";
  const embedded = modules.map((name) => `(name = "${name}", ${kind(name)} = embed "${name}")`);
  const { app_id, identity_pool_id, region, stream, dead_letter_stream } = stack;
  const forebay = {
    region,
    apps: [{ app_id, identity_pool_id }],
    issuers: options.issuers,
    openid_issuer: options.openidIssuer,
    base_path: options.basePath,
    deduplication_window: options.deduplicationWindow,
    memory_budget: options.memoryBudget,
    rate_limits: options.rateLimits,
    revoked_identities: options.revokedIdentities,
    kinesis: {
      endpoint: options.kinesis,
      stream: options.withoutStream ? undefined : stream,
      dead_letter_stream: options.deadLetters ? undefined : dead_letter_stream,
    },
    sinks: options.sinks,
    dead_letters: options.deadLetters,
    ...options.settings,
  };
  const { piiSalt } = options;
  const salt = piiSalt && `(name = "PII_SALT", text = ${JSON.stringify(piiSalt)}),`;
  const serverKeys = options.serverKeys?.map((key) => ({ apps: [app_id], ...key }));
  const secrets = [{ id: "test", secret: options.masterSecret.toString("base64") }];
  // A string of JSON is a string of Cap'n Proto's language too.
  const literal = (value: unknown) => JSON.stringify(JSON.stringify(value));
  const { sinkKeys } = options;
  const texts = Object.entries(options.texts ?? {}).map(
    ([name, text]) => `(name = "${name}", text = ${JSON.stringify(text)}),`,
  );
  const keys = sinkKeys && `(name = "SINK_KEYS", text = ${literal(sinkKeys)}),`;
  const { openidKeys } = options;
  const openid = openidKeys && `(name = "OPENID_KEYS", text = ${literal(openidKeys)}),`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "local", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [${embedded.join(", ")}],
  bindings = [
    (name = "FOREBAY", json = ${literal(forebay)}),
    (name = "MASTER_SECRETS", text = ${literal(secrets)}),
    ${salt ?? ""}
    ${keys ?? ""}
    ${texts.join("\n    ")}
    ${openid ?? ""}
    ${serverKeys ? `(name = "SERVER_KEYS", text = ${literal(serverKeys)}),` : ""}
    (name = "KINESIS_ACCESS_KEY_ID", text = "local"),
    (name = "KINESIS_SECRET_ACCESS_KEY", text = "local"),
  ],
  globalOutbound = "local",
  compatibilityDate = "2026-10-01",
);
`;
}
