// docs/start.md as its reader has it: its commands and its file, in an empty folder. Only the ports are free ones.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launchChromium } from "../support/chromium.ts";
import { query } from "../support/lake.ts";
import { freePort } from "../support/stack.ts";
import { Reader } from "./support/page.ts";

let reader: Reader;
before(async () => {
  reader = await Reader.create();
});
after(() => reader?.leave());

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
  // A port is free for a while only: it is chosen when the worker starts.
  let edge = 0;
  let rows: unknown[] = [];
  const instead: Record<string, () => Promise<unknown>> = {
    "npx forebay-worker dev": async () => {
      edge = await freePort();
      await reader.start(`npx forebay-worker dev --port ${edge}`);
    },
    "npm run dev": async () => {
      await reader.run("npm run build");
      await click(await reader.start("npm run dev -- --host 127.0.0.1"));
    },
  };
  const ask = async (command: string) => {
    const sql = command.slice("duckdb -c ".length).replace(/^"|"$/g, "");
    rows = await query(sql.replace("good.json", join(reader.here, "good.json")));
  };
  await reader.follow(
    "start.md",
    (command) => (command.startsWith("duckdb -c ") ? ask(command) : instead[command]?.()),
    (text) => text.replaceAll("8787", `${edge}`),
  );
  assert.deepEqual(rows, [{ event_type: "SignUpEvent", email: "ada@example.com", plan: "pro" }]);
});
