// What has a `window` and is no browser: nothing piles up there, nothing throws, and it is said once.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Uses the package in a process of its own, once `setup` has run there. */
async function use(setup: string) {
  const script = `
    const said = [];
    for (const how of ["log", "info", "warn", "error"]) console[how] = (text) => said.push(text);
    ${setup}
    const forebay = await import("forebay");
    const config = { endpoint: "https://events.invalid", appId: "a", region: "r", identityPoolId: "r:p" };
    for (const appId of ["a", "a", "b"]) forebay.configure({ ...config, appId });
    const receipts = Array.from({ length: 50 }, () => forebay.record({ name: "Recorded" }));
    forebay.flushEvents();
    forebay.disable();
    forebay.enable();
    forebay.configureAutoTrack({ enable: true, type: "pageView" });
    await forebay.identifyUser({ userId: "u", userProfile: {} });
    const code = await forebay.validate({ name: "Recorded" }).catch((error) => error.code);
    const { recorded, queued } = forebay.stats();
    process.stdout.write(JSON.stringify({ said, code, recorded, queued, id: receipts[49].id.length }));
  `;
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const words = ["--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd, timeout: 20_000 });
  return JSON.parse(stdout);
}

const NONE = { code: "NotInBrowser", recorded: 0, queued: 0, id: 36 };

for (const [what, setup] of [
  ["a server with an empty window", "globalThis.window = {};"],
  ["a server with window and document", "globalThis.window = globalThis.document = {};"],
  [
    "a server with window, document and location",
    "globalThis.window = globalThis; globalThis.document = {}; globalThis.location = {};",
  ],
  [
    "React Native",
    "globalThis.window = globalThis; Object.defineProperty(globalThis, 'navigator', { value: { product: 'ReactNative' } });",
  ],
]) {
  test(`${what} is told once that nothing is recorded`, async () => {
    const { said, ...others } = await use(setup);
    assert.deepEqual(others, NONE);
    assert.deepEqual(said, ["Forebay works in pages and their workers."]);
  });
}

test("a server without a window is told nothing", async () => {
  assert.deepEqual(await use(""), { ...NONE, said: [] });
});
