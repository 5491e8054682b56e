// Programs of browsers: found, started as a group, and ended as one.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The first of the names that the path holds, unless `variable` of the environment says which. */
export function program(names: string[], variable: string): string {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const chosen = process.env[variable] || found.find((file) => existsSync(file));
  if (!chosen)
    throw new Error(`no browser: install one of ${names.join(", ")}, or set ${variable}`);
  return chosen;
}

export interface Group {
  child: ChildProcess;
  /** Ends all its processes at once; resolves when they are gone. */
  kill(): Promise<void>;
}

/** Starts a program in a group of processes by itself; ends with this process at the latest. */
export function startGroup(file: string, args: string[], env: NodeJS.ProcessEnv = {}): Group {
  const child = spawn(file, args, {
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
  });
  const exited = once(child, "exit");
  const end = () => {
    try {
      process.kill(-Number(child.pid), 9);
    } catch {
      // It has ended by itself.
    }
  };
  process.once("exit", end);
  return {
    child,
    async kill() {
      process.off("exit", end);
      end();
      if (child.exitCode === null && child.signalCode === null) await exited;
      // What a helper of its leaves open would keep this process waiting.
      child.stdout?.destroy();
      child.stderr?.destroy();
    },
  };
}
