// The package forebay-worker as its users have it: installed from its file into a folder with nothing else.

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { launchChromium } from "../support/chromium.ts";
import { readStream } from "../support/kinesis.ts";
import { ROOT, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { App, pack } from "./support/app.ts";

/** What the package depends on, from the registry. */
const { dependencies } = JSON.parse(
  await readFile(join(ROOT, "npm/worker/package.json"), "utf8"),
) as { dependencies: Record<string, string> };
const { forebay: _, ...FROM_REGISTRY } = dependencies;

const SIGN_UP = JSON.stringify({ email: "ada@example.com", plan: "free" });
const KEY = { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" };

let packed: string[];
/** For its Kinesis. */
let stack: Stack;

before(async () => {
  packed = [await pack(), await pack("npm/worker")];
  stack = await startStack({ withLake: false });
});
after(() => stack.stop());

/** A program that goes on, and what it has printed so far. */
class Program {
  output = "";

  private constructor(
    readonly name: string,
    readonly child: ChildProcess,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    process.once("exit", () => child.kill());
  }

  /** Starts a program of the packages in a folder. */
  static start(
    folder: string,
    words: string[],
    env: Record<string, string> = {},
    cwd = folder,
  ): Program {
    const [name, ...rest] = words;
    const child = spawn(resolve(folder, "node_modules/.bin", name), rest, {
      cwd,
      env: { ...process.env, ...env },
    });
    return new Program(name, child);
  }

  /** Waits until it has printed this; gives what was matched. */
  async says(pattern: RegExp): Promise<RegExpMatchArray> {
    return until(`${pattern} from ${this.name}`, async () => {
      const { exitCode } = this.child;
      if (exitCode !== null)
        throw new Error(`${this.name} ended with ${exitCode}:\n${this.output}`);
      return this.output.match(pattern);
    });
  }

  /** The processes that it has started. */
  async children(): Promise<number[]> {
    const { stdout } = await promisify(execFile)("pgrep", ["-P", `${this.child.pid}`]);
    return stdout.trim().split("\n").map(Number);
  }

  /** Waits for its end; gives its exit status. */
  async ended(): Promise<number | null> {
    if (this.child.exitCode === null) await once(this.child, "close");
    return this.child.exitCode;
  }

  /** Ends it as Ctrl-C does; gives its exit status. */
  interrupt(): Promise<number | null> {
    const ended = this.ended();
    this.child.kill("SIGINT");
    return ended;
  }
}

/** An empty folder with the package in it. */
async function emptyApp(name: string): Promise<App> {
  return App.install(name, "worker", FROM_REGISTRY, ...packed);
}

/** `npx forebay-worker send`: what it prints, whichever way it ends. */
async function send(app: App, ...words: string[]): Promise<string> {
  return app.run("forebay-worker", "send", ...words).catch((error: Error) => error.message);
}

async function json(url: string) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url);
  return answer.json();
}

test("npx forebay-worker dev", async (t) => {
  const app = await emptyApp("worker-dev");
  const schemaFile = join(app.folder, "forebay.schema.json");
  await app.run("forebay", "init");
  const dev = Program.start(app.folder, ["forebay-worker", "dev", "--port", "0"]);
  const [endpoint] = await dev.says(/http:\/\/127\.0\.0\.1:\d+/);
  const at = ["--endpoint", endpoint];
  try {
    await t.test("is ready", async () => {
      assert.equal((await json(`${endpoint}/readyz`)).status, "ok");
    });

    await t.test("has what was accepted in /good", async () => {
      assert.match(await send(app, "SignUpEvent", SIGN_UP, ...at), /^accepted/);
      const [good, ...others] = await json(`${endpoint}/good`);
      assert.equal(others.length, 0);
      assert.equal(good.event_type, "SignUpEvent");
      assert.deepEqual(good.record.attributes, JSON.parse(SIGN_UP));
      assert.equal(good.record.forebay.geo.country, "DE");
      await dev.says(/good {2}SignUpEvent/);
    });

    await t.test("has what was refused in /bad, and why", async () => {
      const said = await send(app, "SignUpEvent", '{"email": "ada", "plan": "free"}', ...at);
      assert.match(said, /not accepted {2}SignUpEvent: 400 .*email: expected an email address/);
      assert.match(await send(app, "Unheard", "{}", ...at), /not accepted {2}Unheard: 400/);
      const bad = await json(`${endpoint}/bad`);
      assert.deepEqual(
        bad.map(({ event_type }: { event_type: string }) => event_type),
        ["SignUpEvent", "Unheard"],
      );
      assert.equal(bad[0].reasons[0].expected, "an email address");
      assert.deepEqual((await json(`${endpoint}/bad?event_type=Unheard`)).length, 1);
    });

    await t.test("has requests that were refused as a whole in /refused", async () => {
      assert.match(await send(app, "SignUpEvent", SIGN_UP, ...at, "--app-id", "other"), /404/);
      const [{ operation, status, error }] = await json(`${endpoint}/refused`);
      assert.deepEqual([operation, status, error], ["PutEvents", 404, "NotFoundException"]);
    });

    await t.test("shows it all on a page, to nobody but this machine", async () => {
      const browser = await launchChromium();
      try {
        const page = await browser.newPage();
        await page.goto(endpoint);
        await page.getByRole("tab", { name: "1 accepted events" }).waitFor();
        await page.getByRole("tab", { name: "2 refused events" }).click();
        await page.getByText("Attributes.email: expected an email address").waitFor();
      } finally {
        await browser.close();
      }
      const { port } = new URL(endpoint);
      const elsewhere = await fetch(`http://localhost.example.com:${port}/good`).catch(() => null);
      assert.equal(elsewhere, null);
      const { status } = await requestAs(endpoint, "rebound.example.com", "/good");
      assert.equal(status, 403);
    });

    await t.test(
      "reads the schema again when it changes, and keeps it when it is broken",
      async () => {
        const schema = JSON.parse(await readFile(schemaFile, "utf8"));
        await writeFile(schemaFile, "{");
        await dev.says(/forebay\.schema\.json:1:\d+: .*\n.*stays in use/);
        assert.match(await send(app, "SignUpEvent", SIGN_UP, ...at), /^accepted/);
        schema.$defs.Unheard = { type: "object", properties: {} };
        await writeFile(schemaFile, JSON.stringify(schema));
        await dev.says(/was read again/);
        assert.match(await send(app, "Unheard", "{}", ...at), /^accepted/);
        const { good, bad } = await json(`${endpoint}/all`);
        assert.deepEqual([good, bad], [3, 2]);
      },
    );

    await t.test("takes plain JSON of servers", async () => {
      const event = { name: "SignUpEvent", attributes: JSON.parse(SIGN_UP) };
      const plain = (key: string) =>
        fetch(`${endpoint}/v1/events`, {
          method: "POST",
          headers: { authorization: `Bearer ${key}` },
          body: JSON.stringify(event),
        });
      assert.equal((await plain("dev")).status, 202);
      assert.equal((await plain("another")).status, 401);
      assert.equal((await json(`${endpoint}/all`)).good, 4);
    });

    await t.test("begins anew when it is told to", async () => {
      const answer = await fetch(`${endpoint}/reset`, { method: "POST" });
      assert.equal(answer.status, 200);
      assert.deepEqual(await json(`${endpoint}/good`), []);
      assert.equal((await json(`${endpoint}/all`)).bad, 0);
    });

    await t.test("says that a port is taken", async () => {
      const { port } = new URL(endpoint);
      await assert.rejects(app.run("forebay-worker", "dev", "--port", port), /port \d+ is taken/);
    });
  } finally {
    assert.equal(await dev.interrupt(), 0);
  }
  await assert.rejects(fetch(endpoint), "the worker goes with it");
});

test("npx forebay-worker dev --forward", async () => {
  const app = await emptyApp("worker-dev");
  const to = ["--forward", stack.stream, "--forward-endpoint", stack.kinesis];
  const dev = Program.start(app.folder, ["forebay-worker", "dev", "--port", "0", ...to], KEY);
  try {
    const [endpoint] = await dev.says(/http:\/\/127\.0\.0\.1:\d+/);
    assert.match(await send(app, "SignUpEvent", SIGN_UP, "--endpoint", endpoint), /^accepted/);
    const [good] = await json(`${endpoint}/good`);
    const forwarded = await readStream(stack);
    assert.deepEqual(
      forwarded.map(({ json }) => json.forebay.event_id),
      [good.event_id],
    );
  } finally {
    await dev.interrupt();
  }
});

test("what the stream behind dev --forward does not take is not accepted, and dev ends with its worker", async () => {
  const app = await emptyApp("worker-dev");
  const to = ["--forward", "no-such-stream", "--forward-endpoint", stack.kinesis];
  const dev = Program.start(app.folder, ["forebay-worker", "dev", "--port", "0", ...to], KEY);
  try {
    const [endpoint] = await dev.says(/http:\/\/127\.0\.0\.1:\d+/);
    assert.match(
      await send(app, "SignUpEvent", SIGN_UP, "--endpoint", endpoint),
      /not accepted.*500/,
    );
    await dev.says(/no-such-stream answered 400 .*ResourceNotFoundException/);
    assert.deepEqual(await json(`${endpoint}/good`), []);
    const [workerd] = await dev.children();
    process.kill(workerd, "SIGKILL");
    assert.equal(await dev.ended(), 2, "it goes on without a worker");
    assert.match(dev.output, /workerd has ended \(SIGKILL\)\n$/);
  } finally {
    await dev.interrupt();
  }
});

/** Asks for a path under another host's name, as a page would whose name points here. */
async function requestAs(endpoint: string, host: string, path: string) {
  const { request } = await import("node:http");
  const sent = request(`${endpoint}${path}`, { headers: { host } }).end();
  const [response] = await once(sent, "response");
  response.resume();
  return { status: response.statusCode as number };
}
