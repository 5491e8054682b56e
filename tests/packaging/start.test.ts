// docs/start.md as its reader has it: its commands and its file, in an empty folder. Only the names of the packages
// are the packed files here, and the ports are free ones.

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify, stripVTControlCharacters } from "node:util";
import { launchChromium } from "../support/chromium.ts";
import { query } from "../support/lake.ts";
import { freePort, ROOT } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { pack } from "./support/app.ts";

/** What a page of the documentation tells its reader to do. */
type Step = { run: string } | { write: string; text: string };

function steps(page: string): Step[] {
  const blocks = page.matchAll(/(?:^`([\w./]+)`:\n\n)?^```(sh|tsx)\n(.*?)^```$/gms);
  return [...blocks].flatMap(([, file, kind, text]): Step[] => {
    if (kind === "tsx") {
      assert.ok(file, "a block of code names its file in the line before");
      return [{ write: file, text }];
    }
    return text
      .trim()
      .split("\n")
      .map((run) => ({ run }));
  });
}

let folder: string;
const running: ChildProcess[] = [];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "forebay-start-"));
});
after(async () => {
  // npx and npm do not pass signals on: their groups have them all.
  for (const { pid } of running) if (pid) process.kill(-pid, "SIGKILL");
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** Starts what goes on; gives the address that it prints. */
async function start(command: string, cwd: string): Promise<string> {
  const child = spawn("sh", ["-c", command], { cwd, detached: true });
  running.push(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const address = () => {
    if (child.exitCode !== null) throw new Error(`${command} ended:\n${output}`);
    return /http:\/\/127\.0\.0\.1:\d+/.exec(stripVTControlCharacters(output))?.[0];
  };
  return until(`the address of ${command}`, address, { timeout: 120_000 });
}

/** Clicks the button of the page until the event has arrived. */
async function click(url: string): Promise<void> {
  const browser = await launchChromium();
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.getByRole("button").click();
    await page.getByRole("button", { name: "Sign up delivered" }).waitFor({ timeout: 120_000 });
  } finally {
    await browser.close();
  }
}

test("docs/start.md leads from an empty folder to an event in SQL", async () => {
  const [sdk, worker] = [await pack(), await pack("npm/worker")];
  const page = await readFile(join(ROOT, "docs/start.md"), "utf8");
  let here = folder;
  // A port is free for a while only: it is chosen when the worker starts.
  let edge = 0;
  let rows: unknown[] = [];
  for (const step of steps(page)) {
    if ("write" in step) {
      await writeFile(join(here, step.write), step.text.replaceAll("8787", `${edge}`));
      continue;
    }
    if (step.run === "npx forebay-worker dev") edge = await freePort();
    const run = step.run.replaceAll("8787", `${edge}`);
    console.log(run);
    if (run.startsWith("cd ")) here = resolve(here, run.slice(3));
    else if (run === "npx forebay-worker dev") await start(`${run} --port ${edge}`, here);
    else if (run === "npm run dev") {
      await promisify(execFile)("npm", ["run", "build"], { cwd: here });
      await click(await start(`${run} -- --host 127.0.0.1`, here));
    } else if (run.startsWith("duckdb -c ")) {
      const sql = run.slice("duckdb -c ".length).replace(/^"|"$/g, "");
      rows = await query(sql.replace("good.json", join(here, "good.json")));
    } else {
      // The worker depends on the other package, which npm has to find in a file too.
      const packed = run
        .replace(/ forebay-worker$/, ` ${worker} ${sdk}`)
        .replace(/ forebay$/, ` ${sdk}`);
      const command = run.startsWith("npm install ") ? packed : run;
      await promisify(execFile)("sh", ["-c", command], { cwd: here });
    }
  }
  assert.deepEqual(rows, [{ event_type: "SignUpEvent", email: "ada@example.com", plan: "pro" }]);
});
