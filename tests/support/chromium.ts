import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type Browser, type BrowserContext, chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The browser's program: `$CHROMIUM`, or the first that the path holds. */
export function chromiumProgram(): string {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  const program = process.env.CHROMIUM || found.find((file) => existsSync(file));
  if (!program) throw new Error(`no browser: install one of ${NAMES.join(", ")}, or set CHROMIUM`);
  return program;
}

/** Without a word to the network by itself. */
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts Chromium without a window. */
export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumProgram(), args: ARGS });
}

/** How long a browser may take until it can be told what to do, where many start at once. */
const CONNECTING_MS = 30_000;
/** How often one is started that cannot: that says nothing about what is tested. */
const TRIES = 3;

/** A browser with a profile that outlives it. */
export interface ProfileBrowser {
  context: BrowserContext;
  /** Ends all its processes at once, as a power cut does; resolves when they are gone. */
  kill(): Promise<void>;
}

/** Starts Chromium without a window, with a profile in `folder`. */
export async function launchProfile(folder: string, tries = TRIES): Promise<ProfileBrowser> {
  const own = ["--headless=new", "--remote-debugging-port=0", `--user-data-dir=${folder}`];
  // A group of processes by itself, to be killed as one.
  const child = spawn(chromiumProgram(), [...ARGS, ...own], {
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(child, "exit");
  const kill = async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-Number(child.pid), 9);
    await exited;
    // What a helper of its leaves open would keep this process waiting.
    child.stderr.destroy();
  };
  try {
    const url = await debuggerUrl(child.stderr);
    // What it goes on to say is not read, and must not fill the pipe.
    child.stderr.resume();
    const browser = await chromium.connectOverCDP(url, { timeout: CONNECTING_MS });
    return { context: browser.contexts()[0], kill };
  } catch (error) {
    await kill();
    if (tries === 1) throw error;
    return launchProfile(folder, tries - 1);
  }
}

async function debuggerUrl(output: Readable): Promise<string> {
  for await (const line of createInterface(output)) {
    const url = /DevTools listening on (ws:\S+)/.exec(line)?.[1];
    if (url) return url;
  }
  throw new Error("Chromium ended before it said where its debugger listens");
}
