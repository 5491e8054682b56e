// Runs recorder.mjs: a server in a process of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { NodeStats } from "forebay/node";

const PROGRAM = fileURLToPath(new URL("recorder.mjs", import.meta.url));

export interface RecorderWork {
  options: object;
  count: number;
  /** Milliseconds between ten events; with it, the process lives until it is killed. */
  pause?: number;
  close?: boolean;
}

export class Recorder {
  /** Ids by the states that `record()` resolved with. */
  readonly states = new Map<string, string[]>();
  readonly exit: Promise<number | null>;
  #errors = "";
  #done = "{}";

  private constructor(readonly child: ChildProcess) {
    this.exit = once(child, "close").then(([code]) => code);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const [state, ...rest] = line.split(" ");
      if (state === "done") this.#done = rest.join(" ");
      else this.states.set(state, [...(this.states.get(state) ?? []), rest[0]]);
    });
  }

  /** `prefix`: what the program is started by, such as a shell with limits. */
  static start(work: RecorderWork, prefix: string[] = []): Recorder {
    const [program, ...words] = [...prefix, process.execPath, PROGRAM, JSON.stringify(work)];
    const child = spawn(program, words, { stdio: ["pipe", "pipe", "pipe"] });
    process.once("exit", () => child.kill("SIGKILL"));
    return new Recorder(child);
  }

  /** Ids of events that are on disk, as the process was told. */
  get stored(): string[] {
    return this.states.get("stored") ?? [];
  }

  errors(): string {
    return this.#errors;
  }

  /** Its last numbers. */
  stats(): NodeStats {
    return JSON.parse(this.#done);
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exit;
  }
}
