// WebKit as Debian has it (WebKitGTK), driven by WebDriver. A driver has one session, which is one visitor:
// a browser with storage of its own that is gone when it ends.

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { Readable } from "node:stream";
import type { Browser } from "playwright-core";
import { until } from "../until.ts";
import type { Engine } from "./engine.ts";
import { type Group, program, startGroup } from "./processes.ts";
import { remoteBrowser, type Tab, type Visitor } from "./remote.ts";

/** How long one command waits for a script, in milliseconds: others wait for it meanwhile. */
const AT_ONCE_MS = 100;

/** What a script gave, or the number under which it is still under way. */
type Progress = { text: string } | { pending: number } | { error: string };

/** Starts an expression, and answers when it is done or has taken long. */
const begin = (expression: string) => `
  const [patience, done] = arguments;
  const call = { done };
  const number = (globalThis.__calls ??= []).push(call) - 1;
  const finish = (outcome) => {
    call.outcome = outcome;
    call.done?.(outcome);
  };
  ${expression}.then((text) => finish({ text }), (error) => finish({ error: String(error) }));
  setTimeout(() => call.done?.({ pending: number }), patience);`;

/** Answers when what is under way is done, or has taken long. */
const WAIT = `
  const [number, patience, done] = arguments;
  const call = globalThis.__calls?.[number];
  if (!call) done({ error: "the page went elsewhere" });
  else if (call.outcome) done(call.outcome);
  else {
    call.done = done;
    setTimeout(() => done({ pending: number }), patience);
  }`;

/** A session of WebDriver; it does one thing after the other. */
class Session {
  readonly #url: string;
  #last: Promise<unknown> = Promise.resolve();
  /** The window that commands go to. */
  #window = "";

  constructor(url: string) {
    this.#url = url;
  }

  /** A command to a window. */
  to(window: string, method: string, path: string, body?: object): Promise<unknown> {
    return this.#inTurn(async () => {
      if (this.#window !== window) {
        await command("POST", `${this.#url}/window`, { handle: window });
        this.#window = window;
      }
      return command(method, this.#url + path, body);
    });
  }

  /** Closes a window; the next command goes to another one. */
  close(window: string): Promise<void> {
    return this.#inTurn(async () => {
      await command("POST", `${this.#url}/window`, { handle: window });
      this.#window = "";
      await command("DELETE", `${this.#url}/window`);
    });
  }

  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

async function command(method: string, url: string, body?: object): Promise<unknown> {
  const init = method === "POST" ? { body: JSON.stringify(body ?? {}) } : {};
  const response = await fetch(url, { method, ...init });
  const { value } = (await response.json()) as { value: { error?: string; message?: string } };
  if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

class WebKitTab implements Tab {
  readonly #session: Session;
  readonly #window: string;

  constructor(session: Session, window: string) {
    this.#session = session;
    this.#window = window;
  }

  async evaluate(expression: string): Promise<string> {
    let progress = await this.#run(begin(expression), AT_ONCE_MS);
    while ("pending" in progress) progress = await this.#run(WAIT, progress.pending, AT_ONCE_MS);
    if ("error" in progress) throw new Error(progress.error);
    return progress.text;
  }

  async #run(script: string, ...args: unknown[]): Promise<Progress> {
    return (await this.#to("POST", "/execute/async", { script, args })) as Progress;
  }

  async goto(url: string): Promise<void> {
    await this.#to("POST", "/url", { url });
  }

  async reload(): Promise<void> {
    await this.#to("POST", "/refresh");
  }

  async close(): Promise<void> {
    await this.#session.close(this.#window);
  }

  async clickAt(x: number, y: number): Promise<void> {
    const actions = [
      { type: "pointerMove", x, y },
      { type: "pointerDown", button: 0 },
      { type: "pointerUp", button: 0 },
    ];
    await this.#to("POST", "/actions", { actions: [{ type: "pointer", id: "mouse", actions }] });
  }

  #to(method: string, path: string, body?: object): Promise<unknown> {
    return this.#session.to(this.#window, method, path, body);
  }
}

class WebKitVisitor implements Visitor {
  readonly #session: Session;
  /** The window that the session began with. */
  readonly #first: string;
  readonly #driver: Group;

  constructor(session: Session, first: string, driver: Group) {
    this.#session = session;
    this.#first = first;
    this.#driver = driver;
  }

  /** A window by itself, since tabs that others cover are hidden pages. The first one stays: a session ends with its last. */
  async newTab(): Promise<Tab> {
    const opened = await this.#session.to(this.#first, "POST", "/window/new", {
      type: "window",
    });
    return new WebKitTab(this.#session, (opened as { handle: string }).handle);
  }

  async setOffline(): Promise<void> {
    throw new Error(OFFLINE);
  }

  async close(): Promise<void> {
    await this.#driver.kill();
  }
}

const OFFLINE = "no command takes a page's network away";

/** A screen that nobody sees, for browsers that want one. */
async function startScreen(): Promise<{ display: string; group: Group }> {
  const args = ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"];
  const group = startGroup(program(["Xvfb"], "XVFB"), args);
  group.child.stderr?.resume();
  const ended = once(group.child, "exit").then(() => {
    throw new Error("Xvfb ended before it said which display it is");
  });
  ended.catch(() => {});
  const [number] = await Promise.race([once(group.child.stdout as Readable, "data"), ended]);
  return { display: `:${String(number).trim()}`, group };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function newVisitor(display: string): Promise<WebKitVisitor> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const driver = startGroup(program(["WebKitWebDriver"], "WEBKIT_DRIVER"), [`--port=${port}`], {
    DISPLAY: display,
  });
  driver.child.stdout?.resume();
  driver.child.stderr?.resume();
  try {
    await until("WebKitWebDriver to listen", () =>
      fetch(`${url}/status`).then(
        (it) => it.ok,
        () => false,
      ),
    );
    const made = await command("POST", `${url}/session`, { capabilities: { alwaysMatch: {} } });
    const own = `${url}/session/${(made as { sessionId: string }).sessionId}`;
    const first = (await command("GET", `${own}/window`)) as string;
    return new WebKitVisitor(new Session(own), first, driver);
  } catch (error) {
    await driver.kill();
    throw error;
  }
}

async function launch(): Promise<Browser> {
  const { display, group } = await startScreen();
  const visitors: WebKitVisitor[] = [];
  return remoteBrowser(
    async () => {
      const visitor = await newVisitor(display);
      visitors.push(visitor);
      return visitor;
    },
    async () => {
      for (const visitor of visitors) await visitor.close();
      await group.kill();
    },
  );
}

const unable = (what: string) => async () => {
  throw new Error(`WebKit cannot ${what}`);
};

/** WebKitGTK's small browser, by WebDriver. */
export const webkitEngine: Engine = {
  name: "webkit",
  cannot: {
    crash: "its driver ends the session with a page that crashes",
    offline: OFFLINE,
    profile: "a browser that is driven keeps nothing on disk",
    blocked: "no command blocks cookies",
    quota: "no command takes an origin's room on disk away",
    garbage: "no command collects garbage",
    processes: "tabs share a process, and hang together",
    navigation: "has no Navigation API",
  },
  concurrency: 6,
  launch,
  launchBlocked: unable("block cookies when told to"),
  async launchProfile() {
    const browser = await launch();
    return { context: await browser.newContext(), kill: () => browser.close() };
  },
  crash: unable("go on after a page has crashed"),
  fillDisk: unable("take room on disk away"),
  collectGarbage: unable("collect garbage when told to"),
};
