// workerd with the worker in it, the front before it, and what it prints.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { UsageError } from "../../../src/cli/command.js";

/** What the worker is started with. */
export interface Settings {
  /** Where it listens on 127.0.0.1; 0 takes any free port. */
  port: number;
  /** The port of the server behind it. */
  collectedPort: number;
  /** Text of the schema file. */
  schema: string;
  /** The bindings FOREBAY and, in the front, CF. */
  forebay: object;
  cf: object;
  /** The other bindings, by their names. They may be secrets, and stand in no file. */
  secrets: Record<string, string>;
}

export interface Running {
  port: number;
  /** Rejects where it ends without `stop()`. */
  ended: Promise<never>;
  stop(): Promise<void>;
}

const PACKAGE = fileURLToPath(new URL("./", import.meta.url));
const FILES = ["worker.js", "forebay.wasm", "front.js"];

/**
 * Starts workerd.
 *
 * @param line gets each line that it prints
 * @throws UsageError with what it printed, where it does not start
 */
export async function start(settings: Settings, line: (text: string) => void): Promise<Running> {
  const workerd = program();
  const folder = mkdtempSync(join(tmpdir(), "forebay-worker-"));
  for (const file of FILES) copyFileSync(join(PACKAGE, file), join(folder, file));
  writeFileSync(join(folder, "forebay.schema.json"), settings.schema);
  writeFileSync(join(folder, "config.capnp"), config(settings));
  const child = spawn(workerd, ["serve", "config.capnp", "--control-fd=3"], {
    cwd: folder,
    env: { ...process.env, ...settings.secrets },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  // workerd has read all of it by the time that it listens.
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream as NodeJS.ReadableStream }).on("line", (text) => {
      printed.push(text);
      line(text);
    });
  }
  try {
    const port = await listening(child, printed);
    printed.length = 0;
    let isStopped = false;
    const ended = new Promise<never>((_, reject) => {
      child.once("exit", (code, signal) => {
        if (!isStopped) reject(new UsageError(`workerd has ended (${signal ?? code})`));
      });
    });
    ended.catch(() => {});
    const stop = () => {
      isStopped = true;
      return stopped(child);
    };
    return { port, ended, stop };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * The program itself: what the package has as `bin/workerd` may be a script that starts it.
 *
 * @throws UsageError where there is none for this machine
 */
function program(): string {
  try {
    return createRequire(import.meta.url)("workerd").default;
  } catch (error) {
    const [why] = (error as Error).message.split("\n");
    throw new UsageError(
      `workerd is not installed: ${why}\nInstall it by \`npm install workerd\`, without --omit=optional.`,
    );
  }
}

async function listening(child: ChildProcess, printed: string[]): Promise<number> {
  const ended = once(child, "exit").then(() => {
    throw new UsageError(`workerd does not start:\n${printed.join("\n")}`);
  });
  ended.catch(() => {});
  const messages = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream });
  const [message] = (await Promise.race([once(messages, "line"), ended])) as [string];
  return JSON.parse(message).port;
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill();
  await ended;
}

function config({ port, collectedPort, forebay, cf, secrets }: Settings): string {
  // A string of JSON is a string of Cap'n Proto's language too.
  const literal = (value: unknown) => JSON.stringify(JSON.stringify(value));
  const bindings = Object.keys(secrets).map(
    (name) => `(name = "${name}", fromEnvironment = "${name}"),`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "front", worker = .front),
    (name = "worker", worker = .worker),
    (name = "collected", external = (address = "127.0.0.1:${collectedPort}", http = ())),
    (name = "network", network = (allow = ["local", "public"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "front")],
);

const front :Workerd.Worker = (
  modules = [(name = "front.js", esModule = embed "front.js")],
  bindings = [
    (name = "WORKER", service = "worker"),
    (name = "COLLECTED", service = "collected"),
    (name = "CF", json = ${literal(cf)}),
  ],
  compatibilityDate = "2026-10-01",
);

const worker :Workerd.Worker = (
  modules = [
    (name = "main.js", esModule = "import schema from './forebay.schema.json'; import { worker } from './worker.js'; export default worker(schema);"),
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "forebay.wasm", wasm = embed "forebay.wasm"),
    (name = "forebay.schema.json", text = embed "forebay.schema.json"),
  ],
  bindings = [
    (name = "FOREBAY", json = ${literal(forebay)}),
    ${bindings.join("\n    ")}
  ],
  globalOutbound = "network",
  compatibilityDate = "2026-10-01",
);
`;
}
