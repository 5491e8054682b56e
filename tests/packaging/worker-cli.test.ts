// `npx forebay-worker`: what it says where it is called wrongly, or finds what it does not expect.

import assert from "node:assert/strict";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { Folder } from "../schema/support/cli.ts";
import { freePort } from "../support/stack.ts";

let folder: Folder;
beforeEach(async () => {
  await folder?.remove();
  folder = await Folder.make();
});
after(() => folder.remove());

const run = (words: string[], input?: string | Uint8Array, env?: Record<string, string>) =>
  folder.run(words, input, { program: "forebay-worker", env });

describe("init", () => {
  test("writes again what is gone, with the ids of the configuration", async () => {
    for (const [name, settings, ...more] of [
      ["one", "wrangler.jsonc"],
      ["two", "forebay.json", "--self-hosted"],
    ]) {
      const init = ["init", name, ...more];
      assert.equal((await run([...init, "--region", "eu-central-1"])).code, 0);
      const [config, readme] = [settings, "README.md"].map((file) => `${name}/${file}`);
      const before = await folder.read(readme);
      await rm(join(folder.path, readme));
      const { code, stdout } = await run(init);
      assert.equal(code, 0);
      assert.ok(stdout.startsWith(`wrote ${readme}\n`) || stdout.includes(`\nwrote ${readme}\n`));
      assert.equal(await folder.read(readme), before);
      const [, pool] = /"identity_pool_id": "([^"]+)"/.exec(await folder.read(config)) ?? [];
      assert.ok(pool?.startsWith("eu-central-1:") && before.includes(pool), pool);

      const elsewhere = await run([...init, "--region", "us-west-2"]);
      assert.equal(elsewhere.code, 2);
      assert.equal(elsewhere.stderr, `${config} has the region eu-central-1: change it there\n`);
      const otherwise = await run(["init", name, ...(more.length ? [] : ["--self-hosted"])]);
      assert.equal(otherwise.code, 2);
      assert.match(
        otherwise.stderr,
        new RegExp(`^${name} has ${settings}.*name another folder\n$`),
      );
    }
  });

  test("keeps secrets out of an image, and the packages of another system", async () => {
    await run(["init", "own", "--self-hosted"]);
    const left = (await folder.read("own/.dockerignore")).split("\n");
    assert.ok(left.includes("worker.env") && left.includes("node_modules/"), left.join());
  });

  test("leaves what is somebody else's", async () => {
    await folder.write("package.json", "{}");
    await folder.write("file", "");
    for (const [name, message] of [
      [".", "package.json is of something else: name a folder that is empty or not there\n"],
      ["file", /^file: cannot be written: .*\n$/],
    ] as const) {
      const { code, stderr, stdout } = await run(["init", name]);
      assert.deepEqual([code, stdout], [2, ""]);
      if (typeof message === "string") assert.equal(stderr, message);
      else assert.match(stderr, message);
    }
    assert.deepEqual((await readdir(folder.path)).sort(), ["file", "package.json"]);
  });

  test("needs no workerd, and dev says that it does", async () => {
    // Neither does it need a place to keep its secrets.
    await folder.write("node_modules/.cache", "a file");
    await folder.write(
      "without.cjs",
      `const Module = require("node:module");
      const resolve = Module._resolveFilename;
      Module._resolveFilename = (name, ...more) => {
        if (name === "workerd") throw new Error("Cannot find module 'workerd'\\nRequire stack:");
        return resolve(name, ...more);
      };`,
    );
    const env = { NODE_OPTIONS: "--require ./without.cjs" };
    const { code, stderr } = await run(["init"], "", env);
    assert.deepEqual([code, stderr], [0, ""]);
    const dev = await run(["dev", "--port", "0"], "", env);
    assert.equal(dev.code, 2);
    assert.match(
      dev.stderr,
      /^workerd is not installed: Cannot find module 'workerd'\n.*`npm install workerd`.*\n$/,
    );
  });
});

test("send and replay say who does not answer, and who is no worker", async () => {
  const server = createServer((_, response) => response.end("null")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const letter = {
    ...{ dead_letter_version: 1, app_id: "a", client_id: "c", event_id: "e", kind: "event" },
    ...{ format: "plain", event: { name: "A" }, redacted: [] },
  };
  // As PowerShell writes it.
  await folder.write("letters.ndjson", `\ufeff${JSON.stringify(letter)}\r\n`);
  const env = { FOREBAY_KEY: "k" };
  for (const words of [
    ["send", "A"],
    ["replay", "letters.ndjson"],
  ]) {
    const gone = await run(
      [...words, "--endpoint", `http://localhost:${await freePort()}`],
      "",
      env,
    );
    assert.equal(gone.code, 2);
    assert.match(gone.stderr, /^http:\/\/localhost:\d+ does not answer: .*ECONNREFUSED.*\n$/);
    const other = await run([...words, "--endpoint", `http://127.0.0.1:${port}`], "", env);
    assert.equal(other.code, 2);
    assert.match(other.stderr, /^http:\S+ is no Forebay worker: it answered 200 without JSON\n$/);
  }
  server.close();
  const dry = await run(["replay", "letters.ndjson", "--dry-run"]);
  assert.deepEqual([dry.code, dry.stdout], [0, "1 dead letter: 1 would be sent\n"]);
});

test("replay says what was accepted where another application is refused", async () => {
  const server = createServer(async (request, response) => {
    const bodies = [];
    for await (const chunk of request) bodies.push(chunk);
    if (request.url?.endsWith("app=b")) {
      response.writeHead(404).end('{"message": "no such application"}');
      return;
    }
    const { id } = JSON.parse(Buffer.concat(bodies).toString());
    response.end(JSON.stringify({ results: [{ id, status: 202, message: "Accepted" }] }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const letter = (app_id: string) => ({
    ...{ dead_letter_version: 1, app_id, client_id: "c", event_id: "e", kind: "event" },
    ...{ format: "plain", event: { name: "A" }, redacted: [] },
  });
  const letters = ["a", "b"].map((app) => `${JSON.stringify(letter(app))}\n`).join("");
  const env = { FOREBAY_KEY: "k" };
  const { code, stdout } = await run(["replay", "-", "--endpoint", endpoint], letters, env);
  server.close();
  server.closeAllConnections();
  assert.equal(code, 1);
  assert.equal(
    stdout,
    "2 dead letters: 1 accepted, 1 refused again\n  1  the worker answered 404: no such application\n",
  );
});

test("dev refuses what would have no effect", async () => {
  const { code, stderr } = await run(["dev", "--forward-endpoint", "http://127.0.0.1:1"]);
  assert.equal(code, 2);
  assert.match(stderr, /^--forward-endpoint .*--forward/);
});
