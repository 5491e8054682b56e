// The local stack, started as a user starts it: by `cargo xtask stack`.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The root of the workspace. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

export interface StackOptions {
  /** Path of the schema file; the demo's where it is not said. */
  schema?: string;
  /** Folder of the lake; a new one where it is not said. */
  lake?: string;
  /** What `request.cf` holds. */
  cf?: object;
  /** Where Kinesis listens; any free port where it is not said. */
  kinesisPort?: number;
  /** What the worker takes for Kinesis. */
  kinesisUrl?: string;
  /** Whether the lake runs; it does where it is not said. */
  withLake?: boolean;
}

/** The line that `cargo xtask stack` prints. */
export interface StackDescription {
  edge: string;
  kinesis: string;
  stream: string;
  dead_letter_stream: string;
  lake: string;
  /** Folder with what its programs print. */
  logs: string;
  schema: string;
  app_id: string;
  identity_pool_id: string;
  region: string;
}

export interface Stack extends StackDescription {
  /** What `cargo xtask stack` itself has printed. */
  output(): string;
  /** Stops all its programs; the lake writes what it has read. */
  stop(): Promise<void>;
}

/**
 * Starts a stack on free ports.
 *
 * @throws Error with what it printed, where it does not start.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const words = ["stack", "--edge-port", "0", "--kinesis-port", String(options.kinesisPort ?? 0)];
  if (options.schema) words.push("--schema", options.schema);
  if (options.lake) words.push("--lake", options.lake);
  if (options.cf) words.push("--cf", JSON.stringify(options.cf));
  if (options.kinesisUrl) words.push("--kinesis-url", options.kinesisUrl);
  if (options.withLake === false) words.push("--no-lake");
  // `cargo xtask test` has built everything, and says where it is.
  const built = process.env.FOREBAY_XTASK;
  const [program, first] = built ? [built, []] : ["cargo", ["xtask"]];
  const child = spawn(program, [...first, ...words, ...(built ? ["--no-build"] : [])], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const stopWithTests = () => child.kill();
  process.once("exit", stopWithTests);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const description = JSON.parse(await firstLine(child, () => output)) as StackDescription;
  return {
    ...description,
    output: () => output,
    async stop() {
      process.off("exit", stopWithTests);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill();
      await ended;
    },
  };
}

async function firstLine(child: ChildProcess, output: () => string): Promise<string> {
  const ended = once(child, "close").then(([code]) => {
    throw new Error(`the stack ended with ${code}:\n${output()}`);
  });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
  // That it ends later is what stopping it means.
  ended.catch(() => {});
  return line;
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
