// Chromium by its own protocol, through a pipe. Playwright would do for what it does, and turns on what a
// visitor's page does not pay for: it listens to the network, the console and every script of a page.

import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { chromiumProgram } from "../support/chromium.ts";

// biome-ignore lint/suspicious/noExplicitAny: what the protocol gives is described in its own documents.
export type Given = any;

const ARGS = [
  "--headless=new",
  "--remote-debugging-pipe",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-extensions",
];

interface Waiting {
  resolve(result: Given): void;
  reject(error: Error): void;
}

/** A browser, with a profile of its own that ends with it, unless it is given one. */
export class Browser {
  readonly #waiting = new Map<number, Waiting>();
  /** What it tells by itself. */
  readonly events = new EventEmitter();
  #last = 0;

  private constructor(
    readonly child: ChildProcess,
    /** The folder of its profile, where that ends with it. */
    private readonly ownProfile: string | undefined,
  ) {
    let text = "";
    const incoming = child.stdio[4] as Readable;
    incoming.setEncoding("utf8").on("data", (more: string) => {
      const messages = (text + more).split("\0");
      text = messages.pop() ?? "";
      for (const message of messages) this.#hear(JSON.parse(message));
    });
    child.once("exit", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Chromium ended"));
    });
  }

  /** Starts Chromium without a window, with these arguments besides, and with the profile of a folder. */
  static async launch(args: string[], profile?: string): Promise<Browser> {
    const folder = profile ?? (await mkdtemp(join(tmpdir(), "forebay-bench-")));
    const child = spawn(
      chromiumProgram(),
      [...ARGS, `--user-data-dir=${folder}`, ...args, "about:blank"],
      {
        stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"],
        // A group of processes by itself, to be killed as one.
        detached: true,
      },
    );
    return new Browser(child, profile ? undefined : folder);
  }

  /** A page of a visitor who was never here. */
  async visit(url: string): Promise<Page> {
    const { browserContextId } = await this.send("Target.createBrowserContext");
    return new Page(this, await this.#attach({ url, browserContextId }), browserContextId);
  }

  /** A page of the visitor whose profile this is; `script` runs in it before anything else. */
  async open(url: string, script?: string): Promise<Page> {
    const page = new Page(this, await this.#attach({ url: "about:blank" }));
    await page.send("Page.enable");
    if (script) await page.send("Page.addScriptToEvaluateOnNewDocument", { source: script });
    await page.send("Page.navigate", { url });
    return page;
  }

  async #attach(target: object): Promise<string> {
    const { targetId } = await this.send("Target.createTarget", { ...target });
    const { sessionId } = await this.send("Target.attachToTarget", { targetId, flatten: true });
    return sessionId;
  }

  send(method: string, params: object = {}, sessionId?: string): Promise<Given> {
    const id = ++this.#last;
    const message = JSON.stringify({ id, method, params, sessionId });
    (this.child.stdio[3] as Writable).write(`${message}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
  }

  async close(): Promise<void> {
    const ended = once(this.child, "exit");
    await this.send("Browser.close").catch(() => {});
    await ended;
    if (this.ownProfile) await rm(this.ownProfile, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends all its processes at once, as a power cut does. */
  async kill(): Promise<void> {
    const ended = once(this.child, "exit");
    process.kill(-Number(this.child.pid), "SIGKILL");
    await ended;
  }

  #hear({ id, result, error, method, params }: Given): void {
    if (id === undefined) {
      this.events.emit(method, params);
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }
}

export class Page {
  constructor(
    readonly browser: Browser,
    readonly session: string,
    /** Of a visitor who ends with the page. */
    readonly context?: string,
  ) {}

  send(method: string, params: object = {}): Promise<Given> {
    return this.browser.send(method, params, this.session);
  }

  /**
   * The value of an expression, or of the promise that it gives.
   *
   * @throws Error with what it throws.
   */
  async evaluate(expression: string): Promise<Given> {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails) {
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    }
    return result.value;
  }

  /** Ends it, with all that its visitor kept. */
  async close(): Promise<void> {
    await this.browser.send("Target.disposeBrowserContext", { browserContextId: this.context });
  }
}
