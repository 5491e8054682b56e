// The built program, run as a user runs it, in a folder of its own.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { ROOT } from "../../support/stack.ts";

/** The programs, by the names of their packages. */
const PROGRAMS = {
  forebay: join(ROOT, "npm/bin/forebay.js"),
  "forebay-worker": join(ROOT, "npm/worker/bin/forebay-worker.js"),
};

/** How a program is run: `forebay`, with the environment of the tests, unless said otherwise. */
export interface Running {
  program?: keyof typeof PROGRAMS;
  env?: Record<string, string>;
}

/** How a program ended, and what it printed. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A temporary folder, and the program in it. */
export class Folder {
  private constructor(readonly path: string) {}

  static async make(): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), "forebay-cli-")));
  }

  async remove(): Promise<void> {
    await rm(this.path, { recursive: true });
  }

  /** Writes a file; what is no text is written as JSON. Makes the folders above it. */
  async write(name: string, content: string | Uint8Array | object): Promise<void> {
    const path = join(this.path, name);
    await mkdir(dirname(path), { recursive: true });
    const isRaw = typeof content === "string" || content instanceof Uint8Array;
    await writeFile(path, isRaw ? content : JSON.stringify(content, undefined, 2));
  }

  read(name: string): Promise<string> {
    return readFile(join(this.path, name), "utf8");
  }

  /** Starts `forebay <words>`; standard output is no terminal. */
  start(words: string[], { program = "forebay", env }: Running = {}): ChildProcess {
    return spawn(process.execPath, [PROGRAMS[program], ...words], {
      cwd: this.path,
      env: { ...process.env, ...env },
    });
  }

  /** Runs `forebay <words>` to its end. */
  async run(words: string[], input: string | Uint8Array = "", as?: Running): Promise<Ended> {
    return ended(this.start(words, as), input);
  }
}

/** Gives a program its input, and waits for its end. */
export async function ended(child: ChildProcess, input: string | Uint8Array = ""): Promise<Ended> {
  const { stdin, stdout, stderr } = child;
  if (!stdin || !stdout || !stderr) throw new Error("the program has no pipes");
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  // A program that ends before it has read its input is a case like any other.
  stdin.on("error", () => {});
  stdin.end(input);
  const [out, errors, code] = await Promise.all([text(stdout), text(stderr), closed]);
  return { code, stdout: out, stderr: errors };
}
