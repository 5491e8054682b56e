import { launchChromium, launchProfile } from "../chromium.ts";
import type { Engine } from "./engine.ts";

/** Chromium, driven by Playwright over its own protocol. */
export const chromiumEngine: Engine = {
  name: "chromium",
  cannot: { blocked: "no argument blocks cookies; what it takes from pages is taken by scripts" },
  concurrency: 12,
  launch: launchChromium,
  async launchBlocked() {
    throw new Error("Chromium is not told to block cookies here");
  },
  launchProfile,
  async crash(page) {
    const session = await page.context().newCDPSession(page);
    const crashed = page.waitForEvent("crash");
    // Who should answer is dead.
    session.send("Page.crash").catch(() => {});
    await crashed;
    await page.close();
  },
  async fillDisk(page) {
    const session = await page.context().newCDPSession(page);
    const { origin } = new URL(page.url());
    await session.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 1 });
  },
  async collectGarbage(page) {
    const session = await page.context().newCDPSession(page);
    await session.send("HeapProfiler.collectGarbage");
  },
};
