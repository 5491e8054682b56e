// The browsers that a suite can run in, behind what the tests use of Playwright's interface.

import type { Browser, Page } from "playwright-core";
import type { ProfileBrowser } from "../chromium.ts";
import { chromiumEngine } from "./chromium.ts";
import { firefoxEngine } from "./firefox.ts";
import { webkitEngine } from "./webkit.ts";

/** What not every engine, or not every way of driving it, can do. */
export type Ability =
  /** Take the network away from a page (`context.setOffline`). */
  | "offline"
  /** Ask once more for a script whose `import()` failed. */
  | "reimport"
  /** Keep a page in the back/forward cache that held a Web Lock as it was left. */
  | "cache"
  /** Kill the process of one page (`crash`). */
  | "crash"
  /** Be killed as a whole and started again with what was on its disk (`launchProfile`). */
  | "profile"
  /** Block all cookies, and with them what else a page could keep (`launchBlocked`). */
  | "blocked"
  /** Say that the disk is full (`fillDisk`). */
  | "quota"
  /** Collect garbage when told to (`collectGarbage`). */
  | "garbage"
  /** Run each tab in a process of its own. */
  | "processes"
  /** Tell of navigations by the Navigation API. */
  | "navigation";

export interface Engine {
  name: "chromium" | "firefox" | "webkit";
  /** What it cannot do here, and why; a scenario that needs it is skipped with these words. */
  cannot: Partial<Record<Ability, string>>;
  /** How many scenarios two cores carry at once. */
  concurrency: number;
  /** Starts it without a window, with a profile that is gone when it ends. */
  launch(): Promise<Browser>;
  /** Starts it as users have it, with a profile in `folder`, which outlives it where it can. */
  launchProfile(folder: string): Promise<ProfileBrowser>;
  /** Starts it so that no page may keep anything. */
  launchBlocked(): Promise<Browser>;
  /** Kills the process of a page, which hears nothing of it. */
  crash(page: Page): Promise<void>;
  /** Leaves the origin of `page` no room on disk. */
  fillDisk(page: Page): Promise<void>;
  collectGarbage(page: Page): Promise<void>;
}

const ENGINES = { chromium: chromiumEngine, firefox: firefoxEngine, webkit: webkitEngine };

/** The one that this process tests in: `$FOREBAY_ENGINE`, or Chromium. */
export const engine: Engine = chosen(process.env.FOREBAY_ENGINE || "chromium");

function chosen(name: string): Engine {
  const found = ENGINES[name as keyof typeof ENGINES];
  if (!found)
    throw new Error(`FOREBAY_ENGINE says ${name}, which is none of chromium, firefox, webkit`);
  return found;
}

/** Why this engine cannot do all of it, for the option `skip` of a test; `false` where it can. */
export function lacks(...abilities: Ability[]): string | false {
  const missing = abilities.find((ability) => engine.cannot[ability]);
  return missing ? `${engine.name}: ${engine.cannot[missing]}` : false;
}
