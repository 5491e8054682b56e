// What the engine runs with. A page has one engine: what its modules hold they hold for it, and these are
// the givens that they share.

import type { Settings } from "./config/config.js";
import type { Mistake } from "./config/mistakes.js";
import type { Page } from "./engine.js";

export let settings: Settings;
export let page: Page;
/** Goes up where everything is forgotten: what was asked before is not waited for. */
export let round = 0;

export function setUp(theSettings: Settings, thePage: Page): void {
  settings = theSettings;
  page = thePage;
}

export function nextRound(): void {
  round++;
}

/** The name of what is kept of this application, by what it is. */
export function nameOf(what: string): string {
  return `forebay.${what}${settings.appId}`;
}

/** The words for what is to be put right. From one place, since bundlers add to each `import()`. */
export const mistakes = () => import("./config/mistakes.js");

/**
 * What a page may say of its user. Rejects if it does not come: also with Vite, where an app may make `import()` give
 * nothing instead.
 */
export async function identify(): Promise<typeof import("./identity/identify.js")> {
  const { ...loaded } = await import("./identity/identify.js");
  return loaded;
}

/** Says on the console, once, what is to be put right; nothing where the words for it do not come. */
export function say(what: Mistake, reason?: unknown): void {
  mistakes()
    .then(({ say }) => say(what, reason, settings))
    .catch(() => {});
}
