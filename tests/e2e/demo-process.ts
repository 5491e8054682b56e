// The demo, started as a user starts it: by `cargo xtask demo`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { ROOT, type StackDescription } from "../support/stack.ts";
import { until } from "../support/until.ts";

export interface Demo extends StackDescription {
  /** The page's address, without a closing slash. */
  url: string;
  /** Sinks beside the stream, each a Kinesis stream of its own. */
  sinks: { name: string; stream: string }[];
  stop(): Promise<void>;
}

/**
 * Starts the demo on free ports.
 *
 * @param cf what `request.cf` holds
 * @throws Error with what it printed, where it does not start.
 */
export async function startDemo(cf: object): Promise<Demo> {
  const ports = ["--page-port", "--edge-port", "--kinesis-port"].flatMap((name) => [name, "0"]);
  const words = ["demo", "--no-open", ...ports, "--cf", JSON.stringify(cf)];
  // `cargo xtask test` has built everything, and says where it is.
  const built = process.env.FOREBAY_XTASK;
  const [program, all] = built ? [built, [...words, "--no-build"]] : ["cargo", ["xtask", ...words]];
  const child = spawn(program, all, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
  const stopWithTests = () => child.kill();
  process.once("exit", stopWithTests);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const address = () => {
    if (child.exitCode !== null) throw new Error(`the demo ended:\n${output}`);
    return /The demo is at (http:\/\/127\.0\.0\.1:\d+)/.exec(output)?.[1];
  };
  const url = await until("the demo's address", address, { timeout: 600_000 });
  const description = await (await fetch(`${url}/config.json`)).json();
  return {
    ...(description as Omit<Demo, "url" | "stop">),
    url,
    async stop() {
      process.off("exit", stopWithTests);
      const ended = once(child, "exit");
      child.kill();
      await ended;
    },
  };
}
