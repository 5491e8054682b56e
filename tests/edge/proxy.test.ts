// A page whose own site has the worker behind a path, as people do against blockers of other sites: what the
// page signs is what the worker verifies, however the proxy hands it on.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import { Site } from "../support/page.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { startWorker, type Worker } from "./support/worker.ts";

let stack: Stack;
let worker: Worker;
let site: Site;
before(async () => {
  stack = await startStack({ withLake: false });
  worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    piiSalt: randomBytes(32).toString("base64"),
    basePath: "/ingest",
  });
  site = await Site.start();
});
after(async () => {
  await site?.close();
  await worker?.stop();
  await stack?.stop();
});

interface Proxy {
  /** The page's own site. */
  url: string;
  close(): void;
}

interface Way {
  /** Whether the worker sees the path without `/ingest`. */
  strips: boolean;
  /** Whether it sees the host that the page asked for, or its own and the page's beside it. */
  keepsHost: boolean;
}

/** A site that has the page at its root and the worker below `/ingest`. */
async function startProxy({ strips, keepsHost }: Way): Promise<Proxy> {
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? "";
    const isWorkers = /^\/ingest(?=[/?]|$)/.test(path);
    const target = new URL(isWorkers ? worker.edge : site.url);
    const headers = { ...request.headers };
    if (!keepsHost || !isWorkers) {
      headers["x-forwarded-host"] = request.headers.host;
      headers.host = target.host;
    }
    const onward = httpRequest(
      {
        host: target.hostname,
        port: target.port,
        method: request.method,
        path: isWorkers && strips ? path.replace(/^\/ingest/, "") || "/" : path,
        headers,
      },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      },
    );
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  };
  const server = createServer(handle);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

for (const strips of [false, true]) {
  for (const keepsHost of [true, false]) {
    const way = `${strips ? "strips" : "passes on"} the path and ${keepsHost ? "keeps" : "changes"} the host`;
    for (const isRelative of [false, true]) {
      test(`a proxy that ${way}, ${isRelative ? "by its path" : "by its address"}`, async () => {
        const proxy = await startProxy({ strips, keepsHost });
        try {
          const page = await (await site.browser.newContext()).newPage();
          await page.goto(proxy.url);
          await page.waitForFunction(() => globalThis.forebay);
          const ended = await page.evaluate(
            async (config) => {
              forebay.configure(config);
              const attributes = { email: "ada@example.com" };
              const receipt = forebay.record({ name: "SignUpEvent", attributes });
              await forebay.identifyUser({ userId: "u1", userProfile: {} });
              const { state, reason } = await receipt.settled;
              return { id: receipt.id, state, reason };
            },
            {
              endpoint: isRelative ? "/ingest" : `${proxy.url}/ingest/`,
              appId: stack.app_id,
              region: stack.region,
              identityPoolId: stack.identity_pool_id,
            },
          );
          assert.deepEqual([ended.state, ended.reason], ["delivered", undefined]);
          const records = await readStream(stack);
          assert.ok(records.some(({ json }) => json.forebay.event_id === ended.id));
        } finally {
          proxy.close();
        }
      });
    }
  }
}

test("the same worker is reached without a proxy, too", async () => {
  const page = await site.open();
  const state = await page.evaluate(
    async (config) => {
      forebay.configure(config);
      const attributes = { email: "ada@example.com" };
      return (await forebay.record({ name: "SignUpEvent", attributes }).settled).state;
    },
    {
      endpoint: worker.edge,
      appId: stack.app_id,
      region: stack.region,
      identityPoolId: stack.identity_pool_id,
    },
  );
  assert.equal(state, "delivered");
});
