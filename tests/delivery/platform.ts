// What a browser lacks, or does not let a page use: events arrive all the same, or wait for a visit that has it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Endpoint } from "../support/endpoint.ts";
import { engine, lacks } from "../support/engines/engine.ts";
import { PageServer } from "../support/page.ts";
import {
  arrived,
  assertBalanced,
  COUNT,
  configure,
  record,
  revisit,
  safe,
  settled,
} from "./support/numbered.ts";
import { scenario } from "./support/scenario.ts";

/** Each runs in the page before anything else; the names say what is left of the page then. */
const LACKS: Record<string, () => void> = {
  "without localStorage": () => {
    const get = () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    };
    Object.defineProperty(globalThis, "localStorage", { get });
    Object.defineProperty(globalThis, "sessionStorage", { get });
  },
  "whose localStorage is null": () => {
    Object.defineProperty(globalThis, "localStorage", { value: null });
    Object.defineProperty(globalThis, "sessionStorage", { value: null });
  },
  "whose localStorage is full": () => {
    Storage.prototype.setItem = () => {
      throw new DOMException("It is full.", "QuotaExceededError");
    };
  },
  "whose disk does not open": () => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    };
  },
  "without BroadcastChannel": () => {
    Object.defineProperty(globalThis, "BroadcastChannel", { value: undefined });
  },
  "that may not have a BroadcastChannel": () => {
    globalThis.BroadcastChannel = class {
      constructor() {
        throw new DOMException("The operation is insecure.", "SecurityError");
      }
    } as never;
  },
  "whose BroadcastChannel takes no messages": () => {
    BroadcastChannel.prototype.postMessage = () => {
      throw new DOMException("It is closed.", "InvalidStateError");
    };
  },
  "that may not ask for locks": () => {
    LockManager.prototype.request = () =>
      Promise.reject(new DOMException("The operation is insecure.", "SecurityError"));
    LockManager.prototype.query = LockManager.prototype.request as never;
  },
  "as old as Safari 15": () => {
    for (const name of ["CompressionStream", "DecompressionStream", "reportError"]) {
      Object.defineProperty(globalThis, name, { value: undefined });
    }
    Object.defineProperty(navigator, "locks", { value: undefined });
    Object.assign(AbortSignal, { timeout: undefined, any: undefined });
    Object.assign(globalThis, { structuredClone: undefined, FinalizationRegistry: undefined });
    Object.assign(crypto, { randomUUID: undefined });
    Object.defineProperty(crypto, "randomUUID", { value: undefined });
  },
  "whose CompressionStream throws": () => {
    globalThis.CompressionStream = class {
      constructor() {
        throw new TypeError("not this one");
      }
    } as never;
  },
  "with all storage blocked": () => {
    const insecure = () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    };
    Object.defineProperty(globalThis, "localStorage", { get: insecure });
    Object.defineProperty(globalThis, "sessionStorage", { get: insecure });
    Object.defineProperty(globalThis, "indexedDB", { get: insecure });
    Object.defineProperty(globalThis, "BroadcastChannel", { value: insecure });
    LockManager.prototype.request = () => Promise.reject(new Error("insecure"));
    LockManager.prototype.query = LockManager.prototype.request as never;
  },
};

/** Registers these tests. */
export function platform(): void {
  for (const [name, before] of Object.entries(LACKS)) {
    scenario(`a page ${name}`, async ({ site, endpoint, context }, test) => {
      const page = await site.open({ context, before });
      await configure(page, endpoint);
      const ids = await record(page, { every: 5 });
      await arrived(endpoint, ids, test);
      await assertBalanced(page);
    });
  }

  scenario(
    "two tabs that keep nothing, and the one that sends is closed",
    async ({ site, endpoint, context }) => {
      const before = LACKS["without localStorage"];
      const [leader, follower] = [
        await site.open({ context, before }),
        await site.open({ context, before }),
      ];
      await configure(leader, endpoint);
      await leader.waitForFunction(() => forebay.stats().leader);
      await configure(follower, endpoint);
      // The endpoint has them, and its answers do not come back.
      endpoint.fault = ({ operation }) => (operation === "PutEvents" ? "lost" : undefined);
      const ids = await record(follower, { count: 10 });
      await safe(follower);
      await endpoint.until(() => ids.every((id) => endpoint.distinct.has(id)));
      await leader.close();
      endpoint.fault = undefined;
      await settled(follower);
      const rows = new Set(
        endpoint.batches.flatMap(({ endpointId, events }) =>
          [...events.keys()].map((id) => `${endpointId} ${id}`),
        ),
      );
      assert.equal(rows.size, ids.length, "each event is one endpoint's");
    },
  );

  scenario(
    "a page that may not run WebAssembly says so, and what it recorded waits",
    async ({ site, endpoint, context }, test) => {
      const page = await site.open({ context, csp: "script-src 'self' 'unsafe-inline'" });
      const said: string[] = [];
      page.on("console", (message) => said.push(message.text()));
      await configure(page, endpoint);
      const ids = await record(page);
      const error = await page.evaluate(() =>
        forebay.validate({ name: "Anything" }).then(String, (error) => error.code),
      );
      assert.equal(error, "WasmBlocked");
      await page.evaluate(() => forebay.validate({ name: "Anything" }).catch(() => {}));
      const blocked = said.filter((text) => text.includes("wasm-unsafe-eval"));
      assert.equal(blocked.length, 1, `told once: ${said.join("\n")}`);
      await page.close();
      const next = await revisit(site, context, endpoint);
      await arrived(endpoint, ids, test);
      await settled(next);
    },
  );

  test("a browser that blocks all cookies", {
    timeout: 120_000,
    skip: lacks("blocked"),
  }, async (test) => {
    const pages = await PageServer.start();
    const endpoint = await Endpoint.start();
    const browser = await engine.launchBlocked();
    try {
      const page = await pages.open(await browser.newContext());
      await configure(page, endpoint);
      const ids = await record(page, { every: 5 });
      await arrived(endpoint, ids, test);
      await assertBalanced(page, COUNT);
    } finally {
      await browser.close();
      pages.close();
      endpoint.close();
    }
  });
}
