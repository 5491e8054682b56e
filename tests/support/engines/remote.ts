// A page of a browser that is driven by a W3C protocol, with the members of Playwright's that the tests
// use: all of them come down to scripts that run in the page.

import { EventEmitter, once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Browser, BrowserContext, Page } from "playwright-core";

/** How often a condition in a page is looked at, in milliseconds. */
const POLL_MS = 50;
/** How long a test waits for one, unless it says otherwise, as with Playwright. */
const PATIENCE_MS = 30_000;

/** What a protocol does with one tab. */
export interface Tab {
  /** Evaluates an expression, awaits what it gives, which is text, and gives that. */
  evaluate(expression: string): Promise<string>;
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /** Closes it as its user does; resolves when it is gone. */
  close(): Promise<void>;
  /** Presses and lets go the button of the mouse, in pixels from the corner of the view. */
  clickAt(x: number, y: number): Promise<void>;
}

/** What a protocol does with one visitor, who has storage of their own. */
export interface Visitor {
  newTab(): Promise<Tab>;
  setOffline(offline: boolean): Promise<void>;
  close(): Promise<void>;
}

/** The page's side of what crosses over: JSON, and what JSON has no word for. */
const PRELUDE = `
  const __name = (named) => named;
  const encode = (value) => JSON.stringify(value, (_, part) =>
    part === undefined ? { $: "undefined" } : typeof part === "number" && !Number.isFinite(part) ? { $: String(part) } : part);
  const said = (globalThis.__said ??= (() => {
    const said = [];
    for (const type of ["debug", "log", "info", "warn", "error"]) {
      const { [type]: own } = console;
      console[type] = (...words) => {
        said.push(["console", type === "warn" ? "warning" : type, words.map(String).join(" ")]);
        own.apply(console, words);
      };
    }
    addEventListener("error", ({ error, message }) => said.push(["pageerror", "", error?.message ?? message]));
    return said;
  })());`;

/** What a script gave, and what was said on the console since the last one. */
interface Outcome {
  value?: unknown;
  error?: string;
  said: ["console" | "pageerror", string, string][];
}

/** A function or expression of a test, as an expression that gives an {@link Outcome} as text. */
function wrapped(run: unknown, argument: unknown): string {
  const code =
    typeof run === "function" ? `(${run})(${argumentCode(argument)})` : `(${String(run)})`;
  return `(async () => { ${PRELUDE}
    let outcome;
    try { outcome = { value: await ${code} }; } catch (error) { outcome = { error: String(error?.stack && error?.message ? error.name + ": " + error.message : error) }; }
    return encode({ ...outcome, said: said.splice(0) });
  })()`;
}

function argumentCode(argument: unknown): string {
  return argument === undefined ? "undefined" : JSON.stringify(argument);
}

function decoded(text: string): Outcome {
  return revived(JSON.parse(text)) as Outcome;
}

/** With what JSON has no word for in its places. A reviver could not leave `undefined` there. */
function revived(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revived);
  if (typeof value !== "object" || value === null) return value;
  const { $ } = value as { $?: string };
  if ($ === "undefined") return undefined;
  if ($ !== undefined) return Number($);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, revived(part)]));
}

/** Runs in the page. */
function elementIn(root: ParentNode, selector: string): Element | undefined {
  const roots: ParentNode[] = [root];
  for (const root of roots) {
    const found = root.querySelector(selector);
    if (found) return found;
    for (const { shadowRoot } of root.querySelectorAll("*")) {
      if (shadowRoot) roots.push(shadowRoot);
    }
  }
}

class RemotePage extends EventEmitter {
  readonly #tab: Tab;
  readonly #context: () => BrowserContext;
  #isClosed = false;

  constructor(tab: Tab, context: () => BrowserContext) {
    super();
    this.#tab = tab;
    this.#context = context;
  }

  context(): BrowserContext {
    return this.#context();
  }

  isClosed(): boolean {
    return this.#isClosed;
  }

  async evaluate(run: unknown, argument?: unknown): Promise<unknown> {
    const { value, error, said } = decoded(await this.#tab.evaluate(wrapped(run, argument)));
    for (const [event, type, text] of said) {
      this.emit(event, { type: () => type, text: () => text, message: text });
    }
    if (error !== undefined) throw new Error(error);
    return value;
  }

  /** Looks again where the page goes elsewhere in between. */
  async waitForFunction(
    run: unknown,
    argument?: unknown,
    { timeout = PATIENCE_MS }: { timeout?: number } = {},
  ): Promise<void> {
    const deadline = Date.now() + timeout;
    // What it gives stays in the page, where it may be of any kind.
    const code = typeof run === "function" ? `(${run})(${argumentCode(argument)})` : `(${run})`;
    for (let failure = ""; ; await sleep(POLL_MS)) {
      try {
        if (await this.evaluate(`(async () => !!(await ${code}))()`)) return;
      } catch (error) {
        failure = `: ${error}`;
      }
      if (Date.now() > deadline || this.#isClosed) {
        throw new Error(`waited ${timeout} ms for ${code}${failure}`);
      }
    }
  }

  async waitForURL(url: string): Promise<void> {
    await this.waitForFunction(`location.href === ${JSON.stringify(url)}`);
  }

  /** What is said in the page is heard whenever something is asked of it. */
  async waitForEvent(event: string): Promise<unknown> {
    const heard = once(this, event);
    let isOver = false;
    heard
      .finally(() => {
        isOver = true;
      })
      .catch(() => {});
    if (event !== "close") {
      const listen = async () => {
        while (!isOver && !this.#isClosed) {
          await this.evaluate("0");
          await sleep(POLL_MS);
        }
      };
      listen().catch(() => {});
    }
    return (await heard)[0];
  }

  goto(url: string): Promise<void> {
    return this.#tab.goto(url);
  }

  reload(): Promise<void> {
    return this.#tab.reload();
  }

  /** Presses the middle of the first element that matches, in open shadow roots, too. */
  async click(selector: string): Promise<void> {
    const find = `(${elementIn})(document, ${JSON.stringify(selector)})`;
    await this.waitForFunction(find);
    const middle = await this.evaluate(`(({ left, top, width, height }) =>
      [left + width / 2, top + height / 2])(${find}.getBoundingClientRect())`);
    const [x, y] = middle as [number, number];
    await this.#tab.clickAt(Math.floor(x), Math.floor(y));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#tab.close();
    this.emit("close");
  }
}

class RemoteContext {
  readonly #visitor: Visitor;
  readonly #pages: Page[] = [];

  constructor(visitor: Visitor) {
    this.#visitor = visitor;
  }

  async newPage(): Promise<Page> {
    const tab = await this.#visitor.newTab();
    const page = asPlaywrights<Page>("page", new RemotePage(tab, () => asContext(this)));
    this.#pages.push(page);
    return page;
  }

  pages(): Page[] {
    return this.#pages.filter((page) => !page.isClosed());
  }

  setOffline(offline: boolean): Promise<void> {
    return this.#visitor.setOffline(offline);
  }

  async close(): Promise<void> {
    await this.#visitor.close();
  }
}

function asContext(context: RemoteContext): BrowserContext {
  return asPlaywrights<BrowserContext>("context", context);
}

/** A browser whose contexts are what `newVisitor` gives; `end` ends it. */
export function remoteBrowser(
  newVisitor: () => Promise<Visitor>,
  end: () => Promise<void>,
): Browser {
  return asPlaywrights<Browser>("browser", {
    newContext: async () => asContext(new RemoteContext(await newVisitor())),
    close: end,
  });
}

/** What has some of Playwright's members, as if it had them all; those it has not say so. */
function asPlaywrights<T extends object>(what: string, some: object): T {
  return new Proxy(some, {
    get(target, name) {
      const member = Reflect.get(target, name);
      if (typeof member === "function") return member.bind(target);
      // A promise asks whether it is one.
      if (member === undefined && typeof name === "string" && name !== "then") {
        throw new Error(`a ${what} of this engine has no ${name}(): see tests/support/engines`);
      }
      return member;
    },
  }) as T;
}
