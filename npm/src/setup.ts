// What all parts of the engine share. A page has one engine, so its files hold its state.

import type { Settings } from "./config/config.js";
import type { Mistake } from "./config/mistakes.js";
import type { Page } from "./engine.js";

export let settings: Settings;
export let page: Page;
/** Goes up when everything is forgotten: answers to earlier questions are then ignored. */
export let round = 0;

export function setUp(theSettings: Settings, thePage: Page): void {
  settings = theSettings;
  page = thePage;
}

export function nextRound(): void {
  round++;
}

/** The key under which this application keeps something; `what` says what it is. */
export function nameOf(what: string): string {
  return `forebay.${what}${settings.appId}`;
}

/** Loads the texts of mistakes. The only such `import()`, since bundlers add code to each. */
export const mistakes = () => import("./config/mistakes.js");

/**
 * Loads the script for `identifyUser()` and `signIn()`. Rejects if it does not load, even if an app makes Vite's
 * `import()` give nothing instead of rejecting.
 */
export async function identify(): Promise<typeof import("./identity/identify.js")> {
  const { ...loaded } = await import("./identity/identify.js");
  return loaded;
}

/** Says a mistake on the console, once; says nothing if the script with the texts does not load. */
export function say(what: Mistake, reason?: unknown): void {
  mistakes()
    .then(({ say }) => say(what, reason, settings))
    .catch(() => {});
}
