// What the documents say to write runs as it stands there, but for the addresses.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { ROOT } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { Front } from "./support/front.ts";
import { temporaryFolder } from "./support/temporary.ts";

const ADDRESS = "https://events.example.com";
const SPOOL = "/var/spool/shop";

/** The first sample of a section, as a program. It may use the generated code of the tests. */
async function sample(document: string, section: string, front: Front): Promise<string> {
  const text = await readFile(join(ROOT, document), "utf8");
  const [found] = /(?<=```ts\n)[^`]*/.exec(text.slice(text.indexOf(section))) ?? [""];
  assert.ok(found.includes(ADDRESS) && found.includes(SPOOL), `a sample below ${section}`);
  const folder = await temporaryFolder();
  const contents = found.replace(ADDRESS, front.url).replace(SPOOL, join(folder, "spool"));
  const options = { bundle: true, format: "esm", platform: "node", write: false } as const;
  const resolveDir = join(ROOT, "tests/types");
  const { outputFiles } = await build({
    ...options,
    stdin: { contents, resolveDir, loader: "ts" },
    external: ["forebay"],
    // As in an app that has installed the package.
    alias: {
      forebay: join(ROOT, "npm/dist/index.js"),
      "forebay/node": join(ROOT, "npm/dist/node.js"),
    },
  });
  const program = join(folder, "sample.mjs");
  await writeFile(program, outputFiles[0].text);
  return program;
}

for (const [document, section, event] of [
  ["docs/clients.md", "## A server with Node", "SignUpEvent"],
  ["npm/README.md", "## On a server", "OrderEvent"],
]) {
  test(`the sample of ${document} delivers its event, and ends when it is told to`, async (t) => {
    const front = await Front.start();
    t.after(() => front.stop());
    const env = { ...process.env, FOREBAY_KEY: "a-key" };
    const child = spawn(process.execPath, [await sample(document, section, front)], { env });
    t.after(() => child.kill("SIGKILL"));
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
    });
    const exit = once(child, "exit");
    await until(`the event (${errors})`, () => front.ids().length > 0);
    child.kill("SIGTERM");
    assert.deepEqual([(await exit)[0] ?? 0, errors], [0, ""]);
    const [{ events, path, authorization }] = front.seen;
    assert.deepEqual(
      events.map(({ name, user }) => [name, user.id]),
      [[event, "u1"]],
    );
    assert.equal(path, "/v1/events?app=%3Capplication+id%3E");
    assert.equal(authorization, "Bearer a-key");
  });
}
