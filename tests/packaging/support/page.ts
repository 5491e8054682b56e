// A page of the documentation as its reader has it: its commands in a shell, its files in the folder that the commands
// have led to. Only the names of the packages are the packed files here.

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify, stripVTControlCharacters } from "node:util";
import { ROOT } from "../../support/stack.ts";
import { until } from "../../support/until.ts";
import { pack } from "./app.ts";

/** What a command ends with that a test leaves out, for the reader to see. */
const LEFT_OUT = /\s# (needs an account|builds for minutes)$/;

/** What a page tells its reader to do. */
type Step = { run: string } | { write: string; text: string };

/** Languages of blocks that are to be read. */
const READ = ["hcl", "json", "nginx", "python", "sql"];

/** What a page tells its reader to do, in its order. */
function steps(page: string): Step[] {
  // In a list they are indented.
  const blocks = page.matchAll(/(?:^`([\w./]+)`:\n\n)?^ *```(\w*)\n(.*?)^ *```$/gms);
  return [...blocks].flatMap(([, file, kind, text]): Step[] => {
    if (kind === "tsx") {
      assert.ok(file, "a block of code names its file in the line before");
      return [{ write: file, text }];
    }
    if (READ.includes(kind)) return [];
    assert.ok(kind === "sh" || kind === "", `what is to be done with a block of ${kind}?`);
    const commands = text
      .replace(/\\\n\s*/g, "")
      .trim()
      .split("\n");
    return commands.map((run) => ({ run: run.trim() }));
  });
}

/** Whoever follows a page, in a folder of their own. */
export class Reader {
  /** Where their shell is. */
  here: string;
  /** What their shell has beside the environment of the tests; no key of an account, so that nothing is deployed. */
  readonly env: Record<string, string | undefined> = Object.fromEntries(
    Object.keys(process.env)
      .filter((name) => /^(AWS|CLOUDFLARE)_/.test(name))
      .map((name) => [name, undefined]),
  );
  readonly #running: ChildProcess[] = [];

  private constructor(
    readonly folder: string,
    readonly sdk: string,
    readonly worker: string,
  ) {
    this.here = folder;
  }

  /** A reader in an empty folder. */
  static async create(): Promise<Reader> {
    const folder = await mkdtemp(join(tmpdir(), "forebay-page-"));
    return new Reader(folder, await pack(), await pack("npm/worker"));
  }

  /** Ends what goes on, and removes the folder. */
  async leave(): Promise<void> {
    // npx and npm do not pass signals on: their groups have them all.
    for (const { pid } of this.#running) if (pid) process.kill(-pid, "SIGKILL");
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  /**
   * Follows a page from its first command to its last, without those that are marked to be left out.
   *
   * @param page of docs/, or the path of another one
   * @param instead does in its own way what a command is for, and says so by a promise; the others are run
   * @param text of a command or a file, as it is in this place
   * @throws Error with what a command printed, where it fails.
   */
  async follow(
    page: string,
    instead: (command: string) => Promise<unknown> | undefined = () => undefined,
    text = (text: string) => text,
  ): Promise<void> {
    const all = steps(await readFile(resolve(ROOT, "docs", page), "utf8"));
    assert.ok(all.length > 0, `${page} has no command`);
    for (const step of all) {
      if ("write" in step) {
        await writeFile(join(this.here, step.write), text(step.text));
      } else if (!LEFT_OUT.test(step.run)) {
        await (instead(step.run) ?? this.run(text(step.run)));
      }
    }
  }

  /**
   * Runs a command to its end; gives what it printed.
   *
   * @throws Error with that, where it fails.
   */
  async run(command: string): Promise<string> {
    console.log(command);
    const place = join(this.folder, ".here");
    const script = `${await this.#packed(command)}\npwd > "${place}"`;
    const options = { cwd: this.here, env: { ...process.env, ...this.env }, maxBuffer: 2 ** 26 };
    try {
      const { stdout } = await promisify(execFile)("sh", ["-ec", script], options);
      this.here = (await readFile(place, "utf8")).trim();
      return stdout;
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string };
      throw new Error(`${command} failed:\n${stdout}${stderr}`);
    }
  }

  /** Starts a command that goes on; gives the address that it prints, or the one that it is known to answer at. */
  async start(command: string, known?: string): Promise<string> {
    console.log(command);
    const env = { ...process.env, ...this.env };
    const child = spawn("sh", ["-c", command], { cwd: this.here, env, detached: true });
    this.#running.push(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    const address = async () => {
      if (child.exitCode !== null) throw new Error(`${command} ended:\n${output}`);
      if (known)
        return fetch(known).then(
          () => known,
          () => null,
        );
      return /http:\/\/127\.0\.0\.1:\d+/.exec(stripVTControlCharacters(output))?.[0];
    };
    return until(`the address of ${command}`, address, { timeout: 120_000 });
  }

  /** The command with the packed files, where it installs the packages by their names or by a package.json. */
  async #packed(command: string): Promise<string> {
    // The worker depends on the other package, which npm has to find in a file too.
    const both = ` ${this.worker} ${this.sdk}`;
    if (!command.startsWith("npm install")) return command;
    if (command === "npm install") {
      const manifest = await readFile(join(this.here, "package.json"), "utf8");
      return manifest.includes('"forebay-worker"') ? command + both : command;
    }
    return command.replace(/ forebay-worker$/, both).replace(/ forebay$/, ` ${this.sdk}`);
  }
}
