// What is said of the packed packages by the tools that know how others read one.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../support/stack.ts";
import { pack } from "./support/app.ts";

let packed: string;
let packedWorker: string;

before(async () => {
  packed = await pack();
  packedWorker = await pack("npm/worker");
});

/** Runs a program of the workspace; gives how it ended and what it printed. */
async function tool(program: string, ...words: string[]) {
  const { code = 0, stdout } = await promisify(execFile)(
    join(ROOT, "node_modules/.bin", program),
    words,
  ).catch((failed) => failed);
  return { code, stdout };
}

test("browserFiles names each file that pages load beside forebay, and no other", async () => {
  const folder = join(ROOT, "npm");
  const { browserFiles } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const all = (await readdir(join(folder, "dist"))).filter((file) => file.endsWith(".js"));
  // For Node, without a bundler, for tests, and other ways to load the same.
  const forNode = ["cli", "node", "parser", "tools"];
  const others = [...forNode, "forebay.script", "testing", "inline", "slim", "engine-slim"];
  assert.deepEqual(
    Object.values(browserFiles).flat().toSorted(),
    all
      .filter((file) => !others.includes(file.replace(/\.js$/, "")))
      .map((file) => `dist/${file}`)
      .toSorted(),
  );
});

test("publint finds nothing", async () => {
  for (const file of [packed, packedWorker]) {
    const { code, stdout } = await tool("publint", "run", file, "--strict");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /All good!/);
  }
});

test("attw finds nothing: whoever imports or requires it, types are found with it", async () => {
  // The WebAssembly module has no types, and the tools are for Node, which takes their modules everywhere.
  const without = ["--exclude-entrypoints", "./forebay_wasm_bg.wasm", "./tools"];
  const { code, stdout } = await tool("attw", packed, "--profile", "strict", ...without);
  assert.equal(code, 0, stdout);
});

test("attw finds nothing in the worker, which is a module for platforms that take no others", async () => {
  const { code, stdout } = await tool("attw", packedWorker, "--profile", "esm-only");
  assert.equal(code, 0, stdout);
});
