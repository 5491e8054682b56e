// The demo's server, started as `cargo xtask demo` starts it.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { ROOT, type StackDescription } from "../support/stack.ts";

export interface PageServer {
  /** Its address, without a closing slash. */
  url: string;
  stop(): Promise<void>;
}

/** Serves the page that was built last, on a free port, to this stack. */
export async function startPageServer(stack: Partial<StackDescription>): Promise<PageServer> {
  const program = join(ROOT, "demo-react/server.mjs");
  const options = ["--port", "0", "--stack", JSON.stringify(stack)];
  const server = spawn(process.execPath, [program, ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stopWithTests = () => server.kill();
  process.once("exit", stopWithTests);
  const ended = once(server, "exit").then(([code]) => {
    throw new Error(`the page's server ended with ${code}`);
  });
  const [line] = await Promise.race([once(createInterface(server.stdout), "line"), ended]);
  ended.catch(() => {});
  const [, url] = /^ready (http:\/\/127\.0\.0\.1:\d+)$/.exec(line) ?? [];
  if (!url) throw new Error(`the page's server printed: ${line}`);
  return {
    url,
    async stop() {
      process.off("exit", stopWithTests);
      server.kill();
      await ended.catch(() => {});
    },
  };
}
