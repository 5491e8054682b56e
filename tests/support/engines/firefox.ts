// Firefox as Debian has it, driven by WebDriver BiDi, which it speaks itself.

import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Browser } from "playwright-core";
import { WebSocket } from "ws";
import type { Engine } from "./engine.ts";
import { type Group, program, startGroup } from "./processes.ts";
import { remoteBrowser, type Tab, type Visitor } from "./remote.ts";

const NAMES = ["firefox-esr", "firefox"];

/** Without a word to the network by itself; pages that nobody looks at run as those that are. */
const PREFERENCES = {
  "app.update.enabled": false,
  "browser.aboutwelcome.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.min_background_timeout_value": 4,
  "dom.timeout.enable_budget_timer_throttling": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "toolkit.telemetry.reportingpolicy.firstRun": false,
};

/** A connection of WebDriver BiDi. */
class Connection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #last = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      const answer: Answer = JSON.parse(String(data));
      if (answer.id !== undefined) this.#waiting.get(answer.id)?.(answer);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const settle of this.#waiting.values()) settle({ error: "the browser is gone" });
    });
  }

  static async open(url: string): Promise<Connection> {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 2 ** 30 });
    await once(socket, "open");
    const connection = new Connection(socket);
    await connection.send("session.new", { capabilities: {} });
    return connection;
  }

  // biome-ignore lint/suspicious/noExplicitAny: each command has an answer of its own.
  async send(method: string, params: object): Promise<any> {
    const id = ++this.#last;
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting.set(id, resolve);
      if (this.#socket.readyState !== WebSocket.OPEN) resolve({ error: "the browser is gone" });
      else this.#socket.send(JSON.stringify({ id, method, params }));
    });
    this.#waiting.delete(id);
    if (answer.error) throw new Error(`${method}: ${answer.error}: ${answer.message ?? ""}`);
    return answer.result;
  }
}

interface Answer {
  id?: number;
  error?: string;
  message?: string;
  result?: unknown;
}

class FirefoxTab implements Tab {
  readonly #connection: Connection;
  readonly #context: string;

  constructor(connection: Connection, context: string) {
    this.#connection = connection;
    this.#context = context;
  }

  async evaluate(expression: string): Promise<string> {
    const { result, exceptionDetails } = await this.#connection.send("script.evaluate", {
      expression,
      target: { context: this.#context },
      awaitPromise: true,
    });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.value;
  }

  async goto(url: string): Promise<void> {
    const params = { context: this.#context, url, wait: "complete" };
    await this.#connection.send("browsingContext.navigate", params);
  }

  async reload(): Promise<void> {
    const params = { context: this.#context, wait: "complete" };
    await this.#connection.send("browsingContext.reload", params);
  }

  async close(): Promise<void> {
    const params = { context: this.#context, promptUnload: false };
    await this.#connection.send("browsingContext.close", params);
  }

  async clickAt(x: number, y: number): Promise<void> {
    await this.#connection.send("input.performActions", {
      context: this.#context,
      actions: [
        {
          type: "pointer",
          id: "mouse",
          actions: [
            { type: "pointerMove", x, y },
            { type: "pointerDown", button: 0 },
            { type: "pointerUp", button: 0 },
          ],
        },
      ],
    });
  }
}

class FirefoxVisitor implements Visitor {
  readonly #connection: Connection;
  readonly #userContext: string;

  constructor(connection: Connection, userContext: string) {
    this.#connection = connection;
    this.#userContext = userContext;
  }

  /** A window by itself, since tabs that others cover are hidden pages. */
  async newTab(): Promise<Tab> {
    const params = { type: "window", userContext: this.#userContext };
    const { context } = await this.#connection.send("browsingContext.create", params);
    return new FirefoxTab(this.#connection, context);
  }

  async setOffline(offline: boolean): Promise<void> {
    await this.#connection.send("emulation.setNetworkConditions", {
      networkConditions: offline ? { type: "offline" } : null,
      userContexts: [this.#userContext],
    });
  }

  async close(): Promise<void> {
    if (this.#userContext === "default") return;
    await this.#connection.send("browser.removeUserContext", { userContext: this.#userContext });
  }
}

async function start(
  folder: string,
  more: object = {},
): Promise<{ connection: Connection; group: Group }> {
  await mkdir(folder, { recursive: true });
  const lines = Object.entries({ ...PREFERENCES, ...more }).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  await writeFile(join(folder, "user.js"), lines.join(""));
  const args = ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile", folder];
  const group = startGroup(program(NAMES, "FIREFOX"), args, { MOZ_CRASHREPORTER_DISABLE: "1" });
  try {
    group.child.stdout?.resume();
    const url = await debuggerUrl(group.child.stderr as Readable);
    group.child.stderr?.resume();
    return { connection: await Connection.open(`${url}/session`), group };
  } catch (error) {
    await group.kill();
    throw error;
  }
}

async function debuggerUrl(output: Readable): Promise<string> {
  const said: string[] = [];
  for await (const line of createInterface(output)) {
    const url = /WebDriver BiDi listening on (ws:\S+)/.exec(line)?.[1];
    if (url) return url;
    said.push(line);
  }
  throw new Error(`Firefox ended before it said where it listens:\n${said.join("\n")}`);
}

/** A visitor by themself in a browser that runs. */
async function newVisitor(connection: Connection): Promise<Visitor> {
  const { userContext } = await connection.send("browser.createUserContext", {});
  return new FirefoxVisitor(connection, userContext);
}

async function launch(preferences?: object): Promise<Browser> {
  const folder = await mkdtemp(join(tmpdir(), "forebay-firefox-"));
  const { connection, group } = await start(folder, preferences);
  return remoteBrowser(
    () => newVisitor(connection),
    async () => {
      await group.kill();
      await rm(folder, { recursive: true, force: true });
    },
  );
}

const unable = (what: string) => async () => {
  throw new Error(`Firefox cannot ${what}`);
};

/** Firefox, by WebDriver BiDi. */
export const firefoxEngine: Engine = {
  name: "firefox",
  cannot: {
    reimport: "an import() that failed once fails for as long as the page lives",
    cache: "a page that holds a Web Lock, as the one that sends does, is not kept when it is left",
    crash: "no command kills the process of one page",
    quota: "no command takes an origin's room on disk away",
    garbage: "no command collects garbage",
  },
  concurrency: 8,
  launch: () => launch(),
  // "Block all cookies" in the settings.
  launchBlocked: () => launch({ "network.cookie.cookieBehavior": 2 }),
  async launchProfile(folder) {
    const { connection, group } = await start(folder);
    // The default visitor is the one whose storage stays.
    const visitor = new FirefoxVisitor(connection, "default");
    const browser = remoteBrowser(async () => visitor, group.kill);
    return { context: await browser.newContext(), kill: group.kill };
  },
  crash: unable("kill the process of one page"),
  fillDisk: unable("take room on disk away"),
  collectGarbage: unable("collect garbage when told to"),
};
